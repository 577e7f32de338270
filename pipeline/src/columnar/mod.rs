//! Parquet files, checked, decoded to plain columns, and written. The only user of the parquet crate.

mod caught;
#[cfg(feature = "engine")]
mod chunks;
mod coded;
mod listed;
mod open;
mod pages;
mod read;
mod schema;
mod thrift;
mod unpack;
mod values;
#[cfg(feature = "engine")]
mod write;

pub use caught::is_caught;
#[cfg(feature = "engine")]
pub use chunks::KeyChunks;
pub use open::File;
pub use read::Batches;
pub use schema::{Field, FieldKind};
pub use values::{Column, Texts, Values, mark_changes};
#[cfg(feature = "engine")]
pub use write::{ROW_GROUP_ROWS, TableFile, write};
