//! A customer's purchases as they were known at a date.

use std::ops::Range;

use super::Params;
use super::measure::{Ages, Customer};
use crate::features::Purchase;
use crate::time::Day;

/// What was known of a customer at a date. Its memory is used again from date to date.
#[derive(Debug, Default)]
pub struct History {
    date: i32,
    visits: Vec<i32>,
    breadths: Vec<u32>,
    /// Days of all pairs, one after another.
    days: Vec<i32>,
    /// By pair: the category, and where its days stand.
    pairs: Vec<(u32, Range<usize>)>,
    /// Days of all purchases, to find visits in.
    all: Vec<i32>,
}

impl History {
    /// Looks at `purchases`, which stand by category and day, up to `date`, as they were known on a day that is not earlier.
    pub fn look(&mut self, purchases: &[Purchase], (date, known_on): (Day, Day)) {
        self.date = date.0;
        [&mut self.visits, &mut self.days, &mut self.all].into_iter().for_each(Vec::clear);
        self.breadths.clear();
        self.pairs.clear();
        for of_category in purchases.chunk_by(|a, b| a.category == b.category) {
            let from = self.days.len();
            self.days.extend(of_category.iter().filter(|one| one.day <= date && one.known_from <= known_on).map(|one| one.day.0));
            self.all.extend_from_slice(&self.days[from..]);
            match of_category[0].category {
                // What has no category is a visit, and no pair.
                0 => self.days.truncate(from),
                category if self.days.len() > from => self.pairs.push((category, from..self.days.len())),
                _ => {}
            }
        }
        self.all.sort_unstable();
        for day in self.all.chunk_by(PartialEq::eq) {
            self.visits.push(day[0]);
            self.breadths.push(day.len() as u32);
        }
    }

    /// Of a customer who has come of late, the pairs with days enough: those of which something may be due.
    pub fn eligible(&self, params: &Params) -> impl Iterator<Item = (u32, &[i32])> {
        let active = self.visits.last().is_some_and(|last| self.date - last <= params.active_days);
        self.pairs().filter(move |(_, days)| active && days.len() >= params.purchase_days_min)
    }

    /// Categories, and the days on which each was bought.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, &[i32])> {
        self.pairs.iter().map(|(category, range)| (*category, &self.days[range.clone()]))
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

    fn bought(category: u32, day: i32, known: i32) -> Purchase {
        Purchase { category, day: Day(day), known_from: Day(known), milli_units: 1000 }
    }

    /// On day 10 the purchase of day 9 was not known yet, and that of day 12 had not been.
    #[test]
    fn only_what_was_known_is_seen() {
        let purchases = [bought(0, 3, 3), bought(4, 3, 3), bought(4, 9, 11), bought(7, 3, 3), bought(7, 5, 5), bought(7, 12, 12)];
        let mut history = History::default();
        history.look(&purchases, (Day(10), Day(10)));
        assert_eq!(history.pairs().map(|(category, days)| (category, days.to_vec())).collect::<Vec<_>>(), [(4, vec![3]), (7, vec![3, 5])]);
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
        let eligible = |params: &Params| history.eligible(params).map(|(category, _)| category).collect::<Vec<_>>();
        assert_eq!((eligible(&params(5, 1)), eligible(&params(5, 2)), eligible(&params(4, 1))), (vec![4, 7], vec![7], vec![]));
        history.look(&purchases, (Day(10), Day(11)));
        assert_eq!(history.pairs().next(), Some((4, &[3, 9][..])));
        history.look(&purchases, (Day(2), Day(20)));
        assert!(history.pairs().count() == 0 && history.customer(&Ages::new()).is_none());
    }
}
