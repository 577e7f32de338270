//! The table `quarantine`: which rows were rejected, and why.

use polars::prelude::Column as Series;

use crate::error::Result;
use crate::lake::Counts;
use crate::table::{Column, Contract, Kind, Range, Table, dates};
use crate::time::Day;

/// The contract of the table `quarantine`.
pub fn quarantine_contract() -> Contract {
    let columns = vec![
        Column::new("table", Kind::Text, "the input table"),
        Column::new("rule", Kind::Text, "the rule of the YAML that rejected the row; of products that the audit names: price_moved, unknown_product"),
        Column::new("source", Kind::Text, "system that wrote the row").nullable(),
        Column::new("key", Kind::Text, "what names the row: order, line and product; customer of the source; and the like"),
        Column::new("date", Kind::Date, "day on which it happened").nullable().within(Range::Past),
        Column::new("row_count", Kind::Int, "rows that are equal in all this").within(Range::Between(1.0, f64::INFINITY)),
    ];
    let meaning = "One row a rejected row or a product that the audit names, by its key and never by a personal value. Of more than 100,000 a table and rule, those with the \
                   smallest hashes; the table audit counts all.";
    Contract::new("quarantine", meaning, &[], columns)
}

/// The table `quarantine`.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn quarantine_table(counts: &[(String, Counts)], as_of: Day) -> Result<Table> {
    let rows: Vec<_> = counts.iter().flat_map(|(table, counts)| counts.quarantine.rows().into_iter().map(move |row| (table.as_str(), row))).collect();
    let columns = vec![
        Series::new("table".into(), rows.iter().map(|(table, _)| *table).collect::<Vec<_>>()),
        Series::new("rule".into(), rows.iter().map(|(_, row)| row.0).collect::<Vec<_>>()),
        Series::new("source".into(), rows.iter().map(|(_, row)| row.1.source.as_deref()).collect::<Vec<_>>()),
        Series::new("key".into(), rows.iter().map(|(_, row)| row.1.key.as_str()).collect::<Vec<_>>()),
        dates("date", rows.iter().map(|(_, row)| row.1.day).collect())?,
        Series::new("row_count".into(), rows.iter().map(|(_, row)| row.2 as i64).collect::<Vec<_>>()),
    ];
    Table::new(quarantine_contract(), columns, as_of)
}
