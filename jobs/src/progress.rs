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
    current: Mutex<Option<(String, Instant, Option<ProgressBar>)>>,
    terminal: bool,
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
            *current = Some((step.to_owned(), Instant::now(), bar));
        }
    }

    fn end(&self, detail: &str) {
        let Some((step, start, bar)) = self.current.lock().ok().and_then(|mut current| current.take()) else { return };
        hooks::step(&format!("end {step}"));
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let seconds = start.elapsed().as_secs_f64();
        let text = format!("{step:<26}{seconds:>7.2} s  {detail}\n");
        log::tell(Event::StepEnded { step, seconds, detail: detail.to_owned() }, &text);
    }
}
