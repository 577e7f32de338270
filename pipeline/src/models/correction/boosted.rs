//! Boosted trees on features: they start from what a purchase-cycle model foretells, and learn what it misses.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{HORIZONS, Known, Learnt, Means, Subject, score};
use crate::labels::YEAR_DAYS;
use crate::models::churn::Inputs;
use crate::models::cycle::Cell;
use crate::models::trees::{self, Binned, Bins, Block, Objective, ROWS, Task, Trees, Values};

/// Fewer labelled rows than this teach nothing.
const ROWS_MIN: usize = 1000;
/// More rows than this teach trees of this size nothing more.
const ROWS_MAX: usize = 250_000;
/// One customer of so many is kept out of training, to say when to stop.
const VALIDATION: u64 = 4;
/// Of fewer rows than this much hangs on who is kept out: each part is in turn, and what is foretold is the mean of all.
const FEW: usize = 50_000;
/// Small trees, slowly: the model that they start from knows the most already.
const PARAMS: trees::Params =
    trees::Params { trees: 400, leaves: 8, rate: 0.05, l2: 10.0, word_l2: 10.0, leaf_rows_min: 50.0, leaf_curvature_min: 1e-3, gain_min: 1e-6, patience: 30 };
/// What a row has beside features: of its cell, of the model's chances, of the year before.
const OWN: usize = 4 + 2 * HORIZONS;

/// What each fit takes of a row: what came, where it starts, gradients, scores, its place.
const FIT_BYTES: usize = 80;

/// What learning from so many rows with so many features takes of the memory.
pub fn learning_bytes(rows: usize, features: usize) -> u64 {
    let (rows, width) = (rows.min(ROWS_MAX), features + 2 + OWN);
    let at_once = rayon::current_num_threads().min(2 * HORIZONS);
    (rows * width + (rows * at_once * FIT_BYTES).max(Bins::learning_bytes(rows))) as u64
}

/// The trees, by horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boosted {
    bins: Bins,
    returns: [Vec<Trees>; HORIZONS],
    orders: [Vec<Trees>; HORIZONS],
}

/// Values of a row: `inputs` first.
fn write(subject: &Subject, values: &mut [f64]) {
    let Cell { x, t_x, observed, .. } = subject.cell;
    let silent = f64::from(observed - t_x);
    let own_gap = if x > 0 { f64::from(t_x) / f64::from(x) } else { f64::NAN };
    // Who was no customer then did not stay away then.
    let year_ago = subject.year_ago.map(|days| if observed >= YEAR_DAYS as u32 { f64::from(days) } else { f64::NAN });
    let own = [f64::from(x), f64::from(observed), silent, silent / own_gap].into_iter().chain(subject.means.returns).chain(year_ago);
    values.iter_mut().zip(subject.inputs.iter().copied().chain(own)).for_each(|(place, value)| *place = value);
}

impl Boosted {
    /// Learns from all dates, for each horizon from those that know it; None where too little is known.
    pub fn learn(known: &[Known<'_>], inputs: &Inputs, counts: &[usize]) -> Option<Self> {
        let rows = rows(known);
        let columns = [inputs.columns(), vec![Values::Numbers; OWN]].concat();
        let binned = Binned::new(rows.len(), &columns, |row, values| {
            let (date, place) = rows[row];
            let (Known { model, means, .. }, row) = (&known[date], &known[date].rows[place]);
            let inputs = inputs.of_cells(&row.values, row.cell, Some(model));
            write(&Subject { means: means[place], inputs, cell: row.cell, year_ago: row.labels.year_ago }, values);
        });
        let fit = |(horizon, objective): (usize, Objective)| {
            let came: Vec<Option<f64>> = rows.iter().map(|(date, place)| known[*date].came(*place, horizon)).collect();
            let target = |came: &Option<f64>| came.map_or(0.0, |came| if objective == Objective::Chance { f64::from(u8::from(came > 0.0)) } else { came });
            let start = |(date, place): &(usize, usize)| {
                let means = &known[*date].means[*place];
                score(objective, if objective == Objective::Chance { means.returns[horizon] } else { means.orders[horizon] })
            };
            let part = |row: u32| {
                let (date, place) = rows[row as usize];
                known[date].rows[place].drawn % VALIDATION
            };
            let (targets, starts): (Vec<f64>, Vec<f64>) = (came.iter().map(target).collect(), rows.iter().map(start).collect());
            let all: Vec<u32> = (0..rows.len() as u32).filter(|row| came[*row as usize].is_some()).collect();
            let parts = if all.len() < FEW { VALIDATION } else { 1 };
            let one = |kept_out: u64| {
                let (validation, training): (Vec<u32>, Vec<u32>) = all.iter().partition(|row| part(**row) == kept_out);
                let task = Task { targets: &targets, starts: &starts, training: &training, validation: &validation, monotone: &[] };
                (training.len() >= ROWS_MIN).then(|| trees::fit(objective, &binned, &task, &PARAMS).ok()).flatten()
            };
            // All parts, or none: a mean of some would hang on whom they are.
            (0..parts).into_par_iter().map(one).collect::<Option<Vec<Trees>>>().unwrap_or_default()
        };
        let wanted: Vec<(usize, Objective)> =
            (0..HORIZONS).map(|horizon| (horizon, Objective::Chance)).chain(counts.iter().map(|horizon| (*horizon, Objective::Count))).collect();
        let (mut returns, mut orders): ([Vec<Trees>; HORIZONS], [Vec<Trees>; HORIZONS]) = Default::default();
        for ((horizon, objective), trees) in wanted.par_iter().map(|wanted| (*wanted, fit(*wanted))).collect::<Vec<_>>() {
            let place = if objective == Objective::Chance { &mut returns } else { &mut orders };
            place[horizon] = trees;
        }
        let bins = binned.bins().clone();
        returns.iter().any(|trees| !trees.is_empty()).then_some(Self { bins, returns, orders })
    }

    /// Chances and expected orders by horizon, where they were learnt.
    pub(super) fn of(&self, subjects: &[Subject]) -> Vec<Learnt> {
        let (mut values, mut block) = (vec![f64::NAN; self.bins.width()], Block::new(&self.bins));
        let mut learnt = Vec::with_capacity(subjects.len());
        for subjects in subjects.chunks(ROWS) {
            for (place, subject) in subjects.iter().enumerate() {
                write(subject, &mut values);
                block.write(place, &values, &self.bins);
            }
            let of = |objective: Objective, trees: &[Vec<Trees>; HORIZONS], own: fn(&Means) -> &[f64; HORIZONS]| {
                std::array::from_fn::<_, HORIZONS, _>(|horizon| {
                    let mut starts = [0.0; ROWS];
                    starts.iter_mut().zip(subjects).for_each(|(start, subject)| *start = score(objective, own(&subject.means)[horizon]));
                    trees::mean_of(&trees[horizon], &block, &starts)
                })
            };
            let (returns, orders) = (of(Objective::Chance, &self.returns, |means| &means.returns), of(Objective::Count, &self.orders, |means| &means.orders));
            let at = |means: &[Option<[f64; ROWS]>; HORIZONS], place: usize| means.each_ref().map(|means| means.as_ref().map(|means| means[place]));
            learnt.extend((0..subjects.len()).map(|place| Learnt { returns: at(&returns, place), orders: at(&orders, place) }));
        }
        learnt
    }
}

/// Date and place of all rows, or of the customers among them that were drawn first.
fn rows(known: &[Known<'_>]) -> Vec<(usize, usize)> {
    let mut drawn: Vec<u64> = known.iter().flat_map(|known| known.rows.iter().map(|row| row.drawn)).collect();
    let last = if drawn.len() > ROWS_MAX { *drawn.select_nth_unstable(ROWS_MAX - 1).1 } else { u64::MAX };
    let of_date = |date: usize| (0..known[date].rows.len()).map(move |place| (date, place));
    (0..known.len()).flat_map(of_date).filter(|(date, place)| known[*date].rows[*place].drawn <= last).collect()
}
