//! How something is divided among places: the largest part, its share, how many parts, how even.

/// An amount at a place, and how many days ago it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The place, and below it the days: sorted by one number, the newest part of a place stands first.
    key: u64,
    /// The amount.
    pub amount: i64,
}

impl Part {
    fn new(place: u32, age: i64, amount: i64) -> Self {
        let age = u32::try_from(age.max(0)).unwrap_or(u32::MAX);
        Self { key: u64::from(place) << 32 | u64::from(age), amount }
    }

    fn place(&self) -> u32 {
        (self.key >> 32) as u32
    }

    /// Days ago.
    pub fn age(&self) -> i64 {
        i64::from(self.key as u32)
    }
}

/// Amounts by place.
#[derive(Debug)]
pub(super) struct Divided {
    /// By place, the newest first.
    parts: Vec<Part>,
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
    /// Amounts, each with its place and how many days ago it was; those at no place are left out. There is room for so many.
    pub fn of(room: usize, amounts: impl Iterator<Item = (u32, i64, i64)>) -> Self {
        let mut parts = Vec::with_capacity(room);
        parts.extend(amounts.filter(|(place, ..)| *place > 0).map(|(place, age, amount)| Part::new(place, age, amount)));
        parts.sort_unstable_by_key(|part| part.key);
        Self { parts }
    }

    /// The parts of each place.
    pub fn places(&self) -> impl Iterator<Item = (u32, &[Part])> {
        self.parts.chunk_by(|a, b| a.place() == b.place()).map(|parts| (parts[0].place(), parts))
    }

    /// How the amounts of each window are divided, of those above 0; how even they are only where that is asked for.
    pub fn windows(&self, windows_days: &[i32], evenness: Evenness) -> Vec<Division> {
        // Of each place: how long ago its newest part was, and what it has in each window.
        let (mut places, mut sums) = (Vec::with_capacity(self.parts.len()), Vec::new());
        for (place, parts) in self.places() {
            let mut above = parts.iter().filter(|part| part.amount > 0);
            let Some(newest) = above.next() else { continue };
            let start = sums.len();
            sums.extend(windows_days.iter().map(|&days| if newest.age() < i64::from(days) { newest.amount } else { 0 }));
            for part in above {
                let windows = sums[start..].iter_mut().zip(windows_days);
                windows.for_each(|(sum, &days)| *sum += if part.age() < i64::from(days) { part.amount } else { 0 });
            }
            places.push((place, newest.age()));
        }
        let amounts = |window: usize| {
            let sums = sums.iter().skip(window).step_by(windows_days.len());
            places.iter().zip(sums).filter(|(_, amount)| **amount > 0).map(|(&(place, age), &amount)| (place, age, amount))
        };
        (0..windows_days.len()).map(|window| Division::of(|| amounts(window), evenness)).collect()
    }
}

/// Whether it is asked how even a division is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evenness {
    /// By entropy.
    Entropy,
    /// Nobody asks.
    Unasked,
}

impl Division {
    /// Of amounts above 0, in the order of places, each with how long ago the newest part of its place was.
    fn of<I: Iterator<Item = (u32, i64, i64)>>(amounts: impl Fn() -> I, evenness: Evenness) -> Self {
        let mut division = Self { total: amounts().map(|(.., amount)| amount).sum(), ..Self::default() };
        if division.total == 0 {
            return division;
        }
        let total = division.total as f64;
        let (mut largest, mut entropy) = ((0, 0), 0.0);
        for (place, age, amount) in amounts() {
            division.count += 1;
            if evenness == Evenness::Entropy {
                let share = amount as f64 / total;
                entropy -= share * share.ln();
            }
            if (amount, -age) > largest {
                largest = (amount, -age);
                division.top = Some(place);
            }
        }
        division.top_share = Some(largest.0 as f64 / total);
        division.entropy = (evenness == Evenness::Entropy).then_some(entropy.max(0.0));
        division
    }

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
        let amounts = [(2, 5, 10), (1, 29, 30), (2, 30, 40), (0, 1, 99), (3, 1, 0), (9, 90, 5), (1, 2, -3)];
        let divided = Divided::of(0, amounts.into_iter());
        let [short, long, none] = divided.windows(&[30, 90, 1], Evenness::Entropy)[..] else { panic!("three windows") };
        assert_eq!((short.top, short.top_share, short.count, short.total), (Some(1), Some(0.75), 2, 40));
        assert_eq!((long.top, long.top_share, long.count, long.total), (Some(2), Some(0.625), 2, 80));
        let entropy = -(0.625f64 * 0.625f64.ln() + 0.375 * 0.375f64.ln());
        assert!((long.entropy.expect("two parts") - entropy).abs() < 1e-15);
        assert_eq!(none, Division::default());
        // Of equal ones the newest: 2, ordered 5 days ago, before 1 and 3.
        let equal = Divided::of(6, [(1, 20), (2, 30), (2, 5), (3, 6), (1, 6), (3, 40)].into_iter().map(|(place, age)| (place, age, 1)));
        let division = equal.windows(&[90], Evenness::Unasked)[0];
        assert_eq!((division.top, division.top_share, division.entropy), (Some(2), Some(2.0 / 6.0), None));
        // What came back newer does not make a place newer, nor what cost nothing.
        for newer in [-1, 0] {
            let divided = Divided::of(3, [(1, 6, 1), (2, 7, 1), (2, 2, newer)].into_iter());
            assert_eq!(divided.windows(&[90], Evenness::Unasked)[0].top, Some(1));
        }
        let places: Vec<(u32, Vec<i64>)> = equal.places().map(|(place, parts)| (place, parts.iter().map(Part::age).collect())).collect();
        assert_eq!(places, [(1, vec![6, 20]), (2, vec![5, 30]), (3, vec![6, 40])]);
    }
}
