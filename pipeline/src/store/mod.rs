//! Object stores by URL, as the rest of the program sees them: list, read, create once, swap a pointer.

mod open;
mod pointer;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Runtime;

pub use open::Location;
pub use pointer::Version;

use crate::error::{Error, Kind, Result};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The file is new.
    Written,
    /// A file of that name was there; it was left alone.
    Existed,
}

/// A place where files are kept, below a root.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    root: Path,
    runtime: Arc<Runtime>,
    /// The root's folder, on local disk.
    folder: Option<PathBuf>,
    name: String,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

/// The threads on which stores wait for their servers.
///
/// # Errors
/// `Limit` if the system gives no threads.
pub fn runtime() -> Result<Arc<Runtime>> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    Ok(Arc::new(built.map_err(|error| Error::new(Kind::Limit, format!("threads: {error}")))?))
}

impl Store {
    /// Wraps any object store; `name` is for messages.
    pub fn wrap(inner: Arc<dyn ObjectStore>, root: &str, runtime: Arc<Runtime>, name: &str) -> Self {
        Self { inner, root: Path::from(root), runtime, folder: None, name: name.to_owned() }
    }

    /// The store's name in messages: its URL without credentials.
    pub fn name(&self) -> &str {
        &self.name
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

    /// All files below the folder `prefix`, in the order of their paths; a file of that very name is the only entry.
    ///
    /// # Errors
    /// Those of the store.
    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let full = self.full(prefix);
        let listed = self.runtime.block_on(self.inner.list(Some(&full)).try_collect::<Vec<_>>());
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
        let version = (self.folder.is_none() && !stated.is_empty()).then_some(stated);
        Entry { path: path.to_string(), bytes: meta.size, version, modified: meta.last_modified.timestamp_micros() }
    }

    /// The file at `path`, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn head(&self, path: &str) -> Result<Option<Entry>> {
        match self.runtime.block_on(self.inner.head(&self.full(path))) {
            Ok(meta) => Ok(Some(self.entry(meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => self.told(path, Err(error)),
        }
    }

    /// The whole file at `path` and its version, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn get(&self, path: &str) -> Result<Option<(Bytes, Version)>> {
        let read = async {
            let result = self.inner.get_opts(&self.full(path), GetOptions::default()).await?;
            let (e_tag, version) = (result.meta.e_tag.clone(), result.meta.version.clone());
            Ok((result.bytes().await?, e_tag, version))
        };
        match self.runtime.block_on(read) {
            Ok((bytes, e_tag, version)) => {
                let version = self.version(&bytes, e_tag, version);
                Ok(Some((bytes, version)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => self.told(path, Err(error)),
        }
    }

    /// The bytes of `ranges` of the file at `path`, in their order.
    ///
    /// # Errors
    /// Those of the store; `Input` if the file is gone.
    pub fn ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let read = self.runtime.block_on(self.inner.get_ranges(&self.full(path), ranges));
        self.told(path, read)
    }

    /// Writes a new file; one that is there stays as it is.
    ///
    /// # Errors
    /// Those of the store.
    pub fn create(&self, path: &str, bytes: Bytes) -> Result<Created> {
        match self.put(path, bytes, PutMode::Create) {
            Ok(_) => Ok(Created::Written),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::Existed),
            // Nothing is read here: what is missing is the store itself.
            Err(error @ object_store::Error::NotFound { .. }) => Err(Error::new(Kind::Store, format!("{}: {}", self.display(path), first_line(&error)))),
            Err(error) => self.told(path, Err(error)),
        }
    }

    fn put(&self, path: &str, bytes: Bytes, mode: PutMode) -> object_store::Result<object_store::PutResult> {
        let options = PutOptions { mode, ..Default::default() };
        self.runtime.block_on(self.inner.put_opts(&self.full(path), PutPayload::from_bytes(bytes), options))
    }

    /// The result, or the store's error in our kinds: what may pass by itself, and what will not.
    fn told<T>(&self, path: &str, result: object_store::Result<T>) -> Result<T> {
        use object_store::Error as E;
        result.map_err(|error| {
            let kind = match &error {
                _ if is_full(&error) => Kind::Limit,
                E::NotFound { .. } => Kind::Input,
                E::Generic { .. } if self.is_local() => Kind::Store,
                E::Generic { .. } | E::JoinError { .. } => Kind::StoreRetry,
                _ => Kind::Store,
            };
            Error::new(kind, format!("{}: {}", self.display(path), first_line(&error)))
        })
    }
}

/// Whether a disk or a quota is full.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// What an error says, with its causes, in one line.
fn first_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
