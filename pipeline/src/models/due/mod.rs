//! When each customer will next buy each category: the due list.
//!
//! A pair of customer and category is measured at a date (`measure`): rates of purchases that age, how long it has been silent, what the gaps between its
//! purchases say of the next one (`kernel`), how the category is bought by everyone (`category`: its gaps, season and trend), and how the customer
//! shops. A chain of logistics, fitted on earlier dates, makes of it the chance of a purchase in each stretch of days ahead (`chain`).
//!
//! A purchase is a day: several on one day are one.

mod category;
mod chain;
mod decay;
mod kernel;
mod measure;

pub use category::{Category, GapSums, Trend};
pub use chain::{Chain, Due, Row};
pub use measure::{Ages, BOUNDS, Customer, Pair};
