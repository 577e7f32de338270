//! Publishing: parts, manifest, live pointer; and reading a run back: verify, diff, rollback, gc.

#[cfg(feature = "engine")]
mod commit;
#[cfg(feature = "engine")]
mod diff;
#[cfg(feature = "engine")]
mod gc;
#[cfg(feature = "engine")]
mod live;
mod manifest;
#[cfg(feature = "engine")]
mod read;
#[cfg(feature = "engine")]
mod rollback;
#[cfg(feature = "engine")]
mod runs;
#[cfg(feature = "engine")]
mod stage;
#[cfg(feature = "engine")]
mod verify;

#[cfg(feature = "engine")]
pub use commit::{Outcome, commit, finished};
#[cfg(feature = "engine")]
pub use diff::{Diff, TableDiff, diff, group_sizes};
#[cfg(feature = "engine")]
pub use gc::{Collected, Keep, Why, collect, plan as plan_gc};
#[cfg(feature = "engine")]
pub use live::{Live, Pin, go_live, read_live};
pub use manifest::{InputFile, InputTable, Manifest, PublishedFile, PublishedTable, RunReference};
#[cfg(feature = "engine")]
pub use read::{read_manifest, read_rows};
#[cfg(feature = "engine")]
pub use rollback::rollback;
#[cfg(feature = "engine")]
pub use runs::{Run, prior, resolve};
#[cfg(feature = "engine")]
pub use stage::Staged;
#[cfg(feature = "engine")]
pub use verify::{Damage, verify};
