//! Values as small integers: a column's bin of each value, by cuts between numbers that were seen, or word by word.

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

/// Of fewer rows than this a word has no bin of its own.
const WORD_ROWS: usize = 10;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Numbers: those up to a cut go one way.
    Numbers,
    /// Words, each by a number that means nothing: any of them may go either way.
    Words,
}

/// How the values of a column are binned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Column {
    /// Rising: a number is in the bin after those whose cut is below it.
    Cuts(Vec<f64>),
    /// Rising: each of these words has a bin, and all others share the one after.
    Words(Vec<f64>),
}

/// How each column is binned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    columns: Vec<Column>,
}

impl Bins {
    /// Learns the bins of `columns` from rows of their values, NaN where unknown, which `write` gives: a bin for each number where there are few, else bins of
    /// about as many rows; a bin for each of the most frequent words.
    pub fn learn(rows: usize, columns: &[Values], write: &(impl Fn(usize, &mut [f64]) + Sync)) -> Self {
        let width = columns.len();
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
                match columns[first + column] {
                    Values::Numbers => Column::Cuts(cuts(&known)),
                    Values::Words => Column::Words(words(&known)),
                }
            };
            (0..count).into_par_iter().map(column).collect::<Vec<_>>()
        };
        Self { columns: (0..width).step_by(STRIPE).flat_map(stripe).collect() }
    }

    /// What learning from so many rows takes of the memory.
    pub fn learning_bytes(rows: usize) -> usize {
        rows.min(LEARN_ROWS) * STRIPE * 2 * size_of::<f64>()
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Whether the values of a column are words.
    pub fn are_words(&self, column: usize) -> bool {
        matches!(self.columns[column], Column::Words(_))
    }

    /// Bins that a column may have, that of unknown values included.
    pub fn count(&self, column: usize) -> usize {
        let (Column::Cuts(known) | Column::Words(known)) = &self.columns[column];
        known.len() + 2
    }

    /// The bins of a row.
    pub fn write(&self, values: &[f64], bins: &mut [u8]) {
        for ((column, value), bin) in self.columns.iter().zip(values).zip(bins) {
            let place = match column {
                _ if value.is_nan() => {
                    *bin = UNKNOWN;
                    continue;
                }
                Column::Cuts(cuts) => cuts.partition_point(|cut| cut < value),
                Column::Words(words) => words.binary_search_by(|word| word.total_cmp(value)).unwrap_or(words.len()),
            };
            *bin = (place + 1) as u8;
        }
    }
}

/// The words that have most rows, `rows_min` at least, among sorted ones, the most frequent first: as many as `most`.
pub fn most_frequent(sorted: &[f64], rows_min: usize, most: usize) -> Vec<f64> {
    let mut counted: Vec<&[f64]> = sorted.chunk_by(|a, b| a == b).filter(|equal| equal.len() >= rows_min).collect();
    counted.sort_by_key(|equal| std::cmp::Reverse(equal.len()));
    counted.iter().take(most).map(|equal| equal[0]).collect()
}

/// The words that have a bin of their own among sorted ones.
fn words(sorted: &[f64]) -> Vec<f64> {
    let mut words = most_frequent(sorted, WORD_ROWS, BINS - 2);
    words.sort_unstable_by(f64::total_cmp);
    words
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
        learn_as(Values::Numbers, values)
    }

    fn learn_as(column: Values, values: &[f64]) -> Bins {
        Bins::learn(values.len(), &[column], &|row, place: &mut [f64]| place[0] = values[row])
    }

    fn all(bins: &Bins, values: &[f64]) -> Vec<u8> {
        let mut all = vec![UNKNOWN; values.len()];
        values.chunks(1).zip(all.chunks_mut(1)).for_each(|(value, bin)| bins.write(value, bin));
        all
    }

    #[test]
    fn few_values_have_a_bin_each_and_unknown_ones_their_own() {
        let bins = learn(&[1.0, f64::NAN, 3.0, 3.0, 1.0, 9.0]);
        assert_eq!(bins, Bins { columns: vec![Column::Cuts(vec![2.0, 6.0])] });
        assert_eq!(all(&bins, &[0.0, 1.0, 2.0, 2.1, 6.0, 1e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]), [1, 1, 1, 2, 2, 3, 0, 3, 1]);
        assert_eq!(between(1.0, 1.0 + f64::EPSILON), 1.0);
    }

    /// Three words of ten rows and more, one of nine; then words of which there are too many, the more frequent the higher.
    #[test]
    fn frequent_words_have_a_bin_each_and_all_others_one() {
        let many = |word: f64, rows: usize| std::iter::repeat_n(word, rows);
        let values: Vec<f64> = many(70.0, 10).chain(many(5.0, 30)).chain(many(f64::NAN, 12)).chain(many(6.0, 9)).chain(many(900.0, 11)).collect();
        let bins = learn_as(Values::Words, &values);
        assert_eq!(bins, Bins { columns: vec![Column::Words(vec![5.0, 70.0, 900.0])] });
        assert_eq!(all(&bins, &[5.0, 6.0, 70.0, 71.0, 900.0, f64::NAN, -1.0]), [1, 4, 2, 4, 3, 0, 4]);
        assert!(bins.count(0) == 5 && bins.are_words(0) && !learn(&values).are_words(0));
        let values: Vec<f64> = (0..300).flat_map(|word| many(f64::from(word), 10 + word as usize / 2)).collect();
        let bins = learn_as(Values::Words, &values);
        assert_eq!(bins.count(0), BINS);
        // 254 words have a bin: those from 46 on.
        assert_eq!(all(&bins, &[45.0, 46.0, 47.0, 299.0, 300.0]), [255, 1, 2, 254, 255]);
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
