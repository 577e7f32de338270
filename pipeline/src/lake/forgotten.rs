//! Who of a file is erased.

use super::names::ByEntry;
use crate::columnar::Column;
use crate::key::Erased;

/// Who of a file is erased: asked once for each source and entry of a dictionary.
#[derive(Default)]
pub(super) struct Forgotten {
    by_source: Vec<(String, ByEntry<bool>)>,
    last: usize,
}

impl Forgotten {
    /// Whether the customer at a row is.
    pub(super) fn is(&mut self, source: &str, customers: &Column, row: usize, erased: &Erased) -> bool {
        if self.by_source.get(self.last).is_none_or(|last| last.0 != source) {
            self.last = self.by_source.iter().position(|known| known.0 == source).unwrap_or(self.by_source.len());
            if self.last == self.by_source.len() {
                self.by_source.push((source.to_owned(), ByEntry::default()));
            }
        }
        self.by_source[self.last].1.get(customers, row, |id| erased.holds(source, id)).unwrap_or_default()
    }
}
