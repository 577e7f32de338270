//! Logistic regression by linfa, behind our own fit and score: its convergence is checked by the gradient, its probability is
//! mapped to churn by its labels.

use linfa::DatasetBase;
use linfa::prelude::Fit as _;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::matrix::Column;
use super::{Example, Params};
use crate::error::{Error, Kind, Result};

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
pub fn fit(names: &[String], rows: &[Example], params: &Params) -> Result<Fit> {
    let unusable = |why: String| Err(Error::new(Kind::Input, format!("logistic churn model: {why}")));
    let churned = rows.iter().filter(|row| row.churned).count();
    if rows.len() < params.training_customers_min {
        return unusable(format!("expected at least {} labelled customers, got {}", params.training_customers_min, rows.len()));
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
    let (coefficients, intercept) = match solve(matrix.view(), targets.view(), params, start) {
        Ok(solved) => solved,
        Err(error) => return unusable(format!("expected the solver to end, got: {error}")),
    };
    let gradient_max = gradient_max(&matrix, &targets, &coefficients, intercept, params.ridge);
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
    params: &Params,
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

/// Largest component of the gradient of the penalised mean loss.
fn gradient_max(matrix: &Array2<f64>, targets: &Array1<bool>, coefficients: &Array1<f64>, intercept: f64, ridge: f64) -> f64 {
    let errors = (matrix.dot(coefficients) + intercept).mapv(sigmoid) - targets.mapv(|churned| f64::from(u8::from(churned)));
    let count = targets.len() as f64;
    let gradient = matrix.t().dot(&errors) / count + coefficients * ridge;
    let of_intercept = errors.sum() / count;
    gradient.iter().fold(of_intercept.abs(), |max, component| max.max(component.abs()))
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl Fit {
    /// P(churned) of a customer with these input values.
    pub fn probability(&self, values: &[f64]) -> f64 {
        let row = Column::row(&self.columns, values);
        let z: f64 = row.iter().zip(&self.coefficients).map(|(value, weight)| value * weight).sum();
        sigmoid(z + self.intercept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Population;

    fn params() -> Params {
        let population = Population { horizon_days: 90, active_days: 90, order_days_min: 2 };
        Params { population, training_customers_min: 10, ridge: 1e-4, gradient_tolerance: 1e-5, iterations_max: 200, hold_without_model: false }
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

    #[test]
    fn a_solver_that_stops_early_is_an_error() {
        let stopped = Params { iterations_max: 1, ..params() };
        let names = vec!["recency_days".to_owned(), "noise".to_owned()];
        let error = fit(&names, &rows(2, 6), &stopped).expect_err("one step is not enough").to_string();
        assert!(error.contains("expected a mean gradient below"), "{error}");
    }
}
