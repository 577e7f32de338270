//! Recency, frequency, monetary value, tenure.

use super::Feature;

/// The family's features.
pub(super) const FEATURES: &[Feature] = &[
    Feature { for_models: false, ..Feature::date("first_order_date", |facts| facts.first_day, "day of the first order") },
    Feature::date("last_order_date", |facts| facts.last_day, "day of the last order"),
    Feature::int("recency_days", |facts| facts.last_day.map(|day| facts.date.since(day)), "days from the last order day to as_of; unknown without an order"),
    Feature::int("tenure_days", |facts| facts.first_day.map(|day| facts.date.since(day)), "days from the first order day to as_of; unknown without an order"),
    Feature::int("order_count", |facts| facts.first_day.map(|_| facts.order_count), "orders of all history; unknown without one"),
    Feature::int("order_count_window", |facts| facts.first_day.map(|_| facts.window_orders), "orders in the observation window"),
    Feature::money("value_minor", |facts| facts.first_day.map(|_| facts.value_minor), "value of all history, net of returns"),
    Feature::money(
        "value_minor_window",
        |facts| facts.first_day.map(|_| facts.window_value_minor),
        "value of the orders in the observation window, net of returns",
    ),
    Feature {
        range: crate::table::Range::Any,
        ..Feature::float(
            "order_value_minor_mean",
            |facts| (facts.window_orders > 0).then(|| facts.window_value_minor as f64 / facts.window_orders as f64),
            "mean value of an order in the observation window, net of returns; unknown without one",
        )
    },
];
