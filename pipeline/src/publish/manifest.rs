//! The manifest: what a run is made of, and every file of it with its digest, its own included.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::key::{hex, sha256};

/// Version of the shape of manifests and live pointers that this program writes and reads.
pub const VERSION: u32 = 1;

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// build_id as it would be if nobody were erased; absent where nobody is. What a rollback left is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_build_id: Option<String>,
    /// The runs that this one is without the people who were erased since, the newest first; absent where it is no such run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<RunReference>,
    /// The input.
    pub inputs: Vec<InputTable>,
    /// The tables.
    pub tables: Vec<PublishedTable>,
    /// Model artefacts.
    pub models: Vec<PublishedFile>,
    /// Files for campaign tools.
    pub files: Vec<PublishedFile>,
    /// SHA-256 of this text with nothing between these quotes.
    pub manifest_sha256: String,
}

/// What stands first in every version of the shape; a run that `gc` is taking away has only this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the shape.
    pub version: u32,
    /// published, held or collected.
    pub status: String,
}

impl Head {
    /// What `gc` puts in a manifest's place before it deletes the run's files: no run commits there, no reader takes it.
    pub fn collected() -> Self {
        Self { version: VERSION, status: "collected".to_owned() }
    }
}

impl Manifest {
    /// The same with the digest of itself.
    ///
    /// # Errors
    /// `Bug` if it cannot be written as JSON.
    pub fn sealed(mut self) -> Result<Self> {
        self.manifest_sha256 = self.digest()?;
        Ok(self)
    }

    /// Reads the text of what `sealed` gave, to the byte.
    ///
    /// # Errors
    /// `Store` for a damaged text or another version; `StoreRetry` where `gc` is taking the run away.
    pub fn unsealed(text: &[u8]) -> Result<Self> {
        let damaged = |fault: String| Error::new(Kind::Store, format!("expected a whole manifest, got {fault}"));
        let head: Head = serde_json::from_slice(text).map_err(|error| damaged(format!("a fault: {error}")))?;
        if head.version != VERSION {
            return Err(Error::new(Kind::Store, format!("expected a manifest of version {VERSION}, got version {}", head.version)));
        }
        if head == Head::collected() {
            return Err(Error::new(Kind::StoreRetry, "expected a run, got one that `regulars gc` is taking away: let it finish, then try again"));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| damaged(format!("a fault: {error}")))?;
        if manifest.manifest_sha256 != manifest.digest()? || manifest.text()? != text {
            return Err(damaged("one that differs from its own digest".to_owned()));
        }
        Ok(manifest)
    }

    /// The text that is stored.
    ///
    /// # Errors
    /// `Bug` if it cannot be written as JSON.
    pub fn text(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(|error| Error::bug(format!("manifest: {error}")))
    }

    /// SHA-256 of the text that is stored, as the live pointer names it.
    ///
    /// # Errors
    /// As `text`.
    pub fn sha256(&self) -> Result<String> {
        Ok(hex(&sha256(&self.text()?)))
    }

    fn digest(&self) -> Result<String> {
        let blank = Self { manifest_sha256: String::new(), ..self.clone() };
        Ok(hex(&sha256(&blank.text()?)))
    }

    /// The run as others refer to it.
    pub fn reference(&self) -> RunReference {
        RunReference { as_of: self.as_of.clone(), run_id: self.run_id.clone() }
    }

    /// build_id as it would be if nobody were erased.
    pub fn base(&self) -> &str {
        self.base_build_id.as_deref().unwrap_or(&self.build_id)
    }

    /// Every file of the run.
    pub fn all_files(&self) -> Vec<&PublishedFile> {
        self.tables.iter().flat_map(|table| &table.parts).chain(&self.models).chain(&self.files).collect()
    }

    /// The table called `name`.
    pub fn table(&self, name: &str) -> Option<&PublishedTable> {
        self.tables.iter().find(|table| table.name == name)
    }
}
