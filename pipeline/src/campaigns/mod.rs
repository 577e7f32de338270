//! Campaigns: who is eligible, one ranking, the cut at size, the arms; a row and a reason for everyone left out.

mod audience;
mod csv_file;
#[cfg(feature = "engine")]
mod lists;

pub use audience::{Params, check};
pub use csv_file::Csv;
#[cfg(feature = "engine")]
pub use lists::{Source, Target, Wide, contactable, contracts, target};
