//! `regulars backtest`: every candidate and rule at every origin, graded by what followed.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::foretell::{Foretold, HORIZONS, Recalibration, Rule, foretell, learn, recalibrated};
use super::grades::{About, GradeRow, of_counts, of_times, rows};
use crate::config::RawCycleModel;
use crate::labels::RETURN_DAYS;
use crate::metrics::{Counted, Graded, Timed, grade, grade_counts, grade_times};
use crate::models::cycle::{self, Cell};
use crate::shards::{Sampled, Snapshot, State};
use crate::time::{Dates, Day, Grid};

/// Which dates are looked back on.
#[derive(Debug, Clone, Copy)]
pub struct Origins {
    /// Dates at which forecasts are graded.
    pub vintages: i32,
    /// Days between them.
    pub every_days: i32,
    /// Of this many days the labels are over at all of them.
    pub horizon_days: i32,
    /// Days that lines may arrive late.
    pub late_days: i32,
}

impl Origins {
    /// How many dates come before those that are graded: of the first graded one, the labels of the first of these are over.
    fn before(&self) -> i32 {
        (self.horizon_days + self.late_days + self.every_days - 1) / self.every_days
    }

    /// All dates, oldest first, as seen from `as_of`.
    pub fn dates(&self, as_of: Day) -> Dates {
        let &Self { every_days, horizon_days, late_days, vintages } = self;
        Dates::rolling(as_of, Grid { every_days, horizon_days, late_days, training_dates: self.before() + vintages - 1 })
    }
}

/// What a back-test found.
pub struct Backtest {
    /// All figures.
    pub grades: Vec<GradeRow>,
    /// The dates that were graded, oldest first.
    pub vintages: Vec<Day>,
    /// By name, the mean log-loss over all dates and horizons, the best first.
    pub ranking: Vec<(String, f64)>,
    /// Which models did not converge, when and why.
    pub failed: Vec<String>,
}

/// The graded rows of a date, and which types each customer is of.
struct Vintage<'a> {
    snapshot: &'a Snapshot,
    types: Vec<[&'static str; 2]>,
}

/// The sum of log-losses, and how many they are.
#[derive(Default)]
struct Loss(f64, f64);

/// Foretells at every date, and grades at the newest `origins.vintages` of them by what followed up to as_of. `types` says of a customer of which two
/// types it is.
pub fn backtest(state: &State, origins: &Origins, params: &cycle::Params, types: &dyn Fn(Cell) -> [&'static str; 2]) -> Backtest {
    let all: Vec<Vintage<'_>> = state
        .snapshots
        .iter()
        .filter(|snapshot| !snapshot.buyers.is_empty())
        .map(|snapshot| Vintage { snapshot, types: snapshot.buyers.iter().map(|row| types(row.cell)).collect() })
        .collect();
    let first = all.len().saturating_sub(origins.vintages as usize);
    let mut grader = Grader { all: &all, first, grades: Vec::new(), losses: Vec::new() };
    let mut failed = Vec::new();
    for rule in Rule::ALL {
        let foretold: Vec<Vec<Foretold>> = all.iter().map(|vintage| vintage.snapshot.buyers.iter().map(|row| rule.foretell(row)).collect()).collect();
        grader.grade(rule.name(), &foretold);
    }
    for model in &params.candidates {
        match of_model(*model, &all, params) {
            Err(why) => failed.push(why),
            // Where k = 1 fits best, one candidate is another.
            Ok((name, _)) if grader.knows(&name) => {}
            Ok((name, foretold)) => {
                grader.grade(&name, &foretold);
                let again = recalibrate(&all, &foretold, origins.late_days);
                grader.grade(&format!("{name}_recalibrated"), &again);
            }
        }
    }
    let mut ranking: Vec<(String, f64)> = grader.losses.into_iter().filter(|(_, loss)| loss.1 > 0.0).map(|(name, loss)| (name, loss.0 / loss.1)).collect();
    ranking.sort_by(|a, b| a.1.total_cmp(&b.1));
    Backtest { grades: grader.grades, vintages: all[first..].iter().map(|vintage| vintage.snapshot.date).collect(), ranking, failed }
}

/// A candidate's forecasts at all dates, each by what it knew then, and its name: that of the newest fit.
fn of_model(model: RawCycleModel, all: &[Vintage<'_>], params: &cycle::Params) -> Result<(String, Vec<Vec<Foretold>>), String> {
    let at = |Vintage { snapshot, .. }: &Vintage<'_>| {
        let fitted = cycle::fit(model, &snapshot.cells, params.prior.as_ref()).map_err(|why| format!("{} at {}: {why}", model.name(), snapshot.date))?;
        Ok((fitted.model.name(), foretell(&fitted.model, &snapshot.cells, &snapshot.buyers)))
    };
    let (names, foretold): (Vec<String>, Vec<Vec<Foretold>>) = all.par_iter().map(at).collect::<Result<Vec<_>, String>>()?.into_iter().unzip();
    Ok((names.into_iter().last().unwrap_or_default(), foretold))
}

/// Forecasts recalibrated at each date by the newest earlier date whose labels were over then.
fn recalibrate(all: &[Vintage<'_>], foretold: &[Vec<Foretold>], late_days: i32) -> Vec<Vec<Foretold>> {
    let at = |place: usize| {
        let by: Recalibration = std::array::from_fn(|horizon| {
            let over = |earlier: &usize| all[*earlier].snapshot.date.plus(RETURN_DAYS[horizon] + late_days) <= all[place].snapshot.date;
            let earlier = (0..place).rev().find(over)?;
            learn(&all[earlier].snapshot.buyers, &foretold[earlier], horizon)
        });
        recalibrated(&foretold[place], &by)
    };
    (0..all.len()).map(at).collect()
}

struct Grader<'a> {
    all: &'a [Vintage<'a>],
    first: usize,
    grades: Vec<GradeRow>,
    losses: Vec<(String, Loss)>,
}

/// Forecasts of some customers for one horizon, and what came.
#[derive(Default)]
struct Slice {
    returns: Vec<Graded>,
    counts: Vec<Counted>,
    times: Vec<Timed>,
}

impl Slice {
    fn add(&mut self, row: &Sampled, foretold: &Foretold, horizon: usize) {
        let Some(came) = row.labels.order_days[horizon] else { return };
        let seen = f64::from(RETURN_DAYS[horizon]);
        self.returns.push((foretold.returns[horizon], came > 0));
        self.counts.push(Counted { expected: foretold.orders[horizon], observed: came as f64, chances: foretold.chances[horizon] });
        if let Some([of_all, of_returners]) = foretold.next {
            let came = row.labels.next_order_days.map(f64::from).filter(|came| *came <= seen);
            self.times.push(Timed { of_all, of_returners, came, seen });
        }
    }
}

impl Grader<'_> {
    fn knows(&self, name: &str) -> bool {
        self.losses.iter().any(|(known, _)| known == name)
    }

    /// Grades forecasts at each graded date and over all of them, of everyone and by type.
    fn grade(&mut self, model: &str, foretold: &[Vec<Foretold>]) {
        let mut loss = Loss::default();
        for horizon in 0..HORIZONS {
            let mut pooled: BTreeMap<&str, Slice> = BTreeMap::new();
            let mut dates = 0;
            for (vintage, foretold) in self.all.iter().zip(foretold).skip(self.first) {
                let mut slices: BTreeMap<&str, Slice> = BTreeMap::new();
                for ((row, foretold), types) in vintage.snapshot.buyers.iter().zip(foretold).zip(&vintage.types) {
                    for slice in std::iter::once("all").chain(*types) {
                        slices.entry(slice).or_default().add(row, foretold, horizon);
                        pooled.entry(slice).or_default().add(row, foretold, horizon);
                    }
                }
                let all = slices.get("all").is_some_and(|all| !all.returns.is_empty());
                dates += i64::from(all);
                self.tell(model, (vintage.snapshot.date, 1), horizon, slices);
            }
            if let Some(all) = pooled.get("all") {
                let of_one = grade(&all.returns);
                loss.0 += of_one.log_loss.unwrap_or_default() * of_one.count as f64;
                loss.1 += of_one.count as f64;
            }
            let newest = self.all.iter().map(|vintage| vintage.snapshot.date).filter(|date| Some(*date) <= self.newest(horizon)).max();
            if let Some(newest) = newest.filter(|_| dates > 1) {
                self.tell(model, (newest, dates), horizon, pooled);
            }
        }
        self.losses.push((model.to_owned(), loss));
    }

    /// The newest date at which the labels of a horizon are over.
    fn newest(&self, horizon: usize) -> Option<Day> {
        let over = |vintage: &&Vintage<'_>| vintage.snapshot.buyers.iter().any(|row| row.labels.order_days[horizon].is_some());
        self.all.iter().filter(over).map(|vintage| vintage.snapshot.date).max()
    }

    fn tell(&mut self, model: &str, (vintage, vintages): (Day, i64), horizon: usize, slices: BTreeMap<&str, Slice>) {
        let about = |target, slice| About { model, vintage, vintages, target, horizon_days: RETURN_DAYS[horizon], slice };
        for (name, slice) in slices.into_iter().filter(|(_, slice)| !slice.returns.is_empty()) {
            self.grades.extend(rows(&about("return", name), &grade(&slice.returns), None));
            self.grades.extend(grade_counts(&slice.counts).iter().flat_map(|grade| of_counts(&about("orders", name), grade)));
            self.grades.extend(grade_times(&slice.times).iter().flat_map(|grade| of_times(&about("next_order", name), grade)));
        }
    }
}
