//! Parts on their way: written to scratch, hashed, stored once under a name that holds their digest.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bytes::Bytes;

use super::manifest::{PublishedColumn, PublishedFile, PublishedTable};
use crate::columnar;
use crate::error::{Error, Kind, Result};
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
    /// `Limit` where scratch is full; those of the store; `Bug` where equal names hold different bytes.
    pub fn table(&mut self, store: &Store, folder: &str, scratch: &Path, table: &Table) -> Result<()> {
        let mut parts = Vec::new();
        let starts: Vec<usize> = (0..table.rows().max(1)).step_by(PART_ROWS).collect();
        for (number, &start) in starts.iter().enumerate() {
            let rows = table.frame.slice(start as i64, PART_ROWS);
            let bytes = through_scratch(scratch, |file| columnar::write(&table.contract, &rows, file))?;
            let stem = format!("tables/{}/part-{number:05}", table.contract.name);
            parts.push(self.store(store, folder, &stem, "parquet", bytes, Some(rows.height() as u64))?);
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

/// What `write` writes, read back from a scratch file.
fn through_scratch(scratch: &Path, write: impl FnOnce(BufWriter<File>) -> Result<()>) -> Result<Bytes> {
    let failed = |error: std::io::Error| Error::new(Kind::Limit, format!("step publish: scratch: {error}"));
    let mut file = tempfile::tempfile_in(scratch).map_err(failed)?;
    let sink = BufWriter::new(file.try_clone().map_err(failed)?);
    write(sink)?;
    file.flush().map_err(failed)?;
    let mut bytes = Vec::new();
    use std::io::{Read, Seek};
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes.into())
}
