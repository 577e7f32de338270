//! What a customer's lines add up to at a date: integers only, from one pass over the customer's sorted lines.

use crate::lake::{ByFingerprint, Line, LineKind};
use crate::time::{Day, Window};

/// Integer accumulators of one customer at one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The date.
    pub date: Day,
    /// The day to which the customer was observed: the date, or where source or home store end before it, at least the last order.
    pub observed_to: Day,
    /// First and last order day, of all history.
    pub first_day: Option<Day>,
    /// Last order day.
    pub last_day: Option<Day>,
    /// Orders, of all history.
    pub order_count: i64,
    /// Distinct order days, of all history.
    pub order_days: i64,
    /// Gap between the last two order days.
    pub last_gap_days: Option<i64>,
    /// Sum of squared gaps between order days.
    pub gap_squares: i64,
    /// Value net of returns, of all history, in minor units.
    pub value_minor: i64,
    /// Orders in the observation window.
    pub window_orders: i64,
    /// Value net of returns of the orders in the window, in minor units.
    pub window_value_minor: i64,
    /// Lines of the orders in the window.
    pub window_lines: i64,
    /// Units of the orders in the window, in thousandths.
    pub window_milli_units: i64,
    /// Value of what was bought in the window, before returns.
    pub window_gross_minor: i64,
    /// Value of what came back of it.
    pub window_returned_minor: i64,
    /// Lines that came back.
    pub window_return_lines: i64,
}

impl Facts {
    /// The facts of someone without a line.
    pub fn none(date: Day, observed_to: Day) -> Self {
        Self {
            date,
            observed_to,
            first_day: None,
            last_day: None,
            order_count: 0,
            order_days: 0,
            last_gap_days: None,
            gap_squares: 0,
            value_minor: 0,
            window_orders: 0,
            window_value_minor: 0,
            window_lines: 0,
            window_milli_units: 0,
            window_gross_minor: 0,
            window_returned_minor: 0,
            window_return_lines: 0,
        }
    }

    /// x: distinct order days less one; None for who never ordered.
    pub fn repeat_day_count(&self) -> Option<i64> {
        self.first_day.map(|_| self.order_days - 1)
    }

    /// t_x: from the first order day to the last.
    pub fn t_x_days(&self) -> Option<i64> {
        Some(self.last_day?.since(self.first_day?))
    }

    /// T of the models: from the first order day to the day observed to, at least to the last order.
    pub fn observed_days(&self) -> Option<i64> {
        Some(self.observed_to.since(self.first_day?))
    }

    /// Mean gap between order days; None before the second.
    pub fn gap_days_mean(&self) -> Option<f64> {
        let gaps = self.order_days - 1;
        (gaps > 0).then(|| self.t_x_days().unwrap_or_default() as f64 / gaps as f64)
    }
}

/// What one order adds up to, at one date.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Earliest visible line.
    first: Option<(i64, Day)>,
    bought: bool,
    value_minor: i64,
    gross_minor: i64,
    returned_minor: i64,
    return_lines: i64,
    lines: i64,
    milli_units: i64,
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
    own: Vec<u32>,
    /// By line: the order whose value it nets.
    charged: Vec<u32>,
    /// Fingerprints of the orders.
    orders: Vec<u64>,
    /// The places of the fingerprints, where there are many.
    places: ByFingerprint<u64, u32>,
    sums: Vec<Sum>,
    days: Vec<Day>,
}

/// Up to so many orders are looked for one by one, the newest first.
const FEW_ORDERS: usize = 32;

impl Orders {
    /// Finds the orders in a customer's lines, which are sorted by time.
    pub fn find(&mut self, lines: &[Line]) {
        self.own.clear();
        self.charged.clear();
        self.orders.clear();
        self.places.clear();
        for line in lines {
            let place = match self.place(line.order) {
                Some(place) => place,
                None => {
                    self.orders.push(line.order);
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

    fn place(&self, order: u64) -> Option<u32> {
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
        self.days.clear();
        for sum in &self.sums {
            let Some((_, day)) = sum.first else { continue };
            facts.value_minor += sum.value_minor;
            let inside = window.contains(day);
            if inside {
                facts.window_value_minor += sum.value_minor;
                facts.window_gross_minor += sum.gross_minor;
                facts.window_returned_minor += sum.returned_minor;
                facts.window_return_lines += sum.return_lines;
            }
            if !sum.bought {
                continue;
            }
            self.days.push(day);
            facts.order_count += 1;
            if inside {
                facts.window_orders += 1;
                facts.window_lines += sum.lines;
                facts.window_milli_units += sum.milli_units;
            }
        }
        self.days.sort_unstable();
        self.days.dedup();
        add_days(&mut facts, &self.days);
        facts
    }

    fn sum(&mut self, lines: &[Line], date: Day) {
        self.sums.clear();
        self.sums.resize(self.orders.len(), Sum::default());
        for (index, line) in lines.iter().enumerate() {
            if line.visible_from > date || line.kind == LineKind::NoProduct {
                continue;
            }
            let own = &mut self.sums[self.own[index] as usize];
            let at = (line.ordered_at, line.day);
            own.first = Some(own.first.map_or(at, |first| first.min(at)));
            if line.kind == LineKind::Sale {
                own.bought |= line.is_bought;
                own.lines += 1;
                own.milli_units += i64::from(line.milli_units);
                own.gross_minor += line.amount_minor;
                own.value_minor += line.amount_minor;
                continue;
            }
            // An order that is not visible yet cannot be netted: the return then stands for itself.
            let charged = self.charged[index] as usize;
            let target = if self.sums[charged].first.is_some() { charged } else { self.own[index] as usize };
            self.sums[target].value_minor += line.amount_minor;
            self.sums[target].returned_minor -= line.amount_minor;
            self.sums[target].return_lines += 1;
        }
    }

    /// Distinct order days, oldest first, of the lines that were visible on `seen_by`.
    pub fn order_days(&mut self, lines: &[Line], seen_by: Day) -> Vec<Day> {
        self.sum(lines, seen_by);
        let mut days: Vec<Day> = self.sums.iter().filter(|sum| sum.bought).filter_map(|sum| sum.first.map(|first| first.1)).collect();
        days.sort_unstable();
        days.dedup();
        days
    }
}

fn add_days(facts: &mut Facts, days: &[Day]) {
    facts.first_day = days.first().copied();
    facts.last_day = days.last().copied();
    facts.order_days = days.len() as i64;
    // Who ordered elsewhere after the home store's last file was observed to then.
    facts.observed_to = facts.last_day.map_or(facts.observed_to, |last| facts.observed_to.max(last));
    for pair in days.windows(2) {
        let gap = pair[1].since(pair[0]);
        facts.gap_squares += gap * gap;
        facts.last_gap_days = Some(gap);
    }
}
