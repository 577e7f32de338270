//! A customer's own mean, drawn to everyone's.
//!
//! Source: Bühlmann, Straub (1970), Glaubwürdigkeit für Schadensätze, Mitteilungen der Vereinigung schweizerischer Versicherungsmathematiker 70: the
//! mean of x observations counts as x / (x + K), K the variance within customers over that between them.

use serde::{Deserialize, Serialize};

/// K where the data say nothing: everyone's mean counts as one observation.
const WEIGHT: f64 = 1.0;
/// K lies in these: nobody's own mean is nothing, or all.
const WEIGHT_RANGE: [f64; 2] = [0.1, 100.0];

/// Everyone's mean, and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shrunk {
    /// The mean of customers' means.
    pub mean: f64,
    /// It counts as so many observations of each customer.
    pub weight: f64,
}

/// The observations of one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Own {
    /// How many; above 0 where everyone's mean is learnt from them.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
}

impl Shrunk {
    /// The mean of all customers, of whom there is one at least. The variance of their means about it is that between customers and, over their
    /// observations, that within: a line in 1 / count.
    pub fn learn(customers: &[Own]) -> Self {
        let share = 1.0 / customers.len() as f64;
        let mean = customers.iter().map(|own| own.mean).sum::<f64>() * share;
        let points = || customers.iter().map(|own| (1.0 / own.count, (own.mean - mean) * (own.mean - mean)));
        let (mean_x, mean_y) = points().fold((0.0, 0.0), |(sum_x, sum_y), (x, y)| (sum_x + x * share, sum_y + y * share));
        let [xx, xy] = points().fold([0.0; 2], |[xx, xy], (x, y)| [xx + (x - mean_x) * (x - mean_x), xy + (x - mean_x) * (y - mean_y)]);
        let within = if xx > 0.0 { xy / xx } else { 0.0 };
        let between = mean_y - within * mean_x;
        let weight = if within > 0.0 && between > 0.0 { (within / between).clamp(WEIGHT_RANGE[0], WEIGHT_RANGE[1]) } else { WEIGHT };
        Self { mean, weight }
    }

    /// A customer's mean.
    pub fn of(&self, own: Own) -> f64 {
        (own.count * own.mean + self.weight * self.mean) / (own.count + self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(count: f64, mean: f64) -> Own {
        Own { count, mean }
    }

    /// By hand: means 100 +- 60 of one day each, 100 +- 40 of two days: squares 3600 at 1, 1600 at 1/2. Within 4000, between -400: the data say nothing.
    /// With 100 +- 50 of two days: squares 2500 at 1/2, within 2200, between 1400.
    #[test]
    fn own_means_are_drawn_to_everyones() {
        let nothing = Shrunk::learn(&[own(1.0, 40.0), own(1.0, 160.0), own(2.0, 60.0), own(2.0, 140.0)]);
        assert_eq!(nothing, Shrunk { mean: 100.0, weight: 1.0 });
        let learnt = Shrunk::learn(&[own(1.0, 40.0), own(1.0, 160.0), own(2.0, 50.0), own(2.0, 150.0)]);
        assert!((learnt.weight - 2200.0 / 1400.0).abs() < 1e-12 && learnt.mean == 100.0, "{learnt:?}");
        let shrunk = Shrunk { mean: 100.0, weight: 2.0 };
        assert_eq!((shrunk.of(own(0.0, 0.0)), shrunk.of(own(2.0, 150.0))), (100.0, 125.0));
    }
}
