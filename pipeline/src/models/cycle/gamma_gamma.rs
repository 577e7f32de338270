//! Gamma-Gamma: what an order day is worth varies about a mean of the customer's own by a gamma, and these means by another, whatever the rate of
//! orders.
//!
//! Source: Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value. Symbols as there: p, q, v; x order days of mean value z. Values are in minor
//! units.

use std::collections::BTreeMap;

use ndarray::{Array1, array};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::{digamma, ln_gamma};

use crate::error::{Error, Kind, Result};
use crate::features::Facts;
use crate::models::optimise::{Start, minimise};

/// Customers of one block of the sum: a constant, so that the sum has one order whatever the threads.
const BLOCK: usize = 16_384;
/// Log parameters beyond this are at the boundary.
const LOG_BOUND: f64 = 25.0;
/// Starts are tried on so many customers.
const FEW: usize = 10_000;
/// Values of p, q, v to start from, where the mean value is 1.
const STARTS: [[f64; 3]; 3] = [[6.0, 4.0, 0.5], [1.0, 2.0, 1.0], [2.0, 10.0, 5.0]];

/// What the model sees of a customer: order days, and their value together in minor units, above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spent {
    /// Order days with a value.
    pub x: u32,
    /// Their value.
    pub value_minor: i64,
}

impl Spent {
    /// What a customer's repeat order days are worth.
    pub fn of(facts: &Facts) -> Self {
        Self { x: facts.valued_days, value_minor: facts.valued_minor }
    }
}

/// A model with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GammaGamma {
    /// Shape of the gamma of one day's value.
    pub p: f64,
    /// Shape of the gamma of its rates among customers.
    pub q: f64,
    /// Scale of that, in minor units.
    pub v: f64,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// The model.
    pub model: GammaGamma,
    /// Log-likelihood of mean values in minor units.
    pub log_likelihood: f64,
    /// Customers.
    pub customers: usize,
    /// Largest component of the gradient per customer, in log parameters.
    pub gradient_max: f64,
}

impl GammaGamma {
    /// The mean value of an order day of a customer: nearer to everyone's, the fewer there were. q is above 1, or everyone's is infinite.
    pub fn mean_value(&self, spent: Spent) -> f64 {
        self.p * (self.v + spent.value_minor as f64) / (self.p * f64::from(spent.x) + self.q - 1.0)
    }
}

/// What the likelihood takes from x alone, and its derivatives by p and q.
#[derive(Clone, Copy)]
struct OfX {
    value: f64,
    by_p: f64,
    by_q: f64,
}

/// Fits the model to customers in their order.
///
/// # Errors
/// `Input` if there is no customer, or no start converges.
pub fn fit(customers: &[Spent]) -> Result<Fit> {
    if customers.len() < 2 {
        return Err(Error::new(Kind::Input, "Gamma-Gamma: expected customers with a repeat order day of some value, got none"));
    }
    let count = customers.len() as f64;
    let mean = customers.iter().map(|spent| spent.value_minor as f64 / f64::from(spent.x)).sum::<f64>() / count;
    // Of scale alone: values are divided by their mean.
    let scaled: Vec<(u32, f64)> = customers.iter().map(|spent| (spent.x, spent.value_minor as f64 / mean)).collect();
    let on = |customers: &[(u32, f64)], start: Array1<f64>| {
        let mut xs: Vec<u32> = customers.iter().map(|(x, _)| *x).collect();
        xs.par_sort_unstable();
        xs.dedup();
        minimise(Start::at(start), LOG_BOUND, |logs| mean_loss(customers, &xs, logs))
    };
    // The first of them show which start leads to the maximum, and near to it.
    let few = &scaled[..scaled.len().min(FEW)];
    let tried = STARTS.map(|start| on(few, start.iter().map(|value| value.ln()).collect()));
    let near = tried.into_iter().filter(|found| found.converged && !found.at_boundary).min_by(|a, b| a.value.total_cmp(&b.value));
    let best = near.map(|near| if few.len() < scaled.len() { on(&scaled, near.at) } else { near }).filter(|found| found.converged && !found.at_boundary);
    let best = best.ok_or_else(|| Error::new(Kind::Input, "Gamma-Gamma: expected the likelihood to have a maximum, got no convergence from three starts"))?;
    let [p, q, v] = [0, 1, 2].map(|index| best.at[index].exp());
    // The density of a mean value is that of the scaled one over the scale.
    let log_likelihood = -best.value * count - count * mean.ln();
    Ok(Fit { model: GammaGamma { p, q, v: v * mean }, log_likelihood, customers: customers.len(), gradient_max: best.gradient_max })
}

/// Mean negative log-likelihood (equation 1a of the note), and its gradient by log parameters; `xs` are the distinct x.
fn mean_loss(customers: &[(u32, f64)], xs: &[u32], logs: &Array1<f64>) -> (f64, Array1<f64>) {
    let [p, q, v] = [0, 1, 2].map(|index| logs[index].exp());
    let of_x = |&x: &u32| {
        let events = p * f64::from(x);
        let (both, own) = (digamma(events + q), digamma(events));
        let value = ln_gamma(events + q) - ln_gamma(events) - ln_gamma(q) + q * v.ln();
        (x, OfX { value, by_p: f64::from(x) * (both - own), by_q: both - digamma(q) + v.ln() })
    };
    let known: BTreeMap<u32, OfX> = xs.iter().map(of_x).collect();
    let low: Vec<Option<OfX>> = (0..256).map(|x| known.get(&x).copied()).collect();
    let block = |customers: &[(u32, f64)]| {
        let mut sum = [0.0; 4];
        for &(x, value) in customers {
            let Some(of_x) = low.get(x as usize).copied().flatten().or_else(|| known.get(&x).copied()) else { continue };
            let (days, ln_all) = (f64::from(x), (v + value).ln());
            let (ln_mean, events) = ((value / days).ln(), p * days);
            sum[0] += of_x.value + (events - 1.0) * ln_mean + events * days.ln() - (events + q) * ln_all;
            sum[1] += of_x.by_p + days * (ln_mean + days.ln() - ln_all);
            sum[2] += of_x.by_q - ln_all;
            sum[3] += q / v - (events + q) / (v + value);
        }
        sum
    };
    let blocks: Vec<[f64; 4]> = customers.par_chunks(BLOCK).map(block).collect();
    let total = blocks.iter().fold([0.0; 4], |sum, block| std::array::from_fn(|index| sum[index] + block[index]));
    let count = customers.len() as f64;
    (-total[0] / count, array![total[1] * p, total[2] * q, total[3] * v] / -count)
}
