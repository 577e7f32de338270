//! BG/NBD: orders come as a Poisson process with a gamma-distributed rate; after each order day the customer drops out with a
//! beta-distributed chance.
//!
//! Source: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24:2. Symbols as there: r, alpha of
//! the gamma; a, b of the beta; x, t_x, T of the customer. Time runs in days.

use std::collections::HashMap;

use ndarray::{Array1, array};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::beta::ln_beta;
use statrs::function::gamma::{digamma, ln_gamma};

use super::{Cell, Cells};
use crate::error::{Error, Kind, Result};
use crate::models::optimise::{Minimum, minimise};

/// Cells of one block of the sum: a constant, so that the sum has one order whatever the threads.
const BLOCK: usize = 4096;
/// Starts are tried on about so many cells.
const THINNED: usize = 16_384;
/// Parameters beyond e to this are at the boundary: the data do not hold them.
const LOG_BOUND: f64 = 12.0;

/// The four parameters; rates are per day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Shape of the gamma of order rates.
    pub r: f64,
    /// Scale of it, in days.
    pub alpha: f64,
    /// First parameter of the beta of drop-out chances.
    pub a: f64,
    /// Second parameter of it.
    pub b: f64,
}

/// A fitted model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// The parameters.
    pub parameters: Parameters,
    /// Log-likelihood of all customers, in days.
    pub log_likelihood: f64,
    /// Customers.
    pub customers: u64,
    /// Largest component of the gradient per customer, in log parameters.
    pub gradient_max: f64,
    /// Whether a parameter is so large or small that the data do not hold it.
    pub at_boundary: bool,
}

impl Parameters {
    fn from_logs(logs: &Array1<f64>) -> Self {
        Self { r: logs[0].exp(), alpha: logs[1].exp(), a: logs[2].exp(), b: logs[3].exp() }
    }

    /// What the likelihood takes from x alone: cells of one x share it.
    fn of_x(&self, x: u32) -> OfX {
        let Self { r, alpha, a, b } = *self;
        let x = f64::from(x);
        let value = ln_gamma(r + x) - ln_gamma(r) + r * alpha.ln();
        let by_r = digamma(r + x) - digamma(r) + alpha.ln();
        if x == 0.0 {
            return OfX { value, by_r, by_a: 0.0, by_b: 0.0, ln_odds: f64::NEG_INFINITY };
        }
        let both = digamma(a + b) - digamma(a + b + x);
        OfX {
            value: value + ln_beta(a, b + x) - ln_beta(a, b),
            by_r,
            by_a: both,
            by_b: both + digamma(b + x) - digamma(b),
            ln_odds: a.ln() - (b + x - 1.0).ln(),
        }
    }

    /// Log-likelihood of one customer (equation 6), in log space, and its gradient by (r, alpha, a, b).
    pub fn log_likelihood(&self, cell: Cell) -> (f64, [f64; 4]) {
        self.with_x(&self.of_x(cell.x), cell)
    }

    fn with_x(&self, of_x: &OfX, cell: Cell) -> (f64, [f64; 4]) {
        let Self { r, alpha, a, b } = *self;
        let (x, t_x, t) = (f64::from(cell.x), f64::from(cell.t_x), f64::from(cell.observed));
        let ln_t = (alpha + t).ln();
        let value = of_x.value - (r + x) * ln_t;
        let by_r = of_x.by_r - ln_t;
        let by_alpha = r / alpha - (r + x) / (alpha + t);
        if cell.x == 0 {
            return (value, [by_r, by_alpha, 0.0, 0.0]);
        }
        // S1 = a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x): gone since the last order, against S2 = 1: alive.
        let silent = ln_t - (alpha + t_x).ln();
        let ln_s1 = of_x.ln_odds + (r + x) * silent;
        let ln_sum = ln_one_plus_exp(ln_s1);
        let gone = (ln_s1 - ln_sum).exp();
        let by_r = by_r + gone * silent;
        let by_alpha = by_alpha + gone * (r + x) * (1.0 / (alpha + t) - 1.0 / (alpha + t_x));
        (value + ln_sum, [by_r, by_alpha, of_x.by_a + gone / a, of_x.by_b - gone / (b + x - 1.0)])
    }

    /// The chance that a customer is still active (equation following 10): 1 for one-time buyers, as the model has it.
    pub fn p_alive(&self, cell: Cell) -> f64 {
        if cell.x == 0 {
            return 1.0;
        }
        let Self { r, alpha, a, b } = *self;
        let (x, t_x, t) = (f64::from(cell.x), f64::from(cell.t_x), f64::from(cell.observed));
        let ln_s1 = a.ln() - (b + x - 1.0).ln() + (r + x) * ((alpha + t) / (alpha + t_x)).ln();
        (-ln_one_plus_exp(ln_s1)).exp()
    }

    /// The chance of an order within `days`: p_alive (1 - ((alpha + T) / (alpha + T + h))^(r + x)).
    pub fn return_probability(&self, cell: Cell, days: f64) -> f64 {
        self.p_alive(cell) * self.return_probability_if_alive(cell, days)
    }

    /// The same of a customer who is active.
    pub fn return_probability_if_alive(&self, cell: Cell, days: f64) -> f64 {
        let waited = self.alpha + f64::from(cell.observed);
        let exponent = -(self.r + f64::from(cell.x)) * (days / waited).ln_1p();
        -exponent.exp_m1()
    }

    /// Days until the next order, of which a share `q` of those who are active has ordered.
    pub fn next_order_days(&self, cell: Cell, q: f64) -> f64 {
        let waited = self.alpha + f64::from(cell.observed);
        waited * (-(1.0 - q).ln() / (self.r + f64::from(cell.x))).exp_m1()
    }
}

/// The parts of value and gradient that depend on x alone.
struct OfX {
    value: f64,
    by_r: f64,
    by_a: f64,
    by_b: f64,
    ln_odds: f64,
}

/// ln(1 + e^z) without overflow.
fn ln_one_plus_exp(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// Maximum likelihood over distinct weighted cells, from several starts.
///
/// # Errors
/// `Input` if there is no repeat buyer, or no start converges: the caller takes the next simpler model.
pub fn fit(cells: &Cells) -> Result<Fit> {
    let customers = cells.customers();
    if !cells.counts().iter().any(|(cell, _)| cell.x > 0) {
        return Err(Error::new(Kind::Input, "BG/NBD: expected customers with a repeat order day, got none"));
    }
    let weighted: Vec<(Cell, f64)> = cells.counts().iter().map(|&(cell, count)| (cell, count as f64)).collect();
    let on = |cells: &[(Cell, f64)], start: Array1<f64>| minimise(start, LOG_BOUND, |logs| mean_loss(cells, customers as f64, logs));
    let mean_t = weighted.iter().map(|(cell, weight)| f64::from(cell.observed) * weight).sum::<f64>() / customers as f64;
    let starts = [[0.25, mean_t * 0.1, 0.8, 2.5], [1.0, mean_t * 0.3, 0.3, 3.0], [0.6, mean_t, 1.0, 1.0]];
    let logs = |start: &[f64; 4]| Array1::from_iter(start.iter().map(|value| value.max(1e-3).ln()));
    let best_of = |cells: &[(Cell, f64)]| -> Option<Minimum> {
        let tried = starts.iter().map(|start| on(cells, logs(start)));
        tried.filter(|found| found.converged || found.at_boundary).min_by(|a, b| a.value.total_cmp(&b.value))
    };
    // Where there are many cells, a few of them show which start leads to the maximum, and near to it.
    let thinned = (weighted.len() > 2 * THINNED).then(|| best_of(&thinned(&weighted))).flatten().filter(|near| near.converged);
    let best = thinned.map(|near| on(&weighted, near.at)).filter(|found| found.converged).or_else(|| best_of(&weighted));
    let best = best.ok_or_else(|| Error::new(Kind::Input, "BG/NBD: expected the likelihood to have a maximum, got no convergence from three starts"))?;
    Ok(Fit {
        parameters: Parameters::from_logs(&best.at),
        log_likelihood: -best.value * customers as f64,
        customers,
        gradient_max: best.gradient_max,
        at_boundary: best.at_boundary,
    })
}

/// About `THINNED` of the cells, which stand in their order: of each so many neighbours the one in the middle, for all of their customers.
fn thinned(cells: &[(Cell, f64)]) -> Vec<(Cell, f64)> {
    cells.chunks(cells.len().div_ceil(THINNED)).map(|some| (some[some.len() / 2].0, some.iter().map(|(_, weight)| weight).sum())).collect()
}

/// Mean negative log-likelihood and its gradient by log parameters; blocks are added in order.
fn mean_loss(cells: &[(Cell, f64)], customers: f64, logs: &Array1<f64>) -> (f64, Array1<f64>) {
    let parameters = Parameters::from_logs(logs);
    let block = |cells: &[(Cell, f64)]| {
        let mut sum = [0.0; 5];
        // Cells stand in the order of x.
        let mut of_x = (u32::MAX, parameters.of_x(0));
        for &(cell, weight) in cells {
            if of_x.0 != cell.x {
                of_x = (cell.x, parameters.of_x(cell.x));
            }
            let (value, gradient) = parameters.with_x(&of_x.1, cell);
            sum[0] += weight * value;
            sum[1..].iter_mut().zip(gradient).for_each(|(sum, part)| *sum += weight * part);
        }
        sum
    };
    let blocks: Vec<[f64; 5]> = cells.par_chunks(BLOCK).map(block).collect();
    let total = blocks.iter().fold([0.0; 5], |sum, block| std::array::from_fn(|index| sum[index] + block[index]));
    let chain = [parameters.r, parameters.alpha, parameters.a, parameters.b];
    let gradient = array![total[1] * chain[0], total[2] * chain[1], total[3] * chain[2], total[4] * chain[3]];
    (-total[0] / customers, -gradient / customers)
}

/// Expected orders in a horizon, with the drop-out chance integrated out; what depends on x alone is computed once.
pub struct Expectation {
    parameters: Parameters,
    days: f64,
    rules: HashMap<u32, Vec<Node>>,
}

/// A node of the rule that integrates over Beta(a, b): a drop-out chance and its weight.
#[derive(Debug, Clone, Copy)]
struct Node {
    p: f64,
    weight: f64,
}

/// Step of the double-exponential rule (Takahasi, Mori 1974) in u, where p = 1 / (1 + exp(-pi sinh u)).
const STEP: f64 = 1.0 / 24.0;
/// Weights below this share of the whole add nothing in double precision.
const WEIGHT_MIN: f64 = 1e-19;

impl Expectation {
    /// Prepares expected orders within `days`.
    pub fn new(parameters: Parameters, days: f64, xs: impl Iterator<Item = u32>) -> Self {
        let mut rules: HashMap<u32, Vec<Node>> = HashMap::new();
        for x in xs {
            rules.entry(x).or_insert_with(|| beta_rule(parameters.a, parameters.b + f64::from(x)));
        }
        Self { parameters, days, rules }
    }

    /// E[X(t) | x, t_x, T] = p_alive E_p[(1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p], p ~ Beta(a, b + x): equal to
    /// equation 10 without its 2F1, positive, and without its singularity at a = 1.
    pub fn orders(&self, cell: Cell) -> f64 {
        self.parameters.p_alive(cell) * self.orders_if_alive(cell)
    }

    /// The same of a customer who is active.
    pub fn orders_if_alive(&self, cell: Cell) -> f64 {
        let fresh;
        let rule = match self.rules.get(&cell.x) {
            Some(rule) => rule,
            None => {
                fresh = beta_rule(self.parameters.a, self.parameters.b + f64::from(cell.x));
                &fresh
            }
        };
        let power = self.parameters.r + f64::from(cell.x);
        let share = self.days / (self.parameters.alpha + f64::from(cell.observed));
        // Where p is next to nothing, the customer never drops out: power * share orders.
        let given_p = |p: f64| if p < 1e-290 { power * share } else { -(-power * (p * share).ln_1p()).exp_m1() / p };
        rule.iter().map(|node| node.weight * given_p(node.p)).sum()
    }
}

/// The rule for Beta(a, b), its weights adding up to 1. A small a or b has mass where p or 1 - p is e to minus thousands: the
/// rule reaches as far as that.
fn beta_rule(a: f64, b: f64) -> Vec<Node> {
    let reach = (45.0 / (std::f64::consts::PI * a.min(b).min(1.0))).asinh();
    let steps = (reach / STEP).ceil() as i32;
    let node = |k: i32| {
        let u = f64::from(k) * STEP;
        let z = std::f64::consts::PI * u.sinh();
        let (ln_p, ln_rest) = (-ln_one_plus_exp(-z), -ln_one_plus_exp(z));
        Node { p: ln_p.exp(), weight: a * ln_p + b * ln_rest + u.cosh().ln() }
    };
    let mut nodes: Vec<Node> = (-steps..=steps).map(node).collect();
    // Weights are logarithms so far: a large b would take them all below the smallest double.
    let largest = nodes.iter().map(|node| node.weight).fold(f64::NEG_INFINITY, f64::max);
    nodes.iter_mut().for_each(|node| node.weight = (node.weight - largest).exp());
    let total: f64 = nodes.iter().map(|node| node.weight).sum();
    nodes.iter_mut().for_each(|node| node.weight /= total);
    nodes.retain(|node| node.weight > WEIGHT_MIN);
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In weeks, as the papers count; the code does not care.
    fn weeks(r: f64, alpha: f64, a: f64, b: f64) -> Parameters {
        Parameters { r, alpha: alpha * 7.0, a, b }
    }

    fn cell(x: u32, t_x_weeks: f64, t_weeks: f64) -> Cell {
        Cell { x, t_x: (t_x_weeks * 7.0).round() as u32, observed: (t_weeks * 7.0).round() as u32 }
    }

    #[test]
    fn worked_value_of_hardies_spreadsheet() {
        // E[X(39) | x = 2, t_x = 30.43, T = 38.86] = 1.226 (Hardie's spreadsheet; 1.2260 without the 2F1).
        let parameters = weeks(0.243, 4.414, 0.793, 2.426);
        let customer = cell(2, 30.43, 38.86);
        let expected = Expectation::new(parameters, 39.0 * 7.0, std::iter::empty()).orders(customer);
        assert!((expected - 1.226).abs() < 5e-4, "{expected}");
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        let parameters = Parameters { r: 0.35, alpha: 20.0, a: 0.6, b: 3.1 };
        for customer in [Cell { x: 0, t_x: 0, observed: 90 }, Cell { x: 5, t_x: 71, observed: 200 }, Cell { x: 500, t_x: 700, observed: 705 }] {
            let (_, gradient) = parameters.log_likelihood(customer);
            let moved = |index: usize, by: f64| {
                let mut values = [parameters.r, parameters.alpha, parameters.a, parameters.b];
                values[index] += by;
                let [r, alpha, a, b] = values;
                Parameters { r, alpha, a, b }.log_likelihood(customer).0
            };
            for (index, &slope) in gradient.iter().enumerate() {
                let numeric = (moved(index, 1e-5) - moved(index, -1e-5)) / 2e-5;
                assert!((numeric - slope).abs() < 1e-4 * (1.0 + slope.abs()), "{customer:?} {index}: {numeric} {slope}");
            }
        }
    }

    #[test]
    fn quantiles_are_the_inverse_of_the_return_law() {
        let parameters = Parameters { r: 0.5, alpha: 30.0, a: 0.5, b: 3.0 };
        let customer = Cell { x: 4, t_x: 100, observed: 130 };
        let days = parameters.next_order_days(customer, 0.5);
        let within = parameters.return_probability(customer, days);
        assert!((within - 0.5 * parameters.p_alive(customer)).abs() < 1e-12);
    }
}
