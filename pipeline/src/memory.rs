//! The bytes that the program's own buffers may hold, together, and who is told when there are no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Kind, Result};

/// A number of bytes that all clones share.
#[derive(Debug, Clone)]
pub struct Memory {
    limit: u64,
    held: Arc<AtomicU64>,
}

/// Bytes that were taken; they are given back when this value ends.
#[derive(Debug)]
pub struct Held {
    memory: Memory,
    bytes: u64,
}

impl Memory {
    /// `limit` bytes, none of them held.
    pub fn new(limit: u64) -> Self {
        Self { limit, held: Arc::default() }
    }

    /// All the bytes there are, held or not.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes `bytes` for `step`.
    ///
    /// # Errors
    /// `Limit`, naming the step, if they are not there.
    pub fn take(&self, step: &str, bytes: u64) -> Result<Held> {
        let mut held = Held { memory: self.clone(), bytes: 0 };
        held.grow(step, bytes)?;
        Ok(held)
    }
}

impl Held {
    /// Takes `bytes` more for `step`.
    ///
    /// # Errors
    /// `Limit`, naming the step, if they are not there.
    pub fn grow(&mut self, step: &str, bytes: u64) -> Result<()> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let held = self.memory.held.load(Ordering::Relaxed);
        let message = format!(
            "step {step}: expected to stay within `run.memory_limit_mib` of {}, got {} MiB more beside the {} MiB in use",
            mib(self.memory.limit),
            mib(bytes),
            mib(held)
        );
        Err(Error::new(Kind::Limit, message))
    }

    /// Takes `bytes` more, if they are there.
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let before = self.memory.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.memory.limit {
            self.memory.held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Gives `bytes` of these back.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.memory.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let memory = Memory::new(10 << 20);
        let held = memory.take("read", 7 << 20).expect("there is room");
        let error = memory.take("sort", 4 << 20).expect_err("there is none");
        assert_eq!(error.kind(), Kind::Limit);
        assert_eq!(error.to_string(), "step sort: expected to stay within `run.memory_limit_mib` of 10, got 4 MiB more beside the 7 MiB in use");
        drop(held);
        let mut held = memory.take("sort", 4 << 20).expect("there is room again");
        assert!(held.try_grow(6 << 20) && !held.try_grow(1));
        held.shrink(1);
        assert!(held.try_grow(1));
    }
}
