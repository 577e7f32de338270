//! Reading a run back.

use std::collections::HashMap;

use super::manifest::{Manifest, PublishedFile, PublishedTable};
use super::runs::Run;
use crate::columnar::{Column, FieldKind, File};
use crate::error::{Error, Kind, Result};
use crate::report::Row;
use crate::store::Store;
use crate::time::Day;

/// Reads the manifest of a run, if it is committed.
///
/// # Errors
/// Those of the store; `Store` if it is damaged.
pub fn read_manifest(store: &Store, run: &Run) -> Result<Option<Manifest>> {
    let Some((bytes, _)) = store.get(&run.manifest_path())? else { return Ok(None) };
    let at = |error: Error| error.at(store.display(&run.manifest_path()));
    let manifest = Manifest::unsealed(&bytes).map_err(at)?;
    if Run::of(&manifest) != *run {
        return Err(at(Error::new(Kind::Store, "expected the manifest of this run, got another run's")));
    }
    Ok(Some(manifest))
}

/// Reads the manifest of a run that must be committed.
///
/// # Errors
/// Those of the store; `Store` if it is damaged or not there.
pub fn committed(store: &Store, run: &Run) -> Result<Manifest> {
    let missing = || Error::new(Kind::Store, format!("{}: expected the manifest of a run, got nothing", store.display(&run.manifest_path())));
    read_manifest(store, run)?.ok_or_else(missing)
}

/// Whether every file of a manifest is in the store, by its size.
///
/// # Errors
/// Those of the store; `Store`, naming the first file that is not.
pub fn check_there(store: &Store, run: &Run, manifest: &Manifest) -> Result<()> {
    let there: HashMap<String, u64> = store.list(&run.folder())?.into_iter().map(|entry| (entry.path, entry.bytes)).collect();
    for file in manifest.all_files() {
        let path = format!("{}/{}", run.folder(), file.path);
        if there.get(&path) != Some(&file.bytes) {
            let message = format!("{}: expected {} bytes as the manifest states, got another file or none", store.display(&path), file.bytes);
            return Err(Error::new(Kind::Store, message));
        }
    }
    Ok(())
}

/// Hands every batch of a published table to `visit`: the part, the number of rows, and the columns that `choose` names by their
/// positions in it.
///
/// # Errors
/// Those of the store; `Store` if a part is not there; `Input` if it cannot be read.
pub fn each_batch(
    store: &Store,
    run: &Run,
    table: &PublishedTable,
    choose: impl Fn(&File) -> Vec<usize>,
    mut visit: impl FnMut(&File, usize, &[Column]),
) -> Result<()> {
    for part in &table.parts {
        let file = open_part(store, run, part)?;
        let mut batches = file.batches(&choose(&file));
        while let Some((rows, columns)) = batches.next_batch()? {
            visit(&file, rows, &columns);
        }
    }
    Ok(())
}

pub(super) fn open_part(store: &Store, run: &Run, part: &PublishedFile) -> Result<File> {
    let path = format!("{}/{}", run.folder(), part.path);
    let entry = store.head(&path)?.ok_or_else(|| Error::new(Kind::Store, format!("{}: expected a part of the run, got nothing", store.display(&path))))?;
    File::open(store, &entry)
}

/// The rows of `table` whose `column` holds `value`.
///
/// # Errors
/// As `each_batch`.
pub fn read_rows(store: &Store, run: &Run, table: &PublishedTable, column: &str, value: &str) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    let all = |file: &File| (0..file.fields.len()).collect();
    each_batch(store, run, table, all, |file, rows, columns| {
        let Some(key) = file.position(column) else { return };
        for row in (0..rows).filter(|&row| columns[key].text(row) == Some(value)) {
            let cells = file.fields.iter().zip(columns);
            found.push(cells.filter_map(|(field, column)| Some((field.name.clone(), cell(column, &field.kind, row)?))).collect());
        }
    })?;
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
