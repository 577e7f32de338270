//! The live pointer: the one thing that readers follow.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::manifest::{Manifest, RunReference};
use crate::error::{Error, Kind, Result};
use crate::store::{Store, Version};

/// What `live.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Version of the pointer's shape.
    pub version: u32,
    /// As-of date of the live run.
    pub as_of: String,
    /// The live run.
    pub run_id: String,
    /// Its build.
    pub build_id: String,
    /// Its manifest, below the job's folder.
    pub manifest: String,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
    /// What was live before.
    pub previous_live: Option<RunReference>,
}

/// Whether live moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Live points to the run now.
    Yes,
    /// Live pointed to it already.
    AlreadyThere,
    /// Live points to a later as_of and stays there.
    Later,
}

fn path(job: &str) -> String {
    format!("{job}/live.json")
}

/// Reads the live pointer of a job, if there is one.
///
/// # Errors
/// Those of the store; `Store` if it cannot be read.
pub fn read_live(store: &Store, job: &str) -> Result<Option<(Live, Version)>> {
    let Some((bytes, version)) = store.get(&path(job))? else { return Ok(None) };
    let live = serde_json::from_slice(&bytes);
    let live = live.map_err(|error| Error::new(Kind::Store, format!("{}: expected a live pointer, got a fault: {error}", store.display(&path(job)))))?;
    Ok(Some((live, version)))
}

/// Moves live to a committed run, unless it points to a later as_of. At an equal as_of the last to get here wins.
///
/// # Errors
/// Those of the store; `Locked` where others keep swapping.
pub fn go_live(store: &Store, manifest: &Manifest, manifest_path: &str, manifest_sha256: &str) -> Result<Moved> {
    for _ in 0..100 {
        let current = read_live(store, &manifest.job)?;
        let (live, version) = match &current {
            Some((live, version)) => (Some(live), Some(version)),
            None => (None, None),
        };
        // ISO dates compare as texts.
        if live.is_some_and(|live| live.as_of > manifest.as_of) {
            return Ok(Moved::Later);
        }
        if live.is_some_and(|live| live.run_id == manifest.run_id && live.as_of == manifest.as_of) {
            return Ok(Moved::AlreadyThere);
        }
        let next = Live {
            version: 1,
            as_of: manifest.as_of.clone(),
            run_id: manifest.run_id.clone(),
            build_id: manifest.build_id.clone(),
            manifest: manifest_path.to_owned(),
            manifest_sha256: manifest_sha256.to_owned(),
            previous_live: live.map(|live| RunReference { as_of: live.as_of.clone(), run_id: live.run_id.clone() }),
        };
        let text = serde_json::to_vec_pretty(&next).map_err(|error| Error::bug(format!("live pointer: {error}")))?;
        if store.swap(&path(&manifest.job), version, Bytes::from(text))? {
            return Ok(Moved::Yes);
        }
    }
    Err(Error::new(Kind::Locked, format!("{}: expected to swap the live pointer, got another run's swap a hundred times", store.display(&path(&manifest.job)))))
}
