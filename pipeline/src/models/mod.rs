//! Models: when customers return, who leaves, when a category is due, and the learners that they share.

pub mod churn;
pub mod cycle;
pub mod due;
pub mod isotonic;
mod optimise;
pub mod trees;
