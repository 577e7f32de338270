//! `collect`: one pass over a shard's sorted lines gives its state, at all dates.

use std::ops::Range;

use rayon::prelude::*;

use super::partition::{Partition, shard_of};
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
use crate::lake::Line;
use crate::models::cycle::Cell;
use crate::time::{Dates, Day};

/// What `collect` needs to know.
pub struct Plan<'a> {
    /// Everyone.
    pub people: &'a People,
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
    let starts: Vec<usize> = (0..=shards).map(|shard| customers.partition_point(|one| shard_of(one.hash, shards) < shard)).collect();
    let collected: Vec<Result<State>> = (0..shards)
        .into_par_iter()
        .map(|shard| {
            let (bytes, _held) = partition.take(shard, plan.memory)?;
            Ok(collect_shard(plan, starts[shard]..starts[shard + 1], &bytes))
        })
        .collect();
    let mut whole = plan.empty();
    collected.into_iter().try_for_each(|state| state.map(|state| whole.append(state)))?;
    Ok(whole)
}

fn collect_shard(plan: &Plan<'_>, customers: Range<usize>, bytes: &[u8]) -> State {
    let mut rows = row::decode(bytes);
    row::sort(&mut rows);
    let mut state = plan.empty();
    let mut rest = rows.as_slice();
    for customer in customers {
        let own = rest.partition_point(|(owner, _)| *owner as usize <= customer);
        let (mine, others) = rest.split_at(own);
        rest = others;
        state.duplicates += mine.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        let lines: Vec<Line<'_>> = mine.iter().map(|(_, line)| *line).collect();
        plan.add_customer(&mut state, customer, &lines);
    }
    state
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
        let observed_to = self.complete.observed_to(&customer.key.0, customer.home_store.as_deref(), date);
        View { date, observed_to, lookback_days: self.lookback_days }
    }

    fn add_customer(&self, state: &mut State, customer: usize, lines: &[Line<'_>]) {
        let view = self.view(customer, self.dates.as_of);
        if lines.is_empty() {
            state.facts.push(Facts::none(view.date, view.observed_to));
            return;
        }
        let orders = Orders::of(lines);
        let facts = orders.facts(view);
        state.facts.push(facts);
        if self.people.customers[customer].left_out {
            return;
        }
        if let Some(cell) = Cell::of(&facts) {
            *state.cells.entry(cell).or_default() += 1;
        }
        let order_days = orders.order_days(self.dates.as_of);
        let drawn = key::draw(self.salt, "sample", &self.people.customers[customer].id);
        for snapshot in &mut state.snapshots {
            let facts = orders.facts(self.view(customer, snapshot.date));
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
