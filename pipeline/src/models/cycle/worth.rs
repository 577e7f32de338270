//! What an order day of a customer is worth: by Gamma-Gamma, where everyone's mean is finite there; else by the customer's own mean, drawn to everyone's.

use serde::{Deserialize, Serialize};

use super::gamma_gamma::{Fit, GammaGamma, Spent, fit};
use super::shrunk::{Own, Shrunk};
use crate::error::{Error, Kind, Result};

/// What an order day is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum Worth {
    /// Gamma-Gamma, with q above 1.
    GammaGamma(GammaGamma),
    /// The own mean of days, in minor units, drawn to everyone's.
    ShrunkMean(Shrunk),
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
            Self::ShrunkMean(shrunk) => shrunk.of(own(&spent)),
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
    let shrunk = || Worth::ShrunkMean(Shrunk::learn(&customers.iter().map(own).collect::<Vec<_>>()));
    Ok(match fit(customers) {
        Ok(fit) if fit.model.q > 1.0 => Valued { worth: Worth::GammaGamma(fit.model), gamma_gamma: Some(fit), why: None },
        Ok(fit) => {
            let why = format!("Gamma-Gamma: expected q above 1, as everyone's mean is infinite else, got {}; means drawn to everyone's instead", fit.model.q);
            Valued { worth: shrunk(), gamma_gamma: Some(fit), why: Some(why) }
        }
        Err(error) => Valued { worth: shrunk(), gamma_gamma: None, why: Some(format!("{error}; means drawn to everyone's instead")) },
    })
}

fn own(spent: &Spent) -> Own {
    let count = f64::from(spent.x);
    Own { count, mean: if spent.x == 0 { 0.0 } else { spent.value_minor as f64 / count } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(x: u32, value_minor: i64) -> Spent {
        Spent { x, value_minor }
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
