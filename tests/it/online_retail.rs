//! The public Online Retail set, raw.

use regulars_tests::{data, published};

use crate::{run, told};

#[test]
fn online_retail_reconciles() {
    if data("online_retail_reconciles").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("store.url={}", folder.path().display());
    let (code, text, error) = told(&run(&["run", "configs/online-retail.yaml", "--set", &store]));
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("customers  4338 known, 4338 of them with an order"), "{text}");
    let published = published::live(folder.path(), "online-retail").expect("it is live");
    let (checks, subjects, values) = (published.texts("audit", "check"), published.texts("audit", "subject"), published.numbers("audit", "value"));
    let value = |check: &str, subject: &str| {
        let row = (0..checks.len()).find(|&row| checks[row] == check && subjects[row] == subject).expect("the check is there");
        values[row].expect("a value")
    };
    // The data set's documentation: 541,909 lines; 397,884 with a customer once cancellations and prices <= 0 are left out.
    assert_eq!(value("rows_read", "order_lines"), 541_909.0);
    let rejected = value("rows_rejected", "order_lines: cancelled") + value("rows_rejected", "order_lines: no_price");
    assert_eq!(value("rows_used", "order_lines") + rejected, 541_909.0);
    let anonymous = value("anonymous_line_share", "order_lines") * value("rows_used", "order_lines");
    assert_eq!((value("rows_used", "order_lines") - anonymous).round(), 397_884.0);
}
