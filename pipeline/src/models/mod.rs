//! Models: when customers return, who leaves.

pub mod churn;
pub mod cycle;
pub mod isotonic;
mod optimise;
