//! Every model and rule side by side: trained on dates whose labels were over on the test date, graded on the test date. And, over many dates, what each
//! would have foretold at the time (`rolling`).

mod challenge;
mod choose;
mod churn;
mod churn_rolling;
mod due;
mod foretell;
mod grades;
mod judged;
mod peers;
mod rolling;
mod snapshots;
mod train;

pub use challenge::{Challenger, challenge_bytes};
pub use choose::Candidate;
pub use churn::{ChurnCandidate, ChurnReport, Gate};
pub use churn_rolling::look_back_on_churn;
pub use due::{DuePlan, DueReport, look_back_on_due, train_due};
pub use foretell::Rule;
pub use grades::{GradeRow, backtest_contract, backtest_table, contract, table};
pub use peers::{Evidence, Seen, peers};
pub use rolling::{Backtest, Origins, backtest, forecast_bytes};
pub use snapshots::{snapshots_contract, snapshots_table};
pub use train::{CycleReport, KeptChurn, Trained, train};
