//! Customers into groups: RFM codes, and value x risk from a table in the YAML.

mod rfm;
mod value_risk;

pub use rfm::{Cut, Rfm, codes, cuts_contract, cuts_table};
pub use value_risk::{Assigned, Member, Params, assign, check};

use polars::prelude::Column as Series;

use crate::error::Result;
use crate::key::Id;
use crate::table::{Column, Contract, Kind, Range, Table, few_texts, ids};
use crate::time::Day;

/// The contract of the table `groups`.
pub fn contract() -> Contract {
    let code = |name: &str, meaning: &str| Column::new(name, Kind::Int, meaning).nullable().within(Range::Between(1.0, 5.0));
    let columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        code("rfm_recency_code", "5 for the fifth that ordered last; unknown without an order"),
        code("rfm_frequency_code", "5 for the fifth with most orders; unknown without an order"),
        code("rfm_monetary_code", "5 for the fifth with the highest value of all history; unknown without an order"),
        Column::new(
            "stage",
            Kind::Text,
            "never_bought; new: first order in the last groups.new_days; active: last order in the last groups.active_days to the day observed to; silent: in the last groups.lapsed_days; else lapsed",
        ),
        Column::new(
            "value_tier",
            Kind::Text,
            "high: the groups.high_value_share with the highest value in the observation window, of those who have any; else other; unknown without an order",
        ),
        Column::new("risk_tier", Kind::Text, "high or low, by churn probability; unknown where that is withheld"),
        Column::new("registered", Kind::Text, "recent, earlier or unknown"),
        Column::new("value_risk_group", Kind::Text, "group, from the table in the YAML"),
    ];
    Contract::new("groups", "One row a customer: the groups that the customer is in.", &["customer_id"], columns)
}

/// The table `groups`.
///
/// # Errors
/// `Bug` if a contract is broken.
pub fn table(customers: &[Id], groups: &[(Option<Rfm>, Assigned)], params: &Params, as_of: Day) -> Result<Table> {
    let code = |name: &str, pick: fn(&Rfm) -> u8| {
        Series::new(name.into(), groups.iter().map(|(rfm, _)| rfm.as_ref().map(|rfm| i64::from(pick(rfm)))).collect::<Vec<_>>())
    };
    let columns = vec![
        ids("customer_id", customers.iter().copied().map(Some)),
        code("rfm_recency_code", |rfm| rfm.recency),
        code("rfm_frequency_code", |rfm| rfm.frequency),
        code("rfm_monetary_code", |rfm| rfm.monetary),
        texts("stage", groups, |row| row.stage())?,
        texts("value_tier", groups, |row| row.value())?,
        texts("risk_tier", groups, |row| row.risk())?,
        texts("registered", groups, |row| row.registered())?,
        texts("value_risk_group", groups, |row| params.group(row))?,
    ];
    Table::new(contract(), columns, as_of)
}

fn texts<'a>(name: &str, groups: &[(Option<Rfm>, Assigned)], pick: impl Fn(&Assigned) -> &'a str) -> Result<Series> {
    few_texts(name, groups.iter().map(|(_, row)| Some(pick(row))))
}
