//! What the order lines hold, as a whole: counted in the pass that divides them.

use std::collections::{BTreeMap, HashSet};

use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::lake::{LineKind, LineOf, Names};
use crate::time::{Day, Window};

/// Days over which the pace of a source or store is measured.
const PACE_DAYS: i32 = 28;

/// What the order lines hold, as a whole.
#[derive(Debug, Default)]
pub struct Survey {
    /// Lines, those without a customer too.
    pub lines: u64,
    /// Lines without a customer.
    pub anonymous_lines: u64,
    /// Value of all lines that are products, in minor units.
    pub value_minor: i128,
    /// Value without a customer, in minor units.
    pub anonymous_value_minor: i128,
    /// Sources, as far as they have come.
    sources: Feeds,
    /// Stores, as far as they have come.
    stores: Feeds,
    /// What all this takes of the memory.
    held: Option<Held>,
}

/// Bytes that an order of the pace window takes.
const ORDER_BYTES: u64 = 24;

/// Where lines come from (sources, or stores), by number.
#[derive(Debug, Clone, Default)]
struct Feeds {
    feeds: Vec<Option<Feed>>,
}

/// A source or store: the day of its newest line, and its orders in the pace window, as fingerprints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Day of the newest line.
    pub newest: Day,
    recent_orders: HashSet<u64>,
}

impl Feeds {
    fn add(&mut self, number: u32, day: Day, recent_order: Option<u64>) {
        let index = number as usize;
        if self.feeds.len() <= index {
            self.feeds.resize(index + 1, None);
        }
        let feed = self.feeds[index].get_or_insert_with(|| Feed { newest: day, recent_orders: HashSet::new() });
        feed.newest = feed.newest.max(day);
        feed.recent_orders.extend(recent_order);
    }

    fn merge(&mut self, other: Feeds) {
        for (number, feed) in other.feeds.into_iter().enumerate() {
            let Some(feed) = feed else { continue };
            self.add(number as u32, feed.newest, None);
            self.feeds[number].as_mut().expect("it was added").recent_orders.extend(feed.recent_orders);
        }
    }

    fn orders(&self) -> u64 {
        self.feeds.iter().flatten().map(|feed| feed.recent_orders.len() as u64).sum()
    }

    fn named(&self, names: &Names) -> BTreeMap<String, Feed> {
        let texts = names.texts();
        self.feeds.iter().enumerate().filter_map(|(number, feed)| Some((texts[number].clone(), feed.clone()?))).collect()
    }
}

impl Feed {
    /// How many orders should have come between its newest line and `day`, at its own pace.
    pub fn missing_orders(&self, day: Day) -> f64 {
        self.recent_orders.len() as f64 / f64::from(PACE_DAYS) * day.since(self.newest) as f64
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
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold what is counted.
    pub fn add(&mut self, lines: &[LineOf], as_of: Day, memory: &Allowance) -> Result<()> {
        let pace = Window::ending(as_of, PACE_DAYS);
        let mut last = None;
        for LineOf { line, source, customer } in lines {
            let value = if line.kind == LineKind::NoProduct { 0 } else { i128::from(line.amount_minor) };
            self.lines += 1;
            self.value_minor += value;
            if customer.is_none() {
                self.anonymous_lines += 1;
                self.anonymous_value_minor += value;
            }
            // The lines of an order stand together, mostly.
            let same = (line.order, line.day, *source, line.store);
            if last == Some(same) {
                continue;
            }
            last = Some(same);
            let recent_order = pace.contains(line.day).then_some(line.order);
            self.sources.add(*source, line.day, recent_order);
            if line.store > 0 {
                self.stores.add(line.store, line.day, recent_order);
            }
        }
        self.account(memory)
    }

    /// Adds another survey.
    ///
    /// # Errors
    /// As `add`.
    pub fn merge(&mut self, other: Survey, memory: &Allowance) -> Result<()> {
        self.lines += other.lines;
        self.anonymous_lines += other.anonymous_lines;
        self.value_minor += other.value_minor;
        self.anonymous_value_minor += other.anonymous_value_minor;
        self.sources.merge(other.sources);
        self.stores.merge(other.stores);
        self.account(memory)
    }

    fn account(&mut self, memory: &Allowance) -> Result<()> {
        let bytes = (self.sources.orders() + self.stores.orders()) * ORDER_BYTES;
        self.held.get_or_insert_with(|| memory.nothing()).resize("divide lines into shards", bytes)
    }

    /// Sources and stores by name.
    pub fn feeds(&self, sources: &Names, stores: &Names) -> FeedsByName {
        FeedsByName { sources: self.sources.named(sources), stores: self.stores.named(stores) }
    }
}

/// Sources and stores, as far as they have come.
#[derive(Debug, Clone, Default)]
pub struct FeedsByName {
    /// Sources.
    pub sources: BTreeMap<String, Feed>,
    /// Stores.
    pub stores: BTreeMap<String, Feed>,
}

impl FeedsByName {
    /// The newest day of any line.
    pub fn newest_day(&self) -> Option<Day> {
        self.sources.values().map(|feed| feed.newest).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_late_by_its_own_pace() {
        let (mut early, mut late) = (Feeds::default(), Feeds::default());
        // 14 orders in 28 days is one every second day: six silent days hold three.
        (0..9).for_each(|order| early.add(2, Day(80 + order), Some(order as u64)));
        (8..14).for_each(|order| late.add(2, Day(80 + order), Some(order as u64)));
        late.merge(early);
        let feed = late.feeds[2].as_ref().expect("it was added");
        assert!((feed.missing_orders(Day(99)) - 3.0).abs() < 1e-12);
        assert_eq!(late.feeds[1], None);
    }

    #[test]
    fn silence_is_counted_to_the_day_that_is_complete() {
        let late = |name: &str, day| BTreeMap::from([(name.to_owned(), Day(day))]);
        let complete = Complete { newest: Day(100), late_sources: late("web", 97), late_stores: late("s1", 95) };
        let observed = |source: &str, store: Option<&str>, date| complete.observed_to(source, store, Day(date)).0;
        assert_eq!(observed("app", None, 101), 100);
        assert_eq!(observed("app", Some("s2"), 99), 99);
        assert_eq!(observed("web", Some("s2"), 101), 97);
        assert_eq!(observed("web", Some("s1"), 101), 95);
        assert_eq!(observed("app", Some("s1"), 90), 90);
    }
}
