//! Training and grading: cycle models at each date from what that date may see, then churn, which takes their outputs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::challenge::{Challenger, challenge};
use super::choose::{Candidate, Choice, choose, returns};
use super::churn::{ChurnReport, churn_report};
use super::due::DueReport;
use super::grades::{About, GradeRow, rows};
use crate::error::{Kind, Result};
use crate::labels::{RETURN_DAYS, Segment};
use crate::metrics::{Grade, grade};
use crate::models::churn::{self, Dated, Inputs};
use crate::models::correction::Correction;
use crate::models::cycle::margin::Margin;
use crate::models::cycle::worth;
use crate::models::cycle::{self, Cells, Fitted, Model};
use crate::shards::{Artefacts, Snapshot, State};
use crate::time::{Dates, Day};

/// The published purchase-cycle artefact.
#[derive(Debug, Clone, Serialize)]
pub struct CycleReport {
    /// The model.
    pub model: String,
    /// The date up to which it saw.
    pub fitted_on: Day,
    /// Whether it was graded on what followed; else its history is too short.
    pub graded: bool,
    /// The fit; rates are per day.
    pub fit: Fitted,
    /// Why the models before it do not score.
    pub failed: Vec<String>,
    /// Grades of the return probability, by horizon in days.
    pub return_grades: Vec<(i32, Grade)>,
    /// Among which it was chosen, by the training dates.
    pub candidates: Vec<Candidate>,
    /// What cohorts are called that have parameters of their own, by their number in the fit.
    pub cohorts: BTreeMap<u16, String>,
    /// What may set it right, and whether it does.
    pub challengers: Vec<Challenger>,
    /// What sets it right.
    pub correction: Option<Correction>,
    /// What an order day is worth, by what is known at as_of.
    pub value: Option<worth::Valued>,
    /// What of that is margin, where costs are known.
    pub margin: Option<Margin>,
}

/// Models that score, what is published about them, and why one is missing.
pub struct Trained {
    /// What scores.
    pub artefacts: Artefacts,
    /// The purchase-cycle artefact.
    pub cycle: Option<CycleReport>,
    /// The churn artefacts, by segment.
    pub churn: [Option<ChurnReport>; 2],
    /// The artefact of due lists.
    pub due: Option<DueReport>,
    /// All figures.
    pub grades: Vec<GradeRow>,
    /// Why a model is missing, in words.
    pub missing: Vec<String>,
}

/// Churn models that an earlier run trained, and by what this run would train them.
pub struct KeptChurn {
    /// By segment; none where it is to be trained.
    pub reports: [Option<ChurnReport>; 2],
    /// Digest of what models are trained by.
    pub trained_by: String,
}

/// A fit, and why the models before it in the list do not score.
type CycleFit = (Fitted, Vec<String>);

impl Trained {
    /// Of a run that asks for no model.
    pub fn none(inputs: Inputs) -> Self {
        let artefacts = Artefacts { value: None, margin: None, correction: None, cycle: None, churn: [None, None], inputs };
        Self { artefacts, cycle: None, churn: [None, None], due: None, grades: Vec::new(), missing: Vec::new() }
    }
}

/// Trains and grades all models of a run. What the purchase-cycle models alone learnt from goes from `state` before churn is trained.
///
/// # Errors
/// `Bug` only: what does not converge is missing, and said so.
pub fn train(state: &mut State, dates: &Dates, inputs: Inputs, (of_cycle, params): (&cycle::Params, &churn::Params), mut kept: KeptChurn) -> Result<Trained> {
    let mut missing = Vec::new();
    let mut grades = Vec::new();
    let Choice { params: of_cycle, candidates, mut fits } = choose(state, dates, of_cycle, &mut grades);
    let fitted = |snapshot: &Snapshot| match fits.remove(&snapshot.date) {
        Some(fit) => Ok((fit, Vec::new())),
        None => of_cycle.fit(&snapshot.cells),
    };
    let cycles: Vec<Result<CycleFit>> = state.snapshots.iter().map(fitted).collect();
    let mut cycle = cycle_report(state, (dates, &of_cycle), cycles.last(), &mut grades, &mut missing);
    let models: Vec<Option<Model>> = cycles.iter().map(|fit| fit.as_ref().ok().map(|fit| fit.0.model.clone())).collect();
    if let Some(report) = &mut cycle {
        let (challengers, correction) = challenge(state, dates, (&of_cycle, &inputs), (&models, &report.return_grades), &mut grades);
        (report.candidates, report.challengers, report.correction) = (candidates, challengers, correction);
    }
    state.snapshots.iter_mut().for_each(|snapshot| (snapshot.cells, snapshot.buyers) = Default::default());
    match worth::value(&state.spent) {
        Ok(fit) => cycle.iter_mut().for_each(|report| report.value = Some(fit.clone())),
        Err(error) => missing.push(error.to_string()),
    }
    let name = cycle.as_ref().map_or("cycle", |cycle| &cycle.model);
    let mut churn = [None, None];
    for segment in params.population.segments() {
        if let Some(report) = kept.reports[segment as usize].take() {
            match report.accept(&inputs, name) {
                Ok(()) => churn[segment as usize] = Some(report),
                Err(why) => missing.push(why.to_string()),
            }
            continue;
        }
        let all: Vec<Dated<'_>> = state.snapshots.iter().zip(&models).map(|(snapshot, model)| snapshot.dated(segment, model.as_ref())).collect();
        let report = all.split_last().map(|(test, training)| churn_report(dates, (training, *test), (segment, &inputs), (params, name, &kept.trained_by)));
        match report.transpose() {
            Err(error) if error.kind() == Kind::Input => missing.push(format!("{}{error}", if segment == Segment::Newcomer { "newcomers: " } else { "" })),
            report => churn[segment as usize] = report?,
        }
    }
    churn.iter().flatten().for_each(|report| grades.extend(report.grades()));
    let value = cycle.as_ref().and_then(|report| report.value.as_ref()).map(|valued| valued.worth);
    let correction = cycle.as_ref().and_then(|report| report.correction.clone());
    let artefacts = Artefacts {
        value,
        margin: cycle.as_ref().and_then(|report| report.margin),
        correction,
        cycle: cycle.as_ref().map(|report| report.fit.model.clone()),
        churn: churn.each_ref().map(|report| report.as_ref().map(|report| report.fitted.clone())),
        inputs,
    };
    Ok(Trained { artefacts, cycle, churn, due: None, grades, missing })
}

fn cycle_report(
    state: &State,
    (dates, params): (&Dates, &cycle::Params),
    test_fit: Option<&Result<CycleFit>>,
    grades: &mut Vec<GradeRow>,
    missing: &mut Vec<String>,
) -> Option<CycleReport> {
    let report = |fitted_on, graded, (fit, failed): CycleFit, cells: &Cells| CycleReport {
        model: fit.model.name(),
        fitted_on,
        graded,
        fit: fit.with_standard_errors(cells, params.prior.as_ref()),
        failed,
        return_grades: Vec::new(),
        candidates: Vec::new(),
        cohorts: BTreeMap::new(),
        challengers: Vec::new(),
        correction: None,
        value: None,
        margin: Margin::learn(&state.earned),
    };
    let (Some(Ok(fit)), Some(snapshot)) = (test_fit, state.snapshots.last()) else {
        // Too little history before the test date: the newest date's fit scores, ungraded.
        return match params.fit(&state.cells) {
            Ok(fit) => Some(report(dates.as_of, false, fit, &state.cells)),
            Err(error) => {
                missing.push(error.to_string());
                None
            }
        };
    };
    let mut report = report(dates.test, true, fit.clone(), &snapshot.cells);
    let (model, name) = (&fit.0.model, report.model.clone());
    for (index, &days) in RETURN_DAYS.iter().enumerate() {
        let graded = returns(model, snapshot, index);
        if !graded.is_empty() {
            let grade = grade(&graded);
            grades.extend(rows(&About::all(&name, dates.test, "return", days), &grade, None));
            report.return_grades.push((days, grade));
        }
    }
    Some(report)
}
