//! The table `model_grades`.

use polars::prelude::Column as Series;

use crate::error::Result;
use crate::metrics::{Compared, CountGrade, Figures, Grade, Interval, TimeGrade};
use crate::table::{Column, Contract, Kind, Table, dates};
use crate::time::Day;

/// One graded figure.
#[derive(Debug, Clone, PartialEq)]
pub struct GradeRow {
    /// Model or rule.
    pub model: String,
    /// The date on which it was graded; of several, the newest.
    pub vintage: Day,
    /// On how many dates.
    pub vintages: i64,
    /// What it foretold: churn, return, orders or next_order.
    pub target: &'static str,
    /// Over how many days.
    pub horizon_days: i64,
    /// `all`, a tenth of predictions, or a type of customers.
    pub slice: String,
    /// The metric.
    pub metric: &'static str,
    /// Its value.
    pub value: f64,
    /// Where it may be by chance: nine tenths of bootstrap draws of customers lie between.
    pub interval: Option<[f64; 2]>,
    /// The simplest rule's value.
    pub baseline: Option<f64>,
}

/// What a grade is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Model or rule.
    pub model: &'a str,
    /// The newest date.
    pub vintage: Day,
    /// How many dates.
    pub vintages: i64,
    /// What was foretold.
    pub target: &'static str,
    /// Over how many days.
    pub horizon_days: i32,
    /// Of whom.
    pub slice: &'a str,
}

impl<'a> About<'a> {
    /// A grade of everyone at one date.
    pub fn all(model: &'a str, vintage: Day, target: &'static str, horizon_days: i32) -> Self {
        Self { model, vintage, vintages: 1, target, horizon_days, slice: "all" }
    }

    fn row(&self, metric: &'static str, value: Option<f64>, baseline: Option<f64>) -> Option<GradeRow> {
        let &Self { model, vintage, vintages, target, horizon_days, slice } = self;
        let row = |value| GradeRow {
            model: model.into(),
            vintage,
            vintages,
            target,
            horizon_days: i64::from(horizon_days),
            slice: slice.into(),
            metric,
            value,
            interval: None,
            baseline,
        };
        // Of those whom a rule says that they never come, dates have no error that could be told.
        value.filter(|value| value.is_finite()).map(row)
    }
}

/// The rows of a grade; `baseline` is the grade of the simplest rule on the same customers. Tenths are those of everyone.
pub fn rows(about: &About<'_>, grade: &Grade, baseline: Option<&Grade>) -> Vec<GradeRow> {
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
    let mut rows: Vec<GradeRow> = metrics.iter().filter_map(|(name, pick)| about.row(name, pick(grade), baseline.and_then(pick))).collect();
    for (index, tenth) in grade.tenths.iter().enumerate().filter(|_| about.slice == "all") {
        let slice = format!("tenth_{:02}", index + 1);
        let about = About { slice: &slice, ..*about };
        for (metric, value) in [("customers", tenth.count as f64), ("predicted", tenth.predicted), ("observed", tenth.observed)] {
            rows.extend(about.row(metric, Some(value), None));
        }
    }
    rows
}

/// The rows of chances to leave: of a grade, with intervals, and what is earned by them; `baseline` are the figures of the simplest rule.
pub fn of_churn(about: &About<'_>, (grade, figures): (&Grade, &Figures), baseline: Option<(&Grade, &Figures)>) -> Vec<GradeRow> {
    let mut rows = rows(about, grade, baseline.map(|(grade, _)| grade));
    for (metric, interval) in [("auc", figures.auc), ("log_loss", figures.log_loss), ("brier", figures.brier)] {
        let row = rows.iter_mut().find(|row| row.metric == metric && row.slice == about.slice);
        row.into_iter().zip(interval).for_each(|(row, interval)| row.interval = Some(interval.bounds()));
    }
    type Pick = fn(&Figures) -> Option<Interval>;
    let metrics: [(&'static str, Pick); 2] =
        [("expected_maximum_profit_minor", |figures| figures.profit_minor), ("contact_share", |figures| figures.contact_share)];
    for (metric, pick) in metrics {
        let Some(interval) = pick(figures) else { continue };
        let row = about.row(metric, Some(interval.value), baseline.and_then(|(_, figures)| pick(figures)).map(|interval| interval.value));
        rows.extend(row.map(|row| GradeRow { interval: Some(interval.bounds()), ..row }));
    }
    rows
}

/// The rows of one model against another.
pub fn of_compared(about: &About<'_>, compared: &Compared) -> Vec<GradeRow> {
    let metrics = [("log_loss_difference", compared.log_loss), ("expected_maximum_profit_difference_minor", compared.profit_minor)];
    let row = |(metric, interval): (&'static str, Option<Interval>)| {
        let interval = interval?;
        Some(GradeRow { interval: Some(interval.bounds()), ..about.row(metric, Some(interval.value), None)? })
    };
    metrics.into_iter().filter_map(row).collect()
}

/// The rows of a grade of counts.
pub fn of_counts(about: &About<'_>, grade: &CountGrade) -> Vec<GradeRow> {
    let metrics = [
        ("customers", Some(grade.count as f64)),
        ("observed", Some(grade.observed)),
        ("mean_error", Some(grade.mean_error)),
        ("root_squared_error", Some(grade.root_squared_error)),
        ("bias", grade.bias),
        ("pit_distance", grade.pit_distance),
    ];
    metrics.into_iter().filter_map(|(metric, value)| about.row(metric, value, None)).collect()
}

/// The rows of a grade of dates.
pub fn of_times(about: &About<'_>, grade: &TimeGrade) -> Vec<GradeRow> {
    let metrics = [
        ("customers", Some(grade.count as f64)),
        ("came", Some(grade.came as f64)),
        ("covered", grade.covered),
        ("median_error_days", grade.median_error),
        ("pinball_days", Some(grade.pinball)),
    ];
    metrics.into_iter().filter_map(|(metric, value)| about.row(metric, value, None)).collect()
}

fn bound(name: &str, beyond: &str) -> Column {
    let meaning = format!("the twentieth part of draws of customers is {beyond} this, by bootstrap; unknown where no interval is made");
    Column::new(name, Kind::Float, &meaning).nullable()
}

/// The contract of the table `model_grades`.
pub fn contract() -> Contract {
    let columns = vec![
        Column::new("model", Kind::Text, "model or rule"),
        Column::new("vintage", Kind::Date, "date on which it was graded"),
        Column::new(
            "target",
            Kind::Text,
            "churn (the customer left, as the definition `churn` has it), no_second_order (none of a customer of one order day in the horizon), return (an order in it) or due (a customer buys an item in it)",
        ),
        Column::new("horizon_days", Kind::Int, "days that it looked ahead"),
        Column::new(
            "slice",
            Kind::Text,
            "all; of churn and no_second_order also unseen (all or some customers, by the fit that learnt from none of their rows, but was calibrated on them at an earlier date), order_days_1, order_days_2, order_days_3_to_5, order_days_6_up; tenth_01 (lowest predictions) to at most tenth_10: equal predictions stay in one tenth",
        ),
        Column::new(
            "metric",
            Kind::Text,
            "customers, base_rate, auc, log_loss, brier, lift_top_tenth, calibration_error (mean over customers of |predicted - observed| of their tenth), calibration_noise (what perfect predictions would show by chance), predicted, observed; of churn and no_second_order expected_maximum_profit_minor (a customer, by `churn.profit`) and contact_share (whom to contact for it)",
        ),
        Column::new("value", Kind::Float, "the metric's value"),
        bound("low", "below"),
        bound("high", "above"),
        Column::new(
            "baseline",
            Kind::Float,
            "the simplest rule's value on the same rows, where there is one (churn and no_second_order: the inactivity rule; due: each pair's own rate)",
        )
        .nullable(),
    ];
    let key = ["model", "vintage", "target", "horizon_days", "slice", "metric"];
    Contract::new("model_grades", "One row a figure by which a model was graded on customers it had not seen the labels of.", &key, columns)
}

/// The table `model_grades`.
///
/// # Errors
/// `Bug` if a figure breaks the contract.
pub fn table(rows: &[GradeRow], as_of: Day) -> Result<Table> {
    of_contract(contract(), rows, as_of)
}

/// The table of a back-test.
///
/// # Errors
/// As `table`.
pub fn backtest_table(rows: &[GradeRow], as_of: Day) -> Result<Table> {
    of_contract(backtest_contract(), rows, as_of)
}

fn of_contract(contract: Contract, rows: &[GradeRow], as_of: Day) -> Result<Table> {
    let text = |name: &str, pick: fn(&GradeRow) -> &str| Series::new(name.into(), rows.iter().map(pick).collect::<Vec<_>>());
    let bound = |name: &str, place: usize| {
        let values = rows.iter().map(|row| row.interval.map(|interval| interval[place]));
        Series::new(name.into(), values.collect::<Vec<Option<f64>>>())
    };
    let all = [
        text("model", |row| &row.model),
        dates("vintage", rows.iter().map(|row| Some(row.vintage)).collect())?,
        Series::new("vintages".into(), rows.iter().map(|row| row.vintages).collect::<Vec<_>>()),
        text("target", |row| row.target),
        Series::new("horizon_days".into(), rows.iter().map(|row| row.horizon_days).collect::<Vec<_>>()),
        text("slice", |row| &row.slice),
        text("metric", |row| row.metric),
        Series::new("value".into(), rows.iter().map(|row| row.value).collect::<Vec<_>>()),
        bound("low", 0),
        bound("high", 1),
        Series::new("baseline".into(), rows.iter().map(|row| row.baseline).collect::<Vec<_>>()),
    ];
    let columns = all.into_iter().filter(|column| contract.column(column.name()).is_some()).collect();
    Table::new(contract, columns, as_of)
}

/// The contract of the table that `regulars backtest` makes.
pub fn backtest_contract() -> Contract {
    let columns = vec![
        Column::new(
            "model",
            Kind::Text,
            "candidate (`_recalibrated`: by what came of its forecasts at the newest date whose labels were over), boosted (trees on features that start from the candidate that had foretold best by then) or rule: zero, own_rate (repeat days over days since the first), own_rate_unless_silent (the same, 0 once silent for two own gaps), last_year (the same weeks of the year before)",
        ),
        Column::new("vintage", Kind::Date, "date of the forecasts; where several are taken together, the newest"),
        Column::new("vintages", Kind::Int, "how many dates are taken together"),
        Column::new(
            "target",
            Kind::Text,
            "return (an order day in the horizon), orders (how many order days), next_order (days until the next one), due (a customer buys an item in the horizon, by due_chain and its peers, where the config asks for due lists), churn (a customer of the churn population left, as `churn` defines it, by its models and rules), no_second_order (none of a customer of one order day, where `churn.newcomers` asks for it)",
        ),
        Column::new("horizon_days", Kind::Int, "days that were looked ahead"),
        Column::new(
            "slice",
            Kind::Text,
            "all; one_time or repeat, by order days at the date; new, active, silent or lapsed, as groups have it; of churn and no_second_order against_ and the name of another model, whose figures are taken off; tenth_01 (lowest predictions) to at most tenth_10",
        ),
        Column::new(
            "metric",
            Kind::Text,
            "of return, due, churn and no_second_order: those of model_grades, of the last two log_loss_difference and expected_maximum_profit_difference_minor, too (of due, `customers` are pairs of customer and item); of orders: customers, observed (mean), mean_error (absolute), root_squared_error, bias (all foretold over all that came, less 1), pit_distance (largest distance of the mean probability integral transform from level); of next_order: customers, came (how many ordered in the horizon), covered (of these, the share between p25 and p75 given a return), median_error_days (of these, of p50), pinball_days (mean quantile loss of p25, p50, p75 over everyone, cut at the horizon)",
        ),
        Column::new("value", Kind::Float, "the metric's value"),
        bound("low", "below"),
        bound("high", "above"),
    ];
    let key = ["model", "vintage", "vintages", "target", "horizon_days", "slice", "metric"];
    Contract::new(
        "backtest",
        "One row a figure by which `regulars backtest` graded forecasts at past dates; it is written where `--out` says, and published by no run.",
        &key,
        columns,
    )
}
