//! Names and texts made to harm: nothing outside of the allowed roots is read or written, and a text means what a table says it means.

use std::path::Path;
use std::time::{Duration, Instant};

use regulars_tests::lake::small_lines;

use crate::{regulars, run, small_config, told};

const ROWS: [(&str, &str, i64, f64, f64); 2] = [("o1", "a", 20_450, 1.0, 2.5), ("o2", "b", 20_460, 2.0, 5.25)];

#[rustfmt::skip]
/// Sixty names that lead, or seem to lead, somewhere else.
fn hostile_names(outside: &Path) -> Vec<String> {
    let mut names: Vec<String> = [
        "..", "../", "../outside", "../../outside", "lines/../../outside", "lines/..", "./../outside", ".", "./lines", "lines/.", "lines//part", "/",
        "//", "/etc", "/etc/passwd", "~", "~root", "~/outside", "%2e%2e", "%2e%2e/outside", "%2E%2E/outside", "..%2foutside", "..%2Foutside",
        "%2e%2e%2foutside", "%252e%252e/outside", "..%5coutside", "..\\outside", "..\\..\\outside", "lines\\..\\..\\outside", "C:\\outside",
        "\\\\server\\share", "lines.", "lines..", "lines...", "lines ", " /outside", "..;/outside", "....//outside", "..../outside", ".../outside",
        "lines/\u{2025}/outside", "\u{ff0e}\u{ff0e}/outside", "\u{2024}\u{2024}/outside", "..\u{2215}outside", "..\u{ff0f}outside", "lines\u{0}",
        "\u{0}../outside", "lines\n../outside", "lines\r", "lines\t", "\u{7f}", "file:///etc", "http://127.0.0.1/x", "s3://other/x", "CON", "NUL",
        "-rf",
    ]
    .iter()
    .map(|name| (*name).to_owned())
    .collect();
    names.push(outside.display().to_string());
    names.push(format!("file://{}", outside.display()));
    names.push(format!("lines/../..{}", outside.display()));
    names
}

/// No path in the YAML, however written, reads a lake outside of the lake's root.
#[test]
fn hostile_paths_read_nothing_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (folder.path().join("lake"), folder.path().join("outside"));
    small_lines(&inside.join("lines/part.parquet"), &ROWS);
    small_lines(&outside.join("part.parquet"), &ROWS);
    let names = hostile_names(&outside);
    assert!(names.len() >= 60, "{}", names.len());
    for name in names {
        let text = small_config(&inside).replace("path: lines", &format!("path: {}", serde_json::to_string(&name).expect("a text")));
        let config = folder.path().join("job.yaml");
        std::fs::write(&config, text).expect("a config");
        let (code, text, error) = told(&run(&["run", &config.display().to_string()]));
        assert!(code == 2 || code == 3, "{name:?}: {code} {text} {error}");
        assert!(!inside.join("out").exists() || !inside.join("out/small/live.json").exists(), "{name:?}");
    }
    // Nor does the name of a job write anything outside of the store.
    let before = regulars_tests::files(folder.path());
    for name in hostile_names(&outside) {
        let name = serde_json::to_string(&name).expect("a text");
        let config = folder.path().join("job.yaml");
        std::fs::write(&config, small_config(&inside).replace("name: small", &format!("name: {name}"))).expect("a config");
        assert_eq!(told(&run(&["run", &config.display().to_string()])).0, 2, "job {name}");
        let campaign = small_config(&inside) + &format!("campaigns: {{{name}: {{size: 5, audience: []}}}}\n");
        std::fs::write(&config, campaign).expect("a config");
        assert_eq!(told(&run(&["run", &config.display().to_string()])).0, 2, "campaign {name}");
    }
    assert_eq!(regulars_tests::files(folder.path()), before);
}

/// Links: out of the lake and out of the store they are refused; inside the lake they are followed.
#[test]
fn links_lead_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (folder.path().join("lake"), folder.path().join("outside"));
    small_lines(&outside.join("part.parquet"), &ROWS);
    small_lines(&inside.join("real/part.parquet"), &ROWS);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(&inside)).expect("a config");
    let run = || told(&run(&["run", &config.display().to_string(), "--set", "audit.complete_lag_days_max=60"]));
    let link = |to: &Path, from: &Path| std::os::unix::fs::symlink(to, from).expect("a link");
    for to in [outside.clone(), Path::new("../outside").to_owned()] {
        link(&to, &inside.join("lines"));
        let (code, _, error) = run();
        assert!(code == 7 && error.contains("expected files below the store's folder, got a link that leads elsewhere"), "{code} {error}");
        std::fs::remove_file(inside.join("lines")).expect("a link goes");
    }
    std::fs::create_dir_all(inside.join("lines")).expect("a folder");
    link(&outside.join("part.parquet"), &inside.join("lines/part.parquet"));
    assert_eq!(run().0, 7, "a link to a file");
    // A link that leads nowhere stands for a file that is missing.
    std::fs::remove_file(inside.join("lines/part.parquet")).expect("a link goes");
    small_lines(&inside.join("lines/month=1/part.parquet"), &ROWS);
    link(&inside.join("gone.parquet"), &inside.join("lines/month=2.parquet"));
    let (code, _, error) = run();
    assert!(code == 3 && error.contains("lines/month=2.parquet") && error.contains("got a link that leads nowhere"), "{code} {error}");
    std::fs::remove_file(inside.join("lines/month=2.parquet")).expect("a link goes");
    // So does one in a folder that is linked; what an editor or a writer keeps for itself stands for nothing.
    std::fs::create_dir_all(inside.join("archive")).expect("a folder");
    std::fs::create_dir_all(inside.join("lines/_tmp")).expect("a folder");
    for (to, from) in [("gone", "lines/_tmp/x.parquet"), ("me@here.17", "lines/.#part.parquet"), ("gone", "lines/notes.txt"), ("../archive", "lines/month=3")] {
        link(Path::new(to), &inside.join(from));
    }
    assert_eq!(run().0, 0, "nothing is missing");
    link(Path::new("gone.parquet"), &inside.join("archive/part.parquet"));
    let (code, _, error) = run();
    assert!(code == 3 && error.contains("lines/month=3/part.parquet") && error.contains("got a link that leads nowhere"), "{code} {error}");
    std::fs::remove_dir_all(inside.join("archive")).expect("a folder goes");
    std::fs::remove_dir_all(inside.join("lines")).expect("a folder goes");
    // What names from data: a partition's value is a value, never a path.
    small_lines(&inside.join("lines/store_id=..%2F..%2Foutside/part.parquet"), &ROWS);
    let (code, text, error) = run();
    assert!(code == 0 && text.contains("customers  2 known"), "{error}");
    std::fs::remove_dir_all(inside.join("lines")).expect("a folder goes");
    link(Path::new("real"), &inside.join("lines"));
    assert_eq!(run().0, 0, "a link inside of the lake");
    std::fs::remove_dir_all(inside.join("out")).expect("a folder goes");
    std::fs::create_dir_all(inside.join("out")).expect("a folder");
    link(&outside, &inside.join("out/small"));
    let before = regulars_tests::files(&outside);
    let (code, _, error) = run();
    assert!(code == 7 && error.contains("got a link that leads elsewhere"), "{code} {error}");
    assert_eq!(regulars_tests::files(&outside), before);
}

/// Aliases of aliases: refused in a tenth of a second, in little memory.
#[test]
fn an_alias_bomb_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bomb = String::from("campaigns:\n  a: &a {audience: [{recency_days: {at_most: 5}}, {recency_days: {at_most: 6}}]}\n");
    let mut level = String::from("features:\n  rfm: {}\n  cadence:\n    - &l0 [a, a, a, a, a, a, a, a, a, a]\n");
    for depth in 1..12 {
        let aliases = vec![format!("*l{}", depth - 1); 10].join(", ");
        level.push_str(&format!("    - &l{depth} [{aliases}]\n"));
    }
    bomb.push_str(&level);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path()) + &bomb).expect("a config");
    let list = folder.path().join("peak");
    let mut command = regulars();
    command.args(["check", &config.display().to_string()]).env("UNDER_TEST_PEAK", &list);
    let start = Instant::now();
    let (code, _, error) = told(&command.output().expect("it starts"));
    assert_eq!(code, 2, "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "a tenth of a second, and the start of the process on a busy machine");
    let kib: u64 = std::fs::read_to_string(list).expect("a peak").trim().parse().expect("a number");
    assert!(kib < 50 << 10, "{kib} KiB");
}

/// What a text or a number of the YAML is read as (YAML 1.2, core schema, section 10.3.2): the value, or a fault.
#[test]
#[allow(clippy::too_many_lines, reason = "a table, a row a scalar")]
fn scalars_mean_what_the_table_says() {
    /// A key, its kind, how it is written, and what is read; None for a fault.
    type Case = (&'static str, &'static str, Option<&'static str>);
    // Texts: the name of a job, which admits only some letters, shows what was read; bools and numbers show themselves in the digest.
    let texts: &[Case] = &[
        ("text", "no", Some("no")),
        ("text", "yes", Some("yes")),
        ("text", "on", Some("on")),
        ("text", "y", Some("y")),
        ("text", "null", None),
        ("text", "~", None),
        ("text", "", None),
        ("text", "true", Some("true")),
        ("text", "12", Some("12")),
        ("text", "012", Some("012")),
        ("text", "1_000", Some("1_000")),
        ("text", "0o14", Some("0o14")),
        ("text", "0x1f", Some("0x1f")),
        ("text", "2024-01-01", Some("2024-01-01")),
        ("text", "'2024-01-01'", Some("2024-01-01")),
        ("text", "\"a-b\"", Some("a-b")),
        ("text", "NO", None),
        ("text", "12.5", None),
        ("text", "[a]", None),
        ("text", "{a: b}", None),
    ];
    let numbers: &[Case] = &[
        ("number", "12", Some("12")),
        ("number", "+12", Some("12")),
        ("number", "0o14", Some("12")),
        ("number", "0xC", Some("12")),
        ("number", "014", None),
        // Numbers may be grouped, and stand in quotes, as older YAML has it.
        ("number", "1_0", Some("10")),
        ("number", "12.0", None),
        ("number", "1e1", None),
        ("number", "-12", None),
        ("number", "'12'", Some("12")),
        // What is null is not stated: the default holds.
        ("number", "null", Some("90")),
        ("number", "true", None),
        ("number", "12 days", None),
        ("number", "99999999999999999999", None),
        ("number", ".inf", None),
        ("number", "0b1100", Some("12")),
    ];
    let bools: &[Case] = &[
        ("bool", "true", Some("true")),
        ("bool", "false", Some("false")),
        ("bool", "True", Some("true")),
        ("bool", "yes", None),
        ("bool", "no", None),
        ("bool", "on", None),
        ("bool", "1", None),
        ("bool", "'true'", Some("true")),
    ];
    let cases: Vec<&Case> = texts.iter().chain(numbers).chain(bools).collect();
    assert!(cases.len() >= 40);
    let mut wrong = Vec::new();
    for (kind, written, expected) in cases {
        let base = small_config(Path::new("/nowhere"));
        let text = match *kind {
            "text" => base.replace("name: small, ", "").replace("job: {", &format!("job: {{name: {written}, ")),
            "number" => base + &format!("churn:\n  horizon_days: {written}\n"),
            _ => base + &format!("churn:\n  hold_without_model: {written}\n"),
        };
        let options = regulars::job::Options { as_of: None, overrides: &[], environment: &|_| None };
        let got = regulars::job::load("job.yaml", &text, &options).ok().map(|params| match *kind {
            "text" => params.name.clone(),
            "number" => params.churn.population.horizon_days.to_string(),
            _ => params.churn.hold_without_model.to_string(),
        });
        if got.as_deref() != *expected {
            wrong.push(format!("{kind} {written}: expected {expected:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
