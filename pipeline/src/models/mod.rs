//! Models: when customers return, who leaves, and the learners that they share.

pub mod churn;
pub mod cycle;
pub mod isotonic;
mod optimise;
pub mod trees;
