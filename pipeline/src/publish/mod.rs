//! Publishing: parts, manifest, live pointer; and reading a run back: verify, diff, rollback, gc.

mod commit;
mod diff;
mod erased;
mod gc;
mod live;
mod manifest;
mod read;
#[cfg(feature = "engine")]
mod rewrite;
mod rollback;
mod runs;
#[cfg(feature = "engine")]
mod stage;
mod state;
mod verify;

pub use commit::{Outcome, commit, finished};
pub use diff::{Diff, TableDiff, diff, group_sizes};
pub use erased::{ErasedList, erase, read_erased};
pub use gc::{Collected, Keep, Why, collect, plan as plan_gc};
pub use live::{Live, Pin, go_live, read_live};
pub use manifest::{InputFile, InputTable, Manifest, PublishedColumn, PublishedFile, PublishedTable, RunReference};
pub use read::{committed, each_batch, read_manifest, read_rows};
#[cfg(feature = "engine")]
pub use rewrite::{Forgotten, rewrite};
pub use rollback::rollback;
pub use runs::{Run, all_committed, prior, resolve};
#[cfg(feature = "engine")]
pub use stage::Staged;
pub use state::{KeptCalled, KeptLayer, Object, StateIndex};
pub use verify::{Damage, verify};
