//! Bytes by shard: in memory, and in scratch files past a limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::allowance::{Allowance, Held};
use crate::error::{Error, Kind, Result};

/// The bytes of one shard, in pieces.
struct Buffer {
    pieces: Vec<Vec<u8>>,
    held: Held,
    spilled: Option<File>,
}

/// Encoded rows, divided.
pub struct Partition {
    buffers: Vec<Mutex<Buffer>>,
    /// Rows may hold a quarter of the memory: linking, sorting and scoring need the rest.
    memory: Allowance,
    scratch: PathBuf,
    spilled: Mutex<Held>,
    step: &'static str,
}

/// Where lines go that memory cannot hold.
#[derive(Debug, Clone, Copy)]
pub struct Scratch<'a> {
    /// A folder.
    pub folder: &'a Path,
    /// Bytes that may be spilled.
    pub allowance: &'a Allowance,
}

/// The shard of a customer's place in the order of customers: equal ranges of the 64-bit numbers.
#[inline]
pub fn shard_of(order: u64, shards: usize) -> usize {
    ((u128::from(order) * shards as u128) >> 64) as usize
}

impl Partition {
    /// An empty one of so many shards, filled by `step`; past a quarter of `memory` rows go to files in `scratch`.
    pub fn new(step: &'static str, shards: usize, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        let memory = Allowance::memory(memory.limit() / 4);
        let buffers = (0..shards).map(|_| Mutex::new(Buffer { pieces: Vec::new(), held: memory.nothing(), spilled: None })).collect();
        Self { buffers, memory, scratch: scratch.folder.to_owned(), spilled: Mutex::new(scratch.allowance.nothing()), step }
    }

    fn scratch_fault(&self, error: std::io::Error) -> Error {
        Error::new(Kind::Limit, format!("step {}: scratch: {error}", self.step))
    }

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

    /// Adds encoded rows to a shard.
    ///
    /// # Errors
    /// `Limit` where scratch is full.
    pub fn add(&self, shard: usize, piece: Vec<u8>) -> Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        let mut buffer = self.lock(shard)?;
        if buffer.held.try_grow(piece.capacity() as u64) {
            buffer.pieces.push(piece);
            return Ok(());
        }
        let mut pieces = std::mem::take(&mut buffer.pieces);
        pieces.push(piece);
        buffer.held = self.memory.nothing();
        let bytes = pieces.iter().map(Vec::len).sum::<usize>() as u64;
        self.spilled.lock().map_err(|_| Error::bug("a thread died while it spilled"))?.grow(self.step, bytes)?;
        if buffer.spilled.is_none() {
            // A file without a name: nothing of it is left when the process ends, however it ends.
            buffer.spilled = Some(tempfile::tempfile_in(&self.scratch).map_err(|error| self.scratch_fault(error))?);
        }
        let Some(file) = &mut buffer.spilled else { return Ok(()) };
        pieces.iter().try_for_each(|piece| file.write_all(piece)).map_err(|error| self.scratch_fault(error))
    }

    /// The bytes of a shard, in the order in which they were added; they stay.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn read(&self, shard: usize) -> Result<Vec<u8>> {
        let mut buffer = self.lock(shard)?;
        let mut bytes = Vec::new();
        if let Some(file) = &mut buffer.spilled {
            // Reading to the end leaves the file where more is added.
            file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(|error| self.scratch_fault(error))?;
        }
        bytes.reserve_exact(buffer.pieces.iter().map(Vec::len).sum());
        buffer.pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok(bytes)
    }

    /// The bytes of a shard, and what they take of `memory` while they are sorted; it is empty afterwards.
    ///
    /// # Errors
    /// `Limit` if memory does not hold them, or scratch cannot be read.
    pub fn take(&self, shard: usize, memory: &Allowance) -> Result<(Vec<u8>, Held)> {
        let on_disk = {
            let buffer = self.lock(shard)?;
            let on_disk = buffer.spilled.as_ref().map(File::metadata).transpose().map_err(|error| self.scratch_fault(error))?;
            on_disk.map_or(0, |meta| meta.len()) + buffer.pieces.iter().map(Vec::len).sum::<usize>() as u64
        };
        let held = memory.take("collect features", on_disk * SORTING)?;
        let bytes = self.read(shard)?;
        *self.lock(shard)? = Buffer { pieces: Vec::new(), held: self.memory.nothing(), spilled: None };
        Ok((bytes, held))
    }
}

/// How much a shard takes while it is sorted, for each of its bytes: itself twice for a moment, and the places of its lines.
const SORTING: u64 = 3;

/// The pieces of all shards that one thread fills.
pub struct Pieces {
    pieces: Vec<Vec<u8>>,
    full: usize,
}

impl Pieces {
    /// Empty pieces of so many shards.
    pub fn new(shards: usize) -> Self {
        Self { pieces: vec![Vec::new(); shards], full: ((8 << 20) / shards).clamp(512, 16 << 10) }
    }

    /// The piece of a shard, to which lines are appended; a full one goes to `partition` first.
    ///
    /// # Errors
    /// Those of `Partition::add`.
    #[inline]
    pub fn of(&mut self, shard: usize, partition: &Partition) -> Result<&mut Vec<u8>> {
        if self.pieces[shard].len() >= self.full {
            partition.add(shard, std::mem::take(&mut self.pieces[shard]))?;
        }
        let piece = &mut self.pieces[shard];
        if piece.capacity() == 0 {
            piece.reserve_exact(self.full + 128);
        }
        Ok(piece)
    }

    /// Hands all pieces over.
    ///
    /// # Errors
    /// Those of `Partition::add`.
    pub fn finish(self, partition: &Partition) -> Result<()> {
        self.pieces.into_iter().enumerate().try_for_each(|(shard, piece)| partition.add(shard, piece))
    }
}
