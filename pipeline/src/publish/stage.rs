//! Parts on their way: written to memory, hashed, stored once under a name that holds their digest.

use bytes::Bytes;
use polars::prelude::DataFrame;

use super::manifest::{PublishedColumn, PublishedFile, PublishedTable};
use crate::columnar::{KeyChunks, TableFile};
use crate::error::{Error, Result};
use crate::key::{hex, sha256};
use crate::store::{Created, Store};
use crate::table::{Class, Contract, Table};

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
    /// Whether ids or models are those of the prior run: then no table of customers is pure.
    keeps_ids: bool,
}

impl Staged {
    /// No file yet, of a run that keeps the ids or models of the prior one or does not.
    pub fn new(keeps_ids: bool) -> Self {
        Self { keeps_ids, ..Self::default() }
    }

    /// Writes the parts of `table` below `folder` of `store`.
    ///
    /// # Errors
    /// `Limit` where memory is full; those of the store; `Bug` where equal names hold different bytes.
    pub fn table(&mut self, store: &Store, folder: &str, table: &Table) -> Result<()> {
        self.rows((store, folder), (&table.contract, None), std::iter::once(Ok(table.frame.clone())))
    }

    /// Writes rows of a contract, which come in frames of any height; their keys may be among some chunks.
    ///
    /// # Errors
    /// As `table`; those of the frames.
    pub fn rows(
        &mut self,
        (store, folder): (&Store, &str),
        (contract, chunks): (&Contract, Option<&KeyChunks>),
        frames: impl Iterator<Item = Result<DataFrame>>,
    ) -> Result<()> {
        let mut parts = Vec::new();
        let mut part = TableFile::new(contract, chunks)?;
        let mut rows = 0;
        let mut close = |staged: &mut Self, part: TableFile<'_>| -> Result<()> {
            let (height, stem) = (part.rows() as u64, format!("tables/{}/part-{:05}", contract.name, parts.len()));
            let bytes = part.finish()?;
            let take = || store.memory().take("publish", bytes.len() as u64);
            let _held = take().or_else(|_| {
                chunks.iter().for_each(|chunks| chunks.forget());
                take()
            })?;
            parts.push(staged.store(store, folder, (&stem, "parquet"), bytes.into(), Some(height))?);
            rows += height;
            Ok(())
        };
        for frame in frames {
            let mut frame = frame?;
            while frame.height() > PART_ROWS - part.rows() {
                let room = PART_ROWS - part.rows();
                part.push(frame.slice(0, room))?;
                close(self, std::mem::replace(&mut part, TableFile::new(contract, chunks)?))?;
                frame = frame.slice(room as i64, usize::MAX);
            }
            part.push(frame)?;
        }
        close(self, part)?;
        let column =
            |column: &crate::table::Column| PublishedColumn { name: column.name.clone(), kind: column.kind.name().to_owned(), nullable: column.nullable };
        let has_ids = contract.columns.iter().any(|column| column.name == "customer_id");
        let class = match contract.class {
            Class::Pure if !(self.keeps_ids && has_ids) => "pure",
            _ => "chained",
        };
        self.tables.push(PublishedTable {
            name: contract.name.clone(),
            class: class.to_owned(),
            key: contract.key.clone(),
            rows,
            columns: contract.columns.iter().map(column).collect(),
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
        let file = self.store(store, folder, (&format!("models/{name}"), "json"), text.into(), None)?;
        self.models.push(file);
        Ok(())
    }

    /// Stores a campaign's file for tools.
    ///
    /// # Errors
    /// As `table`.
    pub fn file(&mut self, store: &Store, folder: &str, campaign: &str, bytes: Vec<u8>) -> Result<()> {
        let file = self.store(store, folder, (&format!("files/{campaign}/target_list"), "csv"), bytes.into(), None)?;
        self.files.push(file);
        Ok(())
    }

    /// Stores `bytes` below `folder`, under a name that begins with a stem, holds their digest and has an ending.
    ///
    /// # Errors
    /// Those of the store; `Bug` where equal names hold different bytes.
    pub(super) fn store(&mut self, store: &Store, folder: &str, (stem, ending): (&str, &str), bytes: Bytes, rows: Option<u64>) -> Result<PublishedFile> {
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
