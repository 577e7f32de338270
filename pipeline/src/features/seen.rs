//! One customer at one date, as families look at them.

use std::cell::{OnceCell, RefCell};

use super::events::{Event, EventKind};
use super::facts::{Facts, Order, Orders};
use super::item::Scope;
use super::shares::{AtPlace, ByPlace, Division, Evenness};
use super::world::{Person, World};
use crate::lake::Line;
use crate::time::Day;

/// What is known of a customer beside the lines.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What is known of products, promotions and times, of everyone.
    pub world: &'a World,
    /// Who it is.
    pub person: &'a Person,
    /// What happened beside orders, oldest first.
    pub events: &'a [Event],
}

/// One customer at one date, as families look at them.
pub struct Seen<'a> {
    /// What the orders add up to.
    pub facts: Facts,
    /// All lines, those that are not visible too.
    pub(super) lines: &'a [Line],
    /// By line: the order that it belongs to.
    own: &'a [u32],
    /// All orders, those that are not visible too.
    pub(super) orders: &'a [Order],
    /// Distinct order days, oldest first.
    pub days: &'a [Day],
    /// What is known beside the lines.
    pub about: About<'a>,
    bought: OnceCell<Vec<Bought<'a>>>,
    by_category: OnceCell<Vec<AtPlace>>,
    by_place: &'a RefCell<ByPlace>,
}

/// A line of what was bought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bought<'a> {
    /// The line.
    pub line: &'a Line,
    /// How many days before the date its order was.
    pub age: i64,
    /// Place of the product's category; 0 for none.
    pub category: u32,
}

impl Orders {
    /// What families look at: `facts` are the last ones that were taken, of `lines`.
    pub fn seen<'a>(&'a self, lines: &'a [Line], facts: Facts, about: About<'a>) -> Seen<'a> {
        let (bought, by_category) = (OnceCell::new(), OnceCell::new());
        Seen { facts, lines, own: &self.own, orders: &self.sums, days: self.days(), about, bought, by_category, by_place: &self.by_place }
    }
}

/// Days before a date that no window begins before.
fn longest(windows_days: &[i32]) -> i64 {
    windows_days.iter().copied().max().map_or(0, i64::from)
}

impl<'a> Seen<'a> {
    /// The orders that are visible, and how many days before the date each was.
    pub(super) fn orders(&self) -> impl Iterator<Item = (i64, &'a Order)> {
        let date = self.facts.date;
        self.orders.iter().filter_map(move |order| order.first().map(|(_, day)| (date.since(day), order)))
    }

    /// The same of those within the longest of these windows.
    pub(super) fn orders_within(&self, windows_days: &[i32]) -> impl Iterator<Item = (i64, &'a Order)> {
        let longest_days = longest(windows_days);
        self.orders().filter(move |(age, _)| *age < longest_days)
    }

    /// Whether by the date anything of this kind was known of anyone: before, nothing of it says nothing.
    pub(super) fn knows(&self, kind: EventKind) -> bool {
        self.about.world.events_from[kind as usize].is_some_and(|from| from <= self.facts.date)
    }

    /// What happened beside orders that is visible, and how many days before the date it was.
    pub(super) fn events(&self) -> impl Iterator<Item = (i64, &'a Event)> {
        let date = self.facts.date;
        self.about.events.iter().filter(move |event| event.visible_from <= date).map(move |event| (date.since(event.day), event))
    }

    /// The lines of what was bought that are visible, in their order.
    pub(super) fn bought(&self) -> &[Bought<'a>] {
        self.bought.get_or_init(|| {
            let (date, orders, categories) = (self.facts.date, self.orders, &self.about.world.catalogue.category);
            let mut bought = Vec::with_capacity(self.lines.len());
            let lines = self.lines.iter().zip(self.own).filter(|(line, _)| line.is_bought && line.visible_from <= date);
            bought.extend(lines.filter_map(|(line, own)| {
                let (_, day) = orders[*own as usize].first()?;
                Some(Bought { line, age: date.since(day), category: categories.get(line.product as usize).copied().unwrap_or_default() })
            }));
            bought
        })
    }

    /// The same of orders within the longest of these windows.
    pub(super) fn bought_within(&self, windows_days: &[i32]) -> impl Iterator<Item = &Bought<'a>> {
        let longest_days = longest(windows_days);
        self.bought().iter().filter(move |bought| bought.age < longest_days)
    }

    /// The value of what was bought within the longest of these windows, with its category and how many days ago it was.
    pub(super) fn values(&self, windows_days: &[i32]) -> impl Iterator<Item = (u32, i64, i64)> {
        self.bought_within(windows_days).map(value)
    }

    /// The value of all that was bought, by category.
    pub(super) fn by_category(&self) -> &[AtPlace] {
        self.by_category.get_or_init(|| self.by_place.borrow_mut().places(self.bought().iter().map(value)))
    }

    /// Hands to `put` how amounts above 0, each with its place and how many days ago it was, are divided in the windows of a scope.
    pub(super) fn divide(&self, amounts: impl Iterator<Item = (u32, i64, i64)>, scope: &Scope, evenness: Evenness, put: impl FnMut(usize, Division)) {
        self.by_place.borrow_mut().divide(amounts, (&scope.windows_days, evenness), put);
    }
}

fn value(bought: &Bought<'_>) -> (u32, i64, i64) {
    (bought.category, bought.age, bought.line.amount_minor)
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::super::catalogue::tests::catalogue;
    use super::super::facts::tests::worked_lines;
    use super::*;

    /// Orders on days 10, 20, 20 and 50 (which arrived on day 55): seen on day 60 they are 50, 40, 40 and 10 days old, and on day 54 neither the last nor a second line of the third is known yet;
    /// what came back on day 30 was not bought. Milk is category 1, and what the catalogue does not know is in none.
    #[test]
    fn what_is_seen_lies_within_the_longest_window() {
        let (mut lines, mut orders) = (worked_lines(), Orders::default());
        lines[2].product = 1_000;
        lines.insert(3, Line { visible_from: Day(55), ..lines[2] });
        orders.find(&lines);
        let (world, person) = (World { catalogue: catalogue().0, ..World::nothing() }, Person::default());
        let about = About { world: &world, person: &person, events: &[] };
        let facts = orders.facts(&lines, View { date: Day(54), observed_to: Day(54), lookback_days: 365 });
        assert_eq!(orders.seen(&lines, facts, about).bought().iter().map(|bought| bought.line.order).collect::<Vec<_>>(), [1, 2, 3]);
        let facts = orders.facts(&lines, View { date: Day(60), observed_to: Day(60), lookback_days: 365 });
        let seen = orders.seen(&lines, facts, about);
        let bought = |windows_days: &[i32]| seen.bought_within(windows_days).map(|bought| (bought.age, bought.line.order)).collect::<Vec<_>>();
        assert_eq!(bought(&[5, 41]), [(40, 2), (40, 3), (40, 3), (10, 4)]);
        assert_eq!((bought(&[40]), bought(&[])), (vec![(10, 4)], vec![]));
        let ages = |windows_days: &[i32]| seen.orders_within(windows_days).filter(|(_, order)| order.bought).map(|(age, _)| age).collect::<Vec<_>>();
        assert_eq!((ages(&[41, 5]), ages(&[40])), (vec![40, 40, 10], vec![10]));
        assert_eq!(seen.bought().iter().map(|bought| bought.category).collect::<Vec<_>>(), [1, 1, 0, 0, 1]);
        assert_eq!(seen.by_category(), [AtPlace { place: 1, newest: 10, oldest: 50, amount: 2200 }]);
        assert_eq!(seen.values(&[41]).collect::<Vec<_>>(), [(1, 40, 500), (0, 40, 300), (0, 40, 300), (1, 10, 700)]);
    }
}
