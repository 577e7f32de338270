//! What is known of source customers from the lines alone.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

/// Lines, and first order, by number of the source customer.
#[derive(Debug, Default)]
pub struct SeenLines {
    held: RwLock<Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    lines: AtomicU32,
    first_order: AtomicI64,
}

/// Lines of one source customer that stand together.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The source customer.
    pub number: u32,
    /// How many lines.
    pub lines: u32,
    /// The earliest order among them, UTC microseconds, if it matters.
    pub first_order: Option<i64>,
}

/// No order yet.
const NONE: i64 = i64::MAX;

impl SeenLines {
    /// Counts runs of lines, and says of each how many lines of its source customer there were before.
    pub fn add(&self, runs: &[Run]) -> Vec<u32> {
        let Some(highest) = runs.iter().map(|run| run.number as usize).max() else { return Vec::new() };
        let mut held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        if held.len() <= highest {
            drop(held);
            let mut growing = self.held.write().unwrap_or_else(PoisonError::into_inner);
            if growing.len() <= highest {
                growing.resize_with((highest + 1).next_power_of_two(), || Seen { lines: AtomicU32::new(0), first_order: AtomicI64::new(NONE) });
            }
            drop(growing);
            held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        }
        // The memory is asked for all of them before any is counted: its delays overlap.
        let before: Vec<u32> = runs.iter().map(|run| held[run.number as usize].lines.load(Ordering::Relaxed)).collect();
        let count = |(run, before): (&Run, u32)| {
            let seen = &held[run.number as usize];
            if let Some(first) = run.first_order {
                seen.first_order.fetch_min(first, Ordering::Relaxed);
            }
            seen.lines.fetch_add(run.lines, Ordering::Relaxed).max(before)
        };
        runs.iter().zip(before).map(count).collect()
    }

    /// Lines of `number`.
    pub fn lines(&self, number: u32) -> u32 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(number as usize).map_or(0, |seen| seen.lines.load(Ordering::Relaxed))
    }

    /// Earliest order of `number` that was told.
    pub fn first_order(&self, number: u32) -> Option<i64> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(number as usize).map(|seen| seen.first_order.load(Ordering::Relaxed)).filter(|first| *first != NONE)
    }
}
