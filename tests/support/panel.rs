//! Panels of order days from the public data sets, split into calibration and holdout.

use std::collections::BTreeMap;
use std::path::Path;

use regulars::columnar::File;
use regulars::models::cycle::gamma_gamma::Spent;
use regulars::models::cycle::{Cell, Cells, Gaps};
use regulars::time::Day;

use crate::lake;

/// Order days by customer, oldest first, and what each was worth in minor units.
pub struct Panel(BTreeMap<String, Vec<(Day, i64)>>);

/// One customer of a panel that is split.
pub struct Split {
    /// What a model sees of the calibration.
    pub cell: Cell,
    /// Order days of the calibration, oldest first, and their values.
    pub days: Vec<(Day, i64)>,
    /// Order days of the holdout, oldest first.
    pub holdout: Vec<Day>,
}

impl Panel {
    /// Reads columns `customer_id`, `date` and, if there is one, `amount`, in units.
    pub fn read(folder: &Path, path: &str) -> Self {
        let store = lake::local(folder);
        let entry = store.head(path).expect("the store answers").expect("the file");
        let file = File::open(&store, &entry).expect("a file");
        let mut positions = vec![file.position("customer_id").expect("ids"), file.position("date").expect("dates")];
        positions.extend(file.position("amount"));
        let mut batches = file.batches(&positions);
        let mut days: BTreeMap<String, BTreeMap<i64, i64>> = BTreeMap::new();
        while let Some((rows, columns)) = batches.next_batch().expect("rows") {
            for row in 0..rows {
                let id = columns[0].text(row).map(str::to_owned).or(columns[0].int(row).map(|id| id.to_string())).expect("an id");
                let amount = columns.get(2).and_then(|column| column.float(row)).unwrap_or_default();
                *days.entry(id).or_default().entry(columns[1].int(row).expect("a date")).or_default() += (amount * 100.0).round() as i64;
            }
        }
        Self(days.into_iter().map(|(id, days)| (id, days.into_iter().map(|(day, value)| (Day(day as i32), value)).collect())).collect())
    }

    /// Customers whose first order day is by `end`: what came by then, and within `holdout_days` after.
    pub fn split(&self, end: &str, holdout_days: i32) -> Vec<Split> {
        let end = Day::parse(end).expect("a date");
        let split = |days: &Vec<(Day, i64)>| {
            let (before, after): (Vec<_>, Vec<_>) = days.iter().copied().partition(|(day, _)| *day <= end);
            let (first, last) = (before.first()?.0, before.last()?.0);
            let cell = Cell { x: before.len() as u32 - 1, t_x: last.since(first) as u32, observed: end.since(first) as u32, cohort: 0 };
            Some(Split { cell, days: before, holdout: after.into_iter().map(|(day, _)| day).filter(|day| *day <= end.plus(holdout_days)).collect() })
        };
        self.0.values().filter_map(split).collect()
    }
}

/// The cells of customers, and their gaps.
pub fn cells(customers: &[Split]) -> Cells {
    let mut gaps = Gaps::default();
    for customer in customers {
        gaps.count(&customer.days.iter().map(|(day, _)| *day).collect::<Vec<_>>());
    }
    Cells::of(customers.iter().map(|customer| customer.cell).collect(), gaps)
}

/// Repeat order days of customers who have one of some value, and these values.
pub fn spent(customers: &[Split]) -> Vec<Spent> {
    let spent = |customer: &Split| {
        let repeat = &customer.days[1..];
        let value_minor = repeat.iter().map(|(_, value)| value).sum();
        (value_minor > 0).then_some(Spent { x: repeat.len() as u32, value_minor })
    };
    customers.iter().filter_map(spent).collect()
}
