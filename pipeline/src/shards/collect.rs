//! `collect`: one pass over a shard's sorted lines gives its state, at all dates.

use std::ops::Range;

use rayon::prelude::*;

use super::partition::{Partition, lines_of, shard_of};
use super::row;
use super::sample::{Sample, Sampled};
use super::state::{Snapshot, State};
use crate::allowance::Allowance;
use crate::audit::Complete;
use crate::customers::People;
use crate::error::Result;
use crate::features::{Facts, Orders, View};
use crate::key;
use crate::labels::{Horizon, Population, labels};
use crate::lake::{Line, LineKind, LineNames};
use crate::models::cycle::Cell;
use crate::time::{Dates, Day};

/// What `collect` needs to know.
pub struct Plan<'a> {
    /// Everyone.
    pub people: &'a People,
    /// Places of names.
    pub ranks: Ranks,
    /// To which day sources and stores are complete.
    pub complete: &'a Complete,
    /// The dates.
    pub dates: &'a Dates,
    /// Length of the observation window.
    pub lookback_days: i32,
    /// Whose churn is asked for.
    pub population: Population,
    /// Days that lines may arrive late.
    pub late_days: i32,
    /// Size of samples.
    pub sample_customers: usize,
    /// Salt of samples.
    pub salt: &'a str,
    /// What shards may take of the memory while they are sorted.
    pub memory: &'a Allowance,
}

/// What the state of so many customers takes of the memory: facts at as_of, and samples at every date before.
pub fn state_bytes(customers: usize, dates: usize, sample_customers: usize) -> u64 {
    let facts = customers * std::mem::size_of::<Facts>();
    let samples = 2 * dates * customers.min(sample_customers) * std::mem::size_of::<Sampled>();
    (facts + samples) as u64
}

/// Collects all shards, each by one thread; the result is the same for any number of them.
///
/// # Errors
/// `Limit` where scratch cannot be read.
pub fn collect(plan: &Plan<'_>, partition: &Partition) -> Result<State> {
    let shards = partition.shards();
    let customers = &plan.people.customers;
    let starts: Vec<usize> = (0..=shards).map(|shard| customers.partition_point(|one| shard_of(one.order, shards) < shard)).collect();
    let collected: Vec<Result<State>> = (0..shards)
        .into_par_iter()
        .map(|shard| {
            let (pieces, _held) = partition.take(shard, plan.memory)?;
            Ok(collect_shard(plan, starts[shard]..starts[shard + 1], &pieces))
        })
        .collect();
    let mut whole = plan.empty();
    collected.into_iter().try_for_each(|state| state.map(|state| whole.append(state)))?;
    Ok(whole)
}

fn collect_shard(plan: &Plan<'_>, customers: Range<usize>, pieces: &[Vec<u8>]) -> State {
    let shard = Sorted::of(plan, customers.clone(), pieces);
    let mut state = plan.empty();
    let mut orders = Orders::default();
    for customer in customers.clone() {
        let lines = shard.lines(customer - customers.start);
        state.duplicates += lines.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        plan.add_customer(&mut state, customer, lines, &mut orders);
    }
    state
}

/// The lines of a shard's customers, each sorted.
struct Sorted {
    lines: Vec<Line>,
    /// Where each customer's lines begin, and where the last one's end.
    starts: Vec<u32>,
}

impl Sorted {
    fn of(plan: &Plan<'_>, customers: Range<usize>, pieces: &[Vec<u8>]) -> Self {
        // The lines of who has too many are not looked at: which of them were kept is chance.
        let local = |number: u32| {
            let customer = plan.people.customer_of[number as usize] as usize;
            (!plan.people.customers[customer].too_many_lines).then(|| customer - customers.start)
        };
        let mut starts = vec![0u32; customers.len() + 1];
        lines_of(pieces).filter_map(|(number, _)| local(number)).for_each(|customer| starts[customer + 1] += 1);
        (0..customers.len()).for_each(|customer| starts[customer + 1] += starts[customer]);
        let mut next = starts.clone();
        let mut lines = vec![EMPTY; starts[customers.len()] as usize];
        for (number, bytes) in lines_of(pieces) {
            let Some(customer) = local(number) else { continue };
            let place = &mut next[customer];
            lines[*place as usize] = plan.ranks.line(row::decode(bytes));
            *place += 1;
        }
        for pair in starts.windows(2) {
            let own = &mut lines[pair[0] as usize..pair[1] as usize];
            if !own.is_sorted() {
                own.sort_unstable();
            }
        }
        Self { lines, starts }
    }

    fn lines(&self, customer: usize) -> &[Line] {
        &self.lines[self.starts[customer] as usize..self.starts[customer + 1] as usize]
    }
}

/// A line before there is one.
const EMPTY: Line = Line {
    ordered_at: 0,
    order: 0,
    product: 0,
    kind: LineKind::NoProduct,
    amount_minor: 0,
    day: Day(0),
    visible_from: Day(0),
    milli_units: 0,
    is_bought: false,
    return_of: 0,
    store: 0,
    channel: 0,
    promotion: 0,
    other: 0,
};

/// Places of names in their order, by number: numbers follow from which thread was first.
pub struct Ranks {
    products: Vec<u32>,
    stores: Vec<u32>,
    channels: Vec<u32>,
    promotions: Vec<u32>,
}

impl Ranks {
    /// The places of all names that lines have.
    pub fn of(names: &LineNames) -> Self {
        Self { products: names.products.ranks(), stores: names.stores.ranks(), channels: names.channels.ranks(), promotions: names.promotions.ranks() }
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

impl Plan<'_> {
    fn empty(&self) -> State {
        let snapshot = |date: Day| {
            let buyers = if date == self.dates.test { self.sample_customers } else { 0 };
            Snapshot { date, cells: Default::default(), population: Sample::new(self.sample_customers), buyers: Sample::new(buyers) }
        };
        let dates = self.dates.training.iter().copied().chain([self.dates.test]);
        State { snapshots: dates.map(snapshot).collect(), ..State::default() }
    }

    fn view(&self, customer: usize, date: Day) -> View {
        let customer = &self.people.customers[customer];
        let observed_to = self.complete.observed_to(self.people.source(customer), self.people.home_store(customer), date);
        View { date, observed_to, lookback_days: self.lookback_days }
    }

    fn add_customer(&self, state: &mut State, customer: usize, lines: &[Line], orders: &mut Orders) {
        let view = self.view(customer, self.dates.as_of);
        if lines.is_empty() {
            state.facts.push(Facts::none(view.date, view.observed_to));
            return;
        }
        orders.find(lines);
        let facts = orders.facts(lines, view);
        state.facts.push(facts);
        if self.people.customers[customer].left_out {
            return;
        }
        if let Some(cell) = Cell::of(&facts) {
            *state.cells.entry(cell).or_default() += 1;
        }
        let order_days = orders.order_days(lines, self.dates.as_of);
        let drawn = key::draw(self.salt, "sample", &self.people.customers[customer].id.written());
        for snapshot in &mut state.snapshots {
            let facts = orders.facts(lines, self.view(customer, snapshot.date));
            let Some(cell) = Cell::of(&facts) else { continue };
            *snapshot.cells.entry(cell).or_default() += 1;
            let horizon = Horizon { days: self.population.horizon_days, as_of: self.dates.as_of, late_days: self.late_days };
            let labels = labels(&order_days, snapshot.date, horizon);
            let sampled = Sampled { drawn, customer: customer as u32, facts, labels };
            snapshot.buyers.offer(sampled);
            if self.population.withheld(&facts).is_none() {
                snapshot.population.offer(sampled);
            }
        }
    }
}
