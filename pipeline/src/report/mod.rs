//! What a run says to people: the summary, and one customer's rows.

mod explain;
mod summary;

pub use explain::{Row, explain};
pub use summary::{GroupLine, ListLine, Summary};
