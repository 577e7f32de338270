//! Finding the files of a table, checking each against mapping and contract, and naming what they are.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::coerce::{Origin, allowed, named, rule_kind};
use super::digests::Digests;
use super::params::{Mapping, TableParams};
use crate::allowance::Allowance;
use crate::columnar::{Field, FieldKind, File};
use crate::config::hint;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::key::{hex, sha256};
use crate::store::{Entry, Store};
use crate::table::Kind;

/// What an input file was: the manifest names it, and build_id digests it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Path below the lake's root.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 on local disk, else what the store says of the version.
    pub version: String,
}

/// One file and how its columns become the contract's.
#[derive(Clone)]
pub struct Source {
    pub(super) file: File,
    /// By contract column; None where the file has nothing for it.
    pub(super) origins: Vec<Option<Origin>>,
    /// What the file was.
    pub identity: Identity,
}

impl Source {
    /// Rows of the file, as its footer states.
    pub fn rows(&self) -> u64 {
        self.file.rows()
    }
}

/// A table whose files were found and checked.
#[derive(Clone)]
pub struct OpenTable {
    /// How it is read.
    pub params: TableParams,
    /// Its files, in the order of their paths.
    pub sources: Vec<Source>,
    store: Store,
}

/// That a file is another than it was by now, if one is.
fn changed<'a>(store: &Store, params: &TableParams, mut entries: impl Iterator<Item = &'a Entry>) -> Result<Option<Error>> {
    let now = store.list(&params.path)?;
    let is_same = |before: &&Entry| now.binary_search_by(|entry| entry.path.cmp(&before.path)).is_ok_and(|at| now[at] == **before);
    let other = entries.find(|entry| !is_same(entry));
    let message = |entry: &Entry| format!("{}: expected the file to stay as it was, got a change while it was read", entry.path);
    Ok(other.map(|entry| Error::new(ErrorKind::StoreRetry, message(entry))))
}

/// A file that is replaced while it is read looks damaged, or too short, and is not: then this is what is told.
fn because_changed<'a>(store: &Store, params: &TableParams, entries: impl Iterator<Item = &'a Entry>, error: Error) -> Error {
    let may_be = matches!(error.kind(), ErrorKind::Input | ErrorKind::Store);
    may_be.then(|| changed(store, params, entries).ok().flatten()).flatten().unwrap_or(error)
}

impl OpenTable {
    /// Finds and checks the files of a table.
    ///
    /// # Errors
    /// `Input`, naming table, file and column: no file, a damaged footer, a missing, retyped or unexpected column, mixed time zones.
    pub fn open(store: &Store, params: &TableParams, digests: &Digests) -> Result<Self> {
        let table = &params.input.contract.name;
        let listed = store.list(&params.path)?;
        if let Some(log) = listed.iter().find(|entry| below(&params.path, &entry.path).split('/').any(|part| part == "_delta_log")) {
            let message = format!("{}: table {table}: expected plain Parquet files, got a Delta table, which may list files that were removed", log.path);
            return Err(Error::input(message));
        }
        // A link without an ending may have been one to a folder.
        let matters = |name: &str, is_lost: bool| !is_hidden(name) && (!is_lost || name.ends_with(DATA) || !name.contains('.'));
        if let Some(link) = store.broken_link(&params.path, &matters) {
            return Err(Error::input(format!("{link}: table {table}: expected a file or folder, got a link that leads nowhere")));
        }
        let entries: Vec<Entry> = listed.into_iter().filter(|entry| is_data(&params.path, entry)).collect();
        if entries.is_empty() {
            let place = store.display(&params.path);
            return Err(Error::input(format!(
                "{place}: table {table}: expected at least one .parquet file, got none (leave the table out of `lake.tables` if there is none)"
            )));
        }
        if let Some(entry) = entries.iter().find(|entry| entry.bytes > params.max_file_bytes) {
            let limit = format!("`lake.max_file_bytes` of {}", params.max_file_bytes);
            let message = format!("{}: step open the lake: table {table}: expected a file within {limit}, got {} bytes", entry.path, entry.bytes);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let opened: Vec<Result<Source>> = entries.par_iter().map(|entry| open_source(store, params, entry, digests)).collect();
        let because = |error| because_changed(store, params, entries.iter(), error);
        let sources = opened.into_iter().collect::<Result<Vec<_>>>().map_err(because)?;
        let mut table = Self { params: params.clone(), sources, store: store.clone() };
        table.check_mapped()?;
        table.check_alike()?;
        table.leave_unread();
        Ok(table)
    }

    /// What is not read comes from nowhere, once it was found to be what it should.
    fn leave_unread(&mut self) {
        let TableParams { input, unread, .. } = &self.params;
        for source in &mut self.sources {
            let origins = source.origins.iter_mut().zip(&input.contract.columns);
            origins.filter(|(_, column)| unread.contains(&column.name.as_str())).for_each(|(origin, _)| *origin = None);
        }
    }

    /// The same table, of only the files at these places.
    pub fn of_files(&self, places: &[usize]) -> Self {
        Self { sources: places.iter().map(|place| self.sources[*place].clone()).collect(), ..self.clone() }
    }

    /// Columns of the contract that no file has.
    pub fn missing_columns(&self) -> impl Iterator<Item = &str> {
        let columns = self.params.input.contract.columns.iter().enumerate();
        columns.filter(|(index, _)| self.is_missing(*index)).map(|(_, column)| column.name.as_str())
    }

    fn is_missing(&self, column: usize) -> bool {
        self.sources.iter().all(|source| source.origins[column].is_none())
    }

    /// What may be held of what is read.
    pub fn memory(&self) -> &Allowance {
        self.store.memory()
    }

    /// Whether the files are still what they were when they were opened: size, version, time of change.
    ///
    /// # Errors
    /// `StoreRetry`, naming the first file that is not; those of the store.
    pub fn check_unchanged(&self) -> Result<()> {
        match changed(&self.store, &self.params, self.entries())? {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// What the files were when they were opened.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sources.iter().map(|source| &source.file.entry)
    }

    /// What went wrong while the files were read: that one of them changed, if one did.
    pub(super) fn because_changed(&self, error: Error) -> Error {
        because_changed(&self.store, &self.params, self.entries(), error)
    }

    /// A column that the YAML maps must be in one file at least: a misspelt name would be a column of unknowns.
    fn check_mapped(&self) -> Result<()> {
        for (index, column) in self.params.input.contract.columns.iter().enumerate() {
            let Some(mapping) = self.params.columns.get(&column.name) else { continue };
            if self.is_missing(index) {
                let message = format!(
                    "expected a file column `{}` in one of {} files, got none{}",
                    named(mapping).join("` and `"),
                    self.sources.len(),
                    self.hint(named(mapping))
                );
                return Err(column_fault(&self.params.path, &self.params, &column.name, &message));
            }
        }
        Ok(())
    }

    /// The file columns that may have been meant by `names`.
    fn hint(&self, names: Vec<&str>) -> String {
        let fields: BTreeSet<&str> = self.sources.iter().flat_map(|source| &source.file.fields).map(|field| field.name.as_str()).collect();
        names.into_iter().map(|name| hint(name, fields.iter().copied())).collect()
    }

    /// One column must mean the same in all files: not UTC here and local times there, not minor units here and units there.
    fn check_alike(&self) -> Result<()> {
        for (index, column) in self.params.input.contract.columns.iter().enumerate() {
            let mut seen: Option<(&Field, &Source)> = None;
            for source in &self.sources {
                // Of a product, the second column is the price.
                let Some(&position) = source.origins[index].as_ref().map(Origin::positions).unwrap_or_default().last() else { continue };
                let field = &source.file.fields[position];
                match seen {
                    Some((first, other)) if !alike(&first.kind, &field.kind, column.kind) => {
                        let message = format!("expected {} as in {}, got {}", first.kind, other.identity.path, field.kind);
                        return Err(column_fault(&source.identity.path, &self.params, &column.name, &message));
                    }
                    Some(_) => {}
                    None => seen = Some((field, source)),
                }
            }
        }
        Ok(())
    }
}

/// Whether two files' columns mean the same for a contract column of kind `to`.
fn alike(a: &FieldKind, b: &FieldKind, to: Kind) -> bool {
    use FieldKind as F;
    match (a, b) {
        (F::Timestamp { utc: a, .. }, F::Timestamp { utc: b, .. }) => a == b,
        // Whole amounts are minor units, all others units.
        (a, b) if to == Kind::Money => (*a == F::Int) == (*b == F::Int),
        _ => true,
    }
}

/// The part of a path below its table's folder.
fn below<'a>(table: &str, path: &'a str) -> &'a str {
    path.strip_prefix(table.trim_matches('/')).unwrap_or(path)
}

/// A Parquet file that is not hidden.
fn is_data(table: &str, entry: &Entry) -> bool {
    !below(table, &entry.path).split('/').any(is_hidden) && entry.path.ends_with(DATA)
}

/// How the names of files end that hold rows.
const DATA: &str = ".parquet";

/// Whether what has this name holds no rows: what writers keep for themselves.
fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

fn open_source(store: &Store, params: &TableParams, entry: &Entry, digests: &Digests) -> Result<Source> {
    let file = File::open(store, entry)?;
    let partitions = partitions(&params.path, &entry.path);
    let mut origins = Vec::new();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for column in &params.input.contract.columns {
        let mapping = params.columns.get(&column.name);
        let default = Mapping::Column(column.name.clone());
        let origin = resolve(&file, &partitions, mapping.unwrap_or(&default));
        used.extend(named(mapping.unwrap_or(&default)).into_iter().map(str::to_owned));
        let required = params.input.required.contains(&column.name.as_str());
        let missing = origin.is_none() && (required || (mapping.is_some() && !params.missing_is_unknown));
        if missing {
            let names = named(mapping.unwrap_or(&default)).join("` and `");
            let fields = || file.fields.iter().map(|field| field.name.as_str());
            let meant: String = named(mapping.unwrap_or(&default)).into_iter().map(|name| hint(name, fields())).collect();
            let message = format!("expected a file column `{names}`, got none{meant}");
            return Err(column_fault(&entry.path, params, &column.name, &message));
        }
        if let Some(origin) = &origin {
            check_kinds(&file, origin, column.kind, params.zone.is_some()).map_err(|message| column_fault(&entry.path, params, &column.name, &message))?;
        }
        origins.push(origin);
    }
    check_rules(&file, params, entry, &mut used)?;
    if let Some(extra) = file.fields.iter().find(|field| params.refuse_extra && !used.contains(&field.name)) {
        return Err(column_fault(&entry.path, params, &extra.name, "expected only columns that are used, got this one (`extra_columns: refuse`)"));
    }
    let identity = identity(store, &file, digests)?;
    Ok(Source { identity, file: file.without_bytes(), origins })
}

fn column_fault(path: &str, params: &TableParams, column: &str, message: &str) -> Error {
    Error::input(format!("{path}: table {}: column {column}: {message}", params.input.contract.name))
}

fn check_rules(file: &File, params: &TableParams, entry: &Entry, used: &mut BTreeSet<String>) -> Result<()> {
    for (_, rules) in &params.reject {
        for rule in rules {
            let kind = file.position(&rule.column).map(|position| &file.fields[position].kind);
            let is_text = kind.and_then(rule_kind).map(|kind| kind == Kind::Text);
            let (fits, expected) = match rule.needs_text() {
                _ if rule.is_of_days() => (matches!(kind, Some(FieldKind::Date | FieldKind::Timestamp { .. })), "a date or timestamp column"),
                Some(true) => (is_text == Some(true), "a text column"),
                Some(false) => (is_text == Some(false), "a number or bool column"),
                None => (is_text.is_some(), "a text, number or bool column"),
            };
            if !fits {
                let got = kind.map_or("none".to_owned(), ToString::to_string);
                let message = format!("expected {expected} for the rule `{rule}`, got {got}");
                return Err(column_fault(&entry.path, params, &rule.column, &message));
            }
            used.insert(rule.column.clone());
        }
    }
    Ok(())
}

fn resolve(file: &File, partitions: &BTreeMap<String, String>, mapping: &Mapping) -> Option<Origin> {
    match mapping {
        Mapping::Constant(text) => Some(Origin::Constant(text.clone())),
        Mapping::Product(left, right) => Some(Origin::Product(file.position(left)?, file.position(right)?)),
        Mapping::Column(name) => match file.position(name) {
            Some(position) => Some(Origin::Field(position)),
            None => partitions.get(name).cloned().map(Origin::Constant),
        },
    }
}

fn check_kinds(file: &File, origin: &Origin, to: Kind, has_zone: bool) -> std::result::Result<(), String> {
    let to = if matches!(origin, Origin::Product(..)) { Kind::Float } else { to };
    origin.positions().into_iter().try_for_each(|position| allowed(&file.fields[position].kind, to, has_zone))
}

/// The `key=value` folders between a table's folder and a file.
fn partitions(table: &str, path: &str) -> BTreeMap<String, String> {
    let pairs = below(table, path).split('/').filter_map(|part| part.split_once('='));
    let known = pairs.filter(|(_, value)| *value != "__HIVE_DEFAULT_PARTITION__");
    known.map(|(key, value)| (key.to_owned(), percent_decoded(value))).collect()
}

/// `%3A` and the like, as Hive writes what a path cannot hold.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A local file is known by its content; any other by what its store says.
fn identity(store: &Store, file: &File, digests: &Digests) -> Result<Identity> {
    let entry = &file.entry;
    let hash = || file.whole_bytes().map_or_else(|| store.sha256(entry), |whole| Ok(sha256(whole)));
    let version = match (&entry.version, store.now_here()) {
        (Some(version), _) => version.clone(),
        (None, Some(now)) => digests.of(entry, now, hash)?,
        (None, None) => hex(&hash()?),
    };
    Ok(Identity { path: entry.path.clone(), bytes: entry.bytes, version })
}
