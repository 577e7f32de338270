//! Digests of local files, kept in a folder of scratch: a file that stays as it was is not hashed every night.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key::{Hash, hex, sha256};
use crate::store::Entry;

/// What a file was when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Digest {
    bytes: u64,
    modified: i64,
    sha256: String,
}

/// By path below the lake's root.
type ByPath = BTreeMap<String, Digest>;

/// Digests of the files of a lake: those of an earlier run, and those of this one.
#[derive(Debug, Default)]
pub struct Digests {
    /// Where they are kept; None where they are not.
    file: Option<PathBuf>,
    before: ByPath,
    now: Mutex<ByPath>,
}

/// A file that changed so many microseconds before it was hashed, or less, may change again without its time saying so: some disks tell only seconds.
const SETTLED_MICROS: i64 = 3_000_000;

impl Digests {
    /// Those that are kept in `folder` for what a job reads of a lake, which is named; none where they are damaged.
    pub fn open(folder: Option<&Path>, job: &str, lake: &str) -> Self {
        let name = |folder: &Path| folder.join(format!("{}.digests.json", &hex(&sha256(format!("{job}\u{1f}{lake}").as_bytes()))[..16]));
        let file = folder.map(name);
        let before = file.as_ref().and_then(|file| serde_json::from_slice(&std::fs::read(file).ok()?).ok()).unwrap_or_default();
        Self { file, before, now: Mutex::default() }
    }

    /// SHA-256 of a file in hexadecimal; `hash` makes it where size or time of change are others than before. `at` is the time, in microseconds.
    ///
    /// # Errors
    /// Those of `hash`.
    pub fn of(&self, entry: &Entry, at: i64, hash: impl FnOnce() -> Result<Hash>) -> Result<String> {
        let known = self.before.get(&entry.path).filter(|known| (known.bytes, known.modified) == (entry.bytes, entry.modified));
        let sha256 = match known {
            Some(known) => known.sha256.clone(),
            None => hex(&hash()?),
        };
        if at - entry.modified > SETTLED_MICROS {
            let digest = Digest { bytes: entry.bytes, modified: entry.modified, sha256: sha256.clone() };
            self.now.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.path.clone(), digest);
        }
        Ok(sha256)
    }

    /// Keeps the digests of this run: the files were still what they were when they were hashed. Without them nothing is lost but time, so that it does
    /// not matter whether they can be written.
    pub fn keep(&self) {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((file, folder)) = self.file.as_ref().and_then(|file| Some((file, file.parent()?))).filter(|_| *now != self.before) else { return };
        let written = || -> Option<()> {
            std::fs::create_dir_all(folder).ok()?;
            let mut new = tempfile::NamedTempFile::new_in(folder).ok()?;
            serde_json::to_writer(&mut new, &*now).ok()?;
            new.persist(file).ok().map(drop)
        };
        written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const NOW: i64 = 1_790_000_000_000_000;

    fn entry(bytes: u64, modified: i64) -> Entry {
        Entry { path: "lines/a.parquet".to_owned(), bytes, version: None, modified }
    }

    fn digest(digests: &Digests, entry: &Entry) -> Option<String> {
        digests.of(entry, NOW, || Err(Error::bug("hashed"))).ok()
    }

    #[test]
    fn a_file_that_stays_is_hashed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |job: &str| Digests::open(Some(folder.path()), job, "lake");
        let (old, new) = (entry(7, NOW - 60_000_000), entry(7, NOW - 1_000_000));
        let first = open("job");
        // printf a | sha256sum
        let of_a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(first.of(&old, NOW, || Ok(sha256(b"a"))).expect("a digest"), of_a);
        assert_eq!(digest(&open("job"), &old), None, "nothing is kept yet");
        first.keep();
        assert_eq!(digest(&open("job"), &old).as_deref(), Some(of_a));
        // Another size, another time, another job: hashed.
        assert_eq!(
            [digest(&open("job"), &entry(8, old.modified)), digest(&open("job"), &entry(7, old.modified + 1)), digest(&open("other"), &old)],
            [None, None, None]
        );
        // A file of this moment may change yet.
        let second = open("job");
        second.of(&new, NOW, || Ok(sha256(b"b"))).expect("a digest");
        second.keep();
        assert_eq!(digest(&open("job"), &new), None);
        // What is damaged is nothing.
        let file = std::fs::read_dir(folder.path()).expect("a folder").next().expect("a file").expect("a file").path();
        first.keep();
        std::fs::write(&file, "{").expect("written");
        assert_eq!(digest(&open("job"), &old), None);
        // Who names no folder keeps none.
        let none = Digests::open(None, "job", "lake");
        none.of(&old, NOW, || Ok(sha256(b"a"))).expect("a digest");
        none.keep();
        assert_eq!(digest(&none, &old), None);
    }
}
