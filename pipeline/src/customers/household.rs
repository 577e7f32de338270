//! Who lives together: customers who share what a rule names. A household stands beside its members and never makes them one.

use rayon::prelude::*;

use super::link::{Field, PassedOver};
use super::people::Customer;
use super::read::{AT_ONCE, SourceCustomers};
use crate::key::{Id, fingerprint};
use crate::lake::ByFingerprint;

/// Settles the household of everyone, by the first rule and the next ones; what more than `members_max` customers share, or would be one by, is no
/// household, nor is what too many source customers carry one. `members` are the source customers of the customer at a position.
pub fn settle<'a>(
    customers: &mut [Customer],
    members: impl Fn(usize) -> &'a [u32] + Sync,
    (known, passed_over): (&SourceCustomers, &PassedOver),
    rules: &[Vec<Field>],
    members_max: usize,
) {
    // What each shares by which rule, and what their source says is their household.
    let of_some = |first: usize| {
        let some = first..customers.len().min(first + AT_ONCE);
        let (mut shared, mut named) = (Vec::new(), Vec::with_capacity(some.len()));
        known.fetch(some.clone().flat_map(&members).copied());
        for position in some {
            let rows = || members(position).iter().filter_map(|&member| known.get(member));
            for row in rows() {
                for (number, rule) in rules.iter().enumerate() {
                    let values = || rule.iter().map(|&field| row.values[field as usize]);
                    let is_nobodys = || rule.iter().zip(values()).any(|(field, value)| passed_over.is_nobodys(*field, value));
                    if values().all(|value| value != 0) && !is_nobodys() {
                        shared.push((values().fold(1 + number as u64, |key, value| fingerprint(key, &value.to_le_bytes())), position as u32));
                    }
                }
            }
            let row = rows().find(|row| row.values[Field::HouseholdKey as usize] != 0);
            named.push(row.and_then(|row| known.texts.get(row.values[Field::HouseholdKey as usize])).map(Id::household));
        }
        (shared, named)
    };
    let found: Vec<_> = (0..customers.len()).into_par_iter().step_by(AT_ONCE).map(of_some).collect();
    let (mut shared, mut alone) = (Vec::new(), Vec::with_capacity(customers.len()));
    shared.reserve_exact(found.iter().map(|(shared, _)| shared.len()).sum());
    for (some, named) in found {
        shared.extend(some);
        alone.extend(named);
    }
    shared.sort_unstable();
    shared.dedup();
    let mut joined = Joined::default();
    for group in shared.chunk_by(|a, b| a.0 == b.0).filter(|group| (2..=members_max).contains(&group.len())) {
        group.windows(2).for_each(|pair| joined.join(pair[0].1, pair[1].1));
    }
    for mut group in joined.groups().into_iter().filter(|group| group.len() <= members_max) {
        // The oldest first: whose household it is does not change when someone newer moves in.
        group.sort_unstable_by_key(|&position| {
            let customer = &customers[position as usize];
            (customer.registered.get().is_none(), customer.registered, customer.id)
        });
        let named = group.iter().find_map(|&position| alone[position as usize]);
        let id = named.unwrap_or_else(|| Id::household_of(customers[group[0] as usize].id));
        group.iter().for_each(|&position| alone[position as usize] = Some(id));
    }
    customers.iter_mut().zip(alone).for_each(|(customer, household)| customer.household = household);
}

/// Positions that are joined.
#[derive(Default)]
struct Joined {
    root: ByFingerprint<u32, u32>,
}

impl Joined {
    fn find(&mut self, position: u32) -> u32 {
        let mut at = position;
        while let Some(&up) = self.root.get(&at).filter(|up| **up != at) {
            at = up;
        }
        self.root.insert(position, at);
        at
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.root.insert(a.max(b), a.min(b));
    }

    fn groups(mut self) -> Vec<Vec<u32>> {
        let mut positions: Vec<u32> = self.root.keys().copied().collect();
        positions.sort_unstable();
        let mut groups: std::collections::BTreeMap<u32, Vec<u32>> = Default::default();
        for position in positions {
            let root = self.find(position);
            groups.entry(root).or_default().push(position);
        }
        groups.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::SourceCustomer;
    use super::*;
    use crate::time::Day;

    /// Customers of a source customer each, with these values of last name, address and household key, registered on these days.
    fn settled(rows: &[(u64, u64, u64, i32)], members_max: usize) -> Vec<Option<Id>> {
        let mut known = SourceCustomers::default();
        for (number, &(last, address, key, _)) in rows.iter().enumerate() {
            let mut row = SourceCustomer::default();
            (row.values[Field::LastName as usize], row.values[Field::Address as usize], row.values[Field::HouseholdKey as usize]) = (last, address, key);
            known.keep_newest(number as u32, row);
            known.texts.keep(key, &format!("h{key}"));
        }
        let customer =
            |(number, row): (usize, &(u64, u64, u64, i32))| Customer { id: Id([number as u8; 16]), registered: Some(Day(row.3)).into(), ..Customer::default() };
        let mut customers: Vec<Customer> = rows.iter().enumerate().map(customer).collect();
        let numbers: Vec<u32> = (0..rows.len() as u32).collect();
        let rules = [vec![Field::HouseholdKey], vec![Field::LastName, Field::Address]];
        settle(&mut customers, |position| &numbers[position..=position], (&known, &PassedOver::default()), &rules, members_max);
        customers.into_iter().map(|customer| customer.household).collect()
    }

    #[test]
    fn who_shares_what_a_rule_names_lives_together() {
        // 0 and 1 share name and address, 1 and 2 a key; 3 has the address of 0 and another name; 4 has a key of its own; 5 and 6 are old and young.
        let rows = [(1, 7, 0, 9), (1, 7, 5, 3), (2, 0, 5, 1), (3, 7, 0, 1), (0, 0, 6, 1), (4, 8, 0, 20), (4, 8, 0, 10)];
        let keyed = |key: &str| Some(Id::household(key));
        let young = Some(Id::household_of(Id([6; 16])));
        assert_eq!(settled(&rows, 3), [keyed("h5"), keyed("h5"), keyed("h5"), None, keyed("h6"), young, young]);
        // A key that joins more than may live together joins nobody: what is their own stays.
        assert_eq!(settled(&rows, 2), [None, keyed("h5"), keyed("h5"), None, keyed("h6"), young, young]);
    }

    /// More customers than are looked at together, two by two, and one alone at the end: the older of each two has the even number.
    #[test]
    fn everyone_is_looked_at() {
        let rows: Vec<(u64, u64, u64, i32)> = (0..2 * AT_ONCE as u64 + 3).map(|number| (1 + number / 2, 7, 0, number as i32)).collect();
        let mut expected: Vec<Option<Id>> = (0..rows.len()).map(|number| Some(Id::household_of(Id([(number / 2 * 2) as u8; 16])))).collect();
        *expected.last_mut().expect("somebody") = None;
        assert_eq!(settled(&rows, 2), expected);
    }
}
