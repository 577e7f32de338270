//! `regulars erase`.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use regulars::error::{Error, Kind};
use regulars::job;
use regulars::publish::Outcome;

use super::{load, say};
use crate::args::EraseArgs;

/// Forgets people, publishes a run again without them, or both.
pub fn run(arguments: &EraseArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    if let Some(file) = &arguments.ids {
        let text = read(file)?;
        let name = file.display().to_string();
        let erased = job::erase(&params, (&name, &text), &access).with_context(|| format!("cannot erase people of job `{}`", params.name))?;
        let mut told = format!(
            "erased  {} source customers of job {}: {} are new on the list\n  from the next run on nothing is published of them\n",
            erased.source_customers, params.name, erased.new
        );
        for run in &erased.holding {
            told.push_str(&format!(
                "  as of {}, run {}: still holds erased people; `regulars erase --rewrite {}`, then `regulars gc`\n",
                run.as_of, run.run_id, run.run_id
            ));
        }
        say(&told)?;
    }
    if let Some(word) = &arguments.rewrite {
        let (run, new) = job::rewrite(&params, word, &access).with_context(|| format!("cannot rewrite a run of job `{}`", params.name))?;
        say(&match new {
            None => format!("unchanged  job {} as of {}, run {}: nobody in it is erased\n", run.job, run.as_of, run.run_id),
            Some((new, outcome)) => {
                let live = if outcome == Outcome::Published { "; live points to it" } else { "" };
                format!(
                    "rewritten  job {} as of {}, run {}\n  as run {}{live}; `regulars gc` takes the old one away\n",
                    run.job, run.as_of, run.run_id, new.run_id
                )
            }
        })?;
    }
    Ok(0)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let done =
        if file == Path::new("-") { std::io::stdin().read_to_string(&mut text).map(drop) } else { std::fs::read_to_string(file).map(|read| text = read) };
    done.map_err(|error| Error::new(Kind::Config, format!("{}: expected a readable file of UTF-8, got: {error}", file.display())))?;
    Ok(text)
}
