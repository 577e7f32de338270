//! Files that are replaced: only if they are still what they were when read.

use bytes::Bytes;
use object_store::{Error as StoreError, PutMode, UpdateVersion};

use super::{Created, Store};
use crate::error::{Error, Kind, Result};

/// What a file was when it was read: what its store compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub(super) UpdateVersion);

impl Store {
    /// Replaces the file at `path` by `bytes` if it is still `expected` (None: still not there). Returns whether it did.
    ///
    /// # Errors
    /// `Locked` if another run holds the file for a minute; those of the store.
    pub fn swap(&self, path: &str, expected: Option<&Version>, bytes: Bytes) -> Result<bool> {
        let Some(version) = expected else {
            return Ok(match self.create(path, bytes.clone())? {
                Created::Written => true,
                Created::Existed(there) => there == bytes,
            });
        };
        let mut unsure = false;
        let replaced = self.access.retried(|tries| {
            unsure = tries > 0;
            self.put(path, bytes.clone(), PutMode::Update(version.0.clone()))
        });
        match replaced {
            Ok(_) => Ok(true),
            // An earlier try may have been carried out and its answer lost: then these bytes are there.
            Err(StoreError::Precondition { .. } | StoreError::AlreadyExists { .. }) => Ok(unsure && self.get(path)?.is_some_and(|(there, _)| there == bytes)),
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
        let ignored = |what: &str| {
            let message = format!("{}: expected a store with conditional writes, got one that {what}", self.name());
            Err(Error::new(Kind::Store, message))
        };
        if self.create(path, body.clone())? == Created::Written {
            return ignored("creates a file that is there");
        }
        let wrong = UpdateVersion { e_tag: Some("\"00000000000000000000000000000000\"".to_owned()), version: Some("1".to_owned()) };
        // Other bytes: of equal ones, `swap` could not tell after a try that failed whether it had written them.
        match self.swap(path, Some(&Version(wrong)), Bytes::from_static(b"regulars, replaced\n")) {
            Ok(false) => Ok(()),
            Ok(true) => ignored("replaces a file of another version"),
            Err(error) => Err(error),
        }
    }
}
