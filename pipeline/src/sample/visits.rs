//! When someone comes and what they buy: a gamma renewal process with drop-out, categories that fall due, brands, deals, returns.

use rand::RngExt;
use rand_distr::{Beta, Distribution, Gamma};

use super::people::{Account, Profile};
use super::shop::{Random, Shop, stream};

/// Shape of the gamma of order rates.
const RATE_SHAPE: f64 = 1.1;
/// The beta of drop-out chances.
const DROP_OUT: (f64, f64) = (0.8, 7.0);
/// Chance that a contact adds an order: what an uplift model should find.
pub const EFFECT: f64 = 0.05;

/// A line of an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    /// Product.
    pub product: usize,
    /// Units.
    pub quantity: i64,
    /// Value in cents.
    pub amount_minor: i64,
}

/// An order, or a return of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// Day since the start.
    pub day: i32,
    /// Second of the day, UTC.
    pub second: i64,
    /// Source that wrote it: a position in the profile's sources.
    pub source: usize,
    /// Store.
    pub store: usize,
    /// Its lines.
    pub items: Vec<Item>,
    /// The visit whose goods come back.
    pub return_of: Option<usize>,
    /// Days that its lines arrive late, by line.
    pub late_days: Vec<i32>,
}

/// How someone shops.
#[derive(Debug, Clone, PartialEq)]
pub struct Habit {
    /// Orders a day while active.
    pub rate: f64,
    /// Shape of the gaps.
    pub shape: f64,
    /// Chance to drop out after each order but the first.
    pub drop_out: f64,
    /// Day of the last order before dropping out, since the start.
    pub dropped_out: Option<i32>,
    private_share: f64,
    deal_share: f64,
    /// Category, own cycle, day of the last purchase.
    needs: Vec<(usize, f64, f64)>,
}

/// A contact of a campaign: number of the campaign, its day, whether it was sent (else control).
pub type Contact = (usize, i32, bool);

/// Someone's whole history.
pub struct History {
    /// How they shop.
    pub habit: Habit,
    /// Orders and returns, by time.
    pub visits: Vec<Visit>,
    /// Contacts.
    pub contacts: Vec<Contact>,
    /// Contacts that added an order: contact, day of the order.
    pub responses: Vec<(usize, i32)>,
}

impl Habit {
    fn draw(random: &mut Random, shop: &Shop, mean_rate: f64, gap_shape: f64) -> Self {
        let rates = Gamma::new(RATE_SHAPE, mean_rate / RATE_SHAPE).expect("a positive mean");
        let drop_outs = Beta::new(DROP_OUT.0, DROP_OUT.1).expect("positive parameters");
        let mixed = match random.random_range(0.0..1.0) {
            share if share < 0.4 => 1.0,
            share if share < 0.7 => 2.0,
            _ => 4.0,
        };
        let count = random.random_range(3..8);
        let needs = (0..count).map(|_| {
            let category = random.random_range(0..shop.categories.len());
            (category, shop.categories[category].cycle_days * random.random_range(0.6..1.6), -1e9)
        });
        let needs = needs.collect();
        Self {
            rate: rates.sample(random).max(1e-6),
            shape: if gap_shape == 0.0 { mixed } else { gap_shape },
            drop_out: drop_outs.sample(random),
            dropped_out: None,
            private_share: random.random_range(0.0..1.0),
            deal_share: random.random_range(0.0..0.8),
            needs,
        }
    }

    /// Days of orders since the start.
    fn days(&mut self, random: &mut Random, shop: &Shop, (first, end): (f64, f64)) -> Vec<i32> {
        let gaps = Gamma::new(self.shape, 1.0 / (self.shape * self.rate)).expect("a positive mean");
        let mut clock = shop.seasons.as_ref().map_or(first, |seasons| seasons.clock(first));
        let mut days = vec![first as i32];
        loop {
            clock += gaps.sample(random);
            let at = shop.seasons.as_ref().map_or(clock, |seasons| seasons.instant(clock));
            if at >= end {
                return days;
            }
            days.push(at as i32);
            if random.random_bool(self.drop_out) {
                self.dropped_out = Some(at as i32);
                return days;
            }
        }
    }

    fn items(&mut self, random: &mut Random, shop: &Shop, day: i32) -> Vec<Item> {
        let mut chosen: Vec<usize> = Vec::new();
        for (category, cycle, last) in &mut self.needs {
            let elapsed = (f64::from(day) - *last).min(*cycle);
            if random.random_bool(1.0 - (-(elapsed / *cycle).powi(3)).exp()) {
                chosen.push(*category);
                *last = f64::from(day);
            }
        }
        if chosen.is_empty() || random.random_bool(0.3) {
            chosen.push(random.random_range(0..shop.categories.len()));
        }
        chosen.iter().map(|&category| self.item(random, shop, category, day)).collect()
    }

    fn item(&self, random: &mut Random, shop: &Shop, category: usize, day: i32) -> Item {
        let wants_private = random.random_bool(self.private_share);
        let wants_deal = random.random_bool(self.deal_share);
        let products = shop.categories[category].products.clone();
        let mut product = random.random_range(products.clone());
        for _ in 0..6 {
            let fits = shop.products[product].private == wants_private && (!wants_deal || shop.deal(product, day).is_some());
            if fits {
                break;
            }
            product = random.random_range(products.clone());
        }
        let quantity = if random.random_bool(0.15) { random.random_range(2..5) } else { 1 };
        let off = shop.deal(product, day).unwrap_or_default();
        let price = (shop.products[product].price_minor as f64 * (1.0 - off)).round() as i64;
        Item { product, quantity, amount_minor: quantity * price }
    }
}

/// Draws someone's history.
pub fn draw(shop: &Shop, seed: u64, profile: &Profile, mean_rate: f64, gap_shape: f64) -> History {
    let mut random = stream(seed, u64::from(profile.person) * 2 + 1);
    let mut habit = Habit::draw(&mut random, shop, mean_rate, gap_shape);
    if profile.account == Account::HouseCard {
        // Cashiers swipe it several times a day, for ever.
        (habit.rate, habit.drop_out) = (3.0, 0.0);
    }
    let end = f64::from(shop.days);
    let mut days = Vec::new();
    if profile.buys {
        let later = random.random_range(0.0..5.0);
        let first = match &shop.seasons {
            Some(seasons) => seasons.instant(seasons.clock(f64::from(profile.registered_day)) + later),
            None => f64::from(profile.registered_day) + later,
        };
        days = habit.days(&mut random, shop, (first.min(end - 1.0), end));
    }
    let (contacts, responses) = draw_contacts(&mut random, shop, profile);
    days.extend(responses.iter().map(|response| response.1).filter(|day| profile.buys && *day < shop.days));
    days.sort_unstable();
    let mut visits = Vec::new();
    for &day in &days {
        let visit = draw_visit(&mut random, shop, profile, &mut habit, day);
        let comes_back = (0..visit.items.len()).find(|_| random.random_bool(0.03));
        visits.push(visit);
        if let Some(line) = comes_back {
            let back = draw_return(&mut random, shop, (profile, &visits), line);
            visits.push(back);
        }
    }
    History { habit, visits, contacts, responses }
}

fn draw_contacts(random: &mut Random, shop: &Shop, profile: &Profile) -> (Vec<Contact>, Vec<(usize, i32)>) {
    let (mut contacts, mut responses) = (Vec::new(), Vec::new());
    for (number, day) in shop.campaigns().into_iter().enumerate() {
        if profile.registered_day < day && random.random_bool(0.1) {
            let sent = random.random_bool(0.8);
            contacts.push((number, day, sent));
            let answers = random.random_bool(EFFECT);
            let on = day + random.random_range(1..15);
            if sent && answers && profile.buys {
                responses.push((contacts.len() - 1, on));
            }
        }
    }
    (contacts, responses)
}

fn draw_visit(random: &mut Random, shop: &Shop, profile: &Profile, habit: &mut Habit, day: i32) -> Visit {
    let items = habit.items(random, shop, day);
    // 15:00 to 23:00 UTC is the same day all over North America.
    let second = random.random_range(15 * 3600..23 * 3600);
    let source = random.random_range(0..profile.sources.len());
    let store = if random.random_bool(0.9) { profile.store } else { random.random_range(0..super::shop::STORES) };
    let late = |random: &mut Random| if random.random_bool(0.05) { random.random_range(1..6) } else { 0 };
    let late_days = items.iter().map(|_| late(random)).collect();
    let day = shop.open_day(day, profile.sources[source]);
    Visit { day, second, source, store, items, return_of: None, late_days }
}

fn draw_return(random: &mut Random, shop: &Shop, (profile, visits): (&Profile, &[Visit]), line: usize) -> Visit {
    let of = visits.len() - 1;
    let bought = &visits[of];
    let item = bought.items[line];
    let back = Item { quantity: -item.quantity, amount_minor: -item.amount_minor, ..item };
    let day = shop.open_day(bought.day + random.random_range(3..11), profile.sources[bought.source]);
    Visit { day, items: vec![back], return_of: Some(of), late_days: vec![0], ..bought.clone() }
}

/// The mean order rate at which people have this many lines in the mean: bisection over the first people's histories.
pub fn calibrate(shop: &Shop, seed: u64, lines_per_customer: f64, gap_shape: f64) -> f64 {
    const PILOT: u32 = 400;
    let lines = |mean_rate: f64| {
        let count = |person: u32| {
            let profile = Profile::draw(shop, seed, person);
            draw(shop, seed, &profile, mean_rate, gap_shape).visits.iter().map(|visit| visit.items.len()).sum::<usize>()
        };
        (1..=PILOT).map(count).sum::<usize>() as f64 / f64::from(PILOT)
    };
    let (mut low, mut high) = (1e-4f64, 2.0f64);
    for _ in 0..14 {
        let middle = (low * high).sqrt();
        if lines(middle) < lines_per_customer {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low * high).sqrt()
}
