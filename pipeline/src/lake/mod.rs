//! The input tables: found, checked, mapped to their contracts, and cut at the as-of date.

mod coerce;
mod contracts;
mod lines;
mod names;
mod open;
mod params;
mod quarantine;
mod scan;

pub use contracts::{Input, input, inputs};
pub use lines::{Line, LineKind, LineNames, LineOf, LineReader, NOT_TOLD, NamesMark, NamesSince};
pub use names::{ByEntry, ByFingerprint, Names, SourceKey, SourceKeys};
pub use open::{Identity, OpenTable, Source};
pub use params::{Mapping, Params, TableParams, check};
pub use quarantine::{Quarantine, Rejected};
pub use scan::{Arrived, Counts, Cut, Rows};
