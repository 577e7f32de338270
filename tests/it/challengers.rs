//! What sets right a purchase-cycle model: it scores where it won, and what it published is better on days that nobody had seen.

use std::collections::HashMap;
use std::path::Path;

use regulars::time::Day;
use regulars_tests::published;

use crate::{quickstart, told};

/// Publishes the sample shop as of a day; only what is asked about here is made.
fn publish(folder: &Path, as_of: &str, challengers: &str) -> published::Published {
    let challengers = format!("cycle.challengers=[{challengers}]");
    let (code, _, error) = told(&quickstart(folder, &["--as-of", as_of, "--set", &challengers, "--set", "due.level=none", "--set", "campaigns={}"]));
    assert_eq!(code, 0, "{error}");
    published::live(folder, "quickstart").expect("it is live")
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

/// Trees and steps that won at the test date, at two dates, by the 90 days after: both lose less than the model alone, and stay chances and counts.
#[test]
fn what_won_foretells_days_that_nobody_had_seen_better() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let mut sums = [0.0; 3];
    for (as_of, end) in [("2026-02-15", "2026-05-16"), ("2026-04-01", "2026-06-30")] {
        let later = publish(&at("later"), end, "");
        let orders = later.numbers("features", "last_order_date").into_iter().map(|date| date.unwrap_or(f64::NEG_INFINITY));
        let later: HashMap<String, f64> = later.texts("features", "customer_id").into_iter().zip(orders).collect();
        for (sum, challengers) in sums.iter_mut().zip(["", "recalibrated", "boosted"]) {
            let run = publish(&at(challengers), as_of, challengers);
            *sum += loss(&run, &later, as_of);
            let chances = [7, 30, 90, 180].map(|days| known(&run, &format!("return_probability_{days}d")));
            assert!((1..4).all(|next| chances[next - 1].iter().zip(&chances[next]).all(|(short, long)| (0.0..=*long).contains(short) && *long <= 1.0)));
            let (orders, value, life) = (known(&run, "expected_orders"), known(&run, "expected_value_minor"), known(&run, "life_value_minor"));
            assert!(orders.iter().all(|orders| (0.0..90.0).contains(orders)) && value.iter().zip(&life).all(|(value, life)| 0.0 <= *value && value <= life));
        }
    }
    let [model, recalibrated, boosted] = sums;
    assert!(recalibrated < 0.99 * model && boosted < 0.975 * model, "{sums:?}");
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
    let plain = publish(&plain, "2025-01-15", "");
    let asked = published::live(&asked, "quickstart").expect("it is live");
    for days in [7, 30, 90, 180] {
        let name = format!("return_probability_{days}d");
        let (of_both, bits) =
            ([known(&asked, &name), known(&plain, &name)], |values: &Vec<f64>| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        assert!(of_both[0].len() > 100 && bits(&of_both[0]) == bits(&of_both[1]), "{name}");
    }
}
