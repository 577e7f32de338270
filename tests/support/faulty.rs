//! A store that misbehaves, driven by a seed.

use std::sync::Mutex;
use std::time::Duration;

use object_store::{Error, Result};

use crate::between::Interpose;

/// What the store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Every answer takes a while.
    Latency,
    /// Connections break before anything is carried out.
    Resets,
    /// 503 and 429.
    Throttled,
    /// What was asked for is done, and the answer comes too late.
    SlowClose,
    /// Writes are done and their answers lost.
    LostAnswers,
    /// From some moment on, 403.
    Forbidden,
    /// Fewer bytes arrive than were asked for.
    ShortReads,
    /// The store is well, scratch is full.
    ScratchFull,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Latency, Self::Resets, Self::Throttled, Self::SlowClose, Self::LostAnswers, Self::Forbidden, Self::ShortReads, Self::ScratchFull];
}

/// The misbehaviour of one seed.
#[derive(Debug)]
pub struct Faulty {
    scenario: Scenario,
    /// Out of 1,000 operations, how many go wrong.
    often: u64,
    /// Operations until everything is forbidden.
    allowed: u64,
    state: Mutex<(u64, u64)>,
}

/// The next number of a sequence (splitmix64, Steele, Lea, Flood 2014).
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Faulty {
    /// The scenario of a seed, more or less severe.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let scenario = Scenario::ALL[(seed % 8) as usize];
        let often = [20, 100, 300, 500, 900][(next(&mut state) % 5) as usize];
        let allowed = next(&mut state) % 120;
        Self { scenario, often, allowed, state: Mutex::new((state, 0)) }
    }

    /// The scenario.
    pub fn scenario(&self) -> Scenario {
        self.scenario
    }

    /// Whether this operation is one that goes wrong, and a number for how.
    fn draw(&self) -> (bool, u64) {
        let mut state = self.state.lock().expect("no thread dies here");
        let wrong = next(&mut state.0) % 1000 < self.often;
        (wrong, next(&mut state.0))
    }

    fn passing(words: &str) -> Error {
        Error::Generic { store: "faulty", source: words.into() }
    }
}

impl Interpose for Faulty {
    fn before(&self, _: &'static str) -> Result<()> {
        let (wrong, number) = self.draw();
        let count = {
            let mut state = self.state.lock().expect("no thread dies here");
            state.1 += 1;
            state.1
        };
        match self.scenario {
            Scenario::Latency => std::thread::sleep(Duration::from_micros(number % 800)),
            Scenario::Resets if wrong => return Err(Self::passing("connection reset by peer")),
            Scenario::Throttled if wrong && number.is_multiple_of(2) => {
                return Err(Self::passing("Server returned non-2xx status code: 503 Service Unavailable: SlowDown"));
            }
            Scenario::Throttled if wrong => return Err(Self::passing("Server returned non-2xx status code: 429 Too Many Requests: ")),
            Scenario::Forbidden if count > self.allowed => {
                return Err(Error::PermissionDenied { path: "somewhere".into(), source: "Server returned non-2xx status code: 403 Forbidden".into() });
            }
            _ => {}
        }
        Ok(())
    }

    fn after(&self, operation: &'static str) -> Result<()> {
        let (wrong, _) = self.draw();
        match self.scenario {
            Scenario::SlowClose if wrong => Err(Self::passing("operation timed out")),
            Scenario::LostAnswers if wrong && operation == "put" => Err(Self::passing("connection closed before message completed")),
            _ => Ok(()),
        }
    }

    fn arriving(&self, bytes: usize) -> usize {
        let (wrong, number) = self.draw();
        if self.scenario == Scenario::ShortReads && wrong && bytes > 0 { number as usize % bytes } else { bytes }
    }
}
