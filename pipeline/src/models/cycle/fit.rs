//! Maximum likelihood over distinct weighted cells, for every model whose parameters are above 0: several starts, convergence by the gradient,
//! standard errors by the curvature.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::Serialize;

use super::{Cell, Cells};
use crate::error::{Error, Kind, Result};
use crate::models::optimise::{Minimum, Start, inverse, minimise};

/// Cells of one block of the sum: a constant, so that the sum has one order whatever the threads.
const BLOCK: usize = 4096;
/// Starts are tried on about so many cells.
const THINNED: usize = 16_384;
/// Parameters beyond e to this are at the boundary: the data do not hold them.
const LOG_BOUND: f64 = 12.0;
/// Step of the differences of the gradient that give the curvature, in log parameters.
const CURVATURE_STEP: f64 = 1e-4;
/// The most parameters of a model.
pub const MOST: usize = 4;

/// A model's view of one customer.
pub trait Likelihood: Copy + Sync {
    /// What it is called in errors.
    const NAME: &'static str;
    /// Its parameters, each above 0.
    const PARAMETERS: &'static [&'static str];
    /// The parts of value and gradient that depend on x alone.
    type OfX: Sync;

    /// Values of the parameters, in their order.
    fn values(&self) -> Vec<f64>;

    /// The same model with other values.
    fn with(&self, values: &[f64]) -> Self;

    /// What cells of one x share.
    fn of_x(&self, x: u32) -> Self::OfX;

    /// The days that are added to those of a customer before logarithms are taken: alpha, mostly.
    fn shift(&self) -> f64;

    /// Log-likelihood of one customer in days, and its gradient by the parameters; `logs` are those of shifted days.
    fn of_cell(&self, of_x: &Self::OfX, logs: &Logs, cell: Cell) -> (f64, [f64; MOST]);

    /// What the log-likelihood of all customers has beside the sum over cells.
    fn constant(&self, cells: &Cells) -> f64 {
        let _ = cells;
        0.0
    }

    /// The same of a customer who stands alone.
    fn log_likelihood(&self, cell: Cell) -> (f64, [f64; MOST]) {
        self.of_cell(&self.of_x(cell.x), &Logs::new(self.shift(), 0), cell)
    }
}

/// Logarithms of shifted days: days are whole, so that a table has those of all customers.
#[derive(Debug)]
pub struct Logs {
    shift: f64,
    table: Vec<f64>,
}

impl Logs {
    /// Of days below `days`; of others they are computed.
    fn new(shift: f64, days: u32) -> Self {
        Self { shift, table: (0..days).map(|day| (shift + f64::from(day)).ln()).collect() }
    }

    /// ln(shift + day).
    #[inline]
    pub fn at(&self, day: u32) -> f64 {
        self.table.get(day as usize).copied().unwrap_or_else(|| (self.shift + f64::from(day)).ln())
    }
}

/// More days than these are rare.
const TABLE_DAYS: u32 = 20_000;

/// A belief about parameters before any customer is seen: log parameters are normal, independently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prior {
    /// About the logs of these, by parameter; times are days. Of parameters without one nothing is believed.
    pub centres: BTreeMap<String, f64>,
    /// Standard deviation of each log parameter.
    pub deviation: f64,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit<M> {
    /// The model with its parameters; times are days.
    pub model: M,
    /// Log-likelihood of all customers, in days, without the prior.
    pub log_likelihood: f64,
    /// Customers.
    pub customers: u64,
    /// Largest component of the gradient per customer, in log parameters.
    pub gradient_max: f64,
    /// Standard errors of the log parameters, in their order; none where the likelihood is flat, or nobody asked.
    pub standard_errors: Option<Vec<f64>>,
    /// Whether a parameter is so large or small that the data do not hold it.
    pub at_boundary: bool,
}

impl<M> Fit<M> {
    /// The same fit of a model that is seen otherwise.
    pub fn map<N>(self, see: impl FnOnce(M) -> N) -> Fit<N> {
        let Self { model, log_likelihood, customers, gradient_max, standard_errors, at_boundary } = self;
        Fit { model: see(model), log_likelihood, customers, gradient_max, standard_errors, at_boundary }
    }
}

/// Finds the parameters of the largest likelihood, from several starts.
///
/// # Errors
/// `Input` if there is no repeat buyer, or no start converges: the caller takes the next simpler model.
pub fn fit<M: Likelihood>(model: M, cells: &Cells, starts: &[Vec<f64>], prior: Option<&Prior>) -> Result<Fit<M>> {
    if cells.repeat_days() == 0 {
        return Err(Error::new(Kind::Input, format!("{}: expected customers with a repeat order day, got none", M::NAME)));
    }
    let customers = cells.customers() as f64;
    let weighted = weighted(cells);
    let logs = |values: &[f64]| Array1::from_iter(values.iter().map(|value| value.max(1e-3).ln()));
    let on = |cells: &[(Cell, f64)], start: Start| minimise(start, LOG_BOUND, |at| loss(model, cells, customers, prior, at));
    let best_of = |cells: &[(Cell, f64)]| -> Option<Minimum> {
        let tried = starts.iter().map(|start| on(cells, Start::at(logs(start))));
        tried.filter(|found| found.converged || found.at_boundary).min_by(|a, b| a.value.total_cmp(&b.value))
    };
    // Where there are many cells, a few of them show which start leads to the maximum, and near to it.
    let thinned = (weighted.len() > 2 * THINNED).then(|| best_of(&thinned(&weighted))).flatten().filter(|near| near.converged);
    let best = thinned.map(|near| on(&weighted, near.start())).filter(|found| found.converged).or_else(|| best_of(&weighted));
    let best = best.ok_or_else(|| {
        let starts = starts.len();
        Error::new(Kind::Input, format!("{}: expected the likelihood to have a maximum, got no convergence from {starts} starts", M::NAME))
    })?;
    let model = model.with(&best.at.mapv(f64::exp).to_vec());
    let sum = mean_loss(model, &weighted, customers, &best.at).0 * -customers;
    Ok(Fit {
        model,
        log_likelihood: sum + model.constant(cells),
        customers: cells.customers(),
        gradient_max: best.gradient_max,
        standard_errors: None,
        at_boundary: best.at_boundary,
    })
}

fn weighted(cells: &Cells) -> Vec<(Cell, f64)> {
    cells.counts().iter().map(|&(cell, count)| (cell, count as f64)).collect()
}

/// Few enough cells that they tell one model from another at a fraction of the cost; None where there are few anyway.
pub fn fewer(cells: &Cells) -> Option<Cells> {
    let few = (cells.counts().len() > 2 * THINNED).then(|| thinned(&weighted(cells)))?;
    Some(Cells { counts: few.into_iter().map(|(cell, weight)| (cell, weight as u64)).collect(), gaps: cells.gaps.clone() })
}

/// Standard errors of the log parameters of a model at its maximum: roots of the diagonal of the inverse of the curvature of all customers' loss;
/// None where it is not that of a minimum.
pub fn standard_errors<M: Likelihood>(model: M, cells: &Cells, prior: Option<&Prior>) -> Option<Vec<f64>> {
    let (weighted, customers) = (weighted(cells), cells.customers() as f64);
    let at: Array1<f64> = model.values().iter().map(|value| value.ln()).collect();
    let gradient = |at: &Array1<f64>| loss(model, &weighted, customers, prior, at).1;
    let count = at.len();
    let mut curvature = Array2::zeros((count, count));
    for index in 0..count {
        let moved = |by: f64| {
            let mut moved = at.clone();
            moved[index] += by;
            gradient(&moved)
        };
        let column = (moved(CURVATURE_STEP) - moved(-CURVATURE_STEP)) / (2.0 * CURVATURE_STEP);
        curvature.column_mut(index).assign(&column);
    }
    let symmetric = (&curvature + &curvature.t()) * (customers / 2.0);
    let variances = inverse(&symmetric)?.diag().to_vec();
    variances.iter().all(|variance| *variance > 0.0).then(|| variances.into_iter().map(f64::sqrt).collect())
}

/// About `THINNED` of the cells, which stand in their order: of each so many neighbours the one in the middle, for all of their customers.
fn thinned(cells: &[(Cell, f64)]) -> Vec<(Cell, f64)> {
    cells.chunks(cells.len().div_ceil(THINNED)).map(|some| (some[some.len() / 2].0, some.iter().map(|(_, weight)| weight).sum())).collect()
}

/// Mean negative log-likelihood less the prior's logarithm, and its gradient by log parameters.
fn loss<M: Likelihood>(model: M, cells: &[(Cell, f64)], customers: f64, prior: Option<&Prior>, at: &Array1<f64>) -> (f64, Array1<f64>) {
    let (mut value, mut gradient) = mean_loss(model, cells, customers, at);
    if let Some(Prior { centres, deviation }) = prior {
        let scale = customers * deviation * deviation;
        for (index, centre) in M::PARAMETERS.iter().enumerate().filter_map(|(index, name)| Some((index, centres.get(*name)?.ln()))) {
            let away = at[index] - centre;
            value += away * away / (2.0 * scale);
            gradient[index] += away / scale;
        }
    }
    (value, gradient)
}

/// Mean negative log-likelihood and its gradient by log parameters; blocks are added in order.
fn mean_loss<M: Likelihood>(model: M, cells: &[(Cell, f64)], customers: f64, logs: &Array1<f64>) -> (f64, Array1<f64>) {
    let values = logs.mapv(f64::exp).to_vec();
    let model = model.with(&values);
    let days = cells.iter().map(|(cell, _)| cell.observed).max().unwrap_or_default() + 1;
    let days_logs = Logs::new(model.shift(), days.min(TABLE_DAYS));
    let block = |cells: &[(Cell, f64)]| {
        let mut sum = [0.0; MOST + 1];
        // Cells stand in the order of x.
        let mut of_x = (u32::MAX, model.of_x(0));
        for &(cell, weight) in cells {
            if of_x.0 != cell.x {
                of_x = (cell.x, model.of_x(cell.x));
            }
            let (value, gradient) = model.of_cell(&of_x.1, &days_logs, cell);
            sum[0] += weight * value;
            sum[1..].iter_mut().zip(gradient).for_each(|(sum, part)| *sum += weight * part);
        }
        sum
    };
    let blocks: Vec<[f64; MOST + 1]> = cells.par_chunks(BLOCK).map(block).collect();
    let total = blocks.iter().fold([0.0; MOST + 1], |sum, block| std::array::from_fn(|index| sum[index] + block[index]));
    let gradient = values.iter().zip(&total[1..]).map(|(value, by)| -by * value / customers);
    (-total[0] / customers, gradient.collect())
}

/// A function's gradient, by differences of its value: what tests compare the formulas with.
#[cfg(test)]
pub fn assert_gradient<M: Likelihood + std::fmt::Debug>(model: M, cell: Cell) {
    let (_, gradient) = model.log_likelihood(cell);
    for (index, value) in model.values().into_iter().enumerate() {
        let step = 1e-5 * value;
        let moved = |by: f64| {
            let mut values = model.values();
            values[index] += by;
            model.with(&values).log_likelihood(cell).0
        };
        let numeric = (moved(step) - moved(-step)) / (2.0 * step);
        let slope = gradient[index];
        assert!((numeric - slope).abs() < 2e-5 * (1.0 + slope.abs()) / value.min(1.0), "{model:?} {cell:?} {index}: {numeric} {slope}");
    }
}
