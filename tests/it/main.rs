//! The one integration-test binary: the program as its users run it, and the library against other programs' numbers.

mod anchors;
mod audit;
mod backtest;
mod bad_config;
mod bad_lake;
mod bytes;
mod challengers;
mod cli;
mod clocks;
mod documents;
mod due;
mod erase;
mod faults;
mod hostile;
mod hostile_config;
mod identity;
mod leaks;
mod leaving;
mod increment;
mod limits;
mod logistic;
mod margin;
mod online_retail;
mod model_life;
mod planted;
mod quiet;
mod shop;
mod snapshots;
mod stores;
mod tidy;
mod upkeep;

use std::path::Path;
use std::process::{Command, Output};

/// The program.
fn regulars() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regulars-under-test"));
    command.current_dir(regulars_tests::root());
    command
}

/// Runs the program to its end.
fn run(arguments: &[&str]) -> Output {
    regulars().args(arguments).output().expect("the program starts")
}

/// Exit code, standard output and standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// `run configs/quickstart.yaml` into `out`, with more arguments.
fn quickstart(out: &Path, more: &[&str]) -> Output {
    let store = format!("store.url={}", out.display());
    let mut arguments = vec!["run", "configs/quickstart.yaml", "--set", &store];
    arguments.extend(more);
    run(&arguments)
}

/// A config for a lake of one small file of order lines at `folder`/lines, published to `folder`/out.
fn small_config(folder: &Path) -> String {
    format!(
        "version: 1\njob: {{name: small, as_of: 2026-01-31, timezone: UTC, currency: EUR}}\nstore: {{url: {0}/out}}\nlake:\n  url: {0}\n  tables:\n    order_lines:\n      path: lines\n",
        folder.display()
    )
}
