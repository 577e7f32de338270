//! Bytes by shard: in memory, and in a file of scratch past a limit.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::allowance::{Allowance, Held};
use crate::error::{Error, Kind, Result};

/// The bytes of one shard, in pieces.
#[derive(Default)]
struct Buffer {
    pieces: Vec<Vec<u8>>,
    /// What the pieces take of the memory.
    held: Vec<Held>,
    /// What went to files before, in this order.
    spilled: Vec<Spilled>,
}

/// Bytes in a file of scratch.
#[derive(Clone)]
struct Spilled {
    file: Arc<Mutex<File>>,
    from: u64,
    length: usize,
}

/// A file of scratch to which all shards spill, and what it takes of the allowance.
#[derive(Default)]
struct Spill {
    file: Option<Arc<Mutex<File>>>,
    end: u64,
    held: Vec<Held>,
}

/// Encoded rows, divided.
pub struct Partition {
    buffers: Vec<Mutex<Buffer>>,
    memory: Allowance,
    scratch: PathBuf,
    allowance: Allowance,
    spill: Mutex<Spill>,
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

/// The shard of a customer's place in the order of customers (the first 32 bits of it): equal ranges of the numbers.
#[inline]
pub fn shard_of(place: u32, shards: usize) -> usize {
    ((u64::from(place) * shards as u64) >> 32) as usize
}

/// What rows may hold of the memory before they go to scratch: a sixteenth. Linking, sorting and scoring need the rest, and what rows held in
/// small pieces is not given back to the system.
pub fn share_of(memory: &Allowance) -> Allowance {
    Allowance::memory(memory.limit() / 16)
}

impl Partition {
    /// An empty one of so many shards, filled by `step`; what `memory` does not hold goes to a file in `scratch`.
    pub fn new(step: &'static str, shards: usize, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self {
            buffers: (0..shards).map(|_| Mutex::default()).collect(),
            memory: memory.clone(),
            scratch: scratch.folder.to_owned(),
            allowance: scratch.allowance.clone(),
            spill: Mutex::default(),
            step,
        }
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
        self.spill.lock().map_or(0, |spill| spill.held.iter().map(Held::bytes).sum())
    }

    fn lock<'a, T>(&self, of: &'a Mutex<T>) -> Result<MutexGuard<'a, T>> {
        of.lock().map_err(|_| Error::bug("a thread died with a shard in its hands"))
    }

    /// Adds encoded rows to a shard; what is borrowed and goes to scratch at once is not copied.
    ///
    /// # Errors
    /// `Limit` where scratch is full.
    pub fn add<'a>(&self, shard: usize, piece: impl Into<Cow<'a, [u8]>>) -> Result<()> {
        let piece = piece.into();
        if piece.is_empty() {
            return Ok(());
        }
        let mut buffer = self.lock(&self.buffers[shard])?;
        let Buffer { pieces, held, spilled } = &mut *buffer;
        if held.is_empty() {
            held.push(self.memory.nothing());
        }
        let taken = if let Cow::Owned(bytes) = &piece { bytes.capacity() } else { piece.len() };
        if held[0].try_grow(taken as u64) {
            pieces.push(piece.into_owned());
        } else {
            spilled.push(self.spill(pieces, &piece)?);
            pieces.clear();
            held.clear();
        }
        Ok(())
    }

    /// Writes pieces to the file of scratch, and one more after them.
    fn spill(&self, pieces: &[Vec<u8>], last: &[u8]) -> Result<Spilled> {
        let pieces = || pieces.iter().map(Vec::as_slice).chain([last]);
        let length = pieces().map(<[u8]>::len).sum::<usize>();
        let mut spill = self.lock(&self.spill)?;
        if spill.held.is_empty() {
            spill.held.push(self.allowance.nothing());
        }
        spill.held[0].grow(self.step, length as u64)?;
        let file = match &spill.file {
            Some(file) => file.clone(),
            None => {
                // A file without a name: nothing of it is left when the process ends, however it ends.
                let file = tempfile::tempfile_in(&self.scratch).map_err(|error| self.scratch_fault(error))?;
                spill.file.insert(Arc::new(Mutex::new(file))).clone()
            }
        };
        let from = spill.end;
        spill.end += length as u64;
        let mut open = self.lock(&file)?;
        open.seek(SeekFrom::Start(from)).map_err(|error| self.scratch_fault(error))?;
        pieces().try_for_each(|piece| open.write_all(piece)).map_err(|error| self.scratch_fault(error))?;
        drop(open);
        Ok(Spilled { file, from, length })
    }

    /// Takes all rows of another that has as many shards: no byte is moved.
    ///
    /// # Errors
    /// `Bug` if a thread died.
    pub fn absorb(&self, other: Self) -> Result<()> {
        for (mine, other) in self.buffers.iter().zip(other.buffers) {
            let other = other.into_inner().map_err(|_| Error::bug("a thread died with a shard in its hands"))?;
            let mut mine = self.lock(mine)?;
            mine.spilled.extend(other.spilled);
            mine.pieces.extend(other.pieces);
            mine.held.extend(other.held);
        }
        let spill = other.spill.into_inner().map_err(|_| Error::bug("a thread died while it spilled"))?;
        self.lock(&self.spill)?.held.extend(spill.held);
        Ok(())
    }

    /// The bytes of a shard, in any order of what was added; they stay.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn read(&self, shard: usize) -> Result<Vec<u8>> {
        let buffer = self.lock(&self.buffers[shard])?;
        let mut bytes = Vec::with_capacity(buffer.bytes());
        for spilled in &buffer.spilled {
            let start = bytes.len();
            bytes.resize(start + spilled.length, 0);
            let mut file = self.lock(&spilled.file)?;
            file.seek(SeekFrom::Start(spilled.from)).and_then(|_| file.read_exact(&mut bytes[start..])).map_err(|error| self.scratch_fault(error))?;
        }
        buffer.pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok(bytes)
    }

    /// How many bytes a shard has.
    ///
    /// # Errors
    /// `Bug` if a thread died.
    pub fn bytes(&self, shard: usize) -> Result<usize> {
        Ok(self.lock(&self.buffers[shard])?.bytes())
    }

    /// The bytes of a shard, and what they take of `memory` while they are sorted; it is empty afterwards.
    ///
    /// # Errors
    /// `Limit` if memory does not hold them, or scratch cannot be read.
    pub fn take(&self, shard: usize, memory: &Allowance) -> Result<(Vec<u8>, Held)> {
        let held = memory.take("collect features", self.bytes(shard)? as u64 * SORTING)?;
        let bytes = self.read(shard)?;
        *self.lock(&self.buffers[shard])? = Buffer::default();
        Ok((bytes, held))
    }
}

impl Buffer {
    fn bytes(&self) -> usize {
        self.spilled.iter().map(|spilled| spilled.length).sum::<usize>() + self.pieces.iter().map(Vec::len).sum::<usize>()
    }
}

/// How much a shard takes while it is sorted, for each of its bytes: itself twice for a moment, and the places of its lines.
const SORTING: u64 = 3;

/// What a processor brings from memory at once.
const LINE_BYTES: usize = 64;

/// The pieces of all shards that one thread fills.
pub struct Pieces {
    pieces: Vec<Piece>,
    full: usize,
}

/// Bytes of which the first are used.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    used: usize,
}

impl Pieces {
    /// Empty pieces of so many shards.
    pub fn new(shards: usize) -> Self {
        Self { pieces: (0..shards).map(|_| Piece::default()).collect(), full: ((8 << 20) / shards).clamp(512, 16 << 10) }
    }

    /// Room for `bytes` at least in the piece of a shard, which is handed over first where it has less; `keep` says how many were written there.
    ///
    /// # Errors
    /// Those of `Partition::add`.
    #[inline]
    pub fn room(&mut self, shard: usize, bytes: usize, partition: &Partition) -> Result<&mut [u8]> {
        if self.pieces[shard].bytes.len() - self.pieces[shard].used < bytes {
            let full = std::mem::replace(&mut self.pieces[shard], Piece { bytes: vec![0; self.full.max(bytes)], used: 0 });
            partition.add(shard, full.into_bytes())?;
        }
        let piece = &mut self.pieces[shard];
        Ok(&mut piece.bytes[piece.used..])
    }

    /// What stands where the next bytes of a shard go: whoever asks for those of many shards has the memory bring them together.
    #[inline]
    pub fn next(&self, shard: usize) -> u8 {
        let Piece { bytes, used } = &self.pieces[shard];
        let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
        at(*used) ^ at(used + LINE_BYTES)
    }

    /// Keeps so many bytes of the room that there was.
    #[inline]
    pub fn keep(&mut self, shard: usize, bytes: usize) {
        self.pieces[shard].used += bytes;
    }

    /// Adds bytes to the piece of a shard.
    ///
    /// # Errors
    /// Those of `Partition::add`.
    pub fn append(&mut self, shard: usize, bytes: &[u8], partition: &Partition) -> Result<()> {
        self.room(shard, bytes.len(), partition)?[..bytes.len()].copy_from_slice(bytes);
        self.keep(shard, bytes.len());
        Ok(())
    }

    /// Hands all pieces over.
    ///
    /// # Errors
    /// Those of `Partition::add`.
    pub fn finish(self, partition: &Partition) -> Result<()> {
        self.pieces.into_iter().enumerate().try_for_each(|(shard, piece)| {
            let mut bytes = piece.into_bytes();
            bytes.shrink_to_fit();
            partition.add(shard, bytes)
        })
    }
}

impl Piece {
    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.used);
        self.bytes
    }
}
