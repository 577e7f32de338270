//! What is generated and kept in the checkout is what the program generates.

use regulars_tests::root;

fn kept(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of the checkout")
}

#[test]
fn the_schema_is_in_step() {
    assert_eq!(kept("configs/schema.json"), regulars::config::schema(), "regulars schema > configs/schema.json");
}

#[test]
fn the_logs_schema_is_in_step() {
    let (code, schema, _) = crate::told(&crate::run(&["schema", "--of", "log"]));
    assert_eq!((code, kept("configs/log.schema.json")), (0, schema), "regulars schema --of log > configs/log.schema.json");
}

/// Every line of `--log json` is one of the schema's events, and holds what the event must.
#[test]
fn the_log_keeps_its_schema() {
    let schema: serde_json::Value = serde_json::from_str(&kept("configs/log.schema.json")).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = std::collections::BTreeSet::new();
    for more in [&[][..], &["--set", "audit.anonymous_line_share_max=0.01"], &["--set", "lake.url=nowhere"]] {
        let (_, _, error) = crate::told(&crate::quickstart(folder.path(), &[&["--log", "json"], more].concat()));
        for line in error.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
            let event = line["event"].as_str().expect("an event").to_owned();
            let variants = schema["oneOf"].as_array().expect("events");
            let variant = variants.iter().find(|variant| variant["properties"]["event"]["const"] == event.as_str()).expect("the schema has the event");
            for name in variant["required"].as_array().expect("names") {
                assert!(!line[name.as_str().expect("a name")].is_null(), "{event}: {name}");
            }
            assert!(line["at"].as_f64().is_some_and(|at| at > 1.7e9), "{line}");
            seen.insert(event);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["failed", "run_ended", "step_began", "step_ended"]);
}

#[test]
fn the_tables_are_in_step() {
    assert_eq!(kept("pipeline/TABLES.md"), regulars::job::document(), "regulars tables > pipeline/TABLES.md");
}

#[test]
fn every_config_is_sound() {
    for entry in std::fs::read_dir(root().join("configs")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name == "defaults.yaml" || !name.ends_with(".yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a config");
        assert!(text.contains("$schema=schema.json"), "{name} names the schema for editors");
        let options = regulars::job::Options { as_of: None, overrides: &[], environment: &|_| Some("somewhere".to_owned()) };
        if let Err(error) = regulars::job::load(&name, &text, &options) {
            panic!("{error}");
        }
    }
}
