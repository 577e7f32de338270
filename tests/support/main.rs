//! The program `regulars`, built for the integration tests: it tells what it does (`UNDER_TEST_EVENTS` names a file), and sends itself a
//! signal (`UNDER_TEST_SIGNAL`) before its nth event (`UNDER_TEST_AT`). An event is a step of the run, a store's operation or a disk's call. At
//! its end it says how much memory it took (`UNDER_TEST_PEAK` names a file).

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use regulars::store::Access;
use regulars_jobs::Hooks;
use regulars_tests::between::{Between, Interpose, Listener, Told};

static EVENTS: AtomicUsize = AtomicUsize::new(0);

fn event(what: &str) {
    let number = EVENTS.fetch_add(1, Ordering::SeqCst);
    if let Some(path) = std::env::var_os("UNDER_TEST_EVENTS") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).expect("a file for events");
        writeln!(file, "{what}").expect("an event is written");
    }
    let at = std::env::var("UNDER_TEST_AT").ok().and_then(|at| at.parse().ok());
    if at == Some(number) {
        let signal = std::env::var("UNDER_TEST_SIGNAL").unwrap_or("KILL".to_owned());
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &std::process::id().to_string()]).status().expect("kill");
        assert!(sent.success());
        if signal == "KILL" {
            loop {
                std::thread::park();
            }
        }
    }
}

#[derive(Debug)]
struct Events;

impl Interpose for Events {
    fn before(&self, operation: &'static str) -> object_store::Result<()> {
        event(&format!("before {operation}"));
        Ok(())
    }

    fn after(&self, operation: &'static str) -> object_store::Result<()> {
        event(&format!("after {operation}"));
        Ok(())
    }
}

impl Listener for Events {
    fn call(&self, name: &'static str, _: &Path, _: Option<&Path>, _: Option<&[u8]>) {
        event(&format!("call {name}"));
    }
}

fn access(access: Access) -> Access {
    let between = access.wrapped(Arc::new(|inner, _| Arc::new(Between { inner, what: Arc::new(Events) })));
    between.with_calls(Arc::new(Told(Events)))
}

fn main() -> std::process::ExitCode {
    let code = regulars_jobs::run_with(Hooks { access, step: |what| event(&format!("step {what}")) });
    if let Some(path) = std::env::var_os("UNDER_TEST_PEAK") {
        let status = std::fs::read_to_string("/proc/self/status").expect("this system says what a process takes");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of the memory");
        std::fs::write(path, peak.trim().trim_end_matches(" kB")).expect("the peak is written");
    }
    code
}
