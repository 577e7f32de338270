//! Isotonic regression: a rising function of one score, by pooling adjacent violators, with which probabilities or counts are recalibrated.
//!
//! Source: Barlow, Bartholomew, Bremner, Brunk (1972), Statistical Inference under Order Restrictions, chapter 1; for calibration Zadrozny, Elkan
//! (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates, KDD.

use serde::{Deserialize, Serialize};

/// A block holds so many outcomes at least: a step that rests on a few is chance, and a probability of exactly 0 or 1 is never known.
const BLOCK_MIN: f64 = 100.0;

/// A rising function, straight between its knots and level beyond them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Mean score of each block, rising.
    scores: Vec<f64>,
    /// Mean outcome of each block, rising.
    means: Vec<f64>,
}

/// Scores next to each other that have one mean.
#[derive(Clone, Copy)]
struct Block {
    count: f64,
    score: f64,
    outcome: f64,
}

impl Block {
    fn and(self, next: Self) -> Self {
        Self { count: self.count + next.count, score: self.score + next.score, outcome: self.outcome + next.outcome }
    }

    fn mean(&self) -> f64 {
        self.outcome / self.count
    }
}

impl Isotonic {
    /// Learns from scores and what came; None where there are too few.
    pub fn learn(mut seen: Vec<(f64, f64)>) -> Option<Self> {
        seen.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut blocks: Vec<Block> = Vec::new();
        for equal in seen.chunk_by(|a, b| a.0 == b.0) {
            let count = equal.len() as f64;
            blocks.push(Block { count, score: equal[0].0 * count, outcome: equal.iter().map(|(_, outcome)| outcome).sum() });
            while let [.., before, last] = blocks[..] {
                if before.mean() < last.mean() {
                    break;
                }
                blocks.truncate(blocks.len() - 2);
                blocks.push(before.and(last));
            }
        }
        let mut large: Vec<Block> = Vec::new();
        for block in blocks {
            match large.last_mut().filter(|last| last.count < BLOCK_MIN) {
                Some(last) => *last = last.and(block),
                None => large.push(block),
            }
        }
        if let Some(last) = large.pop_if(|last| last.count < BLOCK_MIN) {
            let before = large.pop().map_or(last, |before| before.and(last));
            large.push(before);
        }
        let enough = large.first().is_some_and(|first| first.count >= BLOCK_MIN);
        enough.then(|| Self { scores: large.iter().map(|block| block.score / block.count).collect(), means: large.iter().map(Block::mean).collect() })
    }

    /// What a score means.
    pub fn of(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|known| *known <= score);
        if above == 0 || above == self.scores.len() {
            return self.means[above.min(self.scores.len() - 1)];
        }
        let ([low, high], [from, to]) = ([self.scores[above - 1], self.scores[above]], [self.means[above - 1], self.means[above]]);
        from + (to - from) * (score - low) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of a hundred each at 0.1, 0.2 and 0.4 came 30, 10 and 60: the first two are pooled at 0.15, where 20 of 100 came.
    #[test]
    fn violators_are_pooled() {
        let of = |score: f64, came: usize| (0..100).map(move |place| (score, f64::from(u8::from(place < came))));
        let learnt = Isotonic::learn(of(0.4, 60).chain(of(0.1, 30)).chain(of(0.2, 10)).collect()).expect("enough");
        for (score, meaning) in [(0.0, 0.2), (0.15, 0.2), (0.275, 0.4), (0.4, 0.6), (1.0, 0.6)] {
            assert!((learnt.of(score) - meaning).abs() < 1e-12, "{score}: {}", learnt.of(score));
        }
        assert_eq!(Isotonic::learn(of(0.4, 60).take(99).collect()), None);
    }

    /// A last block of a few joins the one before it.
    #[test]
    fn no_step_rests_on_a_few() {
        let of = |score: f64, count: usize, came: usize| (0..count).map(move |place| (score, f64::from(u8::from(place < came))));
        let learnt = Isotonic::learn(of(0.1, 150, 30).chain(of(0.9, 50, 50)).collect()).expect("enough");
        assert_eq!((learnt.of(0.0), learnt.of(1.0)), (0.4, 0.4));
    }
}
