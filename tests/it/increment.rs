//! What a run keeps for the next one: the next reads only what it does not know, and publishes the same bytes as one that reads all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parquet::basic::Compression;
use regulars_tests::parquet_file::{Cells, texts, write};
use regulars_tests::{files, lake, long, published, root};

use crate::{quickstart, run, small_config, told};

/// Files of the sample's lake by the day on which they reached it; those of tables without such days reached it before all.
fn arrivals() -> BTreeMap<String, Vec<PathBuf>> {
    let mut arrivals: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let sample = root().join("data-samples/lake");
    for file in files(&sample) {
        let path = file.strip_prefix(&sample).expect("below").to_owned();
        let day = path.display().to_string().split_once("recorded_on=").map_or_else(String::new, |(_, rest)| rest[..10].to_owned());
        arrivals.entry(day).or_default().push(path);
    }
    arrivals
}

/// A lake that grows from day to day, and two stores: one whose runs start from what the one before kept, and one whose runs read all.
struct Growing {
    folder: tempfile::TempDir,
    arrivals: BTreeMap<String, Vec<PathBuf>>,
}

impl Growing {
    fn to(day: &str) -> Self {
        let growing = Self { folder: tempfile::tempdir().expect("a folder"), arrivals: arrivals() };
        growing.arrivals.range(..=day.to_owned()).for_each(|(day, _)| growing.arrive(day, &|_| true));
        growing
    }

    fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// The files of a day reach the lake, those of which `which` holds.
    fn arrive(&self, day: &str, which: &dyn Fn(&str) -> bool) {
        for path in self.arrivals.get(day).into_iter().flatten().filter(|path| which(&path.display().to_string())) {
            let to = self.lake().join(path);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::copy(root().join("data-samples/lake").join(path), to).expect("a file");
        }
    }

    /// A run over the lake as it is; what it says of linking customers, and of the order lines.
    fn run(&self, store: &str, as_of: &str, more: &[&str]) -> (published::Published, [String; 2]) {
        let lake = format!("lake.url={}", self.lake().display());
        let arguments = ["--as-of", as_of, "--set", &lake, "--set", "audit.complete_lag_days_max=5", "--log", "json"];
        let (code, text, error) = told(&quickstart(&self.store(store), &[&arguments[..], more].concat()));
        assert_eq!(code, 0, "{as_of}: {text}{error}");
        let detail = |name: &str| {
            let mut steps = error.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let step = steps.rfind(|event| event["event"] == "step_ended" && event["step"] == name);
            let detail = step.and_then(|event| event["detail"].as_str().map(str::to_owned)).unwrap_or_default();
            detail.rsplit("; ").next().unwrap_or_default().to_owned()
        };
        let run = published::live(&self.store(store), "quickstart").expect("it is live");
        (run, ["link customers", "divide lines into shards"].map(detail))
    }

    fn store(&self, store: &str) -> PathBuf {
        self.folder.path().join(store)
    }

    /// Runs of both stores publish the same; what the first says of the order lines. Where it knows them, it knows who had which id.
    fn both(&self, as_of: &str, more: &[&str]) -> String {
        let (told, linked) = self.both_told(as_of, more);
        assert_eq!(linked == "who had which id was kept", told.contains("known since"), "{linked}");
        told
    }

    /// The same, and what the first says of who had which id.
    fn both_told(&self, as_of: &str, more: &[&str]) -> (String, String) {
        let (kept, [linked, told]) = self.run("kept", as_of, more);
        let (all, _) = self.run("all", as_of, &[more, &["--set", "run.keep_state=false"]].concat());
        let bytes = |run: &published::Published| -> Vec<(String, String)> {
            run.manifest.all_files().iter().map(|file| (file.path.clone(), file.sha256.clone())).collect()
        };
        assert_eq!(bytes(&kept), bytes(&all), "{as_of}");
        assert_eq!((&kept.manifest.inputs, &kept.manifest.run_id), (&all.manifest.inputs, &all.manifest.run_id), "{as_of}");
        (told, linked)
    }

    fn count(&self) -> usize {
        files(&self.lake().join("order_lines")).len()
    }
}

fn day(offset: i32) -> String {
    regulars::time::Day::parse("2026-05-20").expect("a day").plus(offset).to_string()
}

/// Day after day; a file that comes late, one that is changed, rules that change who is one with whom and which lines count: the same bytes as from
/// all files, and only those files read that are new.
#[test]
fn days_one_after_another_give_the_bytes_of_all_files() {
    let growing = Growing::to(&day(0));
    assert_eq!(growing.both(&day(0), &[]), format!("{} files read, as nothing was kept", growing.count()));
    let known = |read: usize, before: i32| format!("{read} of {} files read, the others known since {}", growing.count(), day(before));
    let lines = |path: &str| path.starts_with("order_lines");
    for offset in 1..=long(30, 6) as i32 {
        let kind = (offset - 1) % 6;
        growing.arrive(&day(offset), &|path| kind != 2 || !lines(path));
        let lines_max = format!("customers.max_rows_per_customer={}", 100_000 + offset / 6);
        let rules = ["--set", &lines_max, "--set", "customers.link.probabilistic=false"];
        match kind {
            // Nobody is linked by weight on this day, and all are again on the next: customers split and merge.
            1 => assert_eq!(growing.both(&day(offset), &rules), known(1, offset - 1)),
            // The lines of a day come on the next.
            2 => assert_eq!(growing.both(&day(offset), &rules[..2]), known(0, offset - 1)),
            3 => {
                growing.arrive(&day(offset - 1), &lines);
                assert_eq!(growing.both(&day(offset), &rules[..2]), known(2, offset - 1));
            }
            // A file is corrected that was read together with others: they are read again.
            4 => {
                change(&growing.lake().join("order_lines"), &day(offset - 40));
                let told = growing.both(&day(offset), &rules[..2]);
                let read: usize = told.split(' ').next().and_then(|read| read.parse().ok()).expect("a number");
                assert!(read > 2 && read * 3 < growing.count() && told == known(read, offset - 1), "{told}");
            }
            // Other rules for lines: nothing that was kept is of use.
            5 => assert_eq!(
                growing.both(&day(offset), &rules[..2]),
                format!("{} files read, as the rules for order lines are others than before", growing.count())
            ),
            _ => assert_eq!(growing.both(&day(offset), &rules[..2]), known(1, offset - 1)),
        }
    }
}

/// Half of the amounts of the files of a day become others.
fn change(folder: &Path, day: &str) {
    assert_eq!(files(folder).iter().filter(|file| file.display().to_string().contains(day)).count(), 1, "{day}");
    lake::edit(folder, &|path| path.contains(day), &|columns| {
        if let Some(Cells::Int(amounts)) = columns.get_mut("amount") {
            amounts.iter_mut().flatten().step_by(2).for_each(|amount| *amount *= 2);
        }
    });
}

/// What happens to a file's bytes; None where it goes.
type Damage<'a> = &'a dyn Fn(Vec<u8>) -> Option<Vec<u8>>;

/// The one in the middle is another.
fn flipped(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    Some(bytes)
}

/// Damages the files in a folder whose names begin with `stem`, of which there is one at least.
fn spoil(folder: &Path, stem: &str, damage: Damage<'_>) {
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(stem));
    let found: Vec<PathBuf> = files(folder).into_iter().filter(is_it).collect();
    assert!(!found.is_empty(), "{stem}");
    for path in found {
        match damage(std::fs::read(&path).expect("a file")) {
            Some(bytes) => std::fs::write(&path, bytes),
            None => std::fs::remove_file(&path),
        }
        .expect("a file changes");
    }
}

/// Who had which id, the table says as well, where what was kept of it is damaged or gone.
#[test]
fn who_had_which_id_the_table_says_too() {
    let growing = Growing::to(&day(0));
    growing.both(&day(0), &[]);
    for (damage, offset) in [(&flipped as Damage<'_>, 1), (&|_| None, 2)] {
        spoil(&growing.store("kept").join("quickstart/state"), "called", damage);
        growing.arrive(&day(offset), &|_| true);
        let (told, linked) = growing.both_told(&day(offset), &[]);
        assert_eq!(told, format!("1 of {} files read, the others known since {}", growing.count(), day(offset - 1)));
        assert_eq!(linked, "who had which id is read from the table customer_links");
    }
}

/// Whatever is damaged, gone or of another date, the run reads all files, and publishes the same bytes.
#[test]
fn what_was_kept_is_used_only_if_it_is_whole() {
    let growing = Growing::to(&day(0));
    growing.both(&day(0), &[]);
    let state = growing.store("kept").join("quickstart/state");
    let cut = |bytes: Vec<u8>| Some(bytes[..bytes.len() / 2].to_vec());
    let damages: [(&str, Damage<'_>); 7] = [
        ("lines", &flipped),
        ("head", &|_| None),
        ("names", &flipped),
        ("index", &flipped),
        ("lines", &|_| None),
        ("lines", &cut),
        ("head", &|_| Some(Vec::new())),
    ];
    for ((stem, damage), offset) in damages.into_iter().zip(1..) {
        spoil(&state, stem, damage);
        growing.arrive(&day(offset), &|_| true);
        let why = if stem == "index" { "nothing was kept" } else { "what was kept is damaged" };
        assert_eq!(growing.both(&day(offset), &[]), format!("{} files read, as {why}", growing.count()), "{stem}");
    }
    // A run of an earlier date cannot use what is known of a later one, and keeps nothing: it will not be live.
    let before = files(&state);
    let (code, text, error) = told(&quickstart(
        &growing.store("kept"),
        &[
            "--as-of",
            &day(2),
            "--set",
            &format!("lake.url={}", growing.lake().display()),
            "--set",
            "audit.complete_lag_days_max=5",
            "--set",
            "churn.horizon_days=50",
        ],
    ));
    assert!(code == 0 && error.contains("as what was kept is of a later date"), "{text}{error}");
    assert_eq!(files(&state), before);
}

/// A lake that has tomorrow's files already: they are read again, and none because of them.
#[test]
fn files_of_tomorrow_are_read_alone() {
    let growing = Growing::to(&day(1));
    let told = growing.both(&day(0), &[]);
    assert_eq!(told, format!("{} files read, as nothing was kept", growing.count()));
    for offset in 1..=3 {
        growing.arrive(&day(offset + 1), &|_| true);
        assert_eq!(growing.both(&day(offset), &[]), format!("2 of {} files read, the others known since {}", growing.count(), day(offset - 1)));
    }
}

/// Customers of too many lines, whose first order may be among lines that are not kept, and who are linked by it: their ids are the same.
#[test]
fn the_first_order_of_who_has_too_many_lines_is_kept() {
    let growing = Growing::to(&day(0));
    for offset in 0..=2 {
        growing.arrive(&day(offset), &|_| true);
        // Nobody is registered before the first order.
        lake::edit(&growing.lake().join("customers"), &|path| offset == 0 || path.contains(&day(offset)), &|columns| {
            if let Some(Cells::Time(times, _)) = columns.get_mut("registered_at") {
                times.iter_mut().for_each(|time| *time = None);
            }
        });
        growing.both_told(&day(offset), &["--set", "customers.max_rows_per_customer=5", "--set", "customers.keep_ids=false"]);
    }
}

/// `gc` takes what no run will need, and the next run still knows the files.
#[test]
fn gc_leaves_what_the_next_run_needs() {
    let growing = Growing::to(&day(0));
    for offset in 0..3 {
        growing.arrive(&day(offset), &|_| true);
        growing.both(&day(offset), &[]);
    }
    let state = growing.store("kept").join("quickstart/state");
    let before = files(&state).len();
    let (store, age) = (format!("store.url={}", growing.store("kept").display()), "store.keep.min_age_hours=0");
    let (code, text, error) = told(&crate::run(&["gc", "configs/quickstart.yaml", "--yes", "--set", &store, "--set", age]));
    assert!(code == 0 && text.contains("(kept for a run that has been)"), "{text}{error}");
    // The indexes of the two runs before, and whom these called what.
    assert_eq!(before - files(&state).len(), 4);
    growing.arrive(&day(3), &|_| true);
    assert_eq!(growing.both(&day(3), &[]), format!("1 of {} files read, the others known since {}", growing.count(), day(2)));
}

/// A file is corrected, and someone is gone whose number was kept: what is said of them has no effect, and the audit tells the same as without what was kept.
#[test]
fn who_is_gone_is_nobody_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let day = 20_483; // 2026-01-30
    let lines =
        |name: &str, rows: &[(&str, &str, i64, f64, f64)]| lake::small_lines_with(&folder.path().join("lines").join(name), rows, &[], Compression::SNAPPY);
    lines("1.parquet", &[("o1", "a", day - 3, 1.0, 10.0), ("o2", "a", day, 1.0, 10.0)]);
    let consents = [
        ("source_customer_id", texts(&["a", "gone"])),
        ("purpose", texts(&["marketing"; 2])),
        ("channel", texts(&["email"; 2])),
        ("status", texts(&["given"; 2])),
        ("changed_at", Cells::Time(vec![Some((day - 9) * 86_400_000_000); 2], true)),
    ];
    write(&folder.path().join("consents/part.parquet"), &consents, Compression::SNAPPY);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path()) + "    consents: {path: consents}\n").expect("a config");
    let mut nights = Vec::new();
    for (as_of, who) in [("2026-01-30", "gone"), ("2026-01-31", "b")] {
        lines("2.parquet", &[("o3", who, day - 2, 1.0, 10.0)]);
        for keep in ["true", "false"] {
            let (out, keep_state) = (folder.path().join(keep), format!("run.keep_state={keep}"));
            let store = format!("store.url={}", out.display());
            let sets = ["--set", &store, "--set", &keep_state, "--set", "job.models=false", "--set", "customers.keep_ids=true"];
            let (code, text, error) = told(&run(&[&["run", &config.display().to_string(), "--as-of", as_of][..], &sets].concat()));
            assert_eq!(code, 0, "{text}{error}");
            nights.push(published::live(&out, "small").expect("it is live"));
        }
    }
    let of_nobody = |run: &published::Published| {
        let checks = run.texts("audit", "check").into_iter().zip(run.numbers("audit", "value"));
        checks.filter(|(check, _)| check == "rows_of_nobody").map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(nights.iter().map(of_nobody).collect::<Vec<_>>(), [vec![], vec![], vec![Some(0.5)], vec![Some(0.5)]]);
    assert!(nights[2].manifest.all_files().iter().map(|file| &file.sha256).eq(nights[3].manifest.all_files().iter().map(|file| &file.sha256)));
}
