//! What a customer's lines add up to at a date: integers only, from one pass over the customer's sorted lines.

use std::cell::RefCell;

use super::shares::ByPlace;
use crate::lake::{ByFingerprint, Line, LineKind, NO_COST};
use crate::time::{Day, MaybeDay, Window};

/// What groups and models need of one customer at one date, in whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The date.
    pub date: Day,
    /// The day to which the customer was observed: the date, or where source or home store end before it, at least the last order.
    pub observed_to: Day,
    /// First and last order day, of all history.
    pub first_day: MaybeDay,
    /// Last order day.
    pub last_day: MaybeDay,
    /// Orders, of all history.
    pub order_count: u32,
    /// Distinct order days, of all history.
    pub order_days: u32,
    /// Value net of returns, of all history, in minor units.
    pub value_minor: i64,
    /// Value net of returns of the orders in the observation window, in minor units.
    pub window_value_minor: i64,
    /// Order days after the first one whose orders are worth more than nothing, net of what came back of them.
    pub valued_days: u32,
    /// What these are worth together, in minor units.
    pub valued_minor: i64,
    /// Orders in the observation window of which some line's cost is known.
    pub costed_orders: u32,
    /// Value net of returns of their lines whose cost is known, in minor units.
    pub costed_minor: i64,
    /// That less what these cost.
    pub margin_minor: i64,
    /// The number of the cohort in which purchase-cycle models see the customer; 0 for none.
    pub cohort: u16,
    /// Whether all orders came back.
    pub returned_only: bool,
}

impl Facts {
    /// The facts of someone without a line.
    pub fn none(date: Day, observed_to: Day) -> Self {
        Self {
            date,
            observed_to,
            first_day: MaybeDay::default(),
            last_day: MaybeDay::default(),
            order_count: 0,
            order_days: 0,
            value_minor: 0,
            window_value_minor: 0,
            valued_days: 0,
            valued_minor: 0,
            costed_orders: 0,
            costed_minor: 0,
            margin_minor: 0,
            cohort: 0,
            returned_only: false,
        }
    }

    /// Takes the distinct order days, oldest first.
    fn count_days(&mut self, days: &[Day]) {
        self.first_day = days.first().copied().into();
        self.last_day = days.last().copied().into();
        self.order_days = days.len() as u32;
        // Who ordered elsewhere after the home store's last file was observed to then.
        self.observed_to = self.last_day.get().map_or(self.observed_to, |last| self.observed_to.max(last));
    }

    /// Takes the values of orders by day, in the order of days.
    fn value_days(&mut self, values: &[(Day, i64)]) {
        for day in values.chunk_by(|a, b| a.0 == b.0).skip(1) {
            let value: i64 = day.iter().map(|(_, value)| value).sum();
            if value > 0 {
                self.valued_days += 1;
                self.valued_minor += value;
            }
        }
    }

    /// x: distinct order days less one; None for who never ordered.
    pub fn repeat_day_count(&self) -> Option<i64> {
        self.first_day.get().map(|_| i64::from(self.order_days) - 1)
    }

    /// t_x: from the first order day to the last.
    pub fn t_x_days(&self) -> Option<i64> {
        Some(self.last_day.get()?.since(self.first_day.get()?))
    }

    /// T of the models: from the first order day to the day observed to, at least to the last order.
    pub fn observed_days(&self) -> Option<i64> {
        Some(self.observed_to.since(self.first_day.get()?))
    }

    /// Mean gap between order days; None before the second.
    pub fn gap_days_mean(&self) -> Option<f64> {
        let gaps = self.order_days.saturating_sub(1);
        (gaps > 0).then(|| self.t_x_days().unwrap_or_default() as f64 / f64::from(gaps))
    }
}

/// What one order adds up to, at one date.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Order {
    /// Time and day of the earliest visible line; None where no line is visible yet.
    first: Option<(i64, Day)>,
    /// The days from which the first and the last of its lines that are visible were.
    known: Option<(Day, Day)>,
    /// Whether something was bought.
    pub bought: bool,
    /// Value net of returns.
    pub value_minor: i64,
    /// Value of what was bought.
    pub gross_minor: i64,
    /// Value of what came back of it.
    pub returned_minor: i64,
    /// Lines that came back.
    pub return_lines: i64,
    /// Lines of what was bought.
    pub lines: i64,
    /// Units of what was bought, in thousandths.
    pub milli_units: i64,
    /// Whether some line's cost is known.
    is_costed: bool,
    /// Value net of returns of lines whose cost is known.
    costed_minor: i64,
    /// What these cost, net of what came back.
    cost_minor: i64,
    /// Channel of the earliest line; 0 for none.
    pub channel: u32,
    /// Store of the earliest line; 0 for none.
    pub store: u32,
}

impl Order {
    /// The order's time and day, once it is visible.
    pub fn first(&self) -> Option<(i64, Day)> {
        self.first
    }

    /// Counts what a line cost, where that is known.
    fn cost(&mut self, line: &Line) {
        if line.cost_minor != NO_COST {
            self.is_costed = true;
            self.costed_minor += line.amount_minor;
            self.cost_minor += line.cost_minor;
        }
    }
}

/// From which date, and to which day, a customer is looked at.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The last day that may be seen.
    pub date: Day,
    /// The day to which the customer is observed.
    pub observed_to: Day,
    /// Length of the observation window.
    pub lookback_days: i32,
}

/// A customer's orders: which line belongs to which, and to which a return is charged. Its memory is used again for the next customer.
#[derive(Debug, Default)]
pub struct Orders {
    /// By line: the order that it belongs to.
    pub(super) own: Vec<u32>,
    /// By line: the order whose value it nets.
    charged: Vec<u32>,
    /// Fingerprints of the orders.
    orders: Vec<u64>,
    /// The lowest bits of the fingerprints, of 64 kinds: an order of another kind is a new one.
    kinds: u64,
    /// The places of the fingerprints, where there are many.
    places: ByFingerprint<u64, u32>,
    /// What the orders add up to at the date of the facts that were taken last.
    pub(super) sums: Vec<Order>,
    /// Of these facts: the lines of what came back.
    came_back: Vec<usize>,
    days: Vec<Day>,
    /// Days of orders, and what each is worth.
    values: Vec<(Day, i64)>,
    /// Days of the facts that were remembered.
    remembered: Vec<Day>,
    /// What their orders are worth, by day.
    remembered_values: Vec<(Day, i64)>,
    /// Of their orders those that were not known at once: from when to when they were known in part, or not on their day.
    partly: Vec<(Day, Day)>,
    /// By order: the day of its first line, until it is known to be spread, or something of it came back.
    begun: Vec<Option<Day>>,
    /// What families add up.
    pub(super) by_place: RefCell<ByPlace>,
}

/// Lines of an order are of one time; where they lie further apart, it is several orders of one number.
pub const SPREAD_DAYS: i64 = 7;

/// Up to so many orders are looked for one by one, the newest first.
const FEW_ORDERS: usize = 32;

/// A bit for the kind of an order.
fn kind(order: u64) -> u64 {
    1 << (order & 63)
}

impl Orders {
    /// Finds the orders in a customer's lines, which are sorted by time.
    pub fn find(&mut self, lines: &[Line]) {
        self.own.clear();
        self.charged.clear();
        self.orders.clear();
        self.places.clear();
        self.kinds = 0;
        for line in lines {
            let place = match self.place(line.order) {
                Some(place) => place,
                None => {
                    self.orders.push(line.order);
                    self.kinds |= kind(line.order);
                    let place = self.orders.len() as u32 - 1;
                    if self.orders.len() > FEW_ORDERS {
                        if self.places.is_empty() {
                            self.places.extend(self.orders.iter().enumerate().map(|(place, order)| (*order, place as u32)));
                        }
                        self.places.insert(line.order, place);
                    }
                    place
                }
            };
            self.own.push(place);
        }
        for (index, line) in lines.iter().enumerate() {
            let own = self.own[index];
            let charged = if line.return_of == 0 { own } else { self.place(line.return_of).unwrap_or(own) };
            self.charged.push(charged);
        }
    }

    /// How many orders were found, and in how many of them something was bought more than `SPREAD_DAYS` after their first line, where nothing came back, for which
    /// it may have been taken; `lines` are those whose orders were found.
    pub fn spread(&mut self, lines: &[Line]) -> [u64; 2] {
        self.begun.clear();
        self.begun.resize(self.orders.len(), None);
        for (line, own) in lines.iter().zip(&self.own).rev() {
            self.begun[*own as usize] = Some(line.day);
        }
        let came_back = lines.iter().zip(self.own.iter().zip(&self.charged)).filter(|(line, _)| line.kind == LineKind::Return);
        came_back.for_each(|(_, (own, charged))| [own, charged].into_iter().for_each(|order| self.begun[*order as usize] = None));
        let mut spread = 0;
        for (line, own) in lines.iter().zip(&self.own) {
            let begun = &mut self.begun[*own as usize];
            if line.is_bought && begun.is_some_and(|day| line.day.since(day) > SPREAD_DAYS) {
                *begun = None;
                spread += 1;
            }
        }
        [self.orders.len() as u64, spread]
    }

    fn place(&self, order: u64) -> Option<u32> {
        if self.kinds & kind(order) == 0 {
            return None;
        }
        if self.orders.len() > FEW_ORDERS {
            return self.places.get(&order).copied();
        }
        self.orders.iter().rposition(|known| *known == order).map(|place| place as u32)
    }

    /// What the lines that were visible on the view's date add up to; `lines` are those whose orders were found.
    pub fn facts(&mut self, lines: &[Line], view: View) -> Facts {
        self.sum(lines, view.date);
        let window = Window::ending(view.date, view.lookback_days);
        let mut facts = Facts::none(view.date, view.observed_to);
        self.values.clear();
        for sum in &self.sums {
            let Some((_, day)) = sum.first else { continue };
            facts.value_minor += sum.value_minor;
            if window.contains(day) {
                facts.window_value_minor += sum.value_minor;
                facts.costed_orders += u32::from(sum.is_costed);
                facts.costed_minor += sum.costed_minor;
                facts.margin_minor += sum.costed_minor - sum.cost_minor;
            }
            if sum.bought {
                self.values.push((day, sum.value_minor));
                facts.order_count += 1;
            }
        }
        if !self.values.is_sorted() {
            self.values.sort_unstable();
        }
        self.days.clear();
        self.days.extend(self.values.iter().map(|(day, _)| *day));
        self.days.dedup();
        facts.count_days(&self.days);
        facts.value_days(&self.values);
        facts.returned_only = facts.order_count > 0 && self.sums.iter().all(|order| !order.bought || order.return_lines > 0 && order.value_minor <= 0);
        facts
    }

    /// Remembers the facts that were taken last, for earlier dates.
    pub fn remember(&mut self) {
        self.remembered.clone_from(&self.days);
        self.remembered_values.clone_from(&self.values);
        self.partly.clear();
        let partly = |order: &Order| {
            let (day, (from, whole_from)) = (order.first?.1, order.known?);
            Some((day.min(from), whole_from.max(day))).filter(|(from, to)| from < to)
        };
        self.partly.extend(self.sums.iter().filter_map(partly));
    }

    /// What was known of order days at an earlier date than that of the facts remembered: facts without orders and values. None where some order was
    /// known in part then, or not on its day: all lines must be looked at.
    pub fn days_then(&self, view: View) -> Option<Facts> {
        if self.partly.iter().any(|(from, to)| *from <= view.date && view.date < *to) {
            return None;
        }
        let mut facts = Facts::none(view.date, view.observed_to);
        facts.count_days(&self.remembered[..self.remembered.partition_point(|day| *day <= view.date)]);
        Some(facts)
    }

    /// Distinct order days of the facts remembered, oldest first.
    pub fn remembered_days(&self) -> &[Day] {
        &self.remembered
    }

    /// Days of the orders of the facts remembered, and what each is worth.
    pub fn remembered_values(&self) -> &[(Day, i64)] {
        &self.remembered_values
    }

    /// The same of the facts that were taken last.
    pub fn values(&self) -> &[(Day, i64)] {
        &self.values
    }

    /// Distinct order days of the facts that were taken last, oldest first.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// Distinct order days of facts that `days_then` gave; where it gave none, those of the facts that were taken last.
    pub fn days_of(&self, then: Option<&Facts>) -> &[Day] {
        then.map_or(&self.days, |facts| &self.remembered[..facts.order_days as usize])
    }

    fn sum(&mut self, lines: &[Line], date: Day) {
        self.sums.clear();
        self.sums.resize(self.orders.len(), Order::default());
        self.came_back.clear();
        for (index, line) in lines.iter().enumerate() {
            if line.visible_from > date || line.kind == LineKind::NoProduct {
                continue;
            }
            let own = &mut self.sums[self.own[index] as usize];
            let (from, whole_from) = own.known.unwrap_or((line.visible_from, line.visible_from));
            own.known = Some((from.min(line.visible_from), whole_from.max(line.visible_from)));
            // Lines are sorted by time: the first one that is visible is the earliest.
            if own.first.is_none() {
                own.first = Some((line.ordered_at, line.day));
                (own.channel, own.store) = (line.channel, line.store);
            }
            if line.kind == LineKind::Sale {
                own.bought |= line.is_bought;
                own.lines += i64::from(line.is_bought);
                own.milli_units += i64::from(line.milli_units);
                own.gross_minor += line.amount_minor;
                own.value_minor += line.amount_minor;
                own.cost(line);
            } else {
                self.came_back.push(index);
            }
        }
        // All that is visible of the orders is known by now: what came back may stand before them, at the same instant or by a clock that was wrong.
        for &index in &self.came_back {
            let line = &lines[index];
            // An order that is not visible yet cannot be netted: the return then stands for itself.
            let charged = self.charged[index] as usize;
            let target = if self.sums[charged].first.is_some() { charged } else { self.own[index] as usize };
            let target = &mut self.sums[target];
            target.value_minor += line.amount_minor;
            target.returned_minor -= line.amount_minor;
            target.return_lines += 1;
            target.cost(line);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::item::Scope;
    use super::super::rfm::{Totals, totals};
    use super::super::seen::About;
    use super::super::world::{Person, World};
    use super::*;

    /// A line of two units.
    pub fn line(day: i32, visible: i32, kind: LineKind, order: u64, amount_minor: i64, return_of: u64) -> Line {
        let is_bought = kind == LineKind::Sale;
        Line {
            ordered_at: i64::from(day) * 86_400_000_000,
            order,
            product: 1,
            kind,
            amount_minor,
            milli_units: if is_bought { 2000 } else { -1000 },
            is_bought,
            return_of,
            ..Line::dated(Day(day), Some(Day(visible)))
        }
    }

    /// Worked by hand: orders on days 10, 20, 20 and 50 (the last arrived on 55), a return on day 30 of the first order.
    pub fn worked_lines() -> Vec<Line> {
        vec![
            line(10, 10, LineKind::Sale, 1, 1000, 0),
            line(20, 20, LineKind::Sale, 2, 500, 0),
            line(20, 20, LineKind::Sale, 3, 300, 0),
            line(30, 30, LineKind::Return, 9, -400, 1),
            line(50, 55, LineKind::Sale, 4, 700, 0),
        ]
    }

    fn at(date: i32, lookback_days: i32) -> (Facts, Totals) {
        let (lines, mut orders) = (worked_lines(), Orders::default());
        orders.find(&lines);
        let facts = orders.facts(&lines, View { date: Day(date), observed_to: Day(date), lookback_days });
        let (world, person) = (World::nothing(), Person::default());
        let seen = orders.seen(&lines, facts, About { world: &world, person: &person, events: &[] });
        let mut measured = Vec::new();
        totals(&seen, &Scope { windows_days: vec![lookback_days], evidence_min: 1, subjects: Vec::new() }, &mut measured);
        (facts, measured[0])
    }

    /// By hand: 400 of an order of day 40 that came back on day 30, by a clock that was wrong, and all of one at its own instant, where what came back stands first.
    #[test]
    fn what_came_back_is_taken_off_its_order_wherever_it_stands() {
        let lines = [
            line(30, 30, LineKind::Return, 9, -400, 4),
            line(40, 40, LineKind::Sale, 4, 1000, 0),
            line(50, 50, LineKind::Return, 5, -300, 6),
            line(50, 50, LineKind::Sale, 6, 300, 0),
        ];
        let facts = |lines: &[Line], date: i32| {
            let mut orders = Orders::default();
            orders.find(lines);
            orders.facts(lines, View { date: Day(date), observed_to: Day(date), lookback_days: 25 })
        };
        let told = |facts: Facts| (facts.order_count, facts.value_minor, facts.window_value_minor, facts.returned_only);
        assert_eq!(told(facts(&lines, 60)), (2, 600, 600, false));
        assert_eq!(told(facts(&lines[2..], 60)), (1, 0, 0, true));
        assert_eq!(told(facts(&lines, 39)), (0, -400, -400, false), "the order is not known yet");
    }

    #[test]
    fn facts_at_dates() {
        let (early, totals) = at(29, 365);
        assert_eq!((early.order_count, early.order_days, early.value_minor, totals.returned_minor), (3, 2, 1800, 0));
        let (later, totals) = at(54, 40);
        // The late line is not visible yet; the return nets order a, which lies outside of the window (14, 54].
        assert_eq!((later.order_count, later.value_minor, later.window_value_minor, totals.orders), (3, 1400, 800, 2));
        assert_eq!((later.repeat_day_count(), later.t_x_days(), later.observed_days()), (Some(1), Some(10), Some(44)));
        let (lines, mut orders) = (worked_lines(), Orders::default());
        orders.find(&lines);
        orders.facts(&lines, View { date: Day(60), observed_to: Day(60), lookback_days: 365 });
        orders.remember();
        let then = |date: i32| orders.days_then(View { date: Day(date), observed_to: Day(date), lookback_days: 365 });
        assert_eq!(then(29).map(|facts| (facts.order_days, facts.t_x_days(), facts.observed_days())), Some((2, Some(10), Some(19))));
        assert_eq!(then(5).map(|facts| (facts.order_days, facts.first_day.get())), Some((0, None)));
        // From day 50 to 54 the last order was not known, though its day had been.
        assert_eq!([49, 50, 54, 55].map(|date| then(date).map(|facts| facts.order_days)), [Some(2), None, None, Some(3)]);
        // An order whose first line is of a later day than another of its lines was there on the earlier day.
        let shipped = [line(12, 12, LineKind::Sale, 5, 10, 0), Line { day: Day(8), visible_from: Day(8), ..line(12, 8, LineKind::Sale, 5, 10, 0) }];
        orders.find(&shipped);
        orders.facts(&shipped, View { date: Day(60), observed_to: Day(60), lookback_days: 365 });
        orders.remember();
        let then = |date: i32| orders.days_then(View { date: Day(date), observed_to: Day(date), lookback_days: 365 });
        assert_eq!([7, 8, 11, 12].map(|date| then(date).map(|facts| facts.order_days)), [Some(0), None, None, Some(1)]);
        let (last, totals) = at(55, 45);
        assert_eq!((last.order_days, last.window_value_minor), (3, 1500));
        assert_eq!((totals.orders, totals.value_minor, totals.gross_minor, totals.returned_minor, totals.return_lines), (3, 1500, 1500, 0, 0));
        assert_eq!((totals.lines, totals.milli_units), (3, 6000));
        let (_, totals) = at(55, 46);
        assert_eq!((totals.orders, totals.value_minor, totals.gross_minor, totals.returned_minor, totals.return_lines), (4, 2100, 2500, 400, 1));
    }
}
