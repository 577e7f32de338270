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

/// How many draws there are: 2^64.
const DRAWS: f64 = 18_446_744_073_709_551_616.0;

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
        // Many are left out at once: finding out which costs little for each. The first that has no place stays: it says how much the others weigh.
        if rows.len() > self.size + spare(self.size) {
            let (_, first_out, _) = rows.select_nth_unstable(self.size);
            self.highest.store(first_out.drawn, Ordering::Relaxed);
            rows.truncate(self.size + 1);
        }
        Ok(())
    }

    /// The rows, in the order of customers, and how many of those offered each stands for: 1 where all have a place. Whoever was drawn below the first that
    /// has none is here, which happens to a share of all that the draw itself is (bottom-k sketches: Cohen and Kaplan, 2007).
    pub fn into_rows(self) -> (Vec<Sampled>, f64) {
        let (mut rows, mut weight) = (self.rows.into_inner().unwrap_or_default(), 1.0);
        if rows.len() > self.size {
            let (_, first_out, _) = rows.select_nth_unstable(self.size);
            weight = DRAWS / (first_out.drawn.max(1) as f64);
            rows.truncate(self.size);
        }
        rows.shrink_to_fit();
        rows.sort_unstable_by_key(|row| row.customer);
        (rows, weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Draws;
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
        // Of four rows one was left out at once, and the first that had no place stays known: it was drawn at 60, as was another.
        assert!(!sample.wants(61) && sample.wants(60) && !Sample::new(0, 9).wants(0));
        assert_eq!(sample.into_rows(), (vec![row(50, 1), row(10, 9)], DRAWS / 60.0));
        // Of 16 and an eighth, and one more, the 16 lowest stay: nobody above the seventeenth is wanted.
        let sample = Sample::new(16, 99);
        (0..20).for_each(|drawn| sample.offer(row(drawn, drawn as u32)).expect("no thread died"));
        assert!(sample.wants(16) && !sample.wants(17));
    }

    /// Of 10,000 customers 400 are drawn: together they stand for all, to three standard errors of 5 %, and on average over 40 draws, to 0.8 %; all of those
    /// who have a place stand for themselves.
    #[test]
    fn who_was_drawn_stands_for_all() {
        let row = |drawn: u64, customer: u32| Sampled {
            drawn,
            customer,
            cell: cycle::Cell { x: 0, t_x: 0, observed: 1, cohort: 0 },
            values: Box::default(),
            labels: Labels::default(),
        };
        let weighed = |size: usize, salt: u32| {
            let (sample, draws) = (Sample::new(size, 10_000), Draws::new(&salt.to_string(), "sample"));
            for customer in 0..10_000u32 {
                let drawn = draws.of(&customer.to_le_bytes());
                if sample.wants(drawn) {
                    sample.offer(row(drawn, customer)).expect("no thread died");
                }
            }
            let (rows, weight) = sample.into_rows();
            rows.len() as f64 * weight
        };
        let all: Vec<f64> = (0..40).map(|salt| weighed(400, salt)).collect();
        assert!(all.iter().all(|all| (all / 10_000.0 - 1.0).abs() < 0.15), "{all:?}");
        assert!((all.iter().sum::<f64>() / 400_000.0 - 1.0).abs() < 0.024, "{all:?}");
        assert_eq!(weighed(10_000, 0), 10_000.0);
    }
}
