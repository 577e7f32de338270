//! What a run says to people: the summary, and one customer's rows.

mod explain;
#[cfg(feature = "engine")]
mod looked_back;
#[cfg(feature = "engine")]
mod summary;

pub use explain::{Row, explain};
#[cfg(feature = "engine")]
pub use summary::{GroupLine, ListLine, Summary};
