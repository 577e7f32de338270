//! What the order lines hold, as a whole: counted in the pass that divides them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::days::{self, DayCounts, Days, Prices, PricesByDay};
use super::pace::{PACE_DAYS, Pace};
use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::lake::{LineHead, LineKind, LinesOf, Names};
use crate::time::Day;

/// What the order lines hold, as a whole.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Survey {
    /// Lines, those without a customer too.
    pub lines: u64,
    /// Those of `Surveyed`.
    anonymous_lines: u64,
    value_minor: i128,
    anonymous_value_minor: i128,
    /// Sources, as far as they have come.
    sources: Feeds,
    /// Stores, as far as they have come.
    stores: Feeds,
    /// What lines say of the prices of products.
    prices: PricesByDay,
    /// Lines by year.
    years: Years,
    /// What all this takes of the memory.
    #[serde(skip)]
    held: Option<Held>,
}

/// Lines that count for an order where orders are not known one by one: more than most orders have.
const LINES_AN_ORDER: f64 = 10.0;

/// Lines by year of 365 days, from `OLDEST_YEAR` on: how many, and the number of the newest day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Years(Vec<(u64, i32)>);

/// Years after 1970-01-01: what is older counts as of this one.
const OLDEST_YEAR: i32 = -2000;
/// Years without a line that part what is told from what was mistyped.
const EMPTY_YEARS: usize = 2;

impl Years {
    fn add(&mut self, day: Day, lines: u64) {
        let year = (day.0.div_euclid(365).max(OLDEST_YEAR) - OLDEST_YEAR) as usize;
        if self.0.len() <= year {
            self.0.resize(year + 1, (0, i32::MIN));
        }
        let (sum, newest) = &mut self.0[year];
        (*sum, *newest) = (*sum + lines, day.0.max(*newest));
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().filter(|(lines, _)| *lines > 0).for_each(|(lines, newest)| self.add(Day(newest), lines));
    }

    /// Lines after which for two whole years and more there is none, before the others: how many, and the day of the newest.
    pub fn long_before(&self) -> (u64, Option<Day>) {
        let (mut since, mut found) = (None, (0, None));
        for (year, (lines, newest)) in self.0.iter().enumerate().rev().filter(|(_, (lines, _))| *lines > 0) {
            if found.1.is_some() || since.is_some_and(|since: usize| since - year > EMPTY_YEARS) {
                found = (found.0 + lines, found.1.or(Some(Day(*newest))));
            }
            since = Some(year);
        }
        found
    }
}

/// Where lines come from (sources, or stores), by number.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Feeds {
    feeds: Vec<Option<Feed>>,
}

/// A source or store: the day of its newest line, its orders of late, and its newest days one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Day of the newest line.
    pub newest: Day,
    /// Its newest days.
    pub days: Days,
    /// Value of its lines in minor units, and of those without a customer.
    pub value_minor: [i128; 2],
    /// Its orders of late.
    pace: Pace,
}

/// What lines that stand together hold.
struct Sums {
    lines: u32,
    /// Lines without a customer.
    anonymous: u32,
    /// Their value in minor units, and that without a customer.
    value_minor: [i64; 2],
    /// How long before as_of, where that is counted.
    age: Option<usize>,
    /// What else, of a day that is counted one by one.
    counts: Option<DayCounts>,
}

impl Sums {
    fn of(lines: &LinesOf<'_>, age: Option<usize>, counts: Option<DayCounts>) -> Self {
        let value = lines.items.iter().map(|item| if item.kind == LineKind::NoProduct { 0 } else { item.amount_minor }).sum();
        let (count, is_anonymous) = (lines.items.len() as u32, lines.customer.is_none());
        let (anonymous, unknown) = if is_anonymous { (count, value) } else { (0, 0) };
        Self { lines: count, anonymous, value_minor: [value, unknown], age, counts }
    }
}

impl Feeds {
    fn of(&mut self, number: u32, day: Day) -> &mut Feed {
        let index = number as usize;
        if self.feeds.len() <= index {
            self.feeds.resize(index + 1, None);
        }
        let new = || Feed { newest: day, days: Days::default(), value_minor: [0; 2], pace: Pace::default() };
        let feed = self.feeds[index].get_or_insert_with(new);
        feed.newest = feed.newest.max(day);
        feed
    }

    /// Adds lines of a head.
    fn add(&mut self, number: u32, head: &LineHead, sums: &Sums) {
        let feed = self.of(number, head.day);
        sums.age.into_iter().for_each(|age| feed.pace.add(age, head.order));
        feed.value_minor.iter_mut().zip(sums.value_minor).for_each(|(sum, more)| *sum += i128::from(more));
        match (sums.age, &sums.counts) {
            (Some(age), Some(counts)) => feed.days.add(age, counts),
            (Some(age), None) => feed.days.add_lines(age, sums.lines),
            (None, _) => {}
        }
    }

    fn merge(&mut self, other: Feeds) {
        for (number, feed) in other.feeds.into_iter().enumerate() {
            let Some(feed) = feed else { continue };
            let known = self.of(number as u32, feed.newest);
            known.pace.merge(feed.pace);
            known.days.merge(&feed.days);
            known.value_minor.iter_mut().zip(feed.value_minor).for_each(|(sum, more)| *sum += more);
        }
    }

    fn bytes(&self) -> u64 {
        let bytes = |feed: &Feed| feed.pace.bytes() + feed.days.bytes();
        self.feeds.iter().flatten().map(bytes).sum()
    }

    fn named(self, names: &Names) -> BTreeMap<String, Feed> {
        let texts = names.texts();
        self.feeds.into_iter().enumerate().filter_map(|(number, feed)| Some((texts[number].clone(), feed?))).collect()
    }
}

impl Feed {
    /// A feed of which only its days are known.
    #[cfg(test)]
    pub fn of(newest: Day, days: Days) -> Self {
        Self { newest, days, value_minor: [0; 2], pace: Pace::default() }
    }

    /// How many orders should have come between its newest line and `day`, at its own pace; where it has been silent for long, at that of the lines
    /// before it fell silent, ten of them for an order.
    pub fn missing_orders(&self, day: Day, as_of: Day) -> f64 {
        let silent = day.since(self.newest) as f64 / PACE_DAYS as f64;
        let newest = as_of.since(self.newest).max(0) as usize;
        let lines: u32 = (newest..newest + PACE_DAYS).map(|age| self.days.lines(age)).sum();
        (self.pace.orders() * silent).max(f64::from(lines) / LINES_AN_ORDER * silent)
    }
}

/// The days to which things are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// The day to which all is complete that is not late.
    pub newest: Day,
    /// Sources that are complete only to an earlier day.
    pub late_sources: BTreeMap<String, Day>,
    /// Stores that are complete only to an earlier day.
    pub late_stores: BTreeMap<String, Day>,
    /// Stores of which a day has a fault, and the newest such day.
    pub faulty_stores: BTreeMap<String, Day>,
}

impl Complete {
    /// The day to which a customer of this source and home store was observed, seen from `date`.
    pub fn observed_to(&self, source: &str, home_store: Option<&str>, date: Day) -> Day {
        let store = home_store.and_then(|store| self.late_stores.get(store));
        let late = [self.late_sources.get(source), store].into_iter().flatten().min();
        late.copied().unwrap_or(self.newest).min(self.newest).min(date)
    }
}

impl Survey {
    /// Counts lines; the pace is that of the days before `as_of`.
    pub fn add(&mut self, lines: &LinesOf<'_>, as_of: Day) {
        let LinesOf { source, head, items, .. } = lines;
        let age = days::age(as_of, head.day, days::TOTALS);
        let counts = age.filter(|age| *age < days::COUNTED).map(|age| {
            let mut counts = DayCounts::of_head(lines);
            for item in *items {
                let price = counts.count(item);
                if item.kind != LineKind::NoProduct {
                    self.prices.count(item.product, item.amount_minor, price, age);
                }
            }
            counts
        });
        let sums = Sums::of(lines, age, counts);
        self.years.add(head.day, items.len() as u64);
        self.lines += items.len() as u64;
        self.anonymous_lines += u64::from(sums.anonymous);
        self.value_minor += i128::from(sums.value_minor[0]);
        self.anonymous_value_minor += i128::from(sums.value_minor[1]);
        self.sources.add(*source, head, &sums);
        if head.store > 0 {
            self.stores.add(head.store, head, &sums);
        }
    }

    /// The same lines, as a survey has them that is made `days` later: none of them is newer.
    pub fn seen_later(&mut self, days: usize) {
        for feed in [&mut self.sources, &mut self.stores].into_iter().flat_map(|feeds| feeds.feeds.iter_mut().flatten()) {
            feed.days.seen_later(days);
            feed.pace.seen_later(days);
        }
        self.prices.seen_later(days);
    }

    /// Adds another survey.
    ///
    /// # Errors
    /// As `account`.
    pub fn merge(&mut self, other: Survey, memory: &Allowance) -> Result<()> {
        self.lines += other.lines;
        self.anonymous_lines += other.anonymous_lines;
        self.value_minor += other.value_minor;
        self.anonymous_value_minor += other.anonymous_value_minor;
        self.sources.merge(other.sources);
        self.stores.merge(other.stores);
        self.prices.merge(other.prices);
        self.years.merge(other.years);
        self.account(memory)
    }

    /// Asks for the memory that all this takes.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold it.
    pub fn account(&mut self, memory: &Allowance) -> Result<()> {
        let bytes = self.sources.bytes() + self.stores.bytes() + self.prices.bytes();
        self.held.get_or_insert_with(|| memory.nothing()).resize("divide lines into shards", bytes)
    }

    /// What stays of it once all lines were seen; and sources and stores by name.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold what is looked at for a moment.
    pub fn close(self, (sources, stores): (&Names, &Names), memory: &Allowance) -> Result<(Surveyed, FeedsByName)> {
        let for_a_moment = memory.take("read the small tables", self.prices.days_bytes())?;
        let prices = self.prices.by_product();
        drop(for_a_moment);
        let bytes = self.sources.bytes() + self.stores.bytes() + size_of_val(&prices[..]) as u64;
        let Self { lines, anonymous_lines, value_minor, anonymous_value_minor, years, mut held, .. } = self;
        held.iter_mut().for_each(|held| held.shrink(held.bytes().saturating_sub(bytes)));
        let surveyed = Surveyed { lines, anonymous_lines, value_minor, anonymous_value_minor, prices, years, _held: held };
        Ok((surveyed, FeedsByName { sources: self.sources.named(sources), stores: self.stores.named(stores) }))
    }
}

/// What all order lines hold, as a whole.
#[derive(Debug, Default)]
pub struct Surveyed {
    /// Lines, those without a customer too.
    pub lines: u64,
    /// Lines without a customer.
    pub anonymous_lines: u64,
    /// Value of all lines that are products, in minor units.
    pub value_minor: i128,
    /// Value without a customer, in minor units.
    pub anonymous_value_minor: i128,
    /// Lines by year.
    pub years: Years,
    /// What the lines of each product say of its price, by number: a fiftieth of what they say by day.
    pub prices: Vec<Prices>,
    /// What all this, and the feeds, take of the memory.
    _held: Option<Held>,
}

/// Sources and stores, as far as they have come.
#[derive(Debug, Clone, Default)]
pub struct FeedsByName {
    /// Sources.
    pub sources: BTreeMap<String, Feed>,
    /// Stores.
    pub stores: BTreeMap<String, Feed>,
}

/// Lines of customers, by the numbers of source and store, and by days before as_of.
pub type LinesByDay = BTreeMap<(u32, u32, usize), u32>;

impl FeedsByName {
    /// Adds lines that are counted apart from the others, to the count that `of` names; texts of sources and stores are by number.
    pub fn add(&mut self, (sources, stores): (&[String], &[String]), lines: &LinesByDay, of: fn(&mut DayCounts) -> &mut u32) {
        for (&(source, store, age), &lines) in lines {
            let feeds = [self.sources.get_mut(&sources[source as usize]), self.stores.get_mut(&stores[store as usize]).filter(|_| store > 0)];
            feeds.into_iter().flatten().filter_map(|feed| feed.days.at_mut(age)).for_each(|day| *of(day) += lines);
        }
    }

    /// All sources together, by days.
    pub fn together(&self) -> Days {
        let mut all = Days::default();
        self.sources.values().for_each(|feed| all.merge(&feed.days));
        all
    }

    /// The newest day of any line.
    pub fn newest_day(&self) -> Option<Day> {
        self.sources.values().map(|feed| feed.newest).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::Line;

    /// By hand, in years of 365 days from 1970 on: 55 and 53 are parted by one year, 50 by two whole ones, and 49 and the oldest stand before it. Merged in any
    /// order they are the same.
    #[test]
    fn what_is_long_before_is_parted_by_two_years() {
        let years = |days: &[(i32, u64)]| {
            let mut years = Years::default();
            days.iter().for_each(|(day, lines)| years.add(Day(*day), *lines));
            years
        };
        let day = |year: i32| year * 365 + 7;
        let near = years(&[(day(55), 10), (day(53), 5), (day(55) + 20, 1)]);
        assert_eq!(near.long_before(), (0, None));
        assert_eq!(Years::default().long_before(), (0, None));
        let old = years(&[(day(50), 2), (day(50) - 3, 4), (day(49), 1), (-3_000_000, 8)]);
        let (mut one, mut other) = (near.clone(), old.clone());
        one.merge(old);
        other.merge(near);
        assert_eq!(one, other);
        assert_eq!(one.long_before(), (15, Some(Day(day(50)))));
    }

    #[test]
    fn a_feed_is_late_by_its_own_pace() {
        let (mut early, mut late) = (Feeds::default(), Feeds::default());
        // 14 orders in 28 days is one every second day: six silent days hold three.
        (0..9).for_each(|order| early.of(2, Day(80 + order)).pace.add(19 - order as usize, order as u64));
        (8..14).for_each(|order| late.of(2, Day(80 + order)).pace.add(19 - order as usize, order as u64));
        late.merge(early);
        let feed = late.feeds[2].as_ref().expect("it was added");
        assert!((feed.missing_orders(Day(99), Day(99)) - 3.0).abs() < 1e-12);
        assert_eq!(late.feeds[1], None);
    }

    #[test]
    fn silence_is_counted_to_the_day_that_is_complete() {
        let late = |name: &str, day| BTreeMap::from([(name.to_owned(), Day(day))]);
        let complete = Complete { newest: Day(100), late_sources: late("web", 97), late_stores: late("s1", 95), faulty_stores: BTreeMap::new() };
        let observed = |source: &str, store: Option<&str>, date| complete.observed_to(source, store, Day(date)).0;
        assert_eq!(observed("app", None, 101), 100);
        assert_eq!(observed("app", Some("s2"), 99), 99);
        assert_eq!(observed("web", Some("s2"), 101), 97);
        assert_eq!(observed("web", Some("s1"), 101), 95);
        assert_eq!(observed("app", Some("s1"), 90), 90);
    }

    fn line(order: u64, day: i32) -> (u32, Line) {
        let line = Line {
            ordered_at: i64::from(day) * 86_400_000_000,
            order,
            product: (order % 7) as u32,
            amount_minor: 100 + (order % 13) as i64,
            milli_units: 1000,
            is_bought: true,
            store: (order % 2) as u32,
            ..Line::dated(Day(day), Some(Day(day + (order % 3) as i32)))
        };
        ((order % 5 % 2) as u32, line)
    }

    /// A survey that is seen later is that of the later date, whatever falls out of its days; one part of it, and the whole.
    #[test]
    fn a_survey_is_seen_later_as_it_would_be_made() {
        let lines: Vec<(u32, Line)> = (0..1500).map(|order| line(order, 1000 - (order % 600) as i32)).collect();
        let memory = Allowance::memory(1 << 30);
        let made = |lines: &[(u32, Line)], as_of: i32| {
            let mut survey = Survey::default();
            for (source, line) in lines {
                survey.add(&LinesOf { source: *source, customer: None, head: line.head(), items: &[line.item()] }, Day(as_of));
            }
            survey
        };
        for days in [0, 1, 6, 7, 27, 28, 84, 400, 485, 600] {
            let later = 1000 + days as i32;
            let mut seen = made(&lines, 1000);
            seen.seen_later(days);
            let newer: Vec<(u32, Line)> = (1..=days as u64).map(|order| line(order, 1000 + order as i32)).collect();
            seen.merge(made(&newer, later), &memory).expect("there is room");
            let all: Vec<(u32, Line)> = lines.iter().chain(&newer).copied().collect();
            let whole = made(&all, later);
            assert_eq!(seen.prices.by_product(), whole.prices.by_product(), "{days}");
            assert_eq!((seen.sources.feeds, seen.stores.feeds), (whole.sources.feeds, whole.stores.feeds), "{days}");
        }
    }
}
