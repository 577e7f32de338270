//! The rule that every churn model must beat: silent for longer than a threshold means gone.

use serde::{Deserialize, Serialize};

use super::Example;
use crate::metrics::{Graded, log_loss};

/// The best simple inactivity rule: a threshold on one input, and the churn rate on each side of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The input: `recency_days` or `silence_gaps`.
    pub input: String,
    position: usize,
    /// Silent for more than this.
    pub threshold: f64,
    /// Churn rate of those beyond it.
    pub rate_beyond: f64,
    /// Churn rate of the others, and of who is unknown.
    pub rate_within: f64,
}

/// Days, and own mean gaps, of silence that are tried.
const CANDIDATES: [(&str, &[f64]); 2] =
    [("recency_days", &[7.0, 14.0, 21.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0, 180.0]), ("silence_gaps", &[0.5, 1.0, 1.5, 2.0, 3.0])];

impl Rule {
    /// The rule with the lowest log-loss on `rows`; None where no candidate input was chosen or there are no rows.
    pub fn learn(names: &[String], rows: &[Example]) -> Option<Self> {
        let mut best: Option<(f64, Rule)> = None;
        for (input, thresholds) in CANDIDATES {
            let Some(position) = names.iter().position(|name| name == input) else { continue };
            for &threshold in thresholds {
                let rule = Self::at(input, position, threshold, rows);
                let graded: Vec<Graded> = rows.iter().map(|row| (rule.probability(&row.values), row.churned)).collect();
                let Some(loss) = log_loss(&graded) else { continue };
                if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
                    best = Some((loss, rule));
                }
            }
        }
        best.map(|(_, rule)| rule)
    }

    fn at(input: &str, position: usize, threshold: f64, rows: &[Example]) -> Self {
        let mut rule = Self { input: input.to_owned(), position, threshold, rate_beyond: 0.0, rate_within: 0.0 };
        // One row of each outcome is added on each side: no side is ever certain.
        let rate = |beyond: bool| {
            let side = rows.iter().filter(|row| rule.is_beyond(&row.values) == beyond);
            let (churned, all) = side.fold((1.0, 2.0), |(churned, all), row| (churned + f64::from(u8::from(row.churned)), all + 1.0));
            churned / all
        };
        (rule.rate_beyond, rule.rate_within) = (rate(true), rate(false));
        rule
    }

    fn is_beyond(&self, values: &[f64]) -> bool {
        // Unknown is not beyond.
        values[self.position] > self.threshold
    }

    /// P(churned) by the rule.
    pub fn probability(&self, values: &[f64]) -> f64 {
        if self.is_beyond(values) { self.rate_beyond } else { self.rate_within }
    }
}
