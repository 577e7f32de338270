//! `regulars gc`.

use anyhow::Context;
use regulars::job;
use regulars::publish::Why;

use super::{load, say};
use crate::args::GcArgs;

/// Lists what nobody needs any more, and deletes it where the person says so.
pub fn run(arguments: &GcArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    let found = job::gc(&params, arguments.yes, &access);
    let (plan, gone) = found.with_context(|| format!("cannot collect what job `{}` left", params.name))?;
    let mut text = String::new();
    let (mut files, mut bytes) = (0, 0);
    for part in &plan {
        let why = match part.why {
            Why::Orphan => "orphan of a run that never committed",
            Why::Staging => "file on its way when its writer ended",
            Why::Released => "run that `keep` releases",
            Why::State => "kept for a run that has been",
            Why::Rewritten => "run that another one rewrites without the erased",
            Why::Collected => "run that an earlier gc began to take away",
        };
        for file in &part.files {
            text.push_str(&format!("{:>12}  {}  ({why})\n", file.bytes, file.path));
            files += 1;
            bytes += file.bytes;
        }
    }
    let done = if arguments.yes { format!("{gone} files deleted") } else { "nothing deleted (--yes deletes)".to_owned() };
    say(&format!("{text}{files} files, {bytes} bytes: {done}\n"))
}
