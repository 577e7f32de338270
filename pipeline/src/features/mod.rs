//! Features: named items over what a customer's lines add up to at a date. One file a family; a feature is added in its family's list.

mod basket;
mod cadence;
mod facts;
mod rfm;

pub use facts::{Facts, Orders, View};

use polars::prelude::Column as Series;
use serde::Serialize;

use crate::config::{Faults, RawFeatures};
use crate::error::Result;
use crate::key::Id;
use crate::table::{Column, Contract, Kind, Range, Table, dates, ids};
use crate::time::Day;

/// How a feature's value follows from the facts.
#[derive(Clone, Copy)]
pub enum Get {
    /// A whole number, or money.
    Int(fn(&Facts) -> Option<i64>),
    /// A number.
    Float(fn(&Facts) -> Option<f64>),
    /// A date.
    Date(fn(&Facts) -> Option<Day>),
}

/// A named item of the table `features`.
#[derive(Clone, Copy)]
pub struct Feature {
    /// Its name, with the unit in it.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be unknown.
    pub nullable: bool,
    /// Which values it may have.
    pub range: Range,
    /// What it means, and when it is unknown.
    pub meaning: &'static str,
    /// Its value.
    pub get: Get,
    /// Whether models may take it: dates and what duplicates another feature may not.
    pub for_models: bool,
}

/// Numbers from zero.
const FROM_ZERO: Range = Range::Between(0.0, f64::INFINITY);

impl Feature {
    const fn int(name: &'static str, get: fn(&Facts) -> Option<i64>, meaning: &'static str) -> Self {
        Self { name, kind: Kind::Int, nullable: true, range: FROM_ZERO, meaning, get: Get::Int(get), for_models: true }
    }

    const fn money(name: &'static str, get: fn(&Facts) -> Option<i64>, meaning: &'static str) -> Self {
        Self { kind: Kind::Money, range: Range::Any, ..Self::int(name, get, meaning) }
    }

    const fn float(name: &'static str, get: fn(&Facts) -> Option<f64>, meaning: &'static str) -> Self {
        Self { name, kind: Kind::Float, nullable: true, range: FROM_ZERO, meaning, get: Get::Float(get), for_models: true }
    }

    const fn date(name: &'static str, get: fn(&Facts) -> Option<Day>, meaning: &'static str) -> Self {
        Self { name, kind: Kind::Date, nullable: true, range: Range::Past, meaning, get: Get::Date(get), for_models: false }
    }

    /// The value as models take it; None where unknown.
    pub fn number(&self, facts: &Facts) -> Option<f64> {
        match self.get {
            Get::Int(get) => get(facts).map(|value| value as f64),
            Get::Float(get) => get(facts),
            Get::Date(get) => get(facts).map(|day| f64::from(day.0)),
        }
    }
}

/// All features there are, in the order of TABLES.md.
pub fn all() -> Vec<Feature> {
    [rfm::FEATURES, cadence::FEATURES, basket::FEATURES].concat()
}

/// The checked `features` section: the chosen features, in the order of columns.
#[derive(Clone)]
pub struct Params {
    /// The chosen features.
    pub items: Vec<Feature>,
}

impl Serialize for Params {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.items.iter().map(|item| item.name))
    }
}

/// Checks the section.
pub fn check(raw: RawFeatures, faults: &mut Faults<'_>) -> Params {
    let known = all();
    let mut items: Vec<Feature> = Vec::new();
    for (index, name) in raw.items.unwrap_or_default().iter().enumerate() {
        let path = format!("features.items[{index}]");
        match known.iter().find(|feature| feature.name == name) {
            Some(feature) if items.iter().any(|item| item.name == feature.name) => {
                faults.add(&path, "each feature once", format!("`{name}` again"));
            }
            Some(feature) => items.push(*feature),
            None => {
                faults.add_unknown(&path, "features", known.iter().map(|feature| feature.name), name);
            }
        }
    }
    if items.is_empty() {
        faults.add("features.items", "at least one feature", "none");
    }
    Params { items }
}

/// The contract of the table `features` with these items.
pub fn contract(items: &[Feature]) -> Contract {
    let mut columns = vec![Column::new("customer_id", Kind::Text, "the customer")];
    for item in items {
        let column = Column::new(item.name, item.kind, item.meaning).within(item.range);
        columns.push(if item.nullable { column.nullable() } else { column });
    }
    let meaning =
        "One row a customer: what the order lines add up to by as_of, for the features that the config chooses. All is unknown for who never ordered.";
    Contract::new("features", meaning, &["customer_id"], columns)
}

/// The table `features`.
///
/// # Errors
/// `Bug` if a feature breaks its contract.
pub fn table(items: &[Feature], customers: &[Id], facts: &[Facts], as_of: Day) -> Result<Table> {
    let mut columns = vec![ids("customer_id", customers.iter().copied().map(Some))];
    for item in items {
        columns.push(match item.get {
            Get::Int(get) => Series::new(item.name.into(), facts.iter().map(get).collect::<Vec<_>>()),
            Get::Float(get) => Series::new(item.name.into(), facts.iter().map(get).collect::<Vec<_>>()),
            Get::Date(get) => dates(item.name, facts.iter().map(get).collect())?,
        });
    }
    Table::new(contract(items), columns, as_of)
}
