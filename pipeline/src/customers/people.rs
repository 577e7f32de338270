//! Everyone, settled: whose id a group has follows from who was seen first.

use rayon::prelude::*;

use super::household;
use super::ledger::{Change, Ledger, Member};
use super::link::{Field, Groups, Held as HeldLink, PassedOver};
use super::read::{AT_ONCE, AccountType, SourceCustomers};
use super::seen::SeenLines;
use super::{ITSELF, NOBODY, Params};
use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::key::{Id, Ids};
use crate::lake::{LineNames, Own};
use crate::time::{Day, MaybeDay};

/// A customer: a person, or what the sources take for one.
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// Why nothing is made of the customer (features, scores, groups, lists), if so.
    pub left_out: Option<LeftOut>,
    /// First registration.
    pub registered: MaybeDay,
    /// Number of the store that the customer calls home; 0 for none.
    pub home_store: u32,
    /// The last day on which one of the source customers moved out of reach.
    pub moved_out: MaybeDay,
    /// The day from which registration and birth are known, where rows say so.
    pub known_from: MaybeDay,
    /// Date of birth.
    pub birth: MaybeDay,
    /// Number of the gender; 0 for none.
    pub gender: u32,
    /// Source customers that are this customer.
    pub members: u32,
    /// Whether there are more order lines than one customer may have: they are not looked at.
    pub too_many_lines: bool,
}

/// Why nothing is made of a customer: no features, scores, groups or lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Known to have died.
    Deceased,
    /// Of an account type that the config leaves out.
    AccountType,
}

impl LeftOut {
    /// All reasons.
    pub const ALL: [Self; 2] = [Self::Deceased, Self::AccountType];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deceased => "deceased",
            Self::AccountType => "account_type",
        }
    }
}

/// Everyone known by as_of.
#[derive(Debug)]
pub struct People {
    /// Customers in the order of (order, customer_id).
    pub customers: Vec<Customer>,
    /// By number of the source customer: position of the customer, or NOBODY.
    pub customer_of: Vec<u32>,
    /// By number of the source customer: the rule by which it came in; ITSELF for who stands alone.
    pub rules: Vec<u8>,
    /// By number of the source customer, as far as the table `customers` knows them: what stands for its e-mail address and phone number; 0 where none
    /// is known that identifies someone.
    addresses: Vec<[u64; 2]>,
    /// Source customers, customer by customer, of each the oldest first; and where those of each begin.
    members: (Vec<u32>, Vec<u32>),
    /// Links that were held back.
    pub held: Vec<HeldLink>,
    /// What linked nobody since too many share it.
    pub passed_over: PassedOver,
    /// Who is called otherwise than in the prior run.
    pub changes: Vec<Change>,
    /// Names of sources, by number.
    pub sources: Vec<String>,
    /// Names of stores, by number.
    pub stores: Vec<String>,
    _held: Held,
}

/// What a source customer takes of the memory while it is settled whose it is.
const SETTLING_BYTES: u64 = 230;

impl People {
    /// Settles who everyone is, now that it is known who was seen first.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold them.
    pub fn settle(
        known: &SourceCustomers,
        groups: &Groups,
        seen: &SeenLines,
        (names, ledger): (&LineNames, &Ledger),
        (params, as_of): (&Params, Day),
        memory: &Allowance,
    ) -> Result<Self> {
        let mut held_bytes = memory.take("link customers", names.keys.len() as u64 * SETTLING_BYTES)?;
        let settling = Settling { known, seen, names, params };
        let sources = names.keys.sources.texts();
        let grouped: Vec<Vec<Member>> = groups.members().par_iter().map(|group| settling.members(group)).filter(|group| !group.is_empty()).collect();
        let orphaned = ledger.orphaned(&grouped);
        let (mut customers, taken) = settling.alone(groups, &orphaned);
        let is_taken = |id: Id| taken.contains(&id);
        let ids = ledger.name(&grouped, &is_taken);
        let changes = ledger.changes(&grouped, &ids, &is_taken, &params.link, as_of);
        customers.extend(grouped.iter().zip(ids).map(|(group, id)| settling.group(group, id)));
        customers.par_sort_unstable_by_key(|customer| (customer.order, customer.id));
        let mut customer_of = vec![NOBODY; names.keys.end()];
        let mut rules = vec![ITSELF; names.keys.end()];
        for (position, customer) in customers.iter().enumerate() {
            customer_of[customer.first as usize] = position as u32;
        }
        for group in &grouped {
            let position = customer_of[group[0].number as usize];
            for member in group {
                customer_of[member.number as usize] = position;
                rules[member.number as usize] = member.rule;
            }
        }
        let members = members(&customers, &customer_of, &grouped);
        let of = |position: usize| &members.0[members.1[position] as usize..members.1[position + 1] as usize];
        household::settle(&mut customers, of, (known, &groups.passed_over), &params.household, params.household_members_max);
        let addresses: Vec<[u64; 2]> = (0..known.end() as u32)
            .into_par_iter()
            .map(|number| known.get(number).map_or([0; 2], |row| [row.values[Field::Email as usize], row.values[Field::Phone as usize]]))
            .collect();
        let (held, passed_over) = (groups.held.clone(), groups.passed_over.clone());
        let of_number = size_of_val(&customer_of[..]) + rules.len() + size_of_val(&addresses[..]);
        held_bytes.resize("link customers", (size_of_val(&customers[..]) + size_of_val(&members.0[..]) + size_of_val(&members.1[..]) + of_number) as u64)?;
        Ok(Self { customers, customer_of, rules, addresses, members, held, passed_over, changes, sources, stores: names.stores.texts(), _held: held_bytes })
    }

    /// Some customers, with all of their members one after another, and their addresses by number.
    #[cfg(test)]
    pub fn of(customers: Vec<Customer>, members: Vec<u32>, customer_of: Vec<u32>, addresses: Vec<[u64; 2]>) -> Self {
        let starts = std::iter::once(0)
            .chain(customers.iter().scan(0, |sum, customer| {
                *sum += customer.members;
                Some(*sum)
            }))
            .collect();
        let _held = Allowance::memory(1).nothing();
        let rules = vec![ITSELF; members.len()];
        let (held, passed_over, changes, sources, stores) = Default::default();
        Self { customers, customer_of, rules, addresses, members: (members, starts), held, passed_over, changes, sources, stores, _held }
    }

    /// The source customers of the customer at a position, the oldest first.
    pub fn members(&self, position: usize) -> &[u32] {
        &self.members.0[self.members.1[position] as usize..self.members.1[position + 1] as usize]
    }

    /// What stands for the e-mail address (0) or phone number (1) of a source customer; 0 where none is known that identifies someone.
    pub fn address(&self, number: u32, place: usize) -> u64 {
        self.addresses.get(number as usize).map_or(0, |addresses| addresses[place])
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

/// Source customers, customer by customer, and where those of each begin.
fn members(customers: &[Customer], customer_of: &[u32], grouped: &[Vec<Member>]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; customers.len() + 1];
    customers.iter().enumerate().for_each(|(position, customer)| starts[position + 1] = starts[position] + customer.members);
    let mut members = vec![NOBODY; starts[customers.len()] as usize];
    customers.iter().zip(&starts).for_each(|(customer, start)| members[*start as usize] = customer.first);
    for group in grouped {
        let start = starts[customer_of[group[0].number as usize] as usize] as usize;
        group.iter().enumerate().for_each(|(place, member)| members[start + place] = member.number);
    }
    (members, starts)
}

/// What it takes to settle who someone is.
struct Settling<'a> {
    known: &'a SourceCustomers,
    seen: &'a SeenLines,
    names: &'a LineNames,
    params: &'a Params,
}

impl Settling<'_> {
    /// Whether the lake knows a source customer: names may be those of an earlier run.
    fn is_there(&self, number: u32) -> bool {
        self.known.get(number).is_some() || self.seen.lines(number) > 0
    }

    /// The customers who stand alone, and those of `orphaned` that are an id of theirs.
    fn alone(&self, groups: &Groups, orphaned: &Ids) -> (Vec<Customer>, Ids) {
        let (mut customers, mut taken) = (Vec::with_capacity(self.names.keys.len()), Ids::default());
        let mut waiting: Vec<(u32, Own, u32)> = Vec::with_capacity(AT_ONCE);
        let mut add = |waiting: &mut Vec<(u32, Own, u32)>| {
            self.known.fetch(waiting.iter().map(|alone| alone.0));
            for (number, own, source) in waiting.drain(..).filter(|alone| self.is_there(alone.0)) {
                taken.extend(orphaned.contains(&own.id).then_some(own.id));
                customers.push(self.customer(&[number], source, own));
            }
        };
        self.names.keys.each(|number, own, source, _| {
            if !groups.is_linked(number) {
                waiting.push((number, own, source));
            }
            if waiting.len() == AT_ONCE {
                add(&mut waiting);
            }
        });
        add(&mut waiting);
        (customers, taken)
    }

    /// The members of a group that the lake still knows, the oldest first.
    fn members(&self, group: &[(u32, u8)]) -> Vec<Member> {
        let there = group.iter().filter(|(number, _)| self.is_there(*number));
        let mut members: Vec<Member> = there.map(|&(number, rule)| self.member(number, rule)).collect();
        members.sort_unstable();
        members
    }

    fn member(&self, number: u32, rule: u8) -> Member {
        let registered = self.known.get(number).and_then(|row| row.registered_at);
        let at = registered.into_iter().chain(self.seen.first_order(number)).min();
        let (source, id) = self.names.keys.text(number);
        let source = self.names.keys.sources.text(source);
        Member { own: self.names.keys.own(number).id, age: (at.is_none(), at, source, id), number, rule }
    }

    /// The customer of a group, whose id is settled: who was seen first stands for it.
    fn group(&self, members: &[Member], id: Id) -> Customer {
        let numbers: Vec<u32> = members.iter().map(|member| member.number).collect();
        let source = self.names.keys.sources.number(&members[0].age.2);
        self.customer(&numbers, source, Own { id, order: id.order() })
    }

    /// The customer of `members`, of which the first is of this source.
    fn customer(&self, members: &[u32], source: u32, Own { id, order }: Own) -> Customer {
        let rows = || members.iter().filter_map(|&member| self.known.get(member));
        let first = rows().filter(|row| row.registered.is_some()).min_by_key(|row| (row.registered, row.known_from));
        let born = rows().find_map(|row| Some((row, self.known.birth(row)?)));
        let left_out = |account: &AccountType| self.params.leave_out_account_types.contains(account);
        let withheld = rows().find_map(|row| row.account_type.filter(left_out));
        let lines: u64 = members.iter().map(|&member| u64::from(self.seen.lines(member))).sum();
        Customer {
            order,
            first: members[0],
            source,
            household: None,
            left_out: rows().any(|row| row.deceased).then_some(LeftOut::Deceased).or(withheld.map(|_| LeftOut::AccountType)),
            account_type: withheld.or_else(|| rows().find_map(|row| row.account_type)),
            known_from: first.and_then(|row| row.known_from).max(born.and_then(|(row, _)| row.known_from)).into(),
            birth: born.map(|(_, birth)| birth).into(),
            gender: rows().find_map(|row| row.gender).map_or(0, |gender| gender.number),
            registered: first.and_then(|row| row.registered).into(),
            home_store: rows().find_map(|row| row.home_store).map_or(0, |store| store.number),
            moved_out: rows().filter_map(|row| row.moved_out).max().into(),
            members: members.len() as u32,
            too_many_lines: lines > self.params.max_rows_per_customer,
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::link;
    use super::super::read::SourceCustomer;
    use super::super::seen::Run;
    use super::*;

    #[test]
    fn the_member_seen_first_gives_the_id() {
        let names = LineNames::default();
        let number = |source: &str, id: &str| names.keys.key(source, id).expect("an id").number;
        let mut known = SourceCustomers::default();
        let mut row = |source: &str, id: &str, email: u64, registered_at: Option<i64>| {
            let birth = if source == "shop" { 19_800_229 } else { 0 };
            let values = [email, 0, 0, 0, birth, 0, 0, 0, 0];
            known.keep_newest(number(source, id), SourceCustomer { values, registered_at, ..SourceCustomer::default() });
        };
        row("web", "1", 7, Some(500));
        row("shop", "9", 7, None);
        row("app", "3", 7, None);
        row("app", "4", 0, None);
        row("app", "5", 0, None);
        row("web", "2", 8, Some(1));
        row("web", "3", 9, Some(1));
        let seen = SeenLines::default();
        let run = |number, lines, first_order| Run { number, lines, first_order };
        let before = seen.add(&[run(number("shop", "9"), 2, Some(500)), run(number("app", "3"), 6, None), run(number("shop", "9"), 3, Some(400))]);
        assert_eq!(before, [0, 0, 2]);
        seen.add(&[run(number("till", "7"), 10, Some(1))]);
        // Of whom neither a row nor a line is there: a name from before.
        number("till", "8");
        let link = link::Params { rules: vec![vec![Field::Email]], members_max: 5, carriers_max: 5, block_max: 5, ..link::Params::default() };
        let params = Params { link, max_rows_per_customer: 10, ..Params::default() };
        let memory = Allowance::memory(1 << 20);
        let groups = Groups::link(&known, &names.keys, &params.link, &memory).expect("there is room");
        let people = People::settle(&known, &groups, &seen, (&names, &Ledger::default()), (&params, Day(0)), &memory).expect("there is room");
        // Ann is one of three sources, seen first by her order in the shop; the six others stand alone.
        assert_eq!(people.customers.len(), 6);
        let of = |source: &str, id: &str| people.customer_of[number(source, id) as usize];
        let ann = &people.customers[of("web", "1") as usize];
        assert_eq!((ann.id, ann.members, people.source(ann)), (Id::customer("shop", "9"), 3, "shop"));
        assert_eq!(ann.birth.get(), Day::parse("1980-02-29"));
        assert_eq!(people.members(of("web", "1") as usize), [number("shop", "9"), number("web", "1"), number("app", "3")]);
        // Her eleven lines in two sources are one too many; ten are not.
        assert!(ann.too_many_lines && people.customers.iter().filter(|customer| customer.too_many_lines).count() == 1);
        assert_eq!(of("app", "3"), of("shop", "9"));
        assert_ne!(of("app", "4"), of("app", "5"));
        assert_eq!((people.rules[number("web", "1") as usize], people.rules[number("app", "4") as usize]), (0, ITSELF));
        assert!(people.customers.windows(2).all(|pair| pair[0].order < pair[1].order));
    }
}
