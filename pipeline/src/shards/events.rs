//! Events of customers by shard, between their tables and `collect`.

use std::ops::Range;
use std::sync::Mutex;

use super::partition::{Partition, Pieces, Scratch, shard_of, share_of};
use crate::allowance::Allowance;
use crate::customers::{NOBODY, People};
use crate::error::{Error, Result};
use crate::features::{Event, EventKind};
use crate::lake::place_of;
use crate::time::Day;

/// Events, divided as lines are.
pub struct Events<'a> {
    people: &'a People,
    partition: Partition,
    pieces: Mutex<(Pieces, First)>,
}

/// By kind: the first day on which an event was known.
type First = [Option<Day>; EventKind::ALL.len()];

impl<'a> Events<'a> {
    /// No events yet, of these people.
    pub fn new(people: &'a People, shards: usize, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self {
            people,
            partition: Partition::new("read the small tables", shards, &share_of(memory), scratch),
            pieces: Mutex::new((Pieces::new(shards), First::default())),
        }
    }

    /// Adds what happened to the source customer of this number; false where that is nobody's: of who is gone the number may still be known.
    ///
    /// # Errors
    /// `Limit` where memory or scratch is full.
    pub fn add(&self, number: u32, event: Event) -> Result<bool> {
        let customer = self.people.customer_of[number as usize];
        if customer == NOBODY {
            return Ok(false);
        }
        let shard = shard_of(place_of(self.people.customers[customer as usize].order), self.partition.shards());
        let mut pieces = self.pieces.lock().map_err(|_| Error::bug("a thread died with events in its hands"))?;
        let first = &mut pieces.1[event.kind as usize];
        *first = Some(first.map_or(event.visible_from, |day| day.min(event.visible_from)));
        pieces.0.append(shard, &customer.to_le_bytes(), &self.partition)?;
        pieces.0.append(shard, &event.encode(), &self.partition)?;
        Ok(true)
    }

    /// All events, now that there are no more.
    ///
    /// # Errors
    /// As `add`.
    pub fn close(self) -> Result<ClosedEvents> {
        let (pieces, first) = self.pieces.into_inner().map_err(|_| Error::bug("a thread died with events in its hands"))?;
        pieces.finish(&self.partition)?;
        Ok(ClosedEvents { partition: self.partition, first })
    }
}

/// All events.
pub struct ClosedEvents {
    partition: Partition,
    /// By kind: the first day on which one was known, of anyone.
    pub first: First,
}

impl ClosedEvents {
    /// What happened to each of a shard's `customers`, in their order, oldest first.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub(super) fn of(&self, shard: usize, customers: Range<usize>) -> Result<SortedEvents> {
        let bytes = self.partition.read(shard)?;
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while let Some((customer, after)) = rest.split_first_chunk::<4>() {
            let (event, after) = Event::decode(after);
            events.push((u32::from_le_bytes(*customer) as usize - customers.start, event));
            rest = after;
        }
        events.sort_unstable();
        let mut starts = vec![0; customers.len() + 1];
        events.iter().for_each(|(customer, _)| starts[customer + 1] += 1);
        (0..customers.len()).for_each(|customer| starts[customer + 1] += starts[customer]);
        Ok(SortedEvents { events: events.into_iter().map(|(_, event)| event).collect(), starts })
    }
}

/// The events of a shard's customers.
pub(super) struct SortedEvents {
    events: Vec<Event>,
    starts: Vec<usize>,
}

impl SortedEvents {
    /// Those of a customer.
    pub fn of(&self, customer: usize) -> &[Event] {
        &self.events[self.starts[customer]..self.starts[customer + 1]]
    }
}
