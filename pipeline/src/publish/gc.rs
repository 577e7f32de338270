//! What nobody needs any more: listed first, deleted only when a person says so.
//!
//! A run may be at work in a folder that looks forsaken, and live may be rolled back to a run that is about to go. So a folder is taken in
//! steps: a word in the manifest's place (no run commits there, no reader takes it), one more look at live, the files, the word.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::Serialize;

use super::live::{Live, read_live};
use super::manifest::{Head, Manifest, RunReference};
use super::runs::{Folder, Run, divided, uncollected};
use super::state::forsaken;
use crate::error::{Error, Result};
use crate::store::{Created, Entry, STAGING, Store};
use crate::time::Day;

/// Which runs are kept, and how old a file must be before it counts as left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Keep {
    /// Runs of the newest so many as-of dates are kept; None for all.
    pub dates: Option<u32>,
    /// Runs whose as_of is at most so many days before the live one are kept.
    pub days: Option<u32>,
    /// Files without a manifest are left alone until they are this old, by the store's clock.
    pub min_age_seconds: u64,
}

/// Why files may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A run that never committed.
    Orphan,
    /// A file on its way to its name when its writer ended.
    Staging,
    /// A run that `keep` releases.
    Released,
    /// A run that holds people who were erased, and is published again without them: whoever reads it must go, whatever `keep` says.
    Rewritten,
    /// A run that `gc` had begun to take away.
    Collected,
    /// What an earlier run kept for the next one.
    State,
}

/// Files that may go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// Why.
    pub why: Why,
    /// The run, where they are all that is left of one.
    pub run: Option<Run>,
    /// The files.
    pub files: Vec<Entry>,
}

/// What may go.
pub type Plan = Vec<Collected>;

/// Finds what may go; deletes nothing.
///
/// # Errors
/// Those of the store; `Store` if a manifest is damaged.
pub fn plan(store: &Store, job: &str, keep: &Keep) -> Result<Plan> {
    let now = store.now(&format!("{job}/.clock"))?;
    let is_old = |entry: &Entry| now - entry.modified >= keep.min_age_seconds as i64 * 1_000_000;
    let is_staging = |entry: &Entry| entry.path.ends_with(&format!(".{STAGING}"));
    let live = read_live(store, job)?.map(|(live, _)| live);
    let (folders, beside) = divided(job, store.list(job)?);
    let mut found = Plan::new();
    let mut committed = Vec::new();
    for (run, folder) in &folders {
        match folder.committed.then(|| uncollected(store, run)).transpose()? {
            Some(Some(manifest)) => committed.push((run, folder, manifest)),
            Some(None) => found.push(folder.collected(Why::Collected, run)),
            None if folder.files.iter().all(is_old) => found.push(folder.collected(Why::Orphan, run)),
            None => {}
        }
    }
    let kept = kept(&committed, live.as_ref(), keep);
    let is_live = |run: &Run| live.as_ref().is_some_and(|live| live.run_id == run.run_id);
    let rewritten: BTreeSet<RunReference> = committed.iter().flat_map(|(.., manifest)| manifest.rewrites.clone()).collect();
    let mut staging: Vec<Entry> = beside;
    for (run, folder, _) in &committed {
        if rewritten.contains(&run.reference()) && !is_live(run) {
            found.push(folder.collected(Why::Rewritten, run));
        } else if kept.contains(&run.reference()) {
            staging.extend(folder.files.iter().cloned());
        } else if folder.files.iter().all(is_old) {
            found.push(folder.collected(Why::Released, run));
        }
    }
    // What was kept holds those who are erased as long as their runs do.
    let is_erasing = found.iter().any(|part| part.why == Why::Rewritten);
    let live_build = live.as_ref().filter(|_| !is_erasing).map(|live| live.build_id.as_str());
    let mut states = forsaken(store, job, live_build, &staging)?;
    states.retain(|entry| is_old(entry) || is_erasing);
    staging.retain(|entry| is_staging(entry) && is_old(entry));
    found.extend((!states.is_empty()).then_some(Collected { why: Why::State, run: None, files: states }));
    found.extend((!staging.is_empty()).then_some(Collected { why: Why::Staging, run: None, files: staging }));
    Ok(found)
}

impl Folder {
    fn collected(&self, why: Why, run: &Run) -> Collected {
        Collected { why, run: Some(run.clone()), files: self.files.clone() }
    }
}

/// The runs that stay: those that `keep` names, the live one, what live was before, what a pin left, and what any of these read.
fn kept(committed: &[(&Run, &Folder, Manifest)], live: Option<&Live>, keep: &Keep) -> BTreeSet<RunReference> {
    let mut dates: Vec<&str> = committed.iter().filter(|(.., manifest)| manifest.status == "published").map(|(run, ..)| run.as_of.as_str()).collect();
    dates.dedup();
    let newest = keep.dates.map(|count| dates.iter().rev().take(count as usize).copied().collect::<BTreeSet<_>>());
    let live_day = live.and_then(|live| Day::parse(&live.as_of));
    let is_young = |run: &Run, days: u32| live_day.zip(Day::parse(&run.as_of)).is_none_or(|(live, day)| live.since(day) <= i64::from(days));
    let stays = |run: &Run| {
        let nothing_said = keep.dates.is_none() && keep.days.is_none();
        let same_day = live.is_none_or(|live| live.as_of <= run.as_of);
        nothing_said
            || same_day
            || newest.as_ref().is_some_and(|newest| newest.contains(run.as_of.as_str()))
            || keep.days.is_some_and(|days| is_young(run, days))
    };
    let mut kept: BTreeSet<RunReference> = committed.iter().filter(|(run, ..)| stays(run)).map(|(run, ..)| run.reference()).collect();
    if let Some(live) = live {
        kept.insert(live.reference());
        kept.extend(live.previous_live.clone());
        kept.extend(live.pin.as_ref().map(|pin| pin.left.clone()));
    }
    let read: Vec<RunReference> =
        committed.iter().filter(|(run, ..)| kept.contains(&run.reference())).filter_map(|(.., manifest)| manifest.prior.clone()).collect();
    kept.extend(read);
    kept
}

/// Deletes what `plan` found; returns how many files went. What changed since is left alone.
///
/// # Errors
/// Those of the store.
pub fn collect(store: &Store, job: &str, plan: &Plan) -> Result<usize> {
    let mut gone = 0;
    for part in plan {
        let Some(run) = &part.run else {
            store.delete(&part.files.iter().map(|entry| entry.path.clone()).collect::<Vec<_>>())?;
            gone += part.files.len();
            continue;
        };
        if !claimed(store, job, run, part.why)? {
            continue;
        }
        // Listed again: the run may have stored more before its folder was claimed.
        let files = store.list(&run.folder())?.into_iter().map(|entry| entry.path).filter(|path| *path != run.manifest_path()).collect::<Vec<_>>();
        store.delete(&files)?;
        store.delete(&[run.manifest_path()])?;
        gone += files.len() + usize::from(part.why != Why::Orphan);
    }
    Ok(gone)
}

/// Takes the manifest's place, unless something else did meanwhile or live needs the run.
fn claimed(store: &Store, job: &str, run: &Run, why: Why) -> Result<bool> {
    let word = serde_json::to_vec(&Head::collected()).map_err(|error| Error::bug(format!("gc: {error}")))?;
    let word = Bytes::from(word);
    if why == Why::Orphan {
        return Ok(match store.create(&run.manifest_path(), word.clone())? {
            Created::Written => true,
            Created::Existed(there) => there == word,
        });
    }
    let Some((before, version)) = store.get(&run.manifest_path())? else { return Ok(true) };
    if before == word {
        return Ok(true);
    }
    if !store.swap(&run.manifest_path(), Some(&version), word.clone())? {
        return Ok(false);
    }
    let needed = read_live(store, job)?.is_some_and(|(live, _)| live.run_id == run.run_id);
    if needed && let Some((_, version)) = store.get(&run.manifest_path())? {
        store.swap(&run.manifest_path(), Some(&version), before)?;
    }
    Ok(!needed)
}
