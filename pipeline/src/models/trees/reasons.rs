//! What each column adds to a row's score: exact Shapley values of trees. A column that is not asked about sends a row to both sides of its questions, by the
//! share of training rows that went there.
//!
//! To a set of columns a leaf is worth its value times a factor of each column on its way: 1 or 0 where the column is known and the row goes there or not,
//! else the share of rows that do. A Shapley value is the integral, over t from 0 to 1, of what a column adds where every other one is known with chance t:
//! of a product of factors that are linear in t, which some Gauss-Legendre points integrate exactly.
//!
//! Sources: Lundberg et al. (2020), From Local Explanations to Global Understanding with Explainable AI for Trees, Nature Machine Intelligence 2, Algorithm 1
//! (what is explained); Owen (1972), Multilinear Extensions of Games, Management Science 18:5, equation 7 (the integral).

use super::Trees;
use super::tree::Tree;

/// What explains a model's scores.
pub struct Reasons<'a> {
    trees: Vec<Explained<'a>>,
    start: f64,
    means: f64,
}

/// A tree that is explained.
struct Explained<'a> {
    tree: &'a Tree,
    /// By node, the share of its rows that went left.
    left: Vec<f64>,
    /// Points that its longest way needs.
    points: usize,
}

impl Trees {
    /// What explains scores.
    pub fn reasons(&self) -> Reasons<'_> {
        let (trees, means): (Vec<_>, Vec<_>) = self.trees.iter().map(Explained::of).unzip();
        Reasons { trees, start: self.start, means: means.iter().sum() }
    }
}

impl Reasons<'_> {
    /// The mean score of the rows that were learnt from, where all start from the mean of the targets: with what its columns add, that of a row.
    pub fn base(&self) -> f64 {
        self.start + self.means
    }

    /// What trees added to the scores of the rows that were learnt from, in the mean.
    pub fn mean_added(&self) -> f64 {
        self.means
    }

    /// Adds to `parts`, row by row, what each column adds to the scores of rows, whose bins stand row by row; a row has `width` columns.
    pub fn add(&self, bins: &[u8], width: usize, parts: &mut [f64]) {
        for explained in &self.trees {
            match explained.points {
                0 => {}
                1..=2 => Walk::<2>::new(explained, width).rows(bins, parts),
                3..=4 => Walk::<4>::new(explained, width).rows(bins, parts),
                5..=6 => Walk::<6>::new(explained, width).rows(bins, parts),
                7..=8 => Walk::<8>::new(explained, width).rows(bins, parts),
                9..=12 => Walk::<12>::new(explained, width).rows(bins, parts),
                13..=16 => Walk::<16>::new(explained, width).rows(bins, parts),
                _ => Walk::<128>::new(explained, width).rows(bins, parts),
            }
        }
    }
}

impl<'a> Explained<'a> {
    /// And the mean value of its leaves over training rows.
    fn of(tree: &'a Tree) -> (Self, f64) {
        let rows_of = |child: i32, below: &[f64]| if child < 0 { f64::from(tree.rows[!child as usize]) } else { below[child as usize] };
        // Children come after their parents.
        let (mut rows, mut left) = (vec![0.0; tree.nodes.len()], vec![0.0; tree.nodes.len()]);
        for (place, node) in tree.nodes.iter().enumerate().rev() {
            let [of_left, of_right] = node.children.map(|child| rows_of(child, &rows));
            rows[place] = of_left + of_right;
            left[place] = of_left / rows[place];
        }
        let all: f64 = tree.rows.iter().map(|rows| f64::from(*rows)).sum();
        let mean = tree.values.iter().zip(&tree.rows).map(|(value, rows)| value * f64::from(*rows)).sum::<f64>() / all;
        let points = if tree.nodes.is_empty() { 0 } else { longest(tree, 0, &mut Vec::new()).div_ceil(2) };
        (Self { tree, left, points }, mean)
    }
}

/// The most distinct columns on a way from a node to a leaf, `above` it included.
fn longest(tree: &Tree, at: i32, above: &mut Vec<u16>) -> usize {
    let Ok(place) = usize::try_from(at) else { return above.len() };
    let node = &tree.nodes[place];
    let is_new = !above.contains(&node.column);
    if is_new {
        above.push(node.column);
    }
    let most = node.children.into_iter().map(|child| longest(tree, child, above)).max().unwrap_or_default();
    if is_new {
        above.pop();
    }
    most
}

/// What is known of a column on the way to a node.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Factor {
    /// 1 where the row goes the whole way, else 0.
    goes: f64,
    /// Share of rows that do.
    share: f64,
}

const NOT_ASKED: Factor = Factor { goes: 1.0, share: 1.0 };

/// One over its factor, for one way through a question that is the first about its column.
type First<const N: usize> = [[f64; N]; 2];

/// Walks rows through a tree, all leaves of it.
struct Walk<'a, const N: usize> {
    explained: &'a Explained<'a>,
    points: [f64; N],
    weights: [f64; N],
    /// By node and side: factors at the points of who goes there, and one over these.
    first: Vec<[First<N>; 2]>,
    /// By column.
    factors: Vec<Factor>,
}

impl<'a, const N: usize> Walk<'a, N> {
    fn new(explained: &'a Explained<'a>, width: usize) -> Self {
        let (points, weights) = gauss_legendre();
        let first = |left: &f64| {
            [*left, 1.0 - left].map(|share| {
                let factor = at_points(&points, Factor { goes: 1.0, share });
                [factor, factor.map(f64::recip)]
            })
        };
        Self { explained, points, weights, first: explained.left.iter().map(first).collect(), factors: vec![NOT_ASKED; width] }
    }

    fn rows(&mut self, bins: &[u8], parts: &mut [f64]) {
        let width = self.factors.len();
        for (bins, parts) in bins.chunks_exact(width).zip(parts.chunks_exact_mut(width)) {
            self.walk(0, &[1.0; N], (bins, parts));
        }
    }

    /// By point, the worth of all leaves below a node, given the product of factors above it.
    fn walk(&mut self, at: i32, product: &[f64; N], (bins, parts): (&[u8], &mut [f64])) -> [f64; N] {
        let Ok(place) = usize::try_from(at) else {
            let value = self.explained.tree.values[!at as usize];
            return std::array::from_fn(|point| value * self.weights[point] * product[point]);
        };
        let node = &self.explained.tree.nodes[place];
        let column = node.column as usize;
        let goes_left = node.goes_left(bins[column]);
        let left = self.explained.left[place];
        let (above, mut sum) = (self.factors[column], [0.0; N]);
        let of_above = (above != NOT_ASKED).then(|| at_points(&self.points, above).map(f64::recip));
        for (side, child) in node.children.into_iter().enumerate() {
            let goes = goes_left == (side == 0);
            let factor = Factor { goes: if goes { above.goes } else { 0.0 }, share: above.share * if side == 0 { left } else { 1.0 - left } };
            let [here, one_over] = match of_above {
                None if goes => self.first[place][side],
                _ => {
                    let here = at_points(&self.points, factor);
                    [here, here.map(f64::recip)]
                }
            };
            let below = match of_above {
                None => std::array::from_fn(|point| product[point] * here[point]),
                Some(of_above) => std::array::from_fn(|point| product[point] * here[point] * of_above[point]),
            };
            self.factors[column] = factor;
            let worth = self.walk(child, &below, (bins, parts));
            // What the questions above said of the column is said better here.
            parts[column] += (factor.goes - factor.share) * dot(&worth, &one_over);
            if let Some(of_above) = of_above {
                parts[column] -= (above.goes - above.share) * dot(&worth, &of_above);
            }
            sum.iter_mut().zip(worth).for_each(|(sum, worth)| *sum += worth);
        }
        self.factors[column] = above;
        sum
    }
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn at_points<const N: usize>(points: &[f64; N], Factor { goes, share }: Factor) -> [f64; N] {
    points.map(|t| share + (goes - share) * t)
}

/// Points and weights that integrate polynomials up to degree 2 N - 1 from 0 to 1 exactly: roots of the Legendre polynomial of degree N, by Newton's steps.
fn gauss_legendre<const N: usize>() -> ([f64; N], [f64; N]) {
    let (mut points, mut weights) = ([0.0; N], [0.0; N]);
    for (place, (point, weight)) in points.iter_mut().zip(&mut weights).enumerate() {
        let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (N as f64 + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..20 {
            let (mut before, mut here) = (1.0, x);
            for degree in 2..=N {
                let degree = degree as f64;
                (before, here) = (here, ((2.0 * degree - 1.0) * x * here - (degree - 1.0) * before) / degree);
            }
            slope = N as f64 * (x * here - before) / (x * x - 1.0);
            x -= here / slope;
        }
        *point = f64::midpoint(1.0, x);
        *weight = 1.0 / ((1.0 - x * x) * slope * slope);
    }
    (points, weights)
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Node, Question, Set};
    use super::*;

    /// What a tree is worth to a row of which the columns of a set are known: Lundberg et al. (2020), Algorithm 1.
    fn worth(tree: &Tree, at: i32, bins: &[u8], known: usize) -> f64 {
        let Ok(place) = usize::try_from(at) else { return tree.values[!at as usize] };
        let node = &tree.nodes[place];
        let of = |side: usize| worth(tree, node.children[side], bins, known);
        if known >> node.column & 1 == 1 {
            return of(usize::from(!node.goes_left(bins[node.column as usize])));
        }
        fn rows(tree: &Tree, at: i32) -> f64 {
            usize::try_from(at)
                .map_or_else(|_| f64::from(tree.rows[!at as usize]), |place| tree.nodes[place].children.map(|child| rows(tree, child)).iter().sum())
        }
        let share = rows(tree, node.children[0]) / rows(tree, at);
        share * of(0) + (1.0 - share) * of(1)
    }

    /// Shapley values over all sets of columns: Shapley (1953), A Value for n-Person Games.
    fn by_brute_force(tree: &Tree, bins: &[u8]) -> Vec<f64> {
        let width = bins.len();
        let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
        let part = |column: usize| {
            let others = (0..1usize << width).filter(|set| set >> column & 1 == 0);
            let one = |set: usize| {
                let size = set.count_ones() as usize;
                let weight = factorial(size) * factorial(width - 1 - size) / factorial(width);
                weight * (worth(tree, 0, bins, set | 1 << column) - worth(tree, 0, bins, set))
            };
            others.map(one).sum()
        };
        (0..width).map(part).collect()
    }

    /// A tree that asks columns 0, 1, 2 in any order, 0 again and again, and unknown values of 1 to the left; once it asks for some bins of 1.
    fn tree() -> Tree {
        let node = |column, bin, unknown_left, children| Node { column, question: Question::UpTo { bin, unknown_left }, children };
        let nodes = vec![
            node(0, 5, false, [1, 2]),
            node(1, 3, true, [3, !2]),
            node(2, 7, false, [!3, 4]),
            node(0, 2, true, [!0, !1]),
            node(0, 9, false, [5, !6]),
            Node { column: 1, question: Question::Among { bins: Set::of([0, 2, 9, 255]) }, children: [!4, !5] },
        ];
        Tree { nodes, values: vec![0.3, -1.2, 0.7, 2.0, -0.4, 0.9, -2.5], rows: vec![40, 7, 13, 5, 22, 3, 10] }
    }

    #[test]
    fn parts_are_those_of_brute_force_and_add_up() {
        let trees = Trees { objective: super::super::Objective::Chance, start: 0.25, trees: vec![tree(), tree()] };
        let reasons = trees.reasons();
        // By hand: the mean value over 100 rows is (12 - 8.4 + 9.1 + 10 - 8.8 + 2.7 - 25) / 100.
        assert!((reasons.base() - (0.25 - 2.0 * 0.084)).abs() < 1e-12, "{}", reasons.base());
        for bins in [[0, 0, 0, 0], [1, 2, 7, 1], [4, 4, 8, 9], [6, 9, 9, 3], [8, 3, 200, 0], [10, 0, 8, 5], [255, 255, 255, 255]] {
            let mut parts = [0.0; 4];
            reasons.add(&bins, 4, &mut parts);
            let expected = by_brute_force(&tree(), &bins);
            parts.iter().zip(&expected).for_each(|(part, one)| assert!((part - 2.0 * one).abs() < 1e-12, "{bins:?}: {parts:?}, by brute force {expected:?}"));
            let score = 0.25 + 2.0 * tree().value(|column| bins[column]);
            assert!((reasons.base() + parts.iter().sum::<f64>() - score).abs() < 1e-12, "{bins:?}");
            assert_eq!(parts[3], 0.0);
        }
    }

    /// Of a question that comes once, the part is the leaf less the mean; points integrate as they promise.
    #[test]
    fn points_are_exact() {
        let (points, weights) = gauss_legendre::<6>();
        for degree in 0..12 {
            let sum: f64 = points.iter().zip(weights).map(|(point, weight)| weight * point.powi(degree)).sum();
            assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "{degree}: {sum}");
        }
        let (points, weights) = gauss_legendre::<128>();
        let sum: f64 = points.iter().zip(weights).map(|(point, weight)| weight * point.powi(255)).sum();
        assert!((sum - 1.0 / 256.0).abs() < 1e-14, "{sum}");
    }
}
