//! A layer as bytes: a head, and chunks of lines. They are kept beside a job's runs, so that the next run needs to read only the files that it
//! does not know.

use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::divide::{Divide, Dropped, LINKED_SHARDS, Layer};
use super::partition::{Partition, shard_of};
use super::row::Encoded;
use crate::audit::Survey;
use crate::customers::Run;
use crate::error::{Error, Result};
use crate::key::Spread;
use crate::lake::{Counts, Cut};
use crate::time::Day;

/// A chunk is closed once it has so many bytes.
const CHUNK_BYTES: usize = 8 << 20;

/// A layer but for its lines.
#[derive(Serialize, Deserialize)]
struct Head {
    as_of: Day,
    survey: Survey,
    counts: Counts,
    dropped: Dropped,
}

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
    pub fn head(&mut self, as_of: Day) -> Result<Vec<u8>> {
        let head =
            Head { as_of, survey: std::mem::take(&mut self.survey), counts: std::mem::take(&mut self.counts), dropped: std::mem::take(&mut self.dropped) };
        let bytes = pack(&head)?;
        (self.survey, self.counts, self.dropped) = (head.survey, head.counts, head.dropped);
        Ok(bytes)
    }

    /// Whether the lines can be written: of no shard more than four thousand million bytes.
    ///
    /// # Errors
    /// `Bug` if a thread died.
    pub fn is_written(&self) -> Result<bool> {
        let mut parts = [&self.alone, &self.linked].into_iter().flat_map(|part| (0..part.shards()).map(move |shard| part.bytes(shard)));
        parts.try_fold(true, |is_written, bytes| Ok(is_written && u32::try_from(bytes?).is_ok()))
    }

    /// Hands the lines to `keep`, chunk by chunk.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read; those of `keep`.
    pub fn chunks(&self, mut keep: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        let mut chunk = Vec::new();
        let parts = [(&self.alone, 0), (&self.linked, self.alone.shards())];
        for (part, shard, number) in parts.into_iter().flat_map(|(part, first)| (0..part.shards()).map(move |shard| (part, shard, first + shard))) {
            let lines = part.read(shard)?;
            if lines.is_empty() {
                continue;
            }
            let seen = seen(&lines);
            [number as u32, seen.len() as u32, lines.len() as u32].iter().for_each(|number| chunk.extend_from_slice(&number.to_le_bytes()));
            for (number, (count, first)) in seen {
                chunk.extend_from_slice(&number.to_le_bytes());
                chunk.extend_from_slice(&count.to_le_bytes());
                chunk.extend_from_slice(&first.to_le_bytes());
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
fn seen(lines: &[u8]) -> Vec<(u32, (u32, i64))> {
    let mut seen: std::collections::HashMap<u64, (u32, i64), BuildHasherDefault<Spread>> = Default::default();
    for together in Encoded(lines) {
        let one = seen.entry(spread(together.number())).or_insert((0, NONE));
        *one = (one.0 + together.lines() as u32, one.1.min(together.bought_at().unwrap_or(NONE)));
    }
    let mut seen: Vec<(u32, (u32, i64))> = seen.into_iter().map(|(number, one)| (number as u32, one)).collect();
    seen.sort_unstable();
    seen
}

/// A number as the hasher of fingerprints wants it: its bits are spread above it.
fn spread(number: u32) -> u64 {
    u64::from(number) | u64::from(number.wrapping_mul(0x9E37_79B9)) << 32
}

impl Divide<'_> {
    /// A layer whose lines are still to be added, as a run of a later as_of sees it; None for other bytes, or if the layer was made later.
    pub fn unpack(&self, head: &[u8], cut: &Cut) -> Option<Layer> {
        let Head { as_of, mut survey, counts, dropped } = unpack(head)?;
        let days = usize::try_from(cut.as_of.since(as_of)).ok()?;
        survey.seen_later(days, cut.as_of);
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
                let first = i64::from_le_bytes(first.try_into().ok()?);
                Some(Run { number: u32::from_le_bytes(*number), lines: u32::from_le_bytes(*lines), first_order: (first != NONE).then_some(first) })
            };
            let runs: Vec<Run> = seen.chunks_exact(SEEN).filter_map(run).collect();
            let linked = runs.iter().filter(|run| self.groups.is_linked(run.number)).count();
            self.seen.add(&runs);
            match linked {
                0 if shard < self.shards => layer.alone.add(shard, lines.to_vec())?,
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
                (false, false) => moved.entry((false, shard_of(self.names.keys.order(number), self.shards))).or_default(),
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
