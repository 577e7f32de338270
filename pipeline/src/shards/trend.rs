//! What stores sell against the year before: what their customers' spending is held against.

use std::collections::BTreeMap;

use super::state::Snapshot;
use crate::customers::People;
use crate::labels::{Population, Segment};
use crate::time::Day;

/// By date before as_of and number of the home store.
pub type Trends = BTreeMap<(Day, u32), Trend>;

/// What everyone's orders are worth lately, and a year before; and how many had some at both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trend {
    values: [i64; 2],
    customers: u64,
}

impl Trend {
    /// Adds that of others.
    pub fn add(&mut self, other: Self) {
        self.values = [self.values[0] + other.values[0], self.values[1] + other.values[1]];
        self.customers += other.customers;
    }

    /// That of one customer.
    pub fn of(values: [i64; 2]) -> Self {
        Self { values, customers: u64::from(values.iter().all(|value| *value > 0)) }
    }

    /// How many times as much is sold; none where nothing was.
    fn ratio(&self) -> Option<f64> {
        let [now, before] = self.values;
        (now > 0 && before > 0).then(|| now as f64 / before as f64)
    }
}

/// The trend of a store of fewer customers is that of all.
const TREND_CUSTOMERS: u64 = 50;

/// Decides again who left, now that it is known what stores sell against the year before: each home store, and all together for who has none, or a small one.
pub fn hold_against_trends((population, people): (&Population, &People), snapshot: &mut Snapshot, trends: &Trends) {
    let of_date = || trends.iter().filter(|((date, _), _)| *date == snapshot.date).map(|((_, store), trend)| (*store, *trend));
    let mut all = Trend::default();
    of_date().for_each(|(_, trend)| all.add(trend));
    let all = all.ratio().unwrap_or(1.0);
    let large = of_date().filter(|(store, trend)| *store > 0 && trend.customers >= TREND_CUSTOMERS);
    let by_store: BTreeMap<u32, f64> = large.filter_map(|(store, trend)| Some((store, trend.ratio()?))).collect();
    for row in &mut snapshot.populations[Segment::Established as usize] {
        let store = people.customers[row.customer as usize].home_store;
        row.labels.left = population.fell(&row.labels, by_store.get(&store).copied().unwrap_or(all));
    }
}
