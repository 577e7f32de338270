//! The features of everyone at as_of, by shard: made by `collect`, read by `score` and by whoever publishes them.

use std::ops::Range;

use rayon::prelude::*;

use super::partition::{Partition, Scratch, share_of};
use crate::allowance::Allowance;
use crate::error::{Error, Result};
use crate::features::Cell;

/// Rows of cells, one a customer, in the order of customers.
pub struct FeatureRows {
    shards: Partition,
    /// Where each shard's customers begin, and where the last one's end.
    starts: Vec<usize>,
    width: usize,
}

impl FeatureRows {
    /// Room for rows of `width` cells of the customers of shards that begin at `starts`.
    pub(super) fn new(width: usize, starts: Vec<usize>, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self { shards: Partition::new("collect features", starts.len() - 1, &share_of(memory), scratch), starts, width }
    }

    /// Keeps the rows of a shard: packed, column after column, as the numbers of one feature are like each other.
    pub(super) fn put(&self, shard: usize, cells: &[Cell]) -> Result<()> {
        let mut bytes = Vec::with_capacity(size_of_val(cells));
        for place in 0..self.width {
            cells.iter().skip(place).step_by(self.width).for_each(|cell| bytes.extend_from_slice(&cell.to_le_bytes()));
        }
        self.shards.add(shard, lz4_flex::block::compress_prepend_size(&bytes))
    }

    /// The cells of a shard, column after column.
    fn columns_of(&self, shard: usize) -> Result<Vec<Cell>> {
        let packed = self.shards.read(shard)?;
        if packed.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = lz4_flex::block::decompress_size_prepended(&packed).map_err(|fault| Error::bug(format!("features of a shard: {fault}")))?;
        Ok(bytes.chunks_exact(8).map(|cell| Cell::from_le_bytes(cell.try_into().expect("eight bytes"))).collect())
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.starts.len() - 1
    }

    /// The customers of a shard.
    pub fn customers(&self, shard: usize) -> Range<usize> {
        self.starts[shard]..self.starts[shard + 1]
    }

    /// Cells of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The cells of a shard's customers, row after row.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn read(&self, shard: usize) -> Result<Vec<Cell>> {
        let columns = self.columns_of(shard)?;
        let rows = columns.len() / self.width.max(1);
        Ok((0..rows).flat_map(|row| columns[row..].iter().step_by(rows).copied()).collect())
    }

    /// The cells at `places` of everyone, row after row.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn columns(&self, places: &[usize]) -> Result<Vec<Cell>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let shard = |shard: usize| -> Result<Vec<Cell>> {
            let columns = self.columns_of(shard)?;
            let rows = columns.len() / self.width;
            Ok((0..rows).flat_map(|row| places.iter().map(|&place| columns[place * rows + row]).collect::<Vec<_>>()).collect())
        };
        let shards: Vec<Result<Vec<Cell>>> = (0..self.shards()).into_par_iter().map(shard).collect();
        Ok(shards.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }
}
