//! Reading what was published, as a campaign tool would: from live.json.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regulars::columnar::{Column, File};
use regulars::key::{hash64, hex, sha256};
use regulars::publish::{Live, Manifest};

/// A published run on local disk.
pub struct Published {
    /// What live says.
    pub live: Live,
    /// The manifest.
    pub manifest: Manifest,
    /// The run's folder.
    pub folder: PathBuf,
}

/// The live run of a job, with every file checked for size and digest. None where nothing is live.
pub fn live(out: &Path, job: &str) -> Option<Published> {
    let text = std::fs::read(out.join(job).join("live.json")).ok()?;
    let live: Live = serde_json::from_slice(&text).expect("live.json is whole");
    let path = out.join(job).join(&live.manifest);
    let text = std::fs::read(&path).expect("the live manifest is there");
    assert_eq!(hex(&sha256(&text)), live.manifest_sha256, "the live manifest is the one that live names");
    let manifest: Manifest = serde_json::from_slice(&text).expect("the manifest is whole");
    let folder = path.parent().expect("a folder").to_owned();
    for file in manifest.all_files() {
        let bytes = std::fs::read(folder.join(&file.path)).expect("every file of a live run is there");
        assert_eq!((bytes.len() as u64, hex(&sha256(&bytes))), (file.bytes, file.sha256.clone()), "{}", file.path);
    }
    Some(Published { live, manifest, folder })
}

/// A column of the Parquet file at `path` below `folder`, in batches.
pub fn column(folder: &Path, path: &str, column: &str) -> Vec<Column> {
    let store = crate::lake::local(folder);
    let entry = store.head(path).expect("the store answers").expect("the file is there");
    let file = File::open(&store, &entry).expect("it is a Parquet file");
    let mut batches = file.batches(&[file.position(column).expect("the column is there")]);
    let mut found = Vec::new();
    while let Some((_, mut columns)) = batches.next_batch().expect("rows") {
        found.append(&mut columns);
    }
    found
}

/// The texts of a column in batches; unknown ones are empty.
pub fn texts(parts: &[Column]) -> Vec<String> {
    parts.iter().flat_map(|part| (0..part.len()).map(|row| part.text(row).unwrap_or_default().to_owned())).collect()
}

impl Published {
    /// Path and digest of every file: what must be equal where bytes must be equal.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.manifest.all_files().into_iter().map(|file| (file.path.clone(), file.sha256.clone())).collect()
    }

    /// Rows of a table.
    pub fn rows(&self, table: &str) -> u64 {
        self.manifest.table(table).expect("the table is published").rows
    }

    /// A column of a table, all parts one after another.
    pub fn column(&self, table: &str, column_name: &str) -> Vec<Column> {
        let parts = &self.manifest.table(table).expect("the table is published").parts;
        parts.iter().flat_map(|part| column(&self.folder, &part.path, column_name)).collect()
    }

    /// The texts of a column; unknown ones are empty.
    pub fn texts(&self, table: &str, column: &str) -> Vec<String> {
        texts(&self.column(table, column))
    }

    /// The numbers of a column.
    pub fn numbers(&self, table: &str, column: &str) -> Vec<Option<f64>> {
        let parts = self.column(table, column);
        parts.iter().flat_map(|part| (0..part.len()).map(|row| part.float(row))).collect()
    }

    /// The values of a column as bits that tell them apart: a number's own, a hash of a text's.
    pub fn bits(&self, table: &str, column: &str) -> Vec<Option<u64>> {
        let parts = self.column(table, column);
        let bits = |part: &Column, row: usize| part.text(row).map(|text| hash64(text.as_bytes())).or_else(|| part.float(row).map(f64::to_bits));
        parts.iter().flat_map(|part| (0..part.len()).map(|row| bits(part, row)).collect::<Vec<_>>()).collect()
    }

    /// One figure of the table model_grades.
    pub fn grade(&self, model: &str, target: &str, horizon_days: f64, metric: &str) -> f64 {
        let (models, targets) = (self.texts("model_grades", "model"), self.texts("model_grades", "target"));
        let (slices, metrics) = (self.texts("model_grades", "slice"), self.texts("model_grades", "metric"));
        let (horizons, values) = (self.numbers("model_grades", "horizon_days"), self.numbers("model_grades", "value"));
        let wanted = |row: &usize| {
            models[*row] == model && targets[*row] == target && slices[*row] == "all" && metrics[*row] == metric && horizons[*row] == Some(horizon_days)
        };
        values[(0..models.len()).find(wanted).expect("the figure is published")].expect("a grade is a number")
    }
}
