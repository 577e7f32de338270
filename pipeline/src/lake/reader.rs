//! How a batch of rows becomes order lines: what the lines of an order share once, then a column after another, some lines at a time.

use super::lines::{LineHead, LineItem, LineKind, LineNames, LinesOf, NO_COST, NO_ITEM, NOT_TOLD, cost_of_units};
use super::names::ByEntry;
use super::scan::Rows;
use super::source_keys::{SourceKey, seed_of};
use crate::columnar::Column;
use crate::error::{Error, Result};
use crate::key::fingerprint;
use crate::time::Day;

/// Largest quantity of a line: its thousandths fit 32 bits, and 9,000 million lines of it add up within 64.
const QUANTITY_MAX: f64 = 1e6;

/// Sources whose customers are looked up once a dictionary; those of further ones are looked up one by one.
const SOURCES: usize = 16;

/// So many lines are made at once, a column after another: they fit a processor's own memory until they are counted and divided.
const BLOCK: usize = 512;

/// Makes lines of the batches of a file.
#[derive(Debug, Default)]
pub struct LineReader {
    sources: ByEntry<Option<Source>>,
    currencies: ByEntry<bool>,
    kinds: ByEntry<Option<LineKind>>,
    products: ByEntry<u32>,
    stores: ByEntry<u32>,
    channels: ByEntry<u32>,
    promotions: ByEntry<u32>,
    customers: [ByEntry<Option<SourceKey>>; SOURCES],
    /// By row that is used: whether it shares less with the one before than the lines of an order do.
    starts: Vec<bool>,
    heads: Vec<Head>,
    /// By head: its first row.
    firsts: Vec<usize>,
    /// By row that is used: its product.
    product_of: Vec<u32>,
    items: Vec<LineItem>,
}

/// Where lines come from: its number, and what the fingerprints of its orders start from.
#[derive(Debug, Clone, Copy)]
struct Source {
    number: u32,
    seed: u64,
}

/// What some rows share that stand one after another, and where they begin and end among those that are used.
#[derive(Debug, Clone, Copy)]
struct Head {
    source: Source,
    customer: Option<SourceKey>,
    shared: LineHead,
    from: usize,
    to: usize,
}

/// The columns of a batch of order lines.
struct Columns<'a> {
    ordered_at: &'a Column,
    business_date: Option<&'a Column>,
    quantity: &'a Column,
    amount: &'a Column,
    order_id: &'a Column,
    product_id: &'a Column,
    currency: Option<&'a Column>,
    kind: Option<&'a Column>,
    return_of: Option<&'a Column>,
    source: Option<&'a Column>,
    customer: Option<&'a Column>,
    store: Option<&'a Column>,
    channel: Option<&'a Column>,
    promotion: Option<&'a Column>,
    line_id: Option<&'a Column>,
    regular: Option<&'a Column>,
    shelf: Option<&'a Column>,
    coupons: [Option<&'a Column>; 2],
    unit_cost: Option<&'a Column>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a Rows<'_>) -> Result<Self> {
        let required = |name: &str| rows.column(name).ok_or_else(|| Error::bug(format!("order lines have a column {name}")));
        Ok(Self {
            ordered_at: required("ordered_at")?,
            business_date: rows.column("business_date"),
            quantity: required("quantity")?,
            amount: required("amount")?,
            order_id: required("order_id")?,
            product_id: required("product_id")?,
            currency: rows.column("currency"),
            kind: rows.column("kind"),
            return_of: rows.column("return_of_order_id"),
            source: rows.column("source"),
            customer: rows.column("source_customer_id"),
            store: rows.column("store_id"),
            channel: rows.column("channel"),
            promotion: rows.column("promo_id"),
            line_id: rows.column("line_id"),
            regular: rows.column("regular_amount"),
            shelf: rows.column("discount_shelf"),
            coupons: ["discount_coupon_sponsor", "discount_coupon_store"].map(|name| rows.column(name)),
            unit_cost: rows.column("unit_cost"),
        })
    }
}

impl Columns<'_> {
    /// Whether any line may say what was taken off.
    fn tell_reductions(&self) -> bool {
        [self.regular, self.shelf].into_iter().chain(self.coupons).any(|column| column.is_some())
    }

    /// A fingerprint of what else tells the line at `row` apart: its id, and a quantity that is not of `milli_units` exactly.
    fn other(&self, row: usize, milli_units: i32) -> u64 {
        let quantity = self.quantity.float(row).unwrap_or_default();
        let exact = if f64::from(milli_units) == quantity * 1000.0 { 0 } else { quantity.to_bits() };
        let line_id = self.line_id.and_then(|column| column.text(row)).unwrap_or_default();
        if exact == 0 && line_id.is_empty() { 0 } else { fingerprint(exact, line_id.as_bytes()) }
    }

    /// What was taken off an amount at `row`, and what of that by coupons; discounts count by their size, whatever their sign.
    fn reduction(&self, row: usize, amount_minor: i64) -> (i32, i32) {
        let told = |column: Option<&Column>| column.and_then(|column| column.int(row));
        let sum = |some: &[Option<i64>]| some.iter().flatten().map(|value| value.saturating_abs()).reduce(i64::saturating_add);
        let coupons = self.coupons.map(told);
        let off = match told(self.regular) {
            Some(regular) => Some(regular.saturating_sub(amount_minor).max(0)),
            None => sum(&[told(self.shelf), coupons[0], coupons[1]]),
        };
        let short = |value: Option<i64>| value.map_or(NOT_TOLD, |value| i32::try_from(value).unwrap_or(i32::MAX));
        (short(off), short(sum(&coupons)))
    }
}

impl LineReader {
    /// Hands the lines of the rows that are used to `visit`, those of an order that stand together at once.
    ///
    /// # Errors
    /// `Input` for a source with byte 0x1F, an order without an id, another currency than `currency`, a kind that is not one of the contract's words, a quantity beyond
    /// reason, or a return that adds value; `Bug` if the batch is not one of order lines; whatever `visit` returns.
    pub fn read(&mut self, rows: &Rows<'_>, names: &LineNames, currency: &str, mut visit: impl FnMut(&[LinesOf<'_>]) -> Result<()>) -> Result<()> {
        let columns = Columns::of(rows)?;
        if let Some(column) = columns.currency {
            let mut all = true;
            self.currencies.each(column, &rows.kept, |code| code == currency, |_, is_it| all &= is_it);
            if !all {
                return Err(Error::input(format!("column currency: expected {currency} in every row, got another")));
            }
        }
        self.find_heads(&columns, rows);
        self.name_sources(&columns, names)?;
        self.name_heads(&columns, names)?;
        self.product_of.clear();
        self.products.all(columns.product_id, &rows.kept, 0, |texts| names.products.numbers(texts), |_, number| self.product_of.push(number));
        let heads = std::mem::take(&mut self.heads);
        let mut rest = heads.as_slice();
        while let Some(first) = rest.first() {
            let some = rest.partition_point(|head| head.to <= first.from + BLOCK).max(1);
            let (block, after) = rest.split_at(some);
            let used = &rows.kept[first.from..block[some - 1].to];
            self.items.clear();
            self.items.resize(used.len(), NO_ITEM);
            for (item, product) in self.items.iter_mut().zip(&self.product_of[first.from..]) {
                item.product = *product;
            }
            self.name_items(&columns, used, names)?;
            self.return_items(&columns, used);
            self.value_items(&columns, used)?;
            let of = |head: &Head| {
                let items = &self.items[head.from - first.from..head.to - first.from];
                LinesOf { source: head.source.number, customer: head.customer, head: head.shared, items }
            };
            visit(&block.iter().map(of).collect::<Vec<_>>())?;
            rest = after;
        }
        self.heads = heads;
        Ok(())
    }

    /// Finds rows one after another that share all that lines of an order do.
    fn find_heads(&mut self, columns: &Columns<'_>, rows: &Rows<'_>) {
        let nowhere = Source { number: 0, seed: seed_of("") };
        self.heads.clear();
        self.starts.clear();
        self.starts.resize(rows.kept.len(), false);
        // The day follows from the first two.
        let shared = [Some(columns.ordered_at), columns.business_date, Some(columns.order_id)].into_iter();
        let shared = shared.chain([columns.source, columns.customer, columns.store, columns.channel]);
        shared.flatten().for_each(|column| column.mark_changes(&rows.kept, &mut self.starts));
        rows.recorded.mark_changes(&rows.kept, &mut self.starts);
        self.firsts.clear();
        let mut from = 0;
        while from < rows.kept.len() {
            let to = self.starts[from + 1..].iter().position(|starts| *starts).map_or(rows.kept.len(), |more| from + 1 + more);
            let row = rows.kept[from];
            let ordered_at = columns.ordered_at.int(row).unwrap_or_default();
            let shared = LineHead { ordered_at, ..LineHead::dated(rows.days.at(row).unwrap_or(Day(0)), rows.recorded.at(row)) };
            self.heads.push(Head { source: nowhere, customer: None, shared, from, to });
            self.firsts.push(row);
            from = to;
        }
    }

    /// The sources of all heads.
    fn name_sources(&mut self, columns: &Columns<'_>, names: &LineNames) -> Result<()> {
        let Some(column) = columns.source else { return Ok(()) };
        let mut all = true;
        let source = |text: &str| {
            let number = |text| names.keys.sources.number(text);
            (!text.contains('\u{1f}')).then(|| Source { number: number(text), seed: seed_of(text) })
        };
        self.sources.each(column, &self.firsts, source, |place, source| match source {
            Some(source) => self.heads[place].source = source,
            None => all = false,
        });
        if all { Ok(()) } else { Err(Error::input("column source: expected no byte 0x1F, got one")) }
    }

    /// What is told of heads by a text: who, which order, where.
    fn name_heads(&mut self, columns: &Columns<'_>, names: &LineNames) -> Result<()> {
        self.name_customers(columns, names);
        let Self { stores, channels, heads, firsts, .. } = self;
        for (head, row) in heads.iter_mut().zip(firsts.iter()) {
            let order = columns.order_id.text(*row).unwrap_or_default();
            // All without an id would be one order.
            if order.is_empty() {
                return Err(Error::input("column order_id: expected an id, got an empty text"));
            }
            head.shared.order = order_of(head.source.seed, order);
        }
        if let Some(column) = columns.store {
            stores.each(column, firsts, |text| names.stores.number(text), |place, number| heads[place].shared.store = number);
        }
        if let Some(column) = columns.channel {
            channels.each(column, firsts, |text| names.channels.number(text), |place, number| heads[place].shared.channel = number);
        }
        Ok(())
    }

    /// The source customers of all heads, source by source: those of a source that nothing is known of yet are looked up at once.
    fn name_customers(&mut self, columns: &Columns<'_>, names: &LineNames) {
        let Some(column) = columns.customer else { return };
        // Of each source: places of heads, and their first rows.
        let mut by_source: [(Vec<usize>, Vec<usize>); SOURCES] = Default::default();
        for (place, row) in self.firsts.iter().enumerate().filter(|(_, row)| column.is_known(**row)) {
            let head = &mut self.heads[place];
            match by_source.get_mut(head.source.number as usize) {
                Some((places, rows)) => {
                    places.push(place);
                    rows.push(*row);
                }
                None => {
                    let source = columns.source.and_then(|column| column.text(*row)).unwrap_or_default();
                    head.customer = column.text(*row).and_then(|id| names.keys.key(source, id));
                }
            }
        }
        for (entries, (places, rows)) in self.customers.iter_mut().zip(&by_source) {
            let Some(&first) = rows.first() else { continue };
            let source = columns.source.and_then(|column| column.text(first)).unwrap_or_default();
            let put = |place: usize, customer| self.heads[places[place]].customer = customer;
            entries.all(column, rows, None, |ids| names.keys.keys(source, ids), put);
        }
    }

    /// What is told of items by a text beside the product: what it is, and in which promotion.
    fn name_items(&mut self, columns: &Columns<'_>, rows: &[usize], names: &LineNames) -> Result<()> {
        let Self { promotions, kinds, items, .. } = self;
        if let Some(column) = columns.promotion {
            promotions.each(column, rows, |text| names.promotions.number(text), |place, number| items[place].promotion = number);
        }
        let mut all = true;
        if let Some(column) = columns.kind {
            kinds.each(column, rows, LineKind::stated, |place, kind| {
                all &= kind.is_some();
                items[place].kind = kind.unwrap_or(LineKind::Sale);
            });
        }
        if all { Ok(()) } else { Err(Error::input("column kind: expected sale, return, cancel, exchange, gift_card or fee, got another word")) }
    }

    /// The orders that lines belong to which came back.
    fn return_items(&mut self, columns: &Columns<'_>, rows: &[usize]) {
        let Some(column) = columns.return_of else { return };
        for (item, &row) in self.items.iter_mut().zip(rows).filter(|(_, row)| column.is_known(**row)) {
            let source = columns.source.and_then(|column| column.text(row)).unwrap_or_default();
            let order = column.text(row).filter(|order| !order.is_empty());
            item.return_of = order.map_or(0, |order| order_of(seed_of(source), order));
        }
    }

    /// What is told of items by a number: how many, for how much.
    fn value_items(&mut self, columns: &Columns<'_>, rows: &[usize]) -> Result<()> {
        let items = &mut self.items;
        columns.amount.each_int(rows, |place, minor| items[place].amount_minor = minor);
        let (mut is_within, mut is_exact) = (true, true);
        columns.quantity.each_float(rows, |place, quantity| {
            let item = &mut items[place];
            item.kind = LineKind::of(item.kind, quantity);
            item.is_bought = item.kind == LineKind::Sale && quantity > 0.0;
            item.milli_units = rounded(quantity * 1000.0);
            is_within &= quantity.abs() <= QUANTITY_MAX;
            is_exact &= f64::from(item.milli_units) == quantity * 1000.0;
        });
        if !is_within {
            return Err(Error::input(format!("column quantity: expected at most {QUANTITY_MAX} units, got more")));
        }
        if items.iter().any(|item| item.kind == LineKind::Return && item.amount_minor > 0) {
            return Err(Error::input("column amount: expected returns to have an amount of at most 0, got one above"));
        }
        if !is_exact || columns.line_id.is_some() {
            for (item, &row) in items.iter_mut().zip(rows) {
                item.other = columns.other(row, item.milli_units);
            }
        }
        if let Some(column) = columns.unit_cost {
            for (item, &row) in items.iter_mut().zip(rows) {
                item.cost_minor = column.int(row).map_or(NO_COST, |unit_cost_minor| cost_of_units(item.milli_units, unit_cost_minor));
            }
        }
        if columns.tell_reductions() {
            for (item, &row) in items.iter_mut().zip(rows).filter(|(item, _)| item.is_bought) {
                (item.off_minor, item.coupon_minor) = columns.reduction(row, item.amount_minor);
            }
        }
        Ok(())
    }
}

/// The fingerprint of an order of the source of this seed.
fn order_of(seed: u64, order: &str) -> u64 {
    fingerprint(seed, order.as_bytes())
}

/// A number as the nearest whole one, halves away from 0; of numbers of 32 bits, which a call of `round` would take longer for.
#[inline]
fn rounded(number: f64) -> i32 {
    let whole = number as i32;
    if f64::from(whole) == number { whole } else { number.round() as i32 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::contracts::input;
    use super::*;
    use crate::columnar::{Texts, Values};

    fn texts(all: &[&str]) -> Column {
        let mut entries: Vec<&str> = all.to_vec();
        entries.sort_unstable();
        entries.dedup();
        let mut dictionary = Texts::default();
        entries.iter().for_each(|text| dictionary.push(text));
        let code = |text: &&str| entries.binary_search(text).expect("an entry") as u32;
        let known: Vec<bool> = all.iter().map(|text| *text != "?").collect();
        let values = Values::Coded(all.iter().map(code).collect(), Arc::new(dictionary));
        Column { values, known: known.contains(&false).then_some(known) }
    }

    /// Eleven rows of which one is left out, each but two unlike the one before in one thing that lines of an order share: lines stand together that share
    /// all, and each line has what its row says.
    #[test]
    fn lines_that_share_all_stand_together() {
        let order_lines = input("order_lines").expect("a table");
        let day = |day: i32| Some(Day(day));
        let numbers = |values: [i64; 11]| Column { values: Values::Int(values.to_vec()), known: None };
        let named = vec![
            ("source", texts(&["web", "web", "web", "web", "app", "app", "app", "app", "app", "app", "app"])),
            ("order_id", texts(&["o1", "o1", "o1", "o2", "o2", "o2", "o2", "o2", "o2", "o2", "o2"])),
            ("source_customer_id", texts(&["ann", "ann", "ann", "ann", "ann", "?", "?", "?", "?", "?", "?"])),
            ("ordered_at", numbers([5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6])),
            ("business_date", numbers([1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2])),
            ("store_id", texts(&["s", "s", "s", "s", "s", "s", "s", "t", "t", "t", "t"])),
            ("channel", texts(&["c", "c", "c", "c", "c", "c", "c", "c", "d", "d", "d"])),
            ("product_id", texts(&["p", "q", "x", "p", "p", "p", "p", "q", "q", "q", "r"])),
            ("quantity", Column { values: Values::Float(vec![1.0, -2.0, 9.0, 0.25, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]), known: None }),
            ("amount", numbers([100, -30, 999, 7, 8, 9, 10, 11, 12, 13, 0])),
            ("return_of_order_id", texts(&["?", "o0", "?", "?", "?", "?", "?", "?", "?", "?", "?"])),
        ];
        let days = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2].map(day).to_vec();
        let recorded = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4].map(day).to_vec();
        let rows = Rows::of(&order_lines.contract, named, vec![0, 1, 3, 4, 5, 6, 7, 8, 9, 10], days, recorded);
        let names = LineNames::default();
        let mut seen: Vec<(String, Option<SourceKey>, LineHead, Vec<LineItem>)> = Vec::new();
        let see = |lines: &[LinesOf<'_>]| {
            seen.extend(lines.iter().map(|of| (names.keys.sources.text(of.source), of.customer, of.head, of.items.to_vec())));
            Ok(())
        };
        LineReader::default().read(&rows, &names, "EUR", see).expect("lines");
        assert_eq!(seen.iter().map(|(.., items)| items.len()).collect::<Vec<_>>(), [2, 1, 1, 1, 1, 1, 1, 1, 1]);
        let order = |source: &str, id: &str| fingerprint(fingerprint(0, source.as_bytes()), id.as_bytes());
        let orders: Vec<u64> = seen.iter().map(|(_, _, head, _)| head.order).collect();
        assert_eq!(orders[..3], [order("web", "o1"), order("web", "o2"), order("app", "o2")]);
        let key = |source: &str| names.keys.key(source, "ann");
        assert_eq!(seen.iter().map(|(_, customer, ..)| *customer).collect::<Vec<_>>()[..4], [key("web"), key("web"), key("app"), None]);
        let told = |(source, _, head, _): &(String, Option<SourceKey>, LineHead, Vec<LineItem>)| {
            let (store, channel) = (names.stores.text(head.store), names.channels.text(head.channel));
            (source.clone(), head.ordered_at, format!("{store}{channel}"), head.day.0, head.visible_from.0)
        };
        let last: Vec<_> = seen[4..].iter().map(told).collect();
        let app = |at: i64, place: &str, day: i32, visible: i32| ("app".to_owned(), at, place.to_owned(), day, visible);
        assert_eq!(last, [app(6, "sc", 1, 3), app(6, "tc", 1, 3), app(6, "td", 1, 3), app(6, "td", 2, 3), app(6, "td", 2, 4)]);
        let product = |id: &str| names.products.number(id);
        let back = LineItem { product: product("q"), amount_minor: -30, milli_units: -2000, kind: LineKind::Return, return_of: order("web", "o0"), ..NO_ITEM };
        let bought = LineItem { product: product("p"), amount_minor: 100, milli_units: 1000, is_bought: true, ..NO_ITEM };
        assert_eq!(seen[0].3, [bought, back]);
        assert_eq!(seen[1].3, [LineItem { amount_minor: 7, milli_units: 250, ..bought }]);
        assert_eq!(seen[8].3, [LineItem { product: product("r"), ..NO_ITEM }]);
    }
}
