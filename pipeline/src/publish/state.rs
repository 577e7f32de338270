//! What a run keeps for the next one, so that it reads only files that it does not know: a cache beside the runs, in no digest. Every object is
//! checked by its hash; without one that is whole the files, or the prior run's table, are read again.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::key::{hex, sha256, wide_fingerprint};
use crate::lake::Identity;
use crate::store::{Created, Entry, STAGING, Store};
use crate::time::Day;

/// A file of the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The build that wrote it.
    pub build_id: String,
    /// Its name in that build's folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Fingerprint of its bytes, 32 hexadecimal digits: it finds damage, at a tenth of the time of a digest.
    pub fingerprint: String,
}

/// What some files of the order lines gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLayer {
    /// The files.
    pub files: BTreeSet<Identity>,
    /// All but the lines.
    pub head: Object,
    /// The lines.
    pub chunks: Vec<Object>,
}

/// What a run calls whom: one of the same build may call them otherwise, after another prior run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCalled {
    /// The run.
    pub run_id: String,
    /// Its `Called`.
    pub called: Object,
}

/// All that a run kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateIndex {
    /// Digest of all that decides, beside the files, what a layer is.
    pub rules: String,
    /// The run's as-of date.
    pub as_of: Day,
    /// Names that lines carry, in the order of their numbers.
    pub names: Vec<Object>,
    /// Layers.
    pub layers: Vec<KeptLayer>,
    /// Files with rows after as_of: they are read alone, since others must not be read again because of them.
    pub read_again: BTreeSet<Identity>,
    /// What the run calls whom; where that is not whole, the table `customer_links` says it.
    pub called: Option<KeptCalled>,
}

/// An index, and its digest.
#[derive(Serialize, Deserialize)]
struct Sealed {
    index: StateIndex,
    index_sha256: String,
}

/// Version of the state: it rises when the bytes of its objects change.
const VERSION: u32 = 8;
const INDEX: &str = "index.json";

fn top(job: &str) -> String {
    format!("{job}/state/{VERSION}")
}

impl StateIndex {
    /// What the run of a build kept; None where nothing whole is there.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(store: &Store, job: &str, build_id: &str) -> Result<Option<Self>> {
        let Some((text, _)) = store.get(&format!("{}/{build_id}/{INDEX}", top(job)))? else { return Ok(None) };
        let sealed: Option<Sealed> = serde_json::from_slice(&text).ok();
        Ok(sealed.filter(|sealed| sealed.index.digest().is_ok_and(|digest| digest == sealed.index_sha256)).map(|sealed| sealed.index))
    }

    /// Makes this what the run of a build kept; what is there already stays.
    ///
    /// # Errors
    /// Those of the store.
    pub fn write(self, store: &Store, job: &str, build_id: &str) -> Result<()> {
        let sealed = Sealed { index_sha256: self.digest()?, index: self };
        let text = serde_json::to_vec_pretty(&sealed).map_err(|error| Error::bug(format!("state: {error}")))?;
        store.create(&format!("{}/{build_id}/{INDEX}", top(job)), text.into()).map(drop)
    }

    fn digest(&self) -> Result<String> {
        let text = serde_json::to_vec(self).map_err(|error| Error::bug(format!("state: {error}")))?;
        Ok(hex(&sha256(&text)))
    }

    fn objects(&self) -> impl Iterator<Item = &Object> {
        let layers = self.layers.iter().flat_map(|layer| std::iter::once(&layer.head).chain(&layer.chunks));
        self.names.iter().chain(layers).chain(self.called.as_ref().map(|kept| &kept.called))
    }
}

impl Object {
    /// Writes an object of a build, under a name that begins with `stem` and holds half of its fingerprint; None where something else has that name.
    ///
    /// # Errors
    /// Those of the store.
    pub fn write(store: &Store, job: &str, build_id: &str, stem: &str, bytes: Bytes) -> Result<Option<Self>> {
        let (fingerprint, length) = (fingerprint_of(&bytes), bytes.len() as u64);
        let object = Self { build_id: build_id.to_owned(), name: format!("{stem}-{}.bin", &fingerprint[..16]), bytes: length, fingerprint };
        let created = store.create(&object.path(job), bytes.clone())?;
        Ok((created == Created::Written || created == Created::Existed(bytes)).then_some(object))
    }

    fn path(&self, job: &str) -> String {
        format!("{}/{}/{}", top(job), self.build_id, self.name)
    }

    /// Its bytes; None where they are gone or damaged.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(&self, store: &Store, job: &str) -> Result<Option<Bytes>> {
        let path = self.path(job);
        if store.head(&path)?.is_none_or(|entry| entry.bytes != self.bytes) {
            return Ok(None);
        }
        match store.ranges(&path, std::slice::from_ref(&(0..self.bytes))) {
            Ok(parts) => Ok(parts.into_iter().next().filter(|bytes| fingerprint_of(bytes) == self.fingerprint)),
            Err(error) if error.kind() == Kind::Input => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn fingerprint_of(bytes: &[u8]) -> String {
    format!("{:032x}", wide_fingerprint(0, bytes))
}

/// The files of all states but those that the run of a build kept, and those on their way.
///
/// # Errors
/// Those of the store.
pub fn forsaken(store: &Store, job: &str, build_id: Option<&str>, entries: &[Entry]) -> Result<Vec<Entry>> {
    let index = build_id.map(|build_id| StateIndex::read(store, job, build_id)).transpose()?.flatten();
    let mut needed: BTreeSet<String> = index.iter().flat_map(StateIndex::objects).map(|object| object.path(job)).collect();
    needed.extend(index.and(build_id).map(|build_id| format!("{}/{build_id}/{INDEX}", top(job))));
    let is_state = |entry: &&Entry| entry.path.starts_with(&format!("{job}/state/")) && !entry.path.ends_with(&format!(".{STAGING}"));
    Ok(entries.iter().filter(is_state).filter(|entry| !needed.contains(&entry.path)).cloned().collect())
}
