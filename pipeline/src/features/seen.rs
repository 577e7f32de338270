//! One customer at one date, as families look at them.

use super::events::{Event, EventKind};
use super::facts::{Facts, Order, Orders};
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
}

impl Orders {
    /// What families look at: `facts` are the last ones that were taken, of `lines`.
    pub fn seen<'a>(&'a self, lines: &'a [Line], facts: Facts, about: About<'a>) -> Seen<'a> {
        Seen { facts, lines, own: &self.own, orders: &self.sums, days: self.days(), about }
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

    /// The lines of what was bought that are visible, and how many days before the date each one's order was.
    pub(super) fn bought(&self) -> impl Iterator<Item = (i64, &'a Line)> {
        let (date, orders) = (self.facts.date, self.orders);
        let lines = self.lines.iter().zip(self.own).filter(move |(line, _)| line.is_bought && line.visible_from <= date);
        lines.filter_map(move |(line, own)| orders[*own as usize].first().map(|(_, day)| (date.since(day), line)))
    }

    /// The same of orders within the longest of these windows.
    pub(super) fn bought_within(&self, windows_days: &[i32]) -> impl Iterator<Item = (i64, &'a Line)> {
        let longest_days = longest(windows_days);
        self.bought().filter(move |(age, _)| *age < longest_days)
    }
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::super::facts::tests::worked_lines;
    use super::*;

    /// Orders on days 10, 20, 20 and 50, seen on day 60: 50, 40, 40 and 10 days before; what came back on day 30 was not bought.
    #[test]
    fn what_is_seen_lies_within_the_longest_window() {
        let (lines, mut orders) = (worked_lines(), Orders::default());
        orders.find(&lines);
        let facts = orders.facts(&lines, View { date: Day(60), observed_to: Day(60), lookback_days: 365 });
        let (world, person) = (World::nothing(), Person::default());
        let seen = orders.seen(&lines, facts, About { world: &world, person: &person, events: &[] });
        let bought = |windows_days: &[i32]| seen.bought_within(windows_days).map(|(age, line)| (age, line.order)).collect::<Vec<_>>();
        assert_eq!(bought(&[5, 41]), [(40, 2), (40, 3), (10, 4)]);
        assert_eq!((bought(&[40]), bought(&[])), (vec![(10, 4)], vec![]));
        let ages = |windows_days: &[i32]| seen.orders_within(windows_days).filter(|(_, order)| order.bought).map(|(age, _)| age).collect::<Vec<_>>();
        assert_eq!((ages(&[41, 5]), ages(&[40])), (vec![40, 40, 10], vec![10]));
        assert_eq!(seen.bought().count(), 4);
    }
}
