//! Whom a job has to forget: a list of keyed hashes beside the live pointer, replaced only if it is unchanged.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::manifest::VERSION;
use crate::error::{Error, Kind, Result};
use crate::key::{Erased, Id, hex, sha256};
use crate::store::{Store, Version};

/// What `erased.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    /// Version of the list's shape.
    version: u32,
    /// The hash of nobody: whether a key is the one of the list.
    key_check: String,
    /// Hashes of source customers, and of the ids that they had, in their order.
    hashes: BTreeSet<String>,
}

/// The list of a job, as it was read.
#[derive(Debug, Clone, Default)]
pub struct ErasedList {
    /// Who is on it.
    pub erased: Erased,
    /// SHA-256 of what is on it; None where nobody ever was.
    pub digest: Option<String>,
}

fn path(job: &str) -> String {
    format!("{job}/erased.json")
}

fn read(store: &Store, job: &str) -> Result<Option<(List, Version)>> {
    let Some((bytes, version)) = store.get(&path(job))? else { return Ok(None) };
    let fault = |got: String| Error::new(Kind::Store, format!("{}: expected a list of version {VERSION}, got {got}", store.display(&path(job))));
    let list: List = serde_json::from_slice(&bytes).map_err(|error| fault(format!("a fault: {error}")))?;
    if list.version != VERSION {
        return Err(fault(format!("version {}", list.version)));
    }
    Ok(Some((list, version)))
}

/// The hash that tells one key from another: no source is empty and no id is, where someone is erased.
fn key_check(key: &str) -> String {
    Erased::new(key, HashSet::new()).hash("", "").map(|hash| hex(&hash)).unwrap_or_default()
}

impl List {
    fn check(&self, key: Option<&str>, job: &str) -> Result<()> {
        let wrong =
            |got: &str| Err(Error::new(Kind::Config, format!("job.erasure_key: expected the key under which people of job `{job}` were erased, got {got}")));
        match key {
            None => wrong("none"),
            Some(key) if key_check(key) != self.key_check => wrong("another"),
            Some(_) => Ok(()),
        }
    }
}

/// Whom the job has to forget.
///
/// # Errors
/// `Config` if people are erased and `key` is not the one that they were erased with; those of the store.
pub fn read_erased(store: &Store, job: &str, key: Option<&str>) -> Result<ErasedList> {
    let Some((list, _)) = read(store, job)? else { return Ok(ErasedList::default()) };
    list.check(key, job)?;
    let bytes = |text: &String| -> Option<[u8; 16]> { text.parse::<Id>().ok().map(|id| id.0) };
    let hashes: Option<HashSet<[u8; 16]>> = list.hashes.iter().map(bytes).collect();
    let hashes = hashes.ok_or_else(|| Error::new(Kind::Store, format!("{}: expected hashes of 32 digits, got another text", store.display(&path(job)))))?;
    let told: Vec<&str> = list.hashes.iter().map(String::as_str).collect();
    Ok(ErasedList { erased: Erased::new(key.unwrap_or_default(), hashes), digest: Some(hex(&sha256(told.join("\n").as_bytes()))) })
}

/// Puts source customers, and the ids that they had, on the list; returns how many of the first were not on it.
///
/// # Errors
/// As `read_erased`; `Locked` where others keep swapping.
pub fn erase(store: &Store, job: &str, key: &str, (customers, ids): (&BTreeSet<(String, String)>, &HashSet<Id>)) -> Result<usize> {
    let hasher = Erased::new(key, HashSet::new());
    let customers: BTreeSet<String> = customers.iter().filter_map(|(source, id)| hasher.hash(source, id)).map(|hash| hex(&hash)).collect();
    let ids: BTreeSet<String> = ids.iter().filter_map(|id| hasher.hash_id(*id)).map(|hash| hex(&hash)).collect();
    for _ in 0..100 {
        let (mut list, version) = match read(store, job)? {
            Some((list, version)) => (list, Some(version)),
            None => (List { version: VERSION, key_check: key_check(key), hashes: BTreeSet::new() }, None),
        };
        list.check(Some(key), job)?;
        let new = customers.difference(&list.hashes).count();
        if customers.is_subset(&list.hashes) && ids.is_subset(&list.hashes) {
            return Ok(0);
        }
        list.hashes.extend(customers.union(&ids).cloned());
        let text = serde_json::to_vec_pretty(&list).map_err(|error| Error::bug(format!("list of the erased: {error}")))?;
        if store.swap(&path(job), version.as_ref(), Bytes::from(text))? {
            return Ok(new);
        }
    }
    Err(Error::new(Kind::Locked, format!("{}: expected to swap the list, got another's swap a hundred times", store.display(&path(job)))))
}
