//! Every model and rule side by side: trained on dates whose labels were over on the test date, graded on the test date.

mod choose;
mod grades;
mod snapshots;
mod train;

pub use choose::Candidate;
pub use grades::{GradeRow, contract, table};
pub use snapshots::{snapshots_contract, snapshots_table};
pub use train::{ChurnReport, CycleReport, Trained, train};
