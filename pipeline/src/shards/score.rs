//! `score`: state and artefacts give the tables `scores` and `withheld`. No line is read here.

use std::collections::HashMap;

use polars::prelude::Column as Series;
use rayon::prelude::*;

use super::state::State;
use crate::customers::LeftOut;
use crate::error::Result;
use crate::features::{self, Facts};
use crate::key::Id;
use crate::labels::{Outside, Population, RETURN_DAYS, Segment};
use crate::models::churn::{self, Inputs};
use crate::models::correction::{Correction, HORIZONS, Means, SUBJECTS, Subject, counted_by};
use crate::models::cycle::gamma_gamma::Spent;
use crate::models::cycle::margin::{Earned, Margin};
use crate::models::cycle::worth::Worth;
use crate::models::cycle::{self, Cell, Cells, Expectation, Model};
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

    /// Whether models make it.
    pub fn is_scored(self) -> bool {
        matches!(self, Output::Scores | Output::ChurnProbability)
    }

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
    pub cycle: Option<Model>,
    /// What sets that right.
    pub correction: Option<Correction>,
    /// What an order day is worth.
    pub value: Option<Worth>,
    /// What of that is margin.
    pub margin: Option<Margin>,
    /// Who leaves, by segment.
    pub churn: [Option<churn::Model>; 2],
    /// Inputs of the churn model.
    pub inputs: Inputs,
}

/// The scores of everyone: a row a customer, none where there is nothing to score or no model.
pub struct Scores {
    customers: Vec<Option<Scored>>,
    /// What the purchase-cycle model foretells, by cell: many share one.
    outlooks: Vec<Outlook>,
    /// What the correction makes of it, a row a customer; empty without one.
    corrected: Vec<Option<Corrected>>,
    /// What an order day is worth.
    value: Option<Worth>,
    /// What of that is margin.
    margin: Option<Margin>,
}

/// The scores of one customer.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    /// The place of the outlook of its cell.
    outlook: u32,
    /// Probability of no order in the churn horizon.
    pub churn_probability: Option<f64>,
}

/// What a customer takes of the memory whose outlook is set right.
pub const CORRECTED_BYTES: u64 = size_of::<Option<Corrected>>() as u64;

/// An outlook as it was set right.
#[derive(Debug, Clone, Copy)]
struct Corrected {
    return_probability: [f64; HORIZONS],
    /// So many more orders are expected in the horizon, and in the life, than by the model.
    more_orders: [f64; 2],
}

/// What the purchase-cycle model foretells of a customer.
#[derive(Debug, Clone, Copy)]
struct Outlook {
    /// Probability of still being active.
    p_alive: f64,
    /// Probability of an order within each of `RETURN_DAYS`.
    return_probability: [f64; 4],
    /// Expected order days in the horizon.
    expected_orders: f64,
    /// Those of each horizon, where something sets them right.
    orders: [f64; HORIZONS],
    /// Expected order days in the life, each discounted to today.
    life_orders: f64,
    /// Days until a quarter, half, three quarters of those who return have ordered again; None beyond the limit.
    next_order_days: [Option<i32>; 3],
}

/// The life is discounted in so many steps.
const LIFE_STEPS: i32 = 6;

/// Days of a year.
const YEAR_DAYS: f64 = 365.25;

impl Outlook {
    /// By cell, in their order.
    fn of(cycle: &Model, cells: &Cells, params: &cycle::Params, is_corrected: bool) -> Vec<Self> {
        let expectation = |days: f64| Expectation::new(cycle, days, cells);
        let horizon = expectation(f64::from(params.horizon_days));
        let counted = is_corrected.then(|| RETURN_DAYS.map(|days| expectation(f64::from(days))));
        // Orders of each step of the life come in the middle of it.
        let step = f64::from(params.life_days) / f64::from(LIFE_STEPS);
        let discount = |steps: f64| (1.0 + params.discount_rate).powf(-steps * step / YEAR_DAYS);
        let life: Vec<(Expectation, f64)> = (1..=LIFE_STEPS)
            .map(|end| {
                let (here, next) = (discount(f64::from(end) - 0.5), if end == LIFE_STEPS { 0.0 } else { discount(f64::from(end) + 0.5) });
                (expectation(f64::from(end) * step), here - next)
            })
            .collect();
        let next = |cell: Cell, share: f64| {
            let days = cycle.next_order_days(cell, share).ceil();
            (days <= f64::from(params.quantile_limit_days)).then_some(days as i32)
        };
        let active = |&cell: &Cell| Self {
            p_alive: 1.0,
            return_probability: RETURN_DAYS.map(|days| cycle.return_probability_if_alive(cell, f64::from(days))),
            expected_orders: horizon.orders_if_alive(cell),
            orders: counted.as_ref().map_or([0.0; HORIZONS], |counted| counted.each_ref().map(|expectation| expectation.orders_if_alive(cell))),
            life_orders: life.iter().map(|(to, weight)| weight * to.orders_if_alive(cell)).sum(),
            next_order_days: [0.25, 0.5, 0.75].map(|share| next(cell, share)),
        };
        if cycle.minds_silence() {
            return cells.counts().par_iter().map(|(cell, _)| active(cell).times(cycle.p_alive(*cell))).collect();
        }
        // What an active customer will do is the same for many cells.
        let seen = |cell: Cell| Cell { t_x: 0, ..cell };
        let mut distinct: Vec<Cell> = cells.counts().iter().map(|(cell, _)| seen(*cell)).collect();
        distinct.par_sort_unstable();
        distinct.dedup();
        let known: HashMap<Cell, Self> = distinct.par_iter().map(|cell| (*cell, active(cell))).collect();
        cells.counts().par_iter().map(|(cell, _)| known[&seen(*cell)].times(cycle.p_alive(*cell))).collect()
    }

    /// The outlook of a customer who is active, of one who may not be.
    fn times(self, p_alive: f64) -> Self {
        Self {
            p_alive,
            return_probability: self.return_probability.map(|probability| p_alive * probability),
            expected_orders: p_alive * self.expected_orders,
            orders: self.orders.map(|orders| p_alive * orders),
            life_orders: p_alive * self.life_orders,
            ..self
        }
    }

    /// What is to be set right.
    fn means(&self) -> Means {
        Means { returns: self.return_probability, orders: self.orders }
    }

    /// The same, set right.
    fn corrected(self, by: Corrected) -> Self {
        let Corrected { return_probability, more_orders: [more, more_of_life] } = by;
        let (expected_orders, life_orders) = ((self.expected_orders + more).max(0.0), (self.life_orders + more_of_life).max(0.0));
        Self { return_probability, expected_orders, life_orders, ..self }
    }
}

impl Corrected {
    fn of(outlook: &Outlook, means: &Means, params: &cycle::Params) -> Self {
        let counted_by = counted_by(params.horizon_days);
        let own = outlook.orders[counted_by];
        // Of a shorter horizon than that by which they are set right, a part.
        let share = if own > 0.0 { (outlook.expected_orders / own).min(1.0) } else { 0.0 };
        let more = (means.orders[counted_by] - own) * share;
        let middle = f64::from(params.horizon_days.min(RETURN_DAYS[counted_by])) / 2.0;
        Self { return_probability: means.returns, more_orders: [more, more * (1.0 + params.discount_rate).powf(-middle / YEAR_DAYS)] }
    }
}

impl Scores {
    /// Those of a customer.
    pub fn of(&self, row: usize) -> Option<Scored> {
        self.customers[row]
    }

    fn outlook(&self, row: usize) -> Option<Outlook> {
        let outlook = self.outlooks[self.customers[row]?.outlook as usize];
        Some(self.corrected.get(row).copied().flatten().map_or(outlook, |by| outlook.corrected(by)))
    }
}

/// Where the scores of a shard's customers stand, and what is set right of them.
type OfShard<'a> = (&'a mut [Option<Scored>], &'a mut [Option<Corrected>]);

/// Scores everyone.
///
/// # Errors
/// `Limit` if scratch cannot be read.
pub fn score(state: &State, artefacts: &Artefacts, params: &cycle::Params) -> Result<Scores> {
    let mut customers = vec![None; state.facts.len()];
    let (value, margin) = (artefacts.value, artefacts.margin);
    let Some(cycle) = &artefacts.cycle else { return Ok(Scores { customers, outlooks: Vec::new(), corrected: Vec::new(), value, margin }) };
    let places = state.cells.places();
    let correction = artefacts.correction.as_ref();
    let outlooks = Outlook::of(cycle, &state.cells, params, correction.is_some());
    let takes_features = correction.is_some_and(Correction::takes_features);
    let one = |customer: usize, (cell, outlook): (Cell, u32), row: &[features::Cell]| {
        let segment = state.standings[customer].ok().filter(|segment| artefacts.churn[*segment as usize].is_some());
        let inputs = if segment.is_some() || takes_features { artefacts.inputs.of_row(row, cell, Some(cycle)) } else { Vec::new() };
        let year_ago = state.year_ago.get(customer).copied().unwrap_or_default();
        // Outlooks lie anywhere: they are looked at where something sets them right.
        let means = correction.map_or_else(Means::default, |_| outlooks[outlook as usize].means());
        (segment, Subject { means, inputs, cell, year_ago })
    };
    let rows = &state.rows;
    let of_shard = |(shard, (scores, corrected)): (usize, OfShard<'_>)| -> Result<()> {
        let (of_shard, first) = (rows.read(shard)?, rows.customers(shard).start);
        let mut corrected = corrected.iter_mut();
        for (some, scores) in scores.chunks_mut(SUBJECTS).enumerate() {
            // By segment: who may leave, and what the model takes in of them.
            let (mut subjects, mut may_leave) = (Vec::new(), [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())]);
            let from = first + some * SUBJECTS;
            let known: Vec<(usize, Cell)> = (0..scores.len()).filter_map(|place| Some((place, Cell::of(&state.facts[from + place])?))).collect();
            let outlooks_of = places.of(&known.iter().map(|(_, cell)| *cell).collect::<Vec<_>>());
            for ((place, cell), outlook) in known.into_iter().zip(outlooks_of) {
                let Some(outlook) = outlook else { continue };
                let (segment, subject) = one(from + place, (cell, outlook), of_shard.of(from + place));
                scores[place] = Some(Scored { outlook, churn_probability: None });
                if let Some((places, inputs)) = segment.map(|segment| &mut may_leave[segment as usize]) {
                    places.push(place);
                    inputs.extend(&subject.inputs);
                }
                subjects.extend(Some(subject).filter(|_| correction.is_some()));
            }
            for ((places, inputs), churn) in may_leave.iter().zip(&artefacts.churn) {
                let chances = churn.as_ref().map_or_else(Vec::new, |churn| churn.probabilities(inputs));
                let scored = places.iter().zip(chances);
                scored.for_each(|(place, chance)| scores[*place].iter_mut().for_each(|score| score.churn_probability = Some(chance)));
            }
            let Some(correction) = correction else { continue };
            let mut right = correction.of(&subjects).into_iter();
            for (score, corrected) in scores.iter().zip(corrected.by_ref()) {
                let outlook = score.as_ref().map(|score| &outlooks[score.outlook as usize]);
                *corrected = outlook.and_then(|outlook| Some(Corrected::of(outlook, &right.next()?, params)));
            }
        }
        Ok(())
    };
    let mut corrected = vec![None; if correction.is_some() { customers.len() } else { 0 }];
    let places = if correction.is_some() { rows.by_shard(&mut corrected) } else { (0..rows.shards()).map(|_| <&mut [_]>::default()).collect() };
    rows.by_shard(&mut customers).into_par_iter().zip(places).enumerate().try_for_each(of_shard)?;
    Ok(Scores { customers, outlooks, corrected, value, margin })
}

/// The contract of the table `scores`.
pub fn scores_contract(params: &cycle::Params, population: &Population) -> Contract {
    let probability = Range::Between(0.0, 1.0);
    let mut columns = vec![Column::new("customer_id", Kind::Text, "the customer")];
    for days in RETURN_DAYS {
        let meaning = format!("probability of an order within {days} days of the day observed to");
        columns.push(Column::new(&format!("return_probability_{days}d"), Kind::Float, &meaning).within(probability));
    }
    let expected = format!("expected order days within {} days", params.horizon_days);
    columns.push(Column::new("expected_orders", Kind::Float, &expected).within(Range::Between(0.0, f64::INFINITY)));
    let value = format!("expected value in minor units, net of returns, of the orders within {} days; unknown without a model of values", params.horizon_days);
    columns.push(Column::new("expected_value_minor", Kind::Money, &value).nullable().within(Range::Between(0.0, f64::INFINITY)));
    let life =
        format!("the same within {} days, discounted to the day observed to by {} % a year", params.life_days, (params.discount_rate * 1000.0).round() / 10.0);
    columns.push(Column::new("life_value_minor", Kind::Money, &life).nullable().within(Range::Between(0.0, f64::INFINITY)));
    for (margin, value) in [("expected_margin_minor", "expected_value_minor"), ("life_margin_minor", "life_value_minor")] {
        let meaning = format!("what of {value} is margin, by the own share where cost is known, drawn to everyone's; unknown where no cost is known of anyone");
        columns.push(Column::new(margin, Kind::Money, &meaning).nullable());
    }
    for quantile in ["p25", "p50", "p75"] {
        let meaning = format!(
            "next order date, {quantile}, given that the customer is still active (read it with p_alive); unknown beyond {} days",
            params.quantile_limit_days
        );
        columns.push(Column::new(&format!("next_order_date_{quantile}"), Kind::Date, &meaning).nullable());
    }
    columns.push(Column::new("next_order_state", Kind::Text, "dated, or beyond_horizon where p50 lies beyond the limit"));
    columns.push(
        Column::new(
            "p_alive",
            Kind::Float,
            "probability of still being active; 1 for one-time buyers by the models bg_nbd and bg_cnbd_k, and for everyone by nbd",
        )
        .within(probability),
    );
    let churn = format!(
        "probability of leaving, by the churn model ({}; of newcomers: no second order day within {} days): the return probabilities are the cycle model's, or what set them right, so the two need not agree; unknown outside of the population, see `withheld`",
        population.words(),
        population.horizon_days
    );
    columns.push(Column::new("churn_probability", Kind::Float, &churn).nullable().within(probability));
    let segment = "by which churn model: established, or newcomer for customers of one order day; unknown where churn_probability is";
    columns.push(Column::new("churn_segment", Kind::Text, segment).nullable());
    Contract::new("scores", "One row a customer with an order, as the models that were graded see it.", &["customer_id"], columns)
}

/// The churn that is told of a customer.
pub type ToldChurn = Option<(f64, Segment)>;

/// The table `scores` of customers: the id, the row, and the churn that is told of each.
///
/// # Errors
/// `Bug` if a score breaks the contract.
pub fn table(contract: Contract, scores: &Scores, facts: &[Facts], customers: &[(Id, usize, ToldChurn)], as_of: Day) -> Result<Table> {
    let outlooks: Vec<Outlook> = customers.iter().filter_map(|(_, row, _)| scores.outlook(*row)).collect();
    let rows = || customers.iter().map(|(_, row, _)| *row).zip(&outlooks);
    let mut columns = vec![ids("customer_id", customers.iter().map(|(id, ..)| Some(*id)))];
    for (index, days) in RETURN_DAYS.iter().enumerate() {
        let values: Vec<f64> = outlooks.iter().map(|outlook| outlook.return_probability[index]).collect();
        columns.push(Series::new(format!("return_probability_{days}d").into(), values));
    }
    columns.push(Series::new("expected_orders".into(), outlooks.iter().map(|outlook| outlook.expected_orders).collect::<Vec<_>>()));
    let of_a_day = |row: usize| Some(scores.value?.of_day(Spent::of(&facts[row])));
    let earned_of_a_day = |row: usize| Some(of_a_day(row)? * scores.margin?.share(Earned::of(&facts[row])));
    let [soon, life]: [fn(&Outlook) -> f64; 2] = [|outlook| outlook.expected_orders, |outlook| outlook.life_orders];
    let mut worth = |name: &str, of_a_day: &dyn Fn(usize) -> Option<f64>, orders: fn(&Outlook) -> f64| {
        let values = rows().map(|(row, outlook)| Some((of_a_day(row)? * orders(outlook)).round() as i64));
        columns.push(Series::new(name.into(), values.collect::<Vec<Option<i64>>>()));
    };
    worth("expected_value_minor", &of_a_day, soon);
    worth("life_value_minor", &of_a_day, life);
    worth("expected_margin_minor", &earned_of_a_day, soon);
    worth("life_margin_minor", &earned_of_a_day, life);
    for (index, quantile) in ["p25", "p50", "p75"].iter().enumerate() {
        let date = |(row, outlook): (usize, &Outlook)| outlook.next_order_days[index].map(|days| facts[row].observed_to.plus(days));
        columns.push(dates(&format!("next_order_date_{quantile}"), rows().map(date).collect())?);
    }
    let state = |outlook: &Outlook| if outlook.next_order_days[1].is_some() { "dated" } else { "beyond_horizon" };
    columns.push(Series::new("next_order_state".into(), outlooks.iter().map(state).collect::<Vec<_>>()));
    columns.push(Series::new("p_alive".into(), outlooks.iter().map(|outlook| outlook.p_alive).collect::<Vec<_>>()));
    columns.push(Series::new("churn_probability".into(), customers.iter().map(|(.., churn)| churn.map(|churn| churn.0)).collect::<Vec<_>>()));
    columns.push(Series::new("churn_segment".into(), customers.iter().map(|(.., churn)| churn.map(|churn| churn.1.name())).collect::<Vec<_>>()));
    Table::new(contract, columns, as_of)
}

/// The contract of the table `withheld`.
pub fn withheld_contract() -> Contract {
    let (left_out, outside) = (LeftOut::ALL.map(LeftOut::name).join(", "), Outside::ALL.map(Outside::name).join(", "));
    let reasons = format!("{left_out}, too_many_lines, late_store, faulty_store, {outside} (of churn_probability, as the config's `churn` has it) or no_model");
    let columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("output", Kind::Text, "features, scores, churn_probability or groups"),
        Column::new("reason", Kind::Text, &reasons),
    ];
    let meaning = "One row a customer and output that has no value for it. Rows with a value and rows here are the rows of customers; a job without models has no scores to withhold.";
    Contract::new("withheld", meaning, &["customer_id", "output"], columns)
}
