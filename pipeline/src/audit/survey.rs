//! One look over the order lines: who is in them, how much value nobody owns, up to which day each source and store has come.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::error::{Error, Result};
use crate::key::sha256;
use crate::lake::{Counts, Cut, LineKind, Lines, OpenTable, Rows};
use crate::time::{Day, Window};

/// Days over which a store's pace is measured.
const PACE_DAYS: i32 = 28;

/// A source customer: source, source_customer_id.
pub type SourceKey = (String, String);

/// What the order lines hold, as a whole.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Every customer key and the time of its first visible line of positive quantity.
    pub first_order: HashMap<SourceKey, Option<i64>>,
    /// Lines, and those without a customer.
    pub lines: u64,
    /// Lines without a customer.
    pub anonymous_lines: u64,
    /// Value of all lines that are products, in minor units.
    pub value_minor: i128,
    /// Value without a customer, in minor units.
    pub anonymous_value_minor: i128,
    /// Newest day of each source.
    pub sources: BTreeMap<String, Day>,
    /// Newest day of each store.
    pub stores: BTreeMap<String, Day>,
    /// Orders of each store in its pace window, as hashes.
    recent_orders: BTreeMap<String, HashSet<u64>>,
}

/// The days to which things are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// The newest day of any source.
    pub source: Day,
    /// Stores that are complete only to an earlier day.
    pub late_stores: BTreeMap<String, Day>,
}

impl Complete {
    /// The day to which a customer of this home store was observed, seen from `date`.
    pub fn observed_to(&self, home_store: Option<&str>, date: Day) -> Day {
        let store = home_store.and_then(|store| self.late_stores.get(store));
        date.min(store.copied().unwrap_or(self.source)).min(self.source)
    }
}

/// Surveys the order lines up to as_of.
///
/// # Errors
/// Those of the lake; `Input` for a source with byte 0x1F, another currency, or an unknown kind of line.
pub fn survey(table: &OpenTable, cut: &Cut) -> Result<(Survey, Counts)> {
    let (parts, counts) = table.scan(cut, |survey: &mut Survey, rows| survey.add(rows, cut))?;
    let mut whole = Survey::default();
    parts.into_iter().for_each(|part| whole.merge(part));
    Ok((whole, counts))
}

impl Survey {
    fn add(&mut self, rows: &Rows<'_>, cut: &Cut) -> Result<()> {
        let lines = Lines::of(rows)?;
        let pace = Window::ending(cut.as_of, PACE_DAYS);
        let mut rest = String::new();
        for &row in &rows.kept {
            let line = lines.line(row, &mut rest)?;
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
            let source = rows.text("source", row).unwrap_or_default();
            newest(&mut self.sources, source, line.day);
            if let Some(store) = rows.text("store_id", row) {
                newest(&mut self.stores, store, line.day);
                if pace.contains(line.day) {
                    let hash = sha256(line.order_id.as_bytes());
                    let hash = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes"));
                    self.recent_orders.entry(store.to_owned()).or_default().insert(hash);
                }
            }
        }
        Ok(())
    }

    fn meet(&mut self, source: &str, id: &str, at: Option<i64>) -> Result<()> {
        if source.contains('\u{1f}') {
            return Err(Error::input("table order_lines: column source: expected no byte 0x1F, got one"));
        }
        let first = self.first_order.entry((source.to_owned(), id.to_owned())).or_default();
        *first = earlier(*first, at);
        Ok(())
    }

    fn merge(&mut self, other: Survey) {
        for (key, at) in other.first_order {
            let first = self.first_order.entry(key).or_default();
            *first = earlier(*first, at);
        }
        self.lines += other.lines;
        self.anonymous_lines += other.anonymous_lines;
        self.value_minor += other.value_minor;
        self.anonymous_value_minor += other.anonymous_value_minor;
        other.sources.iter().for_each(|(name, &day)| newest(&mut self.sources, name, day));
        other.stores.iter().for_each(|(name, &day)| newest(&mut self.stores, name, day));
        for (store, orders) in other.recent_orders {
            self.recent_orders.entry(store).or_default().extend(orders);
        }
    }

    /// The newest day of any line.
    pub fn newest_day(&self) -> Option<Day> {
        self.sources.values().max().copied()
    }

    /// How many orders a store should have had between its newest one and `day`, at its own pace.
    pub fn missing_orders(&self, store: &str, day: Day) -> f64 {
        let Some(&last) = self.stores.get(store) else { return 0.0 };
        let orders = self.recent_orders.get(store).map_or(0, HashSet::len);
        orders as f64 / f64::from(PACE_DAYS) * day.since(last) as f64
    }
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

fn newest(days: &mut BTreeMap<String, Day>, name: &str, day: Day) {
    match days.get_mut(name) {
        Some(known) => *known = day.max(*known),
        None => {
            days.insert(name.to_owned(), day);
        }
    }
}

fn check_currency(rows: &Rows<'_>, row: usize, cut: &Cut) -> Result<()> {
    match rows.text("currency", row) {
        Some(code) if code != cut.currency.code => {
            let message = format!("table order_lines: column currency: expected {} in every row, got {code}", cut.currency.code);
            Err(Error::input(message))
        }
        _ => Ok(()),
    }
}
