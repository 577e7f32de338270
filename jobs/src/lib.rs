//! The command line of Regulars: parse, call, exit code. A library, so that the tests can build the same program.

mod args;
mod cmd;
mod exit;
mod hooks;
mod progress;

use std::process::ExitCode;

pub use hooks::Hooks;

/// Runs the program with the arguments of the process and `hooks`.
pub fn run_with(hooks: Hooks) -> ExitCode {
    hooks::set(hooks);
    run()
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let parsed = match args::parse() {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    // A panic is a bug; the scheduler is told so by the code of bugs, not by that of Rust.
    std::panic::catch_unwind(|| exit::code(cmd::run(parsed))).unwrap_or(ExitCode::from(exit::BUG))
}
