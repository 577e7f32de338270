//! Who leaves: the inactivity rule and the logistic model, over the same rows.

mod inactivity;
mod logistic;
mod matrix;

pub use inactivity::Rule;
pub use logistic::{Fit, fit};
pub use matrix::{Column, Inputs};

use serde::Serialize;

use crate::config::{Faults, RawChurn};
use crate::labels::Population;

/// A labelled row: what was known at its date, by input, and whether the customer churned.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Values of the inputs; NaN where unknown.
    pub values: Vec<f64>,
    /// Whether there was no order in the label window.
    pub churned: bool,
}

/// The checked `churn` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    /// Whose churn is asked for, and over which window.
    pub population: Population,
    /// Fewer labelled customers than this fit no model.
    pub training_customers_min: usize,
    /// Weight of the squared coefficients, per row.
    pub ridge: f64,
    /// Largest component of the mean gradient of a converged fit.
    pub gradient_tolerance: f64,
    /// Most iterations of the solver.
    pub iterations_max: u64,
    /// Whether a run without a model is held.
    pub hold_without_model: bool,
}

impl Params {
    /// For a logistic of a few columns and many rows, of which nothing is known before.
    pub fn for_peers() -> Self {
        let population = Population { horizon_days: 0, active_days: 0, order_days_min: 0 };
        Self { population, training_customers_min: 100, ridge: 1e-6, gradient_tolerance: 1e-4, iterations_max: 200, hold_without_model: false }
    }
}

/// Checks the section.
pub fn check(raw: RawChurn, faults: &mut Faults<'_>) -> Params {
    let population = Population {
        horizon_days: faults.ranged("churn.horizon_days", raw.horizon_days, 1..=730) as i32,
        active_days: faults.ranged("churn.active_days", raw.active_days, 1..=1095) as i32,
        order_days_min: i64::from(faults.ranged("churn.order_days_min", raw.order_days_min, 1..=100)),
    };
    Params {
        population,
        training_customers_min: faults.ranged("churn.training_customers_min", raw.training_customers_min, 10..=1_000_000) as usize,
        ridge: faults.ranged("churn.ridge", raw.ridge, 0.0..=1.0),
        gradient_tolerance: faults.ranged("churn.gradient_tolerance", raw.gradient_tolerance, 1e-9..=1e-2),
        iterations_max: u64::from(faults.ranged("churn.iterations_max", raw.iterations_max, 1..=10_000)),
        hold_without_model: faults.required("churn.hold_without_model", raw.hold_without_model, "true or false").unwrap_or_default(),
    }
}
