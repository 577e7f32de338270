//! The one public error, and its kinds.

use std::fmt;

/// What went wrong, as far as a scheduler has to tell cases apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the configuration cannot be used.
    Config,
    /// An input is missing or broke its contract.
    Input,
    /// A run may not be live as it is.
    Held,
    /// The live pointer stayed locked by another run.
    Locked,
    /// The object store failed in a way that may pass.
    StoreRetry,
    /// The object store failed in a way that will not pass by itself.
    Store,
    /// A limit (memory, disk, size) was reached.
    Limit,
    /// The program is wrong.
    Bug,
}

/// An error with its kind and one or more lines of text that a person can act on.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    message: String,
}

/// The result of everything that can fail in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// An input that is missing or broke its contract.
    pub fn input(message: impl fmt::Display) -> Self {
        Self::new(Kind::Input, message)
    }

    /// Something that cannot happen unless the program is wrong.
    pub fn bug(message: impl fmt::Display) -> Self {
        Self::new(Kind::Bug, message)
    }

    /// The kind, from which the exit code follows.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same error with `place` (a file, a table, a step) in front.
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }
}

#[cfg(feature = "engine")]
impl From<polars::error::PolarsError> for Error {
    /// The tables that reach Polars were checked before, so its errors are ours.
    fn from(error: polars::error::PolarsError) -> Self {
        Self::bug(format!("table algebra: {error}"))
    }
}
