//! Verify: is every file of a run what its manifest says, and what the table's contract says?

use super::manifest::{Manifest, PublishedFile, PublishedTable};
use super::runs::Run;
use crate::columnar::{FieldKind, File};
use crate::error::Result;
use crate::key::hex;
use crate::store::{Entry, Store};
use crate::table::Kind;

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Path below the run's folder.
    pub path: String,
    /// What is wrong with it.
    pub fault: String,
}

/// Reads every file of a run and compares it with the manifest: size, SHA-256, columns, rows. Files that the manifest does not name are
/// damage too: nobody may have put them there.
///
/// # Errors
/// Those of the store.
pub fn verify(store: &Store, run: &Run, manifest: &Manifest) -> Result<Vec<Damage>> {
    let there = store.list(&run.folder())?;
    let find = |file: &PublishedFile| there.iter().find(|entry| entry.path == format!("{}/{}", run.folder(), file.path));
    let mut damage = Vec::new();
    let mut add = |path: &str, fault: String| damage.push(Damage { path: path.to_owned(), fault });
    for file in manifest.all_files() {
        if let Err(fault) = check_bytes(store, file, find(file))? {
            add(&file.path, fault);
        }
    }
    for table in &manifest.tables {
        let rows: u64 = table.parts.iter().filter_map(|part| part.rows).sum();
        if rows != table.rows {
            add(&format!("tables/{}", table.name), format!("expected {} rows as the table states, got {rows} in its parts", table.rows));
        }
        for part in &table.parts {
            let Some(entry) = find(part) else { continue };
            if let Err(fault) = check_part(store, table, part, entry) {
                add(&part.path, fault);
            }
        }
    }
    for entry in &there {
        let name = entry.path.strip_prefix(&format!("{}/", run.folder())).unwrap_or(&entry.path);
        if name != "manifest.json" && !manifest.all_files().iter().any(|file| file.path == name) {
            add(name, "expected only files that the manifest names, got this one".to_owned());
        }
    }
    damage.dedup_by(|a, b| a.path == b.path && a.fault == b.fault);
    Ok(damage)
}

type Checked = std::result::Result<(), String>;

fn check_bytes(store: &Store, file: &PublishedFile, entry: Option<&Entry>) -> Result<Checked> {
    let Some(entry) = entry else { return Ok(Err("expected a file, got nothing".to_owned())) };
    if entry.bytes != file.bytes {
        return Ok(Err(format!("expected {} bytes, got {}", file.bytes, entry.bytes)));
    }
    let got = hex(&store.sha256(entry)?);
    Ok(if got == file.sha256 { Ok(()) } else { Err(format!("expected SHA-256 {}, got {got}", file.sha256)) })
}

/// The part's own columns and rows, decoded to the last one.
fn check_part(store: &Store, table: &PublishedTable, part: &PublishedFile, entry: &Entry) -> Checked {
    let file = File::open(store, entry).map_err(|error| error.to_string())?;
    let stated: Vec<(&str, &str)> = table.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
    let got: Vec<(&str, &str)> = file.fields.iter().map(|field| (field.name.as_str(), kind(&field.kind))).collect();
    let alike =
        |(stated, got): (&(&str, &str), &(&str, &str))| stated.0 == got.0 && (stated.1 == got.1 || (stated.1, got.1) == (Kind::Money.name(), Kind::Int.name()));
    if stated.len() != got.len() || !stated.iter().zip(&got).all(alike) {
        return Err(format!("expected the columns {stated:?}, got {got:?}"));
    }
    let columns: Vec<usize> = (0..file.fields.len()).collect();
    let mut batches = file.batches(&columns);
    let mut rows = 0u64;
    while let Some((batch, values)) = batches.next_batch().map_err(|error| error.to_string())? {
        rows += batch as u64;
        for (column, values) in table.columns.iter().zip(&values) {
            if !column.nullable && (0..batch).any(|row| !values.is_known(row)) {
                return Err(format!("column {}: expected a value in every row, got an unknown one", column.name));
            }
        }
    }
    let stated = part.rows.unwrap_or_default();
    if rows == stated { Ok(()) } else { Err(format!("expected {stated} rows, got {rows}")) }
}

/// A field's kind in the words of contracts.
fn kind(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => Kind::Text.name(),
        FieldKind::Int => Kind::Int.name(),
        FieldKind::Float => Kind::Float.name(),
        FieldKind::Bool => Kind::Bool.name(),
        FieldKind::Date => Kind::Date.name(),
        FieldKind::Timestamp { utc: true, .. } => Kind::Timestamp.name(),
        _ => "another kind",
    }
}
