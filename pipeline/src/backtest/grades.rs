//! The table `model_grades`.

use polars::prelude::Column as Series;

use crate::error::Result;
use crate::metrics::Grade;
use crate::table::{Column, Contract, Kind, Table, dates};
use crate::time::Day;

/// One graded figure.
#[derive(Debug, Clone, PartialEq)]
pub struct GradeRow {
    /// Model or rule.
    pub model: String,
    /// The date on which it was graded.
    pub vintage: Day,
    /// What it foretold: churn or return.
    pub target: &'static str,
    /// Over how many days.
    pub horizon_days: i64,
    /// `all`, or a tenth of predictions.
    pub slice: String,
    /// The metric.
    pub metric: &'static str,
    /// Its value.
    pub value: f64,
    /// The simplest rule's value.
    pub baseline: Option<f64>,
}

/// The rows of a grade; `baseline` is the grade of the simplest rule on the same customers.
pub fn rows(model: &str, vintage: Day, target: &'static str, horizon_days: i32, grade: &Grade, baseline: Option<&Grade>) -> Vec<GradeRow> {
    let row = |slice: String, metric, value: Option<f64>, baseline: Option<f64>| {
        value.map(|value| GradeRow { model: model.into(), vintage, target, horizon_days: i64::from(horizon_days), slice, metric, value, baseline })
    };
    type Pick = fn(&Grade) -> Option<f64>;
    let metrics: [(&'static str, Pick); 8] = [
        ("customers", |grade| Some(grade.count as f64)),
        ("base_rate", |grade| grade.base_rate),
        ("auc", |grade| grade.auc),
        ("log_loss", |grade| grade.log_loss),
        ("brier", |grade| grade.brier),
        ("lift_top_tenth", |grade| grade.lift_top_tenth),
        ("calibration_error", |grade| Some(grade.calibration_error)),
        ("calibration_noise", |grade| Some(grade.calibration_noise)),
    ];
    let mut rows: Vec<GradeRow> = metrics.iter().filter_map(|(name, pick)| row("all".to_owned(), name, pick(grade), baseline.and_then(pick))).collect();
    for (index, tenth) in grade.tenths.iter().enumerate() {
        let slice = format!("tenth_{:02}", index + 1);
        for (metric, value) in [("customers", tenth.count as f64), ("predicted", tenth.predicted), ("observed", tenth.observed)] {
            rows.extend(row(slice.clone(), metric, Some(value), None));
        }
    }
    rows
}

/// The contract of the table `model_grades`.
pub fn contract() -> Contract {
    let columns = vec![
        Column::new("model", Kind::Text, "model or rule"),
        Column::new("vintage", Kind::Date, "date on which it was graded"),
        Column::new("target", Kind::Text, "churn (no order in the horizon) or return (an order in it)"),
        Column::new("horizon_days", Kind::Int, "days that it looked ahead"),
        Column::new("slice", Kind::Text, "all, or tenth_01 (lowest predictions) to at most tenth_10: equal predictions stay in one tenth"),
        Column::new(
            "metric",
            Kind::Text,
            "customers, base_rate, auc, log_loss, brier, lift_top_tenth, calibration_error (mean over customers of |predicted - observed| of their tenth), calibration_noise (what perfect predictions would show by chance), predicted, observed",
        ),
        Column::new("value", Kind::Float, "the metric's value"),
        Column::new("baseline", Kind::Float, "the inactivity rule's value on the same customers, where there is one (churn)").nullable(),
    ];
    let key = ["model", "vintage", "target", "horizon_days", "slice", "metric"];
    Contract::new("model_grades", "One row a figure by which a model was graded on customers it had not seen the labels of.", &key, columns)
}

/// The table `model_grades`.
///
/// # Errors
/// `Bug` if a figure is not finite.
pub fn table(rows: &[GradeRow], as_of: Day) -> Result<Table> {
    let text = |name: &str, pick: fn(&GradeRow) -> &str| Series::new(name.into(), rows.iter().map(pick).collect::<Vec<_>>());
    let columns = vec![
        text("model", |row| &row.model),
        dates("vintage", rows.iter().map(|row| Some(row.vintage)).collect())?,
        text("target", |row| row.target),
        Series::new("horizon_days".into(), rows.iter().map(|row| row.horizon_days).collect::<Vec<_>>()),
        text("slice", |row| &row.slice),
        text("metric", |row| row.metric),
        Series::new("value".into(), rows.iter().map(|row| row.value).collect::<Vec<_>>()),
        Series::new("baseline".into(), rows.iter().map(|row| row.baseline).collect::<Vec<_>>()),
    ];
    Table::new(contract(), columns, as_of)
}
