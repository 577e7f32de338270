//! Files that are replaced: only if they are still what they were when read.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::{PutMode, UpdateVersion};

use super::{Created, Store};
use crate::error::{Error, Kind, Result};
use crate::key::{Hash, sha256};

/// How long a run waits for another one that is replacing the same pointer on local disk.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// What a file was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What the store compares; on local disk the content.
    stated: Option<UpdateVersion>,
    content: Hash,
}

impl Store {
    pub(super) fn version(&self, bytes: &Bytes, e_tag: Option<String>, version: Option<String>) -> Version {
        let stated = (!self.is_local()).then_some(UpdateVersion { e_tag, version });
        Version { stated, content: sha256(bytes) }
    }

    /// Replaces the file at `path` by `bytes` if it is still `expected` (None: still not there). Returns whether it did.
    ///
    /// # Errors
    /// `Locked` if another run holds the pointer for a minute; those of the store.
    pub fn swap(&self, path: &str, expected: Option<&Version>, bytes: Bytes) -> Result<bool> {
        if let Some(folder) = &self.folder {
            return swap_on_disk(&folder.join(path), expected, &bytes).map_err(|error| error.at(self.display(path)));
        }
        let Some(version) = expected else {
            return Ok(self.create(path, bytes)? == Created::Written);
        };
        let stated = version.stated.clone().unwrap_or(UpdateVersion { e_tag: None, version: None });
        match self.put(path, bytes, PutMode::Update(stated)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => self.told(path, Err(error)),
        }
    }

    /// Refuses a store that does not keep conditional writes: `path` is created twice and replaced with a wrong version.
    ///
    /// # Errors
    /// `Store` if one of the two succeeds.
    pub fn probe(&self, path: &str) -> Result<()> {
        let body = Bytes::from_static(b"regulars\n");
        self.create(path, body.clone())?;
        let twice = self.create(path, body.clone())? == Created::Written;
        let wrong_etag = Some("\"00000000000000000000000000000000\"".to_owned());
        let wrong = Version { stated: Some(UpdateVersion { e_tag: wrong_etag, version: Some("1".to_owned()) }), content: [0; 32] };
        if twice || self.swap(path, Some(&wrong), body)? {
            let message = format!("{}: expected a store with conditional writes, got one that ignores conditions", self.name());
            return Err(Error::new(Kind::Store, message));
        }
        Ok(())
    }
}

fn swap_on_disk(path: &FilePath, expected: Option<&Version>, bytes: &Bytes) -> Result<bool> {
    let failed = |error: std::io::Error| Error::new(Kind::Store, error);
    let folder = path.parent().ok_or_else(|| Error::bug("a pointer has a folder"))?;
    fs::create_dir_all(folder).map_err(failed)?;
    let _lock = locked(&path.with_extension("lock"))?;
    let current = match fs::read(path) {
        Ok(current) => Some(sha256(&current)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    if current != expected.map(|version| version.content) {
        return Ok(false);
    }
    let beside = path.with_extension("next");
    let mut file = File::create(&beside).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(true)
}

/// An exclusive lock that ends with the returned file.
fn locked(path: &FilePath) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| Error::new(Kind::Store, error))?;
    let start = Instant::now();
    while let Err(error) = file.try_lock() {
        if let TryLockError::Error(error) = error {
            return Err(Error::new(Kind::Store, format!("expected a file system with locks, got: {error}")));
        }
        if start.elapsed() > LOCK_WAIT {
            return Err(Error::new(Kind::Locked, "expected the lock within 60 s, got none: another run holds it"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(file)
}
