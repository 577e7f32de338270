//! All contracts in one place: TABLES.md, and the table `definitions`.

use polars::prelude::Column as Series;

use super::params::Params;
use crate::config::{RawChoose, RawCycleModel, RawDueLevel};
use crate::error::Result;
use crate::key::{hex, sha256};
use crate::labels::{Leaving, Population};
use crate::models::cycle;
use crate::table::{Column, Contract, Kind, Table};
use crate::{audit, backtest, campaigns, customers, features, groups, lake, shards};

/// The contracts of all published tables, with every feature chosen, over windows of 30, 90 and 365 days, and the defaults' horizons.
pub fn outputs() -> Vec<Contract> {
    let cycle = cycle::Params {
        models: vec![RawCycleModel::BgNbd],
        choose: RawChoose::Model,
        candidates: Vec::new(),
        challengers: Vec::new(),
        cohorts: cycle::cohorts::Params::none(),
        prior: None,
        horizon_days: 90,
        quantile_limit_days: 730,
        life_days: 1095,
        discount_rate: 0.1,
    };
    let population = Population { horizon_days: 90, active_days: 90, order_days_min: 2, gap_days_max: None, leaving: Leaving::NoOrder, newcomers: true };
    let [list, exclusions] = campaigns::contracts("<campaign>");
    vec![
        customers::contract(),
        customers::links_contract(),
        customers::held_contract(),
        customers::changes_contract(),
        features::contract(features::everything().features()),
        features::cuts_contract(),
        shards::scores_contract(&cycle, &population),
        shards::reasons_contract(0.5),
        shards::withheld_contract(),
        groups::contract(),
        groups::cuts_contract(),
        shards::due_contract(RawDueLevel::Product, 730),
        list,
        exclusions,
        backtest::contract(),
        backtest::backtest_contract(),
        backtest::snapshots_contract(&[]),
        audit::contract(false),
        audit::quarantine_contract(),
        definitions_contract(),
    ]
}

/// TABLES.md.
pub fn document() -> String {
    let mut text = String::from("# Tables\n\nGenerated from the contracts in the code (`regulars tables`); a test compares it.\n");
    text.push_str("\nKinds: text is UTF-8; int, money and timestamp are INT64 (money in minor units of the job's currency, timestamps in UTC microseconds); float is DOUBLE; date is DATE.\n");
    text.push_str("\n## Input\n\nA column that may be unknown may also be missing from the files.\n");
    lake::inputs().iter().for_each(|input| text.push_str(&input.contract.markdown()));
    text.push_str("\n## Published\n\nPer-customer tables are in the order of the first 64 bits of SHA-256 of customer_id, then of customer_id; target lists are in the order of rank, customer_links in that of customers, then of its key, held_links in that of its key; the others in the order in which their rows are made, which is fixed. All are pure, a function of lake, config and as_of, but for what reads the prior run: customer_changes, every table of customers where `customers.keep_ids` is on, and audit where a run reads the prior one for any of these, or for `audit.hold_if`.\n");
    outputs().iter().for_each(|contract| text.push_str(&contract.markdown()));
    text
}

fn definitions_contract() -> Contract {
    let columns = vec![
        Column::new("name", Kind::Text, "section of the config, with the table or campaign"),
        Column::new("sha256", Kind::Text, "digest of the text"),
        Column::new("text", Kind::Text, "the checked parameters, as JSON"),
    ];
    Contract::new("definitions", "One row a definition in force.", &["name"], columns)
}

/// The table `definitions`.
///
/// # Errors
/// `Bug` if a definition cannot be written.
pub fn definitions_table(params: &Params) -> Result<Table> {
    let named = params.definitions()?;
    let columns = vec![
        Series::new("name".into(), named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()),
        Series::new("sha256".into(), named.iter().map(|(_, text)| hex(&sha256(text.as_bytes()))).collect::<Vec<_>>()),
        Series::new("text".into(), named.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>()),
    ];
    Table::new(definitions_contract(), columns, params.as_of)
}
