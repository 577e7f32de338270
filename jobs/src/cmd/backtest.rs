//! `regulars backtest`.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use regulars::columnar;
use regulars::error::{Error, Kind};
use regulars::job;

use super::{load, say};
use crate::args::BacktestArgs;
use crate::progress::Shown;

/// Prints what every candidate would have foretold at past dates, graded by what came, and writes all figures where the person says.
pub fn run(arguments: &BacktestArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    let progress = Shown::new();
    let done = params.with_threads(|| job::backtest(&params, &access, &progress));
    let (backtest, table) = done.with_context(|| format!("cannot look back on job `{}` as of {}", params.name, params.as_of))?;
    if let Some(file) = &arguments.out {
        let bytes = columnar::write(&table.contract, &table.frame)?;
        write(file, &bytes).map_err(|error| Error::new(Kind::Limit, format!("{}: {error}", file.display())))?;
    }
    say(&backtest.text())
}

/// Writes a file beside its place, and then puts it there: it is never there in part.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".partial");
    let mut partial = std::fs::File::create(&beside)?;
    partial.write_all(bytes)?;
    partial.sync_all()?;
    std::fs::rename(&beside, file)
}
