//! The one pass over the order lines: surveyed, counted by source customer, and divided into shards.

use std::sync::Mutex;

use super::partition::{Partition, Pieces, Scratch, shard_of};
use super::row::{self, Encoded};
use crate::allowance::Held;
use crate::audit::Survey;
use crate::customers::{Groups, NOBODY, People, Run, SeenLines, SourceCustomers};
use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, LineNames, LineOf, LineReader, OpenTable, SourceKey};

/// What the pass needs to know.
pub struct Divide<'a> {
    /// The numbers that lines carry.
    pub names: &'a LineNames,
    /// The table `customers`; None where the lake has none.
    pub known: Option<&'a SourceCustomers>,
    /// Source customers that are one with others.
    pub groups: &'a Groups,
    /// Shards.
    pub shards: usize,
    /// More lines of one source customer are not kept.
    pub lines_max: u64,
    /// Where lines go that memory cannot hold.
    pub scratch: Scratch<'a>,
}

/// The order lines, in parts. Whose customer_id follows from who was seen first stands apart until that is settled.
pub struct Divided {
    /// What they hold, as a whole.
    pub survey: Survey,
    /// Lines and first orders of source customers.
    pub seen: SeenLines,
    alone: Partition,
    linked: Partition,
}

/// What a source customer takes of the memory: its key and its counts.
const KEY_BYTES: u64 = 100;

/// Shards of linked source customers: they only keep the memory for one of them small.
const LINKED_SHARDS: usize = 16;

const STEP: &str = "divide lines into shards";

/// What a thread gathers of one file.
#[derive(Default)]
struct Gathered {
    reader: LineReader,
    lines: Vec<LineOf>,
    survey: Survey,
    pieces: Option<(Pieces, Pieces)>,
    /// Of all files: the source customers.
    keys: Option<Held>,
}

/// Reads the order lines once.
///
/// # Errors
/// Those of the lake and of its lines; `Limit` where memory or scratch is full.
pub fn divide(table: &OpenTable, cut: &Cut, with: &Divide<'_>) -> Result<(Divided, Counts)> {
    let memory = table.memory();
    let new = |shards: usize| Partition::new(STEP, shards, memory, with.scratch);
    let divided = Divided { survey: Survey::default(), seen: SeenLines::default(), alone: new(with.shards), linked: new(LINKED_SHARDS) };
    // Pieces go from file to file: as many as there are threads, each handed over when it is full.
    let idle: Mutex<Vec<(Pieces, Pieces)>> = Mutex::default();
    let idle = || idle.lock().map_err(|_| Error::bug("a thread died with pieces in its hands"));
    let is_known = |number: u32| with.known.is_none_or(|known| known.get(number).is_some());
    let (whole, counts) = table.scan(
        cut,
        |file: &mut Gathered, rows| {
            file.lines.clear();
            file.reader.read(rows, with.names, &cut.currency.code, &mut file.lines)?;
            file.survey.add(&file.lines, cut.as_of, &is_known, memory)?;
            let mut pieces = match file.pieces.take() {
                Some(pieces) => pieces,
                None => idle()?.pop().unwrap_or_else(|| (Pieces::new(with.shards), Pieces::new(LINKED_SHARDS))),
            };
            divided.add(&file.lines, with, &mut pieces)?;
            file.pieces = Some(pieces);
            Ok(())
        },
        |whole, file| {
            idle()?.extend(file.pieces);
            whole.survey.merge(file.survey, memory)?;
            whole.keys.get_or_insert_with(|| memory.nothing()).resize(STEP, with.names.keys.len() as u64 * KEY_BYTES)
        },
    )?;
    for (alone, linked) in std::mem::take(&mut *idle()?) {
        alone.finish(&divided.alone)?;
        linked.finish(&divided.linked)?;
    }
    Ok((Divided { survey: whole.survey, ..divided }, counts))
}

impl Divided {
    fn add(&self, lines: &[LineOf], with: &Divide<'_>, pieces: &mut (Pieces, Pieces)) -> Result<()> {
        let most = u32::try_from(with.lines_max).unwrap_or(u32::MAX - 1);
        // The lines of an order stand together, mostly: a run of one customer is counted at once.
        let runs = || lines.chunk_by(|a, b| a.customer == b.customer).filter_map(|run| Some((run[0].customer?, run)));
        let counted = |(customer, run): (SourceKey, &[LineOf])| {
            let orders = || run.iter().filter(|of| of.line.is_bought).map(|of| of.line.ordered_at).min();
            Run { number: customer.number, lines: run.len() as u32, first_order: if with.groups.is_linked(customer.number) { orders() } else { None } }
        };
        let before = self.seen.add(&runs().map(counted).collect::<Vec<Run>>(), most);
        for ((customer, run), before) in runs().zip(before) {
            if before > most {
                continue;
            }
            let is_linked = with.groups.is_linked(customer.number);
            let piece = match is_linked {
                true => pieces.1.of(customer.number as usize % LINKED_SHARDS, &self.linked)?,
                false => pieces.0.of(shard_of(customer.order, with.shards), &self.alone)?,
            };
            run.iter().for_each(|of| row::encode(piece, customer.number, &of.line));
        }
        Ok(())
    }

    /// The lines of everyone by shards, now that it is settled who everyone is.
    ///
    /// # Errors
    /// `Limit` where memory or scratch is full.
    pub fn settle(self, people: &People, table: &OpenTable) -> Result<(Survey, Partition)> {
        let shards = self.alone.shards();
        let mut pieces = Pieces::new(shards);
        for shard in 0..LINKED_SHARDS {
            let (lines, _held) = self.linked.take(shard, table.memory())?;
            for (number, bytes) in Encoded(&lines) {
                let customer = people.customer_of[number as usize];
                if customer == NOBODY {
                    return Err(Error::bug("every source customer of a line is a customer"));
                }
                let order = people.customers[customer as usize].order;
                pieces.of(shard_of(order, shards), &self.alone)?.extend_from_slice(bytes);
            }
        }
        pieces.finish(&self.alone)?;
        Ok((self.survey, self.alone))
    }
}
