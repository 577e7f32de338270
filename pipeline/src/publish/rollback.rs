//! Rollback: live points to an earlier run again, and stays there until something new is built.

use std::collections::BTreeSet;

use super::live::{Live, Pin, read_live, swap_live};
use super::manifest::Manifest;
use super::read::{check_there, committed, read_manifest};
use super::runs::{Run, folders};
use crate::error::{Error, Kind, Result};
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
    check_there(store, run, manifest)?;
    let mut build_ids = BTreeSet::new();
    for (other, folder) in folders(store, &run.job, None)? {
        if folder.committed && other.as_of >= run.as_of {
            build_ids.extend(read_manifest(store, &other)?.map(|manifest| manifest.base().to_owned()));
        }
    }
    let pin = Pin { left: left.reference(), build_ids: build_ids.into_iter().collect() };
    let next = Live::to(manifest, Some(&left), Some(pin))?;
    let moved = || Err(Error::new(Kind::Locked, "expected live to stay while it was rolled back, got another run's swap: look again, then try again"));
    if !swap_live(store, &run.job, Some(&version), &next)? {
        return moved();
    }
    // `gc` looks at live after it has taken a manifest's place; this looks at the manifest after it has taken live: one sees the other.
    if committed(store, run).is_err() {
        let now = read_live(store, &run.job)?;
        if let Some((_, version)) = now.filter(|(live, _)| *live == next) {
            swap_live(store, &run.job, Some(&version), &left)?;
        }
        return moved();
    }
    Ok(left)
}
