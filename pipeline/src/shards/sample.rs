//! Samples of fixed size: the rows with the smallest keyed hashes, whatever the order in which they are offered.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::models::Sampled;

/// The `size` rows with the smallest hashes so far, of all threads.
#[derive(Debug)]
pub struct Sample {
    size: usize,
    /// A row that was drawn above this has no place any more.
    highest: AtomicU64,
    /// The rows that may have a place: at most an eighth more than have one.
    rows: Mutex<Vec<Sampled>>,
}

/// How many rows wait beyond those that have a place until some are left out. A row takes a thousand times what finding out takes for one.
fn spare(size: usize) -> usize {
    size / 8 + 1
}

impl Sample {
    /// An empty sample that keeps `size` rows of so many customers.
    pub fn new(size: usize, customers: usize) -> Self {
        // What is not used of it costs nothing; growing step by step would take twice as much.
        let rows = Mutex::new(Vec::with_capacity((size + spare(size) + 1).min(customers)));
        Self { size, highest: AtomicU64::new(if size == 0 { 0 } else { u64::MAX }), rows }
    }

    /// Whether a row that was drawn so may have a place: most have none, and need not be made.
    pub fn wants(&self, drawn: u64) -> bool {
        self.size > 0 && drawn <= self.highest.load(Ordering::Relaxed)
    }

    /// Offers a row.
    ///
    /// # Errors
    /// `Bug` if a thread died with the sample in its hands.
    pub fn offer(&self, row: Sampled) -> Result<()> {
        let mut rows = self.rows.lock().map_err(|_| Error::bug("a thread died with a sample in its hands"))?;
        rows.push(row);
        // Many are left out at once: finding out which costs little for each.
        if rows.len() > self.size + spare(self.size) {
            let (_, last, _) = rows.select_nth_unstable(self.size - 1);
            self.highest.store(last.drawn, Ordering::Relaxed);
            rows.truncate(self.size);
        }
        Ok(())
    }

    /// The rows, in the order of customers.
    pub fn into_rows(self) -> Vec<Sampled> {
        let mut rows = self.rows.into_inner().unwrap_or_default();
        if rows.len() > self.size {
            rows.select_nth_unstable(self.size);
            rows.truncate(self.size);
        }
        rows.shrink_to_fit();
        rows.sort_unstable_by_key(|row| row.customer);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::models::cycle;

    #[test]
    fn the_smallest_draws_stay_whatever_the_order() {
        let labels = Labels::default();
        let row =
            |drawn: u64, customer: u32| Sampled { drawn, customer, cell: cycle::Cell { x: 0, t_x: 0, observed: 1, cohort: 0 }, values: Box::default(), labels };
        let sample = Sample::new(2, 9);
        for (drawn, customer) in [(50, 1), (70, 2), (60, 0), (60, 3), (10, 9)] {
            if sample.wants(drawn) {
                sample.offer(row(drawn, customer)).expect("no thread died");
            }
        }
        // Of four rows two were left out at once: the highest of the others was drawn at 60.
        assert!(!sample.wants(61) && sample.wants(60) && !Sample::new(0, 9).wants(0));
        assert_eq!(sample.into_rows(), [row(50, 1), row(10, 9)]);
        // Of 16 and an eighth, and one more, the 16 lowest stay: nobody above the sixteenth is wanted.
        let sample = Sample::new(16, 99);
        (0..20).for_each(|drawn| sample.offer(row(drawn, drawn as u32)).expect("no thread died"));
        assert!(sample.wants(15) && !sample.wants(16));
    }
}
