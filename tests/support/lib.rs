//! Builders for tests: Parquet files, lakes, jobs, an S3 server in the process, readers of what was published.

pub mod lake;
pub mod parquet_file;
pub mod published;
pub mod s3;

use std::path::PathBuf;

/// The top of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the checkout").to_owned()
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
