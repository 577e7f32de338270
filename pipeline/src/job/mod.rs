//! A job: its checked config, and what can be done with it: run, plan, check, explain, and upkeep.

mod backtest;
mod collect;
mod contracts;
mod erase;
mod everyone;
mod findings;
mod gather;
mod identity;
mod increment;
mod inputs;
mod params;
mod prior;
mod progress;
mod results;
mod run;
mod schedule;
mod upkeep;
mod withheld;

pub use backtest::backtest;
pub use contracts::{document, outputs};
pub use erase::{ErasedNow, erase, rewrite};
pub use identity::{Identity, identify};
pub use inputs::Inputs;
pub use params::{Options, Params, load};
pub use progress::{Progress, Silent};
pub use run::{Finished, run};
pub use schedule::{Planned, check, explain, plan};
pub use upkeep::{diff, gc, rollback, verify};
