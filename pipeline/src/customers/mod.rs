//! Who each customer is: one customer_id for all of a person's source customers; household; consent.

mod consent;
mod link;
mod read;

pub use consent::{Consents, read_consents};
pub use link::{Customer, People, link};
pub use read::{SourceCustomer, read_customers};

use polars::prelude::Column as Series;
use serde::Serialize;

use crate::config::{Faults, RawCustomers};
use crate::error::Result;
use crate::table::{Column, Contract, Kind, Range, Table, dates};
use crate::time::Day;

/// The checked `customers` section.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Params {
    /// Whether equal normalised e-mail addresses mean one customer.
    pub link_by_email: bool,
    /// Addresses that identify nobody.
    pub blocked_emails: Vec<String>,
    /// Account types that are withheld from everything but `customers`.
    pub leave_out_account_types: Vec<String>,
    /// Customers with more order lines are withheld.
    pub max_rows_per_customer: u64,
}

/// Checks the section.
pub fn check(raw: RawCustomers, faults: &mut Faults<'_>) -> Params {
    let left_out = raw.leave_out_account_types.unwrap_or_default();
    for (index, name) in left_out.iter().enumerate().filter(|(_, name)| !read::ACCOUNT_TYPES.contains(&name.as_str())) {
        faults.add(&format!("customers.leave_out_account_types[{index}]"), format!("one of {}", read::ACCOUNT_TYPES.join(", ")), format!("`{name}`"));
    }
    let blocked = raw.blocked_emails.unwrap_or_default();
    for (index, email) in blocked.iter().enumerate().filter(|(_, email)| link::normalised_email(email).is_none()) {
        faults.add(&format!("customers.blocked_emails[{index}]"), "an e-mail address", format!("`{email}`"));
    }
    Params {
        link_by_email: faults.required("customers.link_by_email", raw.link_by_email, "true or false").unwrap_or_default(),
        blocked_emails: blocked.iter().filter_map(|email| link::normalised_email(email)).collect(),
        leave_out_account_types: left_out,
        max_rows_per_customer: faults.ranged("customers.max_rows_per_customer", raw.max_rows_per_customer, 1..=1 << 40),
    }
}

/// The contract of the table `customers`.
pub fn contract() -> Contract {
    let columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("household_id", Kind::Text, "the household, where one is known").nullable(),
        Column::new("account_type", Kind::Text, "person, business, staff, house_card or test").nullable(),
        Column::new("registered_date", Kind::Date, "first registration with any source").nullable().within(Range::Past),
        Column::new("first_order_date", Kind::Date, "first day with an order; unknown for who has too many lines").nullable().within(Range::Past),
        Column::new("last_order_date", Kind::Date, "last day with an order; unknown for who has too many lines").nullable().within(Range::Past),
        Column::new("home_store_id", Kind::Text, "store that the customer calls home").nullable(),
        Column::new("source_customer_count", Kind::Int, "source customers that are this customer").within(Range::Between(1.0, f64::INFINITY)),
    ];
    let meaning = "One row everyone known by as_of, with or without an order, left-out account types too. Links between source \
                   customers are those of as_of, also where a table looks back: they are not point-in-time.";
    Contract::new("customers", meaning, &["customer_id"], columns)
}

/// The contract of the table `customer_links`.
pub fn links_contract() -> Contract {
    let columns = vec![
        Column::new("source", Kind::Text, "the source; empty where the lake names none"),
        Column::new("source_customer_id", Kind::Text, "the customer as the source calls it"),
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("rule", Kind::Text, "what linked it: itself or email"),
    ];
    Contract::new("customer_links", "One row a source customer: whose it is.", &["source", "source_customer_id"], columns)
}

/// The tables `customers` and `customer_links`; `order_dates` are first and last order day by customer.
///
/// # Errors
/// `Bug` if a contract is broken.
pub fn tables(people: &People, order_dates: &[(Option<Day>, Option<Day>)], as_of: Day) -> Result<[Table; 2]> {
    let everyone = &people.customers;
    let text = |name: &str, pick: fn(&Customer) -> Option<&str>| Series::new(name.into(), everyone.iter().map(pick).collect::<Vec<_>>());
    let columns = vec![
        Series::new("customer_id".into(), everyone.iter().map(|customer| customer.id.as_str()).collect::<Vec<_>>()),
        text("household_id", |customer| customer.household_id.as_deref()),
        text("account_type", |customer| customer.account_type.as_deref()),
        dates("registered_date", everyone.iter().map(|customer| customer.registered).collect())?,
        dates("first_order_date", order_dates.iter().map(|dates| dates.0).collect())?,
        dates("last_order_date", order_dates.iter().map(|dates| dates.1).collect())?,
        text("home_store_id", |customer| customer.home_store.as_deref()),
        Series::new("source_customer_count".into(), everyone.iter().map(|customer| customer.members).collect::<Vec<_>>()),
    ];
    let links = &people.links;
    let pick = |name: &str, pick: &dyn Fn(&link::Link) -> &str| Series::new(name.into(), links.iter().map(pick).collect::<Vec<_>>());
    let link_columns = vec![
        pick("source", &|link| &link.key.0),
        pick("source_customer_id", &|link| &link.key.1),
        Series::new("customer_id".into(), links.iter().map(|link| everyone[link.customer as usize].id.as_str()).collect::<Vec<_>>()),
        pick("rule", &|link| link.rule),
    ];
    Ok([Table::new(contract(), columns, as_of)?, Table::new(links_contract(), link_columns, as_of)?])
}
