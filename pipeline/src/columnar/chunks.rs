//! Column chunks of keys as they were written: several tables have a row for everyone, in one order, and the bytes of their ids are the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use polars::prelude::Column as Series;

use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::key::wide_fingerprint;

/// The bytes of a column chunk, and what its file says of it.
pub(super) type Chunk = (Bytes, ColumnCloseResult);

/// What chunks take of the memory is only taken where this part of all that there is stays free besides.
const LEFT: u64 = 4;

/// Chunks of keys that are kept for the next tables.
#[derive(Debug)]
pub struct KeyChunks {
    memory: Allowance,
    kept: Mutex<(HashMap<u128, Chunk>, Held)>,
}

impl KeyChunks {
    /// None yet.
    pub fn new(memory: &Allowance) -> Self {
        Self { memory: memory.clone(), kept: Mutex::new((HashMap::new(), memory.nothing())) }
    }

    /// The chunk of a column of this name that holds these texts: the one that was kept, or one that `write` makes.
    pub(super) fn chunk(&self, name: &str, values: &[&Series], write: impl FnOnce() -> Result<Chunk>) -> Result<Chunk> {
        let mut bytes = name.as_bytes().to_vec();
        for texts in values {
            for text in texts.str()?.iter() {
                // No text is as long as none.
                bytes.extend_from_slice(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
            }
        }
        let print = wide_fingerprint(0, &bytes);
        drop(bytes);
        if let Some(known) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.get(&print) {
            return Ok(known.clone());
        }
        let chunk = write()?;
        let (kept, held) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, left) = (chunk.0.len() as u64, self.memory.limit() / LEFT);
        if held.try_grow(size + left) {
            held.shrink(left);
            // Without the room that the bytes could still grow into.
            kept.insert(print, (Bytes::copy_from_slice(&chunk.0), chunk.1.clone()));
        }
        Ok(chunk)
    }

    /// Gives back what they take of the memory, since someone else needs it.
    pub fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = (HashMap::new(), self.memory.nothing());
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::DataFrame;

    use super::super::write::TableFile;
    use super::*;
    use crate::table::{Column, Contract, Kind};

    fn frame(texts: &[&str], numbers: &[i64]) -> DataFrame {
        let columns = vec![Series::new("customer_id".into(), texts), Series::new("orders".into(), numbers)];
        DataFrame::new(texts.len(), columns).expect("equal heights")
    }

    /// A second table of the same ids, in other frames, and one of ids that are divided otherwise, each as without any chunk that was kept; and a chunk is
    /// kept only where memory stays free.
    #[test]
    fn tables_of_the_same_ids_are_written_as_ever() {
        let columns = vec![Column::new("customer_id", Kind::Text, "the customer"), Column::new("orders", Kind::Int, "a number")];
        let orders = Contract::new("t", "A row.", &["customer_id"], columns);
        let written = |contract: &Contract, frame: &DataFrame, chunks: Option<&KeyChunks>| {
            let mut file = TableFile::new(contract, chunks).expect("a file");
            let cut = if chunks.is_some() { 1 } else { 2 };
            file.push(frame.slice(0, cut)).and_then(|()| file.push(frame.slice(cut as i64, 2))).expect("rows");
            file.finish().expect("bytes")
        };
        let (first, second, other) = (frame(&["ab", "c"], &[1, 2]), frame(&["ab", "c"], &[3, 3]), frame(&["a", "bc"], &[1, 2]));
        let kept_of = |limit: u64| {
            let memory = Allowance::memory(limit);
            let chunks = KeyChunks::new(&memory);
            for frame in [&first, &second, &other, &first] {
                assert_eq!(written(&orders, frame, Some(&chunks)), written(&orders, frame, None));
            }
            let kept = chunks.kept.lock().expect("nobody died").0.len();
            let is_free = memory.nothing().try_grow(limit);
            chunks.forget();
            assert!(memory.nothing().try_grow(limit), "all is given back");
            (kept, is_free)
        };
        assert_eq!(kept_of(1 << 20), (2, false), "two chunks are held");
        assert_eq!(kept_of(40), (0, true));
    }

    /// A chunk is written once for a name and its texts, an unknown one among them.
    #[test]
    fn a_chunk_is_written_once() {
        let chunks = KeyChunks::new(&Allowance::memory(1 << 20));
        let contract = Contract::new("t", "A row.", &["id"], vec![Column::new("id", Kind::Text, "an id")]);
        let series = |texts: &[Option<&str>]| Series::new("id".into(), texts);
        let mut file = TableFile::new(&contract, Some(&chunks)).expect("a file");
        file.push(DataFrame::new(2, vec![series(&[Some("a"), Some("bc")])]).expect("equal heights")).expect("rows");
        file.finish().expect("bytes");
        let is_kept = |name: &str, values: &[&[Option<&str>]]| {
            let values: Vec<Series> = values.iter().map(|texts| series(texts)).collect();
            chunks.chunk(name, &values.iter().collect::<Vec<_>>(), || Err(crate::error::Error::bug("written again"))).is_ok()
        };
        assert!(is_kept("id", &[&[Some("a"), Some("bc")]]) && is_kept("id", &[&[Some("a")], &[Some("bc")]]));
        assert!(!is_kept("di", &[&[Some("a"), Some("bc")]]) && !is_kept("id", &[&[Some("ab"), Some("c")]]));
        assert!(!is_kept("id", &[&[Some("a"), Some("bc"), None]]) && !is_kept("id", &[&[Some("a"), Some("bc"), Some("")]]));
    }
}
