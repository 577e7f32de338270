//! How often, how regularly, and how long silent against the own cycle.

use super::{Facts, Feature};

/// Standard deviation of the gaps; with one gap it is unknown.
fn deviation(facts: &Facts) -> Option<f64> {
    let gaps = facts.order_days - 1;
    let mean = facts.gap_days_mean()?;
    let squares = facts.gap_squares as f64 - gaps as f64 * mean * mean;
    (gaps > 1).then(|| (squares.max(0.0) / (gaps - 1) as f64).sqrt())
}

/// Days silent over the mean gap.
fn silence(facts: &Facts) -> Option<f64> {
    let silent = facts.observed_days()? - facts.t_x_days()?;
    facts.gap_days_mean().map(|mean| silent as f64 / mean)
}

/// The family's features.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        for_models: true,
        ..Feature::int("repeat_day_count", Facts::repeat_day_count, "distinct order days less one (x of the purchase-cycle models); unknown without an order")
    },
    Feature { for_models: false, ..Feature::int("t_x_days", Facts::t_x_days, "days from the first order day to the last; unknown without an order") },
    Feature::float("gap_days_mean", Facts::gap_days_mean, "mean days between order days; unknown with fewer than two"),
    Feature::float("gap_days_deviation", deviation, "standard deviation of the days between order days; unknown with fewer than three"),
    Feature::int("gap_days_last", |facts| facts.last_gap_days, "days between the last two order days; unknown with fewer than two"),
    Feature::float("silence_gaps", silence, "days silent, to the day observed to, over gap_days_mean; unknown with fewer than two order days"),
];
