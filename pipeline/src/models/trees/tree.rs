//! A grown tree, over bins.

use serde::{Deserialize, Serialize};

use super::bins::UNKNOWN;

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Of which column.
    pub column: u16,
    /// Bins up to this one go left.
    pub bin: u8,
    /// Whether unknown values go left.
    pub unknown_left: bool,
    /// Left and right: the place of a node, or the complement of that of a leaf.
    pub children: [i32; 2],
}

impl Node {
    /// Whether a bin goes left.
    #[inline]
    pub fn goes_left(&self, bin: u8) -> bool {
        if bin == UNKNOWN { self.unknown_left } else { bin <= self.bin }
    }
}

/// Questions and what their answers are worth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The root is the first; none where there is but one leaf.
    pub nodes: Vec<Node>,
    /// By leaf.
    pub values: Vec<f64>,
    /// By leaf: training rows.
    pub rows: Vec<u32>,
}

impl Tree {
    /// What a row is worth, whose bins are told by column.
    #[inline]
    pub fn value(&self, bin: impl Fn(usize) -> u8) -> f64 {
        let mut at = if self.nodes.is_empty() { !0 } else { 0 };
        while at >= 0 {
            let node = &self.nodes[at as usize];
            at = node.children[usize::from(!node.goes_left(bin(node.column as usize)))];
        }
        self.values[!at as usize]
    }
}
