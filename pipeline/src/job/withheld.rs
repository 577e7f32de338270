//! Who is withheld, from what, and why.

use std::collections::BTreeMap;
use std::ops::Range;

use polars::prelude::Column as Series;

use super::params::Params;
use crate::audit::Complete;
use crate::customers::{self, People};
use crate::error::Result;
use crate::features::Facts;
use crate::labels::{Outside, Standing};
use crate::shards::{self, Output, Scores};
use crate::table::{Table, ids};
use crate::time::Day;

/// Why something is withheld, beside where a customer stands.
const REASONS: [&str; 5] = ["account_type", "too_many_lines", "late_store", "faulty_store", "no_model"];

/// All reasons.
fn reasons() -> impl Iterator<Item = &'static str> {
    REASONS.into_iter().chain(Outside::ALL.map(Outside::name))
}

/// By customer: why each output is withheld, if so, as the place of the reason among all, counted from 1.
pub struct Withheld {
    reasons: Vec<[u8; 4]>,
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
                customer if customer.left_out => Some("account_type"),
                customer if customer.too_many_lines => Some("too_many_lines"),
                customer if of_store(customer, &complete.late_stores) => Some("late_store"),
                customer if of_store(customer, &complete.faulty_stores) => Some("faulty_store"),
                _ => None,
            };
            let never = facts[index].last_day.is_none().then_some("never_ordered");
            let scored = everything.or(never).or(scores.of(index).is_none().then_some("no_model"));
            let no_churn = scores.of(index).is_none_or(|scores| scores.churn_probability.is_none());
            let churn = everything.or(standings[index].err().map(Outside::name)).or(no_churn.then_some("no_model"));
            let place = |reason: &str| reasons().position(|known| known == reason).expect("a reason of the list") as u8 + 1;
            [everything, scored, churn, everything].map(|reason| reason.map_or(0, place))
        };
        Self { reasons: people.customers.iter().enumerate().map(one).collect() }
    }

    /// Why `output` is withheld from the customer at `row`, if so.
    pub fn of(&self, output: Output, row: usize) -> Option<&'static str> {
        let place = usize::from(self.reasons[row][output as usize]);
        reasons().nth(place.checked_sub(1)?)
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
            for output in Output::ALL {
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
            for output in Output::ALL {
                if let Some(reason) = self.of(output, row) {
                    *counts.entry((output, reason)).or_default() += 1;
                }
            }
        }
        counts.into_iter().map(|((output, reason), count)| (output.name().to_owned(), reason.to_owned(), count)).collect()
    }
}
