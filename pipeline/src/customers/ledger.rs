//! Ids that live on: what the prior run called whom, and who is called otherwise now.
//!
//! An id belongs where the source customer is that it was made of. Where that one is gone, it goes with the oldest of those who had it; and of the
//! ids that a group could keep, it keeps that of its oldest member. So no two customers ever have one id.

use std::collections::{BTreeMap, HashSet};

use polars::prelude::Column as Series;
use serde::{Deserialize, Serialize};

use super::link::{Groups, Params};
use super::people::People;
use super::{ITSELF, NOBODY};
use crate::error::Result;
use crate::key::{Erased, Id, Ids};
use crate::lake::{ByFingerprint, Names, SourceKey, SourceKeys};
use crate::table::{Class, Column, Contract, Kind, Range, Table, dates, ids};
use crate::time::Day;

/// The ids that the prior run gave. Of who stood alone under the id that is made of itself, and does so now, nothing is kept.
#[derive(Debug, Default)]
pub struct Ledger {
    had: ByFingerprint<u32, (Id, u32)>,
    rules: Names,
}

/// What a run calls whom, by the numbers of source customers: its table `customer_links`, as the next run needs it that gives the same numbers.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// By number, a bit: who is there.
    there: Vec<u64>,
    /// Of those who are one with others, or set apart: number, halves of the customer_id, and the rule.
    otherwise: Vec<(u32, [u64; 2], u8)>,
    /// What rules are called: those of whoever is there.
    rules: BTreeMap<u8, String>,
}

/// What someone who is one with others takes of it, and of it as bytes.
const OTHERWISE_BYTES: usize = 96;

impl Called {
    /// Everyone, as settled.
    pub fn of(people: &People, groups: &Groups, params: &Params) -> Self {
        let bits = |numbers: &[u32]| numbers.iter().enumerate().fold(0, |bits, (bit, customer)| bits | u64::from(*customer != NOBODY) << bit);
        let mut otherwise = Vec::with_capacity(groups.members().iter().map(Vec::len).sum());
        for &(number, _) in groups.members().iter().flatten() {
            if let Some(customer) = people.customer_of.get(number as usize).filter(|customer| **customer != NOBODY) {
                otherwise.push((number, people.customers[*customer as usize].id.halves(), people.rules[number as usize]));
            }
        }
        let rules = otherwise.iter().map(|(.., rule)| *rule).chain([ITSELF]).map(|rule| (rule, params.rule_name(rule))).collect();
        Self { there: people.customer_of.chunks(64).map(bits).collect(), otherwise, rules }
    }

    /// What it takes of the memory while it is made and written.
    pub fn bytes(people: &People, groups: &Groups) -> u64 {
        (people.customer_of.len() / 4 + groups.members().iter().map(Vec::len).sum::<usize>() * OTHERWISE_BYTES) as u64
    }

    fn is_there(&self, number: u32) -> bool {
        self.there.get(number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }
}

/// A member of a group, in the order of age: who was seen first, then source and source_customer_id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// When it was seen first (unknown is last), its source and source_customer_id.
    pub age: (bool, Option<i64>, String, String),
    /// Its number.
    pub number: u32,
    /// The rule by which it came in.
    pub rule: u8,
    /// The id that is made of itself.
    pub own: Id,
}

/// A customer_id that source customers had in the prior run, and what they have now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The run that made the change.
    pub as_of: Day,
    /// What it was.
    pub old: Id,
    /// What it is.
    pub new: Id,
    /// Whether nobody has the old id any more: then the customers are one now, else one is two.
    pub is_merge: bool,
    /// The rule that links them now, or that linked them before.
    pub rule: String,
    /// Source customers that it concerns.
    pub source_customers: i64,
}

impl Ledger {
    /// The ledger of a prior run that called people so, as `add` would note them one after another; `keys` has all of its numbers.
    pub fn of(called: &Called, keys: &SourceKeys, groups: &Groups) -> Self {
        let mut ledger = Self::default();
        let rule = |rule: u8| ledger.rules.number(called.rules.get(&rule).map_or("", String::as_str));
        for &(number, halves, by) in &called.otherwise {
            let customer = Id::of_halves(halves);
            if customer != keys.own(number).id || groups.is_linked(number) {
                ledger.had.insert(number, (customer, rule(by)));
            }
        }
        // Alone then, and not now.
        for &(number, _) in groups.members().iter().flatten().filter(|(number, _)| called.is_there(*number)) {
            ledger.had.entry(number).or_insert_with(|| (keys.own(number).id, rule(ITSELF)));
        }
        ledger
    }

    /// Notes that the prior run called a source customer `customer`, by `rule`; `linked` are the ids made of those who are one with others.
    pub fn add(&mut self, (keys, linked): (&SourceKeys, &Ids), (source, id): (&str, &str), customer: Id, rule: &str) {
        // Alone, then and now.
        if customer == Id::customer(source, id) && !linked.contains(&customer) {
            return;
        }
        let Some(SourceKey { number, .. }) = keys.key(source, id) else { return };
        self.had.insert(number, (customer, self.rules.number(rule)));
    }

    /// Numbers of those who may be called otherwise than by the id that is made of themselves.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.had.keys().copied()
    }

    /// The ids that are made of nobody in `groups`: if such a one is there, the id is its own.
    pub fn orphaned(&self, groups: &[Vec<Member>]) -> Ids {
        if self.had.is_empty() {
            return Ids::default();
        }
        let founders: Ids = groups.iter().flatten().map(|member| member.own).collect();
        self.had.values().map(|had| had.0).filter(|id| !founders.contains(id)).collect()
    }

    /// The id of each group; an id of which `is_taken` holds is that of someone who stands alone.
    pub fn name(&self, groups: &[Vec<Member>], is_taken: &dyn Fn(Id) -> bool) -> Vec<Id> {
        if self.had.is_empty() {
            return groups.iter().map(|group| group[0].own).collect();
        }
        let had = |member: &Member| self.had.get(&member.number).map(|had| had.0);
        let each = || groups.iter().enumerate().flat_map(|(place, group)| group.iter().map(move |member| (place, member)));
        let founders: ByFingerprint<Id, usize> = each().map(|(place, member)| (member.own, place)).collect();
        let mut heirs: ByFingerprint<Id, (&Member, usize)> = ByFingerprint::default();
        for (place, member) in each() {
            if let Some(id) = had(member).filter(|id| !founders.contains_key(id) && !is_taken(*id)) {
                let heir = heirs.entry(id).or_insert((member, place));
                *heir = (member, place).min(*heir);
            }
        }
        let belongs = |id: Id| founders.get(&id).copied().or_else(|| heirs.get(&id).map(|heir| heir.1));
        let name = |(place, group): (usize, &Vec<Member>)| group.iter().filter_map(had).find(|id| belongs(*id) == Some(place)).unwrap_or(group[0].own);
        groups.iter().enumerate().map(name).collect()
    }

    /// Who of `groups`, which have these ids, is called otherwise than before.
    pub fn changes(&self, groups: &[Vec<Member>], ids: &[Id], is_taken: &dyn Fn(Id) -> bool, params: &Params, as_of: Day) -> Vec<Change> {
        let there: Ids = ids.iter().copied().collect();
        let mut changes: BTreeMap<(Id, Id), Change> = BTreeMap::new();
        for (group, &new) in groups.iter().zip(ids) {
            for member in group {
                let Some(&(old, rule)) = self.had.get(&member.number).filter(|had| had.0 != new) else { continue };
                // The oldest comes first: its rule is the one that is told.
                let change = changes.entry((old, new)).or_insert_with(|| {
                    let is_merge = !there.contains(&old) && !is_taken(old);
                    let rule = if is_merge { params.rule_name(member.rule) } else { self.rules.text(rule) };
                    Change { as_of, old, new, is_merge, rule, source_customers: 0 }
                });
                change.source_customers += 1;
            }
        }
        changes.into_values().collect()
    }
}

/// The contract of the table `customer_changes`.
pub fn changes_contract() -> Contract {
    let columns = vec![
        Column::new("as_of", Kind::Date, "the run that made the change").within(Range::Past),
        Column::new("old_customer_id", Kind::Text, "what the source customers were called before"),
        Column::new("new_customer_id", Kind::Text, "what they are called since"),
        Column::new("change", Kind::Text, "merged: nobody has the old id any more; split: someone else still has it"),
        Column::new("rule", Kind::Text, "merged: the rule that links them now; split: the one that linked them before"),
        Column::new("source_customer_count", Kind::Int, "source customers that it concerns").within(Range::Between(1.0, f64::INFINITY)),
    ];
    let meaning = "One row a change of a customer_id: all since `customers.keep_ids` is on. Who kept an old id follows the rows from the oldest on.";
    let key = ["as_of", "old_customer_id", "new_customer_id"];
    Contract { class: Class::Chained, ..Contract::new("customer_changes", meaning, &key, columns) }
}

/// The table `customer_changes`: those of the prior runs that concern nobody who is in `erased`, and those of this one.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn changes_table(before: Vec<Change>, now: Vec<Change>, erased: HashSet<Id>, as_of: Day) -> Result<Table> {
    let mut rows = before;
    rows.extend(now);
    rows.sort_unstable();
    let rows = without(rows, erased);
    let words = |pick: fn(&Change) -> &str| rows.iter().map(pick).collect::<Vec<_>>();
    let columns = vec![
        dates("as_of", rows.iter().map(|row| Some(row.as_of)).collect())?,
        ids("old_customer_id", rows.iter().map(|row| Some(row.old))),
        ids("new_customer_id", rows.iter().map(|row| Some(row.new))),
        Series::new("change".into(), words(|row| if row.is_merge { "merged" } else { "split" })),
        Series::new("rule".into(), words(|row| &row.rule)),
        Series::new("source_customer_count".into(), rows.iter().map(|row| row.source_customers).collect::<Vec<_>>()),
    ];
    Table::new(changes_contract(), columns, as_of)
}

/// Of the ids that changed, those that people had who are to be forgotten.
pub fn changed_of<'a>(changes: &'a [Change], erased: &'a Erased) -> impl Iterator<Item = Id> + 'a {
    changes.iter().flat_map(|change| [change.old, change.new]).filter(|id| erased.holds_id(*id))
}

/// The changes, in the order of time, that tell nothing of the ids in `erased`, nor of those that became one of them.
pub fn without(mut changes: Vec<Change>, mut erased: HashSet<Id>) -> Vec<Change> {
    let mut kept = Vec::with_capacity(changes.len());
    while let Some(change) = changes.pop() {
        if erased.contains(&change.new) || erased.contains(&change.old) {
            erased.extend(change.is_merge.then_some(change.old));
        } else {
            kept.push(change);
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member seen at `at`, whose own id is `own`.
    fn member(own: u8, at: i64) -> Member {
        Member { age: (false, Some(at), "s".into(), own.to_string()), number: u32::from(own), rule: own, own: Id([own; 16]) }
    }

    /// A ledger by which each member, by the number of its own id, had the id of another.
    fn ledger(had: &[(u8, u8)]) -> Ledger {
        let mut ledger = Ledger::default();
        for &(number, id) in had {
            let rule = ledger.rules.number(&format!("rule {number}"));
            ledger.had.insert(u32::from(number), (Id([id; 16]), rule));
        }
        ledger
    }

    fn names(ledger: &Ledger, groups: &[Vec<Member>], alone: &[u8]) -> Vec<u8> {
        ledger.name(groups, &|id| alone.contains(&id.0[0])).iter().map(|id| id.0[0]).collect()
    }

    #[test]
    fn ids_are_kept_where_they_can_be() {
        // Nothing is known: the oldest gives the id.
        let two = [vec![member(3, 5), member(1, 9)], vec![member(2, 1)]];
        assert_eq!(names(&ledger(&[]), &two, &[]), [3, 2]);
        // 1 was there before 3 was known: its id stays.
        assert_eq!(names(&ledger(&[(1, 1)]), &two, &[]), [1, 2]);
        // Two customers become one: the oldest member's id wins.
        assert_eq!(names(&ledger(&[(1, 1), (3, 3)]), &two, &[]), [3, 2]);
        assert_eq!(names(&ledger(&[(1, 1), (3, 7)]), &two, &[]), [7, 2]);
        // One becomes two: the id stays where it was made, though the other is older.
        assert_eq!(names(&ledger(&[(1, 1), (2, 1)]), &two[..], &[]), [1, 2]);
        // Who gave it is gone: it goes with the oldest who had it.
        assert_eq!(names(&ledger(&[(1, 8), (2, 8)]), &two, &[]), [3, 8]);
        // And comes back to who gave it, though that one stands alone now.
        assert_eq!(names(&ledger(&[(1, 8), (2, 8)]), &two, &[8]), [3, 2]);
    }

    /// Of six source customers one is gone, three stand apart now, and three were one, by the own id of the last. The one way to a ledger is the table's rows
    /// one after another, the other what was kept by number.
    #[test]
    fn what_was_kept_says_what_the_table_says() {
        let (keys, mut groups) = (SourceKeys::default(), Groups::default());
        let names = ["a", "b", "c", "d", "e", "gone"];
        let numbers: Vec<u32> = keys.keys("s", &names).into_iter().flatten().map(|key| key.number).collect();
        let own = |place: usize| keys.own(numbers[place]).id;
        groups.set_apart([numbers[0], numbers[2], numbers[4], numbers[5]].into_iter());
        // By place: the customer_id, and the rule.
        let rows = [(0, own(0), ITSELF), (1, own(1), ITSELF), (2, own(4), 3), (3, own(4), 3), (4, own(4), 2)];
        let called = Called {
            there: (0..=numbers.iter().max().copied().unwrap_or_default() / 64)
                .map(|word| numbers[..5].iter().filter(|number| **number / 64 == word).fold(0, |bits, number| bits | 1 << (number % 64)))
                .collect(),
            otherwise: rows[2..].iter().map(|&(place, id, rule)| (numbers[place], id.halves(), rule)).collect(),
            rules: BTreeMap::from([(2, "phone".to_owned()), (3, "email".to_owned()), (ITSELF, "itself".to_owned())]),
        };
        let mut by_rows = Ledger::default();
        let linked = groups.own_ids(&keys);
        rows.iter().for_each(|&(place, id, rule)| by_rows.add((&keys, &linked), ("s", names[place]), id, &called.rules[&rule]));
        let told = |ledger: &Ledger| ledger.had.iter().map(|(number, (id, rule))| (*number, (*id, ledger.rules.text(*rule)))).collect::<BTreeMap<_, _>>();
        let by_number = told(&Ledger::of(&called, &keys, &groups));
        assert_eq!(by_number, told(&by_rows));
        let expected = [(0, own(0), "itself"), (2, own(4), "email"), (3, own(4), "email"), (4, own(4), "phone")];
        assert_eq!(by_number, expected.map(|(place, id, rule)| (numbers[place], (id, rule.to_owned()))).into_iter().collect());
        let bytes = rmp_serde::to_vec(&called).expect("it can be written");
        assert_eq!(rmp_serde::from_slice::<Called>(&bytes).ok(), Some(called));
    }

    #[test]
    fn changes_say_who_became_whom() {
        let groups = [vec![member(3, 5), member(1, 9)], vec![member(2, 1)]];
        let ledger = ledger(&[(1, 1), (3, 3), (2, 3)]);
        let ids = ledger.name(&groups, &|_| false);
        let params = Params { rules: vec![vec![], vec![super::super::link::Field::Email]], ..Params::default() };
        let changes = ledger.changes(&groups, &ids, &|_| false, &params, Day(7));
        let told: Vec<_> =
            changes.iter().map(|change| (change.old.0[0], change.new.0[0], change.is_merge, change.rule.as_str(), change.source_customers)).collect();
        assert_eq!(told, [(1, 3, true, "email", 1), (3, 2, false, "rule 2", 1)]);
    }

    #[test]
    fn nothing_is_told_of_the_erased_or_of_who_became_one() {
        let change = |as_of, old: u8, new: u8, is_merge| Change {
            as_of: Day(as_of),
            old: Id([old; 16]),
            new: Id([new; 16]),
            is_merge,
            rule: String::new(),
            source_customers: 1,
        };
        // 1 became 2 and 2 became 3, who is erased; 3 had been split from 4, and 5 became 4.
        let changes = vec![change(1, 1, 2, true), change(2, 5, 4, true), change(3, 4, 3, false), change(4, 2, 3, true)];
        assert_eq!(without(changes.clone(), HashSet::from([Id([3; 16])])), [change(2, 5, 4, true)]);
        assert_eq!(without(changes.clone(), HashSet::new()), changes);
    }
}
