//! One look over the order lines: who is in them, how much value nobody owns, up to which day each source and store has come.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::allowance::{Allowance, Held};
use crate::error::{Error, Result};
use crate::key::hash64;
use crate::lake::{Counts, Cut, LineKind, LineTexts, Lines, OpenTable, Rows};
use crate::time::{Day, Window};

/// Days over which the pace of a source or store is measured.
const PACE_DAYS: i32 = 28;

/// A source customer: source, source_customer_id.
pub type SourceKey = (String, String);

/// What is known of a source customer from the lines alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Time of the first visible line of positive quantity.
    pub first_order: Option<i64>,
    /// Lines.
    pub lines: u64,
}

/// What the order lines hold, as a whole.
#[derive(Debug, Default)]
pub struct Survey {
    /// Every customer key in the lines.
    pub seen: HashMap<SourceKey, Seen>,
    /// Lines, and those without a customer.
    pub lines: u64,
    /// Lines without a customer.
    pub anonymous_lines: u64,
    /// Value of all lines that are products, in minor units.
    pub value_minor: i128,
    /// Value without a customer, in minor units.
    pub anonymous_value_minor: i128,
    /// Sources, as far as they have come.
    pub sources: Feeds,
    /// Stores, as far as they have come.
    pub stores: Feeds,
    /// What all this takes of the memory.
    held: Option<Held>,
}

/// Bytes that a customer key, or an order of the pace window, takes.
const KEY_BYTES: u64 = 176;
const ORDER_BYTES: u64 = 24;

/// Where lines come from (sources, or stores): newest day, and orders in the pace window, as hashes.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    newest: BTreeMap<String, Day>,
    recent_orders: BTreeMap<String, HashSet<u64>>,
}

impl Feeds {
    fn add(&mut self, name: &str, day: Day, recent_order: Option<u64>) {
        match self.newest.get_mut(name) {
            Some(known) => *known = day.max(*known),
            None => {
                self.newest.insert(name.to_owned(), day);
            }
        }
        if let Some(order) = recent_order {
            self.recent_orders.entry(name.to_owned()).or_default().insert(order);
        }
    }

    fn merge(&mut self, other: Feeds) {
        other.newest.into_iter().for_each(|(name, day)| self.add(&name, day, None));
        for (name, orders) in other.recent_orders {
            self.recent_orders.entry(name).or_default().extend(orders);
        }
    }

    fn orders(&self) -> u64 {
        self.recent_orders.values().map(|orders| orders.len() as u64).sum()
    }

    /// Each feed and the day of its newest line.
    pub fn newest(&self) -> &BTreeMap<String, Day> {
        &self.newest
    }

    /// How many orders a feed should have had between its newest line and `day`, at its own pace.
    pub fn missing_orders(&self, name: &str, day: Day) -> f64 {
        let Some(&last) = self.newest.get(name) else { return 0.0 };
        let orders = self.recent_orders.get(name).map_or(0, HashSet::len);
        orders as f64 / f64::from(PACE_DAYS) * day.since(last) as f64
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

/// Surveys the order lines up to as_of.
///
/// # Errors
/// Those of the lake; `Input` for a source with byte 0x1F, another currency, or an unknown kind of line.
pub fn survey(table: &OpenTable, cut: &Cut) -> Result<(Survey, Counts)> {
    let memory = table.memory();
    let add = |survey: &mut Survey, rows: &Rows<'_>| {
        survey.add(rows, cut)?;
        survey.account(memory)
    };
    let merge = |whole: &mut Survey, part: Survey| {
        whole.merge(part);
        whole.account(memory)
    };
    table.scan(cut, add, merge)
}

impl Survey {
    fn add(&mut self, rows: &Rows<'_>, cut: &Cut) -> Result<()> {
        let lines = Lines::of(rows)?;
        let pace = Window::ending(cut.as_of, PACE_DAYS);
        let mut texts = LineTexts::default();
        for &row in &rows.kept {
            let line = lines.line(row, &mut texts)?;
            check_currency(rows, row, cut)?;
            let value = if line.kind == LineKind::NoProduct { 0 } else { i128::from(line.amount_minor) };
            self.lines += 1;
            self.value_minor += value;
            match lines.customer(row) {
                None => {
                    self.anonymous_lines += 1;
                    self.anonymous_value_minor += value;
                }
                Some((source, id)) => {
                    let at = (line.kind == LineKind::Sale && line.quantity > 0.0).then_some(line.ordered_at);
                    self.meet(source, id, at)?;
                }
            }
            let recent_order = pace.contains(line.day).then(|| hash64(line.order_id.as_bytes()));
            self.sources.add(rows.text("source", row).unwrap_or_default(), line.day, recent_order);
            if let Some(store) = rows.text("store_id", row) {
                self.stores.add(store, line.day, recent_order);
            }
        }
        Ok(())
    }

    fn meet(&mut self, source: &str, id: &str, at: Option<i64>) -> Result<()> {
        if source.contains('\u{1f}') {
            return Err(Error::input("column source: expected no byte 0x1F, got one"));
        }
        let seen = self.seen.entry((source.to_owned(), id.to_owned())).or_default();
        seen.first_order = earlier(seen.first_order, at);
        seen.lines += 1;
        Ok(())
    }

    fn merge(&mut self, other: Survey) {
        for (key, other) in other.seen {
            let seen = self.seen.entry(key).or_default();
            seen.first_order = earlier(seen.first_order, other.first_order);
            seen.lines += other.lines;
        }
        self.lines += other.lines;
        self.anonymous_lines += other.anonymous_lines;
        self.value_minor += other.value_minor;
        self.anonymous_value_minor += other.anonymous_value_minor;
        self.sources.merge(other.sources);
        self.stores.merge(other.stores);
    }

    fn account(&mut self, memory: &Allowance) -> Result<()> {
        let bytes = self.seen.len() as u64 * KEY_BYTES + (self.sources.orders() + self.stores.orders()) * ORDER_BYTES;
        self.held.get_or_insert_with(|| memory.nothing()).resize("survey the order lines", bytes)
    }

    /// The newest day of any line.
    pub fn newest_day(&self) -> Option<Day> {
        self.sources.newest.values().max().copied()
    }
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

fn check_currency(rows: &Rows<'_>, row: usize, cut: &Cut) -> Result<()> {
    match rows.text("currency", row) {
        Some(code) if code != cut.currency.code => {
            let message = format!("column currency: expected {} in every row, got another", cut.currency.code);
            Err(Error::input(message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_late_by_its_own_pace() {
        let mut feeds = Feeds::default();
        // 14 orders in 28 days is one every second day: six silent days hold three.
        (0..14).for_each(|order| feeds.add("s1", Day(80 + order), Some(order as u64)));
        assert!((feeds.missing_orders("s1", Day(99)) - 3.0).abs() < 1e-12);
        assert_eq!(feeds.missing_orders("unknown", Day(99)), 0.0);
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
