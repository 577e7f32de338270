//! The table `churn_reasons`: of each customer who may leave, what speaks for it and against it.

use polars::prelude::Column as Series;

use super::score::Artefacts;
use crate::error::Result;
use crate::features::{self, Facts};
use crate::key::Id;
use crate::labels::Segment;
use crate::models::churn::{self, Explaining, Inputs, Reason, Telling};
use crate::models::cycle::{Cell, Model};
use crate::table::{Column, Contract, Kind, Table, ids};
use crate::time::Day;

/// What explains churn probabilities.
pub struct Explainer {
    churn: [Option<Explaining>; 2],
    cycle: Option<Model>,
    inputs: Inputs,
}

/// A customer whose probability is explained.
pub struct ExplainedCustomer<'a> {
    /// The id.
    pub id: Id,
    /// By which model it is scored.
    pub segment: Segment,
    /// What is known.
    pub facts: &'a Facts,
    /// The features.
    pub row: &'a [features::Cell],
}

/// So many customers are explained at once.
const SOME: usize = 1024;

impl Explainer {
    /// What explains the scores of these; None where no churn is scored.
    pub fn of(artefacts: &Artefacts) -> Option<Self> {
        let churn = || artefacts.churn.clone().map(|model| model.map(Explaining::of));
        let is_scored = artefacts.churn.iter().any(Option::is_some);
        is_scored.then(|| Self { churn: churn(), cycle: artefacts.cycle.clone(), inputs: artefacts.inputs.clone() })
    }

    /// The reasons of customers, in their order.
    fn reasons(&self, customers: &[ExplainedCustomer<'_>], params: &churn::Params) -> Vec<(Id, Reason)> {
        let telling = Telling::new(&self.inputs, &params.sensitive, params.population.horizon_days);
        let mut reasons = Vec::new();
        for some in customers.chunks(SOME) {
            let mut told: Vec<Vec<Reason>> = some.iter().map(|_| Vec::new()).collect();
            // Those of one model together, whoever stands between them: each of its trees is looked at once for all of them.
            for segment in Segment::ALL {
                let Some(explaining) = &self.churn[segment as usize] else { continue };
                let of_segment = some.iter().enumerate().filter(|(_, customer)| customer.segment == segment);
                let values = |customer: &ExplainedCustomer<'_>| Some(self.inputs.of_row(customer.row, Cell::of(customer.facts)?, self.cycle.as_ref()));
                let (places, values): (Vec<usize>, Vec<Vec<f64>>) = of_segment.filter_map(|(place, customer)| Some((place, values(customer)?))).unzip();
                let parts = explaining.parts(&values.concat());
                for ((place, values), parts) in places.into_iter().zip(&values).zip(&parts) {
                    told[place] = telling.reasons(parts, values, some[place].facts);
                }
            }
            reasons.extend(some.iter().zip(told).flat_map(|(customer, told)| told.into_iter().map(|reason| (customer.id, reason))));
        }
        reasons
    }
}

/// The contract of the table `churn_reasons`.
pub fn reasons_contract(explain_from: f64) -> Contract {
    let columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new(
            "family",
            Kind::Text,
            "a family of features, cycle (what the purchase-cycle model says), other (what is made of columns that the config calls sensitive), base (what all have in common) or calibration",
        ),
        Column::new("log_odds", Kind::Float, "what it adds to the log-odds of churn_probability, by Shapley values: those of a customer add up to it"),
        Column::new("rank", Kind::Int, "1 for what speaks most for leaving; unknown for other, base and calibration").nullable(),
        Column::new("reason", Kind::Text, "the customer's own numbers, in words").nullable(),
    ];
    let meaning = format!("One row a customer whose churn_probability is {explain_from} or more (`churn.explain_from`) and part of it.");
    Contract::new("churn_reasons", &meaning, &["customer_id", "family"], columns)
}

/// The table `churn_reasons` of customers.
///
/// # Errors
/// `Bug` if a reason breaks the contract.
pub fn reasons_table(explainer: Option<&Explainer>, customers: &[ExplainedCustomer<'_>], params: &churn::Params, as_of: Day) -> Result<Table> {
    let reasons = explainer.map_or_else(Vec::new, |explainer| explainer.reasons(customers, params));
    let columns = vec![
        ids("customer_id", reasons.iter().map(|(id, _)| Some(*id))),
        Series::new("family".into(), reasons.iter().map(|(_, reason)| reason.family).collect::<Vec<_>>()),
        Series::new("log_odds".into(), reasons.iter().map(|(_, reason)| reason.log_odds).collect::<Vec<_>>()),
        Series::new("rank".into(), reasons.iter().map(|(_, reason)| reason.rank).collect::<Vec<_>>()),
        Series::new("reason".into(), reasons.iter().map(|(_, reason)| reason.words.as_deref()).collect::<Vec<_>>()),
    ];
    Table::new(reasons_contract(params.explain_from), columns, as_of)
}
