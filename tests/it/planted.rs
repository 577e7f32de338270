//! Planted leaks, thirteen kinds: what was recorded after a date is changed, kind by kind, and what models learn from at that date stays the same to the bit;
//! what has no history is refused.

use std::collections::BTreeMap;
use std::path::Path;

use regulars_tests::lake::edit;
use regulars_tests::parquet_file::Cells;
use regulars_tests::published;
use regulars_tests::{files, root};

use crate::snapshots::SETTINGS;
use crate::{quickstart, run, told};

/// The newest date of the training snapshots.
const TEST_DATE: &str = "2026-03-08";

/// Table, what the leak is, and the change of its rows that were recorded after the test date.
type Leak = (&'static str, &'static str, fn(&mut BTreeMap<String, Cells>));

fn numbers(columns: &mut BTreeMap<String, Cells>, name: &str, change: fn(f64) -> f64) {
    match columns.get_mut(name) {
        Some(Cells::Float(values)) => values.iter_mut().flatten().for_each(|value| *value = change(*value)),
        Some(Cells::Int(values) | Cells::Time(values, _)) => values.iter_mut().flatten().for_each(|value| *value = change(*value as f64) as i64),
        Some(Cells::Date(values)) => values.iter_mut().flatten().for_each(|value| *value = change(f64::from(*value)) as i32),
        other => panic!("{name}: {other:?}"),
    }
}

fn all(columns: &mut BTreeMap<String, Cells>, name: &str, text: &str) {
    let Some(Cells::Text(values)) = columns.get_mut(name) else { panic!("no texts {name}") };
    values.iter_mut().for_each(|value| *value = Some(text.to_owned()));
}

/// Orders of a day, and those of days before that arrived late, come with a partition of their day of recording.
const LEAKS: [Leak; 10] = [
    ("customers", "later exports say other birth dates", |columns| numbers(columns, "birth_date", |day| day - 4000.0)),
    ("order_lines", "later orders are worth more", |columns| numbers(columns, "amount", |minor| (3.0 * minor).round())),
    ("order_lines", "later orders hold more, and what came back later is more", |columns| numbers(columns, "quantity", |units| 4.0 * units)),
    ("order_lines", "later orders are of another store and channel", |columns| {
        all(columns, "store_id", "s03");
        all(columns, "channel", "web");
    }),
    ("order_lines", "later orders are of one product", |columns| all(columns, "product_id", "p00007")),
    ("order_lines", "later orders name no order that they return", |columns| {
        columns.remove("return_of_order_id");
    }),
    ("contacts", "later contacts are of another channel", |columns| all(columns, "channel", "letter")),
    ("responses", "later reactions are all clicks", |columns| all(columns, "kind", "clicked")),
    ("promotions", "later promotions take more off", |columns| numbers(columns, "value", |value| 1.5 * value)),
    ("promotion_products", "later promotions are of one product", |columns| all(columns, "product_id", "p00007")),
];

/// A lake that was tampered with is published all the same.
const UNHELD: [&str; 14] = [
    "--set",
    "due.level=none",
    "--set",
    "cycle.challengers=[]",
    "--set",
    "audit.late_store=publish",
    "--set",
    "audit.days.lines_min=1000000",
    "--set",
    "audit.moved_price_value_share_max=1",
    "--set",
    "audit.duplicate_share_max=1",
    "--set",
    "audit.rejected_share_max=1",
];

/// What models learn from at the dates of the snapshots: features by customer and date, as bits; what came is left out.
fn learnt_from(lake: &Path) -> BTreeMap<(String, i64), Vec<Option<u64>>> {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("lake.url={}", lake.display());
    let (code, _, error) = told(&quickstart(folder.path(), &[&SETTINGS[..], &["--set", &url], &UNHELD].concat()));
    assert_eq!(code, 0, "{error}");
    let run = published::live(folder.path(), "quickstart").expect("it is live");
    let (ids, dates) = (run.texts("training_snapshots", "customer_id"), run.numbers("training_snapshots", "snapshot_date"));
    let columns: Vec<String> = run.manifest.table("training_snapshots").expect("a table").columns.iter().skip(6).map(|column| column.name.clone()).collect();
    let mut rows: BTreeMap<(String, i64), Vec<Option<u64>>> = BTreeMap::new();
    for column in &columns {
        let values = run.bits("training_snapshots", column);
        for ((id, date), value) in ids.iter().zip(&dates).zip(values) {
            rows.entry((id.clone(), date.expect("a date") as i64)).or_default().push(value);
        }
    }
    rows
}

/// A copy of the sample lake.
fn copy(to: &Path) {
    let from = root().join("data-samples/lake");
    for file in files(&from) {
        let path = to.join(file.strip_prefix(&from).expect("below"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::copy(&file, &path).expect("a copy");
    }
}

#[test]
fn what_is_recorded_after_a_date_is_not_learnt_from() {
    let honest = learnt_from(&root().join("data-samples/lake"));
    assert!(honest.len() > 2000 && honest.values().next().expect("a row").len() > 40);
    for (table, what, change) in LEAKS {
        let lake = tempfile::tempdir().expect("a folder");
        copy(lake.path());
        let changed = std::cell::Cell::new(0);
        let later = |path: &str| path.starts_with(&format!("{table}/")) && path.split("recorded_on=").nth(1).is_some_and(|day| &day[..10] > TEST_DATE);
        edit(lake.path(), &later, &|columns| {
            changed.set(changed.get() + columns.values().next().map_or(0, Cells::len));
            change(columns);
        });
        assert!(changed.get() > 5, "{what}: {}", changed.get());
        let found = learnt_from(lake.path());
        // The same customers, whatever they did afterwards, and the same of each.
        assert!(found == honest, "{what}: {} rows differ", honest.iter().filter(|(of, row)| found.get(*of) != Some(row)).count());
    }
}

/// Tables without history: as they are now is not as they were.
#[test]
fn what_has_no_history_is_refused() {
    let refused = |settings: &[&str]| {
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let (code, _, error) = told(&run(&[&["check", "configs/quickstart.yaml"], &settings[..]].concat()));
        (code, error)
    };
    // The category, the price and the kind of brand of a product, which the sample lake does not date.
    for (family, slow, column) in
        [("wallet", "[]", "leaf_category"), ("preference", "[leaf_category, brand]", "regular_price"), ("brand_usage", "[leaf_category]", "")]
    {
        let slow = format!("lake.tables.products.slow={slow}");
        let (code, error) = refused(&[&format!("churn.families=[{family}]"), &slow, "due.level=none"]);
        assert!(code == 2 && error.contains(column) && error.contains("among lake.tables.products.slow, since models take"), "{family}: {error}");
    }
}
