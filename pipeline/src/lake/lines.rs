//! An order line as the stages see it, what kind of line it is, and the numbers that lines carry for names.

use serde::{Deserialize, Serialize};

use super::names::Names;
use super::source_keys::{KeysOfPart, SourceKey, SourceKeys, SourceTexts};
use crate::allowance::Allowance;
use crate::error::Result;
use crate::money::MINOR_MAX;
use crate::table::plain_word;
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
    /// The kind of a stated word; None for one that the contract does not have. An exchange is a sale or a return by its quantity.
    pub(super) fn stated(word: &str) -> Option<Self> {
        match plain_word(word).as_ref() {
            "sale" | "exchange" => Some(Self::Sale),
            "return" | "cancel" => Some(Self::Return),
            "gift_card" | "fee" => Some(Self::NoProduct),
            _ => None,
        }
    }

    /// The kind of a line of this quantity that states `stated`; one that states nothing is taken for a sale.
    pub(super) fn of(stated: Self, quantity: f64) -> Self {
        if stated == Self::Sale && quantity < 0.0 { Self::Return } else { stated }
    }

    /// The kind that the lowest two bits say.
    pub fn from_byte(byte: u8) -> Self {
        // A table, as nobody can foretell which line came back.
        [Self::Sale, Self::Return, Self::NoProduct, Self::NoProduct][usize::from(byte & 3)]
    }
}

/// One order line. Names are numbers; what two lines share of `order` is the order that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// When it was ordered, UTC microseconds.
    pub ordered_at: i64,
    /// Fingerprint of source and order: two sources may call their orders alike.
    pub order: u64,
    /// Product.
    pub product: u32,
    /// What it is.
    pub kind: LineKind,
    /// Value in minor units.
    pub amount_minor: i64,
    /// The day to which it counts.
    pub day: Day,
    /// The day from which it is visible.
    pub visible_from: Day,
    /// Units, in thousandths.
    pub milli_units: i32,
    /// Whether the quantity is above 0.
    pub is_bought: bool,
    /// Fingerprint of source and the order that a return belongs to; 0 for none.
    pub return_of: u64,
    /// Store; 0 for none.
    pub store: u32,
    /// Promotion; 0 for none.
    pub promotion: u32,
    /// Fingerprint of what else tells lines apart; 0 for nothing.
    pub other: u64,
    /// What its units cost the shop together, in minor units, below 0 for what came back; NO_COST where nothing says.
    pub cost_minor: i64,
    // What follows is not read always: lines that repeat each other stand together, whatever it says.
    /// Channel; 0 for none.
    pub channel: u32,
    /// What was taken off the regular amount of what was bought, in minor units; NOT_TOLD where no column says.
    pub off_minor: i32,
    /// Of that, by coupons; NOT_TOLD where no column says.
    pub coupon_minor: i32,
}

/// What lines of an order that stand together have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineHead {
    /// When they were ordered, UTC microseconds.
    pub ordered_at: i64,
    /// Fingerprint of source and order.
    pub order: u64,
    /// The day to which they count.
    pub day: Day,
    /// The day from which they are visible.
    pub visible_from: Day,
    /// Store; 0 for none.
    pub store: u32,
    /// Channel; 0 for none.
    pub channel: u32,
}

/// What a line has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineItem {
    /// Value in minor units.
    pub amount_minor: i64,
    /// Product.
    pub product: u32,
    /// Units, in thousandths.
    pub milli_units: i32,
    /// What it is.
    pub kind: LineKind,
    /// Whether the quantity is above 0.
    pub is_bought: bool,
    /// Promotion; 0 for none.
    pub promotion: u32,
    /// Fingerprint of source and the order that a return belongs to; 0 for none.
    pub return_of: u64,
    /// Fingerprint of what else tells lines apart; 0 for nothing.
    pub other: u64,
    /// What was taken off the regular amount, in minor units; NOT_TOLD where no column says.
    pub off_minor: i32,
    /// Of that, by coupons; NOT_TOLD where no column says.
    pub coupon_minor: i32,
    /// What its units cost the shop together, in minor units; NO_COST where nothing says.
    pub cost_minor: i64,
}

/// A line that tells nothing.
pub const NO_ITEM: LineItem = LineItem {
    amount_minor: 0,
    product: 0,
    milli_units: 0,
    kind: LineKind::Sale,
    is_bought: false,
    promotion: 0,
    return_of: 0,
    other: 0,
    off_minor: NOT_TOLD,
    coupon_minor: NOT_TOLD,
    cost_minor: NO_COST,
};

impl LineHead {
    /// A head of which only the days are known: that to which its lines count, and that on which they reached the lake, if it is told.
    pub fn dated(day: Day, recorded: Option<Day>) -> Self {
        Self { ordered_at: 0, order: 0, day, visible_from: recorded.unwrap_or(day).max(day), store: 0, channel: 0 }
    }
}

impl Line {
    /// The line of a head and an item.
    #[inline]
    pub fn of(head: &LineHead, item: &LineItem) -> Self {
        let LineHead { ordered_at, order, day, visible_from, store, channel } = *head;
        let LineItem { amount_minor, product, milli_units, kind, is_bought, promotion, return_of, other, off_minor, coupon_minor, cost_minor } = *item;
        Self {
            ordered_at,
            order,
            product,
            kind,
            amount_minor,
            day,
            visible_from,
            milli_units,
            is_bought,
            return_of,
            store,
            channel,
            promotion,
            other,
            off_minor,
            coupon_minor,
            cost_minor,
        }
    }

    /// Whether it is another one again: in all that is read whatever is made of lines, which leaves out the channel and what was taken off.
    pub fn repeats(&self, other: &Line) -> bool {
        let instead = || Self { channel: other.channel, off_minor: other.off_minor, coupon_minor: other.coupon_minor, ..*self };
        (self.ordered_at, self.order, self.product) == (other.ordered_at, other.order, other.product) && instead() == *other
    }

    /// A line of which only the days are known, as `LineHead::dated`.
    pub fn dated(day: Day, recorded: Option<Day>) -> Self {
        Self::of(&LineHead::dated(day, recorded), &NO_ITEM)
    }

    /// What it may have in common with others.
    #[cfg(test)]
    pub fn head(&self) -> LineHead {
        let Line { ordered_at, order, day, visible_from, store, channel, .. } = *self;
        LineHead { ordered_at, order, day, visible_from, store, channel }
    }

    /// What it has of its own.
    #[cfg(test)]
    pub fn item(&self) -> LineItem {
        let Line { amount_minor, product, milli_units, kind, is_bought, promotion, return_of, other, off_minor, coupon_minor, cost_minor, .. } = *self;
        LineItem { amount_minor, product, milli_units, kind, is_bought, promotion, return_of, other, off_minor, coupon_minor, cost_minor }
    }
}

/// What so many thousandths of a unit cost, where one costs `unit_cost_minor`: halves of a minor unit away from 0, at most what a line may be worth.
pub fn cost_of_units(milli_units: i32, unit_cost_minor: i64) -> i64 {
    // Hardly any cost takes more than 64 bits, for which a processor has no division.
    let rounded = match unit_cost_minor.checked_mul(i64::from(milli_units)).and_then(|milli| milli.checked_add(500 * milli.signum())) {
        Some(milli) => milli / 1000,
        None => {
            let milli = i128::from(unit_cost_minor) * i128::from(milli_units);
            i64::try_from((milli + 500 * milli.signum()) / 1000).unwrap_or(if milli < 0 { i64::MIN } else { i64::MAX })
        }
    };
    rounded.clamp(-MINOR_MAX, MINOR_MAX)
}

/// What a line does not say.
pub const NOT_TOLD: i32 = i32::MIN;
/// The cost of a line of which nothing says what it cost.
pub const NO_COST: i64 = i64::MIN;

/// The numbers that lines carry for names; of source customers `K` is known.
#[derive(Debug)]
pub struct LineNames<K = SourceKeys> {
    /// Source customers.
    pub keys: K,
    /// Products.
    pub products: Names,
    /// Stores.
    pub stores: Names,
    /// Channels.
    pub channels: Names,
    /// Promotions.
    pub promotions: Names,
    /// Genders of customers.
    pub genders: Names,
}

/// Names of which no source customer is looked for any more.
pub type ClosedNames = LineNames<SourceTexts>;

/// How many names of each kind there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamesMark {
    texts: [usize; 5],
    keys: Vec<usize>,
}

/// Names that lines carry, with the numbers from a mark on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NamesSince {
    /// Sources, products, stores, channels, promotions.
    texts: [Vec<String>; 5],
    keys: Vec<KeysOfPart>,
}

impl Default for LineNames {
    fn default() -> Self {
        Self::of(SourceKeys::default())
    }
}

impl LineNames {
    /// None yet, of these source customers.
    pub fn of(keys: SourceKeys) -> Self {
        let [products, stores, channels, promotions, genders] = Default::default();
        Self { keys, products, stores, channels, promotions, genders }
    }

    fn texts(&self) -> [&Names; 5] {
        [&self.keys.sources, &self.products, &self.stores, &self.channels, &self.promotions]
    }

    /// How many names there are by now.
    pub fn mark(&self) -> NamesMark {
        NamesMark { texts: self.texts().map(Names::count), keys: self.keys.counts() }
    }

    /// The names that were not there at `mark`: all but the unknown ones for a mark of nothing.
    pub fn since(&self, mark: &NamesMark) -> NamesSince {
        let names = self.texts();
        NamesSince { texts: std::array::from_fn(|kind| names[kind].since(mark.texts[kind].max(1))), keys: self.keys.since(&mark.keys) }
    }

    /// Gives names the numbers that they had; None if these are not the next ones.
    pub fn restore(&self, since: &NamesSince) -> Option<()> {
        for (names, texts) in self.texts().into_iter().zip(&since.texts) {
            let next = names.count();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            if names.numbers(&texts).iter().enumerate().any(|(place, number)| *number as usize != next + place) {
                return None;
            }
        }
        self.keys.restore(&since.keys)
    }

    /// The same, once no source customer is looked for any more.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold them.
    pub fn close(self, memory: &Allowance) -> Result<ClosedNames> {
        let Self { keys, products, stores, channels, promotions, genders } = self;
        Ok(LineNames { keys: keys.close(memory)?, products, stores, channels, promotions, genders })
    }
}

/// Lines of an order that stand together, and whose they are.
#[derive(Debug, Clone, Copy)]
pub struct LinesOf<'a> {
    /// Their source.
    pub source: u32,
    /// Source customer; None for anonymous lines.
    pub customer: Option<SourceKey>,
    /// What they have in common.
    pub head: LineHead,
    /// What each has of its own: one at least.
    pub items: &'a [LineItem],
}

impl LinesOf<'_> {
    /// Whether something was bought.
    pub fn is_bought(&self) -> bool {
        self.items.iter().any(|item| item.is_bought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_stated_or_follows_from_the_quantity() {
        let kind = |stated: &str, quantity| LineKind::of(LineKind::stated(stated).expect("a word of the contract"), quantity);
        assert_eq!(LineKind::of(NO_ITEM.kind, -1.0), LineKind::Return);
        assert_eq!(LineKind::of(NO_ITEM.kind, 0.0), LineKind::Sale);
        assert_eq!(kind("return", 1.0), LineKind::Return);
        assert_eq!(kind("exchange", -1.0), LineKind::Return);
        assert_eq!(kind("exchange", 1.0), LineKind::Sale);
        assert_eq!(kind("fee", 1.0), LineKind::NoProduct);
        assert_eq!(kind("gift_card", -1.0), LineKind::NoProduct);
        assert_eq!([LineKind::stated(" Sale "), LineKind::stated("sold")], [Some(LineKind::Sale), None]);
    }

    /// By hand: halves of a minor unit away from 0; products that 64 bits hold and do not, those at their end, and what no line may be worth.
    #[test]
    fn costs_are_rounded_and_bounded() {
        let costs =
            [(1500, 3), (-1500, 3), (1499, 1), (1500, -1), (i32::MAX, 4_000_000), (i32::MIN, MINOR_MAX), (i32::MAX, MINOR_MAX), (i32::MAX, 4_294_967_298)];
        let rounded = [5, -5, 1, -2, 8_589_934_588_000, -MINOR_MAX, MINOR_MAX, MINOR_MAX];
        assert_eq!(costs.map(|(milli_units, unit_cost)| cost_of_units(milli_units, unit_cost)), rounded);
    }

    /// By hand: of four equal lines two are of another channel and one had something taken off; one of another cost stands apart.
    #[test]
    fn lines_repeat_each_other_whatever_is_not_read_always() {
        let line = Line { order: 7, product: 3, amount_minor: 100, ..Line::dated(Day(9), None) };
        let costly = Line { cost_minor: 50, ..line };
        let mut lines =
            [Line { channel: 2, ..line }, costly, Line { channel: 1, ..line }, Line { off_minor: 5, coupon_minor: 1, ..line }, Line { channel: 2, ..line }];
        lines.sort_unstable();
        assert_eq!(lines.windows(2).filter(|pair| pair[0].repeats(&pair[1])).count(), 3);
        assert!(!line.repeats(&Line { promotion: 1, ..line }) && !line.repeats(&Line { other: 1, ..line }));
    }
}
