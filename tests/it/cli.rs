//! The command line: verbs, and one test for each exit code.

use std::io::Write;

use regulars_tests::lake::small_lines;
use regulars_tests::published;

use crate::{quickstart, regulars, run, small_config, told};

#[test]
fn help_and_usage() {
    let (code, text, _) = told(&run(&["--help"]));
    assert_eq!(code, 0);
    for verb in ["run", "check", "plan", "backtest", "explain", "verify", "diff", "rollback", "gc", "schema", "tables", "sample"] {
        assert!(text.contains(&format!("\n  {verb} ")), "{text}");
    }
    assert!(text.contains("4 held"), "{text}");
    assert_eq!(told(&run(&["fly"])).0, 2);
    let (code, _, error) = told(&run(&["run", "no-such.yaml"]));
    assert_eq!(code, 2);
    assert!(error.contains("no-such.yaml: expected a readable file"), "{error}");
}

#[test]
fn check_and_plan_compute_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("store.url={}/out", folder.path().display());
    let (code, text, _) = told(&run(&["check", "configs/quickstart.yaml", "--set", &store]));
    assert_eq!(code, 0);
    assert!(text.contains("order_lines            728 files       50628 rows"), "{text}");
    let plan = || told(&run(&["plan", "configs/quickstart.yaml", "--set", &store])).1;
    assert!(plan().contains("status    not published\n  live      nothing"), "{}", plan());
    assert_eq!(quickstart(&folder.path().join("out"), &[]).status.code(), Some(0));
    let live = published::live(&folder.path().join("out"), "quickstart").expect("it is live").live;
    assert!(plan().contains(&format!("run_id    {}\n", live.run_id)), "{}", plan());
    assert!(plan().contains("status    published\n"), "{}", plan());
}

/// 4: a threshold of the input is broken; the run is committed, never live, and held again.
#[test]
fn a_held_run_exits_4() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let (code, text, error) = told(&quickstart(folder.path(), &["--set", "audit.anonymous_line_share_max=0.01"]));
        assert_eq!(code, 4, "{error}");
        assert!(text.contains("\nheld  job quickstart as of 2026-06-30"), "{text}");
        assert!(published::live(folder.path(), "quickstart").is_none());
    }
    let (code, text, _) = told(&quickstart(folder.path(), &["--set", "audit.anonymous_line_share_max=0.02"]));
    assert!(code == 4 && text.contains("HELD  anonymous_line_share of order_lines: 0.0"), "{text}");
}

/// 5: another process holds the live pointer's lock for longer than a minute.
#[test]
fn a_locked_pointer_exits_5() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(quickstart(folder.path(), &["--as-of", "2026-06-29"]).status.code(), Some(0));
    let lock = std::fs::File::create(folder.path().join("quickstart/live.lock")).expect("a file");
    lock.lock().expect("the lock");
    let (code, _, error) = told(&quickstart(folder.path(), &[]));
    assert_eq!(code, 5, "{error}");
    assert!(error.contains("expected the lock within 60 s, got none"), "{error}");
    drop(lock);
    let (code, text, _) = told(&quickstart(folder.path(), &[]));
    assert!(code == 0 && text.contains("published  job"), "the next run finishes what was left: {text}");
}

/// 6: nobody listens there now. 7: the store's folder cannot be one.
#[test]
fn store_errors_exit_6_and_7() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let options = format!("store.options={{endpoint: 'http://{address}', allow_http: 'true', region: r, access_key_id: k, secret_access_key: s}}");
    let (code, _, error) = told(&run(&[
        "run",
        "configs/quickstart.yaml",
        "--set",
        "store.url=s3://shop/out",
        "--set",
        "store.private_hosts=[127.0.0.1]",
        "--set",
        "run.retry_wait_first_ms=10",
        "--set",
        &options,
    ]));
    assert_eq!(code, 6, "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").expect("a file");
    let (code, _, error) = told(&quickstart(&file.join("out"), &[]));
    assert_eq!(code, 7, "{error}");
}

/// 8: scratch cannot be used.
#[test]
fn a_limit_exits_8() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").expect("a file");
    let scratch = format!("run.scratch={}/scratch", file.display());
    let (code, _, error) = told(&quickstart(&folder.path().join("out"), &["--set", &scratch]));
    assert_eq!(code, 8, "{error}");
}

/// 70: a manifest of the same run that lists other files can only be a bug.
#[test]
fn a_bug_exits_70() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(quickstart(folder.path(), &[]).status.code(), Some(0));
    let run = published::live(folder.path(), "quickstart").expect("it is live");
    // The same name with other bytes: equal digests cannot hold different bytes.
    let part = run.folder.join(&run.manifest.tables[0].parts[0].path);
    std::fs::write(&part, "other bytes").expect("a file");
    std::fs::remove_file(run.folder.join("manifest.json")).expect("a file");
    let (code, _, error) = told(&quickstart(folder.path(), &[]));
    assert_eq!(code, 70, "{error}");
    assert!(error.contains("this is a bug in regulars"), "{error}");
}

/// 143: told to end, it ends, and nothing is visible.
#[test]
fn sigterm_exits_143() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("store.url={}", folder.path().display());
    let mut child = regulars().args(["run", "configs/quickstart.yaml", "--set", &store]).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    // The first line of progress says that the signal is being listened for.
    let mut first = [0u8; 1];
    std::io::Read::read_exact(child.stderr.as_mut().expect("piped"), &mut first).expect("progress");
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert!(published::live(folder.path(), "quickstart").is_none());
    let _ = std::io::stderr().flush();
}

#[test]
fn a_lake_without_anything_but_lines_is_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: Vec<(String, String, i64)> = (0..40).map(|n| (format!("o{n}"), format!("c{}", n % 7), 20_400 + n)).collect();
    let rows: Vec<(&str, &str, i64, f64, f64)> = rows.iter().map(|row| (row.0.as_str(), row.1.as_str(), row.2, 1.0, 9.99)).collect();
    small_lines(&folder.path().join("lines/part.parquet"), &rows);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path())).expect("a config");
    // Seven customers train no churn model: the run says so, and goes on.
    let (code, text, error) = told(&run(&["run", &config.display().to_string(), "--set", "audit.complete_lag_days_max=60"]));
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("customers  7 known, 7 of them with an order"), "{text}");
    assert!(text.contains("none: churn models: expected at least 200 labelled customers"), "{text}");
}

/// A lake without a line up to as_of would turn everyone into someone who never ordered: the run is held.
#[test]
fn an_empty_lake_is_held() {
    let folder = tempfile::tempdir().expect("a folder");
    small_lines(&folder.path().join("lines/part.parquet"), &[("o1", "a", 20_450, 1.0, 2.5)]);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path())).expect("a config");
    let (code, text, _) = told(&run(&["run", &config.display().to_string(), "--as-of", "2025-01-01"]));
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("HELD  no_lines of order_lines") && text.contains("nothing is live"), "{text}");
}

#[test]
fn empty_options_are_refused() {
    let (code, _, error) = told(&run(&["check", "configs/quickstart.yaml", "--as-of", ""]));
    assert_eq!(code, 2);
    assert!(error.contains("--as-of: expected a date YYYY-MM-DD, got ``"), "{error}");
    let (code, _, error) = told(&run(&["check", "configs/quickstart.yaml", "--set", "store.url="]));
    assert_eq!(code, 2);
    assert!(error.contains("expected KEY=VALUE with both, got `store.url=`"), "{error}");
}
