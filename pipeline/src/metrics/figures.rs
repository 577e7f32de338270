//! What chances are worth that customers leave: figures with their intervals, of one model and of two against each other.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Interval, intervals};
use super::profit::{Economics, Order};
use super::{Graded, of_one};

/// Figures of chances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Area under the ROC curve.
    pub auc: Option<Interval>,
    /// Mean negative log-likelihood.
    pub log_loss: Option<Interval>,
    /// Mean squared error.
    pub brier: Option<Interval>,
    /// Expected maximum profit a customer, in minor units.
    pub profit_minor: Option<Interval>,
    /// The share of customers that is contacted for it.
    pub contact_share: Option<Interval>,
}

/// Sums that are made side by side: one addition need not wait for the one before.
const LANES: usize = 8;

/// The mean of values of rows that stand for so many each.
fn mean(weights: &[u8], values: &[f64]) -> Option<f64> {
    let all: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let ((weights, last_weights), (values, last_values)) = (weights.as_chunks::<LANES>(), values.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (weights, values) in weights.iter().zip(values) {
        sums = std::array::from_fn(|lane| sums[lane] + f64::from(weights[lane]) * values[lane]);
    }
    let last: f64 = last_weights.iter().zip(last_values).map(|(weight, value)| f64::from(*weight) * value).sum();
    (all > 0).then(|| (sums.iter().sum::<f64>() + last) / all as f64)
}

fn losses(graded: &[Graded]) -> Vec<f64> {
    graded.iter().map(|(chance, came)| of_one(*chance, *came)).collect()
}

impl Figures {
    /// Those of chances and who left; `keys` are those of the customers.
    pub fn of(keys: &[u64], graded: &[Graded], economics: &Economics) -> Self {
        let (order, losses) = (Order::of(graded), losses(graded));
        let squares: Vec<f64> = graded.iter().map(|(chance, came)| (chance - f64::from(u8::from(*came))).powi(2)).collect();
        let [auc, log_loss, brier, profit_minor, contact_share] = intervals(keys, |weights| {
            let (auc, profit) = order.auc_and_profit(economics, weights);
            [auc, mean(weights, &losses), mean(weights, &squares), Some(profit.maximum), Some(profit.share)]
        });
        Self { auc, log_loss, brier, profit_minor, contact_share }
    }
}

/// How one model did against another of the same customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What it lost more, by log-loss.
    pub log_loss: Option<Interval>,
    /// What it earned more, in minor units a customer.
    pub profit_minor: Option<Interval>,
}

impl Compared {
    /// Of chances, one model's against another's.
    pub fn of(keys: &[u64], (own, other): (&[Graded], &[Graded]), economics: &Economics) -> Self {
        let orders = [own, other].map(Order::of);
        let differences: Vec<f64> = losses(own).iter().zip(losses(other)).map(|(own, other)| own - other).collect();
        let [log_loss, profit_minor] = intervals(keys, |weights| {
            let [own, other] = orders.each_ref().map(|order| order.profit(economics, weights).maximum);
            [mean(weights, &differences), Some(own - other)]
        });
        Self { log_loss, profit_minor }
    }

    /// Whether it lost less beyond chance, and did not earn less beyond chance.
    pub fn is_better(&self) -> bool {
        self.log_loss.is_some_and(|lost| lost.high < 0.0) && self.profit_minor.is_some_and(|earned| earned.high >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Economics = Economics { margin: 200.0, offer_cost: 10.0, contact_cost: 1.0, acceptance: [6.0, 14.0] };

    /// Figures are those that are computed without draws; a model that knows is better than one that does not, and not the other way round.
    #[test]
    fn who_knows_more_is_better() {
        let keys: Vec<u64> = (0..900u64).map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        let left = |row: usize| row % 10 < if row < 300 { 7 } else { 2 };
        let graded = |chance: &dyn Fn(usize) -> f64| (0..900).map(|row| (chance(row), left(row))).collect::<Vec<Graded>>();
        let (knows, does_not) = (graded(&|row| if row < 300 { 0.7 } else { 0.2 }), graded(&|_| 11.0 / 30.0));
        let figures = Figures::of(&keys, &knows, &PAPER);
        let value = |interval: Option<Interval>| interval.expect("both left and stayed").value;
        assert!((value(figures.auc) - super::super::auc(&knows).expect("both")).abs() < 1e-12);
        assert!((value(figures.log_loss) - super::super::log_loss(&knows).expect("some")).abs() < 1e-12);
        assert!((value(figures.brier) - (0.21 + 2.0 * 0.16) / 3.0).abs() < 1e-12);
        assert!(Compared::of(&keys, (&knows, &does_not), &PAPER).is_better());
        assert!(!Compared::of(&keys, (&does_not, &knows), &PAPER).is_better());
        assert!(!Compared::of(&keys, (&knows, &knows), &PAPER).is_better());
    }
}
