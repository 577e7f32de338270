//! Models: when customers return, and who leaves.

pub mod churn;
pub mod cycle;
mod optimise;
