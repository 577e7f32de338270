//! A grown tree, over bins.

use serde::{Deserialize, Serialize};

use super::bins::{BINS, UNKNOWN};

/// Some bins, a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set([u64; BINS / u64::BITS as usize]);

impl Set {
    /// Of these.
    pub fn of(bins: impl IntoIterator<Item = u8>) -> Self {
        let mut set = Self::default();
        bins.into_iter().for_each(|bin| set.0[usize::from(bin) / 64] |= 1 << (bin % 64));
        set
    }

    /// Those that are of another one, too.
    pub fn both(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|place| self.0[place] & other.0[place]))
    }

    /// Whether a bin is one of them.
    #[inline]
    pub fn holds(&self, bin: u8) -> bool {
        self.0[usize::from(bin) / 64] >> (bin % 64) & 1 == 1
    }
}

/// Which bins go left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Question {
    /// Those of numbers up to this one, and of unknown values, or not.
    UpTo {
        /// The last one.
        bin: u8,
        /// Whether unknown values go left.
        unknown_left: bool,
    },
    /// Those of words in the set, where that of unknown ones is one more.
    Among {
        /// The set.
        bins: Set,
    },
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Of which column.
    pub column: u16,
    /// What is asked.
    #[serde(flatten)]
    pub question: Question,
    /// Left and right: the place of a node, or the complement of that of a leaf.
    pub children: [i32; 2],
}

impl Node {
    /// Whether a bin goes left.
    #[inline]
    pub fn goes_left(&self, bin: u8) -> bool {
        match self.question {
            Question::UpTo { unknown_left, .. } if bin == UNKNOWN => unknown_left,
            Question::UpTo { bin: last, .. } => bin <= last,
            Question::Among { bins } => bins.holds(bin),
        }
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
