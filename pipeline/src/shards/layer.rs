//! A layer as bytes: a head, and chunks of lines. They are kept beside a job's runs, so that the next run needs to read only the files that it
//! does not know.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::divide::{Divide, Dropped, LINKED_SHARDS, Layer, Tally, count};
use super::partition::{Partition, shard_of};
use super::row::Encoded;
use crate::audit::Survey;
use crate::customers::Run;
use crate::error::{Error, Result};
use crate::lake::{ByFingerprint, Counts, Cut, place_of};
use crate::time::Day;

/// A chunk is closed once it has so many bytes. Allocators give larger ones back to the system at once, which clears every page of the next.
const CHUNK_BYTES: usize = 4 << 20;

/// A layer but for its lines, and the as-of date of the run that read it.
type Head = (Day, Survey, Counts, Dropped);

/// Numbers before the lines of a shard: the shard, source customers, bytes of lines.
const SECTION: usize = 12;
/// Bytes of a source customer: its number, its lines, its first order.
const SEEN: usize = 16;
/// No order.
const NONE: i64 = i64::MAX;

/// `value` as bytes.
///
/// # Errors
/// `Bug` if it cannot be written.
pub fn pack(value: &impl Serialize) -> Result<Vec<u8>> {
    rmp_serde::to_vec(value).map_err(|error| Error::bug(format!("state: {error}")))
}

/// What `pack` wrote; None for other bytes.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}

impl Layer {
    /// The layer but for its lines, which were read as of `as_of`.
    ///
    /// # Errors
    /// `Bug` if it cannot be written.
    pub fn head(&self, as_of: Day) -> Result<Vec<u8>> {
        pack(&(as_of, &self.survey, &self.counts, &self.dropped))
    }

    /// The parts of the lines, each with its number among all and its place in its partition.
    fn parts(&self) -> impl Iterator<Item = (usize, &Partition, usize)> {
        let of = |part: &'_ Partition| 0..part.shards();
        let alone = of(&self.alone).map(|shard| (shard, &self.alone, shard));
        alone.chain(of(&self.linked).map(|shard| (self.alone.shards() + shard, &self.linked, shard)))
    }

    /// Whether the lines can be written: of no shard more than four thousand million bytes.
    ///
    /// # Errors
    /// `Bug` if a thread died.
    pub fn is_written(&self) -> Result<bool> {
        self.parts().try_fold(true, |is_written, (_, part, shard)| Ok(is_written && u32::try_from(part.bytes(shard)?).is_ok()))
    }

    /// Hands the lines to `keep`, chunk by chunk.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read; those of `keep`.
    pub fn chunks(&self, mut keep: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        let mut chunk = Vec::new();
        for (number, part, shard) in self.parts() {
            let lines = part.read(shard)?;
            if lines.is_empty() {
                continue;
            }
            let seen = seen(&lines);
            [number as u32, seen.len() as u32, lines.len() as u32].iter().for_each(|number| chunk.extend_from_slice(&number.to_le_bytes()));
            for (number, (count, first)) in seen {
                chunk.extend_from_slice(&number.to_le_bytes());
                chunk.extend_from_slice(&count.to_le_bytes());
                chunk.extend_from_slice(&first.unwrap_or(NONE).to_le_bytes());
            }
            chunk.extend_from_slice(&lines);
            if chunk.len() >= CHUNK_BYTES {
                keep(std::mem::take(&mut chunk))?;
            }
        }
        if chunk.is_empty() { Ok(()) } else { keep(chunk) }
    }
}

/// Lines and first order of the source customers, by number.
fn seen(lines: &[u8]) -> Vec<(u32, Tally)> {
    let mut seen: ByFingerprint<u32, Tally> = ByFingerprint::default();
    for together in Encoded(lines) {
        count(seen.entry(together.number()).or_default(), (together.lines() as u32, together.bought_at()));
    }
    let mut seen: Vec<(u32, Tally)> = seen.into_iter().collect();
    seen.sort_unstable();
    seen
}

impl Divide<'_> {
    /// A layer whose lines are still to be added, as a run of a later as_of sees it; None for other bytes, or if the layer was made later.
    pub fn unpack(&self, head: &[u8], cut: &Cut) -> Option<Layer> {
        let (as_of, mut survey, counts, dropped): Head = unpack(head)?;
        let days = usize::try_from(cut.as_of.since(as_of)).ok()?;
        survey.seen_later(days);
        let runs: Vec<Run> = dropped.iter().map(|(&number, &(lines, first_order))| Run { number, lines, first_order }).collect();
        self.seen.add(&runs);
        Some(Layer { survey, counts, dropped, ..self.nothing() })
    }

    /// Adds the lines of a chunk to a layer; false for bytes that are none.
    ///
    /// # Errors
    /// `Limit` where scratch is full.
    pub fn unpack_chunk(&self, layer: &Layer, mut chunk: &[u8]) -> Result<bool> {
        while !chunk.is_empty() {
            let Some((Section { shard, seen, lines }, rest)) = section(chunk, self.shards + LINKED_SHARDS) else { return Ok(false) };
            chunk = rest;
            let run = |one: &[u8]| {
                let (number, rest) = one.split_first_chunk::<4>()?;
                let (lines, first) = rest.split_first_chunk::<4>()?;
                let (number, first) = (u32::from_le_bytes(*number), i64::from_le_bytes(first.try_into().ok()?));
                // Whose first order it was matters of those who are one with others, as when lines are read.
                let first_order = (first != NONE && self.groups.is_linked(number)).then_some(first);
                Some(Run { number, lines: u32::from_le_bytes(*lines), first_order })
            };
            let runs: Vec<Run> = seen.chunks_exact(SEEN).filter_map(run).collect();
            let linked = runs.iter().filter(|run| self.groups.is_linked(run.number)).count();
            self.seen.add(&runs);
            match linked {
                0 if shard < self.shards => layer.alone.add(shard, lines)?,
                _ => self.divide_again(layer, shard, lines)?,
            }
        }
        Ok(true)
    }

    /// Lines of which some belong elsewhere, as others are linked now.
    fn divide_again(&self, layer: &Layer, shard: usize, lines: &[u8]) -> Result<()> {
        let mut moved: BTreeMap<(bool, usize), Vec<u8>> = BTreeMap::new();
        let mut stay = Vec::with_capacity(lines.len());
        for together in Encoded(lines) {
            let number = together.number();
            let piece = match (self.groups.is_linked(number), shard < self.shards) {
                (true, _) => moved.entry((true, number as usize % LINKED_SHARDS)).or_default(),
                (false, true) => &mut stay,
                (false, false) => moved.entry((false, shard_of(place_of(self.names.keys.own(number).order), self.shards))).or_default(),
            };
            piece.extend_from_slice(together.bytes());
        }
        let part = |is_linked: bool| -> &Partition { if is_linked { &layer.linked } else { &layer.alone } };
        moved.into_iter().try_for_each(|((is_linked, shard), piece)| part(is_linked).add(shard, piece))?;
        layer.alone.add(shard.min(self.shards - 1), stay)
    }
}

/// The lines of a shard in a chunk, and whose they are.
struct Section<'a> {
    shard: usize,
    seen: &'a [u8],
    lines: &'a [u8],
}

/// The first section of a chunk, and the rest; None for other bytes.
fn section(chunk: &[u8], shards: usize) -> Option<(Section<'_>, &[u8])> {
    let (numbers, rest) = chunk.split_at_checked(SECTION)?;
    let number = |at: usize| Some(u32::from_le_bytes(numbers[at..at + 4].try_into().ok()?) as usize);
    let (shard, seen, lines) = (number(0)?, number(4)?, number(8)?);
    let (seen, rest) = rest.split_at_checked(seen * SEEN)?;
    let (lines, rest) = rest.split_at_checked(lines)?;
    (shard < shards).then_some((Section { shard, seen, lines }, rest))
}
