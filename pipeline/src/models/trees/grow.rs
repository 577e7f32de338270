//! One tree: leaves are split where it gains most, until there are as many as may be.

use rayon::prelude::*;

use super::Params;
use super::bins::{BINS, Bins, UNKNOWN};
use super::sums::{Packed, Sum, Sums};
use super::tree::{Node, Question, Set, Tree};
use crate::config::RawDirection;

/// Rows with their bins, and what is learnt from.
pub struct Ground<'a> {
    pub bins: &'a Bins,
    /// Bins row by row.
    pub binned: &'a [u8],
    pub packed: &'a Packed,
    pub params: &'a Params,
    /// By column, which way scores may go; empty where they may go any.
    pub monotone: &'a [Option<RawDirection>],
}

/// What a leaf may be worth, before the rate: at least and at most.
pub type Bounds = [f64; 2];

/// Any.
pub const ANY: Bounds = [f64::NEG_INFINITY, f64::INFINITY];

/// Where a leaf may be split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    pub gain: f64,
    pub node: Node,
    /// The sum of the rows to the left.
    pub left: Sum,
}

/// A leaf in the making.
struct Leaf {
    /// Its rows: a range of all.
    from: usize,
    to: usize,
    sum: Sum,
    sums: Sums,
    split: Option<Split>,
    bounds: Bounds,
    /// Where its number stands: node and side; none for the root.
    parent: Option<(usize, usize)>,
}

/// Puts the rows that go left before the others, each in their order, and says how many they are: without a branch, as no processor could guess it.
fn parted(rows: &mut [u32], goes_left: impl Fn(u32) -> bool) -> usize {
    let mut right = vec![0; rows.len()];
    let (mut lefts, mut rights) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let is_left = usize::from(goes_left(row));
        // Of those that went left there are never more than were looked at.
        rows[lefts] = row;
        right[rights] = row;
        lefts += is_left;
        rights += 1 - is_left;
    }
    rows[lefts..].copy_from_slice(&right[..rights]);
    lefts
}

impl Ground<'_> {
    /// Grows a tree; `rows` are all rows, and end up in the order of leaves. With it, where each leaf's rows end.
    pub fn grow(&self, rows: &mut [u32]) -> (Tree, Vec<usize>) {
        let mut tree = Tree::default();
        let root = self.leaf((0, rows.len()), self.packed.sum(rows), self.sums(rows), (ANY, None));
        let mut leaves = vec![root];
        while leaves.len() < self.params.leaves {
            let gain = |leaf: &Leaf| leaf.split.map_or(0.0, |split| split.gain);
            // The first of the best: which leaves there are does not depend on threads, nor does their order.
            let best = (0..leaves.len()).fold(0, |best, place| if gain(&leaves[place]) > gain(&leaves[best]) { place } else { best });
            let Some(split) = leaves[best].split else { break };
            let leaf = leaves.swap_remove(best);
            leaves.extend(self.halves(leaf, split, rows, &mut tree));
        }
        leaves.sort_unstable_by_key(|leaf| leaf.from);
        for (number, leaf) in leaves.iter().enumerate() {
            tree.values.push(self.value(leaf.sum, leaf.bounds) * self.params.rate);
            tree.rows.push((leaf.to - leaf.from) as u32);
            if let Some((node, side)) = leaf.parent {
                tree.nodes[node].children[side] = !(number as i32);
            }
        }
        (tree, leaves.iter().map(|leaf| leaf.to).collect())
    }

    fn sums(&self, rows: &[u32]) -> Sums {
        Sums::of(rows, self.binned, self.bins.width(), self.packed)
    }

    fn leaf(&self, (from, to): (usize, usize), sum: Sum, sums: Sums, (bounds, parent): (Bounds, Option<(usize, usize)>)) -> Leaf {
        let split = self.best(to - from, sum, &sums, bounds);
        Leaf { from, to, sum, sums, split, bounds, parent }
    }

    /// What a leaf is worth, before the rate.
    fn value(&self, sum: Sum, [least, most]: Bounds) -> f64 {
        let [g, h] = self.packed.real(sum);
        (-g / (h + self.params.l2)).clamp(least, most)
    }

    /// The bounds of both halves: where scores may only go one way, all that is left is on one side of all that is right.
    fn bounds_of(&self, column: usize, [left, right]: [Sum; 2], bounds: Bounds) -> [Bounds; 2] {
        let middle = f64::midpoint(self.value(left, bounds), self.value(right, bounds));
        match self.monotone.get(column).copied().flatten() {
            None => [bounds; 2],
            Some(RawDirection::Rising) => [[bounds[0], middle], [middle, bounds[1]]],
            Some(RawDirection::Falling) => [[middle, bounds[1]], [bounds[0], middle]],
        }
    }

    /// Splits a leaf; rows of the smaller half are added up, those of the larger are what is left.
    fn halves(&self, leaf: Leaf, split: Split, rows: &mut [u32], tree: &mut Tree) -> [Leaf; 2] {
        let number = tree.nodes.len();
        if let Some((node, side)) = leaf.parent {
            tree.nodes[node].children[side] = number as i32;
        }
        tree.nodes.push(split.node);
        let (width, column) = (self.bins.width(), split.node.column as usize);
        let middle = leaf.from + parted(&mut rows[leaf.from..leaf.to], |row| split.node.goes_left(self.binned[row as usize * width + column]));
        let (left, right) = rows[leaf.from..leaf.to].split_at(middle - leaf.from);
        let of_right = [leaf.sum[0] - split.left[0], leaf.sum[1] - split.left[1]];
        let (of_left, sums_right) = if left.len() <= right.len() {
            let small = self.sums(left);
            let large = leaf.sums.without(&small);
            (small, large)
        } else {
            let small = self.sums(right);
            (leaf.sums.without(&small), small)
        };
        let [for_left, for_right] = self.bounds_of(column, [split.left, of_right], leaf.bounds);
        [
            self.leaf((leaf.from, middle), split.left, of_left, (for_left, Some((number, 0)))),
            self.leaf((middle, leaf.to), of_right, sums_right, (for_right, Some((number, 1)))),
        ]
    }

    /// The split of a leaf that gains most; none where nothing gains.
    pub fn best(&self, rows: usize, sum: Sum, sums: &Sums, bounds: Bounds) -> Option<Split> {
        let of = |column: usize| self.best_of(column, (rows, sum, bounds), sums.column(column));
        let columns: Vec<Option<Split>> = (0..self.bins.width()).into_par_iter().map(of).collect();
        columns.into_iter().flatten().reduce(|best, next| if next.gain > best.gain { next } else { best })
    }

    /// The same of one column.
    fn best_of(&self, column: usize, (rows, sum, bounds): (usize, Sum, Bounds), bins: &[Sum; BINS]) -> Option<Split> {
        let Params { l2, word_l2, .. } = *self.params;
        let are_words = self.bins.are_words(column);
        let halves = Halves { ground: self, column, rows, sum, bounds, whole: self.worth(sum, bounds, l2), l2: if are_words { l2 + word_l2 } else { l2 } };
        if are_words { halves.of_words(bins) } else { halves.of_numbers(bins) }
    }

    /// What a leaf brings, and its curvature.
    #[inline]
    fn worth(&self, sum: Sum, bounds: Bounds, l2: f64) -> [f64; 2] {
        let [g, h] = self.packed.real(sum);
        if bounds == ANY {
            return [g * g / (h + l2), h];
        }
        let value = self.value(sum, bounds);
        [-value * (2.0 * g + (h + l2) * value), h]
    }
}

/// The ways in which a leaf may be split by one column.
struct Halves<'a> {
    ground: &'a Ground<'a>,
    column: usize,
    rows: usize,
    sum: Sum,
    bounds: Bounds,
    whole: [f64; 2],
    /// Added to the curvature of both halves.
    l2: f64,
}

impl Halves<'_> {
    /// What is gained by this half of the leaf going left; none where that is not more than `least`, or may not be.
    #[inline]
    fn gain(&self, left: Sum, least: f64) -> Option<f64> {
        let Self { ground, rows, sum, bounds, l2, .. } = *self;
        let right = [sum[0] - left[0], sum[1] - left[1]];
        let [whole, curvature] = self.whole;
        let ([of_left, h_left], [of_right, h_right]) = (ground.worth(left, bounds, l2), ground.worth(right, bounds, l2));
        let gain = of_left + of_right - whole;
        // Rows are counted by curvature, as LightGBM does.
        let enough = |h: f64| h >= ground.params.leaf_curvature_min && h / curvature * rows as f64 >= ground.params.leaf_rows_min;
        (gain > least && enough(h_left) && enough(h_right) && self.may_part(left, right)).then_some(gain)
    }

    fn may_part(&self, left: Sum, right: Sum) -> bool {
        let Some(direction) = self.ground.monotone.get(self.column).copied().flatten() else { return true };
        let [left, right] = [left, right].map(|sum| self.ground.value(sum, self.bounds));
        if direction == RawDirection::Rising { left <= right } else { left >= right }
    }

    fn split(&self, gain: f64, question: Question, left: Sum) -> Split {
        Split { gain, node: Node { column: self.column as u16, question, children: [0; 2] }, left }
    }

    /// Numbers: after which bin, and to which side unknown values go.
    fn of_numbers(&self, bins: &[Sum; BINS]) -> Option<Split> {
        let mut best: Option<Split> = None;
        let unknown = bins[UNKNOWN as usize];
        let mut left = [0, 0];
        // After the last bin all known values are left, and unknown ones right.
        for (bin, of_bin) in bins.iter().enumerate().take(self.ground.bins.count(self.column)).skip(1) {
            left = plus(left, *of_bin);
            for unknown_left in [false, true] {
                let left = if unknown_left { plus(left, unknown) } else { left };
                // Where none is unknown, one that will be goes to where most go.
                if unknown == [0, 0] && unknown_left != self.are_most(left) {
                    continue;
                }
                if let Some(gain) = self.gain(left, best.map_or(self.ground.params.gain_min, |best| best.gain)) {
                    best = Some(self.split(gain, Question::UpTo { bin: bin as u8, unknown_left }, left));
                }
            }
        }
        best
    }

    /// Words, of which unknown ones are one more: which of them go left. The best two groups stand one after the other where words are in the order of what
    /// they are worth.
    ///
    /// Source: Fisher (1958), On Grouping for Maximum Homogeneity, Journal of the American Statistical Association 53:284; Ke et al. (2017).
    fn of_words(&self, bins: &[Sum; BINS]) -> Option<Split> {
        let worth = |bin: u8| {
            let [g, h] = self.ground.packed.real(bins[bin as usize]);
            g / (h + self.l2)
        };
        let mut order: Vec<(f64, u8)> = (0..=u8::MAX).filter(|bin| bins[*bin as usize] != [0, 0]).map(|bin| (worth(bin), bin)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut best: Option<(f64, usize, Sum)> = None;
        let mut left = [0, 0];
        for (place, (_, bin)) in order.iter().enumerate() {
            left = plus(left, bins[*bin as usize]);
            if let Some(gain) = self.gain(left, best.map_or(self.ground.params.gain_min, |best| best.0)) {
                best = Some((gain, place + 1, left));
            }
        }
        let (gain, count, left) = best?;
        // Words that no row here has go to where most go.
        let others = (0..=u8::MAX).filter(|bin| bins[*bin as usize] == [0, 0] && self.are_most(left));
        let goes_left = Set::of(order[..count].iter().map(|(_, bin)| *bin).chain(others));
        Some(self.split(gain, Question::Among { bins: goes_left }, left))
    }

    /// Whether most rows go left.
    fn are_most(&self, left: Sum) -> bool {
        left[1] >= self.sum[1] - left[1]
    }
}

fn plus(a: Sum, b: Sum) -> Sum {
    [a[0] + b[0], a[1] + b[1]]
}
