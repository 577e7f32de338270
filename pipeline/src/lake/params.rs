//! The checked `lake` section.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::contracts::{Input, input, inputs};
use crate::config::{Faults, RawColumn, RawExtra, RawLake, RawMissing, RawRules, RawScalar, RawTable, RawTest};
use crate::rule::{self, Rule};
use crate::store::{Location, RawLocation};
use crate::table::Kind;
use crate::time::{Day, Zone};

/// The lake: where it is and how its tables are read.
#[derive(Debug, Clone)]
pub struct Params {
    /// The store that holds it.
    pub location: Location,
    /// Its tables, in the order of their use.
    pub tables: Vec<TableParams>,
}

/// How one table is read.
#[derive(Debug, Clone, Serialize)]
pub struct TableParams {
    /// What its rows promise.
    #[serde(skip)]
    pub input: Input,
    /// File or folder below the lake's root.
    pub path: String,
    /// Zone of timestamps that carry none.
    #[serde(serialize_with = "zone_name")]
    pub zone: Option<Zone>,
    /// Contract column -> where it comes from, as the YAML says.
    pub columns: BTreeMap<String, Mapping>,
    /// Named rules over the files' own columns.
    pub reject: Vec<(String, Vec<Rule>)>,
    /// Columns of which features of past dates may be made, though the table has no history.
    pub slow: Vec<String>,
    /// Whether a column that nothing uses is an error.
    pub refuse_extra: bool,
    /// Whether a file may lack a mapped optional column.
    pub missing_is_unknown: bool,
    /// Columns that are not read, as nothing is made of them.
    pub unread: Vec<&'static str>,
    /// The largest file that is opened; no part of what the rows mean.
    #[serde(skip)]
    pub max_file_bytes: u64,
}

/// Where a contract column comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// A column of the files, or a partition key.
    Column(String),
    /// The product of two columns.
    Product(String, String),
    /// The same text in every row.
    Constant(String),
}

fn zone_name<S: serde::Serializer>(zone: &Option<Zone>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    zone.as_ref().map(Zone::name).serialize(serializer)
}

/// Checks the section.
pub fn check(raw: RawLake, faults: &mut Faults<'_>) -> Params {
    let location = Location::check(RawLocation { url: raw.url, options: raw.options, private_hosts: raw.private_hosts }, "lake", faults);
    let max_file_bytes = faults.ranged("lake.max_file_bytes", raw.max_file_bytes, 1..=1 << 50);
    let mut raw_tables = raw.tables.unwrap_or_default();
    let known: Vec<String> = inputs().into_iter().map(|input| input.contract.name).collect();
    for name in raw_tables.keys().filter(|name| !known.contains(name)) {
        faults.add_unknown(&format!("lake.tables.{name}"), "tables", known.iter().map(String::as_str), name);
    }
    let mut tables = Vec::new();
    for input in known.iter().filter_map(|name| input(name)) {
        let path = format!("lake.tables.{}", input.contract.name);
        match raw_tables.remove(&input.contract.name) {
            Some(raw) => tables.push(TableParams { max_file_bytes, ..check_table(raw, input, &path, faults) }),
            None if !input.optional => faults.add(&path, "this table", "nothing"),
            None => {}
        }
    }
    Params { location, tables }
}

impl Params {
    /// The table called `name`, if the lake has it.
    pub fn table(&self, name: &str) -> Option<&TableParams> {
        self.tables.iter().find(|table| table.input.contract.name == name)
    }

    /// Leaves unread what is read only where something is made of it, but for `sources`: `table.column` of all that something is made of.
    pub fn read_only(&mut self, sources: &BTreeSet<&str>) {
        for table in &mut self.tables {
            let name = &table.input.contract.name;
            table.unread = table.input.asked_for.iter().copied().filter(|column| !sources.contains(format!("{name}.{column}").as_str())).collect();
        }
    }
}

fn check_table(raw: RawTable, input: Input, path: &str, faults: &mut Faults<'_>) -> TableParams {
    let zone_text = raw.timezone.map(|zone| faults.text(&format!("{path}.timezone"), Some(zone), "a time zone"));
    let zone = zone_text.as_deref().and_then(Zone::parse);
    if let (Some(text), None) = (&zone_text, &zone) {
        faults.add(&format!("{path}.timezone"), "an IANA time zone", format!("`{text}`"));
    }
    let mut columns = BTreeMap::new();
    for (name, column) in raw.columns.unwrap_or_default() {
        let path = format!("{path}.columns.{name}");
        let Some(contract) = input.contract.column(&name) else {
            faults.add_unknown(&path, "columns", input.contract.columns.iter().map(|column| column.name.as_str()), &name);
            continue;
        };
        if let Some(mapping) = check_column(column, contract.kind, &path, faults) {
            columns.insert(name, mapping);
        }
    }
    let slow = raw.slow.unwrap_or_default();
    for (index, name) in slow.iter().enumerate().filter(|(_, name)| input.contract.column(name).is_none()) {
        faults.add_unknown(&format!("{path}.slow[{index}]"), "columns", input.contract.columns.iter().map(|column| column.name.as_str()), name);
    }
    let reject = raw.reject.unwrap_or_default().into_iter();
    let reject = reject.map(|(name, rules)| {
        let path = format!("{path}.reject.{name}");
        let kinds = column_kinds(&rules);
        let rules = rule::check(&rules, &path, &|column| kinds.get(column).copied(), faults);
        if rules.is_empty() {
            faults.add(&path, "at least one rule", "none");
        }
        (name, rules)
    });
    TableParams {
        slow,
        reject: reject.collect(),
        path: check_path(raw.path, &format!("{path}.path"), faults),
        zone,
        columns,
        refuse_extra: raw.extra_columns == Some(RawExtra::Refuse),
        missing_is_unknown: raw.missing_columns != Some(RawMissing::Refuse),
        unread: Vec::new(),
        max_file_bytes: 0,
        input,
    }
}

/// A path below the lake: plain parts, and nothing that leads out of it, however it is written.
fn check_path(raw: Option<String>, path: &str, faults: &mut Faults<'_>) -> String {
    let text = faults.text(path, raw, "a file or folder");
    let is_plain = |part: &str| {
        let decoded = part.to_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
        let odd = decoded.contains(['/', '\\', '\0']) || decoded.chars().any(char::is_control);
        !odd && decoded.trim_end_matches(['.', ' ']) == decoded && !decoded.is_empty() && !decoded.starts_with('~')
    };
    if !text.is_empty() && !text.trim_end_matches('/').split('/').all(is_plain) {
        faults.add(path, "a path below the lake's URL, of plain names", format!("`{}`", text.escape_debug()));
    }
    text
}

fn check_column(raw: RawColumn, kind: Kind, path: &str, faults: &mut Faults<'_>) -> Option<Mapping> {
    match raw {
        RawColumn::Column(name) => Some(Mapping::Column(name)),
        RawColumn::Product(pair) => match <[String; 2]>::try_from(pair) {
            Ok([left, right]) if matches!(kind, Kind::Money | Kind::Float) => Some(Mapping::Product(left, right)),
            Ok(_) => {
                faults.add(path, format!("a {} column", kind.name()), "a product");
                None
            }
            Err(pair) => {
                faults.add(path, "two columns", pair.len());
                None
            }
        },
        RawColumn::Constant(_) if kind != Kind::Text => {
            faults.add(path, format!("a {} column", kind.name()), "a constant text");
            None
        }
        RawColumn::Constant(text) if text.contains('\u{1f}') => {
            faults.add(path, "a text without byte 0x1F", "one with it");
            None
        }
        RawColumn::Constant(text) => Some(Mapping::Constant(text)),
    }
}

/// The files' columns have no kind before they are opened: the tests tell which kind they need.
fn column_kinds(rules: &RawRules) -> BTreeMap<String, Kind> {
    let kind = |test: &RawTest| {
        let bounds = || [&test.at_least, &test.at_most].into_iter().flatten();
        // Bounds are of numbers, or of days.
        if bounds().any(|bound| matches!(bound, RawScalar::Text(text) if Day::parse(text).is_some())) {
            return Kind::Date;
        }
        if bounds().next().is_some() {
            return Kind::Float;
        }
        let mut scalars = bounds().chain(test.in_.iter().flatten()).chain(test.not_in.iter().flatten());
        match scalars.next() {
            Some(RawScalar::Text(_)) => Kind::Text,
            Some(RawScalar::Bool(_)) => Kind::Bool,
            Some(RawScalar::Number(_)) => Kind::Float,
            None if test.starts_with.is_some() => Kind::Text,
            None => Kind::Float,
        }
    };
    // Whether a value is known says nothing of its kind.
    let told = |test: &RawTest| test.at_least.is_some() || test.at_most.is_some() || test.in_.is_some() || test.not_in.is_some() || test.starts_with.is_some();
    let (by_value, by_nothing): (Vec<_>, Vec<_>) = rules.iter().flatten().partition(|(_, test)| told(test));
    by_nothing.into_iter().chain(by_value).map(|(column, test)| (column.clone(), kind(test))).collect()
}
