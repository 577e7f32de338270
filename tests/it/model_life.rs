//! Churn models over several nights: trained once a week, told how old they are, and whether customers are still the same.

use std::path::Path;

use regulars_tests::published::{self, Published};

use crate::{quickstart, told};

/// A night of the sample shop.
fn night(out: &Path, as_of: &str, more: &[&str]) -> (i32, Option<Published>, String) {
    let settings = ["--as-of", as_of, "--set", "due.level=none", "--set", "cycle.challengers=[]"];
    let (code, text, error) = told(&quickstart(out, &[&settings, more].concat()));
    (code, published::live(out, "quickstart"), text + &error)
}

/// The churn artefact of a run: its path, which holds a digest of its bytes, and its text.
fn artefact(out: &Path, run: &Published) -> (String, serde_json::Value) {
    let file = run.manifest.models.iter().find(|file| file.path.starts_with("models/churn-")).expect("an artefact");
    let text = std::fs::read(out.join(format!("quickstart/runs/{}/{}/{}", run.manifest.as_of, run.manifest.run_id, file.path))).expect("a file");
    (file.path.clone(), serde_json::from_slice(&text).expect("JSON"))
}

#[test]
fn a_model_scores_for_as_long_as_the_config_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let weekly = ["--set", "churn.train_every_days=7"];
    let live = |as_of: &str, more: &[&str]| {
        let (code, run, text) = night(folder.path(), as_of, more);
        assert_eq!(code, 0, "{text}");
        let run = run.expect("it is live");
        let (path, card) = artefact(folder.path(), &run);
        (path, card["trained_on"].as_str().expect("a date").to_owned(), run, text)
    };
    let first = live("2026-06-20", &weekly);
    assert_eq!(first.1, "2026-06-20");
    let later = live("2026-06-24", &weekly);
    assert_eq!((&later.0, later.1.as_str()), (&first.0, "2026-06-20"), "the same bytes");
    assert!(later.3.contains("trained as of 2026-06-20"), "{}", later.3);
    // It scores, and comes with its grades.
    let chances: Vec<f64> = later.2.numbers("scores", "churn_probability").into_iter().flatten().collect();
    assert!(chances.len() > 300 && chances.iter().all(|chance| (0.0..=1.0).contains(chance)), "{}", chances.len());
    let graded = |run: &Published| run.grade("trees", "churn", 90.0, "log_loss");
    assert_eq!(graded(&later.2), graded(&first.2));
    // A model of seven days is trained again; so is one that another definition asks for.
    assert_eq!(live("2026-06-27", &weekly).1, "2026-06-27");
    assert_eq!(live("2026-06-29", &[&weekly[..], &["--set", "churn.order_days_min=3"]].concat()).1, "2026-06-29");
    assert_eq!(live("2026-06-30", &[]).1, "2026-06-30");
}

/// Every input and the score are held against training; where the config says so, an alarm holds the run.
#[test]
fn customers_who_are_others_hold_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, run, text) = night(folder.path(), "2026-06-30", &[]);
    assert_eq!(code, 0, "{text}");
    let run = run.expect("it is live");
    let (checks, subjects, values) = (run.texts("audit", "check"), run.texts("audit", "subject"), run.numbers("audit", "value"));
    let drift: Vec<(&str, f64)> =
        (0..checks.len()).filter(|row| checks[*row] == "drift").map(|row| (subjects[row].as_str(), values[row].expect("a value"))).collect();
    let (_, card) = artefact(folder.path(), &run);
    assert_eq!(drift.len(), card["profiles"].as_array().expect("profiles").len());
    assert!(drift.iter().any(|(subject, _)| *subject == "churn.recency_days") && drift.last().expect("some").0 == "churn.churn_probability");
    // The shop is the same a quarter later: recency has moved little.
    let moved = drift.iter().find(|(subject, _)| *subject == "churn.recency_days").expect("it is there").1;
    assert!((0.0..0.1).contains(&moved), "{moved}");
    let settings = ["--set", "audit.drift.psi_max=0.000001", "--set", "audit.drift.holds=run", "--set", "job.salt=another"];
    let (code, _, text) = night(folder.path(), "2026-06-30", &settings);
    assert!(code == 4 && text.contains("HELD  drift of churn.recency_days"), "{text}");
}

/// The model meets the rule that lost least at the test date, and scores only if it passes.
#[test]
fn the_rule_that_turned_out_best_is_to_beat() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, run, text) = night(folder.path(), "2026-06-30", &[]);
    assert_eq!(code, 0, "{text}");
    let (_, card) = artefact(folder.path(), &run.expect("it is live"));
    let lost = |name: &str| {
        let candidates = card["candidates"].as_array().expect("candidates");
        let candidate = candidates.iter().find(|candidate| candidate["model"] == name).expect("a candidate");
        candidate["grade"]["log_loss"].as_f64().expect("a loss")
    };
    let rules = ["inactivity_rule", "own_cycle_rule", "bg_nbd"];
    let best = rules.into_iter().min_by(|a, b| lost(a).total_cmp(&lost(b))).expect("three");
    let gate = &card["gate"];
    assert_eq!(gate["rule"], best);
    let difference = gate["compared"]["log_loss"]["value"].as_f64().expect("a difference");
    assert!((difference - (lost(gate["model"].as_str().expect("a name")) - lost(best))).abs() < 1e-12);
    // Four hundred customers do not tell trees from what the shop was made by.
    assert!(gate["passed"] == false && card["model"] == best, "{gate}");
}

/// Without models the features, customers and training rows are the same bytes; nobody is scored, and everyone has the reason.
#[test]
fn a_job_without_models_publishes_the_same_features() {
    let with = |settings: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let (code, output, error) =
            told(&quickstart(folder.path(), &[&["--set", "due.level=none", "--set", "campaigns.thank_you.order_by=value_minor_365d"], &settings[..]].concat()));
        assert_eq!(code, 0, "{error}");
        (published::live(folder.path(), "quickstart").expect("it is live"), folder, [output, error].concat())
    };
    let (scored, _folder, _) = with(&["snapshots.publish=true"]);
    let (bare, _folder_of_bare, said) = with(&["job.models=false"]);
    let (sampled, _folder_of_sampled, _) = with(&["job.models=false", "snapshots.publish=true"]);
    let parts = |run: &Published, table: &str| run.manifest.table(table).expect("a table").parts.iter().map(|part| part.sha256.clone()).collect::<Vec<_>>();
    for table in ["features", "customers", "customer_links", "feature_cuts"] {
        assert_eq!(parts(&bare, table), parts(&scored, table), "{table}");
    }
    assert_eq!(parts(&sampled, "training_snapshots"), parts(&scored, "training_snapshots"));
    assert!(scored.rows("scores") > 0 && scored.rows("training_snapshots") > 0 && !scored.manifest.models.is_empty());
    for run in [&bare, &sampled] {
        assert_eq!((run.rows("scores"), run.rows("model_grades"), run.manifest.models.len()), (0, 0, 0));
        assert!(run.rows("groups") > 0 && !run.texts("audit", "check").iter().any(|check| check == "model_missing"));
    }
    // Nobody is withheld from what the job does not have; from the rest, who is in the other.
    let withheld = |run: &Published| {
        let rows = [run.texts("withheld", "customer_id"), run.texts("withheld", "output"), run.texts("withheld", "reason")];
        let all = (0..rows[0].len()).map(|row| rows.each_ref().map(|column| column[row].clone()));
        all.filter(|[_, output, _]| output == "features" || output == "groups").collect::<Vec<_>>()
    };
    assert_eq!(withheld(&bare), withheld(&scored));
    assert!(!withheld(&bare).is_empty() && bare.rows("withheld") == withheld(&bare).len() as u64);
    assert!(!said.contains("train") && said.contains("collect features"), "{said}");
}
