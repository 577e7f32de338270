//! Tables beside the order lines, by the days on which their rows reached the lake: is an export short, late, or without a column?

use super::days::median;
use super::history::Params;
use super::moves::UNKNOWN_SHARE;
use super::{Finding, Severity};
use crate::lake::{Arrived, Counts, input};
use crate::time::Day;

/// Tables that are exported again and again, whatever happens; others hold events, which come when they come.
const EXPORTED: [&str; 3] = ["customers", "consents", "products"];
/// Exports that must be known, and how many of the newest are compared with those before.
const EXPORTS_MIN: usize = 6;
const CHECKED: usize = 4;
/// An export with fewer rows than this share of a usual one is short; of fewer usual rows nothing is said.
const ROWS_SHARE_MIN: f64 = 0.2;

/// How many rows of a table that is exported have no value, column by column.
pub fn check_known(table: &str, counts: &Counts) -> Vec<Finding> {
    if !EXPORTED.contains(&table) || counts.used == 0 {
        return Vec::new();
    }
    let finding = |(name, unknown): (String, &u64)| {
        let words = format!("{unknown} of {} rows have no value", counts.used);
        Finding::note(UNKNOWN_SHARE, &format!("{table}.{name}"), *unknown as f64 / counts.used as f64, words)
    };
    columns(table).into_iter().zip(&counts.unknown).map(finding).collect()
}

/// Checks what arrived of a table.
pub fn check_arrivals(table: &str, counts: &Counts, params: &Params, as_of: Day) -> Vec<Finding> {
    let exports: Vec<(Day, &Arrived)> = counts.arrived.iter().map(|(day, arrived)| (*day, arrived)).collect();
    let mut findings = Vec::new();
    if exports.len() < EXPORTS_MIN {
        return findings;
    }
    let mut hold = |check: &str, subject: String, value: f64, limit: f64, consequence: String| {
        findings.push(Finding { check: check.into(), subject, value, limit: Some(limit), severity: Severity::Hold, consequence });
    };
    let is_exported = EXPORTED.contains(&table);
    let gaps: Vec<f64> = exports.windows(2).map(|pair| pair[1].0.since(pair[0].0) as f64).collect();
    let usual = median(gaps.clone()).unwrap_or_default();
    // A gap or two may have been faults themselves.
    let mut longest = gaps;
    longest.sort_unstable_by(|a, b| b.total_cmp(a));
    let longest = longest[2.min(longest.len() - 1)];
    let newest = exports[exports.len() - 1].0;
    let lag = as_of.since(newest) as f64;
    if is_exported && lag > 2.0 * longest + 1.0 {
        hold("table_lag_days", table.to_owned(), lag, 2.0 * longest + 1.0, format!("the newest rows came on {newest}, others every {usual:.0} days"));
    }
    for (at, (day, export)) in exports.iter().enumerate().skip((EXPORTS_MIN - 1).max(exports.len() - CHECKED)) {
        let before = &exports[..at];
        let usual_rows = median(before.iter().map(|(_, before)| before.rows as f64).collect()).unwrap_or_default();
        let share = export.rows as f64 / usual_rows.max(1.0);
        if is_exported && usual_rows >= f64::from(params.lines_min) && share < ROWS_SHARE_MIN {
            hold("table_rows", format!("{table} {day}"), share, ROWS_SHARE_MIN, format!("{} rows came, {usual_rows:.0} usually", export.rows));
        }
        let unknown = |export: &Arrived, column: usize| export.unknown.get(column).map_or(0.0, |unknown| *unknown as f64 / export.rows.max(1) as f64);
        for (column, name) in columns(table).into_iter().enumerate() {
            let shares = before.iter().filter(|(_, before)| before.rows * 3 >= u64::from(params.lines_min));
            let Some(usual) = median(shares.map(|(_, before)| unknown(before, column)).collect()) else { continue };
            let now = unknown(export, column);
            if export.rows >= u64::from(params.lines_min) && (now - usual).abs() > params.share_move_max {
                let words = format!("{:.1} % of the rows have none, {:.1} % usually", now * 100.0, usual * 100.0);
                hold("column_unknown_share", format!("{table}.{name} {day}"), now, params.share_move_max, words);
            }
        }
    }
    findings
}

fn columns(table: &str) -> Vec<String> {
    input(table).map(|input| input.contract.columns.into_iter().map(|column| column.name).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weekly exports of 100 customers, of whom ten have no e-mail address (the seventh column); the last as it says.
    fn found(rows: u64, without_email: u64, as_of: i32) -> Vec<(String, String)> {
        let mut counts = Counts::default();
        for week in 0..8 {
            let (rows, email) = if week == 7 { (rows, without_email) } else { (100, 10) };
            let mut unknown = vec![0; 15];
            unknown[6] = email;
            counts.arrived.insert(Day(week * 7), Arrived { rows, unknown });
        }
        let params = super::super::history::tests::params();
        check_arrivals("customers", &counts, &params, Day(as_of)).into_iter().map(|finding| (finding.check, finding.subject)).collect()
    }

    #[test]
    fn an_export_is_like_those_before_or_told() {
        assert_eq!(found(120, 14, 52), []);
        assert_eq!(found(19, 2, 52), [("table_rows".to_owned(), "customers 1970-02-19".to_owned())]);
        assert_eq!(found(100, 90, 52), [("column_unknown_share".to_owned(), "customers.email 1970-02-19".to_owned())]);
        assert_eq!(found(100, 10, 64), []);
        assert_eq!(found(100, 10, 65), [("table_lag_days".to_owned(), "customers".to_owned())]);
    }
}
