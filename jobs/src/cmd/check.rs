//! `regulars check`.

use anyhow::Context;
use regulars::job;

use super::{load, say};
use crate::args::JobArgs;

/// Checks config and lake, and prints what the lake holds.
pub fn run(arguments: &JobArgs) -> anyhow::Result<u8> {
    let (params, access) = load(arguments)?;
    let tables = job::check(&params, &access).with_context(|| format!("the lake of job `{}` breaks its contract", params.name))?;
    say("config and lake are fine\n")?;
    say(&inputs(&tables))
}

/// The input tables, a line each.
pub fn inputs(tables: &[(String, usize, u64, u64)]) -> String {
    let line = |(table, files, rows, bytes): &(String, usize, u64, u64)| format!("  {table:<20}{files:>6} files{rows:>12} rows{bytes:>14} bytes\n");
    tables.iter().map(line).collect()
}
