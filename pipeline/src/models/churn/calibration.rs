//! What a model's scores mean, learnt on rows that it was not fitted to.
//!
//! Source: Kull, Silva Filho, Flach (2017), Beta Calibration: a Well-founded and Easily Implemented Improvement on Logistic Calibration for Binary
//! Classifiers, AISTATS, Algorithm 1: ln(q / (1 - q)) = c + a ln p - b ln(1 - p), with a and b not below 0.

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use crate::models::optimise::{Start, minimise};
use crate::models::{ln_one_plus_exp, sigmoid};

/// From log-odds to log-odds, never falling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    a: f64,
    b: f64,
    c: f64,
}

/// Parameters beyond this say that scores part the outcomes: nothing is left to learn.
const BOUND: f64 = 50.0;

impl Calibration {
    /// Changes nothing.
    pub const NONE: Self = Self { a: 1.0, b: 1.0, c: 0.0 };

    /// Learns from log-odds and what came of them; None where the fit does not end.
    pub fn learn(scored: &[(f64, bool)]) -> Option<Self> {
        let all = Self::fit(scored, [true, true])?;
        match (all.a < 0.0, all.b < 0.0) {
            (false, false) => Some(all),
            (true, false) => Self::fit(scored, [false, true]).filter(|of| of.b >= 0.0),
            (false, true) => Self::fit(scored, [true, false]).filter(|of| of.a >= 0.0),
            (true, true) => None,
        }
    }

    /// The fit of those of a and b that are free; the others are 0.
    fn fit(scored: &[(f64, bool)], free: [bool; 2]) -> Option<Self> {
        let of = |at: &Array1<f64>| Self { a: if free[0] { at[0] } else { 0.0 }, b: if free[1] { at[1] } else { 0.0 }, c: at[2] };
        let count = scored.len() as f64;
        let loss = |at: &Array1<f64>| {
            let calibration = of(at);
            let (mut loss, mut gradient) = (0.0, [0.0; 3]);
            for &(score, came) in scored {
                let [ln_p, ln_not] = logs(score);
                let (z, came) = (calibration.of(score), f64::from(u8::from(came)));
                loss += ln_one_plus_exp(z) - came * z;
                let error = sigmoid(z) - came;
                [ln_p, -ln_not, 1.0].into_iter().zip(&mut gradient).for_each(|(slope, sum)| *sum += error * slope);
            }
            free.iter().zip(&mut gradient).filter(|(free, _)| !**free).for_each(|(_, part)| *part = 0.0);
            (loss / count, Array1::from_iter(gradient.map(|part| part / count)))
        };
        let found = minimise(Start::at(Array1::from_vec(vec![1.0, 1.0, 0.0])), BOUND, loss);
        (!scored.is_empty() && found.converged && !found.at_boundary).then(|| of(&found.at))
    }

    /// What log-odds mean, as log-odds.
    pub fn of(&self, score: f64) -> f64 {
        let [ln_p, ln_not] = logs(score);
        self.c + self.a * ln_p - self.b * ln_not
    }
}

/// ln p and ln(1 - p) of log-odds.
fn logs(score: f64) -> [f64; 2] {
    [-ln_one_plus_exp(-score), -ln_one_plus_exp(score)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes that follow a = 0.6, b = 1.7, c = 0.4 exactly, as so many of 10,000 at each score: the fit finds these.
    #[test]
    fn what_was_put_in_is_found() {
        let truth = Calibration { a: 0.6, b: 1.7, c: 0.4 };
        let at = |score: f64| {
            let came = (10_000.0 * sigmoid(truth.of(score))).round() as usize;
            (0..10_000).map(move |row| (score, row < came))
        };
        let scored: Vec<(f64, bool)> = (-6..=6).flat_map(|half| at(f64::from(half) / 2.0)).collect();
        let found = Calibration::learn(&scored).expect("it ends");
        assert!((found.a - 0.6).abs() < 2e-3 && (found.b - 1.7).abs() < 2e-3 && (found.c - 0.4).abs() < 2e-3, "{found:?}");
        // By hand: at p = 0.5, c + (b - a) ln 2.
        assert!((truth.of(0.0) - (0.4 + 1.1 * 2f64.ln())).abs() < 1e-12);
        assert!((Calibration::NONE.of(-1.3) + 1.3).abs() < 1e-12);
    }

    /// Scores that say the opposite of what comes mean nothing.
    #[test]
    fn it_never_falls() {
        let scored: Vec<(f64, bool)> = (0..400).map(|row| (f64::from(row % 20) / 5.0 - 2.0, row % 20 < 3 || row % 7 == 0)).collect();
        let found = Calibration::learn(&scored);
        assert!(found.is_none_or(|found| found.a >= 0.0 && found.b >= 0.0 && found.of(1.0) >= found.of(-1.0)), "{found:?}");
    }
}
