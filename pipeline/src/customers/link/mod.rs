//! Linking: which source customers are one person. Pairs that share something are compared; a rule of the YAML, or the weight of all that
//! agrees, links two; and groups are formed with guards.

mod cluster;
mod compare;
mod normalise;
mod params;
mod records;
mod weigh;

pub use cluster::HeldBack;
pub use params::{Params, check, check_rules};
pub use records::{Field, VALUES};

use std::collections::BTreeMap;

use rayon::prelude::*;

use cluster::{Edge, Guards, cluster};
use records::{Compared, Comparison, FIELDS, Pattern, Record};
use weigh::{Population, Weights};

use super::read::{AccountType, SourceCustomers};
use super::{ITSELF, NOBODY};
use crate::allowance::Allowance;
use crate::error::Result;
use crate::key::{Ids, fingerprint};
use crate::lake::{ByFingerprint, SourceKeys};

/// Strengths are in 2^-20 of a bit.
const BIT: f64 = 1_048_576.0;
/// The strength of a link by the first rule of the YAML; each further rule is a little weaker. No probability comes near.
const RULE_BITS: f64 = 200.0;
/// What a source customer takes of the memory while it is linked.
const RECORD_BYTES: u64 = 350;
/// Pairs whose records are fetched together.
const AT_ONCE: usize = 256;

/// A link that was held back: numbers of both, the rule, and why.
pub type Held = (u32, u32, u8, HeldBack);

/// Source customers that are one with others.
#[derive(Debug, Default)]
pub struct Groups {
    /// By number: the group, or NOBODY for who stands alone.
    of: Vec<u32>,
    /// By group: numbers, each with the rule by which it came in.
    members: Vec<Vec<(u32, u8)>>,
    /// Links that were held back.
    pub held: Vec<Held>,
}

impl Groups {
    /// Whether a source customer is one with others, or set apart.
    pub fn is_linked(&self, number: u32) -> bool {
        self.of.get(number as usize).is_some_and(|&group| group != NOBODY)
    }

    /// Sets those of `numbers` who stand alone apart: each is a group of one.
    pub fn set_apart(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            if self.is_linked(number) {
                continue;
            }
            if self.of.len() <= number as usize {
                self.of.resize(number as usize + 1, NOBODY);
            }
            self.of[number as usize] = self.members.len() as u32;
            self.members.push(vec![(number, ITSELF)]);
        }
    }

    /// The ids that are made of those who are one with others.
    pub fn own_ids(&self, keys: &SourceKeys) -> Ids {
        self.members.iter().flatten().map(|(number, _)| keys.own(*number).id).collect()
    }

    /// The members of all groups.
    pub fn members(&self) -> &[Vec<(u32, u8)>] {
        &self.members
    }

    /// Those who are one with `number`, itself too, with the rules; none where it stands alone.
    pub fn with(&self, number: u32) -> &[(u32, u8)] {
        match self.of.get(number as usize) {
            Some(&group) if group != NOBODY => &self.members[group as usize],
            _ => &[],
        }
    }

    /// Links the customers of the table.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold what is compared.
    pub fn link(known: &SourceCustomers, keys: &SourceKeys, params: &Params, memory: &Allowance) -> Result<Self> {
        let _held = memory.take("link customers", known.count() as u64 * RECORD_BYTES)?;
        let records = records(known, keys, params);
        let mut comparison = Comparison::new(&known.texts);
        let pairs = candidates(&records, &known.texts, params);
        let lines: Vec<Compared> = records.par_iter().map(|record| Compared::of(record, &known.texts)).collect();
        let compared = compare_all(&pairs, &lines, &known.texts);
        drop(pairs);
        let edges = edges(&records, &lines, &compared, &mut comparison, params);
        drop(compared);
        let is_conflict = |a: u32, b: u32| comparison.pattern(&lines[a as usize], &lines[b as usize]).is_none();
        let bridge_from = params.probabilistic.map_or(0, |probabilistic| (log_odds(probabilistic.bridge_from) * BIT).round() as i64);
        let clusters = cluster(edges, is_conflict, Guards { members_max: params.members_max, bridge_from });
        let mut groups = Self { of: vec![NOBODY; known.end()], ..Self::default() };
        for group in &clusters.groups {
            let members: Vec<(u32, u8)> = group.iter().map(|&(position, rule)| (records[position as usize].number, rule)).collect();
            members.iter().for_each(|member| groups.of[member.0 as usize] = groups.members.len() as u32);
            groups.members.push(members);
        }
        let number = |position: u32| records[position as usize].number;
        groups.held = clusters.held.iter().map(|(edge, why)| (number(edge.ends.0), number(edge.ends.1), edge.rule, *why)).collect();
        Ok(groups)
    }
}

/// A pair of positions, and how alike they are.
type ComparedPair = ((u32, u32), Pattern);

/// Compares all pairs; those that are two people for certain are left out.
fn compare_all(pairs: &[(u32, u32)], lines: &[Compared], texts: &ByFingerprint<u64, Box<str>>) -> Vec<ComparedPair> {
    // Each part remembers the names that it compared: of more parts, more would be met again.
    let part = pairs.len().div_ceil(rayon::current_num_threads()).max(1);
    let compare = |part: &[(u32, u32)]| -> Vec<ComparedPair> {
        let mut comparison = Comparison::new(texts);
        let (mut near, mut compared) = (Vec::with_capacity(AT_ONCE), Vec::new());
        for some in part.chunks(AT_ONCE) {
            // Fetched together: the memory's delays overlap.
            near.clear();
            near.extend(some.iter().map(|pair| lines[pair.1 as usize]));
            for (&pair, other) in some.iter().zip(&near) {
                compared.extend(comparison.pattern(&lines[pair.0 as usize], other).map(|pattern| (pair, pattern)));
            }
        }
        compared
    };
    pairs.par_chunks(part).map(compare).collect::<Vec<_>>().concat()
}

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// Everyone who may be linked, in the order of hashes; a value that too many carry is unknown.
fn records(known: &SourceCustomers, keys: &SourceKeys, params: &Params) -> Vec<Record> {
    let mut records = Vec::new();
    keys.each(|number, own, _, _| {
        let Some(row) = known.get(number) else { return };
        let is_nobody = matches!(row.account_type, Some(AccountType::HouseCard | AccountType::Test));
        if !is_nobody && row.values[..Field::HouseholdKey as usize].iter().any(|value| *value != 0) {
            records.push(Record { number, order: own.order, values: row.values });
        }
    });
    records.sort_unstable_by_key(|record| (record.order, record.values));
    for field in [Field::Email, Field::Phone, Field::CardId] {
        let mut carriers: ByFingerprint<u64, usize> = ByFingerprint::default();
        records.iter().filter_map(|record| record.value(field)).for_each(|value| *carriers.entry(value).or_default() += 1);
        for record in &mut records {
            if carriers.get(&record.values[field as usize]).is_some_and(|&count| count > params.carriers_max) {
                record.values[field as usize] = 0;
            }
        }
    }
    records
}

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

/// Pairs of positions that share the values of a block of fields, or of a rule. Names may stand in each other's place.
fn candidates(records: &[Record], texts: &ByFingerprint<u64, Box<str>>, params: &Params) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    let mut blocks: Vec<&[Field]> = if params.probabilistic.is_some() { BLOCKS.to_vec() } else { Vec::new() };
    for rule in &params.rules {
        if !blocks.contains(&rule.as_slice()) {
            blocks.push(rule);
        }
    }
    for fields in blocks {
        let swaps = fields.contains(&Field::FirstName) && fields.contains(&Field::LastName);
        pair_up(records, params.block_max, &mut pairs, |record| {
            let mut values = [0; VALUES];
            let values = &mut values[..fields.len()];
            for (value, field) in values.iter_mut().zip(fields) {
                *value = record.value(*field)?;
            }
            if swaps {
                values.sort_unstable();
            }
            Some(values.iter().fold(0, |key, value| fingerprint(key, &value.to_le_bytes())))
        });
    }
    if params.probabilistic.is_some() {
        let head = |value: u64| texts.get(&value).map_or("", |text| text.char_indices().nth(3).map_or(text, |(end, _)| &text[..end]));
        pair_up(records, params.block_max, &mut pairs, |record| {
            let (first, last) = (record.value(Field::FirstName)?, record.value(Field::LastName)?);
            let key = fingerprint(record.value(Field::Postcode)?, head(first).as_bytes());
            Some(fingerprint(key, head(last).as_bytes()))
        });
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Adds every pair of records of one key; more than `block_max` of one key tell nothing.
fn pair_up(records: &[Record], block_max: usize, pairs: &mut Vec<(u32, u32)>, key: impl Fn(&Record) -> Option<u64>) {
    let mut keyed: Vec<(u64, u32)> = records.iter().enumerate().filter_map(|(position, record)| Some((key(record)?, position as u32))).collect();
    keyed.sort_unstable();
    for block in keyed.chunk_by(|a, b| a.0 == b.0).filter(|block| block.len() <= block_max) {
        for (at, a) in block.iter().enumerate() {
            pairs.extend(block[at + 1..].iter().map(|b| (a.1, b.1)));
        }
    }
}

/// The links: by the first rule that holds, else by the weight of all that agrees.
fn edges(records: &[Record], lines: &[Compared], compared: &[ComparedPair], comparison: &mut Comparison<'_>, params: &Params) -> Vec<Edge> {
    let weighed = params.probabilistic.map(|probabilistic| {
        let mut counts: BTreeMap<Pattern, u64> = BTreeMap::new();
        compared.iter().for_each(|(_, pattern)| *counts.entry(*pattern).or_default() += 1);
        let population = Population::of(lines, comparison);
        let weights = Weights::estimate(&counts, &population);
        (population, weights, log_odds(probabilistic.from))
    });
    let edge = |&(ends, pattern): &((u32, u32), Pattern)| {
        let (a, b) = (&records[ends.0 as usize], &records[ends.1 as usize]);
        let holds = |rule: &[Field]| {
            let is_known = |field: Field| pattern.level(field).is_some() && !rule.contains(&field);
            // What else is known of both has its say, but where a card is the same.
            let is_judged = weighed.is_some() && !rule.contains(&Field::CardId) && Field::ALL.into_iter().take(FIELDS).any(is_known);
            !is_judged && rule.iter().all(|&field| a.value(field).is_some() && a.value(field) == b.value(field))
        };
        if let Some(rule) = params.rules.iter().position(|rule| holds(rule)) {
            return Some(Edge { ends, strength: ((RULE_BITS - rule as f64) * BIT) as i64, rule: rule as u8 });
        }
        let (population, weights, from) = weighed.as_ref()?;
        let weight = weights.log_odds(pattern, a, population);
        (weight >= *from).then(|| Edge { ends, strength: (weight * BIT).round() as i64, rule: params.rules.len() as u8 })
    };
    compared.iter().filter_map(edge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: Ann Lee and Lee Ann share their names; Annabel Leeds and Annette Leeman a postcode and what their names begin with; who shares nothing that
    /// is known, and who shares a postcode alone, stands alone.
    #[test]
    fn who_shares_something_is_compared() {
        let names = [(1, "ann"), (2, "lee"), (3, "annabel"), (4, "leeds"), (5, "annette"), (6, "leeman"), (7, "bob"), (8, "coe"), (9, "dan"), (10, "fox")];
        let texts: ByFingerprint<u64, Box<str>> = names.into_iter().map(|(value, text)| (value, text.into())).collect();
        let record = |number, first, last, postcode| Record { number, order: u64::from(number), values: [0, 0, first, last, 0, postcode, 0, 0, 0] };
        let records = [record(0, 1, 2, 0), record(1, 2, 1, 0), record(2, 3, 4, 90), record(3, 5, 6, 90), record(4, 7, 8, 90), record(5, 9, 10, 0)];
        let probabilistic = Some(params::Probabilistic { from: 0.99, bridge_from: 0.9999 });
        let params = Params { rules: vec![vec![Field::CardId], vec![Field::Email, Field::Phone]], probabilistic, block_max: 5, ..Params::default() };
        assert_eq!(candidates(&records, &texts, &params), [(0, 1), (2, 3)]);
    }
}
