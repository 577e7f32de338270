//! `erase`: people who are to be forgotten, and runs that still know them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::params::Params;
use super::prior::Prior;
use super::run::read_erased;
use crate::config::Secret;
use crate::customers::{changed_of, without};
use crate::error::{Error, Kind, Result};
use crate::key::{Erased, Id};
use crate::publish::{self, Forgotten, Manifest, Outcome, Run};
use crate::store::{Access, Store};

/// What was written on the list.
pub struct ErasedNow {
    /// Source customers that the file means.
    pub source_customers: usize,
    /// Those of them that were not on the list.
    pub new: usize,
    /// Committed runs that still hold someone who is erased.
    pub holding: Vec<Run>,
}

/// Whom a file means, each with the line on which it stands.
#[derive(Default)]
struct Meant {
    /// Source and source_customer_id.
    keys: BTreeMap<(String, String), u64>,
    /// customer_id.
    ids: BTreeMap<Id, u64>,
}

/// People who are looked for in runs.
#[derive(Default)]
struct Search {
    /// Source customers, and ids, that were not met yet.
    keys: BTreeSet<(String, String)>,
    ids: HashSet<Id>,
    /// Source customers that were met.
    met: BTreeSet<(String, String)>,
    /// All source customers of the people.
    found: BTreeSet<(String, String)>,
    /// The ids that they had.
    named: HashSet<Id>,
}

impl Search {
    /// Looks for them in a run; the live one also says who else is one with those that were found.
    fn look(&mut self, run: &Prior<'_>, is_live: bool) -> Result<()> {
        if self.keys.is_empty() && self.ids.is_empty() && !is_live {
            return Ok(());
        }
        let mut people = HashSet::new();
        run.each_link(|source, id, customer, _| {
            let key = (source.to_owned(), id.to_owned());
            let is_wanted = self.keys.contains(&key);
            if is_wanted || self.ids.contains(&customer) || is_live && self.found.contains(&key) {
                people.insert(customer);
            }
            self.met.extend(is_wanted.then_some(key));
        })?;
        run.each_link(|source, id, customer, _| {
            if people.contains(&customer) {
                self.found.insert((source.to_owned(), id.to_owned()));
            }
        })?;
        self.ids.retain(|id| !people.contains(id));
        self.keys.retain(|key| !self.met.contains(key));
        self.named.extend(people);
        Ok(())
    }
}

/// Puts the people that the CSV `text` of `file` names on the list of the erased: all source customers of each.
///
/// # Errors
/// `Config` for a file that is not as it should be, an id that no run knows, or no key; those of the store.
pub fn erase(params: &Params, (file, text): (&str, &str), access: &Access) -> Result<ErasedNow> {
    let key = params.erasure_key.as_ref().map(Secret::reveal);
    let key = key.ok_or_else(|| Error::new(Kind::Config, "job.erasure_key: expected the key of the list, `${secret:NAME}`, got nothing"))?;
    let store = params.store.open(true, access)?;
    let meant = read(text).map_err(|error| error.at(file))?;
    let before = read_erased(params, &store)?.erased;
    let live = publish::read_live(&store, &params.name)?.map(|(live, _)| live.run_id);
    let is_live = |run: &&(Run, Manifest)| Some(&run.0.run_id) == live.as_ref();
    let runs = committed(&store, &params.name)?;
    let mut search = Search { keys: meant.keys.keys().cloned().collect(), ids: meant.ids.keys().copied().collect(), ..Search::default() };
    // The live run first: who is one person is as it says. Other runs, the newest first, know some that it knows no more; who these are now, it says again.
    let others = runs.iter().rev().filter(|run| !is_live(run));
    for (run, manifest) in runs.iter().filter(is_live).chain(others).chain(runs.iter().filter(is_live)) {
        search.look(&Prior::at(&store, run.clone(), manifest.clone()), Some(&run.run_id) == live.as_ref())?;
    }
    let unknown_keys = meant.keys.iter().filter(|(key, _)| !search.met.contains(*key) && !before.holds(&key.0, &key.1)).map(|(_, line)| *line);
    let unknown_ids = meant.ids.iter().filter(|(id, _)| !search.named.contains(*id) && !before.holds_id(**id)).map(|(_, line)| *line);
    let lines: BTreeSet<u64> = unknown_keys.chain(unknown_ids).collect();
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
        let message = format!("{file}: expected people of a committed run, got others in line {}; nobody was erased", lines.join(", "));
        return Err(Error::new(Kind::Config, message));
    }
    let keys: BTreeSet<(String, String)> = search.found;
    let new = publish::erase(&store, &params.name, key, (&keys, &search.named))?;
    // Listed again: a run may have been committed meanwhile.
    let runs = committed(&store, &params.name)?;
    let erased = read_erased(params, &store)?.erased;
    let mut holding = Vec::new();
    for (run, manifest) in runs {
        if !ids_of(&Prior::at(&store, run.clone(), manifest), &erased)?.is_empty() {
            holding.push(run);
        }
    }
    Ok(ErasedNow { source_customers: keys.len(), new, holding })
}

/// Publishes the run that `word` means again, without the erased; None where it holds none of them.
///
/// # Errors
/// `Config` if no run, or more than one, is meant; those of the store.
pub fn rewrite(params: &Params, word: &str, access: &Access) -> Result<(Run, Option<(Run, Outcome)>)> {
    let store = params.store.open(true, access)?;
    let list = read_erased(params, &store)?;
    let (run, manifest) = publish::resolve(&store, &params.name, word)?;
    let prior = Prior::at(&store, run.clone(), manifest.clone());
    let ids = ids_of(&prior, &list.erased)?;
    let Some(digest) = list.digest.filter(|_| !ids.is_empty()) else { return Ok((run, None)) };
    // Whoever became one of them is one of them.
    let changes = prior.changes()?;
    let ids: HashSet<Id> = ids.into_iter().chain(changed_of(&changes, &list.erased)).collect();
    let told: HashSet<Id> = without(changes.clone(), ids.clone()).iter().flat_map(|change| [change.old, change.new]).collect();
    let became = changes.iter().filter(|change| change.is_merge).map(|change| change.old).filter(|id| !told.contains(id));
    let ids: HashSet<String> = ids.iter().copied().chain(became).map(|id| id.to_string()).collect();
    let done = publish::rewrite(&store, (&run, &manifest), &Forgotten { erased: &list.erased, digest: &digest, ids: &ids })?;
    Ok((run, Some(done)))
}

/// Refuses a run that holds someone who is erased.
///
/// # Errors
/// `Held`; those of the store.
pub(super) fn check_forgotten(params: &Params, store: &Store, run: &Run, manifest: &Manifest) -> Result<()> {
    let held = ids_of(&Prior::at(store, run.clone(), manifest.clone()), &read_erased(params, store)?.erased)?.len();
    if held == 0 {
        return Ok(());
    }
    let message =
        format!("run {}: expected a run without the erased, got {held} of them in it: `regulars erase --rewrite` publishes it without them", run.run_id);
    Err(Error::new(Kind::Held, message))
}

/// The ids that a run gave to those who are erased.
fn ids_of(run: &Prior<'_>, erased: &Erased) -> Result<HashSet<Id>> {
    let mut ids = HashSet::new();
    if !erased.is_empty() {
        run.each_link(|source, id, customer, _| {
            if erased.holds(source, id) {
                ids.insert(customer);
            }
        })?;
    }
    Ok(ids)
}

/// The committed runs of a job that nothing rewrites, the oldest first.
fn committed(store: &Store, job: &str) -> Result<Vec<(Run, Manifest)>> {
    let mut runs = publish::all_committed(store, job)?;
    let rewritten: HashSet<_> = runs.iter().flat_map(|(_, manifest)| manifest.rewrites.clone()).collect();
    runs.retain(|(run, _)| !rewritten.contains(&run.reference()));
    Ok(runs)
}

/// Reads the file: a column customer_id, or source_customer_id with or without source.
fn read(text: &str) -> Result<Meant> {
    let fault = |error: csv::Error| {
        Error::new(Kind::Config, format!("expected CSV with a header, got a fault in line {}", error.position().map_or(1, csv::Position::line)))
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(fault)?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let (id, source, key) = (place("customer_id"), place("source"), place("source_customer_id"));
    if id.is_none() && key.is_none() {
        return Err(Error::new(Kind::Config, "line 1: expected a header with customer_id, or with source and source_customer_id, got neither"));
    }
    let mut meant = Meant::default();
    for record in reader.records() {
        let record = record.map_err(fault)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |place: Option<usize>| place.and_then(|place| record.get(place)).unwrap_or_default();
        let wrong = |expected: &str| Err(Error::new(Kind::Config, format!("line {line}: expected {expected}, got another text; nobody was erased")));
        match (id, cell(id).parse::<Id>()) {
            (Some(_), Ok(id)) => drop(meant.ids.insert(id, line)),
            (Some(_), Err(())) => return wrong("a customer_id of 32 digits"),
            (None, _) if cell(key).is_empty() => return wrong("a source_customer_id"),
            (None, _) => drop(meant.keys.insert((cell(source).to_owned(), cell(key).to_owned()), line)),
        }
    }
    if meant.keys.is_empty() && meant.ids.is_empty() {
        return Err(Error::new(Kind::Config, "expected at least one row below the header, got none"));
    }
    Ok(meant)
}
