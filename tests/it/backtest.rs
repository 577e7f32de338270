//! `regulars backtest`: rules by hand, models on the sample lake, and nothing published.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::basic::Compression;
use regulars::time::Day;
use regulars_tests::lake::small_lines_with;
use regulars_tests::{data, files, published};

use crate::{quickstart, run, small_config, told};

/// What is asked of a table of figures: model, vintages, target, days, slice and metric.
type Key = (String, i64, String, i64, String, String);

fn texts_of(folder: &Path, file: &str, column: &str) -> Vec<String> {
    published::texts(&published::column(folder, file, column))
}

fn numbers_of(folder: &Path, file: &str, column: &str) -> Vec<f64> {
    published::column(folder, file, column).iter().flat_map(|part| (0..part.len()).map(|row| part.float(row).expect("known")).collect::<Vec<_>>()).collect()
}

/// All figures in a file that `--out` wrote.
fn figures(folder: &Path, file: &str) -> BTreeMap<Key, f64> {
    let (texts, numbers) = (|name: &str| texts_of(folder, file, name), |name: &str| numbers_of(folder, file, name));
    let (models, targets, slices, metrics) = (texts("model"), texts("target"), texts("slice"), texts("metric"));
    let (vintages, days, values) = (numbers("vintages"), numbers("horizon_days"), numbers("value"));
    let dates = numbers("vintage");
    let newest = dates.iter().copied().fold(0.0, f64::max);
    // One date alone is asked for as the newest.
    let asked = |row: &usize| vintages[*row] > 1.0 || dates[*row] == newest;
    let key = |row: usize| (models[row].clone(), vintages[row] as i64, targets[row].clone(), days[row] as i64, slices[row].clone(), metrics[row].clone());
    (0..models.len()).filter(asked).map(|row| (key(row), values[row])).collect()
}

fn figure(all: &BTreeMap<Key, f64>, model: &str, vintages: i64, (target, days): (&str, i64), slice: &str, metric: &str) -> f64 {
    let key = (model.to_owned(), vintages, target.to_owned(), days, slice.to_owned(), metric.to_owned());
    *all.get(&key).unwrap_or_else(|| panic!("no figure {key:?}"))
}

/// Four customers by hand. The grid's newest date that lies 90 days before 2026-01-31 (day 20,484) is day 20,370.
#[test]
fn rules_are_graded_as_by_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    let days: [(&str, &[i64]); 4] = [("a", &[-100, -70, -40, -10, 20, 50]), ("b", &[-60, 5]), ("c", &[-90, -85]), ("d", &[-350, -20, 10, 15])];
    let orders: Vec<(String, &str, i64)> =
        days.iter().flat_map(|(customer, days)| days.iter().map(move |day| (format!("{customer}{day}"), *customer, 20_370 + day))).collect();
    let rows: Vec<(&str, &str, i64, f64, f64)> = orders.iter().map(|(order, customer, day)| (order.as_str(), *customer, *day, 1.0, 2.5)).collect();
    small_lines_with(&folder.path().join("lines/part.parquet"), &rows, &[], Compression::SNAPPY);
    let (config, out) = (folder.path().join("job.yaml"), folder.path().join("figures.parquet"));
    std::fs::write(&config, small_config(folder.path()) + "cycle: {candidates: []}\nbacktest: {vintages: 1}\n").expect("a config");
    let (code, text, error) = told(&run(&["backtest", &config.display().to_string(), "--out", &out.display().to_string()]));
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("within 30 days  1 dates, 2025-10-09 to 2025-10-09: 4 forecasts, 75.0 % ordered"), "{text}");
    let found = figures(folder.path(), "figures.parquet");
    let is = |model: &str, of: (&str, i64), metric: &str, by_hand: f64| {
        let value = figure(&found, model, 1, of, "all", metric);
        assert!((value - by_hand).abs() < 1e-9, "{model} {of:?} {metric}: {value}, by hand {by_hand}");
    };
    // Within 30 days came 1, 1, 0 and 2 order days. Own rates: 3 in 100 days, none, 1 in 90, 1 in 350.
    let month = ("orders", 30);
    is("zero", month, "observed", 1.0);
    is("zero", month, "mean_error", 1.0);
    is("zero", month, "bias", -1.0);
    is("own_rate", month, "mean_error", (0.1 + 1.0 + 1.0 / 3.0 + (2.0 - 3.0 / 35.0)) / 4.0);
    is("own_rate", month, "root_squared_error", ((0.01 + 1.0 + 1.0 / 9.0 + (2.0f64 - 3.0 / 35.0).powi(2)) / 4.0).sqrt());
    // c has been silent for 85 days, more than two gaps of 5.
    is("own_rate_unless_silent", month, "mean_error", (0.1 + 1.0 + 0.0 + (2.0 - 3.0 / 35.0)) / 4.0);
    // 52 weeks before lies day -364: d ordered on -350.
    is("last_year", month, "mean_error", 3.0 / 4.0);
    is("zero", ("return", 30), "brier", 0.75);
    is("own_rate", ("return", 30), "brier", ((-0.9f64).exp().powi(2) + 1.0 + (1.0 - (-1.0f64 / 3.0).exp()).powi(2) + (-3.0f64 / 35.0).exp().powi(2)) / 4.0);
    // a came after 20 days, between 10 and 47 (0.03 a day), 4 from 24; d after 10, far before 101 to 486, 233 from 243; b never had a rate.
    is("own_rate", ("next_order", 90), "came", 3.0);
    is("own_rate", ("next_order", 90), "covered", 1.0 / 3.0);
    is("own_rate", ("next_order", 90), "median_error_days", 233.0);
    assert_eq!(figure(&found, "zero", 1, month, "one_time", "observed"), 1.0);
    assert_eq!(figure(&found, "zero", 1, month, "repeat", "customers"), 3.0);
    assert_eq!(std::fs::read_dir(folder.path().join("out")).expect("the store").count(), 0, "a back-test publishes nothing");
}

/// On the sample lake, which has gaps of several shapes and people who leave: a model that minds drop-outs and regularity foretells best, its
/// chances and dates are those that came, and recalibrating what was off brings it near. A second look takes what a run has kept, and tells the same.
#[test]
fn models_are_graded_on_the_sample_lake() {
    let folder = tempfile::tempdir().expect("a folder");
    let look = |file: &str| {
        let (store, out) = (format!("store.url={}", folder.path().join("out").display()), folder.path().join(file).display().to_string());
        let candidates = "cycle.candidates=[nbd, bg_nbd, bg_cnbd_k]";
        told(&run(&["backtest", "configs/quickstart.yaml", "--set", &store, "--set", candidates, "--out", &out]))
    };
    let (code, text, error) = look("first.parquet");
    assert_eq!(code, 0, "{text}{error}");
    assert!(error.contains("as nothing was kept") && !text.contains("not graded"), "{text}{error}");
    let found = figures(folder.path(), "first.parquet");
    let all = |model: &str, of: (&str, i64), metric: &str| figure(&found, model, 6, of, "all", metric);
    let (week, quarter) = (("return", 7), ("return", 90));
    let loss = |model: &str, of: (&str, i64)| all(model, of, "log_loss");
    assert!(loss("bg_cnbd_2", week) < loss("bg_nbd", week) && loss("bg_nbd", week) < loss("nbd", week));
    assert!(loss("nbd", quarter) < loss("own_rate", quarter), "a rule that is certain pays for it");
    for of in [("return", 30), quarter] {
        let (error, noise) = (all("bg_cnbd_2", of, "calibration_error"), all("bg_cnbd_2", of, "calibration_noise"));
        assert!(error < 3.0 * noise, "{of:?}: {error} against {noise}");
        assert!(all("nbd_recalibrated", of, "calibration_error") < 0.2 * all("nbd", of, "calibration_error"), "{of:?}");
    }
    let (covered, bias) = (all("bg_cnbd_2", ("next_order", 90), "covered"), all("bg_cnbd_2", ("orders", 90), "bias"));
    assert!(all("boosted", quarter, "log_loss") < 1.01 * loss("bg_cnbd_2", quarter).min(loss("bg_nbd", quarter)), "trees start from the best");
    assert!((0.45..0.6).contains(&covered) && bias.abs() < 0.05, "{covered} {bias}");
    assert!(all("bg_cnbd_2", ("orders", 90), "pit_distance") < 0.03 && all("nbd", ("orders", 90), "pit_distance") > 0.1);

    let (code, _, error) = told(&quickstart(&folder.path().join("out"), &[]));
    assert_eq!(code, 0, "{error}");
    let files = || files(&folder.path().join("out"));
    let before = files();
    let (code, again, error) = look("second.parquet");
    assert!(code == 0 && error.contains("0 of") && again == text, "{error}");
    let bytes = |file: &str| std::fs::read(folder.path().join(file)).expect("figures");
    assert!(bytes("first.parquet") == bytes("second.parquet") && files() == before);
}

/// The columns of a table of figures, as texts and as numbers.
type Figures<'a> = (&'a dyn Fn(&str) -> Vec<String>, &'a dyn Fn(&str) -> Vec<f64>);

/// The bits of figures of due lists at one date alone, by model, days and metric; `vintages` says of each row on how many dates it was graded.
fn due_at(date: &str, (texts, numbers): Figures<'_>, vintages: &[f64]) -> BTreeMap<(String, i64, String), u64> {
    let date = f64::from(Day::parse(date).expect("a date").0);
    let (models, targets, slices, metrics) = (texts("model"), texts("target"), texts("slice"), texts("metric"));
    let (dates, days, values) = (numbers("vintage"), numbers("horizon_days"), numbers("value"));
    let asked = |row: &usize| targets[*row] == "due" && dates[*row] == date && vintages[*row] == 1.0 && slices[*row] == "all";
    (0..models.len()).filter(asked).map(|row| ((models[row].clone(), days[row] as i64, metrics[row].clone()), values[row].to_bits())).collect()
}

/// What a look back says of due lists at a date is what the run says that was graded there: nothing that came later was looked at.
#[test]
fn due_lists_are_looked_back_on_as_runs_of_the_time_were_graded() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("figures.parquet").display().to_string();
    let store = format!("store.url={}", folder.path().join("nothing").display());
    let settings = ["--set", "cycle.candidates=[]", "--set", &store, "--out", &out];
    let (code, text, error) = told(&run(&[&["backtest", "configs/quickstart.yaml"], &settings[..]].concat()));
    assert!(code == 0 && text.contains("due within 14 days  6 dates, 2025-12-18 to 2026-05-07: "), "{text}{error}");
    let vintages = numbers_of(folder.path(), "figures.parquet", "vintages");
    for (as_of, test_date) in [("2026-06-30", "2026-05-07"), ("2026-04-07", "2026-02-12")] {
        let of_run = folder.path().join(as_of);
        assert_eq!(told(&quickstart(&of_run, &["--as-of", as_of])).0, 0);
        let run = published::live(&of_run, "quickstart").expect("it is live");
        let numbers = |name: &str| run.numbers("model_grades", name).into_iter().map(|value| value.expect("known")).collect::<Vec<f64>>();
        let then = due_at(test_date, (&|name| run.texts("model_grades", name), &numbers), &vec![1.0; run.rows("model_grades") as usize]);
        let back = due_at(
            test_date,
            (&|name| texts_of(folder.path(), "figures.parquet", name), &|name| numbers_of(folder.path(), "figures.parquet", name)),
            &vintages,
        );
        // The chain and five peers, three horizons, eight metrics.
        assert_eq!((then.len(), &then), (6 * 3 * 8, &back), "{as_of}");
    }
}

/// Real customers, at six dates: trees on features foretell returns better than every model and every rule, and say how sure they are.
#[test]
fn trees_foretell_best_on_online_retail() {
    if data("trees_foretell_best_on_online_retail").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (store, out) = (format!("store.url={}", folder.path().join("out").display()), folder.path().join("figures.parquet").display().to_string());
    let (code, text, error) = told(&run(&["backtest", "configs/online-retail.yaml", "--set", &store, "--out", &out]));
    assert!(code == 0 && text.contains("best by mean log-loss over all dates and horizons: boosted"), "{text}{error}");
    let found = figures(folder.path(), "figures.parquet");
    let models: std::collections::BTreeSet<&str> = found.keys().filter(|key| key.2 == "return").map(|key| key.0.as_str()).collect();
    assert!(models.len() > 10, "{models:?}");
    for of in [("return", 30), ("return", 90)] {
        let figure = |model: &str, metric: &str| figure(&found, model, 6, of, "all", metric);
        for other in models.iter().filter(|model| **model != "boosted") {
            for metric in ["log_loss", "brier"] {
                assert!(figure("boosted", metric) < figure(other, metric), "{of:?} {metric}: {other}");
            }
        }
        assert!(figure("boosted", "calibration_error") < 0.03, "{of:?}");
    }
}

/// The bounds of the interval of a figure over several dates.
fn bounds(folder: &Path, model: &str, slice: &str, metric: &str) -> [f64; 2] {
    let texts = |name: &str| texts_of(folder, "figures.parquet", name);
    let (models, slices, metrics, vintages) = (texts("model"), texts("slice"), texts("metric"), numbers_of(folder, "figures.parquet", "vintages"));
    let is = |row: &usize| vintages[*row] > 1.0 && models[*row] == model && slices[*row] == slice && metrics[*row] == metric;
    let row = (0..models.len()).find(is).unwrap_or_else(|| panic!("no interval of {model} {slice} {metric}"));
    let of = |name: &str| published::column(folder, "figures.parquet", name).iter().flat_map(|part| (0..part.len()).map(|row| part.float(row))).nth(row);
    ["low", "high"].map(|name| of(name).flatten().expect("an interval"))
}

/// What trees promise of who leaves, over several dates: better than both rules and the purchase-cycle model beyond chance, in log-loss and in profit, and
/// calibrated; against the logistic as `beats_logistic` says.
fn trees_know_who_leaves(folder: &Path, cycle: &str, vintages: i64, beats_logistic: bool) {
    let found = figures(folder, "figures.parquet");
    let figure = |model: &str, metric: &str| figure(&found, model, vintages, ("churn", 90), "all", metric);
    for other in ["inactivity_rule", "own_cycle_rule", cycle, "logistic"] {
        assert!(figure("trees", "log_loss") < figure(other, "log_loss") && figure("trees", "auc") > figure(other, "auc"), "{other}");
        let [lost, earned] =
            ["log_loss_difference", "expected_maximum_profit_difference_minor"].map(|metric| bounds(folder, "trees", &format!("against_{other}"), metric));
        if other != "logistic" || beats_logistic {
            assert!(lost[1] < 0.0 && earned[0] > if other == "logistic" { -5.0 } else { 0.0 }, "{other}: {lost:?} {earned:?}");
        }
    }
    assert!(figure("trees", "calibration_error") < 0.03);
    let area = bounds(folder, "trees", "all", "auc");
    assert!(area[0] < figure("trees", "auc") && figure("trees", "auc") < area[1], "{area:?}");
}

/// The three dates of which the anchors speak: later ones are not over, earlier ones have a month to learn from.
#[test]
fn trees_know_who_leaves_online_retail() {
    if data("trees_know_who_leaves_online_retail").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (store, out) = (format!("store.url={}", folder.path().join("out").display()), folder.path().join("figures.parquet").display().to_string());
    let settings = ["--set", &store, "--set", "backtest.vintages=3", "--set", "cycle.candidates=[]", "--out", &out];
    let (code, text, error) = told(&run(&[&["backtest", "configs/online-retail.yaml"], &settings[..]].concat()));
    assert!(code == 0 && text.contains("no order within 90 days  3 dates, 2011-06-25 to 2011-08-24: 4240 customers at dates"), "{text}{error}");
    trees_know_who_leaves(folder.path(), "bg_nbd", 3, false);
}

/// The simulated shop, whose gaps are of mixed shapes: the purchase-cycle model knows how it works but for that, and is beaten.
#[test]
fn trees_know_who_leaves_the_sample_shop() {
    let folder = tempfile::tempdir().expect("a folder");
    crate::shop::sample(folder.path(), &["--customers", "20000", "--until", "2026-06-30", "--lines-per-customer", "25", "--seed", "4"]);
    let (store, out) = (format!("store.url={}", folder.path().join("out").display()), folder.path().join("figures.parquet").display().to_string());
    let lake = format!("lake.url={}", folder.path().join("lake").display());
    let settings = ["--set", &store, "--set", &lake, "--set", "backtest.vintages=3", "--set", "cycle.candidates=[]", "--set", "due.level=none", "--out", &out];
    let (code, text, error) = told(&run(&[&["backtest", "configs/quickstart.yaml"], &settings[..]].concat()));
    assert!(code == 0 && text.contains("trees against logistic"), "{text}{error}");
    trees_know_who_leaves(folder.path(), "bg_nbd", 3, true);
}

/// Churn of a longer horizon than that of orders: its windows are over at all dates, too. 2026-06-30 is day 20,634.
#[test]
fn no_window_of_churn_is_graded_before_it_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, out) = (format!("store.url={}", folder.path().join("out").display()), folder.path().join("figures.parquet").display().to_string());
    let settings = ["--set", &store, "--set", "churn.horizon_days=150", "--set", "cycle.candidates=[]", "--set", "due.level=none", "--out", &out];
    let (code, text, error) = told(&run(&[&["backtest", "configs/quickstart.yaml"], &settings[..]].concat()));
    assert!(code == 0 && text.contains("no order within 150 days"), "{text}{error}");
    let (targets, dates) = (texts_of(folder.path(), "figures.parquet", "target"), numbers_of(folder.path(), "figures.parquet", "vintage"));
    let newest = dates.iter().zip(&targets).filter(|(_, target)| *target == "churn").map(|(date, _)| *date).fold(0.0, f64::max);
    assert!(newest > 20_400.0 && newest + 150.0 <= 20_634.0, "{newest}");
}

/// A file that cannot be written is told before all work, and nothing is left of it.
#[test]
fn a_file_that_cannot_be_written_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for out in [folder.path().join("none/figures.parquet"), folder.path().to_owned()] {
        let (code, _, error) = told(&run(&["backtest", "configs/quickstart.yaml", "--out", &out.display().to_string()]));
        assert!(code == 2 && error.contains("expected a file that can be written, got") && !error.contains("divide"), "{error}");
    }
    assert!(files(folder.path()).is_empty());
}

/// One customer long before all others: at the dates when nobody else was there no model is found, and no graded date is lost.
#[test]
fn an_early_customer_takes_no_candidate_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut orders: Vec<(String, String, i64)> = (0..400)
        .flat_map(|customer: i64| {
            let (first, gap) = (20_280 + customer % 40, 10 + customer % 23);
            (0..2 + customer % 7).map(move |order| (format!("o{customer}-{order}"), format!("c{customer}"), first + order * gap))
        })
        .collect();
    orders.push(("early".to_owned(), "early".to_owned(), 20_100));
    let rows: Vec<(&str, &str, i64, f64, f64)> = orders.iter().map(|(order, customer, day)| (order.as_str(), customer.as_str(), *day, 1.0, 2.5)).collect();
    small_lines_with(&folder.path().join("lines/part.parquet"), &rows, &[], Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path()) + "cycle: {candidates: [nbd]}\nbacktest: {vintages: 2}\n").expect("a config");
    let (code, text, error) = told(&run(&["backtest", &config.display().to_string()]));
    assert!(code == 0 && text.contains("\nnbd ") && text.contains("\nboosted ") && !text.contains("not graded: nbd"), "{text}{error}");
}

/// Orders that begin after the newest date leave nothing to look back on.
#[test]
fn a_history_that_is_too_short_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    small_lines_with(&folder.path().join("lines/part.parquet"), &[("1", "a", 20_400, 1.0, 2.5)], &[], Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path())).expect("a config");
    let (code, _, error) = told(&run(&["backtest", &config.display().to_string()]));
    assert!(code == 3 && error.contains("backtest: expected orders by 2025-10-09, so that what followed is over, got none"), "{code} {error}");
}
