//! Days begin where the shop is: both clock changes, a leap day and a year's end, in two zones, whatever the machine's own zone.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::basic::Compression;
use regulars_tests::parquet_file::{Cells, texts, write};
use regulars_tests::published;

use crate::{regulars, small_config, told};

/// Microseconds since 1970 of a date and time, counted by hand: days by the civil calendar (Hinnant's formula), then hours and minutes.
fn micros(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> i64 {
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000
}

/// Runs a job over one order for each of `times`, in a zone; returns last order date by customer, and all digests.
fn dates(folder: &Path, zone: &str, as_of: &str, times: &[i64], utc: bool, machine: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let names: Vec<String> = (0..times.len()).map(|n| format!("c{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let columns = [
        ("order_id", texts(&names)),
        ("source_customer_id", texts(&names)),
        ("ordered_at", Cells::Time(times.iter().map(|time| Some(*time)).collect(), utc)),
        ("product_id", texts(&vec!["p"; times.len()])),
        ("quantity", Cells::Float(vec![Some(1.0); times.len()])),
        ("amount", Cells::Float(vec![Some(2.5); times.len()])),
    ];
    write(&folder.join("lines/part.parquet"), &columns, Compression::SNAPPY);
    let stated = format!("timezone: {zone}");
    let text = small_config(folder).replace("timezone: UTC", &stated).replace("as_of: 2026-01-31", &format!("as_of: {as_of}"));
    let config = folder.join("job.yaml");
    std::fs::write(&config, text + if utc { "" } else { "      timezone: ZONE\n" }.replace("ZONE", zone).as_str()).expect("a config");
    let _ = std::fs::remove_dir_all(folder.join("out"));
    let mut command = regulars();
    command.args(["run", &config.display().to_string(), "--set", "audit.complete_lag_days_max=3000"]).env("TZ", machine);
    let (code, text, error) = told(&command.output().expect("it starts"));
    assert_eq!(code, 0, "{text}{error}");
    let run = published::live(&folder.join("out"), "small").expect("it is live");
    let (ids, sources) = (run.texts("customer_links", "customer_id"), run.texts("customer_links", "source_customer_id"));
    let last: BTreeMap<String, i64> = run
        .texts("features", "customer_id")
        .into_iter()
        .zip(run.numbers("features", "last_order_date").into_iter().map(|day| day.expect("an order") as i64))
        .collect();
    let mut by_source: Vec<(String, String)> =
        sources.into_iter().zip(ids).filter_map(|(source, id)| Some((source, regulars::time::Day(*last.get(&id)? as i32).to_string()))).collect();
    by_source.sort();
    (by_source.into_iter().map(|(_, day)| day).collect(), run.digests())
}

/// Instants in UTC, and the day on which each falls; offsets from the rules of the IANA database, worked by hand.
#[test]
fn instants_fall_on_the_shops_days() {
    let folder = tempfile::tempdir().expect("a folder");
    // New York: -5 h, from 2024-03-10 07:00Z on -4 h, from 2024-11-03 06:00Z on -5 h.
    let new_york = [
        (micros(2024, 2, 29, 4, 59, 59), "2024-02-28"),
        (micros(2024, 2, 29, 5, 0, 0), "2024-02-29"),
        (micros(2024, 3, 1, 4, 59, 59), "2024-02-29"),
        (micros(2024, 3, 10, 4, 59, 59), "2024-03-09"),
        (micros(2024, 3, 10, 5, 0, 0), "2024-03-10"),
        (micros(2024, 3, 11, 3, 59, 59), "2024-03-10"),
        (micros(2024, 3, 11, 4, 0, 0), "2024-03-11"),
        (micros(2024, 11, 3, 3, 59, 59), "2024-11-02"),
        (micros(2024, 11, 3, 4, 0, 0), "2024-11-03"),
        (micros(2024, 11, 4, 4, 59, 59), "2024-11-03"),
        (micros(2024, 11, 4, 5, 0, 0), "2024-11-04"),
        (micros(2025, 1, 1, 4, 59, 59), "2024-12-31"),
        (micros(2025, 1, 1, 5, 0, 0), "2025-01-01"),
    ];
    // Lord Howe Island: +11 h, from 2024-04-06 15:00Z on +10:30, from 2024-10-05 15:30Z on +11 h: half an hour.
    let lord_howe = [
        (micros(2024, 4, 6, 12, 59, 59), "2024-04-06"),
        (micros(2024, 4, 6, 13, 0, 0), "2024-04-07"),
        (micros(2024, 4, 7, 13, 29, 59), "2024-04-07"),
        (micros(2024, 4, 7, 13, 30, 0), "2024-04-08"),
        (micros(2024, 10, 5, 13, 29, 59), "2024-10-05"),
        (micros(2024, 10, 5, 13, 30, 0), "2024-10-06"),
        (micros(2024, 10, 6, 12, 59, 59), "2024-10-06"),
        (micros(2024, 10, 6, 13, 0, 0), "2024-10-07"),
        (micros(2024, 12, 31, 12, 59, 59), "2024-12-31"),
        (micros(2024, 12, 31, 13, 0, 0), "2025-01-01"),
    ];
    for (zone, cases) in [("America/New_York", &new_york[..]), ("Australia/Lord_Howe", &lord_howe[..])] {
        let times: Vec<i64> = cases.iter().map(|case| case.0).collect();
        let expected: Vec<&str> = cases.iter().map(|case| case.1).collect();
        let (got, digests) = dates(folder.path(), zone, "2025-01-01", &times, true, "UTC");
        assert_eq!(got, expected, "{zone}");
        for machine in ["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"] {
            assert_eq!(dates(folder.path(), zone, "2025-01-01", &times, true, machine).1, digests, "{zone} on a machine in {machine}");
        }
        // Seen from each day of the change itself, what comes after it is not seen, and the machine's zone does not matter either.
        for as_of in [expected[4], expected[6]] {
            let seen = expected.iter().filter(|day| **day <= as_of).count();
            let (got, digests) = dates(folder.path(), zone, as_of, &times, true, "UTC");
            assert_eq!(got.len(), seen, "{zone} as of {as_of}");
            assert_eq!(dates(folder.path(), zone, as_of, &times, true, "Pacific/Auckland").1, digests);
        }
    }
}

/// Local times without a zone: one that does not exist is moved forward by the gap, of one that exists twice the earlier is meant
/// (RFC 5545); neither leaves its day.
#[test]
fn local_times_that_are_not_or_are_twice_have_a_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        (micros(2024, 3, 10, 1, 59, 59), "2024-03-10"),
        (micros(2024, 3, 10, 2, 30, 0), "2024-03-10"),
        (micros(2024, 3, 10, 23, 59, 59), "2024-03-10"),
        (micros(2024, 11, 3, 1, 30, 0), "2024-11-03"),
        (micros(2024, 11, 3, 23, 59, 59), "2024-11-03"),
        (micros(2024, 11, 4, 0, 0, 0), "2024-11-04"),
    ];
    let times: Vec<i64> = cases.iter().map(|case| case.0).collect();
    let (got, digests) = dates(folder.path(), "America/New_York", "2024-12-31", &times, false, "UTC");
    assert_eq!(got, cases.map(|case| case.1));
    assert_eq!(dates(folder.path(), "America/New_York", "2024-12-31", &times, false, "Europe/Lisbon").1, digests);
    // 02:30 became 03:30 in summer time, 07:30Z; 01:30 in November was the first one, 05:30Z.
    let zone = regulars::time::Zone::parse("America/New_York").expect("a zone");
    assert_eq!(zone.instant(micros(2024, 3, 10, 2, 30, 0)), micros(2024, 3, 10, 7, 30, 0));
    assert_eq!(zone.instant(micros(2024, 11, 3, 1, 30, 0)), micros(2024, 11, 3, 5, 30, 0));
}
