//! Linking: source customers with the same normalised e-mail address are one customer.

use std::collections::HashSet;

use rayon::prelude::*;

use super::Params;
use super::read::{AccountType, SourceCustomer, SourceCustomers};
use super::seen::SeenLines;
use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::key::{Id, wide_fingerprint};
use crate::lake::{ByFingerprint, LineNames};
use crate::time::Day;

/// A customer: a person, or what the sources take for one.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// customer_id.
    pub id: Id,
    /// Orders customers and cuts them into shards.
    pub order: u64,
    /// Number of the source customer that was seen first.
    pub first: u32,
    /// Number of its source.
    pub source: u32,
    /// The household, where one is known.
    pub household: Option<Id>,
    /// Kind of account.
    pub account_type: Option<AccountType>,
    /// Whether the account type is withheld.
    pub left_out: bool,
    /// First registration.
    pub registered: Option<Day>,
    /// Number of the store that the customer calls home; 0 for none.
    pub home_store: u32,
    /// Whether an e-mail address is known that identifies someone.
    pub has_email: bool,
    /// Whether a phone number is known.
    pub has_phone: bool,
    /// Source customers that are this customer.
    pub members: u32,
    /// Whether there are more order lines than one customer may have: they are not looked at.
    pub too_many_lines: bool,
}

/// A source customer that is nobody.
pub const NOBODY: u32 = u32::MAX;

/// Source customers that are one with others.
#[derive(Debug, Default)]
pub struct Groups {
    /// By number: the group, or NOBODY for who stands alone.
    of: Vec<u32>,
    /// Numbers by group: two or more.
    members: Vec<Vec<u32>>,
}

impl Groups {
    /// Whether a source customer is one with others.
    pub fn is_linked(&self, number: u32) -> bool {
        self.of.get(number as usize).is_some_and(|&group| group != NOBODY)
    }

    /// Links the customers of the table.
    pub fn link(known: &SourceCustomers, params: &Params) -> Self {
        let mut groups = Self { of: vec![NOBODY; known.end()], members: Vec::new() };
        if !params.link_by_email {
            return groups;
        }
        let mut first: ByFingerprint<u128, u32> = ByFingerprint::default();
        for number in 0..known.end() as u32 {
            let Some(email) = known.get(number).and_then(|row| usable_email(row, &params.blocked)) else { continue };
            match first.get(&wide_fingerprint(0, email.as_bytes())) {
                Some(&other) => groups.join(other, number),
                None => {
                    first.insert(wide_fingerprint(0, email.as_bytes()), number);
                }
            }
        }
        groups
    }

    fn join(&mut self, first: u32, number: u32) {
        if self.of[first as usize] == NOBODY {
            self.of[first as usize] = self.members.len() as u32;
            self.members.push(vec![first]);
        }
        let group = self.of[first as usize];
        self.of[number as usize] = group;
        self.members[group as usize].push(number);
    }
}

/// The normalised address of a source customer, unless it identifies nobody.
fn usable_email<'a>(row: &'a SourceCustomer, blocked: &HashSet<String>) -> Option<&'a str> {
    row.email.as_deref().filter(|email| !blocked.contains(*email))
}

/// The address in lower case without surrounding white space; None for what is no address.
pub(super) fn normalised_email(written: &str) -> Option<String> {
    let email = written.trim().to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let fine = !local.is_empty() && domain.contains('.') && !domain.contains('@') && !email.contains(char::is_whitespace);
    fine.then_some(email)
}

/// Everyone known by as_of.
#[derive(Debug)]
pub struct People {
    /// Customers in the order of (order, customer_id).
    pub customers: Vec<Customer>,
    /// By number of the source customer: position of the customer, or NOBODY.
    pub customer_of: Vec<u32>,
    /// Names of sources and of stores, by number.
    pub sources: Vec<String>,
    /// Names of stores, by number.
    pub stores: Vec<String>,
    _held: Held,
}

/// What a customer takes of the memory, and its number.
const CUSTOMER_BYTES: u64 = 200;

impl People {
    /// Settles who everyone is, now that it is known who was seen first.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold them.
    pub fn settle(known: &SourceCustomers, groups: &Groups, seen: &SeenLines, names: &LineNames, params: &Params, memory: &Allowance) -> Result<Self> {
        let _held = memory.take("link customers", names.keys.len() as u64 * CUSTOMER_BYTES)?;
        let settling = Settling { known, seen, names, params };
        let sources = names.keys.sources.texts();
        let mut customers = Vec::with_capacity(names.keys.len());
        names.keys.each(|key, source, id| {
            if !groups.is_linked(key.number) {
                let id = Id::customer(&sources[source as usize], id);
                customers.push(Customer { order: key.order, source, ..settling.customer(&[key.number], id) });
            }
        });
        customers.extend(groups.members.iter().map(|members| settling.group(members)));
        customers.par_sort_unstable_by_key(|customer| (customer.order, customer.id));
        let mut customer_of = vec![NOBODY; names.keys.end()];
        for (position, customer) in customers.iter().enumerate() {
            let alone = [customer.first];
            let members = if groups.is_linked(customer.first) { &groups.members[groups.of[customer.first as usize] as usize][..] } else { &alone };
            members.iter().for_each(|&member| customer_of[member as usize] = position as u32);
        }
        Ok(Self { customers, customer_of, sources: names.keys.sources.texts(), stores: names.stores.texts(), _held })
    }

    /// Name of the source that saw a customer first.
    pub fn source(&self, customer: &Customer) -> &str {
        &self.sources[customer.source as usize]
    }

    /// Store that a customer calls home.
    pub fn home_store(&self, customer: &Customer) -> Option<&str> {
        (customer.home_store > 0).then(|| self.stores[customer.home_store as usize].as_str())
    }
}

/// What it takes to settle who someone is.
struct Settling<'a> {
    known: &'a SourceCustomers,
    seen: &'a SeenLines,
    names: &'a LineNames,
    params: &'a Params,
}

impl Settling<'_> {
    /// The customer of two members or more: who was seen first gives the id.
    fn group(&self, members: &[u32]) -> Customer {
        let since = |&number: &u32| {
            let registered = self.known.get(number).and_then(|row| row.registered_at);
            let at = registered.into_iter().chain(self.seen.first_order(number)).min();
            let (source, id) = self.names.keys.text(number);
            (at.is_none(), at, self.names.keys.sources.text(source), id)
        };
        let mut members: Vec<_> = members.iter().map(|number| (since(number), *number)).collect();
        members.sort_unstable();
        let numbers: Vec<u32> = members.iter().map(|member| member.1).collect();
        let (_, _, source, id) = &members[0].0;
        let source_number = self.names.keys.sources.number(source);
        Customer { source: source_number, ..self.customer(&numbers, Id::customer(source, id)) }
    }

    /// The customer of `members`, of which the first gave the id.
    fn customer(&self, members: &[u32], id: Id) -> Customer {
        let rows = || members.iter().filter_map(|&member| self.known.get(member));
        let left_out = |account: &AccountType| self.params.leave_out_account_types.contains(account);
        let withheld = rows().find_map(|row| row.account_type.filter(left_out));
        let lines: u64 = members.iter().map(|&member| u64::from(self.seen.lines(member))).sum();
        Customer {
            order: id.order(),
            first: members[0],
            source: 0,
            household: rows().find_map(|row| row.household),
            left_out: withheld.is_some(),
            account_type: withheld.or_else(|| rows().find_map(|row| row.account_type)),
            registered: rows().filter_map(|row| row.registered).min(),
            home_store: rows().find_map(|row| row.home_store).map_or(0, |store| store.number),
            has_email: rows().any(|row| usable_email(row, &self.params.blocked).is_some()),
            has_phone: rows().any(|row| row.phone),
            members: members.len() as u32,
            too_many_lines: lines > self.params.max_rows_per_customer,
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(email: &str, registered_at: Option<i64>) -> SourceCustomer {
        SourceCustomer { email: normalised_email(email).map(String::into_boxed_str), registered_at, ..SourceCustomer::default() }
    }

    #[test]
    fn the_member_seen_first_gives_the_id() {
        let names = LineNames::default();
        let number = |source: &str, id: &str| names.keys.key(source, id).number;
        let mut known = SourceCustomers::default();
        let rows = [
            (number("web", "1"), row(" Ann@Example.com ", Some(500))),
            (number("shop", "9"), row("ann@example.com", None)),
            (number("app", "3"), row("ann@example.com", None)),
            (number("app", "4"), row("none@", None)),
            (number("app", "5"), row("NONE@", None)),
            (number("web", "2"), row("test@example.com", Some(1))),
            (number("web", "3"), row("test@example.com", Some(1))),
        ];
        rows.into_iter().for_each(|(number, row)| known.keep_newest(number, row));
        let seen = SeenLines::default();
        seen.add(number("shop", "9"), 5, Some(400), 10);
        seen.add(number("app", "3"), 6, None, 10);
        seen.add(number("till", "7"), 10, Some(1), 10);
        let params = Params { link_by_email: true, blocked: HashSet::from(["test@example.com".to_owned()]), max_rows_per_customer: 10, ..Params::default() };
        let groups = Groups::link(&known, &params);
        let people = People::settle(&known, &groups, &seen, &names, &params, &Allowance::memory(1 << 20)).expect("there is room");
        // Ann is one of three sources, seen first by her order in the shop; the six others stand alone.
        assert_eq!(people.customers.len(), 6);
        let of = |source: &str, id: &str| people.customer_of[number(source, id) as usize];
        let ann = &people.customers[of("web", "1") as usize];
        assert_eq!((ann.id, ann.members, people.source(ann)), (Id::customer("shop", "9"), 3, "shop"));
        // Her eleven lines in two sources are one too many; ten are not.
        assert!(ann.too_many_lines && people.customers.iter().filter(|customer| customer.too_many_lines).count() == 1);
        assert_eq!(of("app", "3"), of("shop", "9"));
        assert_ne!(of("app", "4"), of("app", "5"));
        assert!(people.customers.windows(2).all(|pair| pair[0].order < pair[1].order));
    }
}
