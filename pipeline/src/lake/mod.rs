//! The input tables: found, checked, mapped to their contracts, and cut at the as-of date.

mod coerce;
mod contracts;
mod lines;
mod names;
mod open;
mod params;
mod quarantine;
mod reader;
mod scan;

pub use contracts::{Input, input, inputs};
pub use lines::{Line, LineKind, LineNames, LineOf, NO_COST, NOT_TOLD, NamesMark, NamesSince};
pub use names::{ByEntry, ByFingerprint, Names, SourceKey, SourceKeys, place_of};
pub use open::{Identity, OpenTable, Source};
pub use params::{Mapping, Params, TableParams, check};
pub use quarantine::{Quarantine, Rejected};
pub use reader::LineReader;
pub use scan::{Arrived, Counts, Cut, Rows};
