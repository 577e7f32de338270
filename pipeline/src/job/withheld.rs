//! Who is withheld, from what, and why.

use std::collections::BTreeMap;
use std::ops::Range;

use polars::prelude::Column as Series;

use super::params::Params;
use crate::audit::Complete;
use crate::customers::{self, LeftOut, People};
use crate::error::Result;
use crate::features::Facts;
use crate::labels::{Outside, Standing};
use crate::shards::{self, Output, Scores};
use crate::table::{Table, ids};
use crate::time::Day;

/// Why something is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    LeftOut(LeftOut),
    TooManyLines,
    LateStore,
    FaultyStore,
    NoModel,
    Outside(Outside),
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::LeftOut(left_out) => left_out.name(),
            Self::TooManyLines => "too_many_lines",
            Self::LateStore => "late_store",
            Self::FaultyStore => "faulty_store",
            Self::NoModel => "no_model",
            Self::Outside(outside) => outside.name(),
        }
    }
}

/// By customer: why each output is withheld, if so.
pub struct Withheld {
    reasons: Vec<[Option<Why>; Output::ALL.len()]>,
    /// The outputs that the job has.
    outputs: Vec<Output>,
}

impl Withheld {
    /// Decides for everyone.
    pub fn decide(params: &Params, people: &People, complete: &Complete, (facts, standings): (&[Facts], &[Standing]), scores: &Scores) -> Self {
        let of_store = |customer: &customers::Customer, stores: &BTreeMap<String, Day>| {
            let store = people.home_store(customer);
            params.audit.withholds_late_stores() && store.is_some_and(|store| stores.contains_key(store))
        };
        let one = |(index, customer): (usize, &customers::Customer)| {
            let everything = match customer {
                customers::Customer { left_out: Some(left_out), .. } => Some(Why::LeftOut(*left_out)),
                customer if customer.too_many_lines => Some(Why::TooManyLines),
                customer if of_store(customer, &complete.late_stores) => Some(Why::LateStore),
                customer if of_store(customer, &complete.faulty_stores) => Some(Why::FaultyStore),
                _ => None,
            };
            let never = facts[index].last_day.get().is_none().then_some(Why::Outside(Outside::NeverOrdered));
            let scored = everything.or(never).or(scores.of(index).is_none().then_some(Why::NoModel));
            let no_churn = scores.of(index).is_none_or(|scores| scores.churn_probability.is_none());
            let churn = everything.or(standings[index].err().map(Why::Outside)).or(no_churn.then_some(Why::NoModel));
            [everything, scored, churn, everything]
        };
        let outputs = Output::ALL.into_iter().filter(|output| params.models || !output.is_scored()).collect();
        Self { reasons: people.customers.iter().enumerate().map(one).collect(), outputs }
    }

    /// Why `output` is withheld from the customer at `row`, if so.
    pub fn of(&self, output: Output, row: usize) -> Option<&'static str> {
        self.reasons[row][output as usize].map(Why::name)
    }

    /// The rows that have a value for `output`.
    pub fn rows(&self, output: Output) -> Vec<usize> {
        (0..self.reasons.len()).filter(|&row| self.of(output, row).is_none()).collect()
    }

    /// The rows of the table `withheld` about the customers in `range`.
    ///
    /// # Errors
    /// `Bug` if the contract is broken.
    pub fn table(&self, people: &People, range: Range<usize>, as_of: Day) -> Result<Table> {
        let mut rows = Vec::new();
        for index in range {
            for &output in &self.outputs {
                rows.extend(self.of(output, index).map(|reason| (people.customers[index].id, output.name(), reason)));
            }
        }
        let columns = vec![
            ids("customer_id", rows.iter().map(|row| Some(row.0))),
            Series::new("output".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()),
            Series::new("reason".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
        ];
        Table::new(shards::withheld_contract(), columns, as_of)
    }

    /// Output, reason and customers.
    pub fn counts(&self) -> Vec<(String, String, usize)> {
        let mut counts: BTreeMap<(Output, &str), usize> = BTreeMap::new();
        for row in 0..self.reasons.len() {
            for &output in &self.outputs {
                if let Some(reason) = self.of(output, row) {
                    *counts.entry((output, reason)).or_default() += 1;
                }
            }
        }
        counts.into_iter().map(|((output, reason), count)| (output.name().to_owned(), reason.to_owned(), count)).collect()
    }
}
