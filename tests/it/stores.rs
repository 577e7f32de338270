//! One contract suite for every store: memory, local disk, an S3 server in the process.

use std::sync::Arc;

use bytes::Bytes;
use object_store::memory::InMemory;
use regulars::allowance::Allowance;
use regulars::config::{Faults, Places};
use regulars::store::{Access, Created, Location, RawLocation, Retries, Store};
use regulars_tests::between::{Between, Interpose};
use regulars_tests::{gcs, lake, published, s3};

use crate::{regulars, told};

fn contract(store: &Store) {
    let body = |text: &'static str| Bytes::from_static(text.as_bytes());
    assert_eq!(store.get("a/none").expect("answers"), None);
    assert_eq!(store.create("a/b/one", body("1")).expect("writes"), Created::Written);
    assert_eq!(store.create("a/b/one", body("2")).expect("answers"), Created::Existed(body("1")));
    let (bytes, version) = store.get("a/b/one").expect("answers").expect("is there");
    assert_eq!(bytes, body("1"), "a create-only write never replaces");
    assert!(store.swap("a/b/one", Some(&version), body("345")).expect("swaps"), "the version is still the one that was read");
    assert!(!store.swap("a/b/one", Some(&version), body("4")).expect("answers"), "the version is another one now");
    assert!(!store.swap("a/b/one", None, body("5")).expect("answers"), "there is one");
    assert!(store.swap("a/new", None, body("6")).expect("swaps"), "there was none");
    assert_eq!(store.get("a/b/one").expect("answers").expect("is there").0, body("345"));
    assert_eq!(store.ranges("a/b/one", &[0..1, 1..3]).expect("reads"), [body("3"), body("45")]);
    let listed: Vec<String> = store.list("a").expect("lists").into_iter().map(|entry| entry.path).filter(|path| !path.ends_with(".lock")).collect();
    assert_eq!(listed, ["a/b/one", "a/new"]);
    assert_eq!(store.list("a/b/one").expect("lists").len(), 1, "a file is its own list");
    store.probe("a/.probe").expect("conditions are kept");
    store.probe("a/.probe").expect("and kept again");
    assert_eq!(race(store, "a/raced"), 1, "one of many equal creates wins");
}

/// Every first try of a write fails before anything is carried out.
#[derive(Debug, Default)]
struct FirstTryFails(std::sync::atomic::AtomicUsize);

impl Interpose for FirstTryFails {
    fn before(&self, operation: &'static str) -> object_store::Result<()> {
        let is_first = operation == "put" && self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst).is_multiple_of(2);
        if is_first { Err(object_store::Error::Generic { store: "test", source: "connection reset".into() }) } else { Ok(()) }
    }

    fn after(&self, _: &'static str) -> object_store::Result<()> {
        Ok(())
    }
}

/// A write that was tried again is not taken for one that landed: neither by the probe, nor by a swap of another version.
#[test]
fn a_store_whose_first_tries_fail_keeps_the_contract() {
    let retries = Retries { wait_first: std::time::Duration::from_micros(50), ..Retries::default() };
    let access = Access::new(retries, Allowance::memory(1 << 30)).expect("threads");
    let between = Between { inner: Arc::new(InMemory::new()), what: Arc::new(FirstTryFails::default()) };
    let store = Store::over(Arc::new(between), "root", &access, "memory");
    store.probe("a/.probe").expect("conditions are kept");
    store.probe("a/.probe").expect("and kept again");
    let body = |text: &'static str| Bytes::from_static(text.as_bytes());
    assert_eq!(store.create("a/one", body("1")).expect("writes"), Created::Written);
    let (_, version) = store.get("a/one").expect("answers").expect("is there");
    assert!(store.swap("a/one", Some(&version), body("2")).expect("swaps"));
    assert!(!store.swap("a/one", Some(&version), body("3")).expect("answers"));
    assert_eq!(store.get("a/one").expect("answers").expect("is there").0, body("2"));
}

/// How many of eight concurrent creates say that they wrote.
fn race(store: &Store, path: &str) -> usize {
    let write = |number: usize| store.create(path, Bytes::from(vec![b'x'; 20_000 + number])).expect("answers") == Created::Written;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || write(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).filter(|written| *written).count()
    })
}

#[test]
fn memory_keeps_the_contract() {
    let access = Access::new(Retries::default(), Allowance::memory(1 << 30)).expect("threads");
    contract(&Store::over(Arc::new(InMemory::new()), "root", &access, "memory"));
}

#[test]
fn local_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    contract(&lake::local(folder.path()));
}

/// A store by URL and options, as a config states them.
fn store_at(url: &str, options: &[(&str, &str)]) -> Store {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let places = Places::default();
    let mut faults = Faults::new("test", &places, &|_| None);
    let raw = RawLocation { url: Some(url.to_owned()), options: Some(options), private_hosts: Some(vec!["127.0.0.1".into()]) };
    let location = Location::check(raw, "store", &mut faults);
    faults.finish().expect("known options");
    let access = Access::new(Retries::default(), Allowance::memory(1 << 30)).expect("threads");
    location.open(true, &access).expect("a store")
}

fn s3_options<'a>(endpoint: &'a str, secret: &'a str) -> [(&'static str, &'a str); 5] {
    [("endpoint", endpoint), ("allow_http", "true"), ("region", "us-east-1"), ("access_key_id", "key"), ("secret_access_key", secret)]
}

fn s3_store(server: &s3::Server, root: &str) -> Store {
    store_at(&format!("s3://{}/{root}", s3::BUCKET), &s3_options(&server.endpoint, "very-secret"))
}

/// A server that sends everyone elsewhere is not followed: nobody knocks there.
#[test]
fn redirects_are_not_followed() {
    use std::io::{Read, Write};
    let [here, elsewhere] = std::array::from_fn(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    elsewhere.set_nonblocking(true).expect("a port");
    let endpoint = format!("http://{}", here.local_addr().expect("an address"));
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        elsewhere.local_addr().expect("an address")
    );
    std::thread::spawn(move || {
        for socket in here.incoming() {
            let mut socket = socket.expect("a connection");
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    let store = store_at("s3://shop/out", &s3_options(&endpoint, "very-secret"));
    let error = store.get("a").expect_err("an answer that leads elsewhere");
    assert_eq!(error.kind(), regulars::error::Kind::Store, "{error}");
    assert!(elsewhere.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
}

/// The address of a server that `.ci/run` started, or a loud word that its test is skipped.
fn server(variable: &str, what: &str) -> Option<String> {
    let address = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED 1: the contract of {what} needs {variable}, the address of one that runs");
    }
    address
}

/// One plain PUT without a body, as a person makes a bucket by hand; whether the server took it.
fn put(address: &str, path: &str) -> bool {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(address).expect("the server listens");
    let request = format!("PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    ["200", "201", "409"].iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")))
}

/// A folder that no earlier run of the tests used.
fn fresh() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    format!("run-{}", since.as_nanos())
}

/// An S3 server as its users run it.
#[test]
fn an_s3_server_keeps_the_contract() {
    let Some(address) = server("REGULARS_TEST_S3", "an S3 server") else { return };
    assert!(put(&address, "/shop"));
    contract(&store_at(&format!("s3://shop/{}", fresh()), &s3_options(&format!("http://{address}"), "testsecret")));
}

/// Azurite, with the account and the key that its makers publish, and a signature of that key for any container.
#[test]
fn azurite_keeps_the_contract() {
    let Some(address) = server("REGULARS_TEST_AZURE", "Azurite") else { return };
    let account = "devstoreaccount1";
    let key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    let signed = "sv=2020-02-10&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&spr=https%2Chttp&sig=yfB3X7N17i6jR4NnZCBPL8jssrdegvE0XDO83IMAhgw%3D";
    assert!(put(&address, &format!("/{account}/shop?restype=container&{signed}")));
    let endpoint = format!("http://{address}/{account}");
    let options = [("account_name", account), ("account_key", key), ("endpoint", endpoint.as_str()), ("allow_http", "true")];
    contract(&store_at(&format!("az://shop/{}", fresh()), &options));
}

/// No emulator of Google's storage that has its XML interface, which object_store uses, installs by package name: skipped unless one runs.
#[test]
fn a_gcs_emulator_keeps_the_contract() {
    let Some(address) = server("REGULARS_TEST_GCS", "a GCS emulator") else { return };
    contract(&gcs_store(&address));
}

/// Generations and their conditions, against a stand-in in the process.
#[test]
fn gcs_keeps_the_contract() {
    contract(&gcs_store(&gcs::serve()));
}

fn gcs_store(address: &str) -> Store {
    let account = format!(r#"{{"gcs_base_url": "http://{address}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#);
    store_at(&format!("gs://shop/{}", fresh()), &[("service_account_key", &account), ("allow_http", "true")])
}

#[test]
fn s3_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = s3::serve(folder.path(), true);
    contract(&s3_store(&server, "root"));
}

/// Without the lock the server lets several creates win: the test of the race can fail.
#[test]
fn s3_without_a_lock_fails_the_race() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = s3::serve(folder.path(), false);
    let store = s3_store(&server, "root");
    let lost = (0..500).map(|round| race(&store, &format!("race/{round}"))).any(|winners| winners > 1);
    assert!(lost, "five hundred rounds of eight writers, and one winner each time");
}

/// The whole job on S3: the same bytes as on local disk, the secret in no output.
#[test]
fn the_job_publishes_to_s3() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = s3::serve(&folder.path().join("s3"), true);
    let options = format!("store.options={}", server.options("SHOP_SECRET"));
    let run = |url: &str, more: &[&str]| {
        let store = format!("store.url={url}");
        let mut command = regulars();
        command
            .args(["run", "configs/quickstart.yaml", "--set", &store, "--set", "store.private_hosts=[127.0.0.1]"])
            .args(more)
            .env("SHOP_SECRET", "very-secret");
        told(&command.output().expect("it starts"))
    };
    let (code, text, error) = run("s3://shop/out", &["--set", &options]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("s3://shop/out/quickstart/runs/2026-06-30/"), "{text}");
    assert!(!text.contains("very-secret") && !error.contains("very-secret"));
    assert!(run("s3://shop/out", &["--set", &options]).1.contains("unchanged  job"));
    let local = folder.path().join("local");
    assert_eq!(run(&local.display().to_string(), &[]).0, 0);
    let on_s3 = published::live(&folder.path().join("s3/shop/out"), "quickstart").expect("it is live");
    assert_eq!(on_s3.digests(), published::live(&local, "quickstart").expect("it is live").digests());
    assert_eq!(on_s3.live.run_id, published::live(&local, "quickstart").expect("it is live").live.run_id);
}
