//! Parquet files, checked, decoded to plain columns, and written. The only user of the parquet crate.

mod open;
mod read;
mod schema;
mod values;
mod write;

pub use open::File;
pub use read::Batches;
pub use schema::{Field, FieldKind};
pub use values::{Column, Texts, Values};
pub use write::{ROW_GROUP_ROWS, write};
