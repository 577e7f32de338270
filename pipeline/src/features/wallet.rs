//! Categories that a customer bought and left.

use super::item::{Item, Known, Scope, Words};
use super::missed;
use super::seen::Seen;
use super::several::Several;

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
            .unknown("as category_left_count, and where there is none")
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
    let category = &seen.about.world.catalogue.category;
    let mut bought: Vec<(u32, i64, i64)> = Vec::with_capacity(seen.lines.len());
    let known = seen.bought().map(|(age, line)| (category[line.product as usize], age, line.amount_minor));
    bought.extend(known.filter(|(category, ..)| *category > 0));
    bought.sort_unstable();
    let age = |day: Option<crate::time::Day>| day.map_or(0, |day| seen.facts.date.since(day));
    let ages = (age(seen.facts.first_day.get()), age(seen.facts.last_day.get()));
    measured.extend(scope.windows_days.iter().map(|&days| before(&bought, ages, i64::from(days))));
}

/// `bought`: category, days before the date, value; sorted. `first` and `last`: days since these orders.
fn before(bought: &[(u32, i64, i64)], (first, last): (i64, i64), days: i64) -> Left {
    if first < days || last >= days {
        return Left::default();
    }
    let mut left = Left { count: Some(0), top: None, value_minor: Some(0) };
    let mut largest = i64::MIN;
    for lines in bought.chunk_by(|a, b| a.0 == b.0) {
        // The newest line stands first.
        let bought_days = lines.chunk_by(|a, b| a.1 == b.1).count();
        if lines[0].1 < days || bought_days < 2 {
            continue;
        }
        let value: i64 = lines.iter().map(|line| line.2).sum();
        left.count = left.count.map(|count| count + 1);
        left.value_minor = left.value_minor.map(|sum| sum + value);
        if value > largest {
            (largest, left.top) = (value, Some(lines[0].0));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_is_bought_twice_before_and_not_since() {
        // Category 1 twice long ago; 2 once; 3 twice and again lately; 4 twice on one day; 5 twice, worth more than 1.
        let bought = [(1, 40, 300), (1, 90, 200), (2, 50, 900), (3, 5, 10), (3, 60, 20), (3, 70, 20), (4, 33, 5), (4, 33, 5), (5, 30, 600), (5, 31, 1)];
        assert_eq!(before(&bought, (90, 5), 30), Left { count: Some(2), top: Some(5), value_minor: Some(1101) });
        assert_eq!(before(&bought, (90, 5), 31), Left { count: Some(1), top: Some(1), value_minor: Some(500) });
        assert_eq!(before(&bought, (29, 5), 30), Left::default());
        assert_eq!(before(&bought, (90, 5), 5), Left::default());
    }
}
