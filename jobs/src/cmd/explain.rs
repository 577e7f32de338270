//! `regulars explain`.

use anyhow::Context;
use regulars::job;

use super::{load, say};
use crate::args::ExplainArgs;

/// Prints a customer's rows in the live run.
pub fn run(arguments: &ExplainArgs) -> anyhow::Result<u8> {
    let (params, access) = load(&arguments.job)?;
    let text = job::explain(&params, (&arguments.customer, arguments.source.as_deref()), &access).context("cannot explain this customer")?;
    say(&text)
}
