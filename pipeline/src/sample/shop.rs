//! What the shop sells: categories with their own cycles, products with prices and brands, leaflets with deals; and its calendar.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Params;
use super::people::SOURCES;
use super::seasons::Seasons;
use crate::time::Day;

/// Random numbers of one person, or one part of the shop.
pub type Random = Xoshiro256PlusPlus;

/// Parts of the shop that draw from streams of their own; people have the numbers from 0.
const SHOP_STREAM: u64 = u64::MAX;

/// Stores; the files of the first one always arrive a day late.
pub const STORES: usize = 5;
/// Share of people whose home is each store.
pub const STORE_SHARES: [f64; STORES] = [0.3, 0.25, 0.2, 0.15, 0.1];
/// Days of a leaflet.
pub const LEAFLET_DAYS: i32 = 28;
/// Days between campaigns.
pub const CAMPAIGN_DAYS: i32 = 90;

/// A random stream.
pub fn stream(seed: u64, number: u64) -> Random {
    Random::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03))
}

/// A product.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Price without deals, in cents.
    pub price_minor: i64,
    /// Whether it is the shop's own brand.
    pub private: bool,
}

/// A category.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    /// Days that a purchase lasts in the mean.
    pub cycle_days: f64,
    /// First product and the one after the last.
    pub products: std::ops::Range<usize>,
}

/// The shop.
#[derive(Debug, Clone)]
pub struct Shop {
    /// First day.
    pub start: Day,
    /// Days that are simulated; what is recorded after `until` is not written.
    pub days: i32,
    /// Last day.
    pub until: Day,
    /// Categories.
    pub categories: Vec<Category>,
    /// Products, in the order of categories.
    pub products: Vec<Product>,
    /// By leaflet: products on deal and the share off.
    pub leaflets: Vec<Vec<(usize, f64)>>,
    /// When it is busy, where days differ.
    pub seasons: Option<Seasons>,
}

impl Shop {
    /// The shop of these parameters.
    pub fn new(params: &Params) -> Self {
        let mut random = stream(params.seed, SHOP_STREAM);
        let start = start(params);
        let days = (f64::from(params.months) * 30.5) as i32 + 31;
        let products = params.products as usize;
        let count = (products / 10).max(1);
        let mut categories = Vec::new();
        for index in 0..count {
            let cycle_days = 7.0 * 2f64.powf(random.random_range(0.0..4.0));
            categories.push(Category { cycle_days, products: index * products / count..(index + 1) * products / count });
        }
        let prices = LogNormal::new(1.2, 0.7).expect("a positive deviation");
        let product =
            |random: &mut Random| Product { price_minor: (prices.sample(random) * 100.0f64).clamp(29.0, 20_000.0) as i64, private: random.random_bool(0.3) };
        let products: Vec<Product> = (0..products).map(|_| product(&mut random)).collect();
        let leaflet = |random: &mut Random| {
            let deal = |random: &mut Random| (random.random_range(0..products.len()), f64::from(random.random_range(2..7)) * 0.05);
            let mut deals: Vec<(usize, f64)> = (0..products.len() / 10).map(|_| deal(random)).collect();
            deals.sort_by_key(|deal| deal.0);
            deals.dedup_by_key(|deal| deal.0);
            deals
        };
        let leaflets = (0..=days / LEAFLET_DAYS).map(|_| leaflet(&mut random)).collect();
        Self { start, days, until: params.until, categories, products, leaflets, seasons: params.seasons.then(|| Seasons::of(start, days)) }
    }

    /// The share off a product on a day since the start.
    pub fn deal(&self, product: usize, day: i32) -> Option<f64> {
        let leaflet = self.leaflets.get((day / LEAFLET_DAYS) as usize)?;
        leaflet.binary_search_by_key(&product, |deal| deal.0).ok().map(|at| leaflet[at].1)
    }

    /// The day of a visit, or the next one on which a store is open where it was one's.
    pub fn open_day(&self, day: i32, source: usize) -> i32 {
        match &self.seasons {
            Some(seasons) if SOURCES[source] != "web" => seasons.open_day(day),
            _ => day,
        }
    }

    /// Days since the start on which campaigns are sent.
    pub fn campaigns(&self) -> Vec<i32> {
        (1..=self.days / CAMPAIGN_DAYS).map(|number| number * CAMPAIGN_DAYS).filter(|day| *day < self.days).collect()
    }
}

/// The first day of the month `months` - 1 months before `until`'s.
fn start(params: &Params) -> Day {
    let text = params.until.to_string();
    let (year, month) = (text[..4].parse::<i32>().unwrap_or(2000), text[5..7].parse::<i32>().unwrap_or(1));
    let first = year * 12 + (month - 1) - (params.months as i32 - 1);
    Day::parse(&format!("{:04}-{:02}-01", first.div_euclid(12), first.rem_euclid(12) + 1)).unwrap_or(Day(0))
}
