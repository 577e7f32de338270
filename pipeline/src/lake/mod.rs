//! The input tables: found, checked, mapped to their contracts, and cut at the as-of date.

mod coerce;
mod contracts;
mod counts;
mod days;
mod digests;
mod forgotten;
mod lines;
mod names;
mod open;
mod params;
mod quarantine;
mod reader;
mod scan;
mod slots;
mod source_keys;

pub use contracts::{Input, input, inputs};
pub use counts::{Arrived, Counts};
pub use days::Days;
pub use digests::Digests;
pub use lines::{ClosedNames, Line, LineHead, LineItem, LineKind, LineNames, LinesOf, NO_COST, NO_ITEM, NOT_TOLD, NamesMark, NamesSince, cost_of_units};
pub use names::{ByEntry, ByFingerprint, Names};
pub use open::{Identity, OpenTable, Source};
pub use params::{Mapping, Params, TableParams, check};
pub use quarantine::{Quarantine, Rejected};
pub use reader::LineReader;
pub use scan::{Cut, Rows};
pub use slots::{Slots, find_all, high};
pub use source_keys::{Own, SourceKey, SourceKeys, SourceTexts, place_of};
