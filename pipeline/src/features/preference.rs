//! What a customer prefers: category, brand, series and style by share of value, and dear or cheap within a category.

use super::item::{Item, Known, Scope, Words};
use super::seen::Seen;
use super::shares::{Division, Evenness};

const CATEGORY: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.leaf_category"];
const BRAND: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.brand"];
const SERIES: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.series_id"];
const STYLE: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.style"];
const PRICE: &[&str] =
    &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.leaf_category", "products.regular_price", "products.base_units"];

/// Of windows.
pub(super) const WINDOWED: Known<Taste> = Known {
    items: &[
        Item::<Taste>::text("category_top", Words::Categories, |taste| taste.category.top, "category with the largest share of the value bought")
            .unknown(NO_CATEGORY)
            .from(CATEGORY),
        Item::<Taste>::share("category_top_share", |taste| taste.category.top_share, "share of category_top").unknown(NO_CATEGORY).from(CATEGORY),
        Item::<Taste>::int("category_count", "categories", |taste| Some(taste.category.count), "categories in which something of value was bought")
            .from(CATEGORY),
        Item::<Taste>::float(
            "category_entropy",
            "nats",
            |taste| taste.category.entropy,
            "Shannon's entropy of the categories' shares of value: 0 for one category",
        )
        .unknown(NO_CATEGORY)
        .from(CATEGORY),
        Item::<Taste>::text("brand_top", Words::Brands, |taste| taste.brand.top, "brand with the largest share of the value bought")
            .unknown(NO_BRAND)
            .from(BRAND),
        Item::<Taste>::share("brand_top_share", |taste| taste.brand.top_share, "share of brand_top").unknown(NO_BRAND).from(BRAND),
        Item::<Taste>::int("brand_count", "brands", |taste| Some(taste.brand.count), "brands of which something of value was bought").from(BRAND),
        Item::<Taste>::float("brand_entropy", "nats", |taste| taste.brand.entropy, "Shannon's entropy of the brands' shares of value")
            .unknown(NO_BRAND)
            .from(BRAND),
        Item::<Taste>::text("series_top", Words::Series, |taste| taste.series.top, "series with the largest share of the value bought")
            .unknown("where nothing of a series was bought")
            .from(SERIES),
        Item::<Taste>::share("series_top_share", |taste| taste.series.top_share, "share of series_top, of what has a series")
            .unknown("where nothing of a series was bought")
            .from(SERIES),
        Item::<Taste>::text("style_top", Words::Styles, |taste| taste.style.top, "style with the largest share of the value bought")
            .unknown("where nothing with a style was bought")
            .from(STYLE),
        Item::<Taste>::share("style_top_share", |taste| taste.style.top_share, "share of style_top, of what has a style")
            .unknown("where nothing with a style was bought")
            .from(STYLE),
        Item::<Taste>::share(
            "price_low_share",
            |taste| taste.tier(1),
            "share of value bought in the lowest third of its category's products by mid-rank of the regular price for a base unit (equal prices share a third; the middle one begins at 1/3, the highest at 2/3)",
        )
        .unknown(NO_PRICE)
        .from(PRICE),
        Item::<Taste>::share(
            "price_high_share",
            |taste| taste.tier(3),
            "share of value bought in the highest third of its category's products by mid-rank of the regular price for a base unit",
        )
        .unknown(NO_PRICE)
        .from(PRICE),
    ],
    measure: tastes,
    of_orders: true,
};

const NO_CATEGORY: &str = "where nothing with a category was bought";
const NO_BRAND: &str = "where nothing with a brand was bought";
const NO_PRICE: &str = "where nothing with a category and a regular price was bought";

/// What was bought in a window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taste {
    category: Division,
    brand: Division,
    series: Division,
    style: Division,
    /// Value by third of the price.
    tiers: [i64; 3],
}

impl Taste {
    fn tier(&self, tier: usize) -> Option<f64> {
        let total: i64 = self.tiers.iter().sum();
        (total > 0).then(|| self.tiers[tier - 1] as f64 / total as f64)
    }
}

fn tastes(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Taste>) {
    let catalogue = &seen.about.world.catalogue;
    measured.resize(scope.windows_days.len(), Taste::default());
    for bought in seen.bought_within(&scope.windows_days) {
        if let Some(tier) = usize::from(catalogue.price_tier[bought.line.product as usize]).checked_sub(1) {
            scope.holding(bought.age, measured).for_each(|taste| taste.tiers[tier] += bought.line.amount_minor.max(0));
        }
    }
    seen.divide(seen.values(&scope.windows_days), scope, Evenness::Entropy, |window, division| measured[window].category = division);
    let mut by = |places: &[u32], evenness: Evenness, put: fn(&mut Taste, Division)| {
        let amounts = seen.bought_within(&scope.windows_days).map(|bought| (places[bought.line.product as usize], bought.age, bought.line.amount_minor));
        seen.divide(amounts, scope, evenness, |window, division| put(&mut measured[window], division));
    };
    by(&catalogue.brand, Evenness::Entropy, |taste, division| taste.brand = division);
    by(&catalogue.series, Evenness::Unasked, |taste, division| taste.series = division);
    by(&catalogue.style, Evenness::Unasked, |taste, division| taste.style = division);
}
