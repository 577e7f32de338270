//! What the program tells on standard error: lines for people, or one JSON object a line.

use std::io::Write;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, as `regulars schema --of log` describes.
    Json,
}

/// An event of the log: one line, in the order in which things happen.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A step of the run begins.
    StepBegan {
        /// The step.
        step: String,
    },
    /// A step of the run is over.
    StepEnded {
        /// The step.
        step: String,
        /// How long it took.
        seconds: f64,
        /// What of the processors it took, in seconds; null where the system does not say.
        cpu_seconds: Option<f64>,
        /// What it did, in a few words.
        detail: String,
    },
    /// A run is over.
    RunEnded {
        /// published, unchanged, pinned or held.
        outcome: String,
        /// The job.
        job: String,
        /// Its last day that was seen.
        as_of: String,
        /// The run.
        run_id: String,
        /// Where its files are.
        folder: String,
        /// as_of of the live run; null where nothing is live.
        live_as_of: Option<String>,
        /// The exit code.
        exit_code: u8,
    },
    /// The program ends with an error.
    Failed {
        /// The exit code.
        exit_code: u8,
        /// What the program was about to do.
        context: String,
        /// What went wrong, a line a fault.
        faults: Vec<String>,
    },
}

/// A line of the log.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Line {
    /// Seconds since 1970-01-01 in UTC, by this machine's clock.
    pub at: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

static FORMAT: OnceLock<Format> = OnceLock::new();

/// Sets how the log is written, once.
pub fn set(format: Format) {
    let _ = FORMAT.set(format);
}

/// Whether the log is JSON.
pub fn is_json() -> bool {
    FORMAT.get() == Some(&Format::Json)
}

/// Writes an event: as it is, or as `text` for people.
pub fn tell(event: Event, text: &str) {
    let line = if is_json() {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        serde_json::to_string(&Line { at, event }).unwrap_or_default() + "\n"
    } else {
        text.to_owned()
    };
    // A log that nobody reads stops nobody.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The JSON Schema of a line of the log.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Line);
    serde_json::to_string_pretty(&schema).expect("a schema is a tree of plain values") + "\n"
}
