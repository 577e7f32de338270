//! Rollback: live points to an earlier run again, and stays there until something new is built.

use std::collections::BTreeSet;

use super::commit::missing;
use super::live::{Live, Pin, read_live, swap_live};
use super::manifest::Manifest;
use super::read::read_manifest;
use super::runs::{Run, folders};
use crate::error::{Error, Kind, Result};
use crate::key::{hex, sha256};
use crate::store::Store;

/// Points live to the committed `run` and pins it there; returns what was left.
///
/// # Errors
/// `Config` if the run is live or was held, or nothing is live; `Store` if a file of it is missing; `Locked` if live moved meanwhile.
pub fn rollback(store: &Store, run: &Run, manifest: &Manifest) -> Result<Live> {
    let refused = |why: &str| Err(Error::new(Kind::Config, format!("run {}: expected {why}", run.run_id)));
    let Some((left, version)) = read_live(store, &run.job)? else { return refused("a live run to roll back from, got none") };
    if manifest.status != "published" {
        return refused("a published run, got one that was held");
    }
    if left.run_id == run.run_id {
        return refused("a run that is not live, got the live one");
    }
    if let Some(file) = missing(store, run, manifest)?.first() {
        let path = store.display(&format!("{}/{}", run.folder(), file.path));
        return Err(Error::new(Kind::Store, format!("{path}: expected {} bytes as the manifest states, got another file or none", file.bytes)));
    }
    let mut build_ids = BTreeSet::new();
    for (other, folder) in folders(store, &run.job, None)? {
        if folder.committed && other.as_of >= run.as_of {
            build_ids.extend(read_manifest(store, &other)?.map(|(manifest, _)| manifest.build_id));
        }
    }
    let text = bytes_of(store, run)?;
    let pin = Pin { left: left.reference(), build_ids: build_ids.into_iter().collect() };
    let next = Live::to(manifest, &hex(&sha256(&text)), Some(&left), Some(pin));
    let moved = || Err(Error::new(Kind::Locked, "expected live to stay while it was rolled back, got another run's swap: look again, then try again"));
    if !swap_live(store, &run.job, Some(&version), &next)? {
        return moved();
    }
    // `gc` looks at live after it has taken a manifest's place; this looks at the manifest after it has taken live: one sees the other.
    if bytes_of(store, run).is_err() {
        let now = read_live(store, &run.job)?;
        if let Some((_, version)) = now.filter(|(live, _)| *live == next) {
            swap_live(store, &run.job, Some(&version), &left)?;
        }
        return moved();
    }
    Ok(left)
}

fn bytes_of(store: &Store, run: &Run) -> Result<bytes::Bytes> {
    let found = read_manifest(store, run)?;
    Ok(found.ok_or_else(|| Error::new(Kind::Store, format!("{}: expected a manifest, got nothing", store.display(&run.manifest_path()))))?.1)
}
