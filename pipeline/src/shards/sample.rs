//! Samples that merge: the rows with the smallest keyed hashes.

use std::collections::BinaryHeap;

use crate::features::Facts;
use crate::labels::Labels;

/// A customer at a snapshot date: facts and what happened after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// The keyed hash by which it was drawn.
    pub drawn: u64,
    /// Position of the customer.
    pub customer: u32,
    /// What was known at the date.
    pub facts: Facts,
    /// What happened after it.
    pub labels: Labels,
}

impl Ord for Sampled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.drawn, self.customer).cmp(&(other.drawn, other.customer))
    }
}

impl PartialOrd for Sampled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The `size` rows with the smallest hashes so far.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    size: usize,
    heap: BinaryHeap<Sampled>,
}

impl Sample {
    /// An empty sample that keeps `size` rows.
    pub fn new(size: usize) -> Self {
        Self { size, heap: BinaryHeap::new() }
    }

    /// Offers a row.
    pub fn offer(&mut self, row: Sampled) {
        self.heap.push(row);
        if self.heap.len() > self.size {
            self.heap.pop();
        }
    }

    /// Offers all rows of another sample.
    pub fn merge(&mut self, other: Sample) {
        other.heap.into_iter().for_each(|row| self.offer(row));
    }

    /// The rows, in the order of customers.
    pub fn rows(&self) -> Vec<Sampled> {
        let mut rows: Vec<Sampled> = self.heap.iter().copied().collect();
        rows.sort_unstable_by_key(|row| row.customer);
        rows
    }
}
