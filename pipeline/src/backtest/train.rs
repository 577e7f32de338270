//! Training and grading: cycle models at each date from what that date may see, then churn, which takes their outputs.

use serde::Serialize;

use super::grades::{GradeRow, rows};
use crate::error::{Error, Kind, Result};
use crate::features::Feature;
use crate::labels::RETURN_DAYS;
use crate::metrics::{Grade, Graded, grade};
use crate::models::churn::{self, Example, Inputs, Rule};
use crate::models::cycle::bg_nbd;
use crate::shards::{Artefacts, Sampled, Snapshot, State};
use crate::time::{Dates, Day};

/// The published purchase-cycle artefact.
#[derive(Debug, Clone, Serialize)]
pub struct CycleReport {
    /// The model.
    pub model: &'static str,
    /// The date up to which it saw.
    pub fitted_on: Day,
    /// Whether it was graded on what followed; else its history is too short.
    pub graded: bool,
    /// The fit; rates are per day.
    pub fit: bg_nbd::Fit,
    /// Grades of the return probability, by horizon in days.
    pub return_grades: Vec<(i32, Grade)>,
}

/// The published churn artefact.
#[derive(Debug, Clone, Serialize)]
pub struct ChurnReport {
    /// The model.
    pub model: &'static str,
    /// Whose churn is asked for.
    pub population: crate::labels::Population,
    /// Dates of the training rows.
    pub training_dates: Vec<Day>,
    /// The date on which it was graded.
    pub test_date: Day,
    /// The fit.
    pub fit: churn::Fit,
    /// Its grade on the test date.
    pub grade: Grade,
    /// The best simple inactivity rule.
    pub rule: Option<Rule>,
    /// The rule's grade.
    pub rule_grade: Option<Grade>,
    /// The grade of the purchase-cycle model's own view of churn: it does not return.
    pub cycle_grade: Grade,
}

/// Models that score, what is published about them, and why one is missing.
pub struct Trained {
    /// What scores.
    pub artefacts: Artefacts,
    /// The purchase-cycle artefact.
    pub cycle: Option<CycleReport>,
    /// The churn artefact.
    pub churn: Option<ChurnReport>,
    /// All figures.
    pub grades: Vec<GradeRow>,
    /// Why a model is missing, in words.
    pub missing: Vec<String>,
}

/// Trains and grades all models of a run.
///
/// # Errors
/// `Bug` only: what does not converge is missing, and said so.
pub fn train(state: &State, dates: &Dates, items: &[Feature], params: &churn::Params) -> Result<Trained> {
    let inputs = Inputs::new(items, params.population.horizon_days);
    let mut missing = Vec::new();
    let mut grades = Vec::new();
    let cycles: Vec<Result<bg_nbd::Fit>> = state.snapshots.iter().map(|snapshot| bg_nbd::fit(&snapshot.cells)).collect();
    let cycle = cycle_report(state, dates, cycles.last(), &mut grades, &mut missing);
    let examples = |index: usize| {
        let parameters = cycles[index].as_ref().ok().map(|fit| &fit.parameters);
        examples(&state.snapshots[index], &inputs, parameters)
    };
    let test_index = state.snapshots.len() - 1;
    let training: Vec<Example> = (0..test_index).flat_map(examples).collect();
    let test = examples(test_index);
    let churn = match churn_report(dates, &inputs, &training, &test, params) {
        Ok(report) => Some(report),
        Err(error) if error.kind() == Kind::Input => {
            missing.push(error.to_string());
            None
        }
        Err(error) => return Err(error),
    };
    if let Some(report) = &churn {
        let horizon_days = params.population.horizon_days;
        let add = |grades: &mut Vec<GradeRow>, model: &str, grade: &Grade| {
            grades.extend(rows(model, dates.test, "churn", horizon_days, grade, report.rule_grade.as_ref()));
        };
        add(&mut grades, "logistic", &report.grade);
        report.rule_grade.iter().for_each(|grade| add(&mut grades, "inactivity_rule", grade));
        add(&mut grades, "bg_nbd", &report.cycle_grade);
    }
    let artefacts = Artefacts { cycle: cycle.as_ref().map(|report| report.fit.parameters), churn: churn.as_ref().map(|report| report.fit.clone()), inputs };
    Ok(Trained { artefacts, cycle, churn, grades, missing })
}

fn examples(snapshot: &Snapshot, inputs: &Inputs, cycle: Option<&bg_nbd::Parameters>) -> Vec<Example> {
    let example = |row: &Sampled| Example { values: inputs.of_cells(&row.values, row.cell, cycle), churned: row.labels.churned() };
    snapshot.population.iter().map(example).collect()
}

/// The cycle model's own view of churn: it does not return. Unknown counts as a coin's toss.
fn grade_of_cycle(inputs: &Inputs, test: &[Example]) -> Grade {
    let position = inputs.names().iter().position(|name| name == "cycle_return_probability");
    let churn = |row: &Example| position.map(|position| row.values[position]).filter(|returns| !returns.is_nan()).map_or(0.5, |returns| 1.0 - returns);
    grade(&test.iter().map(|row| (churn(row), row.churned)).collect::<Vec<Graded>>())
}

fn cycle_report(
    state: &State,
    dates: &Dates,
    test_fit: Option<&Result<bg_nbd::Fit>>,
    grades: &mut Vec<GradeRow>,
    missing: &mut Vec<String>,
) -> Option<CycleReport> {
    let report = |fitted_on, graded, fit| CycleReport { model: "bg_nbd", fitted_on, graded, fit, return_grades: Vec::new() };
    let Some(Ok(fit)) = test_fit else {
        // Too little history before the test date: the newest date's fit scores, ungraded.
        return match bg_nbd::fit(&state.cells) {
            Ok(fit) => Some(report(dates.as_of, false, fit)),
            Err(error) => {
                missing.push(error.to_string());
                None
            }
        };
    };
    let mut report = report(dates.test, true, *fit);
    let buyers = state.snapshots.last().map(|snapshot| snapshot.buyers.as_slice()).unwrap_or_default();
    for (index, &days) in RETURN_DAYS.iter().enumerate() {
        let graded = |row: &Sampled| {
            let returned = row.labels.order_days[index]? > 0;
            Some((fit.parameters.return_probability(row.cell, f64::from(days)), returned))
        };
        let graded: Vec<Graded> = buyers.iter().filter_map(graded).collect();
        if !graded.is_empty() {
            let grade = grade(&graded);
            grades.extend(rows("bg_nbd", dates.test, "return", days, &grade, None));
            report.return_grades.push((days, grade));
        }
    }
    Some(report)
}

fn churn_report(dates: &Dates, inputs: &Inputs, training: &[Example], test: &[Example], params: &churn::Params) -> Result<ChurnReport> {
    let names = inputs.names();
    let fit = churn::fit(&names, training, params)?;
    if test.is_empty() {
        return Err(Error::new(Kind::Input, format!("logistic churn model: expected customers to grade it on at {}, got none", dates.test)));
    }
    let graded = |probability: &dyn Fn(&[f64]) -> f64| grade(&test.iter().map(|row| (probability(&row.values), row.churned)).collect::<Vec<Graded>>());
    let rule = Rule::learn(&names, training);
    Ok(ChurnReport {
        model: "logistic",
        population: params.population,
        training_dates: dates.training.clone(),
        test_date: dates.test,
        grade: graded(&|values| fit.probability(values)),
        rule_grade: rule.as_ref().map(|rule| graded(&|values| rule.probability(values))),
        cycle_grade: grade_of_cycle(inputs, test),
        fit,
        rule,
    })
}
