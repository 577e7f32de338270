//! What is known of a customer, and of a customer's purchases of one item, at a date: smooth figures, each of a line's cost.

use super::decay::{Decay, from_next_fortnight, hump};
use super::history::Items;
use super::item::Item;
use super::kernel;
use crate::labels::YEAR_DAYS;
use crate::models::{log_odds, sigmoid};

/// Bounds, in days, of the stretches in each of which the chance of a purchase is foretold.
pub const BOUNDS: [i32; 8] = [0, 7, 14, 28, 56, 112, 224, 364];
/// Stretches between them.
pub const STRETCHES: usize = BOUNDS.len() - 1;
/// Figures of a pair beside the kernel's.
pub const FIGURES: usize = 19;

/// Of a pair so many last gaps are looked at, and of a customer's visits.
const GAPS: [usize; 2] = [40, 60];
/// The tail of gaps between visits.
const VISIT_TAIL: f64 = std::f64::consts::E;
/// Days of the windows in which it counts whether anything was bought.
const WINDOW_DAYS: i32 = 14;
/// The place of a half life of 120 days among those of days.
const HALF_SEASON: usize = 3;
/// Years that a pair's season is looked for.
const YEARS: i32 = 6;
/// Days around the middle of the coming fortnight that are its season.
const SEASON_DAYS: i32 = 28;

/// Tables of weights by age.
#[derive(Debug, Clone)]
pub struct Ages {
    gaps: Decay,
    days: [Decay; 5],
    broad: [Decay; 3],
    visits: Decay,
    windows: Decay,
    /// By age: the weights of `days`, and how near a day lies to the coming fortnight, of years weighed by their distance. They stand together, as they
    /// are asked for together.
    by_age: Vec<[f64; 6]>,
    /// Logs of thousandths of units, by whole units: most purchases are of a few.
    ln_whole_units: Vec<f64>,
}

impl Default for Ages {
    fn default() -> Self {
        Self::new()
    }
}

impl Ages {
    /// Of all half lives and years.
    pub fn new() -> Self {
        // Older days have no season; their weights are computed.
        let ages = (YEARS * YEAR_DAYS + SEASON_DAYS) as usize + WINDOW_DAYS as usize;
        let season = |age: i32| {
            (1..=YEARS).map(|years| 0.7f64.powi(years - 1) * hump(from_next_fortnight(age, years) / f64::from(SEASON_DAYS)) / f64::from(SEASON_DAYS)).sum()
        };
        let days = [7.0, 30.0, 60.0, 120.0, 480.0].map(|half_life| Decay::new(half_life, ages));
        let weights = |age: i32| {
            let [week, month, two, four, sixteen] = days.each_ref().map(|decay| decay.at(age));
            [week, month, two, four, sixteen, season(age)]
        };
        Self {
            gaps: kernel::ageing(ages),
            broad: [30.0, 90.0, 365.0].map(|half_life| Decay::new(half_life, ages)),
            visits: Decay::new(240.0, ages),
            windows: Decay::new(90.0, ages),
            by_age: (0..ages as i32).map(weights).collect(),
            ln_whole_units: (0..64).map(|units| f64::from((1000 * units).max(1)).ln()).collect(),
            days,
        }
    }

    /// The weights of an age.
    #[inline]
    fn at(&self, age: i32) -> [f64; 6] {
        self.by_age.get(age as usize).copied().unwrap_or_else(|| {
            let [week, month, two, four, sixteen] = self.days.each_ref().map(|decay| decay.at(age));
            [week, month, two, four, sixteen, 0.0]
        })
    }
}

/// What is known of a customer at a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Customer {
    /// The first visit.
    first: i32,
    today: i32,
    /// Log of categories bought of late against a season, and a season against a year.
    broader: [f64; 2],
    /// Log of categories a visit.
    breadth: f64,
    /// Log-odds of a visit within a week.
    visit: f64,
}

impl Customer {
    /// By days of visits up to `today`, oldest first, and how many categories were bought on each. There is one visit at least.
    pub fn of((visits, breadths): (&[i32], &[u32]), today: i32, ages: &Ages) -> Self {
        let (first, last) = (visits[0], visits[visits.len() - 1]);
        let known = today - first + 1;
        let rate = |decay: &Decay| {
            let weighed: f64 = visits.iter().zip(breadths).map(|(day, breadth)| f64::from(*breadth) * decay.at(today - day)).sum();
            ((weighed + 1.0) / decay.whole(known)).ln()
        };
        let [month, season, year] = [0, 1, 2].map(|which| rate(&ages.broad[which]));
        let visited: f64 = visits.iter().map(|day| ages.visits.at(today - day)).sum();
        let silent = f64::from(today - last) + 0.5;
        let [now, week] = kernel::longer(visits, today, (VISIT_TAIL, GAPS[1]), [silent, silent + 7.0], &ages.gaps);
        let comes = 1.0 - week / now;
        Self {
            first,
            today,
            broader: [month - season, season - year],
            breadth: year - ((visited + 0.1) / ages.visits.whole(known)).ln(),
            // Hardly anyone is as certain to come as all gaps say.
            visit: (comes / (1.002 - comes)).ln(),
        }
    }
}

/// When a customer bought an item, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Bought<'a> {
    /// The days, oldest first.
    pub days: &'a [i32],
    /// Thousandths of units, by day.
    pub milli_units: &'a [i64],
}

/// What is known of a customer and a whole category at a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Around {
    /// Days since something of it was bought.
    silent: i32,
    /// Log rate of days on which something of it was bought, half life 120 days.
    rate: f64,
}

impl Around {
    /// By the days on which something of it was bought.
    pub fn of(days: impl Iterator<Item = i32> + Clone, customer: &Customer, ages: &Ages) -> Self {
        let known = customer.today - customer.first + 1;
        let weighed: f64 = days.clone().map(|day| ages.days[HALF_SEASON].at(customer.today - day)).sum();
        Self { silent: customer.today - days.last().unwrap_or(customer.today), rate: ((weighed + 0.05) / ages.days[HALF_SEASON].whole(known)).ln() }
    }

    /// That of an item, among those of all categories in their order; none where items are categories, or the item's is not known.
    pub fn among(arounds: &[(u32, Self)], items: &Items<'_>, item: u32) -> Option<Self> {
        let category = items.category?[item as usize];
        let place = arounds.binary_search_by_key(&category, |(category, _)| *category).ok().filter(|_| category > 0)?;
        Some(arounds[place].1)
    }
}

/// What is known of a customer and an item at a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Rates and what stands beside them; their order is that of `Term`.
    pub figures: [f64; FIGURES],
    /// By stretch, the log-odds of a purchase in it, of who made none before, by the gaps alone.
    pub odds: [f64; STRETCHES],
}

/// A figure's place.
pub mod figure {
    /// Log rate of purchases, half life 120 days.
    pub const RATE: usize = 0;
    /// The same, half life 7 days.
    pub const RATE_WEEK: usize = 1;
    /// Log-odds of a purchase in a fortnight.
    pub const WINDOWS: usize = 2;
    /// Categories a visit.
    pub const BREADTH: usize = 3;
    /// Mean log gap of the item.
    pub const ITEM_GAP: usize = 4;
    /// The item's season.
    pub const SEASON: usize = 5;
    /// The item's trend.
    pub const TREND: usize = 6;
    /// Variance of log gaps of the item.
    pub const ITEM_VARIANCE: usize = 7;
    /// Log rate, half life 30 days against 60.
    pub const RISING: usize = 8;
    /// Categories of late against a season.
    pub const BROADER: usize = 9;
    /// Of a season against a year.
    pub const BROADER_YEAR: usize = 10;
    /// Log-odds of a visit within a week.
    pub const VISIT: usize = 11;
    /// Log of days since the last purchase.
    pub const SILENT: usize = 12;
    /// The pair's own season.
    pub const OWN_SEASON: usize = 13;
    /// Log of days since the last purchase, against those since anything of its category was bought: another product may have served.
    pub const SERVED: usize = 14;
    /// Log rate, half life 120 days, against that of the category.
    pub const SHARE: usize = 15;
    /// Log of units bought last against those before.
    pub const STOCK: usize = 16;
    /// Log-odds that a buyer of the item buys it again.
    pub const AGAIN: usize = 17;
    /// Whether it was bought once.
    pub const ONCE: usize = 18;
}

impl Pair {
    /// By what the customer bought of the item up to the customer's date; `around` is the item's category, where the item is not one itself.
    pub fn of(bought: Bought<'_>, customer: &Customer, item: &Item, around: Option<Around>, ages: &Ages) -> Self {
        let days = bought.days;
        let (today, known) = (customer.today, customer.today - customer.first + 1);
        let (mut sums, mut windows) = ([0.0; 6], 0.0);
        let mut last_window = -1;
        for day in days.iter().rev() {
            let age = today - day;
            sums.iter_mut().zip(ages.at(age)).for_each(|(sum, weight)| *sum += weight);
            if age / WINDOW_DAYS != last_window {
                last_window = age / WINDOW_DAYS;
                windows += ages.windows.at(last_window * WINDOW_DAYS);
            }
        }
        let rate = |which: usize| ((sums[which] + 0.05) / ages.days[which].whole(known)).ln();
        let silent = today - days[days.len() - 1];
        let at = BOUNDS.map(|bound| f64::from(silent + bound) + 0.5);
        let longer = kernel::longer(days, today, (kernel::tail_of(item.mean_ln_gap), GAPS[0]), at, &ages.gaps);
        let odds = std::array::from_fn(|stretch| {
            let none = (longer[stretch + 1] / longer[stretch]).clamp(1e-6, 1.0 - 1e-6);
            ((1.0 - none) / none).ln()
        });
        let overall = sums[4] / ages.days[4].whole(known);
        let [broader, broader_year] = customer.broader;
        let figures = [
            rate(HALF_SEASON),
            rate(0),
            of_windows(windows, known - 1, ages),
            customer.breadth,
            item.mean_ln_gap,
            item.season,
            item.trend,
            item.variance_ln_gap,
            rate(1) - rate(2),
            broader,
            broader_year,
            customer.visit,
            f64::from(silent + 1).ln(),
            own_season(sums[5], overall, known - 1),
            around.map_or(0.0, |around| f64::from(silent + 1).ln() - f64::from(around.silent + 1).ln()),
            around.map_or(0.0, |around| rate(HALF_SEASON) - around.rate),
            stock(bought.milli_units, &ages.ln_whole_units),
            item.again,
            f64::from(u8::from(days.len() == 1)),
        ];
        Self { figures, odds }
    }
}

/// Log of units bought last against the mean log of those before.
fn stock(milli_units: &[i64], ln_whole_units: &[f64]) -> f64 {
    let ln = |units: &i64| match usize::try_from(units / 1000).ok().and_then(|whole| ln_whole_units.get(whole)) {
        Some(ln) if units % 1000 == 0 => *ln,
        _ => (*units.max(&1) as f64).ln(),
    };
    let [before @ .., last] = milli_units else { return 0.0 };
    let before = &before[before.len().saturating_sub(GAPS[0])..];
    if before.is_empty() { 0.0 } else { ln(last) - before.iter().map(ln).sum::<f64>() / before.len() as f64 }
}

impl Pair {
    /// The chance of a purchase up to one of `BOUNDS`, by the gaps alone.
    pub fn by_gaps(&self, days: i32) -> f64 {
        let none = self.odds.iter().zip(&BOUNDS[1..]).take_while(|(_, bound)| **bound <= days).map(|(odds, _)| 1.0 - sigmoid(*odds));
        1.0 - none.product::<f64>()
    }
}

/// Log-odds of a purchase in a fortnight, by fortnights of so many days.
fn of_windows(bought: f64, days: i32, ages: &Ages) -> f64 {
    let ratio = ages.windows.at(WINDOW_DAYS);
    let all = (1.0 - ratio.powi(days / WINDOW_DAYS)) / (1.0 - ratio);
    let share = ((bought + 0.1) / (all + 0.6)).min(0.99);
    log_odds(share)
}

/// Log of purchases around the coming fortnight of earlier years against those of any fortnight; 0 before there was a year.
fn own_season(near: f64, a_day: f64, days: i32) -> f64 {
    let years: f64 = (1..=YEARS).filter(|years| days >= YEAR_DAYS * years + 14).map(|years| 0.7f64.powi(years - 1)).sum();
    if years == 0.0 { 0.0 } else { ((14.0 * near / years + 0.35) / (14.0 * a_day + 0.35)).ln() }
}
