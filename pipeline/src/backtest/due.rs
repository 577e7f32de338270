//! Training and grading of due lists: on dates whose labels were over on the test date, graded by what came after it.

use rayon::prelude::*;
use serde::Serialize;

use super::grades::GradeRow;
use super::judged::{CHAIN, Judged, beside_own_rate, better, grade_rows, graded, judge, pool};
use super::peers::{Evidence, Seen};
use super::rolling::Origins;
use crate::allowance::{Allowance, Held};
use crate::error::{Error, Result};
use crate::features::Purchase;
use crate::key::fingerprint;
use crate::metrics::Grade;
use crate::models::due::{Ages, Around, Chain, GapSums, History, Item, Items, Pair, Params, Row, Trend};
use crate::shards::{DUE_DAYS, DueModel, Purchases};
use crate::time::{Dates, Day, Grid};

/// So many pairs and dates are learnt from, or graded, about: more make the coefficients no better.
const ROWS: usize = 60_000;
/// So many purchases say what can be said; their customers are the sample.
const PURCHASES: usize = 250_000;
/// Customers whose rows are made at once.
const AT_ONCE: usize = 512;
/// Purchases of so many days before a date tell how a category is bought: three years, and what lies around their ends.
const SPAN_DAYS: i32 = 3 * 364 + 200;

/// The published artefact.
#[derive(Debug, Clone, Serialize)]
pub struct DueReport {
    /// Dates of the training rows.
    pub training_dates: Vec<Day>,
    /// The date on which it was graded.
    pub test_date: Day,
    /// Customers of whom it was made.
    pub customers: usize,
    /// Pairs and dates that it was fitted to.
    pub rows: usize,
    /// What foretells: `due_chain`, or `gaps_alone` where that foretold better.
    pub foretells: &'static str,
    /// The fit of the chain.
    pub model: Chain,
    /// By days, the grade of what foretells, and that of each pair's own rate.
    pub grades: Vec<(i32, Grade, Grade)>,
}

/// What is told of the customers of a sample at one date.
struct At {
    date: Day,
    items: Vec<Item>,
    pairs: usize,
}

/// What due lists are made of.
pub struct DuePlan<'a> {
    /// The section `due`.
    pub params: &'a Params,
    /// Which items are due.
    pub of: Items<'a>,
    /// How many items there are.
    pub items: usize,
    /// How many categories.
    pub categories: usize,
    /// Days that lines may arrive late.
    pub late_days: i32,
    /// What it may take of the memory.
    pub memory: &'a Allowance,
}

impl DuePlan<'_> {
    fn take(&self, bytes: usize) -> Result<Held> {
        self.memory.take("train due lists", bytes as u64)
    }
}

/// What was trained, and what it foretold.
struct TrainedDue {
    model: DueModel,
    report: DueReport,
    judged: Vec<Judged>,
}

/// Trains on a sample of customers, the first in the order of hashes, and grades. Where the chain foretells no better than the gaps alone, from which it
/// starts, these foretell.
///
/// # Errors
/// `Input` where it does not converge; `Limit` where memory is full or scratch cannot be read.
pub fn train_due(purchases: &Purchases, plan: &DuePlan<'_>, as_of: Day, grades: &mut Vec<GradeRow>) -> Result<(DueModel, DueReport)> {
    let (sample, _held) = Sample::of(purchases, plan)?;
    let TrainedDue { mut model, mut report, judged } = sample.train(as_of, ROWS)?;
    let found = graded(&judged);
    report.foretells = better(&found);
    if report.foretells != CHAIN {
        model.chain = Chain::fit(&[])?;
    }
    report.grades = beside_own_rate(&found, report.foretells);
    grades.extend(grade_rows(&found, (report.test_date, 1)));
    Ok((model, report))
}

/// What due lists and their peers would have foretold at past dates, graded by what came.
///
/// # Errors
/// Those of `train_due`.
pub fn look_back_on_due(purchases: &Purchases, plan: &DuePlan<'_>, as_of: Day, origins: &Origins) -> Result<Vec<GradeRow>> {
    let (sample, _held) = Sample::of(purchases, plan)?;
    let (mut grades, mut pooled, mut vintages) = (Vec::new(), Vec::new(), Vec::new());
    for back in (0..origins.vintages).rev() {
        let TrainedDue { report, judged, .. } = sample.train(as_of.plus(-back * origins.every_days), ROWS / origins.vintages as usize)?;
        if judged.is_empty() || vintages.contains(&report.test_date) {
            continue;
        }
        vintages.push(report.test_date);
        grades.extend(grade_rows(&graded(&judged), (report.test_date, 1)));
        pool(&mut pooled, judged);
    }
    if let Some(newest) = vintages.last().filter(|_| vintages.len() > 1) {
        grades.extend(grade_rows(&graded(&pooled), (*newest, vintages.len() as i64)));
    }
    Ok(grades)
}

/// The first customers who bought something.
fn first(purchases: &Purchases, most: usize) -> Result<Vec<Vec<Purchase>>> {
    let (mut customers, mut count) = (Vec::new(), 0);
    for shard in 0..purchases.shards() {
        let of_shard = purchases.read(shard)?;
        for bought in (0..of_shard.customers()).map(|customer| of_shard.of(customer)).filter(|bought| !bought.is_empty()) {
            count += bought.len();
            if customers.len() == most || (count > PURCHASES && !customers.is_empty()) {
                return Ok(customers);
            }
            customers.push(bought.to_vec());
        }
    }
    Ok(customers)
}

struct Sample<'a> {
    customers: Vec<Vec<Purchase>>,
    plan: &'a DuePlan<'a>,
    ages: Ages,
}

impl<'a> Sample<'a> {
    /// The first customers, and what they take of the memory.
    fn of(purchases: &Purchases, plan: &'a DuePlan<'a>) -> Result<(Self, Held)> {
        let customers = first(purchases, plan.params.sample_customers)?;
        let bytes: usize = customers.iter().map(|bought| bought.len() * size_of::<Purchase>()).sum();
        Ok((Self { customers, plan, ages: Ages::new() }, plan.take(bytes)?))
    }

    /// What is known as of a date: fitted to dates whose labels were over on the test date, and foretelling at most about so many rows there.
    fn train(&self, as_of: Day, rows_max: usize) -> Result<TrainedDue> {
        let &DuePlan { params, items, categories, late_days, .. } = self.plan;
        let horizon_days = DUE_DAYS[DUE_DAYS.len() - 1];
        let dates = Dates::rolling(as_of, Grid { every_days: params.every_days, horizon_days, late_days, training_dates: params.training_dates });
        let from = dates.training.first().unwrap_or(&dates.test).plus(-SPAN_DAYS);
        let span = usize::try_from(as_of.since(from)).unwrap_or_default();
        let _counts = self.plan.take(categories * span * size_of::<u32>())?;
        let _items = self.plan.take(dates.all().len() * items * size_of::<Item>())?;
        let trend = Trend::new(span);
        let bought = self.by_day(categories, (from, span));
        let at = |date: &Day| self.at(*date, items, (&bought, from), &trend);
        let all: Vec<At> = dates.all().par_iter().map(at).collect();
        let [training @ .., test, now] = &all[..] else { return Err(Error::bug("there are a test date and as_of")) };
        let pairs: usize = training.iter().map(|at| at.pairs).sum();
        let every = |pairs: usize, most: usize| (pairs / most.max(1) + 1) as u64;
        let _rows = self.plan.take((pairs.min(ROWS) + test.pairs.min(rows_max)) * size_of::<Seen>())?;
        let learnt = self.rows(training, every(pairs, ROWS), (dates.test.plus(-late_days), dates.test));
        let chain = Chain::fit(&learnt.iter().map(|(row, _)| *row).collect::<Vec<Row>>())?;
        let test_rows = self.rows(std::slice::from_ref(test), every(test.pairs, rows_max), (as_of.plus(-late_days), as_of));
        let report = DueReport {
            training_dates: dates.training,
            test_date: dates.test,
            customers: self.customers.len(),
            rows: learnt.len(),
            foretells: CHAIN,
            model: chain.clone(),
            grades: Vec::new(),
        };
        let judged = judge(&chain, &learnt, &test_rows);
        Ok(TrainedDue { model: DueModel { chain, items: now.items.clone(), ages: self.ages.clone() }, report, judged })
    }

    /// By category: how many customers were known to have bought it, by the day from which that was known: so many days after `from`.
    fn by_day(&self, categories: usize, (from, span): (Day, usize)) -> Vec<Vec<u32>> {
        let mut bought = vec![vec![0; span]; categories];
        for purchase in self.customers.iter().flatten() {
            let day = purchase.known_from.since(from) - 1;
            if let Some(count) = usize::try_from(day).ok().and_then(|day| bought[self.plan.of.category(purchase.item)].get_mut(day)) {
                *count += 1;
            }
        }
        bought
    }

    fn at(&self, date: Day, items: usize, (bought, from): (&[Vec<u32>], Day), trend: &Trend) -> At {
        let mut gaps = vec![GapSums::default(); items];
        let (mut history, mut pairs) = (History::default(), 0);
        for customer in &self.customers {
            history.look(customer, (date, date), &self.plan.of);
            history.pairs().for_each(|(item, bought)| gaps[item as usize].add(bought.days));
            pairs += history.eligible(self.plan.params).count();
        }
        let mut of_categories = vec![GapSums::default(); bought.len()];
        gaps.iter().zip(0..).for_each(|(gaps, item)| of_categories[self.plan.of.category(item)].plus(gaps));
        let known = usize::try_from(date.since(from)).unwrap_or_default();
        let category = |(gaps, bought): (&GapSums, &Vec<u32>)| Item::category(*gaps, (&bought[..known.min(bought.len())], from.0 + 1), date.0, trend);
        let categories: Vec<Item> = of_categories.iter().zip(bought).map(category).collect();
        let product = |(gaps, item): (&GapSums, u32)| {
            let category = self.plan.of.category(item);
            Item::product(*gaps, of_categories[category], &categories[category])
        };
        let items = if self.plan.of.category.is_some() { gaps.iter().zip(0..).map(product).collect() } else { categories };
        At { date, items, pairs }
    }

    /// Pairs at some dates, one of `every`, with what came up to a day, as it was known on a later one, and what peers look at. In the order of
    /// customers.
    fn rows(&self, dates: &[At], every: u64, (seen_to, known_on): (Day, Day)) -> Vec<Seen> {
        let of_customer = |(number, purchases): (usize, &Vec<Purchase>)| {
            let (mut then, mut later, mut rows) = (History::default(), History::default(), Vec::new());
            later.look(purchases, (seen_to, known_on), &self.plan.of);
            for At { date, items, .. } in dates {
                then.look(purchases, (*date, *date), &self.plan.of);
                let Some(customer) = then.customer(&self.ages) else { continue };
                let (mut after, arounds) = (later.pairs(), then.arounds(&customer, &self.ages));
                for (item, bought) in then.eligible(self.plan.params) {
                    let (days, came) = (bought.days, after.find(|(other, _)| *other == item).map_or(&[][..], |(_, bought)| bought.days));
                    let key = [number as u32, item, date.0 as u32].map(u32::to_le_bytes).concat();
                    if !fingerprint(0, &key).is_multiple_of(every) {
                        continue;
                    }
                    let pair = Pair::of(bought, &customer, &items[item as usize], Around::among(&arounds, &self.plan.of, item), &self.ages);
                    let next = came.get(came.partition_point(|day| *day <= date.0)).map(|day| day - date.0);
                    let seen = seen_to.since(*date) as i32;
                    rows.push((Row { pair, next, seen }, Evidence::of(days, date.0)));
                }
            }
            rows
        };
        let numbered: Vec<(usize, &Vec<Purchase>)> = self.customers.iter().enumerate().collect();
        let mut rows = Vec::new();
        for some in numbered.chunks(AT_ONCE) {
            rows.extend(some.par_iter().map(|one| of_customer(*one)).collect::<Vec<_>>().into_iter().flatten());
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RawDueLevel;

    /// Tea on days 100, 110 and 120; then on 128, which was known on 131, and on 133, on the day itself.
    #[test]
    fn labels_are_those_that_were_known_when_they_were_over() {
        let bought = |day: i32, known: i32| Purchase { item: 1, day: Day(day), known_from: Day(known), milli_units: 1000 };
        let customer = vec![bought(100, 100), bought(110, 110), bought(120, 120), bought(128, 131), bought(133, 133)];
        let params = Params { level: RawDueLevel::Category, purchase_days_min: 3, active_days: 60, every_days: 28, training_dates: 1, sample_customers: 100 };
        let memory = Allowance::memory(1 << 20);
        let plan = DuePlan { params: &params, of: Items::CATEGORIES, items: 2, categories: 2, late_days: 0, memory: &memory };
        let sample = Sample { customers: vec![customer], plan: &plan, ages: Ages::new() };
        let (from, span) = (Day(0), 200);
        let bought = sample.by_day(2, (from, span));
        let at = |date: i32| sample.at(Day(date), 2, (&bought, from), &Trend::new(span));
        let next = |date: i32, seen_to: i32, known_on: i32| {
            let rows = sample.rows(&[at(date)], 1, (Day(seen_to), Day(known_on)));
            rows.iter().map(|(row, _)| (row.next, row.seen)).collect::<Vec<_>>()
        };
        // Four late days: what came up to 130 is known on 134; on 130 that of 128 was not.
        assert_eq!(next(122, 130, 134), [(Some(6), 8)]);
        assert_eq!(next(122, 130, 130), [(None, 8)]);
        // On 129 that of 128 was not known yet: it is neither history nor what came after.
        assert_eq!(next(129, 140, 144), [(Some(4), 11)]);
        // On day 115 there are two days, which are too few; on 200 the customer has not come for too long.
        assert!(next(115, 130, 134).is_empty() && next(200, 210, 214).is_empty());
        assert_eq!((at(115).pairs, at(122).pairs), (0, 1));
        assert_eq!(sample.rows(&[at(122)], 1, (Day(130), Day(134)))[0].1, Evidence::of(&[100, 110, 120], 122));
    }
}
