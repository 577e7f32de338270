//! What an order holds, and what comes back.

use super::{Facts, Feature};

fn per_order(facts: &Facts, total: f64) -> Option<f64> {
    (facts.window_orders > 0).then(|| total / facts.window_orders as f64)
}

/// The family's features.
pub(super) const FEATURES: &[Feature] = &[
    Feature::float(
        "basket_lines_mean",
        |facts| per_order(facts, facts.window_lines as f64),
        "mean lines of an order in the observation window; unknown without one",
    ),
    Feature::float(
        "basket_units_mean",
        |facts| per_order(facts, facts.window_milli_units as f64 / 1000.0),
        "mean units of an order in the observation window; unknown without one",
    ),
    Feature::int("return_line_count", |facts| facts.first_day.map(|_| facts.window_return_lines), "lines that came back of orders in the observation window"),
    Feature {
        range: crate::table::Range::Any,
        ..Feature::float(
            "returned_value_rate",
            |facts| (facts.window_gross_minor > 0).then(|| facts.window_returned_minor as f64 / facts.window_gross_minor as f64),
            "value that came back over value bought, in the observation window; unknown where nothing was bought",
        )
    },
];
