//! Local disk as an object store: create once, replace if unchanged, both kept when power is lost; nothing outside of the root.
//!
//! Reading and listing are object_store's own. Writing is not: it has no conditional update, and a run's commit rests on the order
//! in which files and folders reach the disk, which the tests replay call by call.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use crate::key::{hex, sha256};

/// The store's name in object_store's errors.
pub(super) const NAME: &str = "disk";
/// How long a run waits for another one that is replacing the same file.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// The ending of files on their way; a killed run leaves them, and `gc` finds them.
pub const STAGING: &str = "staging";

/// The calls by which files reach a disk.
pub trait Calls: fmt::Debug + Send + Sync {
    /// Makes one folder; one that is there is fine.
    fn make_folder(&self, path: &FilePath) -> io::Result<()>;
    /// Writes a new file.
    fn write(&self, path: &FilePath, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's bytes last.
    fn sync_file(&self, path: &FilePath) -> io::Result<()>;
    /// Gives a file a second name, unless something has it.
    fn link(&self, from: &FilePath, to: &FilePath) -> io::Result<()>;
    /// Gives a file another name, whatever has it.
    fn rename(&self, from: &FilePath, to: &FilePath) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&self, path: &FilePath) -> io::Result<()>;
    /// Makes the names in a folder last.
    fn sync_folder(&self, path: &FilePath) -> io::Result<()>;
}

/// The system's own calls.
#[derive(Debug, Clone, Copy)]
pub struct SystemCalls;

impl Calls for SystemCalls {
    fn make_folder(&self, path: &FilePath) -> io::Result<()> {
        fs::create_dir(path).or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })
    }

    fn write(&self, path: &FilePath, bytes: &[u8]) -> io::Result<()> {
        File::create_new(path)?.write_all(bytes)
    }

    fn sync_file(&self, path: &FilePath) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn link(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &FilePath) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &FilePath) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// The first link below a folder, by name, that leads nowhere; links to folders are followed. `which` holds of a name where it matters: of what is there (false),
/// and of a link that leads nowhere (true).
pub(super) fn dangling(folder: &FilePath, which: &dyn Fn(&str, bool) -> bool, seen: &mut HashSet<PathBuf>) -> Option<PathBuf> {
    if !folder.canonicalize().is_ok_and(|folder| seen.insert(folder)) {
        return None;
    }
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder).ok()?.flatten().collect();
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    entries.iter().find_map(|entry| {
        let (path, name) = (entry.path(), entry.file_name());
        let matters = |is_lost: bool| name.to_str().is_some_and(|name| which(name, is_lost));
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link && path.try_exists().is_ok_and(|exists| !exists) {
            return matters(true).then_some(path);
        }
        (path.is_dir() && matters(false)).then(|| dangling(&path, which, seen)).flatten()
    })
}

/// A folder as a store.
#[derive(Debug)]
pub struct Disk {
    inner: LocalFileSystem,
    /// The folder, without links in its path.
    root: PathBuf,
    calls: Arc<dyn Calls>,
    /// Folders whose names are known to last, up to the root.
    lasting: Mutex<HashSet<PathBuf>>,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk {}", self.root.display())
    }
}

impl Disk {
    /// The system's own calls.
    pub const CALLS: SystemCalls = SystemCalls;

    /// The folder at `root`, which is made where `create` is set.
    pub fn open(root: &FilePath, create: bool, calls: Arc<dyn Calls>) -> io::Result<Self> {
        if create {
            make_lasting(calls.as_ref(), root)?;
        }
        let root = root.canonicalize()?;
        let inner = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        Ok(Self { inner, root, calls, lasting: Mutex::default() })
    }

    /// The folder, without links in its path.
    pub(super) fn root(&self) -> &FilePath {
        &self.root
    }

    fn file(&self, location: &Path) -> Result<PathBuf> {
        self.inner.path_to_filesystem(location)
    }

    /// Refuses a location that a link leads out of the root; to write, any link below the root.
    fn check_inside(&self, location: &Path, writes: bool) -> Result<()> {
        if location.is_root() {
            return Ok(());
        }
        let mut path = self.root.clone();
        for part in self.file(location)?.strip_prefix(&self.root).unwrap_or(FilePath::new("")).components() {
            path.push(part);
            let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
            if is_link && (writes || !path.canonicalize().is_ok_and(|path| path.starts_with(&self.root))) {
                let source = "expected files below the store's folder, got a link that leads elsewhere".into();
                return Err(Error::PermissionDenied { path: location.to_string(), source });
            }
        }
        Ok(())
    }

    /// Makes the folder of `file`, and its names and those above it last.
    fn make_folder_of(&self, file: &FilePath) -> io::Result<()> {
        let folder = file.parent().unwrap_or(&self.root);
        if self.lasting.lock().is_ok_and(|lasting| lasting.contains(folder)) && folder.is_dir() {
            return Ok(());
        }
        let mut path = self.root.clone();
        for part in folder.strip_prefix(&self.root).map_err(io::Error::other)?.components() {
            let above = path.clone();
            path.push(part);
            self.calls.make_folder(&path)?;
            self.calls.sync_folder(&above)?;
        }
        if let Ok(mut lasting) = self.lasting.lock() {
            lasting.insert(folder.to_owned());
        }
        Ok(())
    }

    /// Writes `bytes` beside `file`, lasting, under a name that nobody else uses.
    fn stage(&self, file: &FilePath, bytes: &PutPayload) -> io::Result<PathBuf> {
        let mut word = [0u8; 8];
        getrandom::fill(&mut word).map_err(io::Error::other)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let staged = file.with_file_name(format!("{name}.{}.{STAGING}", hex(&word)));
        let written = self.calls.write(&staged, &Bytes::from(bytes.clone())).and_then(|()| self.calls.sync_file(&staged));
        // What could not be written whole is of no use to anyone.
        written.inspect_err(|_| drop(self.calls.remove(&staged)))?;
        Ok(staged)
    }

    /// A new file, or None where one was there; either way its name lasts.
    fn create(&self, file: &FilePath, bytes: &PutPayload) -> io::Result<Option<()>> {
        self.make_folder_of(file)?;
        let staged = self.stage(file, bytes)?;
        let linked = self.calls.link(&staged, file);
        self.calls.remove(&staged)?;
        let created = match linked {
            Ok(()) => Some(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
            Err(error) => return Err(error),
        };
        self.calls.sync_folder(file.parent().unwrap_or(&self.root))?;
        Ok(created)
    }

    /// Replaces a file whose content has the digest `expected`; None where it has another, or is not there.
    fn replace(&self, file: &FilePath, expected: Option<&str>, bytes: &PutPayload) -> io::Result<Option<()>> {
        self.make_folder_of(file)?;
        let _lock = locked(&file.with_extension("lock"))?;
        let current = match fs::read(file) {
            Ok(current) => Some(hex(&sha256(&current))),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if current.is_none() || current.as_deref() != expected {
            return Ok(None);
        }
        let staged = self.stage(file, bytes)?;
        self.calls.rename(&staged, file)?;
        self.calls.sync_folder(file.parent().unwrap_or(&self.root))?;
        Ok(Some(()))
    }
}

/// Makes a folder and those above it that are missing, each lasting.
fn make_lasting(calls: &dyn Calls, folder: &FilePath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(FilePath::new("."));
    make_lasting(calls, above)?;
    calls.make_folder(folder)?;
    calls.sync_folder(above)
}

/// An exclusive lock that ends with the returned file.
fn locked(path: &FilePath) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let start = Instant::now();
    while let Err(error) = file.try_lock() {
        if let TryLockError::Error(error) = error {
            return Err(io::Error::other(format!("expected a file system with locks, got: {error}")));
        }
        if start.elapsed() > LOCK_WAIT {
            return Err(io::Error::new(ErrorKind::WouldBlock, "expected the lock within 60 s, got none: another run holds it"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(file)
}

fn failed(error: io::Error) -> Error {
    Error::Generic { store: NAME, source: Box::new(error) }
}

fn unsupported<T>(operation: &str) -> Result<T> {
    Err(Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() })
}

#[async_trait]
impl ObjectStore for Disk {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.check_inside(location, true)?;
        let file = self.file(location)?;
        let written = match &options.mode {
            PutMode::Create => self
                .create(&file, &payload)
                .map_err(failed)?
                .ok_or_else(|| Error::AlreadyExists { path: location.to_string(), source: "a file of this name is there".into() }),
            PutMode::Update(version) => self
                .replace(&file, version.e_tag.as_deref(), &payload)
                .map_err(failed)?
                .ok_or_else(|| Error::Precondition { path: location.to_string(), source: "the file is another one now".into() }),
            PutMode::Overwrite => unsupported("overwriting"),
        };
        written.map(|()| PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unsupported("an upload in parts")
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check_inside(location, false)?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check_inside(location, false)?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, calls, root) = (self.inner.clone(), self.calls.clone(), self.root.clone());
        let removed = move |location: Result<Path>| {
            let location = location?;
            let file = inner.path_to_filesystem(&location)?;
            match calls.remove(&file) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Error::NotFound { path: location.to_string(), source: error.into() });
                }
                removed => removed.and_then(|()| calls.sync_folder(file.parent().unwrap_or(&root))).map_err(failed)?,
            }
            Ok(location)
        };
        locations.map(removed).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let checked = prefix.map_or(Ok(()), |prefix| self.check_inside(prefix, false));
        if let Err(error) = checked {
            return stream::once(async { Err(error) }).boxed();
        }
        // Links are found where they stand: a folder's check holds for everything below it that is no link itself.
        let disk = Self { inner: self.inner.clone(), root: self.root.clone(), calls: self.calls.clone(), lasting: Mutex::default() };
        let inside = move |meta: Result<ObjectMeta>| {
            let meta = meta?;
            disk.check_inside(&meta.location, false)?;
            Ok(meta)
        };
        self.inner.list(prefix).map(inside).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unsupported("a list of one level")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unsupported("copying")
    }
}
