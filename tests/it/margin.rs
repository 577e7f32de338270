//! Margin: what costs say of expected value, as it is published.

use std::path::Path;

use parquet::basic::Compression;
use regulars_tests::parquet_file::{Cells, floats, texts, write};
use regulars_tests::published::{self, Published};

use crate::{run, small_config, told};

/// The last day of the small lake: 2026-01-31.
const AS_OF: i64 = 20_484;

/// A line: order, customer, days before as_of, units, amount, what a unit cost if the line says so, the order that it comes back from.
type Line = (String, usize, i64, f64, f64, Option<f64>, Option<String>);

/// Thirty customers with three orders of two units each in the year to as_of, and some before it. A unit is sold for 10.00; the product costs 6.00, but
/// the lines of every third customer say 9.00. Of the others' newest orders a unit comes back. Customer 30 only ordered before that year.
fn lines() -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for customer in 0..=30usize {
        let says = (customer % 3 == 0).then_some(9.0);
        let old = if customer == 30 { 4 } else { customer % 6 };
        let recent = (0..if customer == 30 { 0 } else { 3 }).map(|order| 20 + (order * 90 + customer * 7 % 80) as i64);
        let days: Vec<i64> = recent.chain((0..old).map(|order| (380 + order * (30 + customer)) as i64)).collect();
        lines.extend(days.iter().map(|day| (format!("{customer}-{day}"), customer, *day, 2.0, 20.0, says, None)));
        if says.is_none() && customer != 30 {
            lines.push((format!("back-{customer}"), customer, days[0] - 10, -1.0, -10.0, None, Some(format!("{customer}-{}", days[0]))));
        }
    }
    lines
}

fn published(folder: &Path, with_costs: bool) -> Published {
    let lines = lines();
    let column = |pick: &dyn Fn(&Line) -> Option<String>| Cells::Text(lines.iter().map(pick).collect());
    let mut columns = vec![
        ("order_id", column(&|line| Some(line.0.clone()))),
        ("source_customer_id", column(&|line| Some(format!("c{}", line.1)))),
        ("ordered_at", Cells::Time(lines.iter().map(|line| Some((AS_OF - line.2) * 86_400_000_000 + 43_200_000_000)).collect(), true)),
        ("product_id", texts(&vec!["p"; lines.len()])),
        ("quantity", floats(&lines.iter().map(|line| line.3).collect::<Vec<_>>())),
        ("amount", floats(&lines.iter().map(|line| line.4).collect::<Vec<_>>())),
        ("return_of_order_id", column(&|line| line.6.clone())),
    ];
    let mut products = vec![("product_id", texts(&["p"]))];
    if with_costs {
        columns.push(("unit_cost", Cells::Float(lines.iter().map(|line| line.5).collect())));
        products.push(("unit_cost", floats(&[6.0])));
    }
    write(&folder.join("lines/part.parquet"), &columns, Compression::SNAPPY);
    write(&folder.join("products/part.parquet"), &products, Compression::SNAPPY);
    let config = folder.join("job.yaml");
    std::fs::write(&config, small_config(folder) + "    products: {path: products}\naudit: {complete_lag_days_max: 30}\n").expect("a config");
    let (code, _, error) = told(&run(&["run", &config.display().to_string()]));
    assert_eq!(code, 0, "{error}");
    published::live(&folder.join("out"), "small").expect("it is live")
}

/// By hand: twenty customers earn 0.4, ten 0.1: 0.3 on average, which counts as one order beside the own three, since equal numbers of orders say nothing
/// of the variance within customers. So (3 x 0.4 + 0.3) / 4 = 0.375, (3 x 0.1 + 0.3) / 4 = 0.15, and 0.3 for who did not order in the year.
#[test]
fn margin_is_known_where_cost_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let published = published(folder.path(), true);
    let sources = published.texts("customer_links", "source_customer_id");
    let linked = published.texts("customer_links", "customer_id");
    let customer = |id: &String| sources[linked.iter().position(|other| other == id).expect("linked")][1..].parse::<usize>().expect("a number");
    let known = |column: &str| published.numbers("scores", column).into_iter().map(|value| value.expect("known")).collect::<Vec<f64>>();
    let ids = published.texts("scores", "customer_id");
    assert_eq!(ids.len(), 31);
    for (value, margin) in [("expected_value_minor", "expected_margin_minor"), ("life_value_minor", "life_margin_minor")] {
        assert!(known(value).iter().filter(|value| **value > 100.0).count() > 20, "{:?}", known(value));
        for ((id, value), margin) in ids.iter().zip(known(value)).zip(known(margin)) {
            let share = match customer(id) {
                30 => 0.3,
                customer if customer % 3 == 0 => 0.15,
                _ => 0.375,
            };
            assert!((margin - share * value).abs() <= 1.0, "customer {}: {margin} of {value}", customer(id));
        }
    }
}

/// Without a column of costs there is no margin, and everything else is as it was.
#[test]
fn margin_is_unknown_where_no_cost_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let published = published(folder.path(), false);
    assert!(published.numbers("scores", "expected_value_minor").iter().all(Option::is_some));
    for column in ["expected_margin_minor", "life_margin_minor"] {
        assert!(published.numbers("scores", column).iter().all(Option::is_none), "{column}");
    }
}
