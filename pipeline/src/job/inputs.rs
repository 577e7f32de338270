//! The opened lake, and the small tables read from it.

use super::params::Params;
use crate::audit::Status;
use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, Digests, OpenTable, Rows};
use crate::publish::InputTable;
use crate::store::Access;
use crate::time::Day;
use std::collections::BTreeMap;
use std::path::Path;

/// The tables of a lake, found and checked.
pub struct Inputs {
    /// In the order of their use; order_lines is first.
    pub tables: Vec<OpenTable>,
    digests: Digests,
}

impl Inputs {
    /// Opens every table that the config names.
    ///
    /// # Errors
    /// `Input` for a lake that is missing or breaks its contract; those of the store.
    pub fn open(params: &Params, access: &Access) -> Result<Self> {
        let store = params.lake.location.open(false, access)?;
        // In a folder that is everyone's, anyone could say what a file is.
        let digests = Digests::open(params.scratch.as_deref().map(Path::new), &params.name, &store.display(""));
        let tables = params.lake.tables.iter().map(|table| OpenTable::open(&store, table, &digests)).collect::<Result<_>>()?;
        Ok(Self { tables, digests })
    }

    /// The table called `name`, if the config has it.
    pub fn table(&self, name: &str) -> Option<&OpenTable> {
        self.tables.iter().find(|table| table.params.input.contract.name == name)
    }

    /// The order lines.
    ///
    /// # Errors
    /// `Bug`: a config without them is refused before.
    pub fn order_lines(&self) -> Result<&OpenTable> {
        self.table("order_lines").ok_or_else(|| Error::bug("a checked config has order lines"))
    }

    /// Whether every file is still what it was when it was opened: a lake that is written to while it is read gives no run.
    ///
    /// # Errors
    /// `StoreRetry`, naming the first file that changed; those of the store.
    pub fn check_unchanged(&self) -> Result<()> {
        self.tables.iter().try_for_each(OpenTable::check_unchanged)
    }

    /// Keeps the digests of files that did not change.
    pub fn keep_digests(&self) {
        self.digests.keep();
    }

    /// The inputs as the manifest states them.
    pub fn stated(&self, counts: &[(String, Counts)]) -> Vec<InputTable> {
        let of = |name: &str| counts.iter().find(|(table, _)| table == name).map(|(_, counts)| counts.clone()).unwrap_or_default();
        let stated = |table: &OpenTable| {
            let name = &table.params.input.contract.name;
            let files = table.sources.iter().map(|source| crate::publish::InputFile {
                path: source.identity.path.clone(),
                bytes: source.identity.bytes,
                version: source.identity.version.clone(),
            });
            let counts = of(name);
            InputTable { table: name.clone(), files: files.collect(), rows_in_files: counts.rows_in_files, rows_after_as_of: counts.rows_after_as_of }
        };
        self.tables.iter().map(stated).collect()
    }
}

/// Reads the table `source_status`: of several rows of a source and store the newest day holds.
///
/// # Errors
/// Those of the lake.
pub fn read_status(table: &OpenTable, cut: &Cut) -> Result<(Status, Counts)> {
    let keep_newest = |days: &mut Status, key: (String, Option<String>), day: Day| {
        let known = days.entry(key).or_insert(day);
        *known = day.max(*known);
    };
    let add = |days: &mut Status, rows: &Rows<'_>| {
        for &row in &rows.kept {
            let key = (rows.text("source", row).unwrap_or_default().to_owned(), rows.text("store_id", row).map(str::to_owned));
            let stated = rows.column("complete_through").and_then(|column| column.int(row)).unwrap_or_default();
            keep_newest(days, key, Day(stated as i32));
        }
        Ok(())
    };
    table.scan(cut, add, |status, part| {
        part.into_iter().for_each(|(key, day)| keep_newest(status, key, day));
        Ok(())
    })
}

/// Reads the days on which stores close, by name: of several rows of a store, the one that was recorded last.
///
/// # Errors
/// Those of the lake.
pub fn read_closed_stores(table: &OpenTable, cut: &Cut) -> Result<(BTreeMap<String, Day>, Counts)> {
    type Known = BTreeMap<String, (Option<Day>, Option<Day>)>;
    let keep = |stores: &mut Known, store: String, row: (Option<Day>, Option<Day>)| {
        let known = stores.entry(store).or_insert(row);
        *known = row.max(*known);
    };
    let add = |stores: &mut Known, rows: &Rows<'_>| {
        for &row in &rows.kept {
            let closed = rows.column("closed_on").and_then(|column| column.int(row)).map(|day| Day(day as i32));
            keep(stores, rows.text("store_id", row).unwrap_or_default().to_owned(), (rows.recorded.at(row), closed));
        }
        Ok(())
    };
    let (stores, counts) = table.scan(cut, add, |stores: &mut Known, part| {
        part.into_iter().for_each(|(store, row)| keep(stores, store, row));
        Ok(())
    })?;
    Ok((stores.into_iter().filter_map(|(store, (_, closed))| Some((store, closed?))).collect(), counts))
}
