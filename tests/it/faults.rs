//! Kill and race, a first proof.

use std::process::Stdio;
use std::time::Duration;

use regulars_tests::published;

use crate::{quickstart, regulars, told};

/// Twenty kills at times spread over a run: what live points to is always whole, and the re-run's bytes are those of an undisturbed run.
#[test]
fn killed_runs_leave_nothing_half_visible() {
    let undisturbed = tempfile::tempdir().expect("a folder");
    let start = std::time::Instant::now();
    assert_eq!(quickstart(undisturbed.path(), &[]).status.code(), Some(0));
    let length = start.elapsed();
    let expected = published::live(undisturbed.path(), "quickstart").expect("it is live");
    let folder = tempfile::tempdir().expect("a folder");
    let mut survived = 0;
    for kill in 0..20u32 {
        let store = format!("store.url={}", folder.path().display());
        let mut child =
            regulars().args(["run", "configs/quickstart.yaml", "--set", &store]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(length * kill / 19 + Duration::from_millis(u64::from(kill % 3) * 7));
        let _ = child.kill();
        survived += u32::from(child.wait().expect("it ends").success());
        if let Some(live) = published::live(folder.path(), "quickstart") {
            assert_eq!(live.digests(), expected.digests());
        }
        if survived > 0 {
            // A finished run would only be found unchanged: begin again.
            std::fs::remove_dir_all(folder.path().join("quickstart")).expect("a folder goes");
            survived = 0;
        }
    }
    let (code, _, error) = told(&quickstart(folder.path(), &[]));
    assert_eq!(code, 0, "{error}");
    assert_eq!(published::live(folder.path(), "quickstart").expect("it is live").digests(), expected.digests());
}

/// Four equal runs at once: all end with 0, one commit.
#[test]
fn equal_runs_commit_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("store.url={}", folder.path().display());
    let start = || regulars().args(["run", "configs/quickstart.yaml", "--set", &store]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let children: Vec<_> = (0..4).map(|_| start().expect("it starts")).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| told(&child.wait_with_output().expect("it ends"))).collect();
    assert!(outputs.iter().all(|(code, ..)| *code == 0), "{outputs:?}");
    let published = outputs.iter().filter(|(_, text, _)| text.contains("\npublished  job")).count();
    assert_eq!(published, 1, "{outputs:?}");
    let runs = std::fs::read_dir(folder.path().join("quickstart/runs/2026-06-30")).expect("runs").count();
    assert_eq!(runs, 1);
    published::live(folder.path(), "quickstart").expect("it is live");
}
