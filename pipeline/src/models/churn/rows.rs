//! What churn models learn from: customers of the population at past dates, as they were known then, and whether they left.

use super::Inputs;
use crate::models::Sampled;
use crate::models::cycle::Model;
use crate::time::Day;

/// The population at a date.
#[derive(Debug, Clone, Copy)]
pub struct Dated<'a> {
    /// The date.
    pub date: Day,
    /// Customers.
    pub rows: &'a [Sampled],
    /// The purchase-cycle model that was fitted to what was known then.
    pub cycle: Option<&'a Model>,
}

/// Rows of several dates, one after another.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    inputs: &'a Inputs,
    dates: Vec<Dated<'a>>,
    /// Date and place of each row.
    places: Vec<(u32, u32)>,
}

/// One customer in so many is left out of each fit, at all dates.
pub const PARTS: u64 = 5;

impl<'a> Rows<'a> {
    /// All rows of these dates.
    pub fn of(inputs: &'a Inputs, dates: &[Dated<'a>]) -> Self {
        let of_date = |(date, dated): (u32, &Dated<'a>)| (0..dated.rows.len() as u32).map(move |place| (date, place));
        Self { inputs, places: (0..).zip(dates).flat_map(of_date).collect(), dates: dates.to_vec() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What models take in.
    pub fn inputs(&self) -> &'a Inputs {
        self.inputs
    }

    fn row(&self, row: u32) -> (&Dated<'a>, &'a Sampled) {
        let (date, place) = self.places[row as usize];
        let dated = &self.dates[date as usize];
        (dated, &dated.rows[place as usize])
    }

    /// The date of a row.
    pub fn date(&self, row: u32) -> Day {
        self.row(row).0.date
    }

    /// The key by which its customer was drawn, the same at all dates.
    pub fn key(&self, row: u32) -> u64 {
        self.row(row).1.drawn
    }

    /// The keys of all rows.
    pub fn keys(&self) -> Vec<u64> {
        (0..self.len() as u32).map(|row| self.key(row)).collect()
    }

    /// The part of all customers that its customer is in, at all dates.
    pub fn part(&self, row: u32) -> u64 {
        self.key(row) % PARTS
    }

    /// Whether the customer left.
    pub fn churned(&self, row: u32) -> bool {
        self.row(row).1.labels.churned()
    }

    /// The values of the inputs, NaN where unknown.
    pub fn values(&self, row: u32) -> Vec<f64> {
        let (dated, sampled) = self.row(row);
        self.inputs.of_cells(&sampled.values, sampled.cell, dated.cycle)
    }

    /// One of them.
    pub fn value(&self, row: u32, input: usize) -> f64 {
        let (dated, sampled) = self.row(row);
        self.inputs.of_cell(&sampled.values, sampled.cell, dated.cycle, input)
    }

    /// The values of some rows, one after another.
    pub fn all_values(&self, rows: &[u32]) -> Vec<f64> {
        rows.iter().flat_map(|row| self.values(*row)).collect()
    }
}
