//! NBD: orders come as a Poisson process with a gamma-distributed rate, and nobody ever drops out: the simplest model, to which others fall back.
//!
//! Source: Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8:1. Symbols: r, alpha of the gamma; x, T of the customer. Time
//! runs in days.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::{digamma, ln_gamma};

use super::fit::{self, Fit, Likelihood, Logs, MOST, Prior};
use super::{Cell, Cells, stages};
use crate::error::Result;

/// A model with its parameters; rates are per day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nbd {
    /// Shape of the gamma of order rates.
    pub r: f64,
    /// Scale of it, in days.
    pub alpha: f64,
}

impl Likelihood for Nbd {
    const NAME: &'static str = "NBD";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha"];
    /// Value, and its derivative by r.
    type OfX = (f64, f64);

    fn values(&self) -> Vec<f64> {
        vec![self.r, self.alpha]
    }

    fn with(&self, values: &[f64]) -> Self {
        Self { r: values[0], alpha: values[1] }
    }

    fn of_x(&self, x: u32) -> (f64, f64) {
        let (Self { r, alpha }, x) = (*self, f64::from(x));
        (ln_gamma(r + x) - ln_gamma(r) + r * alpha.ln(), digamma(r + x) - digamma(r) + alpha.ln())
    }

    fn shift(&self) -> f64 {
        self.alpha
    }

    fn of_cell(&self, of_x: &(f64, f64), logs: &Logs, cell: Cell) -> (f64, [f64; MOST]) {
        let (events, ln_waited) = (self.r + f64::from(cell.x), logs.at(cell.observed));
        (of_x.0 - events * ln_waited, [of_x.1 - ln_waited, self.r / self.alpha - events / self.waited(cell), 0.0, 0.0])
    }
}

impl Nbd {
    /// The chance of an order within `days`.
    pub fn return_probability(&self, cell: Cell, days: f64) -> f64 {
        -(-self.orders(cell, 1.0) * self.waited(cell) * (days / self.waited(cell)).ln_1p()).exp_m1()
    }

    /// The chance of so many order days or more within `days`.
    pub fn at_least(&self, cell: Cell, days: f64, count: u32) -> f64 {
        stages::at_least(count as usize, self.r + f64::from(cell.x), days / self.waited(cell))
    }

    fn waited(&self, cell: Cell) -> f64 {
        self.alpha + f64::from(cell.observed)
    }

    /// Days until the next order, of which a share has ordered.
    pub fn next_order_days(&self, cell: Cell, share: f64) -> f64 {
        self.waited(cell) * (-(-share).ln_1p() / (self.r + f64::from(cell.x))).exp_m1()
    }

    /// Expected orders within `days`.
    pub fn orders(&self, cell: Cell, days: f64) -> f64 {
        (self.r + f64::from(cell.x)) / self.waited(cell) * days
    }
}

/// Fits the model.
///
/// # Errors
/// `Input` if there is no repeat buyer, or no start converges.
pub fn fit(cells: &Cells, prior: Option<&Prior>) -> Result<Fit<Nbd>> {
    let starts = [0.1, 0.5, 2.0].map(|times| vec![0.5, cells.mean_observed() * times]);
    fit::fit(Nbd { r: 1.0, alpha: 1.0 }, cells, &starts, prior)
}

#[cfg(test)]
mod tests {
    use super::super::fit::assert_gradient;
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_value() {
        for cell in [Cell { x: 0, t_x: 0, observed: 90, cohort: 0 }, Cell { x: 50, t_x: 71, observed: 200, cohort: 0 }] {
            assert_gradient(Nbd { r: 0.35, alpha: 20.0 }, cell);
        }
    }
}
