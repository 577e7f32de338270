//! `regulars rollback`.

use anyhow::Context;
use regulars::job;

use super::{load, say};
use crate::args::RunArgs;

/// Points live at an earlier run.
pub fn run(arguments: &RunArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    let done = job::rollback(&params, &arguments.run, &access);
    let (run, left) = done.with_context(|| format!("cannot roll job `{}` back", params.name))?;
    say(&format!(
        "rolled back  job {} to as of {}, run {}\n  left as of {}, run {}; a new build of this date or a later one moves live again\n",
        run.job, run.as_of, run.run_id, left.as_of, left.run_id
    ))
}
