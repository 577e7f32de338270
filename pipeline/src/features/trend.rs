//! Lifecycle trend: a window against the one before it.

use super::item::{Item, Known, Scope};
use super::seen::Seen;

const VALUE: &[&str] = &["order_lines.ordered_at", "order_lines.amount"];
const ORDERED: &[&str] = &["order_lines.ordered_at", "order_lines.quantity"];

/// Of windows.
pub(super) const WINDOWED: Known<Change> = Known {
    items: &[
        Item::<Change>::float(
            "value_change",
            "-1 to 1",
            |change| change.of(|totals| totals.0.max(0)),
            "value of the orders, less that of as many days before, over their sum (values below 0 count as 0)",
        )
        .within(-1.0, 1.0)
        .unknown("where neither has value, or where the first order is not older than both")
        .from(VALUE),
        Item::<Change>::float("order_change", "-1 to 1", |change| change.of(|totals| totals.1), "orders, less those of as many days before, over their sum")
            .within(-1.0, 1.0)
            .unknown("where neither has an order, or where the first order is not older than both")
            .from(ORDERED),
    ],
    measure: changes,
    of_orders: true,
};

/// Value and orders of a window, and of the one before; whether both were lived through.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    now: (i64, i64),
    before: (i64, i64),
    lived: bool,
}

impl Change {
    fn of(&self, pick: fn((i64, i64)) -> i64) -> Option<f64> {
        let (now, before) = (pick(self.now), pick(self.before));
        (self.lived && now + before > 0).then(|| (now - before) as f64 / (now + before) as f64)
    }
}

fn changes(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Change>) {
    let tenure = seen.facts.first_day.get().map_or(0, |first| seen.facts.date.since(first));
    measured.extend(scope.windows_days.iter().map(|&days| Change { lived: tenure >= 2 * i64::from(days), ..Change::default() }));
    for (age, order) in seen.orders() {
        for (change, &days) in measured.iter_mut().zip(&scope.windows_days) {
            let half = match age / i64::from(days) {
                0 => &mut change.now,
                1 => &mut change.before,
                _ => continue,
            };
            half.0 += order.value_minor;
            half.1 += i64::from(order.bought);
        }
    }
}
