//! An order line as the stages see it, what kind of line it is, and how a batch of rows becomes lines.

use serde::{Deserialize, Serialize};

use super::names::{ByEntry, KeysOfPart, Names, SourceKey, SourceKeys};
use super::scan::Rows;
use crate::columnar::Column;
use crate::error::{Error, Result};
use crate::key::fingerprint;
use crate::time::Day;

/// What an order line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LineKind {
    /// Something was bought.
    Sale,
    /// Something came back: it nets the value of the order that it belongs to, and is no activity.
    Return,
    /// A gift card or fee: not a product, no part of value or activity.
    NoProduct,
}

impl LineKind {
    /// The kind of a stated word; None for one that the contract does not have. An exchange is a sale or a return by its quantity.
    fn stated(word: &str) -> Option<Self> {
        match word {
            "sale" | "exchange" => Some(Self::Sale),
            "return" | "cancel" => Some(Self::Return),
            "gift_card" | "fee" => Some(Self::NoProduct),
            _ => None,
        }
    }

    /// The kind of a line of this quantity that states `stated`, or nothing.
    fn of(stated: Option<Self>, quantity: f64) -> Self {
        match stated {
            None | Some(Self::Sale) if quantity < 0.0 => Self::Return,
            None => Self::Sale,
            Some(kind) => kind,
        }
    }

    /// The kind of a stored number.
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Sale,
            1 => Self::Return,
            _ => Self::NoProduct,
        }
    }
}

/// Largest quantity of a line: its thousandths fit 32 bits, and 9,000 million lines of it add up within 64.
const QUANTITY_MAX: f64 = 1e6;

/// One order line. Names are numbers; what two lines share of `order` is the order that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// When it was ordered, UTC microseconds.
    pub ordered_at: i64,
    /// Fingerprint of source and order: two sources may call their orders alike.
    pub order: u64,
    /// Product.
    pub product: u32,
    /// What it is.
    pub kind: LineKind,
    /// Value in minor units.
    pub amount_minor: i64,
    /// The day to which it counts.
    pub day: Day,
    /// The day from which it is visible.
    pub visible_from: Day,
    /// Units, in thousandths.
    pub milli_units: i32,
    /// Whether the quantity is above 0.
    pub is_bought: bool,
    /// Fingerprint of source and the order that a return belongs to; 0 for none.
    pub return_of: u64,
    /// Store; 0 for none.
    pub store: u32,
    /// Channel; 0 for none.
    pub channel: u32,
    /// Promotion; 0 for none.
    pub promotion: u32,
    /// Fingerprint of what else tells lines apart; 0 for nothing.
    pub other: u64,
    /// What was taken off the regular amount of what was bought, in minor units; NOT_TOLD where no column says.
    pub off_minor: i32,
    /// Of that, by coupons; NOT_TOLD where no column says.
    pub coupon_minor: i32,
}

/// What a line does not say.
pub const NOT_TOLD: i32 = i32::MIN;

/// The numbers that lines carry for names.
#[derive(Debug, Default)]
pub struct LineNames {
    /// Source customers.
    pub keys: SourceKeys,
    /// Products.
    pub products: Names,
    /// Stores.
    pub stores: Names,
    /// Channels.
    pub channels: Names,
    /// Promotions.
    pub promotions: Names,
    /// Genders of customers.
    pub genders: Names,
}

/// How many names of each kind there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamesMark {
    texts: [usize; 5],
    keys: Vec<usize>,
}

/// Names that lines carry, with the numbers from a mark on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NamesSince {
    /// Sources, products, stores, channels, promotions.
    texts: [Vec<String>; 5],
    keys: Vec<KeysOfPart>,
}

impl LineNames {
    fn texts(&self) -> [&Names; 5] {
        [&self.keys.sources, &self.products, &self.stores, &self.channels, &self.promotions]
    }

    /// How many names there are by now.
    pub fn mark(&self) -> NamesMark {
        NamesMark { texts: self.texts().map(Names::count), keys: self.keys.counts() }
    }

    /// The names that were not there at `mark`: all but the unknown ones for a mark of nothing.
    pub fn since(&self, mark: &NamesMark) -> NamesSince {
        let names = self.texts();
        NamesSince { texts: std::array::from_fn(|kind| names[kind].since(mark.texts[kind].max(1))), keys: self.keys.since(&mark.keys) }
    }

    /// Gives names the numbers that they had; None if these are not the next ones.
    pub fn restore(&self, since: &NamesSince) -> Option<()> {
        for (names, texts) in self.texts().into_iter().zip(&since.texts) {
            let next = names.count();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            if names.numbers(&texts).iter().enumerate().any(|(place, number)| *number as usize != next + place) {
                return None;
            }
        }
        self.keys.restore(&since.keys)
    }
}

/// A line, and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct LineOf {
    /// The line.
    pub line: Line,
    /// Its source.
    pub source: u32,
    /// Source customer; None for an anonymous line.
    pub customer: Option<SourceKey>,
}

/// Sources whose names are looked up once a dictionary; further ones are looked up row by row.
const SOURCES: usize = 16;

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
        })
    }
}

impl Columns<'_> {
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

/// What `entries` knows of the text at `row`, for sources of low numbers; what `make` makes of it for others.
fn by_source<T: Copy>(entries: &mut [ByEntry<T>; SOURCES], source: u32, column: &Column, row: usize, make: impl FnOnce(&str) -> T) -> Option<T> {
    match entries.get_mut(source as usize) {
        Some(entries) => entries.get(column, row, make),
        None => column.text(row).map(make),
    }
}

impl LineReader {
    /// Appends the lines of the rows that are used.
    ///
    /// # Errors
    /// `Input` for a source with byte 0x1F, another currency than `currency`, a kind that is not one of the contract's words, a quantity beyond
    /// reason, or a return that adds value; `Bug` if the batch is not one of order lines.
    pub fn read(&mut self, rows: &Rows<'_>, names: &LineNames, currency: &str, lines: &mut Vec<LineOf>) -> Result<()> {
        let columns = Columns::of(rows)?;
        lines.reserve(rows.kept.len());
        self.meet_customers(&columns, rows, names)?;
        self.products.meet(columns.product_id, rows.kept.iter().copied(), 0, |texts| names.products.numbers(texts));
        for &row in &rows.kept {
            if columns.currency.is_some_and(|column| self.currencies.get(column, row, |code| code == currency) == Some(false)) {
                return Err(Error::input(format!("column currency: expected {currency} in every row, got another")));
            }
            let days = (rows.days[row].unwrap_or(Day(0)), rows.recorded[row]);
            self.line(&columns, row, days, (names, lines))?;
        }
        Ok(())
    }

    #[inline]
    fn source(&mut self, columns: &Columns<'_>, row: usize, names: &LineNames) -> Result<u32> {
        let Some(column) = columns.source else { return Ok(0) };
        let make = |text: &str| (!text.contains('\u{1f}')).then(|| names.keys.sources.number(text));
        self.sources.get(column, row, make).unwrap_or(Some(0)).ok_or_else(|| Error::input("column source: expected no byte 0x1F, got one"))
    }

    /// Looks up the source customers of all rows at once, source by source.
    fn meet_customers(&mut self, columns: &Columns<'_>, rows: &Rows<'_>, names: &LineNames) -> Result<()> {
        let Some(column) = columns.customer else { return Ok(()) };
        let mut by_source: [Vec<usize>; SOURCES] = Default::default();
        for &row in rows.kept.iter().filter(|row| column.is_known(**row)) {
            if let Some(rows) = by_source.get_mut(self.source(columns, row, names)? as usize) {
                rows.push(row);
            }
        }
        for (entries, rows) in self.customers.iter_mut().zip(by_source) {
            let Some(&first) = rows.first() else { continue };
            let source = columns.source.and_then(|column| column.text(first)).unwrap_or_default();
            // An empty id is nobody's.
            let rows = rows.into_iter().filter(|row| column.text(*row).is_some_and(|id| !id.is_empty()));
            entries.meet(column, rows, None, |ids| names.keys.keys(source, ids).into_iter().map(Some).collect());
        }
        Ok(())
    }

    #[inline]
    fn line(&mut self, columns: &Columns<'_>, row: usize, (day, recorded): (Day, Option<Day>), (names, lines): (&LineNames, &mut Vec<LineOf>)) -> Result<()> {
        let source = self.source(columns, row, names)?;
        let source_text = || columns.source.and_then(|column| column.text(row)).unwrap_or_default();
        let seed = || fingerprint(0, source_text().as_bytes());
        let order = by_source(&mut self.orders, source, columns.order_id, row, |text| fingerprint(seed(), text.as_bytes()));
        let some = |text: &str| if text.is_empty() { 0 } else { fingerprint(seed(), text.as_bytes()) };
        let return_of = columns.return_of.and_then(|column| by_source(&mut self.returns, source, column, row, some));
        let key = |id: &str| (!id.is_empty()).then(|| names.keys.key(source_text(), id));
        let customer = columns.customer.and_then(|column| by_source(&mut self.customers, source, column, row, key)).flatten();
        let quantity = columns.quantity.float(row).unwrap_or_default();
        let amount_minor = columns.amount.int(row).unwrap_or_default();
        let stated = columns.kind.and_then(|column| self.kinds.get(column, row, LineKind::stated));
        if stated == Some(None) {
            return Err(Error::input("column kind: expected sale, return, cancel, exchange, gift_card or fee, got another word"));
        }
        let kind = LineKind::of(stated.flatten(), quantity);
        if quantity.abs() > QUANTITY_MAX {
            return Err(Error::input(format!("column quantity: expected at most {QUANTITY_MAX} units, got more")));
        }
        if kind == LineKind::Return && amount_minor > 0 {
            return Err(Error::input("column amount: expected returns to have an amount of at most 0, got one above"));
        }
        let milli_units = (quantity * 1000.0).round() as i32;
        // Quantities that differ by less than a thousandth are still told apart.
        let exact = if f64::from(milli_units) == quantity * 1000.0 { 0 } else { quantity.to_bits() };
        let line_id = columns.line_id.and_then(|column| column.text(row)).unwrap_or_default();
        let optional = |entries: &mut ByEntry<u32>, column: Option<&Column>, names: &Names| {
            column.and_then(|column| entries.get(column, row, |text| names.number(text))).unwrap_or_default()
        };
        let is_bought = kind == LineKind::Sale && quantity > 0.0;
        let (off_minor, coupon_minor) = if is_bought { columns.reduction(row, amount_minor) } else { (NOT_TOLD, NOT_TOLD) };
        let line = Line {
            ordered_at: columns.ordered_at.int(row).unwrap_or_default(),
            order: order.unwrap_or_default(),
            product: self.products.get(columns.product_id, row, |text| names.products.number(text)).unwrap_or_default(),
            kind,
            amount_minor,
            day,
            visible_from: recorded.unwrap_or(day).max(day),
            milli_units,
            is_bought,
            off_minor,
            coupon_minor,
            return_of: return_of.unwrap_or_default(),
            store: optional(&mut self.stores, columns.store, &names.stores),
            channel: optional(&mut self.channels, columns.channel, &names.channels),
            promotion: optional(&mut self.promotions, columns.promotion, &names.promotions),
            other: if exact == 0 && line_id.is_empty() { 0 } else { fingerprint(exact, line_id.as_bytes()) },
        };
        lines.push(LineOf { line, source, customer });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_stated_or_follows_from_the_quantity() {
        let kind = |stated: Option<&str>, quantity| LineKind::of(stated.map(|word| LineKind::stated(word).expect("a word of the contract")), quantity);
        assert_eq!(kind(None, -1.0), LineKind::Return);
        assert_eq!(kind(None, 0.0), LineKind::Sale);
        assert_eq!(kind(Some("return"), 1.0), LineKind::Return);
        assert_eq!(kind(Some("exchange"), -1.0), LineKind::Return);
        assert_eq!(kind(Some("exchange"), 1.0), LineKind::Sale);
        assert_eq!(kind(Some("fee"), 1.0), LineKind::NoProduct);
        assert_eq!(kind(Some("gift_card"), -1.0), LineKind::NoProduct);
        assert_eq!(LineKind::stated("Sale"), None);
    }
}
