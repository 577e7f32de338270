//! Parts on their way: written to memory, hashed, stored once under a name that holds their digest.

use bytes::Bytes;

use super::manifest::{PublishedColumn, PublishedFile, PublishedTable};
use crate::columnar;
use crate::error::{Error, Result};
use crate::key::{hex, sha256};
use crate::store::{Created, Store};
use crate::table::Table;

/// Rows of a part.
const PART_ROWS: usize = 1_000_000;

/// The files of a run that are stored so far.
#[derive(Debug, Default)]
pub struct Staged {
    /// Tables.
    pub tables: Vec<PublishedTable>,
    /// Model artefacts.
    pub models: Vec<PublishedFile>,
    /// Files for tools.
    pub files: Vec<PublishedFile>,
    /// Bytes that were written, and not there before.
    pub bytes_written: u64,
}

impl Staged {
    /// Writes the parts of `table` below `folder` of `store`.
    ///
    /// # Errors
    /// `Limit` where memory is full; those of the store; `Bug` where equal names hold different bytes.
    pub fn table(&mut self, store: &Store, folder: &str, table: &Table) -> Result<()> {
        let mut parts = Vec::new();
        let starts: Vec<usize> = (0..table.rows().max(1)).step_by(PART_ROWS).collect();
        for (number, &start) in starts.iter().enumerate() {
            let rows = table.frame.slice(start as i64, PART_ROWS);
            let mut bytes = Vec::new();
            columnar::write(&table.contract, &rows, &mut bytes)?;
            let _held = store.memory().take("publish", bytes.len() as u64)?;
            let stem = format!("tables/{}/part-{number:05}", table.contract.name);
            parts.push(self.store(store, folder, &stem, "parquet", bytes.into(), Some(rows.height() as u64))?);
        }
        let column =
            |column: &crate::table::Column| PublishedColumn { name: column.name.clone(), kind: column.kind.name().to_owned(), nullable: column.nullable };
        let class = match table.contract.class {
            crate::table::Class::Pure => "pure",
            crate::table::Class::Chained => "chained",
        };
        self.tables.push(PublishedTable {
            name: table.contract.name.clone(),
            class: class.to_owned(),
            key: table.contract.key.clone(),
            rows: table.rows() as u64,
            columns: table.contract.columns.iter().map(column).collect(),
            parts,
        });
        Ok(())
    }

    /// Stores a model artefact.
    ///
    /// # Errors
    /// As `table`.
    pub fn model(&mut self, store: &Store, folder: &str, name: &str, artefact: &impl serde::Serialize) -> Result<()> {
        let text = serde_json::to_vec_pretty(artefact).map_err(|error| Error::bug(format!("model {name}: {error}")))?;
        let file = self.store(store, folder, &format!("models/{name}"), "json", text.into(), None)?;
        self.models.push(file);
        Ok(())
    }

    /// Stores a campaign's file for tools.
    ///
    /// # Errors
    /// As `table`.
    pub fn file(&mut self, store: &Store, folder: &str, campaign: &str, bytes: Vec<u8>) -> Result<()> {
        let file = self.store(store, folder, &format!("files/{campaign}/target_list"), "csv", bytes.into(), None)?;
        self.files.push(file);
        Ok(())
    }

    fn store(&mut self, store: &Store, folder: &str, stem: &str, ending: &str, bytes: Bytes, rows: Option<u64>) -> Result<PublishedFile> {
        let digest = hex(&sha256(&bytes));
        let path = format!("{stem}-{}.{ending}", &digest[..16]);
        let full = format!("{folder}/{path}");
        let size = bytes.len() as u64;
        match store.create(&full, bytes.clone())? {
            Created::Written => self.bytes_written += size,
            Created::Existed(there) if there == bytes => {}
            Created::Existed(_) => return Err(Error::bug(format!("{}: expected equal bytes under an equal digest, got others", store.display(&full)))),
        }
        Ok(PublishedFile { path, rows, bytes: size, sha256: digest })
    }
}
