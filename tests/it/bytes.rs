//! The same bytes: whatever the threads, shards, file order, row order, time zone; whatever happens after as_of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use regulars_tests::{files, lake, published, root};

use crate::{quickstart, regulars, told};

fn digests(out: &Path) -> BTreeMap<String, String> {
    published::live(out, "quickstart").expect("it is live").digests()
}

fn published_with(more: &[&str], environment: &[(&str, &str)]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("store.url={}", folder.path().display());
    let mut command = regulars();
    command.args(["run", "configs/quickstart.yaml", "--set", &store]).args(more).envs(environment.iter().copied());
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output).2);
    digests(folder.path())
}

#[test]
fn threads_shards_and_zone_do_not_matter() {
    let plain = published_with(&["--set", "run.threads=1", "--set", "run.shards=1"], &[("TZ", "UTC")]);
    assert!(plain.len() > 15);
    assert_eq!(plain, published_with(&["--set", "run.threads=2", "--set", "run.shards=64"], &[("TZ", "Asia/Shanghai"), ("LC_ALL", "C")]));
    // One of sixteen MiB may be lines: the rest is spilled.
    assert_eq!(plain, published_with(&["--set", "run.memory_limit_mib=16"], &[("TZ", "America/New_York")]));
}

#[test]
fn file_order_and_row_order_do_not_matter() {
    let folder = tempfile::tempdir().expect("a folder");
    lake::reshuffle(&root().join("data-samples/lake"), folder.path(), &|_| false);
    let url = format!("lake.url={}", folder.path().display());
    assert_eq!(published_with(&[], &[]), published_with(&["--set", &url], &[]));
}

/// Other writers' pages: without dictionaries, with dictionaries that are given up after a few rows, both in one chunk, of either version; pages of three
/// rows, so that texts of a batch come from many.
#[test]
fn how_files_are_encoded_does_not_matter() {
    let whole = published_with(&[], &[]);
    let pages = || WriterProperties::builder().set_data_page_row_count_limit(3).set_write_batch_size(3);
    let few = || pages().set_dictionary_page_size_limit(24);
    let all = [
        pages().set_dictionary_enabled(false).set_compression(Compression::LZ4_RAW),
        few().set_compression(Compression::SNAPPY),
        few().set_writer_version(WriterVersion::PARQUET_2_0).set_compression(Compression::UNCOMPRESSED),
    ];
    for properties in all {
        let folder = tempfile::tempdir().expect("a folder");
        lake::rewrite(&root().join("data-samples/lake"), folder.path(), &properties.build());
        let url = format!("lake.url={}", folder.path().display());
        assert_eq!(whole, published_with(&["--set", &url], &[]));
    }
}

#[test]
fn what_happens_after_as_of_does_not_matter() {
    let as_of = ["--as-of", "2026-05-15"];
    let whole = published_with(&as_of, &[]);
    // Everything recorded after as_of is changed, or gone.
    let late = |path: &str| path.split("recorded_on=").nth(1).is_some_and(|day| &day[..10] > "2026-05-15");
    let changed = tempfile::tempdir().expect("a folder");
    lake::reshuffle(&root().join("data-samples/lake"), changed.path(), &late);
    let url = format!("lake.url={}", changed.path().display());
    assert_eq!(whole, published_with(&[&as_of[..], &["--set", &url]].concat(), &[]));
    let mut removed = 0;
    for table in std::fs::read_dir(changed.path()).expect("tables") {
        for part in std::fs::read_dir(table.expect("a table").path()).expect("parts") {
            let part = part.expect("a part").path();
            if late(&part.display().to_string()) {
                std::fs::remove_dir_all(&part).expect("a part goes");
                removed += 1;
            }
        }
    }
    assert!(removed > 40, "{removed} parts after as_of");
    assert_eq!(whole, published_with(&[&as_of[..], &["--set", &url]].concat(), &[]));
}

#[test]
fn a_second_equal_run_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = || -> BTreeMap<PathBuf, SystemTime> {
        let modified = |path: &Path| path.metadata().and_then(|meta| meta.modified()).expect("a time");
        files(folder.path()).into_iter().map(|path| (path.clone(), modified(&path))).collect()
    };
    let (code, first, _) = told(&quickstart(folder.path(), &[]));
    assert_eq!((code, first.contains("\npublished  job quickstart as of 2026-06-30")), (0, true), "{first}");
    let before = tree();
    let (code, second, _) = told(&quickstart(folder.path(), &[]));
    assert_eq!((code, second.contains("unchanged  job quickstart as of 2026-06-30")), (0, true), "{second}");
    assert_eq!(before, tree());
}

#[test]
fn a_backfill_is_committed_and_leaves_live_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(quickstart(folder.path(), &[]).status.code(), Some(0));
    assert_eq!(quickstart(folder.path(), &["--as-of", "2026-06-01"]).status.code(), Some(0));
    let live = published::live(folder.path(), "quickstart").expect("it is live").live;
    assert_eq!((live.as_of.as_str(), live.previous_live), ("2026-06-30", None));
    assert!(folder.path().join("quickstart/runs/2026-06-01").is_dir());
}
