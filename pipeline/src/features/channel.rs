//! Where a customer orders: channel and store, by share of orders.

use super::facts::Order;
use super::item::{Item, Known, Scope, Words};
use super::seen::Seen;
use super::shares::{Division, Evenness};

const CHANNEL: &[&str] = &["order_lines.ordered_at", "order_lines.channel"];
const STORE: &[&str] = &["order_lines.ordered_at", "order_lines.store_id"];
const FEW: &str = "with fewer than {evidence} orders that state it";

/// Of windows.
pub(super) const WINDOWED: Known<Places> = Known {
    items: &[
        Item::<Places>::text("channel_top", Words::Channels, |places| places.channel.top, "channel of most orders, each by its earliest line")
            .unknown(FEW)
            .from(CHANNEL),
        Item::<Places>::share("channel_top_share", |places| places.channel.top_share, "share of channel_top").unknown(FEW).from(CHANNEL),
        Item::<Places>::int("channel_count", "channels", |places| Some(places.channel.count), "channels in which was ordered").from(CHANNEL),
        Item::<Places>::text("store_top", Words::Stores, |places| places.store.top, "store of most orders, each by its earliest line").unknown(FEW).from(STORE),
        Item::<Places>::share("store_top_share", |places| places.store.top_share, "share of store_top").unknown(FEW).from(STORE),
        Item::<Places>::int("store_count", "stores", |places| Some(places.store.count), "stores in which was ordered").from(STORE),
    ],
    measure: places,
    of_orders: true,
};

/// Where the orders of a window were made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    channel: Division,
    store: Division,
}

fn places(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Places>) {
    measured.resize(scope.windows_days.len(), Places::default());
    let mut by = |place: fn(&Order) -> u32, put: fn(&mut Places, Division)| {
        let orders = seen.orders_within(&scope.windows_days).filter(|(_, order)| order.bought).map(|(age, order)| (place(order), age, 1));
        seen.divide(orders, scope, Evenness::Unasked, |window, division| put(&mut measured[window], division.with_evidence(scope.evidence_min)));
    };
    by(|order| order.channel, |places, division| places.channel = division);
    by(|order| order.store, |places, division| places.store = division);
}
