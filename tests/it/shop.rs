//! The simulated shop: its bytes, its truth, and what the program makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parquet::basic::Compression;
use regulars_tests::lake::small_lines_with;
use regulars_tests::parquet_file::{Cells, floats, texts, write};
use regulars_tests::{files, published, root};

use crate::{quickstart, run, small_config, told};

pub fn sample(out: &Path, more: &[&str]) {
    let out = out.display().to_string();
    let mut arguments = vec!["sample", "--out", &out];
    arguments.extend(more);
    let (code, _, error) = told(&run(&arguments));
    assert_eq!(code, 0, "{error}");
}

/// Every file below a folder: its path there, and its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let below = |path: &Path| path.strip_prefix(folder).expect("below").to_owned();
    files(folder).into_iter().map(|path| (below(&path), std::fs::read(&path).expect("a file"))).collect()
}

/// The command that made `data-samples`, as its README states it.
const SAMPLE: [&str; 12] = ["--customers", "2000", "--until", "2026-06-30", "--months", "24", "--products", "200", "--lines-per-customer", "25", "--seed", "1"];

#[test]
fn the_sample_lake_is_what_the_program_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    sample(folder.path(), &SAMPLE);
    for part in ["lake", "truth"] {
        let (made, kept) = (contents(&folder.path().join(part)), contents(&root().join("data-samples").join(part)));
        assert!(made == kept, "regulars sample {} --out data-samples", SAMPLE.join(" "));
        if part == "lake" {
            let bytes: usize = kept.values().map(Vec::len).sum();
            assert!(bytes < 3_000_000, "{bytes} bytes");
        }
    }
}

#[test]
fn the_lake_to_a_day_is_a_prefix_of_the_lake_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = |until: &str| {
        let out = folder.path().join(until);
        sample(&out, &["--customers", "150", "--until", until, "--months", "6", "--seed", "7"]);
        contents(&out.join("lake"))
    };
    let (day, next) = (make("2026-03-28"), make("2026-03-29"));
    assert!(next.len() > day.len());
    assert!(day.iter().all(|(path, bytes)| next.get(path) == Some(bytes)));
}

#[test]
fn everyone_is_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(quickstart(folder.path(), &[]).status.code(), Some(0));
    let published = published::live(folder.path(), "quickstart").expect("it is live");
    let everyone = published.rows("customers");
    let outputs = published.texts("withheld", "output");
    let withheld = |output: &str| outputs.iter().filter(|name| *name == output).count() as u64;
    for table in ["features", "scores", "groups"] {
        assert_eq!(published.rows(table) + withheld(table), everyone, "{table}");
    }
    let churn = published.numbers("scores", "churn_probability").iter().flatten().count() as u64;
    assert!(churn > 100);
    assert_eq!(churn + withheld("churn_probability"), everyone);
    for campaign in ["win_back", "thank_you"] {
        let (list, out) = (published.rows(&format!("target_lists/{campaign}")), published.rows(&format!("exclusions/{campaign}")));
        assert!(list > 20);
        assert_eq!(list + out, everyone, "{campaign}");
        let arms = published.texts(&format!("target_lists/{campaign}"), "arm");
        let treated = arms.iter().filter(|arm| *arm == "treatment").count();
        assert!(treated < arms.len(), "{campaign} has a control arm");
        let file = published.manifest.files.iter().find(|file| file.path.contains(campaign)).expect("a file");
        let text = std::fs::read_to_string(published.folder.join(&file.path)).expect("the file");
        assert_eq!(text.matches("\r\n").count(), treated + 1, "header and treatment only");
    }
    // The late store's customers are withheld, and nobody else for that reason.
    let late = published.texts("withheld", "reason").iter().filter(|reason| *reason == "late_store").count();
    assert_eq!(late % 4, 0);
    assert!(late > 400, "{late}");
    // Every row is read, used, or rejected by a rule.
    let (checks, values) = (published.texts("audit", "check"), published.numbers("audit", "value"));
    let unaccounted: Vec<f64> = checks.iter().zip(values).filter(|(check, _)| *check == "rows_unaccounted").filter_map(|(_, value)| value).collect();
    assert_eq!(unaccounted, vec![0.0; 9]);
}

#[test]
fn explain_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(quickstart(folder.path(), &[]).status.code(), Some(0));
    let published = published::live(folder.path(), "quickstart").expect("it is live");
    let listed = published.texts("target_lists/win_back", "customer_id");
    let store = format!("store.url={}", folder.path().display());
    let explain_of =
        |customer: &str, more: &[&str]| told(&run(&[&["explain", "configs/quickstart.yaml", "--set", &store, "--customer", customer], more].concat()));
    let explain = |customer: &str| explain_of(customer, &[]);
    let (code, text, _) = explain(&listed[0]);
    assert_eq!(code, 0);
    assert!(text.contains("  win_back: on the list, rank 1, arm "), "{text}");
    assert!(text.contains("  thank_you: left out, audience (all: audience: value_risk_group in [`high_value_loyal`]"), "{text}");
    assert!(text.contains("\nscores\n") && text.contains("  p_alive "), "{text}");
    let (code, _, error) = explain("nobody");
    assert_eq!(code, 2);
    assert!(
        error.contains(
            "--customer: expected a customer_id, or an id as a source calls a customer, of the live run (as of 2026-06-30; the table customer_links has them), got another text"
        ),
        "{error}"
    );
    // By what a source calls the same customer.
    let links = |column: &str| published.texts("customer_links", column);
    let place = links("customer_id").iter().position(|id| *id == listed[0]).expect("whose it is");
    let (source, id) = (&links("source")[place], &links("source_customer_id")[place]);
    assert_eq!([explain(id).1, explain_of(id, &["--source", source]).1], [text.clone(), text]);
    let (code, _, error) = explain_of(id, &["--source", "nowhere"]);
    assert!(code == 2 && error.contains("--customer: expected an id as that source calls a customer of the live run"), "{error}");
}

/// Customers of two sources that are called alike, and are two people: which is meant must be said.
#[test]
fn explain_asks_which_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = [
        ("source", texts(&["web", "shop"])),
        ("order_id", texts(&["o1", "o2"])),
        ("source_customer_id", texts(&["7", "7"])),
        ("ordered_at", Cells::Time(vec![Some(20_484 * 86_400_000_000); 2], true)),
        ("product_id", texts(&["tea"; 2])),
        ("quantity", floats(&[1.0; 2])),
        ("amount", floats(&[10.0, 25.0])),
    ];
    write(&folder.path().join("lines/part.parquet"), &lines, Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path())).expect("a config");
    let config = config.display().to_string();
    let (code, _, error) = told(&run(&["run", &config, "--set", "job.models=false"]));
    assert_eq!(code, 0, "{error}");
    let (code, _, error) = told(&run(&["explain", &config, "--customer", "7"]));
    assert!(code == 2 && error.contains("--customer: expected one customer of the live run"), "{error}");
    assert!(error.contains("got 2: --source says which (") && error.contains("web") && error.contains("shop"), "{error}");
    let (code, text, error) = told(&run(&["explain", &config, "--customer", "7", "--source", "shop"]));
    let value = text.lines().find_map(|line| line.strip_prefix("  value_minor "));
    assert_eq!((code, value.map(str::trim)), (0, Some("2500")), "{text}{error}");
}

fn run_on(lake: &Path, out: &Path) -> published::Published {
    let url = format!("lake.url={}", lake.join("lake").display());
    let (code, _, error) = told(&quickstart(out, &["--set", &url]));
    assert_eq!(code, 0, "{error}");
    published::live(out, "quickstart").expect("it is live")
}

/// 50,000 people with exponential gaps are what BG/NBD assumes: its 90-day return must be calibrated.
#[test]
fn bg_nbd_is_calibrated_on_its_own_world() {
    let folder = tempfile::tempdir().expect("a folder");
    sample(folder.path(), &["--customers", "50000", "--until", "2026-06-30", "--gap-shape", "1", "--seed", "3"]);
    let published = run_on(folder.path(), &folder.path().join("out"));
    let error = published.grade("bg_nbd", "return", 90.0, "calibration_error");
    assert!(error < 0.02, "calibration error {error}");
}

/// Every model scores the sample lake and is graded there. Its people's gaps are of mixed shapes, more regular than at
/// random: that is found out, and foretells best. Who never leaves, as the NBD has it, is expected back far too often.
#[test]
fn every_cycle_model_scores_and_the_shops_own_is_best() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log_loss = BTreeMap::new();
    for (model, name) in
        [("nbd", "nbd"), ("bg_nbd", "bg_nbd"), ("mbg_nbd", "mbg_nbd"), ("bg_cnbd_k", "bg_cnbd_2"), ("mbg_cnbd_k", "mbg_cnbd_2"), ("pareto_nbd", "pareto_nbd")]
    {
        let out = folder.path().join(model);
        let (code, text, error) = told(&quickstart(&out, &["--set", &format!("cycle.model={model}")]));
        assert_eq!(code, 0, "{error}");
        assert!(text.contains(&format!("return in 90 days, {name}")), "{text}");
        let published = published::live(&out, "quickstart").expect("it is live");
        log_loss.insert(model, published.grade(name, "return", 30.0, "log_loss"));
        // Value over three years is more than in 90 days, but for what 10 % a year take off the orders of these days; both are known of everyone.
        let worth = |column: &str| published.numbers("scores", column).into_iter().map(|value| value.expect("known")).collect::<Vec<f64>>();
        let (soon, life) = (worth("expected_value_minor"), worth("life_value_minor"));
        assert!(soon.iter().zip(&life).all(|(soon, life)| 0.0 <= *soon && soon * 0.98 - 1.0 <= *life), "{model}");
        assert!(soon.iter().sum::<f64>() > 0.0 && soon != life, "{model}");
    }
    let regular = log_loss["bg_cnbd_k"].max(log_loss["mbg_cnbd_k"]);
    assert!(["nbd", "bg_nbd", "mbg_nbd", "pareto_nbd"].iter().all(|model| log_loss[model] > regular), "{log_loss:?}");
    assert!(log_loss["nbd"] > 1.3 * regular, "{log_loss:?}");
}

/// Candidates are graded at the training dates, whose labels are over on the test date; the best of them scores, and is graded on the test date.
#[test]
fn the_candidate_that_foretold_best_scores() {
    let folder = tempfile::tempdir().expect("a folder");
    let candidates = "cycle.candidates=[nbd, mbg_nbd, bg_cnbd_k]";
    let (code, text, error) = told(&quickstart(folder.path(), &["--set", candidates, "--set", "cycle.choose=best"]));
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("candidate bg_cnbd_k") && text.contains("return in 30 days, bg_cnbd_2"), "{text}");
    let published = published::live(folder.path(), "quickstart").expect("it is live");
    let column = |name: &str| published.texts("model_grades", name);
    let (models, targets, metrics, slices) = (column("model"), column("target"), column("metric"), column("slice"));
    let (vintages, horizons) = (published.numbers("model_grades", "vintage"), published.numbers("model_grades", "horizon_days"));
    let values = published.numbers("model_grades", "value");
    let test = vintages.iter().zip(&targets).filter(|(_, target)| *target == "return").filter_map(|(vintage, _)| *vintage).fold(0.0, f64::max);
    // Mean over dates and horizons, by customers graded.
    let judged = |model: &str| {
        let at = |metric: &str| -> Vec<f64> {
            let is = |row: &usize| {
                models[*row] == model && targets[*row] == "return" && metrics[*row] == metric && slices[*row] == "all" && vintages[*row] < Some(test)
            };
            (0..models.len())
                .filter(is)
                .map(|row| {
                    assert!(vintages[row].zip(horizons[row]).is_some_and(|(vintage, days)| vintage + days <= test), "a label that was not over");
                    values[row].expect("a figure")
                })
                .collect()
        };
        let (losses, counts) = (at("log_loss"), at("customers"));
        assert!(losses.len() >= 4 && losses.len() == counts.len(), "{model}: {losses:?}");
        losses.iter().zip(&counts).map(|(loss, count)| loss * count).sum::<f64>() / counts.iter().sum::<f64>()
    };
    assert!(judged("bg_cnbd_2") < judged("mbg_nbd") && judged("mbg_nbd") < judged("nbd"));
}

/// The mixed shop: the churn model is trained on dates whose labels were over on the test date, and graded there.
#[test]
fn the_churn_model_is_calibrated_on_a_later_date() {
    let folder = tempfile::tempdir().expect("a folder");
    sample(folder.path(), &["--customers", "50000", "--until", "2026-06-30", "--seed", "4"]);
    let published = run_on(folder.path(), &folder.path().join("out"));
    let error = published.grade("logistic", "churn", 90.0, "calibration_error");
    assert!(error < 0.03, "calibration error {error}");
    let (model, rule) = (published.grade("logistic", "churn", 90.0, "log_loss"), published.grade("inactivity_rule", "churn", 90.0, "log_loss"));
    assert!(model < rule, "log-loss {model} of the model, {rule} of the rule");
    assert!(published.grade("bg_nbd", "churn", 90.0, "auc") > 0.5);
}

/// Consent that nobody was asked for may be waived; an objection or a withdrawal may not.
#[test]
fn an_objection_always_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(quickstart(folder.path(), &["--set", "campaign_defaults.consent_required=false"]).status.code(), Some(0));
    let published = published::live(folder.path(), "quickstart").expect("it is live");
    let all = published.texts("exclusions/thank_you", "all_reasons");
    let with = |reason: &str| all.iter().filter(|reasons| reasons.split("; ").any(|one| one == reason)).count();
    assert!(with("objected") > 5 && with("consent_withdrawn") > 20);
    assert_eq!(with("consent_unknown"), 0);
}

/// Files of a day each or of a month each are one lake: the day of recording is a folder's name there, a column here.
#[test]
fn the_lake_by_month_is_the_lake_by_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = ["--customers", "400", "--until", "2026-06-30", "--seed", "7"];
    let digests = |files: &str, recorded: &str| {
        let place = folder.path().join(files);
        sample(&place, &[&shop[..], &["--files", files]].concat());
        let (url, column) = (format!("lake.url={}/lake", place.display()), format!("lake.tables.order_lines.columns={{recorded_at: {recorded}}}"));
        let out = place.join("out");
        let (code, _, error) = told(&quickstart(&out, &["--set", &url, "--set", &column]));
        assert_eq!(code, 0, "{error}");
        let mut digests = published::live(&out, "quickstart").expect("it is live").digests();
        // The churn artefact has a digest of what it was trained by, the mapping of columns too.
        digests.retain(|table, _| !table.contains("definitions") && !table.contains("models/churn"));
        digests
    };
    let by_day = digests("day", "recorded_on");
    assert!(by_day.len() > 10);
    assert_eq!(by_day, digests("month", "recorded_at"));
}

/// What was taken off, from each of the columns that may tell. By hand: ann paid 6.00 of 10.00 (2.00 at the shelf, 1.50 and 0.50 by coupons) and 5.00 of
/// 5.00: 4 of 15, 4 of 10 where something was, a coupon in one of two lines. bob's line tells its regular amount, 8.00, of which he paid 7.00, and of no coupon.
#[test]
fn discounts_reach_the_features() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [("o1", "ann", 20_400, 1.0, 6.0), ("o2", "ann", 20_410, 1.0, 5.0), ("o3", "bob", 20_420, 1.0, 7.0)];
    let column = |values: [Option<f64>; 3]| Cells::Float(values.to_vec());
    let more = [
        ("regular_amount", column([None, None, Some(8.0)])),
        ("discount_shelf", column([Some(2.0), Some(0.0), None])),
        ("discount_coupon_sponsor", column([Some(-1.5), Some(0.0), None])),
        ("discount_coupon_store", column([Some(-0.5), None, None])),
    ];
    small_lines_with(&folder.path().join("lines/part.parquet"), &rows, &more, Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    // What a run kept that had no use for discounts tells none.
    for (features, as_of) in [("", "2025-11-30"), ("features: {promotion: {windowed: [coupon_line_share, discount_rate, discount_depth]}}\n", "2025-12-01")] {
        std::fs::write(&config, small_config(folder.path()) + features).expect("a config");
        let (code, text, error) = told(&run(&["run", &config.display().to_string(), "--as-of", as_of]));
        assert_eq!(code, 0, "{text}{error}");
    }
    let live = published::live(&folder.path().join("out"), "small").expect("it is live");
    let ann = live.numbers("features", "discount_rate_365d").iter().position(|rate| rate.is_some_and(|rate| (rate - 4.0 / 15.0).abs() < 1e-12)).expect("ann's");
    let of = |column: &str| {
        let values = live.numbers("features", &format!("{column}_365d"));
        (values[ann], values[1 - ann])
    };
    assert_eq!(of("discount_rate"), (Some(4.0 / 15.0), Some(1.0 / 8.0)));
    assert_eq!(of("discount_depth"), (Some(4.0 / 10.0), Some(1.0 / 8.0)));
    assert_eq!(of("coupon_line_share"), (Some(0.5), None));
}

/// A discount that is no number is told of where something is made of it, and looked at nowhere else.
#[test]
fn what_nothing_is_made_of_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [("o1", "ann", 20_400, 1.0, 6.0), ("o2", "ann", 20_410, 1.0, 5.0), ("o3", "bob", 20_420, 1.0, 7.0)];
    let shelf = [("discount_shelf", Cells::Float(vec![Some(f64::NAN), None, None]))];
    small_lines_with(&folder.path().join("lines/part.parquet"), &rows, &shelf, Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    let run_with = |features: &str| {
        std::fs::write(&config, small_config(folder.path()) + features).expect("a config");
        told(&run(&["run", &config.display().to_string(), "--as-of", "2025-12-01"]))
    };
    let (code, _, error) = run_with("");
    assert_eq!(code, 0, "{error}");
    let (code, _, error) = run_with("features: {promotion: {windowed: [discount_rate]}}\n");
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("table order_lines: column discount_shelf: expected a finite number, got NaN or infinity"), "{error}");
}
