//! What ages: halving weights by days, from tables.

use crate::labels::YEAR_DAYS;

/// 2^(-age / half life) of each age in days, and what all days since a first one would weigh together.
#[derive(Debug, Clone)]
pub struct Decay {
    half_life: f64,
    weights: Vec<f64>,
}

impl Decay {
    /// Weights of ages up to `ages` days; older ones are computed.
    pub fn new(half_life: f64, ages: usize) -> Self {
        Self { half_life, weights: (0..ages).map(|age| (-(age as f64) / half_life).exp2()).collect() }
    }

    /// The weight of an age.
    #[inline]
    pub fn at(&self, age: i32) -> f64 {
        self.weights.get(age as usize).copied().unwrap_or_else(|| (-f64::from(age) / self.half_life).exp2())
    }

    /// What something that had come at every moment of so many days would weigh.
    pub fn whole(&self, days: i32) -> f64 {
        self.half_life / std::f64::consts::LN_2 * (1.0 - self.at(days))
    }
}

/// A hump of width 1 and height 1 over 0: a triangle.
pub fn hump(at: f64) -> f64 {
    (1.0 - at.abs()).max(0.0)
}

/// How far a day that was so long ago lies, `years` years on, from the middle of the coming fortnight.
pub fn from_next_fortnight(age: i32, years: i32) -> f64 {
    f64::from(YEAR_DAYS * years - age) - 7.5
}
