//! What models learn from: customers at dates in the past, as they were known then, and what came.

use crate::features;
use crate::labels::Labels;
use crate::models::cycle;

/// A customer at a snapshot date: what was known, and what happened after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// The keyed hash by which it was drawn.
    pub drawn: u64,
    /// Position of the customer.
    pub customer: u32,
    /// What the purchase-cycle models knew at the date.
    pub cell: cycle::Cell,
    /// The features that models take, at the date.
    pub values: Box<[features::Cell]>,
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
