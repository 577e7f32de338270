//! Who foretells orders: a fitted model, a rule, or a model that was recalibrated by what came of its earlier forecasts.

use rayon::prelude::*;

use crate::labels::RETURN_DAYS;
use crate::models::cycle::{Cells, Expectation, Model};
use crate::models::isotonic::Isotonic;
use crate::shards::Sampled;

/// Horizons, in the order of `RETURN_DAYS`.
pub const HORIZONS: usize = RETURN_DAYS.len();

/// What is foretold of a customer.
#[derive(Debug, Clone, Copy)]
pub struct Foretold {
    /// The chance of an order, by horizon.
    pub returns: [f64; HORIZONS],
    /// Expected order days, by horizon.
    pub orders: [f64; HORIZONS],
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
        let chances = std::array::from_fn(|horizon| row.labels.order_days[horizon].map(|came| poisson(orders[horizon], came as u32)));
        // The year before says how many, not when.
        let per_day = orders[0] / f64::from(RETURN_DAYS[0]);
        let next = (self != Rule::LastYear).then(|| [[0.25f64, 0.5, 0.75].map(|share| (-(-share).ln_1p() / per_day).ceil()); 2]);
        Foretold { returns: orders.map(|orders| -(-orders).exp_m1()), orders, chances, next }
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
    let expectations = RETURN_DAYS.map(|days| Expectation::new(*model, f64::from(days), cells));
    let one = |row: &Sampled| {
        let cell = row.cell;
        let returns = RETURN_DAYS.map(|days| model.return_probability(cell, f64::from(days)));
        let chances = std::array::from_fn(|horizon| {
            let (came, days) = (row.labels.order_days[horizon]? as u32, f64::from(RETURN_DAYS[horizon]));
            // Most ordered never or once: what that takes is known.
            let at_least = |count: u32| if count == 1 { returns[horizon] } else { model.at_least(cell, days, count) };
            Some((1.0 - at_least(came), 1.0 - at_least(came + 1)))
        });
        let ever = model.returns_ever(cell);
        let days = |share: f64| if share < 1.0 { model.next_order_days(cell, share).ceil() } else { f64::INFINITY };
        let next = [[0.25, 0.5, 0.75].map(|share| days(share / ever)), [0.25, 0.5, 0.75].map(days)];
        Foretold { returns, orders: expectations.each_ref().map(|expectation| expectation.orders(cell)), chances, next: Some(next) }
    };
    rows.par_iter().map(one).collect()
}

/// By horizon, what chances and expected orders meant at an earlier date.
pub type Recalibration = [Option<[Isotonic; 2]>; HORIZONS];

/// What forecasts for one horizon meant, by what came of them.
pub fn learn(rows: &[Sampled], foretold: &[Foretold], horizon: usize) -> Option<[Isotonic; 2]> {
    let came = |row: &Sampled| row.labels.order_days[horizon];
    let pairs = |score: &dyn Fn(&Foretold) -> f64, outcome: &dyn Fn(i64) -> f64| {
        Isotonic::learn(rows.iter().zip(foretold).filter_map(|(row, foretold)| Some((score(foretold), outcome(came(row)?)))).collect())
    };
    let returns = pairs(&|foretold| foretold.returns[horizon], &|came| f64::from(u8::from(came > 0)))?;
    Some([returns, pairs(&|foretold| foretold.orders[horizon], &|came| came as f64)?])
}

/// Chances that were learnt horizon by horizon: within more days none is smaller.
pub fn rising(mut returns: [f64; HORIZONS]) -> [f64; HORIZONS] {
    (1..HORIZONS).for_each(|horizon| returns[horizon] = returns[horizon].max(returns[horizon - 1]));
    returns
}

/// The forecasts as recalibrated; where nothing was learnt, they stay as they are.
pub fn recalibrated(foretold: &[Foretold], by: &Recalibration) -> Vec<Foretold> {
    let of_horizon = |own: &[f64; HORIZONS], which: usize| -> [f64; HORIZONS] {
        std::array::from_fn(|horizon| by[horizon].as_ref().map_or(own[horizon], |learnt| learnt[which].of(own[horizon])))
    };
    let one =
        |own: &Foretold| Foretold { returns: rising(of_horizon(&own.returns, 0)), orders: of_horizon(&own.orders, 1), chances: [None; HORIZONS], next: None };
    foretold.par_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::models::cycle::Cell;

    fn row(x: u32, t_x: u32, observed: u32, year_ago: u32) -> Sampled {
        let labels = Labels { horizon_order_days: 0, order_days: [Some(2); 4], next_order_days: None, year_ago: [year_ago; 4] };
        Sampled { drawn: 0, customer: 0, cell: Cell { x, t_x, observed }, values: Box::default(), labels }
    }

    /// By hand: 4 repeat days in 120 days are 1 in 30 days; 80 silent days are more than two gaps of 10.
    #[test]
    fn rules_by_hand() {
        let (regular, silent) = (row(4, 100, 120, 3), row(4, 40, 120, 0));
        let mean = |rule: Rule, row: &Sampled| rule.foretell(row).orders[1];
        assert_eq!(Rule::ALL.map(|rule| mean(rule, &regular)), [0.0, 1.0, 1.0, 3.0]);
        assert_eq!(Rule::ALL.map(|rule| mean(rule, &silent)), [0.0, 1.0, 0.0, 0.0]);
        // Exactly two gaps of 25 days are not more than two.
        assert_eq!(mean(Rule::OwnRateUnlessSilent, &row(4, 100, 150, 0)), 0.8);
        let foretold = Rule::OwnRate.foretell(&regular);
        assert!((foretold.returns[1] - (1.0 - (-1f64).exp())).abs() < 1e-12);
        // Poisson of mean 1: 0 or 1 with 2 / e, 2 with 1 / 2e. Half have ordered after 30 ln 2 = 20.8 days.
        let (below, up_to) = foretold.chances[1].expect("it is over");
        assert!((below - 2.0 * (-1f64).exp()).abs() < 1e-12 && (up_to - 2.5 * (-1f64).exp()).abs() < 1e-12);
        assert_eq!(foretold.next.expect("a rate has dates")[0][1], 21.0);
        assert_eq!(Rule::Zero.foretell(&regular).next.expect("never")[0], [f64::INFINITY; 3]);
    }
}
