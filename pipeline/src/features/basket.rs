//! What an order holds, and what comes back.

use super::item::{Item, Known};
use super::rfm::{Totals, totals};

fn per_order(totals: &Totals, total: f64) -> Option<f64> {
    (totals.orders > 0).then(|| total / totals.orders as f64)
}

const LINES: &[&str] = &["order_lines.ordered_at", "order_lines.quantity"];
const RETURNS: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.kind", "order_lines.return_of_order_id"];

/// Of windows.
pub(super) const WINDOWED: Known<Totals> = Known {
    items: &[
        Item::<Totals>::float(
            "order_value_minor_mean",
            "minor units",
            |totals| per_order(totals, totals.value_minor as f64),
            "mean value of an order, net of returns",
        )
        .signed()
        .unknown("without one")
        .from(RETURNS),
        Item::<Totals>::float("basket_lines_mean", "lines", |totals| per_order(totals, totals.lines as f64), "mean lines bought in an order")
            .unknown("without one")
            .from(LINES),
        Item::<Totals>::float(
            "basket_units_mean",
            "units",
            |totals| per_order(totals, totals.units()),
            "mean units bought in an order; what came back is not taken off",
        )
        .unknown("without one")
        .from(LINES),
        Item::<Totals>::int("return_line_count", "lines", |totals| Some(totals.return_lines), "lines that came back of orders").from(RETURNS),
        Item::<Totals>::float(
            "returned_value_rate",
            "share",
            |totals| (totals.gross_minor > 0).then(|| totals.returned_minor as f64 / totals.gross_minor as f64),
            "value that came back over value bought",
        )
        .signed()
        .unknown("where nothing was bought")
        .from(RETURNS),
    ],
    measure: totals,
    of_orders: true,
};
