//! `regulars backtest`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

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
    let out = arguments.out.as_deref().map(Out::open).transpose()?;
    let progress = Shown::new();
    let done = params.with_threads(|| job::backtest(&params, &access, &progress));
    let (backtest, table) = done.with_context(|| format!("cannot look back on job `{}` as of {}", params.name, params.as_of))?;
    say(&backtest.text())?;
    if let Some(out) = out {
        out.write(&columnar::write(&table.contract, &table.frame)?)?;
    }
    Ok(0)
}

/// A file in the making, beside its place: it is never there in part, and goes where it is not finished.
struct Out<'a> {
    file: &'a Path,
    beside: PathBuf,
    partial: File,
}

impl<'a> Out<'a> {
    /// Opens it, before there is anything to lose.
    fn open(file: &'a Path) -> anyhow::Result<Self> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".partial");
        let beside = PathBuf::from(beside);
        let opened = if file.is_dir() { Err(std::io::Error::other("it is a folder")) } else { File::create(&beside) };
        let refused = |error| Error::new(Kind::Config, format!("--out {}: expected a file that can be written, got: {error}", file.display()));
        Ok(Self { file, partial: opened.map_err(refused)?, beside })
    }

    fn write(mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let done = self.partial.write_all(bytes).and_then(|()| self.partial.sync_all()).and_then(|()| std::fs::rename(&self.beside, self.file));
        done.map_err(|error| Error::new(Kind::Limit, format!("--out {}: {error}", self.file.display())))?;
        Ok(())
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        // Once it is in its place, there is nothing beside it.
        let _ = std::fs::remove_file(&self.beside);
    }
}
