//! Recency, frequency, monetary value, tenure.

use super::facts::{Facts, Order};
use super::item::{Item, Known, Scope};
use super::seen::Seen;

const ORDERED: &[&str] = &["order_lines.ordered_at", "order_lines.quantity"];
const VALUE: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.return_of_order_id"];
const UNITS: &[&str] = &["order_lines.ordered_at", "order_lines.quantity"];

/// Of all history.
pub(super) const ITEMS: Known<Facts> = Known {
    items: &[
        Item::<Facts>::date("first_order_date", |facts| facts.first_day.get(), "day of the first order").from(ORDERED),
        Item::<Facts>::date("last_order_date", |facts| facts.last_day.get(), "day of the last order").from(ORDERED),
        Item::<Facts>::int("recency_days", "days", |facts| facts.last_day.get().map(|day| facts.date.since(day)), "days from the last order day to as_of")
            .from(ORDERED),
        Item::<Facts>::int("tenure_days", "days", |facts| facts.first_day.get().map(|day| facts.date.since(day)), "days from the first order day to as_of")
            .from(ORDERED),
        Item::<Facts>::int("order_count", "orders", |facts| Some(i64::from(facts.order_count)), "orders of all history").from(ORDERED),
        Item::<Facts>::money("value_minor", |facts| Some(facts.value_minor), "value of all history, net of returns").from(VALUE),
    ],
    measure: |seen, _, measured| measured.push(seen.facts),
    of_orders: true,
};

/// Of windows.
pub(super) const WINDOWED: Known<Totals> = Known {
    items: &[
        Item::<Totals>::int("order_count", "orders", |totals| Some(totals.orders), "orders").from(ORDERED),
        Item::<Totals>::money("value_minor", |totals| Some(totals.value_minor), "value of the orders, net of returns").from(VALUE),
        Item::<Totals>::int("line_count", "lines", |totals| Some(totals.lines), "lines bought in the orders; what came back is not taken off").from(ORDERED),
        Item::<Totals>::float("units", "units", |totals| Some(totals.units()), "units bought in the orders; what came back is not taken off").from(UNITS),
    ],
    measure: totals,
    of_orders: true,
};

/// What the orders of a window add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Orders in which something was bought.
    pub orders: i64,
    /// Lines of these.
    pub lines: i64,
    /// Units of these, in thousandths.
    pub milli_units: i64,
    /// Value net of returns, of all orders.
    pub value_minor: i64,
    /// Value before returns.
    pub gross_minor: i64,
    /// Value that came back.
    pub returned_minor: i64,
    /// Lines that came back.
    pub return_lines: i64,
}

impl Totals {
    /// Adds an order.
    pub fn add(&mut self, order: &Order) {
        self.value_minor += order.value_minor;
        self.gross_minor += order.gross_minor;
        self.returned_minor += order.returned_minor;
        self.return_lines += order.return_lines;
        if order.bought {
            self.orders += 1;
            self.lines += order.lines;
            self.milli_units += order.milli_units;
        }
    }

    /// Units.
    pub fn units(&self) -> f64 {
        self.milli_units as f64 / 1000.0
    }
}

/// The totals of each window.
pub(super) fn totals(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Totals>) {
    measured.resize(scope.windows_days.len(), Totals::default());
    for (age, order) in seen.orders() {
        scope.holding(age, measured).for_each(|totals| totals.add(order));
    }
}
