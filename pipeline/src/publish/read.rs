//! Reading a run back.

use super::manifest::{Manifest, PublishedTable};
use crate::columnar::{Column, FieldKind, File};
use crate::error::{Error, Kind, Result};
use crate::report::Row;
use crate::store::Store;
use crate::time::Day;

/// Reads the manifest at `path`, if there is one, with its bytes' digest.
///
/// # Errors
/// Those of the store; `Store` if it cannot be read.
pub fn read_manifest(store: &Store, path: &str) -> Result<Option<(Manifest, String)>> {
    let Some((bytes, _)) = store.get(path)? else { return Ok(None) };
    let digest = crate::key::hex(&crate::key::sha256(&bytes));
    let manifest = serde_json::from_slice(&bytes);
    let manifest = manifest.map_err(|error| Error::new(Kind::Store, format!("{}: expected a manifest, got a fault: {error}", store.display(path))))?;
    Ok(Some((manifest, digest)))
}

/// The rows of `table` whose `column` holds `value`, as rows for people.
///
/// # Errors
/// Those of the store; `Input` if a part cannot be read.
pub fn read_rows(store: &Store, folder: &str, table: &PublishedTable, column: &str, value: &str) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    for part in &table.parts {
        let path = format!("{folder}/{}", part.path);
        let entry = store.head(&path)?.ok_or_else(|| Error::new(Kind::Store, format!("{}: expected a part of the run, got nothing", store.display(&path))))?;
        let file = File::open(store, &entry)?;
        let Some(key) = file.position(column) else { continue };
        let positions: Vec<usize> = (0..file.fields.len()).collect();
        let mut batches = file.batches(&positions);
        while let Some((rows, columns)) = batches.next_batch()? {
            for row in (0..rows).filter(|&row| columns[key].text(row) == Some(value)) {
                let cells = file.fields.iter().zip(&columns);
                found.push(cells.filter_map(|(field, column)| Some((field.name.clone(), shown(column, &field.kind, row)?))).collect());
            }
        }
    }
    Ok(found)
}

/// A value for people; None where it is unknown.
fn shown(column: &Column, kind: &FieldKind, row: usize) -> Option<String> {
    match kind {
        FieldKind::Text => column.text(row).map(str::to_owned),
        FieldKind::Date => column.int(row).map(|days| Day(days as i32).to_string()),
        FieldKind::Float => column.float(row).map(|value| value.to_string()),
        FieldKind::Bool => column.int(row).map(|value| (value != 0).to_string()),
        _ => column.int(row).map(|value| value.to_string()),
    }
}
