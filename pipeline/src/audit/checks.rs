//! The checks of the input: do the rows add up, who is missing, what is late.

use std::collections::BTreeMap;

use serde::Serialize;

use super::survey::{Complete, Survey};
use super::{Finding, Severity};
use crate::config::{Faults, RawAudit, RawLate};
use crate::lake::Counts;
use crate::time::Day;

/// The checked `audit` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    rejected_share_max: f64,
    duplicate_share_max: f64,
    anonymous_line_share_max: f64,
    anonymous_value_share_max: f64,
    complete_lag_days_max: u32,
    late_store: RawLate,
    late_store_orders: f64,
}

/// Checks the section.
pub fn check(raw: RawAudit, faults: &mut Faults<'_>) -> Params {
    let mut share = |key: &str, value| faults.ranged(&format!("audit.{key}"), value, 0.0..=1.0);
    Params {
        rejected_share_max: share("rejected_share_max", raw.rejected_share_max),
        duplicate_share_max: share("duplicate_share_max", raw.duplicate_share_max),
        anonymous_line_share_max: share("anonymous_line_share_max", raw.anonymous_line_share_max),
        anonymous_value_share_max: share("anonymous_value_share_max", raw.anonymous_value_share_max),
        complete_lag_days_max: faults.ranged("audit.complete_lag_days_max", raw.complete_lag_days_max, 0..=3650),
        late_store: faults.required("audit.late_store", raw.late_store, "withhold, hold or publish").unwrap_or(RawLate::Hold),
        late_store_orders: faults.ranged("audit.late_store_orders", raw.late_store_orders, 1.0..=1e6),
    }
}

/// The days to which source and stores are complete: as `status` says, else as the lines tell.
pub fn complete_through(survey: &Survey, status: &BTreeMap<Option<String>, Day>, params: &Params, as_of: Day) -> Complete {
    let derived = survey.newest_day().unwrap_or(as_of);
    let source = status.get(&None).copied().unwrap_or(derived).min(as_of);
    let mut late_stores = BTreeMap::new();
    for (store, &newest) in &survey.stores {
        match status.get(&Some(store.clone())) {
            Some(&stated) if stated < source => late_stores.insert(store.clone(), stated),
            None if survey.missing_orders(store, source) >= params.late_store_orders => late_stores.insert(store.clone(), newest),
            _ => None,
        };
    }
    Complete { source, late_stores }
}

/// What the input checks found. `counts` are those of every table; `duplicates` are order lines equal to another in every column.
pub fn input_checks(counts: &[(String, Counts)], survey: &Survey, complete: &Complete, duplicates: u64, params: &Params, as_of: Day) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, counts) in counts {
        count_rows(table, counts, params, &mut findings);
    }
    let lines = survey.lines as f64;
    let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    let mut limited = |check: &str, value: f64, limit: f64, words: String| {
        let severity = if value > limit { Severity::Hold } else { Severity::Note };
        findings.push(Finding { check: check.into(), subject: "order_lines".into(), value, limit: Some(limit), severity, consequence: words });
    };
    let anonymous = share(survey.anonymous_lines as f64, lines);
    let words = format!("{} lines belong to no customer and count for none", survey.anonymous_lines);
    limited("anonymous_line_share", anonymous, params.anonymous_line_share_max, words);
    let anonymous = share(survey.anonymous_value_minor as f64, survey.value_minor as f64);
    let words = format!("{} minor units of value belong to no customer", survey.anonymous_value_minor);
    limited("anonymous_value_share", anonymous, params.anonymous_value_share_max, words);
    let words = format!("{duplicates} lines of customers repeat another in every column; they are kept");
    let named = lines - survey.anonymous_lines as f64;
    limited("duplicate_share", share(duplicates as f64, named), params.duplicate_share_max, words);
    let lag = as_of.since(complete.source) as f64;
    let words = format!("lines are complete to {}; silence is counted to then", complete.source);
    limited("complete_lag_days", lag, f64::from(params.complete_lag_days_max), words);
    late_stores(complete, params, &mut findings);
    findings
}

fn count_rows(table: &str, counts: &Counts, params: &Params, findings: &mut Vec<Finding>) {
    let mut note = |check: &str, subject: String, value: u64, consequence: &str| {
        let finding = Finding { check: check.into(), subject, value: value as f64, limit: None, severity: Severity::Note, consequence: consequence.into() };
        findings.push(finding);
    };
    note("rows_read", table.into(), counts.read(), "rows up to as_of");
    note("rows_used", table.into(), counts.used, "rows that the run is made of");
    for (rule, &rejected) in &counts.rejected {
        note("rows_rejected", format!("{table}: {rule}"), rejected, "rows that a rule of the YAML left out");
    }
    if counts.rounded > 0 {
        note("amounts_rounded", table.into(), counts.rounded, "amounts had more digits than the currency");
    }
    let rejected: u64 = counts.rejected.values().sum();
    let missing = counts.read().abs_diff(counts.used + rejected);
    let severity = if missing > 0 { Severity::Hold } else { Severity::Note };
    let consequence = "rows read less rows used less rows rejected".to_owned();
    findings.push(Finding { check: "rows_unaccounted".into(), subject: table.into(), value: missing as f64, limit: Some(0.0), severity, consequence });
    let share = if counts.read() == 0 { 0.0 } else { rejected as f64 / counts.read() as f64 };
    let severity = if share > params.rejected_share_max { Severity::Hold } else { Severity::Note };
    let consequence = format!("{rejected} rows were left out by rules");
    let limit = Some(params.rejected_share_max);
    findings.push(Finding { check: "rejected_share".into(), subject: table.into(), value: share, limit, severity, consequence });
}

fn late_stores(complete: &Complete, params: &Params, findings: &mut Vec<Finding>) {
    for (store, day) in &complete.late_stores {
        let (severity, then) = match params.late_store {
            RawLate::Hold => (Severity::Hold, "the run is held"),
            RawLate::Withhold => (Severity::Withhold, "its customers are withheld"),
            RawLate::Publish => (Severity::Note, "its customers' silence is counted to then"),
        };
        findings.push(Finding {
            check: "late_store_days".into(),
            subject: store.clone(),
            value: complete.source.since(*day) as f64,
            limit: Some(0.0),
            severity,
            consequence: format!("complete to {day}; {then}"),
        });
    }
}

impl Params {
    /// Whether customers of late stores are withheld.
    pub fn withholds_late_stores(&self) -> bool {
        self.late_store == RawLate::Withhold
    }
}
