//! Reading a run back.

use bytes::Bytes;

use super::manifest::{Manifest, PublishedFile, PublishedTable};
use super::runs::Run;
use crate::columnar::{Column, FieldKind, File};
use crate::error::{Error, Kind, Result};
use crate::report::Row;
use crate::store::Store;
use crate::time::Day;

/// Reads the manifest of a run, if it is committed, with its bytes.
///
/// # Errors
/// Those of the store; `Store` if it is damaged.
pub fn read_manifest(store: &Store, run: &Run) -> Result<Option<(Manifest, Bytes)>> {
    let Some((bytes, _)) = store.get(&run.manifest_path())? else { return Ok(None) };
    let at = |error: Error| error.at(store.display(&run.manifest_path()));
    let manifest = Manifest::unsealed(&bytes).map_err(at)?;
    if Run::of(&manifest) != *run {
        return Err(at(Error::new(Kind::Store, "expected the manifest of this run, got another run's")));
    }
    Ok(Some((manifest, bytes)))
}

/// Opens a part of a published table.
///
/// # Errors
/// Those of the store; `Store` if it is not there; `Input` if it cannot be read.
pub fn open_part(store: &Store, run: &Run, part: &PublishedFile) -> Result<File> {
    let path = format!("{}/{}", run.folder(), part.path);
    let entry = store.head(&path)?.ok_or_else(|| Error::new(Kind::Store, format!("{}: expected a part of the run, got nothing", store.display(&path))))?;
    File::open(store, &entry)
}

/// The rows of `table` whose `column` holds `value`, as rows for people.
///
/// # Errors
/// Those of the store; `Input` if a part cannot be read.
pub fn read_rows(store: &Store, run: &Run, table: &PublishedTable, column: &str, value: &str) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    for part in &table.parts {
        let file = open_part(store, run, part)?;
        let Some(key) = file.position(column) else { continue };
        let positions: Vec<usize> = (0..file.fields.len()).collect();
        let mut batches = file.batches(&positions);
        while let Some((rows, columns)) = batches.next_batch()? {
            for row in (0..rows).filter(|&row| columns[key].text(row) == Some(value)) {
                let cells = file.fields.iter().zip(&columns);
                found.push(cells.filter_map(|(field, column)| Some((field.name.clone(), cell(column, &field.kind, row)?))).collect());
            }
        }
    }
    Ok(found)
}

/// A value for people; None where it is unknown.
pub(super) fn cell(column: &Column, kind: &FieldKind, row: usize) -> Option<String> {
    match kind {
        FieldKind::Text => column.text(row).map(str::to_owned),
        FieldKind::Date => column.int(row).map(|days| Day(days as i32).to_string()),
        FieldKind::Float => column.float(row).map(|value| value.to_string()),
        FieldKind::Bool => column.int(row).map(|value| (value != 0).to_string()),
        _ => column.int(row).map(|value| value.to_string()),
    }
}
