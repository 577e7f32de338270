//! The command line of Regulars: parse, call, exit code. A library, so that the tests can build the same program.

mod args;
mod cmd;
mod exit;
mod hooks;
mod log;
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
    log::set(parsed.log);
    std::panic::set_hook(Box::new(tell_panic));
    // A panic is a bug; the scheduler is told so by the code of bugs, not by that of Rust.
    std::panic::catch_unwind(|| exit::code(cmd::run(parsed))).unwrap_or(ExitCode::from(exit::BUG))
}

/// Tells where the program panicked, and never with what: a panic's words may hold a value. What a file's bytes made panic is told as a
/// fault of the file.
fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
    if !regulars::columnar::is_caught() {
        let place = panic.location().map_or("an unknown place".to_owned(), ToString::to_string);
        let text = format!("error: panicked at {place}\n  this is a bug in regulars, not in your data\n");
        log::tell(log::Event::Failed { exit_code: exit::BUG, context: "panicked".to_owned(), faults: vec![place] }, &text);
    }
}
