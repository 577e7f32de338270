//! Features: named items over what a customer's lines add up to at a date. One file a family; a feature is added in its family's list.

mod basket;
mod brand_usage;
mod cadence;
mod catalogue;
mod channel;
mod cuts;
mod deals;
mod engagement;
mod events;
mod facts;
mod habits;
mod item;
mod missed;
mod preference;
mod profile;
mod promotion;
mod purchases;
mod rfm;
mod seen;
mod service;
mod several;
mod shares;
mod trend;
mod wallet;
mod world;

pub use catalogue::{Catalogue, Products, read_products};
pub use cuts::{WordCut, cut, cuts_contract, cuts_table};
pub use deals::{Deals, Promotions, read_promotions};
pub use events::{Event, EventKind, EventTable, read_events};
#[cfg(test)]
pub(crate) use facts::tests::worked_lines;
pub use facts::{Facts, Orders, View};
pub use item::{Cell, Feature, Peers, Ranked, UNKNOWN, Words};
pub use missed::{BASKET_BYTES, Baskets, Missed};
pub use purchases::{Purchase, purchases};
pub use seen::{About, Seen};
pub use world::{Person, World};

use std::sync::Arc;

use polars::prelude::{Column as Series, Float64Type, Int64Type};
use serde::Serialize;

use crate::config::{Faults, RawFamily, RawFeatures};
use crate::error::Result;
use crate::key::Id;
use crate::lake;
use crate::table::{Column, Contract, Kind, Table, dates, ids, numbers, words};
use crate::time::Day;
use item::{Choose, Measured, Scope};

/// A family: its name, its section, what it knows of all history, and of windows.
struct Family {
    name: &'static str,
    raw: fn(&RawFeatures) -> &Option<RawFamily>,
    items: Option<&'static dyn Choose>,
    windowed: Option<&'static dyn Choose>,
}

/// All families, in the order of columns.
const FAMILIES: &[Family] = &[
    Family { name: "rfm", raw: |raw| &raw.rfm, items: Some(&rfm::ITEMS), windowed: Some(&rfm::WINDOWED) },
    Family { name: "cadence", raw: |raw| &raw.cadence, items: Some(&cadence::ITEMS), windowed: None },
    Family { name: "basket", raw: |raw| &raw.basket, items: None, windowed: Some(&basket::WINDOWED) },
    Family { name: "trend", raw: |raw| &raw.trend, items: None, windowed: Some(&trend::WINDOWED) },
    Family { name: "preference", raw: |raw| &raw.preference, items: None, windowed: Some(&preference::WINDOWED) },
    Family { name: "brand_usage", raw: |raw| &raw.brand_usage, items: None, windowed: Some(&brand_usage::WINDOWED) },
    Family { name: "wallet", raw: |raw| &raw.wallet, items: None, windowed: Some(&wallet::WINDOWED) },
    Family { name: "promotion", raw: |raw| &raw.promotion, items: None, windowed: Some(&promotion::WINDOWED) },
    Family { name: "channel", raw: |raw| &raw.channel, items: None, windowed: Some(&channel::WINDOWED) },
    Family { name: "habits", raw: |raw| &raw.habits, items: None, windowed: Some(&habits::WINDOWED) },
    Family { name: "engagement", raw: |raw| &raw.engagement, items: Some(&engagement::ITEMS), windowed: Some(&engagement::WINDOWED) },
    Family { name: "service", raw: |raw| &raw.service, items: Some(&service::ITEMS), windowed: Some(&service::WINDOWED) },
    Family { name: "profile", raw: |raw| &raw.profile, items: Some(&profile::ITEMS), windowed: None },
];

/// The checked `features` section: the chosen features, in the order of columns, and how they are measured.
#[derive(Clone, Default)]
pub struct Params {
    features: Vec<Feature>,
    measured: Vec<Arc<dyn Measured>>,
    /// Categories that are measured one by one.
    pub categories: Vec<String>,
    /// Families that models take.
    models: Vec<String>,
}

impl Serialize for Params {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.features.iter().map(|feature| (&feature.name, &feature.meaning)))
    }
}

impl Params {
    /// What is `measured`; `models` are the families that models take.
    fn of(measured: Vec<Arc<dyn Measured>>, models: Vec<String>) -> Self {
        let mut features: Vec<Feature> = measured.iter().flat_map(|measured| measured.features()).collect();
        features.iter_mut().for_each(|feature| feature.for_models &= models.iter().any(|family| family == feature.family));
        Self { features, measured, categories: Vec::new(), models }
    }

    /// The chosen features, in the order of columns.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The families that models take, in the order of columns.
    pub fn families_of_models(&self) -> &[String] {
        &self.models
    }

    /// The columns that they are made of, as `table.column`.
    pub fn sources(&self) -> impl Iterator<Item = &'static str> {
        self.features.iter().flat_map(|feature| feature.sources).copied()
    }

    /// Those that models take.
    pub fn for_models(&self) -> Self {
        let taken = self.measured.iter().filter(|measured| self.models.iter().any(|family| family == measured.family()));
        Self::of(taken.map(|measured| measured.for_models()).collect(), self.models.clone())
    }

    /// Appends a customer's cells, one a feature.
    pub fn write(&self, seen: &Seen<'_>, row: &mut Vec<Cell>) {
        self.measured.iter().for_each(|measured| measured.write(seen, row));
    }
}

/// The family whose features are measured category by category.
const BY_CATEGORY: &str = "brand_usage";

/// Every feature there is, over windows of 30, 90 and 365 days.
pub fn everything() -> Params {
    let scope = |family: &Family, windowed: bool| Scope {
        windows_days: if windowed { vec![30, 90, 365] } else { Vec::new() },
        evidence_min: 3,
        subjects: if family.name == BY_CATEGORY { vec!["category".to_owned()] } else { Vec::new() },
    };
    let all = |family: &Family, known: Option<&'static dyn Choose>, windowed: bool| {
        known.map(|known| known.choose(family.name, &known.names().iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), scope(family, windowed)))
    };
    let both = |family: &Family| [all(family, family.items, false), all(family, family.windowed, true)];
    Params::of(FAMILIES.iter().flat_map(both).flatten().collect(), Vec::new())
}

/// Checks the section, and the families that models take.
pub fn check(raw: &RawFeatures, models: Vec<String>, faults: &mut Faults<'_>) -> Params {
    for (index, name) in models.iter().enumerate().filter(|(_, name)| !FAMILIES.iter().any(|family| family.name == name.as_str())) {
        faults.add_unknown(&format!("churn.families[{index}]"), "families", FAMILIES.iter().map(|family| family.name), name);
    }
    let chosen = FAMILIES.iter().flat_map(|family| check_family(family, (family.raw)(raw).clone().unwrap_or_default(), faults));
    let taken = FAMILIES.iter().map(|family| family.name.to_owned()).filter(|family| models.contains(family));
    let mut chosen = Params::of(chosen.collect(), taken.collect());
    chosen.categories = raw.brand_usage.as_ref().and_then(|family| family.categories.clone()).unwrap_or_default();
    if chosen.features.is_empty() {
        faults.add("features", "at least one feature", "none");
    }
    chosen
}

fn check_family(family: &Family, raw: RawFamily, faults: &mut Faults<'_>) -> Vec<Arc<dyn Measured>> {
    let path = format!("features.{}", family.name);
    let items = check_names(&format!("{path}.items"), raw.items.unwrap_or_default(), family.items, faults);
    let windowed = check_names(&format!("{path}.windowed"), raw.windowed.unwrap_or_default(), family.windowed, faults);
    let windows_days = check_windows(&format!("{path}.windows_days"), raw.windows_days.unwrap_or_default(), !windowed.is_empty(), faults);
    let evidence_min = raw.evidence_min.map_or(1, |least| faults.ranged(&format!("{path}.evidence_min"), Some(least), 1..=1000));
    let subjects = check_categories(&path, raw.categories.unwrap_or_default(), family.name == BY_CATEGORY && !windowed.is_empty(), faults);
    let scope = |windows_days: Vec<i32>| Scope { windows_days, evidence_min: i64::from(evidence_min), subjects: subjects.clone() };
    let mut measured = Vec::new();
    if let (Some(known), false) = (family.items, items.is_empty()) {
        measured.push(known.choose(family.name, &items, scope(Vec::new())));
    }
    if let (Some(known), false) = (family.windowed, windowed.is_empty() || windows_days.is_empty()) {
        measured.push(known.choose(family.name, &windowed, scope(windows_days)));
    }
    measured
}

/// The word that takes all items of a list.
const ALL: &str = "all";

fn check_names(path: &str, names: Vec<String>, known: Option<&dyn Choose>, faults: &mut Faults<'_>) -> Vec<String> {
    let known = known.map(Choose::names).unwrap_or_default();
    if names == [ALL] {
        return known.iter().map(|&name| name.to_owned()).collect();
    }
    let mut chosen: Vec<String> = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !known.contains(&name.as_str()) {
            faults.add_unknown(&path, "features", known.iter().copied().chain([ALL]), &name);
        } else if chosen.contains(&name) {
            faults.add(&path, "each feature once", format!("`{name}` again"));
        } else {
            chosen.push(name);
        }
    }
    chosen
}

fn check_categories(family: &str, raw: Vec<String>, needed: bool, faults: &mut Faults<'_>) -> Vec<String> {
    let path = format!("{family}.categories");
    if needed && raw.is_empty() {
        faults.add(&path, "at least one category", "none");
    }
    if !raw.is_empty() && !needed {
        faults.add(&path, format!("categories for `{BY_CATEGORY}` alone, with something in `windowed`"), raw.len());
    }
    let slugs: Vec<String> = raw.iter().map(|category| item::slug(category)).collect();
    for (index, category) in raw.iter().enumerate().filter(|(index, _)| slugs[..*index].contains(&slugs[*index])) {
        faults.add(&format!("{path}[{index}]"), "categories whose columns have names of their own", format!("`{category}`"));
    }
    raw
}

fn check_windows(path: &str, raw: Vec<u32>, needed: bool, faults: &mut Faults<'_>) -> Vec<i32> {
    if needed && raw.is_empty() {
        faults.add(path, "at least one window", "none");
    }
    let mut windows: Vec<i32> = Vec::new();
    for (index, days) in raw.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let days = faults.ranged(&path, Some(days), 1..=3650) as i32;
        if windows.contains(&days) {
            faults.add(&path, "each window once", format!("{days} again"));
        }
        windows.push(days);
    }
    windows
}

/// Checks that the lake has what features are made of, and that those of past dates are not made of what is only known as it is now.
pub fn check_sources(chosen: &Params, lake: &lake::Params, faults: &mut Faults<'_>) {
    let mut told: Vec<(&str, &str)> = Vec::new();
    for feature in &chosen.features {
        let path = format!("features.{}", feature.family);
        for source in feature.sources {
            let Some((name, column)) = source.split_once('.').filter(|(name, _)| !told.contains(&(feature.family, name))) else { continue };
            let Some(table) = lake.table(name) else {
                if name == "order_lines" {
                    // The section `lake` says so itself.
                    continue;
                }
                told.push((feature.family, name));
                faults.add(&path, format!("`{name}` among lake.tables, of which {} is made", feature.name), "no such table");
                continue;
            };
            let has_history = table.input.event.is_some() || table.input.contract.column("starts_on").is_some() || name == "promotion_products";
            if feature.for_models && !has_history && !table.slow.iter().any(|slow| slow == column) {
                told.push((feature.family, name));
                let expected = format!("`{column}` among lake.tables.{name}.slow, since models take {} at past dates", feature.name);
                faults.add(&path, expected, "a column that is only known as it is now (or leave the family out of churn.families)");
            }
        }
    }
}

/// The contract of the table `features` with these columns.
pub fn contract(features: &[Feature]) -> Contract {
    let mut columns = vec![Column::new("customer_id", Kind::Text, "the customer")];
    columns.extend(features.iter().map(Feature::column));
    let meaning = "One row a customer: what is known by as_of, for the features that the config chooses, over its windows (here 30, 90 and 365 days) and categories (here one called `category`; names are in lower case). An order is customer, source and order_id, on the day of its earliest line in the job's zone; it counts where something of it was bought, which is a line of more than 0 units. What came back or was cancelled is taken off the order that it names, on that order's day, if that is the customer's, else off its own. Fees and gift cards, by the kind of the line or of its product, are no products: they are neither lines nor value. Units, base units and ratings count in thousandths. A window of n days ends on as_of, which counts. Of equally large ones, `_top` is the one of the newest day, and of these the first (by name, or in the week or the day). Shares of value are of what is worth more than 0. What is made of orders is unknown for who never ordered.";

    Contract::new("features", meaning, &["customer_id"], columns)
}

/// The columns of `features`: `cells` gives those of the one at a place.
///
/// # Errors
/// `Bug` if dates cannot be made.
pub fn columns<I: Iterator<Item = Cell>>(features: &[Feature], cells: impl Fn(usize) -> I, world: &World) -> Result<Vec<Series>> {
    let column = |(place, feature): (usize, &Feature)| {
        let known = cells(place).map(|cell| Some(cell).filter(|cell| *cell != UNKNOWN));
        let name = feature.name.as_str().into();
        Ok(match feature.kind {
            Kind::Float => {
                let values = cells(place).map(|cell| f64::from_bits(cell as u64)).collect();
                numbers::<Float64Type>(&feature.name, values, |value| value.to_bits() as Cell != UNKNOWN)
            }
            Kind::Date => dates(&feature.name, known.map(|cell| cell.map(|cell| Day(cell as i32))).collect())?,
            Kind::Text if feature.peers.is_some() => {
                Series::new(name, known.map(|cell| cell.and_then(|cell| world.missed_top(feature, cell))).collect::<Vec<_>>())
            }
            Kind::Int if feature.peers.is_some() => {
                Series::new(name, known.map(|cell| cell.and_then(|cell| world.missed_count(feature, cell))).collect::<Vec<_>>())
            }
            Kind::Text if feature.ranked.is_some() => {
                Series::new(name, known.map(|cell| cell.and_then(|cell| world.ranked(feature, cell))).collect::<Vec<_>>())
            }
            Kind::Text => {
                let of = feature.words.map(|words| world.words(words)).unwrap_or_default();
                words(&feature.name, &of, known.map(|cell| cell.map(|cell| cell as usize)))?
            }
            _ => numbers::<Int64Type>(&feature.name, cells(place).collect(), |cell| *cell != UNKNOWN),
        })
    };
    features.iter().enumerate().map(column).collect()
}

/// The table `features`, or some columns of it: `cells` gives those of `customers` in the column at a place.
///
/// # Errors
/// `Bug` if a feature breaks its contract.
pub fn table<I>(features: &[Feature], cells: impl Fn(usize) -> I, customers: &[Id], world: &World, as_of: Day) -> Result<Table>
where
    I: Iterator<Item = Cell>,
{
    let mut all = vec![ids("customer_id", customers.iter().copied().map(Some))];
    all.extend(columns(features, cells, world)?);
    Table::new(contract(features), all, as_of)
}

#[cfg(test)]
mod tests {
    use super::catalogue::tests::catalogue;
    use super::facts::tests::line;
    use super::*;
    use crate::lake::{Line, LineKind};

    /// Worked by hand: on day 100, orders of 95, 60, 55 and 5 days after 1970 (Monday, Monday, Wednesday, Tuesday), of milk (place 1), tea (3 and 6) and milk
    /// again, two units each; the tea of day 60 was on promotion.
    #[test]
    fn families_look_as_far_as_their_longest_window() {
        let of = |day, order, amount_minor, product, (channel, store)| {
            let promotion = u32::from(day == 60);
            Line { product, channel, store, promotion, ..line(day, day, LineKind::Sale, order, amount_minor, 0) }
        };
        let lines = [of(5, 1, 900, 1, (1, 1)), of(55, 2, 100, 6, (2, 1)), of(60, 3, 500, 3, (2, 2)), of(95, 4, 300, 1, (1, 2))];
        let mut orders = Orders::default();
        orders.find(&lines);
        let facts = orders.facts(&lines, View { date: Day(100), observed_to: Day(100), lookback_days: 365 });
        // Tea is measured.
        let (world, person) = (World { catalogue: catalogue().0, measured: vec![2], ..World::nothing() }, Person::default());
        let seen = orders.seen(&lines, facts, About { world: &world, person: &person, events: &[] });
        let cells = |known: &dyn Choose, name: &str| {
            let subjects = if name == "usage_rate" { vec!["tea".to_owned()] } else { Vec::new() };
            let mut row = Vec::new();
            known.choose("", &[name.to_owned()], Scope { windows_days: vec![30, 90], evidence_min: 1, subjects }).write(&seen, &mut row);
            row
        };
        let floats = |known: &dyn Choose, name: &str| cells(known, name).into_iter().map(|cell| f64::from_bits(cell as u64)).collect::<Vec<_>>();
        assert_eq!(cells(&channel::WINDOWED, "channel_count"), [1, 2]);
        assert_eq!((cells(&channel::WINDOWED, "channel_top"), floats(&channel::WINDOWED, "channel_top_share")), (vec![1, 2], vec![1.0, 2.0 / 3.0]));
        assert_eq!((cells(&habits::WINDOWED, "weekday_top"), floats(&habits::WINDOWED, "weekday_top_share")), (vec![1, 1], vec![1.0, 2.0 / 3.0]));
        // Milk for 300, then tea for 600 beside it; of 900, 100 in the lowest third of prices and 500 in the highest.
        assert_eq!((cells(&preference::WINDOWED, "category_top"), cells(&preference::WINDOWED, "category_count")), (vec![1, 2], vec![1, 2]));
        assert_eq!(floats(&preference::WINDOWED, "price_low_share"), [0.0, 100.0 / 900.0]);
        assert_eq!(floats(&preference::WINDOWED, "price_high_share"), [0.0, 500.0 / 900.0]);
        assert_eq!(floats(&promotion::WINDOWED, "deal_line_share"), [0.0, 1.0 / 3.0]);
        // Two units of one base unit 45 days ago, two of three 40 days ago.
        assert_eq!((cells(&brand_usage::WINDOWED, "usage_rate")[0], floats(&brand_usage::WINDOWED, "usage_rate")[1]), (UNKNOWN, 8.0 / 46.0));
        // The first two baskets that anyone has.
        assert_eq!(cells(&missed::WINDOWED, "category_missed_count"), [0, 1]);
    }
}
