//! The rules that every churn model must beat: silent for longer than a threshold means gone.

use serde::{Deserialize, Serialize};

use crate::metrics::{Graded, log_loss};

/// An inactivity rule: a threshold on one input, and the churn rate on each side of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The input: `recency_days` or `silence_gaps`.
    pub input: String,
    /// Silent for more than this.
    pub threshold: f64,
    /// Churn rate of those beyond it.
    pub rate_beyond: f64,
    /// Churn rate of the others, and of who is unknown.
    pub rate_within: f64,
}

impl Rule {
    /// Of these thresholds of an input, the one that loses least on `rows` of its values and who left, by log-loss; None without rows.
    pub fn learn(input: &str, thresholds: &[f64], rows: &[(f64, bool)]) -> Option<Self> {
        let graded = |rule: &Rule| log_loss(&rows.iter().map(|(value, churned)| (rule.probability(*value), *churned)).collect::<Vec<Graded>>());
        let rules = thresholds.iter().map(|threshold| Self::at(input, *threshold, rows));
        let losses = rules.filter_map(|rule| Some((graded(&rule)?, rule)));
        losses.reduce(|best, next| if next.0 < best.0 { next } else { best }).map(|(_, rule)| rule)
    }

    fn at(input: &str, threshold: f64, rows: &[(f64, bool)]) -> Self {
        let rule = Self { input: input.to_owned(), threshold, rate_beyond: 0.0, rate_within: 0.0 };
        // One row of each outcome is added on each side: no side is ever certain.
        let rate = |beyond: bool| {
            let side = rows.iter().filter(|(value, _)| rule.is_beyond(*value) == beyond);
            let (churned, all) = side.fold((1.0, 2.0), |(churned, all), (_, left)| (churned + f64::from(u8::from(*left)), all + 1.0));
            churned / all
        };
        Self { rate_beyond: rate(true), rate_within: rate(false), ..rule }
    }

    fn is_beyond(&self, value: f64) -> bool {
        // Unknown is not beyond.
        value > self.threshold
    }

    /// P(churned) by the rule, of a value of its input.
    pub fn probability(&self, value: f64) -> f64 {
        if self.is_beyond(value) { self.rate_beyond } else { self.rate_within }
    }
}
