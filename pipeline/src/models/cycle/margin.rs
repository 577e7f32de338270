//! What of an order's value is margin: a customer's own share where the cost of lines is known, drawn to everyone's.

use serde::{Deserialize, Serialize};

use super::shrunk::{Own, Shrunk};
use crate::features::Facts;

/// A customer's own share of margin counts within these: goods sold at twice their cost price below it say no more than those.
const SHARE_RANGE: [f64; 2] = [-1.0, 1.0];

/// The orders of a customer's observation window of which some line's cost is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    /// Orders.
    pub orders: u32,
    /// Value of the lines whose cost is known, in minor units, above 0.
    pub value_minor: i64,
    /// That less what they cost.
    pub margin_minor: i64,
}

/// What is margin of value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// Shares of margin; everyone's counts as so many orders.
    pub share: Shrunk,
    /// Customers from whom it was learnt.
    pub customers: u64,
}

impl Earned {
    /// What a customer's orders earned; None where no cost is known, or all came back.
    pub fn of(facts: &Facts) -> Option<Self> {
        let earned = Self { orders: facts.costed_orders, value_minor: facts.costed_minor, margin_minor: facts.margin_minor };
        (earned.orders > 0 && earned.value_minor > 0).then_some(earned)
    }

    fn own(self) -> Own {
        let [low, high] = SHARE_RANGE;
        Own { count: f64::from(self.orders), mean: (self.margin_minor as f64 / self.value_minor as f64).clamp(low, high) }
    }
}

impl Margin {
    /// What everyone's margin is; None where nobody's is known.
    pub fn learn(customers: &[Earned]) -> Option<Self> {
        let own: Vec<Own> = customers.iter().map(|earned| earned.own()).collect();
        (!own.is_empty()).then(|| Self { share: Shrunk::learn(&own), customers: own.len() as u64 })
    }

    /// The share of margin in what a customer will spend.
    pub fn share(&self, earned: Option<Earned>) -> f64 {
        self.share.of(earned.map_or(Own { count: 0.0, mean: 0.0 }, Earned::own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: shares 0.25 and 0.75 of four orders each say nothing of the variance within, so everyone's 0.5 counts as one order:
    /// (4 x 0.25 + 0.5) / 5 = 0.3. What costs five times its price counts as -1: (1 x -1 + 0.5) / 2.
    #[test]
    fn shares_of_margin_are_drawn_to_everyones() {
        let earned = |orders, margin_minor| Earned { orders, value_minor: 200, margin_minor };
        let margin = Margin::learn(&[earned(4, 50), earned(4, 150)]).expect("known");
        assert_eq!((margin.share, margin.customers), (Shrunk { mean: 0.5, weight: 1.0 }, 2));
        assert_eq!([Some(earned(4, 50)), None, Some(earned(1, -800))].map(|earned| margin.share(earned)), [0.3, 0.5, -0.25]);
        assert_eq!(Margin::learn(&[]), None);
    }
}
