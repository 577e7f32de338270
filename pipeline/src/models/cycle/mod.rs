//! When each customer returns. One model a file, behind one interface.

pub mod bg_nbd;

use rayon::prelude::*;
use serde::Serialize;

use crate::config::{Faults, RawCycle, RawCycleModel};
use crate::features::Facts;

/// What a purchase-cycle model sees of a customer, in days: x, t_x, T.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Cell {
    /// Distinct order days less one.
    pub x: u32,
    /// From the first order day to the last.
    pub t_x: u32,
    /// From the first order day to the day observed to.
    pub observed: u32,
}

impl Cell {
    /// The cell of a customer; None without an order.
    pub fn of(facts: &Facts) -> Option<Self> {
        let number = |value: i64| u32::try_from(value).unwrap_or_default();
        let (x, t_x, observed) = (facts.repeat_day_count()?, facts.t_x_days()?, facts.observed_days()?);
        Some(Self { x: number(x), t_x: number(t_x), observed: number(observed) })
    }
}

/// Distinct cells in their order, and how many customers are in each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells(Vec<(Cell, u64)>);

impl Cells {
    /// Counts the cells of customers.
    pub fn of(mut cells: Vec<Cell>) -> Self {
        cells.par_sort_unstable();
        Self(cells.chunk_by(PartialEq::eq).map(|equal| (equal[0], equal.len() as u64)).collect())
    }

    /// The distinct cells and their customers.
    pub fn counts(&self) -> &[(Cell, u64)] {
        &self.0
    }

    /// All customers.
    pub fn customers(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

/// The checked `cycle` section.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Params {
    /// The model.
    pub model: RawCycleModel,
    /// Expected orders are counted over this many days.
    pub horizon_days: i32,
    /// Next-order dates further away are unknown.
    pub quantile_limit_days: i32,
}

/// Checks the section.
pub fn check(raw: RawCycle, faults: &mut Faults<'_>) -> Params {
    Params {
        model: faults.required("cycle.model", raw.model, "bg_nbd").unwrap_or(RawCycleModel::BgNbd),
        horizon_days: faults.ranged("cycle.horizon_days", raw.horizon_days, 1..=730) as i32,
        quantile_limit_days: faults.ranged("cycle.quantile_limit_days", raw.quantile_limit_days, 1..=3650) as i32,
    }
}
