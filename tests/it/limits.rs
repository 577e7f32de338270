//! Limits: memory, scratch, the size of a file, the lines of one customer. Over one, the run spills, withholds, or ends with 8, names the
//! step, and publishes nothing.

use std::path::Path;

use parquet::basic::Compression;
use regulars_tests::parquet_file::{Cells, texts, write};
use regulars_tests::published;

use crate::{quickstart, regulars, run, small_config, told};

/// A run of the quickstart job over `lake`: exit code, standard error and the peak of its memory in MiB.
fn peak(lake: &Path, out: &Path, more: &[&str]) -> (i32, String, u64) {
    let list = out.with_extension("peak");
    let (lake, store) = (format!("lake.url={}", lake.display()), format!("store.url={}", out.display()));
    let mut command = regulars();
    command.args(["run", "configs/quickstart.yaml", "--set", &lake, "--set", &store]).args(more).env("UNDER_TEST_PEAK", &list);
    let (code, _, error) = told(&command.output().expect("it starts"));
    let kib: u64 = std::fs::read_to_string(list).expect("a peak").trim().parse().expect("a number");
    (code, error, kib >> 10)
}

/// The program's buffers stay within their limit, whatever the lake: beyond what the process takes over a small lake, its memory is bounded.
#[test]
fn memory_stays_within_its_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let big = folder.path().join("big").display().to_string();
    let (code, _, error) = told(&run(&["sample", "--customers", "18000", "--lines-per-customer", "200", "--until", "2026-06-30", "--out", &big]));
    assert_eq!(code, 0, "{error}");
    let lake = folder.path().join("big/lake");
    let (code, error, small) = peak(&regulars_tests::root().join("data-samples/lake"), &folder.path().join("small"), &[]);
    assert_eq!(code, 0, "{error}");
    let (code, error, _) = peak(&lake, &folder.path().join("free"), &[]);
    assert_eq!(code, 0, "{error}");
    let (code, error, tight) = peak(&lake, &folder.path().join("tight"), &["--set", "run.memory_limit_mib=100"]);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("bytes spilled") && !error.contains(", 0 bytes spilled"), "{error}");

    assert!(tight <= small + 116, "{small} MiB over the small lake; {tight} within 116");
    let digests = |name: &str| published::live(&folder.path().join(name), "quickstart").expect("it is live").digests();
    assert_eq!(digests("tight"), digests("free"));
    // A limit that cannot be kept ends the run, by name.
    let out = folder.path().join("none");
    let (code, error, _) = peak(&lake, &out, &["--set", "run.memory_limit_mib=4"]);
    assert_eq!(code, 8, "{error}");
    assert!(error.contains("step ") && error.contains("expected to stay within `run.memory_limit_mib` of 4, got "), "{error}");
    assert!(!out.join("quickstart/runs").exists());
}

/// Scratch beyond its limit, and a disk that takes no more.
#[test]
fn scratch_that_is_full_ends_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let big = folder.path().join("big").display().to_string();
    let (code, _, error) = told(&run(&["sample", "--customers", "5000", "--lines-per-customer", "150", "--until", "2026-06-30", "--out", &big]));
    assert_eq!(code, 0, "{error}");
    let lake = format!("lake.url={big}/lake");
    let tight = ["--set", "run.memory_limit_mib=16", "--set", "run.shards=1", "--set", "run.keep_state=false", "--set", &lake];
    let (code, _, error) = told(&quickstart(&out, &[&tight[..], &["--set", "run.scratch_limit_mib=1"]].concat()));
    assert_eq!(code, 8, "{error}");
    assert!(error.contains("step divide lines into shards: expected to stay within `run.scratch_limit_mib` of 1, got "), "{error}");
    // Files of at most half a MiB, and no signal for what is more.
    let program = regulars().get_program().to_string_lossy().into_owned();
    let mut limited = std::process::Command::new("bash");
    limited.current_dir(regulars_tests::root()).args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"", &program]);
    limited.args(["run", "configs/quickstart.yaml", "--set", &format!("store.url={}", out.display())]).args(tight);
    let (code, _, error) = told(&limited.output().expect("bash"));
    assert_eq!(code, 8, "{error}");
    assert!(error.contains("step divide lines into shards: scratch: File too large"), "{error}");
    assert!(!out.join("quickstart/runs").exists());
}

#[test]
fn a_file_beyond_its_limit_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, error) = told(&quickstart(folder.path(), &["--set", "lake.max_file_bytes=1000"]));
    assert_eq!(code, 8, "{error}");
    assert!(error.contains(": step open the lake: table ") && error.contains("expected a file within `lake.max_file_bytes` of 1000, got "), "{error}");
}

/// A card with very many lines is withheld, with a reason, and its lines are not looked at; everyone else is as before.
#[test]
fn a_customer_of_too_many_lines_is_withheld() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = 300_000;
    let lines = |name: &str, customers: Vec<&str>| {
        let rows = customers.len();
        let orders: Vec<String> = (0..rows).map(|row| format!("{name}-{row}")).collect();
        let columns = [
            ("order_id", texts(&orders.iter().map(String::as_str).collect::<Vec<_>>())),
            ("source_customer_id", texts(&customers)),
            ("ordered_at", Cells::Time((0..rows).map(|row| Some((20_400 + row as i64 % 80) * 86_400_000_000)).collect(), true)),
            ("product_id", texts(&vec!["p"; rows])),
            ("quantity", Cells::Float(vec![Some(1.0); rows])),
            ("amount", Cells::Float(vec![Some(2.5); rows])),
        ];
        write(&folder.path().join(format!("lines/{name}.parquet")), &columns, Compression::SNAPPY);
    };
    lines("people", (0..400).map(|row| ["ann", "bob", "cid", "dee", "eve"][row % 5]).collect());
    lines("card", vec!["house-card"; count]);
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path())).expect("a config");
    let with = |limit: &str| {
        let limit = format!("customers.max_rows_per_customer={limit}");
        told(&run(&["run", &config.display().to_string(), "--as-of", "2026-01-26", "--set", &limit, "--set", "audit.days.repeated_share_max=1"]))
    };
    let (code, text, error) = with("1000");
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("note  customers_with_too_many_lines of order_lines: 1.0000"), "{text}");
    let run = published::live(&folder.path().join("out"), "small").expect("it is live");
    let (ids, sources) = (run.texts("customer_links", "customer_id"), run.texts("customer_links", "source_customer_id"));
    let card = &ids[sources.iter().position(|source| source == "house-card").expect("it is known")];
    let withheld: Vec<(String, String)> = run.texts("withheld", "customer_id").into_iter().zip(run.texts("withheld", "reason")).collect();
    assert_eq!(withheld.iter().filter(|(id, reason)| id == card && reason == "too_many_lines").count(), 4);
    assert_eq!((run.rows("customers"), run.rows("features")), (6, 5));
    assert!(run.numbers("features", "order_count").iter().all(|count| *count == Some(80.0)));
    let (code, ..) = with("1000000");
    assert_eq!(code, 0);
    let run = published::live(&folder.path().join("out"), "small").expect("it is live");
    assert!(run.numbers("features", "order_count").contains(&Some(count as f64)));
}
