//! RFM codes: fifths by mid-rank, so that equal values share one code and a code may be empty.

use std::collections::BTreeMap;

use polars::prelude::Column as Series;
use rayon::prelude::*;

use crate::error::Result;
use crate::features::Facts;
use crate::table::{Column, Contract, Kind, Range, Table};
use crate::time::Day;

/// The codes of one customer, 1 to 5; 5 is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfm {
    /// Ordered last.
    pub recency: u8,
    /// Orders most.
    pub frequency: u8,
    /// Worth most.
    pub monetary: u8,
}

/// What a code means this time: its lowest and highest value, and its customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// recency_days, order_count or value_minor.
    pub dimension: &'static str,
    /// The code.
    pub code: i64,
    /// Lowest value.
    pub low: i64,
    /// Highest value.
    pub high: i64,
    /// Customers.
    pub customers: i64,
}

/// What is ranked.
const DIMENSIONS: [&str; 3] = ["recency_days", "order_count", "value_minor"];

/// The code of every value: 1 + floor(5 (L + E / 2) / N), with L values below, E equal, N in all.
struct Fifths {
    /// The lowest value of each code that someone has, and the code; in the order of values.
    from: Vec<(i64, u8)>,
}

impl Fifths {
    fn of(mut values: Vec<i64>) -> Self {
        values.par_sort_unstable();
        let mut below = 0;
        let mut from: Vec<(i64, u8)> = Vec::new();
        for equal in values.chunk_by(PartialEq::eq) {
            // Twice the mid-rank keeps to whole numbers.
            let code = (1 + 5 * (2 * below + equal.len()) / (2 * values.len())).min(5) as u8;
            if from.last().is_none_or(|last| last.1 < code) {
                from.push((equal[0], code));
            }
            below += equal.len();
        }
        Self { from }
    }

    /// The code of one of the values.
    fn code(&self, value: i64) -> u8 {
        self.from[..self.from.partition_point(|from| from.0 <= value)].last().map_or(1, |from| from.1)
    }
}

/// Codes of everyone with an order, and the cuts of the three dimensions.
pub fn codes<'a>(facts: impl Iterator<Item = &'a Facts> + Clone) -> (Vec<Option<Rfm>>, Vec<Cut>) {
    let recency = |facts: &Facts| facts.last_day.get().map_or(0, |day| facts.date.since(day));
    let frequency = |facts: &Facts| i64::from(facts.order_count);
    let monetary = |facts: &Facts| facts.value_minor;
    let fifths = |pick: &dyn Fn(&Facts) -> i64| Fifths::of(facts.clone().filter(|facts| facts.last_day.get().is_some()).map(pick).collect());
    // Fewer days since the last order are better, so recency is ranked the other way round.
    let (by_recency, by_frequency, by_monetary) = (fifths(&|facts| -recency(facts)), fifths(&frequency), fifths(&monetary));
    let mut cuts: BTreeMap<(usize, u8), Cut> = BTreeMap::new();
    let mut one = |facts: &Facts| {
        facts.last_day.get()?;
        let values = [recency(facts), frequency(facts), monetary(facts)];
        let rfm = Rfm { recency: by_recency.code(-values[0]), frequency: by_frequency.code(values[1]), monetary: by_monetary.code(values[2]) };
        for (place, (code, value)) in [rfm.recency, rfm.frequency, rfm.monetary].into_iter().zip(values).enumerate() {
            let new = || Cut { dimension: DIMENSIONS[place], code: i64::from(code), low: value, high: value, customers: 0 };
            let cut = cuts.entry((place, code)).or_insert_with(new);
            (cut.low, cut.high, cut.customers) = (cut.low.min(value), cut.high.max(value), cut.customers + 1);
        }
        Some(rfm)
    };
    let codes = facts.clone().map(&mut one).collect();
    (codes, cuts.into_values().collect())
}

/// The contract of the table `rfm_cuts`.
pub fn cuts_contract() -> Contract {
    let columns = vec![
        Column::new("dimension", Kind::Text, "recency_days, order_count or value_minor"),
        Column::new("code", Kind::Int, "the code").within(Range::Between(1.0, 5.0)),
        Column::new("low", Kind::Int, "lowest value with this code"),
        Column::new("high", Kind::Int, "highest value with this code"),
        Column::new("customers", Kind::Int, "customers with this code"),
    ];
    Contract::new("rfm_cuts", "One row a dimension and code of RFM that someone has: what it means in this run.", &["dimension", "code"], columns)
}

/// The table `rfm_cuts`.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn cuts_table(cuts: &[Cut], as_of: Day) -> Result<Table> {
    let number = |name: &str, pick: fn(&Cut) -> i64| Series::new(name.into(), cuts.iter().map(pick).collect::<Vec<_>>());
    let columns = vec![
        Series::new("dimension".into(), cuts.iter().map(|cut| cut.dimension).collect::<Vec<_>>()),
        number("code", |cut| cut.code),
        number("low", |cut| cut.low),
        number("high", |cut| cut.high),
        number("customers", |cut| cut.customers),
    ];
    Table::new(cuts_contract(), columns, as_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_code() {
        // Ten values, six of them 1: mid-rank 3 of 10, so code 1 + floor(1.5) = 2; then 6.5, 7.5, 8.5, 9.5: 4, 4, 5, 5.
        let fifths = Fifths::of(vec![1, 4, 1, 3, 1, 1, 2, 1, 9, 1]);
        assert_eq!([1, 2, 3, 4, 9].map(|value| fifths.code(value)), [2, 4, 4, 5, 5]);
    }
}
