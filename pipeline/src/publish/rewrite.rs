//! A run again, without the people who were erased since: row by row as it was, under a name of its own that says what it rewrites.

use std::collections::HashSet;

use bytes::Bytes;
use polars::prelude::{Column as Series, DataFrame};

use super::commit::{Outcome, attempt};
use super::live::{Live, read_live, swap_live};
use super::manifest::{Manifest, PublishedFile, PublishedTable};
use super::read::{check_there, open_part};
use super::runs::Run;
use super::stage::Staged;
use crate::columnar::{Column as Read, File, TableFile};
use crate::error::{Error, Kind, Result};
use crate::key::{Erased, hex, sha256};
use crate::store::{Created, Store};
use crate::table::{Column, Contract, Kind as ColumnKind, dates};
use crate::time::Day;

/// Who is to be forgotten, as a run knows them.
pub struct Forgotten<'a> {
    /// The source customers.
    pub erased: &'a Erased,
    /// The digest of the list.
    pub digest: &'a str,
    /// The ids that the run gave them, those that became one of these too.
    pub ids: &'a HashSet<String>,
}

/// Columns that hold a customer_id.
const IDS: [&str; 3] = ["customer_id", "old_customer_id", "new_customer_id"];

/// Columns that together name a source customer.
const KEYS: [[&str; 2]; 2] = [["source", "source_customer_id"], ["other_source", "other_source_customer_id"]];

/// Publishes `run` again without those who are forgotten; where it is live, the new one is.
///
/// # Errors
/// Those of the store; `Store` if a file is missing or not what it was; `Locked` if live keeps moving.
pub fn rewrite(store: &Store, (run, manifest): (&Run, &Manifest), forgotten: &Forgotten<'_>) -> Result<(Run, Outcome)> {
    check_there(store, run, manifest)?;
    let build_id = hex(&sha256(format!("{} erased {}", manifest.build_id, forgotten.digest).as_bytes()));
    let run_id = hex(&sha256(format!("{build_id} rewrites {}", run.run_id).as_bytes()))[..32].to_owned();
    let new = Run { job: run.job.clone(), as_of: run.as_of.clone(), run_id };
    let copy = Copy { store, from: run, to: new.folder(), forgotten };
    let mut staged = Staged::default();
    let tables = manifest.tables.iter().map(|table| copy.table(&mut staged, table)).collect::<Result<_>>()?;
    let models = manifest.models.iter().map(|file| copy.whole(&mut staged, file)).collect::<Result<_>>()?;
    let files = manifest.files.iter().map(|file| copy.list(&mut staged, file)).collect::<Result<_>>()?;
    let rewrites = std::iter::once(run.reference()).chain(manifest.rewrites.iter().cloned()).collect();
    let base_build_id = Some(manifest.base().to_owned());
    let rewritten = Manifest { run_id: new.run_id.clone(), build_id, base_build_id, rewrites, attempt: attempt()?, tables, models, files, ..manifest.clone() };
    let rewritten = rewritten.sealed()?;
    if let Created::Existed(there) = store.create(&new.manifest_path(), rewritten.text()?.into())? {
        let there = Manifest::unsealed(&there).map_err(|error| error.at(store.display(&new.manifest_path())))?;
        if there.all_files() != rewritten.all_files() {
            return Err(Error::bug(format!("run {}: expected the files of the committed run, got others", new.run_id)));
        }
        return Ok((new, replace_live(store, run, &there)?));
    }
    let outcome = replace_live(store, run, &rewritten)?;
    Ok((new, outcome))
}

/// Points live at what rewrites the live run; what was live before, and what pins it, stays.
fn replace_live(store: &Store, run: &Run, rewritten: &Manifest) -> Result<Outcome> {
    for _ in 0..100 {
        let Some((live, version)) = read_live(store, &run.job)?.filter(|(live, _)| live.run_id == run.run_id) else { return Ok(Outcome::Unchanged) };
        let next = Live { previous_live: live.previous_live.clone(), ..Live::to(rewritten, None, live.pin.clone())? };
        if swap_live(store, &run.job, Some(&version), &next)? {
            return Ok(Outcome::Published);
        }
    }
    Err(Error::new(Kind::Locked, "expected to swap the live pointer, got another run's swap a hundred times"))
}

/// From one run to another.
struct Copy<'a> {
    store: &'a Store,
    from: &'a Run,
    to: String,
    forgotten: &'a Forgotten<'a>,
}

impl Copy<'_> {
    /// A file as it is.
    fn whole(&self, staged: &mut Staged, file: &PublishedFile) -> Result<PublishedFile> {
        let bytes = whole(self.store, self.from, file)?;
        staged.store(self.store, &self.to, stem(file)?, bytes, file.rows)
    }

    /// A list for a campaign tool, whose first column is the customer_id.
    fn list(&self, staged: &mut Staged, file: &PublishedFile) -> Result<PublishedFile> {
        let bytes = whole(self.store, self.from, file)?;
        let fault = |error: csv::Error| Error::new(Kind::Store, format!("{}: {error}", file.path));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
        let (mut kept, mut record, mut start) = (Vec::new(), csv::ByteRecord::new(), 0);
        while reader.read_byte_record(&mut record).map_err(fault)? {
            let end = reader.position().byte() as usize;
            let id = record.get(0).map(String::from_utf8_lossy).unwrap_or_default();
            if !self.forgotten.ids.contains(id.as_ref()) {
                kept.extend_from_slice(&bytes[start..end]);
            }
            start = end;
        }
        // A record ends at its carriage return: the line feed begins the next one, of which there is none after the last.
        kept.extend_from_slice(&bytes[start..]);
        staged.store(self.store, &self.to, stem(file)?, kept.into(), file.rows)
    }

    /// A table, part by part.
    fn table(&self, staged: &mut Staged, table: &PublishedTable) -> Result<PublishedTable> {
        let has = |name: &str| table.columns.iter().any(|column| column.name == name);
        let tells = IDS.iter().any(|name| has(name)) || KEYS.iter().any(|key| key.iter().all(|name| has(name))) || table.name == "quarantine";
        if !tells {
            let parts = table.parts.iter().map(|part| self.whole(staged, part)).collect::<Result<_>>()?;
            return Ok(PublishedTable { parts, ..table.clone() });
        }
        let contract = contract(table)?;
        let (mut parts, mut rows) = (Vec::new(), 0);
        for part in &table.parts {
            let file = open_part(self.store, self.from, part)?;
            let mut written = TableFile::new(&contract, None)?;
            let columns: Vec<usize> = (0..file.fields.len()).collect();
            let mut batches = file.batches(&columns);
            while let Some((height, read)) = batches.next_batch()? {
                let kept: Vec<usize> = (0..height).filter(|&row| !self.is_told(table, &file, &read, row)).collect();
                written.push(frame(&contract, &read, &kept)?)?;
            }
            let height = written.rows() as u64;
            rows += height;
            parts.push(staged.store(self.store, &self.to, stem(part)?, written.finish()?.into(), Some(height))?);
        }
        Ok(PublishedTable { rows, parts, ..table.clone() })
    }

    /// Whether a row is about someone who is forgotten.
    fn is_told(&self, table: &PublishedTable, file: &File, read: &[Read], row: usize) -> bool {
        let text = |name: &str| file.position(name).and_then(|column| read[column].text(row));
        let has_id = IDS.iter().filter_map(|name| text(name)).any(|id| self.forgotten.ids.contains(id));
        let has_key = KEYS.iter().filter_map(|[source, id]| text(source).zip(text(id))).any(|(source, id)| self.forgotten.erased.holds(source, id));
        has_id || has_key || table.name == "quarantine" && self.is_quarantined(text("table"), text("source"), text("key"))
    }

    /// Whether the key of a rejected row names someone who is forgotten. Whose order lines were is not known any more: none is kept.
    fn is_quarantined(&self, table: Option<&str>, source: Option<&str>, key: Option<&str>) -> bool {
        let words: Vec<&str> = key.unwrap_or_default().split(' ').collect();
        let names = |from: usize, to: usize| self.forgotten.erased.holds(source.unwrap_or_default(), &words[from..to].join(" "));
        table == Some("order_lines") || (0..words.len()).any(|from| (from + 1..=words.len()).any(|to| names(from, to)))
    }
}

/// The bytes of a file of a run, which are those that the manifest states.
fn whole(store: &Store, run: &Run, file: &PublishedFile) -> Result<Bytes> {
    let path = format!("{}/{}", run.folder(), file.path);
    let other = || Error::new(Kind::Store, format!("{}: expected the file that the manifest states, got another or none", store.display(&path)));
    let (bytes, _) = store.get(&path)?.ok_or_else(other)?;
    if hex(&sha256(&bytes)) == file.sha256 { Ok(bytes) } else { Err(other()) }
}

/// The path of a file without digest and ending.
fn stem(file: &PublishedFile) -> Result<(&str, &str)> {
    let named = file.path.rsplit_once('.').and_then(|(path, ending)| Some((path.rsplit_once('-')?.0, ending)));
    named.ok_or_else(|| Error::new(Kind::Store, format!("{}: expected a name with a digest and an ending, got another", file.path)))
}

/// The contract as far as the manifest states it.
fn contract(table: &PublishedTable) -> Result<Contract> {
    let column = |column: &super::manifest::PublishedColumn| -> Result<Column> {
        let kind = ColumnKind::of(&column.kind).ok_or_else(|| Error::new(Kind::Store, format!("table {}: expected a known kind, got another", table.name)))?;
        let known = Column::new(&column.name, kind, "");
        Ok(if column.nullable { known.nullable() } else { known })
    };
    let columns = table.columns.iter().map(column).collect::<Result<_>>()?;
    Ok(Contract::new(&table.name, "", &table.key.iter().map(String::as_str).collect::<Vec<_>>(), columns))
}

/// The rows `kept` of a batch, whose columns are those of the contract.
fn frame(contract: &Contract, read: &[Read], kept: &[usize]) -> Result<DataFrame> {
    let column = |(column, read): (&Column, &Read)| -> Result<Series> {
        let name = column.name.as_str();
        let rows = kept.iter();
        Ok(match column.kind {
            ColumnKind::Text => Series::new(name.into(), rows.map(|&row| read.text(row)).collect::<Vec<_>>()),
            ColumnKind::Float => Series::new(name.into(), rows.map(|&row| read.float(row)).collect::<Vec<_>>()),
            ColumnKind::Bool => Series::new(name.into(), rows.map(|&row| read.int(row).map(|value| value != 0)).collect::<Vec<_>>()),
            ColumnKind::Date => dates(name, rows.map(|&row| read.int(row).map(|day| Day(day as i32))).collect())?,
            ColumnKind::Int | ColumnKind::Money | ColumnKind::Timestamp => Series::new(name.into(), rows.map(|&row| read.int(row)).collect::<Vec<_>>()),
        })
    };
    let columns = contract.columns.iter().zip(read).map(column).collect::<Result<_>>()?;
    Ok(DataFrame::new(kept.len(), columns)?)
}
