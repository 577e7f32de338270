//! The features of everyone at as_of, by shard: made by `collect`, read by `score` and by whoever publishes them.

use std::ops::Range;

use rayon::prelude::*;

use super::partition::{Partition, Scratch, share_of};
use crate::allowance::Allowance;
use crate::error::{Error, Result};
use crate::features::{Cell, UNKNOWN};

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

/// Of so many columns the cells are gathered at once: what a processor brings from memory at once has as many of a row.
const AT_ONCE: usize = 8;

/// Bytes before those of a column: how many a number takes, the lowest known cell, and how many bytes follow.
const HEAD: usize = 1 + 8 + 8;

/// Appends a column: of each cell how far it lies above the lowest known one, in as many bytes as the farthest takes. What takes all eight is packed by lz4.
fn pack(column: &[Cell], packed: &mut Vec<u8>) {
    let wider = |(low, high): (Cell, Cell), &cell: &Cell| if cell == UNKNOWN { (low, high) } else { (low.min(cell), high.max(cell)) };
    let (low, high) = column.iter().fold((Cell::MAX, Cell::MIN), wider);
    let farthest = if low <= high { high.abs_diff(low) } else { 0 };
    // 0 is the unknown one.
    let code = |cell: &Cell| if *cell == UNKNOWN { 0 } else { cell.abs_diff(low) + 1 };
    let start = packed.len();
    let width = [1, 2, 4].into_iter().find(|bytes| farthest < (1 << (8 * bytes)) - 1).unwrap_or(8u8);
    packed.push(width);
    packed.extend_from_slice(&low.to_le_bytes());
    packed.extend_from_slice(&[0; 8]);
    match width {
        1 => packed.extend(column.iter().map(|cell| code(cell) as u8)),
        2 => packed.extend(column.iter().flat_map(|cell| (code(cell) as u16).to_le_bytes())),
        4 => packed.extend(column.iter().flat_map(|cell| (code(cell) as u32).to_le_bytes())),
        _ => {
            let bytes: Vec<u8> = column.iter().flat_map(|cell| cell.to_le_bytes()).collect();
            packed.extend_from_slice(&lz4_flex::block::compress(&bytes));
        }
    }
    let bytes = (packed.len() - start - HEAD) as u64;
    packed[start + HEAD - 8..start + HEAD].copy_from_slice(&bytes.to_le_bytes());
}

/// A column that `pack` wrote.
struct Packed<'a> {
    width: u8,
    low: Cell,
    bytes: &'a [u8],
}

impl<'a> Packed<'a> {
    /// The first one of some, and the others.
    fn of(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let number = |at: usize| head[at..at + 8].try_into().ok().map(u64::from_le_bytes);
        let (bytes, rest) = rest.split_at_checked(number(9)? as usize)?;
        Some((Self { width: head[0], low: number(1)? as Cell, bytes }, rest))
    }

    /// Its cells.
    fn cells(&self, rows: usize) -> Option<Vec<Cell>> {
        let cell = |code: u64| if code == 0 { UNKNOWN } else { self.low.wrapping_add_unsigned(code - 1) };
        let cells: Vec<Cell> = match self.width {
            1 => self.bytes.iter().map(|byte| cell(u64::from(*byte))).collect(),
            2 => self.bytes.as_chunks().0.iter().map(|bytes| cell(u64::from(u16::from_le_bytes(*bytes)))).collect(),
            4 => self.bytes.as_chunks().0.iter().map(|bytes| cell(u64::from(u32::from_le_bytes(*bytes)))).collect(),
            8 => {
                lz4_flex::block::decompress(self.bytes, rows * size_of::<Cell>()).ok()?.as_chunks().0.iter().map(|bytes| Cell::from_le_bytes(*bytes)).collect()
            }
            _ => return None,
        };
        (cells.len() == rows).then_some(cells)
    }
}

fn damaged() -> Error {
    Error::bug("features of a shard: other bytes than were written")
}

impl FeatureRows {
    /// Room for rows of `width` cells of the customers of shards that begin at `starts`.
    pub(super) fn new(width: usize, starts: Vec<usize>, memory: &Allowance, scratch: Scratch<'_>) -> Self {
        Self { shards: Partition::new("collect features", starts.len() - 1, &share_of(memory), scratch), starts, width }
    }

    /// Keeps the rows of a shard: packed, column after column, as the numbers of one feature are like each other.
    pub(super) fn put(&self, shard: usize, cells: &[Cell]) -> Result<()> {
        let (width, mut packed) = (self.width.max(1), Vec::new());
        let mut columns: [Vec<Cell>; AT_ONCE] = std::array::from_fn(|_| Vec::with_capacity(cells.len() / width));
        for first in (0..self.width).step_by(AT_ONCE) {
            columns.iter_mut().for_each(Vec::clear);
            for row in cells.chunks_exact(width) {
                columns.iter_mut().zip(&row[first..]).for_each(|(column, cell)| column.push(*cell));
            }
            columns.iter().take(self.width - first).for_each(|column| pack(column, &mut packed));
        }
        packed.shrink_to_fit();
        self.shards.add(shard, packed)
    }

    /// The cells of a shard in the columns of which `wanted` holds.
    fn columns_of(&self, shard: usize, wanted: impl Fn(usize) -> bool) -> Result<Vec<Vec<Cell>>> {
        let packed = self.shards.read(shard)?;
        let (mut rest, mut columns) = (packed.as_slice(), Vec::new());
        // Nothing was put of a shard that nobody asked for.
        for place in 0..if packed.is_empty() { 0 } else { self.width } {
            let column;
            (column, rest) = Packed::of(rest).ok_or_else(damaged)?;
            if wanted(place) {
                columns.push(column.cells(self.customers(shard).len()).ok_or_else(damaged)?);
            }
        }
        if rest.is_empty() { Ok(columns) } else { Err(damaged()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns whose cells take one, two, four and eight bytes, at the edges of each; all unknown, and none.
    #[test]
    fn columns_come_back() {
        let wide = [UNKNOWN + 1, 0, UNKNOWN, Cell::MAX];
        let columns: [&[Cell]; 8] = [
            &[7, UNKNOWN, 7 + 0xFE, 8],
            &[-7, UNKNOWN, 0xFF - 7, 8],
            &[5, 5 + 0xFFFE],
            &[5, UNKNOWN, 5 + 0xFFFF],
            &[-1, 0xFFFF_FFFD],
            &[-1, 0xFFFF_FFFE, UNKNOWN],
            &wide,
            &[UNKNOWN, UNKNOWN],
        ];
        let mut packed = Vec::new();
        columns.iter().for_each(|column| pack(column, &mut packed));
        pack(&[], &mut packed);
        let (mut rest, mut widths) = (packed.as_slice(), Vec::new());
        for column in columns {
            let (first, others) = Packed::of(rest).expect("a column");
            assert_eq!(first.cells(column.len()).as_deref(), Some(column));
            assert_eq!(first.cells(column.len() + 1), None);
            widths.push(first.width);
            rest = others;
        }
        assert_eq!(widths, [1, 2, 2, 4, 4, 8, 8, 1]);
        assert_eq!(Packed::of(rest).map(|(last, rest)| (last.cells(0), rest.len())), Some((Some(Vec::new()), 0)));
        assert!(Packed::of(&packed[..HEAD + 3]).is_none());
    }
}
