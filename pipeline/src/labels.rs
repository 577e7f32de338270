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
}

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

/// The labels at `date`; `order_days` are the customer's, as known on as_of.
pub fn labels(order_days: &[Day], date: Day, horizon: Horizon) -> Labels {
    let within = |days: i32| {
        let window = Window::following(date, days);
        order_days.iter().filter(|day| window.contains(**day)).count() as i64
    };
    let over = |days: i32| date.plus(days + horizon.late_days) <= horizon.as_of;
    Labels { horizon_order_days: within(horizon.days), order_days: RETURN_DAYS.map(|days| over(days).then(|| within(days))) }
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
    use crate::features::{Orders, View};
    use crate::lake::{Line, LineKind};

    fn line(day: i32, visible: i32, kind: LineKind, order: u64, amount_minor: i64, return_of: u64) -> Line {
        let is_bought = kind == LineKind::Sale;
        Line {
            ordered_at: i64::from(day) * 86_400_000_000,
            order,
            product: 1,
            kind,
            amount_minor,
            day: Day(day),
            visible_from: Day(visible),
            milli_units: if is_bought { 2000 } else { -1000 },
            is_bought,
            return_of,
            store: 0,
            channel: 0,
            promotion: 0,
            other: 0,
        }
    }

    /// Worked by hand: orders on days 10, 20, 20 and 50 (the last arrived on 55), a return on day 30 of the first order.
    fn lines() -> Vec<Line> {
        vec![
            line(10, 10, LineKind::Sale, 1, 1000, 0),
            line(20, 20, LineKind::Sale, 2, 500, 0),
            line(20, 20, LineKind::Sale, 3, 300, 0),
            line(30, 30, LineKind::Return, 9, -400, 1),
            line(50, 55, LineKind::Sale, 4, 700, 0),
        ]
    }

    fn facts(date: i32, lookback_days: i32) -> Facts {
        let mut orders = Orders::default();
        orders.find(&lines());
        orders.facts(&lines(), View { date: Day(date), observed_to: Day(date), lookback_days })
    }

    #[test]
    fn facts_at_dates() {
        let early = facts(29, 365);
        assert_eq!((early.order_count, early.order_days, early.value_minor, early.window_returned_minor), (3, 2, 1800, 0));
        let later = facts(54, 40);
        // The late line is not visible yet; the return nets order a, which lies outside of the window (14, 54].
        assert_eq!((later.order_count, later.value_minor, later.window_value_minor, later.window_orders), (3, 1400, 800, 2));
        assert_eq!((later.repeat_day_count(), later.t_x_days(), later.observed_days()), (Some(1), Some(10), Some(44)));
        let last = facts(55, 45);
        assert_eq!((last.order_days, last.gap_squares, last.last_gap_days), (3, 10 * 10 + 30 * 30, Some(30)));
        assert_eq!((last.window_value_minor, last.window_gross_minor, last.window_returned_minor), (1500, 1500, 0));
        assert_eq!(last.window_milli_units, 6000);
    }

    #[test]
    fn labels_count_days_after_the_date() {
        let lines = lines();
        let mut orders = Orders::default();
        orders.find(&lines);
        let days = orders.order_days(&lines, Day(60));
        let seen = |date, days_after, as_of| labels(&days, Day(date), Horizon { days: days_after, as_of: Day(as_of), late_days: 0 });
        assert_eq!(seen(20, 30, 60).horizon_order_days, 1);
        assert!(seen(20, 29, 60).churned());
        assert_eq!(seen(10, 30, 45).order_days, [Some(0), Some(1), None, None]);
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
