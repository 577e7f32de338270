//! Categories that others like a customer buy and the customer never did. What others buy is known once everyone was seen: until then a cell holds
//! who is alike, and what was bought, as the number of both.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::item::{Cell, Item, Known, Peers, Scope};
use super::seen::Seen;
use super::shares::Evenness;
use crate::key::wide_fingerprint;
use crate::lake::{Slots, find_all, high};

const CATEGORY: &[&str] = &["order_lines.ordered_at", "order_lines.amount", "order_lines.product_id", "products.leaf_category"];

/// What a customer's basket takes of the memory, about.
pub const BASKET_BYTES: usize = 120;

/// Customers who are alike, without whom nothing is said of any of them.
const ALIKE_MIN: usize = 30;

/// Of windows.
pub(super) const WINDOWED: Known<Option<u32>> = Known {
    items: &[
        Item::<Option<u32>>::of_peers("category_missed_count", Peers::Count, |number| *number, "categories that at least half of those who are alike, the customer too, have bought by as_of, and this customer never did; alike is who has the same category_top in the window and as many orders in it (1, 2 to 3, 4 to 7, 8 to 15, and so on) or, where fewer than 30 are, the same category_top; who is left out is nobody's like")
            .unknown("where nothing with a category was bought in the window, or fewer than 30 are alike")
            .from(CATEGORY),
        Item::<Option<u32>>::of_peers("category_missed_top", Peers::Top, |number| *number, "of these, the one that most of those who are alike have bought")
            .unknown("as category_missed_count, and where there is none")
            .from(CATEGORY),
    ],
    measure: bought,
    of_orders: true,
};

/// Category with the largest value, and logarithm to base 2 of the orders, in a window.
type Like = (u32, u32);

/// Who is alike, and categories that were bought, each pair once: many customers share one.
#[derive(Debug, Default)]
pub struct Baskets {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// By fingerprint.
    numbers: Slots<u32>,
    /// By what each is looked for.
    highs: Vec<u32>,
    likes: Vec<Like>,
    /// Categories of all baskets, and where those of each end.
    categories: Vec<u32>,
    ends: Vec<usize>,
}

impl Baskets {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of baskets of some categories: they follow from which thread met one first, so they are never published.
    fn numbers(&self, likes: &[Option<Like>], categories: &[u32]) -> Vec<Option<u32>> {
        if likes.iter().all(Option::is_none) {
            return vec![None; likes.len()];
        }
        let bytes: Vec<u8> = categories.iter().flat_map(|category| category.to_le_bytes()).collect();
        let seed = wide_fingerprint(0, &bytes).to_le_bytes();
        let fingerprint = |like: Like| {
            let mut key = [0; 24];
            key[..16].copy_from_slice(&seed);
            key[16..20].copy_from_slice(&like.0.to_le_bytes());
            key[20..].copy_from_slice(&like.1.to_le_bytes());
            wide_fingerprint(0, &key)
        };
        let wanted: Vec<u128> = likes.iter().flatten().map(|like| fingerprint(*like)).collect();
        let mut held = self.lock();
        let mut found = find_all(&wanted, |_| &held.numbers).into_iter().zip(wanted);
        let mut number = |like: Like| {
            let (known, fingerprint) = found.next()?;
            // Two windows may have the same one.
            Some(known.or_else(|| held.numbers.find(fingerprint)).unwrap_or_else(|| held.add(fingerprint, like, categories)))
        };
        likes.iter().map(|like| like.and_then(&mut number)).collect()
    }

    /// Lets go of all baskets, once nothing more is asked of them.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    /// What everyone's cells of a feature say of those who are alike: by cell, how many categories are missed, and the first of them.
    pub fn missed(&self, cells: impl Iterator<Item = Cell>) -> Missed {
        let mut held = self.lock();
        (held.numbers, held.highs) = Default::default();
        let mut tally = Tally { customers: vec![0; held.likes.len()], bought: Vec::new() };
        cells.filter(|cell| *cell >= 0).for_each(|cell| tally.customers[cell as usize] += 1);
        tally.bought.resize(held.categories.iter().max().map_or(0, |last| *last as usize + 1), 0);
        let mut baskets: Vec<usize> = (0..held.likes.len()).collect();
        baskets.sort_unstable_by_key(|basket| held.likes[*basket]);
        let mut missed = vec![None; baskets.len()];
        // Those alike in category alone stand for those who are few.
        for by_category in baskets.chunk_by(|a, b| held.likes[*a].0 == held.likes[*b].0) {
            let usual_of_category = tally.usual(&held, by_category);
            for alike in by_category.chunk_by(|a, b| held.likes[*a] == held.likes[*b]) {
                let usual_of_alike = tally.usual(&held, alike);
                let Some(usual) = usual_of_alike.as_ref().or(usual_of_category.as_ref()) else { continue };
                for &basket in alike {
                    let others = || usual.iter().copied().filter(|category| held.of(basket).binary_search(category).is_err());
                    missed[basket] = Some((others().count() as u32, others().next()));
                }
            }
        }
        Missed { of: missed }
    }
}

impl Held {
    fn add(&mut self, fingerprint: u128, like: Like, categories: &[u32]) -> u32 {
        let number = self.likes.len() as u32;
        self.highs.push(high(fingerprint));
        let Self { numbers, highs, .. } = self;
        numbers.reserve(highs.len(), |number| highs[number as usize]);
        numbers.put(fingerprint, number);
        self.likes.push(like);
        self.categories.extend_from_slice(categories);
        self.ends.push(self.categories.len());
        number
    }

    /// The categories of a basket.
    fn of(&self, basket: usize) -> &[u32] {
        let start = basket.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.categories[start..self.ends[basket]]
    }
}

/// Counts customers by what they bought.
struct Tally {
    /// By basket.
    customers: Vec<usize>,
    /// By category: nothing, but while it is counted.
    bought: Vec<usize>,
}

impl Tally {
    /// The categories that half of those with these baskets have bought, what most of them have first; None of fewer than `ALIKE_MIN`.
    fn usual(&mut self, held: &Held, baskets: &[usize]) -> Option<Vec<u32>> {
        let all: usize = baskets.iter().map(|basket| self.customers[*basket]).sum();
        if all < ALIKE_MIN {
            return None;
        }
        let mut usual: Vec<u32> = Vec::new();
        for &basket in baskets.iter().filter(|basket| self.customers[**basket] > 0) {
            for &category in held.of(basket) {
                let bought = &mut self.bought[category as usize];
                // Who passes half does so once.
                if *bought * 2 < all && (*bought + self.customers[basket]) * 2 >= all {
                    usual.push(category);
                }
                *bought += self.customers[basket];
            }
        }
        usual.sort_unstable_by_key(|category| (std::cmp::Reverse(self.bought[*category as usize]), *category));
        baskets.iter().flat_map(|basket| held.of(*basket)).for_each(|category| self.bought[*category as usize] = 0);
        Some(usual)
    }
}

/// What is missed, by cell; None where too few are alike.
#[derive(Debug, Default)]
pub struct Missed {
    of: Vec<Option<(u32, Option<u32>)>>,
}

impl Missed {
    /// How many categories the customer of a cell misses.
    pub fn count(&self, cell: Cell) -> Option<i64> {
        (*self.of.get(cell as usize)?).map(|missed| i64::from(missed.0))
    }

    /// The category that most of those who are alike have bought, by its place.
    pub fn top(&self, cell: Cell) -> Option<usize> {
        (*self.of.get(cell as usize)?)?.1.map(|category| category as usize)
    }
}

fn bought(seen: &Seen<'_>, scope: &Scope, measured: &mut Vec<Option<u32>>) {
    let categories: Vec<u32> = seen.by_category().iter().map(|at| at.place).collect();
    let mut likes: Vec<Option<Like>> = Vec::with_capacity(scope.windows_days.len());
    seen.divide(seen.values(&scope.windows_days), scope, Evenness::Unasked, |window, division| {
        let days = i64::from(scope.windows_days[window]);
        let orders = seen.orders().filter(|(age, order)| *age < days && order.bought).count();
        likes.push(division.top.filter(|_| orders > 0).map(|top| (top, orders.ilog2())));
    });
    measured.extend(seen.about.world.baskets.numbers(&likes, &categories));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of 40 alike 40 have bought 1, 30 2, 20 3 and 19 4; half of them is 20. With the 5 who are few there are 45, of whom 35 have bought 2, and 25 3: half is 23.
    /// Of the 29 who have another top nothing is said.
    #[test]
    fn missed_is_what_half_of_those_who_are_alike_have_bought() {
        let baskets = Baskets::default();
        let like = (1, 2);
        let mut cells = Vec::new();
        let mut add = |like: Like, categories: &[u32], count: usize| {
            let [Some(number), None, Some(again)] = baskets.numbers(&[Some(like), None, Some(like)], categories)[..] else { panic!("two numbers") };
            assert_eq!(number, again);
            let cell = Cell::from(number);
            cells.extend(std::iter::repeat_n(cell, count));
            cell
        };
        let all = add(like, &[1, 2, 3, 4], 10);
        let some = add(like, &[1, 2, 4], 9);
        let two = add(like, &[1, 2], 11);
        let odd = add(like, &[1, 3, 9], 10);
        let few = add((1, 3), &[2, 3], 5);
        let none = add((7, 3), &[1, 2], 29);
        // Of 40 others 30 have bought 5 and 20 have 2: who has neither misses 5 first.
        let [_, _, neither] = [(&[2, 5][..], 20), (&[5], 10), (&[9], 10)].map(|(categories, count)| add((8, 0), categories, count));
        assert_eq!(add(like, &[1, 2], 0), two, "a basket has one number");
        cells.push(super::super::item::UNKNOWN);
        let missed = baskets.missed(cells.into_iter());
        let told = |cell: Cell| (missed.count(cell), missed.top(cell));
        assert_eq!(told(all), (Some(0), None));
        assert_eq!(told(some), (Some(1), Some(3)));
        assert_eq!(told(two), (Some(1), Some(3)));
        assert_eq!(told(odd), (Some(1), Some(2)));
        assert_eq!(told(few), (Some(1), Some(1)));
        assert_eq!(told(none), (None, None));
        assert_eq!(told(neither), (Some(2), Some(5)));
    }
}
