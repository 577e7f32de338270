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

/// No order yet.
const NONE: i64 = i64::MAX;

impl SeenLines {
    /// Counts `lines` more lines of `number`, the earliest order among them at `first_order` (UTC microseconds), and returns how many there
    /// were before. Past `most` they are not counted.
    pub fn add(&self, number: u32, lines: u32, first_order: Option<i64>, most: u32) -> u32 {
        let index = number as usize;
        let count = |seen: &Seen| {
            if let Some(first) = first_order {
                seen.first_order.fetch_min(first, Ordering::Relaxed);
            }
            let before = seen.lines.load(Ordering::Relaxed);
            if before <= most {
                seen.lines.fetch_add(lines, Ordering::Relaxed);
            }
            before
        };
        if let Some(seen) = self.held.read().unwrap_or_else(PoisonError::into_inner).get(index) {
            return count(seen);
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.len() <= index {
            let length = (index + 1).next_power_of_two();
            held.resize_with(length, || Seen { lines: AtomicU32::new(0), first_order: AtomicI64::new(NONE) });
        }
        count(&held[index])
    }

    /// Lines of `number`, as far as they were counted.
    pub fn lines(&self, number: u32) -> u32 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(number as usize).map_or(0, |seen| seen.lines.load(Ordering::Relaxed))
    }

    /// Earliest order of `number` that was told.
    pub fn first_order(&self, number: u32) -> Option<i64> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(number as usize).map(|seen| seen.first_order.load(Ordering::Relaxed)).filter(|first| *first != NONE)
    }
}
