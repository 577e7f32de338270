//! `score`: state and artefacts give the tables `scores` and `withheld`. No line is read here.

use std::collections::HashMap;

use polars::prelude::Column as Series;
use rayon::prelude::*;

use super::state::State;
use crate::error::Result;
use crate::features::{self, Facts};
use crate::key::Id;
use crate::labels::RETURN_DAYS;
use crate::models::churn::{self, Inputs};
use crate::models::cycle::{self, Cell, Cells, bg_nbd};
use crate::table::{Column, Contract, Kind, Range, Table, dates, ids};
use crate::time::Day;

/// What is published for some customers and withheld from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Output {
    /// A row of `features`.
    Features,
    /// A row of `scores`.
    Scores,
    /// A churn probability in `scores`.
    ChurnProbability,
    /// A row of `groups`.
    Groups,
}

impl Output {
    /// All outputs, in the order of the table `withheld`.
    pub const ALL: [Output; 4] = [Output::Features, Output::Scores, Output::ChurnProbability, Output::Groups];

    /// Its name in the table `withheld`.
    pub fn name(self) -> &'static str {
        match self {
            Output::Features => "features",
            Output::Scores => "scores",
            Output::ChurnProbability => "churn_probability",
            Output::Groups => "groups",
        }
    }
}

/// The models that score, as they were graded.
pub struct Artefacts {
    /// When customers return.
    pub cycle: Option<bg_nbd::Parameters>,
    /// Who leaves.
    pub churn: Option<churn::Fit>,
    /// Inputs of the churn model.
    pub inputs: Inputs,
}

/// The scores of one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Probability of an order within each of `RETURN_DAYS`.
    pub return_probability: [f64; 4],
    /// Expected order days in the horizon.
    pub expected_orders: f64,
    /// Dates by which a quarter, half, three quarters of those who are active have ordered again.
    pub next_order: [Option<Day>; 3],
    /// Probability of still being active.
    pub p_alive: f64,
    /// Probability of no order in the churn horizon.
    pub churn_probability: Option<f64>,
}

/// What a customer of some x and T may be expected to do if it is active: many share both.
struct Active {
    return_probability: [f64; 4],
    expected_orders: f64,
    /// Days to the next order; None beyond the limit.
    next_order_days: [Option<i32>; 3],
}

impl Active {
    /// By x and T of the cells.
    fn of(cycle: &bg_nbd::Parameters, cells: &Cells, params: &cycle::Params) -> HashMap<(u32, u32), Self> {
        let mut pairs: Vec<(u32, u32)> = cells.counts().iter().map(|(cell, _)| (cell.x, cell.observed)).collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        let expectation = bg_nbd::Expectation::new(*cycle, f64::from(params.horizon_days), pairs.iter().map(|pair| pair.0));
        let next = |cell: Cell, q: f64| {
            let days = cycle.next_order_days(cell, q).ceil();
            (days <= f64::from(params.quantile_limit_days)).then_some(days as i32)
        };
        let active = |&(x, observed): &(u32, u32)| {
            let cell = Cell { x, t_x: 0, observed };
            let active = Self {
                return_probability: RETURN_DAYS.map(|days| cycle.return_probability_if_alive(cell, f64::from(days))),
                expected_orders: expectation.orders_if_alive(cell),
                next_order_days: [0.25, 0.5, 0.75].map(|q| next(cell, q)),
            };
            ((x, observed), active)
        };
        pairs.par_iter().map(active).collect()
    }
}

/// Scores everyone: a row a customer, None where there is nothing to score or no model.
///
/// # Errors
/// `Limit` if scratch cannot be read.
pub fn score(state: &State, artefacts: &Artefacts, params: &cycle::Params, population: crate::labels::Population) -> Result<Vec<Option<Scores>>> {
    let Some(cycle) = artefacts.cycle else { return Ok(vec![None; state.facts.len()]) };
    let active = Active::of(&cycle, &state.cells, params);
    let one = |facts: &Facts, row: &[features::Cell]| {
        let cell = Cell::of(facts)?;
        let (p_alive, active) = (cycle.p_alive(cell), active.get(&(cell.x, cell.observed))?);
        let churn = artefacts.churn.as_ref().filter(|_| population.withheld(facts).is_none());
        let churn_probability = churn.map(|churn| churn.probability(&artefacts.inputs.of_row(row, cell, Some(&cycle))));
        Some(Scores {
            return_probability: active.return_probability.map(|probability| p_alive * probability),
            expected_orders: p_alive * active.expected_orders,
            next_order: active.next_order_days.map(|days| days.map(|days| facts.observed_to.plus(days))),
            p_alive,
            churn_probability,
        })
    };
    let rows = &state.rows;
    let mut scores = vec![None; state.facts.len()];
    rows.by_shard(&mut scores).into_par_iter().enumerate().try_for_each(|(shard, scores)| -> Result<()> {
        let (facts, cells) = (&state.facts[rows.customers(shard)], rows.read(shard)?);
        scores.iter_mut().zip(facts).zip(cells.chunks_exact(rows.width())).for_each(|((score, facts), row)| *score = one(facts, row));
        Ok(())
    })?;
    Ok(scores)
}

/// The contract of the table `scores`.
pub fn scores_contract(params: &cycle::Params, horizon_days: i32) -> Contract {
    let probability = Range::Between(0.0, 1.0);
    let mut columns = vec![Column::new("customer_id", Kind::Text, "the customer")];
    for days in RETURN_DAYS {
        let meaning = format!("probability of an order within {days} days of the day observed to");
        columns.push(Column::new(&format!("return_probability_{days}d"), Kind::Float, &meaning).within(probability));
    }
    let expected = format!("expected order days within {} days", params.horizon_days);
    columns.push(Column::new("expected_orders", Kind::Float, &expected).within(Range::Between(0.0, f64::INFINITY)));
    for quantile in ["p25", "p50", "p75"] {
        let meaning = format!(
            "next order date, {quantile}, given that the customer is still active (read it with p_alive); unknown beyond {} days",
            params.quantile_limit_days
        );
        columns.push(Column::new(&format!("next_order_date_{quantile}"), Kind::Date, &meaning).nullable());
    }
    columns.push(Column::new("next_order_state", Kind::Text, "dated, or beyond_horizon where p50 lies beyond the limit"));
    columns.push(Column::new("p_alive", Kind::Float, "probability of still being active; 1 for one-time buyers, as the model has it").within(probability));
    let churn = format!(
        "probability of no order within {horizon_days} days, by the churn model (the return probabilities are the cycle model's, so the two need not agree); unknown outside of the population, see `withheld`"
    );
    columns.push(Column::new("churn_probability", Kind::Float, &churn).nullable().within(probability));
    Contract::new("scores", "One row a customer with an order, as the models that were graded see it.", &["customer_id"], columns)
}

/// The table `scores` of the customers at `rows`.
///
/// # Errors
/// `Bug` if a score breaks the contract.
pub fn table(contract: Contract, customers: &[Id], scores: &[Scores], as_of: Day) -> Result<Table> {
    let mut columns = vec![ids("customer_id", customers.iter().copied().map(Some))];
    for (index, days) in RETURN_DAYS.iter().enumerate() {
        let values: Vec<f64> = scores.iter().map(|scores| scores.return_probability[index]).collect();
        columns.push(Series::new(format!("return_probability_{days}d").into(), values));
    }
    columns.push(Series::new("expected_orders".into(), scores.iter().map(|scores| scores.expected_orders).collect::<Vec<_>>()));
    for (index, quantile) in ["p25", "p50", "p75"].iter().enumerate() {
        columns.push(dates(&format!("next_order_date_{quantile}"), scores.iter().map(|scores| scores.next_order[index]).collect())?);
    }
    let state = |scores: &Scores| if scores.next_order[1].is_some() { "dated" } else { "beyond_horizon" };
    columns.push(Series::new("next_order_state".into(), scores.iter().map(state).collect::<Vec<_>>()));
    columns.push(Series::new("p_alive".into(), scores.iter().map(|scores| scores.p_alive).collect::<Vec<_>>()));
    columns.push(Series::new("churn_probability".into(), scores.iter().map(|scores| scores.churn_probability).collect::<Vec<_>>()));
    Table::new(contract, columns, as_of)
}

/// The contract of the table `withheld`.
pub fn withheld_contract() -> Contract {
    let columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("output", Kind::Text, "features, scores, churn_probability or groups"),
        Column::new("reason", Kind::Text, "account_type, too_many_lines, late_store, faulty_store, never_ordered, too_little_history, not_active or no_model"),
    ];
    let meaning = "One row a customer and output that has no value for it. Rows with a value and rows here are the rows of customers.";
    Contract::new("withheld", meaning, &["customer_id", "output"], columns)
}
