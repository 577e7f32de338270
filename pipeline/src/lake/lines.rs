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
            Some(other) => Err(Error::input(format!("column kind: expected sale, return, cancel, exchange, gift_card or fee, got `{other}`"))),
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
    /// Order.
    pub order_id: &'a str,
    /// Product.
    pub product_id: &'a str,
    /// Order that a return belongs to.
    pub return_of: &'a str,
    /// All other used columns, joined: they only decide the order of equal lines.
    pub rest: &'a str,
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

    /// The line at `row`; `rest` is a buffer for its other columns.
    ///
    /// # Errors
    /// `Input` if its kind is not one of the contract's words.
    pub fn line<'b>(&self, row: usize, rest: &'b mut String) -> Result<Line<'b>>
    where
        'a: 'b,
    {
        rest.clear();
        for column in &self.others {
            rest.push_str(column.text(row).unwrap_or_default());
            rest.push('\u{1f}');
        }
        let quantity = self.quantity.float(row).unwrap_or_default();
        let day = self.rows.days[row].unwrap_or(Day(0));
        Ok(Line {
            ordered_at: self.ordered_at.int(row).unwrap_or_default(),
            day,
            visible_from: self.rows.recorded[row].unwrap_or(day).max(day),
            kind: LineKind::of(self.kind.and_then(|column| column.text(row)), quantity)?,
            quantity,
            amount_minor: self.amount.int(row).unwrap_or_default(),
            order_id: self.order_id.text(row).unwrap_or_default(),
            product_id: self.product_id.text(row).unwrap_or_default(),
            return_of: self.return_of.and_then(|column| column.text(row)).unwrap_or_default(),
            rest,
        })
    }
}
