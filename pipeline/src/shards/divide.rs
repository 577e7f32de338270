//! The one pass over the order lines: surveyed, counted by source customer, and divided into shards. What a pass over some of the files gives is a
//! layer; layers add up, and one of files that did not change is as good as reading them again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::partition::{Partition, Pieces, Scratch, shard_of};
use super::row::{self, Encoded};
use crate::allowance::{Allowance, Held};
use crate::audit::Survey;
use crate::customers::{Groups, NOBODY, People, Run, SeenLines};
use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, LineNames, LineReader, LinesOf, OpenTable, SourceKey, place_of};

/// What the pass needs to know.
pub struct Divide<'a> {
    /// The numbers that lines carry.
    pub names: &'a LineNames,
    /// Source customers that are one with others.
    pub groups: &'a Groups,
    /// Lines and first orders of source customers, of all layers.
    pub seen: &'a SeenLines,
    /// Shards.
    pub shards: usize,
    /// More lines of one source customer are not kept.
    pub lines_max: u64,
    /// What the program's buffers may hold.
    pub memory: &'a Allowance,
    /// What lines may hold of it.
    pub lines_memory: &'a Allowance,
    /// Where lines go that memory cannot hold.
    pub scratch: Scratch<'a>,
}

/// The order lines of some files, in parts. Whose customer_id follows from who was seen first stands apart until that is settled.
pub struct Layer {
    /// What they hold, as a whole.
    pub survey: Survey,
    /// What became of the rows.
    pub counts: Counts,
    /// Lines that were not kept, and the first order among them, by number of their source customer, which has more than may be kept.
    pub(super) dropped: Dropped,
    pub(super) alone: Partition,
    pub(super) linked: Partition,
}

/// Lines, and the first order among them, UTC microseconds.
pub(super) type Tally = (u32, Option<i64>);

/// By number of the source customer.
pub(super) type Dropped = BTreeMap<u32, Tally>;

/// Counts more lines of a source customer.
pub(super) fn count(known: &mut Tally, (lines, first): Tally) {
    *known = (known.0 + lines, known.1.into_iter().chain(first).min());
}

/// Shards of linked source customers: they only keep the memory for one of them small.
pub(super) const LINKED_SHARDS: usize = 16;

const STEP: &str = "divide lines into shards";

/// What a thread gathers of one file.
#[derive(Default)]
struct Gathered {
    reader: LineReader,
    survey: Survey,
    pieces: Option<(Pieces, Pieces)>,
    /// Of all files: the source customers.
    keys: Option<Held>,
}

/// Where a thread puts lines.
struct Out<'a> {
    pieces: &'a mut (Pieces, Pieces),
    dropped: &'a Mutex<Dropped>,
}

impl Out<'_> {
    fn pieces_of(&mut self, run: &Going<'_>) -> &mut Pieces {
        if run.is_linked { &mut self.pieces.1 } else { &mut self.pieces.0 }
    }
}

/// Lines of one source customer that stand together, and where they go.
struct Going<'a> {
    number: u32,
    lines: &'a [LinesOf<'a>],
    is_linked: bool,
    shard: usize,
}

impl Going<'_> {
    fn count(&self) -> u32 {
        self.lines.iter().map(|lines| lines.items.len() as u32).sum()
    }

    /// The earliest order among them.
    fn first_order(&self) -> Option<i64> {
        self.lines.iter().filter(|lines| lines.is_bought()).map(|lines| lines.head.ordered_at).min()
    }
}

/// Reads the files of the order lines once.
///
/// # Errors
/// Those of the lake and of its lines; `Limit` where memory or scratch is full.
pub fn divide(table: &OpenTable, cut: &Cut, with: &Divide<'_>) -> Result<Layer> {
    let mut layer = with.nothing();
    // Pieces go from file to file: as many as there are threads, each handed over when it is full.
    let idle: Mutex<Vec<(Pieces, Pieces)>> = Mutex::default();
    let idle = || idle.lock().map_err(|_| Error::bug("a thread died with pieces in its hands"));
    let dropped = Mutex::new(BTreeMap::new());
    let (whole, counts) = table.scan(
        cut,
        |file: &mut Gathered, rows| {
            let Gathered { reader, survey, pieces, .. } = file;
            if pieces.is_none() {
                *pieces = Some(idle()?.pop().unwrap_or_else(|| (Pieces::new(with.shards), Pieces::new(LINKED_SHARDS))));
            }
            let mut out = Out { pieces: pieces.as_mut().ok_or_else(|| Error::bug("pieces were given"))?, dropped: &dropped };
            reader.read(rows, with.names, &cut.currency.code, |lines| {
                lines.iter().for_each(|lines| survey.add(lines, cut.as_of));
                layer.add(lines, with, &mut out)
            })?;
            survey.account(with.memory)
        },
        |whole, file| {
            idle()?.extend(file.pieces);
            whole.survey.merge(file.survey, with.memory)?;
            whole.keys.get_or_insert_with(|| with.memory.nothing()).resize(STEP, with.names.keys.bytes())
        },
    )?;
    for (alone, linked) in std::mem::take(&mut *idle()?) {
        alone.finish(&layer.alone)?;
        linked.finish(&layer.linked)?;
    }
    layer.survey = whole.survey;
    layer.counts = counts;
    layer.dropped = dropped.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(layer)
}

impl Divide<'_> {
    /// A layer of no files.
    pub fn nothing(&self) -> Layer {
        let new = |shards: usize| Partition::new(STEP, shards, self.lines_memory, self.scratch);
        let (survey, counts, dropped) = Default::default();
        Layer { survey, counts, dropped, alone: new(self.shards), linked: new(LINKED_SHARDS) }
    }

    fn most(&self) -> u32 {
        u32::try_from(self.lines_max).unwrap_or(u32::MAX - 1)
    }

    /// Whether lines are missing of someone who has no more than may be kept: a layer knew of more.
    pub fn misses(&self, layer: &Layer) -> bool {
        layer.dropped.keys().any(|number| self.seen.lines(*number) <= self.most())
    }
}

impl Layer {
    fn add(&self, lines: &[LinesOf<'_>], with: &Divide<'_>, out: &mut Out<'_>) -> Result<()> {
        // The orders of a customer stand together, mostly: they are counted at once.
        let runs = lines.chunk_by(|a, b| a.customer == b.customer).filter_map(|run| Some((run[0].customer?, run)));
        let going = |(customer, lines): (SourceKey, _)| {
            let is_linked = with.groups.is_linked(customer.number);
            let shard = if is_linked { customer.number as usize % LINKED_SHARDS } else { shard_of(customer.place, with.shards) };
            Going { number: customer.number, lines, is_linked, shard }
        };
        let going: Vec<Going<'_>> = runs.map(going).collect();
        let counted = |run: &Going<'_>| Run { number: run.number, lines: run.count(), first_order: if run.is_linked { run.first_order() } else { None } };
        let before = with.seen.add(&going.iter().map(counted).collect::<Vec<Run>>());
        // The memory is asked for all places before anything is written there: its delays overlap.
        std::hint::black_box(going.iter().fold(0, |all, run| all ^ out.pieces_of(run).next(run.shard)));
        for (run, before) in going.iter().zip(before) {
            if before > with.most() {
                // Who is linked may be another tomorrow: the first order is noted of everyone.
                let mut dropped = out.dropped.lock().unwrap_or_else(PoisonError::into_inner);
                count(dropped.entry(run.number).or_default(), (run.count(), run.first_order()));
                continue;
            }
            let partition = if run.is_linked { &self.linked } else { &self.alone };
            let pieces = out.pieces_of(run);
            for LinesOf { head, items, .. } in run.lines {
                let mut rest = *items;
                while !rest.is_empty() {
                    let (lines, bytes) = row::encode(pieces.room(run.shard, row::ROOM, partition)?, run.number, head, rest);
                    pieces.keep(run.shard, bytes);
                    rest = &rest[lines..];
                }
            }
        }
        Ok(())
    }

    /// Takes all that another has.
    ///
    /// # Errors
    /// `Limit` where memory is full.
    pub fn absorb(&mut self, other: Self, memory: &Allowance) -> Result<()> {
        self.survey.merge(other.survey, memory)?;
        self.counts.add(other.counts);
        other.dropped.into_iter().for_each(|(number, lines)| count(self.dropped.entry(number).or_default(), lines));
        self.alone.absorb(other.alone)?;
        self.linked.absorb(other.linked)
    }

    /// Bytes that went to scratch.
    pub fn spilled_bytes(&self) -> u64 {
        self.alone.spilled_bytes() + self.linked.spilled_bytes()
    }

    /// The lines of everyone by shards, now that it is settled who everyone is.
    ///
    /// # Errors
    /// `Limit` where memory or scratch is full.
    pub fn settle(self, people: &People, memory: &Allowance) -> Result<(Survey, Partition)> {
        let shards = self.alone.shards();
        let mut pieces = Pieces::new(shards);
        for shard in 0..LINKED_SHARDS {
            let (lines, _held) = self.linked.take(shard, memory)?;
            for together in Encoded(&lines) {
                let customer = people.customer_of[together.number() as usize];
                if customer == NOBODY {
                    return Err(Error::bug("every source customer of a line is a customer"));
                }
                let order = people.customers[customer as usize].order;
                pieces.append(shard_of(place_of(order), shards), together.bytes(), &self.alone)?;
            }
        }
        pieces.finish(&self.alone)?;
        Ok((self.survey, self.alone))
    }
}
