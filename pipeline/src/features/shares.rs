//! How something is divided among places: the largest part, its share, how many parts, how even.

use std::cmp::Reverse;

/// What a customer has at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtPlace {
    /// The place.
    pub place: u32,
    /// How many days ago the newest of it was.
    pub newest: i64,
    /// How many days ago the oldest of it was.
    pub oldest: i64,
    /// The amount.
    pub amount: i64,
}

/// Amounts by place, added up for one customer after another: the memory is used again.
#[derive(Debug, Default)]
pub(super) struct ByPlace {
    /// By place: where it stands among those that were met, if it was; what is told of others is of customers before.
    slots: Vec<u32>,
    /// Places that were met.
    met: Vec<AtPlace>,
    /// By place that was met: the amounts of all windows.
    sums: Vec<i64>,
    /// In which order places are gone through.
    order: Vec<usize>,
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

/// Whether it is asked how even a division is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evenness {
    /// By entropy.
    Entropy,
    /// Nobody asks.
    Unasked,
}

impl ByPlace {
    fn clear(&mut self) {
        self.met.clear();
        self.sums.clear();
        self.order.clear();
    }

    /// Adds an amount; returns where its place stands among those that were met.
    #[inline]
    fn add(&mut self, place: u32, age: i64, amount: i64) -> usize {
        let index = place as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, 0);
        }
        let slot = self.slots[index] as usize;
        match self.met.get_mut(slot).filter(|met| met.place == place) {
            Some(met) => {
                *met = AtPlace { place, newest: met.newest.min(age), oldest: met.oldest.max(age), amount: met.amount + amount };
                slot
            }
            None => {
                self.slots[index] = self.met.len() as u32;
                self.met.push(AtPlace { place, newest: age, oldest: age, amount });
                self.met.len() - 1
            }
        }
    }

    /// What there is at each place, in the order of places, of amounts with their places and how many days ago they were; those at no place are left out.
    pub fn places(&mut self, amounts: impl Iterator<Item = (u32, i64, i64)>) -> Vec<AtPlace> {
        self.clear();
        amounts.filter(|(place, ..)| *place > 0).for_each(|(place, age, amount)| {
            self.add(place, age, amount);
        });
        let mut places = self.met.clone();
        places.sort_unstable_by_key(|at| at.place);
        places
    }

    /// Hands to `put` how those of such amounts that are above 0 are divided in each window; how even they are only where that is asked for.
    pub fn divide(
        &mut self,
        amounts: impl Iterator<Item = (u32, i64, i64)>,
        (windows_days, evenness): (&[i32], Evenness),
        mut put: impl FnMut(usize, Division),
    ) {
        self.clear();
        let (windows, mut newest) = (windows_days.len(), i64::MAX);
        for (place, age, amount) in amounts.filter(|(place, _, amount)| *place > 0 && *amount > 0) {
            let start = self.add(place, age, amount) * windows;
            if start == self.sums.len() {
                self.sums.extend(windows_days.iter().map(|_| 0));
            }
            newest = newest.min(age);
            let sums = self.sums[start..start + windows].iter_mut().zip(windows_days);
            sums.for_each(|(sum, &days)| *sum += if age < i64::from(days) { amount } else { 0 });
        }
        self.order.extend(0..self.met.len());
        if evenness == Evenness::Entropy {
            // What is added up is not exact: it is so in one order.
            self.order.sort_unstable_by_key(|slot| self.met[*slot].place);
        }
        for (window, &days) in windows_days.iter().enumerate() {
            put(window, if newest < i64::from(days) { self.division((window, windows), evenness) } else { Division::default() });
        }
    }

    fn division(&self, (window, windows): (usize, usize), evenness: Evenness) -> Division {
        let amounts = || self.order.iter().map(|slot| (&self.met[*slot], self.sums[slot * windows + window])).filter(|(_, amount)| *amount > 0);
        let (mut division, mut largest) = (Division::default(), None);
        for (at, amount) in amounts() {
            division.count += 1;
            division.total += amount;
            largest = largest.max(Some((amount, Reverse(at.newest), Reverse(at.place))));
        }
        let total = division.total as f64;
        if let Some((amount, _, Reverse(place))) = largest {
            (division.top, division.top_share) = (Some(place), Some(amount as f64 / total));
            let part = |amount: i64| {
                let share = amount as f64 / total;
                share * share.ln()
            };
            let entropy = || -amounts().map(|(_, amount)| part(amount)).sum::<f64>();
            division.entropy = (evenness == Evenness::Entropy).then(|| entropy().max(0.0));
        }
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

    fn divisions<const N: usize>(by_place: &mut ByPlace, amounts: &[(u32, i64, i64)], windows_days: [i32; N], evenness: Evenness) -> [Division; N] {
        let mut divisions = [Division::default(); N];
        by_place.divide(amounts.iter().copied(), (&windows_days, evenness), |window, division| divisions[window] = division);
        divisions
    }

    #[test]
    fn parts_of_windows() {
        // By hand: within 30 days 1 has 30, 2 has 10; within 90 days 2 has 50, and nothing else than 1 has 30 of 80.
        let amounts = [(2, 5, 10), (1, 29, 30), (2, 30, 40), (0, 1, 99), (3, 1, 0), (9, 90, 5), (1, 2, -3)];
        let by_place = &mut ByPlace::default();
        let [short, long, none] = divisions(by_place, &amounts, [30, 90, 1], Evenness::Entropy);
        assert_eq!((short.top, short.top_share, short.count, short.total), (Some(1), Some(0.75), 2, 40));
        assert_eq!((long.top, long.top_share, long.count, long.total), (Some(2), Some(0.625), 2, 80));
        let entropy = -(0.625f64 * 0.625f64.ln() + 0.375 * 0.375f64.ln());
        assert!((long.entropy.expect("two parts") - entropy).abs() < 1e-15);
        assert_eq!(none, Division::default());
        // Of equal ones the newest: 2, ordered 5 days ago, before 1 and 3; of those that are as new the first in order.
        let equal = [(3, 6), (1, 20), (2, 30), (2, 5), (1, 6), (3, 40)].map(|(place, age)| (place, age, 1));
        let [division] = divisions(by_place, &equal, [90], Evenness::Unasked);
        assert_eq!((division.top, division.top_share, division.entropy), (Some(2), Some(2.0 / 6.0), None));
        assert_eq!(divisions(by_place, &[(3, 6, 1), (1, 6, 1), (2, 6, 1)], [90], Evenness::Unasked)[0].top, Some(1));
        // What came back newer does not make a place newer, nor what cost nothing.
        for newer in [-1, 0] {
            assert_eq!(divisions(by_place, &[(1, 6, 1), (2, 7, 1), (2, 2, newer)], [90], Evenness::Unasked)[0].top, Some(1));
        }
        // The next customer's places stand where others of the one before stood.
        let [next] = divisions(by_place, &[(40, 3, 1), (2, 4, 5), (1, 5, 2)], [90], Evenness::Unasked);
        assert_eq!((next.top, next.count, next.total), (Some(2), 3, 8));
        let at = |place: u32, newest: i64, oldest: i64| AtPlace { place, newest, oldest, amount: 2 };
        assert_eq!(by_place.places(equal.into_iter()), [at(1, 6, 20), at(2, 5, 30), at(3, 6, 40)]);
    }
}
