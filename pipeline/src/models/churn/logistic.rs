//! Logistic regression by linfa, behind our own fit and score: its convergence is checked by the gradient, its probability is
//! mapped to churn by its labels.

use linfa::DatasetBase;
use linfa::prelude::Fit as _;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Example;
use super::matrix::Column;
use crate::config::RawDirection;
use crate::error::{Error, Kind, Result};
use crate::models::optimise::solved;
use crate::models::sigmoid;

/// How a logistic is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LogisticParams {
    /// Fewer rows fit none.
    pub rows_min: usize,
    /// Weight of the squared coefficients, per row.
    pub ridge: f64,
    /// Largest component of the mean gradient of a converged fit.
    pub gradient_tolerance: f64,
    /// Most iterations of the solver.
    pub iterations_max: u64,
}

impl LogisticParams {
    /// For a few columns and many rows, of which nothing is known before.
    pub const FEW_COLUMNS: Self = Self { rows_min: 100, ridge: 1e-6, gradient_tolerance: 1e-4, iterations_max: 200 };
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The inputs.
    pub columns: Vec<Column>,
    /// Log-odds of churn where all inputs are at their mean.
    pub intercept: f64,
    /// Weights of the matrix' columns: each input, then its indicator where it has one.
    pub coefficients: Vec<f64>,
    /// Largest component of the mean gradient at the fit.
    pub gradient_max: f64,
    /// Training rows.
    pub rows: usize,
}

/// Fits P(churned) to `rows`, in their order.
///
/// # Errors
/// `Input` where there are too few rows, one class only, or the solver stopped away from the minimum.
pub fn fit(names: &[String], rows: &[Example], params: &LogisticParams) -> Result<Fit> {
    let unusable = |why: String| Err(Error::new(Kind::Input, format!("logistic churn model: {why}")));
    let churned = rows.iter().filter(|row| row.churned).count();
    if rows.len() < params.rows_min {
        return unusable(format!("expected at least {} labelled customers, got {}", params.rows_min, rows.len()));
    }
    if churned == 0 || churned == rows.len() {
        return unusable(format!("expected customers who churned and who stayed, got {churned} of {} churned", rows.len()));
    }
    let columns = Column::learn(names, rows);
    let matrix = Column::matrix(&columns, rows);
    let targets = Array1::from_iter(rows.iter().map(|row| row.churned));
    // Rows stand in the order of a hash: each sixteenth of them is a fair sample, and its fit is near that of all.
    let rough: Vec<usize> = (0..rows.len()).step_by(ROUGH_STEP).collect();
    let rough_fit = || solve(matrix.select(Axis(0), &rough).view(), targets.select(Axis(0), &rough).view(), params, None).ok();
    let start = if rough.len() < ROUGH_ROWS { None } else { rough_fit() };
    let start = start.map(|start| newton(&matrix, &targets, start, params));
    let (coefficients, intercept) = match solve(matrix.view(), targets.view(), params, start) {
        Ok(solved) => solved,
        Err(error) => return unusable(format!("expected the solver to end, got: {error}")),
    };
    let gradient_max = Slope::of(&matrix, &targets, &coefficients, intercept, params.ridge).max();
    if gradient_max.is_nan() || gradient_max > params.gradient_tolerance {
        return unusable(format!("expected a mean gradient below {}, got {gradient_max:.2e} (`churn.iterations_max`)", params.gradient_tolerance));
    }
    Ok(Fit { columns, intercept, coefficients: coefficients.to_vec(), gradient_max, rows: rows.len() })
}

/// A fit of one row in so many says where the fit of all begins.
const ROUGH_STEP: usize = 16;
/// Fewer rows than this say too little.
const ROUGH_ROWS: usize = 2000;

/// Coefficients and intercept for the log-odds of churn, sought from `start`.
fn solve(
    matrix: ArrayView2<'_, f64>,
    targets: ArrayView1<'_, bool>,
    params: &LogisticParams,
    start: Option<(Array1<f64>, f64)>,
) -> std::result::Result<(Array1<f64>, f64), linfa_logistic::error::Error> {
    let count = targets.len() as f64;
    let mut solver = LogisticRegression::default()
        .alpha(params.ridge * count)
        .max_iterations(params.iterations_max)
        .gradient_tolerance(params.gradient_tolerance * count * 0.1);
    // linfa takes the more frequent class as the positive one.
    let churned = targets.iter().filter(|churned| **churned).count();
    if let Some((coefficients, intercept)) = start {
        let sign = if 2 * churned >= targets.len() { 1.0 } else { -1.0 };
        let mut all = coefficients.to_vec();
        all.push(intercept);
        solver = solver.initial_params(Array1::from(all) * sign);
    }
    let fitted = solver.fit(&DatasetBase::new(matrix, targets))?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Ok((fitted.params() * sign, fitted.intercept() * sign))
}

/// Newton's steps from a point near the minimum: linfa's solver, which knows no curvature, takes a hundred times as many looks at the rows.
fn newton(matrix: &Array2<f64>, targets: &Array1<bool>, mut at: (Array1<f64>, f64), params: &LogisticParams) -> (Array1<f64>, f64) {
    let mut slope = Slope::of(matrix, targets, &at.0, at.1, params.ridge);
    for _ in 0..NEWTON_STEPS {
        if slope.max() < params.gradient_tolerance * NEWTON_TOLERANCE {
            break;
        }
        let Some(step) = solved(curvature(matrix, &slope.probabilities, params.ridge), slope.gradient.clone()) else { break };
        let (of_coefficients, of_intercept) = step.view().split_at(Axis(0), at.0.len());
        let next = (&at.0 - &of_coefficients, at.1 - of_intercept.sum());
        let next_slope = Slope::of(matrix, targets, &next.0, next.1, params.ridge);
        // Not so near, then.
        if next_slope.max().is_nan() || next_slope.max() >= slope.max() {
            break;
        }
        (at, slope) = (next, next_slope);
    }
    at
}

/// More steps than these from near the minimum say that it is not near.
const NEWTON_STEPS: usize = 8;
/// linfa stops at a tenth of the tolerance: the point is well below.
const NEWTON_TOLERANCE: f64 = 0.01;
/// Rows of a block of the sum: a constant, so that the sum has one order whatever the threads.
const BLOCK: usize = 4096;

/// Second derivatives of the penalised mean loss, by coefficients and, last, the intercept.
fn curvature(matrix: &Array2<f64>, probabilities: &Array1<f64>, ridge: f64) -> Array2<f64> {
    let (rows, inputs) = matrix.dim();
    let block = |start: usize| {
        let range = Slice::from(start..(start + BLOCK).min(rows));
        let some = matrix.slice_axis(Axis(0), range);
        let mut block = Array2::ones((some.nrows(), inputs + 1));
        block.slice_axis_mut(Axis(1), Slice::from(..inputs)).assign(&some);
        let weights = probabilities.slice_axis(Axis(0), range).mapv(|p| p * (1.0 - p));
        let weighted = &block * &weights.insert_axis(Axis(1));
        block.t().dot(&weighted)
    };
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    let blocks: Vec<Array2<f64>> = starts.into_par_iter().map(block).collect();
    let mut curvature = blocks.iter().fold(Array2::zeros((inputs + 1, inputs + 1)), |sum, block| sum + block) / rows as f64;
    (0..inputs).for_each(|input| curvature[[input, input]] += ridge);
    curvature
}

/// The penalised mean loss at a point: what it says of each row, and its gradient by coefficients and, last, the intercept.
struct Slope {
    probabilities: Array1<f64>,
    gradient: Array1<f64>,
}

impl Slope {
    fn of(matrix: &Array2<f64>, targets: &Array1<bool>, coefficients: &Array1<f64>, intercept: f64, ridge: f64) -> Self {
        let probabilities = (matrix.dot(coefficients) + intercept).mapv(sigmoid);
        let errors = &probabilities - &targets.mapv(|churned| f64::from(u8::from(churned)));
        let count = targets.len() as f64;
        let mut gradient = (matrix.t().dot(&errors) / count + coefficients * ridge).to_vec();
        gradient.push(errors.sum() / count);
        Self { probabilities, gradient: gradient.into() }
    }

    /// Its largest component.
    fn max(&self) -> f64 {
        self.gradient.iter().fold(0.0, |max: f64, component| if component.is_nan() { f64::NAN } else { max.max(component.abs()) })
    }
}

impl Fit {
    /// Lets go of inputs whose weight goes the wrong way.
    pub fn forget(&mut self, monotone: &[Option<RawDirection>]) {
        let mut goes_wrong = Vec::new();
        let mut directions = monotone.iter();
        self.each(|column, [weight, _]| {
            let wrong = match directions.next().copied().flatten() {
                Some(RawDirection::Rising) => weight < 0.0,
                Some(RawDirection::Falling) => weight > 0.0,
                None => false,
            };
            goes_wrong.push(wrong);
            goes_wrong.extend(column.indicator.then_some(false));
        });
        self.coefficients.iter_mut().zip(goes_wrong).filter(|(_, wrong)| *wrong).for_each(|(weight, _)| *weight = 0.0);
    }

    /// Log-odds of churn of a customer with these input values.
    pub fn score(&self, values: &[f64]) -> f64 {
        let row = Column::row(&self.columns, values);
        let z: f64 = row.iter().zip(&self.coefficients).map(|(value, weight)| value * weight).sum();
        z + self.intercept
    }

    /// P(churned) of a customer with these input values.
    pub fn probability(&self, values: &[f64]) -> f64 {
        sigmoid(self.score(values))
    }

    /// The mean log-odds of the rows that were learnt from: with what inputs add, those of a row.
    pub fn base(&self) -> f64 {
        // Known values are 0 in the mean, and unknown ones 0 each.
        let mut base = self.intercept;
        self.each(|column, [_, of_unknown]| base += of_unknown * column.unknown_share);
        base
    }

    /// Adds to `parts` what each input adds to the log-odds, beyond the mean: Shapley values, inputs taken as independent.
    ///
    /// Source: Lundberg, Lee (2017), A Unified Approach to Interpreting Model Predictions, NIPS, Corollary 1.
    pub fn explain(&self, values: &[f64], parts: &mut [f64]) {
        let mut inputs = values.iter().zip(parts);
        self.each(|column, [of_value, of_unknown]| {
            let Some((value, part)) = inputs.next() else { return };
            let is_unknown = f64::from(u8::from(value.is_nan()));
            *part += of_value * column.scaled(*value) + of_unknown * (is_unknown - column.unknown_share);
        });
    }

    /// Each column with the weights of its value and of its being unknown.
    fn each(&self, mut visit: impl FnMut(&Column, [f64; 2])) {
        let mut weights = self.coefficients.iter().copied();
        let mut weight = || weights.next().unwrap_or_default();
        for column in &self.columns {
            let of_value = weight();
            visit(column, [of_value, if column.indicator { weight() } else { 0.0 }]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> LogisticParams {
        LogisticParams { rows_min: 10, ridge: 1e-4, gradient_tolerance: 1e-5, iterations_max: 200 }
    }

    /// Churn is likelier with a higher input; `every` of ten rows of the low half churn.
    fn rows(low: usize, high: usize) -> Vec<Example> {
        let row = |index: usize| {
            let upper = index >= 50;
            let churned = index % 10 < if upper { high } else { low };
            let value = if index.is_multiple_of(17) {
                f64::NAN
            } else if upper {
                30.0
            } else {
                3.0
            };
            Example { values: vec![value, index as f64], churned }
        };
        (0..100).map(row).collect()
    }

    #[test]
    fn churn_is_the_positive_class_at_any_rate() {
        let names = vec!["recency_days".to_owned(), "noise".to_owned()];
        for (low, high) in [(2, 6), (4, 8)] {
            let rows = rows(low, high);
            let fit = fit(&names, &rows, &params()).expect("converges");
            let mean = rows.iter().map(|row| fit.probability(&row.values)).sum::<f64>() / 100.0;
            // With an intercept the mean prediction is the base rate: 40 % and 60 %.
            assert!((mean - (low + high) as f64 / 20.0).abs() < 1e-3, "{mean}");
            assert!(fit.probability(&[30.0, 75.0]) > fit.probability(&[3.0, 25.0]));
        }
    }

    /// Newton's steps end where the solver ends that knows nothing of them.
    #[test]
    fn newtons_steps_lead_to_the_same_fit() {
        let names = vec!["recency_days".to_owned(), "noise".to_owned()];
        let (rows, params) = (rows(2, 6), LogisticParams { gradient_tolerance: 1e-7, ..params() });
        let fit = fit(&names, &rows, &params).expect("converges");
        let matrix = Column::matrix(&fit.columns, &rows);
        let targets = Array1::from_iter(rows.iter().map(|row| row.churned));
        let (coefficients, intercept) = newton(&matrix, &targets, (Array1::zeros(matrix.ncols()), 0.0), &params);
        let off = (&coefficients - &Array1::from(fit.coefficients)).iter().fold((intercept - fit.intercept).abs(), |max: f64, off| max.max(off.abs()));
        assert!(off < 1e-4, "{off}");
    }

    #[test]
    fn a_solver_that_stops_early_is_an_error() {
        let stopped = LogisticParams { iterations_max: 1, ..params() };
        let names = vec!["recency_days".to_owned(), "noise".to_owned()];
        let error = fit(&names, &rows(2, 6), &stopped).expect_err("one step is not enough").to_string();
        assert!(error.contains("expected a mean gradient below"), "{error}");
    }

    /// Parts and the mean are the score; the mean is that of the rows.
    #[test]
    fn parts_add_up() {
        let names = vec!["recency_days".to_owned(), "noise".to_owned()];
        let rows = rows(2, 6);
        let fit = fit(&names, &rows, &params()).expect("converges");
        let mean = rows.iter().map(|row| fit.score(&row.values)).sum::<f64>() / 100.0;
        assert!((fit.base() - mean).abs() < 1e-9, "{} {mean}", fit.base());
        for values in [[30.0, 75.0], [f64::NAN, 3.0], [3.0, 1e6]] {
            let mut parts = [0.0; 2];
            fit.explain(&values, &mut parts);
            assert!((fit.base() + parts.iter().sum::<f64>() - fit.score(&values)).abs() < 1e-12, "{values:?} {parts:?}");
        }
    }
}
