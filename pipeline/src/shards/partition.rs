//! Lines by shard: in memory, and in scratch files past a limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::row;
use crate::customers::People;
use crate::error::{Error, Kind, Result};
use crate::lake::{Cut, LineTexts, Lines, OpenTable};

/// The lines of one shard.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    spilled: Option<File>,
}

/// The lines of everyone, divided by ranges of customer hashes.
pub struct Partition {
    buffers: Vec<Mutex<Buffer>>,
    held: AtomicU64,
    limit: u64,
    scratch: PathBuf,
    spilled: AtomicU64,
}

fn scratch_fault(error: std::io::Error) -> Error {
    Error::new(Kind::Limit, format!("step lines to shards: scratch: {error}"))
}

/// Reads the order lines and divides them into `shards`; past `limit` bytes they go to files below `scratch`.
///
/// # Errors
/// Those of the lake; `Limit` where scratch is full.
pub fn partition(table: &OpenTable, cut: &Cut, people: &People, shards: usize, limit: u64, scratch: &Path) -> Result<Partition> {
    let buffers = (0..shards).map(|_| Mutex::new(Buffer::default())).collect();
    let partition = Partition { buffers, held: AtomicU64::new(0), limit, scratch: scratch.to_owned(), spilled: AtomicU64::new(0) };
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
                let line = lines.line(row, &mut texts)?;
                let hash = people.customers[customer as usize].hash;
                row::encode(&mut parts[shard_of(hash, shards)], customer, &line);
            }
            parts.iter().enumerate().filter(|(_, part)| !part.is_empty()).try_for_each(|(shard, part)| partition.add(shard, part))
        },
        |_, _| (),
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
        self.spilled.load(Ordering::Relaxed)
    }

    fn lock(&self, shard: usize) -> Result<std::sync::MutexGuard<'_, Buffer>> {
        self.buffers[shard].lock().map_err(|_| Error::bug("a thread died with a shard in its hands"))
    }

    fn add(&self, shard: usize, part: &[u8]) -> Result<()> {
        let mut buffer = self.lock(shard)?;
        buffer.bytes.extend_from_slice(part);
        let held = self.held.fetch_add(part.len() as u64, Ordering::Relaxed) + part.len() as u64;
        if held > self.limit {
            let bytes = std::mem::take(&mut buffer.bytes);
            self.held.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
            self.spilled.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if buffer.spilled.is_none() {
                // A file without a name: nothing of it is left when the process ends, however it ends.
                buffer.spilled = Some(tempfile::tempfile_in(&self.scratch).map_err(scratch_fault)?);
            }
            if let Some(file) = &mut buffer.spilled {
                file.write_all(&bytes).map_err(scratch_fault)?;
            }
        }
        Ok(())
    }

    /// The bytes of a shard; it is empty afterwards.
    pub(super) fn take(&self, shard: usize) -> Result<Vec<u8>> {
        let buffer = std::mem::take(&mut *self.lock(shard)?);
        let mut bytes = Vec::new();
        if let Some(mut file) = buffer.spilled {
            file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(scratch_fault)?;
        }
        bytes.extend_from_slice(&buffer.bytes);
        Ok(bytes)
    }
}
