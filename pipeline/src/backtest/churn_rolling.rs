//! Who left, as every churn model would have foretold it at past dates.

use std::collections::BTreeMap;

use super::churn::side_by_side;
use super::grades::{About, GradeRow, of_churn, of_compared};
use super::rolling::Origins;
use crate::config::RawChurnModel;
use crate::labels::Segment;
use crate::metrics::{Compared, Figures, Graded, grade};
use crate::models::churn::{self, Dated, Inputs, Rows};
use crate::models::cycle::{self, Model};
use crate::shards::State;
use crate::time::{Day, Window};

/// Chances of customers of some dates, and who left; keys say which are of one customer.
#[derive(Default)]
struct Pooled {
    keys: Vec<u64>,
    graded: Vec<Graded>,
    dates: Vec<Day>,
}

impl Pooled {
    fn add(&mut self, more: Self) {
        self.keys.extend(more.keys);
        self.graded.extend(more.graded);
        self.dates.extend(more.dates);
    }
}

/// Grades all churn models and rules of every segment at the newest `origins.vintages` dates, each as it would have been fitted then, and over all of them;
/// why models could not be fitted goes to `failed`.
pub fn look_back_on_churn(
    state: &State,
    origins: &Origins,
    (of_cycle, params, inputs): (&cycle::Params, &churn::Params, &Inputs),
    failed: &mut Vec<String>,
) -> Vec<GradeRow> {
    let models = state.snapshots.iter().map(|snapshot| of_cycle.fit(&snapshot.cells).ok().map(|(fitted, _)| fitted.model)).collect();
    let looking = Looking { state, models, origins, params, inputs };
    params.population.segments().flat_map(|segment| looking.back(segment, failed)).collect()
}

/// What is looked back on.
struct Looking<'a> {
    state: &'a State,
    /// By date, the purchase-cycle model that was fitted then.
    models: Vec<Option<Model>>,
    origins: &'a Origins,
    params: &'a churn::Params,
    inputs: &'a Inputs,
}

impl Looking<'_> {
    fn back(&self, segment: Segment, failed: &mut Vec<String>) -> Vec<GradeRow> {
        let &Self { params, origins, .. } = self;
        let (snapshots, target) = (&self.state.snapshots, segment.target());
        let dated = |place: usize| snapshots[place].dated(segment, self.models[place].as_ref());
        let is_over = |date: Day, by: Day| Window::following(date, params.population.horizon_days).is_over(origins.late_days, by);
        let graded = snapshots.len().saturating_sub(origins.vintages as usize)..snapshots.len();
        let cycle = self.models[graded.clone()].iter().rev().flatten().next().map_or("cycle".to_owned(), Model::name);
        let mut pooled: BTreeMap<RawChurnModel, Pooled> = BTreeMap::new();
        let mut grades = Vec::new();
        for place in graded {
            let (test, date) = (Rows::of(self.inputs, &[dated(place)]), snapshots[place].date);
            let training: Vec<Dated<'_>> = (0..place).map(dated).filter(|earlier| is_over(earlier.date, date)).collect();
            if test.is_empty() {
                continue;
            }
            let side = side_by_side(&training, &test, &is_over, params).map(|side| side.models).unwrap_or_else(|why| {
                failed.push(format!("{target} at {date}: {why}"));
                BTreeMap::new()
            });
            let mut of_date = BTreeMap::new();
            for (model, foretold) in side {
                match foretold {
                    Ok(foretold) => drop(of_date.insert(model, Pooled { keys: test.keys(), graded: foretold.graded(&test), dates: vec![date] })),
                    Err(why) => failed.push(format!("{target} at {date}: {}: {why}", model.name())),
                }
            }
            grades.extend(told(&of_date, (segment, params), &cycle));
            of_date.into_iter().for_each(|(model, of_date)| pooled.entry(model).or_default().add(of_date));
        }
        pooled.retain(|_, of| of.dates.len() > 1);
        grades.extend(told(&pooled, (segment, params), &cycle));
        grades
    }
}

/// The figures of models and rules, and of each model against all others.
fn told(of: &BTreeMap<RawChurnModel, Pooled>, (segment, params): (Segment, &churn::Params), cycle: &str) -> Vec<GradeRow> {
    let mut rows = Vec::new();
    for (model, own) in of {
        let newest = own.dates.last().copied().unwrap_or(Day(0));
        let about = About { vintages: own.dates.len() as i64, ..About::all(model.told(cycle), newest, segment.target(), params.population.horizon_days) };
        rows.extend(of_churn(&about, (&grade(&own.graded), &Figures::of(&own.keys, &own.graded, &params.economics)), None));
        // Models that were fitted on other dates had other customers.
        let others = of.iter().filter(|(other, of)| !model.is_rule() && *other != model && of.dates == own.dates);
        for (other, of) in others {
            let slice = format!("against_{}", other.told(cycle));
            let compared = Compared::of(&own.keys, (&own.graded, &of.graded), &params.economics);
            rows.extend(of_compared(&About { slice: &slice, ..about }, &compared));
        }
    }
    rows
}
