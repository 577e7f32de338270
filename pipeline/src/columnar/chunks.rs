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

/// What chunks take of the memory is only taken where this part of all that there is stays free besides: nobody fails for want of it.
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
            kept.insert(print, chunk.clone());
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::super::write::{ROW_GROUP_ROWS, TableFile};
    use super::*;
    use crate::table::{Column, Contract, Kind};
    use polars::prelude::DataFrame;

    fn frame(texts: &[&str], numbers: &[i64]) -> DataFrame {
        let columns = vec![Series::new("customer_id".into(), texts), Series::new("orders".into(), numbers)];
        DataFrame::new(texts.len(), columns).expect("equal heights")
    }

    /// A second table of the same ids, one of ids that are divided otherwise, and one under another name, each as without any chunk that was kept; and a
    /// chunk is kept only where memory stays free.
    #[test]
    fn tables_of_the_same_ids_are_written_as_ever() {
        let contract = |name: &str| {
            let columns = vec![Column::new("customer_id", Kind::Text, "the customer"), Column::new(name, Kind::Int, "a number")];
            Contract::new("t", "A row.", &["customer_id"], columns)
        };
        let written = |contract: &Contract, frame: &DataFrame, chunks: Option<&KeyChunks>| {
            let mut file = TableFile::new(contract, chunks).expect("a file");
            file.push(frame.clone()).expect("rows");
            file.finish().expect("bytes")
        };
        let orders = contract("orders");
        let (first, second, other) = (frame(&["ab", "c"], &[1, 2]), frame(&["ab", "c"], &[3, 3]), frame(&["a", "bc"], &[1, 2]));
        let kept_of = |limit: u64| {
            let memory = Allowance::memory(limit);
            let chunks = KeyChunks::new(&memory);
            for frame in [&first, &second, &other, &first] {
                assert_eq!(written(&orders, frame, Some(&chunks)), written(&orders, frame, None));
            }
            let kept = chunks.kept.lock().expect("nobody died").0.len();
            (kept, memory.nothing().try_grow(limit))
        };
        assert_eq!(kept_of(1 << 20), (2, false), "two chunks are held");
        assert_eq!(kept_of(40), (0, true));
        assert!(first.height() < ROW_GROUP_ROWS);
    }
}
