//! How something is divided among places: the largest part, its share, how many parts, how even.

/// Amounts by place, each with how many days ago it was.
#[derive(Debug)]
pub(super) struct Divided {
    entries: Vec<(u32, i64, i64)>,
}

/// How the amounts of a window are divided.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Division {
    /// The place with the largest amount; of equal ones the newest, then the first in order.
    pub top: Option<u32>,
    /// Its share of all.
    pub top_share: Option<f64>,
    /// Places.
    pub count: i64,
    /// Shannon's entropy of the shares, in nats.
    pub entropy: Option<f64>,
    /// All amounts.
    pub total: i64,
}

impl Divided {
    /// Nothing yet; there is room for so many amounts.
    pub fn with_room(amounts: usize) -> Self {
        Self { entries: Vec::with_capacity(amounts) }
    }

    /// Adds an amount at a place, unless either is nothing.
    pub fn add(&mut self, place: u32, age: i64, amount: i64) {
        if place > 0 && amount > 0 {
            self.entries.push((place, age, amount));
        }
    }

    /// How the amounts of each window are divided.
    pub fn windows(&mut self, windows_days: &[i32]) -> Vec<Division> {
        self.entries.sort_unstable();
        windows_days.iter().map(|&days| self.window(i64::from(days))).collect()
    }

    fn window(&self, days: i64) -> Division {
        let amounts = || {
            let places = self.entries.chunk_by(|a, b| a.0 == b.0);
            let sum = |parts: &[(u32, i64, i64)]| parts.iter().filter(|part| part.1 < days).map(|part| part.2).sum::<i64>();
            // The newest part of a place stands first.
            places.map(move |parts| (parts[0].0, parts[0].1, sum(parts))).filter(|(.., amount)| *amount > 0)
        };
        let mut division = Division { total: amounts().map(|(.., amount)| amount).sum(), ..Division::default() };
        if division.total == 0 {
            return division;
        }
        let total = division.total as f64;
        let (mut largest, mut entropy) = ((0, 0), 0.0);
        for (place, age, amount) in amounts() {
            division.count += 1;
            let share = amount as f64 / total;
            entropy -= share * share.ln();
            if (amount, -age) > largest {
                largest = (amount, -age);
                (division.top, division.top_share) = (Some(place), Some(share));
            }
        }
        division.entropy = Some(entropy.max(0.0));
        division
    }
}

impl Division {
    /// The same; who is the largest is unknown where there is less than `least` in all.
    pub fn with_evidence(self, least: i64) -> Self {
        if self.total >= least { self } else { Self { count: self.count, total: self.total, ..Self::default() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_windows() {
        // By hand: within 30 days 1 has 30, 2 has 10; within 90 days 2 has 50, and nothing else than 1 has 30 of 80.
        let mut divided = Divided::with_room(0);
        for (place, age, amount) in [(2, 5, 10), (1, 29, 30), (2, 30, 40), (0, 1, 99), (3, 1, 0), (9, 90, 5)] {
            divided.add(place, age, amount);
        }
        let [short, long, none] = divided.windows(&[30, 90, 1])[..] else { panic!("three windows") };
        assert_eq!((short.top, short.top_share, short.count, short.total), (Some(1), Some(0.75), 2, 40));
        assert_eq!((long.top, long.top_share, long.count, long.total), (Some(2), Some(0.625), 2, 80));
        let entropy = -(0.625f64 * 0.625f64.ln() + 0.375 * 0.375f64.ln());
        assert!((long.entropy.expect("two parts") - entropy).abs() < 1e-15);
        assert_eq!(none, Division::default());
        // Of equal ones the newest: 2, ordered 5 days ago, before 1 and 3.
        let mut equal = Divided::with_room(6);
        [(1, 20), (2, 30), (2, 5), (3, 6), (1, 6), (3, 40)].iter().for_each(|&(place, age)| equal.add(place, age, 1));
        assert_eq!(equal.windows(&[90])[0].top, Some(2));
    }
}
