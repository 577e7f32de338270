//! Linking: which source customers are one person. Pairs that share something are compared; a rule of the YAML, or the weight of all that
//! agrees, links two; and groups are formed with guards.

mod blocked;
mod candidates;
mod cluster;
mod compare;
mod comparison;
mod normalise;
mod params;
mod records;
mod weigh;

pub use cluster::HeldBack;
pub use comparison::TextsOfValues;
pub use params::{Params, check, check_rules};
pub use records::{Field, VALUES};

use std::collections::BTreeMap;

use rayon::prelude::*;

use candidates::Candidates;
pub use candidates::TooMany;
use cluster::{Edge, Guards, cluster};
use comparison::{Comparison, Patterns};
use records::{FIELDS, Pair, Pattern, Record};
use weigh::{Population, Weights};

use super::read::{AccountType, SourceCustomers};
use super::{ITSELF, NOBODY};
use crate::allowance::Allowance;
use crate::error::Result;
use crate::key::Ids;
use crate::lake::SourceKeys;

/// Strengths are in 2^-20 of a bit.
const BIT: f64 = 1_048_576.0;
/// The strength of a link by the first rule of the YAML; each further rule is a little weaker. No probability comes near.
const RULE_BITS: f64 = 200.0;
/// What a source customer takes of the memory while it is linked, beside whom it is compared with: what is compared, and its values while they are counted.
const RECORD_BYTES: u64 = (size_of::<Record>() + comparison::RECORD_BYTES + FIELDS * size_of::<u64>()) as u64;
/// What a link takes of it: itself, its ends and their neighbours while bridges are looked for, and its part of a group.
const LINK_BYTES: u64 = 200;
const STEP: &str = "link customers";

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
    /// What links nobody since too many share it.
    pub passed_over: PassedOver,
}

/// What links nobody since too many share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// By field: values that more than `carriers_max` carry, which identify nobody.
    pub carried: Vec<Carried>,
    /// By what is shared: groups of more than `block_max`, who are not compared for it.
    pub blocks: Vec<(String, TooMany)>,
}

/// Values of a field that too many carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The field.
    pub field: Field,
    /// What stands for the values, in its order.
    values: Vec<u64>,
    /// How many they are, and who carries one.
    pub too_many: TooMany,
}

impl PassedOver {
    /// Whether a value of a field is nobody's, since too many carry it.
    pub fn is_nobodys(&self, field: Field, value: u64) -> bool {
        self.carried.iter().any(|carried| carried.field == field && carried.values.binary_search(&value).is_ok())
    }
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
        let _held = memory.take(STEP, known.count() as u64 * RECORD_BYTES)?;
        let (records, carried) = records(known, keys, params);
        let comparison = Comparison::of(&records, &known.texts);
        let mut passed_over = PassedOver { carried, blocks: Vec::new() };
        let edges = {
            let mut candidates = Candidates::of(&records, &comparison, params, memory)?;
            let compared = comparison.patterns(&candidates, memory)?;
            passed_over.blocks = std::mem::take(&mut candidates.too_many);
            drop(candidates);
            edges(&records, &compared, &comparison, params)
        };
        let _links = memory.take(STEP, edges.len() as u64 * LINK_BYTES)?;
        let is_conflict = |a: u32, b: u32| comparison.pattern((a, b)).is_none();
        let bridge_from = params.probabilistic.map_or(0, |probabilistic| (log_odds(probabilistic.bridge_from) * BIT).round() as i64);
        let clusters = cluster(edges, is_conflict, Guards { members_max: params.members_max, bridge_from });
        let mut groups = Self { of: vec![NOBODY; known.end()], passed_over, ..Self::default() };
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

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// Everyone who may be linked, in the order of hashes; a value that too many carry is unknown, and told.
fn records(known: &SourceCustomers, keys: &SourceKeys, params: &Params) -> (Vec<Record>, Vec<Carried>) {
    let mut records = Vec::with_capacity(known.count());
    keys.each(|number, own, _, _| {
        let Some(row) = known.get(number) else { return };
        let is_nobody = matches!(row.account_type, Some(AccountType::HouseCard | AccountType::Test));
        if !is_nobody && row.values[..Field::HouseholdKey as usize].iter().any(|value| *value != 0) {
            records.push(Record { number, order: own.order, values: row.values });
        }
    });
    records.sort_unstable_by_key(|record| (record.order, record.values));
    let mut carried = Vec::new();
    for field in [Field::Email, Field::Phone, Field::CardId] {
        let mut values: Vec<u64> = records.iter().filter_map(|record| record.value(field)).collect();
        values.sort_unstable();
        let (mut many, mut too_many) = (Vec::new(), TooMany::default());
        for same in values.chunk_by(|a, b| a == b).filter(|same| same.len() > params.carriers_max) {
            many.push(same[0]);
            too_many.add(same.len());
        }
        for record in &mut records {
            if many.binary_search(&record.values[field as usize]).is_ok() {
                record.values[field as usize] = 0;
            }
        }
        carried.push(Carried { field, values: many, too_many });
    }
    (records, carried)
}

/// The links: by the first rule that holds, else by the weight of all that agrees.
fn edges(records: &[Record], compared: &Patterns, comparison: &Comparison<'_>, params: &Params) -> Vec<Edge> {
    let weighed = params.probabilistic.map(|probabilistic| {
        let mut counts: BTreeMap<Pattern, u64> = BTreeMap::new();
        compared.iter().flat_map(|(part, _)| part).for_each(|(_, pattern)| *counts.entry(*pattern).or_default() += 1);
        let population = Population::of(comparison);
        let weights = Weights::estimate(&counts, &population);
        (population, weights, log_odds(probabilistic.from))
    });
    let scores = weighed.as_ref().map(|(_, weights, _)| weights.scores());
    let edge = |&(ends, pattern): &(Pair, Pattern)| {
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
        let ((population, _, from), scores) = weighed.as_ref().zip(scores.as_ref())?;
        let weight = scores.log_odds(pattern, a, population);
        (weight >= *from).then(|| Edge { ends, strength: (weight * BIT).round() as i64, rule: params.rules.len() as u8 })
    };
    compared.par_iter().flat_map(|(part, _)| part).filter_map(edge).collect()
}
