//! Churn models side by side: learnt from dates whose labels were over, graded at a later one, of which they know nothing.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::grades::{About, GradeRow, of_churn, rows};
use crate::config::RawChurnModel;
use crate::error::{Error, Kind, Result};
use crate::labels::{Population, Segment};
use crate::metrics::{Compared, Economics, Figures, Grade, Graded, Order, grade};
use crate::models::churn::{self, Dated, Inputs, Learnt, Material, Plan, Rows, Separation};
use crate::models::trees::Values;
use crate::time::{Dates, Day};

/// So many customers are scored at once.
const SOME: usize = 4096;
/// Shares of customers of which the profit is told: twentieths.
const CURVE: usize = 20;

/// The published churn artefact: what scores, and the card that says where it comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChurnReport {
    /// The model that scores.
    pub model: String,
    /// Whom it scores: established customers or newcomers.
    pub segment: Segment,
    /// as_of of the run that trained it.
    pub trained_on: Day,
    /// Digest of what it was trained by: the definition, the features, the models, the customers who are erased.
    pub trained_by_sha256: String,
    /// Whose churn is asked for.
    pub population: Population,
    /// What counts as leaving.
    pub definition: String,
    /// Dates of the training rows, those that are calibrated on among them.
    pub training_dates: Vec<Day>,
    /// Rows that were learnt from, and how many of them left.
    pub training_rows: [usize; 2],
    /// What models were calibrated on, and chosen by.
    pub separation: Separation,
    /// The date on which all were graded.
    pub test_date: Day,
    /// The purchase-cycle model whose outputs they take in.
    pub cycle: String,
    /// Families of the features that they take in.
    pub families: Vec<String>,
    /// All models and rules.
    pub candidates: Vec<ChurnCandidate>,
    /// Whether the best model beats the best rule; none where there is no model.
    pub gate: Option<Gate>,
    /// What contacting customers costs and earns.
    pub economics: Economics,
    /// What is earned a customer, in minor units, where such a share of customers is contacted, those likeliest to leave first.
    pub profit_curve: Vec<(f64, f64)>,
    /// Where its inputs lay at the newest training date, and what it said of held-out customers there.
    pub profiles: Vec<churn::Profile>,
    /// What scores.
    pub fitted: churn::Model,
}

/// A model or rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChurnCandidate {
    /// Its name.
    pub model: String,
    /// Mean log-loss of held-out customers at the newest training date, by which it is chosen; of rules, of the rows that they were learnt from.
    pub held_out_log_loss: Option<f64>,
    /// Its grade at the test date.
    pub grade: Option<Grade>,
    /// Figures with intervals there.
    pub figures: Option<Figures>,
    /// Its grades by slice of customers: by order days, and of customers by the fit that learnt from none of their rows (`unseen`).
    pub slices: Vec<(String, Grade)>,
    /// Why it could not be fitted.
    pub failed: Option<String>,
}

/// The best model against the best rule, at the test date.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gate {
    /// The model.
    pub model: String,
    /// The rule that lost least there.
    pub rule: String,
    /// What it lost and earned more.
    pub compared: Compared,
    /// Whether the model scores: it lost less beyond chance, and did not earn less beyond chance.
    pub passed: bool,
}

impl ChurnReport {
    /// All figures.
    pub fn grades(&self) -> Vec<GradeRow> {
        let of = |candidate: &'_ ChurnCandidate| candidate.grade.clone().zip(candidate.figures.clone());
        let baseline = self.candidates.iter().find(|candidate| candidate.model == RawChurnModel::InactivityRule.name()).and_then(of);
        let baseline = baseline.as_ref().map(|(grade, figures)| (grade, figures));
        let mut all = Vec::new();
        for candidate in &self.candidates {
            let about = About::all(&candidate.model, self.test_date, self.segment.target(), self.population.horizon_days);
            let (Some(grade), Some(figures)) = (&candidate.grade, &candidate.figures) else { continue };
            all.extend(of_churn(&about, (grade, figures), baseline));
            candidate.slices.iter().for_each(|(slice, grade)| all.extend(rows(&About { slice, ..about }, grade, None)));
        }
        all
    }

    /// Whether it can score with what a purchase-cycle model says now.
    ///
    /// # Errors
    /// `Input` where it was trained with a model of another form, or with other features.
    pub fn accept(&self, inputs: &Inputs, cycle: &str) -> Result<()> {
        let form = |name: &'_ str| name.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned();
        if form(&self.cycle) != form(cycle) {
            let got = format!("churn model of {}: expected the purchase-cycle model {} that it was trained with, got {cycle}", self.trained_on, self.cycle);
            return Err(Error::new(Kind::Input, format!("{got}: the next run trains another")));
        }
        self.fitted.accept(inputs)
    }

    /// Whether it can score at a later run without being trained again: it was trained by the same, and fewer than so many days before.
    pub fn is_fresh(&self, (as_of, trained_by): (Day, &str), days: i32) -> bool {
        (0..i64::from(days)).contains(&as_of.since(self.trained_on)) && self.trained_by_sha256 == trained_by
    }
}

/// A model or rule that was learnt, and what it foretells at a later date.
pub struct Foretold {
    /// What was learnt.
    pub learnt: Learnt,
    /// The chance to leave, by row.
    pub chances: Vec<f64>,
    /// The same where some fit of the model had left the customer out.
    unseen: Vec<Option<f64>>,
}

/// What the models and rules learnt, each by itself.
pub struct Side {
    /// How rows were used.
    pub plan: Plan,
    /// By model, what it foretells, or why it cannot.
    pub models: BTreeMap<RawChurnModel, std::result::Result<Foretold, String>>,
}

/// Learns all models and rules from dates, the newest last, and foretells with each at `test`.
///
/// # Errors
/// `Input` where there are too few rows, or too few who left or stayed.
pub fn side_by_side(training: &[Dated<'_>], test: &Rows<'_>, is_over: &dyn Fn(Day, Day) -> bool, params: &churn::Params) -> Result<Side> {
    let rows = Rows::of(test.inputs(), training);
    let plan = Plan::of(&rows, is_over, (params.training_customers_min, params.training_events_min))?;
    let material = Material::new(&rows, &plan, params);
    let of = |model: RawChurnModel| {
        let learnt = material.learn(model).map_err(|error| error.to_string());
        (model, learnt.map(|learnt| foretell(learnt, test, plan.splits.len())))
    };
    let models = RawChurnModel::RULES.iter().chain(&params.models).map(|model| of(*model)).collect();
    Ok(Side { plan, models })
}

fn foretell(learnt: Learnt, test: &Rows<'_>, fits: usize) -> Foretold {
    let all: Vec<u32> = (0..test.len() as u32).collect();
    let scored = |some: &[u32]| learnt.model.probabilities(&test.all_values(some));
    let chances = all.par_chunks(SOME).flat_map_iter(scored).collect();
    let mut unseen = vec![None; all.len()];
    for part in 0..if learnt.model.model.is_rule() { 0 } else { fits as u64 } {
        let of_part: Vec<u32> = all.iter().copied().filter(|row| test.part(*row) == part).collect();
        let chances = learnt.model.probabilities_unseen(part, &test.all_values(&of_part)).unwrap_or_default();
        of_part.into_iter().zip(chances).for_each(|(row, chance)| unseen[row as usize] = Some(chance));
    }
    Foretold { learnt, chances, unseen }
}

impl Foretold {
    /// Chances, and who left.
    pub fn graded(&self, test: &Rows<'_>) -> Vec<Graded> {
        (0..).zip(&self.chances).map(|(row, chance)| (*chance, test.churned(row))).collect()
    }

    fn unseen(&self, test: &Rows<'_>) -> Option<Grade> {
        let graded: Vec<Graded> = (0..).zip(&self.unseen).filter_map(|(row, chance)| Some(((*chance)?, test.churned(row)))).collect();
        (!graded.is_empty()).then(|| grade(&graded))
    }
}

impl Side {
    /// The one that lost least of held-out customers.
    fn best(&self, among: &[RawChurnModel]) -> Option<RawChurnModel> {
        let fitted = among.iter().filter_map(|model| Some((*model, self.models.get(model)?.as_ref().ok()?.learnt.log_loss)));
        fitted.reduce(|best, next| if next.1 < best.1 { next } else { best }).map(|(model, _)| model)
    }
}

/// How customers of the population are told apart in grades, by their order days.
fn slice(order_days: u32) -> &'static str {
    match order_days {
        0..=1 => "order_days_1",
        2 => "order_days_2",
        3..=5 => "order_days_3_to_5",
        _ => "order_days_6_up",
    }
}

/// Where inputs and the score lie of the customers that a model is calibrated on.
fn profiles(rows: &Rows<'_>, plan: &Plan, learnt: &Learnt) -> Vec<churn::Profile> {
    let some: Vec<u32> = plan.calibrating.concat();
    let (names, columns) = (rows.inputs().names(), rows.inputs().columns());
    let of = |input: usize| churn::Profile::of(&names[input], columns[input], &some.par_iter().map(|row| rows.value(*row, input)).collect::<Vec<_>>());
    let chances: Vec<f64> = learnt.held_out.iter().map(|(chance, _)| *chance).collect();
    (0..names.len()).map(of).chain([churn::Profile::of("churn_probability", Values::Numbers, &chances)]).collect()
}

/// Whom models are graded on, and how.
struct Test<'a> {
    rows: Rows<'a>,
    dated: Dated<'a>,
    keys: Vec<u64>,
    params: &'a churn::Params,
    /// What the purchase-cycle model is called.
    cycle: &'a str,
}

/// A model's chances at the test date, and its grades there.
struct Judged {
    graded: Vec<Graded>,
    grade: Grade,
    figures: Figures,
}

impl<'a> Test<'a> {
    fn new(inputs: &'a Inputs, dated: Dated<'a>, params: &'a churn::Params, cycle: &'a str) -> Self {
        let rows = Rows::of(inputs, &[dated]);
        Self { keys: rows.keys(), rows, dated, params, cycle }
    }

    fn judge(&self, foretold: &Foretold) -> Judged {
        let graded = foretold.graded(&self.rows);
        Judged { grade: grade(&graded), figures: Figures::of(&self.keys, &graded, &self.params.economics), graded }
    }

    /// The grades of a model by slice of customers.
    fn slices(&self, judged: Option<&Judged>, unseen: Option<Grade>) -> Vec<(String, Grade)> {
        let mut slices: BTreeMap<&str, Vec<Graded>> = BTreeMap::new();
        let graded = judged.map_or(&[] as &[Graded], |judged| &judged.graded);
        graded.iter().zip(self.dated.rows).for_each(|(graded, row)| slices.entry(slice(row.cell.x + 1)).or_default().push(*graded));
        let slices = slices.into_iter().map(|(slice, graded)| (slice.to_owned(), grade(&graded)));
        slices.chain(unseen.map(|unseen| ("unseen".to_owned(), unseen))).collect()
    }

    fn candidate(&self, model: RawChurnModel, foretold: std::result::Result<&Foretold, &String>, judged: Option<&Judged>) -> ChurnCandidate {
        ChurnCandidate {
            model: model.told(self.cycle).to_owned(),
            held_out_log_loss: foretold.ok().map(|foretold| foretold.learnt.log_loss),
            grade: judged.map(|judged| judged.grade.clone()),
            figures: judged.map(|judged| judged.figures.clone()),
            slices: self.slices(judged, foretold.ok().and_then(|foretold| foretold.unseen(&self.rows))),
            failed: foretold.err().cloned(),
        }
    }

    /// What is earned at each share of customers contacted.
    fn curve(&self, graded: &[Graded]) -> Vec<(f64, f64)> {
        let shares: Vec<f64> = (0..=CURVE).map(|part| part as f64 / CURVE as f64).collect();
        let earned = Order::of(graded).curve(&self.params.economics, &shares);
        shares.into_iter().zip(earned).collect()
    }

    fn gate(&self, (model, rule): (RawChurnModel, RawChurnModel), judged: &BTreeMap<RawChurnModel, Judged>) -> Option<Gate> {
        let (own, other) = (judged.get(&model)?, judged.get(&rule)?);
        let compared = Compared::of(&self.keys, (&own.graded, &other.graded), &self.params.economics);
        Some(Gate { model: model.told(self.cycle).to_owned(), rule: rule.told(self.cycle).to_owned(), passed: compared.is_better(), compared })
    }
}

/// Learns and grades all models; the best of them scores, if it beats the best rule, else that rule.
///
/// # Errors
/// `Input` where too little is known to learn from, or to grade.
pub fn churn_report(
    dates: &Dates,
    (training, test): (&[Dated<'_>], Dated<'_>),
    (segment, inputs): (Segment, &Inputs),
    (params, cycle, trained_by): (&churn::Params, &str, &str),
) -> Result<ChurnReport> {
    let test = Test::new(inputs, test, params, cycle);
    let mut side = side_by_side(training, &test.rows, &|date, by| dates.is_over(date, params.population.horizon_days, by), params)?;
    if test.rows.is_empty() {
        return Err(Error::new(Kind::Input, format!("churn models: expected customers to grade them on at {}, got none", test.dated.date)));
    }
    let fitted = side.models.iter().filter_map(|(model, foretold)| Some((*model, test.judge(foretold.as_ref().ok()?))));
    let judged: BTreeMap<RawChurnModel, Judged> = fitted.collect();
    let candidates = side.models.iter().map(|(model, foretold)| test.candidate(*model, foretold.as_ref(), judged.get(model))).collect();
    let rule = side.best(&RawChurnModel::RULES).ok_or_else(|| Error::new(Kind::Input, "churn models: expected a rule to compare them with, got none"))?;
    let own: Vec<RawChurnModel> = params.models.iter().copied().filter(|model| !model.is_rule()).collect();
    let best = side.best(&own);
    // The rule that turned out best is the one to beat.
    let lost = |model: &RawChurnModel| judged.get(model).and_then(|judged| judged.grade.log_loss).unwrap_or(f64::INFINITY);
    let to_beat = RawChurnModel::RULES.into_iter().min_by(|a, b| lost(a).total_cmp(&lost(b))).unwrap_or(rule);
    let gate = best.and_then(|model| test.gate((model, to_beat), &judged));
    let scores = best.filter(|_| gate.as_ref().is_some_and(|gate| gate.passed)).unwrap_or(rule);
    let profit_curve = judged.get(&scores).map_or_else(Vec::new, |judged| test.curve(&judged.graded));
    let Some(Ok(foretold)) = side.models.remove(&scores) else { return Err(Error::bug("the churn model that scores was not learnt")) };
    let all = Rows::of(inputs, training);
    let left = side.plan.training.iter().filter(|row| all.churned(**row)).count();
    let mut families = inputs.families();
    families.dedup();
    Ok(ChurnReport {
        model: scores.told(cycle).to_owned(),
        segment,
        trained_on: dates.as_of,
        trained_by_sha256: trained_by.to_owned(),
        population: params.population,
        definition: if segment == Segment::Established {
            params.population.words()
        } else {
            format!("no second order day within {} days", params.population.horizon_days)
        },
        training_dates: dates.training.clone(),
        training_rows: [side.plan.training.len(), left],
        separation: side.plan.separation,
        test_date: test.dated.date,
        cycle: cycle.to_owned(),
        families: families.into_iter().map(str::to_owned).collect(),
        candidates,
        gate,
        economics: params.economics,
        profit_curve,
        profiles: profiles(&all, &side.plan, &foretold.learnt),
        fitted: foretold.learnt.model,
    })
}
