//! Lines to shards, shards to state, state and artefacts to scores: the shape of one machine and of a cluster.
//!
//! A shard is a range of customer hashes. `collect` reads its lines once, sorted; `score` reads state, never lines.

mod collect;
mod divide;
mod due;
mod events;
mod layer;
mod newest;
mod partition;
mod purchases;
mod reasons;
mod row;
mod rows;
mod sample;
mod score;
mod sorted;
mod state;
mod trend;

pub use collect::{Plan, SampleSizes, collect, state_bytes};
pub use divide::{Divide, Layer, divide};
pub use due::{DUE_DAYS, DueModel, DueRow, due_contract, due_table};
pub use events::{ClosedEvents, Events};
pub use layer::{pack, unpack};
pub use partition::{Partition, Scratch, share_of};
pub use purchases::Purchases;
pub use reasons::{ExplainedCustomer, Explainer, reasons_contract, reasons_table};
pub use rows::FeatureRows;
pub use score::{Artefacts, CORRECTED_BYTES, Output, Scored, Scores, ToldChurn, score, scores_contract, table as scores_table, withheld_contract};
pub use sorted::Ranks;
pub use state::{Snapshot, State};
