//! When each customer returns, how often, and for how much. One model a file, behind one interface.

mod cells;
pub mod cnbd_k;
pub mod cohorts;
pub mod fit;
pub mod gamma_gamma;
pub mod margin;
pub mod nbd;
pub mod pareto_nbd;
pub mod shrunk;
mod stages;
pub mod worth;
#[cfg(test)]
mod suite;

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{Faults, RawChallenger, RawChoose, RawCycle, RawCycleModel, RawPrior};
use crate::error::Result;

pub use cells::{Cell, CellPlaces, Cells, Gaps};
pub use cnbd_k::CnbdK;
pub use cohorts::Cohorts;
pub use fit::{Fit, Likelihood, Prior};
pub use nbd::Nbd;
pub use pareto_nbd::ParetoNbd;
use stages::Survivors;

/// A fitted model of when customers return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum Model {
    /// Nobody drops out.
    Nbd(Nbd),
    /// Drop-outs after order days; BG/NBD, MBG/NBD, BG/CNBD-k, MBG/CNBD-k.
    CnbdK(CnbdK),
    /// Drop-outs at any time.
    ParetoNbd(ParetoNbd),
    /// One of these for everyone, and others for cohorts.
    Cohorts(Box<Cohorts>),
}

impl Model {
    /// What it is called in published tables.
    pub fn name(&self) -> String {
        match self {
            Self::Nbd(_) => "nbd".to_owned(),
            Self::Cohorts(cohorts) => cohorts.everyone.name(),
            Self::ParetoNbd(_) => "pareto_nbd".to_owned(),
            Self::CnbdK(model) => {
                let family = if model.from_first { "mbg" } else { "bg" };
                if model.k == 1 { format!("{family}_nbd") } else { format!("{family}_cnbd_{}", model.k) }
            }
        }
    }

    /// Values of its parameters, in their order.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Nbd(model) => model.values(),
            Self::CnbdK(model) => model.values(),
            Self::ParetoNbd(model) => model.values(),
            Self::Cohorts(cohorts) => cohorts.everyone.values(),
        }
    }

    /// Names of its parameters, in their order.
    pub fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::Nbd(_) => Nbd::PARAMETERS,
            Self::CnbdK(_) => CnbdK::PARAMETERS,
            Self::ParetoNbd(_) => ParetoNbd::PARAMETERS,
            Self::Cohorts(cohorts) => cohorts.everyone.parameters(),
        }
    }

    /// Whether it matters to an active customer's future how long the customer was silent: else x and T are all that it takes.
    pub fn minds_silence(&self) -> bool {
        match self {
            Self::CnbdK(model) => model.k > 1,
            Self::Cohorts(cohorts) => cohorts.everyone.minds_silence(),
            _ => false,
        }
    }

    /// The chance that a customer is still active.
    pub fn p_alive(&self, cell: Cell) -> f64 {
        match self {
            Self::Nbd(_) => 1.0,
            Self::CnbdK(model) => model.p_alive(cell),
            Self::Cohorts(cohorts) => cohorts.of(cell).p_alive(cell),
            Self::ParetoNbd(model) => model.p_alive(cell),
        }
    }

    /// The chance of an order within `days`.
    pub fn return_probability(&self, cell: Cell, days: f64) -> f64 {
        self.p_alive(cell) * self.return_probability_if_alive(cell, days)
    }

    /// The same of a customer who is active.
    pub fn return_probability_if_alive(&self, cell: Cell, days: f64) -> f64 {
        match self {
            Self::Nbd(model) => model.return_probability(cell, days),
            Self::CnbdK(model) => model.return_probability_if_alive(cell, days),
            Self::Cohorts(cohorts) => cohorts.of(cell).return_probability_if_alive(cell, days),
            Self::ParetoNbd(model) => model.return_probability_if_alive(cell, days),
        }
    }

    /// The chance of so many order days or more within `days`.
    pub fn at_least(&self, cell: Cell, days: f64, count: u32) -> f64 {
        if count == 0 {
            return 1.0;
        }
        if let Self::Cohorts(cohorts) = self {
            return cohorts.of(cell).at_least(cell, days, count);
        }
        self.p_alive(cell)
            * match self {
                Self::Cohorts(_) => 1.0,
                Self::Nbd(model) => model.at_least(cell, days, count),
                Self::CnbdK(model) => model.at_least_if_alive(cell, days, count),
                Self::ParetoNbd(model) => model.at_least_if_alive(cell, days, count),
            }
    }

    /// The chance that a customer ever orders again.
    pub fn returns_ever(&self, cell: Cell) -> f64 {
        match self {
            // Who is active there may drop out before the next order.
            Self::ParetoNbd(_) => self.return_probability(cell, f64::INFINITY),
            Self::Cohorts(cohorts) => cohorts.of(cell).returns_ever(cell),
            _ => self.p_alive(cell),
        }
    }

    /// Days until the next order of those who will order again (where nobody drops out between orders: of those who are active), of which a share
    /// has ordered by then.
    pub fn next_order_days(&self, cell: Cell, share: f64) -> f64 {
        match self {
            Self::Nbd(model) => model.next_order_days(cell, share),
            Self::CnbdK(model) => model.next_order_days(cell, share),
            Self::Cohorts(cohorts) => cohorts.of(cell).next_order_days(cell, share),
            Self::ParetoNbd(model) => model.next_order_days(cell, share),
        }
    }
}

/// Expected orders in a horizon; what depends on x alone is computed once.
pub struct Expectation {
    model: Model,
    days: f64,
    survivors: HashMap<u32, Survivors>,
    /// By cohort that has a model of its own.
    cohorts: HashMap<u16, Expectation>,
}

impl Expectation {
    /// Prepares expected orders within `days` of customers in `cells`; of others it is computed anew.
    pub fn new(model: &Model, days: f64, cells: &Cells) -> Self {
        if let Model::Cohorts(of) = model {
            let one = |(cohort, model): &(u16, Model)| (*cohort, Self::new(model, days, &cells.only(|cell| cell.cohort == *cohort)));
            return Self { cohorts: of.cohorts.iter().map(one).collect(), ..Self::new(&of.everyone, days, cells) };
        }
        // By x: the least T, at which the most orders may come.
        let mut least: Vec<Cell> = Vec::new();
        for (cell, _) in cells.counts() {
            match least.last_mut().filter(|last| last.x == cell.x) {
                Some(last) => last.observed = last.observed.min(cell.observed),
                None => least.push(*cell),
            }
        }
        let survivors = match model {
            Model::CnbdK(model) => least.par_iter().map(|cell| (cell.x, model.survivors(*cell, days))).collect(),
            _ => HashMap::new(),
        };
        Self { model: model.clone(), days, survivors, cohorts: HashMap::new() }
    }

    /// Expected order days.
    pub fn orders(&self, cell: Cell) -> f64 {
        let of = self.cohorts.get(&cell.cohort).unwrap_or(self);
        of.model.p_alive(cell) * of.orders_if_alive(cell)
    }

    /// The same of a customer who is active.
    pub fn orders_if_alive(&self, cell: Cell) -> f64 {
        if let Some(of_cohort) = self.cohorts.get(&cell.cohort) {
            return of_cohort.orders_if_alive(cell);
        }
        match &self.model {
            Model::Cohorts(_) => 0.0,
            Model::Nbd(model) => model.orders(cell, self.days),
            Model::ParetoNbd(model) => model.orders_if_alive(cell, self.days),
            Model::CnbdK(model) => {
                let fresh = || model.survivors(cell, self.days);
                match self.survivors.get(&cell.x) {
                    Some(survivors) => model.orders_if_alive(cell, self.days, survivors),
                    None => model.orders_if_alive(cell, self.days, &fresh()),
                }
            }
        }
    }
}

/// A fit of any model.
pub type Fitted = Fit<Model>;

impl Fitted {
    /// The same with standard errors, which only what is published needs.
    #[must_use]
    pub fn with_standard_errors(mut self, cells: &Cells, prior: Option<&Prior>) -> Self {
        if !self.at_boundary {
            self.standard_errors = match self.model {
                Model::Nbd(model) => fit::standard_errors(model, cells, prior),
                Model::CnbdK(model) => fit::standard_errors(model, cells, prior),
                Model::ParetoNbd(model) => fit::standard_errors(model, cells, prior),
                // Nobody asks what everyone's are worth to one cohort.
                Model::Cohorts(_) => None,
            };
        }
        self
    }
}

/// Fits one model; k is that of the largest likelihood.
///
/// # Errors
/// `Input` if there is no repeat buyer, or it does not converge.
pub fn fit(model: RawCycleModel, cells: &Cells, prior: Option<&Prior>) -> Result<Fitted> {
    let cnbd_k = |from_first, k| cnbd_k::fit(cells, from_first, k, prior).map(|fit| fit.map(Model::CnbdK));
    match model {
        RawCycleModel::Nbd => nbd::fit(cells, prior).map(|fit| fit.map(Model::Nbd)),
        RawCycleModel::BgNbd => cnbd_k(false, Some(1)),
        RawCycleModel::MbgNbd => cnbd_k(true, Some(1)),
        RawCycleModel::BgCnbdK => cnbd_k(false, None),
        RawCycleModel::MbgCnbdK => cnbd_k(true, None),
        RawCycleModel::ParetoNbd => pareto_nbd::fit(cells, prior).map(|fit| fit.map(Model::ParetoNbd)),
    }
}

/// Fits a model of the same form to other customers.
fn refit(model: &Model, cells: &Cells, prior: Option<&Prior>) -> Result<Fitted> {
    match model {
        Model::Nbd(_) => fit(RawCycleModel::Nbd, cells, prior),
        Model::ParetoNbd(_) => fit(RawCycleModel::ParetoNbd, cells, prior),
        Model::CnbdK(model) => cnbd_k::fit(cells, model.from_first, Some(model.k), prior).map(|fit| fit.map(Model::CnbdK)),
        Model::Cohorts(cohorts) => refit(&cohorts.everyone, cells, prior),
    }
}

/// The checked `cycle` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    /// The model, and those that score where it does not converge, one after another.
    pub models: Vec<RawCycleModel>,
    /// Whether the candidate that foretold best at past dates comes before these.
    pub choose: RawChoose,
    /// Models that are compared at past dates.
    pub candidates: Vec<RawCycleModel>,
    /// Who is fitted apart.
    pub cohorts: cohorts::Params,
    /// What may set right what the model foretells.
    pub challengers: Vec<RawChallenger>,
    /// What is believed of parameters before; nothing for none.
    pub prior: Option<Prior>,
    /// Expected orders are counted over this many days.
    pub horizon_days: i32,
    /// Next-order dates further away are unknown.
    pub quantile_limit_days: i32,
    /// Value over a life is counted over this many days.
    pub life_days: i32,
    /// A year makes value so much less, as a share.
    pub discount_rate: f64,
}

impl Params {
    /// Models that are compared; none where none is to be chosen.
    pub fn candidates(&self) -> &[RawCycleModel] {
        if self.choose == RawChoose::Best { &self.candidates } else { &[] }
    }

    /// Whether features of everyone with an order matter, not only those of the churn population.
    pub fn boosts(&self) -> bool {
        self.challengers.contains(&RawChallenger::Boosted)
    }

    /// Whether a model of these takes gaps: those of which k follows from the data.
    pub fn minds_gaps(&self) -> bool {
        self.models.iter().chain(self.candidates()).any(|model| matches!(model, RawCycleModel::BgCnbdK | RawCycleModel::MbgCnbdK))
    }

    /// Fits one model, and those of cohorts.
    ///
    /// # Errors
    /// `Input` if there is no repeat buyer, or it does not converge for everyone.
    pub fn fit_one(&self, model: RawCycleModel, cells: &Cells) -> Result<Fitted> {
        if !self.cohorts.are_asked() {
            return fit(model, cells, self.prior.as_ref());
        }
        let everyone = fit(model, &cells.only(|cell| cell.cohort != cohorts::APART).pooled(), self.prior.as_ref())?;
        Ok(self.cohorts.fit(everyone, cells))
    }

    /// Fits the first model that converges, and says of the others why they did not.
    ///
    /// # Errors
    /// `Input` if none does.
    pub fn fit(&self, cells: &Cells) -> Result<(Fitted, Vec<String>)> {
        first_that_fits(&self.models, |model| self.fit_one(model, cells))
    }
}

/// The first of the models that `fit` fits, and why those before it did not.
fn first_that_fits<T>(models: &[RawCycleModel], fit: impl Fn(RawCycleModel) -> Result<T>) -> Result<(T, Vec<String>)> {
    let mut failed = Vec::new();
    for model in models {
        match fit(*model) {
            Ok(fitted) => return Ok((fitted, failed)),
            Err(error) if failed.len() + 1 == models.len() => return Err(error),
            Err(error) => failed.push(error.to_string()),
        }
    }
    Err(crate::error::Error::bug("there is a cycle model"))
}

/// Checks the section.
pub fn check(raw: RawCycle, faults: &mut Faults<'_>) -> Params {
    let first = faults.required("cycle.model", raw.model, "bg_nbd").unwrap_or(RawCycleModel::BgNbd);
    let mut models = vec![first];
    models.extend(raw.fallbacks.unwrap_or_default().into_iter().filter(|model| *model != first));
    Params {
        models,
        choose: raw.choose.unwrap_or(RawChoose::Model),
        candidates: raw.candidates.unwrap_or_default(),
        challengers: raw.challengers.unwrap_or_default(),
        cohorts: cohorts::check(raw.cohorts.unwrap_or_default(), faults),
        prior: raw.prior.map(|prior| check_prior(prior, faults)),
        horizon_days: faults.ranged("cycle.horizon_days", raw.horizon_days, 1..=730) as i32,
        quantile_limit_days: faults.ranged("cycle.quantile_limit_days", raw.quantile_limit_days, 1..=3650) as i32,
        life_days: faults.ranged("cycle.life_days", raw.life_days, 30..=3650) as i32,
        discount_rate: faults.ranged("cycle.discount_rate", raw.discount_rate, 0.0..=1.0),
    }
}

/// The parameters of all models.
const PARAMETERS: [&str; 6] = ["r", "alpha", "a", "b", "s", "beta"];

fn check_prior(raw: RawPrior, faults: &mut Faults<'_>) -> Prior {
    let mut centres = BTreeMap::new();
    for (name, centre) in raw.centres.unwrap_or_default() {
        let path = format!("cycle.prior.centres.{name}");
        if !PARAMETERS.contains(&name.as_str()) {
            faults.add_unknown(&path, "parameters", PARAMETERS.into_iter(), &name);
        }
        centres.insert(name, faults.ranged(&path, Some(centre), 1e-3..=1e5));
    }
    Prior { centres, deviation: faults.ranged("cycle.prior.deviation", raw.deviation, 0.01..=100.0) }
}
