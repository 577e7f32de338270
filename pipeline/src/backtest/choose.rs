//! Which purchase-cycle model scores: the candidate that foretold best at dates before the one on which it is graded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grades::{About, GradeRow, rows};
use crate::config::RawCycleModel;
use crate::labels::RETURN_DAYS;
use crate::metrics::{Graded, grade};
use crate::models::Sampled;
use crate::models::cycle::{self, Fitted, Model};
use crate::shards::{Snapshot, State};
use crate::time::{Dates, Day};

/// How well a candidate foretold returns.
#[derive(Debug, Clone, Serialize)]
pub struct Candidate {
    /// The candidate.
    pub model: RawCycleModel,
    /// Mean log-loss over customers, dates and horizons; none where it did not converge at some date.
    pub log_loss: Option<f64>,
    /// Dates at which it was fitted, and graded by what followed.
    pub dates: usize,
}

/// What was chosen.
pub struct Choice {
    /// With the chosen model first.
    pub params: cycle::Params,
    /// All candidates.
    pub candidates: Vec<Candidate>,
    /// What the chosen one found at the training dates.
    pub fits: BTreeMap<Day, Fitted>,
}

/// Chances of an order within one of `RETURN_DAYS`, and whether there was one, of a date's sample of buyers.
pub fn returns(model: &Model, snapshot: &Snapshot, horizon: usize) -> Vec<Graded> {
    let graded = |row: &Sampled| {
        let returned = row.labels.order_days[horizon]? > 0;
        Some((model.return_probability(row.cell, f64::from(RETURN_DAYS[horizon])), returned))
    };
    snapshot.buyers.iter().filter_map(graded).collect()
}

/// Fits every candidate at each training date, grades it by what followed up to the test date, and puts the one of the least log-loss before the
/// models of `params`. Without candidates, or a date to grade them at, these stay as they are.
pub fn choose(state: &State, dates: &Dates, params: &cycle::Params, grades: &mut Vec<GradeRow>) -> Choice {
    let vintages: Vec<&Snapshot> = state.snapshots.iter().filter(|snapshot| snapshot.date < dates.test && !snapshot.buyers.is_empty()).collect();
    let mut told = Vec::new();
    let mut judge = |model: RawCycleModel| {
        let (mut loss, mut count, mut fits) = (0.0, 0, BTreeMap::new());
        for snapshot in &vintages {
            let Ok(fitted) = params.fit_one(model, &snapshot.cells) else {
                return (Candidate { model, log_loss: None, dates: vintages.len() }, fits);
            };
            let name = fitted.model.name();
            for (horizon, &days) in RETURN_DAYS.iter().enumerate().filter(|(_, days)| dates.is_over(snapshot.date, **days, dates.test)) {
                let graded = returns(&fitted.model, snapshot, horizon);
                let grade = grade(&graded);
                loss += grade.log_loss.unwrap_or_default() * grade.count as f64;
                count += grade.count;
                // A k of 1 makes one candidate another.
                let is_new = !told.contains(&(name.clone(), snapshot.date, days));
                if is_new && grade.count > 0 {
                    grades.extend(rows(&About::all(&name, snapshot.date, "return", days), &grade, None));
                    told.push((name.clone(), snapshot.date, days));
                }
            }
            fits.insert(snapshot.date, fitted);
        }
        (Candidate { model, log_loss: (count > 0).then(|| loss / count as f64), dates: vintages.len() }, fits)
    };
    let (mut candidates, mut best) = (Vec::new(), None::<(f64, RawCycleModel, BTreeMap<Day, Fitted>)>);
    for model in params.candidates() {
        let (candidate, fits) = judge(*model);
        if let Some(loss) = candidate.log_loss.filter(|loss| best.as_ref().is_none_or(|best| *loss < best.0)) {
            best = Some((loss, *model, fits));
        }
        candidates.push(candidate);
    }
    let (model, fits) = best.map_or_else(Default::default, |(_, model, fits)| (Some(model), fits));
    let models = model.into_iter().chain(params.models.iter().copied().filter(|other| Some(*other) != model)).collect();
    Choice { params: cycle::Params { models, ..params.clone() }, candidates, fits }
}
