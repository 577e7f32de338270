//! By how much a run may differ from the prior one: in what its tables hold, in its groups and lists.

use std::collections::BTreeMap;

use serde::Serialize;

use super::checks::Params;
use super::{Finding, Severity};
use crate::config::{Faults, RawHoldIf};

/// A guard: by how much an input table, a group or a list may differ from the prior run's.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HoldIf {
    group_change_max: Option<f64>,
    list_change_max: Option<f64>,
    customers_min: u64,
    rows_lost_max: f64,
    unknown_rise_max: f64,
}

impl HoldIf {
    /// Checks the section.
    pub fn check(raw: &RawHoldIf, faults: &mut Faults<'_>) -> Self {
        let mut change = |key: &str, value: Option<f64>| value.map(|value| faults.ranged(&format!("audit.hold_if.{key}"), Some(value), 0.0..=1e6));
        let (group_change_max, list_change_max) = (change("group_change_max", raw.group_change_max), change("list_change_max", raw.list_change_max));
        let mut share = |key: &str, value| faults.ranged(&format!("audit.hold_if.{key}"), value, 0.0..=1.0);
        Self {
            group_change_max,
            list_change_max,
            rows_lost_max: share("rows_lost_max", raw.rows_lost_max),
            unknown_rise_max: share("unknown_rise_max", raw.unknown_rise_max),
            customers_min: faults.ranged("audit.hold_if.customers_min", raw.customers_min, 0..=1_000_000_000),
        }
    }

    /// Whether the prior run is to be read for its sake: what tables hold is compared where it is read anyway.
    pub fn asks_for_prior(&self) -> bool {
        self.group_change_max.is_some() || self.list_change_max.is_some()
    }
}

/// The check of how many rows a table has.
pub const ROWS_READ: &str = "rows_read";
/// The check of how many of those that are used have no value in a column.
pub const UNKNOWN_SHARE: &str = "unknown_share";

/// What of the tables went missing since the prior run, which found `before`, by check and subject: rows, and values of columns. A table that is written anew
/// each night tells of no day on which it was another.
pub fn lost(before: &BTreeMap<(String, String), f64>, now: &[Finding], params: &Params) -> Vec<Finding> {
    let rows_min = f64::from(params.days.lines_min);
    let of = |finding: &Finding| before.get(&(finding.check.clone(), finding.subject.clone())).copied();
    let rows_of = |subject: &str| {
        let table = subject.split('.').next().unwrap_or_default();
        before.get(&(ROWS_READ.to_owned(), table.to_owned())).copied().unwrap_or_default()
    };
    let look = |now: &Finding| {
        let before = of(now).filter(|_| rows_of(&now.subject) >= rows_min)?;
        match now.check.as_str() {
            ROWS_READ if now.value < before => {
                let words = format!("there are {} rows up to as_of, there were {before} in the prior run (audit.hold_if.rows_lost_max)", now.value);
                Some(Finding::limited("rows_lost", &now.subject, ((before - now.value) / before, params.hold_if.rows_lost_max), words))
            }
            UNKNOWN_SHARE if now.value - before > params.hold_if.unknown_rise_max => {
                let words =
                    format!("{:.1} % of the rows have none, {:.1} % had in the prior run (audit.hold_if.unknown_rise_max)", now.value * 100.0, before * 100.0);
                Some(Finding::limited("unknown_rise", &now.subject, (now.value - before, params.hold_if.unknown_rise_max), words))
            }
            _ => None,
        }
    };
    now.iter().filter_map(look).collect()
}

/// What the guard says of groups and lists: name, customers in the prior run and in this one.
pub fn moved(groups: &[(&str, [u64; 2])], lists: &[(&str, [u64; 2])], params: &Params) -> Vec<Finding> {
    let guard = &params.hold_if;
    let mut findings = Vec::new();
    let mut look = |check: &str, sizes: &[(&str, [u64; 2])], limit: Option<f64>| {
        let Some(limit) = limit else { return };
        for &(name, [before, after]) in sizes {
            let moved = before.abs_diff(after);
            let value = moved as f64 / before.max(1) as f64;
            let severity = if value > limit && moved >= guard.customers_min { Severity::Hold } else { Severity::Note };
            let consequence = format!("{before} customers in the prior run, {after} in this one");
            findings.push(Finding { check: check.into(), subject: name.into(), value, limit: Some(limit), severity, consequence });
        }
    };
    look("group_moved", groups, guard.group_change_max);
    look("list_moved", lists, guard.list_change_max);
    findings
}
