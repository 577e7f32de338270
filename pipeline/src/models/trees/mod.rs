//! Gradient-boosted trees on histograms: each tree is grown, leaf by leaf, on what the trees before it still miss. Gradients are added as whole numbers,
//! so that a model is the same to the bit for any number of threads.
//!
//! Sources: Friedman (2001), Greedy Function Approximation: A Gradient Boosting Machine, Annals of Statistics 29:5; Chen, Guestrin (2016), XGBoost,
//! KDD, equations 5 and 7 (leaf values, gains, unknown values to the side that gains more); Ke et al. (2017), LightGBM, NIPS (bins, leaves that gain
//! most first, the larger half by subtraction); Shi et al. (2022), Quantized Training of Gradient Boosting Decision Trees, NeurIPS.

mod bins;
mod block;
mod grow;
mod reasons;
mod sums;
mod tree;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::RawDirection;
use crate::error::{Error, Kind, Result};
use crate::models::{ln_one_plus_exp, log_odds, sigmoid};
pub use bins::{Bins, Values, most_frequent};
pub use block::{Block, ROWS};
use grow::Ground;
pub use reasons::Reasons;
use sums::Packed;
use tree::Tree;

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Params {
    /// Most trees.
    pub trees: usize,
    /// Most leaves of a tree.
    pub leaves: usize,
    /// How much of what a tree found is taken.
    pub rate: f64,
    /// Added to the curvature of each leaf.
    pub l2: f64,
    /// Added beside it to what is compared where words are parted: any group of them may go left, so the best one seems better than it is.
    pub word_l2: f64,
    /// Fewest rows of a leaf, as counted by curvature.
    pub leaf_rows_min: f64,
    /// Least curvature of a leaf.
    pub leaf_curvature_min: f64,
    /// Least gain of a split.
    pub gain_min: f64,
    /// After so many trees that make validation no better, the best so far is the model.
    pub patience: usize,
}

/// What a score means, and what is lost by a wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The log-odds of what comes or does not: log-loss.
    Chance,
    /// The logarithm of the mean of a count: Poisson deviance.
    Count,
}

impl Objective {
    /// The mean that a score stands for.
    pub fn mean(self, score: f64) -> f64 {
        match self {
            Objective::Chance => sigmoid(score),
            Objective::Count => score.exp(),
        }
    }

    /// The score of a mean.
    pub fn score(self, mean: f64) -> f64 {
        match self {
            Objective::Chance => log_odds(mean),
            Objective::Count => mean.ln(),
        }
    }

    fn gradient(self, score: f64, target: f64) -> [f64; 2] {
        let mean = self.mean(score);
        match self {
            Objective::Chance => [mean - target, mean * (1.0 - mean)],
            Objective::Count => [mean - target, mean],
        }
    }

    fn loss(self, score: f64, target: f64) -> f64 {
        match self {
            Objective::Chance => ln_one_plus_exp(score) - score * target,
            Objective::Count => score.exp() - score * target,
        }
    }
}

/// Rows as bins, to learn from as often as there is something to learn of them.
#[derive(Debug, Clone)]
pub struct Binned {
    bins: Bins,
    /// Bins row by row.
    rows: Vec<u8>,
}

impl Binned {
    /// The bins of `rows` rows of values, NaN where unknown; `write` gives those of a row, and is asked more than once.
    pub fn new(rows: usize, columns: &[Values], write: impl Fn(usize, &mut [f64]) + Sync) -> Self {
        let (bins, width) = (Bins::learn(rows, columns, &write), columns.len());
        let mut binned = vec![0; rows * width];
        binned.par_chunks_mut(width.max(1)).enumerate().for_each_init(
            || vec![f64::NAN; width],
            |values, (row, binned)| {
                write(row, values);
                bins.write(values, binned);
            },
        );
        Self { bins, rows: binned }
    }

    /// Where columns are cut.
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    fn row(&self, row: u32) -> &[u8] {
        let width = self.bins.width();
        &self.rows[row as usize * width..(row as usize + 1) * width]
    }
}

/// What is to be learnt of rows.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// What came, by row.
    pub targets: &'a [f64],
    /// The score from which each row starts; empty where all start from the mean of the targets in training.
    pub starts: &'a [f64],
    /// Rows to learn from.
    pub training: &'a [u32],
    /// Rows that say when to stop: where they are foretold best. Without any, trees are grown as long as there is something to learn.
    pub validation: &'a [u32],
    /// By column: scores may only rise with its value, or only fall; empty where no column is so.
    pub monotone: &'a [Option<RawDirection>],
}

/// A fitted model, of rows as bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trees {
    objective: Objective,
    /// The score that every row starts from that brings none.
    start: f64,
    trees: Vec<Tree>,
}

/// Rows of a block of the validation loss: a constant, so that the sum has one order whatever the threads.
const BLOCK: usize = 4096;

/// Mean loss of some rows.
fn loss(objective: Objective, rows: &[u32], scores: &[f64], targets: &[f64]) -> f64 {
    let of = |row: &u32| objective.loss(scores[*row as usize], targets[*row as usize]);
    let blocks: Vec<f64> = rows.par_chunks(BLOCK).map(|rows| rows.iter().map(of).sum()).collect();
    blocks.iter().sum::<f64>() / rows.len().max(1) as f64
}

/// Fits trees to rows.
///
/// # Errors
/// `Input` where there is no row to learn from, or none that differs in what came.
pub fn fit(objective: Objective, binned: &Binned, task: &Task<'_>, params: &Params) -> Result<Trees> {
    let Task { targets, starts, training, validation, monotone } = *task;
    let target = |row: &u32| targets[*row as usize];
    let mean = training.iter().map(target).sum::<f64>() / training.len().max(1) as f64;
    if training.iter().all(|row| target(row) == mean) {
        let rows = training.len();
        return Err(Error::new(Kind::Input, format!("boosted trees: expected rows of which some came out otherwise than others, got {rows} rows")));
    }
    let start = objective.score(mean);
    let mut scores = if starts.is_empty() { vec![start; targets.len()] } else { starts.to_vec() };
    let judge = |scores: &[f64]| loss(objective, validation, scores, targets);
    let mut best = (!validation.is_empty()).then(|| (judge(&scores), 0));
    let mut trees: Vec<Tree> = Vec::new();
    let mut order = training.to_vec();
    let mut gradients = vec![[0.0; 2]; targets.len()];
    while trees.len() < params.trees {
        gradients.par_iter_mut().zip(&scores).zip(targets).for_each(|((gradient, score), target)| *gradient = objective.gradient(*score, *target));
        let packed = Packed::new(&gradients);
        // Rows of a leaf stand as they stand in memory, which is read ahead.
        order.copy_from_slice(training);
        let (tree, ends) = Ground { bins: &binned.bins, binned: &binned.rows, packed: &packed, params, monotone }.grow(&mut order);
        if tree.nodes.is_empty() {
            break;
        }
        let mut from = 0;
        for (end, value) in ends.into_iter().zip(&tree.values) {
            order[from..end].iter().for_each(|row| scores[*row as usize] += value);
            from = end;
        }
        validation.iter().for_each(|row| scores[*row as usize] += tree.value(|column| binned.row(*row)[column]));
        trees.push(tree);
        if let Some((least, count)) = &mut best {
            let loss = judge(&scores);
            if loss < *least {
                (*least, *count) = (loss, trees.len());
            }
            if trees.len() >= *count + params.patience {
                break;
            }
        }
    }
    if let Some((_, count)) = best {
        trees.truncate(count);
    }
    Ok(Trees { objective, start, trees })
}

impl Trees {
    /// How many trees there are.
    pub fn len(&self) -> usize {
        self.trees.len()
    }

    /// Whether every row is worth the same.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Scores of the rows of a block, which start from `starts`, or from the mean of the targets.
    pub fn scores(&self, block: &Block, starts: Option<&[f64; ROWS]>) -> [f64; ROWS] {
        let mut scores = starts.copied().unwrap_or([self.start; ROWS]);
        self.trees.iter().for_each(|tree| block.add(tree, &mut scores));
        scores
    }
}

/// What models of one objective foretell of the rows of a block, which start from `starts`: the means of their mean score; None where there is no model.
pub fn mean_of(models: &[Trees], block: &Block, starts: &[f64; ROWS]) -> Option<[f64; ROWS]> {
    let objective = models.first()?.objective;
    let mut sum = [0.0; ROWS];
    for model in models {
        sum.iter_mut().zip(model.scores(block, Some(starts))).for_each(|(sum, score)| *sum += score);
    }
    Some(sum.map(|sum| objective.mean(sum / models.len() as f64)))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::grow::ANY;
    use super::sums::Sums;
    use super::*;

    const PARAMS: Params =
        Params { trees: 1, leaves: 2, rate: 0.5, l2: 1.0, word_l2: 0.0, leaf_rows_min: 1.0, leaf_curvature_min: 1e-3, gain_min: 1e-9, patience: 10 };

    /// Rows of values, and what came.
    #[derive(Default)]
    struct Sample {
        values: Vec<f64>,
        targets: Vec<f64>,
    }

    impl Sample {
        fn and(mut self, more: &Sample) -> Self {
            self.values.extend(&more.values);
            self.targets.extend(&more.targets);
            self
        }
    }

    fn sample(rows: &[(&[f64], f64)]) -> Sample {
        let values = rows.iter().flat_map(|(values, _)| values.iter().copied()).collect();
        Sample { values, targets: rows.iter().map(|(_, target)| *target).collect() }
    }

    /// Trees with the bins of their rows.
    #[derive(Debug, PartialEq)]
    struct Model {
        trees: Trees,
        bins: Bins,
    }

    impl Model {
        fn score(&self, values: &[f64], start: Option<f64>) -> f64 {
            let mut block = Block::new(&self.bins);
            block.write(5, values, &self.bins);
            self.trees.scores(&block, start.map(|start| [start; ROWS]).as_ref())[5]
        }

        fn mean(&self, values: &[f64]) -> f64 {
            self.trees.objective.mean(self.score(values, None))
        }
    }

    fn binned(values: &[f64], width: usize) -> Binned {
        binned_as(&vec![Values::Numbers; width], values)
    }

    fn binned_as(columns: &[Values], values: &[f64]) -> Binned {
        let width = columns.len();
        Binned::new(values.len() / width.max(1), columns, |row, place: &mut [f64]| place.copy_from_slice(&values[row * width..(row + 1) * width]))
    }

    /// Learns from all but the last rows, which say when to stop.
    fn learn(objective: Objective, rows: &Sample, validation: usize, params: &Params) -> Result<Model> {
        let width = rows.values.len() / rows.targets.len().max(1);
        learn_as(&vec![Values::Numbers; width], objective, rows, validation, params)
    }

    fn learn_as(columns: &[Values], objective: Objective, rows: &Sample, validation: usize, params: &Params) -> Result<Model> {
        let count = rows.targets.len();
        let binned = binned_as(columns, &rows.values);
        let all: Vec<u32> = (0..count as u32).collect();
        let (training, validation) = all.split_at(count - validation);
        let trees = fit(objective, &binned, &Task { targets: &rows.targets, starts: &[], training, validation, monotone: &[] }, params)?;
        Ok(Model { trees, bins: binned.bins })
    }

    /// By hand: all start from log-odds 0, gradients are 0.5 and -0.5, curvatures 0.25. Cut between 2 and 3, gains are 1 / 1.5 + 1 / 1.5; leaves are worth
    /// half of -+1 / 1.5.
    #[test]
    fn a_tree_by_hand() {
        let rows = sample(&[(&[7.0, 1.0], 0.0), (&[5.0, 2.0], 0.0), (&[7.0, 3.0], 1.0), (&[5.0, 4.0], 1.0)]);
        let trees = learn(Objective::Chance, &rows, 0, &PARAMS).expect("it differs");
        let score = |values: &[f64]| trees.score(values, None);
        assert_eq!(trees.trees.len(), 1);
        for (values, by_hand) in [([7.0, 2.5], -1.0 / 3.0), ([0.0, 2.6], 1.0 / 3.0), ([9.0, -4.0], -1.0 / 3.0)] {
            assert!((score(&values) - by_hand).abs() < 1e-12, "{values:?}: {}", score(&values));
        }
        // A row that brings its own start keeps it.
        assert!((trees.score(&[7.0, 2.5], Some(2.0)) - (2.0 - 1.0 / 3.0)).abs() < 1e-12);
        // A second tree finds gradients of 1 / (1 + e^(1/3)) = 0.41743, curvatures of 0.24318: it adds 0.5 * 0.83486 / 1.48636.
        let two = learn(Objective::Chance, &rows, 0, &Params { trees: 2, ..PARAMS }).expect("it differs");
        let score = two.score(&[7.0, 4.0], None);
        assert!((score - (1.0 / 3.0 + 0.280_84)).abs() < 2e-5, "{score}");
    }

    /// Rows of three columns with ties and unknown values, and their gradients.
    fn random(rows: usize, seed: u64) -> (Vec<f64>, Vec<[f64; 2]>) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut value = |of: usize| if rng.random::<f64>() < 0.15 { f64::NAN } else { (rng.random::<f64>() * of as f64).floor() };
        let values: Vec<f64> = (0..rows).flat_map(|_| [value(4), value(30), value(1000)]).collect();
        let gradients = (0..rows)
            .map(|_| {
                let mean: f64 = rng.random();
                [mean - f64::from(u8::from(rng.random::<f64>() < 0.4)), mean * (1.0 - mean)]
            })
            .collect();
        (values, gradients)
    }

    /// Every cut of every column, with unknown values on either side, tried one by one on the real gradients.
    #[test]
    fn the_best_split_is_that_of_brute_force() {
        for seed in 0..20 {
            let (values, gradients) = random(200, seed);
            let (Binned { bins, rows: binned }, packed) = (binned(&values, 3), Packed::new(&gradients));
            let rows: Vec<u32> = (0..200).collect();
            let params = Params { leaf_rows_min: 0.0, leaf_curvature_min: 0.0, ..PARAMS };
            let ground = Ground { bins: &bins, binned: &binned, packed: &packed, params: &params, monotone: &[] };
            let found = ground.best(200, packed.sum(&rows), &Sums::of(&rows, &binned, 3, &packed), ANY).expect("something gains");
            let gain_of = |goes_left: &dyn Fn(usize) -> bool| {
                let mut sums = [[0.0; 2]; 2];
                (0..200).for_each(|row| (0..2).for_each(|part| sums[usize::from(goes_left(row))][part] += gradients[row][part]));
                let worth = |[g, h]: [f64; 2]| g * g / (h + 1.0);
                worth(sums[0]) + worth(sums[1]) - worth([sums[0][0] + sums[1][0], sums[0][1] + sums[1][1]])
            };
            let mut best = 0.0f64;
            for column in 0..3 {
                for cut in (0..200).map(|row| values[row * 3 + column]).filter(|cut| !cut.is_nan()) {
                    for unknown_left in [false, true] {
                        let goes_left = |row: usize| {
                            let value = values[row * 3 + column];
                            if value.is_nan() { unknown_left } else { value <= cut }
                        };
                        let count = (0..200).filter(|row| goes_left(*row)).count();
                        best = if count > 0 && count < 200 { best.max(gain_of(&goes_left)) } else { best };
                    }
                }
            }
            let own = gain_of(&|row| found.node.goes_left(binned[row * 3 + found.node.column as usize]));
            assert!((found.gain - best).abs() < 1e-3 && (own - best).abs() < 1e-3, "{seed}: {} {own}, by brute force {best}", found.gain);
        }
    }

    /// Any group of six words and the unknown one, tried one by one on the real gradients.
    #[test]
    fn the_best_group_of_words_is_that_of_brute_force() {
        for seed in 0..20 {
            let (values, gradients) = random(600, seed);
            let words: Vec<f64> = values.chunks(3).map(|row| (row[1] / 5.0).floor()).collect();
            let (Binned { bins, rows: binned }, packed) = (binned_as(&[Values::Words], &words), Packed::new(&gradients));
            let rows: Vec<u32> = (0..600).collect();
            let params = Params { leaf_rows_min: 0.0, leaf_curvature_min: 0.0, l2: 0.0, ..PARAMS };
            let ground = Ground { bins: &bins, binned: &binned, packed: &packed, params: &params, monotone: &[] };
            let found = ground.best(600, packed.sum(&rows), &Sums::of(&rows, &binned, 1, &packed), ANY).expect("something gains");
            let mut sums = [[0.0; 2]; 7];
            let place = |word: f64| if word.is_nan() { 6 } else { word as usize };
            words.iter().zip(&gradients).for_each(|(word, gradient)| (0..2).for_each(|part| sums[place(*word)][part] += gradient[part]));
            let gain_of = |goes_left: &dyn Fn(usize) -> bool| {
                let mut halves = [[0.0; 2]; 3];
                for (word, sum) in sums.iter().enumerate() {
                    (0..2).for_each(|part| [usize::from(goes_left(word)), 2].into_iter().for_each(|half| halves[half][part] += sum[part]));
                }
                let [left, right, all] = halves.map(|[g, h]| g * g / h);
                left + right - all
            };
            // One word stays right: the other halves are the same, the other way.
            let best = (1..1usize << 6).map(|set| gain_of(&|word| set >> word & 1 == 1)).fold(0.0, f64::max);
            let bin = |word: usize| *words.iter().position(|of| place(*of) == word).map(|row| &binned[row]).expect("a row");
            let own = gain_of(&|word| found.node.goes_left(bin(word)));
            assert!((found.gain - best).abs() < 1e-3 && (own - best).abs() < 1e-3, "{seed}: {} {own}, by brute force {best}", found.gain);
        }
    }

    /// The same rows as words and as numbers: the best group of words is the better half of chance, so numbers go first where that is weighed.
    #[test]
    fn words_have_to_gain_more_than_numbers() {
        let rows: Vec<(Vec<f64>, f64)> = (0..80).map(|row| (vec![f64::from(row % 4); 2], f64::from(u8::from(row % 4 > 1)))).collect();
        let rows: Vec<(&[f64], f64)> = rows.iter().map(|(values, target)| (values.as_slice(), *target)).collect();
        let asked = |word_l2: f64| {
            let columns = [Values::Words, Values::Numbers];
            learn_as(&columns, Objective::Chance, &sample(&rows), 0, &Params { word_l2, ..PARAMS }).expect("it differs").trees.trees[0].nodes[0].column
        };
        assert_eq!((asked(0.0), asked(0.1)), (0, 1));
    }

    /// Three words, of which two come: one of the two is rare. A word that is new goes where rare ones went; where none was rare, to where most go.
    #[test]
    fn new_words_find_their_side() {
        let of = |rows: &[(f64, usize, f64)]| {
            let mut all = Sample::default();
            for (word, count, target) in rows {
                all.values.extend(vec![*word; *count]);
                all.targets.extend(vec![*target; *count]);
            }
            learn_as(&[Values::Words], Objective::Chance, &all, 0, &PARAMS).expect("it differs")
        };
        let rare = of(&[(30.0, 60, 0.0), (10.0, 40, 1.0), (20.0, 7, 1.0)]);
        let [no, yes, few, new, unknown] = [30.0, 10.0, 20.0, 25.0, f64::NAN].map(|word| rare.mean(&[word]));
        assert!(no < 0.5 && yes > 0.5 && few == yes && new == yes && unknown == no, "{no} {yes} {few} {new} {unknown}");
        let none_rare = of(&[(30.0, 30, 0.0), (10.0, 40, 1.0), (20.0, 20, 1.0)]);
        let [no, yes, new, unknown] = [30.0, 20.0, 25.0, f64::NAN].map(|word| none_rare.mean(&[word]));
        assert!(no < 0.5 && yes > 0.5 && new == yes && unknown == yes, "{no} {yes} {new} {unknown}");
    }

    /// All rows of a block at once, against walking each tree row by row: trees of few leaves, which are asked without a branch, and of many.
    #[test]
    fn a_block_of_rows_finds_the_leaves_that_walking_finds() {
        let (values, gradients) = random(2000, 7);
        let targets: Vec<f64> = gradients.iter().map(|[g, _]| f64::from(u8::from(*g < 0.1))).collect();
        for leaves in [1, 2, 7, 8, 9, 30, 64, 65] {
            let rows = Sample { values: values.clone(), targets: targets.clone() };
            let columns = [Values::Numbers, Values::Words, Values::Numbers];
            let model = learn_as(&columns, Objective::Chance, &rows, 0, &Params { trees: 12, leaves, ..PARAMS }).expect("it differs");
            assert!(leaves == 1 || model.trees.trees.iter().any(|tree| tree.values.len() == leaves), "{leaves}");
            let questions = || model.trees.trees.iter().flat_map(|tree| &tree.nodes);
            assert!(leaves < 7 || questions().any(|node| node.column == 1) && questions().any(|node| node.column != 1), "{leaves}");
            let text = serde_json::to_string(&model.trees).expect("a text");
            assert!(serde_json::from_str::<Trees>(&text).expect("trees") == model.trees);
            let mut block = Block::new(&model.bins);
            for rows in values.chunks(3 * ROWS).take(20) {
                rows.chunks(3).enumerate().for_each(|(place, row)| block.write(place, row, &model.bins));
                let scores = model.trees.scores(&block, None);
                for (row, score) in rows.chunks(3).zip(scores) {
                    let mut bins = [0; 3];
                    model.bins.write(row, &mut bins);
                    let walked = model.trees.trees.iter().fold(model.trees.start, |sum, tree| sum + tree.value(|column| bins[column]));
                    assert_eq!(score.to_bits(), walked.to_bits(), "{leaves}: {row:?}");
                }
            }
        }
    }

    /// Unknown values go where rows like them went; where training knew all, to where most go.
    #[test]
    fn unknown_values_find_their_side() {
        for like_high in [false, true] {
            let rows: Vec<(Vec<f64>, f64)> = (0..90)
                .map(|row| match row % 3 {
                    0 => (vec![1.0], 0.0),
                    1 => (vec![2.0], 1.0),
                    _ => (vec![f64::NAN], f64::from(u8::from(like_high))),
                })
                .collect();
            let rows: Vec<(&[f64], f64)> = rows.iter().map(|(values, target)| (values.as_slice(), *target)).collect();
            let trees = learn(Objective::Chance, &sample(&rows), 0, &PARAMS).expect("it differs");
            let like = if like_high { 2.0 } else { 1.0 };
            assert_eq!(trees.mean(&[f64::NAN]), trees.mean(&[like]));
            assert!(trees.mean(&[2.0]) > trees.mean(&[1.0]));
        }
        let known: Vec<(&[f64], f64)> = vec![(&[1.0], 0.0), (&[2.0], 1.0), (&[2.0], 1.0), (&[2.0], 1.0)];
        let trees = learn(Objective::Chance, &sample(&known), 0, &PARAMS).expect("it differs");
        assert_eq!(trees.mean(&[f64::NAN]), trees.mean(&[2.0]));
    }

    /// A shape that no single cut has: what is foretold on other rows comes near to it, and any number of threads gives the same bits.
    #[test]
    fn trees_learn_a_shape_the_same_by_any_number_of_threads() {
        let make = |seed: u64| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut sample = Sample::default();
            for _ in 0..30_000 {
                let [a, b]: [f64; 2] = [rng.random(), rng.random()];
                let chance = if (a > 0.5) == (b > 0.3) { 0.8 } else { 0.1 };
                sample.values.extend([a, b, rng.random()]);
                sample.targets.push(f64::from(u8::from(rng.random::<f64>() < chance)));
            }
            sample
        };
        let rows = make(1).and(&make(2));
        let params = Params { trees: 200, leaves: 8, rate: 0.2, leaf_rows_min: 20.0, ..PARAMS };
        let by = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| learn(Objective::Chance, &rows, 30_000, &params)).expect("it differs")
        };
        let trees = by(1);
        assert!(trees == by(3) && trees.trees.len() < 100, "{} trees", trees.trees.len());
        for (values, chance) in [([0.9, 0.9, 0.5], 0.8), ([0.1, 0.1, 0.2], 0.8), ([0.9, 0.1, 0.9], 0.1), ([0.2, 0.8, 0.1], 0.1)] {
            assert!((trees.mean(&values) - chance).abs() < 0.04, "{values:?}: {}", trees.mean(&values));
        }
        let text = serde_json::to_string(&trees.trees).expect("a text");
        assert!(serde_json::from_str::<Trees>(&text).expect("trees") == trees.trees);
    }

    /// Scores that rise with the first column and fall with the second, on noise that goes the other way here and there: of 1,000 pairs of rows that differ in
    /// one column, none goes the wrong way; without constraints some do.
    #[test]
    fn scores_go_the_way_they_may() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
        let mut rows = Sample::default();
        for _ in 0..3000 {
            let [a, b, c]: [f64; 3] = [rng.random(), rng.random(), rng.random()];
            let chance = 0.5 + 0.2 * (a - b) + 0.2 * (9.0 * a).sin() * (7.0 * b).cos();
            rows.values.extend([if c < 0.1 { f64::NAN } else { a }, b, c]);
            rows.targets.push(f64::from(u8::from(rng.random::<f64>() < chance)));
        }
        let monotone = [Some(RawDirection::Rising), Some(RawDirection::Falling), None];
        let params = Params { trees: 60, leaves: 12, rate: 0.3, ..PARAMS };
        let (binned, training) = (binned(&rows.values, 3), (0..3000).collect::<Vec<u32>>());
        let learn = |monotone: &[Option<RawDirection>]| {
            let task = Task { targets: &rows.targets, starts: &[], training: &training, validation: &[], monotone };
            Model { trees: fit(Objective::Chance, &binned, &task, &params).expect("it differs"), bins: binned.bins().clone() }
        };
        let mut wrong = |model: &Model| {
            let pair = |column: usize| {
                let mut row: [f64; 3] = [rng.random(), rng.random(), rng.random()];
                let [low, high] = [rng.random::<f64>(), rng.random()].map(|value| {
                    row[column] = value;
                    (value, model.score(&row, None))
                });
                let rises = (low.0 - high.0) * (low.1 - high.1);
                if column == 0 { rises < 0.0 } else { rises > 0.0 }
            };
            (0..1000).map(|place| place % 2).map(pair).filter(|wrong| *wrong).count()
        };
        let (bound, free) = (learn(&monotone), learn(&[]));
        assert_eq!(wrong(&bound), 0);
        assert!(wrong(&free) > 50 && bound.score(&[0.9, 0.1, 0.5], None) > bound.score(&[0.1, 0.9, 0.5], None) + 0.3);
    }

    /// Counts: means by group are found, and nothing is learnt where nothing differs or nothing helps.
    #[test]
    fn counts_and_nothing_to_learn() {
        let rows: Vec<(Vec<f64>, f64)> = (0..400).map(|row| (vec![f64::from(row % 2)], if row % 2 == 0 { f64::from(row % 4) } else { 5.0 })).collect();
        let rows: Vec<(&[f64], f64)> = rows.iter().map(|(values, target)| (values.as_slice(), *target)).collect();
        let params = Params { trees: 200, l2: 0.0, ..PARAMS };
        let trees = learn(Objective::Count, &sample(&rows), 0, &params).expect("it differs");
        // Even rows count 0 and 2 by turns.
        assert!((trees.mean(&[0.0]) - 1.0).abs() < 1e-3 && (trees.mean(&[1.0]) - 5.0).abs() < 1e-3, "{} {}", trees.mean(&[0.0]), trees.mean(&[1.0]));
        let (error, chance) =
            (learn(Objective::Chance, &sample(&[(&[1.0], 1.0), (&[2.0], 1.0)]), 0, &PARAMS), learn(Objective::Chance, &Sample::default(), 0, &PARAMS));
        assert!(error.is_err() && chance.is_err());
        let (noise, more) = ([(&[1.0][..], 0.0), (&[1.0], 1.0)], [(&[1.0][..], 1.0), (&[1.0], 0.0)]);
        assert!(learn(Objective::Chance, &sample(&noise).and(&sample(&more)), 2, &PARAMS).expect("it differs").trees.is_empty());
    }
}
