//! The table `due_products`: of each customer, what is due, since when, and how likely it is bought soon.

use polars::prelude::Column as Series;

use crate::config::RawDueLevel;
use crate::error::Result;
use crate::features::{Purchase, World};
use crate::key::Id;
use crate::labels::YEAR_DAYS;
use crate::models::due::{Ages, Around, Bought, Chain, History, Item, Items, Pair, Params};
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
    /// What is known of items at as_of.
    pub items: Vec<Item>,
    /// Weights by age.
    pub ages: Ages,
}

/// An item and a customer who buys it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DueRow {
    item: u32,
    purchase_days: usize,
    last: Day,
    /// Gaps in days, of which a quarter, half, three quarters were at most so long; none where it was bought once.
    gaps: Option<[i32; 3]>,
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

/// Quartiles of a normal law lie so many deviations from its mean.
const QUARTILE: f64 = 0.674_489_75;

/// Quartiles of the last gaps between days; none of a single day.
fn usual_gaps(days: &[i32]) -> Option<[i32; 3]> {
    of_usual(days.windows(2).rev().map(|pair| pair[1] - pair[0]), |gaps| (!gaps.is_empty()).then(|| [0.25, 0.5, 0.75].map(|share| at_share(gaps, share))))
}

/// What the first `USUAL` values say, sorted.
fn of_usual<T: Copy + Default + Ord, R>(values: impl Iterator<Item = T>, say: impl Fn(&[T]) -> R) -> R {
    let (mut usual, mut count) = ([T::default(); USUAL], 0);
    for (place, value) in usual.iter_mut().zip(values) {
        *place = value;
        count += 1;
    }
    usual[..count].sort_unstable();
    say(&usual[..count])
}

impl DueModel {
    /// Appends what is due to a customer with these purchases, by item; nothing for who has not come for too long.
    pub fn rows(
        &self,
        (id, purchases): (Id, &[Purchase]),
        as_of: Day,
        (params, items): (&Params, &Items<'_>),
        (history, rows): (&mut History, &mut Vec<(Id, DueRow)>),
    ) {
        history.look(purchases, (as_of, as_of), items);
        let Some(customer) = history.customer(&self.ages) else { return };
        let arounds = history.arounds(&customer, &self.ages);
        let one = |(item, bought): (u32, Bought<'_>)| {
            let of_everyone = &self.items[item as usize];
            let due = self.chain.due(&Pair::of(bought, &customer, of_everyone, Around::among(&arounds, items, item), &self.ages));
            let (last, gaps) = (Day(bought.days[bought.days.len() - 1]), usual_gaps(bought.days));
            // Of who bought it once, those that are usual for everyone.
            let borrowed = |deviations: f64| (of_everyone.mean_ln_gap + deviations * of_everyone.variance_ln_gap.sqrt()).exp();
            let [short, long] = gaps.map_or([borrowed(-QUARTILE), borrowed(QUARTILE)], |[short, _, long]| [f64::from(short), f64::from(long)]);
            let elapsed = as_of.since(last) as f64;
            let state = match () {
                () if elapsed < short => "not_yet",
                () if due.within(f64::from(YEAR_DAYS)) < 0.5 => "lapsed",
                () if elapsed <= long => "due",
                () => "overdue",
            };
            let row = DueRow {
                item,
                purchase_days: bought.days.len(),
                last,
                gaps,
                due_days: [0.25, 0.5, 0.75].map(|share| due.days(share)),
                chances: DUE_DAYS.map(|days| due.within(f64::from(days))),
                state,
                milli_units: of_usual(bought.milli_units.iter().rev().copied(), |units| at_share(units, 0.5)),
            };
            (id, row)
        };
        rows.extend(history.eligible(params).map(one));
    }
}

/// The contract of the table `due_products`; dates further than the limit are unknown.
pub fn due_contract(level: RawDueLevel, limit_days: i32) -> Contract {
    let from_0 = Range::Between(0.0, f64::INFINITY);
    let mut columns = vec![Column::new("customer_id", Kind::Text, "the customer")];
    let mut key = "category";
    if level == RawDueLevel::Product {
        key = "product_id";
        columns.push(Column::new(key, Kind::Text, "what is due: a product; there is no such column where the config asks for categories"));
        columns.push(Column::new("category", Kind::Text, "its category (leaf_category); where the config asks for categories, what is due").nullable());
    } else {
        columns.push(Column::new(key, Kind::Text, "what is due: a category of products (leaf_category)"));
    }
    columns.extend([
        Column::new(
            "state",
            Kind::Text,
            "not_yet: silent for less than a quarter of the usual gaps (of everyone's, where it was bought once); due: for up to three quarters; overdue: for longer; lapsed: for a quarter or more, and likelier not to be bought within 364 days than bought",
        ),
        Column::new("purchase_days", Kind::Int, "days on which it was bought").within(from_0),
        Column::new("last_purchase_date", Kind::Date, "the last of them").within(Range::Past),
        Column::new("interval_days", Kind::Int, "median of the last 20 gaps between them; unknown where it was bought once").nullable().within(from_0),
        Column::new("interval_days_p25", Kind::Int, "a quarter of these is at most so long").nullable().within(from_0),
        Column::new("interval_days_p75", Kind::Int, "three quarters are").nullable().within(from_0),
        Column::new("usual_units", Kind::Float, "median of the units bought on the last 20 of these days").within(from_0),
    ]);
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
    let meaning = "One row a customer and item (a product, or a category: `due.level`) that the customer bought on enough days, of who came of late, where the config asks for it. What lasts (kinds durable, service, fee) is never due.";
    Contract::new("due_products", meaning, &["customer_id", key], columns)
}

/// The table `due_products` of customers and their rows.
///
/// # Errors
/// `Bug` if a row breaks the contract.
pub fn due_table(rows: &[(Id, DueRow)], world: &World, (level, limit_days): (RawDueLevel, i32), as_of: Day) -> Result<Table> {
    fn numbers<T>(rows: &[(Id, DueRow)], pick: impl Fn(&DueRow) -> T) -> Vec<T> {
        rows.iter().map(|(_, row)| pick(row)).collect()
    }
    let int = |name: &str, pick: &dyn Fn(&DueRow) -> i64| Series::new(name.into(), numbers(rows, pick));
    let gap = |name: &str, which: usize| Series::new(name.into(), numbers(rows, |row| row.gaps.map(|gaps| i64::from(gaps[which]))));
    let text = |name: &str, words: &[String], place: &dyn Fn(&DueRow) -> u32| {
        let word = |row: &DueRow| Some(words[place(row) as usize].as_str()).filter(|word| !word.is_empty());
        Series::new(name.into(), numbers(rows, word))
    };
    let mut columns = vec![ids("customer_id", rows.iter().map(|(id, _)| Some(*id)))];
    if level == RawDueLevel::Product {
        columns.push(text("product_id", &world.products, &|row| row.item));
        columns.push(text("category", &world.catalogue.categories, &|row| world.catalogue.category[row.item as usize]));
    } else {
        columns.push(text("category", &world.catalogue.categories, &|row| row.item));
    }
    columns.extend([
        Series::new("state".into(), numbers(rows, |row| row.state)),
        int("purchase_days", &|row| row.purchase_days as i64),
        dates("last_purchase_date", numbers(rows, |row| Some(row.last)))?,
        gap("interval_days", 1),
        gap("interval_days_p25", 0),
        gap("interval_days_p75", 2),
        Series::new("usual_units".into(), numbers(rows, |row| row.milli_units as f64 / 1000.0)),
    ]);
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
    Table::new(due_contract(level, limit_days), columns, as_of)
}
