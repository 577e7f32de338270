//! Publishing: parts, manifest, live pointer; and reading a run back: verify, diff, rollback, gc.

mod commit;
mod diff;
mod gc;
mod live;
mod manifest;
mod read;
mod rollback;
mod runs;
#[cfg(feature = "engine")]
mod stage;
mod verify;

pub use commit::{Outcome, commit, finished};
pub use diff::{Diff, TableDiff, diff, group_sizes};
pub use gc::{Collected, Keep, Why, collect, plan as plan_gc};
pub use live::{Live, Pin, go_live, read_live};
pub use manifest::{InputFile, InputTable, Manifest, PublishedFile, PublishedTable, RunReference};
pub use read::{committed, read_manifest, read_rows};
pub use rollback::rollback;
pub use runs::{Run, prior, resolve};
#[cfg(feature = "engine")]
pub use stage::Staged;
pub use verify::{Damage, verify};
