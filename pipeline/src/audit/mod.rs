//! What a check, a finding and a verdict are; the checks of the input.

mod arrivals;
mod checks;
mod days;
mod history;
mod measures;
mod moves;
mod pace;
mod prices;
mod quarantine;
mod survey;

pub use checks::{Params, Seen, Status, check, complete_through, input_checks};
pub use days::{COUNTED, DayCounts, Prices, age};
pub use history::{CustomerDay, DaysChecked};
pub use moves::{lost, moved};
pub use prices::Sold;
pub use quarantine::{quarantine_contract, quarantine_table};
pub use survey::{Complete, Feed, FeedsByName, LinesByDay, Survey, Surveyed};

use serde::Serialize;

use crate::error::Result;
use crate::table::{Class, Column, Contract, Kind, Range, Table};
use crate::time::Day;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Somebody should look.
    Warn,
    /// Customers are withheld because of it.
    Withhold,
    /// The run is held because of it.
    Hold,
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: String,
    /// What it looked at: a table, a source, a store.
    pub subject: String,
    /// What was measured.
    pub value: f64,
    /// What was allowed, where there is a threshold.
    pub limit: Option<f64>,
    /// How much it matters.
    pub severity: Severity,
    /// The consequence, in words.
    pub consequence: String,
}

impl Finding {
    /// Something that is good to know.
    pub fn note(check: &str, subject: &str, value: f64, consequence: String) -> Self {
        Self { check: check.into(), subject: subject.into(), value, limit: None, severity: Severity::Note, consequence }
    }

    /// Something that may be so far, and holds the run beyond.
    pub fn limited(check: &str, subject: &str, (value, limit): (f64, f64), consequence: String) -> Self {
        let severity = if value > limit { Severity::Hold } else { Severity::Note };
        Self { check: check.into(), subject: subject.into(), value, limit: Some(limit), severity, consequence }
    }
}

/// Whether a run may go live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may.
    Published,
    /// It may not.
    Held,
}

/// The verdict on a run's findings.
pub fn verdict(findings: &[Finding]) -> Verdict {
    let held = findings.iter().any(|finding| finding.severity == Severity::Hold);
    if held { Verdict::Held } else { Verdict::Published }
}

/// The contract of the table `audit`; chained where the prior run is read.
pub fn contract(reads_prior: bool) -> Contract {
    let severity = "note, warn (somebody should look), withhold (customers are withheld) or hold (the run is held)";
    Contract {
        name: "audit".into(),
        meaning: "One row a check and what it looked at: what the run was made of, and what was wrong with it.".into(),
        key: vec!["check".into(), "subject".into()],
        class: if reads_prior { Class::Chained } else { Class::Pure },
        columns: vec![
            Column::new("check", Kind::Text, "the check"),
            Column::new("subject", Kind::Text, "what it looked at: a table, a column, a source, a store, a rule"),
            Column::new("value", Kind::Float, "what was measured"),
            Column::new("limit", Kind::Float, "what was allowed").nullable(),
            Column::new("severity", Kind::Text, severity).within(Range::Any),
            Column::new("consequence", Kind::Text, "what follows, in words"),
        ],
    }
}

/// The table `audit`.
///
/// # Errors
/// `Bug` if a check looked at the same subject twice.
pub fn table(findings: &[Finding], reads_prior: bool, as_of: Day) -> Result<Table> {
    use polars::prelude::Column as Series;
    let text = |name: &str, pick: fn(&Finding) -> &str| Series::new(name.into(), findings.iter().map(pick).collect::<Vec<_>>());
    let severity = |finding: &Finding| match finding.severity {
        Severity::Note => "note",
        Severity::Warn => "warn",
        Severity::Withhold => "withhold",
        Severity::Hold => "hold",
    };
    let columns = vec![
        text("check", |finding| &finding.check),
        text("subject", |finding| &finding.subject),
        Series::new("value".into(), findings.iter().map(|finding| finding.value).collect::<Vec<_>>()),
        Series::new("limit".into(), findings.iter().map(|finding| finding.limit).collect::<Vec<_>>()),
        Series::new("severity".into(), findings.iter().map(severity).collect::<Vec<_>>()),
        text("consequence", |finding| &finding.consequence),
    ];
    Table::new(contract(reads_prior), columns, as_of)
}
