//! Pareto/NBD: orders come as a Poisson process with a gamma-distributed rate until a customer drops out, which happens at any time, at a
//! gamma-distributed rate.
//!
//! Source: Schmittlein, Morrison, Colombo (1987), Counting Your Customers, Management Science 33:1; Fader, Hardie (2005), A Note on Deriving the
//! Pareto/NBD Model. Symbols as there: r, alpha of the gamma of order rates; s, beta of that of drop-out rates; x, t_x, T of the customer. Time runs
//! in days. In place of the 2F1, which loses digits and has a case for alpha < beta, an integral is computed.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use statrs::function::gamma::{digamma, ln_gamma};

use super::fit::{self, Fit, Likelihood, Logs, MOST, Prior};
use super::{Cell, Cells};
use crate::error::Result;
use crate::models::ln_one_plus_exp;

/// A model with its parameters; rates are per day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ParetoNbd {
    /// Shape of the gamma of order rates.
    pub r: f64,
    /// Scale of it, in days.
    pub alpha: f64,
    /// Shape of the gamma of drop-out rates.
    pub s: f64,
    /// Scale of it, in days.
    pub beta: f64,
}

/// A falling function of days: (1 + v / scales[0])^-powers[0] (1 + v / scales[1])^-powers[1].
#[derive(Debug, Clone, Copy)]
struct Falling {
    powers: [f64; 2],
    scales: [f64; 2],
}

/// Half the points of the Gauss-Legendre rule.
const HALF: usize = 8;
/// No stretch is so long that the function falls by more than e to this.
const FALL_MAX: f64 = 3.0;
/// ... nor longer than so many times the distance to the nearest pole, for the rule to give 15 digits.
const POLE_MAX: f64 = 3.2;
/// Where the function fell by e to this, what is left adds nothing.
const FALLEN: f64 = 42.0;
/// Stretches of this share of the sum, and shrinking, end an integral to infinity.
const NOTHING: f64 = 1e-13;

/// Stretches over the logarithm of days are at most this long: the nearest pole is pi away.
const LOG_STRETCH: f64 = 2.0;
/// ... and at most so many deviations of a hump.
const HUMP: f64 = 2.5;

/// Points of the rule in (0, 1), and their weights for (-1, 1): roots of the Legendre polynomial of degree 16, by Newton's steps.
fn rule() -> &'static [(f64, f64); HALF] {
    static RULE: OnceLock<[(f64, f64); HALF]> = OnceLock::new();
    RULE.get_or_init(|| {
        let degree = 2 * HALF;
        let polynomial = |at: f64| {
            let (mut before, mut value) = (1.0, at);
            for n in 2..=degree {
                let n = n as f64;
                (before, value) = (value, ((2.0 * n - 1.0) * at * value - (n - 1.0) * before) / n);
            }
            (value, degree as f64 * (at * value - before) / (at * at - 1.0))
        };
        std::array::from_fn(|index| {
            let mut at = (std::f64::consts::PI * (index as f64 + 0.75) / (degree as f64 + 0.5)).cos();
            for _ in 0..20 {
                let (value, slope) = polynomial(at);
                at -= value / slope;
            }
            let slope = polynomial(at).1;
            (at, 2.0 / ((1.0 - at * at) * slope * slope))
        })
    })
}

impl Falling {
    #[inline]
    fn ln_at(&self, v: f64) -> f64 {
        -self.powers[0] * (v / self.scales[0]).ln_1p() - self.powers[1] * (v / self.scales[1]).ln_1p()
    }

    /// Hands points and weights of the rule between two days to `visit`.
    #[inline]
    fn points(from: f64, to: f64, mut visit: impl FnMut(f64, f64)) {
        let (middle, half) = (f64::midpoint(from, to), (to - from) / 2.0);
        for &(point, weight) in rule() {
            visit(middle - half * point, half * weight);
            visit(middle + half * point, half * weight);
        }
    }

    /// The integral between two days that are near to each other.
    fn between(&self, from: f64, to: f64) -> f64 {
        let mut sum = 0.0;
        Self::points(from, to, |v, weight| sum += weight * self.ln_at(v).exp());
        sum
    }

    /// The end of the stretch that begins at `v`.
    fn stretch(&self, v: f64) -> f64 {
        let slope = self.powers[0] / (self.scales[0] + v) + self.powers[1] / (self.scales[1] + v);
        v + (FALL_MAX / slope).min(POLE_MAX * (self.scales[0].min(self.scales[1]) + v))
    }

    /// The integral from 0 to `end`, and, by (scale, place), the means of ln(scale + v) and of 1 / (scale + v) under it.
    fn with_means(&self, end: f64) -> (f64, [f64; 2], [f64; 2]) {
        let (mut sum, mut logs, mut inverses) = (0.0, [0.0; 2], [0.0; 2]);
        let mut from = 0.0;
        while from < end && -self.ln_at(from) < FALLEN {
            let to = self.stretch(from).min(end);
            Self::points(from, to, |v, weight| {
                let ln = [0, 1].map(|which| (v / self.scales[which]).ln_1p());
                let part = weight * (-self.powers[0] * ln[0] - self.powers[1] * ln[1]).exp();
                sum += part;
                for which in 0..2 {
                    logs[which] += part * ln[which];
                    inverses[which] += part / (self.scales[which] + v);
                }
            });
            from = to;
        }
        if sum > 0.0 {
            logs = [0, 1].map(|which| logs[which] / sum + self.scales[which].ln());
            inverses = inverses.map(|inverse| inverse / sum);
        }
        (sum, logs, inverses)
    }

    /// The integral from 0 to `end`, which may be infinite.
    fn up_to(&self, end: f64) -> f64 {
        let (mut sum, mut from, mut last) = (0.0, 0.0, f64::INFINITY);
        while from < end {
            let to = self.stretch(from).min(end);
            let part = self.between(from, to);
            sum += part;
            if part < NOTHING * sum && part <= last {
                break;
            }
            (from, last) = (to, part);
        }
        sum
    }

    /// Where the integral from 0 reaches `target`, which is less than all of it.
    fn reaching(&self, target: f64) -> f64 {
        let (mut sum, mut from) = (0.0, 0.0);
        loop {
            let to = self.stretch(from);
            let part = self.between(from, to);
            if sum + part >= target || !to.is_finite() || part == 0.0 {
                return self.within(from, to, target - sum);
            }
            (sum, from) = (sum + part, to);
        }
    }

    /// Where the integral from `from` reaches `target`, which it does by `to`: Newton's steps, kept between.
    fn within(&self, from: f64, to: f64, target: f64) -> f64 {
        let (mut low, mut high) = (from, to);
        let mut at = (from + target / self.ln_at(from).exp()).clamp(low, high);
        for _ in 0..60 {
            let missing = target - self.between(from, at);
            if missing > 0.0 {
                low = at
            } else {
                high = at
            }
            let next = at + missing / self.ln_at(at).exp();
            let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
            if (next - at).abs() <= 1e-12 * at.max(1.0) {
                return next;
            }
            at = next;
        }
        at
    }
}

impl Likelihood for ParetoNbd {
    const NAME: &'static str = "Pareto/NBD";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "s", "beta"];
    /// r + x, value, and its derivative by r.
    type OfX = (f64, f64, f64);

    fn values(&self) -> Vec<f64> {
        vec![self.r, self.alpha, self.s, self.beta]
    }

    fn with(&self, values: &[f64]) -> Self {
        Self { r: values[0], alpha: values[1], s: values[2], beta: values[3] }
    }

    fn of_x(&self, x: u32) -> (f64, f64, f64) {
        let (Self { r, alpha, s, beta }, events) = (*self, self.r + f64::from(x));
        (events, ln_gamma(events) - ln_gamma(r) + r * alpha.ln() + s * beta.ln(), digamma(events) - digamma(r) + alpha.ln())
    }

    fn shift(&self) -> f64 {
        self.alpha
    }

    fn of_cell(&self, of_x: &(f64, f64, f64), logs_of_days: &Logs, cell: Cell) -> (f64, [f64; MOST]) {
        let Self { r, alpha, s, beta } = *self;
        let (events, t_x, t) = (of_x.0, f64::from(cell.t_x), f64::from(cell.observed));
        let (ln_alpha, ln_beta) = (logs_of_days.at(cell.observed), (beta + t).ln());
        let ln_alive = -events * ln_alpha - s * ln_beta;
        let dead = self.dead(cell);
        let (sum, logs, inverses) = dead.with_means(t - t_x);
        let ln_dead = s.ln() - events * logs_of_days.at(cell.t_x) - (s + 1.0) * (beta + t_x).ln() + sum.ln();
        let ln_sum = ln_alive + ln_one_plus_exp(ln_dead - ln_alive);
        let (alive, gone) = ((ln_alive - ln_sum).exp(), (ln_dead - ln_sum).exp());
        let gradient = [
            of_x.2 - alive * ln_alpha - gone * logs[0],
            r / alpha - events * (alive / (alpha + t) + gone * inverses[0]),
            beta.ln() - alive * ln_beta + gone * (1.0 / s - logs[1]),
            s / beta - alive * s / (beta + t) - gone * (s + 1.0) * inverses[1],
        ];
        (of_x.1 + ln_sum, gradient)
    }
}

impl ParetoNbd {
    /// Density of dropping out v days after the last order, as a share of that at once.
    fn dead(&self, cell: Cell) -> Falling {
        let t_x = f64::from(cell.t_x);
        Falling { powers: [self.r + f64::from(cell.x), self.s + 1.0], scales: [self.alpha + t_x, self.beta + t_x] }
    }

    /// Density of the next order after v days, before a drop-out, of a customer who is active, as a share of that at once.
    fn next(&self, cell: Cell) -> Falling {
        let t = f64::from(cell.observed);
        Falling { powers: [self.r + f64::from(cell.x) + 1.0, self.s], scales: [self.alpha + t, self.beta + t] }
    }

    /// The chance that a customer is still active.
    pub fn p_alive(&self, cell: Cell) -> f64 {
        let (events, t_x, t) = (self.r + f64::from(cell.x), f64::from(cell.t_x), f64::from(cell.observed));
        let sum = self.dead(cell).with_means(t - t_x).0;
        // ln of dead / alive.
        let ratio = events * ((self.alpha + t) / (self.alpha + t_x)).ln() + self.s * ((self.beta + t) / (self.beta + t_x)).ln() + self.s.ln()
            - (self.beta + t_x).ln()
            + sum.ln();
        (-ln_one_plus_exp(ratio)).exp()
    }

    /// The chance of an order within `days` of a customer who is active: one may drop out before.
    pub fn return_probability_if_alive(&self, cell: Cell, days: f64) -> f64 {
        let next = self.next(cell);
        (next.up_to(days) * (next.powers[0] - 1.0) / next.scales[0]).min(1.0)
    }

    /// The chance of so many orders or more within `days` of a customer who is active: the density of the last of them, times the chance to be active
    /// until then, over the logarithm of days, in which it has one hump.
    pub fn at_least_if_alive(&self, cell: Cell, days: f64, count: u32) -> f64 {
        if count == 1 {
            return self.return_probability_if_alive(cell, days);
        }
        let (n, q, t) = (f64::from(count), self.r + f64::from(cell.x), f64::from(cell.observed));
        let (alpha, beta) = (self.alpha + t, self.beta + t);
        let ln_first = ln_gamma(q + n) - ln_gamma(q) - ln_gamma(n);
        let density = |u: f64| (ln_first + n * u - (q + n) * u.exp().ln_1p() - self.s * (alpha * u.exp() / beta).ln_1p()).exp();
        let between = |from: f64, to: f64| {
            let mut sum = 0.0;
            Falling::points(from, to, |u, weight| sum += weight * density(u));
            sum
        };
        let (end, length) = ((days / alpha).ln(), (HUMP * (1.0 / n + 1.0 / q).sqrt()).min(LOG_STRETCH));
        // The hump lies at n / q, or before: customers drop out.
        let middle = end.min((n / q).ln());
        let mut sum = 0.0;
        for (limit, step) in [(f64::NEG_INFINITY, -length), (end, length)] {
            let mut from = middle;
            while (limit - from) * step > 0.0 {
                let to = if step > 0.0 { (from + step).min(limit) } else { from + step };
                let part = between(from.min(to), from.max(to));
                sum += part;
                if part <= NOTHING * sum && (step > 0.0 || density(to) <= density(from)) {
                    break;
                }
                from = to;
            }
        }
        sum.min(1.0)
    }

    /// Days until the next order of those who will order again, of which a share has.
    pub fn next_order_days(&self, cell: Cell, share: f64) -> f64 {
        let next = self.next(cell);
        next.reaching(share * next.up_to(f64::INFINITY))
    }

    /// Expected orders within `days` of a customer who is active: (r + x) (beta + T) / (alpha + T) (1 - rho^(s - 1)) / (s - 1),
    /// rho = (beta + T) / (beta + T + t): without a singularity at s = 1.
    pub fn orders_if_alive(&self, cell: Cell, days: f64) -> f64 {
        let t = f64::from(cell.observed);
        let (waited, power) = ((days / (self.beta + t)).ln_1p(), 1.0 - self.s);
        let lived = if power == 0.0 { waited } else { (power * waited).exp_m1() / power };
        (self.r + f64::from(cell.x)) * (self.beta + t) / (self.alpha + t) * lived
    }
}

/// Fits the model.
///
/// # Errors
/// `Input` if there is no repeat buyer, or no start converges.
pub fn fit(cells: &Cells, prior: Option<&Prior>) -> Result<Fit<ParetoNbd>> {
    let t = cells.mean_observed();
    let starts = [vec![0.5, 0.3 * t, 0.5, 0.3 * t], vec![1.0, 0.3 * t, 0.3, t], vec![1.0, t, 1.0, t]];
    fit::fit(ParetoNbd { r: 1.0, alpha: 1.0, s: 1.0, beta: 1.0 }, cells, &starts, prior)
}

#[cfg(test)]
mod tests {
    use super::super::fit::assert_gradient;
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_value() {
        for (alpha, beta) in [(20.0, 90.0), (90.0, 20.0), (50.0, 50.0)] {
            let model = ParetoNbd { r: 0.35, alpha, s: 0.6, beta };
            for cell in [
                Cell { x: 0, t_x: 0, observed: 90, cohort: 0 },
                Cell { x: 5, t_x: 71, observed: 200, cohort: 0 },
                Cell { x: 500, t_x: 700, observed: 705, cohort: 0 },
            ] {
                assert_gradient(model, cell);
            }
        }
    }

    /// Abramowitz, Stegun (1964), table 25.4, n = 16: the first and the last point and weight.
    #[test]
    fn the_rule_is_that_of_the_tables() {
        let ((last, last_weight), (first, first_weight)) = (rule()[0], rule()[HALF - 1]);
        assert!((first - 0.095_012_509_837_637_44).abs() < 1e-15 && (first_weight - 0.189_450_610_455_068_5).abs() < 1e-14);
        assert!((last - 0.989_400_934_991_649_9).abs() < 1e-15 && (last_weight - 0.027_152_459_411_754_1).abs() < 1e-14);
    }

    /// s = 1 and x + r = 1 with alpha = beta: the density of the next order is alpha / (alpha + v)^3 of alpha^2, all of it 1 / 2.
    #[test]
    fn half_of_the_active_return_by_hand() {
        let (model, cell) = (ParetoNbd { r: 1.0, alpha: 30.0, s: 1.0, beta: 30.0 }, Cell { x: 0, t_x: 0, observed: 10, cohort: 0 });
        // 1/2 (1 - (40 / (40 + h))^2), of which half at h = 40 (sqrt 2 - 1).
        for days in [1.0, 40.0, 1e6] {
            let by_hand = 0.5 * (1.0 - (40.0f64 / (40.0 + days)).powi(2));
            assert!((model.return_probability_if_alive(cell, days) - by_hand).abs() < 1e-12 * by_hand, "{days}");
        }
        let median = model.next_order_days(cell, 0.5);
        assert!((median - 40.0 * (2f64.sqrt() - 1.0)).abs() < 1e-9, "{median}");
    }
}
