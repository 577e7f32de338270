//! What is known of source customers from the lines alone.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

/// Lines, and first order, by number of the source customer.
#[derive(Debug, Default)]
pub struct SeenLines {
    held: RwLock<Seen>,
}

/// Apart, since first orders are told of few: the memory is asked for the lines of everyone.
#[derive(Debug, Default)]
struct Seen {
    lines: Vec<AtomicU32>,
    first_orders: Vec<AtomicI64>,
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
        if held.lines.len() <= highest {
            drop(held);
            let mut growing = self.held.write().unwrap_or_else(PoisonError::into_inner);
            if growing.lines.len() <= highest {
                let count = (highest + 1).next_power_of_two();
                growing.lines.resize_with(count, AtomicU32::default);
                growing.first_orders.resize_with(count, || AtomicI64::new(NONE));
            }
            drop(growing);
            held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        }
        // The memory is asked for all of them before any is counted: its delays overlap.
        let before: Vec<u32> = runs.iter().map(|run| held.lines[run.number as usize].load(Ordering::Relaxed)).collect();
        let count = |(run, before): (&Run, u32)| {
            let number = run.number as usize;
            if let Some(first) = run.first_order {
                held.first_orders[number].fetch_min(first, Ordering::Relaxed);
            }
            held.lines[number].fetch_add(run.lines, Ordering::Relaxed).max(before)
        };
        runs.iter().zip(before).map(count).collect()
    }

    /// Lines of `number`.
    pub fn lines(&self, number: u32) -> u32 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).lines.get(number as usize).map_or(0, |lines| lines.load(Ordering::Relaxed))
    }

    /// Earliest order of `number` that was told.
    pub fn first_order(&self, number: u32) -> Option<i64> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.first_orders.get(number as usize).map(|first| first.load(Ordering::Relaxed)).filter(|first| *first != NONE)
    }
}
