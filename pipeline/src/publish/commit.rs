//! Committing a run: its manifest, once, last; then live.

use super::live::{Moved, go_live, read_live};
use super::manifest::Manifest;
use super::read::{check_there, read_manifest};
use super::runs::Run;
use crate::error::{Error, Kind, Result};
use crate::key::hex;
use crate::store::{Created, Store};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was committed now, or live was moved to it now.
    Published,
    /// It was there, and live pointed at it or later.
    Unchanged,
    /// It is committed, and a rollback holds live where it is.
    Pinned,
    /// It was committed and may not go live.
    Held,
}

/// If the run is committed with all its files: finishes what was left (live), and tells how it ended.
///
/// # Errors
/// Those of the store; `Store` if a file of a committed run is gone.
pub fn finished(store: &Store, run: &Run) -> Result<Option<(Outcome, Manifest)>> {
    let Some(manifest) = read_manifest(store, run)? else { return Ok(None) };
    check_there(store, run, &manifest)?;
    // Whoever wrote the manifest may have been killed before its name was lasting: creating it again makes it so, before live names it.
    if read_live(store, &run.job)?.is_none_or(|(live, _)| live.run_id != run.run_id) {
        store.create(&run.manifest_path(), manifest.text()?.into())?;
    }
    let outcome = settle(store, &manifest, Outcome::Unchanged)?;
    Ok(Some((outcome, manifest)))
}

/// Moves live to a committed run if it may; `committed` is how the run ended where live was there or later.
fn settle(store: &Store, manifest: &Manifest, committed: Outcome) -> Result<Outcome> {
    if manifest.status == "held" {
        return Ok(Outcome::Held);
    }
    Ok(match go_live(store, manifest)? {
        Moved::Yes => Outcome::Published,
        Moved::Pinned => Outcome::Pinned,
        Moved::AlreadyThere | Moved::Later => committed,
    })
}

/// A random word for this attempt.
///
/// # Errors
/// `Limit` if the system gives no randomness.
pub(super) fn attempt() -> Result<String> {
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
    manifest.previous_live = read_live(store, &run.job)?.map(|(live, _)| live.reference());
    let manifest = manifest.sealed()?;
    let there = match store.create(&run.manifest_path(), manifest.text()?.into())? {
        Created::Written => return settle(store, &manifest, Outcome::Published),
        Created::Existed(there) => there,
    };
    let other = Manifest::unsealed(&there).map_err(|error| error.at(store.display(&run.manifest_path())))?;
    if other.attempt == manifest.attempt {
        return settle(store, &manifest, Outcome::Published);
    }
    if other.all_files() != manifest.all_files() || other.status != manifest.status {
        return Err(Error::bug(format!("run {}: expected the files of the committed run, got others", run.run_id)));
    }
    // An equal run was faster: it published, and this one changed nothing, whoever of the two moved live.
    let outcome = settle(store, &other, Outcome::Unchanged)?;
    Ok(if outcome == Outcome::Published { Outcome::Unchanged } else { outcome })
}
