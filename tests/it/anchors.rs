//! Known answers of other programs.

use regulars::columnar::File;
use regulars::models::cycle::bg_nbd::{Expectation, Parameters, fit};
use regulars::models::cycle::{Cell, Cells};
use regulars::time::Day;
use regulars_tests::{data, lake};

/// Cells of the CDNOW sample: calibration 1997-01-01 to 1997-09-30, T from the first order's day to its end.
fn cdnow_cells(folder: &std::path::Path) -> Cells {
    let store = lake::local(&folder.join("cdnow"));
    let entry = store.head("sample.parquet").expect("the store answers").expect("the sample");
    let file = File::open(&store, &entry).expect("a file");
    let positions = [file.position("customer_id").expect("ids"), file.position("date").expect("dates")];
    let mut batches = file.batches(&positions);
    let end = Day::parse("1997-09-30").expect("a date").0;
    let mut days: std::collections::BTreeMap<String, Vec<i64>> = Default::default();
    while let Some((rows, columns)) = batches.next_batch().expect("rows") {
        for row in 0..rows {
            let id = columns[0].text(row).map(str::to_owned).or(columns[0].int(row).map(|id| id.to_string())).expect("an id");
            let day = columns[1].int(row).expect("a date");
            if day <= i64::from(end) {
                days.entry(id).or_default().push(day);
            }
        }
    }
    let mut cells = Vec::new();
    for mut own in days.into_values() {
        own.sort_unstable();
        own.dedup();
        let (first, last) = (own[0], own[own.len() - 1]);
        let cell = Cell { x: own.len() as u32 - 1, t_x: (last - first) as u32, observed: (i64::from(end) - first) as u32 };
        cells.push(cell);
    }
    Cells::of(cells)
}

fn close(found: f64, expected: f64, relative: f64, what: &str) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{what}: expected {expected}, got {found}");
}

/// Hardie's spreadsheet and lifetimes 0.11.3: r 0.24259, alpha 4.41360 weeks, a 0.79292, b 2.42591, log-likelihood -9582.4292.
#[test]
fn bg_nbd_on_cdnow() {
    let Some(folder) = data("bg_nbd_on_cdnow") else { return };
    let cells = cdnow_cells(&folder);
    assert_eq!(cells.customers(), 2357);
    let repeat_days: u64 = cells.counts().iter().map(|(cell, count)| u64::from(cell.x) * count).sum();
    assert_eq!(repeat_days, 2457);
    let fit = fit(&cells).expect("converges");
    close(fit.parameters.r, 0.2426, 1e-3, "r");
    close(fit.parameters.alpha / 7.0, 4.4136, 1e-3, "alpha");
    close(fit.parameters.a, 0.7929, 1e-3, "a");
    close(fit.parameters.b, 2.4259, 1e-3, "b");
    let weekly = fit.log_likelihood + repeat_days as f64 * 7f64.ln();
    assert!((weekly + 9582.4292).abs() < 1e-3, "log-likelihood {weekly}");
    // Customer 1516 in the next 52 weeks, and a new customer (anchors: 25.759 and 1.444).
    let published = Parameters { r: 0.24259, alpha: 4.41360 * 7.0, a: 0.79292, b: 2.42591 };
    let year = Expectation::new(published, 364.0, std::iter::empty());
    assert!((year.orders(Cell { x: 26, t_x: 216, observed: 217 }) - 25.759).abs() < 2e-3);
    assert!((year.orders(Cell { x: 0, t_x: 0, observed: 0 }) - 1.444).abs() < 1e-3);
}

/// mpmath with 50 digits: tests/reference/bg_nbd.py and what it printed.
#[test]
fn bg_nbd_at_its_extremes() {
    let text = include_str!("../reference/bg_nbd.csv");
    let mut rows = text.lines();
    let header: Vec<&str> = rows.next().expect("a header").split(',').collect();
    assert_eq!(header[..4], ["r", "alpha", "a", "b"]);
    let mut count = 0;
    for row in rows.filter(|row| !row.trim().is_empty()) {
        let values: Vec<f64> = row.split(',').map(|value| value.trim().parse().expect("a number")).collect();
        let [r, alpha, a, b, x, t_x, t, horizon, log_likelihood, p_alive, returns, orders] = values[..] else { panic!("{row}") };
        let parameters = Parameters { r, alpha, a, b };
        let cell = Cell { x: x as u32, t_x: t_x as u32, observed: t as u32 };
        let found = parameters.log_likelihood(cell).0;
        assert!((found - log_likelihood).abs() <= 1e-8 * log_likelihood.abs().max(1.0), "log-likelihood {found}: {row}");
        close(parameters.p_alive(cell), p_alive, 1e-8, row);
        close(parameters.return_probability(cell, horizon), returns, 1e-8, row);
        close(Expectation::new(parameters, horizon, std::iter::empty()).orders(cell), orders, 1e-8, row);
        count += 1;
    }
    assert!(count >= 20, "{count} cases");
}
