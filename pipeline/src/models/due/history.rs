//! A customer's purchases as they were known at a date.

use std::ops::Range;

use super::Params;
use super::measure::{Ages, Around, Bought, Customer};
use crate::features::Purchase;
use crate::time::Day;

/// What is due: categories, or products.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    /// By product: its category, 0 where it is not known; none where items are categories.
    pub category: Option<&'a [u32]>,
}

impl Items<'_> {
    /// Items are categories.
    pub const CATEGORIES: Self = Self { category: None };

    /// The category of an item, itself where items are categories.
    pub fn category(&self, item: u32) -> usize {
        self.category.map_or(item, |category| category[item as usize]) as usize
    }
}

/// What was known of a customer at a date. Its memory is used again from date to date.
#[derive(Debug, Default)]
pub struct History {
    date: i32,
    visits: Vec<i32>,
    breadths: Vec<u32>,
    /// Days of all pairs, one after another, and thousandths of units bought on each.
    days: Vec<i32>,
    units: Vec<i64>,
    /// By pair: the item, and where its days stand.
    pairs: Vec<(u32, Range<usize>)>,
    /// Categories and days on which something of them was bought, where items have categories.
    around: Vec<(u32, i32)>,
    /// Days of all purchases, to find visits in.
    all: Vec<i32>,
}

impl History {
    /// Looks at `purchases`, which stand by item and day, up to `date`, as they were known on a day that is not earlier.
    pub fn look(&mut self, purchases: &[Purchase], (date, known_on): (Day, Day), items: &Items<'_>) {
        self.date = date.0;
        [&mut self.visits, &mut self.days, &mut self.all].into_iter().for_each(Vec::clear);
        self.units.clear();
        self.breadths.clear();
        self.pairs.clear();
        self.around.clear();
        for of_item in purchases.chunk_by(|a, b| a.item == b.item) {
            let (from, item) = (self.days.len(), of_item[0].item);
            for one in of_item.iter().filter(|one| one.day <= date && one.known_from <= known_on) {
                self.days.push(one.day.0);
                self.units.push(one.milli_units);
            }
            self.all.extend_from_slice(&self.days[from..]);
            if item == 0 {
                // What is not known is a visit, and no pair.
                self.days.truncate(from);
                self.units.truncate(from);
            } else if self.days.len() > from {
                self.pairs.push((item, from..self.days.len()));
                if let Some(category) = items.category {
                    self.around.extend(self.days[from..].iter().map(|day| (category[item as usize], *day)));
                }
            }
        }
        self.around.sort_unstable();
        self.around.dedup();
        self.all.sort_unstable();
        for day in self.all.chunk_by(PartialEq::eq) {
            self.visits.push(day[0]);
            self.breadths.push(day.len() as u32);
        }
    }

    /// Of a customer who has come of late, the pairs with days enough: those of which something may be due.
    pub fn eligible(&self, params: &Params) -> impl Iterator<Item = (u32, Bought<'_>)> {
        let active = self.visits.last().is_some_and(|last| self.date - last <= params.active_days);
        self.pairs().filter(move |(_, bought)| active && bought.days.len() >= params.purchase_days_min)
    }

    /// Items, and when how much of each was bought.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, Bought<'_>)> {
        self.pairs.iter().map(|(item, range)| (*item, Bought { days: &self.days[range.clone()], milli_units: &self.units[range.clone()] }))
    }

    /// What else was bought of each category, in their order; nothing where items are categories.
    pub fn arounds(&self, customer: &Customer, ages: &Ages) -> Vec<(u32, Around)> {
        let of_category = |days: &[(u32, i32)]| (days[0].0, Around::of(days.iter().map(|(_, day)| *day), customer, ages));
        self.around.chunk_by(|a, b| a.0 == b.0).map(of_category).collect()
    }

    /// What is known of the customer; None before the first visit.
    pub fn customer(&self, ages: &Ages) -> Option<Customer> {
        (!self.visits.is_empty()).then(|| Customer::of((&self.visits, &self.breadths), self.date, ages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RawDueLevel;

    fn bought(item: u32, day: i32, known: i32) -> Purchase {
        Purchase { item, day: Day(day), known_from: Day(known), milli_units: 1000 }
    }

    /// On day 10 the purchase of day 9 was not known yet, and that of day 12 had not been.
    #[test]
    fn only_what_was_known_is_seen() {
        let purchases = [bought(0, 3, 3), bought(4, 3, 3), bought(4, 9, 11), bought(7, 3, 3), bought(7, 5, 5), bought(7, 12, 12)];
        let mut history = History::default();
        history.look(&purchases, (Day(10), Day(10)), &Items::CATEGORIES);
        assert_eq!(history.pairs().map(|(item, bought)| (item, bought.days.to_vec())).collect::<Vec<_>>(), [(4, vec![3]), (7, vec![3, 5])]);
        assert_eq!((&history.visits[..], &history.breadths[..]), (&[3, 5][..], &[3, 1][..]));
        // The last visit was on day 5: five days ago is of late, and four are not enough. Only one category has two days.
        let params = |active_days: i32, purchase_days_min: usize| Params {
            level: RawDueLevel::Category,
            purchase_days_min,
            active_days,
            every_days: 28,
            training_dates: 1,
            sample_customers: 100,
        };
        let eligible = |params: &Params| history.eligible(params).map(|(item, _)| item).collect::<Vec<_>>();
        assert_eq!((eligible(&params(5, 1)), eligible(&params(5, 2)), eligible(&params(4, 1))), (vec![4, 7], vec![7], vec![]));
        history.look(&purchases, (Day(10), Day(11)), &Items::CATEGORIES);
        assert_eq!(history.pairs().next().map(|(item, bought)| (item, bought.days)), Some((4, &[3, 9][..])));
        assert!(history.around.is_empty());
        // Items 4 and 7 are of category 2: it was bought on days 3, 5 and 9.
        history.look(&purchases, (Day(10), Day(11)), &Items { category: Some(&[0, 0, 0, 0, 2, 0, 0, 2]) });
        assert_eq!(history.around, [(2, 3), (2, 5), (2, 9)]);
        history.look(&purchases, (Day(2), Day(20)), &Items::CATEGORIES);
        assert!(history.pairs().count() == 0 && history.customer(&Ages::new()).is_none());
    }
}
