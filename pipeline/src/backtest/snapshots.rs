//! The table `training_snapshots`: what models were trained and graded on, so that a notebook can fit models of its own.

use polars::prelude::Column as Series;

use crate::customers::People;
use crate::error::Result;
use crate::features::{self, Feature, World};
use crate::labels::Segment;
use crate::models::Sampled;
use crate::shards::{Snapshot, State};
use crate::table::{Column, Contract, Kind, Range, Table, dates, ids};
use crate::time::{Dates, Day};

/// The contract of the table `training_snapshots` of these features.
pub fn snapshots_contract(features: &[Feature]) -> Contract {
    let mut columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("snapshot_date", Kind::Date, "the last day that the features see").within(Range::Past),
        Column::new("split", Kind::Text, "train, or test for the newest date"),
        Column::new("segment", Kind::Text, "established, or newcomer for customers of one order day"),
        Column::new("weight", Kind::Float, "how many customers of the population of that date the row stands for: 1 where all of them have a row")
            .within(Range::Between(1.0, f64::INFINITY)),
        Column::new("churned", Kind::Bool, "whether the customer left, as the definition `churn` has it"),
        Column::new("horizon_order_days", Kind::Int, "order days in it").within(Range::Between(0.0, f64::INFINITY)),
    ];
    columns.extend(features.iter().map(Feature::column));
    let meaning = "One row a customer of the churn population and snapshot date, of a keyed sample, where the config publishes it: the features that the churn model takes (in their meanings, as_of is the snapshot date), and what came after.";
    Contract::new("training_snapshots", meaning, &["customer_id", "snapshot_date"], columns)
}

/// The table `training_snapshots`; `features` are those that models take.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn snapshots_table(state: &State, features: &[Feature], (people, world): (&People, &World), days: &Dates) -> Result<Table> {
    let mut rows: Vec<(&Snapshot, Segment, &Sampled)> = Vec::new();
    for (snapshot, segment) in state.snapshots.iter().flat_map(|snapshot| Segment::ALL.map(|segment| (snapshot, segment))) {
        rows.extend(snapshot.populations[segment as usize].iter().map(|row| (snapshot, segment, row)));
    }
    let split = |date: Day| if date == days.test { "test" } else { "train" };
    let mut columns = vec![
        ids("customer_id", rows.iter().map(|(.., row)| Some(people.customers[row.customer as usize].id))),
        dates("snapshot_date", rows.iter().map(|(snapshot, ..)| Some(snapshot.date)).collect())?,
        Series::new("split".into(), rows.iter().map(|(snapshot, ..)| split(snapshot.date)).collect::<Vec<_>>()),
        Series::new("segment".into(), rows.iter().map(|(_, segment, _)| segment.name()).collect::<Vec<_>>()),
        Series::new("weight".into(), rows.iter().map(|(snapshot, segment, _)| snapshot.weights[*segment as usize]).collect::<Vec<_>>()),
        Series::new("churned".into(), rows.iter().map(|(.., row)| row.labels.churned()).collect::<Vec<_>>()),
        Series::new("horizon_order_days".into(), rows.iter().map(|(.., row)| i64::from(row.labels.horizon_order_days)).collect::<Vec<_>>()),
    ];
    columns.extend(features::columns(features, |place| rows.iter().map(move |(.., row)| row.values[place]), world)?);
    Table::new(snapshots_contract(features), columns, days.as_of)
}
