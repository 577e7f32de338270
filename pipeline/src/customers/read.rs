//! Source customers as the lake knows them.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, OpenTable, Rows};
use crate::time::Day;

/// The words of `account_type`.
pub const ACCOUNT_TYPES: [&str; 5] = ["person", "business", "staff", "house_card", "test"];

/// A customer of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceCustomer {
    /// When the row reached the lake, UTC microseconds: of several, the newest holds.
    pub recorded_at: Option<i64>,
    /// When the customer registered, UTC microseconds.
    pub registered_at: Option<i64>,
    /// The day of it.
    pub registered: Option<Day>,
    /// Kind of account.
    pub account_type: Option<String>,
    /// E-mail address as written.
    pub email: Option<String>,
    /// Whether a phone number is known.
    pub phone: bool,
    /// What members of a household share.
    pub household_key: Option<String>,
    /// Store that the customer calls home.
    pub home_store: Option<String>,
}

/// Source customers by source and source_customer_id.
pub type SourceCustomers = HashMap<(String, String), SourceCustomer>;

/// Reads the table `customers`; of several rows of a key the newest holds.
///
/// # Errors
/// Those of the lake.
pub fn read_customers(table: &OpenTable, cut: &Cut) -> Result<(SourceCustomers, Counts)> {
    table.scan(cut, add, |whole, part| {
        part.into_iter().for_each(|(key, row)| keep_newest(whole, key, row));
        Ok(())
    })
}

fn keep_newest(whole: &mut SourceCustomers, key: (String, String), row: SourceCustomer) {
    match whole.get_mut(&key) {
        Some(known) if *known >= row => {}
        Some(known) => *known = row,
        None => {
            whole.insert(key, row);
        }
    }
}

fn add(gathered: &mut SourceCustomers, rows: &Rows<'_>) -> Result<()> {
    for &row in &rows.kept {
        let text = |name: &str| rows.text(name, row).filter(|text| !text.is_empty()).map(str::to_owned);
        let source = text("source").unwrap_or_default();
        if source.contains('\u{1f}') {
            return Err(Error::input("column source: expected no byte 0x1F, got one"));
        }
        let Some(id) = text("source_customer_id") else {
            return Err(Error::input("column source_customer_id: expected an id, got an empty text"));
        };
        if text("account_type").is_some_and(|account| !ACCOUNT_TYPES.contains(&account.as_str())) {
            return Err(Error::input(format!("column account_type: expected one of {}, got another word", ACCOUNT_TYPES.join(", "))));
        }
        let customer = SourceCustomer {
            recorded_at: rows.column("recorded_at").and_then(|column| column.int(row)),
            registered_at: rows.column("registered_at").and_then(|column| column.int(row)),
            registered: rows.days[row],
            account_type: text("account_type"),
            email: text("email"),
            phone: text("phone").is_some(),
            household_key: text("household_key"),
            home_store: text("home_store_id"),
        };
        keep_newest(gathered, (source, id), customer);
    }
    Ok(())
}
