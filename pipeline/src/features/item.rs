//! A feature as its family writes it down, and a family at work.

use std::sync::Arc;

use super::seen::Seen;
use crate::table::{Column, Kind, Range};
use crate::time::Day;

/// A value in eight bytes: whole numbers, money and dates as they are, floats as their bits, texts as their places among the words.
pub type Cell = i64;

/// The cell of an unknown value: no whole number that can be reached, and the bits of a zero below zero, which no float is given.
pub const UNKNOWN: Cell = i64::MIN;

/// The cell of a number.
fn of_float(value: f64) -> Cell {
    (value + 0.0).to_bits() as i64
}

/// Where the texts of a feature come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Categories of products.
    Categories,
    /// Brands of products.
    Brands,
    /// Series of products.
    Series,
    /// Styles of products.
    Styles,
    /// Channels of order lines.
    Channels,
    /// Stores of order lines.
    Stores,
    /// Genders of customers.
    Genders,
    /// These.
    Fixed(&'static [&'static str]),
}

/// How a feature's value follows from what its family measured.
pub(super) enum Get<A> {
    /// A whole number.
    Int(fn(&A) -> Option<i64>),
    /// Minor units.
    Money(fn(&A) -> Option<i64>),
    /// A number.
    Float(fn(&A) -> Option<f64>),
    /// A date.
    Date(fn(&A) -> Option<Day>),
    /// A text, by its place among the words.
    Text(fn(&A) -> Option<u32>, Words),
    /// A text that says where a number stands among those of everyone.
    Ranked(fn(&A) -> Option<f64>, &'static Ranked),
    /// What those who are alike do and the customer does not, by the number of a basket.
    Peers(fn(&A) -> Option<u32>, Peers),
}

/// What is said of categories that those who are alike buy and the customer does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// How many there are.
    Count,
    /// The one that most of the others buy.
    Top,
}

/// Words for parts of everyone, ranked by a number.
#[derive(Debug, PartialEq)]
pub struct Ranked {
    /// The words, lowest first.
    pub words: &'static [&'static str],
    /// The share of everyone below which each but the last ends.
    pub shares: &'static [f64],
}

impl<A> Clone for Get<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Get<A> {}

impl<A> Get<A> {
    fn cell(&self, measured: &A) -> Cell {
        let cell = match self {
            Get::Int(get) | Get::Money(get) => get(measured),
            Get::Float(get) | Get::Ranked(get, _) => get(measured).map(of_float),
            Get::Date(get) => get(measured).map(|day| i64::from(day.0)),
            Get::Text(get, _) | Get::Peers(get, _) => get(measured).map(i64::from),
        };
        cell.unwrap_or(UNKNOWN)
    }

    fn kind(&self) -> Kind {
        match self {
            Get::Int(_) | Get::Peers(_, Peers::Count) => Kind::Int,
            Get::Money(_) => Kind::Money,
            Get::Float(_) => Kind::Float,
            Get::Date(_) => Kind::Date,
            Get::Text(..) | Get::Ranked(..) | Get::Peers(_, Peers::Top) => Kind::Text,
        }
    }
}

/// A named item of a family, over what the family measures.
pub(super) struct Item<A: 'static> {
    /// Its name, without a window.
    pub name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    unknown: &'static str,
    sources: &'static [&'static str],
    range: Range,
    get: Get<A>,
    for_models: bool,
}

impl<A> Clone for Item<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Item<A> {}

/// Numbers from zero.
const FROM_ZERO: Range = Range::Between(0.0, f64::INFINITY);

impl<A> Item<A> {
    const fn new(name: &'static str, unit: &'static str, range: Range, get: Get<A>, meaning: &'static str) -> Self {
        Self { name, unit, meaning, unknown: "", sources: &[], range, get, for_models: true }
    }

    /// A count, or days.
    pub const fn int(name: &'static str, unit: &'static str, get: fn(&A) -> Option<i64>, meaning: &'static str) -> Self {
        Self::new(name, unit, FROM_ZERO, Get::Int(get), meaning)
    }

    /// An amount.
    pub const fn money(name: &'static str, get: fn(&A) -> Option<i64>, meaning: &'static str) -> Self {
        Self::new(name, "minor units", Range::Any, Get::Money(get), meaning)
    }

    /// A number from zero.
    pub const fn float(name: &'static str, unit: &'static str, get: fn(&A) -> Option<f64>, meaning: &'static str) -> Self {
        Self::new(name, unit, FROM_ZERO, Get::Float(get), meaning)
    }

    /// A share, 0 to 1.
    pub const fn share(name: &'static str, get: fn(&A) -> Option<f64>, meaning: &'static str) -> Self {
        Self::new(name, "share", Range::Between(0.0, 1.0), Get::Float(get), meaning)
    }

    /// A date; models do not take it.
    pub const fn date(name: &'static str, get: fn(&A) -> Option<Day>, meaning: &'static str) -> Self {
        Self::new(name, "date", Range::Past, Get::Date(get), meaning).not_for_models()
    }

    /// A text.
    pub const fn text(name: &'static str, words: Words, get: fn(&A) -> Option<u32>, meaning: &'static str) -> Self {
        Self::new(name, "text", Range::Any, Get::Text(get, words), meaning)
    }

    /// A text that says where a number stands among those of everyone; models do not take it.
    pub const fn ranked(name: &'static str, ranked: &'static Ranked, get: fn(&A) -> Option<f64>, meaning: &'static str) -> Self {
        Self::new(name, "text", Range::Any, Get::Ranked(get, ranked), meaning).not_for_models()
    }

    /// Of what those who are alike do and the customer does not; models do not take it.
    pub const fn of_peers(name: &'static str, peers: Peers, get: fn(&A) -> Option<u32>, meaning: &'static str) -> Self {
        let (unit, range) = match peers {
            Peers::Count => ("categories", FROM_ZERO),
            Peers::Top => ("text", Range::Any),
        };
        Self::new(name, unit, range, Get::Peers(get, peers), meaning).not_for_models()
    }

    /// The same, of any sign.
    pub const fn signed(self) -> Self {
        Self { range: Range::Any, ..self }
    }

    /// The same, within bounds.
    pub const fn within(self, low: f64, high: f64) -> Self {
        Self { range: Range::Between(low, high), ..self }
    }

    /// The same, with when it is unknown beside who never ordered.
    pub const fn unknown(self, when: &'static str) -> Self {
        Self { unknown: when, ..self }
    }

    /// The same, with the columns it is made from, as `table.column`.
    pub const fn from(self, sources: &'static [&'static str]) -> Self {
        Self { sources, ..self }
    }

    /// The same, kept from models: it repeats another feature.
    pub const fn not_for_models(self) -> Self {
        Self { for_models: false, ..self }
    }

    fn feature(&self, family: &'static str, scope: &Scope, subject: Option<&String>, days: Option<i32>) -> Feature {
        let of = subject.map_or_else(String::new, |subject| format!("_{}", slug(subject)));
        let name = days.map_or_else(|| format!("{}{of}", self.name), |days| format!("{}{of}_{days}d", self.name));
        let subject = subject.map_or_else(String::new, |subject| format!(", of {subject}"));
        let fill = |text: &str| text.replace("{evidence}", &scope.evidence_min.to_string());
        let window = days.map_or_else(String::new, |days| format!(", in the {days} days to as_of"));
        let unknown = if self.unknown.is_empty() { String::new() } else { format!("; unknown {}", fill(self.unknown)) };
        let words = if let Get::Text(_, words) = self.get { Some(words) } else { None };
        let ranked = if let Get::Ranked(_, ranked) = self.get { Some(ranked) } else { None };
        let peers = if let Get::Peers(_, peers) = self.get { Some(peers) } else { None };
        Feature {
            family,
            name,
            kind: self.get.kind(),
            unit: self.unit,
            range: self.range,
            meaning: format!("{}{subject}{window}{unknown}", fill(self.meaning)),
            sources: self.sources,
            for_models: self.for_models,
            words,
            ranked,
            peers,
        }
    }
}

/// A text as a part of a column's name.
pub(super) fn slug(text: &str) -> String {
    text.chars().map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '_' }).collect()
}

/// A column of the table `features`.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its family.
    pub family: &'static str,
    /// Its name, with the window in it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// In what they are counted.
    pub unit: &'static str,
    /// Which values it may have.
    pub range: Range,
    /// What it means, and when it is unknown.
    pub meaning: String,
    /// The columns that it is made from, as `table.column`.
    pub sources: &'static [&'static str],
    /// Whether models may take it: dates, what follows from everyone and what repeats another feature they may not.
    pub for_models: bool,
    /// Where its texts come from.
    pub words: Option<Words>,
    /// Which texts say where its number stands among those of everyone.
    pub ranked: Option<&'static Ranked>,
    /// What it says of those who are alike.
    pub peers: Option<Peers>,
}

impl Feature {
    /// Its column in a contract.
    pub fn column(&self) -> Column {
        let meaning = format!("{} ({}; from {})", self.meaning, self.unit, self.sources.join(", "));
        Column::new(&self.name, self.kind, &meaning).within(self.range).nullable()
    }

    /// A cell as models take it; None where unknown.
    pub fn number(&self, cell: Cell) -> Option<f64> {
        match self.kind {
            _ if cell == UNKNOWN => None,
            Kind::Float => Some(f64::from_bits(cell as u64)),
            _ => Some(cell as f64),
        }
    }
}

/// Within what a family measures.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Lengths of windows that end on the date; none for all history.
    pub windows_days: Vec<i32>,
    /// Fewest orders in a window for a share to be known.
    pub evidence_min: i64,
    /// Categories that are measured one by one; none for what is not measured so.
    pub subjects: Vec<String>,
}

impl Scope {
    /// Of one value a window, those of the windows that hold a day so many days before the date.
    pub fn holding<'a, A>(&'a self, age: i64, measured: &'a mut [A]) -> impl Iterator<Item = &'a mut A> {
        measured.iter_mut().zip(&self.windows_days).filter(move |(_, days)| age < i64::from(**days)).map(|(measured, _)| measured)
    }

    /// How many values a measure gives.
    fn values(&self) -> usize {
        self.windows_days.len().max(1) * self.subjects.len().max(1)
    }
}

/// Measures one customer: one value a window, or one; where there are subjects, one after another.
pub(super) type Measure<A> = fn(&Seen<'_>, &Scope, &mut Vec<A>);

/// Items of a family over one kind of measure, not chosen from yet.
pub(super) struct Known<A: 'static> {
    /// The items there are.
    pub items: &'static [Item<A>],
    /// How what they look at is measured.
    pub measure: Measure<A>,
    /// Whether all is unknown for who never ordered.
    pub of_orders: bool,
}

/// Something of which items can be chosen.
pub(super) trait Choose {
    /// Names, without windows.
    fn names(&self) -> Vec<&'static str>;
    /// The items called `names`, at work.
    fn choose(&self, family: &'static str, names: &[String], scope: Scope) -> Arc<dyn Measured>;
}

impl<A: 'static> Choose for Known<A> {
    fn names(&self) -> Vec<&'static str> {
        self.items.iter().map(|item| item.name).collect()
    }

    fn choose(&self, family: &'static str, names: &[String], scope: Scope) -> Arc<dyn Measured> {
        let items = names.iter().filter_map(|name| self.items.iter().find(|item| item.name == name)).copied().collect();
        Arc::new(Chosen { family, items, scope, measure: self.measure, of_orders: self.of_orders })
    }
}

/// Chosen items of a family, at work.
pub(super) trait Measured: Send + Sync {
    /// Their columns, in the order in which they are written.
    fn features(&self) -> Vec<Feature>;
    /// The same, of those that models take.
    fn for_models(&self) -> Arc<dyn Measured>;
    /// The family.
    fn family(&self) -> &'static str;
    /// Appends a cell for each column.
    fn write(&self, seen: &Seen<'_>, row: &mut Vec<Cell>);
}

struct Chosen<A: 'static> {
    family: &'static str,
    items: Vec<Item<A>>,
    scope: Scope,
    measure: Measure<A>,
    of_orders: bool,
}

impl<A: 'static> Chosen<A> {
    fn width(&self) -> usize {
        self.items.len() * self.scope.values()
    }
}

impl<A: 'static> Measured for Chosen<A> {
    fn features(&self) -> Vec<Feature> {
        let windows: Vec<Option<i32>> = match self.scope.windows_days.as_slice() {
            [] => vec![None],
            days => days.iter().copied().map(Some).collect(),
        };
        let subjects: Vec<Option<&String>> = match self.scope.subjects.as_slice() {
            [] => vec![None],
            subjects => subjects.iter().map(Some).collect(),
        };
        let columns: Vec<(Option<&String>, Option<i32>)> = subjects.iter().flat_map(|subject| windows.iter().map(|days| (*subject, *days))).collect();
        let each = |item: &Item<A>| columns.iter().map(|(subject, days)| item.feature(self.family, &self.scope, *subject, *days)).collect::<Vec<_>>();
        self.items.iter().flat_map(each).collect()
    }

    fn family(&self) -> &'static str {
        self.family
    }

    fn for_models(&self) -> Arc<dyn Measured> {
        let items = self.items.iter().filter(|item| item.for_models).copied().collect();
        Arc::new(Self { items, scope: self.scope.clone(), ..*self })
    }

    fn write(&self, seen: &Seen<'_>, row: &mut Vec<Cell>) {
        if self.items.is_empty() {
            return;
        }
        if self.of_orders && seen.facts.first_day.get().is_none() {
            row.resize(row.len() + self.width(), UNKNOWN);
            return;
        }
        let mut measured = Vec::with_capacity(self.scope.values());
        (self.measure)(seen, &self.scope, &mut measured);
        for item in &self.items {
            row.extend(measured.iter().map(|measured| item.get.cell(measured)));
        }
    }
}
