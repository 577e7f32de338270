//! What is known of an item, a category or a product, from everyone who buys it.

use super::decay::{Decay, from_next_fortnight, hump};
use crate::models::log_odds;

/// Of each customer the last gaps tell of the category, no more: else those who buy most would speak for all.
const GAPS: usize = 20;
/// Logarithms are added as whole numbers of this unit, so that no sum depends on the order of customers.
const UNIT: f64 = 1.0 / (1u64 << 32) as f64;
/// Mean and variance of log gaps where nobody has a gap.
const NO_GAPS: (f64, f64) = (4.0, 1.0);
/// A product's own gaps and buyers count as much as so many of its category's.
const OF_CATEGORY: f64 = 20.0;

/// Log gaps of an item, and its buyers, added up at one date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GapSums {
    count: i64,
    ln: i64,
    /// Squared distances from each customer's own mean, and how many gaps these have beside the first.
    squares: i64,
    beside_first: i64,
    /// Customers who bought it, and on two days or more.
    buyers: i64,
    repeaters: i64,
}

impl GapSums {
    /// Adds the last gaps between a customer's days, which are sorted.
    pub fn add(&mut self, days: &[i32]) {
        let first = days.len().saturating_sub(GAPS + 1);
        let gaps = || days[first..].windows(2).map(|pair| f64::from(pair[1] - pair[0]).ln());
        let count = gaps().count() as i64;
        self.buyers += 1;
        if count == 0 {
            return;
        }
        self.repeaters += 1;
        let sum: f64 = gaps().sum();
        let mean = sum / count as f64;
        self.count += count;
        self.ln += (sum / UNIT).round() as i64;
        self.squares += (gaps().map(|ln| (ln - mean) * (ln - mean)).sum::<f64>() / UNIT).round() as i64;
        self.beside_first += count - 1;
    }

    /// Adds those of another item.
    pub fn plus(&mut self, other: &Self) {
        self.count += other.count;
        self.ln += other.ln;
        self.squares += other.squares;
        self.beside_first += other.beside_first;
        self.buyers += other.buyers;
        self.repeaters += other.repeaters;
    }

    /// Mean of log gaps, their variance within customers, and the share of buyers who bought again.
    fn moments(self) -> [f64; 3] {
        let again = (self.repeaters as f64 + 1.0) / (self.buyers as f64 + 2.0);
        if self.count == 0 {
            return [NO_GAPS.0, NO_GAPS.1, again];
        }
        [self.ln as f64 * UNIT / self.count as f64, self.squares as f64 * UNIT / self.beside_first.max(1) as f64, again]
    }

    /// The same, drawn towards those of the item's category.
    fn drawn_to(self, [mean, variance, again]: [f64; 3]) -> [f64; 3] {
        let shrunk = |sum: f64, count: i64, whole: f64| (sum + OF_CATEGORY * whole) / (count as f64 + OF_CATEGORY);
        [
            shrunk(self.ln as f64 * UNIT, self.count, mean),
            shrunk(self.squares as f64 * UNIT, self.beside_first, variance),
            shrunk(self.repeaters as f64, self.buyers, again),
        ]
    }
}

/// What is known of an item at a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    /// Mean of log gaps in days.
    pub mean_ln_gap: f64,
    /// Variance of log gaps within customers.
    pub variance_ln_gap: f64,
    /// Log-odds that a buyer buys it again.
    pub again: f64,
    /// Log of how much more is bought around the coming fortnight of a year than in all of it.
    pub season: f64,
    /// Log of how much more is bought of late (half life 15 days) than before (30).
    pub trend: f64,
}

/// The half lives of the trend.
#[derive(Debug, Clone)]
pub struct Trend([Decay; 2]);

impl Trend {
    /// For ages up to so many days.
    pub fn new(ages: usize) -> Self {
        Self([Decay::new(15.0, ages), Decay::new(30.0, ages)])
    }
}

impl Item {
    /// A category, by what was bought up to `today`: gaps, and the number of customers who bought on each day, the first of which is `from`.
    pub fn category(gaps: GapSums, (bought, from): (&[u32], i32), today: i32, trend: &Trend) -> Self {
        let days =
            || bought.iter().enumerate().map(|(day, count)| (today - from - day as i32, f64::from(*count))).filter(|(age, count)| *age >= 0 && *count > 0.0);
        let (mut near, mut year) = (0.0, 0.0);
        let mut late = [0.0; 2];
        for (age, count) in days() {
            for years in 1..=3 {
                let away = from_next_fortnight(age, years);
                let weight = count * 0.8f64.powi(years - 1);
                near += weight * hump(away / 21.0) / 21.0;
                year += if away.abs() <= 182.0 { weight / 364.0 } else { 0.0 };
            }
            late.iter_mut().zip(&trend.0).for_each(|(sum, decay)| *sum += count * decay.at(age));
        }
        // Purchases of a fortnight.
        let fortnight = |which: usize, half_life: f64| 14.0 * std::f64::consts::LN_2 / half_life * late[which];
        let [mean_ln_gap, variance_ln_gap, again] = gaps.moments();
        Self {
            mean_ln_gap,
            variance_ln_gap,
            again: log_odds(again),
            season: ((28.0 * near + 3.0) / (28.0 * year + 3.0)).ln(),
            trend: ((fortnight(0, 15.0) + 2.0) / (fortnight(1, 30.0) + 2.0)).ln(),
        }
    }

    /// A product, by its gaps and its category's: season and trend are those of the category.
    pub fn product(gaps: GapSums, of_category: GapSums, category: &Self) -> Self {
        let [mean_ln_gap, variance_ln_gap, again] = gaps.drawn_to(of_category.moments());
        Self { mean_ln_gap, variance_ln_gap, again: log_odds(again), ..*category }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: gaps of 2 and 8, and of one other customer 4: logs 1, 3 and 2 times ln 2.
    #[test]
    fn gaps_add_up_by_hand() {
        let mut sums = GapSums::default();
        [&[0, 2, 10][..], &[5, 9], &[7]].into_iter().for_each(|days| sums.add(days));
        let [mean, variance, again] = sums.moments();
        let ln2 = std::f64::consts::LN_2;
        assert!((mean - 2.0 * ln2).abs() < 1e-9 && (variance - 2.0 * ln2 * ln2).abs() < 1e-9, "{mean} {variance}");
        // Of three buyers two bought again.
        assert_eq!((again, GapSums::default().moments()), (3.0 / 5.0, [4.0, 1.0, 0.5]));
        // A product of one gap of 16 days, two buyers, one of them again: its figures, and 20 times those of a category.
        let mut product = GapSums::default();
        [&[0, 16][..], &[5]].into_iter().for_each(|days| product.add(days));
        let drawn = product.drawn_to([2.0, 0.5, 0.3]);
        let by_hand = [(16f64.ln() + 40.0) / 21.0, 0.5, (1.0 + 6.0) / 22.0];
        assert!(drawn.iter().zip(by_hand).all(|(drawn, by_hand)| (drawn - by_hand).abs() < 1e-9), "{drawn:?}");
        product.plus(&sums);
        assert_eq!((product.count, product.buyers, product.repeaters), (4, 5, 3));
    }

    /// Something that is bought the same every day has no season and no trend; a Christmas that comes again has.
    #[test]
    fn seasons_and_trends() {
        let level = vec![3; 2000];
        let category = |bought: &[u32]| Item::category(GapSums::default(), (bought, 0), 1999, &Trend::new(2000));
        // Days are no moments: the younger half life counts today for a little more.
        assert!(category(&level).season.abs() < 1e-6 && category(&level).trend.abs() < 0.02, "{:?}", category(&level));
        // Humps of a fortnight that begin where the next one will.
        let yearly: Vec<u32> = (0..2000).map(|day| if (day + 365 - 2000 % 364) % 364 < 14 { 30 } else { 1 }).collect();
        assert!(category(&yearly).season > 1.0, "{:?}", category(&yearly));
        let late: Vec<u32> = (0..2000).map(|day| if day >= 1990 { 9 } else { 3 }).collect();
        assert!(category(&late).trend > 0.2);
    }
}
