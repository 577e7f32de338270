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

/// The rows of a shard's customers, one after another.
pub struct RowsOfShard {
    cells: Vec<Cell>,
    width: usize,
    /// The first customer.
    first: usize,
}

impl RowsOfShard {
    /// The row of a customer, by the place among all.
    pub fn of(&self, customer: usize) -> &[Cell] {
        let place = customer - self.first;
        &self.cells[place * self.width..(place + 1) * self.width]
    }
}

impl FeatureRows {
    /// Room for rows of `width` cells of the customers of shards that begin at `starts`.
    pub(super) fn new(width: usize, starts: Vec<usize>, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self { shards: Partition::new("collect features", starts.len() - 1, &share_of(memory), scratch), starts, width }
    }

    /// Keeps the rows of a shard: packed, column after column, as the numbers of one feature are like each other.
    pub(super) fn put(&self, shard: usize, cells: &[Cell]) -> Result<()> {
        let mut packed = Vec::new();
        let mut column = Vec::with_capacity(cells.len() / self.width.max(1) * size_of::<Cell>());
        for place in 0..self.width {
            column.clear();
            cells.iter().skip(place).step_by(self.width).for_each(|cell| column.extend_from_slice(&cell.to_le_bytes()));
            let bytes = lz4_flex::block::compress(&column);
            [bytes.len(), column.len()].iter().for_each(|length| packed.extend_from_slice(&(*length as u64).to_le_bytes()));
            packed.extend_from_slice(&bytes);
        }
        packed.shrink_to_fit();
        self.shards.add(shard, packed)
    }

    /// The cells of a shard in the columns of which `wanted` holds.
    fn columns_of(&self, shard: usize, wanted: impl Fn(usize) -> bool) -> Result<Vec<Vec<Cell>>> {
        let packed = self.shards.read(shard)?;
        let (mut rest, mut columns) = (packed.as_slice(), Vec::new());
        let damaged = |fault: String| Error::bug(format!("features of a shard: {fault}"));
        for place in 0..self.width {
            let Some((lengths, more)) = rest.split_first_chunk::<16>() else { break };
            let length = |at: usize| u64::from_le_bytes(lengths[at..at + 8].try_into().expect("eight bytes")) as usize;
            let (bytes, more) = more.split_at_checked(length(0)).ok_or_else(|| damaged("too few bytes".to_owned()))?;
            rest = more;
            if wanted(place) {
                let column = lz4_flex::block::decompress(bytes, length(8)).map_err(|fault| damaged(fault.to_string()))?;
                columns.push(column.chunks_exact(8).map(|cell| Cell::from_le_bytes(cell.try_into().expect("eight bytes"))).collect());
            }
        }
        Ok(columns)
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.starts.len() - 1
    }

    /// The customers of a shard.
    pub fn customers(&self, shard: usize) -> Range<usize> {
        self.starts[shard]..self.starts[shard + 1]
    }

    /// What there is of everyone, shard by shard.
    pub(super) fn by_shard<'a, T>(&self, all: &'a mut [T]) -> Vec<&'a mut [T]> {
        let mut parts = Vec::with_capacity(self.shards());
        let mut rest = all;
        for shard in 0..self.shards() {
            let (here, others) = rest.split_at_mut(self.customers(shard).len());
            parts.push(here);
            rest = others;
        }
        parts
    }

    /// The cells of a shard's customers, column by column.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn columns(&self, shard: usize) -> Result<Vec<Vec<Cell>>> {
        self.columns_of(shard, |_| true)
    }

    /// The rows of a shard's customers.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn read(&self, shard: usize) -> Result<RowsOfShard> {
        let columns = self.columns(shard)?;
        let mut cells = vec![0; columns.iter().map(Vec::len).sum()];
        for (place, column) in columns.iter().enumerate().filter(|(_, column)| !column.is_empty()) {
            cells[place..].iter_mut().step_by(self.width).zip(column).for_each(|(cell, value)| *cell = *value);
        }
        Ok(RowsOfShard { cells, width: self.width, first: self.starts[shard] })
    }

    /// The cells of everyone in the column at `place`.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn column(&self, place: usize) -> Result<Vec<Cell>> {
        let of_shard = |shard: usize| self.columns_of(shard, |other| other == place);
        let shards: Vec<Result<Vec<Vec<Cell>>>> = (0..self.shards()).into_par_iter().map(of_shard).collect();
        Ok(shards.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().flatten().collect())
    }
}
