//! The checked parameters of linking.

use serde::Serialize;

use super::blocked::Blocked;
use super::normalise::{self, Country};
use super::records::Field;
use crate::config::{Faults, RawBlocked, RawCountry, RawLink};
use crate::customers::ITSELF;

/// How the weight of all that agrees links.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Probabilistic {
    /// Two are linked from this probability.
    pub from: f64,
    /// The only link between two groups needs this one.
    pub bridge_from: f64,
}

/// The checked keys of linking.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Params {
    /// How phone numbers are dialled where they name no country.
    pub country: Country,
    /// What identifies nobody.
    pub blocked: Blocked,
    /// Rules: fields that must be known and equal.
    pub rules: Vec<Vec<Field>>,
    /// None where only rules link.
    pub probabilistic: Option<Probabilistic>,
    /// Most source customers of a person.
    pub members_max: usize,
    /// An address, number or card that more source customers carry identifies nobody.
    pub carriers_max: usize,
    /// Source customers that share what more than so many share are not compared for it.
    pub block_max: usize,
}

impl Params {
    /// A value of a field in its one form; None for what identifies nobody.
    pub fn form(&self, field: Field, written: &str) -> Option<String> {
        let text = match field {
            Field::Email => normalise::email(written),
            Field::Phone => normalise::phone(written, &self.country).map(|number| number.to_string()),
            Field::FirstName | Field::LastName => normalise::name(written),
            Field::Postcode => normalise::postcode(written),
            Field::Address => normalise::address(written),
            Field::CardId => normalise::card(written).map(str::to_owned),
            Field::BirthDate | Field::HouseholdKey => (!written.is_empty()).then(|| written.to_owned()),
        };
        text.filter(|text| !self.blocked.has(field, text))
    }

    /// The name of a rule, as the table `customer_links` has it.
    pub fn rule_name(&self, rule: u8) -> String {
        match self.rules.get(rule as usize) {
            None if rule == ITSELF => "itself".to_owned(),
            Some(fields) => name_of(fields),
            None => "probabilistic".to_owned(),
        }
    }
}

/// What a rule of these fields is called.
pub fn name_of(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join("+")
}

/// Checks the keys.
pub fn check(country: RawCountry, blocked: RawBlocked, link: RawLink, faults: &mut Faults<'_>) -> Params {
    let country = check_country(country, faults);
    let probability = |faults: &mut Faults<'_>, key: &str, value| faults.ranged(&format!("customers.link.{key}"), value, 0.5..=0.999_999_999);
    let from = probability(faults, "probability_from", link.probability_from);
    let bridge_from = probability(faults, "bridge_probability_from", link.bridge_probability_from);
    if bridge_from < from {
        faults.add("customers.link.bridge_probability_from", format!("at least customers.link.probability_from, {from}"), bridge_from);
    }
    let is_on = faults.required("customers.link.probabilistic", link.probabilistic, "true or false").unwrap_or_default();
    let blocked = Blocked::check(blocked, &country, faults);
    Params {
        country,
        blocked,
        rules: check_rules("customers.link.rules", link.rules.unwrap_or_default(), &Field::ALL[..Field::HouseholdKey as usize], faults),
        probabilistic: is_on.then_some(Probabilistic { from, bridge_from }),
        members_max: faults.ranged("customers.link.members_max", link.members_max, 2..=1000) as usize,
        carriers_max: faults.ranged("customers.link.carriers_max", link.carriers_max, 2..=100_000) as usize,
        block_max: faults.ranged("customers.link.block_max", link.block_max, 2..=10_000) as usize,
    }
}

/// Checks rules: lists of `fields`.
pub fn check_rules(key: &str, raw: Vec<Vec<String>>, known: &[Field], faults: &mut Faults<'_>) -> Vec<Vec<Field>> {
    let mut rules = Vec::new();
    for (index, names) in raw.iter().enumerate() {
        let path = format!("{key}[{index}]");
        let mut fields = Vec::new();
        for name in names {
            match Field::of(name).filter(|field| known.contains(field)) {
                Some(field) => fields.push(field),
                None => faults.add_unknown(&path, "fields", known.iter().copied().map(Field::name), name),
            }
        }
        fields.sort_unstable();
        fields.dedup();
        if fields.is_empty() {
            faults.add(&path, "at least one field", "none");
        }
        rules.push(fields);
    }
    if rules.len() > 100 {
        faults.add(key, "at most 100 rules", rules.len());
    }
    rules
}

fn check_country(raw: RawCountry, faults: &mut Faults<'_>) -> Country {
    let mut digits = |key: &str, text: &str, may_be_empty: bool| {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.is_empty() && !may_be_empty {
            faults.add(&format!("customers.country.{key}"), "digits", format!("`{text}`"));
        }
    };
    let (code, trunk) = (raw.code.unwrap_or_default(), raw.trunk.unwrap_or_default());
    digits("code", &code, false);
    digits("trunk", &trunk, true);
    let international = raw.international.unwrap_or_default();
    international.iter().enumerate().for_each(|(index, prefix)| digits(&format!("international[{index}]"), prefix, false));
    Country { code, trunk, lengths: raw.lengths.unwrap_or_default(), international }
}
