//! `verify`, `diff`, `rollback` and `gc`: what is done with runs that are there.

use super::erase::check_forgotten;
use super::params::Params;
use crate::error::Result;
use crate::publish::{self, Collected, Damage, Diff, Live, Manifest, Run};
use crate::store::Access;

/// Compares every file of the run that `word` means with its manifest.
///
/// # Errors
/// `Config` if no run, or more than one, is meant; those of the store.
pub fn verify(params: &Params, word: &str, access: &Access) -> Result<(Run, Manifest, Vec<Damage>)> {
    let store = params.store.open(false, access)?;
    let (run, manifest) = publish::resolve(&store, &params.name, word)?;
    let damage = publish::verify(&store, &run, &manifest)?;
    Ok((run, manifest, damage))
}

/// What the run that `after` means says and the one that `before` means does not.
///
/// # Errors
/// As `verify`; `Input` if a part cannot be read.
pub fn diff(params: &Params, before: &str, after: &str, access: &Access) -> Result<([Run; 2], Diff)> {
    let store = params.store.open(false, access)?;
    let before = publish::resolve(&store, &params.name, before)?;
    let after = publish::resolve(&store, &params.name, after)?;
    let found = publish::diff(&store, (&before.0, &before.1), (&after.0, &after.1))?;
    Ok(([before.0, after.0], found))
}

/// Points live to the run that `word` means; returns that run, and what was live.
///
/// # Errors
/// As `verify`; `Config` if the run cannot be live; `Held` if people are in it who were erased; `Locked` if live moved meanwhile.
pub fn rollback(params: &Params, word: &str, access: &Access) -> Result<(Run, Live)> {
    let store = params.store.open(false, access)?;
    let (run, manifest) = publish::resolve(&store, &params.name, word)?;
    check_forgotten(params, &store, &run, &manifest)?;
    let left = publish::rollback(&store, &run, &manifest)?;
    Ok((run, left))
}

/// What nobody needs any more; where `delete` is set it goes, and the number of files that went is told.
///
/// # Errors
/// Those of the store; `Store` if a manifest is damaged.
pub fn gc(params: &Params, delete: bool, access: &Access) -> Result<(Vec<Collected>, usize)> {
    let store = params.store.open(false, access)?;
    let plan = publish::plan_gc(&store, &params.name, &params.keep)?;
    let gone = if delete { publish::collect(&store, &params.name, &plan)? } else { 0 };
    Ok((plan, gone))
}
