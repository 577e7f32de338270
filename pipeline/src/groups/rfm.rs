//! RFM codes: fifths by mid-rank, so that equal values share one code and a code may be empty.

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
pub fn codes(facts: &[&Facts]) -> (Vec<Option<Rfm>>, Vec<Cut>) {
    let bought = |facts: &&&Facts| facts.last_day.is_some();
    let recency = |facts: &Facts| facts.last_day.map_or(0, |day| facts.date.since(day));
    let column = |pick: &dyn Fn(&Facts) -> i64| facts.iter().filter(bought).map(|facts| pick(facts)).collect::<Vec<i64>>();
    let frequency = |facts: &Facts| facts.order_count;
    let monetary = |facts: &Facts| facts.value_minor;
    // Fewer days since the last order are better, so recency is ranked the other way round.
    let by_recency = Fifths::of(column(&|facts| -recency(facts)));
    let by_frequency = Fifths::of(column(&frequency));
    let by_monetary = Fifths::of(column(&monetary));
    let one = |facts: &&Facts| {
        facts.last_day?;
        Some(Rfm { recency: by_recency.code(-recency(facts)), frequency: by_frequency.code(frequency(facts)), monetary: by_monetary.code(monetary(facts)) })
    };
    let codes: Vec<Option<Rfm>> = facts.iter().map(one).collect();
    let mut cuts = Vec::new();
    type Dimension<'a> = (&'static str, &'a dyn Fn(&Facts) -> i64, fn(&Rfm) -> u8);
    let dimensions: [Dimension<'_>; 3] =
        [("recency_days", &recency, |rfm| rfm.recency), ("order_count", &frequency, |rfm| rfm.frequency), ("value_minor", &monetary, |rfm| rfm.monetary)];
    for (dimension, value, code_of) in dimensions {
        for code in 1..=5 {
            let members = facts.iter().zip(&codes).filter(|(_, rfm)| rfm.as_ref().is_some_and(|rfm| code_of(rfm) == code));
            let values: Vec<i64> = members.map(|(facts, _)| value(facts)).collect();
            if let (Some(&low), Some(&high)) = (values.iter().min(), values.iter().max()) {
                cuts.push(Cut { dimension, code: i64::from(code), low, high, customers: values.len() as i64 });
            }
        }
    }
    (codes, cuts)
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
