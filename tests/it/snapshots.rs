//! Point in time: what models are trained on is what a run of that day would have published.

use std::collections::BTreeMap;

use regulars::time::Day;
use regulars_tests::published::{self, Published};

use crate::{quickstart, told};

/// Every family whose features models can take, and nobody linked: who is whom is only known as it is now.
pub const SETTINGS: [&str; 20] = [
    "--set",
    "churn.families=[rfm, cadence, basket, trend, preference, brand_usage, wallet, promotion, channel, habits, engagement, profile]",
    "--set",
    "lake.tables.products.slow=[leaf_category, brand, brand_type, base_units, regular_price]",
    "--set",
    "snapshots.publish=true",
    "--set",
    "snapshots.training_dates=8",
    "--set",
    "customers.link.rules=[]",
    "--set",
    "customers.link.probabilistic=false",
    // How far a late store is complete is told as of the run.
    "--set",
    "audit.late_store_orders=1000000",
    "--set",
    "audit.complete_lag_days_max=3650",
    "--set",
    "features.engagement.items=[all]",
    "--set",
    "features.engagement.windowed=[all]",
];

fn published_with(more: &[&str]) -> (tempfile::TempDir, Published) {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, error) = told(&quickstart(folder.path(), &[&SETTINGS, more].concat()));
    assert_eq!(code, 0, "{error}");
    let published = published::live(folder.path(), "quickstart").expect("it is live");
    (folder, published)
}

/// Bits of a column's values by customer.
fn by_customer(run: &Published, column: &str) -> BTreeMap<String, Option<u64>> {
    run.texts("features", "customer_id").into_iter().zip(run.bits("features", column)).collect()
}

/// Customers of each population, as a run without sampling has them, against those for whom a sample of 200 stands: one of its standard errors is 7 %.
#[test]
fn who_was_sampled_stands_for_the_population() {
    let populations = |more: &[&str]| -> BTreeMap<(i64, String), (usize, f64)> {
        let (_folder, run) = published_with(more);
        let (days, segments) = (run.numbers("training_snapshots", "snapshot_date"), run.texts("training_snapshots", "segment"));
        let mut sums = BTreeMap::new();
        for ((day, segment), weight) in days.into_iter().zip(segments).zip(run.numbers("training_snapshots", "weight")) {
            let sum: &mut (usize, f64) = sums.entry((day.expect("a date") as i64, segment)).or_default();
            *sum = (sum.0 + 1, sum.1 + weight.expect("a weight"));
        }
        sums
    };
    let (all, sampled) = (populations(&[]), populations(&["--set", "snapshots.sample_customers=200"]));
    assert!(all.values().all(|(rows, weight)| *rows as f64 == *weight), "{all:?}");
    assert!(all.keys().eq(sampled.keys()) && all.values().any(|(rows, _)| *rows > 600), "{all:?}");
    for (of, (rows, weight)) in sampled {
        assert_eq!(rows, all[&of].0.min(200), "{of:?}");
        assert!((weight / all[&of].1 - 1.0).abs() < 0.21, "{of:?}: {weight} for {}", all[&of].1);
    }
}

#[test]
fn snapshots_of_one_pass_are_those_of_separate_runs() {
    let (_folder, whole) = published_with(&[]);
    let (ids, days) = (whole.texts("training_snapshots", "customer_id"), whole.numbers("training_snapshots", "snapshot_date"));
    let columns: Vec<String> = whole.manifest.table("training_snapshots").expect("a table").columns.iter().skip(7).map(|column| column.name.clone()).collect();
    assert!(columns.len() > 40, "{columns:?}");
    let mut dates: Vec<i32> = days.iter().flatten().map(|day| *day as i32).collect();
    dates.sort_unstable();
    dates.dedup();
    assert_eq!(dates.len(), 9);
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    // A run takes half a second: the others are for the long run.
    let every = if std::env::var_os("REGULARS_LONG").is_some() { 1 } else { 4 };
    for date in dates.iter().step_by(every) {
        let (_folder, separate) = published_with(&["--as-of", &Day(*date).to_string()]);
        let mut compared = 0;
        for column in &columns {
            let expected = by_customer(&separate, column);
            let found = whole.bits("training_snapshots", column);
            for row in (0..ids.len()).filter(|row| days[*row] == Some(f64::from(*date))) {
                let found = found[row];
                assert_eq!(found, expected[&ids[row]], "{column} of {} on {}", ids[row], Day(*date));
                *known.entry(column).or_default() += usize::from(found.is_some());
                compared += 1;
            }
        }
        assert!(compared > 40 * 100, "{compared}");
    }
    // Nothing is equal only because nothing is known: but the sample shop does not know who opens what, and tells no discounts.
    let told = |column: &&String| !["open_", "click_", "coupon_", "discount_"].iter().any(|family| column.starts_with(family));
    let never: Vec<&String> = columns.iter().filter(told).filter(|column| known.get(column.as_str()).is_none_or(|rows| *rows == 0)).collect();
    assert!(never.is_empty(), "{never:?}");
}
