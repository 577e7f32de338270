//! Object stores by URL, as the rest of the program sees them: list, read, create once, swap a pointer.

mod access;
mod connect;
mod disk;
mod open;
mod pointer;

use std::collections::HashSet;
use std::fmt;
use std::io::ErrorKind as IoKind;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

pub use access::{Access, Retries, Wrap};
pub use disk::{Calls, STAGING, SystemCalls};
pub use open::{Location, RawLocation};
pub use pointer::Version;

use crate::allowance::Allowance;
use crate::error::{Error, Kind, Result};
use crate::key::{Hash, hex, sha256};

/// A file in a store: its path below the store's root, its size, and what the store says of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path below the root, with `/`.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// ETag and version as the store states them; on local disk none.
    pub version: Option<String>,
    /// When it was written, in microseconds: only to see that it changed.
    pub modified: i64,
}

/// What became of a create-only write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The file is new.
    Written,
    /// A file of that name was there, with these bytes; it was left alone.
    Existed(Bytes),
}

/// A place where files are kept, below a root.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    root: Path,
    access: Access,
    /// The folder where files lie, if that is on this machine's disk.
    folder: Option<PathBuf>,
    name: String,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

impl Store {
    /// Any object store; `name` is for messages.
    pub fn over(inner: Arc<dyn ObjectStore>, root: &str, access: &Access, name: &str) -> Self {
        Self::new(inner, Path::from(root), access, None, name)
    }

    fn new(inner: Arc<dyn ObjectStore>, root: Path, access: &Access, folder: Option<PathBuf>, name: &str) -> Self {
        let inner = access.wrap.as_ref().map_or(inner.clone(), |wrap| wrap(inner, name));
        Self { inner, root, access: access.clone(), folder, name: name.to_owned() }
    }

    /// The store's name in messages: its URL without credentials.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What may be held of what is read from here.
    pub fn memory(&self) -> &Allowance {
        &self.access.memory
    }

    /// Whether files lie on this machine's disk.
    pub fn is_local(&self) -> bool {
        self.folder.is_some()
    }

    /// `path` as a person can open it.
    pub fn display(&self, path: &str) -> String {
        match path {
            "" => self.name.clone(),
            path => format!("{}/{path}", self.name.trim_end_matches('/')),
        }
    }

    fn full(&self, path: &str) -> Path {
        // A path that a store listed is encoded already; one that no store could have listed is encoded here.
        let path = Path::parse(path).unwrap_or_else(|_| Path::from(path));
        self.root.parts().chain(path.parts()).collect()
    }

    /// The first link below the folder `prefix` that leads nowhere: a listing passes over it. `which` holds of a name where it matters: of what is there (false), and
    /// of a link that leads nowhere (true).
    pub fn broken_link(&self, prefix: &str, which: &dyn Fn(&str, bool) -> bool) -> Option<String> {
        let folder = self.folder.as_ref()?;
        let found = disk::dangling(&folder.join(prefix), which, &mut HashSet::new())?;
        Some(found.strip_prefix(folder).unwrap_or(&found).display().to_string())
    }

    /// All files below the folder `prefix`, in the order of their paths; a file of that very name is the only entry.
    ///
    /// # Errors
    /// Those of the store.
    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let full = self.full(prefix);
        let listed = self.access.retried(|_| self.access.runtime.block_on(self.inner.list(Some(&full)).try_collect::<Vec<_>>()));
        let mut entries: Vec<Entry> = self.told(prefix, listed)?.into_iter().map(|meta| self.entry(meta)).collect();
        if entries.is_empty()
            && !prefix.is_empty()
            && let Some(entry) = self.head(prefix)?
        {
            entries.push(entry);
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    fn entry(&self, meta: object_store::ObjectMeta) -> Entry {
        let depth = self.root.parts().count();
        let path: Path = meta.location.parts().skip(depth).collect();
        let stated = [meta.e_tag, meta.version].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let version = (!self.is_local() && !stated.is_empty()).then_some(stated);
        Entry { path: path.to_string(), bytes: meta.size, version, modified: meta.last_modified.timestamp_micros() }
    }

    /// The file at `path`, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn head(&self, path: &str) -> Result<Option<Entry>> {
        match self.access.retried(|_| self.access.runtime.block_on(self.inner.head(&self.full(path)))) {
            Ok(meta) => Ok(Some(self.entry(meta))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => self.told(path, Err(error)),
        }
    }

    /// The whole file at `path` and its version, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn get(&self, path: &str) -> Result<Option<(Bytes, Version)>> {
        match self.access.retried(|_| self.fetch(path)) {
            Ok(found) => Ok(Some(found)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => self.told(path, Err(error)),
        }
    }

    /// One try to read a whole file and its version.
    fn fetch(&self, path: &str) -> object_store::Result<(Bytes, Version)> {
        let (meta, bytes) = self.access.runtime.block_on(async {
            let result = self.inner.get_opts(&self.full(path), GetOptions::default()).await?;
            Ok::<_, StoreError>((result.meta.clone(), result.bytes().await?))
        })?;
        whole(&bytes, meta.size)?;
        // A disk states no version that compares: the content is one.
        let version = if self.is_local() {
            UpdateVersion { e_tag: Some(hex(&sha256(&bytes))), version: None }
        } else {
            UpdateVersion { e_tag: meta.e_tag, version: meta.version }
        };
        Ok((bytes, Version(version)))
    }

    /// The bytes of `ranges` of the file at `path`, in their order, each as long as it was asked for.
    ///
    /// # Errors
    /// Those of the store; `Input` if the file is gone, or ends before a range does.
    pub fn ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let read = self.access.retried(|_| {
            let parts = self.access.runtime.block_on(self.inner.get_ranges(&self.full(path), ranges))?;
            parts.iter().zip(ranges).try_for_each(|(part, range)| whole(part, range.end - range.start))?;
            Ok(parts)
        });
        self.told(path, read)
    }

    /// The SHA-256 of the file's bytes, read in steps.
    ///
    /// # Errors
    /// Those of the store; `Input` if the file is gone.
    pub fn sha256(&self, entry: &Entry) -> Result<Hash> {
        use sha2::Digest;
        const STEP: u64 = 4 << 20;
        let mut hasher = sha2::Sha256::new();
        for start in (0..entry.bytes).step_by(STEP as usize) {
            let range = start..(start + STEP).min(entry.bytes);
            self.ranges(&entry.path, std::slice::from_ref(&range))?.iter().for_each(|part| hasher.update(part));
        }
        Ok(hasher.finalize().into())
    }

    /// Writes a new file; one that is there stays as it is, and is read. On disk the file lasts, whoever wrote it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn create(&self, path: &str, bytes: Bytes) -> Result<Created> {
        let created = self.access.retried(|_| match self.put(path, bytes.clone(), PutMode::Create) {
            Ok(_) => Ok(Created::Written),
            // "Exists" without anything to read is a store that answered a conflict: tried again.
            Err(StoreError::AlreadyExists { .. }) => match self.fetch(path) {
                Ok((there, _)) => Ok(Created::Existed(there)),
                Err(StoreError::NotFound { .. }) => Err(cut("a new file or one to read, got neither")),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        });
        match created {
            // Nothing is read here: what is missing is the store itself.
            Err(error @ StoreError::NotFound { .. }) => Err(Error::new(Kind::Store, format!("{}: {}", self.display(path), words(&error)))),
            created => self.told(path, created),
        }
    }

    /// Deletes files.
    ///
    /// # Errors
    /// Those of the store; a file that is gone already is fine.
    pub fn delete(&self, paths: &[String]) -> Result<()> {
        for path in paths {
            match self.access.retried(|_| self.access.runtime.block_on(self.inner.delete(&self.full(path)))) {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => self.told(path, Err(error))?,
            }
        }
        Ok(())
    }

    /// This machine's time, in microseconds since 1970, where the store is its disk: by it files say when they changed.
    pub fn now_here(&self) -> Option<i64> {
        let since = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        self.is_local().then(|| since().map_or(0, |since| since.as_micros() as i64))
    }

    /// The store's own time, in microseconds since 1970: of a file that is written at `path` and deleted again; on disk this machine's.
    ///
    /// # Errors
    /// Those of the store.
    pub fn now(&self, path: &str) -> Result<i64> {
        if let Some(now) = self.now_here() {
            return Ok(now);
        }
        self.delete(&[path.to_owned()])?;
        self.create(path, Bytes::from_static(b"regulars\n"))?;
        let entry =
            self.head(path)?.ok_or_else(|| Error::new(Kind::StoreRetry, format!("{}: expected the file just written, got nothing", self.display(path))))?;
        self.delete(&[path.to_owned()])?;
        Ok(entry.modified)
    }

    fn put(&self, path: &str, bytes: Bytes, mode: PutMode) -> object_store::Result<object_store::PutResult> {
        let options = PutOptions { mode, ..Default::default() };
        self.access.runtime.block_on(self.inner.put_opts(&self.full(path), PutPayload::from_bytes(bytes), options))
    }

    /// The result, or the store's error in our kinds: what may pass by itself, and what will not.
    fn told<T>(&self, path: &str, result: object_store::Result<T>) -> Result<T> {
        result.map_err(|error| {
            let io = causes(&error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).last();
            let kind = match (&error, io) {
                (_, Some(IoKind::StorageFull | IoKind::QuotaExceeded | IoKind::FileTooLarge)) => Kind::Limit,
                (_, Some(IoKind::WouldBlock)) if self.is_local() => Kind::Locked,
                (StoreError::NotFound { .. }, _) => Kind::Input,
                _ if access::may_pass(&error) => Kind::StoreRetry,
                _ => Kind::Store,
            };
            Error::new(kind, format!("{}: {}", self.display(path), words(&error)))
        })
    }
}

/// Whether `bytes` are as many as were asked for: an answer may end early without an error.
fn whole(bytes: &Bytes, expected: u64) -> object_store::Result<()> {
    let got = bytes.len() as u64;
    if got == expected { Ok(()) } else { Err(cut(&format!("{expected} bytes, got {got}"))) }
}

/// An answer that is not what it should be, and may be when it is asked for again.
fn cut(expected: &str) -> StoreError {
    StoreError::Generic { store: "answer", source: format!("expected {expected}").into() }
}

fn causes<'a>(error: &'a (dyn std::error::Error + 'static)) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// What an error says, with its causes, in one line.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let more = cause.to_string();
        match text.as_str() {
            "" => text = more,
            known if !known.contains(&more) => text = format!("{text}: {more}"),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
