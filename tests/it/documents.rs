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
