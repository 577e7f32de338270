//! The input tables: found, checked, mapped to their contracts, and cut at the as-of date.

mod coerce;
mod contracts;
mod lines;
mod open;
mod params;
mod quarantine;
mod scan;

pub use contracts::{Input, input, inputs};
pub use lines::{Line, LineKind, LineTexts, Lines};
pub use open::{Identity, OpenTable, Source};
pub use params::{Mapping, Params, TableParams, check};
pub use quarantine::{Quarantine, Rejected};
pub use scan::{Counts, Cut, Rows};
