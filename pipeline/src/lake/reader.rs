//! How a batch of rows becomes order lines: a column after another, some rows at a time.

use super::lines::{Line, LineKind, LineNames, LineOf, NO_COST, NOT_TOLD};
use super::names::{ByEntry, SourceKey};
use super::scan::Rows;
use crate::columnar::{Column, Values};
use crate::error::{Error, Result};
use crate::key::fingerprint;
use crate::time::Day;

/// Largest quantity of a line: its thousandths fit 32 bits, and 9,000 million lines of it add up within 64.
const QUANTITY_MAX: f64 = 1e6;

/// Sources whose names are looked up once a dictionary; further ones are looked up row by row.
const SOURCES: usize = 16;

/// So many lines are made at once, a column after another: they fit a processor's own memory until they are counted and divided.
const BLOCK: usize = 2048;

/// Makes lines of the batches of a file.
#[derive(Debug, Default)]
pub struct LineReader {
    sources: ByEntry<Option<u32>>,
    currencies: ByEntry<bool>,
    kinds: ByEntry<Option<LineKind>>,
    products: ByEntry<u32>,
    stores: ByEntry<u32>,
    channels: ByEntry<u32>,
    promotions: ByEntry<u32>,
    orders: [ByEntry<u64>; SOURCES],
    returns: [ByEntry<u64>; SOURCES],
    customers: [ByEntry<Option<SourceKey>>; SOURCES],
    /// By row that is used: its source.
    source_of: Vec<u32>,
    lines: Vec<LineOf>,
}

/// The columns of a batch of order lines.
struct Columns<'a> {
    ordered_at: &'a Column,
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
    /// Hands the lines of the rows that are used to `visit`, some at a time.
    ///
    /// # Errors
    /// `Input` for a source with byte 0x1F, another currency than `currency`, a kind that is not one of the contract's words, a quantity beyond
    /// reason, or a return that adds value; `Bug` if the batch is not one of order lines; whatever `visit` returns.
    pub fn read(&mut self, rows: &Rows<'_>, names: &LineNames, currency: &str, mut visit: impl FnMut(&[LineOf]) -> Result<()>) -> Result<()> {
        let columns = Columns::of(rows)?;
        if let Some(column) = columns.currency {
            let mut all = true;
            self.currencies.each(column, &rows.kept, |code| code == currency, |_, is_it| all &= is_it);
            if !all {
                return Err(Error::input(format!("column currency: expected {currency} in every row, got another")));
            }
        }
        self.find_sources(&columns, rows, names)?;
        self.meet_customers(&columns, rows, names);
        self.products.meet(columns.product_id, rows.kept.iter().copied(), 0, |texts| names.products.numbers(texts));
        for start in (0..rows.kept.len()).step_by(BLOCK) {
            let block = start..rows.kept.len().min(start + BLOCK);
            self.lines.clear();
            let line =
                |(&row, &source): (&usize, &u32)| LineOf { line: Line::dated(rows.days[row].unwrap_or(Day(0)), rows.recorded[row]), source, customer: None };
            self.lines.extend(rows.kept[block.clone()].iter().zip(&self.source_of[block.clone()]).map(line));
            self.name(&columns, &rows.kept[block.clone()], names)?;
            self.value(&columns, &rows.kept[block])?;
            visit(&self.lines)?;
        }
        Ok(())
    }

    /// The sources of all rows that are used.
    fn find_sources(&mut self, columns: &Columns<'_>, rows: &Rows<'_>, names: &LineNames) -> Result<()> {
        self.source_of.clear();
        self.source_of.resize(rows.kept.len(), 0);
        let Some(column) = columns.source else { return Ok(()) };
        let mut all = true;
        let number = |text: &str| (!text.contains('\u{1f}')).then(|| names.keys.sources.number(text));
        self.sources.each(column, &rows.kept, number, |place, source| {
            all &= source.is_some();
            self.source_of[place] = source.unwrap_or_default();
        });
        if all { Ok(()) } else { Err(Error::input("column source: expected no byte 0x1F, got one")) }
    }

    /// Looks up the source customers of all rows at once, source by source.
    fn meet_customers(&mut self, columns: &Columns<'_>, rows: &Rows<'_>, names: &LineNames) {
        let Some(column) = columns.customer else { return };
        let mut by_source: [Vec<usize>; SOURCES] = Default::default();
        for (&row, &source) in rows.kept.iter().zip(&self.source_of).filter(|(row, _)| column.is_known(**row)) {
            by_source.get_mut(source as usize).into_iter().for_each(|rows| rows.push(row));
        }
        for (entries, rows) in self.customers.iter_mut().zip(by_source) {
            let Some(&first) = rows.first() else { continue };
            let source = columns.source.and_then(|column| column.text(first)).unwrap_or_default();
            entries.meet(column, rows.into_iter(), None, |ids| names.keys.keys(source, ids));
        }
    }

    /// Fills in what is told by a text: who, what, where.
    fn name(&mut self, columns: &Columns<'_>, rows: &[usize], names: &LineNames) -> Result<()> {
        let Self { orders, returns, customers, lines, .. } = self;
        let seed = |source: &str| fingerprint(0, source.as_bytes());
        let order = |source: &str, id: &str| fingerprint(seed(source), id.as_bytes());
        by_source(orders, (columns.source, columns.order_id), (rows, lines), order, |of, order| of.line.order = order);
        if let Some(column) = columns.return_of {
            let some = |source: &str, id: &str| if id.is_empty() { 0 } else { order(source, id) };
            by_source(returns, (columns.source, column), (rows, lines), some, |of, order| of.line.return_of = order);
        }
        if let Some(column) = columns.customer {
            let key = |source: &str, id: &str| names.keys.key(source, id);
            by_source(customers, (columns.source, column), (rows, lines), key, |of, customer| of.customer = customer);
        }
        self.products.each(columns.product_id, rows, |text| names.products.number(text), |place, number| lines[place].line.product = number);
        if let Some(column) = columns.store {
            self.stores.each(column, rows, |text| names.stores.number(text), |place, number| lines[place].line.store = number);
        }
        if let Some(column) = columns.channel {
            self.channels.each(column, rows, |text| names.channels.number(text), |place, number| lines[place].line.channel = number);
        }
        if let Some(column) = columns.promotion {
            self.promotions.each(column, rows, |text| names.promotions.number(text), |place, number| lines[place].line.promotion = number);
        }
        let mut all = true;
        if let Some(column) = columns.kind {
            self.kinds.each(column, rows, LineKind::stated, |place, kind| {
                all &= kind.is_some();
                lines[place].line.kind = kind.unwrap_or(LineKind::Sale);
            });
        }
        if all { Ok(()) } else { Err(Error::input("column kind: expected sale, return, cancel, exchange, gift_card or fee, got another word")) }
    }

    /// Fills in what is told by a number: when, how many, for how much.
    fn value(&mut self, columns: &Columns<'_>, rows: &[usize]) -> Result<()> {
        let lines = &mut self.lines;
        columns.ordered_at.each_int(rows, |place, micros| lines[place].line.ordered_at = micros);
        columns.amount.each_int(rows, |place, minor| lines[place].line.amount_minor = minor);
        let (mut is_within, mut is_exact) = (true, true);
        columns.quantity.each_float(rows, |place, quantity| {
            let line = &mut lines[place].line;
            line.kind = LineKind::of(line.kind, quantity);
            line.is_bought = line.kind == LineKind::Sale && quantity > 0.0;
            line.milli_units = (quantity * 1000.0).round() as i32;
            is_within &= quantity.abs() <= QUANTITY_MAX;
            is_exact &= f64::from(line.milli_units) == quantity * 1000.0;
        });
        if !is_within {
            return Err(Error::input(format!("column quantity: expected at most {QUANTITY_MAX} units, got more")));
        }
        if lines.iter().any(|of| of.line.kind == LineKind::Return && of.line.amount_minor > 0) {
            return Err(Error::input("column amount: expected returns to have an amount of at most 0, got one above"));
        }
        if !is_exact || columns.line_id.is_some() {
            for (of, &row) in lines.iter_mut().zip(rows) {
                of.line.other = columns.other(row, of.line.milli_units);
            }
        }
        if let Some(column) = columns.unit_cost {
            for (line, &row) in lines.iter_mut().map(|of| &mut of.line).zip(rows) {
                line.cost_minor = column.int(row).map_or(NO_COST, |unit_cost_minor| line.cost_of_units(unit_cost_minor));
            }
        }
        if columns.tell_reductions() {
            for (Line { off_minor, coupon_minor, amount_minor, .. }, row) in
                lines.iter_mut().map(|of| &mut of.line).zip(rows).filter(|(line, _)| line.is_bought)
            {
                (*off_minor, *coupon_minor) = columns.reduction(*row, *amount_minor);
            }
        }
        Ok(())
    }
}

/// Hands what `make` makes of source and text at each of `rows` to `put`, with its line: once for each text of a dictionary, for sources of low numbers.
fn by_source<T: Copy>(
    entries: &mut [ByEntry<T>; SOURCES],
    (sources, column): (Option<&Column>, &Column),
    (rows, lines): (&[usize], &mut [LineOf]),
    make: impl Fn(&str, &str) -> T,
    put: impl Fn(&mut LineOf, T),
) {
    let source = |row: usize| sources.and_then(|column| column.text(row)).unwrap_or_default();
    let (Values::Coded(codes, dictionary), None) = (&column.values, &column.known) else {
        for (of, &row) in lines.iter_mut().zip(rows) {
            let made = match entries.get_mut(of.source as usize) {
                Some(entries) => entries.get(column, row, |id| make(source(row), id)),
                None => column.text(row).map(|id| make(source(row), id)),
            };
            made.into_iter().for_each(|made| put(of, made));
        }
        return;
    };
    entries.iter_mut().for_each(|entries| entries.open(dictionary));
    let mut last: Option<((u32, u32), T)> = None;
    for (of, &row) in lines.iter_mut().zip(rows) {
        let which = (of.source, codes[row]);
        let made = match (last.filter(|last| last.0 == which), entries.get_mut(of.source as usize)) {
            (Some((_, made)), _) => made,
            (None, Some(entries)) => entries.made(codes[row], |id| make(source(row), id)),
            (None, None) => make(source(row), dictionary.get(codes[row] as usize)),
        };
        last = Some((which, made));
        put(of, made);
    }
}
