//! Models: when customers return, who leaves, when a category is due, and the learners that they share.

pub mod churn;
pub mod correction;
pub mod cycle;
pub mod due;
pub mod isotonic;
mod optimise;
mod sampled;
pub mod trees;

pub use sampled::Sampled;

/// 1 / (1 + e^-z).
fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The z of which `sigmoid` makes a chance.
fn log_odds(chance: f64) -> f64 {
    (chance / (1.0 - chance)).ln()
}

/// ln(1 + e^z) without overflow.
fn ln_one_plus_exp(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
