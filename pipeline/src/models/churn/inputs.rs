//! What churn models take in: features, and what the purchase-cycle model says.

use crate::features::{self, Feature, Words, World};
use crate::key::fingerprint;
use crate::models::cycle::{Cell, Model};
use crate::models::log_odds;
use crate::models::trees::Values;

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
    features: Vec<Input>,
    horizon_days: f64,
}

/// A feature that a model takes.
#[derive(Debug, Clone)]
struct Input {
    /// Where it stands in a row of all features.
    place: usize,
    feature: Feature,
    /// Of a text: by the places that its cells hold, the texts of this run, each with a number that is the same in all runs.
    words: Vec<(f64, String)>,
}

impl Input {
    fn number(&self, cell: features::Cell) -> Option<f64> {
        match self.feature.words {
            _ if cell == features::UNKNOWN => None,
            Some(_) => self.words.get(cell as usize).map(|(number, _)| *number),
            None => self.feature.number(cell),
        }
    }

    fn column(&self) -> Values {
        if self.feature.words.is_some() { Values::Words } else { Values::Numbers }
    }
}

/// A text as a number of 52 bits, which floats hold; NaN for none. Of thousands of texts no two are alike.
fn number_of(text: &str) -> f64 {
    if text.is_empty() { f64::NAN } else { (fingerprint(0, text.as_bytes()) >> 12) as f64 }
}

/// Names of what the purchase-cycle model says.
const FROM_CYCLE: [&str; 2] = [RETURN_LOG_ODDS, "cycle_p_alive"];

/// Names of the inputs that are numbers.
pub fn numbers(features: &[Feature]) -> Vec<&str> {
    let own = features.iter().filter(|feature| feature.for_models && feature.words.is_none()).map(|feature| feature.name.as_str());
    own.chain(FROM_CYCLE).collect()
}

impl Inputs {
    /// The inputs of a model for `horizon_days`: those of the chosen features that models may take, whose texts are those of `world`, and the cycle's two.
    pub fn new(features: &[Feature], horizon_days: i32, world: &World) -> Self {
        let words = |words: Words| world.words(words).into_iter().map(|text| (number_of(text), text.to_owned())).collect();
        let input = |(place, feature): (usize, &Feature)| Input { place, words: feature.words.map(words).unwrap_or_default(), feature: feature.clone() };
        let features = features.iter().enumerate().filter(|(_, feature)| feature.for_models).map(input).collect();
        Self { features, horizon_days: f64::from(horizon_days) }
    }

    /// Names, in the order of values.
    pub fn names(&self) -> Vec<String> {
        let own = self.features.iter().map(|input| input.feature.name.clone());
        own.chain(FROM_CYCLE.map(str::to_owned)).collect()
    }

    /// By input, what its values are.
    pub fn columns(&self) -> Vec<Values> {
        self.features.iter().map(Input::column).chain(FROM_CYCLE.map(|_| Values::Numbers)).collect()
    }

    /// The text that a value of an input stands for, where it is one of this run's.
    pub fn text(&self, input: usize, value: f64) -> Option<&str> {
        self.features.get(input)?.words.iter().find(|(number, _)| *number == value).map(|(_, text)| text.as_str())
    }

    /// The values of a customer by a row of all chosen features; `cycle` is the model of that date.
    pub fn of_row(&self, row: &[features::Cell], cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        self.values(self.features.iter().map(|input| input.number(row[input.place])), cell, cycle)
    }

    /// The values of a customer by the cells of the features that models take.
    pub fn of_cells(&self, cells: &[features::Cell], cell: Cell, cycle: Option<&Model>) -> Vec<f64> {
        self.values(self.features.iter().zip(cells).map(|(input, cell)| input.number(*cell)), cell, cycle)
    }

    /// One value of a customer by the cells of the features that models take.
    pub fn of_cell(&self, cells: &[features::Cell], cell: Cell, cycle: Option<&Model>, input: usize) -> f64 {
        let of_cycle = |model: &Model| if input == self.features.len() { self.of_return(model, cell) } else { model.p_alive(cell) };
        let value = match self.features.get(input) {
            Some(of) => of.number(cells[input]),
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
        self.features.iter().map(|input| input.feature.family).chain([OF_CYCLE; 2]).collect()
    }

    /// By input, what it means.
    pub fn meanings(&self) -> Vec<&str> {
        let of_cycle = ["log-odds of an order in the horizon, by the purchase-cycle model", "probability of still being active, by the purchase-cycle model"];
        self.features.iter().map(|input| input.feature.meaning.as_str()).chain(of_cycle).collect()
    }

    /// By input, the columns of the lake that it is made from.
    pub fn sources(&self) -> Vec<&'static [&'static str]> {
        self.features.iter().map(|input| input.feature.sources).chain([&[] as &[&str]; 2]).collect()
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

    /// Inputs of these features, where no text is known.
    pub fn inputs(names: &[&str]) -> Inputs {
        Inputs::new(&chosen(names), 90, &World::nothing())
    }

    /// Two runs with other stores: a text has one number, whatever its place; none is unknown, and so is a place that is not there.
    #[test]
    fn a_text_is_the_same_number_in_all_runs() {
        let features = chosen(&["store_top_90d", "recency_days", "day_part_top_90d"]);
        let with = |stores: &[&str]| Inputs::new(&features, 90, &World { stores: stores.iter().map(|&store| store.to_owned()).collect(), ..World::nothing() });
        let (first, second) = (with(&["", "north", "south"]), with(&["", "east", "north", "south"]));
        let (cell, row) = (Cell { x: 0, t_x: 0, observed: 0, cohort: 0 }, |place: features::Cell| [place, 31, 2]);
        let value = |inputs: &Inputs, place: features::Cell| inputs.of_cells(&row(place), cell, None);
        assert_eq!(value(&first, 1)[..3], value(&second, 2)[..3]);
        assert!(value(&first, 1)[0] != value(&first, 2)[0] && value(&first, 1)[1] == 31.0);
        assert!([features::UNKNOWN, 0, 9].iter().all(|place| value(&first, *place)[0].is_nan()));
        assert_eq!(second.text(0, value(&first, 2)[0]), Some("south"));
        assert_eq!((first.text(0, value(&second, 1)[0]), first.text(1, 31.0)), (None, None));
        assert_eq!(first.text(2, value(&first, 1)[2]), World::nothing().words(features[2].words.expect("texts")).get(2).copied());
        assert_eq!(first.columns(), [Values::Words, Values::Numbers, Values::Words, Values::Numbers, Values::Numbers]);
        assert_eq!(numbers(&features), ["recency_days", RETURN_LOG_ODDS, "cycle_p_alive"]);
    }

    /// One value at a time is the value in the row: of features, and of what a model says; unknown without one.
    #[test]
    fn one_value_is_that_of_the_row() {
        use crate::models::cycle::CnbdK;
        let inputs = inputs(&["recency_days", "silence_gaps"]);
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
