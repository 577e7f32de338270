//! What the lines of customers say of the newest days, once all of a customer stand together.

use crate::audit::{self, CustomerDay, LinesByDay};
use crate::lake::Line;
use crate::time::Day;

/// Lines of the newest days.
#[derive(Default)]
pub(super) struct Newest {
    /// By days before as_of.
    pub days: Vec<CustomerDay>,
    /// Lines that repeat others.
    pub repeated: LinesByDay,
}

impl Newest {
    /// Adds the lines of other customers.
    pub fn add(&mut self, next: Self) {
        self.days.resize(audit::COUNTED, CustomerDay::default());
        self.days.iter_mut().zip(&next.days).for_each(|(sum, more)| sum.add(more));
        next.repeated.into_iter().for_each(|(of, lines)| *self.repeated.entry(of).or_default() += lines);
    }

    /// Counts the lines of the newest days of a customer, which stand in the order of time; `feed_of` says from which source and store one is.
    pub fn count(&mut self, lines: &[Line], as_of: Day, feed_of: impl Fn(&Line) -> Option<(u32, u32)>) {
        let Some(first) = lines.first().map(|line| line.day) else { return };
        self.days.resize(audit::COUNTED, CustomerDay::default());
        // A day of business may begin and end some hours apart from the calendar's.
        let recent = lines.partition_point(|line| as_of.since(line.day) > audit::COUNTED as i64 + 2);
        let recent = &lines[recent..];
        let mut add = |line: &Line, what: fn(&mut CustomerDay) -> &mut u64| {
            if let Some(age) = audit::age(as_of, line.day, audit::COUNTED) {
                *what(&mut self.days[age]) += 1;
            }
        };
        for line in recent {
            add(line, |day| &mut day.lines);
            if line.day == first {
                add(line, |day| &mut day.of_new);
            }
        }
        let mut repeated: Vec<&Line> = recent.windows(2).filter(|pair| pair[0].repeats(&pair[1])).map(|pair| &pair[1]).collect();
        let content = |line: &Line| Line { order: 0, other: 0, return_of: 0, ..*line };
        for instant in recent.chunk_by(|a, b| a.ordered_at == b.ordered_at) {
            let orders: Vec<&[Line]> =
                if instant[0].order == instant[instant.len() - 1].order { Vec::new() } else { instant.chunk_by(|a, b| a.order == b.order).collect() };
            for pair in orders.windows(2) {
                if pair[0].len() == pair[1].len() && pair[0].iter().zip(pair[1]).all(|(a, b)| content(a).repeats(&content(b))) {
                    repeated.extend(pair[1]);
                }
            }
        }
        for line in repeated {
            add(line, |day| &mut day.repeated);
            if let (Some(age), Some((source, store))) = (audit::age(as_of, line.day, audit::COUNTED), feed_of(line)) {
                *self.repeated.entry((source, store, age)).or_default() += 1;
            }
        }
    }
}
