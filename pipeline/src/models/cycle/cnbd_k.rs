//! (M)BG/CNBD-k: orders come as every k-th event of a Poisson process with a gamma-distributed rate, so the larger k, the more regular they are;
//! after each order day the customer drops out with a beta-distributed chance, in the M variant also after the first. With k = 1 it is the BG/NBD
//! or MBG/NBD.
//!
//! Sources: BG/NBD: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24:2. MBG/NBD: Batislam, Denizel,
//! Filiztekin (2007), International Journal of Research in Marketing 24:3. CNBD-k: Reutterer, Platzer, Schroeder (2021), IJRM 38:1. Symbols as there:
//! r, alpha of the gamma; a, b of the beta; x, t_x, T of the customer. Time runs in days. Expectations are exact for every k (the papers have an
//! approximation for k > 1): the events between two orders are stages, and what stage a silent customer is in is known in chances.

use serde::{Deserialize, Serialize};
use statrs::function::beta::ln_beta;
use statrs::function::gamma::{digamma, ln_gamma};

use super::fit::{self, Fit, Likelihood, Logs, MOST, Prior};
use super::stages::{self, Survivors};
use super::{Cell, Cells};
use crate::error::{Error, Result};
use crate::models::ln_one_plus_exp;

/// The largest k that is tried.
pub const K_MAX: u32 = 12;

/// A model with its parameters; rates are per day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CnbdK {
    /// Events of the process to an order.
    pub k: u32,
    /// Whether a customer may drop out after the first order day already (the M in MBG).
    pub from_first: bool,
    /// Shape of the gamma of event rates.
    pub r: f64,
    /// Scale of it, in days.
    pub alpha: f64,
    /// First parameter of the beta of drop-out chances.
    pub a: f64,
    /// Second parameter of it.
    pub b: f64,
}

/// The parts of value and gradient that depend on x alone.
pub struct OfX {
    /// r + k x.
    q: f64,
    value: f64,
    by_r: f64,
    by_a: f64,
    by_b: f64,
    /// ln of a / (b + x - 1 + m); minus infinity for who cannot have dropped out.
    ln_odds: f64,
    /// 1 / (b + x - 1 + m); 0 for them.
    odds_by_a: f64,
}

impl Likelihood for CnbdK {
    const NAME: &'static str = "(M)BG/CNBD-k";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "a", "b"];
    type OfX = OfX;

    fn values(&self) -> Vec<f64> {
        vec![self.r, self.alpha, self.a, self.b]
    }

    fn with(&self, values: &[f64]) -> Self {
        Self { r: values[0], alpha: values[1], a: values[2], b: values[3], ..*self }
    }

    fn of_x(&self, x: u32) -> OfX {
        let Self { r, alpha, a, b, .. } = *self;
        let q = self.events(x);
        let value = ln_gamma(q) - ln_gamma(r) + r * alpha.ln();
        let by_r = digamma(q) - digamma(r) + alpha.ln();
        let chances = self.chances(x);
        if chances == 0.0 {
            return OfX { q, value, by_r, by_a: 0.0, by_b: 0.0, ln_odds: self.ln_odds(x), odds_by_a: 0.0 };
        }
        let both = digamma(a + b) - digamma(a + b + chances);
        OfX {
            q,
            value: value + ln_beta(a, b + chances) - ln_beta(a, b),
            by_r,
            by_a: both,
            by_b: both + digamma(b + chances) - digamma(b),
            ln_odds: self.ln_odds(x),
            odds_by_a: self.ln_odds(x).exp() / a,
        }
    }

    fn shift(&self) -> f64 {
        self.alpha
    }

    /// S1 = a / (b + x - 1 + m) ((alpha + T) / (alpha + t_x))^(r + k x): gone since the last order; S2: alive and in one of k stages.
    fn of_cell(&self, of_x: &OfX, logs: &Logs, cell: Cell) -> (f64, [f64; MOST]) {
        let Self { r, alpha, a, .. } = *self;
        let (q, t_x, t) = (of_x.q, f64::from(cell.t_x), f64::from(cell.observed));
        let ln_t = logs.at(cell.observed);
        let stages = Stages::of(self.k, q, t - t_x, alpha + t);
        let silent = ln_t - logs.at(cell.t_x);
        // ln of S1 / S2, and of the smaller to the larger of the two.
        let gone_to_there = of_x.ln_odds + q * silent - stages.ln_sum;
        let smaller = (-gone_to_there.abs()).exp();
        let ln_sum = stages.ln_sum + gone_to_there.max(0.0) + smaller.ln_1p();
        let shares = (smaller / (1.0 + smaller), 1.0 / (1.0 + smaller));
        let (gone, there) = if gone_to_there > 0.0 { (shares.1, shares.0) } else { shares };
        let by_r = of_x.by_r - ln_t + gone * silent + there * stages.by_q;
        let by_alpha = r / alpha - q / (alpha + t) + gone * q * (1.0 / (alpha + t) - 1.0 / (alpha + t_x)) - there * stages.mean / (alpha + t);
        let by_b = of_x.by_b - gone * of_x.odds_by_a;
        (of_x.value - q * ln_t + ln_sum, [by_r, by_alpha, of_x.by_a + gone / a, by_b])
    }

    /// (k - 1) sum of ln gaps - x ln (k - 1)!: without it, likelihoods of different k cannot be compared.
    fn constant(&self, cells: &Cells) -> f64 {
        f64::from(self.k - 1) * cells.sum_ln_gaps() - cells.repeat_days() as f64 * ln_gamma(f64::from(self.k))
    }
}

/// What stage a customer is in who is alive and silent for e days of alpha + T: weights (q)_j / j! z^j of j < k, z = e / (alpha + T).
struct Stages {
    /// ln of the sum of the weights.
    ln_sum: f64,
    /// Its derivative by q.
    by_q: f64,
    /// Mean stage.
    mean: f64,
}

impl Stages {
    #[inline]
    fn of(k: u32, q: f64, silent: f64, waited: f64) -> Self {
        if k == 1 {
            return Self { ln_sum: 0.0, by_q: 0.0, mean: 0.0 };
        }
        let (mut sum, mut by_q, mut mean, mut slope) = (0.0, 0.0, 0.0, 0.0);
        for (j, weight) in weights(k, q, silent / waited).enumerate() {
            let j = j as f64;
            sum += weight;
            by_q += weight * slope;
            mean += weight * j;
            slope += 1.0 / (q + j);
        }
        Self { ln_sum: sum.ln(), by_q: by_q / sum, mean: mean / sum }
    }
}

/// (q)_j / j! z^j of every j < k: with k at most `K_MAX` and z at most 1, a double holds them for any q that days allow.
fn weights(k: u32, q: f64, z: f64) -> impl Iterator<Item = f64> {
    (0..k).map(f64::from).scan(1.0, move |next, j| {
        let weight = *next;
        *next *= (q + j) / (j + 1.0) * z;
        Some(weight)
    })
}

impl CnbdK {
    /// r + k x.
    fn events(&self, x: u32) -> f64 {
        self.r + f64::from(self.k) * f64::from(x)
    }

    /// How often a customer with x repeat days might have dropped out and did not, at the least.
    fn chances(&self, x: u32) -> f64 {
        f64::from(x) + f64::from(u8::from(self.from_first))
    }

    /// ln of a / (b + x - 1 + m); minus infinity for who cannot have dropped out.
    fn ln_odds(&self, x: u32) -> f64 {
        let chances = self.chances(x);
        if chances == 0.0 { f64::NEG_INFINITY } else { self.a.ln() - (self.b + chances - 1.0).ln() }
    }

    fn waited(&self, cell: Cell) -> f64 {
        self.alpha + f64::from(cell.observed)
    }

    /// The chance that a customer is still active: 1 for one-time buyers where nobody drops out after the first order day.
    pub fn p_alive(&self, cell: Cell) -> f64 {
        let (q, t_x, t) = (self.events(cell.x), f64::from(cell.t_x), f64::from(cell.observed));
        let ln_s1 = self.ln_odds(cell.x) + q * ((self.alpha + t) / (self.alpha + t_x)).ln();
        (-ln_one_plus_exp(ln_s1 - Stages::of(self.k, q, t - t_x, self.alpha + t).ln_sum)).exp()
    }

    /// By stage j < k: the chance that an active customer is in it.
    fn stage_chances(&self, cell: Cell) -> Vec<f64> {
        let weights: Vec<f64> = weights(self.k, self.events(cell.x), f64::from(cell.observed - cell.t_x) / self.waited(cell)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    /// The chance of an order within `days` of a customer who is active: 1 - G(e + h) / G(e), as a sum of what is above 0. After j stages, k - j are
    /// left, and the rate is gamma-distributed with r + k x + j and alpha + T.
    pub fn return_probability_if_alive(&self, cell: Cell, days: f64) -> f64 {
        let (q, share) = (self.events(cell.x), days / self.waited(cell));
        if self.k == 1 {
            return -(-q * share.ln_1p()).exp_m1();
        }
        let chances = self.stage_chances(cell);
        chances.iter().enumerate().map(|(j, chance)| chance * stages::at_least(self.k as usize - j, q + j as f64, share)).sum::<f64>().min(1.0)
    }

    /// The chance of so many order days or more within `days` of a customer who is active: events for as many, and no drop-out before the last.
    pub fn at_least_if_alive(&self, cell: Cell, days: f64, count: u32) -> f64 {
        let (q, share, b) = (self.events(cell.x), days / self.waited(cell), self.b + self.chances(cell.x));
        let there: f64 = (1..count).map(|order| b + f64::from(order) - 1.0).map(|stayed| stayed / (self.a + stayed)).product();
        let events = (self.k * count) as usize;
        let of_stage = |(j, chance): (usize, &f64)| chance * stages::at_least(events.saturating_sub(j), q + j as f64, share);
        there * self.stage_chances(cell).iter().enumerate().map(of_stage).sum::<f64>().min(1.0)
    }

    /// Days until the next order, of which a share `q` of those who are active has ordered.
    pub fn next_order_days(&self, cell: Cell, share: f64) -> f64 {
        let (q, waited) = (self.events(cell.x), self.waited(cell));
        // Days until the next event: until the next order for k = 1.
        let event = waited * (-(-share).ln_1p() / q).exp_m1();
        if self.k == 1 {
            return event;
        }
        // ln G(e) - ln G(e + h), which rises with h, is to be -ln(1 - share).
        let (silent, known, target) = (f64::from(cell.observed - cell.t_x), self.ln_longer(cell, 0.0).0, -(-share).ln_1p());
        let (mut low, mut high, mut at) = (0.0, f64::INFINITY, event * f64::from(self.k));
        for _ in 0..200 {
            let (ln_longer, hazard) = self.ln_longer(cell, at);
            let missing = target - (known - ln_longer);
            if missing > 0.0 {
                low = at
            } else {
                high = at
            }
            let next = at + missing / hazard;
            let next = match (next > low && next < high, high.is_finite()) {
                (true, _) => next,
                (false, true) => f64::midpoint(low, high),
                (false, false) => 2.0 * at + 1.0,
            };
            if (next - at).abs() <= 1e-12 * (at + silent + waited) {
                return next;
            }
            at = next;
        }
        at
    }

    /// ln G(e + h), the log of the chance that a gap is longer than e + h, and its slope downwards: the hazard of an order.
    fn ln_longer(&self, cell: Cell, days: f64) -> (f64, f64) {
        let (q, silent) = (self.events(cell.x), f64::from(cell.observed - cell.t_x) + days);
        let waited = self.waited(cell) + days;
        let ln_stages = Stages::of(self.k, q, silent, waited).ln_sum;
        // The last stage: (q)_k / (k - 1)! u^(k - 1) / (alpha + t_x + u)^(q + k).
        let k = f64::from(self.k);
        let ln_last = ln_gamma(q + k) - ln_gamma(q) - ln_gamma(k) + (k - 1.0) * silent.ln() - k * waited.ln();
        (ln_stages - q * waited.ln(), (ln_last - ln_stages).exp())
    }

    /// Of how many of the next orders an active customer is there for, within `days`: the chance of a drop-out is Beta(a, b + x + m).
    pub fn survivors(&self, cell: Cell, days: f64) -> Survivors {
        let most = stages::most(self.events(cell.x) + f64::from(self.k - 1), days / self.waited(cell));
        Survivors::of(self.a, self.b + self.chances(cell.x), most / self.k as usize + 1)
    }

    /// Expected order days within `days` of a customer who is active.
    pub fn orders_if_alive(&self, cell: Cell, days: f64, survivors: &Survivors) -> f64 {
        let (q, share, k) = (self.events(cell.x), days / self.waited(cell), self.k as usize);
        if k == 1 {
            return stages::expected(q, share, |events| survivors.up_to(events));
        }
        let of_stage = |(j, chance): (usize, &f64)| chance * stages::expected(q + j as f64, share, |events| survivors.up_to((events + j) / k));
        self.stage_chances(cell).iter().enumerate().map(of_stage).sum()
    }
}

/// Fits the model with the given k, or with the k of 1 to `K_MAX` whose likelihood is largest.
///
/// # Errors
/// `Input` if there is no repeat buyer, or no start converges.
pub fn fit(cells: &Cells, from_first: bool, k: Option<u32>, prior: Option<&Prior>) -> Result<Fit<CnbdK>> {
    let mean_t = cells.mean_observed();
    let at = |k: u32, cells: &Cells| {
        let shape = CnbdK { k, from_first, r: 1.0, alpha: 1.0, a: 1.0, b: 1.0 };
        // Events come k times as often as orders.
        let starts = [[0.25, mean_t * 0.1, 0.8, 2.5], [1.0, mean_t * 0.3, 0.3, 3.0], [0.6, mean_t, 1.0, 1.0]];
        let starts: Vec<Vec<f64>> = starts.iter().map(|[r, alpha, a, b]| vec![*r, alpha / f64::from(k), *a, *b]).collect();
        fit::fit(shape, cells, &starts, prior)
    };
    let Some(k) = k else {
        // The likelihood rises with k to its largest, and falls: two that are smaller end the search. A few of many cells tell which it is.
        let fewer = fit::fewer(cells);
        let mut best: Option<Fit<CnbdK>> = None;
        for k in 1..=K_MAX {
            let found = at(k, fewer.as_ref().unwrap_or(cells));
            let is_better = |found: &Fit<CnbdK>| best.as_ref().is_none_or(|best| found.log_likelihood > best.log_likelihood);
            match found {
                Ok(found) if is_better(&found) => best = Some(found),
                _ if best.as_ref().is_some_and(|best| best.model.k + 2 <= k) => break,
                Err(error) if k == K_MAX && best.is_none() => return Err(error),
                _ => {}
            }
        }
        let best = best.ok_or_else(|| Error::bug("a k was tried"))?;
        return if fewer.is_some() { at(best.model.k, cells) } else { Ok(best) };
    };
    at(k, cells)
}

#[cfg(test)]
mod tests {
    use super::super::fit::assert_gradient;
    use super::*;

    /// In weeks, as the papers count; the code does not care.
    fn weeks(r: f64, alpha: f64, a: f64, b: f64) -> CnbdK {
        CnbdK { k: 1, from_first: false, r, alpha: alpha * 7.0, a, b }
    }

    fn cell(x: u32, t_x_weeks: f64, t_weeks: f64) -> Cell {
        Cell { x, t_x: (t_x_weeks * 7.0).round() as u32, observed: (t_weeks * 7.0).round() as u32, cohort: 0 }
    }

    #[test]
    fn worked_value_of_hardies_spreadsheet() {
        // E[X(39) | x = 2, t_x = 30.43, T = 38.86] = 1.226 (Hardie's spreadsheet; 1.2260 without the 2F1).
        let model = weeks(0.243, 4.414, 0.793, 2.426);
        let customer = cell(2, 30.43, 38.86);
        let expected = model.p_alive(customer) * model.orders_if_alive(customer, 39.0 * 7.0, &model.survivors(customer, 39.0 * 7.0));
        assert!((expected - 1.226).abs() < 5e-4, "{expected}");
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        for (k, from_first) in [(1, false), (1, true), (2, false), (3, true), (12, false)] {
            let model = CnbdK { k, from_first, r: 0.35, alpha: 20.0, a: 0.6, b: 3.1 };
            for customer in [
                Cell { x: 0, t_x: 0, observed: 90, cohort: 0 },
                Cell { x: 5, t_x: 71, observed: 200, cohort: 0 },
                Cell { x: 500, t_x: 700, observed: 705, cohort: 0 },
            ] {
                assert_gradient(model, customer);
            }
        }
    }

    #[test]
    fn quantiles_are_the_inverse_of_the_return_law() {
        for k in [1, 2, 5] {
            let model = CnbdK { k, from_first: true, r: 0.5, alpha: 30.0, a: 0.5, b: 3.0 };
            for customer in [Cell { x: 4, t_x: 100, observed: 130, cohort: 0 }, Cell { x: 0, t_x: 0, observed: 3, cohort: 0 }] {
                for share in [0.25, 0.5, 0.75] {
                    let days = model.next_order_days(customer, share);
                    let within = model.return_probability_if_alive(customer, days);
                    assert!((within - share).abs() < 1e-9, "{k} {customer:?}: {days} {within}");
                }
            }
        }
    }
}
