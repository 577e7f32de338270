//! The due list: on a real supermarket, the task of the anchors' table; and as it is published.

use std::path::Path;

use parquet::basic::Compression;
use regulars::metrics::{Graded, grade};
use regulars::models::due::{Chain, Row};
use regulars::time::Day;
use regulars_tests::coop::Shop;
use regulars_tests::parquet_file::{Cells, floats, texts, write};
use regulars_tests::{data, published};

use crate::{run, small_config, told};

/// 26 dates, 14 days apart, the last of which is 14 days before 2014-08-10; fitted on the 78 before, whose labels were over.
fn graded(digits: usize) -> Option<(Vec<Row>, Chain)> {
    let shop = Shop::read(&data("due")?, digits);
    let end = Day::parse("2014-08-10").expect("a date");
    let split = end.plus(-364);
    let at = |back: i32, seen_to: Day| {
        let date = end.plus(-14 * back);
        shop.pairs((date, &shop.categories(date)), seen_to).into_iter().map(|(row, _)| row).collect::<Vec<Row>>()
    };
    let training: Vec<Row> = (27..=104).flat_map(|back| at(back, split)).collect();
    let test: Vec<Row> = (1..=26).flat_map(|back| at(back, end)).collect();
    let chain = Chain::fit(&training).expect("it converges");
    Some((test, chain))
}

/// Log-loss, calibration error and the share of next purchases between p25 and p75.
fn figures(digits: usize, pairs: usize) -> Option<(f64, f64, f64)> {
    let (test, chain) = graded(digits)?;
    assert_eq!(test.len(), pairs, "the anchors count so many");
    let returns: Vec<Graded> = test.iter().map(|row| (chain.due(&row.pair).within(14.0), row.next.is_some_and(|next| next <= 14))).collect();
    let grade = grade(&returns);
    // Of pairs whose next purchase was seen within 364 days; a day that lies only partly between p25 and p75 counts in part.
    let seen: Vec<&Row> = test.iter().filter(|row| row.seen >= 364 && row.next.is_some()).collect();
    let between = |row: &&Row| {
        let (due, next) = (chain.due(&row.pair), f64::from(row.next.expect("it was seen")));
        let (from, to) = (due.within(next - 1.0), due.within(next));
        (to.min(0.75) - from.max(0.25)).max(0.0) / (to - from)
    };
    let coverage = seen.iter().map(between).sum::<f64>() / seen.len() as f64;
    Some((grade.log_loss.expect("rows"), grade.calibration_error, coverage))
}

#[test]
fn categories_are_due_when_they_are_bought() {
    let (Some(upper), Some(lower)) = (figures(7, 159_848), figures(9, 283_387)) else { return };
    assert!(upper.0 < 0.297 && upper.1 < 0.005, "{upper:?}");
    assert!(lower.0 < 0.229 && lower.1 < 0.005, "{lower:?}");
    assert!((0.45..0.55).contains(&upper.2) && (0.45..0.55).contains(&lower.2), "{upper:?} {lower:?}");
}

/// The last day of the small lake: 2026-01-31.
const AS_OF: i64 = 20_484;

/// Customer, product, units and days before as_of.
const BOUGHT: [(&str, &str, f64, &[i64]); 7] = [
    ("a", "tea", 2.0, &[53, 43, 33, 13, 3]),
    ("a", "tea", 5.0, &[23]),
    ("a", "pot", 1.0, &[50, 40, 30, 20]),
    ("a", "milk", 1.0, &[50, 40]),
    ("b", "tea", 1.0, &[121, 101, 81, 61]),
    ("d", "tea", 3.0, &[55, 50, 45, 40]),
    ("d", "milk", 1.0, &[60]),
];

fn small_lake(folder: &Path, due: &str) -> String {
    let rows: Vec<(&str, &str, f64, i64)> = BOUGHT.iter().flat_map(|(who, what, units, days)| days.iter().map(|day| (*who, *what, *units, *day))).collect();
    let orders: Vec<String> = rows.iter().map(|(who, _, _, day)| format!("{who}{day}")).collect();
    let column = |pick: fn(&(&str, &str, f64, i64)) -> String| Cells::Text(rows.iter().map(|row| Some(pick(row))).collect());
    let lines = [
        ("order_id", texts(&orders.iter().map(String::as_str).collect::<Vec<_>>())),
        ("source_customer_id", column(|row| row.0.to_owned())),
        ("ordered_at", Cells::Time(rows.iter().map(|row| Some((AS_OF - row.3) * 86_400_000_000 + 43_200_000_000)).collect(), true)),
        ("product_id", column(|row| row.1.to_owned())),
        ("quantity", floats(&rows.iter().map(|row| row.2).collect::<Vec<_>>())),
        ("amount", floats(&vec![2.5; rows.len()])),
    ];
    write(&folder.join("lines/part.parquet"), &lines, Compression::SNAPPY);
    let products = [
        ("product_id", texts(&["tea", "pot", "milk"])),
        ("leaf_category", texts(&["teas", "pots", "dairy"])),
        ("kind", texts(&["consumable", "durable", "consumable"])),
    ];
    write(&folder.join("products/part.parquet"), &products, Compression::SNAPPY);
    let config = folder.join("job.yaml");
    let text = small_config(folder) + "    products: {path: products, slow: [leaf_category]}\naudit: {complete_lag_days_max: 3}\n" + due;
    std::fs::write(&config, text).expect("a config");
    config.display().to_string()
}

fn publish(folder: &Path, config: &str) -> published::Published {
    let (code, _, error) = told(&run(&["run", config]));
    assert_eq!(code, 0, "{error}");
    published::live(&folder.join("out"), "small").expect("it is live")
}

/// The customer_id of a customer of the lake.
fn id_of(published: &published::Published, source: &str) -> String {
    let sources = published.texts("customer_links", "source_customer_id");
    published.texts("customer_links", "customer_id").swap_remove(sources.iter().position(|other| other == source).expect("linked"))
}

/// Three customers by hand. b last came 61 days ago; pots last; of milk there are not three days. So few teach nothing: the gaps alone foretell.
#[test]
fn the_list_is_published_as_by_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small_lake(folder.path(), "due: {level: category}\n");
    let published = publish(folder.path(), &config);
    let texts = |column: &str| published.texts("due_products", column);
    let numbers = |column: &str| -> Vec<f64> { published.numbers("due_products", column).into_iter().map(|value| value.expect("known")).collect() };
    let id = |source: &str| id_of(&published, source);
    let ids = texts("customer_id");
    assert_eq!((ids.len(), texts("category")), (2, vec!["teas".to_owned(); 2]));
    let row = |source: &str| ids.iter().position(|other| *other == id(source)).expect("it is due");
    let (a, d) = (row("a"), row("d"));
    let of = |column: &str, row: usize| numbers(column)[row];
    for (column, of_a, of_d) in [
        ("purchase_days", 6.0, 4.0),
        ("last_purchase_date", (AS_OF - 3) as f64, (AS_OF - 40) as f64),
        ("interval_days", 10.0, 5.0),
        ("interval_days_p25", 10.0, 5.0),
        ("interval_days_p75", 10.0, 5.0),
        ("usual_units", 2.0, 3.0),
    ] {
        assert_eq!((of(column, a), of(column, d)), (of_a, of_d), "{column}");
    }
    assert_eq!(texts("state")[a], "not_yet");
    // The law of gaps: a tail whose scale follows from all log gaps of teas, and each own gap g as g^4 / (g^4 + x^4), a year ago half as much.
    let tail = ((5.0 * 10f64.ln() + 3.0 * 20f64.ln() + 3.0 * 5f64.ln()) / 11.0 / 2.0).exp();
    let longer = |x: f64, gap: f64, ends: &[f64]| {
        let of_gaps: f64 = ends.iter().map(|ago| (-ago / 365.0).exp2() * gap.powi(4) / (gap.powi(4) + x.powi(4))).sum();
        tail / (tail + x.sqrt()) + of_gaps
    };
    for (row, silent, gap, ends) in [(a, 3.5, 10.0, &[43.0, 33.0, 23.0, 13.0, 3.0][..]), (d, 40.5, 5.0, &[50.0, 45.0, 40.0])] {
        for days in [7, 14, 28] {
            let by_hand = 1.0 - longer(silent + f64::from(days), gap, ends) / longer(silent, gap, ends);
            let told = of(&format!("buy_probability_{days}d"), row);
            assert!((told - by_hand).abs() < 1e-9, "{row} {days}: {told}, by hand {by_hand}");
        }
    }
    assert!(of("buy_probability_14d", a) > 0.5 && of("buy_probability_14d", d) < 0.2);
    // Silent for far longer than ever, and still likelier than not to come within a year.
    assert!(longer(404.5, 5.0, &[50.0, 45.0, 40.0]) < 0.5 * longer(40.5, 5.0, &[50.0, 45.0, 40.0]));
    assert_eq!(texts("state")[d], "overdue");
    let due = of("due_date_p50", a) as i64 - AS_OF;
    assert!((5..=10).contains(&due), "ten days after the last, and three are over: {due}");
    let (code, said, error) = told(&run(&["explain", &config, "--customer", &id("a")]));
    assert!(code == 0 && said.contains("bought teas 6 times, every 10 days (10-10), last on 28 January 2026: due at the visit around"), "{said}{error}");
}

/// Products, and what was bought once. Once is no gap: the tail of everyone's gaps alone foretells.
#[test]
fn products_are_due_and_what_was_bought_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small_lake(folder.path(), "due: {level: product, purchase_days_min: 1}\n");
    let published = publish(folder.path(), &config);
    let texts = |column: &str| published.texts("due_products", column);
    let numbers = |column: &str| published.numbers("due_products", column);
    let id = |source: &str| id_of(&published, source);
    let (ids, products) = (texts("customer_id"), texts("product_id"));
    let row = |source: &str, product: &str| (0..ids.len()).find(|row| ids[*row] == id(source) && products[*row] == product);
    // Of b nothing is due any more, and never a pot.
    assert_eq!(ids.len(), 4);
    let rows = [("a", "tea", "teas", 6.0), ("a", "milk", "dairy", 2.0), ("d", "tea", "teas", 4.0), ("d", "milk", "dairy", 1.0)];
    for (source, product, category, days) in rows {
        let row = row(source, product).expect("it is due");
        assert_eq!((texts("category")[row].as_str(), numbers("purchase_days")[row]), (category, Some(days)), "{source} {product}");
    }
    let (twice, once) = (row("a", "milk").expect("a row"), row("d", "milk").expect("a row"));
    assert_eq!((numbers("interval_days")[twice], numbers("interval_days")[once]), (Some(10.0), None));
    // All milk there is has one gap, of 10 days: its tail is the root of 10. d bought it 60 days ago.
    let tail = 10f64.sqrt();
    let longer = |x: f64| tail / (tail + x.sqrt());
    for days in [7, 14, 28] {
        let (told, by_hand) = (numbers(&format!("buy_probability_{days}d"))[once].expect("known"), 1.0 - longer(60.5 + f64::from(days)) / longer(60.5));
        assert!((told - by_hand).abs() < 1e-9, "{days}: {told}, by hand {by_hand}");
    }
    let (code, said, error) = told(&run(&["explain", &config, "--customer", &id("d")]));
    assert!(code == 0 && said.contains("bought milk of dairy once, on 2 December 2025: "), "{said}{error}");
}
