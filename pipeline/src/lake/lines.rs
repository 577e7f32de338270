//! An order line as the stages see it, and what kind of line it is.

use super::scan::Rows;
use crate::columnar::Column;
use crate::error::{Error, Result};
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
    /// The kind that a line states, else the one that follows from its quantity.
    ///
    /// # Errors
    /// `Input` if it states something else than the contract's words.
    pub fn of(stated: Option<&str>, quantity: f64) -> Result<Self> {
        match stated {
            None if quantity < 0.0 => Ok(Self::Return),
            None | Some("sale" | "exchange") if quantity >= 0.0 => Ok(Self::Sale),
            Some("sale" | "exchange" | "return" | "cancel") => Ok(Self::Return),
            Some("gift_card" | "fee") => Ok(Self::NoProduct),
            None => Ok(Self::Sale),
            Some(_) => Err(Error::input("column kind: expected sale, return, cancel, exchange, gift_card or fee, got another word")),
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

/// Largest quantity of a line: 9,000 million lines of it in thousandths add up within 64 bits.
const QUANTITY_MAX: f64 = 1e6;

/// Texts of a line that are put together; one for all lines of a batch.
#[derive(Debug, Default)]
pub struct LineTexts {
    order_id: String,
    return_of: String,
    rest: String,
}

/// One order line. Empty texts are unknown ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// When it was ordered, UTC microseconds.
    pub ordered_at: i64,
    /// The day to which it counts.
    pub day: Day,
    /// The day from which it is visible.
    pub visible_from: Day,
    /// What it is.
    pub kind: LineKind,
    /// Units.
    pub quantity: f64,
    /// Value in minor units.
    pub amount_minor: i64,
    /// Source and order: two sources may call their orders alike.
    pub order_id: &'a str,
    /// Product.
    pub product_id: &'a str,
    /// Source and order that a return belongs to.
    pub return_of: &'a str,
    /// All other used columns, joined: they only decide the order of equal lines.
    pub rest: &'a str,
}

impl LineTexts {
    fn fill(&mut self, source: &str, order_id: &str, return_of: &str) {
        self.rest.clear();
        let put = |text: &mut String, order_id: &str| {
            text.clear();
            if !order_id.is_empty() {
                text.push_str(source);
                text.push('\u{1f}');
                text.push_str(order_id);
            }
        };
        put(&mut self.order_id, order_id);
        put(&mut self.return_of, return_of);
    }
}

/// The columns of a batch of order lines.
pub struct Lines<'a> {
    rows: &'a Rows<'a>,
    ordered_at: &'a Column,
    quantity: &'a Column,
    amount: &'a Column,
    order_id: &'a Column,
    product_id: &'a Column,
    kind: Option<&'a Column>,
    return_of: Option<&'a Column>,
    source: Option<&'a Column>,
    customer: Option<&'a Column>,
    others: Vec<&'a Column>,
}

impl<'a> Lines<'a> {
    /// The lines of a batch.
    ///
    /// # Errors
    /// `Bug` if the batch is not one of order lines.
    pub fn of(rows: &'a Rows<'a>) -> Result<Self> {
        let required = |name: &str| rows.column(name).ok_or_else(|| Error::bug(format!("order lines have a column {name}")));
        let others = ["line_id", "store_id", "channel", "promo_id", "source", "source_customer_id"];
        Ok(Self {
            ordered_at: required("ordered_at")?,
            quantity: required("quantity")?,
            amount: required("amount")?,
            order_id: required("order_id")?,
            product_id: required("product_id")?,
            kind: rows.column("kind"),
            return_of: rows.column("return_of_order_id"),
            source: rows.column("source"),
            customer: rows.column("source_customer_id"),
            others: others.iter().filter_map(|name| rows.column(name)).collect(),
            rows,
        })
    }

    /// Source and source_customer_id of a row; None for an anonymous line.
    pub fn customer(&self, row: usize) -> Option<(&'a str, &'a str)> {
        let source = self.source.and_then(|column| column.text(row)).unwrap_or_default();
        let id = self.customer.and_then(|column| column.text(row)).filter(|id| !id.is_empty())?;
        Some((source, id))
    }

    /// The line at `row`.
    ///
    /// # Errors
    /// `Input` if its kind is not one of the contract's words, its quantity is beyond reason, or a return adds value.
    pub fn line<'b>(&self, row: usize, texts: &'b mut LineTexts) -> Result<Line<'b>>
    where
        'a: 'b,
    {
        let source = self.source.and_then(|column| column.text(row)).unwrap_or_default();
        let return_of = self.return_of.and_then(|column| column.text(row)).unwrap_or_default();
        texts.fill(source, self.order_id.text(row).unwrap_or_default(), return_of);
        for column in &self.others {
            texts.rest.push_str(column.text(row).unwrap_or_default());
            texts.rest.push('\u{1f}');
        }
        let quantity = self.quantity.float(row).unwrap_or_default();
        let amount_minor = self.amount.int(row).unwrap_or_default();
        let kind = LineKind::of(self.kind.and_then(|column| column.text(row)), quantity)?;
        if quantity.abs() > QUANTITY_MAX {
            return Err(Error::input(format!("column quantity: expected at most {QUANTITY_MAX} units, got more")));
        }
        if kind == LineKind::Return && amount_minor > 0 {
            return Err(Error::input("column amount: expected returns to have an amount of at most 0, got one above"));
        }
        let day = self.rows.days[row].unwrap_or(Day(0));
        Ok(Line {
            ordered_at: self.ordered_at.int(row).unwrap_or_default(),
            day,
            visible_from: self.rows.recorded[row].unwrap_or(day).max(day),
            kind,
            quantity,
            amount_minor,
            order_id: &texts.order_id,
            product_id: self.product_id.text(row).unwrap_or_default(),
            return_of: &texts.return_of,
            rest: &texts.rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sources_may_call_their_orders_alike() {
        let mut texts = LineTexts::default();
        texts.fill("web", "1001", "");
        let web = texts.order_id.clone();
        assert!(texts.return_of.is_empty());
        texts.fill("store", "1001", "1000");
        assert_ne!(texts.order_id, web);
        assert_eq!(texts.return_of, "store\u{1f}1000");
    }

    #[test]
    fn the_kind_is_stated_or_follows_from_the_quantity() {
        let kind = |stated, quantity| LineKind::of(stated, quantity).ok();
        assert_eq!(kind(None, -1.0), Some(LineKind::Return));
        assert_eq!(kind(None, 0.0), Some(LineKind::Sale));
        assert_eq!(kind(Some("return"), 1.0), Some(LineKind::Return));
        assert_eq!(kind(Some("exchange"), -1.0), Some(LineKind::Return));
        assert_eq!(kind(Some("fee"), 1.0), Some(LineKind::NoProduct));
        assert_eq!(kind(Some("Sale"), 1.0), None);
    }
}
