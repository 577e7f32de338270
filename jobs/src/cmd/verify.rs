//! `regulars verify`.

use anyhow::Context;
use regulars::error::{Error, Kind};
use regulars::job;

use super::{load, say};
use crate::args::RunArgs;

/// Names every damaged file of a run.
pub fn run(arguments: &RunArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    let verified = job::verify(&params, &arguments.run, &access);
    let (run, manifest, damage) = verified.with_context(|| format!("cannot verify a run of job `{}`", params.name))?;
    if damage.is_empty() {
        let files = manifest.all_files();
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        return say(&format!("whole  job {} as of {}, run {}\n  {} files, {bytes} bytes\n", run.job, run.as_of, run.run_id, files.len()));
    }
    let lines: Vec<String> = damage.iter().map(|damage| format!("{}: {}", damage.path, damage.fault)).collect();
    Err(Error::new(Kind::Store, lines.join("\n"))).with_context(|| format!("run {} as of {} is damaged", run.run_id, run.as_of))
}
