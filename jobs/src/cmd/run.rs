//! `regulars run`.

use anyhow::Context;
use regulars::job;
use regulars::publish::Outcome;

use super::{load, say};
use crate::args::JobArgs;
use crate::exit;
use crate::log::{self, Event};
use crate::progress::Shown;

/// Runs the job and prints its summary.
pub fn run(arguments: &JobArgs) -> anyhow::Result<u8> {
    let (params, access) = load(arguments)?;
    let progress = Shown::new();
    let finished = params.with_threads(|| job::run(&params, &access, &progress));
    let finished = finished.with_context(|| format!("cannot run job `{}` as of {}", params.name, params.as_of))?;
    if let Some(summary) = &finished.summary {
        say("\n")?;
        say(&summary.text(&params.currency))?;
    }
    let (word, code) = match finished.outcome {
        Outcome::Published => ("published", 0),
        Outcome::Unchanged => ("unchanged", 0),
        Outcome::Pinned => ("pinned", 0),
        Outcome::Held => ("held", exit::HELD),
    };
    let as_of = params.as_of.to_string();
    let ended = Event::RunEnded {
        outcome: word.to_owned(),
        job: params.name.clone(),
        as_of: as_of.clone(),
        run_id: finished.identity.run.run_id.clone(),
        folder: finished.folder.clone(),
        live_as_of: finished.live_as_of.clone(),
        exit_code: code,
    };
    log::tell(ended, "");
    let live = match finished.live_as_of {
        Some(live) if live != as_of => format!("  live stays as of {live}\n"),
        None => "  nothing is live\n".to_owned(),
        Some(_) => String::new(),
    };
    say(&format!("\n{word}  job {} as of {}, run {}\n  {}\n{live}", params.name, as_of, finished.identity.run.run_id, finished.folder))?;
    Ok(code)
}
