//! Who left, by each definition, as `training_snapshots` has it; and who is asked for at all.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::basic::Compression;
use regulars_tests::parquet_file::{Cells, floats, texts, write};
use regulars_tests::published::{self, Published};

use crate::{run, small_config, told};

/// The newest date of the grid that lies 90 days before 2026-01-31.
const TEST_DATE: i64 = 20_370;

/// Customer, day from the test date, units, amount.
type Line = (&'static str, i64, f64, f64);

/// By hand, at the test date:
/// - a: 20.00 in the 90 days before, 4.00 in those after;
/// - b: 20.00 before, 12.00 after, and as much a year before as after;
/// - c: one order before, one after; d: one order before, none after;
/// - e: two orders, both of which came back before;
/// - f: two orders, none after, of a store that closes 30 days after;
/// - g: two orders long ago;
/// - h: orders every ten days until five days before, then twelve days after;
/// - i: two orders, none after, who moves 30 days after; j: two orders, none after, who died;
/// - k: two orders, none after, who moved before the last one.
const LINES: [Line; 29] = [
    ("a", -100, 1.0, 10.0),
    ("a", -50, 1.0, 10.0),
    ("a", -5, 1.0, 10.0),
    ("a", 10, 1.0, 4.0),
    ("b", -380, 1.0, 8.0),
    ("b", -350, 1.0, 12.0),
    ("b", -40, 1.0, 10.0),
    ("b", -20, 1.0, 10.0),
    ("b", 30, 1.0, 12.0),
    ("c", -30, 1.0, 10.0),
    ("c", 5, 1.0, 10.0),
    ("d", -20, 1.0, 10.0),
    ("e", -60, 1.0, 10.0),
    ("e", -58, -1.0, -10.0),
    ("e", -45, 1.0, 10.0),
    ("e", -40, -1.0, -10.0),
    ("f", -33, 1.0, 10.0),
    ("f", -3, 1.0, 10.0),
    ("g", -300, 1.0, 10.0),
    ("g", -200, 1.0, 10.0),
    ("h", -15, 1.0, 10.0),
    ("h", -5, 1.0, 10.0),
    ("h", 12, 1.0, 10.0),
    ("i", -33, 1.0, 5.0),
    ("i", -3, 1.0, 5.0),
    ("j", -33, 1.0, 10.0),
    ("j", -3, 1.0, 10.0),
    ("k", -33, 1.0, 0.0),
    ("k", -3, 1.0, 0.0),
];

fn published(folder: &Path, churn: &str) -> Published {
    let column = |pick: &dyn Fn(&Line) -> String| Cells::Text(LINES.iter().map(|line| Some(pick(line))).collect());
    // What came back names the order before it.
    let returned = |(customer, day, units, _): &Line| (*units < 0.0).then(|| format!("{customer}{}", if *day == -58 { -60 } else { -45 }));
    let columns = [
        ("order_id", column(&|line| format!("{}{}", line.0, line.1))),
        ("source_customer_id", column(&|line| line.0.to_owned())),
        ("ordered_at", Cells::Time(LINES.iter().map(|line| Some((TEST_DATE + line.1) * 86_400_000_000 + 43_200_000_000)).collect(), true)),
        ("product_id", texts(&["p"; LINES.len()])),
        ("quantity", floats(&LINES.map(|line| line.2))),
        ("amount", floats(&LINES.map(|line| line.3))),
        ("return_of_order_id", Cells::Text(LINES.iter().map(returned).collect())),
    ];
    write(&folder.join("lines/part.parquet"), &columns, Compression::SNAPPY);
    let customers = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    let stores = customers.map(|customer| if customer == "f" { "closing" } else { "open" });
    let moved_out_on = |customer: &str| [("i", 30), ("k", -20)].into_iter().find(|moved| moved.0 == customer).map(|moved| TEST_DATE as i32 + moved.1);
    let columns = [
        ("source_customer_id", texts(&customers)),
        ("home_store_id", texts(&stores)),
        ("account_type", texts(&customers.map(|customer| if ["h", "j"].contains(&customer) { "business" } else { "person" }))),
        ("deceased", Cells::Bool(customers.map(|customer| (customer != "a").then_some(customer == "j")).to_vec())),
        ("moved_out_on", Cells::Date(customers.map(moved_out_on).to_vec())),
    ];
    write(&folder.join("customers/part.parquet"), &columns, Compression::SNAPPY);
    let closed_on = Cells::Date(vec![None, Some(TEST_DATE as i32 + 30)]);
    write(&folder.join("stores/part.parquet"), &[("store_id", texts(&["open", "closing"])), ("closed_on", closed_on)], Compression::SNAPPY);
    let config = folder.join("job.yaml");
    let more =
        "    customers: {path: customers}\n    stores: {path: stores}\naudit: {complete_lag_days_max: 3000, late_store: publish}\nsnapshots: {publish: true}\n";
    std::fs::write(&config, small_config(folder) + more + churn).expect("a config");
    let (code, _, error) = told(&run(&["run", &config.display().to_string()]));
    assert_eq!(code, 0, "{error}");
    published::live(&folder.join("out"), "small").expect("it is live")
}

/// By customer, as the source calls them: the segment, and whether the customer left.
fn left(churn: &str) -> BTreeMap<String, (String, bool)> {
    let folder = tempfile::tempdir().expect("a folder");
    let run = published(folder.path(), churn);
    let links = run.texts("customer_links", "customer_id").into_iter().zip(run.texts("customer_links", "source_customer_id"));
    let names: BTreeMap<String, String> = links.collect();
    let (ids, segments) = (run.texts("training_snapshots", "customer_id"), run.texts("training_snapshots", "segment"));
    let (dates, churned) = (run.numbers("training_snapshots", "snapshot_date"), run.numbers("training_snapshots", "churned"));
    let at_test = (0..ids.len()).filter(|row| dates[*row] == Some(TEST_DATE as f64));
    at_test.map(|row| (names[&ids[row]].clone(), (segments[row].clone(), churned[row] == Some(1.0)))).collect()
}

fn expected(rows: &[(&str, &str, bool)]) -> BTreeMap<String, (String, bool)> {
    rows.iter().map(|(customer, segment, left)| ((*customer).to_owned(), ((*segment).to_owned(), *left))).collect()
}

/// Neither who only returned, nor whose store closes, nor who moves, died or was gone is asked for; who ordered once is by a model of its own, where the config says so.
#[test]
fn no_order_within_the_horizon() {
    assert_eq!(left(""), expected(&[("a", "established", false), ("b", "established", false), ("h", "established", false), ("k", "established", true)]));
    let all = [
        ("a", "established", false),
        ("b", "established", false),
        ("c", "newcomer", false),
        ("d", "newcomer", true),
        ("h", "established", false),
        ("k", "established", true),
    ];
    assert_eq!(left("churn: {newcomers: true}\n"), expected(&all));
    // Twelve days after, nobody but c and a had come.
    assert_eq!(left("churn: {horizon_days: 90, active_days: 19, gap_days_max: 20}\n"), expected(&[("h", "established", false)]));
}

/// a has a fifth of what it had, b six tenths; h is younger than what it would be held against.
#[test]
fn a_part_of_what_went_before() {
    let partial = |more: &str| left(&format!("churn: {{leaving: partial_defection{more}}}\n"));
    assert_eq!(partial(""), expected(&[("a", "established", true), ("b", "established", false)]));
    assert_eq!(partial(", value_share_max: 0.61"), expected(&[("a", "established", true), ("b", "established", true)]));
    // Only b was there a year before: 12.00 from 350 days before, against 12.00 now. All stores, as each is small, sold 110.00 in the 90 days before (a
    // 20, b 20, c 10, d 10, f 20, h 20, i 10; e nothing), and 8.00 in those before the year: 110 / 8 times 12.00 was to be expected.
    assert_eq!(partial(", baseline: year_ago"), expected(&[("b", "established", true)]));
    assert_eq!(partial(", baseline: year_ago, value_share_max: 0.07"), expected(&[("b", "established", false)]));
}

/// a is silent for one own gap of 47.5 days on day 43, b for one of 120 on day 100, too late; h for one of ten on day 5, and comes on day 12. For a quarter
/// of one: a on day 7, b on day 10, h before. k never comes again.
#[test]
fn silent_for_own_gaps() {
    let own = |gaps: &str| left(&format!("churn: {{leaving: own_cycle, own_gaps: {gaps}}}\n"));
    assert_eq!(own("1.0"), expected(&[("a", "established", false), ("h", "established", true), ("k", "established", true)]));
    assert_eq!(own("1.7"), expected(&[("a", "established", false), ("h", "established", false), ("k", "established", true)]));
    assert_eq!(own("0.25"), expected(&[("a", "established", true), ("b", "established", true), ("k", "established", true)]));
}

/// Nobody writes to the dead, nor to accounts that are left out; who only moved may still order.
#[test]
fn no_list_holds_the_dead() {
    let folder = tempfile::tempdir().expect("a folder");
    let campaign =
        "campaigns:\n  all: {audience: [{order_count: {at_least: 1}}], order_by: tenure_days, size: 20, consent_required: false, address_required: false}\n";
    let run = published(folder.path(), &format!("customers: {{leave_out_account_types: [business]}}\n{campaign}"));
    let names: BTreeMap<String, String> =
        run.texts("customer_links", "customer_id").into_iter().zip(run.texts("customer_links", "source_customer_id")).collect();
    let named = |table: &str| run.texts(table, "customer_id").into_iter().map(|id| names[&id].clone());
    let mut on_list: Vec<String> = named("target_lists/all").collect();
    on_list.sort_unstable();
    assert_eq!(on_list, ["a", "b", "c", "d", "e", "f", "g", "i", "k"]);
    let left_out: BTreeMap<String, String> = named("exclusions/all").zip(run.texts("exclusions/all", "reason")).collect();
    let expected = [("h", "account_type"), ("j", "deceased")].map(|(customer, reason)| (customer.to_owned(), reason.to_owned()));
    assert_eq!(left_out, BTreeMap::from(expected));
    // Of the nine others nobody has an address.
    let reached = run.texts("audit", "check").into_iter().zip(run.texts("audit", "consequence")).find(|(check, _)| check == "contactable_share");
    assert_eq!(reached.map(|found| found.1), Some("0 of 9 customers; the others: no_address 9".to_owned()));
}

/// At as_of, those who are not asked for are told why.
#[test]
fn who_is_not_asked_for_is_told_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = published(folder.path(), "churn: {active_days: 400, horizon_days: 20}\n");
    let names: BTreeMap<String, String> =
        run.texts("customer_links", "customer_id").into_iter().zip(run.texts("customer_links", "source_customer_id")).collect();
    let (ids, outputs, reasons) = (run.texts("withheld", "customer_id"), run.texts("withheld", "output"), run.texts("withheld", "reason"));
    let told: BTreeMap<&str, &str> =
        (0..ids.len()).filter(|row| outputs[*row] == "churn_probability").map(|row| (names[&ids[row]].as_str(), reasons[row].as_str())).collect();
    let no_model = ["a", "b", "c", "h"].map(|customer| (customer, "no_model"));
    let others = [
        ("d", "too_little_history"),
        ("e", "returned_only"),
        ("f", "store_closed"),
        ("g", "no_model"),
        ("i", "moved_out"),
        ("j", "deceased"),
        ("k", "no_model"),
    ];
    assert_eq!(told, no_model.into_iter().chain(others).collect());
    // Nothing at all is made of who died.
    let of_j: Vec<&str> = (0..ids.len()).filter(|row| names[&ids[*row]] == "j").map(|row| outputs[row].as_str()).collect();
    assert_eq!(of_j, ["features", "scores", "churn_probability", "groups"]);
}
