//! The manifest: what a run is made of, and every file of it with its digest.

use serde::{Deserialize, Serialize};

/// An input table as the run saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputTable {
    /// The table.
    pub table: String,
    /// Its files: path below the lake, size, version.
    pub files: Vec<InputFile>,
    /// Rows of the files.
    pub rows_in_files: u64,
    /// Rows after as_of, which the run did not see.
    pub rows_after_as_of: u64,
}

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Path below the lake's root.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 on local disk, else what the store says of the version.
    pub version: String,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    /// Path below the run's folder.
    pub path: String,
    /// Rows, where it is part of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: String,
}

/// A column of a published table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedColumn {
    /// Its name.
    pub name: String,
    /// What its values are: text, int, float, bool, date, timestamp, money (minor units).
    pub kind: String,
    /// Whether a value may be unknown.
    pub nullable: bool,
}

/// A table of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTable {
    /// Its name.
    pub name: String,
    /// pure or chained.
    pub class: String,
    /// Columns that no two rows share.
    pub key: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// The columns, in order.
    pub columns: Vec<PublishedColumn>,
    /// Its parts, in order.
    pub parts: Vec<PublishedFile>,
}

/// A run that live once pointed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReference {
    /// Its as-of date.
    pub as_of: String,
    /// Its run_id.
    pub run_id: String,
}

/// What one create-only write commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest's shape.
    pub version: u32,
    /// The job.
    pub job: String,
    /// Last day that was seen.
    pub as_of: String,
    /// The run.
    pub run_id: String,
    /// What the run was computed from.
    pub build_id: String,
    /// published or held.
    pub status: String,
    /// Currency of all money columns.
    pub currency: String,
    /// The program's version.
    pub program: String,
    /// Digest of the checked config.
    pub config_sha256: String,
    /// The run that chained tables read; null where there is none.
    pub prior: Option<RunReference>,
    /// What live pointed to when the run was committed.
    pub previous_live: Option<RunReference>,
    /// Random; tells a lost response from another run's commit.
    pub attempt: String,
    /// The input.
    pub inputs: Vec<InputTable>,
    /// The tables.
    pub tables: Vec<PublishedTable>,
    /// Model artefacts.
    pub models: Vec<PublishedFile>,
    /// Files for campaign tools.
    pub files: Vec<PublishedFile>,
}

impl Manifest {
    /// Every file of the run.
    pub fn all_files(&self) -> Vec<&PublishedFile> {
        self.tables.iter().flat_map(|table| &table.parts).chain(&self.models).chain(&self.files).collect()
    }

    /// The table called `name`.
    pub fn table(&self, name: &str) -> Option<&PublishedTable> {
        self.tables.iter().find(|table| table.name == name)
    }
}
