//! By category: national or private brands, and how heavily it is used.

use super::catalogue::BrandType;
use super::item::{Item, Known, Ranked, Scope, Words};
use super::seen::{Bought, Seen};

const BRANDS: &[&str] =
    &["order_lines.ordered_at", "order_lines.quantity", "order_lines.product_id", "products.leaf_category", "products.brand_type", "products.base_units"];

/// Of windows, by category.
pub(super) const WINDOWED: Known<Usage> = Known {
    items: &[
        Item::<Usage>::share("private_share", Usage::private_share, "share of base units of private and exclusive brands, among them and national ones")
            .unknown("where neither was bought")
            .from(BRANDS),
        Item::<Usage>::text(
            "brand_group",
            Words::Fixed(GROUPS),
            Usage::group,
            "private (private_share from 0.7), national (up to 0.3), switcher; unclassified with fewer than four orders of them; no_choice where under 2 % of the category's products are of one of both",
        )
        .unknown("where nothing of the category was bought")
        .from(BRANDS),
        Item::<Usage>::float("usage_rate", "base units a day", Usage::rate, "base units a day, from the first purchase in the window to as_of, both days counted")
            .unknown("with fewer than two days on which something of the category was bought")
            .from(BRANDS),
        Item::<Usage>::ranked("usage_group", &USAGE, Usage::rate, "heavy, medium or light: the top 30 %, middle 40 % and bottom 30 % of usage_rate of everyone who has one (who is left out does not count); equal rates share the word of their mid-rank (light below 0.3, heavy from 0.7)")
            .unknown("as usage_rate")
            .from(BRANDS),
    ],
    measure: usages,
    of_orders: true,
};

const GROUPS: &[&str] = &["", "private", "national", "switcher", "unclassified", "no_choice"];

const USAGE: Ranked = Ranked { words: &["light", "medium", "heavy"], shares: &[0.3, 0.7] };

/// Purchases of a category in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    milli_units: i64,
    private: i64,
    national: i64,
    /// Orders with something private or national.
    orders: i64,
    /// Days since the first purchase, and since the last.
    ages: Option<(i64, i64)>,
    has_choice: bool,
}

impl Usage {
    fn private_share(&self) -> Option<f64> {
        let both = self.private + self.national;
        (both > 0).then(|| self.private as f64 / both as f64)
    }

    fn group(&self) -> Option<u32> {
        self.ages?;
        Some(match self.private_share() {
            _ if !self.has_choice => 5,
            Some(share) if self.orders >= 4 => match share {
                share if share >= 0.7 => 1,
                share if share <= 0.3 => 2,
                _ => 3,
            },
            _ => 4,
        })
    }

    fn rate(&self) -> Option<f64> {
        // One purchase says when, and not how much.
        let (first, _) = self.ages.filter(|(first, last)| first > last)?;
        Some(self.milli_units as f64 / 1000.0 / (first + 1) as f64)
    }

    fn add(&mut self, age: i64, milli_units: i64, brand: BrandType) {
        self.milli_units += milli_units;
        self.ages = Some(self.ages.map_or((age, age), |(first, last)| (first.max(age), last.min(age))));
        match brand {
            BrandType::Private => self.private += milli_units,
            BrandType::National => self.national += milli_units,
            BrandType::Other => {}
        }
    }
}

/// What so many thousandths of a unit hold in base units, of which one holds so many thousandths; in thousandths.
fn base_units(milli_units: i32, milli_base_units: i64) -> i64 {
    match milli_base_units.checked_mul(i64::from(milli_units)) {
        Some(millionths) => millionths / 1000,
        None => (i128::from(milli_base_units) * i128::from(milli_units) / 1000) as i64,
    }
}

fn usages(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Usage>) {
    let (catalogue, places) = (&seen.about.world.catalogue, &seen.about.world.measured);
    // Orders with something private or national, and how long ago each was.
    let mut orders: Vec<(u64, i64)> = Vec::new();
    for &category in places {
        let start = measured.len();
        let has_choice = catalogue.brand_choice[category as usize];
        measured.extend(scope.windows_days.iter().map(|_| Usage { has_choice, ..Usage::default() }));
        orders.clear();
        for Bought { age, line, .. } in seen.bought_within(&scope.windows_days).filter(|bought| bought.category == category) {
            let at = line.product as usize;
            let brand = catalogue.brand_type[at];
            let milli_units = base_units(line.milli_units, catalogue.milli_base_units[at]);
            if brand != BrandType::Other {
                orders.push((line.order, *age));
            }
            scope.holding(*age, &mut measured[start..]).for_each(|usage| usage.add(*age, milli_units, brand));
        }
        // Lines of several orders may stand between each other.
        orders.sort_unstable();
        orders.dedup();
        orders.iter().for_each(|(_, age)| scope.holding(*age, &mut measured[start..]).for_each(|usage| usage.orders += 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::catalogue;
    use super::super::facts::tests::line;
    use super::super::seen::About;
    use super::super::world::{Person, World};
    use super::super::{Orders, View};
    use super::*;
    use crate::lake::{Line, LineKind};
    use crate::time::Day;

    /// By hand: lines of two orders of tea, all private, that stand between each other are two orders, of which the older lies before the shorter window.
    #[test]
    fn an_order_counts_once() {
        let of = |day: i32, order: u64| Line { product: 3, ..line(day, day, LineKind::Sale, order, 100, 0) };
        let at = |hour: i64, line: Line| Line { ordered_at: line.ordered_at + hour * 3_600_000_000, ..line };
        let lines = [of(60, 7), at(10, of(95, 1)), at(11, of(95, 2)), at(12, of(95, 1)), at(13, of(95, 2))];
        let mut orders = Orders::default();
        orders.find(&lines);
        let facts = orders.facts(&lines, View { date: Day(100), observed_to: Day(100), lookback_days: 365 });
        // Milk and tea.
        let (world, person) = (World { catalogue: catalogue().0, measured: vec![1, 2], ..World::nothing() }, Person::default());
        let seen = orders.seen(&lines, facts, About { world: &world, person: &person, events: &[] });
        let mut measured = Vec::new();
        usages(&seen, &Scope { windows_days: vec![30, 90], evidence_min: 1, subjects: vec!["milk".to_owned(), "tea".to_owned()] }, &mut measured);
        assert_eq!(measured.iter().map(|usage| usage.orders).collect::<Vec<_>>(), [0, 0, 2, 3]);
    }

    #[test]
    fn groups_by_hand() {
        let mut usage = Usage { has_choice: true, ..Usage::default() };
        assert_eq!((usage.group(), usage.rate(), usage.private_share()), (None, None, None));
        // 7 of 10 units private in four orders over 20 days.
        usage.add(19, 0, BrandType::Other);
        assert_eq!(usage.rate(), None);
        for (age, units, brand) in [(19, 4000, BrandType::Private), (10, 3000, BrandType::National), (3, 2000, BrandType::Private)] {
            usage.add(age, units, brand);
        }
        usage.orders = 3;
        assert_eq!(usage.group(), Some(4));
        usage.add(1, 1000, BrandType::Private);
        usage.add(1, 10_000, BrandType::Other);
        usage.orders = 4;
        assert_eq!((usage.private_share(), usage.group(), usage.rate()), (Some(0.7), Some(1), Some(1.0)));
        let switcher = Usage { private: 6_999, national: 3_001, ..usage };
        let national = Usage { private: 3_000, national: 7_000, ..usage };
        let alone = Usage { has_choice: false, ..usage };
        assert_eq!([switcher.group(), national.group(), alone.group()], [Some(3), Some(2), Some(5)]);
    }
}
