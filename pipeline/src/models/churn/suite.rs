//! What is asked of every churn model and rule.

use super::inputs::tests::{chosen, inputs};
use super::learner::{Explaining, Learnt, Material, Model};
use super::plan::{Plan, Separation};
use super::{Dated, Inputs, LogisticParams, PARTS, Params, Rows};
use crate::config::{RawChurnModel, RawDirection};
use crate::features::{Cell as Value, UNKNOWN, World};
use crate::labels::{Labels, Leaving, Population};
use crate::metrics::{Economics, auc};
use crate::models::cycle::{Cell, CnbdK, Model as Cycle};
use crate::models::{Sampled, sigmoid};
use crate::time::Day;

const ALL: [RawChurnModel; 5] =
    [RawChurnModel::InactivityRule, RawChurnModel::OwnCycleRule, RawChurnModel::Cycle, RawChurnModel::Logistic, RawChurnModel::Trees];
const NAMES: [&str; 5] = ["recency_days", "silence_gaps", "gap_variation", "order_count_90d", "store_top_90d"];
/// Of the second and the fourth many leave.
const STORES: [&str; 6] = ["", "north", "east", "south", "west", "kiosk"];

fn params() -> Params {
    Params {
        population: Population { horizon_days: 90, active_days: 90, order_days_min: 2, gap_days_max: None, leaving: Leaving::NoOrder, newcomers: false },
        models: vec![RawChurnModel::Logistic, RawChurnModel::Trees],
        training_customers_min: 100,
        training_events_min: 10,
        logistic: LogisticParams { rows_min: 1, ridge: 1e-3, gradient_tolerance: 1e-5, iterations_max: 500 },
        train_every_days: 0,
        hold_without_model: false,
        explain_from: 0.5,
        sensitive: Vec::new(),
        economics: Economics { margin: 200.0, offer_cost: 10.0, contact_cost: 1.0, acceptance: [6.0, 14.0] },
        monotone: Default::default(),
    }
}

/// A number between 0 and 1 that hangs on a customer, a date and what it is for.
fn chance(customer: u32, date: i32, what: u64) -> f64 {
    let key = crate::key::Draws::new("suite", &format!("{date} {what}")).of(customer.to_string().as_bytes());
    key as f64 / 2f64.powi(64)
}

/// Customers who leave the likelier the longer they are silent against their own gaps, the less regular they are, and by their store; some values are unknown.
fn customers(date: i32, from: u32, count: u32) -> Vec<Sampled> {
    let one = |customer: u32| {
        let u = |what: u64| chance(customer, date, what);
        let (gap, x) = (5.0 + 40.0 * u(1), 1 + (6.0 * u(2)) as u32);
        let silent = (89.0 * u(3)).floor();
        let variation = 0.2 + 1.2 * u(4);
        let float = |value: f64| value.to_bits() as Value;
        let store = (6.0 * u(8)) as usize;
        let score = -2.5 + 0.9 * silent / gap + variation * if x > 3 { 1.5 } else { -0.5 } + [0.0, 0.0, 1.5, 0.0, 1.5, 0.0][store];
        let leaves = u(5) < sigmoid(score);
        let t_x = (gap * f64::from(x)) as u32;
        let values = [silent as Value, float(silent / gap), if u(6) < 0.2 { UNKNOWN } else { float(variation) }, (90.0 / gap) as Value, store as Value];
        let horizon_order_days = if leaves { 0 } else { 1 + (3.0 * u(7)) as u32 };
        let labels = Labels { left: leaves, horizon_order_days, ..Labels::default() };
        let drawn = crate::key::Draws::new("suite", "sample").of(customer.to_string().as_bytes());
        Sampled { drawn, customer, cell: Cell { x, t_x, observed: t_x + silent as u32, cohort: 0 }, values: values.into(), labels }
    };
    (from..from + count).map(one).collect()
}

/// Two dates to learn from, the second with customers of the first.
struct Sample {
    dates: [Vec<Sampled>; 2],
    cycle: Cycle,
    inputs: Inputs,
}

impl Sample {
    fn new() -> Self {
        let dates = [customers(1000, 0, 900), customers(1030, 300, 900)];
        let cycle = Cycle::CnbdK(CnbdK { k: 1, from_first: true, r: 1.5, alpha: 35.0, a: 0.7, b: 1.9 });
        Self { dates, cycle, inputs: Inputs::new(&chosen(&NAMES), 90, &World { stores: STORES.map(str::to_owned).into(), ..World::nothing() }) }
    }

    fn rows(&self) -> Rows<'_> {
        let dated = |(date, rows)| Dated { date: Day(date), rows, cycle: Some(&self.cycle) };
        let [first, second] = &self.dates;
        Rows::of(&self.inputs, &[(1000, first.as_slice()), (1030, second)].map(dated))
    }

    fn learn(&self, model: RawChurnModel) -> Learnt {
        let rows = self.rows();
        let plan = Plan::of(&rows, &|_, _| false, (100, 10)).expect("enough");
        Material::new(&rows, &plan, &params()).learn(model).expect("it converges")
    }
}

/// Values of customers who are odd: nothing known, all zero, and numbers beyond all that was seen.
const ODD: [[f64; 7]; 4] = [[f64::NAN; 7], [0.0; 7], [1e9, 1e9, 1e9, 1e9, 1e9, -40.0, 0.0], [-1e9, -1e9, 0.5, 0.0, -1.0, 40.0, 1.0]];

#[test]
fn chances_are_chances_and_who_is_silent_leaves() {
    let sample = Sample::new();
    for model in ALL {
        let learnt = sample.learn(model);
        let odd = learnt.model.probabilities(&ODD.concat());
        assert!(odd.len() == 4 && odd.iter().all(|chance| (0.0..=1.0).contains(chance)), "{model:?} {odd:?}");
        // Customers of another date, none of whom was there before.
        let later = customers(1200, 5000, 1500);
        let rows = Rows::of(&sample.inputs, &[Dated { date: Day(1200), rows: &later, cycle: Some(&sample.cycle) }]);
        let chances = learnt.model.probabilities(&rows.all_values(&(0..1500).collect::<Vec<_>>()));
        let graded: Vec<(f64, bool)> = chances.iter().copied().zip((0..1500).map(|row| rows.churned(row))).collect();
        // The logistic knows nothing of stores.
        let least = match model {
            RawChurnModel::Trees => 0.8,
            RawChurnModel::Logistic => 0.75,
            _ => 0.55,
        };
        assert!(auc(&graded).expect("both") > least, "{model:?} {:?}", auc(&graded));
        // A customer's chance does not hang on who is scored with them.
        let alone: Vec<f64> = (0..20).flat_map(|row| learnt.model.probabilities(&rows.values(row * 70))).collect();
        assert!((0..20).all(|row| alone[row] == chances[row * 70]), "{model:?}");
    }
}

/// By hand: among customers alike in all else, those of a store that many leave have a higher chance, by trees; a store that is new is one like the others, and
/// a logistic, which cannot follow words, does not look at it.
#[test]
fn trees_tell_stores_apart() {
    let sample = Sample::new();
    let of = |model: RawChurnModel| {
        let (learnt, rows) = (sample.learn(model).model, sample.rows());
        let mean = |store: f64| {
            let values = (0..300).flat_map(|row| {
                let mut values = rows.values(row);
                values[4] = store;
                values
            });
            learnt.probabilities(&values.collect::<Vec<_>>()).iter().sum::<f64>() / 300.0
        };
        let number = |store: &str| (0..1800).map(|row| rows.value(row, 4)).find(|number| sample.inputs.text(4, *number) == Some(store)).expect("a customer");
        [mean(number("north")), mean(number("east")), mean(number("south")), mean(number("west")), mean(7.0), mean(f64::NAN)]
    };
    let [north, east, south, west, new, _] = of(RawChurnModel::Trees);
    assert!(east.min(west) > north.max(south).max(new) + 0.1, "{north} {east} {south} {west} {new}");
    let logistic = of(RawChurnModel::Logistic);
    assert!(logistic.iter().all(|mean| *mean == logistic[0]), "{logistic:?}");
}

#[test]
fn parts_add_up_to_the_score() {
    let sample = Sample::new();
    let values = [sample.rows().all_values(&(0..300).collect::<Vec<_>>()), ODD.concat()].concat();
    for model in ALL {
        let learnt = sample.learn(model);
        let chances = learnt.model.probabilities(&values);
        for (parts, chance) in Explaining::of(learnt.model.clone()).parts(&values).iter().zip(chances) {
            assert!((sigmoid(parts.score()) - chance).abs() < 1e-9, "{model:?} {parts:?} {chance}");
        }
    }
}

/// What is written and read scores the same, and refuses other features.
#[test]
fn an_artefact_comes_back_the_same() {
    let sample = Sample::new();
    for model in ALL {
        let learnt = sample.learn(model).model;
        let text = serde_json::to_string_pretty(&learnt).expect("it can be written");
        let back: Model = serde_json::from_str(&text).expect("it can be read");
        assert!(back == learnt, "{model:?}");
        assert!(back.accept(&sample.inputs).is_ok());
        let others = inputs(&["silence_gaps", "recency_days", "gap_variation", "order_count_90d", "store_top_90d"]);
        let error = back.accept(&others).expect_err("other features").to_string();
        assert!(error.contains("`recency_days`, got `silence_gaps`"), "{error}");
    }
}

#[test]
fn any_number_of_threads_learns_the_same() {
    let sample = Sample::new();
    for model in ALL {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| sample.learn(model).model)
        };
        assert!(with(1) == with(3), "{model:?}");
    }
}

/// Every customer is left out of one fit, at both dates; calibration sees only who was.
#[test]
fn nobody_is_held_out_from_a_fit_that_knows_them() {
    let sample = Sample::new();
    let rows = sample.rows();
    let plan = Plan::of(&rows, &|_, _| false, (100, 10)).expect("enough");
    assert_eq!((plan.separation, plan.splits.len()), (Separation::OutOfFold, PARTS as usize));
    for (part, split) in (0..).zip(&plan.splits) {
        assert!(split.training.iter().all(|row| rows.part(*row) != part) && split.held_out.iter().all(|row| rows.part(*row) == part && *row >= 900));
    }
    assert_eq!(plan.calibrating.iter().map(Vec::len).sum::<usize>(), 900);
    // Where what followed the first date was over at the second one, and is half of all, only it is learnt from.
    let later = Plan::of(&rows, &|date, _| date == Day(1000), (100, 10)).expect("enough");
    assert_eq!(later.separation, Separation::LaterDate);
    assert!(later.training.iter().all(|row| *row < 900) && later.calibrating.concat().iter().all(|row| *row >= 900));
}

#[test]
fn too_few_are_refused_with_what_was_needed() {
    let sample = Sample::new();
    let rows = sample.rows();
    let refused = |needed: (usize, usize)| Plan::of(&rows, &|_, _| false, needed).expect_err("too few").to_string();
    assert!(refused((2000, 10)).contains("expected at least 2000 labelled customers, got 1800"), "{}", refused((2000, 10)));
    assert!(refused((100, 1000)).contains("expected at least 1000 of them who"), "{}", refused((100, 1000)));
    // A rule whose input is not there says so.
    let few = inputs(&NAMES[..1]);
    let rows = Rows::of(&few, &[]);
    let plan = Plan { separation: Separation::OutOfFold, training: Vec::new(), splits: Vec::new(), calibrating: Vec::new() };
    let error = Material::new(&rows, &plan, &params()).learn(RawChurnModel::OwnCycleRule).err().expect("no input").to_string();
    assert!(error.contains("`silence_gaps`"), "{error}");
}

/// Trees that may only rise with what customers do not leave for: a logistic that falls with it is not started from, and no pair of customers goes the wrong way.
#[test]
fn trees_go_the_way_they_may() {
    let sample = Sample::new();
    let rows = sample.rows();
    let plan = Plan::of(&rows, &|_, _| false, (100, 10)).expect("enough");
    let wrong = |monotone: &[(&str, RawDirection)]| {
        let params = Params { monotone: monotone.iter().map(|(name, direction)| ((*name).to_owned(), *direction)).collect(), ..params() };
        let model = Material::new(&rows, &plan, &params).learn(RawChurnModel::Trees).expect("it converges").model;
        let goes_wrong = |row: u32| {
            let mut values = rows.values(row);
            let [low, high] = [5.0, 60.0].map(|silent| {
                values[0] = silent;
                model.probabilities(&values)[0]
            });
            low < high
        };
        (0..1000).map(|row| row * 17 % 1800).filter(|row| goes_wrong(*row)).count()
    };
    assert!(wrong(&[]) > 100, "{}", wrong(&[]));
    assert_eq!(wrong(&[("recency_days", RawDirection::Falling)]), 0);
}
