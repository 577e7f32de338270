//! What `collect` makes of the lines.

use super::purchases::Purchases;
use super::rows::FeatureRows;
use crate::audit::{CustomerDay, LinesByDay};
use crate::features::Facts;
use crate::labels::{Segment, Standing};
use crate::models::Sampled;
use crate::models::churn::Dated;
use crate::models::correction::HORIZONS;
use crate::models::cycle::gamma_gamma::Spent;
use crate::models::cycle::margin::Earned;
use crate::models::cycle::{Cells, Model};
use crate::time::Day;

/// Everyone at a date in the past, as models need it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The date.
    pub date: Day,
    /// Distinct cells of everyone with an order by then; none once purchase-cycle models are trained.
    pub cells: Cells,
    /// A sample of each churn population, by segment, in the order of customers.
    pub populations: [Vec<Sampled>; 2],
    /// By segment, how many of its population each row of the sample stands for.
    pub weights: [f64; 2],
    /// A sample of everyone with an order by then; empty at training dates, unless a model is chosen there, and once purchase-cycle models are trained.
    pub buyers: Vec<Sampled>,
}

impl Snapshot {
    /// The population of a segment, with the model that was fitted at the date.
    pub fn dated<'a>(&'a self, segment: Segment, cycle: Option<&'a Model>) -> Dated<'a> {
        Dated { date: self.date, rows: &self.populations[segment as usize], cycle }
    }
}

/// The state of all shards.
pub struct State {
    /// Facts at as_of, a row a customer, in the order of customers.
    pub facts: Vec<Facts>,
    /// Features at as_of, a row a customer.
    pub rows: FeatureRows,
    /// Purchases by category, where they are asked for.
    pub purchases: Option<Purchases>,
    /// The dates before as_of, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Cells at as_of of everyone with an order.
    pub cells: Cells,
    /// What repeat order days are worth, of a sample of everyone who has some of value.
    pub spent: Vec<Spent>,
    /// What orders earned, of a sample of everyone of whom it is known.
    pub earned: Vec<Earned>,
    /// Order days of the same days a year before as_of, by horizon, a row a customer; empty where nothing takes them.
    pub year_ago: Vec<[u16; HORIZONS]>,
    /// Where each customer stands, a row a customer.
    pub standings: Vec<Standing>,
    /// Lines that repeat another, as `Line::repeats`.
    pub duplicates: u64,
    /// Orders of customers, and those of them whose lines lie far apart, as `Orders::spread`.
    pub orders: [u64; 2],
    /// What customers' lines say of the newest days, by days before as_of.
    pub days: Vec<CustomerDay>,
    /// The newest lines of customers whom the table `customers` does not know.
    pub unknown: LinesByDay,
    /// The newest lines of customers that repeat others.
    pub repeated: LinesByDay,
}
