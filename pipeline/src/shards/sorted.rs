//! The lines of a shard, customer by customer and by time; places of names.

use std::ops::Range;

use super::collect::Plan;
use super::row::{Encoded, Together};
use crate::audit::{self, LinesByDay};
use crate::customers::NOBODY;
use crate::lake::{ClosedNames, Line, LineKind, NO_COST, cost_of_units};

/// The lines of a shard as bytes, and where those of each customer are.
pub(super) struct Sorted<'a> {
    plan: &'a Plan<'a>,
    bytes: Vec<u8>,
    /// Lines that stand together, customer by customer, and by time.
    places: Vec<Place>,
    /// Where each customer's places begin, and where the last one's end.
    starts: Vec<u32>,
    /// Where lines begin of source customers whom the table `customers` does not know.
    unknown: Vec<usize>,
}

/// Lines that stand together: when they were ordered, and where they begin in the bytes.
type Place = (i64, usize);

impl<'a> Sorted<'a> {
    /// Finds them.
    pub fn of(plan: &'a Plan<'a>, customers: Range<usize>, bytes: Vec<u8>) -> Self {
        // The lines of who has too many are not looked at: which of them were kept is chance.
        let left_out: Vec<bool> = plan.people.customers[customers.clone()].iter().map(|customer| customer.too_many_lines).collect();
        let (mut owners, mut unknown) = (Vec::new(), Vec::new());
        let mut starts = vec![0u32; customers.len() + 1];
        let mut at = 0;
        for together in Encoded(&bytes) {
            let number = together.number() as usize;
            let customer = plan.people.customer_of[number] as usize - customers.start;
            let owner = if left_out[customer] { NOBODY } else { customer as u32 };
            starts[customer + 1] += u32::from(owner != NOBODY);
            if owner != NOBODY && plan.unknown.get(number) == Some(&true) {
                unknown.push(at);
            }
            owners.push(owner);
            at += together.bytes().len();
        }
        (0..customers.len()).for_each(|customer| starts[customer + 1] += starts[customer]);
        let mut next = starts.clone();
        let mut places = vec![(0, 0); starts[customers.len()] as usize];
        at = 0;
        for (together, owner) in Encoded(&bytes).zip(owners) {
            if owner != NOBODY {
                let next = &mut next[owner as usize];
                places[*next as usize] = (together.order().0, at);
                *next += 1;
            }
            at += together.bytes().len();
        }
        for customer in starts.windows(2) {
            // Of one time, by source and order.
            let order = |place: &Place| Together::at(&bytes, place.1).map(Together::order);
            let by_time = |a: &Place, b: &Place| a.0.cmp(&b.0).then_with(|| order(a).cmp(&order(b))).then(a.1.cmp(&b.1));
            places[customer[0] as usize..customer[1] as usize].sort_unstable_by(by_time);
        }
        Self { plan, bytes, places, starts, unknown }
    }

    /// The newest lines of customers whom the table `customers` does not know, by source, store and day.
    pub fn unknown(&self) -> LinesByDay {
        let mut lines = LinesByDay::new();
        let people = self.plan.people;
        for together in self.unknown.iter().filter_map(|at| Together::at(&self.bytes, *at)) {
            let source = people.customers[people.customer_of[together.number() as usize] as usize].source;
            together.each(|line| {
                if let Some(age) = audit::age(self.plan.dates.as_of, line.day, audit::COUNTED) {
                    *lines.entry((source, line.store, age)).or_default() += 1;
                }
            });
        }
        lines
    }

    /// From which source and store a line of a customer is, by their numbers.
    pub fn feed_of(&self, customer: usize, line: &Line) -> Option<(u32, u32)> {
        let places = &self.places[self.starts[customer] as usize..self.starts[customer + 1] as usize];
        let of_order =
            places.iter().filter_map(|place| Together::at(&self.bytes, place.1)).filter(|together| together.order() == (line.ordered_at, line.order));
        let feed = |together: Together<'_>| {
            let mut store = 0;
            together.each(|line| store = line.store);
            (self.plan.sources.text(together.number()).0, store)
        };
        of_order.map(feed).find(|(_, store)| self.plan.ranks.stores[*store as usize] == line.store)
    }

    /// The lines of a customer, sorted.
    pub fn lines(&self, customer: usize, lines: &mut Vec<Line>) {
        let places = &self.places[self.starts[customer] as usize..self.starts[customer + 1] as usize];
        // The memory is asked for all of them at once: its delays overlap.
        std::hint::black_box(places.iter().fold(0, |all, place| all ^ self.bytes[place.1]));
        let (unit_costs, is_fee) = (&self.plan.world.catalogue.unit_cost_minor, &self.plan.world.catalogue.is_fee);
        lines.clear();
        for together in places.iter().filter_map(|place| Together::at(&self.bytes, place.1)) {
            together.each(|line| {
                let mut line = self.plan.ranks.line(line);
                // What a line cost, it says best itself.
                if let (NO_COST, Some(unit_cost)) = (line.cost_minor, unit_costs.get(line.product as usize).copied().flatten()) {
                    line.cost_minor = cost_of_units(line.milli_units, unit_cost);
                }
                // What the catalogue calls a fee is no product, whatever the line says.
                if is_fee.get(line.product as usize) == Some(&true) {
                    (line.kind, line.is_bought) = (LineKind::NoProduct, false);
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
