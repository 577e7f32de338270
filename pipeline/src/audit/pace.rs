//! How many orders came lately: counted one by one where they are few, by a sample of their fingerprints where they are many.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::days::later;

/// Days over which the pace of a source or store is measured.
pub const PACE_DAYS: usize = 28;

/// So many orders of a day are known one by one: of 28 such days, the count is a percent off, mostly.
const KNOWN_MAX: usize = 1024;

/// Bytes that an order takes which is known.
const ORDER_BYTES: u64 = 16;

/// The orders of a day: those whose fingerprints end in `zeros` zero bits at least, which is a share of 2^-zeros of them, and the largest share of which
/// there are not too many (adaptive sampling: Wegman; Flajolet, Computing 43, 1990). Which these are does not depend on who came first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sampled {
    zeros: u32,
    orders: BTreeSet<u64>,
}

impl Sampled {
    fn add(&mut self, order: u64) {
        if order.trailing_zeros() < self.zeros {
            return;
        }
        self.orders.insert(order);
        while self.orders.len() > KNOWN_MAX {
            self.zeros += 1;
            self.orders.retain(|order| order.trailing_zeros() >= self.zeros);
        }
    }

    fn merge(&mut self, other: Self) {
        self.zeros = self.zeros.max(other.zeros);
        self.orders.retain(|order| order.trailing_zeros() >= self.zeros);
        other.orders.into_iter().for_each(|order| self.add(order));
    }
}

/// The orders of the newest days, by days before as_of. One whose lines are of two days is known to both, and counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    days: Vec<Sampled>,
}

impl Pace {
    /// Adds an order, by its fingerprint, with a line of the day `age` days before as_of; older ones are not counted.
    pub fn add(&mut self, age: usize, order: u64) {
        if age < PACE_DAYS {
            self.day(age).add(order);
        }
    }

    fn day(&mut self, age: usize) -> &mut Sampled {
        if self.days.len() <= age {
            self.days.resize(age + 1, Sampled::default());
        }
        &mut self.days[age]
    }

    /// Adds the orders of other lines.
    pub fn merge(&mut self, other: Self) {
        other.days.into_iter().enumerate().for_each(|(age, orders)| self.day(age).merge(orders));
    }

    /// The same orders, seen so many days later.
    pub fn seen_later(&mut self, days: usize) {
        later(&mut self.days, days, PACE_DAYS);
    }

    /// How many orders there are.
    pub fn orders(&self) -> f64 {
        let zeros = self.days.iter().map(|day| day.zeros).max().unwrap_or_default();
        let orders: BTreeSet<u64> = self.days.iter().flat_map(|day| &day.orders).filter(|order| order.trailing_zeros() >= zeros).copied().collect();
        orders.len() as f64 * 2f64.powi(zeros as i32)
    }

    /// Bytes that this takes.
    pub fn bytes(&self) -> u64 {
        self.days.iter().map(|day| day.orders.len() as u64 * ORDER_BYTES).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::fingerprint;

    /// The orders of these numbers, each of a day so many days before as_of, in parts that are merged.
    fn pace(of: &[(usize, std::ops::Range<u64>)], parts: u64) -> Pace {
        let mut whole = Pace::default();
        for part in 0..parts {
            let mut some = Pace::default();
            for (age, orders) in of {
                orders.clone().filter(|order| order % parts == part).for_each(|order| some.add(*age, fingerprint(order, b"order")));
            }
            whole.merge(some);
        }
        whole
    }

    #[test]
    fn few_orders_are_counted_one_by_one() {
        // 1,000 of today, of which the last 300 have a line of the day before too; what is 28 days old is not of 28 days.
        let few = pace(&[(0, 0..1000), (1, 700..1100), (27, 2000..2007), (28, 3000..3009)], 3);
        assert!((few.orders() - 1107.0).abs() < 1e-9);
        assert_eq!(few.bytes(), (1000 + 400 + 7) * ORDER_BYTES);
    }

    /// The sample is the same however it came together, and the same seen later. Of 28 days of 5,000 orders an eighth is known, so that the count has a
    /// standard error of the root of 7 in 140,000: 0.7 percent, of which two percent are almost three.
    #[test]
    fn many_orders_are_counted_by_a_sample() {
        let of = |later: usize| -> Vec<(usize, std::ops::Range<u64>)> {
            (0..28).map(|age| (age + later, age as u64 * 10_000..age as u64 * 10_000 + 5000)).collect()
        };
        let many = pace(&of(0), 1);
        assert_eq!(many, pace(&of(0), 7));
        assert!((many.orders() / (28.0 * 5000.0) - 1.0).abs() < 0.02, "{}", many.orders());
        assert!(many.bytes() <= (28 * KNOWN_MAX) as u64 * ORDER_BYTES);
        for later in [0, 3, 27, 28, 90] {
            let mut seen = many.clone();
            seen.seen_later(later);
            assert_eq!(seen, pace(&of(later), 1), "{later}");
        }
        // A day of which all are known takes the share of one of which an eighth is.
        let (few, busy) = (pace(&[(0, 0..10)], 1), pace(&[(0, 10..5000)], 1));
        let [one, other] = [(&few, &busy), (&busy, &few)].map(|(first, second)| {
            let mut whole = first.clone();
            whole.merge(second.clone());
            whole
        });
        assert_eq!([&one, &other], [&pace(&[(0, 0..5000)], 1); 2]);
        // One busy day tells the share by which all are counted.
        let uneven = pace(&[(0, 0..20_000), (3, 50_000..50_010)], 2);
        assert!((uneven.orders() / 20_010.0 - 1.0).abs() < 0.15, "{}", uneven.orders());
    }
}
