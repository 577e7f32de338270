//! How much a customer buys on deal, against what the promotions of the products and days shopped explain.

use super::facts::Seen;
use super::item::{Item, Known, Scope};

const EXPECTED: &[&str] = &[
    "order_lines.ordered_at",
    "order_lines.promo_id",
    "order_lines.product_id",
    "products.leaf_category",
    "promotions.starts_on",
    "promotions.ends_on",
    "promotion_products.product_id",
];

/// Of windows.
pub(super) const WINDOWED: Known<Bought> = Known {
    items: &[
        Item::<Bought>::share(
            "deal_line_share",
            |bought| (bought.lines > 0).then(|| bought.deals as f64 / bought.lines as f64),
            "share of the lines bought that name a promotion, or whose product was in one that day",
        )
        .unknown("without a line")
        .from(EXPECTED),
        Item::<Bought>::share(
            "deal_expected_share",
            |bought| (bought.explained > 0).then(|| bought.expected / bought.explained as f64),
            "mean over the lines bought of the share of their category's products that were on deal that day. Deals draw everyone, so most buy more of them than this: compare customers, not with 0",
        )
        .unknown("without a line of a product with a category, or without a table of promotions")
        .from(EXPECTED),
        Item::<Bought>::float(
            "deal_excess",
            "share",
            Bought::excess,
            "deal lines less those expected, over lines and 20 more: the own deal share less what promotions explain, shrunk towards none",
        )
        .within(-1.0, 1.0)
        .unknown("as deal_expected_share")
        .from(EXPECTED),
    ],
    measure: bought,
    of_orders: true,
};

/// The excess of so many lines is taken for none beforehand: an excess of 0.1 in 20 lines is within chance.
const PRIOR_LINES: f64 = 20.0;

/// What was bought in a window, and how much of it on deal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bought {
    lines: i64,
    deals: i64,
    /// Lines of which it is known how much of their category was on deal, and the deals among them.
    explained: i64,
    explained_deals: i64,
    expected: f64,
}

impl Bought {
    /// Rounded to a millionth of a millionth: sums of shares are not exact, and an excess of nothing is nothing.
    fn excess(&self) -> Option<f64> {
        let excess = (self.explained_deals as f64 - self.expected) / (self.explained as f64 + PRIOR_LINES);
        (self.explained > 0).then(|| (excess * 1e12).round() / 1e12)
    }
}

fn bought(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Bought>) {
    let world = seen.about.world;
    measured.resize(scope.windows_days.len(), Bought::default());
    for (age, line) in seen.bought() {
        let deals = world.deals.as_ref();
        let on_deal = i64::from(line.promotion > 0 || deals.is_some_and(|deals| deals.has(line.product, line.day)));
        let share = deals.and_then(|deals| deals.share(world.catalogue.category[line.product as usize], line.day));
        for bought in scope.holding(age, measured) {
            bought.lines += 1;
            bought.deals += on_deal;
            if let Some(share) = share {
                bought.explained += 1;
                bought.explained_deals += on_deal;
                bought.expected += share;
            }
        }
    }
}
