//! What `collect` makes of a shard, and how shards merge.

use super::sample::Sample;
use crate::features::Facts;
use crate::models::cycle::Cells;
use crate::time::Day;

/// Everyone at a date in the past, as models need it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The date.
    pub date: Day,
    /// Distinct cells of everyone with an order by then.
    pub cells: Cells,
    /// A sample of the churn population.
    pub population: Sample,
    /// A sample of everyone with an order by then; empty at training dates.
    pub buyers: Sample,
}

/// The state of a shard, or of all of them.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Facts at as_of, a row a customer, in the order of customers.
    pub facts: Vec<Facts>,
    /// The dates before as_of, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Cells at as_of of everyone with an order.
    pub cells: Cells,
    /// Lines that repeat another in every used column.
    pub duplicates: u64,
}

fn add_cells(cells: &mut Cells, more: Cells) {
    more.into_iter().for_each(|(cell, count)| *cells.entry(cell).or_default() += count);
}

impl State {
    /// Appends the state of the next shard.
    pub fn append(&mut self, next: State) {
        self.facts.extend(next.facts);
        add_cells(&mut self.cells, next.cells);
        self.duplicates += next.duplicates;
        if self.snapshots.is_empty() {
            self.snapshots = next.snapshots;
            return;
        }
        for (mine, theirs) in self.snapshots.iter_mut().zip(next.snapshots) {
            add_cells(&mut mine.cells, theirs.cells);
            mine.population.merge(theirs.population);
            mine.buyers.merge(theirs.buyers);
        }
    }
}
