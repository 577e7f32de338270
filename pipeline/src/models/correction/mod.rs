//! What sets right what a purchase-cycle model foretells, learnt from earlier dates of which it is known what came: isotonic steps over its own
//! forecasts, or boosted trees on features, which start from them.

mod boosted;
mod recalibrated;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::RawChallenger;
use crate::labels::RETURN_DAYS;
use crate::models::Sampled;
use crate::models::churn::Inputs;
use crate::models::cycle::{Cell, Cells, Expectation, Model};
use crate::models::trees::Objective;
pub use boosted::{Boosted, learning_bytes};
pub use recalibrated::Recalibrated;

/// Horizons, in the order of `RETURN_DAYS`.
pub const HORIZONS: usize = RETURN_DAYS.len();
/// Chances are kept this far from 0 and 1, and means from 0, where logarithms are taken.
const LEAST: f64 = 1e-4;

/// The horizon by which expected orders within `days` are set right: the first that is as long, or the last.
pub fn counted_by(days: i32) -> usize {
    RETURN_DAYS.iter().position(|horizon| *horizon >= days).unwrap_or(HORIZONS - 1)
}

/// What was learnt of a horizon says nothing of one that is more than so many times as long.
const FAR: i32 = 5;

/// So many customers are set right together.
pub const SUBJECTS: usize = 1024;

/// What was learnt of a customer's chances and expected orders, by horizon; none where nothing was.
struct Learnt {
    returns: [Option<f64>; HORIZONS],
    orders: [Option<f64>; HORIZONS],
}

/// What is foretold of a customer, by horizon.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Means {
    /// The chance of an order.
    pub returns: [f64; HORIZONS],
    /// Expected order days.
    pub orders: [f64; HORIZONS],
}

impl Means {
    /// By a model, of each of `rows`; `cells` are those of everyone at the date.
    pub fn of(model: &Model, cells: &Cells, rows: &[Sampled]) -> Vec<Self> {
        let expectations = RETURN_DAYS.map(|days| Expectation::new(model, f64::from(days), cells));
        let one = |row: &Sampled| Self {
            returns: RETURN_DAYS.map(|days| model.return_probability(row.cell, f64::from(days))),
            orders: expectations.each_ref().map(|expectation| expectation.orders(row.cell)),
        };
        rows.par_iter().map(one).collect()
    }
}

/// Customers at a date, and what the model of that date foretold of them.
pub struct Known<'a> {
    /// The customers.
    pub rows: &'a [Sampled],
    /// What was foretold, row by row.
    pub means: &'a [Means],
    /// The model.
    pub model: &'a Model,
    /// By horizon, whether it is known what came.
    pub over: [bool; HORIZONS],
}

impl Known<'_> {
    /// Order days that came, where it is known.
    fn came(&self, place: usize, horizon: usize) -> Option<f64> {
        self.rows[place].labels.order_days[horizon].filter(|_| self.over[horizon]).map(f64::from)
    }
}

/// A customer whose forecasts are set right.
pub struct Subject {
    /// What the model foretold.
    pub means: Means,
    /// The values of `Inputs`; none where no feature is taken.
    pub inputs: Vec<f64>,
    /// What the model knew.
    pub cell: Cell,
    /// Order days of the same days a year before, by horizon.
    pub year_ago: [u16; HORIZONS],
}

/// What was learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "challenger", rename_all = "snake_case")]
pub enum Correction {
    /// Isotonic steps.
    Recalibrated(Recalibrated),
    /// Boosted trees.
    Boosted(Boosted),
}

impl Correction {
    /// Learns from dates, oldest first; of expected orders, for the horizons in `counts`. None where too little is known.
    pub fn learn(challenger: RawChallenger, known: &[Known<'_>], inputs: &Inputs, counts: &[usize]) -> Option<Self> {
        match challenger {
            RawChallenger::Recalibrated => Recalibrated::learn(known).map(Self::Recalibrated),
            RawChallenger::Boosted => Boosted::learn(known, inputs, counts).map(Self::Boosted),
        }
    }

    /// Whether the features of a customer matter.
    pub fn takes_features(&self) -> bool {
        matches!(self, Self::Boosted(_))
    }

    /// What is foretold of customers, set right.
    pub fn of(&self, subjects: &[Subject]) -> Vec<Means> {
        let learnt = match self {
            Self::Recalibrated(recalibrated) => subjects.iter().map(|subject| recalibrated.of(&subject.means)).collect(),
            Self::Boosted(boosted) => boosted.of(subjects),
        };
        let one = |(Subject { means, .. }, Learnt { returns, orders }): (&Subject, Learnt)| Means {
            returns: filled(&means.returns, returns),
            orders: counted(&means.orders, orders),
        };
        subjects.iter().zip(learnt).map(one).collect()
    }

    /// The same of each customer at a date.
    pub fn of_all(&self, known: &Known<'_>, inputs: &Inputs) -> Vec<Means> {
        let subject = |(row, means): (&Sampled, &Means)| Subject {
            means: *means,
            inputs: if self.takes_features() { inputs.of_cells(&row.values, row.cell, Some(known.model)) } else { Vec::new() },
            cell: row.cell,
            year_ago: row.labels.year_ago,
        };
        let some = |(rows, means): (&[Sampled], &[Means])| self.of(&rows.iter().zip(means).map(subject).collect::<Vec<_>>());
        known.rows.par_chunks(SUBJECTS).zip(known.means.par_chunks(SUBJECTS)).flat_map_iter(some).collect()
    }
}

/// The score of a mean, from which trees start.
fn score(objective: Objective, mean: f64) -> f64 {
    objective.score(match objective {
        Objective::Chance => mean.clamp(LEAST, 1.0 - LEAST),
        Objective::Count => mean.max(LEAST),
    })
}

/// Chances that were learnt, by horizon; where nothing was, the odds of the model's own move as those of the longest one before it, unless that is far
/// shorter. Within more days none is smaller.
fn filled(own: &[f64; HORIZONS], learnt: [Option<f64>; HORIZONS]) -> [f64; HORIZONS] {
    let odds = |chance: f64| score(Objective::Chance, chance);
    let (mut moved, mut before) = (None, 0.0);
    std::array::from_fn(|horizon| {
        let chance = match (learnt[horizon], moved) {
            (Some(chance), _) => {
                moved = Some((RETURN_DAYS[horizon], odds(chance) - odds(own[horizon])));
                chance
            }
            (None, Some((days, by))) if RETURN_DAYS[horizon] <= FAR * days => Objective::Chance.mean(odds(own[horizon]) + by),
            _ => own[horizon],
        };
        before = chance.max(before);
        before
    })
}

/// Orders that were learnt, by horizon; where nothing was, those of the longest one before it, and after it as many as the model's own.
fn counted(own: &[f64; HORIZONS], learnt: [Option<f64>; HORIZONS]) -> [f64; HORIZONS] {
    let mut more = 0.0;
    std::array::from_fn(|horizon| {
        more = learnt[horizon].map_or(more, |orders| orders - own[horizon]);
        own[horizon] + more
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: odds of 1 became 3, so odds of 2 become 6; 180 days are six times 30, too far; two orders became one, and those after them stay.
    #[test]
    fn what_was_not_learnt_follows_the_horizon_before() {
        let close = |found: [f64; HORIZONS], by_hand: [f64; HORIZONS]| assert!(found.iter().zip(by_hand).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        close(filled(&[0.2, 0.5, 2.0 / 3.0, 0.9], [None, Some(0.75), None, Some(0.95)]), [0.2, 0.75, 6.0 / 7.0, 0.95]);
        close(filled(&[0.2, 0.5, 2.0 / 3.0, 0.7], [None, Some(0.75), None, None]), [0.2, 0.75, 6.0 / 7.0, 6.0 / 7.0]);
        close(counted(&[1.0, 2.0, 3.0, 4.5], [None, Some(1.0), None, None]), [1.0, 1.0, 2.0, 3.5]);
    }
}
