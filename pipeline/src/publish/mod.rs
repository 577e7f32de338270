//! Publishing: parts, manifest, live pointer; and reading a run back.

mod commit;
mod live;
mod manifest;
mod read;
mod stage;

pub use commit::{Outcome, Run, commit};
pub use live::{Live, go_live, read_live};
pub use manifest::{InputFile, InputTable, Manifest, PublishedFile, PublishedTable};
pub use read::{read_manifest, read_rows};
pub use stage::Staged;
