//! The challenger: boosted trees on features, which start from what a purchase-cycle model foretells and learn, from earlier dates whose labels were over,
//! what it misses.

use rayon::prelude::*;

use super::foretell::{Foretold, HORIZONS, rising};
use crate::features::Feature;
use crate::labels::{RETURN_DAYS, YEAR_DAYS};
use crate::models::churn::Inputs;
use crate::models::cycle::Model;
use crate::models::trees::{self, Objective, Sample, Trees};
use crate::shards::Sampled;

/// Fewer labelled rows than this teach nothing.
const ROWS_MIN: usize = 1000;
/// One customer of so many is kept out of training, to say when to stop.
const VALIDATION: u64 = 4;
/// Small trees, slowly: the model that they start from knows the most already.
const PARAMS: trees::Params =
    trees::Params { trees: 400, leaves: 8, rate: 0.05, l2: 10.0, leaf_rows_min: 50.0, leaf_curvature_min: 1e-3, gain_min: 1e-6, patience: 30 };
/// Chances are kept this far from 0 and 1, and means from 0.
const LEAST: f64 = 1e-4;

/// Customers at a date, and what the model foretold of them.
pub struct Known<'a> {
    /// The rows.
    pub rows: &'a [Sampled],
    /// What the model of that date foretold, row by row.
    pub foretold: &'a [Foretold],
    /// That model.
    pub model: Model,
}

/// What a horizon's trees take of customers.
pub struct Challenger {
    inputs: Vec<Inputs>,
}

impl Challenger {
    /// One that takes these features, where models may.
    pub fn new(features: &[Feature]) -> Self {
        Self { inputs: RETURN_DAYS.iter().map(|days| Inputs::new(features, *days)).collect() }
    }

    /// Features, and the chances and cycle of the customer by the model of the date.
    fn values(&self, known: &Known<'_>, place: usize, horizon: usize) -> Vec<f64> {
        let (row, foretold) = (&known.rows[place], &known.foretold[place]);
        let mut values = self.inputs[horizon].of_cells(&row.values, row.cell, Some(&known.model));
        let cell = row.cell;
        let silent = f64::from(cell.observed - cell.t_x);
        let own_gap = if cell.x > 0 { f64::from(cell.t_x) / f64::from(cell.x) } else { f64::NAN };
        values.extend([f64::from(cell.x), f64::from(cell.observed), silent, silent / own_gap, foretold.orders[horizon]]);
        // Who was no customer then did not stay away then.
        values.push(if cell.observed >= YEAR_DAYS as u32 { f64::from(row.labels.year_ago[horizon]) } else { f64::NAN });
        values
    }

    /// Learns from earlier dates; None where too little is known.
    pub fn learn(&self, earlier: &[Known<'_>], horizon: usize) -> Option<[Trees; 2]> {
        let sample = |objective: Objective, is_validation: bool| {
            let mut sample = Sample::default();
            for known in earlier {
                for (place, row) in known.rows.iter().enumerate().filter(|(_, row)| (row.drawn % VALIDATION == 0) == is_validation) {
                    let Some(came) = row.labels.order_days[horizon] else { continue };
                    sample.values.extend(self.values(known, place, horizon));
                    sample.targets.push(if objective == Objective::Chance { f64::from(u8::from(came > 0)) } else { came as f64 });
                    sample.starts.push(start(objective, &known.foretold[place], horizon));
                }
            }
            sample
        };
        let fit = |objective| {
            let (training, validation) = (sample(objective, false), sample(objective, true));
            let enough = training.targets.len() >= ROWS_MIN;
            enough.then(|| trees::fit(objective, &training, Some(&validation), &PARAMS).ok()).flatten()
        };
        Some([fit(Objective::Chance)?, fit(Objective::Count)?])
    }

    /// What the trees foretell, horizon by horizon; where none were learnt, what the model did.
    pub fn foretell(&self, known: &Known<'_>, by: &[Option<[Trees; 2]>; HORIZONS]) -> Vec<Foretold> {
        let one = |place: usize| {
            let mut foretold = Foretold { chances: [None; HORIZONS], next: None, ..known.foretold[place] };
            let mut room = Vec::new();
            for (horizon, [chance, count]) in by.iter().enumerate().filter_map(|(horizon, trees)| Some((horizon, trees.as_ref()?))) {
                let values = self.values(known, place, horizon);
                let mut mean = |trees: &Trees, objective| trees.mean(&values, Some(start(objective, &known.foretold[place], horizon)), &mut room);
                foretold.returns[horizon] = mean(chance, Objective::Chance);
                foretold.orders[horizon] = mean(count, Objective::Count);
            }
            Foretold { returns: rising(foretold.returns), ..foretold }
        };
        (0..known.rows.len()).into_par_iter().map(one).collect()
    }
}

/// The score from which trees start.
fn start(objective: Objective, foretold: &Foretold, horizon: usize) -> f64 {
    objective.score(match objective {
        Objective::Chance => foretold.returns[horizon].clamp(LEAST, 1.0 - LEAST),
        Objective::Count => foretold.orders[horizon].max(LEAST),
    })
}
