//! The lines of a shard, customer by customer and by time; places of names.

use std::ops::Range;

use super::collect::Plan;
use super::row::{Encoded, Together};
use crate::audit::{self, UnknownLines};
use crate::lake::{ClosedNames, Line, NO_COST, cost_of_units};

/// The lines of a shard as bytes, and where those of each customer are.
pub(super) struct Sorted<'a> {
    plan: &'a Plan<'a>,
    bytes: Vec<u8>,
    /// Lines that stand together, customer by customer.
    places: Vec<Place>,
    /// Where each customer's places begin, and where the last one's end.
    starts: Vec<u32>,
}

/// Lines that stand together: when they were ordered, the fingerprint of source and order, and their place in the bytes.
type Place = (i64, u64, usize);

impl<'a> Sorted<'a> {
    /// Finds them.
    pub fn of(plan: &'a Plan<'a>, customers: Range<usize>, bytes: Vec<u8>) -> Self {
        // The lines of who has too many are not looked at: which of them were kept is chance.
        let local = |number: u32| {
            let customer = plan.people.customer_of[number as usize] as usize;
            (!plan.people.customers[customer].too_many_lines).then(|| customer - customers.start)
        };
        let mut owners = Vec::new();
        let mut starts = vec![0u32; customers.len() + 1];
        let mut at = 0;
        for together in Encoded(&bytes) {
            if let Some(customer) = local(together.number()) {
                starts[customer + 1] += 1;
                let (ordered_at, order) = together.order();
                owners.push((customer as u32, (ordered_at, order, at)));
            }
            at += together.bytes().len();
        }
        (0..customers.len()).for_each(|customer| starts[customer + 1] += starts[customer]);
        let mut next = starts.clone();
        let mut places = vec![(0, 0, 0); owners.len()];
        for (customer, place) in owners {
            let next = &mut next[customer as usize];
            places[*next as usize] = place;
            *next += 1;
        }
        for customer in starts.windows(2) {
            places[customer[0] as usize..customer[1] as usize].sort_unstable();
        }
        Self { plan, bytes, places, starts }
    }

    /// The newest lines of customers whom the table `customers` does not know, by source, store and day.
    pub fn unknown(&self) -> UnknownLines {
        let mut lines = UnknownLines::new();
        let people = self.plan.people;
        for together in self.places.iter().filter_map(|place| Together::at(&self.bytes, place.2)) {
            let number = together.number() as usize;
            if self.plan.unknown.get(number) == Some(&true) {
                let source = people.customers[people.customer_of[number] as usize].source;
                together.each(|line| {
                    if let Some(age) = audit::age(self.plan.dates.as_of, line.day, audit::COUNTED) {
                        *lines.entry((source, line.store, age)).or_default() += 1;
                    }
                });
            }
        }
        lines
    }

    /// The lines of a customer, sorted.
    pub fn lines(&self, customer: usize, lines: &mut Vec<Line>) {
        let places = &self.places[self.starts[customer] as usize..self.starts[customer + 1] as usize];
        let unit_costs = &self.plan.world.catalogue.unit_cost_minor;
        lines.clear();
        for together in places.iter().filter_map(|place| Together::at(&self.bytes, place.2)) {
            together.each(|line| {
                let mut line = self.plan.ranks.line(line);
                // What a line cost, it says best itself.
                if let (NO_COST, Some(unit_cost)) = (line.cost_minor, unit_costs.get(line.product as usize).copied().flatten()) {
                    line.cost_minor = cost_of_units(line.milli_units, unit_cost);
                }
                lines.push(line);
            });
        }
        // Orders stand in their order, and lines are compared by it first.
        lines.chunk_by_mut(|a, b| (a.ordered_at, a.order) == (b.ordered_at, b.order)).for_each(<[Line]>::sort_unstable);
    }
}

/// Places of names in their order, by number: numbers follow from which thread was first.
pub struct Ranks {
    /// Of products.
    pub products: Vec<u32>,
    stores: Vec<u32>,
    channels: Vec<u32>,
    promotions: Vec<u32>,
    /// Of genders.
    pub genders: Vec<u32>,
}

impl Ranks {
    /// The places of all names that lines have.
    pub fn of(names: &ClosedNames) -> Self {
        Self {
            products: names.products.ranks(),
            stores: names.stores.ranks(),
            channels: names.channels.ranks(),
            promotions: names.promotions.ranks(),
            genders: names.genders.ranks(),
        }
    }

    fn line(&self, line: Line) -> Line {
        Line {
            product: self.products[line.product as usize],
            store: self.stores[line.store as usize],
            channel: self.channels[line.channel as usize],
            promotion: self.promotions[line.promotion as usize],
            ..line
        }
    }
}
