//! The checks of the input: do the rows add up, who is missing, what is late.

use std::collections::BTreeMap;

use serde::Serialize;

use super::arrivals::{check_arrivals, check_known};
use super::history::{self, CustomerDay, DaysChecked};
use super::moves::{HoldIf, ROWS_READ};
use super::prices::{Sold, moved_prices};
use super::survey::{Complete, Feed, FeedsByName, Surveyed};
use super::{Finding, Severity};
use crate::config::{Faults, RawAudit, RawDrift, RawDriftHolds, RawLate};
use crate::lake::Counts;
use crate::time::Day;

/// The checked `audit` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    rejected_share_max: f64,
    duplicate_share_max: f64,
    spread_order_share_max: f64,
    old_line_share_max: f64,
    anonymous_line_share_max: f64,
    anonymous_value_share_max: f64,
    complete_lag_days_max: u32,
    late_store: RawLate,
    late_store_orders: f64,
    pub(super) days: history::Params,
    moved_price_value_share_max: f64,
    unknown_product_value_share_max: f64,
    contactable_share_min: BTreeMap<String, f64>,
    store_customer_share_max: f64,
    drift: Drift,
    pub(super) hold_if: HoldIf,
}

/// How far the customers may be from those that a model was trained on.
#[derive(Debug, Clone, Copy, Serialize)]
struct Drift {
    psi_max: f64,
    holds: RawDriftHolds,
}

/// Checks the section.
pub fn check(raw: RawAudit, faults: &mut Faults<'_>) -> Params {
    let days = history::check(raw.days.unwrap_or_default(), faults);
    let mut share = |key: &str, value| faults.ranged(&format!("audit.{key}"), value, 0.0..=1.0);
    Params {
        rejected_share_max: share("rejected_share_max", raw.rejected_share_max),
        duplicate_share_max: share("duplicate_share_max", raw.duplicate_share_max),
        spread_order_share_max: share("spread_order_share_max", raw.spread_order_share_max),
        old_line_share_max: share("old_line_share_max", raw.old_line_share_max),
        anonymous_line_share_max: share("anonymous_line_share_max", raw.anonymous_line_share_max),
        anonymous_value_share_max: share("anonymous_value_share_max", raw.anonymous_value_share_max),
        moved_price_value_share_max: share("moved_price_value_share_max", raw.moved_price_value_share_max),
        unknown_product_value_share_max: share("unknown_product_value_share_max", raw.unknown_product_value_share_max),
        store_customer_share_max: faults.ranged("audit.store_customer_share_max", raw.store_customer_share_max, 0.0..=1.0),
        contactable_share_min: check_contactable(raw.contactable_share_min.unwrap_or_default(), faults),
        days,
        complete_lag_days_max: faults.ranged("audit.complete_lag_days_max", raw.complete_lag_days_max, 0..=3650),
        late_store: faults.required("audit.late_store", raw.late_store, "withhold, hold or publish").unwrap_or(RawLate::Hold),
        late_store_orders: faults.ranged("audit.late_store_orders", raw.late_store_orders, 1.0..=1e6),
        drift: check_drift(&raw.drift.unwrap_or_default(), faults),
        hold_if: HoldIf::check(&raw.hold_if.unwrap_or_default(), faults),
    }
}

fn check_contactable(raw: BTreeMap<String, f64>, faults: &mut Faults<'_>) -> BTreeMap<String, f64> {
    let checked = |(channel, share): (String, f64)| {
        let share = faults.ranged(&format!("audit.contactable_share_min.{channel}"), Some(share), 0.0..=1.0);
        (channel, share)
    };
    raw.into_iter().map(checked).collect()
}

fn check_drift(raw: &RawDrift, faults: &mut Faults<'_>) -> Drift {
    Drift {
        psi_max: faults.ranged("audit.drift.psi_max", raw.psi_max, 0.0..=100.0),
        holds: faults.required("audit.drift.holds", raw.holds, "nothing or run").unwrap_or(RawDriftHolds::Nothing),
    }
}

/// Days to which sources, and stores of sources, are complete, as the table `source_status` says.
pub type Status = BTreeMap<FeedKey, Day>;

/// A source, or a store of it.
type FeedKey = (String, Option<String>);

/// The days to which sources and stores are complete: as `status` says, else as the lines tell.
pub fn complete_through(feeds: &FeedsByName, status: &Status, params: &Params, as_of: Day) -> Complete {
    let stated = |of: &dyn Fn(&FeedKey) -> bool| status.iter().filter(|(key, _)| of(key)).map(|(_, day)| *day).min();
    let newest = feeds.newest_day().unwrap_or(as_of);
    let stated_newest = status.iter().filter(|(key, _)| key.1.is_none()).map(|(_, day)| *day).max();
    let newest = stated_newest.unwrap_or(newest).min(as_of);
    let late = |feeds: &BTreeMap<String, Feed>, stated: &dyn Fn(&str) -> Option<Day>| {
        let mut late = BTreeMap::new();
        for (name, feed) in feeds {
            match stated(name) {
                Some(day) if day < newest => late.insert(name.clone(), day),
                None if feed.missing_orders(newest, as_of) >= params.late_store_orders => late.insert(name.clone(), feed.newest),
                _ => None,
            };
        }
        late
    };
    Complete {
        newest,
        late_sources: late(&feeds.sources, &|name| stated(&|key| key.0 == name && key.1.is_none())),
        late_stores: late(&feeds.stores, &|name| stated(&|key| key.1.as_deref() == Some(name))),
        faulty_stores: BTreeMap::new(),
    }
}

/// What was seen of the input.
pub struct Seen<'a> {
    /// What became of the rows, by table.
    pub counts: &'a [(String, Counts)],
    /// What the order lines hold.
    pub survey: &'a Surveyed,
    /// Sources and stores, as far as they have come.
    pub feeds: &'a FeedsByName,
    /// The days to which they are complete.
    pub complete: &'a Complete,
    /// What the checks of days found.
    pub checked: &'a DaysChecked,
    /// Order lines of customers that repeat another, as `Line::repeats`.
    pub duplicates: u64,
    /// Orders of customers, and those of them whose lines lie far apart.
    pub orders: [u64; 2],
    /// What customers' lines say by day: by days before as_of.
    pub customer_days: &'a [CustomerDay],
}

/// What the input checks found.
pub fn input_checks(seen: &Seen<'_>, params: &Params, as_of: Day) -> Vec<Finding> {
    let Seen { survey, complete, duplicates, .. } = *seen;
    let mut findings = Vec::new();
    for (table, counts) in seen.counts {
        count_rows(table, counts, params, &mut findings);
        findings.extend(check_known(table, counts));
        findings.extend(check_arrivals(table, counts, &params.days, as_of));
    }
    let lines = survey.lines as f64;
    let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    let mut limited = |check: &str, value: f64, limit: f64, words: String| {
        findings.push(Finding::limited(check, "order_lines", (value, limit), words));
    };
    let anonymous = share(survey.anonymous_lines as f64, lines);
    let words = format!("{} lines belong to no customer and count for none", survey.anonymous_lines);
    limited("anonymous_line_share", anonymous, params.anonymous_line_share_max, words);
    let anonymous = share(survey.anonymous_value_minor as f64, survey.value_minor as f64);
    let words = format!("{} minor units of value belong to no customer", survey.anonymous_value_minor);
    limited("anonymous_value_share", anonymous, params.anonymous_value_share_max, words);
    let words = format!("{duplicates} lines of customers repeat another in all but channel and discounts; they are kept");
    let named = lines - survey.anonymous_lines as f64;
    limited("duplicate_share", share(duplicates as f64, named), params.duplicate_share_max, words);
    let [orders, spread] = seen.orders;
    let words = format!(
        "in {spread} of {orders} orders something was bought more than a week after the first line: where numbers come again, many orders are one (audit.spread_order_share_max)"
    );
    limited("spread_order_share", share(spread as f64, orders as f64), params.spread_order_share_max, words);
    let (old, newest) = survey.years.long_before();
    let words = newest.map_or_else(
        || "no line is of long before the others".to_owned(),
        |newest| format!("{old} lines, the newest of {newest}, are of long before all others: mistyped, or a default, which a rule of the table can reject; or an archive (audit.old_line_share_max)"),
    );
    limited("old_line_share", share(old as f64, lines), params.old_line_share_max, words);
    let lag = as_of.since(complete.newest) as f64;
    let words = format!("lines are complete to {}; silence is counted to then", complete.newest);
    limited("complete_lag_days", lag, f64::from(params.complete_lag_days_max), words);
    if survey.lines == 0 {
        let consequence = "there is no line up to as_of: nobody would be known to have ordered".to_owned();
        findings.push(Finding { check: "no_lines".into(), subject: "order_lines".into(), value: 0.0, limit: Some(1.0), severity: Severity::Hold, consequence });
    }
    feeds(seen.feeds, complete, params, as_of, &mut findings);
    findings.extend(seen.checked.findings.iter().cloned());
    findings.extend(history::check_customer_days(seen.customer_days, complete, &params.days, as_of));
    findings
}

/// Rows about source customers whom nobody knows: of more somebody should look whether ids are written otherwise.
const OF_NOBODY_MAX: f64 = 0.05;

fn count_rows(table: &str, counts: &Counts, params: &Params, findings: &mut Vec<Finding>) {
    let mut note = |check: &str, subject: String, value: u64, consequence: &str| {
        findings.push(Finding::note(check, &subject, value as f64, consequence.into()));
    };
    note(ROWS_READ, table.into(), counts.read(), "rows up to as_of");
    note("rows_used", table.into(), counts.used, "rows that the run is made of");
    for (rule, &rejected) in &counts.rejected {
        note("rows_rejected", format!("{table}: {rule}"), rejected, "rows that a rule of the YAML left out");
    }
    if counts.erased > 0 {
        note("rows_erased", table.into(), counts.erased, "rows of people who are erased; they count for nothing");
    }
    if counts.rounded > 0 {
        note("amounts_rounded", table.into(), counts.rounded, "amounts had more digits than the currency");
    }
    if counts.of_nobody > 0 {
        let share = counts.of_nobody as f64 / counts.used.max(1) as f64;
        let severity = if share > OF_NOBODY_MAX { Severity::Warn } else { Severity::Note };
        let consequence = format!("{} rows have no effect: they are about nobody whom customers or order lines know", counts.of_nobody);
        let check = "rows_of_nobody".to_owned();
        findings.push(Finding { check, subject: table.into(), value: share, limit: Some(OF_NOBODY_MAX), severity, consequence });
    }
    let rejected: u64 = counts.rejected.values().sum();
    let missing = counts.read().abs_diff(counts.used + rejected + counts.erased);
    let consequence = "rows read less rows used, rejected and erased".to_owned();
    findings.push(Finding::limited("rows_unaccounted", table, (missing as f64, 0.0), consequence));
    let share = if counts.read() == 0 { 0.0 } else { rejected as f64 / counts.read() as f64 };
    let consequence = format!("{rejected} rows were left out by rules");
    findings.push(Finding::limited("rejected_share", table, (share, params.rejected_share_max), consequence));
}

/// How far every source and store has come, and what follows where one is late.
fn feeds(feeds: &FeedsByName, complete: &Complete, params: &Params, as_of: Day, findings: &mut Vec<Finding>) {
    for (source, feed) in &feeds.sources {
        let [value, anonymous] = feed.value_minor;
        let share = if value == 0 { 0.0 } else { anonymous as f64 / value as f64 };
        let consequence = format!("{anonymous} of {value} minor units belong to no customer");
        findings.push(Finding::note("source_anonymous_value_share", source, share, consequence));
    }
    let mut lag = |check: &str, name: &str, day: Day, severity: Severity, then: &str| {
        let value = as_of.since(day) as f64;
        let consequence = format!("complete to {day}; {then}");
        findings.push(Finding { check: check.into(), subject: name.into(), value, limit: None, severity, consequence });
    };
    for source in feeds.sources.keys() {
        match complete.late_sources.get(source) {
            Some(&day) if as_of.since(day) > i64::from(params.complete_lag_days_max) => lag("source_lag_days", source, day, Severity::Hold, "the run is held"),
            Some(&day) => lag("source_lag_days", source, day, Severity::Note, "its customers' silence is counted to then"),
            None => lag("source_lag_days", source, complete.newest, Severity::Note, "on time"),
        }
    }
    for store in feeds.stores.keys() {
        match (complete.late_stores.get(store), params.late_store) {
            (None, _) => lag("store_lag_days", store, complete.newest, Severity::Note, "on time"),
            (Some(&day), RawLate::Hold) => lag("store_lag_days", store, day, Severity::Hold, "late: the run is held"),
            (Some(&day), RawLate::Withhold) => lag("store_lag_days", store, day, Severity::Withhold, "late: its customers are withheld"),
            (Some(&day), RawLate::Publish) => lag("store_lag_days", store, day, Severity::Note, "late: its customers' silence is counted to then"),
        }
    }
}

impl Params {
    /// Whether a guard asks for the prior run.
    pub fn reads_prior(&self) -> bool {
        self.hold_if.asks_for_prior()
    }

    /// The channels of which a share of customers must be reached.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.contactable_share_min.keys().map(String::as_str)
    }

    /// Whether what a model takes in lies where it lay at training, by its population stability index; none where there are too few customers to tell.
    pub fn check_drift(&self, model: &str, input: &str, psi: Option<f64>) -> Finding {
        let value = psi.unwrap_or_default();
        let severity = match self.drift.holds {
            _ if value <= self.drift.psi_max => Severity::Note,
            RawDriftHolds::Nothing => Severity::Warn,
            RawDriftHolds::Run => Severity::Hold,
        };
        let told = if psi.is_some() { "above the limit they are others" } else { "too few to tell" };
        let consequence = format!("{input} of the customers to score, against those that the model was trained on: {told}");
        Finding { check: "drift".into(), subject: format!("{model}.{input}"), value, limit: Some(self.drift.psi_max), severity, consequence }
    }

    /// Checks the newest days of every source and store.
    pub fn check_days(&self, feeds: &FeedsByName, complete: &Complete, as_of: Day) -> DaysChecked {
        history::check_days(feeds, complete, self.late_store, &self.days, as_of)
    }

    /// How many of all customers can be contacted by a channel for a purpose, and why the others cannot.
    pub fn check_contactable(&self, (purpose, channel): (&str, &str), contactable: usize, reasons: &BTreeMap<&'static str, usize>) -> Finding {
        let customers = contactable + reasons.values().sum::<usize>();
        let value = contactable as f64 / customers.max(1) as f64;
        let limit = self.contactable_share_min.get(channel).copied();
        let why: Vec<String> = reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let severity = if limit.is_some_and(|limit| value < limit) { Severity::Hold } else { Severity::Note };
        let consequence = format!("{contactable} of {customers} customers; the others: {}", why.join(", "));
        Finding { check: "contactable_share".into(), subject: format!("{purpose} by {channel}"), value, limit, severity, consequence }
    }

    /// How many customers call a store home that is late or has a fault: one store does not stop the others, most of them do.
    pub fn check_stores(&self, of_faulty: usize, customers: usize) -> Finding {
        let value = of_faulty as f64 / customers.max(1) as f64;
        let severity = if value > self.store_customer_share_max && self.withholds_late_stores() { Severity::Hold } else { Severity::Note };
        let consequence = format!("{of_faulty} of {customers} customers call a store home that is late or has a fault");
        let limit = Some(self.store_customer_share_max);
        Finding { check: "store_customer_share".into(), subject: "customers".into(), value, limit, severity, consequence }
    }

    /// Checks the prices of what was sold in the newest week; products that are told are named in `counts`, those of the order lines.
    pub fn check_prices(&self, sold: &[Sold<'_>], counts: &mut Counts) -> Vec<Finding> {
        moved_prices(sold, self.days.factor_move_max, [self.moved_price_value_share_max, self.unknown_product_value_share_max], counts)
    }

    /// Whether customers of stores that are late, or have a fault of their own, are withheld.
    pub fn withholds_late_stores(&self) -> bool {
        self.late_store == RawLate::Withhold
    }
}
