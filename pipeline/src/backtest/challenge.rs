//! Whether something sets right what the chosen purchase-cycle model foretells: learnt at the training dates, graded at the test date.

use serde::Serialize;

use super::grades::{About, GradeRow, rows};
use crate::config::RawChallenger;
use crate::labels::RETURN_DAYS;
use crate::metrics::{Grade, Graded, grade};
use crate::models::churn::Inputs;
use crate::models::correction::{Correction, HORIZONS, Known, Means, counted_by, learning_bytes};
use crate::models::cycle::{self, Model};
use crate::shards::{Snapshot, State};
use crate::time::Dates;

/// How well a challenger foretold at the test date.
#[derive(Debug, Clone, Serialize)]
pub struct Challenger {
    /// The challenger.
    pub challenger: RawChallenger,
    /// Mean log-loss of returns over customers and horizons; none where too little was known to learn from.
    pub log_loss: Option<f64>,
    /// That of the model's own forecasts.
    pub model_log_loss: f64,
    /// Grades of the return probability, by horizon in days.
    pub return_grades: Vec<(i32, Grade)>,
    /// Whether it scores.
    pub scores: bool,
}

/// What so many forecasts at training dates and the test date take of the memory, of customers with so many features.
pub fn challenge_bytes(forecasts: usize, features: usize) -> u64 {
    (forecasts * (2 * size_of::<Means>() + size_of::<Graded>())) as u64 + learning_bytes(forecasts, features)
}

/// All challengers, and the correction that scores: the one that lost least at the test date, if that is less than the model lost, whose grades there are
/// `own`.
pub fn challenge(
    state: &State,
    dates: &Dates,
    (params, inputs): (&cycle::Params, &Inputs),
    (models, own): (&[Option<Model>], &[(i32, Grade)]),
    grades: &mut Vec<GradeRow>,
) -> (Vec<Challenger>, Option<Correction>) {
    let Some((test, Some(of_test))) = state.snapshots.last().zip(models.last()).filter(|_| !params.challengers.is_empty()) else {
        return (Vec::new(), None);
    };
    let means: Vec<Vec<Means>> = state.snapshots.iter().zip(models).map(|(snapshot, model)| foretold(snapshot, model.as_ref())).collect();
    let known = |place: usize| {
        let snapshot = &state.snapshots[place];
        // What cannot be graded is not learnt.
        let over = RETURN_DAYS.map(|days| dates.is_over(snapshot.date, days, dates.test) && dates.is_over(dates.test, days, dates.as_of));
        Some(Known { rows: &snapshot.buyers, means: &means[place], model: models[place].as_ref()?, over })
    };
    let earlier: Vec<Known<'_>> = (0..state.snapshots.len() - 1).filter_map(known).filter(|known| known.over.contains(&true)).collect();
    let last = state.snapshots.len() - 1;
    let now = Known { rows: &test.buyers, means: &means[last], model: of_test, over: [false; HORIZONS] };
    // Expected orders are set right by the longest horizon up to theirs of which it is known what came.
    let counts: Vec<usize> = (0..=counted_by(params.horizon_days)).rfind(|horizon| earlier.iter().any(|known| known.over[*horizon])).into_iter().collect();
    let mut challengers = Vec::new();
    let mut best: Option<(f64, RawChallenger, Correction)> = None;
    for &challenger in &params.challengers {
        let correction = Correction::learn(challenger, &earlier, inputs, &counts);
        let found = correction.as_ref().map(|correction| graded(test, &correction.of_all(&now, inputs))).unwrap_or_default();
        let name = challenger.told(&of_test.name());
        for ((days, grade), (_, own)) in found.iter().zip(own) {
            grades.extend(rows(&About::all(&name, dates.test, "return", *days), grade, Some(own)));
        }
        let loss = mean_loss(&found);
        if let Some((loss, correction)) = loss.zip(correction).filter(|(loss, _)| best.as_ref().is_none_or(|best| *loss < best.0)) {
            best = Some((loss, challenger, correction));
        }
        let model_log_loss = mean_loss(own).unwrap_or_default();
        challengers.push(Challenger { challenger, log_loss: loss, model_log_loss, return_grades: found, scores: false });
    }
    let best = best.filter(|(loss, ..)| mean_loss(own).is_some_and(|own| *loss < own));
    if let Some((_, name, _)) = &best {
        challengers.iter_mut().for_each(|challenger| challenger.scores = challenger.challenger == *name);
    }
    (challengers, best.map(|(_, _, correction)| correction))
}

fn foretold(snapshot: &Snapshot, model: Option<&Model>) -> Vec<Means> {
    model.map_or_else(Vec::new, |model| Means::of(model, &snapshot.cells, &snapshot.buyers))
}

/// Grades of returns at a date, by horizon that is over.
fn graded(snapshot: &Snapshot, means: &[Means]) -> Vec<(i32, Grade)> {
    let of_horizon = |horizon: usize| {
        let pair = |(row, means): (&crate::models::Sampled, &Means)| Some((means.returns[horizon], row.labels.order_days[horizon]? > 0));
        let pairs: Vec<Graded> = snapshot.buyers.iter().zip(means).filter_map(pair).collect();
        (!pairs.is_empty()).then(|| (RETURN_DAYS[horizon], grade(&pairs)))
    };
    (0..HORIZONS).filter_map(of_horizon).collect()
}

/// Mean log-loss over customers and horizons.
fn mean_loss(grades: &[(i32, Grade)]) -> Option<f64> {
    let sum: f64 = grades.iter().map(|(_, grade)| grade.log_loss.unwrap_or_default() * grade.count as f64).sum();
    let count: usize = grades.iter().map(|(_, grade)| grade.count).sum();
    (count > 0).then(|| sum / count as f64)
}
