//! Linking against the truth of the sample shop, over seeds.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use regulars_tests::{files, long, published};

use crate::{quickstart, run, told};

/// Person by source and source_customer_id, as the truth says.
fn persons(shop: &Path) -> HashMap<(String, String), i64> {
    let folder = shop.join("truth/source_customers");
    let mut persons = HashMap::new();
    for file in files(&folder) {
        let name = file.strip_prefix(&folder).expect("below").display().to_string();
        let numbers = published::column(&folder, &name, "person");
        let numbers = numbers.iter().flat_map(|part| (0..part.len()).map(|row| part.int(row).expect("a person")));
        persons.extend(keys(&folder, &file).into_iter().zip(numbers));
    }
    persons
}

/// Source customers of the table `customers`.
fn exported(shop: &Path) -> HashSet<(String, String)> {
    let folder = shop.join("lake/customers");
    files(&folder).iter().flat_map(|file| keys(&folder, file)).collect()
}

/// Source and source_customer_id of the rows of a file.
fn keys(folder: &Path, file: &Path) -> Vec<(String, String)> {
    let name = file.strip_prefix(folder).expect("below").display().to_string();
    let text = |column: &str| published::texts(&published::column(folder, &name, column));
    text("source").into_iter().zip(text("source_customer_id")).collect()
}

/// Pairs within groups of these sizes.
fn pairs<'a>(sizes: impl Iterator<Item = &'a u64>) -> f64 {
    sizes.map(|size| size * (size - 1) / 2).sum::<u64>() as f64
}

/// Pairwise precision and recall of the published links.
fn precision_and_recall(links: &published::Published, persons: &HashMap<(String, String), i64>, exported: &HashSet<(String, String)>) -> (f64, f64) {
    let (sources, ids) = (links.texts("customer_links", "source"), links.texts("customer_links", "source_customer_id"));
    let (mut both, mut said, mut real) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (key, customer) in sources.into_iter().zip(ids).zip(links.texts("customer_links", "customer_id")) {
        // Who is not in the table `customers` yet cannot be linked by anyone.
        if !exported.contains(&key) {
            continue;
        }
        let person = persons[&key];
        *both.entry((customer.clone(), person)).or_insert(0) += 1;
        *said.entry(customer).or_insert(0) += 1;
        *real.entry(person).or_insert(0) += 1;
    }
    let hits = pairs(both.values());
    (hits / pairs(said.values()), hits / pairs(real.values()))
}

/// Links that were held back: how many; the two ends of each are two customers.
fn held(run: &published::Published) -> usize {
    let texts = |table: &str, column: &str| run.texts(table, column);
    let keys = texts("customer_links", "source").into_iter().zip(texts("customer_links", "source_customer_id"));
    let customers: HashMap<(String, String), String> = keys.zip(texts("customer_links", "customer_id")).collect();
    let ends = |source: &str, id: &str| texts("held_links", source).into_iter().zip(texts("held_links", id)).collect::<Vec<_>>();
    let (ones, others) = (ends("source", "source_customer_id"), ends("other_source", "other_source_customer_id"));
    assert!(ones.iter().zip(&others).all(|(one, other)| customers[one] != customers[other]));
    ones.len()
}

#[test]
fn links_are_those_of_the_truth() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut held_back = 0;
    for seed in 1..=long(5, 2) {
        let shop = folder.path().join(seed.to_string());
        let arguments = ["sample", "--customers", "20000", "--lines-per-customer", "5", "--until", "2026-06-30", "--seed", &seed.to_string(), "--out"];
        let (code, _, error) = told(&run(&[&arguments[..], &[&shop.display().to_string()]].concat()));
        assert_eq!(code, 0, "{error}");
        let out = shop.join("out");
        let (code, _, error) = told(&quickstart(&out, &["--set", &format!("lake.url={}/lake", shop.display())]));
        assert_eq!(code, 0, "{error}");
        let run = published::live(&out, "quickstart").expect("it is live");
        let (precision, recall) = precision_and_recall(&run, &persons(&shop), &exported(&shop));
        held_back += held(&run);
        assert!(precision >= 0.995 && recall >= 0.97, "seed {seed}: precision {precision:.4}, recall {recall:.4}");
    }
    assert!(held_back > 0);
}
