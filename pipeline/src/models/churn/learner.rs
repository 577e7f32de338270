//! Churn models behind one interface: rows in, log-odds out, and what each input adds to them.

use std::sync::OnceLock;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::inputs::{RETURN_LOG_ODDS, finite_log_odds};
use super::logistic::{self, Fit};
use super::plan::{FEW, Plan, Split};
use super::{Example, Inputs, LogisticParams, Params, Rows, Rule};
use crate::config::RawChurnModel;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Graded, log_loss};
use crate::models::sigmoid;
use crate::models::trees::{self, Binned, Bins, Block, Objective, ROWS, Task, Trees, Values};

/// Days of silence, and own mean gaps of silence, that are tried.
const DAYS: &[f64] = &[7.0, 14.0, 21.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0, 180.0, 270.0, 365.0];
const GAPS: &[f64] = &[0.5, 1.0, 1.5, 2.0, 3.0, 4.0];
/// A logistic of a few dozen columns learns no more from more rows.
const LOGISTIC_ROWS: usize = 300_000;

/// Trees start from so much of the logistic's log-odds: what it has right they find again where it is so, and not where it is not.
const START: f64 = 0.5;

/// How large trees are, by how many rows they learn from: what they start from knows much already.
fn tree_params(rows: usize) -> trees::Params {
    let few = trees::Params {
        trees: 500,
        leaves: 4,
        rate: 0.08,
        l2: 10.0,
        word_l2: 10.0,
        leaf_rows_min: 30.0,
        leaf_curvature_min: 1e-3,
        gain_min: 1e-6,
        patience: 30,
    };
    if rows < FEW { few } else { trees::Params { leaves: 24, leaf_rows_min: 200.0, ..few } }
}

/// One fit of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Member {
    /// Silent for too long.
    Rule {
        /// Where its input stands.
        input: usize,
        rule: Rule,
    },
    /// No return in the horizon, by the purchase-cycle model.
    Cycle {
        /// Where the log-odds of a return stand.
        input: usize,
        /// Of whom it is unknown.
        churn_rate: f64,
    },
    /// Logistic regression.
    Logistic(Fit),
    /// Boosted trees, which start from a logistic.
    Trees { start: Fit, trees: Trees },
}

/// A fitted model: the mean of its fits, each of which left out other customers, and what that means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The model.
    pub model: RawChurnModel,
    /// Names of what it takes in.
    inputs: Vec<String>,
    /// Where trees cut inputs.
    bins: Option<Bins>,
    members: Vec<Member>,
    calibration: Calibration,
}

/// What was learnt.
pub struct Learnt {
    /// The model.
    pub model: Model,
    /// What it says of held-out customers at the newest training date, and who of them left.
    pub held_out: Vec<Graded>,
    /// Mean log-loss of that.
    pub log_loss: f64,
}

impl RawChurnModel {
    /// What others have to beat: none needs a fit of many parameters.
    pub const RULES: [Self; 3] = [Self::InactivityRule, Self::OwnCycleRule, Self::Cycle];

    /// Whether it is one of these.
    pub fn is_rule(self) -> bool {
        Self::RULES.contains(&self)
    }

    /// What it is called where the purchase-cycle model has a name.
    pub fn told(self, cycle: &str) -> &str {
        if self == Self::Cycle { cycle } else { self.name() }
    }
}

/// What all models learn from: what several of them need is made once, where it is needed.
pub struct Material<'a> {
    rows: &'a Rows<'a>,
    plan: &'a Plan,
    params: &'a Params,
    /// Rows as bins.
    binned: OnceLock<Binned>,
    /// The logistic of each split.
    logistics: OnceLock<Result<Vec<Fit>>>,
}

impl<'a> Material<'a> {
    /// These rows, used so.
    pub fn new(rows: &'a Rows<'a>, plan: &'a Plan, params: &'a Params) -> Self {
        Self { rows, plan, params, binned: OnceLock::new(), logistics: OnceLock::new() }
    }

    fn binned(&self) -> &Binned {
        let write = |row: usize, values: &mut [f64]| values.copy_from_slice(&self.rows.values(row as u32));
        self.binned.get_or_init(|| Binned::new(self.rows.len(), &self.rows.inputs().columns(), write))
    }

    fn logistics(&self) -> Result<&[Fit]> {
        let fit = |split: &Split| logistic(self.rows, &split.training, &self.params.logistic);
        let found = self.logistics.get_or_init(|| self.plan.splits.iter().map(fit).collect());
        found.as_deref().map_err(Clone::clone)
    }

    /// The fits of a model: a rule is one rule.
    fn members(&self, model: RawChurnModel) -> Result<Vec<Member>> {
        let (rows, training) = (self.rows, &self.plan.training);
        match model {
            RawChurnModel::InactivityRule => Ok(vec![rule(rows, "recency_days", DAYS, training)?]),
            RawChurnModel::OwnCycleRule => Ok(vec![rule(rows, "silence_gaps", GAPS, training)?]),
            RawChurnModel::Cycle => Ok(vec![of_cycle(rows, training)?]),
            RawChurnModel::Logistic => Ok(self.logistics()?.iter().cloned().map(Member::Logistic).collect()),
            RawChurnModel::Trees => self.logistics()?.iter().zip(&self.plan.splits).map(|(start, split)| self.boosted(start.clone(), split)).collect(),
        }
    }

    fn boosted(&self, mut start: Fit, split: &Split) -> Result<Member> {
        let rows = self.rows;
        let monotone = &self.params.directions(&rows.inputs().names());
        start.forget(monotone);
        start.coefficients.iter_mut().chain([&mut start.intercept]).for_each(|weight| *weight *= START);
        let all = 0..rows.len() as u32;
        let starts: Vec<f64> = all.clone().into_par_iter().map(|row| start.score(&rows.values(row))).collect();
        let targets: Vec<f64> = all.map(|row| f64::from(u8::from(rows.churned(row)))).collect();
        let task = Task { targets: &targets, starts: &starts, training: &split.training, validation: &split.held_out, monotone };
        let trees = trees::fit(Objective::Chance, self.binned(), &task, &tree_params(split.training.len()))?;
        Ok(Member::Trees { start, trees })
    }

    /// Learns a model.
    ///
    /// # Errors
    /// `Input` where too little is known, a fit did not converge, or an input is missing that the model is made of.
    pub fn learn(&self, model: RawChurnModel) -> Result<Learnt> {
        let members = self.members(model)?;
        let bins = (model == RawChurnModel::Trees).then(|| self.binned().bins().clone());
        let mut model = Model { model, inputs: self.rows.inputs().names(), bins, members, calibration: Calibration::NONE };
        let scored = model.held_out(self.rows, self.plan);
        if !model.model.is_rule() {
            model.calibration = Calibration::learn(&scored).unwrap_or(Calibration::NONE);
        }
        let held_out: Vec<Graded> = scored.into_iter().map(|(score, churned)| (sigmoid(model.calibration.of(score)), churned)).collect();
        Ok(Learnt { log_loss: log_loss(&held_out).unwrap_or(f64::INFINITY), model, held_out })
    }
}

fn missing(input: &str) -> Error {
    Error::new(Kind::Input, format!("churn model: expected `{input}` among the features of `churn.families`, got none"))
}

fn rule(rows: &Rows<'_>, input: &str, thresholds: &[f64], training: &[u32]) -> Result<Member> {
    let place = rows.inputs().names().iter().position(|name| name == input).ok_or_else(|| missing(input))?;
    let seen: Vec<(f64, bool)> = training.iter().map(|row| (rows.value(*row, place), rows.churned(*row))).collect();
    let rule = Rule::learn(input, thresholds, &seen).ok_or_else(|| Error::new(Kind::Input, "churn rule: expected labelled customers, got none"))?;
    Ok(Member::Rule { input: place, rule })
}

fn of_cycle(rows: &Rows<'_>, training: &[u32]) -> Result<Member> {
    let input = rows.inputs().names().iter().position(|name| name == RETURN_LOG_ODDS).ok_or_else(|| missing(RETURN_LOG_ODDS))?;
    let churned = training.iter().filter(|row| rows.churned(**row)).count();
    Ok(Member::Cycle { input, churn_rate: (churned as f64 + 1.0) / (training.len() as f64 + 2.0) })
}

fn logistic(rows: &Rows<'_>, training: &[u32], params: &LogisticParams) -> Result<Fit> {
    let mut keys: Vec<u64> = training.iter().map(|row| rows.key(*row)).collect();
    let last = if keys.len() > LOGISTIC_ROWS { *keys.select_nth_unstable(LOGISTIC_ROWS - 1).1 } else { u64::MAX };
    let some = training.iter().filter(|row| rows.key(**row) <= last);
    // Words have no order that a weight could follow: they are left out as what never varies is, whose weight is 0.
    let columns = rows.inputs().columns();
    let numbers = |row: u32| rows.values(row).into_iter().zip(&columns).map(|(value, column)| if *column == Values::Words { 0.0 } else { value }).collect();
    let examples: Vec<Example> = some.map(|row| Example { values: numbers(*row), churned: rows.churned(*row) }).collect();
    logistic::fit(&rows.inputs().names(), &examples, params)
}

impl Member {
    /// Log-odds of rows, one row's inputs after another's.
    fn scores(&self, bins: Option<&Bins>, values: &[f64], width: usize) -> Vec<f64> {
        let each = |score: &dyn Fn(&[f64]) -> f64| values.chunks_exact(width).map(score).collect();
        match self {
            Member::Rule { input, rule } => each(&|row| finite_log_odds(rule.probability(row[*input]))),
            Member::Cycle { input, churn_rate } => each(&|row| if row[*input].is_nan() { finite_log_odds(*churn_rate) } else { -row[*input] }),
            Member::Logistic(fit) => each(&|row| fit.score(row)),
            Member::Trees { start, trees } => {
                let Some(bins) = bins else { return Vec::new() };
                let (mut block, mut scores) = (Block::new(bins), Vec::with_capacity(values.len() / width));
                for some in values.chunks(ROWS * width) {
                    let mut starts = [0.0; ROWS];
                    for (place, row) in some.chunks_exact(width).enumerate() {
                        block.write(place, row, bins);
                        starts[place] = start.score(row);
                    }
                    scores.extend(&trees.scores(&block, Some(&starts))[..some.len() / width]);
                }
                scores
            }
        }
    }
}

impl Model {
    /// Whether it can score what `inputs` give.
    ///
    /// # Errors
    /// `Input` where the model takes in something else.
    pub fn accept(&self, inputs: &Inputs) -> Result<()> {
        let names = inputs.names();
        if names == self.inputs {
            return Ok(());
        }
        let other = self.inputs.iter().zip(&names).find(|(own, other)| own != other);
        let (own, other) = other.map_or((self.inputs.len().to_string(), names.len().to_string()), |(own, other)| (own.clone(), other.clone()));
        Err(Error::new(Kind::Input, format!("churn model {}: expected the features that it was trained on, `{own}`, got `{other}`", self.model.name())))
    }

    /// Log-odds before calibration: the mean of its fits.
    fn raw(&self, values: &[f64]) -> Vec<f64> {
        let width = self.inputs.len();
        let mut sum = vec![0.0; values.len() / width];
        for member in &self.members {
            sum.iter_mut().zip(member.scores(self.bins.as_ref(), values, width)).for_each(|(sum, score)| *sum += score);
        }
        let count = self.members.len() as f64;
        sum.iter_mut().for_each(|sum| *sum /= count);
        sum
    }

    /// P(churned) of rows, one row's inputs after another's.
    pub fn probabilities(&self, values: &[f64]) -> Vec<f64> {
        self.raw(values).into_iter().map(|score| sigmoid(self.calibration.of(score))).collect()
    }

    /// The same by the fit that left a part of all customers out, for rows of that part; None where no fit did.
    pub fn probabilities_unseen(&self, part: u64, values: &[f64]) -> Option<Vec<f64>> {
        let member = self.members.get(part as usize)?;
        Some(member.scores(self.bins.as_ref(), values, self.inputs.len()).into_iter().map(|score| sigmoid(self.calibration.of(score))).collect())
    }

    /// What each fit says of the rows that it is calibrated on.
    fn held_out(&self, rows: &Rows<'_>, plan: &Plan) -> Vec<(f64, bool)> {
        let of_member = |(number, some): (usize, &Vec<u32>)| {
            let member = &self.members[number.min(self.members.len() - 1)];
            let scored = |some: &[u32]| {
                let scores = member.scores(self.bins.as_ref(), &rows.all_values(some), self.inputs.len());
                scores.into_iter().zip(some).map(|(score, row)| (score, rows.churned(*row))).collect::<Vec<_>>()
            };
            some.par_chunks(ROWS).flat_map_iter(scored).collect::<Vec<_>>()
        };
        plan.calibrating.iter().enumerate().flat_map(of_member).collect()
    }
}

/// What explains a model's scores.
pub struct Explaining {
    model: Model,
    /// Of each fit that has trees.
    trees: Vec<Option<trees::Reasons>>,
    base: f64,
}

/// What a score is made of, in log-odds: these add up to that of the probability that is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Of the mean customer that was learnt from.
    pub base: f64,
    /// By input, what it adds.
    pub inputs: Vec<f64>,
    /// What calibration adds.
    pub calibration: f64,
}

impl Parts {
    /// The log-odds of the published probability.
    pub fn score(&self) -> f64 {
        self.base + self.inputs.iter().sum::<f64>() + self.calibration
    }
}

impl Explaining {
    /// What explains the scores of a model.
    pub fn of(model: Model) -> Self {
        let trees: Vec<Option<trees::Reasons>> =
            model.members.iter().map(|member| if let Member::Trees { trees, .. } = member { Some(trees.reasons()) } else { None }).collect();
        let base = |(member, trees): (&Member, &Option<trees::Reasons>)| match member {
            Member::Rule { rule, .. } => finite_log_odds(rule.rate_within),
            Member::Cycle { churn_rate, .. } => finite_log_odds(*churn_rate),
            Member::Logistic(fit) | Member::Trees { start: fit, .. } => fit.base() + trees.as_ref().map_or(0.0, trees::Reasons::mean_added),
        };
        let base = model.members.iter().zip(&trees).map(base).sum::<f64>() / model.members.len() as f64;
        Self { model, trees, base }
    }

    /// The parts of rows' scores, one row's inputs after another's.
    pub fn parts(&self, values: &[f64]) -> Vec<Parts> {
        let width = self.model.inputs.len();
        let mut sums = vec![0.0; values.len()];
        let binned: Vec<u8> = self.model.bins.as_ref().map_or_else(Vec::new, |bins| {
            let mut binned = vec![0; values.len()];
            values.chunks_exact(width).zip(binned.chunks_exact_mut(width)).for_each(|(row, place)| bins.write(row, place));
            binned
        });
        for (member, trees) in self.model.members.iter().zip(&self.trees) {
            for (row, parts) in values.chunks_exact(width).zip(sums.chunks_exact_mut(width)) {
                match member {
                    Member::Rule { input, rule } => parts[*input] += finite_log_odds(rule.probability(row[*input])) - finite_log_odds(rule.rate_within),
                    Member::Cycle { input, churn_rate } if !row[*input].is_nan() => parts[*input] += -row[*input] - finite_log_odds(*churn_rate),
                    Member::Cycle { .. } => {}
                    Member::Logistic(fit) | Member::Trees { start: fit, .. } => fit.explain(row, parts),
                }
            }
            trees.iter().for_each(|trees| trees.add(&binned, width, &mut sums));
        }
        let count = self.model.members.len() as f64;
        let scores = self.model.raw(values);
        let one = |(parts, score): (&[f64], f64)| Parts {
            base: self.base,
            inputs: parts.iter().map(|part| part / count).collect(),
            calibration: self.model.calibration.of(score) - score,
        };
        sums.chunks_exact(width).zip(scores).map(one).collect()
    }
}
