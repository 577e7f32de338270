//! Where a customer orders: channel and store, by share of orders.

use super::facts::Order;
use super::item::{Item, Known, Scope, Words};
use super::seen::Seen;
use super::shares::{Divided, Division, Evenness};

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    channel: Division,
    store: Division,
}

fn places(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Places>) {
    let by = |place: fn(&Order) -> u32| {
        let orders = seen.orders_within(&scope.windows_days).filter(|(_, order)| order.bought);
        Divided::of(seen.orders.len(), orders.map(|(age, order)| (place(order), age, 1))).windows(&scope.windows_days, Evenness::Unasked)
    };
    let [channels, stores] = [by(|order| order.channel), by(|order| order.store)];
    let known = |division: Division| division.with_evidence(scope.evidence_min);
    measured.extend(channels.into_iter().zip(stores).map(|(channel, store)| Places { channel: known(channel), store: known(store) }));
}
