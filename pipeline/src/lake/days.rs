//! The days of the rows of a batch.

use crate::columnar::mark_changes;
use crate::time::Day;

/// A day of each row, where it is known; nothing where no column tells it.
#[derive(Debug, Clone, Default)]
pub struct Days(Option<Vec<Option<Day>>>);

impl Days {
    /// One day a row.
    pub fn of(days: Vec<Option<Day>>) -> Self {
        Self(Some(days))
    }

    /// The day of a row.
    #[inline]
    pub fn at(&self, row: usize) -> Option<Day> {
        self.0.as_ref().and_then(|days| days[row])
    }

    /// These, and where one is unknown that of `other`.
    pub fn or(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(mut days), Some(other)) => {
                days.iter_mut().zip(other).for_each(|(day, other)| *day = day.or(other));
                Self(Some(days))
            }
            (one, other) => Self(one.or(other)),
        }
    }

    /// Clears `keep` where a day is later than `as_of`.
    pub fn leave_out_later(&self, as_of: Day, keep: &mut [bool]) {
        let days = self.0.iter().flatten();
        keep.iter_mut().zip(days).for_each(|(keep, day)| *keep &= day.is_none_or(|day| day <= as_of));
    }

    /// Marks those of `rows`, which rise, whose day is another than that of the one before.
    pub fn mark_changes(&self, rows: &[usize], changes: &mut [bool]) {
        self.0.iter().for_each(|days| mark_changes(days, rows, changes));
    }
}
