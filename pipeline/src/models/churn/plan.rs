//! Which rows a model learns from, which say when to stop, and on which it is calibrated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Rows;
use super::rows::PARTS;
use crate::error::{Error, Kind, Result};
use crate::time::Day;

/// More rows than this are learnt from once, by one fit that leaves out one part of all customers; of fewer, each part is left out in turn, and trees
/// are small.
pub const FEW: usize = 50_000;

/// What a model is calibrated on; the customers whom a fit leaves out say when its trees stop, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Separation {
    /// The newest training date, whose customers' rows at it no fit has seen: all that was learnt from was over by then.
    LaterDate,
    /// Customers at the newest training date whom the fit has not seen at any date; others at that date it has.
    OutOfFold,
}

/// The rows of one fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Learnt from.
    pub training: Vec<u32>,
    /// Customers whom it has not seen, at the newest date: trees grow until these are foretold best.
    pub held_out: Vec<u32>,
}

/// How rows are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is calibrated on.
    pub separation: Separation,
    /// All rows that may be learnt from.
    pub training: Vec<u32>,
    /// One for each fit; where there are several, the fit of a place leaves out the customers of that part.
    pub splits: Vec<Split>,
    /// By fit: rows on which it is calibrated, and chosen by.
    pub calibrating: Vec<Vec<u32>>,
}

impl Plan {
    /// The plan of rows; it calibrates on the newest date at which enough left and stayed. `is_over` says whether what followed a date was known at another.
    ///
    /// # Errors
    /// `Input` where there are fewer rows, leavers or stayers than are needed.
    pub fn of(rows: &Rows<'_>, is_over: &dyn Fn(Day, Day) -> bool, (rows_min, events_min): (usize, usize)) -> Result<Self> {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let enough = |some: &[u32]| Needed::of(rows, some, (rows_min, events_min));
        enough(&all).check()?;
        let newest = newest(rows, events_min)?;
        let earlier: Vec<u32> = all.iter().copied().filter(|row| is_over(rows.date(*row), newest)).collect();
        // What is separate is old: it has to be worth what is newer.
        let is_half = 2 * earlier.len() >= all.len();
        let separation = if is_half && enough(&earlier).check().is_ok() { Separation::LaterDate } else { Separation::OutOfFold };
        let training = if separation == Separation::LaterDate { earlier } else { all.clone() };
        let of_newest: Vec<u32> = all.into_iter().filter(|row| rows.date(*row) == newest).collect();
        let split = |part: u64| Split {
            training: training.iter().copied().filter(|row| rows.part(*row) != part).collect(),
            held_out: of_newest.iter().copied().filter(|row| rows.part(*row) == part).collect(),
        };
        let splits: Vec<Split> = (0..if training.len() < FEW { PARTS } else { 1 }).map(split).collect();
        let calibrating = if splits.len() == 1 && separation == Separation::LaterDate {
            vec![of_newest]
        } else {
            splits.iter().map(|split| split.held_out.clone()).collect()
        };
        Ok(Self { separation, training, splits, calibrating })
    }
}

/// The newest date at which enough left and stayed to calibrate on.
fn newest(rows: &Rows<'_>, events_min: usize) -> Result<Day> {
    let mut events: BTreeMap<Day, [usize; 2]> = BTreeMap::new();
    (0..rows.len() as u32).for_each(|row| events.entry(rows.date(row)).or_default()[usize::from(rows.churned(row))] += 1);
    let fewer = |[stayed, left]: [usize; 2]| stayed.min(left);
    let most = events.values().copied().map(fewer).max().unwrap_or_default();
    let found = events.iter().rfind(|(_, events)| fewer(**events) >= events_min).map(|(date, _)| *date);
    let why = || format!("churn models: expected at least {events_min} who left, and who stayed, at one training date, got {most}");
    found.ok_or_else(|| Error::new(Kind::Input, why()))
}

/// How many there are, and how many are needed.
struct Needed {
    rows: [usize; 2],
    churned: [usize; 2],
    stayed: [usize; 2],
}

impl Needed {
    fn of(rows: &Rows<'_>, some: &[u32], (rows_min, events_min): (usize, usize)) -> Self {
        let churned = some.iter().filter(|row| rows.churned(**row)).count();
        Self { rows: [some.len(), rows_min], churned: [churned, events_min], stayed: [some.len() - churned, events_min] }
    }

    fn check(&self) -> Result<()> {
        for (what, [got, needed]) in [("labelled customers", self.rows), ("of them who left", self.churned), ("of them who stayed", self.stayed)] {
            if got < needed {
                return Err(Error::new(Kind::Input, format!("churn models: expected at least {needed} {what}, got {got}")));
            }
        }
        Ok(())
    }
}
