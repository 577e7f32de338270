//! The live pointer: the one thing that readers follow.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::manifest::{Manifest, RunReference, VERSION};
use super::runs::Run;
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
    /// What a rollback left; null where live was not rolled back.
    pub pin: Option<Pin>,
}

/// What keeps live where a rollback put it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The run that was left.
    pub left: RunReference,
    /// Builds that were committed when it was left, for the as_of that live returned to or later; whom they had to forget aside.
    pub build_ids: Vec<String>,
}

/// What became of a move of live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Live points to the run now.
    Yes,
    /// Live pointed to it already.
    AlreadyThere,
    /// Live points to a later as_of and stays there.
    Later,
    /// A rollback holds live where it is.
    Pinned,
}

impl Live {
    /// The pointer to a committed run.
    ///
    /// # Errors
    /// `Bug` if the manifest cannot be written as JSON.
    pub(super) fn to(manifest: &Manifest, previous: Option<&Live>, pin: Option<Pin>) -> Result<Self> {
        let run = Run::of(manifest);
        Ok(Self {
            version: VERSION,
            as_of: manifest.as_of.clone(),
            run_id: manifest.run_id.clone(),
            build_id: manifest.build_id.clone(),
            manifest: run.manifest_path().split_off(run.job.len() + 1),
            manifest_sha256: manifest.sha256()?,
            previous_live: previous.map(Live::reference),
            pin,
        })
    }

    /// The live run as others refer to it.
    pub fn reference(&self) -> RunReference {
        RunReference { as_of: self.as_of.clone(), run_id: self.run_id.clone() }
    }

    /// Whether live stays where it is although `manifest` reached it.
    fn stays(&self, manifest: &Manifest) -> Option<Moved> {
        if self.reference() == manifest.reference() {
            return Some(Moved::AlreadyThere);
        }
        let pinned = |pin: &Pin| pin.build_ids.iter().any(|build_id| build_id == manifest.base()) || manifest.as_of < pin.left.as_of;
        if self.pin.as_ref().is_some_and(pinned) {
            return Some(Moved::Pinned);
        }
        // ISO dates compare as texts.
        (self.as_of > manifest.as_of).then_some(Moved::Later)
    }
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
    let fault = |got: String| Error::new(Kind::Store, format!("{}: expected a live pointer of version {VERSION}, got {got}", store.display(&path(job))));
    let live: Live = serde_json::from_slice(&bytes).map_err(|error| fault(format!("a fault: {error}")))?;
    if live.version != VERSION {
        return Err(fault(format!("version {}", live.version)));
    }
    Ok(Some((live, version)))
}

/// Replaces live by `next` if it is still `expected`.
pub(super) fn swap_live(store: &Store, job: &str, expected: Option<&Version>, next: &Live) -> Result<bool> {
    let text = serde_json::to_vec_pretty(next).map_err(|error| Error::bug(format!("live pointer: {error}")))?;
    store.swap(&path(job), expected, Bytes::from(text))
}

/// Moves live to a committed run, unless it points to a later as_of or a rollback holds it. At an equal as_of the last to get here wins.
///
/// # Errors
/// Those of the store; `Locked` where others keep swapping.
pub fn go_live(store: &Store, manifest: &Manifest) -> Result<Moved> {
    for _ in 0..100 {
        let current = read_live(store, &manifest.job)?;
        let (live, version) = current.as_ref().map_or((None, None), |(live, version)| (Some(live), Some(version)));
        if let Some(stays) = live.and_then(|live| live.stays(manifest)) {
            return Ok(stays);
        }
        let next = Live::to(manifest, live, None)?;
        if swap_live(store, &manifest.job, version, &next)? {
            return Ok(Moved::Yes);
        }
    }
    Err(Error::new(Kind::Locked, format!("{}: expected to swap the live pointer, got another run's swap a hundred times", store.display(&path(&manifest.job)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(as_of: &str, build_id: &str) -> Manifest {
        let text = format!(
            r#"{{"version":1,"job":"j","as_of":"{as_of}","run_id":"run-{build_id}","build_id":"{build_id}","status":"published","currency":"EUR",
            "program":"p","config_sha256":"","prior":null,"previous_live":null,"attempt":"","inputs":[],"tables":[],"models":[],"files":[],"manifest_sha256":""}}"#
        );
        serde_json::from_str(&text).expect("a manifest")
    }

    #[test]
    fn live_moves_forward_and_a_pin_holds() {
        let live = Live::to(&manifest("2026-05-03", "b3"), None, None).expect("a pointer");
        assert_eq!(live.stays(&manifest("2026-05-02", "b2")), Some(Moved::Later));
        assert_eq!(live.stays(&manifest("2026-05-03", "b3")), Some(Moved::AlreadyThere));
        assert_eq!(live.stays(&manifest("2026-05-03", "b3-again")), None, "at an equal as_of the last wins");
        assert_eq!(live.stays(&manifest("2026-05-04", "b4")), None);
        // Rolled back from the 4th to the 2nd; b2, b3 and b4 were there.
        let pin = Pin { left: RunReference { as_of: "2026-05-04".into(), run_id: "run-b4".into() }, build_ids: vec!["b2".into(), "b3".into(), "b4".into()] };
        let live = Live::to(&manifest("2026-05-02", "b2"), None, Some(pin)).expect("a pointer");
        assert_eq!(live.stays(&manifest("2026-05-02", "b2")), Some(Moved::AlreadyThere));
        assert_eq!(live.stays(&manifest("2026-05-04", "b4")), Some(Moved::Pinned), "what was left does not come back");
        assert_eq!(live.stays(&manifest("2026-05-03", "new")), Some(Moved::Pinned), "an as_of before the one that was left");
        assert_eq!(live.stays(&manifest("2026-05-04", "mended")), None, "a new build of the as_of that was left");
        assert_eq!(live.stays(&manifest("2026-05-05", "b5")), None);
    }
}
