//! Who leaves: rules of inactivity, the purchase-cycle model's own view, a logistic and boosted trees, over the same rows; what their scores mean, and
//! why they are what they are.

mod calibration;
mod drift;
mod inactivity;
mod inputs;
mod learner;
mod logistic;
mod matrix;
mod plan;
mod reasons;
mod rows;
#[cfg(test)]
mod suite;

pub use calibration::Calibration;
pub use drift::Profile;
pub use inactivity::Rule;
pub use inputs::Inputs;
pub use learner::{Explaining, Learnt, Material, Model, Parts};
pub use logistic::{Fit, LogisticParams, fit};
pub use matrix::Column;
pub use plan::{Plan, Separation, Split};
pub use reasons::{Reason, Telling};
pub use rows::{Dated, PARTS, Rows};

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Faults, RawBaseline, RawChurn, RawChurnModel, RawDirection, RawLeaving, RawProfit};
use crate::features;
use crate::labels::{Leaving, Population, YEAR_DAYS};
use crate::lake;
use crate::metrics::Economics;

/// A labelled row: what was known at its date, by input, and whether the customer churned.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Values of the inputs; NaN where unknown.
    pub values: Vec<f64>,
    /// Whether there was no order in the label window.
    pub churned: bool,
}

/// The checked `churn` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    /// Whose churn is asked for, and over which window.
    pub population: Population,
    /// Models that may score: the one that foretells best does, if it beats the best rule.
    pub models: Vec<RawChurnModel>,
    /// Fewer labelled customers than this fit no model.
    pub training_customers_min: usize,
    /// Fewer who left, or who stayed, fit no model.
    pub training_events_min: usize,
    /// How the logistic is fitted.
    pub logistic: LogisticParams,
    /// Days for which a model scores before it is trained again; 0 trains at every run.
    pub train_every_days: i32,
    /// Whether a run without a model is held.
    pub hold_without_model: bool,
    /// Who is likelier than this to leave is told why.
    pub explain_from: f64,
    /// Columns of the lake, as `table.column`, that no reason names.
    pub sensitive: Vec<String>,
    /// What contacting customers costs and earns.
    pub economics: Economics,
    /// By input of trees: the chance to leave may only rise with it, or only fall.
    pub monotone: BTreeMap<String, RawDirection>,
}

impl Params {
    /// By input, which way trees may go with it.
    pub fn directions(&self, inputs: &[String]) -> Vec<Option<RawDirection>> {
        inputs.iter().map(|input| self.monotone.get(input).copied()).collect()
    }
}

/// Checks the section; models take some of `features`.
pub fn check(raw: RawChurn, features: &features::Params, faults: &mut Faults<'_>) -> Params {
    let mut share = |key: &str, value: Option<f64>, most: f64| faults.ranged(&format!("churn.{key}"), value, 0.01..=most);
    let (value_share_max, gaps) = (share("value_share_max", raw.value_share_max, 1.0), share("own_gaps", raw.own_gaps, 100.0));
    let gap_days_max = raw.gap_days_max.map(|days| share("gap_days_max", Some(days), 3650.0));
    let leaving = match raw.leaving.unwrap_or(RawLeaving::NoOrder) {
        RawLeaving::NoOrder => Leaving::NoOrder,
        RawLeaving::PartialDefection => Leaving::PartialDefection { value_share_max, baseline: raw.baseline.unwrap_or(RawBaseline::WindowBefore) },
        RawLeaving::OwnCycle => Leaving::OwnCycle { gaps },
    };
    if raw.leaving == Some(RawLeaving::PartialDefection)
        && raw.baseline == Some(RawBaseline::YearAgo)
        && raw.horizon_days.is_some_and(|days| days > YEAR_DAYS as u32)
    {
        faults.add("churn.baseline", format!("`window_before` for a horizon of more than {YEAR_DAYS} days"), "`year_ago`");
    }
    let population = Population {
        gap_days_max,
        leaving,
        newcomers: raw.newcomers.unwrap_or_default(),
        horizon_days: faults.ranged("churn.horizon_days", raw.horizon_days, 1..=730) as i32,
        active_days: faults.ranged("churn.active_days", raw.active_days, 1..=1095) as i32,
        order_days_min: i64::from(faults.ranged("churn.order_days_min", raw.order_days_min, 1..=100)),
    };
    let models = raw.models.unwrap_or_default();
    if models.is_empty() {
        faults.add("churn.models", "one model or more", "none");
    }
    Params {
        population,
        models,
        training_customers_min: faults.ranged("churn.training_customers_min", raw.training_customers_min, 10..=1_000_000) as usize,
        training_events_min: faults.ranged("churn.training_events_min", raw.training_events_min, 1..=1_000_000) as usize,
        logistic: LogisticParams {
            rows_min: 1,
            ridge: faults.ranged("churn.ridge", raw.ridge, 0.0..=1.0),
            gradient_tolerance: faults.ranged("churn.gradient_tolerance", raw.gradient_tolerance, 1e-9..=1e-2),
            iterations_max: u64::from(faults.ranged("churn.iterations_max", raw.iterations_max, 1..=10_000)),
        },
        train_every_days: faults.ranged("churn.train_every_days", raw.train_every_days, 0..=365) as i32,
        hold_without_model: faults.required("churn.hold_without_model", raw.hold_without_model, "true or false").unwrap_or_default(),
        explain_from: faults.ranged("churn.explain_from", raw.explain_from, 0.0..=1.0),
        sensitive: check_sensitive(raw.sensitive.unwrap_or_default(), faults),
        economics: check_profit(&raw.profit.unwrap_or_default(), faults),
        monotone: check_monotone(raw.monotone.unwrap_or_default(), &inputs::numbers(features.features()), faults),
    }
}

fn check_sensitive(sensitive: Vec<String>, faults: &mut Faults<'_>) -> Vec<String> {
    let tables = lake::inputs();
    let columns: Vec<String> =
        tables.iter().flat_map(|input| input.contract.columns.iter().map(|column| format!("{}.{}", input.contract.name, column.name))).collect();
    for (index, name) in sensitive.iter().enumerate().filter(|(_, name)| !columns.contains(name)) {
        faults.add(&format!("churn.sensitive[{index}]"), "a column of the lake, as `customers.gender`", format!("`{name}`"));
    }
    sensitive
}

fn check_monotone(monotone: BTreeMap<String, RawDirection>, inputs: &[&str], faults: &mut Faults<'_>) -> BTreeMap<String, RawDirection> {
    for name in monotone.keys().filter(|name| !inputs.contains(&name.as_str())) {
        faults.add_unknown(&format!("churn.monotone.{name}"), "features that the churn model takes as numbers:", inputs.iter().copied(), name);
    }
    monotone
}

fn check_profit(raw: &RawProfit, faults: &mut Faults<'_>) -> Economics {
    let mut minor = |key: &str, value: Option<f64>| faults.ranged(&format!("churn.profit.{key}"), value, 0.0..=1e12);
    let (margin, offer_cost, contact_cost) =
        (minor("margin_minor", raw.margin_minor), minor("offer_cost_minor", raw.offer_cost_minor), minor("contact_cost_minor", raw.contact_cost_minor));
    let mut shape = |key: &str, value: Option<f64>| faults.ranged(&format!("churn.profit.{key}"), value, 0.01..=1e6);
    Economics { margin, offer_cost, contact_cost, acceptance: [shape("acceptance_alpha", raw.acceptance_alpha), shape("acceptance_beta", raw.acceptance_beta)] }
}
