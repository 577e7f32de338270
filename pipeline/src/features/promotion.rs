//! How much a customer buys on deal, against what the promotions of the products and days shopped explain.

use super::item::{Item, Known, Scope};
use super::seen::{Bought as BoughtLine, Seen};
use crate::lake::{Line, NOT_TOLD};

const EXPECTED: &[&str] = &[
    "order_lines.ordered_at",
    "order_lines.promo_id",
    "order_lines.product_id",
    "products.leaf_category",
    "promotions.starts_on",
    "promotions.ends_on",
    "promotion_products.product_id",
];

const REDUCED: &[&str] = &[
    "order_lines.ordered_at",
    "order_lines.amount",
    "order_lines.regular_amount",
    "order_lines.discount_shelf",
    "order_lines.discount_coupon_sponsor",
    "order_lines.discount_coupon_store",
];
const COUPONS: &[&str] = &["order_lines.ordered_at", "order_lines.discount_coupon_sponsor", "order_lines.discount_coupon_store"];

/// Of windows.
pub(super) const WINDOWED: Known<Bought> = Known {
    items: &[
        Item::<Bought>::share(
            "deal_line_share",
            |bought| (bought.lines > 0).then(|| bought.deals as f64 / bought.lines as f64),
            "share of the lines bought that name a promotion, or whose product was in one that day, if the lake knew of it by then",
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
        Item::<Bought>::share(
            "coupon_line_share",
            |bought| (bought.told_coupons > 0).then(|| bought.coupons as f64 / bought.told_coupons as f64),
            "share of the lines bought, of those that tell of coupons, of which a coupon took something off",
        )
        .unknown("without a line that tells of coupons")
        .from(COUPONS),
        Item::<Bought>::share(
            "discount_rate",
            |bought| (bought.regular_minor > 0).then(|| bought.off_minor as f64 / bought.regular_minor as f64),
            "what was taken off, by all discounts, as a share of the regular value (the amount, and what was taken off) of the lines bought that tell of it",
        )
        .unknown("without a line that tells of what was taken off and had a value")
        .from(REDUCED),
        Item::<Bought>::share(
            "discount_depth",
            |bought| (bought.reduced_minor > 0).then(|| bought.off_minor as f64 / bought.reduced_minor as f64),
            "the same of the lines from which something was taken off: how deep the discounts are that the customer takes",
        )
        .unknown("without a line from which something was taken off")
        .from(REDUCED),
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
    /// Lines that tell of coupons, and those of which one took something off.
    told_coupons: i64,
    coupons: i64,
    /// What was taken off; the regular value of the lines that tell of it, and of those from which something was.
    off_minor: i64,
    regular_minor: i64,
    reduced_minor: i64,
}

impl Bought {
    /// Adds what was taken off a line.
    fn reduce(&mut self, line: &Line) {
        if line.coupon_minor != NOT_TOLD {
            self.told_coupons += 1;
            self.coupons += i64::from(line.coupon_minor > 0);
        }
        if line.off_minor != NOT_TOLD {
            let off = i64::from(line.off_minor);
            self.off_minor += off;
            self.regular_minor += line.amount_minor.max(0) + off;
            self.reduced_minor += if off > 0 { line.amount_minor.max(0) + off } else { 0 };
        }
    }

    /// Rounded to a millionth of a millionth: sums of shares are not exact, and an excess of nothing is nothing.
    fn excess(&self) -> Option<f64> {
        let excess = (self.explained_deals as f64 - self.expected) / (self.explained as f64 + PRIOR_LINES);
        (self.explained > 0).then(|| (excess * 1e12).round() / 1e12)
    }
}

fn bought(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Bought>) {
    let world = seen.about.world;
    measured.resize(scope.windows_days.len(), Bought::default());
    let deals = world.deals.as_ref();
    let within = || seen.bought_within(&scope.windows_days);
    // One after another, as nothing else is: the memory's delays overlap.
    let mut shares = Vec::with_capacity(seen.bought().len());
    shares.extend(within().map(|bought| deals.and_then(|deals| deals.share(bought.category, bought.line.day))));
    for (&BoughtLine { line, age, .. }, share) in within().zip(shares) {
        let on_deal = i64::from(line.promotion > 0 || deals.is_some_and(|deals| deals.has(line.product, line.day)));
        for bought in scope.holding(age, measured) {
            bought.lines += 1;
            bought.deals += on_deal;
            bought.reduce(line);
            if let Some(share) = share {
                bought.explained += 1;
                bought.explained_deals += on_deal;
                bought.expected += share;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::line;
    use super::*;
    use crate::lake::LineKind;

    /// By hand: 8.00 of 10.00 with a coupon of 1.50, 5.00 at its price, 3.00 of which nothing is told, 4.00 of 8.00 without coupons told: 6 of 23 units
    /// of money are off, 6 of 18 where something was; a coupon in one of two lines that tell.
    #[test]
    fn discounts_are_told_by_what_was_taken_off() {
        let mut bought = Bought::default();
        for (amount, off, coupon) in [(800, 200, 150), (500, 0, 0), (300, NOT_TOLD, NOT_TOLD), (400, 400, NOT_TOLD)] {
            bought.reduce(&Line { off_minor: off, coupon_minor: coupon, ..line(9, 9, LineKind::Sale, 1, amount, 0) });
        }
        assert_eq!((bought.off_minor, bought.regular_minor, bought.reduced_minor), (600, 2300, 1800));
        assert_eq!((bought.coupons, bought.told_coupons), (1, 2));
    }
}
