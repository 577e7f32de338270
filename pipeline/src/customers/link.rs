//! Linking: source customers with the same normalised e-mail address are one customer.

use std::collections::{BTreeMap, HashMap};

use super::Params;
use super::read::{SourceCustomer, SourceCustomers};
use crate::allowance::{Allowance, Held};
use crate::audit::Seen;
use crate::error::Result;
use crate::key;
use crate::time::Day;

/// A customer: a person, or what the sources take for one.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// customer_id.
    pub id: String,
    /// Orders customers and cuts them into shards.
    pub hash: u64,
    /// Source customer that was seen first.
    pub key: (String, String),
    /// The household, where one is known.
    pub household_id: Option<String>,
    /// Kind of account.
    pub account_type: Option<String>,
    /// Whether the account type is withheld.
    pub left_out: bool,
    /// First registration.
    pub registered: Option<Day>,
    /// Store that the customer calls home.
    pub home_store: Option<String>,
    /// Whether an e-mail address is known that identifies someone.
    pub has_email: bool,
    /// Whether a phone number is known.
    pub has_phone: bool,
    /// Source customers that are this customer.
    pub members: i64,
    /// Whether there are more order lines than one customer may have: they are not looked at.
    pub too_many_lines: bool,
}

/// Which customer a source customer is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Source and source_customer_id.
    pub key: (String, String),
    /// Position of the customer.
    pub customer: u32,
    /// What linked it.
    pub rule: &'static str,
}

/// Everyone known by as_of.
#[derive(Debug)]
pub struct People {
    /// Customers in the order of (hash, customer_id).
    pub customers: Vec<Customer>,
    /// Source customers in the order of their keys.
    pub links: Vec<Link>,
    /// Position of the customer by source and source_customer_id.
    index: HashMap<(String, String), u32>,
    _held: Held,
}

/// What a source customer takes of the memory, linked and by its key.
const LINK_BYTES: u64 = 600;

impl People {
    /// The position of the customer that a source customer is.
    pub fn find(&self, source: &str, id: &str) -> Option<u32> {
        self.index.get(&(source.to_owned(), id.to_owned())).copied()
    }
}

/// Links everyone in `known` (the customers table) and `seen` (in the lines).
///
/// # Errors
/// `Limit` if `memory` does not hold them.
pub fn link(known: &SourceCustomers, seen: &HashMap<(String, String), Seen>, params: &Params, memory: &Allowance) -> Result<People> {
    let _held = memory.take("link customers", (known.len() + seen.len()) as u64 * LINK_BYTES)?;
    let mut keys: Vec<&(String, String)> = known.keys().chain(seen.keys().filter(|key| !known.contains_key(*key))).collect();
    keys.sort_unstable();
    let nobody = SourceCustomer::default();
    let rows: Vec<&SourceCustomer> = keys.iter().map(|key| known.get(*key).unwrap_or(&nobody)).collect();
    let groups = group_by_email(&rows, params);
    let mut customers = Vec::with_capacity(groups.len());
    for members in &groups {
        customers.push(customer(members, &keys, &rows, seen, params));
    }
    let mut order: Vec<usize> = (0..customers.len()).collect();
    order.sort_unstable_by(|&a, &b| (customers[a].hash, &customers[a].id).cmp(&(customers[b].hash, &customers[b].id)));
    let mut links = Vec::with_capacity(keys.len());
    for (position, &group) in order.iter().enumerate() {
        let rule = if groups[group].len() > 1 { "email" } else { "itself" };
        links.extend(groups[group].iter().map(|&member| Link { key: keys[member].clone(), customer: position as u32, rule }));
    }
    links.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let index = links.iter().map(|link| (link.key.clone(), link.customer)).collect();
    let mut slots: Vec<Option<Customer>> = customers.into_iter().map(Some).collect();
    let customers = order.iter().filter_map(|&group| slots[group].take()).collect();
    Ok(People { customers, links, index, _held })
}

/// Positions of source customers, grouped by address; each without one stands alone.
fn group_by_email(rows: &[&SourceCustomer], params: &Params) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_email: BTreeMap<String, usize> = BTreeMap::new();
    for (position, row) in rows.iter().enumerate() {
        let email = usable_email(row, params).filter(|_| params.link_by_email);
        match email.as_ref().and_then(|email| by_email.get(email)) {
            Some(&group) => groups[group].push(position),
            None => {
                email.map(|email| by_email.insert(email, groups.len()));
                groups.push(vec![position]);
            }
        }
    }
    groups
}

/// The normalised address of a source customer, unless it identifies nobody.
fn usable_email(row: &SourceCustomer, params: &Params) -> Option<String> {
    row.email.as_deref().and_then(normalised_email).filter(|email| !params.blocked_emails.contains(email))
}

/// The address in lower case without surrounding white space; None for what is no address.
pub(super) fn normalised_email(written: &str) -> Option<String> {
    let email = written.trim().to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let fine = !local.is_empty() && domain.contains('.') && !domain.contains('@') && !email.contains(char::is_whitespace);
    fine.then_some(email)
}

fn customer(members: &[usize], keys: &[&(String, String)], rows: &[&SourceCustomer], seen: &HashMap<(String, String), Seen>, params: &Params) -> Customer {
    let lines: u64 = members.iter().filter_map(|&member| Some(seen.get(keys[member])?.lines)).sum();
    let since = |&member: &usize| {
        let first = seen.get(keys[member]).and_then(|seen| seen.first_order);
        let at = rows[member].registered_at.into_iter().chain(first).min();
        (at.is_none(), at, keys[member])
    };
    let mut members = members.to_vec();
    members.sort_unstable_by(|a, b| since(a).cmp(&since(b)));
    let key = keys[members[0]].clone();
    let id = key::customer_id(&key.0, &key.1);
    let first = |pick: &dyn Fn(&SourceCustomer) -> Option<String>| members.iter().find_map(|&member| pick(rows[member]));
    let left_out = |account: &String| params.leave_out_account_types.contains(account);
    let withheld = first(&|row| row.account_type.clone().filter(left_out));
    let household = first(&|row| row.household_key.clone());
    Customer {
        hash: key::customer_hash(&id),
        household_id: household.map(|household| key::household_id(&household)),
        left_out: withheld.is_some(),
        account_type: withheld.or_else(|| first(&|row| row.account_type.clone())),
        registered: members.iter().filter_map(|&member| rows[member].registered).min(),
        home_store: first(&|row| row.home_store.clone()),
        has_email: members.iter().any(|&member| usable_email(rows[member], params).is_some()),
        has_phone: members.iter().any(|&member| rows[member].phone),
        members: members.len() as i64,
        too_many_lines: lines > params.max_rows_per_customer,
        id,
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(email: &str, registered_at: Option<i64>) -> SourceCustomer {
        SourceCustomer { email: Some(email.to_owned()), registered_at, ..SourceCustomer::default() }
    }

    fn key(source: &str, id: &str) -> (String, String) {
        (source.to_owned(), id.to_owned())
    }

    #[test]
    fn the_member_seen_first_gives_the_id() {
        let mut known = SourceCustomers::new();
        known.insert(key("web", "1"), row(" Ann@Example.com ", Some(500)));
        known.insert(key("shop", "9"), row("ann@example.com", None));
        known.insert(key("app", "3"), row("ann@example.com", None));
        known.insert(key("app", "4"), row("none@", None));
        known.insert(key("app", "5"), row("NONE@", None));
        known.insert(key("web", "2"), row("test@example.com", Some(1)));
        known.insert(key("web", "3"), row("test@example.com", Some(1)));
        let seen = |first_order, lines| Seen { first_order, lines };
        let lines = HashMap::from([(key("shop", "9"), seen(Some(400), 5)), (key("app", "3"), seen(None, 6)), (key("till", "7"), seen(Some(1), 10))]);
        let params = Params { link_by_email: true, blocked_emails: vec!["test@example.com".into()], max_rows_per_customer: 10, ..Params::default() };
        let people = link(&known, &lines, &params, &Allowance::memory(1 << 20)).expect("there is room");
        // Ann is one of three sources, seen first by her order in the shop; the six others stand alone.
        assert_eq!(people.customers.len(), 6);
        let ann = &people.customers[people.find("web", "1").expect("known") as usize];
        assert_eq!((ann.id.as_str(), ann.members), (key::customer_id("shop", "9").as_str(), 3));
        // Her eleven lines in two sources are one too many; ten are not.
        assert!(ann.too_many_lines && people.customers.iter().filter(|customer| customer.too_many_lines).count() == 1);
        assert_eq!(people.find("app", "3"), people.find("shop", "9"));
        assert_ne!(people.find("app", "4"), people.find("app", "5"));
        assert!(people.customers.windows(2).all(|pair| pair[0].hash < pair[1].hash));
    }
}
