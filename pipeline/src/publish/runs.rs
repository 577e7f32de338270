//! Where runs are, and which there are.

use std::collections::BTreeMap;

use super::live::read_live;
use super::manifest::{Head, Manifest, RunReference};
use super::read::{committed, read_manifest};
use crate::error::{Error, Kind, Result};
use crate::store::{Entry, Store};

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The job.
    pub job: String,
    /// Its as-of date.
    pub as_of: String,
    /// Its run_id.
    pub run_id: String,
}

impl Run {
    /// The run that a manifest commits.
    pub fn of(manifest: &Manifest) -> Self {
        Self::at(&manifest.job, &manifest.reference())
    }

    /// The run that `reference` names.
    pub fn at(job: &str, reference: &RunReference) -> Self {
        Self { job: job.to_owned(), as_of: reference.as_of.clone(), run_id: reference.run_id.clone() }
    }

    /// The run's folder in the store.
    pub fn folder(&self) -> String {
        format!("{}/runs/{}/{}", self.job, self.as_of, self.run_id)
    }

    /// The run's manifest in the store.
    pub fn manifest_path(&self) -> String {
        format!("{}/manifest.json", self.folder())
    }

    /// The run as others refer to it.
    pub fn reference(&self) -> RunReference {
        RunReference { as_of: self.as_of.clone(), run_id: self.run_id.clone() }
    }
}

/// What lies in the folder of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// Whether there is a manifest.
    pub committed: bool,
    /// All files, the manifest included.
    pub files: Vec<Entry>,
}

/// Every run folder of a job (below `runs/<as_of>`, where one is given), committed or not.
///
/// # Errors
/// Those of the store.
pub fn folders(store: &Store, job: &str, as_of: Option<&str>) -> Result<BTreeMap<Run, Folder>> {
    let prefix = format!("{job}/runs/{}", as_of.unwrap_or_default());
    Ok(divided(job, store.list(prefix.trim_end_matches('/'))?).0)
}

/// Every committed run of a job with its manifest, the oldest as_of first; those that `gc` is taking away are none.
///
/// # Errors
/// Those of the store; `Store` if a manifest is damaged.
pub fn all_committed(store: &Store, job: &str) -> Result<Vec<(Run, Manifest)>> {
    let mut runs = Vec::new();
    for (run, _) in folders(store, job, None)?.into_iter().filter(|(_, folder)| folder.committed) {
        runs.extend(uncollected(store, &run)?.map(|manifest| (run, manifest)));
    }
    Ok(runs)
}

/// The manifest of a run, unless `gc` took its place.
///
/// # Errors
/// As `all_committed`.
pub fn uncollected(store: &Store, run: &Run) -> Result<Option<Manifest>> {
    let Some((bytes, _)) = store.get(&run.manifest_path())? else { return Ok(None) };
    if serde_json::from_slice::<Head>(&bytes).is_ok_and(|head| head == Head::collected()) {
        return Ok(None);
    }
    Manifest::unsealed(&bytes).map(Some).map_err(|error| error.at(store.display(&run.manifest_path())))
}

/// The files of a job by run folder, and those that lie beside.
pub fn divided(job: &str, entries: Vec<Entry>) -> (BTreeMap<Run, Folder>, Vec<Entry>) {
    let top = format!("{job}/runs/");
    let (mut found, mut beside): (BTreeMap<Run, Folder>, Vec<Entry>) = Default::default();
    for entry in entries {
        let mut parts = entry.path.strip_prefix(&top).unwrap_or_default().splitn(3, '/');
        let (Some(as_of), Some(run_id), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            beside.push(entry);
            continue;
        };
        let folder = found.entry(Run { job: job.to_owned(), as_of: as_of.to_owned(), run_id: run_id.to_owned() }).or_default();
        folder.committed |= name == "manifest.json";
        folder.files.push(entry);
    }
    (found, beside)
}

/// The committed run that a person means: `live`, a date that has one run, or the beginning of a run_id.
///
/// # Errors
/// `Config` if no run, or more than one, is meant; those of the store.
pub fn resolve(store: &Store, job: &str, word: &str) -> Result<(Run, Manifest)> {
    let refused = |got: &str| Err(Error::new(Kind::Config, format!("expected a run of job `{job}` (live, a date, or the beginning of a run_id), got {got}")));
    let run = if word == "live" {
        let Some((live, _)) = read_live(store, job)? else { return refused("`live`, and nothing is live") };
        Run::at(job, &live.reference())
    } else {
        let meant = |run: &Run| word.len() >= 4 && (run.run_id.starts_with(word) || run.as_of == word);
        let mut runs: Vec<Run> = folders(store, job, None)?.into_iter().filter(|(run, folder)| folder.committed && meant(run)).map(|(run, _)| run).collect();
        if runs.len() > 1 {
            // Of runs of a date, one that another rewrites is not meant.
            let mut rewritten = Vec::new();
            for run in &runs {
                rewritten.extend(uncollected(store, run)?.map(|manifest| manifest.rewrites).unwrap_or_default());
            }
            runs.retain(|run| !rewritten.contains(&run.reference()));
        }
        match runs.as_slice() {
            [run] => run.clone(),
            [] => return refused("a word that no run has"),
            _ => return refused("a word that several runs have"),
        }
    };
    let manifest = committed(store, &run)?;
    Ok((run, manifest))
}

/// The run that a run of `as_of` compares itself with: going back from live, the first of an as_of strictly before. Where a run of the
/// same build is committed for this as_of, its prior is taken again, so that a re-run is the same run whatever went live since.
///
/// # Errors
/// Those of the store.
pub fn prior(store: &Store, job: &str, as_of: &str, build_id: &str) -> Result<Option<RunReference>> {
    let live = read_live(store, job)?.map(|(live, _)| live);
    let mut same = Vec::new();
    for (run, _) in folders(store, job, Some(as_of))?.into_iter().filter(|(_, folder)| folder.committed) {
        same.extend(read_manifest(store, &run)?.filter(|manifest| manifest.build_id == build_id));
    }
    let is_live = |manifest: &&Manifest| live.as_ref().is_some_and(|live| live.run_id == manifest.run_id);
    if let Some(again) = same.iter().find(is_live).or(same.first()) {
        return Ok(again.prior.clone());
    }
    let Some(live) = live else { return Ok(None) };
    let (mut at, mut next) = (live.reference(), live.previous_live);
    while at.as_of.as_str() >= as_of {
        let Some(before) = next else { return Ok(None) };
        // Past what `gc` took away there is nothing to compare with.
        let manifest = match read_manifest(store, &Run::at(job, &before))? {
            Some(manifest) => manifest,
            None => match rewriting(store, job, &before)? {
                Some(manifest) => manifest,
                None => return Ok(None),
            },
        };
        (at, next) = (manifest.reference(), manifest.previous_live);
    }
    Ok(Some(at))
}

/// The committed run that was published in the place of one that is gone.
fn rewriting(store: &Store, job: &str, gone: &RunReference) -> Result<Option<Manifest>> {
    for (run, _) in folders(store, job, Some(&gone.as_of))?.into_iter().filter(|(_, folder)| folder.committed) {
        if let Some(manifest) = uncollected(store, &run)?.filter(|manifest| manifest.rewrites.contains(gone)) {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}
