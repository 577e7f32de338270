//! Who is compared with whom: source customers who share the values of some fields.

use std::ops::Range;

use rayon::prelude::*;

use super::STEP;
use super::comparison::{Comparison, NAMES};
use super::params::{Params, name_of};
use super::records::{Field, Pair, Record, VALUES};
use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::key::fingerprint;

/// What records share that are compared: pairs of fields, and some of names.
const BLOCKS: [&[Field]; 8] = [
    &[Field::Email],
    &[Field::Phone],
    &[Field::LastName, Field::BirthDate],
    &[Field::FirstName, Field::BirthDate],
    &[Field::BirthDate, Field::Postcode],
    &[Field::FirstName, Field::LastName, Field::BirthDate],
    &[Field::FirstName, Field::LastName, Field::Postcode],
    &[Field::FirstName, Field::LastName],
];

/// A block of fields as it is written down, where names may stand in each other's place or not; or what names and postcode begin with.
enum Block<'a> {
    Fields(&'a [Field], bool),
    Beginnings,
}

impl Block<'_> {
    /// Its fields, as rules are called.
    fn name(&self) -> String {
        match self {
            Self::Fields(fields, _) => name_of(fields),
            Self::Beginnings => "beginnings of names+postcode".to_owned(),
        }
    }

    /// What records of one block share; None where something of it is unknown. Of names that stand in each other's place the lowest bit is another.
    fn key(&self, at: u32, record: &Record, comparison: &Comparison<'_>) -> Option<u64> {
        match self {
            Self::Fields(fields, may_swap) => {
                let mut values = [0; VALUES];
                let values = &mut values[..fields.len()];
                for (value, field) in values.iter_mut().zip(*fields) {
                    *value = record.value(*field)?;
                }
                let [first, last] = NAMES.map(|name| record.value(name).filter(|_| *may_swap && fields.contains(&name)));
                let is_swapped = first.zip(last).is_some_and(|(first, last)| first > last);
                if first.and(last).is_some() {
                    values.sort_unstable();
                }
                Some(values.iter().fold(0, |key, value| fingerprint(key, &value.to_le_bytes())) & !1 | u64::from(is_swapped))
            }
            Self::Beginnings => {
                NAMES.iter().all(|name| record.value(*name).is_some()).then_some(())?;
                let beginnings = comparison.beginnings(at).map(u64::to_le_bytes);
                Some(fingerprint(record.value(Field::Postcode)?, beginnings.as_flattened()) & !1)
            }
        }
    }
}

/// Positions of records that share something, those of one key together.
#[derive(Default)]
struct Shared {
    members: Vec<u32>,
    /// Where those of each key end.
    ends: Vec<u32>,
    /// Those of keys of too many.
    too_many: TooMany,
}

/// What more share than may: so many values, or groups of them, and so many source customers that share them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TooMany {
    /// Values, or groups of them.
    pub values: u64,
    /// Source customers.
    pub source_customers: u64,
}

impl TooMany {
    /// Counts so many more who share one.
    pub fn add(&mut self, source_customers: usize) {
        self.values += 1;
        self.source_customers += source_customers as u64;
    }
}

/// What a record takes of the memory while those of a block are brought together: its key, and its place among the members, twice while they grow.
const KEYED_BYTES: usize = size_of::<(u64, u32)>() + 3 * size_of::<u32>();

impl Shared {
    fn bytes(&self) -> u64 {
        ((self.members.capacity() + self.ends.capacity()) * size_of::<u32>()) as u64
    }

    /// Records by their keys, in their order; more than `most` of one key tell nothing. Those of keys that differ in the lowest bit are together too, unless
    /// there are too many of either.
    fn of(mut keyed: Vec<(u64, u32)>, most: usize) -> Self {
        keyed.sort_unstable();
        let mut shared = Self::default();
        for both in keyed.chunk_by(|a, b| a.0 | 1 == b.0 | 1) {
            let of_key = || both.chunk_by(|a, b| a.0 == b.0);
            if of_key().all(|group| group.len() <= most) {
                shared.add(both);
            } else {
                of_key().for_each(|group| if group.len() <= most { shared.add(group) } else { shared.too_many.add(group.len()) });
            }
        }
        shared.members.shrink_to_fit();
        shared.ends.shrink_to_fit();
        shared
    }

    fn add(&mut self, group: &[(u64, u32)]) {
        if group.len() > 1 {
            let start = self.members.len();
            self.members.extend(group.iter().map(|(_, at)| at));
            self.members[start..].sort_unstable();
            self.ends.push(self.members.len() as u32);
        }
    }

    /// Of each group: every member, and those after it.
    fn each(&self, mut visit: impl FnMut(u32, &[u32])) {
        let mut start = 0;
        for &end in &self.ends {
            let group = &self.members[start..end as usize];
            group.iter().enumerate().for_each(|(place, &at)| visit(at, &group[place + 1..]));
            start = end as usize;
        }
    }
}

/// Pairs that are to be compared, each once, in their order.
pub struct Candidates {
    /// By position: where those begin that it is compared with, and where the last one's end.
    starts: Vec<usize>,
    others: Vec<u32>,
    /// By block: those who are not compared for what they share of it, since too many do.
    pub too_many: Vec<(String, TooMany)>,
    _held: Held,
}

impl Candidates {
    /// Pairs of positions that share the values of a block of fields, or of a rule.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold them.
    pub fn of(records: &[Record], comparison: &Comparison<'_>, params: &Params, memory: &Allowance) -> Result<Self> {
        let mut fields: Vec<&[Field]> = if params.probabilistic.is_some() { BLOCKS.to_vec() } else { Vec::new() };
        for rule in &params.rules {
            if !fields.contains(&rule.as_slice()) {
                fields.push(rule);
            }
        }
        let beginnings = params.probabilistic.map(|_| Block::Beginnings);
        // Only by weight is someone one with who has the names in each other's place.
        let may_swap = params.probabilistic.is_some();
        let blocks: Vec<Block<'_>> = fields.into_iter().map(|fields| Block::Fields(fields, may_swap)).chain(beginnings).collect();
        let groups_of = |block: &Block<'_>| {
            let mut keyed = Vec::with_capacity(records.len());
            keyed.extend((0..).zip(records).filter_map(|(at, record)| Some((block.key(at, record, comparison)?, at))));
            Shared::of(keyed, params.block_max)
        };
        let (mut held, mut groups) = (memory.nothing(), Vec::<Shared>::new());
        let (mut rest, mut at_once) = (blocks.as_slice(), rayon::current_num_threads());
        while !rest.is_empty() {
            let kept = groups.iter().map(Shared::bytes).sum::<u64>();
            let bytes = |blocks: usize| kept + (blocks * records.len() * KEYED_BYTES) as u64;
            // As many at once as there are threads, and memory.
            while at_once > 1 && held.resize(STEP, bytes(at_once.min(rest.len()))).is_err() {
                at_once /= 2;
            }
            let (some, after) = rest.split_at(at_once.min(rest.len()));
            held.resize(STEP, bytes(some.len()))?;
            groups.extend(some.par_iter().map(groups_of).collect::<Vec<_>>());
            rest = after;
        }
        let too_many = blocks.iter().zip(&groups).map(|(block, shared)| (block.name(), shared.too_many));
        Ok(Self { too_many: too_many.collect(), ..Self::collect(&groups, records.len(), held)? })
    }

    /// The pairs of `groups` of so many records; some may be in several.
    fn collect(groups: &[Shared], records: usize, mut held: Held) -> Result<Self> {
        let mut ends = vec![0; records + 1];
        groups.iter().for_each(|groups| groups.each(|at, others| ends[at as usize + 1] += others.len()));
        (0..records).for_each(|at| ends[at + 1] += ends[at]);
        let kept_bytes = |others: usize| (others * size_of::<u32>() + (records + 1) * size_of::<usize>()) as u64;
        held.resize(STEP, groups.iter().map(Shared::bytes).sum::<u64>() + 2 * kept_bytes(0) + kept_bytes(ends[records]))?;
        let (mut others, mut next) = (vec![0; ends[records]], ends.clone());
        let mut put = |at: u32, of: &[u32]| {
            let next = &mut next[at as usize];
            others[*next..*next + of.len()].copy_from_slice(of);
            *next += of.len();
        };
        groups.iter().for_each(|groups| groups.each(&mut put));
        let mut starts = Vec::with_capacity(records + 1);
        let mut kept = 0;
        for at in 0..records {
            starts.push(kept);
            let of = ends[at]..ends[at + 1];
            others[of.clone()].sort_unstable();
            let mut last = None;
            for place in of {
                if last != Some(others[place]) {
                    last = Some(others[place]);
                    others[kept] = others[place];
                    kept += 1;
                }
            }
        }
        starts.push(kept);
        others.truncate(kept);
        held.resize(STEP, kept_bytes(others.capacity()))?;
        Ok(Self { starts, others, too_many: Vec::new(), _held: held })
    }

    /// The pairs whose first one is at these positions.
    pub fn pairs(&self, firsts: Range<u32>) -> impl Iterator<Item = Pair> {
        firsts.flat_map(|at| self.others[self.starts[at as usize]..self.starts[at as usize + 1]].iter().map(move |&other| (at, other)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::comparison::TextsOfValues;
    use super::super::params::Probabilistic;
    use super::super::records::tests::record;
    use super::*;

    /// By hand: Ann Lee and Lee Ann share their names; Annabel Leeds and Annette Leeman a postcode and what their names begin with; who shares nothing that
    /// is known, and who shares a postcode alone, stands alone.
    #[test]
    fn who_shares_something_is_compared() {
        let mut texts = TextsOfValues::default();
        let named = [("ann", "lee", ""), ("lee", "ann", ""), ("annabel", "leeds", "90"), ("annette", "leeman", "90"), ("bob", "coe", "90"), ("dan", "fox", "")];
        let records =
            named.map(|(first, last, postcode)| record(&mut texts, [(Field::FirstName, first), (Field::LastName, last), (Field::Postcode, postcode)]));
        let probabilistic = Some(Probabilistic { from: 0.99, bridge_from: 0.9999 });
        let params = Params { rules: vec![vec![Field::CardId], vec![Field::Email, Field::Phone]], probabilistic, block_max: 5, ..Params::default() };
        let memory = Allowance::memory(1 << 20);
        let found = Candidates::of(&records, &Comparison::of(&records, &texts), &params, &memory).expect("there is memory");
        assert_eq!(found.pairs(0..6).collect::<Vec<_>>(), [(0, 1), (2, 3)]);
        assert_eq!(found.pairs(1..3).collect::<Vec<_>>(), [(2, 3)]);
        // Two pairs of four bytes, and seven starts of eight.
        assert!(memory.nothing().try_grow((1 << 20) - 2 * 4 - 7 * 8) && !memory.nothing().try_grow((1 << 20) - 2 * 4 - 7 * 8 + 1));
        let little = Candidates::of(&records, &Comparison::of(&records, &texts), &params, &Allowance::memory(100));
        assert!(little.is_err_and(|error| error.to_string().contains("step link customers")));
    }

    /// Groups that share pairs, one of too many, and a single one.
    #[test]
    fn a_pair_stands_once() {
        let keyed = [vec![(6, 0), (8, 1), (6, 3), (6, 4), (10, 2)], vec![(2, 4), (2, 0), (4, 1), (4, 2), (4, 3), (4, 4)]];
        let groups = keyed.map(|keyed| Shared::of(keyed, 3));
        let found = Candidates::collect(&groups, 5, Allowance::memory(1 << 20).nothing()).expect("there is memory");
        assert_eq!(found.pairs(0..5).collect::<Vec<_>>(), [(0, 3), (0, 4), (3, 4)]);
    }

    /// Two orders of names, of three at most each: both together, unless there are too many of one.
    #[test]
    fn both_orders_of_names_are_together() {
        let members = |keyed: &[(u64, u32)]| {
            let shared = Shared::of(keyed.to_vec(), 3);
            (shared.members, shared.ends, [shared.too_many.values, shared.too_many.source_customers])
        };
        assert_eq!(members(&[(2, 5), (3, 1), (2, 0), (3, 7), (2, 3), (4, 2)]), (vec![0, 1, 3, 5, 7], vec![5], [0, 0]));
        assert_eq!(members(&[(2, 5), (3, 1), (2, 0), (3, 7), (2, 3), (2, 9)]), (vec![1, 7], vec![2], [1, 4]));
        let [there, swapped] = [("ann", "lee"), ("lee", "ann")].map(|(first, last)| {
            let mut texts = TextsOfValues::default();
            record(&mut texts, [(Field::FirstName, first), (Field::LastName, last), (Field::BirthDate, "19800102")])
        });
        let none = TextsOfValues::default();
        let comparison = Comparison::of(&[there, swapped], &none);
        let keys = |may_swap: bool| [(0, &there), (1, &swapped)].map(|(at, record)| Block::Fields(BLOCKS[5], may_swap).key(at, record, &comparison));
        let [one, other] = keys(true).map(|key| key.expect("all is known"));
        assert_eq!(one ^ other, 1);
        let [one, other] = keys(false).map(|key| key.expect("all is known"));
        assert_ne!(one | 1, other | 1);
    }
}
