//! Customers who are fitted apart: cohorts, which share what never changes (when, where or how they first ordered), each drawn to everyone's parameters;
//! and those who order so often that they are no households, by a stated cut, on their own.
//!
//! Source of the pooling: Efron, Morris (1975), Data Analysis Using Stein's Estimator and its Generalizations, JASA 70, here as a penalty in log parameters.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Cell, Cells, Fitted, Model, Prior, refit};
use crate::config::{Faults, RawCohorts, RawCohortsBy};
use crate::features::Facts;
use crate::lake::Line;
use crate::time::Day;

/// The cohort of those who order too often.
pub const APART: u16 = u16::MAX;
/// Days of a year, by which the cut is stated.
const YEAR_DAYS: u64 = 365;
/// Who is younger than this is not taken for one of them: a few orders in the first week are no habit.
const OBSERVED_MIN: u32 = 90;

/// The checked `cycle.cohorts` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    /// What customers of a cohort share.
    pub by: RawCohortsBy,
    /// Days of a period of first orders.
    pub period_days: i32,
    /// How far a cohort's log parameters may lie from everyone's, as a standard deviation.
    pub deviation: f64,
    /// A cohort of fewer customers has everyone's parameters.
    pub customers_min: u64,
    /// Who orders on so many days a year is fitted apart.
    pub apart_from: Option<f64>,
}

/// Checks the section.
pub fn check(raw: RawCohorts, faults: &mut Faults<'_>) -> Params {
    Params {
        by: raw.by.unwrap_or(RawCohortsBy::None),
        period_days: faults.ranged("cycle.cohorts.period_days", raw.period_days, 7..=3650) as i32,
        deviation: faults.ranged("cycle.cohorts.deviation", raw.deviation, 0.01..=10.0),
        customers_min: u64::from(faults.ranged("cycle.cohorts.customers_min", raw.customers_min, 10..=10_000_000)),
        apart_from: raw.apart_from_order_days_a_year.map(|days| faults.ranged("cycle.cohorts.apart_from_order_days_a_year", Some(days), 1.0..=365.0)),
    }
}

impl Params {
    /// Nobody is fitted apart.
    pub fn none() -> Self {
        Self { by: RawCohortsBy::None, period_days: 91, deviation: 0.1, customers_min: 500, apart_from: None }
    }

    /// Whether anyone may be.
    pub fn are_asked(&self) -> bool {
        self.by != RawCohortsBy::None || self.apart_from.is_some()
    }

    /// The columns of order lines, beside those that are read always, that say who is of which.
    pub fn sources(&self) -> &'static [&'static str] {
        if self.by == RawCohortsBy::FirstChannel { &["order_lines.channel"] } else { &[] }
    }

    /// The cohort of a customer; 0 for none.
    pub fn of(&self, facts: &Facts, lines: &[Line]) -> u16 {
        let (Some(first), Some(cell)) = (facts.first_day.get(), Cell::of(facts)) else { return 0 };
        let often = |days: &f64| f64::from(cell.x) * YEAR_DAYS as f64 >= days * f64::from(cell.observed) && cell.observed >= OBSERVED_MIN;
        if self.apart_from.as_ref().is_some_and(often) {
            return APART;
        }
        // Lines stand by time: the first of the first order day.
        let is_first = |line: &&Line| line.day == first && line.is_bought && line.visible_from <= facts.date;
        let of_first = |pick: fn(&Line) -> u32| lines.iter().find(is_first).map_or(0, pick);
        let number = match self.by {
            RawCohortsBy::None => 0,
            RawCohortsBy::FirstOrderPeriod => first.0.div_euclid(self.period_days).max(0) as u32 + 1,
            RawCohortsBy::FirstChannel => of_first(|line| line.channel) + 1,
            RawCohortsBy::FirstStore => of_first(|line| line.store) + 1,
        };
        u16::try_from(number).unwrap_or(APART - 1)
    }

    /// What a cohort is called; `channels` and `stores` are the words of lines.
    pub fn name(&self, cohort: u16, channels: &[String], stores: &[String]) -> String {
        let word = |words: &[String]| words.get(usize::from(cohort) - 1).filter(|word| !word.is_empty()).map_or("unknown".to_owned(), Clone::clone);
        match self.by {
            _ if cohort == APART => "apart".to_owned(),
            RawCohortsBy::FirstChannel if cohort > 0 => word(channels),
            RawCohortsBy::FirstStore if cohort > 0 => word(stores),
            RawCohortsBy::FirstOrderPeriod if cohort > 0 => format!("from {}", Day(i32::from(cohort - 1) * self.period_days)),
            _ => "everyone".to_owned(),
        }
    }

    /// Fits those who are apart on their own, and each cohort drawn to `everyone`, who was fitted without the former.
    pub fn fit(&self, everyone: Fitted, cells: &Cells) -> Fitted {
        let mut numbers: Vec<u16> = cells.counts().iter().map(|(cell, _)| cell.cohort).filter(|cohort| *cohort > 0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let centres = everyone.model.parameters().iter().zip(everyone.model.values()).map(|(name, value)| ((*name).to_owned(), value)).collect();
        let drawn = Prior { centres, deviation: self.deviation };
        let one = |cohort: &u16| {
            let cells = cells.only(|cell| cell.cohort == *cohort);
            let prior = (*cohort != APART).then_some(&drawn);
            let fitted = (cells.customers() >= self.customers_min).then(|| refit(&everyone.model, &cells, prior).ok()).flatten()?;
            Some((*cohort, fitted.model))
        };
        let cohorts: Vec<(u16, Model)> = numbers.par_iter().filter_map(one).collect();
        everyone.map(|everyone| Model::Cohorts(Box::new(Cohorts { everyone, cohorts })))
    }
}

/// Everyone's model, and those of cohorts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cohorts {
    /// Of who is in no cohort, or in a small one.
    pub everyone: Model,
    /// By number of the cohort.
    pub cohorts: Vec<(u16, Model)>,
}

impl Cohorts {
    /// The model of a customer.
    pub fn of(&self, cell: Cell) -> &Model {
        self.cohorts.binary_search_by_key(&cell.cohort, |(cohort, _)| *cohort).map_or(&self.everyone, |place| &self.cohorts[place].1)
    }
}
