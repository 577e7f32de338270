//! `regulars plan`.

use anyhow::Context;
use regulars::job;

use super::check::inputs;
use super::{load, say};
use crate::args::JobArgs;

/// Prints which run the job would be.
pub fn run(arguments: &JobArgs) -> anyhow::Result<u8> {
    let (params, access) = load(arguments)?;
    let planned = job::plan(&params, &access).with_context(|| format!("cannot plan job `{}`", params.name))?;
    let status = planned.committed.as_ref().map_or("not published", |manifest| manifest.status.as_str());
    let live = planned.live.map_or("nothing".to_owned(), |(as_of, run_id)| format!("as of {as_of}, run {run_id}"));
    let run = &planned.identity.run;
    say(&format!(
        "job {} as of {}\n  run_id    {}\n  build_id  {}\n  status    {status}\n  live      {live}\n",
        run.job, run.as_of, run.run_id, planned.identity.build_id
    ))?;
    say(&inputs(&planned.inputs))
}
