//! Lines by shard: in memory, and in scratch files past a limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::row;
use crate::allowance::{Allowance, Held};
use crate::customers::People;
use crate::error::{Error, Kind, Result};
use crate::lake::{Cut, LineTexts, Lines, OpenTable};

/// The lines of one shard.
struct Buffer {
    bytes: Vec<u8>,
    held: Held,
    spilled: Option<File>,
}

/// The lines of everyone, divided by ranges of customer hashes.
pub struct Partition {
    buffers: Vec<Mutex<Buffer>>,
    /// Lines may hold a quarter of the memory: linking, sorting and scoring need the rest.
    memory: Allowance,
    scratch: PathBuf,
    spilled: Mutex<Held>,
}

/// Where lines go that memory cannot hold.
#[derive(Debug, Clone, Copy)]
pub struct Scratch<'a> {
    /// A folder.
    pub folder: &'a Path,
    /// Bytes that may be spilled.
    pub allowance: &'a Allowance,
}

const STEP: &str = "divide lines into shards";

fn scratch_fault(error: std::io::Error) -> Error {
    Error::new(Kind::Limit, format!("step {STEP}: scratch: {error}"))
}

/// Reads the order lines and divides them into `shards`; past a quarter of the memory they go to files in `scratch`.
///
/// # Errors
/// Those of the lake; `Limit` where scratch is full.
pub fn partition(table: &OpenTable, cut: &Cut, people: &People, shards: usize, scratch: Scratch<'_>) -> Result<Partition> {
    let memory = Allowance::memory(table.memory().limit() / 4);
    let buffers = (0..shards).map(|_| Mutex::new(Buffer { bytes: Vec::new(), held: memory.nothing(), spilled: None })).collect();
    let partition = Partition { buffers, memory, scratch: scratch.folder.to_owned(), spilled: Mutex::new(scratch.allowance.nothing()) };
    table.scan(
        cut,
        |_: &mut (), rows| {
            let lines = Lines::of(rows)?;
            let mut parts = vec![Vec::new(); shards];
            let mut texts = LineTexts::default();
            for &row in &rows.kept {
                let Some((source, id)) = lines.customer(row) else { continue };
                let customer = people
                    .find(source, id)
                    .ok_or_else(|| Error::new(Kind::StoreRetry, "expected the lines that were surveyed, got others: the lake changed meanwhile"))?;
                if people.customers[customer as usize].too_many_lines {
                    continue;
                }
                let line = lines.line(row, &mut texts)?;
                let hash = people.customers[customer as usize].hash;
                row::encode(&mut parts[shard_of(hash, shards)], customer, &line);
            }
            parts.iter().enumerate().filter(|(_, part)| !part.is_empty()).try_for_each(|(shard, part)| partition.add(shard, part))
        },
        |_, _| Ok(()),
    )?;
    Ok(partition)
}

/// The shard of a customer hash: equal ranges of the 64-bit numbers.
pub fn shard_of(hash: u64, shards: usize) -> usize {
    ((u128::from(hash) * shards as u128) >> 64) as usize
}

impl Partition {
    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.buffers.len()
    }

    /// Bytes that went to scratch.
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled.lock().map_or(0, |spilled| spilled.bytes())
    }

    fn lock(&self, shard: usize) -> Result<std::sync::MutexGuard<'_, Buffer>> {
        self.buffers[shard].lock().map_err(|_| Error::bug("a thread died with a shard in its hands"))
    }

    fn add(&self, shard: usize, part: &[u8]) -> Result<()> {
        let mut buffer = self.lock(shard)?;
        if buffer.held.try_grow(part.len() as u64) {
            buffer.bytes.extend_from_slice(part);
            return Ok(());
        }
        let bytes = std::mem::take(&mut buffer.bytes);
        buffer.held = self.memory.nothing();
        self.spilled.lock().map_err(|_| Error::bug("a thread died while it spilled"))?.grow(STEP, (bytes.len() + part.len()) as u64)?;
        if buffer.spilled.is_none() {
            // A file without a name: nothing of it is left when the process ends, however it ends.
            buffer.spilled = Some(tempfile::tempfile_in(&self.scratch).map_err(scratch_fault)?);
        }
        match &mut buffer.spilled {
            Some(file) => file.write_all(&bytes).and_then(|()| file.write_all(part)).map_err(scratch_fault),
            None => Ok(()),
        }
    }

    /// The bytes of a shard, and what they take of `memory`; it is empty afterwards.
    pub(super) fn take(&self, shard: usize, memory: &Allowance) -> Result<(Vec<u8>, Held)> {
        let empty = Buffer { bytes: Vec::new(), held: self.memory.nothing(), spilled: None };
        let mut buffer = std::mem::replace(&mut *self.lock(shard)?, empty);
        let on_disk = buffer.spilled.as_ref().map(File::metadata).transpose().map_err(scratch_fault)?.map_or(0, |meta| meta.len());
        let held = memory.take("collect features", (on_disk + buffer.bytes.len() as u64) * SORTING)?;
        let mut bytes = Vec::with_capacity(on_disk as usize + buffer.bytes.len());
        if let Some(file) = &mut buffer.spilled {
            file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(scratch_fault)?;
        }
        bytes.extend_from_slice(&buffer.bytes);
        Ok((bytes, held))
    }
}

/// How much a shard takes while it is sorted, for each of its bytes: itself, and a row of views on it.
const SORTING: u64 = 3;
