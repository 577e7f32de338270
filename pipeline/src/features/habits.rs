//! When in the week and the day a customer orders.

use super::item::{Item, Known, Scope, Words};
use super::seen::Seen;
use super::shares::{Division, Evenness};

const ORDERED: &[&str] = &["order_lines.ordered_at"];
const FEW: &str = "with fewer than {evidence} orders";
const NO_TIME: &str = "with fewer than {evidence} orders whose time is known (midnight sharp is a date without a time)";

/// Parts of the day and the hours before which they end.
const BANDS: [(&str, i64); 6] = [("early", 5), ("morning", 11), ("midday", 14), ("afternoon", 17), ("evening", 22), ("night", 24)];
const NAMES: &[&str] = &["", BANDS[0].0, BANDS[1].0, BANDS[2].0, BANDS[3].0, BANDS[4].0, BANDS[5].0];

/// Of windows.
pub(super) const WINDOWED: Known<Times> = Known {
    items: &[
        Item::<Times>::int("weekday_top", "1 to 7", |times| times.weekday.top.map(i64::from), "day of the week of most orders, 1 for Monday")
            .unknown(FEW)
            .not_for_models()
            .from(ORDERED),
        Item::<Times>::share("weekday_top_share", |times| times.weekday.top_share, "share of weekday_top").unknown(FEW).from(ORDERED),
        Item::<Times>::share("weekend_order_share", |times| times.weekend_share, "share of orders on Saturday and Sunday").unknown(FEW).from(ORDERED),
        Item::<Times>::text(
            "day_part_top",
            Words::Fixed(NAMES),
            |times| times.day_part.top,
            "part of the day of most orders, on the clocks of the job's zone: early (before 5:00), morning (before 11:00), midday (before 14:00), afternoon (before 17:00), evening (before 22:00), night",
        )
        .unknown(NO_TIME)
        .from(ORDERED),
        Item::<Times>::share("day_part_top_share", |times| times.day_part.top_share, "share of day_part_top").unknown(NO_TIME).from(ORDERED),
    ],
    measure: times,
    of_orders: true,
};

/// When the orders of a window were made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    weekday: Division,
    weekend_share: Option<f64>,
    day_part: Division,
}

/// An order: how many days ago, the day of the week, the part of the day.
type At = (i64, u32, u32);

fn times(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Times>) {
    let zone = &seen.about.world.zone;
    let mut orders: Vec<At> = Vec::with_capacity(seen.orders.len());
    for (age, order) in seen.orders_within(&scope.windows_days).filter(|(_, order)| order.bought) {
        let Some((at, day)) = order.first() else { continue };
        let micros = zone.time_of_day(at);
        let hour = micros / 3_600_000_000;
        let part = BANDS.iter().position(|(_, end)| hour < *end).map_or(0, |part| part as u32 + 1);
        orders.push((age, day.weekday() as u32, if micros > 0 { part } else { 0 }));
    }
    measured.resize(scope.windows_days.len(), Times::default());
    let mut by = |place: fn(&At) -> u32, put: fn(&mut Times, Division)| {
        let orders = orders.iter().map(|order| (place(order), order.0, 1));
        seen.divide(orders, scope, Evenness::Unasked, |window, division| put(&mut measured[window], division.with_evidence(scope.evidence_min)));
    };
    by(|order| order.1, |times, division| times.weekday = division);
    // 1 for the week, 2 for its end.
    by(|order| u32::from(order.1 >= 6) + 1, |times, division| times.weekend_share = share_of_second(division));
    by(|order| order.2, |times, division| times.day_part = division);
}

/// The share of the second of two places.
fn share_of_second(division: Division) -> Option<f64> {
    let share = division.top_share?;
    Some(if division.top == Some(2) { share } else { 1.0 - share })
}
