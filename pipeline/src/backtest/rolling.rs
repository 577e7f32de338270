//! `regulars backtest`: every candidate and rule at every origin, graded by what followed.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::foretell::{Foretold, Rule, foretell};
use super::grades::{About, GradeRow, of_counts, of_times, rows};
use crate::config::{RawChallenger, RawCycleModel};
use crate::labels::RETURN_DAYS;
use crate::metrics::{Counted, Graded, Timed, grade, grade_counts, grade_times, log_loss};
use crate::models::Sampled;
use crate::models::churn::Inputs;
use crate::models::correction::{Correction, HORIZONS, Known, Means, learning_bytes};
use crate::models::cycle::{self, Cell, Model};
use crate::shards::{Snapshot, State};
use crate::time::{Dates, Day, Grid, Window};

/// What so many forecasts take of the memory, of customers with so many features: two candidates' at a time, their means, what is graded of them in three
/// slices, and what trees learn from.
pub fn forecast_bytes(forecasts: usize, features: usize) -> u64 {
    let graded = size_of::<Graded>() + size_of::<Counted>() + size_of::<Timed>();
    (forecasts * (2 * size_of::<Foretold>() + 2 * size_of::<Means>() + 3 * graded)) as u64 + learning_bytes(forecasts, features)
}

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
    /// All figures of customers.
    pub grades: Vec<GradeRow>,
    /// All figures of what is due to them, where the config asks for it.
    pub due: Vec<GradeRow>,
    /// All figures of who left.
    pub churn: Vec<GradeRow>,
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

impl Vintage<'_> {
    fn loss(&self, foretold: &[Foretold], horizon: usize) -> Loss {
        let mut slice = Slice::default();
        self.snapshot.buyers.iter().zip(foretold).for_each(|(row, foretold)| slice.add(row, foretold, horizon));
        slice.loss()
    }
}

/// The sum of log-losses, and how many they are.
#[derive(Debug, Clone, Copy, Default)]
struct Loss(f64, f64);

/// Foretells at every date, and grades at the newest `origins.vintages` of them by what followed up to as_of. `types` says of a customer of which two
/// types it is.
pub fn backtest(state: &State, origins: &Origins, (params, inputs): (&cycle::Params, &Inputs), types: &dyn Fn(Cell) -> [&'static str; 2]) -> Backtest {
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
    let dates = Looked { all: &all, first, inputs, late_days: origins.late_days };
    let mut candidates: Vec<Candidate> = Vec::new();
    for model in &params.candidates {
        match Candidate::of(*model, (&all, first), params) {
            Err(why) => failed.push(why),
            // Where k = 1 fits best, one candidate is another.
            Ok((candidate, _)) if grader.knows(&candidate.name) => {}
            Ok((candidate, foretold)) => {
                grader.grade(&candidate.name, &foretold);
                let challenger = RawChallenger::Recalibrated;
                grader.grade(&challenger.told(&candidate.name), &dates.corrected(challenger, (&candidate, &foretold), &|_| true));
                candidates.push(candidate);
            }
        }
    }
    if !candidates.is_empty() {
        grader.grade(RawChallenger::Boosted.name(), &dates.challenge(&candidates));
    }
    let mut ranking: Vec<(String, f64)> = grader.losses.into_iter().filter(|(_, loss)| loss.1 > 0.0).map(|(name, loss)| (name, loss.0 / loss.1)).collect();
    ranking.sort_by(|a, b| a.1.total_cmp(&b.1));
    Backtest {
        grades: grader.grades,
        due: Vec::new(),
        churn: Vec::new(),
        vintages: all[first..].iter().map(|vintage| vintage.snapshot.date).collect(),
        ranking,
        failed,
    }
}

/// A candidate at all dates.
struct Candidate {
    /// That of the newest fit.
    name: String,
    /// By date, as fitted to what was known then; none at a date that is not graded, where too little was.
    models: Vec<Option<Model>>,
    /// By date and horizon, what it lost by its forecasts.
    losses: Vec<[Loss; HORIZONS]>,
}

impl Candidate {
    /// Its models, and what they foretold at each date; nothing where there is none.
    fn of(model: RawCycleModel, (all, first): (&[Vintage<'_>], usize), params: &cycle::Params) -> Result<(Self, Vec<Vec<Foretold>>), String> {
        let at = |(place, Vintage { snapshot, .. }): (usize, &Vintage<'_>)| match params.fit_one(model, &snapshot.cells) {
            Ok(fitted) => {
                let foretold = foretell(&fitted.model, &snapshot.cells, &snapshot.buyers);
                Ok((Some(fitted.model), foretold))
            }
            Err(_) if place < first => Ok((None, Vec::new())),
            Err(why) => Err(format!("{} at {}: {why}", model.name(), snapshot.date)),
        };
        let found = all.par_iter().enumerate().map(at).collect::<Result<Vec<_>, String>>()?;
        let (models, foretold): (Vec<Option<Model>>, Vec<Vec<Foretold>>) = found.into_iter().unzip();
        let loss = |(vintage, foretold): (&Vintage<'_>, &Vec<Foretold>)| std::array::from_fn(|horizon| vintage.loss(foretold, horizon));
        let losses = all.iter().zip(&foretold).map(loss).collect();
        let name = models.last().and_then(Option::as_ref).map_or_else(String::new, Model::name);
        Ok((Self { name, models, losses }, foretold))
    }

    /// What it had lost by a date, as was known then.
    fn lost_by(&self, place: usize, all: &[Vintage<'_>], late_days: i32) -> f64 {
        let over = |horizon: usize| earlier(all, place, horizon, late_days).map(move |earlier| self.losses[earlier][horizon]);
        let lost = (0..HORIZONS).flat_map(over).fold(Loss::default(), |sum, loss| Loss(sum.0 + loss.0, sum.1 + loss.1));
        lost.0 / lost.1.max(1.0)
    }

    fn foretell(&self, all: &[Vintage<'_>]) -> Vec<Vec<Foretold>> {
        let at = |(Vintage { snapshot, .. }, model): (&Vintage<'_>, &Option<Model>)| {
            model.as_ref().map_or_else(Vec::new, |model| foretell(model, &snapshot.cells, &snapshot.buyers))
        };
        all.iter().zip(&self.models).map(at).collect()
    }
}

/// Dates before that of `place` whose labels were over then.
fn earlier(all: &[Vintage<'_>], place: usize, horizon: usize, late_days: i32) -> impl DoubleEndedIterator<Item = usize> {
    (0..place).filter(move |earlier| is_over(all, (*earlier, place), horizon, late_days))
}

/// Whether what came after a date was known at a later one.
fn is_over(all: &[Vintage<'_>], (earlier, place): (usize, usize), horizon: usize, late_days: i32) -> bool {
    Window::following(all[earlier].snapshot.date, RETURN_DAYS[horizon]).is_over(late_days, all[place].snapshot.date)
}

/// The dates that are looked back on, for what learns from earlier ones.
struct Looked<'a> {
    all: &'a [Vintage<'a>],
    first: usize,
    inputs: &'a Inputs,
    late_days: i32,
}

impl Looked<'_> {
    /// A candidate's forecasts at graded dates that are wanted, as set right by what was known then; none at others.
    fn corrected(
        &self,
        challenger: RawChallenger,
        (candidate, foretold): (&Candidate, &[Vec<Foretold>]),
        wanted: &dyn Fn(usize) -> bool,
    ) -> Vec<Vec<Foretold>> {
        let all = self.all;
        let means: Vec<Vec<Means>> = foretold.iter().map(|foretold| foretold.iter().map(|foretold| foretold.means).collect()).collect();
        let known = |earlier: usize, place: usize| {
            let over = std::array::from_fn(|horizon| is_over(all, (earlier, place), horizon, self.late_days));
            Some(Known { rows: &all[earlier].snapshot.buyers, means: &means[earlier], model: candidate.models[earlier].as_ref()?, over })
        };
        let at = |place: usize| {
            let Some(now) = known(place, place).filter(|_| place >= self.first && wanted(place)) else { return Vec::new() };
            let earlier: Vec<Known<'_>> = (0..place).filter_map(|earlier| known(earlier, place)).filter(|known| known.over.contains(&true)).collect();
            let Some(correction) = Correction::learn(challenger, &earlier, self.inputs, &[0, 1, 2, 3]) else {
                return foretold[place].iter().map(|own| Foretold { chances: [None; HORIZONS], next: None, ..*own }).collect();
            };
            let corrected = correction.of_all(&now, self.inputs);
            corrected.into_iter().map(|means| Foretold { means, chances: [None; HORIZONS], next: None }).collect()
        };
        (0..all.len()).map(at).collect()
    }

    /// What the challenger foretells at each graded date: it starts from the candidate that had lost least by then, and learns from all dates whose
    /// labels were over.
    fn challenge(&self, candidates: &[Candidate]) -> Vec<Vec<Foretold>> {
        let base = |place: usize| {
            let lost = |of: &usize| candidates[*of].lost_by(place, self.all, self.late_days);
            (0..candidates.len()).min_by(|a, b| lost(a).total_cmp(&lost(b))).unwrap_or_default()
        };
        let bases: Vec<usize> = (0..self.all.len()).map(base).collect();
        let mut challenged: Vec<Vec<Foretold>> = vec![Vec::new(); self.all.len()];
        for (of, candidate) in candidates.iter().enumerate() {
            if bases[self.first..].contains(&of) {
                let found = self.corrected(RawChallenger::Boosted, (candidate, &candidate.foretell(self.all)), &|place| bases[place] == of);
                challenged.iter_mut().zip(found).filter(|(_, found)| !found.is_empty()).for_each(|(place, found)| *place = found);
            }
        }
        challenged
    }
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
    fn loss(&self) -> Loss {
        let count = self.returns.len() as f64;
        Loss(log_loss(&self.returns).unwrap_or_default() * count, count)
    }

    fn add(&mut self, row: &Sampled, foretold: &Foretold, horizon: usize) {
        let Some(came) = row.labels.order_days[horizon] else { return };
        let seen = f64::from(RETURN_DAYS[horizon]);
        self.returns.push((foretold.means.returns[horizon], came > 0));
        self.counts.push(Counted { expected: foretold.means.orders[horizon], observed: f64::from(came), chances: foretold.chances[horizon] });
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
            let (mut dates, mut newest) = (0, None);
            for (vintage, foretold) in self.all.iter().zip(foretold).skip(self.first) {
                let mut slices: BTreeMap<&str, Slice> = BTreeMap::new();
                for ((row, foretold), types) in vintage.snapshot.buyers.iter().zip(foretold).zip(&vintage.types) {
                    for slice in std::iter::once("all").chain(*types) {
                        slices.entry(slice).or_default().add(row, foretold, horizon);
                        pooled.entry(slice).or_default().add(row, foretold, horizon);
                    }
                }
                if slices.get("all").is_some_and(|all| !all.returns.is_empty()) {
                    (dates, newest) = (dates + 1, Some(vintage.snapshot.date));
                }
                self.tell(model, (vintage.snapshot.date, 1), horizon, slices);
            }
            if let Some(Loss(sum, count)) = pooled.get("all").map(Slice::loss) {
                loss = Loss(loss.0 + sum, loss.1 + count);
            }
            if let Some(newest) = newest.filter(|_| dates > 1) {
                self.tell(model, (newest, dates), horizon, pooled);
            }
        }
        self.losses.push((model.to_owned(), loss));
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
