//! Who someone is: sources, e-mail with its dirt, household, home store, consent, account type.

use rand::RngExt;

use super::identity::{self, Written};
use super::shop::{Random, STORE_SHARES, STORES, Shop, stream};

/// Names of the sources.
pub const SOURCES: [&str; 3] = ["app", "store", "web"];

/// Account types beside people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// Someone who shops.
    Person,
    /// Someone who works here.
    Staff,
    /// The card that cashiers swipe for everyone.
    HouseCard,
}

/// Someone, as the shop's systems know them.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Number, from 0.
    pub person: u32,
    /// Kind of account.
    pub account: Account,
    /// Sources that know the person; the first is the main one.
    pub sources: Vec<usize>,
    /// By known source: the address as it is written there, if at all.
    pub emails: Vec<Option<String>>,
    /// By known source: name, date of birth, postcode and phone number as they are written there.
    pub written: Vec<Written>,
    /// Home store.
    pub store: usize,
    /// Household, where it is shared.
    pub household: Option<u32>,
    /// Day of registration since the start.
    pub registered_day: i32,
    /// Whether there is ever an order.
    pub buys: bool,
    /// Decisions: day since the start, and given, withdrawn or objected.
    pub consents: Vec<(i32, &'static str)>,
}

/// The address that belongs to a person.
fn address(person: u32) -> String {
    const DOMAINS: [&str; 4] = ["mail.example", "post.example", "inbox.example", "letters.example"];
    format!("person{person}@{}", DOMAINS[person as usize % DOMAINS.len()])
}

impl Profile {
    /// Draws a person; the first person is the house card.
    pub fn draw(shop: &Shop, seed: u64, person: u32) -> Self {
        let mut random = stream(seed, u64::from(person) * 2);
        let account = match person {
            0 => Account::HouseCard,
            _ if random.random_bool(0.01) => Account::Staff,
            _ => Account::Person,
        };
        let sources = if account == Account::HouseCard { vec![1] } else { draw_sources(&mut random) };
        // Four people in a hundred share an address with the neighbour, who lives in the same household.
        let shares_address = person % 50 == 3;
        let owner = if shares_address { person - 1 } else { person };
        let household = matches!(person % 50, 2 | 3).then(|| person / 50 * 50 + 2).or_else(|| matches!(person % 10, 6 | 7).then(|| person / 10 * 10 + 6));
        let emails = sources.iter().map(|_| draw_email(&mut random, owner)).collect();
        // A draw for each source, which phone numbers took before they had a stream of their own: what follows stays as it was.
        for _ in &sources {
            let _ = random.random_bool(0.3);
        }
        let written = identity::written(seed, person, household, shop.start, sources.len());
        let registered_day = random.random_range(0..(f64::from(shop.days) * 0.95) as i32);
        let registered_day = shop.seasons.as_ref().map_or(registered_day, |seasons| seasons.instant(f64::from(registered_day) + 0.5) as i32);
        Self {
            person,
            account,
            emails,
            written,
            store: draw_store(&mut random),
            household,
            registered_day,
            buys: account != Account::Person || !random.random_bool(0.08),
            consents: draw_consents(&mut random, registered_day),
            sources,
        }
    }

    /// source_customer_id in a source.
    pub fn key(person: u32, source: usize) -> String {
        // Ids of different sources look different, and do not tell the person.
        let mixed = person.wrapping_mul(2_654_435_761).rotate_left(7 * source as u32 + 3);
        format!("{}{mixed:08x}", ["a", "c", "w"][source])
    }
}

fn draw_sources(random: &mut Random) -> Vec<usize> {
    let main = match random.random_range(0.0..1.0) {
        share if share < 0.7 => 1,
        share if share < 0.9 => 2,
        _ => 0,
    };
    let mut sources = vec![main];
    // One in five is known to two sources or more.
    if random.random_bool(0.2) {
        sources.push((main + 1) % 3);
        if random.random_bool(0.2) {
            sources.push((main + 2) % 3);
        }
    }
    sources
}

fn draw_email(random: &mut Random, owner: u32) -> Option<String> {
    let share: f64 = random.random_range(0.0..1.0);
    let email = address(owner);
    match share {
        share if share < 0.15 => None,
        share if share < 0.16 => Some("test@test.com".to_owned()),
        share if share < 0.19 => Some(email.replacen("person", "persn", 1)),
        share if share < 0.30 => Some(email.to_uppercase()),
        _ => Some(email),
    }
}

fn draw_store(random: &mut Random) -> usize {
    let mut share: f64 = random.random_range(0.0..1.0);
    for (store, part) in STORE_SHARES.iter().enumerate() {
        share -= part;
        if share < 0.0 {
            return store;
        }
    }
    STORES - 1
}

fn draw_consents(random: &mut Random, registered_day: i32) -> Vec<(i32, &'static str)> {
    let mut decisions = Vec::new();
    if random.random_bool(0.7) {
        decisions.push((registered_day, "given"));
    }
    match random.random_range(0.0..1.0) {
        share if share < 0.08 => decisions.push((registered_day + random.random_range(1..300), "withdrawn")),
        share if share < 0.10 => decisions.push((registered_day + random.random_range(1..300), "objected")),
        _ => {}
    }
    decisions
}
