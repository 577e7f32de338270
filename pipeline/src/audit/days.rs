//! Order lines by business day: what the checks of days compare with each other. Sums of whole numbers, so that the order of lines cannot matter.

use serde::{Deserialize, Serialize};

use crate::lake::{ByFingerprint, LineItem, LineKind, LinesOf};
use crate::time::Day;

/// Days that are checked, the newest first.
pub const CHECKED: usize = 28;
/// Days before a day with which it is compared.
pub const BEFORE: usize = 56;
/// Days that are counted one by one.
pub const COUNTED: usize = CHECKED + BEFORE;
/// Days of which only the lines are counted: a year before the days that are checked, and what these are compared with.
pub const TOTALS: usize = 401 + CHECKED + BEFORE;
/// Lines that come so many days late or later are counted together.
const LATE: usize = 8;
/// Logarithms are to base 2, in 2^-16.
pub const LOG_UNIT: f64 = 65_536.0;

/// What the lines of a day hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCounts {
    /// Lines.
    pub lines: u32,
    /// Lines by how many days they came late.
    arrived: [u32; LATE],
    /// Lines without a customer.
    pub anonymous: u32,
    /// Lines of customers that the table `customers` does not know: counted apart, as the table changes.
    pub unknown: u32,
    /// Lines of customers that repeat others: counted apart, once all lines of a customer stand together.
    pub repeated: u32,
    /// Lines that are returns.
    pub returns: u32,
    /// Lines with a promotion.
    pub promoted: u32,
    /// Lines without a store.
    pub storeless: u32,
    /// Lines that were bought and have no value or no units.
    pub unpriced: u32,
    /// Lines with a price and units above 0.
    pub priced: u32,
    /// Logarithms of prices of a unit.
    pub log_price: i64,
    /// Logarithms of units.
    pub log_units: i64,
    /// The hours of the day as points on a circle, in thousandths.
    pub hours: [i64; 2],
}

/// The hours of a day as points on a circle, in thousandths: cosines; sines are those of six hours before.
const COSINES: [i64; 24] = [1000, 966, 866, 707, 500, 259, 0, -259, -500, -707, -866, -966, -1000, -966, -866, -707, -500, -259, 0, 259, 500, 707, 866, 966];

const HOUR: i64 = 3_600_000_000;

/// The logarithm to base 2 in 2^-16, to a tenth of a bit: that of a number's leading digit is taken as straight.
pub fn log2(number: f64) -> i64 {
    (number.to_bits() >> 36) as i64 - (1023 << 16)
}

impl DayCounts {
    /// What the head of lines says of them.
    pub fn of_head(LinesOf { customer, head, items, .. }: &LinesOf<'_>) -> Self {
        let lines = items.len() as u32;
        let mut counts = Self { lines, ..Self::default() };
        counts.arrived[head.visible_from.since(head.day).clamp(0, LATE as i64 - 1) as usize] = lines;
        counts.anonymous = if customer.is_none() { lines } else { 0 };
        counts.storeless = if head.store == 0 { lines } else { 0 };
        let hour = (head.ordered_at.rem_euclid(24 * HOUR) / HOUR) as usize;
        counts.hours = [hour, hour + 18].map(|hour| COSINES[hour % 24] * i64::from(lines));
        counts
    }

    /// Counts what a line has of its own; returns the logarithm of its price of a unit, where it has one.
    pub fn count(&mut self, item: &LineItem) -> Option<i64> {
        self.returns += u32::from(item.kind == LineKind::Return);
        self.promoted += u32::from(item.promotion > 0);
        let is_priced = item.is_bought && item.amount_minor > 0 && item.milli_units > 0;
        self.unpriced += u32::from(item.kind == LineKind::Sale && !is_priced);
        is_priced.then(|| {
            let units = f64::from(item.milli_units) / 1000.0;
            let price = log2(item.amount_minor as f64 / units);
            self.priced += 1;
            self.log_price += price;
            self.log_units += log2(units);
            price
        })
    }

    /// So many lines, of which nothing else is known: they came on their day.
    #[cfg(test)]
    pub fn of(lines: u32) -> Self {
        let mut arrived = [0; LATE];
        arrived[0] = lines;
        Self { lines, arrived, ..Self::default() }
    }

    /// Adds the counts of other lines of the day.
    pub fn add(&mut self, other: &DayCounts) {
        self.lines += other.lines;
        self.arrived.iter_mut().zip(other.arrived).for_each(|(sum, more)| *sum += more);
        self.anonymous += other.anonymous;
        self.unknown += other.unknown;
        self.repeated += other.repeated;
        self.returns += other.returns;
        self.promoted += other.promoted;
        self.storeless += other.storeless;
        self.unpriced += other.unpriced;
        self.priced += other.priced;
        self.log_price += other.log_price;
        self.log_units += other.log_units;
        self.hours.iter_mut().zip(other.hours).for_each(|(sum, more)| *sum += more);
    }

    /// Lines that had come `age` days after the day.
    pub fn known_at(&self, age: usize) -> u32 {
        if age + 1 >= LATE { self.lines } else { self.arrived[..=age].iter().sum() }
    }
}

/// The days of a source or store: by days before as_of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days {
    counts: Vec<DayCounts>,
    /// Of more days, the lines alone.
    lines: Vec<u32>,
}

impl Days {
    /// Adds what lines of the day `age` days before as_of hold.
    pub fn add(&mut self, age: usize, counts: &DayCounts) {
        self.add_lines(age, counts.lines);
        if age < COUNTED {
            if self.counts.len() <= age {
                self.counts.resize(age + 1, DayCounts::default());
            }
            self.counts[age].add(counts);
        }
    }

    /// Adds so many lines of a day that is not counted one by one.
    pub fn add_lines(&mut self, age: usize, lines: u32) {
        if self.lines.len() <= age {
            self.lines.resize(age + 1, 0);
        }
        self.lines[age] += lines;
    }

    /// Adds other lines.
    pub fn merge(&mut self, other: &Days) {
        other.lines.iter().enumerate().for_each(|(age, lines)| self.add_lines(age, *lines));
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), DayCounts::default());
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, more)| sum.add(more));
    }

    /// The counts of the day so many days before, if any line is of it.
    pub fn at_mut(&mut self, age: usize) -> Option<&mut DayCounts> {
        self.counts.get_mut(age)
    }

    /// The same, seen `days` later.
    pub fn seen_later(&mut self, days: usize) {
        later(&mut self.counts, days, COUNTED);
        later(&mut self.lines, days, TOTALS);
    }

    /// What the day `age` days before as_of holds.
    pub fn at(&self, age: usize) -> DayCounts {
        self.counts.get(age).copied().unwrap_or_default()
    }

    /// Lines of the day `age` days before as_of.
    pub fn lines(&self, age: usize) -> u32 {
        self.lines.get(age).copied().unwrap_or_default()
    }

    /// What they take of the memory.
    pub fn bytes(&self) -> u64 {
        (self.counts.len() * size_of::<DayCounts>() + self.lines.len() * size_of::<u32>()) as u64
    }

    /// Whether lines are known to come late: then the newest day can be judged as others were.
    pub fn come_late(&self) -> bool {
        self.counts.iter().any(|day| day.known_at(0) < day.lines)
    }

    /// How long ago the first line was, as far as days are counted.
    pub fn oldest(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }
}

/// Puts as many empty days before what is known by age, and lets go of what is older than `most`.
pub(super) fn later<T: Clone + Default + PartialEq>(by_age: &mut Vec<T>, days: usize, most: usize) {
    let days = if by_age.is_empty() { 0 } else { days.min(most) };
    by_age.splice(0..0, std::iter::repeat_n(T::default(), days));
    by_age.truncate(most);
    let end = by_age.iter().rposition(|day| *day != T::default()).map_or(0, |last| last + 1);
    by_age.truncate(end);
}

/// The newest days, whose prices are compared one by one with those before.
pub const RECENT: usize = 7;

/// The middle of some values; the lower of two.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    (!values.is_empty()).then(|| values[(values.len() - 1) / 2])
}

/// What was usual of a product's price before the newest days. A price that moved some days ago is not usual until half of the days have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Lines with a price.
    pub lines: u32,
    /// The middle of the days' mean logarithms of a unit's price, to base 2.
    pub log_price: f64,
    /// The standard deviation of the older half of them, with how far the lines of a day lie from each other.
    pub deviation: f64,
}

impl Usual {
    /// Of the means of days, the newest first, and of the squares of how far their lines lie from them.
    fn of(means: Vec<f64>, lines: u32, squares: f64) -> Option<Self> {
        // What moved of late is not in the older half; of what is sold at any price, both halves are alike.
        let older = &means[means.len() - means.len().div_ceil(2).max(OLDER_MIN).min(means.len())..];
        let mean = older.iter().sum::<f64>() / older.len() as f64;
        let between = older.iter().map(|day| (day - mean).powi(2)).sum::<f64>() / older.len() as f64;
        let deviation = (between + squares.max(0.0) / f64::from(lines)).sqrt();
        Some(Self { lines, log_price: median(means)?, deviation })
    }
}

/// Fewer days tell nothing of how far a price moves.
const OLDER_MIN: usize = 3;

/// What the lines of a product say of its price: of each of the newest days, and before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Prices {
    /// Lines of the newest days, by days before as_of, and the sums of the logarithms of their prices of a unit.
    pub recent: [(u32, i64); RECENT],
    /// What was usual before.
    pub usual: Option<Usual>,
    /// Value of all lines of the newest days, in minor units.
    pub value_minor: [i64; RECENT],
}

/// What the lines of a product say of its price on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct DayPrices {
    /// Lines with a price, the sum of the logarithms of the prices of a unit, and of their squares, in 2^-8 there.
    sums: (u32, i64, i64),
    /// Value of all lines, in minor units.
    value_minor: i64,
}

/// What lines say of prices: by day before as_of, and by number of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricesByDay {
    days: Vec<ByFingerprint<u32, DayPrices>>,
}

impl PricesByDay {
    /// Counts a line of a product, `age` days before as_of, with its value and the logarithm of its price of a unit, where it has one.
    pub fn count(&mut self, product: u32, value_minor: i64, price: Option<i64>, age: usize) {
        if price.is_none() && age >= RECENT {
            return;
        }
        if self.days.len() <= age {
            self.days.resize_with(age + 1, ByFingerprint::default);
        }
        let day = self.days[age].entry(product).or_default();
        day.value_minor = day.value_minor.saturating_add(value_minor);
        if let Some(price) = price {
            let (lines, sum, squares) = day.sums;
            day.sums = (lines + 1, sum + price, squares + (price >> 8) * (price >> 8));
        }
    }

    /// Adds other lines.
    pub fn merge(&mut self, other: PricesByDay) {
        if self.days.len() < other.days.len() {
            self.days.resize_with(other.days.len(), ByFingerprint::default);
        }
        for (day, other) in self.days.iter_mut().zip(other.days) {
            if day.is_empty() {
                *day = other;
                continue;
            }
            for (product, more) in other {
                let sum = day.entry(product).or_default();
                sum.sums = (sum.sums.0 + more.sums.0, sum.sums.1 + more.sums.1, sum.sums.2 + more.sums.2);
                sum.value_minor = sum.value_minor.saturating_add(more.value_minor);
            }
        }
    }

    /// The same, seen `days` later.
    pub fn seen_later(&mut self, days: usize) {
        later(&mut self.days, days, COUNTED);
    }

    /// What they take of the memory.
    pub fn bytes(&self) -> u64 {
        self.days.iter().map(|day| day.capacity() as u64 * (size_of::<DayPrices>() + 8) as u64).sum()
    }

    /// What `by_product` takes of the memory beside what it gives: the means of days, whose room may be twice as large, and a copy of those of a product.
    pub fn days_bytes(&self) -> u64 {
        self.days.iter().map(|day| 2 * (day.len() * size_of::<f64>()) as u64).sum()
    }

    /// By number of the product.
    pub fn by_product(&self) -> Vec<Prices> {
        let products = self.days.iter().flat_map(|day| day.keys()).max().map_or(0, |last| *last as usize + 1);
        let mut all = vec![Prices::default(); products];
        let mut before: Vec<(Vec<f64>, u32, f64)> = vec![Default::default(); products];
        for (age, day) in self.days.iter().enumerate() {
            for (product, DayPrices { sums: (lines, sum, squares), value_minor }) in day {
                let prices = &mut all[*product as usize];
                match prices.recent.get_mut(age) {
                    Some(recent) => (*recent, prices.value_minor[age]) = ((*lines, *sum), *value_minor),
                    None if *lines == 0 => {}
                    None => {
                        let (means, known, within) = &mut before[*product as usize];
                        let mean = *sum as f64 / f64::from(*lines) / LOG_UNIT;
                        means.push(mean);
                        *known += lines;
                        *within += *squares as f64 / 65_536.0 - f64::from(*lines) * mean * mean;
                    }
                }
            }
        }
        all.iter_mut().zip(before).for_each(|(prices, (means, lines, squares))| prices.usual = Usual::of(means, lines, squares));
        all
    }
}

/// How many days `day` lies before `as_of`, if it is one of the first `days`.
pub fn age(as_of: Day, day: Day, days: usize) -> Option<usize> {
    usize::try_from(as_of.since(day)).ok().filter(|age| *age < days)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: powers of two are exact; between them the mantissa counts as it is: 3 is 1 + 1/2 where the logarithm is 1.585.
    #[test]
    fn logarithms_are_near_enough() {
        assert_eq!([1.0, 2.0, 1024.0, 0.25].map(log2), [0, 65_536, 655_360, -131_072]);
        assert_eq!(log2(3.0), 98_304);
        assert!((log2(199.0) as f64 / LOG_UNIT - 199f64.log2()).abs() < 0.09);
    }

    /// By hand: a product sold at 2 on six days, two lines each, and at 1024 on the five days after; one that is sold at 2 and at 8 each day; and one that was sold
    /// at 2 on two days of three, else at 32: four days from 1 and 2 days from 5, whose middle is 7/3, are 16/9 and 64/9 in squares.
    #[test]
    fn a_price_that_moved_is_not_usual_yet() {
        let mut prices = PricesByDay::default();
        for age in RECENT..RECENT + 11 {
            let price = if age < RECENT + 5 { 1024.0 } else { 2.0 };
            (0..2).for_each(|_| prices.count(1, 1, Some(log2(price)), age));
            [2.0, 8.0].into_iter().for_each(|price| prices.count(2, 1, Some(log2(price)), age));
            prices.count(3, 1, Some(log2(if age % 3 == 0 { 32.0 } else { 2.0 })), age);
        }
        let usual: Vec<Option<Usual>> = prices.by_product().into_iter().map(|prices| prices.usual).collect();
        assert_eq!(usual[0], None);
        assert_eq!(usual[1], Some(Usual { lines: 22, log_price: 1.0, deviation: 0.0 }));
        assert_eq!(usual[2], Some(Usual { lines: 22, log_price: 2.0, deviation: 1.0 }));
        let Usual { lines, log_price, deviation } = usual[3].expect("it was sold");
        assert!((lines, log_price) == (11, 1.0) && (deviation - (32.0f64 / 9.0).sqrt()).abs() < 1e-12, "{deviation}");
    }
}
