//! What churn models take in: features, and what the purchase-cycle model says.

use crate::features::{self, Feature};
use crate::models::cycle::{Cell, Model};
use crate::models::log_odds;

/// The input that says how likely an order in the horizon is, by the purchase-cycle model: its log-odds.
pub const RETURN_LOG_ODDS: &str = "cycle_return_log_odds";
/// Chances are kept this far from 0 and 1 where log-odds are taken.
const LEAST: f64 = 1e-6;
/// The family of what the purchase-cycle model says.
const OF_CYCLE: &str = "cycle";

/// Log-odds of a chance that may be 0 or 1.
pub fn finite_log_odds(chance: f64) -> f64 {
    log_odds(chance.clamp(LEAST, 1.0 - LEAST))
}

/// What a churn model takes in: chosen features, and what the purchase-cycle model says.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The features, and where each stands in a row of all features.
    features: Vec<(usize, Feature)>,
    horizon_days: f64,
}

impl Inputs {
    /// The inputs of a model for `horizon_days`: those of the chosen features that models may take, and the cycle's two.
    pub fn new(features: &[Feature], horizon_days: i32) -> Self {
        let features = features.iter().cloned().enumerate().filter(|(_, feature)| feature.for_models).collect();
        Self { features, horizon_days: f64::from(horizon_days) }
    }

    /// Names, in the order of values.
    pub fn names(&self) -> Vec<String> {
        let own = self.features.iter().map(|(_, feature)| feature.name.clone());
        own.chain([RETURN_LOG_ODDS.to_owned(), "cycle_p_alive".to_owned()]).collect()
    }

    /// The values of a customer by a row of all chosen features; `cycle` is the model of that date.
    pub fn of_row(&self, row: &[features::Cell], cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        self.values(self.features.iter().map(|(place, feature)| feature.number(row[*place])), cell, cycle)
    }

    /// The values of a customer by the cells of the features that models take.
    pub fn of_cells(&self, cells: &[features::Cell], cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        self.values(self.features.iter().zip(cells).map(|((_, feature), cell)| feature.number(*cell)), cell, cycle)
    }

    /// One value of a customer by the cells of the features that models take.
    pub fn of_cell(&self, cells: &[features::Cell], cell: Cell, cycle: Option<&Model>, input: usize) -> f64 {
        let of_cycle = |model: &Model| if input == self.features.len() { self.of_return(model, cell) } else { model.p_alive(cell) };
        let value = match self.features.get(input) {
            Some((_, feature)) => feature.number(cells[input]),
            None => cycle.map(of_cycle),
        };
        value.unwrap_or(f64::NAN)
    }

    /// The log-odds of an order in the horizon.
    fn of_return(&self, model: &Model, cell: Cell) -> f64 {
        finite_log_odds(model.return_probability(cell, self.horizon_days))
    }

    /// By input, the family it belongs to.
    pub fn families(&self) -> Vec<&'static str> {
        self.features.iter().map(|(_, feature)| feature.family).chain([OF_CYCLE; 2]).collect()
    }

    /// By input, what it means.
    pub fn meanings(&self) -> Vec<&str> {
        let of_cycle = ["log-odds of an order in the horizon, by the purchase-cycle model", "probability of still being active, by the purchase-cycle model"];
        self.features.iter().map(|(_, feature)| feature.meaning.as_str()).chain(of_cycle).collect()
    }

    /// By input, the columns of the lake that it is made from.
    pub fn sources(&self) -> Vec<&'static [&'static str]> {
        self.features.iter().map(|(_, feature)| feature.sources).chain([&[] as &[&str]; 2]).collect()
    }

    fn values(&self, own: impl Iterator<Item = Option<f64>>, cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        let of_cycle = [cycle.map(|model| self.of_return(model, cell)), cycle.map(|model| model.p_alive(cell))];
        let mut values = Vec::with_capacity(self.features.len() + of_cycle.len());
        values.extend(own.chain(of_cycle).map(|value| value.unwrap_or(f64::NAN)));
        values
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::features::everything;

    /// Features by their names, for models.
    pub fn chosen(names: &[&str]) -> Vec<Feature> {
        let all = everything();
        let one = |name: &&str| Feature { for_models: true, ..all.features().iter().find(|feature| feature.name == **name).expect("a feature").clone() };
        names.iter().map(one).collect()
    }

    /// One value at a time is the value in the row: of features, and of what a model says; unknown without one.
    #[test]
    fn one_value_is_that_of_the_row() {
        use crate::models::cycle::CnbdK;
        let inputs = Inputs::new(&chosen(&["recency_days", "silence_gaps"]), 90);
        let model = Model::CnbdK(CnbdK { k: 1, from_first: true, r: 1.5, alpha: 35.0, a: 0.7, b: 1.9 });
        let (cells, cell) = ([31, 1.25f64.to_bits() as features::Cell], Cell { x: 3, t_x: 60, observed: 91, cohort: 0 });
        for cycle in [Some(&model), None] {
            let row = inputs.of_cells(&cells, cell, cycle);
            assert_eq!(&row[..2], [31.0, 1.25]);
            assert!(row[2..].iter().all(|value| value.is_nan() == cycle.is_none()), "{row:?}");
            assert!((0..4).all(|input| inputs.of_cell(&cells, cell, cycle, input).to_bits() == row[input].to_bits()));
        }
    }
}
