//! Builders for tests: Parquet files, lakes, jobs, an S3 server and a stand-in for Google's storage in the process, readers of what was published.

pub mod between;
pub mod coop;
pub mod faulty;
pub mod gcs;
pub mod lake;
pub mod panel;
pub mod parquet_file;
pub mod published;
pub mod s3;

use std::path::{Path, PathBuf};

/// The top of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the checkout").to_owned()
}

/// All files below a folder, in the order of their paths.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// How much of a long test is done: `whole` where `REGULARS_LONG` is set, else `share`.
pub fn long(whole: usize, share: usize) -> usize {
    if std::env::var_os("REGULARS_LONG").is_some() { whole } else { share }
}

/// The folder of public data sets, if this machine has it; else says that `test` is skipped.
pub fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("REGULARS_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED 1: {test} needs REGULARS_DATA");
    }
    folder
}
