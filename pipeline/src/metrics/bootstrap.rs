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

/// Nobody is drawn more often than this: the chance is under 1e-19.
const TIMES_MAX: usize = 20;

/// The first bits of a draw, by which it is looked up.
const BITS: u32 = 12;

/// How often a customer is drawn: Poisson with mean 1, by inversion.
struct Poisson {
    /// By number of times, the chance to be drawn no more often, in 2^-64.
    up_to: [u64; TIMES_MAX],
    /// By the first bits of a draw: how often, where they alone tell.
    by_bits: Vec<Option<u8>>,
}

impl Poisson {
    fn new() -> Self {
        let (mut chance, mut sum) = ((-1f64).exp(), 0.0);
        let up_to = |times: usize| {
            chance /= times.max(1) as f64;
            sum += chance;
            (sum * 2f64.powi(64)) as u64
        };
        let up_to: [u64; TIMES_MAX] = std::array::from_fn(up_to);
        let times = |bits: u64| {
            let [least, most] = [0, u64::MAX >> BITS].map(|rest| searched(&up_to, bits << (64 - BITS) | rest));
            (least == most).then_some(least)
        };
        Self { by_bits: (0..1 << BITS).map(times).collect(), up_to }
    }

    fn times(&self, uniform: u64) -> u8 {
        self.by_bits[(uniform >> (64 - BITS)) as usize].unwrap_or_else(|| searched(&self.up_to, uniform))
    }
}

/// How many of these a draw is not below.
fn searched(up_to: &[u64], uniform: u64) -> u8 {
    up_to.iter().take_while(|up_to| uniform >= **up_to).count() as u8
}

/// A draw of a customer from the customer's own key: any number of 64 bits is as likely.
fn uniform(key: u64, draw: u64) -> u64 {
    // splitmix64: Steele, Lea, Flood (2014), Fast Splittable Pseudorandom Number Generators, OOPSLA.
    let mut mixed = key ^ draw.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// Figures with their intervals; `keys` are those of the customers by row, `figures` makes them of rows that stand for so many each. A figure that cannot
/// be made of a draw (none who left are in it) is not counted there.
pub fn intervals<const N: usize>(keys: &[u64], figures: impl Fn(&[u8]) -> [Option<f64>; N] + Sync) -> [Option<Interval>; N] {
    let values = figures(&vec![1; keys.len()]);
    let poisson = Poisson::new();
    let draw = |draw: u64| figures(&keys.iter().map(|key| poisson.times(uniform(*key, draw))).collect::<Vec<_>>());
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
        let mean = |value: &dyn Fn(usize) -> f64, weights: &[u8]| {
            let sum: f64 = weights.iter().enumerate().map(|(row, weight)| f64::from(*weight) * value(row)).sum();
            [Some(sum / weights.iter().copied().map(f64::from).sum::<f64>())]
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
        let poisson = Poisson::new();
        let drawn: Vec<u8> = (0..100_000u64).map(|key| poisson.times(uniform(key.wrapping_mul(0xD6E8_FEB8_6659_FD93), 7))).collect();
        let mean = drawn.iter().copied().map(f64::from).sum::<f64>() / 1e5;
        let none = drawn.iter().filter(|times| **times == 0).count() as f64 / 1e5;
        assert!((mean - 1.0).abs() < 0.01 && (none - 0.3679).abs() < 0.006, "{mean} {none}");
        // By the distribution function of Poisson: 0.367879 never, 0.735759 once at most, 0.919699 twice.
        let at = |share: f64| poisson.times((share * 2f64.powi(64)) as u64);
        assert_eq!([0.0, 0.367_87, 0.367_89, 0.735_75, 0.735_77, 0.919_69, 0.919_71].map(at), [0, 0, 1, 1, 2, 2, 3]);
        assert_eq!(usize::from(poisson.times(u64::MAX)), TIMES_MAX);
    }
}
