//! What became of the rows of a table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::days::Days;
use super::quarantine::Quarantine;
use crate::columnar::Column;
use crate::time::Day;

/// Rows that reached the lake on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// How many are used.
    pub rows: u64,
    /// By column of the contract: how many have no value, or an empty text.
    pub unknown: Vec<u64>,
}

/// What became of the rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of the files, those after as_of included.
    pub rows_in_files: u64,
    /// Rows that happened or arrived after as_of: not seen.
    pub rows_after_as_of: u64,
    /// Rows up to as_of of people who are erased: not looked at.
    pub erased: u64,
    /// Rows up to as_of that a rule rejected, by rule.
    pub rejected: BTreeMap<String, u64>,
    /// Rows that were used.
    pub used: u64,
    /// Rows of which an amount was rounded.
    pub rounded: u64,
    /// Used rows that have no effect: they are about nobody whom customers or order lines know.
    pub of_nobody: u64,
    /// Which rows were rejected.
    pub quarantine: Quarantine,
    /// Paths of files with rows after as_of.
    pub files_after_as_of: BTreeSet<String>,
    /// By column of the contract: used rows that have no value, or an empty text; of order lines nothing is counted.
    pub unknown: Vec<u64>,
    /// Used rows by the day on which they reached the lake, where it is told; of order lines, the audit counts more.
    pub arrived: BTreeMap<Day, Arrived>,
}

impl Counts {
    /// Rows up to as_of.
    pub fn read(&self) -> u64 {
        self.rows_in_files - self.rows_after_as_of
    }

    /// Adds the rows of other files of the table.
    pub fn add(&mut self, other: Counts) {
        self.rows_in_files += other.rows_in_files;
        self.rows_after_as_of += other.rows_after_as_of;
        self.files_after_as_of.extend(other.files_after_as_of);
        self.erased += other.erased;
        self.used += other.used;
        self.rounded += other.rounded;
        self.of_nobody += other.of_nobody;
        for (rule, count) in other.rejected {
            *self.rejected.entry(rule).or_default() += count;
        }
        self.quarantine.merge(other.quarantine);
        add_each(&mut self.unknown, &other.unknown);
        for (day, more) in other.arrived {
            let arrived = self.arrived.entry(day).or_default();
            arrived.rows += more.rows;
            add_each(&mut arrived.unknown, &more.unknown);
        }
    }

    /// Counts the rows that are used, and those of them without a value: of all, and by the day on which they reached the lake.
    pub(super) fn arrive(&mut self, kept: &[usize], recorded: &Days, columns: &[Option<Cow<'_, Column>>]) {
        for day in kept.chunk_by(|a, b| recorded.at(*a) == recorded.at(*b)) {
            let is_unknown = |column: &Column, row: usize| !column.is_known(row) || column.text(row) == Some("");
            let unknown = |column: &Option<Cow<'_, Column>>| {
                column.as_ref().map_or(day.len(), |column| day.iter().filter(|row| is_unknown(column, **row)).count()) as u64
            };
            let unknown: Vec<u64> = columns.iter().map(unknown).collect();
            add_each(&mut self.unknown, &unknown);
            if let Some(recorded) = recorded.at(day[0]) {
                let arrived = self.arrived.entry(recorded).or_default();
                arrived.rows += day.len() as u64;
                add_each(&mut arrived.unknown, &unknown);
            }
        }
    }
}

fn add_each(sums: &mut Vec<u64>, more: &[u64]) {
    sums.resize(sums.len().max(more.len()), 0);
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}
