//! Whether customers are still those that a model was trained on: population stability of each input, and of the scores.
//!
//! Source: Siddiqi (2006), Credit Risk Scorecards, chapter 8: the population stability index, sum of (a - e) ln(a / e) over tenths of what was expected,
//! which is the symmetric divergence of Jeffreys (1946); above 0.25 the population is another one.

use serde::{Deserialize, Serialize};

use crate::models::trees::{Values, most_frequent};

/// Parts of what was seen at training, beside that of unknown values.
const PARTS: usize = 10;
/// Of fewer customers chance alone makes an index of 0.25 here and there.
const ENOUGH: u64 = 200;
/// A part is never taken for emptier than so many customers.
const LEAST: f64 = 0.5;

/// Where the values of an input lay when a model was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The input; or the score.
    pub name: String,
    parts: Parts,
    /// Customers by part; the last part is that of unknown values.
    counts: Vec<u64>,
}

/// Into what values are parted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Parts {
    /// Up to each cut, and above the last, lies a part of the numbers.
    Cuts(Vec<f64>),
    /// Each of these words is a part, the most frequent first; all others are one.
    Words(Vec<f64>),
}

impl Profile {
    /// Of values, NaN where unknown: of numbers tenths, where equal ones stay together; of words the ten most frequent ones.
    pub fn of(name: &str, column: Values, values: &[f64]) -> Self {
        let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let parts = match column {
            Values::Numbers => Parts::Cuts(tenths(&known)),
            Values::Words => Parts::Words(most_frequent(&known, 1, PARTS)),
        };
        let (Parts::Cuts(between) | Parts::Words(between)) = &parts;
        let mut profile = Self { name: name.to_owned(), counts: vec![0; between.len() + 2], parts };
        let counts = profile.count(values.iter().copied());
        profile.counts = counts;
        profile
    }

    /// Customers by part.
    pub fn count(&self, values: impl Iterator<Item = f64>) -> Vec<u64> {
        let mut counts = vec![0; self.counts.len()];
        values.for_each(|value| counts[self.part(value)] += 1);
        counts
    }

    /// The part of a value.
    pub fn part(&self, value: f64) -> usize {
        match &self.parts {
            _ if value.is_nan() => self.counts.len() - 1,
            Parts::Cuts(cuts) => cuts.partition_point(|cut| *cut < value),
            Parts::Words(words) => words.iter().position(|word| *word == value).unwrap_or(words.len()),
        }
    }

    /// Whether there are enough customers, at training and now, for more than chance to be seen.
    pub fn is_told_by(&self, counts: &[u64]) -> bool {
        [&self.counts[..], counts].iter().all(|counts| counts.iter().sum::<u64>() >= ENOUGH)
    }

    /// How far customers lie from those of training; 0 where there is none.
    pub fn stability_index(&self, counts: &[u64]) -> f64 {
        let all = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
        let (expected_all, all_now) = (all(&self.counts), all(counts));
        if expected_all == 0.0 || all_now == 0.0 {
            return 0.0;
        }
        let share = |count: u64, all: f64| (count as f64).max(LEAST) / all;
        // What neither has is no part.
        let parts = self.counts.iter().zip(counts).filter(|(expected, now)| **expected + **now > 0);
        parts.map(|(expected, now)| (share(*expected, expected_all), share(*now, all_now))).map(|(e, a)| (a - e) * (a / e).ln()).sum()
    }
}

/// Cuts between tenths of sorted numbers.
fn tenths(sorted: &[f64]) -> Vec<f64> {
    let mut cuts: Vec<f64> = (1..PARTS).filter_map(|part| sorted.get((sorted.len() * part).div_ceil(PARTS).saturating_sub(1)).copied()).collect();
    cuts.dedup();
    // Above the largest value lies none.
    cuts.retain(|cut| sorted.last().is_some_and(|largest| cut < largest));
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 100 customers with values 1 to 100 and 25 unknown ones; then tenths of 20, 20, 10 and 0 ... of 50.
    #[test]
    fn the_index_by_hand() {
        let values: Vec<f64> = (1..=100).map(f64::from).chain([f64::NAN; 25]).collect();
        let profile = Profile::of("x", Values::Numbers, &values);
        assert_eq!(profile.parts, Parts::Cuts(vec![10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]));
        assert_eq!(profile.counts, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 25]);
        assert_eq!(profile.stability_index(&profile.counts), 0.0);
        let now = profile.count([5.0; 20].into_iter().chain([10.5; 20]).chain([1e9; 10]));
        assert_eq!(now, [20, 20, 0, 0, 0, 0, 0, 0, 0, 10, 0]);
        let part = |now: f64, expected: f64| (now - expected) * (now / expected).ln();
        let by_hand = 2.0 * part(0.4, 0.08) + 7.0 * part(0.01, 0.08) + part(0.2, 0.08) + part(0.01, 0.2);
        assert!((profile.stability_index(&now) - by_hand).abs() < 1e-12, "{} {by_hand}", profile.stability_index(&now));
    }

    /// Most customers have one value: it is a part of its own.
    #[test]
    fn equal_values_stay_together() {
        let values: Vec<f64> = [0.0; 70].into_iter().chain((1..=30).map(f64::from)).collect();
        let profile = Profile::of("x", Values::Numbers, &values);
        assert_eq!(profile.parts, Parts::Cuts(vec![0.0, 10.0, 20.0]));
        assert_eq!(profile.counts, [70, 10, 10, 10, 0]);
        assert_eq!(Profile::of("x", Values::Numbers, &[3.0; 9]).counts, [9, 0]);
        assert_eq!(Profile::of("x", Values::Numbers, &[f64::NAN; 9]).counts, [0, 9]);
    }

    /// By hand: twelve words, the eleventh and twelfth of which are the rarest; then only one that was rare, and one that was never there.
    #[test]
    fn frequent_words_are_parts() {
        let values: Vec<f64> = (0..12).flat_map(|word| std::iter::repeat_n(f64::from(word * 7), 20 - word as usize)).chain([f64::NAN; 4]).collect();
        let profile = Profile::of("x", Values::Words, &values);
        assert_eq!(profile.counts, [20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10 + 9, 4]);
        assert_eq!(profile.count([77.0, 70.0, 5.0, 7.0].into_iter()), [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0]);
    }
}
