//! What each column adds to a row's score: exact Shapley values of trees. A column that is not asked about sends a row to both sides of its questions, by the
//! share of training rows that went there.
//!
//! To a set of columns a leaf is worth its value times a factor of each column on its way: 1 or 0 where the column is known and the row goes there or not,
//! else the share of rows that do. A Shapley value is the integral, over t from 0 to 1, of what a column adds where every other one is known with chance t:
//! of a product of factors that are linear in t, which some Gauss-Legendre points integrate exactly. It depends on the row only by which columns of the leaf
//! it goes with: where these are few, what they add is known for each case before any row is asked about.
//!
//! Sources: Lundberg et al. (2020), From Local Explanations to Global Understanding with Explainable AI for Trees, Nature Machine Intelligence 2, Algorithm 1
//! (what is explained); Owen (1972), Multilinear Extensions of Games, Management Science 18:5, equation 7 (the integral); Yang (2021), Fast TreeSHAP, arXiv
//! 2109.09847, section 3.2 (cases that are known before).

use super::Trees;
use super::bins::UNKNOWN;
use super::tree::{Set, Tree};

/// What explains a model's scores.
pub struct Reasons {
    leaves: Vec<Leaf>,
    start: f64,
    means: f64,
}

/// So many numbers are known of all cases of leaves together, those of the fewest columns first: 32 MiB.
const KNOWN_MAX: usize = 4 << 20;

/// Of more columns no cases are known.
const COLUMNS_MAX: usize = 12;

/// A leaf that is explained.
struct Leaf {
    value: f64,
    /// The columns on its way, each once.
    asked: Vec<Asked>,
    /// By column on its way: the bins that go it, once more.
    goes: Vec<Goes>,
    /// Points and weights that integrate what they add.
    points: Vec<[f64; 2]>,
    /// By case, what each column adds; a case has a bit for each column that goes its way. Empty where there are too many columns.
    known: Vec<f64>,
}

/// Bins that go a way, as many rows are asked at once.
#[derive(Debug, Clone, Copy)]
enum Goes {
    /// From one to another, and that of unknown values or not.
    Between { first: u8, last: u8, unknown: bool },
    /// Any.
    Among(Set),
}

impl Goes {
    fn of(set: Set) -> Self {
        let known = || (0..=u8::MAX).filter(|bin| *bin != UNKNOWN && set.holds(*bin));
        match (known().next(), known().next_back()) {
            (Some(first), Some(last)) if known().count() == usize::from(last - first) + 1 => Self::Between { first, last, unknown: set.holds(UNKNOWN) },
            _ => Self::Among(set),
        }
    }

    /// Sets a bit of the cases of those rows whose bins go the way.
    fn mark(&self, bins: &[u8], bit: u16, cases: &mut [u16]) {
        let each = bins.iter().zip(cases);
        match *self {
            Self::Between { first, last, unknown: false } => {
                each.for_each(|(bin, case)| *case |= if bin.wrapping_sub(first) <= last - first { bit } else { 0 });
            }
            Self::Between { first, last, unknown: true } => {
                each.for_each(|(bin, case)| *case |= if bin.wrapping_sub(first) <= last - first || *bin == UNKNOWN { bit } else { 0 });
            }
            Self::Among(set) => each.for_each(|(bin, case)| *case |= if set.holds(*bin) { bit } else { 0 }),
        }
    }
}

/// A column on the way to a leaf.
#[derive(Debug, Clone, Copy)]
struct Asked {
    column: u16,
    /// The bins that go the whole way.
    goes: Set,
    /// Share of training rows that do.
    share: f64,
}

impl Trees {
    /// What explains scores.
    pub fn reasons(&self) -> Reasons {
        let mut leaves = Vec::new();
        let means = self.trees.iter().map(|tree| explain(tree, &mut leaves)).sum();
        let most = most_columns(&leaves);
        leaves.iter_mut().filter(|leaf| leaf.asked.len() <= most).for_each(Leaf::know);
        Reasons { leaves, start: self.start, means }
    }
}

/// The columns up to which all cases of leaves can be known.
fn most_columns(leaves: &[Leaf]) -> usize {
    let mut numbers = 0;
    let fits = |columns: &usize| {
        numbers += leaves.iter().filter(|leaf| leaf.asked.len() == *columns).count() * (columns << columns);
        numbers <= KNOWN_MAX
    };
    (1..=COLUMNS_MAX).take_while(fits).last().unwrap_or_default()
}

impl Reasons {
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
        let (mut some, rows) = (Cases::default(), bins.len() / width);
        let (mut columns, mut cases) = (vec![0; bins.len()], vec![0; rows]);
        for (row, bins) in bins.chunks_exact(width).enumerate() {
            bins.iter().enumerate().for_each(|(column, bin)| columns[column * rows + row] = *bin);
        }
        for leaf in &self.leaves {
            macro_rules! add {
                ($($columns:literal)*) => {
                    match leaf.asked.len() {
                        _ if leaf.known.is_empty() => leaf.add(bins, width, (&mut some, parts)),
                        $($columns => leaf.add_known::<$columns>((&columns, &mut cases), width, parts),)*
                        _ => {}
                    }
                };
            }
            add!(1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }
}

/// Adds the leaves of a tree to `leaves`; returns the mean value over training rows.
fn explain(tree: &Tree, leaves: &mut Vec<Leaf>) -> f64 {
    let rows_of = |child: i32, below: &[f64]| if child < 0 { f64::from(tree.rows[!child as usize]) } else { below[child as usize] };
    // Children come after their parents.
    let mut rows = vec![0.0; tree.nodes.len()];
    for (place, node) in tree.nodes.iter().enumerate().rev() {
        rows[place] = node.children.map(|child| rows_of(child, &rows)).iter().sum();
    }
    let all: f64 = tree.rows.iter().map(|rows| f64::from(*rows)).sum();
    if !tree.nodes.is_empty() {
        let share = |at: i32, parent: usize| rows_of(at, &rows) / rows[parent];
        ways(tree, 0, (&share, &mut Vec::new()), leaves);
    }
    tree.values.iter().zip(&tree.rows).map(|(value, rows)| value * f64::from(*rows)).sum::<f64>() / all
}

/// Adds the leaves below a node, to which the way asks about `way`.
fn ways(tree: &Tree, at: i32, (share, way): (&dyn Fn(i32, usize) -> f64, &mut Vec<Asked>), leaves: &mut Vec<Leaf>) {
    let Ok(place) = usize::try_from(at) else { return leaves.push(Leaf::new(tree.values[!at as usize], way.clone())) };
    let node = &tree.nodes[place];
    let before = way.clone();
    for (side, child) in node.children.into_iter().enumerate() {
        let here = Set::of((0..=u8::MAX).filter(|bin| node.goes_left(*bin) == (side == 0)));
        let share_here = share(child, place);
        match way.iter_mut().find(|asked| asked.column == node.column) {
            Some(asked) => *asked = Asked { goes: asked.goes.both(&here), share: asked.share * share_here, ..*asked },
            None => way.push(Asked { column: node.column, goes: here, share: share_here }),
        }
        ways(tree, child, (share, way), leaves);
        way.clone_from(&before);
    }
}

/// So many cases are found out at once.
const CASES: usize = 8;

/// What columns add in some cases, while it is found out.
#[derive(Default)]
struct Cases {
    /// By column: 1 where it goes the leaf's way, else 0.
    goes: Vec<[f64; CASES]>,
    /// By column: the factors of those before it.
    before: Vec<[f64; CASES]>,
    /// By column: what it adds.
    added: Vec<[f64; CASES]>,
}

impl Leaf {
    fn new(value: f64, asked: Vec<Asked>) -> Self {
        let goes = asked.iter().map(|asked| Goes::of(asked.goes)).collect();
        Self { value, points: gauss_legendre(asked.len().div_ceil(2)), asked, goes, known: Vec::new() }
    }

    /// Finds out what columns add in every case.
    fn know(&mut self) {
        let (mut some, all) = (Cases::default(), 1usize << self.asked.len());
        for first in (0..all).step_by(CASES) {
            self.find(&mut some, |case, place, _| (first + case) >> place & 1 == 1);
            (0..CASES.min(all)).for_each(|case| self.known.extend(some.added.iter().map(|added| added[case])));
        }
    }

    /// What each of its columns adds in some cases, where those go its way of which `goes` holds, by case.
    fn find(&self, Cases { goes, before, added }: &mut Cases, is_going: impl Fn(usize, usize, &Asked) -> bool) {
        goes.clear();
        let each = |(place, asked): (usize, &Asked)| std::array::from_fn(|case| f64::from(u8::from(is_going(case, place, asked))));
        goes.extend(self.asked.iter().enumerate().map(each));
        added.clear();
        added.resize(self.asked.len(), [0.0; CASES]);
        for [t, weight] in &self.points {
            let factor = |goes: f64, share: f64| share + (goes - share) * t;
            // All factors but that of the column: those before it, and those after it.
            before.clear();
            let mut product = [weight * self.value; CASES];
            for (goes, asked) in goes.iter().zip(&self.asked) {
                before.push(product);
                product = std::array::from_fn(|case| product[case] * factor(goes[case], asked.share));
            }
            let mut after = [1.0; CASES];
            for (((added, before), goes), asked) in added.iter_mut().zip(before.iter()).zip(goes.iter()).zip(&self.asked).rev() {
                *added = std::array::from_fn(|case| added[case] + before[case] * after[case] * (goes[case] - asked.share));
                after = std::array::from_fn(|case| after[case] * factor(goes[case], asked.share));
            }
        }
    }

    fn add(&self, bins: &[u8], width: usize, (some, parts): (&mut Cases, &mut [f64])) {
        for (bins, parts) in bins.chunks(width * CASES).zip(parts.chunks_mut(width * CASES)) {
            self.find(some, |case, _, asked| bins.get(case * width + usize::from(asked.column)).is_some_and(|bin| asked.goes.holds(*bin)));
            for (case, parts) in parts.chunks_exact_mut(width).enumerate() {
                self.asked.iter().zip(&some.added).for_each(|(asked, added)| parts[usize::from(asked.column)] += added[case]);
            }
        }
    }

    /// The same of a leaf of `N` columns of which all cases are known; the bins of rows stand column by column. Each column is put to all rows at once.
    fn add_known<const N: usize>(&self, (columns, cases): (&[u8], &mut [u16]), width: usize, parts: &mut [f64]) {
        let (Some(asked), (known, _)) = (self.asked.first_chunk::<N>(), self.known.as_chunks::<N>()) else { return };
        cases.fill(0);
        for (place, (asked, goes)) in asked.iter().zip(&self.goes).enumerate() {
            let bins = &columns[usize::from(asked.column) * cases.len()..];
            goes.mark(&bins[..cases.len()], 1 << place, cases);
        }
        let places: [usize; N] = std::array::from_fn(|place| usize::from(asked[place].column));
        for (case, parts) in cases.iter().zip(parts.chunks_exact_mut(width)) {
            places.iter().zip(&known[usize::from(*case)]).for_each(|(place, added)| parts[*place] += added);
        }
    }
}

/// Points and weights that integrate polynomials up to degree 2 n - 1 from 0 to 1 exactly: roots of the Legendre polynomial of degree n, by Newton's steps.
fn gauss_legendre(n: usize) -> Vec<[f64; 2]> {
    let of = |place: usize| {
        let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..20 {
            let (mut before, mut here) = (1.0, x);
            for degree in 2..=n {
                let degree = degree as f64;
                (before, here) = (here, ((2.0 * degree - 1.0) * x * here - (degree - 1.0) * before) / degree);
            }
            slope = n as f64 * (x * here - before) / (x * x - 1.0);
            x -= here / slope;
        }
        [f64::midpoint(1.0, x), 1.0 / ((1.0 - x * x) * slope * slope)]
    };
    (0..n).map(of).collect()
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

    /// A way that asks about 14 columns, more than of which all cases are known, and leaves it at each for a leaf.
    #[test]
    fn parts_of_long_ways_are_those_of_brute_force() {
        let columns = COLUMNS_MAX as u16 + 2;
        let node = |column: u16| {
            let next = if column + 1 == columns { !i32::from(columns) } else { i32::from(column) + 1 };
            let question = Question::UpTo { bin: 3 + column as u8, unknown_left: column.is_multiple_of(2) };
            Node { column, question, children: if column.is_multiple_of(3) { [next, !i32::from(column)] } else { [!i32::from(column), next] } }
        };
        let value = |leaf: u16| f64::from(leaf * 7 % 5) - 1.7;
        let rows = |leaf: u16| u32::from(3 + leaf * 11 % 13);
        let tree = Tree { nodes: (0..columns).map(node).collect(), values: (0..=columns).map(value).collect(), rows: (0..=columns).map(rows).collect() };
        let reasons = Trees { objective: super::super::Objective::Chance, start: 0.0, trees: vec![tree.clone()] }.reasons();
        assert_eq!(reasons.leaves.iter().filter(|leaf| leaf.known.is_empty()).count(), 3);
        // The second row goes the whole way.
        let all: [[u8; COLUMNS_MAX + 2]; 3] =
            [[0, 9, 9, 2, 1, 255, 20, 9, 12, 0, 200, 14, 15, 17], [3, 255, 9, 6, 9, 9, 9, 255, 12, 12, 14, 255, 15, 17], [255; COLUMNS_MAX + 2]];
        let mut parts = vec![0.0; all.as_flattened().len()];
        reasons.add(all.as_flattened(), columns.into(), &mut parts);
        for (bins, parts) in all.iter().zip(parts.chunks_exact(columns.into())) {
            let expected = by_brute_force(&tree, bins);
            parts.iter().zip(&expected).for_each(|(part, one)| assert!((part - one).abs() < 1e-12, "{bins:?}: {parts:?}, by brute force {expected:?}"));
        }
    }

    /// Of a question that comes once, the part is the leaf less the mean; points integrate as they promise.
    #[test]
    fn points_are_exact() {
        for degree in 0..12 {
            let sum: f64 = gauss_legendre(6).iter().map(|[point, weight]| weight * point.powi(degree)).sum();
            assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "{degree}: {sum}");
        }
        let sum: f64 = gauss_legendre(128).iter().map(|[point, weight]| weight * point.powi(255)).sum();
        assert!((sum - 1.0 / 256.0).abs() < 1e-14, "{sum}");
    }
}
