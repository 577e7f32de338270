//! Values as small integers: a column's bin of each value, by cuts between values that were seen.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The bin of unknown values.
pub const UNKNOWN: u8 = 0;
/// Bins of a column, that of unknown values included.
pub const BINS: usize = 256;
/// Cuts are learnt from so many rows at most, evenly spaced.
const LEARN_ROWS: usize = 50_000;
/// Of so many columns at a time: memory has no room for all.
const STRIPE: usize = 16;

/// Where each column is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// By column, rising: a value is in the bin after those whose cut is below it.
    cuts: Vec<Vec<f64>>,
}

impl Bins {
    /// Learns cuts from rows of `width` values, NaN where unknown, which `write` gives: a bin for each value where there are few, else bins of about as
    /// many rows.
    pub fn learn(rows: usize, width: usize, write: &(impl Fn(usize, &mut [f64]) + Sync)) -> Self {
        let step = rows.div_ceil(LEARN_ROWS).max(1);
        let stripe = |first: usize| {
            let count = STRIPE.min(width - first);
            let mut values = vec![f64::NAN; rows.div_ceil(step) * count];
            values.par_chunks_mut(count).enumerate().for_each_init(
                || vec![f64::NAN; width],
                |row, (place, values)| {
                    write(place * step, row);
                    values.copy_from_slice(&row[first..first + count]);
                },
            );
            let column = |column: usize| {
                let mut known: Vec<f64> = values.iter().skip(column).step_by(count).copied().filter(|value| !value.is_nan()).collect();
                known.sort_unstable_by(f64::total_cmp);
                cuts(&known)
            };
            (0..count).into_par_iter().map(column).collect::<Vec<_>>()
        };
        Self { cuts: (0..width).step_by(STRIPE).flat_map(stripe).collect() }
    }

    /// What learning from so many rows takes of the memory.
    pub fn learning_bytes(rows: usize) -> usize {
        rows.min(LEARN_ROWS) * STRIPE * 2 * size_of::<f64>()
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.cuts.len()
    }

    /// Bins that a column may have, that of unknown values included.
    pub fn count(&self, column: usize) -> usize {
        self.cuts[column].len() + 2
    }

    /// The bins of a row.
    pub fn write(&self, values: &[f64], bins: &mut [u8]) {
        for ((cuts, value), bin) in self.cuts.iter().zip(values).zip(bins) {
            *bin = if value.is_nan() { UNKNOWN } else { (cuts.partition_point(|cut| cut < value) + 1) as u8 };
        }
    }
}

/// Cuts between sorted values.
fn cuts(sorted: &[f64]) -> Vec<f64> {
    const MOST: usize = BINS - 2;
    let distinct = sorted.chunk_by(|a, b| a == b).count();
    let mut cuts = Vec::new();
    // Rows before the next cut, and how many bins are left for the rows that are left.
    let (mut below, mut begun) = (0, 0);
    let mut last: Option<f64> = None;
    for equal in sorted.chunk_by(|a, b| a == b) {
        let left = MOST + 1 - cuts.len();
        let wanted = (sorted.len() - begun).div_ceil(left);
        if let Some(before) = last.filter(|_| cuts.len() < MOST && (distinct <= MOST + 1 || below - begun >= wanted)) {
            cuts.push(between(before, equal[0]));
            begun = below;
        }
        below += equal.len();
        last = Some(equal[0]);
    }
    cuts
}

/// A number from `low` up to, but not, `high`.
fn between(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    if middle < high && middle >= low { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(values: &[f64]) -> Bins {
        Bins::learn(values.len(), 1, &|row, place: &mut [f64]| place[0] = values[row])
    }

    fn all(bins: &Bins, values: &[f64]) -> Vec<u8> {
        let mut all = vec![UNKNOWN; values.len()];
        values.chunks(1).zip(all.chunks_mut(1)).for_each(|(value, bin)| bins.write(value, bin));
        all
    }

    #[test]
    fn few_values_have_a_bin_each_and_unknown_ones_their_own() {
        let bins = learn(&[1.0, f64::NAN, 3.0, 3.0, 1.0, 9.0]);
        assert_eq!(bins, Bins { cuts: vec![vec![2.0, 6.0]] });
        assert_eq!(all(&bins, &[0.0, 1.0, 2.0, 2.1, 6.0, 1e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]), [1, 1, 1, 2, 2, 3, 0, 3, 1]);
        assert_eq!(between(1.0, 1.0 + f64::EPSILON), 1.0);
    }

    /// A thousand values and one that stands 1,000 times: bins hold about as many rows each, and never part equal values.
    #[test]
    fn many_values_share_bins_of_about_as_many_rows() {
        let mut values: Vec<f64> = (0..2000).map(f64::from).collect();
        values.extend([700.0; 1000]);
        let bins = learn(&values);
        assert_eq!(bins.count(0), BINS);
        let found = all(&bins, &values);
        let rows = |bin: u8| found.iter().filter(|of| **of == bin).count();
        let of_many = all(&bins, &[700.0])[0];
        assert!(rows(of_many) >= 1000 && rows(of_many) < 1020, "{}", rows(of_many));
        assert!((1..=255u8).filter(|bin| *bin != of_many).all(|bin| (5..=13).contains(&rows(bin))), "{:?}", (1..=255u8).map(rows).collect::<Vec<_>>());
    }
}
