//! The bytes that the program's own buffers may hold in memory, or its files in scratch, together; and who is told when there are no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Kind, Result};

/// A number of bytes that all clones share.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// The key of the YAML that states it.
    key: &'static str,
    limit: u64,
    held: Arc<AtomicU64>,
}

/// Bytes that were taken; they are given back when this value ends.
#[derive(Debug)]
pub struct Held {
    of: Allowance,
    bytes: u64,
}

impl Allowance {
    /// `limit` bytes of memory.
    pub fn memory(limit: u64) -> Self {
        Self { key: "run.memory_limit_mib", limit, held: Arc::default() }
    }

    /// `limit` bytes of scratch.
    pub fn scratch(limit: u64) -> Self {
        Self { key: "run.scratch_limit_mib", limit, held: Arc::default() }
    }

    /// All the bytes there are, held or not.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// No bytes yet, to grow.
    pub fn nothing(&self) -> Held {
        Held { of: self.clone(), bytes: 0 }
    }

    /// Takes `bytes` for `step`.
    ///
    /// # Errors
    /// `Limit`, naming the step, if they are not there.
    pub fn take(&self, step: &str, bytes: u64) -> Result<Held> {
        let mut held = self.nothing();
        held.grow(step, bytes)?;
        Ok(held)
    }
}

impl Held {
    /// How many bytes these are.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `bytes` more for `step`.
    ///
    /// # Errors
    /// `Limit`, naming the step, if they are not there.
    pub fn grow(&mut self, step: &str, bytes: u64) -> Result<()> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let held = self.of.held.load(Ordering::Relaxed);
        let (key, limit) = (self.of.key, mib(self.of.limit));
        let message = format!("step {step}: expected to stay within `{key}` of {limit}, got {} MiB more beside {} in use", mib(bytes), mib(held));
        Err(Error::new(Kind::Limit, message))
    }

    /// Takes `bytes` more, if they are there.
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let before = self.of.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.of.limit {
            self.of.held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Makes these `bytes`, for `step`.
    ///
    /// # Errors
    /// As `grow`.
    pub fn resize(&mut self, step: &str, bytes: u64) -> Result<()> {
        if bytes > self.bytes {
            return self.grow(step, bytes - self.bytes);
        }
        self.shrink(self.bytes - bytes);
        Ok(())
    }

    /// Gives `bytes` of these back.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.of.held.fetch_sub(bytes, Ordering::Relaxed);
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
        let memory = Allowance::memory(10 << 20);
        let held = memory.take("read", 7 << 20).expect("there is room");
        let error = memory.take("sort", 4 << 20).expect_err("there is none");
        assert_eq!(error.kind(), Kind::Limit);
        assert_eq!(error.to_string(), "step sort: expected to stay within `run.memory_limit_mib` of 10, got 4 MiB more beside 7 in use");
        drop(held);
        let mut held = memory.take("sort", 4 << 20).expect("there is room again");
        assert!(held.try_grow(6 << 20) && !held.try_grow(1));
        held.resize("sort", 1 << 20).expect("it is less");
        assert!(held.bytes() == 1 << 20 && held.try_grow(9 << 20) && !held.try_grow(1));
    }
}
