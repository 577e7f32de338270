//! Rows that rules rejected: which they were, by their keys; never a personal value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::key::hash64;
use crate::time::Day;

/// Rows of a table and rule that are named; of more, those with the smallest hashes.
const ROWS_MAX: usize = 100_000;

/// A rejected row, as far as it may be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rejected {
    /// The source, where the table has one.
    pub source: Option<String>,
    /// The values of the table's key columns.
    pub key: String,
    /// Day on which it happened, where it is known.
    pub day: Option<Day>,
}

/// Rejected rows by rule, and how many rows are equal in all that is told of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    rules: BTreeMap<String, BTreeMap<(u64, Rejected), u64>>,
}

impl Quarantine {
    /// Adds `rows` rows that `rule` rejected.
    pub fn add(&mut self, rule: &str, row: Rejected, rows: u64) {
        let hash = hash64(format!("{:?}\u{1f}{}", row.source, row.key).as_bytes());
        let known = match self.rules.get_mut(rule) {
            Some(known) => known,
            None => self.rules.entry(rule.to_owned()).or_default(),
        };
        *known.entry((hash, row)).or_default() += rows;
        if known.len() > ROWS_MAX {
            known.pop_last();
        }
    }

    /// Adds all rows of another.
    pub fn merge(&mut self, other: Quarantine) {
        for (rule, rows) in other.rules {
            rows.into_iter().for_each(|((_, row), count)| self.add(&rule, row, count));
        }
    }

    /// Rule, row and count, in the order of rule, source, key and day.
    pub fn rows(&self) -> Vec<(&str, &Rejected, u64)> {
        let mut rows: Vec<_> = self.rules.iter().flat_map(|(rule, rows)| rows.iter().map(|((_, row), count)| (rule.as_str(), row, *count))).collect();
        rows.sort();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_counted_whatever_the_order() {
        let row = |key: &str, day| Rejected { source: Some("web".into()), key: key.into(), day: Some(Day(day)) };
        let mut one = Quarantine::default();
        one.add("no_price", row("1001", 5), 1);
        one.add("no_price", row("1001", 5), 1);
        one.add("cancelled", row("1002", 5), 1);
        let mut other = Quarantine::default();
        other.add("no_price", row("1001", 4), 1);
        let mut both = one.clone();
        both.merge(other.clone());
        other.merge(one);
        assert_eq!(both, other);
        let rows: Vec<_> = both.rows().into_iter().map(|(rule, row, count)| (rule, row.key.as_str(), row.day, count)).collect();
        assert_eq!(rows, [("cancelled", "1002", Some(Day(5)), 1), ("no_price", "1001", Some(Day(4)), 1), ("no_price", "1001", Some(Day(5)), 2)]);
    }
}
