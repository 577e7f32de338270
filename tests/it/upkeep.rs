//! What is done with runs that are there: verify, rollback, diff, gc, and the guard against runs that differ too much.

use std::collections::BTreeMap;
use std::path::Path;

use regulars_tests::{files, published};

use crate::{quickstart, regulars, run, told};

/// A verb over the quickstart job's store at `out`.
fn verb(name: &str, out: &Path, more: &[&str]) -> (i32, String, String) {
    let store = format!("store.url={}", out.display());
    let mut arguments = vec![name, "configs/quickstart.yaml", "--set", &store];
    arguments.extend(more);
    told(&run(&arguments))
}

fn published(out: &Path, more: &[&str]) -> published::Published {
    let (code, text, error) = told(&quickstart(out, more));
    assert_eq!(code, 0, "{text}{error}");
    published::live(out, "quickstart").expect("it is live")
}

/// Every file of a run in turn flipped, cut and removed: each is named, and only that one.
#[test]
fn verify_names_every_damaged_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = published(folder.path(), &[]);
    let (code, text, _) = verb("verify", folder.path(), &["live"]);
    assert_eq!(code, 0);
    assert!(text.starts_with(&format!("whole  job quickstart as of 2026-06-30, run {}\n", run.live.run_id)), "{text}");
    assert_eq!(verb("verify", folder.path(), &[&run.live.run_id[..8]]).0, 0);
    assert_eq!(verb("verify", folder.path(), &["2026-06-30"]).0, 0);
    let all = files(&run.folder);
    assert!(all.len() > 15);
    for path in &all {
        let name = path.strip_prefix(&run.folder).expect("below the run").display().to_string();
        let whole = std::fs::read(path).expect("a file");
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        for (damage, bytes) in [("flipped", Some(flipped)), ("cut", Some(whole[..whole.len() - 1].to_vec())), ("removed", None)] {
            match &bytes {
                Some(bytes) => std::fs::write(path, bytes).expect("a file"),
                None => std::fs::remove_file(path).expect("a file goes"),
            }
            let (code, text, error) = verb("verify", folder.path(), &["live"]);
            assert_eq!(code, 7, "{name} {damage}: {text}{error}");
            let named: Vec<&str> = error.lines().skip(1).filter(|line| line.starts_with("  ")).collect();
            assert!(!named.is_empty() && named.iter().all(|line| line.contains(&name)), "{name} {damage}: {error}");
        }
        std::fs::write(path, &whole).expect("a file");
    }
    std::fs::write(run.folder.join("tables/features/stray.parquet"), "x").expect("a file");
    let (code, _, error) = verb("verify", folder.path(), &["live"]);
    assert!(code == 7 && error.contains("tables/features/stray.parquet: expected only files that the manifest names"), "{error}");
}

#[test]
fn a_run_that_is_not_there_cannot_be_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, error) = verb("verify", folder.path(), &["live"]);
    assert_eq!(code, 2);
    assert!(error.contains("expected a run of job `quickstart` (live, a date, or the beginning of a run_id), got `live`, and nothing is live"), "{error}");
    published(folder.path(), &[]);
    assert!(verb("verify", folder.path(), &["2020-01-01"]).2.contains("got a word that no run has"));
}

/// Live goes back, byte-equal, and stays there until something new is built.
#[test]
fn rollback_pins_live() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = published(folder.path(), &["--as-of", "2026-06-28"]);
    let second = published(folder.path(), &["--as-of", "2026-06-30"]);
    assert_ne!(first.digests(), second.digests());
    let (code, _, error) = verb("rollback", folder.path(), &["live"]);
    assert!(code == 2 && error.contains("expected a run that is not live"), "{error}");
    let start = std::time::Instant::now();
    let (code, text, error) = verb("rollback", folder.path(), &["2026-06-28"]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("rolled back  job quickstart to as of 2026-06-28"), "{text}");
    assert!(start.elapsed().as_secs() < 10, "a rollback writes one small file");
    let back = published::live(folder.path(), "quickstart").expect("it is live");
    assert_eq!((back.digests(), &back.live.run_id), (first.digests(), &first.live.run_id));
    assert_eq!(back.live.pin.as_ref().map(|pin| pin.left.run_id.as_str()), Some(second.live.run_id.as_str()));
    // What was left, an as_of between, and the run itself leave live alone.
    for as_of in ["2026-06-30", "2026-06-29", "2026-06-28"] {
        let (code, text, _) = told(&quickstart(folder.path(), &["--as-of", as_of]));
        let word = if as_of == "2026-06-28" { "\nunchanged  job" } else { "\npinned  job" };
        assert!(code == 0 && text.contains(word), "{as_of} {text}");
        assert_eq!(published::live(folder.path(), "quickstart").expect("it is live").live, back.live);
    }
    // A new build of the date that was left moves it.
    let mended = published(folder.path(), &["--set", "groups.high_value_share=0.25"]);
    assert_eq!((mended.live.as_of.as_str(), &mended.live.pin), ("2026-06-30", &None));
    assert_ne!(mended.live.run_id, second.live.run_id);
}

/// A difference that can be counted by hand: one group's cut moves, a list shrinks, all else stays.
#[test]
fn diff_says_what_changes_for_whom() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = published(folder.path(), &[]);
    let after = published(folder.path(), &["--set", "campaigns.thank_you.size=40"]);
    let (code, text, error) = verb("diff", folder.path(), &[&before.live.run_id, "live"]);
    assert_eq!(code, 0, "{error}");
    let row = |name: &str| -> Vec<i64> {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{name}: {text}"));
        line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect()
    };
    let list = "target_lists/thank_you";
    let size = before.rows(list) as i64;
    assert!(size > 60 && after.rows(list) == 40, "{size}");
    assert_eq!(row(list), [size, 40, 0, size - 40, 0]);
    let left_out = before.rows("exclusions/thank_you") as i64;
    assert_eq!(row("exclusions/thank_you"), [left_out, left_out + size - 40, size - 40, 0, 0]);
    let features = before.rows("features") as i64;
    assert_eq!(row("features"), [features, features, 0, 0, 0]);
    // The definition of one campaign has other words now.
    assert_eq!(row("definitions")[2..], [0, 0, 1]);
    let treated = |run: &published::Published| run.texts(list, "arm").iter().filter(|arm| *arm == "treatment").count() as i64;
    assert_eq!(row("thank_you")[..3], [treated(&before), treated(&after), treated(&after) - treated(&before)]);
    let groups = before.texts("groups", "value_risk_group");
    let loyal = groups.iter().filter(|group| *group == "high_value_loyal").count() as i64;
    assert_eq!(row("high_value_loyal"), [loyal, loyal, 0]);
    let stake = |run: &published::Published| -> f64 {
        let values = run.numbers(list, "value_at_stake_minor");
        run.texts(list, "arm").iter().zip(values).filter(|(arm, _)| *arm == "treatment").filter_map(|(_, value)| value).sum::<f64>() / 100.0
    };
    let line = text.lines().find(|line| line.starts_with("thank_you ")).expect("a line").replace([',', '\u{a0}'], "");
    assert!(line.contains(&format!("{:.2} -> {:.2}", stake(&before), stake(&after))), "{line}");
}

/// A guard holds a run that moves a list too far, and the prior run is a part of what the run is.
#[test]
fn a_guard_holds_a_run_that_moves_too_far() {
    let folder = tempfile::tempdir().expect("a folder");
    let guard = ["--set", "audit.hold_if.list_change_max=0.3", "--set", "audit.hold_if.group_change_max=0.9"];
    let with = |more: &[&'static str]| -> Vec<&'static str> { guard.iter().copied().chain(more.iter().copied()).collect() };
    let first = published(folder.path(), &with(&["--as-of", "2026-06-29"]));
    assert_eq!(first.manifest.prior, None);
    let (code, text, _) = told(&quickstart(folder.path(), &with(&["--set", "campaigns.thank_you.size=40"])));
    assert_eq!(code, 4, "{text}");
    let size = first.rows("target_lists/thank_you");
    let moved = (size - 40) as f64 / size as f64;
    let held = format!("HELD  list_moved of thank_you: {moved:.4} (limit 0.3); {size} customers in the prior run, 40 in this one");
    assert!(moved > 0.5 && text.contains(&held), "{text}");
    assert_eq!(published::live(folder.path(), "quickstart").expect("it is live").live, first.live);
    let second = published(folder.path(), &with(&[]));
    assert_eq!(second.manifest.prior.as_ref().map(|prior| prior.run_id.as_str()), Some(first.live.run_id.as_str()));
    let moved = second.texts("audit", "check").iter().filter(|check| *check == "list_moved").count();
    assert_eq!(moved, 2);
    assert_eq!(second.manifest.table("audit").expect("published").class, "chained");
    // A re-run takes the same prior again, though live is another run now.
    assert!(told(&quickstart(folder.path(), &with(&[]))).1.contains("unchanged  job"));
}

/// Between which events a run of the quickstart job stores its parts, the first of them stored and the last not.
fn parts(store: &str) -> (usize, usize) {
    let events = tempfile::NamedTempFile::new().expect("a file");
    let mut command = regulars();
    let job = ["run", "configs/quickstart.yaml", "--set", "run.keep_state=false", "--set", store];
    command.args(job).args(["--set", "groups.high_value_share=0.1", "--as-of", "2026-06-28"]);
    assert!(command.env("UNDER_TEST_EVENTS", events.path()).output().expect("it starts").status.success());
    let events = std::fs::read_to_string(events.path()).expect("events");
    let links: Vec<usize> = events.lines().enumerate().filter(|(_, event)| *event == "call link").map(|(at, _)| at).collect();
    (links[2], links[links.len() - 3])
}

/// After many killed runs, `gc` lists exactly what they left, deletes it only when told so, and never what a run needs.
#[test]
fn gc_lists_exactly_the_orphans() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = published(folder.path(), &["--as-of", "2026-06-29"]);
    let store = format!("store.url={}", folder.path().display());
    let (first, last) = parts(&store);
    let committed: BTreeMap<_, _> = files(folder.path()).into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    for kill in 0..regulars_tests::long(100, 12) {
        // Each of another config, so that each has a folder of its own.
        let share = format!("groups.high_value_share=0.{}", 1001 + kill);
        let mut command = regulars();
        command.args(["run", "configs/quickstart.yaml", "--set", "run.keep_state=false", "--set", &store, "--set", &share]);
        let output = command.env("UNDER_TEST_AT", (first + kill * 17 % (last - first)).to_string()).output().expect("it starts");
        assert_eq!(output.status.code(), None, "killed");
    }
    let left: Vec<String> = files(folder.path())
        .into_iter()
        .filter(|path| !committed.contains_key(path))
        .map(|path| path.strip_prefix(folder.path()).expect("below").display().to_string())
        .filter(|path| !path.starts_with("quickstart/.probe"))
        .collect();
    assert!(left.len() > 10 && left.iter().any(|path| path.ends_with(".staging")), "{left:?}");
    let listed = |more: &[&str]| -> (String, Vec<String>) {
        let (code, text, error) = verb("gc", folder.path(), more);
        assert_eq!(code, 0, "{error}");
        let mut paths: Vec<String> =
            text.lines().filter(|line| line.contains("  (")).filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect();
        paths.sort();
        (text, paths)
    };
    assert_eq!(listed(&[]).1, Vec::<String>::new(), "all of it is younger than a day");
    let now = ["--set", "store.keep.min_age_hours=0"];
    assert_eq!(listed(&now).1, left);
    assert!(listed(&now).0.contains("nothing deleted"));
    let (text, paths) = listed(&["--set", "store.keep.min_age_hours=0", "--yes"]);
    assert!(paths == left && text.contains(&format!("{} files deleted", left.len())), "{text}");
    assert_eq!(listed(&now).1, Vec::<String>::new());
    for (path, bytes) in &committed {
        assert_eq!(&std::fs::read(path).expect("it is still there"), bytes, "{}", path.display());
    }
    assert_eq!(published::live(folder.path(), "quickstart").expect("it is live").live, live.live);
}

/// `keep` releases runs, but not those that live, or what live was before, need.
#[test]
fn gc_releases_what_keep_does_not_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    for day in 25..=29 {
        published(folder.path(), &["--as-of", &format!("2026-06-{day}")]);
    }
    let dates = || -> Vec<String> {
        let all = files(&folder.path().join("quickstart/runs")).into_iter().filter(|path| path.ends_with("manifest.json"));
        let mut dates: Vec<String> = all.map(|path| path.components().rev().nth(2).expect("a date").as_os_str().to_string_lossy().into_owned()).collect();
        dates.sort();
        dates
    };
    let gc = |more: &[&str]| verb("gc", folder.path(), &[&["--yes", "--set", "store.keep.min_age_hours=0"], more].concat());
    let (_, text, _) = gc(&[]);
    assert!(text.lines().filter(|line| line.contains("  (")).all(|line| line.contains("/state/")), "without `keep` every run stays: {text}");
    assert_eq!(dates().len(), 5);
    assert_eq!(gc(&["--set", "store.keep.dates=3"]).0, 0);
    assert_eq!(dates(), ["2026-06-26", "2026-06-27", "2026-06-28", "2026-06-29"], "what a kept run read of the prior one stays");
    assert_eq!(gc(&["--set", "store.keep.dates=1"]).0, 0);
    assert_eq!(dates(), ["2026-06-27", "2026-06-28", "2026-06-29"], "what live was before stays, and what that read");
    let (code, text, _) = verb("rollback", folder.path(), &["2026-06-28"]);
    assert!(code == 0, "{text}");
    assert_eq!(gc(&["--set", "store.keep.days=1"]).0, 0);
    assert_eq!(dates(), ["2026-06-27", "2026-06-28", "2026-06-29"], "what a pin left stays");
}
