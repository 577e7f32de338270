//! How far figures may be from chance alone: customers are drawn again and again, each with all rows of theirs.
//!
//! Source: Efron (1979), Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 7:1; a customer is drawn a Poisson-distributed number of
//! times, independently of the others: Chamandy et al. (2012), Estimating Uncertainty for Massive Data Streams, Google technical report.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A figure, and where it may be: the middle nine tenths of what it was in all draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// The twentieth part of draws is below this.
    pub low: f64,
    /// The twentieth part of draws is above this.
    pub high: f64,
}

impl Interval {
    /// From where to where.
    pub fn bounds(self) -> [f64; 2] {
        [self.low, self.high]
    }
}

/// So often customers are drawn.
const DRAWS: u64 = 400;
/// Part of the draws that lies beyond either bound.
const BEYOND: f64 = 0.05;

/// How often a customer is drawn in a draw, from the customer's own key: Poisson with mean 1, by inversion.
fn times(key: u64, draw: u64) -> f64 {
    // splitmix64: Steele, Lea, Flood (2014), Fast Splittable Pseudorandom Number Generators, OOPSLA.
    let mut mixed = key ^ draw.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    let mut left = (mixed ^ mixed >> 31) as f64 / 2f64.powi(64);
    let (mut chance, mut count) = ((-1f64).exp(), 0.0);
    while left >= chance && count < 20.0 {
        left -= chance;
        count += 1.0;
        chance /= count;
    }
    count
}

/// Figures with their intervals; `keys` are those of the customers by row, `figures` makes them of rows that stand for so many each. A figure that cannot
/// be made of a draw (none who left are in it) is not counted there.
pub fn intervals<const N: usize>(keys: &[u64], figures: impl Fn(&[f64]) -> [Option<f64>; N] + Sync) -> [Option<Interval>; N] {
    let values = figures(&vec![1.0; keys.len()]);
    let draw = |draw: u64| figures(&keys.iter().map(|key| times(*key, draw)).collect::<Vec<_>>());
    let draws: Vec<[Option<f64>; N]> = (1..=DRAWS).into_par_iter().map(draw).collect();
    std::array::from_fn(|figure| {
        let mut all: Vec<f64> = draws.iter().filter_map(|draw| draw[figure]).collect();
        all.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| all.get(((all.len() as f64 - 1.0) * share).round() as usize).copied();
        Some(Interval { value: values[figure]?, low: at(BEYOND)?, high: at(1.0 - BEYOND)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 2,000 customers, one row each, 0.3 of which are 1: a mean's 90 % interval is 1.645 deviations of sqrt(0.3 x 0.7 / 2000) to either side. Where each
    /// customer has four equal rows, it is as wide; as rows of their own they would halve it.
    #[test]
    fn intervals_are_those_of_customers() {
        let mean = |value: &dyn Fn(usize) -> f64, weights: &[f64]| {
            let sum: f64 = weights.iter().enumerate().map(|(row, weight)| weight * value(row)).sum();
            [Some(sum / weights.iter().sum::<f64>())]
        };
        let half = 1.645 * (0.3f64 * 0.7 / 2000.0).sqrt();
        for copies in [1, 4] {
            let keys: Vec<u64> = (0..2000 * copies as u64).map(|row| (row / copies as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93)).collect();
            let value = |row: usize| f64::from(u8::from(row / copies % 10 < 3));
            let [found] = intervals(&keys, |weights| mean(&value, weights));
            let Interval { value, low, high } = found.expect("a mean");
            assert!((value - 0.3).abs() < 1e-12, "{value}");
            assert!(((high - low) / (2.0 * half) - 1.0).abs() < 0.15, "{copies}: {low} {high}, {half} to either side");
        }
    }

    #[test]
    fn a_customer_is_drawn_once_in_the_mean() {
        let drawn: Vec<f64> = (0..100_000u64).map(|key| times(key.wrapping_mul(0xD6E8_FEB8_6659_FD93), 7)).collect();
        let mean = drawn.iter().sum::<f64>() / 1e5;
        let none = drawn.iter().filter(|times| **times == 0.0).count() as f64 / 1e5;
        assert!((mean - 1.0).abs() < 0.01 && (none - 0.3679).abs() < 0.006, "{mean} {none}");
    }
}
