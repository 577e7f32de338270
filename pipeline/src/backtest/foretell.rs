//! Who foretells orders: a fitted model, or a rule.

use rayon::prelude::*;

use crate::labels::RETURN_DAYS;
use crate::models::Sampled;
use crate::models::correction::{HORIZONS, Means};
use crate::models::cycle::{Cells, Model};

/// What is foretold of a customer.
#[derive(Debug, Clone, Copy)]
pub struct Foretold {
    /// Chances of an order, and expected order days.
    pub means: Means,
    /// By horizon, the chance of fewer order days than came, and of as many or fewer.
    pub chances: [Option<(f64, f64)>; HORIZONS],
    /// Days until the next order day, p25, p50, p75: of all, and of those who will have one; none where only means are foretold.
    pub next: Option<[[f64; 3]; 2]>,
}

/// The simplest rules: a mean each, and orders by chance around it (Poisson).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nobody orders again.
    Zero,
    /// Repeat days over days since the first, as ever.
    OwnRate,
    /// The same, and nothing once silent for two mean gaps of one's own.
    OwnRateUnlessSilent,
    /// What came in the same weeks a year before.
    LastYear,
}

impl Rule {
    /// All rules.
    pub const ALL: [Rule; 4] = [Rule::Zero, Rule::OwnRate, Rule::OwnRateUnlessSilent, Rule::LastYear];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Zero => "zero",
            Rule::OwnRate => "own_rate",
            Rule::OwnRateUnlessSilent => "own_rate_unless_silent",
            Rule::LastYear => "last_year",
        }
    }

    /// Expected order days in a horizon.
    fn orders(self, row: &Sampled, horizon: usize) -> f64 {
        let cell = row.cell;
        let own = f64::from(cell.x) / f64::from(cell.observed.max(1)) * f64::from(RETURN_DAYS[horizon]);
        let silent = u64::from(cell.observed - cell.t_x) * u64::from(cell.x) > 2 * u64::from(cell.t_x);
        match self {
            Rule::Zero => 0.0,
            Rule::OwnRateUnlessSilent if silent => 0.0,
            Rule::OwnRate | Rule::OwnRateUnlessSilent => own,
            Rule::LastYear => f64::from(row.labels.year_ago[horizon]),
        }
    }

    /// Of a customer, and what came.
    pub fn foretell(self, row: &Sampled) -> Foretold {
        let orders: [f64; HORIZONS] = std::array::from_fn(|horizon| self.orders(row, horizon));
        let chances = std::array::from_fn(|horizon| row.labels.order_days[horizon].map(|came| poisson(orders[horizon], came.into())));
        // The year before says how many, not when.
        let per_day = orders[0] / f64::from(RETURN_DAYS[0]);
        let next = (self != Rule::LastYear).then(|| [[0.25f64, 0.5, 0.75].map(|share| (-(-share).ln_1p() / per_day).ceil()); 2]);
        Foretold { means: Means { returns: orders.map(|orders| -(-orders).exp_m1()), orders }, chances, next }
    }
}

/// The chances of fewer than `count`, and of `count` or fewer, around a mean.
fn poisson(mean: f64, count: u32) -> (f64, f64) {
    let (mut below, mut chance) = (0.0, (-mean).exp());
    for smaller in 0..count {
        below += chance;
        chance *= mean / f64::from(smaller + 1);
    }
    (below.min(1.0), (below + chance).min(1.0))
}

/// What a model foretells of each of `rows`; `cells` are those of everyone at the date.
pub fn foretell(model: &Model, cells: &Cells, rows: &[Sampled]) -> Vec<Foretold> {
    let one = |(row, means): (&Sampled, Means)| {
        let cell = row.cell;
        let chances = std::array::from_fn(|horizon| {
            let (came, days) = (u32::from(row.labels.order_days[horizon]?), f64::from(RETURN_DAYS[horizon]));
            // Most ordered never or once: what that takes is known.
            let at_least = |count: u32| if count == 1 { means.returns[horizon] } else { model.at_least(cell, days, count) };
            Some((1.0 - at_least(came), 1.0 - at_least(came + 1)))
        });
        let ever = model.returns_ever(cell);
        let days = |share: f64| if share < 1.0 { model.next_order_days(cell, share).ceil() } else { f64::INFINITY };
        let next = [[0.25, 0.5, 0.75].map(|share| days(share / ever)), [0.25, 0.5, 0.75].map(days)];
        Foretold { means, chances, next: Some(next) }
    };
    rows.par_iter().zip(Means::of(model, cells, rows)).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::models::cycle::Cell;

    fn row(x: u32, t_x: u32, observed: u32, year_ago: u16) -> Sampled {
        let labels = Labels { order_days: [Some(2); 4], year_ago: [year_ago; 4], ..Labels::default() };
        Sampled { drawn: 0, customer: 0, cell: Cell { x, t_x, observed, cohort: 0 }, values: Box::default(), labels }
    }

    /// By hand: 4 repeat days in 120 days are 1 in 30 days; 80 silent days are more than two gaps of 10.
    #[test]
    fn rules_by_hand() {
        let (regular, silent) = (row(4, 100, 120, 3), row(4, 40, 120, 0));
        let mean = |rule: Rule, row: &Sampled| rule.foretell(row).means.orders[1];
        assert_eq!(Rule::ALL.map(|rule| mean(rule, &regular)), [0.0, 1.0, 1.0, 3.0]);
        assert_eq!(Rule::ALL.map(|rule| mean(rule, &silent)), [0.0, 1.0, 0.0, 0.0]);
        // Exactly two gaps of 25 days are not more than two.
        assert_eq!(mean(Rule::OwnRateUnlessSilent, &row(4, 100, 150, 0)), 0.8);
        let foretold = Rule::OwnRate.foretell(&regular);
        assert!((foretold.means.returns[1] - (1.0 - (-1f64).exp())).abs() < 1e-12);
        // Poisson of mean 1: 0 or 1 with 2 / e, 2 with 1 / 2e. Half have ordered after 30 ln 2 = 20.8 days.
        let (below, up_to) = foretold.chances[1].expect("it is over");
        assert!((below - 2.0 * (-1f64).exp()).abs() < 1e-12 && (up_to - 2.5 * (-1f64).exp()).abs() < 1e-12);
        assert_eq!(foretold.next.expect("a rate has dates")[0][1], 21.0);
        assert_eq!(Rule::Zero.foretell(&regular).next.expect("never")[0], [f64::INFINITY; 3]);
    }
}
