//! What happened in the label window.

use crate::config::RawBaseline;
use crate::features::Facts;
use crate::time::{Day, Window};

/// Days for which returning is graded.
pub const RETURN_DAYS: [i32; 4] = [7, 30, 90, 180];

/// What happened after a date, as seen from as_of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Labels {
    /// Whether the customer left, as `Population` defines it.
    pub left: bool,
    /// Order days within the label window of churn.
    pub horizon_order_days: u32,
    /// Value of the orders of that window, in minor units.
    pub value_minor: i64,
    /// What it is held against: the value of as many days before the date, or of the same days 52 weeks before; 0 where it is held against nothing.
    pub baseline_minor: i64,
    /// Order days within each of `RETURN_DAYS`; None where the window is not over.
    pub order_days: [Option<u16>; 4],
    /// Days to the next order day; None where none has been seen.
    pub next_order_days: Option<i32>,
    /// Order days of the same days 52 weeks before, by `RETURN_DAYS`.
    pub year_ago: [u16; 4],
}

/// A year in whole weeks, so that days of the week agree.
pub const YEAR_DAYS: i32 = 364;

/// What counts as leaving, of who has ordered on enough days.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// No order day in the label window.
    NoOrder,
    /// Orders of the label window worth less than a share of the baseline.
    PartialDefection {
        /// The share.
        value_share_max: f64,
        /// What is the baseline.
        baseline: RawBaseline,
    },
    /// No order day until the silence is so many own gaps long, which falls into the label window.
    OwnCycle {
        /// Own mean gaps.
        gaps: f64,
    },
}

/// Whose churn is asked for at a date: who ordered on at least `order_days_min` days, one of them in the last `active_days`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Population {
    /// Length of the label window.
    pub horizon_days: i32,
    /// The last order day lies at most this many days before the date.
    pub active_days: i32,
    /// Fewest order days.
    pub order_days_min: i64,
    /// The own mean gap is at most so long, where a bound is set.
    pub gap_days_max: Option<f64>,
    /// What counts as leaving.
    pub leaving: Leaving,
    /// Whether customers of one order day are asked for too, by a model of their own: will there be a second?
    pub newcomers: bool,
}

/// By which model a customer's churn is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Of enough order days.
    Established,
    /// Of one order day.
    Newcomer,
}

impl Segment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Established, Self::Newcomer];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Newcomer => "newcomer",
        }
    }

    /// What its models foretell, as grades call it.
    pub fn target(self) -> &'static str {
        match self {
            Self::Established => "churn",
            Self::Newcomer => "no_second_order",
        }
    }
}

/// Why a customer is in no population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// Without an order.
    NeverOrdered,
    /// Of too few order days, or younger than the baseline.
    TooLittleHistory,
    /// Without an order of late.
    NotActive,
    /// Whose own gaps are too long.
    Irregular,
    /// Silent already for as long as counts as leaving.
    GoneByOwnCycle,
    /// Whose own gaps take longer than the label window.
    CycleTooLong,
    /// All of whose orders came back.
    ReturnedOnly,
    /// Whose home store closes before the label window ends, or has closed.
    StoreClosed,
    /// Who moves out of reach before the label window ends, or has moved and not ordered since.
    MovedOut,
    /// Without value in the time that the label window is held against.
    NoBaseline,
}

impl Outside {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::NeverOrdered,
        Self::TooLittleHistory,
        Self::NotActive,
        Self::Irregular,
        Self::GoneByOwnCycle,
        Self::CycleTooLong,
        Self::ReturnedOnly,
        Self::StoreClosed,
        Self::MovedOut,
        Self::NoBaseline,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverOrdered => "never_ordered",
            Self::TooLittleHistory => "too_little_history",
            Self::NotActive => "not_active",
            Self::Irregular => "irregular",
            Self::GoneByOwnCycle => "gone_by_own_cycle",
            Self::CycleTooLong => "cycle_too_long",
            Self::ReturnedOnly => "returned_only",
            Self::StoreClosed => "store_closed",
            Self::MovedOut => "moved_out",
            Self::NoBaseline => "no_baseline",
        }
    }
}

/// Days from which someone may stay away who does not leave, as the lake knows them by now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ends {
    /// The home store's last day of business.
    pub store_closed: Option<Day>,
    /// The day on which the customer moved out of reach.
    pub moved_out: Option<Day>,
}

/// Where a customer stands at a date.
pub type Standing = Result<Segment, Outside>;

impl Population {
    /// The segments that are asked for.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + use<> {
        let newcomers = self.newcomers;
        Segment::ALL.into_iter().filter(move |segment| *segment == Segment::Established || newcomers)
    }

    /// By segment, `size` where it is asked for, else 0.
    pub fn sizes(&self, size: usize) -> [usize; 2] {
        Segment::ALL.map(|segment| if self.segments().any(|asked| asked == segment) { size } else { 0 })
    }

    /// Where a customer stands by order days alone.
    pub fn by_days(&self, facts: &Facts) -> Standing {
        let last = facts.last_day.get().ok_or(Outside::NeverOrdered)?;
        let segment = if i64::from(facts.order_days) >= self.order_days_min { Segment::Established } else { Segment::Newcomer };
        if segment == Segment::Newcomer && !(self.newcomers && facts.order_days == 1) {
            return Err(Outside::TooLittleHistory);
        }
        if !Window::ending(facts.date, self.active_days).contains(last) {
            return Err(Outside::NotActive);
        }
        let gap = facts.gap_days_mean().filter(|_| segment == Segment::Established);
        if gap.zip(self.gap_days_max).is_some_and(|(gap, most)| gap > most) {
            return Err(Outside::Irregular);
        }
        match (self.gone_on(facts), segment) {
            (Some(gone), Segment::Established) if gone <= facts.date => Err(Outside::GoneByOwnCycle),
            (Some(gone), Segment::Established) if gone > facts.date.plus(self.horizon_days) => Err(Outside::CycleTooLong),
            _ => Ok(segment),
        }
    }

    /// The day on which silence is as long as counts as leaving, where own gaps say so.
    fn gone_on(&self, facts: &Facts) -> Option<Day> {
        let Leaving::OwnCycle { gaps } = self.leaving else { return None };
        Some(facts.last_day.get()?.plus((gaps * facts.gap_days_mean()?).ceil() as i32))
    }

    /// Whether one who stands inside by order days does so by `values` (of orders, by day, as known at the date) and by what ends without anyone's leaving.
    pub fn by_value(&self, segment: Segment, facts: &Facts, values: &[(Day, i64)], ends: Ends) -> Standing {
        if facts.returned_only {
            return Err(Outside::ReturnedOnly);
        }
        let is_within = |day: &Day| *day < facts.date.plus(self.horizon_days);
        if ends.store_closed.is_some_and(|closed| is_within(&closed)) {
            return Err(Outside::StoreClosed);
        }
        if ends.moved_out.filter(is_within).is_some_and(|moved| facts.last_day.get() <= Some(moved)) {
            return Err(Outside::MovedOut);
        }
        let Some(window) = self.baseline(segment, facts.date) else { return Ok(segment) };
        match facts.first_day.get() {
            Some(first) if first > window.after => Err(Outside::TooLittleHistory),
            _ if value_within(values, window) <= 0 => Err(Outside::NoBaseline),
            _ => Ok(segment),
        }
    }

    /// The days that the label window is held against, if so.
    fn baseline(&self, segment: Segment, date: Day) -> Option<Window> {
        match self.leaving {
            Leaving::PartialDefection { baseline, .. } if segment == Segment::Established => Some(match baseline {
                RawBaseline::WindowBefore => Window::ending(date, self.horizon_days),
                RawBaseline::YearAgo => Window::following(date.plus(-YEAR_DAYS), self.horizon_days),
            }),
            _ => None,
        }
    }

    /// Whether what a store sells now is held against what it sold a year before.
    pub fn minds_trend(&self) -> bool {
        matches!(self.leaving, Leaving::PartialDefection { baseline: RawBaseline::YearAgo, .. })
    }

    /// Value of the days before a date, and of the same days 52 weeks before.
    pub fn trend(&self, values: &[(Day, i64)], date: Day) -> [i64; 2] {
        [date, date.plus(-YEAR_DAYS)].map(|to| value_within(values, Window::ending(to, self.horizon_days)))
    }

    /// Whether value fell below the share of the baseline that counts as leaving, where the store sells `trend` times what it sold a year before.
    pub fn fell(&self, labels: &Labels, trend: f64) -> bool {
        let Leaving::PartialDefection { value_share_max, .. } = self.leaving else { return labels.left };
        (labels.value_minor as f64) < value_share_max * trend * labels.baseline_minor as f64
    }

    /// What counts as leaving, in words.
    pub fn words(&self) -> String {
        let days = self.horizon_days;
        match self.leaving {
            Leaving::NoOrder => format!("no order within {days} days"),
            Leaving::OwnCycle { gaps } => format!("no order until silent for {gaps} own mean gaps, within {days} days"),
            Leaving::PartialDefection { value_share_max, baseline } => {
                let of = match baseline {
                    RawBaseline::WindowBefore => "the days before",
                    RawBaseline::YearAgo => "the same days 52 weeks before, times the store's trend",
                };
                format!("orders within {days} days worth less than {value_share_max} of those of {of}")
            }
        }
    }
}

/// Value of the orders of a window.
fn value_within(values: &[(Day, i64)], window: Window) -> i64 {
    values.iter().filter(|(day, _)| window.contains(*day)).map(|(_, value)| value).sum()
}

/// When labels are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Horizon<'a> {
    /// What counts as leaving.
    pub population: &'a Population,
    /// The last day that may be seen.
    pub as_of: Day,
    /// A window counts as over this many days after its end.
    pub late_days: i32,
}

/// What is known of a customer: order days, and what the orders of a day are worth, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Distinct order days.
    pub order_days: &'a [Day],
    /// Order by order.
    pub values: &'a [(Day, i64)],
}

/// The labels of a customer who stood in `segment` at the date of `facts`, when `known` was; `came` is known on as_of.
pub fn labels(came: Known<'_>, (segment, facts, known): (Segment, &Facts, Known<'_>), horizon: Horizon<'_>) -> Labels {
    let (date, population) = (facts.date, horizon.population);
    let count = |window: Window| came.order_days.iter().filter(|day| window.contains(**day)).count() as u32;
    let within = |days: i32| count(Window::following(date, days));
    let over = |days: i32| Window::following(date, days).is_over(horizon.late_days, horizon.as_of);
    let until = population.gone_on(facts).filter(|_| segment == Segment::Established);
    let labels = Labels {
        left: until.map_or(within(population.horizon_days), |gone| count(Window { after: date, to: gone })) == 0,
        horizon_order_days: within(population.horizon_days),
        value_minor: value_within(came.values, Window::following(date, population.horizon_days)),
        baseline_minor: population.baseline(segment, date).map_or(0, |window| value_within(known.values, window)),
        // No window is longer than a year.
        order_days: RETURN_DAYS.map(|days| over(days).then(|| within(days) as u16)),
        next_order_days: came.order_days.iter().find(|day| **day > date).map(|day| day.since(date) as i32),
        year_ago: year_ago(known.order_days, date),
    };
    Labels { left: if population.baseline(segment, date).is_some() { population.fell(&labels, 1.0) } else { labels.left }, ..labels }
}

/// Order days within each of `RETURN_DAYS` from 52 weeks before `date`, of those that were known.
pub fn year_ago(known: &[Day], date: Day) -> [u16; 4] {
    let count = |window: Window| known.iter().filter(|day| window.contains(**day)).count() as u16;
    RETURN_DAYS.map(|days| count(Window::following(date.plus(-YEAR_DAYS), days)))
}

impl Labels {
    /// Whether the customer left, as the population's definition has it.
    pub fn churned(&self) -> bool {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Orders, View, worked_lines};

    const PLAIN: Population =
        Population { horizon_days: 90, active_days: 9, order_days_min: 2, gap_days_max: None, leaving: Leaving::NoOrder, newcomers: false };

    fn found(date: i32, lookback_days: i32) -> (Orders, Facts) {
        let (lines, mut orders) = (worked_lines(), Orders::default());
        orders.find(&lines);
        let facts = orders.facts(&lines, View { date: Day(date), observed_to: Day(date), lookback_days });
        (orders, facts)
    }

    fn facts(date: i32, lookback_days: i32) -> Facts {
        found(date, lookback_days).1
    }

    /// What is known on day 60, remembered.
    fn remembered() -> Orders {
        let (mut orders, _) = found(60, 365);
        orders.remember();
        orders
    }

    #[test]
    fn labels_count_days_after_the_date() {
        let orders = remembered();
        let came = Known { order_days: orders.remembered_days(), values: orders.remembered_values() };
        let seen = |date, days_after, as_of| {
            let population = Population { horizon_days: days_after, ..PLAIN };
            let facts = Facts { date: Day(date), ..facts(60, 365) };
            labels(came, (Segment::Established, &facts, came), Horizon { population: &population, as_of: Day(as_of), late_days: 0 })
        };
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
        let at = |population: Population, date: i32| population.by_days(&facts(date, 365)).map_err(Outside::name);
        assert_eq!(at(PLAIN, 5), Err("never_ordered"));
        assert_eq!(at(PLAIN, 15), Err("too_little_history"));
        assert_eq!(at(PLAIN, 28), Ok(Segment::Established));
        assert_eq!(at(PLAIN, 29), Err("not_active"));
        assert_eq!(at(Population { newcomers: true, ..PLAIN }, 15), Ok(Segment::Newcomer));
        // Days 10 and 20: a mean gap of 10.
        assert_eq!(at(Population { gap_days_max: Some(9.5), ..PLAIN }, 28), Err("irregular"));
        // Gone on day 20 + 25; at day 28 that is 17 days ahead.
        let own = |gaps: f64, horizon_days: i32| Population { leaving: Leaving::OwnCycle { gaps }, horizon_days, ..PLAIN };
        assert_eq!(at(own(2.5, 17), 28), Ok(Segment::Established));
        assert_eq!(at(own(2.5, 16), 28), Err("cycle_too_long"));
        assert_eq!(at(own(0.8, 90), 28), Err("gone_by_own_cycle"));
    }

    /// By hand, of the worked lines: orders of 1000 on day 10, 500 and 300 on day 20, of which 400 of the first came back on day 30; 700 on day 50.
    #[test]
    fn leaving_is_as_it_is_defined() {
        let orders = remembered();
        let came = Known { order_days: orders.remembered_days(), values: orders.remembered_values() };
        assert_eq!(came.values, [(Day(10), 600), (Day(20), 300), (Day(20), 500), (Day(50), 700)]);
        // What comes back on day 30 is not known on day 25.
        let known = Known { order_days: &came.order_days[..2], values: &[(Day(10), 1000), (Day(20), 300), (Day(20), 500)] };
        let seen = |leaving: Leaving| {
            let population = Population { horizon_days: 40, leaving, ..PLAIN };
            labels(came, (Segment::Established, &facts(25, 365), known), Horizon { population: &population, as_of: Day(70), late_days: 0 })
        };
        let partial = |value_share_max| Leaving::PartialDefection { value_share_max, baseline: RawBaseline::WindowBefore };
        // 700 follow on 1800, of (-15, 25]; that is less than 0.39 of it, and not less than 0.38.
        let labels = seen(partial(0.39));
        assert_eq!((labels.value_minor, labels.baseline_minor, labels.left, seen(partial(0.38)).left), (700, 1800, true, false));
        // Where the store sells a twentieth more, 700 is less than 0.38 of what was to be expected.
        assert!(Population { leaving: partial(0.38), ..PLAIN }.fell(&labels, 1.05));
        // Silent for three own gaps of ten days on day 50, on which the order came; for 2.9 on day 49.
        assert!(!seen(Leaving::OwnCycle { gaps: 3.0 }).left && seen(Leaving::OwnCycle { gaps: 2.9 }).left && !seen(Leaving::NoOrder).left);
    }

    #[test]
    fn values_and_stores_keep_customers_out() {
        let facts = facts(25, 365);
        let values = [(Day(10), 1000), (Day(20), 300), (Day(20), 500)];
        let at = |population: Population, store_closed| {
            population.by_value(Segment::Established, &facts, &values, Ends { store_closed, moved_out: None }).map_err(Outside::name)
        };
        assert_eq!(at(PLAIN, None), Ok(Segment::Established));
        assert_eq!((at(PLAIN, Some(Day(114))), at(PLAIN, Some(Day(115)))), (Err("store_closed"), Ok(Segment::Established)));
        // The last order was on day 20: whoever moved on day 19 came back for it.
        let moved = [19, 20, 114, 115].map(|day| PLAIN.by_value(Segment::Established, &facts, &values, Ends { moved_out: Some(Day(day)), ..Ends::default() }));
        assert_eq!(moved, [Ok(Segment::Established), Err(Outside::MovedOut), Err(Outside::MovedOut), Ok(Segment::Established)]);
        let returned = Facts { returned_only: true, ..facts };
        assert_eq!(PLAIN.by_value(Segment::Established, &returned, &values, Ends::default()), Err(Outside::ReturnedOnly));
        let partial = |baseline| Population { horizon_days: 4, leaving: Leaving::PartialDefection { value_share_max: 0.5, baseline }, ..PLAIN };
        assert_eq!(at(partial(RawBaseline::WindowBefore), None), Err("no_baseline"));
        assert_eq!(at(partial(RawBaseline::YearAgo), None), Err("too_little_history"));
        let newcomer = partial(RawBaseline::YearAgo).by_value(Segment::Newcomer, &facts, &values, Ends::default());
        assert_eq!(newcomer, Ok(Segment::Newcomer));
    }
}
