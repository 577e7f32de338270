//! Nothing personal and nothing secret gets out: marked people and marked secrets, through every kind of failure; no mark in any output,
//! error, log, file name, manifest, artefact or published table.

use std::path::Path;

use parquet::basic::Compression;
use regulars_tests::parquet_file::{Cells, texts, write};
use regulars_tests::{files, published};

use crate::{regulars, small_config, told};

/// Stands in every personal value.
const PERSON: &str = "zq7person";
/// Stands in every secret.
const SECRET: &str = "zq7secret";
const PEOPLE: usize = 1000;

/// Changes the columns of a table that is called by name.
type Spoilt<'a> = &'a dyn Fn(&str, &mut Vec<(&'static str, Cells)>);

/// A lake of marked people, each with two orders; `spoilt` changes columns of the lines and of the customers.
fn lake(folder: &Path, spoilt: Spoilt<'_>) {
    let ids: Vec<String> = (0..PEOPLE).map(|n| format!("c{n}")).collect();
    let marked = |what: &str| Cells::Text((0..PEOPLE).map(|n| Some(format!("{what}.{PERSON}{n}@shop.example"))).collect());
    let mut customers = vec![
        ("source_customer_id", texts(&ids.iter().map(String::as_str).collect::<Vec<_>>())),
        ("email", marked("mail")),
        ("phone", marked("phone")),
        ("household_key", marked("home")),
        ("account_type", texts(&vec!["person"; PEOPLE])),
    ];
    spoilt("customers", &mut customers);
    write(&folder.join("customers/part.parquet"), &customers, Compression::SNAPPY);
    let rows = 2 * PEOPLE;
    let orders: Vec<String> = (0..rows).map(|n| format!("o{n}")).collect();
    let mut lines = vec![
        ("order_id", texts(&orders.iter().map(String::as_str).collect::<Vec<_>>())),
        ("source_customer_id", texts(&(0..rows).map(|n| ids[n % PEOPLE].as_str()).collect::<Vec<_>>())),
        ("ordered_at", Cells::Time((0..rows).map(|n| Some((20_300 + n as i64 % 180) * 86_400_000_000)).collect(), true)),
        ("product_id", texts(&vec!["p"; rows])),
        ("quantity", Cells::Float(vec![Some(1.0); rows])),
        ("amount", Cells::Float((0..rows).map(|n| Some(n as f64)).collect())),
        ("kind", texts(&vec!["sale"; rows])),
        ("currency", texts(&vec!["EUR"; rows])),
        ("note", Cells::Text((0..rows).map(|n| Some(format!("call {PERSON}{n}"))).collect())),
    ];
    spoilt("lines", &mut lines);
    write(&folder.join("lines/part.parquet"), &lines, Compression::UNCOMPRESSED);
}

/// The marked text in the middle of a column of texts.
fn spoil(columns: &mut [(&'static str, Cells)], name: &str) {
    let column = columns.iter_mut().find(|(known, _)| *known == name).expect("the column is there");
    if let Cells::Text(values) = &mut column.1 {
        let middle = values.len() / 2;
        values[middle] = Some(format!("{PERSON}-{name}"));
    }
}

fn assert_clean(what: &str, text: &str) {
    assert!(!text.contains(PERSON) && !text.contains(SECRET), "{what}: {text}");
}

/// Runs a verb with both kinds of log; nothing of what it says, or leaves behind, holds a mark. Returns the exit code.
fn watched(what: &str, folder: &Path, arguments: &[&str], environment: &[(String, String)]) -> i32 {
    let mut last = 0;
    for log in ["text", "json"] {
        let mut command = regulars();
        command.args(arguments).args(["--log", log]).envs(environment.iter().cloned());
        let (code, text, error) = told(&command.output().expect("it starts"));
        assert_clean(what, &text);
        assert_clean(what, &error);
        last = code;
    }
    let out = folder.join("out");
    for file in if out.exists() { files(&out) } else { Vec::new() } {
        assert_clean(what, &file.display().to_string());
        let bytes = std::fs::read(&file).expect("a file");
        // Tables are packed: their texts are looked at below.
        assert_clean(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
    last
}

#[test]
fn marked_people_are_in_no_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("job.yaml");
    let yaml = small_config(folder.path()).replace("as_of: 2026-01-31", "as_of: 2026-01-26")
        + "      reject: {notes: [{note: {starts_with: 'call zq7person19'}}]}\n    customers: {path: customers}\ncampaigns: {hello: {size: 100, consent_required: false, audience: []}}\n";
    std::fs::write(&config, yaml).expect("a config");
    let path = config.display().to_string();
    let sound = |_: &str, _: &mut Vec<(&'static str, Cells)>| {};
    lake(folder.path(), &sound);
    // The rule's text is the config's own: it may stand in definitions and in nothing else, so it is asked for by what it rejects.
    let run = ["run", path.as_str(), "--set", "lake.tables.order_lines.reject={big: [{amount: {at_least: 1900}}]}", "--set", "audit.rejected_share_max=0.5"];
    std::fs::write(
        &config,
        std::fs::read_to_string(&config)
            .expect("a config")
            .lines()
            .filter(|line| !line.contains("reject:"))
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    )
    .expect("a config");
    assert_eq!(watched("a sound run", folder.path(), &run, &[]), 0);
    let live = published::live(&folder.path().join("out"), "small").expect("it is live");
    let mut looked_at = 0;
    for table in &live.manifest.tables {
        for column in table.columns.iter().filter(|column| column.kind == "text") {
            live.texts(&table.name, &column.name).iter().for_each(|text| assert_clean(&table.name, text));
            looked_at += 1;
        }
    }
    assert!(looked_at > 20 && live.rows("quarantine") == 100 && live.rows("customers") == PEOPLE as u64);
    assert_eq!(watched("held", folder.path(), &[&run[..], &["--set", "audit.rejected_share_max=0.01"]].concat(), &[]), 4);
    for (verb, more) in [("verify", &["live"][..]), ("explain", &["--customer", PERSON]), ("diff", &["live", "live"]), ("rollback", &["live"]), ("gc", &[])] {
        // What a person types is that person's own.
        if verb != "explain" {
            watched(verb, folder.path(), &[&[verb, path.as_str()], more].concat(), &[]);
        }
    }
    for (table, column) in [("lines", "kind"), ("lines", "currency"), ("customers", "account_type")] {
        lake(folder.path(), &|name, columns| {
            if name == table {
                spoil(columns, column)
            }
        });
        assert_eq!(watched(column, folder.path(), &run, &[]), 3, "{column}");
    }
    // Kinds that do not fit, texts that are no UTF-8, damaged pages: everything of a file that can be wrong.
    lake(folder.path(), &|name, columns| {
        if name == "lines" {
            columns.iter_mut().filter(|(name, _)| *name == "amount").for_each(|(_, cells)| *cells = Cells::Text(vec![Some(PERSON.to_owned()); 2 * PEOPLE]));
        }
    });
    assert_eq!(watched("retyped", folder.path(), &run, &[]), 3);
    lake(folder.path(), &sound);
    let part = folder.path().join("lines/part.parquet");
    let whole = std::fs::read(&part).expect("a file");
    for seed in 0..regulars_tests::long(200, 25) {
        let mut bytes = whole.clone();
        let at = seed * 7919 % bytes.len();
        bytes[at] ^= 0x55;
        std::fs::write(&part, bytes).expect("a file");
        watched("damaged", folder.path(), &run[..2], &[]);
    }
}

/// Twenty marked secrets, in every option that may hold one, through configs that are wrong and stores that do not answer.
#[test]
fn marked_secrets_are_in_no_output() {
    let folder = tempfile::tempdir().expect("a folder");
    lake(folder.path(), &|_, _| {});
    let options = [
        ("s3://shop/out", "access_key_id"),
        ("s3://shop/out", "secret_access_key"),
        ("s3://shop/out", "token"),
        ("s3://shop/out", "session_token"),
        ("s3://shop/out", "region"),
        ("s3://shop/out", "sse_customer_key_base64"),
        ("s3://shop/out", "bucket"),
        ("s3://shop/out", "metadata_endpoint"),
        ("s3://shop/out", "endpoint"),
        ("s3://shop/out", "no_such_option"),
        ("az://shop/out", "account_name"),
        ("az://shop/out", "account_key"),
        ("az://shop/out", "sas_token"),
        ("az://shop/out", "client_id"),
        ("az://shop/out", "client_secret"),
        ("az://shop/out", "bearer_token"),
        ("gs://shop/out", "service_account"),
        ("gs://shop/out", "service_account_key"),
        ("gs://shop/out", "google_application_credentials"),
        ("gs://shop/out", "bearer_token"),
    ];
    let config = folder.path().join("job.yaml");
    for (number, (url, option)) in options.iter().enumerate() {
        // Nobody listens at that port; an option of another kind is what it is.
        let endpoint = if url.starts_with("s3") && *option != "endpoint" { ", endpoint: 'http://127.0.0.1:9', allow_http: 'true'" } else { "" };
        let store = format!("store: {{url: '{url}', private_hosts: [127.0.0.1], options: {{{option}: '${{secret:MARK}}'{endpoint}}}}}");
        let text = small_config(folder.path());
        let line = text.lines().find(|line| line.starts_with("store:")).expect("a store").to_owned();
        let text = text.replace(&line, &store) + "run: {retries: 0}\n";
        std::fs::write(&config, text).expect("a config");
        let environment = [("MARK".to_owned(), format!("{SECRET}{number}")), ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())];
        let path = config.display().to_string();
        let code = watched(option, folder.path(), &["plan", &path, "--set", "lake.tables.order_lines.path=nowhere"], &environment);
        assert!(code == 2 || code == 3, "{option}: {code}");
        if url.starts_with("s3") {
            let code = watched(option, folder.path(), &["plan", &path], &environment);
            assert!([2, 6, 7].contains(&code), "{option}: {code}");
        }
    }
}
