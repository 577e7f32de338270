//! Days against days: is one missing, short, or like no day before it?
//!
//! A day of a source or store is compared with the same weekdays before it, as far as their lines had come by then, and with how the other sources or
//! stores did on that day: a season, a sale and a holiday are in all of them. Where all stand still, the year before may tell why.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

#[cfg(test)]
use super::days::DayCounts;
use super::days::{BEFORE, CHECKED, Days, median};
use super::measures::{MEASURES, NEW_CUSTOMERS, moved};
use super::survey::{Complete, Feed, FeedsByName};
use super::{Finding, Severity};
use crate::config::{Faults, RawAuditDays, RawLate};
use crate::time::Day;

/// Same weekdays with which a day is compared, and how many must be known.
const WEEKS: usize = BEFORE / 7;
const WEEKS_MIN: usize = 4;
/// What is usual of a day's lines, in deviations.
const LINES_DEVIATIONS: f64 = 6.0;
/// Lines vary by orders, so by more than lines that come one by one.
const SPREAD_MIN: f64 = 4.0;
/// Orders that should have come on a day without any.
const SILENT_ORDERS: f64 = 10.0;
/// A day on which all together did less than this share of what is usual, or this many times as much, is odd.
const ODD: [f64; 2] = [0.4, 2.5];
/// A source that stands alone has nobody to be compared with: it must fall further.
const ALONE_MIN: f64 = 0.35;
/// A day that is odd may be so each year: on its date, its weekday, or so many days from Easter.
const YEAR: [usize; 4] = [364, 365, 366, 371];
const FEASTS: std::ops::RangeInclusive<i64> = -60..=63;

/// The checked keys of `audit.days`.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    pub(super) lines_min: u32,
    expected_share_min: f64,
    expected_share_max: f64,
    pub(super) repeated_share_max: f64,
    pub(super) share_move_max: f64,
    pub(super) factor_move_max: f64,
    pub(super) hour_move_max: f64,
    accepted: BTreeSet<Day>,
}

/// Checks the keys.
pub fn check(raw: RawAuditDays, faults: &mut Faults<'_>) -> Params {
    let mut accepted = BTreeSet::new();
    for (index, text) in raw.accepted.unwrap_or_default().iter().enumerate() {
        match Day::parse(text) {
            Some(day) => drop(accepted.insert(day)),
            None => faults.add(&format!("audit.days.accepted[{index}]"), "a date YYYY-MM-DD", format!("`{text}`")),
        }
    }
    Params {
        lines_min: faults.ranged("audit.days.lines_min", raw.lines_min, 10..=1_000_000),
        expected_share_min: faults.ranged("audit.days.expected_share_min", raw.expected_share_min, 0.0..=1.0),
        expected_share_max: faults.ranged("audit.days.expected_share_max", raw.expected_share_max, 1.0..=1000.0),
        repeated_share_max: faults.ranged("audit.days.repeated_share_max", raw.repeated_share_max, 0.0..=1.0),
        share_move_max: faults.ranged("audit.days.share_move_max", raw.share_move_max, 0.0..=1.0),
        factor_move_max: faults.ranged("audit.days.factor_move_max", raw.factor_move_max, 1.0..=1e6),
        hour_move_max: faults.ranged("audit.days.hour_move_max", raw.hour_move_max, 0.5..=12.0),
        accepted,
    }
}

impl Params {
    /// Whether a day is one that the YAML says to be odd.
    pub(super) fn accepts(&self, day: Day) -> bool {
        self.accepted.contains(&day)
    }
}

/// What the checks of days found.
#[derive(Debug, Clone, Default)]
pub struct DaysChecked {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Stores with a fault of their own, and its newest day.
    pub faulty_stores: BTreeMap<String, Day>,
}

/// Checks the newest days of every source and store.
pub fn check_days(feeds: &FeedsByName, complete: &Complete, late_store: RawLate, params: &Params, as_of: Day) -> DaysChecked {
    let all = feeds.together();
    let looking = Looking { complete, params, as_of, oldest: all.oldest(), come_late: all.come_late() };
    let mut checked = DaysChecked::default();
    let open: Vec<usize> = (0..CHECKED).filter(|age| looking.is_open(*age)).collect();
    let closed: Vec<usize> = open.iter().copied().filter(|age| looking.stands_still(&all, *age, &mut checked.findings)).collect();
    let days = (open.as_slice(), closed.as_slice());
    looking.look("source", &feeds.sources, &complete.late_sources, days, |_, finding| checked.findings.push(finding));
    let severity = match late_store {
        RawLate::Withhold => Severity::Withhold,
        RawLate::Hold => Severity::Hold,
        RawLate::Publish => Severity::Note,
    };
    looking.look("store", &feeds.stores, &complete.late_stores, days, |(store, day), finding| {
        let newest = checked.faulty_stores.entry(store.to_owned()).or_insert(day);
        *newest = day.max(*newest);
        checked.findings.push(Finding { severity, ..finding });
    });
    let value = open.len() as f64;
    checked.findings.push(Finding {
        check: "days_looked_at".into(),
        subject: "order_lines".into(),
        value,
        limit: None,
        severity: Severity::Note,
        consequence: format!("each compared with up to {BEFORE} days before it, by source and store"),
    });
    checked
}

/// A day, with what it is compared with.
struct Looking<'a> {
    complete: &'a Complete,
    params: &'a Params,
    as_of: Day,
    /// How long ago the lake's lines begin.
    oldest: usize,
    /// Whether lines come late: then the newest day can be judged as others were.
    come_late: bool,
}

impl Looking<'_> {
    fn day(&self, age: usize) -> Day {
        self.as_of.plus(-(age as i32))
    }

    /// Whether a day is to be looked at: it is complete, and not one that the YAML accepts.
    fn is_open(&self, age: usize) -> bool {
        let day = self.day(age);
        let newest = if self.come_late { self.complete.newest } else { self.complete.newest.plus(-1) };
        day <= newest && !self.params.accepts(day)
    }

    /// The same weekdays before, as far as the lake goes.
    fn weeks(&self, age: usize) -> Vec<usize> {
        self.weeks_from(age + 7)
    }

    /// A day and the same weekdays before it.
    fn weeks_from(&self, age: usize) -> Vec<usize> {
        (0..WEEKS).map(|week| age + 7 * week).filter(|&before| before <= self.oldest && !self.params.accepts(self.day(before))).collect()
    }

    /// The lines of a day against the same weekdays before, and what these had.
    fn ratio(&self, days: &Days, age: usize) -> Option<(f64, f64)> {
        let weeks = self.weeks(age);
        let usual =
            median(weeks.iter().map(|before| f64::from(days.lines(*before))).collect()).filter(|usual| *usual * 2.0 >= f64::from(self.params.lines_min))?;
        (weeks.len() >= WEEKS_MIN).then(|| (f64::from(days.lines(age)) / usual, usual))
    }

    /// Whether a day is as odd as it was a year before.
    fn is_yearly(&self, days: &Days, age: usize) -> bool {
        let odd = |age: usize| self.ratio(days, age).map_or(0, |(ratio, _)| i32::from(ratio > ODD[1]) - i32::from(ratio < ODD[0]));
        let now = odd(age);
        let before: Vec<i32> = YEAR.into_iter().chain(feast(self.day(age))).map(|year| odd(age + year)).collect();
        // A day beside the feast may be odd the other way: then nobody can tell which of them this one is.
        now != 0 && before.contains(&now) && !before.contains(&-now)
    }

    /// Whether everything stood still on a day, or almost: it is told, unless it was so a year before; and no source is told for it.
    fn stands_still(&self, all: &Days, age: usize, findings: &mut Vec<Finding>) -> bool {
        let Some((ratio, usual)) = self.ratio(all, age) else { return false };
        if self.is_yearly(all, age) {
            return ratio < 1.0;
        }
        let is_missing = ratio < ODD[0] / 2.0;
        if is_missing {
            let lines = all.lines(age);
            let consequence = format!("{lines} lines, {usual:.0} on a usual day: if the shop was closed, `audit.days.accepted` takes the date");
            findings.push(finding("day_lines", format!("all {}", self.day(age)), ratio, self.params.expected_share_min, consequence));
        }
        is_missing
    }

    /// Looks at every open day of every feed of a kind, of closed ones not at how many lines there are; `tell` is given feed, day and finding.
    fn look(
        &self,
        kind: &str,
        feeds: &BTreeMap<String, Feed>,
        late: &BTreeMap<String, Day>,
        (open, closed): (&[usize], &[usize]),
        mut tell: impl FnMut((&str, Day), Finding),
    ) {
        let mut all = Days::default();
        feeds.values().for_each(|feed| all.merge(&feed.days));
        for &age in open {
            let is_closed = closed.contains(&age);
            let there: Vec<(&String, &Feed)> = feeds.iter().filter(|(name, _)| late.get(*name).is_none_or(|to| self.day(age) <= *to)).collect();
            let usual: Vec<Option<f64>> = there.iter().map(|(_, feed)| self.usual(&feed.days, age)).collect();
            let season = self.season(age, &there, &usual).map(|season| if season < ODD[0] && !self.is_yearly(&all, age) { 1.0 } else { season });
            for ((name, feed), usual) in there.iter().zip(usual) {
                let subject = format!("{kind} {} {}", if name.is_empty() { "(none)" } else { name }, self.day(age));
                let place = (name.as_str(), self.day(age));
                if let Some(usual) = usual.filter(|_| !is_closed) {
                    self.lines(&feed.days, age, usual, season).into_iter().for_each(|(value, limit, words)| {
                        tell(place, finding("day_lines", subject.clone(), value, limit, words));
                    });
                }
                for measure in MEASURES {
                    if let Some((value, limit, words)) = measure.moved(&feed.days, age, &|before| self.params.accepts(self.day(before)), self.params) {
                        tell(place, finding(measure.check, subject.clone(), value, limit, words));
                    }
                }
            }
        }
    }

    /// Lines of a usual day like this one, by the same weekdays before it, as far as they had come at that age.
    fn usual(&self, days: &Days, age: usize) -> Option<f64> {
        let weeks = self.weeks(age);
        let usual = median(weeks.iter().map(|before| f64::from(days.at(*before).known_at(age))).collect())?;
        (weeks.len() >= WEEKS_MIN && usual > 0.0).then_some(usual)
    }

    /// How the day was for all feeds of a kind: the middle of what each did against its usual days; of two in the middle, what is nearer to a usual
    /// day. None where nobody can tell. A middle that is low for no reason is no season: most of them have a fault.
    fn season(&self, age: usize, feeds: &[(&String, &Feed)], usual: &[Option<f64>]) -> Option<f64> {
        let ratio = |((_, feed), usual): (&(&String, &Feed), &Option<f64>)| {
            let usual = usual.filter(|usual| usual * 2.0 >= f64::from(self.params.lines_min))?;
            Some(f64::from(feed.days.at(age).known_at(age)) / usual)
        };
        let mut ratios: Vec<f64> = feeds.iter().zip(usual).filter_map(ratio).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let (low, high) = (*ratios.get((ratios.len().max(1) - 1) / 2)?, ratios[ratios.len() / 2]);
        let from_one = |ratio: f64| ratio.max(1e-9).ln().abs();
        (ratios.len() > 1).then_some(if from_one(low) <= from_one(high) { low } else { high })
    }

    /// How much further lines vary than if each came by itself, by all days before against their own weekdays: the orders' size is in it.
    fn spread(&self, days: &Days, age: usize) -> f64 {
        let mut varies = Vec::with_capacity(BEFORE);
        for weekday in 1..=7 {
            let weeks: Vec<f64> = self.weeks_from(age + weekday).iter().map(|before| f64::from(days.at(*before).known_at(age))).collect();
            if let Some(usual) = median(weeks.clone()).filter(|usual| *usual > 0.0) {
                varies.extend(weeks.iter().map(|got| (got - usual).powi(2) / usual));
            }
        }
        // The middle of the squares of a normal deviate is 0.455.
        (median(varies).unwrap_or_default() / 0.455).max(SPREAD_MIN)
    }

    /// Whether a feed has too few lines on a day, or too many.
    fn lines(&self, days: &Days, age: usize, usual: f64, season: Option<f64>) -> Option<(f64, f64, String)> {
        let expected = usual * season.unwrap_or(1.0);
        let got = f64::from(days.at(age).known_at(age));
        let spread = self.spread(days, age);
        let deviation = (spread * expected).sqrt();
        let (low, high) = if season.is_some() { (self.params.expected_share_min, self.params.expected_share_max) } else { (ALONE_MIN, f64::INFINITY) };
        if expected < f64::from(self.params.lines_min) || self.is_yearly(days, age) {
            return None;
        }
        let words = |what: &str| format!("{got:.0} lines where {expected:.0} were to be expected: the day is {what}");
        let is_silent = got < 0.05 * expected && expected / spread >= SILENT_ORDERS;
        if got < low * expected && (is_silent || expected - got > LINES_DEVIATIONS * deviation) {
            return Some((got / expected, low, words(if got < 0.05 * expected { "missing" } else { "short" })));
        }
        let is_high = got > high * expected && got - expected > LINES_DEVIATIONS * deviation;
        is_high.then(|| (got / expected, high, words("too long")))
    }
}

/// How long ago the day was that lay as far from Easter a year before.
fn feast(day: Day) -> Option<usize> {
    let year = day.to_string().get(..4)?.parse().ok()?;
    let (easter, before) = (Day::easter(year), Day::easter(year - 1));
    FEASTS.contains(&day.since(easter)).then(|| easter.since(before) as usize)
}

fn finding(check: &str, subject: String, value: f64, limit: f64, consequence: String) -> Finding {
    Finding { check: check.into(), subject, value, limit: Some(limit), severity: Severity::Hold, consequence }
}

/// What lines of customers say by day: by days before as_of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CustomerDay {
    /// Lines.
    pub lines: u64,
    /// Lines that repeat another, or all lines of another order of that instant.
    pub repeated: u64,
    /// Lines of customers on their first day.
    pub of_new: u64,
}

impl CustomerDay {
    /// Adds other lines.
    pub fn add(&mut self, other: &CustomerDay) {
        self.lines += other.lines;
        self.repeated += other.repeated;
        self.of_new += other.of_new;
    }
}

/// Checks the newest days by what collecting saw of them.
pub fn check_customer_days(days: &[CustomerDay], complete: &Complete, params: &Params, as_of: Day) -> Vec<Finding> {
    let mut findings = Vec::new();
    let share = |day: &CustomerDay, least: u32| (day.lines >= u64::from(least)).then(|| day.of_new as f64 / day.lines as f64);
    for (age, day) in days.iter().enumerate().take(CHECKED) {
        let date = as_of.plus(-(age as i32));
        if date > complete.newest || params.accepts(date) || day.lines < u64::from(params.lines_min) {
            continue;
        }
        let repeated = day.repeated as f64 / day.lines as f64;
        if repeated > params.repeated_share_max {
            let words = format!("{} of {} lines of customers are there twice, or in an order that is there twice", day.repeated, day.lines);
            findings.push(finding("day_repeated", date.to_string(), repeated, params.repeated_share_max, words));
        }
        let before: Vec<f64> = days.iter().skip(age + 1).take(BEFORE).filter_map(|day| share(day, params.lines_min / 3)).collect();
        if let Some((value, limit, words)) = share(day, params.lines_min).and_then(|value| moved(value, day.lines as u32, before, &NEW_CUSTOMERS, params)) {
            findings.push(finding(NEW_CUSTOMERS.check, date.to_string(), value, limit, words));
        }
    }
    findings
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn params() -> Params {
        Params {
            lines_min: 50,
            expected_share_min: 0.6,
            expected_share_max: 1.8,
            repeated_share_max: 0.2,
            share_move_max: 0.3,
            factor_move_max: 10.0,
            hour_move_max: 3.0,
            accepted: BTreeSet::new(),
        }
    }

    /// Two sources and what their days held, `age` days before as_of, of which the first day is that of the lake.
    fn check(lines: impl Fn(&str, usize) -> u32, accepted: &[i32]) -> Vec<(String, String)> {
        let feed = |source: &str| {
            let mut days = Days::default();
            (0..400).for_each(|age| days.add(age, &DayCounts::of(lines(source, age))));
            (source.to_owned(), Feed::of(Day(20_000), days))
        };
        let feeds = FeedsByName { sources: BTreeMap::from([feed("app"), feed("web")]), stores: BTreeMap::new() };
        let complete = Complete { newest: Day(20_000), late_sources: BTreeMap::new(), late_stores: BTreeMap::new(), faulty_stores: BTreeMap::new() };
        let params = Params { accepted: accepted.iter().map(|day| Day(*day)).collect(), ..params() };
        let checked = check_days(&feeds, &complete, RawLate::Hold, &params, Day(20_000));
        let held = checked.findings.into_iter().filter(|finding| finding.severity == Severity::Hold);
        held.map(|finding| (finding.check, finding.subject)).collect()
    }

    fn told(subject: &str) -> Vec<(String, String)> {
        vec![("day_lines".to_owned(), subject.to_owned())]
    }

    /// A shop with quiet and busy weekdays; 2024-10-01 is five days before as_of, 2024-10-04 two.
    #[test]
    fn days_are_compared_with_their_like() {
        let usual = |source: &str, age: usize| if source == "app" { 100 } else { 300 } * (1 + age as u32 % 7);
        assert_eq!(check(usual, &[]), []);
        assert_eq!(check(|source, age| if (source, age) == ("web", 3) { 0 } else { usual(source, age) }, &[]), told("source web 2024-10-01"));
        assert_eq!(check(|source, age| if (source, age) == ("app", 3) { 120 } else { usual(source, age) }, &[]), told("source app 2024-10-01"));
        assert_eq!(
            check(|source, age| if (source, age) == ("app", 3) { usual(source, age) * 2 } else { usual(source, age) }, &[]),
            told("source app 2024-10-01")
        );
        // A sale is in both of them; a day on which all stand still is not the fault of one, and may be accepted.
        assert_eq!(check(|source, age| usual(source, age) * if age == 3 { 3 } else { 1 }, &[]), []);
        let closed = |source: &str, age: usize| if age == 3 { 0 } else { usual(source, age) };
        assert_eq!(check(closed, &[]), told("all 2024-10-01"));
        assert_eq!(check(closed, &[19_997]), []);
        // So it was a year before.
        assert_eq!(check(|source, age| if age == 3 || age == 3 + 365 { 0 } else { usual(source, age) }, &[]), []);
        // Only one stood still a year before: it does so again.
        assert_eq!(check(|source, age| if source == "web" && (age == 3 || age == 3 + 365) { 0 } else { usual(source, age) }, &[]), []);
    }
}
