//! Who each customer is: one customer_id for all of a person's source customers; household; consent.

mod consent;
mod household;
mod ledger;
mod link;
mod people;
mod read;
mod seen;
mod tables;

pub use consent::{Consents, Contact, Way, read_consents};
pub use ledger::{Called, Change, Ledger, changed_of, changes_contract, changes_table, without};
use link::Field;
pub use link::{Carried, Groups, HeldBack, Params as LinkParams, PassedOver, TooMany};
pub use people::{Customer, LeftOut, People};
pub use read::{AccountType, SourceCustomer, SourceCustomers, read_customers};
pub use seen::{Run, SeenLines};
pub use tables::{contract, held_contract, held_table, links_contract, links_table, table};

use serde::Serialize;

use crate::config::{Faults, RawCustomers};

/// No rule: the source customer stands alone.
pub const ITSELF: u8 = u8::MAX;

/// A source customer that is nobody.
pub const NOBODY: u32 = u32::MAX;

/// The checked `customers` section.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Params {
    /// How source customers are linked.
    pub link: LinkParams,
    /// What customers share who live together: fields that must be known and equal.
    pub household: Vec<Vec<Field>>,
    /// Most customers of a household.
    pub household_members_max: usize,
    /// Whether the ids that the prior run gave are kept.
    pub keep_ids: bool,
    /// Account types that are withheld from everything but `customers`.
    pub leave_out_account_types: Vec<AccountType>,
    /// Customers with more order lines are withheld.
    pub max_rows_per_customer: u64,
}

/// Checks the section.
pub fn check(raw: RawCustomers, faults: &mut Faults<'_>) -> Params {
    let mut left_out = Vec::new();
    for (index, name) in raw.leave_out_account_types.unwrap_or_default().iter().enumerate() {
        match AccountType::of(name) {
            Some(account) => left_out.push(account),
            None => faults.add(&format!("customers.leave_out_account_types[{index}]"), format!("one of {}", AccountType::words()), format!("`{name}`")),
        }
    }
    let household = raw.household.unwrap_or_default();
    Params {
        link: link::check(raw.country.unwrap_or_default(), raw.blocked.unwrap_or_default(), raw.link.unwrap_or_default(), faults),
        household: link::check_rules("customers.household.rules", household.rules.unwrap_or_default(), &Field::ALL, faults),
        household_members_max: faults.ranged("customers.household.members_max", household.members_max, 2..=1000) as usize,
        keep_ids: faults.required("customers.keep_ids", raw.keep_ids, "true or false").unwrap_or_default(),
        leave_out_account_types: left_out,
        max_rows_per_customer: faults.ranged("customers.max_rows_per_customer", raw.max_rows_per_customer, 1..=1 << 40),
    }
}
