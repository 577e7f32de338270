//! What an order day of a customer is worth: by Gamma-Gamma, where everyone's mean is finite there; else by the customer's own mean, drawn to everyone's.
//!
//! Source of the second: Bühlmann, Straub (1970), Glaubwürdigkeit für Schadensätze, Mitteilungen der Vereinigung schweizerischer Versicherungsmathematiker
//! 70: the mean of x days counts as x / (x + K), K the variance within customers over that between them.

use serde::{Deserialize, Serialize};

use super::gamma_gamma::{Fit, GammaGamma, Spent, fit};
use crate::error::{Error, Kind, Result};

/// K where the data say nothing: everyone's mean counts as one day.
const DAYS: f64 = 1.0;
/// K lies in these: nobody's own mean is nothing, or all.
const DAYS_RANGE: [f64; 2] = [0.1, 100.0];

/// What an order day is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum Worth {
    /// Gamma-Gamma, with q above 1.
    GammaGamma(GammaGamma),
    /// The own mean, drawn to everyone's.
    ShrunkMean {
        /// Mean of customers' means, in minor units.
        mean_minor: f64,
        /// It counts as so many days of each customer.
        days: f64,
    },
}

/// What says it, and how it was found.
#[derive(Debug, Clone, Serialize)]
pub struct Valued {
    /// What scores.
    pub worth: Worth,
    /// The fit of Gamma-Gamma; none where it did not converge.
    pub gamma_gamma: Option<Fit>,
    /// Why it does not score, if so.
    pub why: Option<String>,
}

impl Worth {
    /// The mean value of an order day of a customer, in minor units.
    pub fn of_day(&self, spent: Spent) -> f64 {
        match self {
            Self::GammaGamma(model) => model.mean_value(spent),
            Self::ShrunkMean { mean_minor, days } => (spent.value_minor as f64 + days * mean_minor) / (f64::from(spent.x) + days),
        }
    }
}

/// Finds what says the worth of an order day.
///
/// # Errors
/// `Input` where nobody has a repeat order day of some value.
pub fn value(customers: &[Spent]) -> Result<Valued> {
    if customers.is_empty() {
        return Err(Error::new(Kind::Input, "value of an order day: expected customers with a repeat order day of some value, got none"));
    }
    let shrunk = || shrunk_mean(customers);
    Ok(match fit(customers) {
        Ok(fit) if fit.model.q > 1.0 => Valued { worth: Worth::GammaGamma(fit.model), gamma_gamma: Some(fit), why: None },
        Ok(fit) => {
            let why = format!("Gamma-Gamma: expected q above 1, as everyone's mean is infinite else, got {}; means drawn to everyone's instead", fit.model.q);
            Valued { worth: shrunk(), gamma_gamma: Some(fit), why: Some(why) }
        }
        Err(error) => Valued { worth: shrunk(), gamma_gamma: None, why: Some(format!("{error}; means drawn to everyone's instead")) },
    })
}

/// The variance of customers' means about everyone's is that between customers and, over their days, that within: a line in 1 / x.
fn shrunk_mean(customers: &[Spent]) -> Worth {
    let count = customers.len() as f64;
    let own = |spent: &Spent| spent.value_minor as f64 / f64::from(spent.x);
    let mean_minor = customers.iter().map(own).sum::<f64>() / count;
    let points = || customers.iter().map(|spent| (1.0 / f64::from(spent.x), (own(spent) - mean_minor) * (own(spent) - mean_minor)));
    let (mean_x, mean_y) = points().fold((0.0, 0.0), |(sum_x, sum_y), (x, y)| (sum_x + x / count, sum_y + y / count));
    let [xx, xy] = points().fold([0.0; 2], |[xx, xy], (x, y)| [xx + (x - mean_x) * (x - mean_x), xy + (x - mean_x) * (y - mean_y)]);
    let within = if xx > 0.0 { xy / xx } else { 0.0 };
    let between = mean_y - within * mean_x;
    let days = if within > 0.0 && between > 0.0 { (within / between).clamp(DAYS_RANGE[0], DAYS_RANGE[1]) } else { DAYS };
    Worth::ShrunkMean { mean_minor, days }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(x: u32, value_minor: i64) -> Spent {
        Spent { x, value_minor }
    }

    /// By hand: means 100 +- 60 of one day each, 100 +- 40 of two days: squares 3600 at 1, 1600 at 1/2. Within 4000, between -400: the data say nothing.
    /// With 100 +- 50 of two days: squares 2500 at 1/2, within 2200, between 1400.
    #[test]
    fn own_means_are_drawn_to_everyones() {
        assert_eq!(shrunk_mean(&[spent(1, 40), spent(1, 160), spent(2, 120), spent(2, 280)]), Worth::ShrunkMean { mean_minor: 100.0, days: 1.0 });
        let Worth::ShrunkMean { mean_minor, days } = shrunk_mean(&[spent(1, 40), spent(1, 160), spent(2, 100), spent(2, 300)]) else { panic!("a mean") };
        assert!((days - 2200.0 / 1400.0).abs() < 1e-12 && mean_minor == 100.0, "{days}");
        let worth = Worth::ShrunkMean { mean_minor: 100.0, days: 2.0 };
        assert_eq!((worth.of_day(spent(0, 0)), worth.of_day(spent(2, 300))), (100.0, 125.0));
    }

    /// Where everyone spends the same there is no likelihood to maximise: the worth is what they spend.
    #[test]
    fn equal_values_are_their_own_worth() {
        let valued = value(&[spent(1, 250), spent(3, 750), spent(2, 500)]).expect("a value");
        assert!(valued.gamma_gamma.is_none() && valued.why.is_some_and(|why| why.contains("no convergence")), "{:?}", valued.worth);
        assert_eq!((valued.worth.of_day(spent(0, 0)), valued.worth.of_day(spent(7, 1750))), (250.0, 250.0));
        assert!(value(&[]).is_err());
        assert!(value(&[spent(1, 300)]).expect("one is enough").worth.of_day(spent(1, 300)) == 300.0);
    }
}
