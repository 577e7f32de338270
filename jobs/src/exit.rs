//! Exit codes, and how errors are told.

use std::process::ExitCode;

use regulars::error::{Error, Kind};

use crate::log;

/// A held run.
pub const HELD: u8 = 4;
/// A bug.
pub const BUG: u8 = 70;
/// Ended by SIGTERM.
pub const TERMINATED: i32 = 143;

fn of(kind: Kind) -> u8 {
    match kind {
        Kind::Config => 2,
        Kind::Input => 3,
        Kind::Held => HELD,
        Kind::Locked => 5,
        Kind::StoreRetry => 6,
        Kind::Store => 7,
        Kind::Limit => 8,
        Kind::Bug => BUG,
    }
}

/// Prints an error and turns the result into the exit code.
pub fn code(result: anyhow::Result<u8>) -> ExitCode {
    let error = match result {
        Ok(code) => return ExitCode::from(code),
        Err(error) => error,
    };
    let code = error.chain().find_map(|cause| cause.downcast_ref::<Error>()).map_or(BUG, |error| of(error.kind()));
    let (context, causes) = (error.to_string(), error.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let faults: Vec<String> = causes.lines().map(str::to_owned).collect();
    let mut text = format!("error: {context}\n");
    faults.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    if code == BUG {
        text.push_str("  this is a bug in regulars, not in your data\n");
    }
    log::tell(log::Event::Failed { exit_code: code, context, faults }, &text);
    ExitCode::from(code)
}
