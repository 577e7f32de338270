//! What happened in the label window.

use crate::features::Facts;
use crate::time::{Day, Window};

/// Days for which returning is graded.
pub const RETURN_DAYS: [i32; 4] = [7, 30, 90, 180];

/// What happened after a date, as seen from as_of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels {
    /// Order days within the label window of churn.
    pub horizon_order_days: i64,
    /// Order days within each of `RETURN_DAYS`; None where the window is not over.
    pub order_days: [Option<i64>; 4],
    /// Days to the next order day; None where none has been seen.
    pub next_order_days: Option<i32>,
    /// Order days of the same days 52 weeks before, by `RETURN_DAYS`.
    pub year_ago: [u32; 4],
}

/// A year in whole weeks, so that days of the week agree.
pub const YEAR_DAYS: i32 = 364;

/// Whose churn is asked for at a date: who ordered on at least `order_days_min` days, one of them in the last `active_days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Population {
    /// Length of the label window.
    pub horizon_days: i32,
    /// The last order day lies at most this many days before the date.
    pub active_days: i32,
    /// Fewest order days.
    pub order_days_min: i64,
}

impl Population {
    /// Why a customer is not in the population, if so.
    pub fn withheld(&self, facts: &Facts) -> Option<&'static str> {
        let window = Window::ending(facts.date, self.active_days);
        match facts.last_day {
            None => Some("never_ordered"),
            _ if facts.order_days < self.order_days_min => Some("too_little_history"),
            Some(last) if !window.contains(last) => Some("not_active"),
            Some(_) => None,
        }
    }
}

/// When labels are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Length of the label window of churn.
    pub days: i32,
    /// The last day that may be seen.
    pub as_of: Day,
    /// A window counts as over this many days after its end.
    pub late_days: i32,
}

/// The labels at `date`: `order_days` are the customer's, as known on as_of, `known` those that were known at the date, both oldest first.
pub fn labels(order_days: &[Day], known: &[Day], date: Day, horizon: Horizon) -> Labels {
    let within = |days: i32| {
        let window = Window::following(date, days);
        order_days.iter().filter(|day| window.contains(**day)).count() as i64
    };
    let over = |days: i32| Window::following(date, days).is_over(horizon.late_days, horizon.as_of);
    Labels {
        horizon_order_days: within(horizon.days),
        order_days: RETURN_DAYS.map(|days| over(days).then(|| within(days))),
        next_order_days: order_days.iter().find(|day| **day > date).map(|day| day.since(date) as i32),
        year_ago: year_ago(known, date),
    }
}

/// Order days within each of `RETURN_DAYS` from 52 weeks before `date`, of those that were known.
pub fn year_ago(known: &[Day], date: Day) -> [u32; 4] {
    let count = |window: Window| known.iter().filter(|day| window.contains(**day)).count() as u32;
    RETURN_DAYS.map(|days| count(Window::following(date.plus(-YEAR_DAYS), days)))
}

impl Labels {
    /// Whether the customer churned: no order day in the label window.
    pub fn churned(&self) -> bool {
        self.horizon_order_days == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Orders, View, worked_lines};

    fn facts(date: i32, lookback_days: i32) -> Facts {
        let mut orders = Orders::default();
        orders.find(&worked_lines());
        orders.facts(&worked_lines(), View { date: Day(date), observed_to: Day(date), lookback_days })
    }

    #[test]
    fn labels_count_days_after_the_date() {
        let lines = worked_lines();
        let mut orders = Orders::default();
        orders.find(&lines);
        orders.facts(&lines, View { date: Day(60), observed_to: Day(60), lookback_days: 365 });
        orders.remember();
        let days = orders.remembered_days();
        let seen = |date, days_after, as_of| labels(days, days, Day(date), Horizon { days: days_after, as_of: Day(as_of), late_days: 0 });
        assert_eq!(seen(20, 30, 60).horizon_order_days, 1);
        assert!(seen(20, 29, 60).churned());
        assert_eq!(seen(10, 30, 45).order_days, [Some(0), Some(1), None, None]);
        // Order days are 10, 20 and 50: from day 20 the next one is 30 days away, after day 50 none is known.
        assert_eq!([10, 20, 50].map(|date| seen(date, 30, 60).next_order_days), [Some(10), Some(30), None]);
        // 52 weeks before day 380 is day 16: one order day in (16, 23] and (16, 46], two in (16, 106].
        assert_eq!(seen(380, 30, 400).year_ago, [1, 1, 2, 2]);
    }

    #[test]
    fn the_population_is_named() {
        let population = Population { horizon_days: 90, active_days: 9, order_days_min: 2 };
        assert_eq!(population.withheld(&facts(5, 365)), Some("never_ordered"));
        assert_eq!(population.withheld(&facts(15, 365)), Some("too_little_history"));
        assert_eq!(population.withheld(&facts(28, 365)), None);
        assert_eq!(population.withheld(&facts(29, 365)), Some("not_active"));
    }
}
