//! Diff: what one run says of customers that another does not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::manifest::{Manifest, PublishedTable};
use super::read::{cell, each_batch};
use super::runs::Run;
use crate::columnar::File;
use crate::error::Result;
use crate::key::hash64;
use crate::store::Store;

/// How a table differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// The table.
    pub table: String,
    /// Rows before and after.
    pub rows: [u64; 2],
    /// Keys that are new.
    pub entering: u64,
    /// Keys that are gone.
    pub leaving: u64,
    /// Keys whose row has another value in a column that both runs have.
    pub changing: u64,
    /// Columns that only one of the runs has.
    pub other_columns: Vec<String>,
}

/// How two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Tables, by name.
    pub tables: Vec<TableDiff>,
    /// Customers by group, before and after.
    pub groups: BTreeMap<String, [u64; 2]>,
    /// Customers to contact by campaign, before and after.
    pub lists: BTreeMap<String, [u64; 2]>,
    /// Value of those customers in minor units, before and after.
    pub at_stake_minor: BTreeMap<String, [i64; 2]>,
}

/// A run that is read: where it is, and its manifest.
pub type Side<'a> = (&'a Run, &'a Manifest);

/// What `after` says that `before` does not.
///
/// # Errors
/// Those of the store; `Input` if a part cannot be read.
pub fn diff(store: &Store, before: Side<'_>, after: Side<'_>) -> Result<Diff> {
    let mut found = Diff::default();
    let names: BTreeSet<&str> = [before, after].iter().flat_map(|(_, manifest)| &manifest.tables).map(|table| table.name.as_str()).collect();
    for name in names {
        found.tables.push(table_diff(store, name, before, after)?);
    }
    for (index, side) in [before, after].into_iter().enumerate() {
        for (group, count) in group_sizes(store, side)? {
            found.groups.entry(group).or_default()[index] = count;
        }
        for table in &side.1.tables {
            let Some(campaign) = table.name.strip_prefix("target_lists/") else { continue };
            let (mut count, mut money) = (0, 0);
            each_row(store, side, table, &["arm", "value_at_stake_minor"], |cells| {
                if cells[0].as_deref() == Some("treatment") {
                    count += 1;
                    money += cells[1].as_deref().and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
                }
            })?;
            found.lists.entry(campaign.to_owned()).or_default()[index] = count;
            found.at_stake_minor.entry(campaign.to_owned()).or_default()[index] = money;
        }
    }
    Ok(found)
}

/// Customers by value x risk group.
///
/// # Errors
/// As `diff`.
pub fn group_sizes(store: &Store, side: Side<'_>) -> Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    if let Some(table) = side.1.table("groups") {
        each_row(store, side, table, &["value_risk_group"], |cells| {
            *sizes.entry(cells[0].clone().unwrap_or_default()).or_default() += 1;
        })?;
    }
    Ok(sizes)
}

fn table_diff(store: &Store, name: &str, before: Side<'_>, after: Side<'_>) -> Result<TableDiff> {
    let tables = [before, after].map(|(_, manifest)| manifest.table(name));
    let columns = tables.map(|table| table.map(|table| table.columns.iter().map(|column| column.name.as_str()).collect::<BTreeSet<_>>()).unwrap_or_default());
    let one_sided = tables.iter().any(Option::is_none);
    let shared: Vec<&str> = if one_sided { Vec::new() } else { columns[0].intersection(&columns[1]).copied().collect() };
    let other = if one_sided { Vec::new() } else { columns[0].symmetric_difference(&columns[1]).map(|name| (*name).to_owned()).collect() };
    let mut rows = [HashMap::new(), HashMap::new()];
    for ((table, side), rows) in tables.iter().zip([before, after]).zip(&mut rows) {
        let Some(table) = table else { continue };
        let key: Vec<&str> = if table.key.is_empty() { shared.clone() } else { table.key.iter().map(String::as_str).collect() };
        let read: Vec<&str> = key.iter().chain(&shared).copied().collect();
        each_row(store, side, table, &read, |cells| {
            let (own, values) = cells.split_at(key.len());
            // Rows without a key of their own count by how often they stand there.
            let known: &mut u64 = rows.entry(digest(own)).or_default();
            *known = known.wrapping_add(digest(values));
        })?;
    }
    let [old, new] = rows;
    Ok(TableDiff {
        table: name.to_owned(),
        rows: tables.map(|table| table.map_or(0, |table| table.rows)),
        entering: new.keys().filter(|key| !old.contains_key(key)).count() as u64,
        leaving: old.keys().filter(|key| !new.contains_key(key)).count() as u64,
        changing: new.iter().filter(|(key, row)| old.get(key).is_some_and(|before| before != *row)).count() as u64,
        other_columns: other,
    })
}

fn digest(cells: &[Option<String>]) -> u64 {
    let mut text = String::new();
    for cell in cells {
        text.push_str(cell.as_deref().unwrap_or("\u{1}"));
        text.push('\u{1f}');
    }
    hash64(text.as_bytes())
}

/// Hands the named columns of every row to `visit`, as texts; unknown where the value is, or a part has no such column.
fn each_row(store: &Store, (run, _): Side<'_>, table: &PublishedTable, columns: &[&str], mut visit: impl FnMut(&[Option<String>])) -> Result<()> {
    let choose = |file: &File| columns.iter().filter_map(|name| file.position(name)).collect();
    each_batch(store, run, table, choose, |file, rows, read| {
        for row in 0..rows {
            let mut read = read.iter();
            let text = |name: &&str| file.position(name).and_then(|at| cell(read.next()?, &file.fields[at].kind, row));
            visit(&columns.iter().map(text).collect::<Vec<_>>());
        }
    })
}
