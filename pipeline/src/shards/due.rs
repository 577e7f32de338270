//! The table `due_products`: of each customer, what is due, since when, and how likely it is bought soon.

use polars::prelude::Column as Series;

use crate::error::Result;
use crate::features::Purchase;
use crate::key::Id;
use crate::labels::YEAR_DAYS;
use crate::models::due::{Ages, Category, Chain, History, Pair, Params};
use crate::table::{Column, Contract, Kind, Range, Table, dates, ids};
use crate::time::Day;

/// Days within which the chance of a purchase is told.
pub const DUE_DAYS: [i32; 3] = [7, 14, 28];
/// Of a pair so many last purchases tell what is usual.
const USUAL: usize = 20;

/// What makes due lists, as it was graded.
pub struct DueModel {
    /// When a pair is bought next.
    pub chain: Chain,
    /// What is known of categories at as_of.
    pub categories: Vec<Category>,
    /// Weights by age.
    pub ages: Ages,
}

/// A category and a customer who buys it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DueRow {
    category: u32,
    purchase_days: usize,
    last: Day,
    /// Gaps in days, of which a quarter, half, three quarters were at most so long.
    gaps: [i32; 3],
    /// Days from as_of until p25, p50, p75.
    due_days: [f64; 3],
    chances: [f64; 3],
    state: &'static str,
    milli_units: i64,
}

/// The value at a share of sorted values: the nearest rank.
fn at_share<T: Copy>(sorted: &[T], share: f64) -> T {
    sorted[((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1]
}

impl DueModel {
    /// What is due to a customer with these purchases, by category; nothing for who has not come for too long.
    pub fn rows(&self, purchases: &[Purchase], as_of: Day, params: &Params, history: &mut History) -> Vec<DueRow> {
        history.look(purchases, (as_of, as_of));
        let Some(customer) = history.customer(&self.ages) else { return Vec::new() };
        let one = |(category, days): (u32, &[i32])| {
            let pair = Pair::of(days, &customer, &self.categories[category as usize], &self.ages);
            let due = self.chain.due(&pair);
            let of_pair = &purchases[purchases.partition_point(|one| one.category < category)..purchases.partition_point(|one| one.category <= category)];
            let mut units: Vec<i64> = of_pair.iter().rev().take(USUAL).map(|one| one.milli_units).collect();
            units.sort_unstable();
            let mut gaps: Vec<i32> = days.windows(2).rev().take(USUAL).map(|pair| pair[1] - pair[0]).collect();
            gaps.sort_unstable();
            let gaps = [0.25, 0.5, 0.75].map(|share| at_share(&gaps, share));
            let last = Day(days[days.len() - 1]);
            let elapsed = as_of.since(last);
            let state = match () {
                () if elapsed < i64::from(gaps[0]) => "not_yet",
                () if elapsed <= i64::from(gaps[2]) => "due",
                () if due.within(f64::from(YEAR_DAYS)) >= 0.5 => "overdue",
                () => "lapsed",
            };
            DueRow {
                category,
                purchase_days: days.len(),
                last,
                gaps,
                due_days: [0.25, 0.5, 0.75].map(|share| due.days(share)),
                chances: DUE_DAYS.map(|days| due.within(f64::from(days))),
                state,
                milli_units: at_share(&units, 0.5),
            }
        };
        history.eligible(params).map(one).collect()
    }
}

/// The contract of the table `due_products`; dates further than the limit are unknown.
pub fn due_contract(limit_days: i32) -> Contract {
    let from_0 = Range::Between(0.0, f64::INFINITY);
    let mut columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("category", Kind::Text, "what is due: a category of products (leaf_category)"),
        Column::new(
            "state",
            Kind::Text,
            "not_yet: silent for less than a quarter of the usual gaps; due: for up to three quarters; overdue: for longer; lapsed: for longer, and likelier not to be bought within 364 days",
        ),
        Column::new("purchase_days", Kind::Int, "days on which it was bought").within(from_0),
        Column::new("last_purchase_date", Kind::Date, "the last of them").within(Range::Past),
        Column::new("interval_days", Kind::Int, "median of the last 20 gaps between them").within(from_0),
        Column::new("interval_days_p25", Kind::Int, "a quarter of these is at most so long").within(from_0),
        Column::new("interval_days_p75", Kind::Int, "three quarters are").within(from_0),
        Column::new("usual_units", Kind::Float, "median of the units bought on the last 20 of these days").within(from_0),
    ];
    for quantile in ["p25", "p50", "p75"] {
        let meaning = format!(
            "date of the next purchase, {quantile}: something is due at the visit that will happen, not between visits; unknown beyond {limit_days} days"
        );
        columns.push(Column::new(&format!("due_date_{quantile}"), Kind::Date, &meaning).nullable());
    }
    for days in DUE_DAYS {
        let meaning = format!("probability that it is bought on a day of the {days} that follow as_of");
        columns.push(Column::new(&format!("buy_probability_{days}d"), Kind::Float, &meaning).within(Range::Between(0.0, 1.0)));
    }
    let meaning = "One row a customer and category that the customer bought on enough days, of who came of late, where the config asks for it. What lasts (kinds durable, service, fee) is never due.";
    Contract::new("due_products", meaning, &["customer_id", "category"], columns)
}

/// The table `due_products` of customers and their rows.
///
/// # Errors
/// `Bug` if a row breaks the contract.
pub fn due_table(rows: &[(Id, DueRow)], words: &[String], limit_days: i32, as_of: Day) -> Result<Table> {
    fn numbers<T>(rows: &[(Id, DueRow)], pick: impl Fn(&DueRow) -> T) -> Vec<T> {
        rows.iter().map(|(_, row)| pick(row)).collect()
    }
    let int = |name: &str, pick: &dyn Fn(&DueRow) -> i64| Series::new(name.into(), numbers(rows, pick));
    let mut columns = vec![
        ids("customer_id", rows.iter().map(|(id, _)| Some(*id))),
        Series::new("category".into(), numbers(rows, |row| words[row.category as usize].as_str())),
        Series::new("state".into(), numbers(rows, |row| row.state)),
        int("purchase_days", &|row| row.purchase_days as i64),
        dates("last_purchase_date", numbers(rows, |row| Some(row.last)))?,
        int("interval_days", &|row| i64::from(row.gaps[1])),
        int("interval_days_p25", &|row| i64::from(row.gaps[0])),
        int("interval_days_p75", &|row| i64::from(row.gaps[2])),
        Series::new("usual_units".into(), numbers(rows, |row| row.milli_units as f64 / 1000.0)),
    ];
    for (place, quantile) in ["p25", "p50", "p75"].iter().enumerate() {
        let date = |row: &DueRow| {
            let days = row.due_days[place].ceil();
            (days <= f64::from(limit_days)).then(|| as_of.plus(days.max(1.0) as i32))
        };
        columns.push(dates(&format!("due_date_{quantile}"), numbers(rows, date))?);
    }
    for (place, days) in DUE_DAYS.iter().enumerate() {
        columns.push(Series::new(format!("buy_probability_{days}d").into(), numbers(rows, |row| row.chances[place])));
    }
    Table::new(due_contract(limit_days), columns, as_of)
}
