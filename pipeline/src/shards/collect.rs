//! `collect`: one pass over a shard's sorted lines gives its state, at all dates.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use super::events::ClosedEvents;
use super::newest::Newest;
use super::partition::{Partition, Scratch, shard_of};
use super::purchases::Purchases;
use super::rows::FeatureRows;
use super::sample::Sample;
use super::sorted::{Ranks, Sorted};
use super::state::{Snapshot, State};
use super::trend::{Trend, Trends, hold_against_trends};
use crate::allowance::Allowance;
use crate::audit::{Complete, LinesByDay};
use crate::config::RawDueLevel;
use crate::customers::People;
use crate::error::Result;
use crate::features::{self, About, Facts, Orders, Person, View, World};
use crate::key::Draws;
use crate::labels::{Ends, Horizon, Known, Population, Segment, Standing, labels, year_ago};
use crate::lake::{Line, SourceTexts, place_of};
use crate::models::Sampled;
use crate::models::correction::HORIZONS;
use crate::models::cycle::cohorts::APART;
use crate::models::cycle::gamma_gamma::Spent;
use crate::models::cycle::margin::Earned;
use crate::models::cycle::{self, Cell, Cells, Gaps};
use crate::time::{Dates, Day};

/// What `collect` needs to know.
pub struct Plan<'a> {
    /// Everyone.
    pub people: &'a People,
    /// By number of the source customer: whether the table `customers` should know it, and does not.
    pub unknown: &'a [bool],
    /// Places of names.
    pub ranks: &'a Ranks,
    /// What source customers are called.
    pub sources: &'a SourceTexts,
    /// To which day sources and stores are complete.
    pub complete: &'a Complete,
    /// What features know beside the lines.
    pub world: &'a World,
    /// What happened to customers beside orders.
    pub events: &'a ClosedEvents,
    /// The features of everyone at as_of.
    pub features: &'a features::Params,
    /// The dates.
    pub dates: &'a Dates,
    /// Length of the observation window.
    pub lookback_days: i32,
    /// Whose churn is asked for.
    pub population: &'a Population,
    /// The days on which stores close, by name.
    pub closed_stores: &'a BTreeMap<String, Day>,
    /// Sizes of samples.
    pub samples: SampleSizes,
    /// Salt of samples.
    pub salt: &'a str,
    /// Purchase-cycle models: what they take is counted.
    pub cycle: &'a cycle::Params,
    /// Of what purchases are kept.
    pub purchases: RawDueLevel,
    /// What shards may take of the memory while they are sorted.
    pub memory: &'a Allowance,
    /// Where features go that memory cannot hold.
    pub scratch: Scratch<'a>,
}

/// Sizes of the samples of a date; 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct SampleSizes {
    /// Of the churn populations, by segment.
    pub populations: [usize; 2],
    /// Of everyone with an order, at training dates.
    pub training_buyers: usize,
    /// The same at the test date.
    pub test_buyers: usize,
    /// Whether buyers come with the features that models take.
    pub buyers_features: bool,
}

/// What facts and cells of so many customers take of the memory, at as_of and the `dates` before.
pub fn state_bytes(customers: usize, dates: usize) -> u64 {
    (customers * (size_of::<Facts>() + (dates + 1) * size_of::<Cell>() + size_of::<[u16; HORIZONS]>())) as u64
}

impl SampleSizes {
    /// What they take of the memory while they are filled, of so many customers with `width` features, at so many training dates and the test date.
    pub fn bytes(&self, customers: usize, training_dates: usize, width: usize) -> u64 {
        let (plain, with_features) = (size_of::<Sampled>(), size_of::<Sampled>() + width * size_of::<features::Cell>());
        let buyer = if self.buyers_features { with_features } else { plain };
        let populations = self.populations.iter().sum::<usize>().min(customers) * with_features;
        let at = |buyers: usize| populations + buyers.min(customers) * buyer;
        // Until some are left out there are an eighth more.
        ((training_dates * at(self.training_buyers) + at(self.test_buyers)) * 9 / 8) as u64
    }
}

/// Of so many customers the models of values and margins are made.
const SPENT_CUSTOMERS: usize = 200_000;

/// The samples of a date, which all shards fill.
struct Samples {
    date: Day,
    populations: [Sample; 2],
    buyers: Sample,
}

impl Samples {
    fn new(date: Day, plan: &Plan<'_>) -> Self {
        let SampleSizes { populations, training_buyers, test_buyers, .. } = plan.samples;
        let buyers = if date == plan.dates.test { test_buyers } else { training_buyers };
        let sample = |size: usize| Sample::new(size, plan.people.customers.len());
        Self { date, populations: populations.map(sample), buyers: sample(buyers) }
    }

    fn close(self, cells: Cells) -> Snapshot {
        let [(established, weight), (newcomers, of_newcomers)] = self.populations.map(Sample::into_rows);
        let (populations, weights) = ([established, newcomers], [weight, of_newcomers]);
        Snapshot { date: self.date, cells, populations, weights, buyers: self.buyers.into_rows().0 }
    }
}

/// What one shard gives.
#[derive(Default)]
struct Shard {
    /// By date before as_of: cells, and gaps between order days.
    past_cells: Vec<(Vec<Cell>, Gaps)>,
    /// Gaps at as_of.
    gaps: Gaps,
    duplicates: u64,
    /// Orders, and those of them whose lines lie far apart.
    orders: [u64; 2],
    newest: Newest,
    unknown: LinesByDay,
    /// Order days of a year before as_of, where they are asked for.
    year_ago: Vec<[u16; HORIZONS]>,
    standings: Vec<Standing>,
    /// By date before as_of and number of the home store: what everyone's orders are worth lately, and a year before, where that is asked for.
    trends: Trends,
}

impl Shard {
    /// Adds the next shard.
    fn add(&mut self, next: Self) {
        for ((cells, gaps), (some, more)) in self.past_cells.iter_mut().zip(next.past_cells) {
            cells.extend(some);
            gaps.add(&more);
        }
        self.gaps.add(&next.gaps);
        self.year_ago.extend(next.year_ago);
        self.standings.extend(next.standings);
        next.trends.into_iter().for_each(|(of, more)| self.trends.entry(of).or_default().add(more));
        self.duplicates += next.duplicates;
        self.orders.iter_mut().zip(next.orders).for_each(|(sum, more)| *sum += more);
        next.unknown.into_iter().for_each(|(of, lines)| *self.unknown.entry(of).or_default() += lines);
        self.newest.add(next.newest);
    }
}

/// Collects all shards, each by one thread; the result is the same for any number of them.
///
/// # Errors
/// `Limit` where scratch is full or cannot be read.
pub fn collect(plan: &Plan<'_>, partition: &Partition) -> Result<State> {
    let shards = partition.shards();
    let customers = &plan.people.customers;
    let starts: Vec<usize> = (0..=shards).map(|shard| customers.partition_point(|one| shard_of(place_of(one.order), shards) < shard)).collect();
    let rows = FeatureRows::new(plan.features.features().len(), starts, plan.memory, plan.scratch);
    let purchases = (plan.purchases != RawDueLevel::None).then(|| Purchases::new(shards, plan.memory, plan.scratch));
    let samples = plan.dates.past().into_iter().map(|date| Samples::new(date, plan)).collect();
    let draws = Draws::new(plan.salt, "sample");
    let collecting = Collecting { plan, models: plan.features.for_models(), minds_gaps: plan.cycle.minds_gaps(), samples, draws };
    let as_of = plan.dates.as_of;
    let mut facts = vec![Facts::none(as_of, as_of); customers.len()];
    let collected: Vec<Result<Shard>> = rows
        .by_shard(&mut facts)
        .into_par_iter()
        .enumerate()
        .map(|(shard, facts)| {
            let (bytes, _held) = partition.take(shard, plan.memory)?;
            let (collected, cells, bought) = collecting.shard(shard, rows.customers(shard), facts, bytes)?;
            rows.put(shard, &cells)?;
            purchases.as_ref().map_or(Ok(()), |purchases| purchases.put(shard, &bought))?;
            Ok(collected)
        })
        .collect();
    let mut whole = Shard { past_cells: vec![Default::default(); collecting.samples.len()], ..Shard::default() };
    for shard in collected {
        whole.add(shard?);
    }
    let snapshot = |(samples, (cells, gaps)): (Samples, (Vec<Cell>, Gaps))| samples.close(Cells::of(cells, gaps));
    let mut snapshots: Vec<Snapshot> = collecting.samples.into_iter().zip(whole.past_cells).map(snapshot).collect();
    if plan.population.minds_trend() {
        snapshots.iter_mut().for_each(|snapshot| hold_against_trends((plan.population, plan.people), snapshot, &whole.trends));
    }
    let counted = || facts.iter().zip(customers).filter(|(_, customer)| customer.left_out.is_none()).map(|(facts, _)| facts);
    // The first in the order of hashes are a sample.
    let spent = counted().map(Spent::of).filter(|spent| spent.x > 0).take(SPENT_CUSTOMERS).collect();
    let earned = counted().filter_map(Earned::of).take(SPENT_CUSTOMERS).collect();
    let cells = Cells::of(counted().filter_map(Cell::of).collect(), whole.gaps);
    Ok(State {
        facts,
        rows,
        purchases,
        snapshots,
        cells,
        spent,
        earned,
        duplicates: whole.duplicates,
        orders: whole.orders,
        days: whole.newest.days,
        unknown: whole.unknown,
        repeated: whole.newest.repeated,
        year_ago: whole.year_ago,
        standings: whole.standings,
    })
}

/// What a shard gives, the features of its customers, and their purchases as bytes.
type OfShard = (Shard, Vec<features::Cell>, Vec<u8>);

/// Collecting, by all threads.
struct Collecting<'a> {
    plan: &'a Plan<'a>,
    /// The features that models take.
    models: features::Params,
    /// Whether gaps between order days are counted.
    minds_gaps: bool,
    samples: Vec<Samples>,
    /// What is drawn for the samples.
    draws: Draws,
}

impl Collecting<'_> {
    fn shard(&self, number: usize, customers: Range<usize>, facts: &mut [Facts], bytes: Vec<u8>) -> Result<OfShard> {
        let sorted = Sorted::of(self.plan, customers.clone(), bytes);
        let events = self.plan.events.of(number, customers.clone())?;
        let mut shard = Shard { past_cells: vec![Default::default(); self.samples.len()], unknown: sorted.unknown(), ..Shard::default() };
        let mut cells = Vec::with_capacity(customers.len() * self.plan.features.features().len());
        let (mut orders, mut lines, mut purchases, mut bought) = (Orders::default(), Vec::new(), Vec::new(), Vec::new());
        for customer in customers.clone() {
            sorted.lines(customer - customers.start, &mut lines);
            let lines = lines.as_slice();
            shard.newest.count(lines, self.plan.dates.as_of, |line| sorted.feed_of(customer - customers.start, line));
            shard.duplicates += lines.windows(2).filter(|pair| pair[0].repeats(&pair[1])).count() as u64;
            orders.find(lines);
            shard.orders.iter_mut().zip(orders.spread(lines)).for_each(|(sum, more)| *sum += more);
            let about = About { world: self.plan.world, person: &self.person(customer), events: events.of(customer - customers.start) };
            let known = self.now(customer, (lines, about), &mut orders, &mut cells);
            facts[customer - customers.start] = known;
            shard.standings.push(self.standing(customer, &known, orders.remembered_values()));
            if self.plan.cycle.boosts() {
                let year_ago = year_ago(orders.remembered_days(), self.plan.dates.as_of);
                shard.year_ago.push(year_ago);
            }
            if self.plan.purchases != RawDueLevel::None {
                purchases.clear();
                if self.plan.people.customers[customer].left_out.is_none() {
                    features::purchases(&orders.seen(lines, known, about), self.plan.purchases, &mut purchases);
                }
                Purchases::encode(&purchases, &mut bought);
            }
            if !lines.is_empty() && self.plan.people.customers[customer].left_out.is_none() {
                // Who is fitted apart takes the k of everyone, which their gaps do not make.
                if self.minds_gaps && known.cohort != APART {
                    shard.gaps.count(orders.days());
                }
                self.past(customer, (lines, about), &mut orders, &mut shard)?;
            }
        }
        Ok((shard, cells, bought))
    }

    fn view(&self, customer: usize, date: Day) -> View {
        let people = self.plan.people;
        let customer = &people.customers[customer];
        let observed_to = self.plan.complete.observed_to(people.source(customer), people.home_store(customer), date);
        View { date, observed_to, lookback_days: self.plan.lookback_days }
    }

    fn person(&self, customer: usize) -> Person {
        let customer = &self.plan.people.customers[customer];
        Person {
            known_from: customer.known_from.get(),
            registered: customer.registered.get(),
            birth: customer.birth.get(),
            gender: self.plan.ranks.genders[customer.gender as usize],
        }
    }

    /// Where a customer stands, by what was known at the date of `facts`, the values of orders too; closed stores and moves are those that are known by now.
    fn standing(&self, customer: usize, facts: &Facts, values: &[(Day, i64)]) -> Standing {
        let plan = self.plan;
        let segment = plan.population.by_days(facts)?;
        let customer = &plan.people.customers[customer];
        let store_closed = plan.people.home_store(customer).and_then(|store| plan.closed_stores.get(store)).copied();
        plan.population.by_value(segment, facts, values, Ends { store_closed, moved_out: customer.moved_out.get() })
    }

    /// Whether all that followed a date is there: the customer's source and home store are not late.
    fn is_seen_to_the_end(&self, customer: usize, date: Day) -> bool {
        let plan = self.plan;
        let to = date.plus(plan.population.horizon_days).min(plan.complete.newest);
        self.view(customer, to).observed_to >= to
    }

    /// A customer at as_of.
    fn now(&self, customer: usize, (lines, about): (&[Line], About<'_>), orders: &mut Orders, cells: &mut Vec<features::Cell>) -> Facts {
        let mut facts = orders.facts(lines, self.view(customer, self.plan.dates.as_of));
        facts.cohort = self.plan.cycle.cohorts.of(&facts, lines);
        orders.remember();
        self.plan.features.write(&orders.seen(lines, facts, about), cells);
        facts
    }

    /// A customer at the dates before.
    fn past(&self, customer: usize, (lines, about): (&[Line], About<'_>), orders: &mut Orders, shard: &mut Shard) -> Result<()> {
        let plan = self.plan;
        if self.samples.is_empty() {
            return Ok(());
        }
        let drawn = self.draws.of(&plan.people.customers[customer].id.written());
        for (samples, (cells, gaps)) in self.samples.iter().zip(&mut shard.past_cells) {
            let view = self.view(customer, samples.date);
            let known = orders.days_then(view);
            let mut facts = known.unwrap_or_else(|| orders.facts(lines, view));
            facts.cohort = plan.cycle.cohorts.of(&facts, lines);
            let Some(cell) = Cell::of(&facts) else { continue };
            cells.push(cell);
            if self.minds_gaps && facts.cohort != APART {
                gaps.count(orders.days_of(known.as_ref()));
            }
            if plan.population.minds_trend() {
                let own = Trend::of(plan.population.trend(orders.remembered_values(), samples.date));
                shard.trends.entry((samples.date, plan.people.customers[customer].home_store)).or_default().add(own);
            }
            let wanted = |segment: &Segment| samples.populations[*segment as usize].wants(drawn) && self.is_seen_to_the_end(customer, samples.date);
            let mut segment = plan.population.by_days(&facts).ok().filter(wanted);
            let is_buyer = samples.buyers.wants(drawn);
            if segment.is_none() && !is_buyer {
                continue;
            }
            let wants_values = segment.is_some() || plan.samples.buyers_features;
            let mut values = Vec::with_capacity(if wants_values { self.models.features().len() } else { 0 });
            if wants_values {
                let facts = orders.facts(lines, view);
                self.models.write(&orders.seen(lines, facts, about), &mut values);
                segment = segment.filter(|_| self.standing(customer, &facts, orders.values()).is_ok());
            }
            let horizon = Horizon { population: plan.population, as_of: plan.dates.as_of, late_days: plan.dates.late_days };
            let came = Known { order_days: orders.remembered_days(), values: orders.remembered_values() };
            let then = Known { order_days: orders.days_of(known.as_ref()), values: orders.values() };
            let labels = labels(came, (segment.unwrap_or(Segment::Established), &facts, then), horizon);
            let sampled = |values: Vec<features::Cell>| Sampled { drawn, customer: customer as u32, cell, values: values.into(), labels };
            if is_buyer {
                samples.buyers.offer(sampled(if plan.samples.buyers_features { values.clone() } else { Vec::new() }))?;
            }
            if let Some(segment) = segment {
                samples.populations[segment as usize].offer(sampled(values))?;
            }
        }
        Ok(())
    }
}
