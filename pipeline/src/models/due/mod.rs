//! When each customer will next buy each item, a category or a product: the due list.
//!
//! A pair of customer and item is measured at a date (`measure`): rates of purchases that age, how long it has been silent, what the gaps between its
//! purchases say of the next one (`kernel`), how the item is bought by everyone (`item`: its gaps, season and trend; a product's are drawn to its
//! category's), what else of its category was bought since, whether more was bought than usual, and how the customer shops. A chain of logistics, fitted on earlier dates, makes of it the chance of a purchase in each stretch of days ahead (`chain`).
//!
//! A purchase is a day: several on one day are one.

mod chain;
mod decay;
mod history;
mod item;
mod kernel;
mod measure;

pub use chain::{Chain, Due, Row};
pub use history::{History, Items};
pub use item::{GapSums, Item, Trend};
pub use measure::{Ages, Around, BOUNDS, Bought, Customer, Pair};

use serde::Serialize;

use crate::config::{Faults, RawDue, RawDueLevel};
use crate::lake;

/// The checked `due` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    /// What is due: nothing, categories, or products.
    pub level: RawDueLevel,
    /// Fewest purchase days of a pair.
    pub purchase_days_min: usize,
    /// The customer's last visit lies at most this many days before the date.
    pub active_days: i32,
    /// Days between training dates.
    pub every_days: i32,
    /// How many training dates.
    pub training_dates: i32,
    /// Customers of whom the model is made.
    pub sample_customers: usize,
}

/// Checks the section.
pub fn check(raw: RawDue, faults: &mut Faults<'_>) -> Params {
    Params {
        level: raw.level.unwrap_or(RawDueLevel::None),
        purchase_days_min: faults.ranged("due.purchase_days_min", raw.purchase_days_min, 1..=100) as usize,
        active_days: faults.ranged("due.active_days", raw.active_days, 1..=730) as i32,
        every_days: faults.ranged("due.every_days", raw.every_days, 1..=364) as i32,
        training_dates: faults.ranged("due.training_dates", raw.training_dates, 1..=200) as i32,
        sample_customers: faults.ranged("due.sample_customers", raw.sample_customers, 100..=10_000_000) as usize,
    }
}

/// Checks that the lake has categories, and that they may be taken for those of past dates.
pub fn check_sources(params: &Params, lake: &lake::Params, faults: &mut Faults<'_>) {
    if params.level == RawDueLevel::None {
        return;
    }
    match lake.table("products") {
        None => faults.add("due.level", "`products` among lake.tables, whose categories are due", "no such table"),
        Some(table) if !table.slow.iter().any(|slow| slow == "leaf_category") => faults.add(
            "due.level",
            "`leaf_category` among lake.tables.products.slow, since the model takes categories at past dates",
            "a column that is only known as it is now",
        ),
        Some(_) => {}
    }
}
