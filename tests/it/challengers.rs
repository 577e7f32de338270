//! What sets right a purchase-cycle model: it scores where it won, and what it published is better on days that nobody had seen.

use std::collections::HashMap;
use std::path::Path;

use parquet::basic::Compression;
use regulars::time::Day;
use regulars_tests::lake::small_lines_with;
use regulars_tests::panel::{Panel, Split};
use regulars_tests::{data, published};

use crate::{quickstart, run, small_config, told};

/// Publishes the sample shop as of a day, and says whether a challenger scores; only what is asked about here is made.
fn publish(folder: &Path, as_of: &str, challengers: &str) -> (published::Published, bool) {
    let challengers = format!("cycle.challengers=[{challengers}]");
    let (code, text, error) = told(&quickstart(
        folder,
        &["--as-of", as_of, "--set", &challengers, "--set", "due.level=none", "--set", "campaigns={}", "--set", "cycle.horizon_days=180"],
    ));
    assert_eq!(code, 0, "{error}");
    (published::live(folder, "quickstart").expect("it is live"), text.contains(": it scores"))
}

fn known(run: &published::Published, column: &str) -> Vec<f64> {
    run.numbers("scores", column).into_iter().map(|value| value.expect("it is known")).collect()
}

/// Log-loss of the chances of an order within 90 days that were published, by what a run 90 days later knows.
fn loss(run: &published::Published, later: &HashMap<String, f64>, as_of: &str) -> f64 {
    let as_of = f64::from(Day::parse(as_of).expect("a date").0);
    let scored = run.texts("scores", "customer_id").into_iter().zip(known(run, "return_probability_90d"));
    let losses: Vec<f64> = scored.filter_map(|(id, chance)| Some(-if *later.get(&id)? > as_of { chance } else { 1.0 - chance }.ln())).collect();
    assert!(losses.len() > 900, "{} customers", losses.len());
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Trees and steps, at the dates at which they won at the test date, by the 90 days after: both lose less than the model alone, and stay chances and counts,
/// also those of 180 days, of which nothing could be learnt. Where they did not win, the model scores.
#[test]
fn what_won_foretells_days_that_nobody_had_seen_better() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let mut won: [Vec<(f64, f64)>; 2] = Default::default();
    for (as_of, end) in [("2026-02-15", "2026-05-16"), ("2026-03-01", "2026-05-30"), ("2026-03-15", "2026-06-13"), ("2026-04-01", "2026-06-30")] {
        let (later, _) = publish(&at("later"), end, "");
        let orders = later.numbers("features", "last_order_date").into_iter().map(|date| date.unwrap_or(f64::NEG_INFINITY));
        let later: HashMap<String, f64> = later.texts("features", "customer_id").into_iter().zip(orders).collect();
        let (model, _) = publish(&at("model"), as_of, "");
        let of_model = (loss(&model, &later, as_of), known(&model, "expected_orders").iter().sum::<f64>());
        for (won, challenger) in won.iter_mut().zip(["recalibrated", "boosted"]) {
            let (run, scores) = publish(&at(challenger), as_of, challenger);
            let chances = [7, 30, 90, 180].map(|days| known(&run, &format!("return_probability_{days}d")));
            assert!((1..4).all(|next| chances[next - 1].iter().zip(&chances[next]).all(|(short, long)| (0.0..=*long).contains(short) && *long <= 1.0)));
            let (orders, value, life) = (known(&run, "expected_orders"), known(&run, "expected_value_minor"), known(&run, "life_value_minor"));
            assert!(
                orders.iter().all(|orders| (0.0..180.0).contains(orders))
                    && value.iter().zip(&life).all(|(value, life)| 0.0 <= *value && 0.97 * value - 1.0 <= *life)
            );
            let of_run = (loss(&run, &later, as_of), orders.iter().sum::<f64>());
            if scores {
                won.push((of_run.0, of_model.0));
                assert!((0.7..1.3).contains(&(of_run.1 / of_model.1)), "{challenger} {as_of}: {of_run:?} {of_model:?}");
            } else {
                assert_eq!(of_run, of_model, "{challenger} {as_of}");
            }
        }
    }
    let ratio = |won: &[(f64, f64)]| won.iter().map(|(own, _)| own).sum::<f64>() / won.iter().map(|(_, model)| model).sum::<f64>();
    let [recalibrated, boosted] = &won;
    assert!(recalibrated.len() >= 2 && boosted.len() >= 2, "{won:?}");
    assert!(ratio(recalibrated) < 0.99 && ratio(boosted) < 0.975, "{won:?}");
}

/// In a shop of half a year nothing is known to learn from: the model scores, to the bit, and the run says why.
#[test]
fn with_nothing_to_learn_from_the_model_scores() {
    let folder = tempfile::tempdir().expect("a folder");
    let (asked, plain) = (folder.path().join("asked"), folder.path().join("plain"));
    let challengers = "cycle.challengers=[boosted, recalibrated]";
    let (code, text, error) = told(&quickstart(&asked, &["--as-of", "2025-01-15", "--set", challengers]));
    assert!(code == 0 && text.contains("challenger boosted         too little to learn from"), "{text}{error}");
    assert!(text.contains("challenger recalibrated    too little to learn from") && !text.contains("it scores"), "{text}");
    let (plain, _) = publish(&plain, "2025-01-15", "");
    let asked = published::live(&asked, "quickstart").expect("it is live");
    for days in [7, 30, 90, 180] {
        let name = format!("return_probability_{days}d");
        let (of_both, bits) =
            ([known(&asked, &name), known(&plain, &name)], |values: &Vec<f64>| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        assert!(of_both[0].len() > 100 && bits(&of_both[0]) == bits(&of_both[1]), "{name}");
    }
}

/// Mean error, root of mean squares and bias of expected orders, as a run of the last day of calibration tells them, which sees nothing later; by what came
/// in the holdout.
fn errors(customers: &[Split], (as_of, holdout_days): (&str, i32), sets: &[&str]) -> [f64; 3] {
    let folder = tempfile::tempdir().expect("a folder");
    let order = |id: usize, (day, value_minor): &(Day, i64)| (format!("{id}-{day}"), format!("c{id}"), i64::from(day.0), *value_minor as f64 / 100.0);
    let orders: Vec<_> = customers.iter().enumerate().flat_map(|(id, one)| one.days.iter().map(move |day| order(id, day))).collect();
    let rows: Vec<(&str, &str, i64, f64, f64)> =
        orders.iter().map(|(order, customer, day, amount)| (order.as_str(), customer.as_str(), *day, 1.0, *amount)).collect();
    small_lines_with(&folder.path().join("lines/part.parquet"), &rows, &[], Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path()) + &format!("cycle: {{horizon_days: {holdout_days}}}\n")).expect("a config");
    let config = config.display().to_string();
    let arguments: Vec<&str> = ["run", config.as_str(), "--as-of", as_of].into_iter().chain(sets.iter().flat_map(|set| ["--set", set])).collect();
    let (code, text, error) = told(&run(&arguments));
    assert!(code == 0 && text.contains(": it scores") == sets.contains(&BOOSTED), "{sets:?} {text}{error}");
    let run = published::live(&folder.path().join("out"), "small").expect("it is live");
    let links: HashMap<String, String> =
        run.texts("customer_links", "customer_id").into_iter().zip(run.texts("customer_links", "source_customer_id")).collect();
    let came = |id: &String| customers[links[id][1..].parse::<usize>().expect("a number")].holdout.len() as f64;
    let pairs: Vec<(f64, f64)> = known(&run, "expected_orders").into_iter().zip(run.texts("scores", "customer_id").iter().map(came)).collect();
    assert_eq!(pairs.len(), customers.len());
    let mean = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(told, came)| of(*told, *came)).sum::<f64>() / pairs.len() as f64;
    let bias = mean(&|told, _| told) / mean(&|_, came| came) - 1.0;
    [mean(&|told, came| (told - came).abs()), mean(&|told, came| (told - came) * (told - came)).sqrt(), bias]
}

const BOOSTED: &str = "cycle.challengers=[boosted]";

/// anchors: on the grocery panel the best of each figure is a mean error of 1.4310 (MBG/CNBD-2), a root of squares of 3.0976 and a bias of 13 % (both
/// BG/CNBD-2). A run that chooses the model by itself has less of each, with trees and without, at several grids of dates.
#[test]
fn expected_orders_on_the_grocery_panel() {
    let Some(data) = data("expected_orders_on_the_grocery_panel") else { return };
    let customers = Panel::read(&data.join("grocery_panel"), "event_log.parquet").split("2006-12-31", 52 * 7);
    let weekly = ["snapshots.every_days=7", "snapshots.training_dates=8"];
    let fortnights = ["snapshots.every_days=14", "snapshots.training_dates=6"];
    for sets in [
        &["cycle.choose=best"][..],
        &["cycle.choose=best", weekly[0], weekly[1]],
        &["cycle.choose=best", weekly[0], weekly[1], BOOSTED],
        &["cycle.choose=best", fortnights[0], fortnights[1], BOOSTED],
    ] {
        let [error, root, bias] = errors(&customers, ("2006-12-31", 364), sets);
        assert!(error < 1.431 && root < 3.0976 && bias.abs() < 0.1, "{sets:?}: {error} {root} {bias}");
    }
}

/// anchors: on the CDNOW sample the best of each figure is a mean error of 0.7545 and a root of squares of 1.6028, both of Pareto/NBD. It has less of both
/// where trees set it right; its bias nothing has helped, and nothing can: most customers order nothing, so that a mean error is least where too
/// little is foretold (`tests/bench/cdnow_bias.py`).
#[test]
fn expected_orders_on_the_cdnow_sample() {
    let Some(data) = data("expected_orders_on_the_cdnow_sample") else { return };
    let customers = Panel::read(&data.join("cdnow"), "sample.parquet").split("1997-09-30", 39 * 7);
    let sets = ["cycle.model=pareto_nbd", "churn.horizon_days=30", "snapshots.every_days=7", "snapshots.training_dates=8", BOOSTED];
    let [error, root, _] = errors(&customers, ("1997-09-30", 273), &sets);
    assert!(error < 0.7545 && root < 1.6028, "{error} {root}");
}

/// Cohorts by the store of the first order: each has parameters of its own, under the store's name, and the customers of a store are seen by them; who
/// orders every week is apart.
#[test]
fn cohorts_have_names_and_parameters_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |cohorts: &str| {
        let out = folder.path().join(cohorts.len().to_string());
        let set = format!("cycle.cohorts={cohorts}");
        let (code, _, error) = told(&quickstart(&out, &["--set", &set, "--set", "campaigns={}", "--set", "due.level=none", "--set", "cycle.challengers=[]"]));
        assert_eq!(code, 0, "{error}");
        let run = published::live(&out, "quickstart").expect("it is live");
        let artefact = run.manifest.models.iter().find(|file| file.path.contains("/cycle-")).expect("an artefact");
        let text = std::fs::read_to_string(run.folder.join(&artefact.path)).expect("a text");
        (run, serde_json::from_str::<serde_json::Value>(&text).expect("JSON"))
    };
    let (plain, _) = at("{by: none}");
    let (run, artefact) = at("{by: first_store, customers_min: 100, apart_from_order_days_a_year: 40, deviation: 0.3}");
    let names: Vec<&str> = artefact["cohorts"].as_object().expect("names").values().map(|name| name.as_str().expect("a name")).collect();
    assert!(["s01", "s02"].iter().all(|store| names.contains(store)), "{names:?}");
    let models = artefact["fit"]["model"]["cohorts"].as_array().expect("models");
    let rates: Vec<f64> = models.iter().map(|model| model[1]["r"].as_f64().expect("r") / model[1]["alpha"].as_f64().expect("alpha")).collect();
    assert!(rates.len() == names.len() && rates.windows(2).all(|pair| pair[0] != pair[1]), "{rates:?}");
    let (told, before) = (known(&run, "return_probability_90d"), known(&plain, "return_probability_90d"));
    let moved = told.iter().zip(&before).filter(|(told, before)| told != before).count();
    assert!(told.len() == before.len() && moved > told.len() / 2 && told.iter().all(|chance| (0.0..=1.0).contains(chance)), "{moved} of {}", told.len());
}
