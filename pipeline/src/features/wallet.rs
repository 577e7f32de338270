//! Categories that a customer bought and left.

use super::item::{Item, Known, Scope, Words};
use super::missed;
use super::seen::Seen;
use super::several::Several;
use super::shares::AtPlace;

const CATEGORY: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.leaf_category"];

/// Of windows: what was left, and what was missed.
pub(super) const WINDOWED: Several = Several(&[&LEFT, &missed::WINDOWED]);

const LEFT: Known<Left> = Known {
    items: &[
        Item::<Left>::int(
            "category_left_count",
            "categories",
            |left| left.count,
            "categories that were bought on two days or more before the window and on none in it",
        )
        .unknown("where the first order is not older than the window, or none is in it: who left altogether left no category")
        .from(CATEGORY),
        Item::<Left>::text("category_left_top", Words::Categories, |left| left.top, "of these, the one with the largest value before the window")
            .unknown("as category_left_count, and where there is none that was worth anything")
            .from(CATEGORY),
        Item::<Left>::money("category_left_value_minor", |left| left.value_minor, "value of these before the window, returns not taken off")
            .unknown("where the first order is not older than the window, or none is in it: who left altogether left no category")
            .from(CATEGORY),
    ],
    measure: left,
    of_orders: true,
};

/// Categories that were left before a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    count: Option<i64>,
    top: Option<u32>,
    value_minor: Option<i64>,
}

fn left(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Left>) {
    let age = |day: Option<crate::time::Day>| day.map_or(0, |day| seen.facts.date.since(day));
    let ages = (age(seen.facts.first_day.get()), age(seen.facts.last_day.get()));
    measured.extend(scope.windows_days.iter().map(|&days| before(seen.by_category(), ages, i64::from(days))));
}

/// `first` and `last`: days since these orders.
fn before(bought: &[AtPlace], (first, last): (i64, i64), days: i64) -> Left {
    if first < days || last >= days {
        return Left::default();
    }
    let mut left = Left { count: Some(0), top: None, value_minor: Some(0) };
    // As of all that is divided: of equal ones the newest, then the first in order.
    let mut largest = (0, 0);
    for &AtPlace { place, newest, oldest, amount } in bought {
        if newest < days || newest == oldest {
            continue;
        }
        left.count = left.count.map(|count| count + 1);
        left.value_minor = left.value_minor.map(|sum| sum + amount);
        if (amount, -newest) > largest {
            (largest, left.top) = ((amount, -newest), Some(place));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::shares::ByPlace;
    use super::*;

    #[test]
    fn left_is_bought_twice_before_and_not_since() {
        // Category 1 twice long ago; 2 once; 3 twice and again lately; 4 twice on one day; 5 twice, worth more than 1.
        let bought = [(1, 40, 300), (1, 90, 200), (2, 50, 900), (3, 5, 10), (3, 60, 20), (3, 70, 20), (4, 33, 5), (4, 33, 5), (5, 30, 600), (5, 31, 1)];
        let bought = ByPlace::default().places(bought.into_iter());
        assert_eq!(before(&bought, (90, 5), 30), Left { count: Some(2), top: Some(5), value_minor: Some(1101) });
        assert_eq!(before(&bought, (90, 5), 31), Left { count: Some(1), top: Some(1), value_minor: Some(500) });
        assert_eq!(before(&bought, (29, 5), 30), Left::default());
        assert_eq!(before(&bought, (90, 5), 5), Left::default());
        // Of equally large ones the newest, and nothing that was worth nothing: by hand.
        let equal = [(1, 80, 300), (1, 60, 200), (2, 70, 400), (2, 50, 100), (3, 70, 400), (3, 50, 100), (4, 41, 0), (4, 40, 0)];
        let equal = ByPlace::default().places(equal.into_iter());
        assert_eq!(before(&equal, (90, 5), 30), Left { count: Some(4), top: Some(2), value_minor: Some(1500) });
        let nothing = ByPlace::default().places([(4, 41, 0), (4, 40, 0)].into_iter());
        assert_eq!(before(&nothing, (90, 5), 30), Left { count: Some(1), top: None, value_minor: Some(0) });
    }
}
