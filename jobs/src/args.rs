//! Arguments.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use regulars::config::Override;

use crate::log::Format;

const AFTER_HELP: &str = "\
Exit codes: 0 published, unchanged or pinned; 2 usage or config; 3 input missing or broke its contract; 4 held, or people are in it who were erased; 5 live pointer locked;
6 store, try again; 7 store, do not; 8 over a limit (memory, disk, size); 70 a bug; 143 ended by SIGTERM.";

/// Tells a retailer who its regulars are: from a Parquet lake of order lines to customer groups and target lists.
#[derive(Debug, Parser)]
#[command(name = "regulars", version, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
    /// How the log on standard error is written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub log: Format,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a job: read the lake, publish tables and lists, move the live pointer
    Run(JobArgs),
    /// Check config and lake contract; read no row, write nothing
    Check(JobArgs),
    /// Say which run a job would be, and whether it is published
    Plan(JobArgs),
    /// Grade every candidate model and the simplest rules at past dates, each by what it knew then; publish nothing
    Backtest(BacktestArgs),
    /// Show one customer of the live run: the row in every table, and why each list took or left them
    Explain(ExplainArgs),
    /// Compare every file of a run with its manifest: size, SHA-256, columns, rows
    Verify(RunArgs),
    /// Say what would change for whom from one run to another
    Diff(DiffArgs),
    /// Point live at an earlier run and keep it there until something new is built
    Rollback(RunArgs),
    /// Forget people: from the next run on they are in nothing that is published
    Erase(EraseArgs),
    /// List files that nobody needs any more; delete them with --yes
    Gc(GcArgs),
    /// Print the JSON Schema of job configs, or of the log
    Schema(SchemaArgs),
    /// Print the contracts of all tables (TABLES.md)
    Tables,
    /// Write a simulated shop: a lake, and the truth apart from it
    Sample(SampleArgs),
}

/// A job and what the command line adds to its config.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job's YAML
    pub config: PathBuf,
    /// Last day that may be seen, YYYY-MM-DD; replaces job.as_of
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<String>,
    /// Replace a key of the config; the value is YAML. May be given several times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_override)]
    pub overrides: Vec<Override>,
}

#[derive(Debug, Args)]
pub struct BacktestArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Parquet file to write all figures to
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// The customer_id, or the customer's id in a source
    #[arg(long, value_name = "ID")]
    pub customer: String,
    /// The source whose id it is, where several sources have the same one
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(long, value_enum, default_value_t = Of::Config)]
    pub of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Of {
    /// A job's YAML
    Config,
    /// A line of `--log json`
    Log,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// The run: live, a date that has one run, or the beginning of a run_id
    pub run: String,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// The run before: live, a date that has one run, or the beginning of a run_id
    pub before: String,
    /// The run after
    pub after: String,
}

#[derive(Debug, Args)]
#[group(id = "what", required = true, args = ["ids", "rewrite"])]
pub struct EraseArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// CSV with a header: customer_id, or source and source_customer_id; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub ids: Option<PathBuf>,
    /// Publish a run again without those who are erased: live, a date that has one run, or the beginning of a run_id
    #[arg(long, value_name = "RUN")]
    pub rewrite: Option<String>,
}

#[derive(Debug, Args)]
pub struct GcArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Delete what is listed
    #[arg(long)]
    pub yes: bool,
}

/// How the sample's order lines are cut into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Files {
    /// `recorded_on=YYYY-MM-DD`
    Day,
    /// `recorded_month=YYYY-MM`, with the time of recording as a column
    Month,
}

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// People who shop or registered
    #[arg(long, default_value_t = 2000)]
    pub customers: u32,
    /// Last day of the shop's history
    #[arg(long, value_name = "DATE")]
    pub until: String,
    /// Months of history
    #[arg(long, default_value_t = 24)]
    pub months: u32,
    /// Products
    #[arg(long, default_value_t = 200)]
    pub products: u32,
    /// Mean order lines a person, over the whole history
    #[arg(long, default_value_t = 25.0)]
    pub lines_per_customer: f64,
    /// Shape of the gaps between orders: 1 is exponential, more is more regular; 0 mixes shapes
    #[arg(long, default_value_t = 0.0)]
    pub gap_shape: f64,
    /// Busy and quiet weekdays, a year with holidays on which stores are closed, and a season before Christmas
    #[arg(long)]
    pub seasons: bool,
    /// Seed: equal arguments give equal bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Files of order lines: one a day of recording, or one a month
    #[arg(long, value_enum, default_value = "day")]
    pub files: Files,
    /// Folder to write into: lake/ and truth/
    #[arg(long)]
    pub out: PathBuf,
}

fn parse_override(text: &str) -> Result<Override, String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() || value.trim().is_empty() {
        return Err(format!("expected KEY=VALUE with both, got `{text}` (an empty text is '\"\"')"));
    }
    Ok(Override { key: key.to_owned(), value: value.to_owned() })
}

/// The parsed arguments, or the exit code after help, version or a usage error.
pub fn parse() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(|error| {
        // Help and version are no errors; a closed pipe is nobody's loss.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
    })
}
