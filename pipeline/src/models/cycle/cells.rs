//! What purchase-cycle models see of customers: distinct cells, how many customers are in each, and the gaps between order days.

use rayon::prelude::*;
use serde::Serialize;

use crate::features::Facts;
use crate::key::wide_fingerprint;
use crate::lake::{Slots, find_all, high};
use crate::time::Day;

/// What a purchase-cycle model sees of a customer, in days: x, t_x, T.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Cell {
    /// Distinct order days less one.
    pub x: u32,
    /// From the first order day to the last.
    pub t_x: u32,
    /// From the first order day to the day observed to.
    pub observed: u32,
    /// The number of the cohort; 0 for none.
    pub cohort: u16,
}

impl Cell {
    /// The cell of a customer; None without an order.
    pub fn of(facts: &Facts) -> Option<Self> {
        let number = |value: i64| u32::try_from(value).unwrap_or_default();
        let (x, t_x, observed) = (facts.repeat_day_count()?, facts.t_x_days()?, facts.observed_days()?);
        Some(Self { x: number(x), t_x: number(t_x), observed: number(observed), cohort: facts.cohort })
    }

    fn fingerprint(&self) -> u128 {
        let mut bytes = [0; 14];
        let numbers = [self.x, self.t_x, self.observed].map(u32::to_le_bytes);
        bytes[..12].copy_from_slice(numbers.as_flattened());
        bytes[12..].copy_from_slice(&self.cohort.to_le_bytes());
        wide_fingerprint(0, &bytes)
    }
}

/// Where cells stand.
pub struct CellPlaces(Slots<u32>);

impl CellPlaces {
    /// The places of many cells; None for one that is not there.
    pub fn of(&self, cells: &[Cell]) -> Vec<Option<u32>> {
        find_all(&cells.iter().map(Cell::fingerprint).collect::<Vec<_>>(), |_| &self.0)
    }
}

/// How many gaps between order days there are of each length in days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps(Vec<u64>);

impl Gaps {
    /// Counts the gaps between distinct order days, oldest first.
    pub fn count(&mut self, days: &[Day]) {
        for pair in days.windows(2) {
            let gap = pair[1].since(pair[0]) as usize;
            if self.0.len() <= gap {
                self.0.resize(gap + 1, 0);
            }
            self.0[gap] += 1;
        }
    }

    /// Adds other gaps.
    pub fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    /// Sum of the logarithms of all gaps in days, in one order.
    fn sum_ln(&self) -> f64 {
        self.0.iter().enumerate().skip(1).map(|(days, count)| *count as f64 * (days as f64).ln()).sum()
    }
}

/// Distinct cells in their order, how many customers are in each, and the gaps between all their order days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    pub(super) counts: Vec<(Cell, u64)>,
    pub(super) gaps: Gaps,
}

impl Cells {
    /// Counts the cells of customers.
    pub fn of(mut cells: Vec<Cell>, gaps: Gaps) -> Self {
        cells.par_sort_unstable();
        let mut counts: Vec<(Cell, u64)> = cells.chunk_by(PartialEq::eq).map(|equal| (equal[0], equal.len() as u64)).collect();
        counts.shrink_to_fit();
        Self { counts, gaps }
    }

    /// Some of them, with all gaps.
    pub(super) fn only(&self, wanted: impl Fn(&Cell) -> bool) -> Self {
        Self { counts: self.counts.iter().filter(|(cell, _)| wanted(cell)).copied().collect(), gaps: self.gaps.clone() }
    }

    /// The same without cohorts.
    pub(super) fn pooled(&self) -> Self {
        let mut counts: Vec<(Cell, u64)> = Vec::with_capacity(self.counts.len());
        // They stand by what cohorts share: those that become equal are neighbours.
        for (cell, count) in &self.counts {
            let cell = Cell { cohort: 0, ..*cell };
            match counts.last_mut().filter(|(last, _)| *last == cell) {
                Some((_, sum)) => *sum += count,
                None => counts.push((cell, *count)),
            }
        }
        Self { counts, gaps: self.gaps.clone() }
    }

    /// The distinct cells and their customers.
    pub fn counts(&self) -> &[(Cell, u64)] {
        &self.counts
    }

    /// Where cells stand among the distinct ones.
    pub fn places(&self) -> CellPlaces {
        let mut slots = Slots::default();
        slots.reserve(self.counts.len(), |place: u32| high(self.counts[place as usize].0.fingerprint()));
        self.counts.iter().zip(0..).for_each(|((cell, _), place)| slots.put(cell.fingerprint(), place));
        CellPlaces(slots)
    }

    /// All customers.
    pub fn customers(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// All repeat order days.
    pub fn repeat_days(&self) -> u64 {
        self.counts.iter().map(|(cell, count)| u64::from(cell.x) * count).sum()
    }

    /// Mean of T.
    pub(super) fn mean_observed(&self) -> f64 {
        self.counts.iter().map(|(cell, count)| f64::from(cell.observed) * *count as f64).sum::<f64>() / self.customers() as f64
    }

    pub(super) fn sum_ln_gaps(&self) -> f64 {
        self.gaps.sum_ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells that differ from a first one in one thing each, one of them twice, and one that is not there.
    #[test]
    fn cells_are_found_where_they_stand() {
        let cell = |x: u32, t_x: u32, observed: u32, cohort: u16| Cell { x, t_x, observed, cohort };
        let all = vec![cell(2, 30, 90, 1), cell(2, 30, 90, 0), cell(2, 31, 90, 0), cell(3, 30, 90, 0), cell(2, 30, 91, 0), cell(2, 31, 90, 0)];
        let cells = Cells::of(all.clone(), Gaps::default());
        let places = cells.places().of(&all);
        assert_eq!(
            places.iter().map(|place| place.map(|place| cells.counts()[place as usize].0)).collect::<Vec<_>>(),
            all.into_iter().map(Some).collect::<Vec<_>>()
        );
        assert_eq!(cells.places().of(&[cell(3, 31, 90, 0), cell(30, 2, 90, 0)]), [None, None]);
        assert_eq!(Cells::default().places().of(&[cell(0, 0, 0, 0)]), [None]);
    }
}
