//! Committing a run: its manifest, once, last; then live.

use bytes::Bytes;

use super::live::{Moved, go_live, read_live};
use super::manifest::{Manifest, RunReference};
use super::read::read_manifest;
use crate::error::{Error, Kind, Result};
use crate::key::{hex, sha256};
use crate::store::{Created, Store};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was committed now, or live was moved to it now.
    Published,
    /// It was there, and live pointed at it or later.
    Unchanged,
    /// It was committed and may not go live.
    Held,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The job.
    pub job: String,
    /// Its as-of date.
    pub as_of: String,
    /// Its run_id.
    pub run_id: String,
}

impl Run {
    /// The run's folder in the store.
    pub fn folder(&self) -> String {
        format!("{}/runs/{}/{}", self.job, self.as_of, self.run_id)
    }

    /// The run's manifest in the store.
    pub fn manifest_path(&self) -> String {
        format!("{}/manifest.json", self.folder())
    }

    /// If the run is committed with all its files: finishes what was left (live), and tells how it ended.
    ///
    /// # Errors
    /// Those of the store; `Store` if a file of a committed run is gone.
    pub fn finished(&self, store: &Store) -> Result<Option<(Outcome, Manifest)>> {
        let Some((manifest, digest)) = read_manifest(store, &self.manifest_path())? else { return Ok(None) };
        let there: std::collections::HashMap<String, u64> = store.list(&self.folder())?.into_iter().map(|entry| (entry.path, entry.bytes)).collect();
        for file in manifest.all_files() {
            let path = format!("{}/{}", self.folder(), file.path);
            if there.get(&path) != Some(&file.bytes) {
                let message = format!("{}: expected {} bytes as the manifest states, got another file or none", store.display(&path), file.bytes);
                return Err(Error::new(Kind::Store, message));
            }
        }
        let outcome = self.settle(store, &manifest, &digest, Outcome::Unchanged)?;
        Ok(Some((outcome, manifest)))
    }

    fn settle(&self, store: &Store, manifest: &Manifest, digest: &str, committed: Outcome) -> Result<Outcome> {
        if manifest.status == "held" {
            return Ok(Outcome::Held);
        }
        let below_job = self.manifest_path().split_off(self.job.len() + 1);
        Ok(match go_live(store, manifest, &below_job, digest)? {
            Moved::Yes => Outcome::Published,
            Moved::AlreadyThere | Moved::Later => committed,
        })
    }
}

/// A random word for this attempt.
///
/// # Errors
/// `Limit` if the system gives no randomness.
fn attempt() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(Kind::Limit, format!("randomness: {error}")))?;
    Ok(hex(&bytes))
}

/// Commits `manifest`, whose files are stored, and moves live if it may.
///
/// # Errors
/// Those of the store; `Bug` if another manifest of the same run has other files.
pub fn commit(store: &Store, run: &Run, mut manifest: Manifest) -> Result<Outcome> {
    manifest.attempt = attempt()?;
    manifest.previous_live = read_live(store, &run.job)?.map(|(live, _)| RunReference { as_of: live.as_of, run_id: live.run_id });
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| Error::bug(format!("manifest: {error}")))?;
    let digest = hex(&sha256(&text));
    let bytes = Bytes::from(text);
    for _ in 0..5 {
        if store.create(&run.manifest_path(), bytes.clone())? == Created::Written {
            return run.settle(store, &manifest, &digest, Outcome::Published);
        }
        // "Exists" without anything to read is a store that answered a conflict: tried again.
        let Some((there, there_digest)) = read_manifest(store, &run.manifest_path())? else { continue };
        if there.attempt == manifest.attempt {
            return run.settle(store, &manifest, &digest, Outcome::Published);
        }
        if there.all_files() != manifest.all_files() || there.status != manifest.status {
            return Err(Error::bug(format!("run {}: expected the files of the committed run, got others", run.run_id)));
        }
        // An equal run was faster: it published, and this one changed nothing, whoever of the two moved live.
        let outcome = run.settle(store, &there, &there_digest, Outcome::Unchanged)?;
        return Ok(if outcome == Outcome::Held { outcome } else { Outcome::Unchanged });
    }
    Err(Error::new(Kind::StoreRetry, format!("{}: expected to commit or to find a manifest, got neither", store.display(&run.manifest_path()))))
}
