//! The audit of the input: faults of every kind are held for the right reason, and a shop with seasons and holidays is not.

use std::collections::BTreeMap;
use std::path::Path;

use regulars_tests::lake::edit;
use regulars_tests::parquet_file::Cells;
use regulars_tests::{files, long, published};

use crate::{quickstart, run, told};

/// A row of order lines, by the columns that faults change.
type Columns = BTreeMap<String, Cells>;

/// A fault: its name, the check that must hold the run, what it must be about, what is done to the columns of the table's files, which table and files.
struct Fault {
    name: &'static str,
    check: &'static str,
    subject: &'static str,
    table: &'static str,
    files: &'static str,
    change: fn(&mut Columns),
}

/// The day of the faults: a Thursday, five days before as_of, in UTC days.
const DAY: i64 = 20_629;
const DAY_MICROS: i64 = 86_400_000_000;

/// The rows of the day of the faults that are of this source (any, if empty) and store.
fn rows(columns: &Columns, source: &str, store: &str) -> Vec<bool> {
    let Cells::Time(times, _) = &columns["ordered_at"] else { panic!("times") };
    let is = |column: &str, text: &str, row: usize| match &columns[column] {
        Cells::Text(texts) => text.is_empty() || texts[row].as_deref() == Some(text),
        _ => panic!("texts"),
    };
    (0..times.len())
        .map(|row| times[row].is_some_and(|at| at.div_euclid(DAY_MICROS) == DAY) && is("source", source, row) && is("store_id", store, row))
        .collect()
}

/// Only the rows of which `keep` holds.
fn keep(columns: &mut Columns, keep: &[bool]) {
    let order: Vec<usize> = (0..keep.len()).filter(|row| keep[*row]).collect();
    columns.values_mut().for_each(|cells| *cells = cells.pick(&order));
}

/// The marked rows a second time.
fn repeat(columns: &mut Columns, marked: &[bool]) {
    let mut order: Vec<usize> = (0..marked.len()).collect();
    order.extend((0..marked.len()).filter(|row| marked[*row]));
    columns.values_mut().for_each(|cells| *cells = cells.pick(&order));
}

fn numbers(columns: &mut Columns, column: &str, marked: &[bool], change: fn(f64) -> f64) {
    match columns.get_mut(column) {
        Some(Cells::Int(values) | Cells::Time(values, _)) => {
            values.iter_mut().zip(marked).filter(|(_, marked)| **marked).for_each(|(value, _)| *value = value.map(|value| change(value as f64) as i64));
        }
        Some(Cells::Float(values)) => {
            values.iter_mut().zip(marked).filter(|(_, marked)| **marked).for_each(|(value, _)| *value = value.map(change));
        }
        _ => panic!("{column}: numbers"),
    }
}

fn texts(columns: &mut Columns, column: &str, marked: &[bool], change: fn(&str) -> Option<String>) {
    let Some(Cells::Text(values)) = columns.get_mut(column) else { panic!("{column}: texts") };
    values.iter_mut().zip(marked).filter(|(_, marked)| **marked).for_each(|(value, _)| *value = value.as_deref().and_then(change));
}

/// Every row.
fn all(columns: &Columns) -> Vec<bool> {
    vec![true; columns.values().next().map_or(0, Cells::len)]
}

/// Every other row of those marked.
fn half(marked: Vec<bool>) -> Vec<bool> {
    let mut is_odd = false;
    let pick = |marked: bool| {
        is_odd ^= marked;
        marked && is_odd
    };
    marked.into_iter().map(pick).collect()
}

fn not(marked: Vec<bool>) -> Vec<bool> {
    marked.into_iter().map(|marked| !marked).collect()
}

/// Lines of the day reach the lake on it and in the days after.
const DAYS: &str = "recorded_on=2026-06-";

fn of_lines(name: &'static str, check: &'static str, subject: &'static str, change: fn(&mut Columns)) -> Fault {
    Fault { name, check, subject, table: "order_lines", files: DAYS, change }
}

/// What faults are about.
const WEB: &str = "source web 2026-06-25";
const STORE: &str = "source store 2026-06-25";
const ALL: &str = "all 2026-06-25";
const S02: &str = "store s02 2026-06-25";
const DATE: &str = "2026-06-25";
/// The fault of one source that is told of the whole day, too.
const TWICE: &str = "a source's day is there twice, under new order numbers";

/// Lines that are missing or there twice.
fn faults_of_days() -> Vec<Fault> {
    vec![
        of_lines("a source has no lines of a day", "day_lines", WEB, |c| keep(c, &not(rows(c, "web", "")))),
        of_lines("half of a source's lines are missing", "day_lines", STORE, |c| keep(c, &not(half(rows(c, "store", ""))))),
        of_lines("a store has no lines of a day", "day_lines", S02, |c| keep(c, &not(rows(c, "", "s02")))),
        of_lines("nobody has lines of a day", "day_lines", ALL, |c| keep(c, &not(rows(c, "", "")))),
        of_lines("a day is there twice", "day_repeated", DATE, |c| repeat(c, &rows(c, "", ""))),
        of_lines("a store's day is there twice", "day_repeated", S02, |c| repeat(c, &rows(c, "", "s02"))),
        of_lines(TWICE, "day_repeated", STORE, |c| {
            let marked = rows(c, "store", "");
            let before = marked.len();
            repeat(c, &marked);
            let new: Vec<bool> = all(c).iter().enumerate().map(|(row, _)| row >= before).collect();
            texts(c, "order_id", &new, |id| Some(format!("again-{id}")));
        }),
    ]
}

/// Values that are not what they were.
fn faults_of_values() -> Vec<Fault> {
    vec![
        of_lines("cents became units of a source", "day_unit_price", STORE, |c| {
            let marked = rows(c, "store", "");
            numbers(c, "amount", &marked, |amount| amount * 100.0);
        }),
        of_lines("a source's amounts lost two digits", "day_unit_price", WEB, |c| {
            let marked = rows(c, "web", "");
            numbers(c, "amount", &marked, |amount| (amount / 100.0).trunc());
        }),
        of_lines("one store's prices are a hundredfold", "day_unit_price", S02, |c| {
            let marked = rows(c, "", "s02");
            numbers(c, "amount", &marked, |amount| amount * 100.0);
        }),
        of_lines("one product's price is a hundredfold", "moved_price_value_share", "order_lines", |c| {
            let Cells::Text(products) = &c["product_id"] else { panic!("texts") };
            let Cells::Time(times, _) = &c["ordered_at"] else { panic!("times") };
            let is_since = |at: &Option<i64>| at.is_some_and(|at| at.div_euclid(DAY_MICROS) >= DAY);
            let marked: Vec<bool> = products.iter().zip(times).map(|(product, at)| product.as_deref() == Some("p00007") && is_since(at)).collect();
            numbers(c, "amount", &marked, |amount| amount * 100.0);
        }),
        of_lines("a source's amounts are gone", "day_unpriced_share", STORE, |c| {
            let marked = rows(c, "store", "");
            numbers(c, "amount", &marked, |_| 0.0);
        }),
        of_lines("a source sends grams in place of pieces", "day_units", WEB, |c| {
            let marked = rows(c, "web", "");
            numbers(c, "quantity", &marked, |quantity| quantity * 1000.0);
        }),
    ]
}

/// Names that are lost, or written otherwise, and times.
fn faults_of_names() -> Vec<Fault> {
    vec![
        of_lines("a source lost its customers", "day_anonymous_share", STORE, |c| {
            let marked = rows(c, "store", "");
            texts(c, "source_customer_id", &marked, |_| None);
        }),
        of_lines("a source writes its customers otherwise", "day_unknown_customer_share", WEB, |c| {
            let marked = rows(c, "web", "");
            texts(c, "source_customer_id", &marked, |id| Some(id.to_uppercase()));
        }),
        of_lines("all customers are new", "day_new_customer_share", DATE, |c| {
            let marked = rows(c, "", "");
            texts(c, "source_customer_id", &marked, |id| Some(format!("00{id}")));
        }),
        of_lines("a source's clock is eight hours off", "day_hours", STORE, |c| {
            let marked = rows(c, "store", "");
            numbers(c, "ordered_at", &marked, |at| at - 8.0 * 3.6e9);
        }),
        of_lines("a source's sales became returns", "day_return_share", WEB, |c| {
            let marked = rows(c, "web", "");
            numbers(c, "amount", &marked, |amount| -amount.abs());
            numbers(c, "quantity", &marked, |quantity| -quantity.abs());
        }),
        of_lines("a source lost its stores", "day_storeless_share", STORE, |c| {
            let marked = rows(c, "store", "");
            texts(c, "store_id", &marked, |_| None);
        }),
    ]
}

/// Sources, stores and tables that stopped, and exports that are not whole.
fn faults_of_exports() -> Vec<Fault> {
    vec![
        of_lines("a source stopped", "source_lag_days", "web", |c| {
            let Cells::Time(times, _) = &c["ordered_at"] else { panic!("times") };
            let late: Vec<bool> = times.iter().map(|at| at.is_some_and(|at| at.div_euclid(DAY_MICROS) >= DAY - 1)).collect();
            let Cells::Text(sources) = &c["source"] else { panic!("texts") };
            let gone: Vec<bool> = sources.iter().zip(late).map(|(source, late)| late && source.as_deref() == Some("web")).collect();
            keep(c, &not(gone));
        }),
        of_lines("all stores are called otherwise", "store_customer_share", "customers", |c| {
            let marked = all(c);
            texts(c, "store_id", &marked, |store| Some(format!("x{store}")));
        }),
        of_lines("a store stopped", "store_lag_days", "s03", |c| {
            let Cells::Time(times, _) = &c["ordered_at"] else { panic!("times") };
            let late: Vec<bool> = times.iter().map(|at| at.is_some_and(|at| at.div_euclid(DAY_MICROS) >= DAY)).collect();
            let Cells::Text(stores) = &c["store_id"] else { panic!("texts") };
            let gone: Vec<bool> = stores.iter().zip(late).map(|(store, late)| late && store.as_deref() == Some("s03")).collect();
            keep(c, &not(gone));
        }),
        of_lines("products are called otherwise", "unknown_product_value_share", "order_lines", |c| {
            let marked = rows(c, "", "");
            texts(c, "product_id", &marked, |product| Some(product.to_uppercase()));
        }),
        Fault {
            name: "customers have no e-mail any more",
            check: "column_unknown_share",
            subject: "customers.email 2026-06-28",
            table: "customers",
            files: "recorded_on=2026-06-28",
            change: |c| {
                let marked = all(c);
                texts(c, "email", &marked, |_| None);
            },
        },
        Fault {
            name: "an export of customers was cut",
            check: "table_rows",
            subject: "customers 2026-06-28",
            table: "customers",
            files: "recorded_on=2026-06-28",
            change: |c| {
                let few: Vec<bool> = (0..all(c).len()).map(|row| row < 12).collect();
                keep(c, &few);
            },
        },
        Fault {
            name: "consents were not exported for a month",
            check: "table_lag_days",
            subject: "consents",
            table: "consents",
            files: "recorded_on=2026-06-",
            change: |c| keep(c, &[]),
        },
    ]
}

/// A shop with seasons, of a size at which a day of a source says something.
fn shop(folder: &Path, months: &str) {
    let arguments =
        ["sample", "--customers", "40000", "--months", months, "--until", "2026-06-30", "--seasons", "--lines-per-customer", "20", "--seed", "3", "--out"];
    let (code, _, error) = told(&run(&[&arguments[..], &[&folder.display().to_string()]].concat()));
    assert_eq!(code, 0, "{error}");
}

/// Checks that failed, with what they are about.
fn held(text: &str) -> Vec<(String, String)> {
    let held = text.lines().filter_map(|line| line.strip_prefix("HELD  ")?.split_once(": ")?.0.split_once(" of "));
    held.map(|(check, subject)| (check.to_owned(), subject.to_owned())).collect()
}

#[test]
fn every_fault_is_held_for_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sound, spoilt, out) = (folder.path().join("sound"), folder.path().join("spoilt"), folder.path().join("out"));
    shop(&sound, "8");
    // Store s01 is late every day, by design of the sample.
    let go = |lake: &Path, late_store: &str| told(&quickstart(&out, &["--set", &format!("lake.url={}", lake.display()), "--set", late_store]));
    let (code, text, _) = go(&sound.join("lake"), "audit.late_store=withhold");
    assert!(code == 0 && held(&text).is_empty(), "{text}");
    let all: Vec<Fault> = [faults_of_days(), faults_of_values(), faults_of_names(), faults_of_exports()].into_iter().flatten().collect();
    assert!(all.len() > 20);
    for fault in &all {
        let _ = std::fs::remove_dir_all(&spoilt);
        for file in files(&sound.join("lake")) {
            let to = spoilt.join(file.strip_prefix(sound.join("lake")).expect("below"));
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::hard_link(&file, &to).expect("a link");
        }
        edit(&spoilt.join(fault.table), &|path| path.contains(fault.files), &fault.change);
        let is_of_store = fault.subject.starts_with("store s") || fault.check == "store_lag_days";
        let (code, text, error) = go(&spoilt, if is_of_store { "audit.late_store=hold" } else { "audit.late_store=withhold" });
        let held = held(&text);
        assert_eq!(code, 4, "{}: {text}{error}", fault.name);
        assert!(held.contains(&(fault.check.to_owned(), fault.subject.to_owned())), "{}: {held:?}", fault.name);
        // Of lines that a source sent twice no other is told.
        let is_of_other = |(check, subject): &(String, String)| check == "day_repeated" && subject.starts_with("source") && subject != STORE;
        assert!(fault.name != TWICE || !held.iter().any(is_of_other), "{held:?}");
        // Nothing that has nothing to do with it is told.
        let others: Vec<_> = held
            .iter()
            .filter(|(check, subject)| !(*check == fault.check || subject.contains("2026-06-25") || subject == "s01" || check == "store_customer_share"))
            .collect();
        assert!(others.len() <= 1, "{}: {others:?}", fault.name);
    }
}

/// A store with a fault of its own does not stop the others: its customers are withheld, with a reason.
#[test]
fn a_stores_fault_withholds_its_customers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lake, out) = (folder.path().join("lake"), folder.path().join("out"));
    shop(folder.path(), "8");
    edit(&lake.join("order_lines"), &|path| path.contains(DAYS), &|columns: &mut Columns| {
        let marked = rows(columns, "", "s02");
        keep(columns, &not(marked));
    });
    let (code, text, error) = told(&quickstart(&out, &["--set", &format!("lake.url={}", lake.display())]));
    assert!(code == 0 && text.contains("day_lines of store s02 2026-06-25"), "{text}{error}");
    let live = published::live(&out, "quickstart").expect("it is live");
    let reasons = live.texts("withheld", "reason");
    let of_store = live.texts("customers", "home_store_id").iter().filter(|store| *store == "s02").count();
    let withheld = live.texts("withheld", "output").iter().zip(&reasons).filter(|(output, reason)| *output == "groups" && *reason == "faulty_store").count();
    assert!(of_store > 1000 && withheld <= of_store && withheld * 100 > of_store * 95, "{withheld} of {of_store}");
}

/// Nights in a row, over a season with Thanksgiving, Christmas and the New Year: at most one is held.
#[test]
fn clean_nights_are_not_held() {
    let folder = tempfile::tempdir().expect("a folder");
    shop(folder.path(), "26");
    let first = regulars::time::Day::parse("2025-11-10").expect("a date");
    let mut told_of = Vec::new();
    let step = 100 / long(100, 10);
    for night in (0..100).step_by(step) {
        let as_of = first.plus(night).to_string();
        let lake = format!("lake.url={}/lake", folder.path().display());
        let (code, text, error) = told(&quickstart(&folder.path().join(&as_of), &["--as-of", &as_of, "--set", &lake]));
        assert!(code == 0 || code == 4, "{error}");
        told_of.extend((code == 4).then(|| (as_of.clone(), held(&text))));
        std::fs::remove_dir_all(folder.path().join(&as_of)).expect("a folder goes");
    }
    assert!(told_of.len() <= 1, "{told_of:?}");
}
