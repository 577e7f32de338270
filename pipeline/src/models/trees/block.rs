//! Many rows at a time: every question of a tree is put to all rows of a block at once, without a branch, and strikes out the leaves that a row cannot be
//! in; the first one left is its leaf.
//!
//! Source: Lucchese et al. (2015), QuickScorer: a Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees, SIGIR; and (2016)
//! Exploiting CPU SIMD Extensions to Speed-up Document Scoring with Tree Ensembles, SIGIR.

use super::bins::Bins;
use super::tree::{Node, Question, Tree};

/// Rows of a block.
pub const ROWS: usize = 512;
/// Leaves of a tree whose questions are put to all rows at once.
const LEAVES: usize = 64;
/// Leaves of which one byte a row says whether it may be in them.
const PLANE: usize = 8;
/// Bytes that say so of all leaves.
const PLANES: usize = LEAVES / PLANE;

/// Bins of up to `ROWS` rows, by column.
#[derive(Debug, Clone)]
pub struct Block {
    columns: Vec<[u8; ROWS]>,
    row: Vec<u8>,
}

impl Block {
    /// A block of rows without a known value.
    pub fn new(bins: &Bins) -> Self {
        Self { columns: vec![[0; ROWS]; bins.width()], row: vec![0; bins.width()] }
    }

    /// Writes the values of a row.
    pub fn write(&mut self, place: usize, values: &[f64], bins: &Bins) {
        bins.write(values, &mut self.row);
        self.columns.iter_mut().zip(&self.row).for_each(|(column, bin)| column[place] = *bin);
    }

    /// Adds to each row's score what the tree is worth to it.
    pub fn add(&self, tree: &Tree, scores: &mut [f64; ROWS]) {
        if tree.values.len() > LEAVES {
            let bin = |row: usize| move |column: usize| self.columns[column][row];
            scores.iter_mut().enumerate().for_each(|(row, score)| *score += tree.value(bin(row)));
            return;
        }
        let mut left = [[u8::MAX; ROWS]; PLANES];
        for (node, struck) in tree.nodes.iter().zip(struck(tree)) {
            let mut goes_left = [0; ROWS];
            let bins = goes_left.iter_mut().zip(&self.columns[node.column as usize]);
            match node.question {
                Question::UpTo { bin: last, unknown_left } => {
                    // An unknown value is bin 0: less one it is the last of all, and goes right.
                    let (from, to) = if unknown_left { (0, last) } else { (1, last.wrapping_sub(1)) };
                    bins.for_each(|(goes_left, bin)| *goes_left = if bin.wrapping_sub(from) <= to { u8::MAX } else { 0 });
                }
                Question::Among { bins: left } => bins.for_each(|(goes_left, bin)| *goes_left = if left.holds(*bin) { u8::MAX } else { 0 }),
            }
            // Leaves to the left of a node stand together: mostly in one plane.
            let [first, last] = [struck.trailing_zeros(), LEAVES as u32 - 1 - struck.leading_zeros()].map(|leaf| leaf as usize / PLANE);
            for (plane, left) in left.iter_mut().enumerate().take(last + 1).skip(first) {
                let kept = !(struck >> (PLANE * plane)) as u8;
                left.iter_mut().zip(&goes_left).for_each(|(left, goes_left)| *left &= goes_left | kept);
            }
        }
        // The first leaf that is left, from the last plane to the first.
        let planes = tree.values.len().div_ceil(PLANE);
        let (mut place, mut of_plane) = ([(planes - 1) as u8; ROWS], left[planes - 1]);
        for (plane, left) in left[..planes - 1].iter().enumerate().rev() {
            for ((place, of_plane), left) in place.iter_mut().zip(&mut of_plane).zip(left) {
                (*place, *of_plane) = if *left == 0 { (*place, *of_plane) } else { (plane as u8, *left) };
            }
        }
        let mut values = [0.0; LEAVES];
        values[..tree.values.len()].copy_from_slice(&tree.values);
        for ((score, place), of_plane) in scores.iter_mut().zip(place).zip(of_plane) {
            *score += values[(usize::from(place) * PLANE + of_plane.trailing_zeros() as usize) % LEAVES];
        }
    }
}

/// By node, the leaves to its left, which a row that goes right cannot be in: leaves stand from left to right.
fn struck(tree: &Tree) -> [u64; LEAVES] {
    let mut struck = [0; LEAVES];
    let leaves = |child: i32, below: &[u64; LEAVES]| if child < 0 { 1 << !child } else { below[child as usize] };
    // All leaves below a node; children come after their parents.
    let mut below = [0u64; LEAVES];
    for (place, Node { children: [left, right], .. }) in tree.nodes.iter().enumerate().rev() {
        struck[place] = leaves(*left, &below);
        below[place] = struck[place] | leaves(*right, &below);
    }
    struck
}
