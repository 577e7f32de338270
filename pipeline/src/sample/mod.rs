//! The simulated shop: a lake with known dirt, and the truth apart from it.
//!
//! People are simulated one after another, each from a random stream of its own, so that memory does not grow with them.

mod events;
mod identity;
mod people;
mod rows;
mod seasons;
mod shop;
mod truth;
mod visits;
mod write;

pub use write::generate;

use crate::error::{Error, Kind, Result};
use crate::time::Day;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// People who shop or registered.
    pub customers: u32,
    /// Last day of the history.
    pub until: Day,
    /// Months of history; it starts on the first day of a month, so that the lake to a day is a prefix of the lake to the next.
    pub months: u32,
    /// Products.
    pub products: u32,
    /// Mean lines a person.
    pub lines_per_customer: f64,
    /// Shape of the gamma of gaps; 1 is exponential, 0 mixes 1, 2 and 4.
    pub gap_shape: f64,
    /// Whether the shop has seasons and holidays.
    pub seasons: bool,
    /// Equal parameters give equal bytes.
    pub seed: u64,
    /// Whether the files of order lines hold a month of recording, instead of a day.
    pub monthly_files: bool,
}

impl Params {
    /// Checks what the command line gave.
    ///
    /// # Errors
    /// `Config`, naming the option.
    pub fn check(self) -> Result<Self> {
        let fault = |option: &str, expected: &str, got: String| Err(Error::new(Kind::Config, format!("--{option}: expected {expected}, got {got}")));
        if !(1..=100_000_000).contains(&self.customers) {
            return fault("customers", "1..=100000000", self.customers.to_string());
        }
        if !(1..=240).contains(&self.months) {
            return fault("months", "1..=240", self.months.to_string());
        }
        if !(10..=1_000_000).contains(&self.products) {
            return fault("products", "10..=1000000", self.products.to_string());
        }
        if !(1.0..=10_000.0).contains(&self.lines_per_customer) {
            return fault("lines-per-customer", "1..=10000", self.lines_per_customer.to_string());
        }
        if self.gap_shape != 0.0 && !(0.1..=100.0).contains(&self.gap_shape) {
            return fault("gap-shape", "0, or 0.1..=100", self.gap_shape.to_string());
        }
        Ok(self)
    }
}
