//! Progress: a bar a step on a terminal, a line a step otherwise.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use regulars::job::Progress;

use crate::hooks;
use crate::log::{self, Event};

/// Shows the steps of a run on standard error.
pub struct Shown {
    current: Mutex<Option<Step>>,
    terminal: bool,
}

/// A step that runs.
struct Step {
    name: String,
    start: Instant,
    cpu_start: Option<f64>,
    bar: Option<ProgressBar>,
}

/// Seconds of processors that this process took so far, where the system tells it in a file (proc(5): hundredths, user and system).
fn cpu_seconds() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, a name in parentheses, may hold spaces.
    let fields: Vec<&str> = told.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

impl Shown {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self { current: Mutex::new(None), terminal: std::io::stderr().is_terminal() && !log::is_json() }
    }
}

impl Progress for Shown {
    fn begin(&self, step: &str) {
        hooks::step(&format!("begin {step}"));
        let bar = self.terminal.then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style).with_message(step.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        log::tell(Event::StepBegan { step: step.to_owned() }, "");
        if let Ok(mut current) = self.current.lock() {
            *current = Some(Step { name: step.to_owned(), start: Instant::now(), cpu_start: cpu_seconds(), bar });
        }
    }

    fn end(&self, detail: &str) {
        let Some(Step { name: step, start, cpu_start, bar }) = self.current.lock().ok().and_then(|mut current| current.take()) else { return };
        hooks::step(&format!("end {step}"));
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu_seconds = cpu_seconds().zip(cpu_start).map(|(now, start)| now - start);
        let text = format!("{step:<26}{seconds:>7.2} s  {detail}\n");
        log::tell(Event::StepEnded { step, seconds, cpu_seconds, detail: detail.to_owned() }, &text);
    }
}
