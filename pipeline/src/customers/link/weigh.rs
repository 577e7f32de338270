//! How much a pattern of agreement says: Fellegi and Sunter 1969 (JASA 64), m and u by expectation and maximisation over the counts of
//! patterns (Winkler 1988; Jaro 1989).
//!
//! u of equality is exact: how many pairs share a value follows from how many carry it. The matches are taken out of it, since most of
//! those who share a phone number are one person.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::comparison::Comparison;
use super::records::{EQUAL, FIELDS, Field, Pattern, Record};
use crate::lake::ByFingerprint;

/// Fields whose equal values say the more, the rarer they are.
const COUNTED: [Field; 3] = [Field::FirstName, Field::LastName, Field::Postcode];

/// Most levels of a field.
const LEVELS: usize = 4;
/// Records whose neighbours tell how often values that are not equal are close.
const NEIGHBOURING: usize = 100_000;
/// Neighbours of each.
const NEIGHBOURS: usize = 20;
/// Rounds of the estimation at most, and the change from which it ends.
const ROUNDS: usize = 200;
const CHANGE: f64 = 1e-9;
/// A value that is rarer than this says no more.
const RAREST: f64 = 1e-4;
/// What a level is taken to have been seen beside what it was.
const PSEUDO: f64 = 1e-3;

/// What is known of all pairs of records in a field.
#[derive(Debug, Clone, Copy, Default)]
struct Pairs {
    /// Pairs with both values known.
    known: f64,
    /// Those of equal values.
    equal: f64,
    /// Shares of the levels between other and equal, among all.
    between: [f64; LEVELS],
}

/// What the fields of records hold.
pub struct Population {
    pairs: [Pairs; FIELDS],
    /// By field: how often each value is carried, of those that are counted.
    frequency: [ByFingerprint<u64, u32>; FIELDS],
    /// By field: how many values are known.
    known: [u64; FIELDS],
    all_pairs: f64,
}

fn pairs_of(count: u64) -> f64 {
    (u128::from(count) * u128::from(count.saturating_sub(1)) / 2) as f64
}

/// What the values of a field say, how many are known, and how often each is carried, where that counts.
fn of_field(comparison: &Comparison<'_>, index: usize) -> (Pairs, u64, ByFingerprint<u64, u32>) {
    let (field, everyone) = (Field::ALL[index], 0..comparison.count() as u32);
    let mut values: Vec<u64> = everyone.clone().filter_map(|at| comparison.value(field, at)).collect();
    values.sort_unstable();
    let carried = values.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32));
    let near: Vec<u32> = everyone.filter(|at| comparison.value(field, *at).is_some()).take(NEIGHBOURING + NEIGHBOURS).collect();
    let mut seen = [0u64; LEVELS];
    for (at, &one) in near.iter().take(NEIGHBOURING).enumerate() {
        let others = &near[at + 1..near.len().min(at + 1 + NEIGHBOURS)];
        others.iter().filter_map(|&other| comparison.level(field, (one, other))).for_each(|level| seen[level as usize] += 1);
    }
    let total: u64 = seen.iter().sum();
    let levels = f64::from(EQUAL[index] + 1);
    let between = std::array::from_fn(|level| match level {
        0 => 0.0,
        level if level >= EQUAL[index] as usize => 0.0,
        level => (seen[level] as f64 + 1.0) / (total as f64 + levels),
    });
    let equal = carried.clone().map(|(_, count)| pairs_of(u64::from(count))).sum();
    let frequency = if COUNTED.contains(&field) { carried.collect() } else { ByFingerprint::default() };
    (Pairs { known: pairs_of(values.len() as u64), equal, between }, values.len() as u64, frequency)
}

impl Population {
    /// Counts the values of records, which stand in the order of their hashes.
    pub fn of(comparison: &Comparison<'_>) -> Self {
        let mut population =
            Self { pairs: [Pairs::default(); FIELDS], frequency: Default::default(), known: [0; FIELDS], all_pairs: pairs_of(comparison.count() as u64) };
        let fields: Vec<(Pairs, u64, ByFingerprint<u64, u32>)> = (0..FIELDS).into_par_iter().map(|index| of_field(comparison, index)).collect();
        for (index, (pairs, known, frequency)) in fields.into_iter().enumerate() {
            (population.pairs[index], population.known[index], population.frequency[index]) = (pairs, known, frequency);
        }
        population
    }

    /// u by level, where so many of the pairs are matches, and so many of these are equal.
    fn u(&self, field: usize, matched: f64, matched_equal: f64) -> [f64; LEVELS] {
        let Pairs { known, equal, between } = self.pairs[field];
        let top = ((equal - matched_equal) / (known - matched).max(1.0)).max(1.0 / known.max(1.0));
        let mut u = between;
        u[EQUAL[field] as usize] = top;
        u[0] = 1.0 - top - between.iter().sum::<f64>();
        u
    }
}

/// What each level of each field says.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Probability of each level among pairs of one person.
    pub m: [[f64; LEVELS]; FIELDS],
    /// Probability of each level among pairs of two people.
    pub u: [[f64; LEVELS]; FIELDS],
    /// Share of all pairs that are of one person.
    pub prior: f64,
}

impl Weights {
    /// Estimates from the counts of patterns among the candidates that do not conflict; every other pair is of two people.
    pub fn estimate(counts: &BTreeMap<Pattern, u64>, population: &Population) -> Self {
        let candidates: u64 = counts.values().sum();
        let start = |field: usize| -> [f64; LEVELS] {
            let top = EQUAL[field] as usize;
            std::array::from_fn(|level| {
                if level == top {
                    0.9
                } else if level < top {
                    0.1 / top as f64
                } else {
                    0.0
                }
            })
        };
        let mut matches = candidates as f64 / 2.0;
        let mut weights = Self {
            m: std::array::from_fn(start),
            u: std::array::from_fn(|field| population.u(field, 0.0, 0.0)),
            prior: matches / population.all_pairs.max(1.0),
        };
        for _ in 0..ROUNDS {
            let (total, change) = weights.step(counts, population);
            let moved = change.max((total - matches).abs() / population.all_pairs.max(1.0));
            matches = total;
            if moved < CHANGE {
                break;
            }
        }
        weights
    }

    /// One round; returns the matches that it expects, and the largest change of m.
    fn step(&mut self, counts: &BTreeMap<Pattern, u64>, population: &Population) -> (f64, f64) {
        let mut expected = [[0.0; LEVELS]; FIELDS];
        let mut total = 0.0;
        for (pattern, &count) in counts {
            let levels = || pattern.0.iter().enumerate().filter_map(|(field, level)| Some((field, level.checked_sub(1)? as usize)));
            let odds = levels().fold(self.prior / (1.0 - self.prior), |odds, (field, level)| odds * self.m[field][level] / self.u[field][level]);
            let share = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
            total += share * count as f64;
            levels().for_each(|(field, level)| expected[field][level] += share * count as f64);
        }
        let mut change = 0.0f64;
        for (field, expected) in expected.iter().enumerate() {
            let top = EQUAL[field] as usize;
            let sum: f64 = expected.iter().sum();
            for (level, seen) in expected.iter().enumerate().take(top + 1) {
                let m = (seen + PSEUDO) / (sum + PSEUDO * (top + 1) as f64);
                change = change.max((m - self.m[field][level]).abs());
                self.m[field][level] = m;
            }
            self.u[field] = population.u(field, sum, expected[top]);
        }
        self.prior = total / population.all_pairs.max(1.0);
        (total, change)
    }

    /// What is added up of a pair.
    pub fn scores(&self) -> Scores<'_> {
        let of = |field: usize| std::array::from_fn(|level| (self.m[field][level] / self.u[field][level]).log2());
        Scores { weights: self, prior: (self.prior / (1.0 - self.prior)).log2(), levels: std::array::from_fn(of) }
    }
}

/// Logarithms to base 2: of the odds before anything is known of a pair, and of what each level of each field says.
pub struct Scores<'a> {
    weights: &'a Weights,
    prior: f64,
    levels: [[f64; LEVELS]; FIELDS],
}

impl Scores<'_> {
    /// The logarithm, to base 2, of the odds that `a` and `b` are one person. Equal names and postcodes say the more, the rarer they are.
    pub fn log_odds(&self, pattern: Pattern, a: &Record, population: &Population) -> f64 {
        let mut log_odds = self.prior;
        for (index, field) in Field::ALL.into_iter().take(FIELDS).enumerate() {
            let Some(level) = pattern.level(field) else { continue };
            log_odds += if COUNTED.contains(&field) && level == EQUAL[index] {
                let carried = population.frequency[index].get(&a.values[index]).copied().unwrap_or_default();
                let share = f64::from(carried) / population.known[index].max(1) as f64;
                (self.weights.m[index][level as usize] / share.max(RAREST)).log2()
            } else {
                self.levels[index][level as usize]
            };
        }
        log_odds
    }
}

#[cfg(test)]
mod tests {
    use super::super::comparison::TextsOfValues;
    use super::super::records::tests::pattern;
    use super::*;

    fn record(email: u64, first: u64) -> Record {
        Record { number: 0, order: 0, values: [email, 0, first, 0, 0, 0, 0, 0, 0] }
    }

    /// By hand: values of 3, 2 and 1 of six make 15 pairs, 3 + 1 + 0 of them equal; with two matches, both equal, (4 - 2) / (15 - 2).
    #[test]
    fn u_of_equality_is_counted() {
        let records = [7, 7, 7, 8, 8, 9].map(|email| record(email, 0));
        let population = Population::of(&Comparison::of(&records, &TextsOfValues::default()));
        let top = |matched, equal| population.u(0, matched, equal)[2];
        assert!((top(0.0, 0.0) - 4.0 / 15.0).abs() < 1e-15);
        assert!((top(2.0, 2.0) - 2.0 / 13.0).abs() < 1e-15);
    }

    /// By hand: two fields of two levels, 1,000 pairs, 12 equal in each; 8 patterns (1,1), 4 (1,0), 4 (0,1) among the candidates. Odds 1/124, ratios
    /// 75 and 0.101215: 0.978431 of the first are matches, 0.0576870 of the others, 8.288944 in all.
    #[test]
    fn one_round_by_hand() {
        let pairs = Pairs { known: 1000.0, equal: 12.0, between: [0.0; LEVELS] };
        let population = Population { pairs: [pairs; FIELDS], frequency: Default::default(), known: [0; FIELDS], all_pairs: 1000.0 };
        let both = |email: u8, phone: u8| pattern([Some(email), Some(phone), None, None, None, None]);
        let counts = BTreeMap::from([(both(2, 2), 8), (both(2, 0), 4), (both(0, 2), 4)]);
        let m = [0.1, 0.0, 0.9, 0.0];
        let mut weights = Weights { m: [m; FIELDS], u: std::array::from_fn(|field| population.u(field, 0.0, 0.0)), prior: 0.008 };
        let (matches, _) = weights.step(&counts, &population);
        assert!((matches - 8.288_944).abs() < 1e-6, "{matches}");
        // 8.058196 of them are equal; the program has a third level, which is seen a thousandth: 8.059196 / 8.291944.
        assert!((weights.m[0][2] - 8.059_196 / 8.291_944).abs() < 1e-6, "{:?}", weights.m);
        assert!((weights.u[0][2] - 0.003_974_75).abs() < 1e-8, "{:?}", weights.u);
        assert!((weights.prior - 0.008_288_944).abs() < 1e-9);
    }

    /// By hand: odds of 2^-10; an equal e-mail .5 / 2^-17, other first names 2^-4 / 1: 2^2, and with an equal phone, .75 / (.75 / 2^14), 2^16.
    #[test]
    fn a_weight_by_hand() {
        let population = Population::of(&Comparison::of(&[], &TextsOfValues::default()));
        let half = |value: f64, level: usize| {
            let mut levels = [1.0; LEVELS];
            levels[level] = value;
            levels
        };
        let mut weights = Weights { m: [[1.0; LEVELS]; FIELDS], u: [[1.0; LEVELS]; FIELDS], prior: 1.0 / 1025.0 };
        weights.m[0] = half(0.5, 2);
        weights.u[0] = half(2f64.powi(-17), 2);
        weights.m[1] = half(0.75, 2);
        weights.u[1] = half(0.75 * 2f64.powi(-14), 2);
        weights.m[2] = half(2f64.powi(-4), 0);
        let one = pattern([Some(2), None, Some(0), None, None, None]);
        let two = pattern([Some(2), Some(2), Some(0), None, None, None]);
        assert!((weights.scores().log_odds(one, &record(1, 1), &population) - 2.0).abs() < 1e-12);
        assert!((weights.scores().log_odds(two, &record(1, 1), &population) - 16.0).abs() < 1e-12);
    }
}
