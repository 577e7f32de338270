//! How stores are reached: threads that wait for servers, what may be spent on trying again and held in memory, and the calls that
//! reach a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::{Error as StoreError, ObjectStore};
use tokio::runtime::Runtime;

use super::disk::{Calls, Disk};
use crate::allowance::Allowance;
use crate::error::{Error, Kind, Result};

/// What may be spent on requests that fail in a way that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often one request is tried again.
    pub times: u32,
    /// How long a run may wait between tries, all of its requests together.
    pub wait_max: Duration,
    /// The wait before the first new try; it doubles with each further one.
    pub wait_first: Duration,
}

impl Default for Retries {
    /// The figures of `configs/defaults.yaml`.
    fn default() -> Self {
        Self { times: 6, wait_max: Duration::from_secs(120), wait_first: Duration::from_millis(200) }
    }
}

/// Puts something between the program and a store (which is named in messages as the text says); the tests do.
pub type Wrap = Arc<dyn Fn(Arc<dyn ObjectStore>, &str) -> Arc<dyn ObjectStore> + Send + Sync>;

/// How stores are reached. A clone shares the threads and the budget.
#[derive(Clone)]
pub struct Access {
    pub(super) runtime: Arc<Runtime>,
    retries: Retries,
    pub(super) memory: Allowance,
    waited_micros: Arc<AtomicU64>,
    pub(super) calls: Arc<dyn Calls>,
    pub(super) wrap: Option<Wrap>,
}

impl Access {
    /// Starts the threads; what is read is taken from `memory`.
    ///
    /// # Errors
    /// `Limit` if the system gives no threads.
    pub fn new(retries: Retries, memory: Allowance) -> Result<Self> {
        let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = Arc::new(built.map_err(|error| Error::new(Kind::Limit, format!("threads: {error}")))?);
        Ok(Self { runtime, retries, memory, waited_micros: Arc::default(), calls: Arc::new(Disk::CALLS), wrap: None })
    }

    /// The same with `wrap` around every store.
    pub fn wrapped(self, wrap: Wrap) -> Self {
        Self { wrap: Some(wrap), ..self }
    }

    /// The same with other calls to the disk.
    pub fn with_calls(self, calls: Arc<dyn Calls>) -> Self {
        Self { calls, ..self }
    }

    /// The threads.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The result of `request`, which is tried again while its error may pass and the budget lasts. `request` is told how many
    /// tries came before: an earlier one may have been carried out although it failed.
    pub(super) fn retried<T>(&self, mut request: impl FnMut(u32) -> object_store::Result<T>) -> object_store::Result<T> {
        let mut wait = self.retries.wait_first;
        for tries in 0.. {
            match request(tries) {
                Err(error) if tries < self.retries.times && may_pass(&error) && self.may_wait(wait) => {
                    std::thread::sleep(jittered(wait));
                    wait *= 2;
                }
                result => return result,
            }
        }
        unreachable!("the number of tries is bounded")
    }

    /// Takes `wait` from the budget, if it lasts.
    fn may_wait(&self, wait: Duration) -> bool {
        let waited = self.waited_micros.fetch_add(wait.as_micros() as u64, Ordering::Relaxed);
        Duration::from_micros(waited) + wait <= self.retries.wait_max
    }
}

/// Between a half and the whole of `wait`, so that runs that failed together do not return together.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0u8];
    let share = getrandom::fill(&mut byte).map_or(1.0, |()| 0.5 + f64::from(byte[0]) / 512.0);
    wait.mul_f64(share)
}

/// Whether an error may pass by itself: a server that is down, slow or busy, a connection that broke, an answer that was cut.
pub(super) fn may_pass(error: &StoreError) -> bool {
    match error {
        // What a disk refuses it refuses again.
        StoreError::Generic { store: super::disk::NAME | "LocalFileSystem", .. } => false,
        StoreError::Generic { .. } => status(error).is_none_or(|status| matches!(status, 408 | 409 | 429 | 500..)),
        StoreError::JoinError { .. } => true,
        _ => false,
    }
}

/// The status that a server answered with: object_store keeps it in the words of an error only.
fn status(error: &StoreError) -> Option<u16> {
    let words = super::words(error);
    let after = words.split("status code: ").nth(1)?;
    after.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(words: &str) -> StoreError {
        StoreError::Generic { store: "test", source: words.into() }
    }

    fn access(times: u32, wait_max: Duration) -> Access {
        Access::new(Retries { times, wait_max, wait_first: Duration::from_micros(10) }, Allowance::memory(1 << 20)).expect("threads")
    }

    #[test]
    fn what_may_pass_is_tried_again_as_often_as_the_budget_allows() {
        let count = |access: &Access, error: &dyn Fn() -> StoreError| {
            let mut tries = 0;
            let result: object_store::Result<()> = access.retried(|_| {
                tries += 1;
                Err(error())
            });
            assert!(result.is_err());
            tries
        };
        let busy = || generic("Server returned non-2xx status code: 503 Service Unavailable: slow down");
        assert_eq!(count(&access(3, Duration::from_secs(1)), &busy), 4);
        assert_eq!(count(&access(3, Duration::from_secs(1)), &|| generic("connection reset")), 4);
        assert_eq!(count(&access(3, Duration::from_secs(1)), &|| generic("status code: 400 Bad Request")), 1);
        assert_eq!(count(&access(3, Duration::from_secs(1)), &|| StoreError::NotImplemented { operation: "x".into(), implementer: "y".into() }), 1);
        // 10 and 20 microseconds fit into 30; what comes after does not, for this request and for the next.
        let poor = access(30, Duration::from_micros(30));
        assert_eq!(count(&poor, &busy), 3);
        assert_eq!(count(&poor, &busy), 1);
    }
}
