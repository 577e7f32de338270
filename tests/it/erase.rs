//! People who are erased: in nothing that is published from the next run on, nor in what is rewritten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regulars::publish::PublishedColumn;
use regulars_tests::published::{self, Published};

use crate::{regulars, told};

const KEY: &str = "a key of more than sixteen bytes";

/// A verb over the quickstart job's store at `out`, with the key of the erased.
fn verb(name: &str, out: &Path, more: &[&str]) -> (i32, String, String) {
    with_key(KEY, name, out, more)
}

fn with_key(key: &str, name: &str, out: &Path, more: &[&str]) -> (i32, String, String) {
    let store = format!("store.url={}", out.display());
    let mut command = regulars();
    command.args([name, "configs/quickstart.yaml", "--set", &store, "--set", "job.erasure_key=${secret:ERASURE_KEY}"]).args(more);
    told(&command.env("ERASURE_KEY", key).output().expect("it starts"))
}

fn run(out: &Path, more: &[&str]) -> Published {
    let (code, text, error) = verb("run", out, more);
    assert_eq!(code, 0, "{text}{error}");
    published::live(out, "quickstart").expect("it is live")
}

/// Source customers of each customer.
fn people(run: &Published) -> BTreeMap<String, Vec<(String, String)>> {
    let texts = |column: &str| run.texts("customer_links", column);
    let mut people: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (customer, key) in texts("customer_id").into_iter().zip(texts("source").into_iter().zip(texts("source_customer_id"))) {
        people.entry(customer).or_default().push(key);
    }
    people
}

/// Every text that a run tells: of its tables, and the bytes of its other files and of the manifest.
fn tells(run: &Published) -> (BTreeSet<String>, String) {
    let mut texts = BTreeSet::new();
    for table in &run.manifest.tables {
        for column in table.columns.iter().filter(|column| column.kind == "text") {
            let column = run.texts(&table.name, &column.name);
            texts.extend(column.iter().flat_map(|text| text.split(' ')).map(str::to_owned));
        }
    }
    let files = run.manifest.models.iter().chain(&run.manifest.files).map(|file| std::fs::read_to_string(run.folder.join(&file.path)).expect("a text"));
    (texts, files.collect::<String>() + &serde_json::to_string(&run.manifest).expect("a manifest"))
}

/// A file of ids.
fn file(out: &Path, name: &str, text: &str) -> String {
    let path = out.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

fn assert_forgotten(run: &Published, words: &[String]) {
    let (texts, files) = tells(run);
    for word in words {
        assert!(!texts.contains(word) && !files.contains(word), "{word} in run {}", run.live.run_id);
    }
}

#[test]
fn the_erased_are_in_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    run(out, &["--as-of", "2026-06-29"]);
    // A night on which rules change, so that there are changes of ids; and who is on the lists.
    run(out, &["--as-of", "2026-06-29", "--set", "customers.link.probabilistic=false"]);
    let before = run(out, &["--as-of", "2026-06-30"]);
    let people_before = people(&before);
    let listed = before.texts("target_lists/thank_you", "customer_id");
    let treated = before.texts("target_lists/thank_you", "arm").iter().position(|arm| arm == "treatment").expect("someone");
    let changed = before.texts("customer_changes", "new_customer_id");
    assert!(changed.len() > 100, "{}", changed.len());
    let of_many = people_before.iter().find(|(id, keys)| keys.len() > 2 && !listed.contains(id)).expect("someone of three");
    let ids = [listed[treated].clone(), changed[7].clone(), of_many.0.clone()];
    let sources: BTreeSet<&(String, String)> = ids.iter().flat_map(|id| &people_before[id]).collect();
    let mut words: Vec<String> = ids.to_vec();
    words.extend(sources.iter().map(|(_, id)| id.clone()));
    // Two by their customer_id, one by one of his three source customers.
    let by_id = file(out, "ids.csv", &format!("customer_id,asked_on\n{},2026-06-30\n{},2026-06-30\n", ids[0], ids[1]));
    let by_key = file(out, "keys.csv", &format!("source,source_customer_id\r\n{},{}\r\n", of_many.1[1].0, of_many.1[1].1));
    let wrong = file(out, "wrong.csv", &format!("customer_id\n{}\n{}\n", ids[0], "0".repeat(32)));
    let (code, _, error) = verb("erase", out, &["--ids", &wrong]);
    assert!(
        code == 2
            && error.contains("expected people of a committed run, got others in line 3; nobody was erased")
            && !out.join("quickstart/erased.json").exists(),
        "{error}"
    );
    let (code, text, error) = verb("erase", out, &["--ids", &by_id]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("2026-06-29, run") && text.contains(&format!("run {}: still holds erased people", before.live.run_id)), "{text}");
    assert_eq!(verb("erase", out, &["--ids", &by_key]).0, 0);
    let list = std::fs::read_to_string(out.join("quickstart/erased.json")).expect("the list");
    assert!(list.matches("\n    \"").count() == sources.len() + ids.len() && words.iter().all(|word| !list.contains(word)), "{list}");
    let (code, text, _) = verb("erase", out, &["--ids", &by_key]);
    assert!(code == 0 && text.contains(": 0 are new on the list"), "{text}");
    // No other key, and none at all, reads the list.
    let (code, _, error) = with_key("another key of sixteen bytes", "run", out, &[]);
    assert!(code == 2 && error.contains("job.erasure_key: expected the key under which people of job `quickstart` were erased, got another"), "{error}");
    // The next run knows them no more, though all of their rows are in the lake still; everyone else is there.
    let next = run(out, &["--as-of", "2026-06-30"]);
    assert_forgotten(&next, &words);
    let mut left = people_before.clone();
    left.retain(|id, _| !ids.contains(id));
    assert_eq!(people(&next), left);
    let erased: f64 =
        next.texts("audit", "check").iter().zip(next.numbers("audit", "value")).filter(|(check, _)| *check == "rows_erased").filter_map(|row| row.1).sum();
    assert!(erased > sources.len() as f64, "{erased}");
    // A run that holds them cannot be live again; rewritten, it can.
    let (code, _, error) = verb("rollback", out, &[&before.live.run_id]);
    assert!(code == 4 && error.contains("expected a run without the erased, got 3 of them in it"), "{error}");
    let (code, text, error) = verb("erase", out, &["--rewrite", &before.live.run_id]);
    assert!(code == 0 && text.starts_with(&format!("rewritten  job quickstart as of 2026-06-30, run {}", before.live.run_id)), "{text}{error}");
    let new = text.split("as run ").nth(1).expect("a run").split(';').next().expect("a run").to_owned();
    assert_eq!(published::live(out, "quickstart").expect("it is live").live.run_id, next.live.run_id, "it was not live before");
    assert_eq!(verb("verify", out, &[&new]).0, 0);
    let rows = Rows::of(&before);
    let (code, text, _) = verb("gc", out, &["--yes"]);
    assert!(code == 0 && text.contains("(run that another one rewrites without the erased)"), "{text}");
    assert!(!before.folder.join("manifest.json").exists());
    assert_eq!(verb("rollback", out, &[&new]).0, 0);
    let rewritten = published::live(out, "quickstart").expect("it is live");
    assert_eq!(rewritten.manifest.rewrites.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), [before.live.run_id.as_str()]);
    assert_forgotten(&rewritten, &words);
    assert_eq!(people(&rewritten), left);
    rows.assert_without(&ids, &rewritten);
}

/// What some tables of a run say, row by row, and its first list for a campaign tool.
struct Rows {
    columns: Vec<(&'static str, PublishedColumn, Vec<String>)>,
    ids: BTreeMap<&'static str, Vec<String>>,
    list: String,
}

impl Rows {
    fn of(run: &Published) -> Self {
        let tables = ["features", "scores", "groups", "target_lists/thank_you", "exclusions/win_back"];
        let columns = tables.iter().flat_map(|table| run.manifest.table(table).expect("a table").columns.iter().map(|column| (*table, column)));
        Self {
            columns: columns.map(|(table, column)| (table, column.clone(), cells(run, table, column))).collect(),
            ids: tables.iter().map(|table| (*table, run.texts(table, "customer_id"))).collect(),
            list: std::fs::read_to_string(run.folder.join(&run.manifest.files[0].path)).expect("a list"),
        }
    }

    /// Of everyone but `ids` nothing is lost in `rest` and nothing changed.
    fn assert_without(&self, ids: &[String], rest: &Published) {
        for (table, column, cells_before) in &self.columns {
            let kept: Vec<&String> = cells_before.iter().zip(&self.ids[table]).filter(|(_, id)| !ids.contains(id)).map(|row| row.0).collect();
            assert_eq!(cells(rest, table, column).iter().collect::<Vec<_>>(), kept, "{table}.{}", column.name);
        }
        let list = std::fs::read_to_string(rest.folder.join(&rest.manifest.files[0].path)).expect("a list");
        let kept: Vec<&str> = self.list.lines().filter(|line| !ids.iter().any(|id| line.starts_with(id))).collect();
        assert_eq!(list.lines().collect::<Vec<_>>(), kept);
        assert!(kept.len() < self.list.lines().count());
    }
}

/// The cells of a column, as texts.
fn cells(run: &Published, table: &str, column: &PublishedColumn) -> Vec<String> {
    if column.kind == "text" {
        return run.texts(table, &column.name);
    }
    run.numbers(table, &column.name).iter().map(|value| format!("{value:?}")).collect()
}

/// An id that was merged away means the person that it became; the list knows it from then on, and a file without people is refused.
#[test]
fn who_was_merged_away_is_erased_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    run(out, &["--as-of", "2026-06-28", "--set", "customers.link.probabilistic=false"]);
    let merged = run(out, &["--as-of", "2026-06-29"]);
    let [olds, news, changes] = ["old_customer_id", "new_customer_id", "change"].map(|column| merged.texts("customer_changes", column));
    let row = changes.iter().position(|change| change == "merged").expect("some were merged");
    let keys = people(&merged)[&news[row]].clone();
    assert!(keys.len() > 1);
    let ids = file(out, "ids.csv", &format!("customer_id\n{}\n", olds[row]));
    assert_eq!(verb("erase", out, &["--ids", &ids]).0, 0);
    let next = run(out, &["--as-of", "2026-06-30"]);
    let words: Vec<String> = keys.iter().map(|key| key.1.clone()).chain([olds[row].clone(), news[row].clone()]).collect();
    assert_forgotten(&next, &words);
    assert_eq!(next.rows("customer_changes") + 1, merged.rows("customer_changes"));
    // Once no run knows them any more, the same file is still no fault.
    for date in ["2026-06-28", "2026-06-29"] {
        assert_eq!(verb("erase", out, &["--rewrite", date]).0, 0, "{date}");
    }
    let (code, text, error) = verb("erase", out, &["--ids", &ids]);
    assert!(code == 0 && text.contains(": 0 are new on the list\n"), "{text}{error}");
    // Rewritten and taken away, they are still the prior runs of others; and a rewrite of a rewrite is, too.
    assert_eq!(verb("gc", out, &["--yes"]).0, 0);
    let again = run(out, &["--as-of", "2026-06-30", "--set", "groups.high_value_share=0.21"]);
    assert_eq!(again.manifest.prior.as_ref().map(|prior| prior.as_of.as_str()), Some("2026-06-29"));
    for (name, text) in [("none.csv", "customer_id\n"), ("wrong.csv", "Source,source_customer_id\nstore,ca31706e4\n")] {
        let (code, _, error) = verb("erase", out, &["--ids", &file(out, name, text)]);
        assert!(code == 2 && error.contains("nobody was erased") | error.contains("expected at least one row"), "{error}");
    }
}
