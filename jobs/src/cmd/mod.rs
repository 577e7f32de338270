//! One file a verb.

mod backtest;
mod check;
mod diff;
mod erase;
mod explain;
mod gc;
mod plan;
mod rollback;
mod run;
mod sample;
mod verify;

use std::io::Write;

use anyhow::Context;
use regulars::allowance::Allowance;
use regulars::error::{Error, Kind};
use regulars::job::{self, Options, Params};
use regulars::store::{Access, Retries};

use crate::args::{Arguments, JobArgs, Of, Verb};
use crate::log::Event;
use crate::{exit, hooks, log};

/// Runs the verb; the result is the exit code.
pub fn run(arguments: Arguments) -> anyhow::Result<u8> {
    match arguments.verb {
        Verb::Run(job) => run::run(&job),
        Verb::Check(job) => check::run(&job),
        Verb::Plan(job) => plan::run(&job),
        Verb::Backtest(backtest) => backtest::run(&backtest),
        Verb::Explain(explain) => explain::run(&explain),
        Verb::Verify(verify) => verify::run(&verify),
        Verb::Diff(diff) => diff::run(&diff),
        Verb::Rollback(rollback) => rollback::run(&rollback),
        Verb::Erase(erase) => erase::run(&erase),
        Verb::Gc(gc) => gc::run(&gc),
        Verb::Schema(schema) if schema.of == Of::Log => say(&log::schema()),
        Verb::Schema(_) => say(&regulars::config::schema()),
        Verb::Tables => say(&job::document()),
        Verb::Sample(sample) => sample::run(&sample),
    }
}

/// Prints to standard output; a closed pipe is nobody's loss, a full disk is.
fn say(text: &str) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::new(Kind::Limit, format!("standard output: {error}")).into()),
        _ => Ok(0),
    }
}

/// The checked job, and how it reaches stores.
fn load(arguments: &JobArgs) -> anyhow::Result<(Params, Access)> {
    let file = arguments.config.display().to_string();
    let read = std::fs::read_to_string(&arguments.config);
    let text = read.map_err(|error| Error::new(Kind::Config, format!("{file}: expected a readable file, got: {error}")));
    let environment = |name: &str| std::env::var(name).ok();
    let options = Options { as_of: arguments.as_of.as_deref(), overrides: &arguments.overrides, environment: &environment };
    let params = text.and_then(|text| job::load(&file, &text, &options)).with_context(|| format!("cannot use config `{file}`"))?;
    let access = access(params.retries, Allowance::memory(params.memory_limit))?;
    Ok((params, access))
}

/// The threads that wait for stores. A run that is told to end ends at once: what it stored is whole, and invisible until its manifest is there.
fn access(retries: Retries, memory: Allowance) -> anyhow::Result<Access> {
    let access = hooks::access(Access::new(retries, memory)?);
    access.runtime().spawn(async {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut signal) = signal {
            signal.recv().await;
            let text = "ended by SIGTERM; nothing half-written is visible";
            let event = Event::Failed { exit_code: exit::TERMINATED as u8, context: text.to_owned(), faults: Vec::new() };
            log::tell(event, &format!("{text}\n"));
            std::process::exit(exit::TERMINATED);
        }
    });
    Ok(access)
}
