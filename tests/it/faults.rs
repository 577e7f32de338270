//! Kill, race, stores that misbehave, power that is lost. A short run takes a share of each; `REGULARS_LONG=1` takes them whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use object_store::ObjectStore;
use object_store::memory::InMemory;
use regulars::allowance::Allowance;
use regulars::error::Kind;
use regulars::job::{Options, Progress, Silent};
use regulars::publish::{Live, Manifest, Outcome};
use regulars::store::{Access, Retries, Store};
use regulars_tests::between::{Between, Listener, Told};
use regulars_tests::faulty::{Faulty, Scenario};
use regulars_tests::{long, published};

use crate::{regulars, run, told};

/// A shop so small that a run over it takes a tenth of a second.
struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().display().to_string();
        let (code, _, error) = told(&run(&["sample", "--customers", "120", "--months", "5", "--products", "30", "--until", "2026-06-30", "--out", &out]));
        assert_eq!(code, 0, "{error}");
        // So small a shop has no campaigns behind it.
        let quickstart = std::fs::read_to_string(regulars_tests::root().join("configs/quickstart.yaml")).expect("a config");
        let is_campaign = |line: &str| ["    contacts:", "    responses:", "  engagement:"].iter().any(|start| line.starts_with(start));
        let kept: Vec<&str> = quickstart.lines().filter(|line| !is_campaign(line)).collect();
        std::fs::write(folder.path().join("job.yaml"), kept.join("\n")).expect("a config");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The arguments of a run that publishes into `out`.
    fn arguments(&self, out: &Path, more: &[&str]) -> Vec<String> {
        let set = |key: &str, value: String| ["--set".to_owned(), format!("{key}={value}")];
        let mut arguments = vec!["run".to_owned(), self.path("job.yaml").display().to_string()];
        arguments.extend(set("lake.url", self.path("lake").display().to_string()));
        arguments.extend(set("store.url", out.display().to_string()));
        arguments.extend(set("run.threads", "1".to_owned()));
        arguments.extend(more.iter().map(|text| (*text).to_owned()));
        arguments
    }

    fn start(&self, out: &Path, more: &[&str], environment: &[(&str, String)]) -> Child {
        let mut command = regulars();
        command.args(self.arguments(out, more)).envs(environment.iter().map(|(key, value)| (*key, value.as_str())));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    fn run(&self, out: &Path, more: &[&str]) -> (i32, String, String) {
        told(&self.start(out, more, &[]).wait_with_output().expect("it ends"))
    }

    /// What an undisturbed run publishes.
    fn expected(&self) -> BTreeMap<String, String> {
        let out = self.path("undisturbed");
        let (code, _, error) = self.run(&out, &[]);
        assert_eq!(code, 0, "{error}");
        published::live(&out, "quickstart").expect("it is live").digests()
    }

    /// Everything that an undisturbed run does, in order.
    fn events(&self) -> Vec<String> {
        let list = self.path("events");
        let out = self.path("told");
        let child = self.start(&out, &[], &[("UNDER_TEST_EVENTS", list.display().to_string())]);
        assert!(child.wait_with_output().expect("it ends").status.success());
        std::fs::read_to_string(list).expect("events").lines().map(str::to_owned).collect()
    }
}

/// SIGKILL before each step, before and after store operations, between the disk's calls, and at random times: what live points to is
/// always whole, and the re-run's bytes are those of an undisturbed run.
#[test]
fn killed_runs_leave_nothing_half_visible() {
    let shop = Shop::new();
    let expected = shop.expected();
    let events = shop.events();
    let steps: Vec<usize> = (0..events.len()).filter(|&at| events[at].starts_with("step ")).collect();
    assert!(steps.len() >= 14 && events.len() > 300, "{} events", events.len());
    let spread = long(160, 18);
    let places = steps.iter().copied().chain((0..spread).map(|n| n * (events.len() - 1) / (spread - 1)));
    let out = shop.path("killed");
    let check = |what: &str| {
        if let Some(live) = published::live(&out, "quickstart") {
            assert_eq!(live.digests(), expected, "{what}");
        }
    };
    let rerun = |what: &str| {
        let (code, _, error) = shop.run(&out, &[]);
        assert_eq!(code, 0, "{what}: {error}");
        assert_eq!(published::live(&out, "quickstart").expect("it is live").digests(), expected, "{what}");
        std::fs::remove_dir_all(out.join("quickstart")).expect("a folder goes");
    };
    let mut kills = 0;
    for at in places {
        let what = format!("killed before event {at}: {}", events[at]);
        // Where the run before this one left its files, there may be too little to do to come so far.
        let has_less_to_do = out.join("quickstart").exists();
        let output = shop.start(&out, &[], &[("UNDER_TEST_AT", at.to_string())]).wait_with_output().expect("it ends");
        let code = output.status.code();
        assert!(code.is_none() || has_less_to_do && code == Some(0), "{what}: {code:?}");
        kills += 1;
        check(&what);
        // Every third time the next run is killed too, later on.
        if kills % 3 == 0 {
            let _ = shop.start(&out, &[], &[("UNDER_TEST_AT", (at + 40).to_string())]).wait_with_output();
            check(&what);
        }
        if kills % 2 == 0 || at + 1 == events.len() {
            rerun(&what);
        }
    }
    let start = Instant::now();
    rerun("a whole run, to see how long it takes");
    let length = start.elapsed();
    for kill in 0..long(40, 4) as u32 {
        let mut child = shop.start(&out, &[], &[]);
        std::thread::sleep(length * (kill * 17 % 40) / 40);
        let _ = child.kill();
        let _ = child.wait();
        check("killed at some time");
        rerun("killed at some time");
    }
}

/// Ten equal runs at once: all end with 0, one commit, one of them published.
#[test]
fn equal_runs_commit_once() {
    let shop = Shop::new();
    let out = shop.path("out");
    for _ in 0..long(10, 1) {
        let children: Vec<_> = (0..10).map(|_| shop.start(&out, &[], &[])).collect();
        let outputs: Vec<_> = children.into_iter().map(|child| told(&child.wait_with_output().expect("it ends"))).collect();
        assert!(outputs.iter().all(|(code, ..)| *code == 0), "{outputs:?}");
        let published = outputs.iter().filter(|(_, text, _)| text.contains("\npublished  job")).count();
        assert_eq!(published, 1, "{outputs:?}");
        let runs = std::fs::read_dir(out.join("quickstart/runs/2026-06-30")).expect("runs").count();
        assert_eq!(runs, 1);
        published::live(&out, "quickstart").expect("it is live");
        std::fs::remove_dir_all(&out).expect("a folder goes");
    }
}

/// Different runs at once: each is committed under its own id, and live ends at one of the newest as_of, whole.
#[test]
fn different_runs_commit_each() {
    let shop = Shop::new();
    let out = shop.path("out");
    let jobs: [&[&str]; 5] = [
        &[],
        &["--set", "groups.high_value_share=0.3"],
        &["--as-of", "2026-06-29"],
        &["--as-of", "2026-06-15"],
        &["--as-of", "2026-06-29", "--set", "groups.high_value_share=0.3"],
    ];
    for _ in 0..long(10, 1) {
        let children: Vec<_> = jobs.iter().map(|more| shop.start(&out, more, &[])).collect();
        for child in children {
            let (code, text, error) = told(&child.wait_with_output().expect("it ends"));
            assert_eq!(code, 0, "{error}");
            assert!(text.contains("\npublished  job") || text.contains("live stays as of"), "{text}");
        }
        let live = published::live(&out, "quickstart").expect("it is live").live;
        assert_eq!(live.as_of, "2026-06-30");
        let count = |as_of: &str| std::fs::read_dir(out.join("quickstart/runs").join(as_of)).expect("runs").count();
        assert_eq!([count("2026-06-30"), count("2026-06-29"), count("2026-06-15")], [2, 2, 1]);
        std::fs::remove_dir_all(&out).expect("a folder goes");
    }
}

/// A run that stands still while others finish does no harm when it goes on, wherever it stood.
#[test]
fn a_stopped_run_does_no_harm() {
    let shop = Shop::new();
    let expected = shop.expected();
    let events = shop.events();
    let link = |nth: usize| (0..events.len()).filter(|&at| events[at] == "call link").nth(nth).expect("files are linked");
    let links = events.iter().filter(|event| *event == "call link").count();
    let places = [link(3), link(links - 2), link(links - 1), events.iter().rposition(|event| event.starts_with("before put")).expect("a put")];
    for (index, at) in places.into_iter().enumerate() {
        let out = shop.path(&format!("stopped-{index}"));
        let stopped = shop.start(&out, &[], &[("UNDER_TEST_AT", at.to_string()), ("UNDER_TEST_SIGNAL", "STOP".to_owned())]);
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(shop.run(&out, &[]).0, 0, "an equal run");
        assert_eq!(shop.run(&out, &["--set", "groups.high_value_share=0.3"]).0, 0, "another run");
        std::thread::sleep(Duration::from_secs(long(150, 0) as u64));
        let woken = std::process::Command::new("kill").args(["-CONT", &stopped.id().to_string()]).status().expect("kill");
        assert!(woken.success());
        let (code, _, error) = told(&stopped.wait_with_output().expect("it ends"));
        assert_eq!(code, 0, "{error}");
        let live = published::live(&out, "quickstart").expect("it is live");
        assert_eq!(live.live.as_of, "2026-06-30");
        assert_eq!(shop.run(&out, &[]).0, 0);
        // The run itself is there as if nothing had happened.
        let committed: Vec<BTreeMap<String, String>> = committed(&out).iter().map(digests).collect();
        assert!(committed.contains(&expected) && committed.len() == 2);
    }
}

/// Clocks that disagree by an hour, on disk: files from the future and from the past change nothing.
#[test]
fn clocks_an_hour_apart_do_no_harm() {
    let shop = Shop::new();
    let expected = shop.expected();
    let out = shop.path("out");
    let events = shop.events();
    let _ = shop.start(&out, &[], &[("UNDER_TEST_AT", (events.len() - 30).to_string())]).wait_with_output();
    for (index, file) in regulars_tests::files(&out).iter().enumerate() {
        let hour = Duration::from_secs(3600);
        let now = std::time::SystemTime::now();
        let file = std::fs::File::options().write(true).open(file).expect("a file");
        file.set_modified(if index % 2 == 0 { now + hour } else { now - hour }).expect("a time");
    }
    assert_eq!(shop.run(&out, &[]).0, 0);
    assert_eq!(published::live(&out, "quickstart").expect("it is live").digests(), expected);
    assert!(shop.run(&out, &[]).1.contains("unchanged  job"));
}

/// A backfill in random order gives the bytes of the same days in order; where ids are kept or a guard reads the prior run, the days in order give them.
#[test]
fn a_backfill_in_any_order_gives_the_same_bytes() {
    let shop = Shop::new();
    let count = long(30, 8);
    let days: Vec<String> = (0..count).map(|day| format!("2026-06-{:02}", 30 - day)).collect();
    let run_all = |out: &Path, days: &[String], more: &[&str]| -> BTreeMap<String, BTreeMap<String, String>> {
        for day in days {
            let (code, text, error) = shop.run(out, &[&["--as-of", day.as_str()], more].concat());
            assert_eq!(code, 0, "{day}: {text}{error}");
        }
        committed(out).iter().map(|manifest| (manifest.as_of.clone(), digests(manifest))).collect()
    };
    let mut ordered = days.clone();
    ordered.sort();
    let mut mixed = days;
    let mut state = 7;
    mixed.sort_by_cached_key(|_| regulars_tests::faulty::next(&mut state));
    assert_ne!(ordered, mixed);
    let pure = ["--set", "customers.keep_ids=false"];
    let expected = run_all(&shop.path("ordered"), &ordered, &pure);
    assert_eq!(expected.len(), count);
    assert_eq!(run_all(&shop.path("mixed"), &mixed, &pure), expected);
    assert_eq!(published::live(&shop.path("mixed"), "quickstart").expect("it is live").live.as_of, "2026-06-30");
    let guard = ["--set", "audit.hold_if.list_change_max=50"];
    let chained = run_all(&shop.path("chained"), &ordered, &guard);
    assert_eq!(run_all(&shop.path("chained-again"), &ordered, &guard), chained);
}

fn digests(manifest: &Manifest) -> BTreeMap<String, String> {
    manifest.all_files().into_iter().map(|file| (file.path.clone(), file.sha256.clone())).collect()
}

/// All manifests of a job on disk.
fn committed(out: &Path) -> Vec<Manifest> {
    let is_manifest = |path: &PathBuf| path.file_name().is_some_and(|name| name == "manifest.json");
    let files = regulars_tests::files(&out.join("quickstart/runs")).into_iter().filter(is_manifest);
    files.map(|path| serde_json::from_slice(&std::fs::read(path).expect("a manifest")).expect("a whole manifest")).collect()
}

/// SIGTERM ends a run within ten seconds, with 143, wherever it is.
#[test]
fn sigterm_ends_a_run_anywhere() {
    let shop = Shop::new();
    let expected = shop.expected();
    let events = shop.events();
    let out = shop.path("ended");
    for part in 1..long(20, 5) {
        let at = events.len() * part / long(20, 5);
        let start = Instant::now();
        let output = shop.start(&out, &[], &[("UNDER_TEST_AT", at.to_string()), ("UNDER_TEST_SIGNAL", "TERM".to_owned())]).wait_with_output();
        let (code, _, error) = told(&output.expect("it ends"));
        // The signal may arrive when all is done.
        assert!(code == 143 || code == 0, "{code} {error}");
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(published::live(&out, "quickstart").is_none_or(|live| live.digests() == expected));
    }
    assert_eq!(shop.run(&out, &[]).0, 0);
    assert_eq!(published::live(&out, "quickstart").expect("it is live").digests(), expected);
}

/// Replaces a file of the lake as the order lines begin to be read.
struct Replacing {
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Progress for Replacing {
    fn begin(&self, step: &str) {
        if step == "divide lines into shards" {
            std::fs::write(&self.file, &self.bytes).expect("a file");
        }
    }

    fn end(&self, _: &str) {}
}

/// A file that is replaced while it is read is told as such, whatever it looks like by then: who starts the run again has it whole.
#[test]
fn a_file_that_is_replaced_is_not_called_damaged() {
    let shop = Shop::new();
    let file = regulars_tests::files(&shop.path("lake/order_lines")).pop().expect("a file");
    let good = std::fs::read(&file).expect("bytes");
    let mut damaged = good.clone();
    damaged[4..100].fill(0xAB);
    for bytes in [good[..good.len() - 1].to_vec(), damaged] {
        std::fs::write(&file, &good).expect("a file");
        let run = run_told(&shop, &[], &hasty(1), &Replacing { file: file.clone(), bytes });
        let error = run.expect_err("the file is another");
        assert!(error.kind() == Kind::StoreRetry && error.to_string().contains("got a change while it was read"), "{error}");
    }
    // Where it was so from the beginning, it is damaged.
    let error = run_inside(&shop, &[], &hasty(1)).expect_err("the file is damaged");
    assert_eq!(error.kind(), Kind::Input, "{error}");
}

/// A run inside this process, over stores that `access` wraps.
fn run_inside(shop: &Shop, more: &[(&str, &str)], access: &Access) -> regulars::error::Result<Outcome> {
    run_told(shop, more, access, &Silent)
}

/// The same, of which someone is told.
fn run_told(shop: &Shop, more: &[(&str, &str)], access: &Access, progress: &dyn Progress) -> regulars::error::Result<Outcome> {
    let text = std::fs::read_to_string(shop.path("job.yaml")).expect("a config");
    let lake = shop.path("lake").display().to_string();
    let given = [("lake.url", lake.as_str()), ("store.url", "memory:///out"), ("run.threads", "1"), ("run.shards", "8")];
    let overrides: Vec<_> = given.iter().chain(more).map(|(key, value)| regulars::config::Override { key: (*key).into(), value: (*value).into() }).collect();
    let options = Options { as_of: None, overrides: &overrides, environment: &|_| None };
    let params = regulars::job::load("job.yaml", &text, &options)?;
    params.with_threads(|| Ok(regulars::job::run(&params, access, progress)?.outcome))
}

/// Retries that do not make a test wait.
fn hasty(times: u32) -> Access {
    Access::new(Retries { times, wait_max: Duration::from_secs(20), wait_first: Duration::from_micros(50) }, Allowance::memory(1 << 30)).expect("threads")
}

/// The live run of a store, with every file read and compared; None where nothing is live.
fn live_in(store: &Store) -> Option<(Live, Manifest)> {
    let (live, _) = regulars::publish::read_live(store, "quickstart").expect("live is whole")?;
    let run = regulars::publish::Run::at("quickstart", &live.reference());
    let manifest = regulars::publish::read_manifest(store, &run).expect("the manifest is whole").expect("the live manifest is there");
    assert_eq!(regulars::publish::verify(store, &run, &manifest).expect("the store answers"), []);
    Some((live, manifest))
}

/// One seed: the run ends with one commit, or with the exit code of its scenario and nothing half-visible; the next run mends it.
fn misbehave(shop: &Shop, expected: &BTreeMap<String, String>, seed: u64) -> Option<Kind> {
    let faulty = Arc::new(Faulty::new(seed));
    let scenario = faulty.scenario();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (shared, between) = (memory.clone(), faulty.clone());
    let access = hasty(4).wrapped(Arc::new(move |inner, name| {
        let inner = if name.starts_with("memory:") { shared.clone() } else { inner };
        Arc::new(Between { inner, what: between.clone() })
    }));
    let full: &[(&str, &str)] = &[("run.memory_limit_mib", "1"), ("run.scratch", "/proc/nowhere")];
    let ended = run_inside(shop, if scenario == Scenario::ScratchFull { full } else { &[] }, &access);
    let quiet = hasty(0);
    let store = Store::over(memory.clone(), "out", &quiet, "memory");
    let manifests = store.list("quickstart/runs").expect("a list").iter().filter(|entry| entry.path.ends_with("manifest.json")).count();
    let live = live_in(&store);
    assert!(manifests <= 1 && live.iter().all(|(_, manifest)| digests(manifest) == *expected), "seed {seed} {scenario:?}");
    let kind = match &ended {
        Ok(outcome) => {
            assert!(*outcome == Outcome::Published && live.is_some(), "seed {seed} {scenario:?}: {outcome:?}");
            None
        }
        Err(error) => {
            let due = match scenario {
                Scenario::Forbidden => Kind::Store,
                Scenario::ScratchFull => Kind::Limit,
                _ => Kind::StoreRetry,
            };
            assert_eq!(error.kind(), due, "seed {seed} {scenario:?}: {error}");
            Some(due)
        }
    };
    assert!(scenario != Scenario::Latency || kind.is_none(), "latency alone fails nothing");
    let mended = quiet.wrapped(Arc::new(move |inner, name| if name.starts_with("memory:") { memory.clone() } else { inner }));
    run_inside(shop, &[], &mended).unwrap_or_else(|error| panic!("seed {seed} {scenario:?}: {error}"));
    let (_, manifest) = live_in(&store).expect("it is live");
    assert_eq!(digests(&manifest), *expected, "seed {seed} {scenario:?}");
    kind
}

#[test]
fn a_store_that_misbehaves_gives_one_commit_or_a_clean_failure() {
    let shop = Shop::new();
    let expected = shop.expected();
    let seeds: Vec<u64> = (0..long(1000, 64) as u64).collect();
    let ended: Mutex<BTreeMap<String, [u32; 2]>> = Mutex::default();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (shop, expected, seeds, ended) = (&shop, &expected, &seeds, &ended);
            scope.spawn(move || {
                for seed in seeds.iter().skip(half).step_by(2) {
                    let kind = misbehave(shop, expected, *seed);
                    let scenario = format!("{:?}", Faulty::new(*seed).scenario());
                    ended.lock().expect("no panic").entry(scenario).or_default()[usize::from(kind.is_some())] += 1;
                }
            });
        }
    });
    let ended = ended.into_inner().expect("no panic");
    // Where faults pass, retries carry some runs through, and others end: both ways were seen. A lost answer is found out by reading.
    for scenario in ["Resets", "Throttled", "SlowClose", "ShortReads"] {
        assert!(ended[scenario].iter().all(|count| *count > 0), "{ended:?}");
    }
    assert!(ended["LostAnswers"][0] > 0, "{ended:?}");
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{} seeds, runs that ended well and not, by scenario: {ended:?}", seeds.len());
}

/// One call to the disk.
#[derive(Debug, Clone)]
struct Call {
    name: &'static str,
    path: PathBuf,
    to: Option<PathBuf>,
    bytes: Option<Vec<u8>>,
}

#[derive(Debug, Default, Clone)]
struct Recorder(Arc<Mutex<Vec<Call>>>);

impl Listener for Recorder {
    fn call(&self, name: &'static str, path: &Path, to: Option<&Path>, bytes: Option<&[u8]>) {
        let call = Call { name, path: path.to_owned(), to: to.map(Path::to_owned), bytes: bytes.map(<[u8]>::to_vec) };
        self.0.lock().expect("no panic").push(call);
    }
}

/// What a disk keeps when power is lost: synced bytes, and names in synced folders. Everything else may be there or not.
#[derive(Debug, Default)]
struct Disk {
    /// Bytes of each file, and whether they are synced.
    files: Vec<(Vec<u8>, bool)>,
    /// Names as the running system sees them.
    seen: BTreeMap<PathBuf, usize>,
    /// Names that last.
    lasting: BTreeMap<PathBuf, usize>,
    folders: BTreeMap<PathBuf, bool>,
}

impl Disk {
    fn make(&mut self, call: &Call) {
        let to = || call.to.clone().expect("two names");
        match call.name {
            "make_folder" => {
                self.folders.entry(call.path.clone()).or_insert(false);
            }
            "write" => {
                self.files.push((call.bytes.clone().expect("bytes"), false));
                self.seen.insert(call.path.clone(), self.files.len() - 1);
            }
            "sync_file" => self.files[self.seen[&call.path]].1 = true,
            "link" => {
                let file = self.seen[&call.path];
                self.seen.entry(to()).or_insert(file);
            }
            "rename" => {
                let file = self.seen.remove(&call.path).expect("a file");
                self.seen.insert(to(), file);
            }
            "remove" => {
                self.seen.remove(&call.path);
            }
            "sync_folder" => {
                let below = |path: &Path| path.parent() == Some(&call.path);
                self.lasting.retain(|path, _| !below(path));
                self.lasting.extend(self.seen.iter().filter(|(path, _)| below(path)).map(|(path, file)| (path.clone(), *file)));
                self.folders.iter_mut().filter(|(path, _)| below(path)).for_each(|(_, lasting)| *lasting = true);
            }
            other => panic!("{other}"),
        }
    }

    /// The bytes at `path` after power was lost, where they and their name surely are; the folders above the store's root are there.
    fn surely(&self, path: &Path) -> Option<&[u8]> {
        let (bytes, synced) = &self.files[*self.lasting.get(path)?];
        let above = path.ancestors().skip(1).filter_map(|folder| self.folders.get(folder));
        (*synced && above.into_iter().all(|lasting| *lasting)).then_some(bytes.as_slice())
    }

    /// Whatever may be at `path` after power was lost, with whether its bytes are sure.
    fn maybe(&self, path: &Path) -> Vec<&(Vec<u8>, bool)> {
        let files = [self.seen.get(path), self.lasting.get(path)];
        files.into_iter().flatten().map(|file| &self.files[*file]).collect()
    }
}

/// Power may be lost after every single call: no live pointer that may be there is torn or points to a manifest that may not be, and no
/// manifest that may be there names a file that may not.
#[test]
fn lost_power_never_leaves_a_manifest_without_its_files() {
    let shop = Shop::new();
    let recorder = Recorder::default();
    let out = shop.path("power/store");
    let access = hasty(0).with_calls(Arc::new(Told(recorder.clone())));
    let store = out.display().to_string();
    // Two runs, so that live is created and then replaced.
    for as_of in ["2026-06-29", "2026-06-30"] {
        run_inside(&shop, &[("store.url", &store), ("job.as_of", as_of)], &access).expect("it runs");
    }
    let calls = recorder.0.lock().expect("no panic").clone();
    let job = out.canonicalize().expect("a folder").join("quickstart");
    let mut disk = Disk::default();
    let (mut lives, mut manifests) = (0, 0);
    for call in &calls {
        disk.make(call);
        for (bytes, synced) in disk.maybe(&job.join("live.json")) {
            assert!(synced, "{call:?}: live may be torn");
            let live: Live = serde_json::from_slice(bytes).expect("a whole pointer");
            assert!(disk.surely(&job.join(&live.manifest)).is_some(), "{call:?}: live may outlast its manifest");
            lives += 1;
        }
        let paths: Vec<PathBuf> = disk.seen.keys().filter(|path| path.ends_with("manifest.json")).cloned().collect();
        for path in paths {
            for (bytes, synced) in disk.maybe(&path) {
                assert!(synced, "{call:?}: a manifest may be torn");
                let manifest: Manifest = serde_json::from_slice(bytes).expect("a whole manifest");
                for file in manifest.all_files() {
                    let there = disk.surely(&path.with_file_name(&file.path)).map(|bytes| bytes.len() as u64);
                    assert_eq!(there, Some(file.bytes), "{call:?}: {} may be lost", file.path);
                }
                manifests += 1;
            }
        }
    }
    assert!(lives > 2 && manifests > 4 && calls.len() > 200, "{lives} {manifests} {}", calls.len());
}
