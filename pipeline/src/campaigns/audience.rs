//! The checked `campaigns` section.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Faults, Overlay, RawCampaign, RawOrder, RawReader};
use crate::rule::{self, Rule};
use crate::table::{Contract, Kind, Range};

/// One campaign.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    /// Its name.
    pub name: String,
    /// Whom it is for.
    pub audience: Vec<Rule>,
    /// The column by which customers are ranked.
    pub order_by: String,
    /// Whether the highest value comes first.
    pub descending: bool,
    /// Most customers, both arms together.
    pub size: usize,
    /// Share that is kept out to measure.
    pub control_share: f64,
    /// Channel, as in `consents`.
    pub channel: String,
    /// Purpose, as in `consents`.
    pub purpose: String,
    /// Whether consent must have been given.
    pub consent_required: bool,
    /// Whether an address for the channel must be known.
    pub address_required: bool,
    /// Whether the CSV file is for people.
    pub csv_for_people: bool,
}

impl Params {
    /// The columns that the campaign looks at.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.audience.iter().map(|rule| rule.column.as_str()).chain([self.order_by.as_str()])
    }
}

/// The words that a text column may hold, where they are known.
pub type Words<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// Checks all campaigns against the columns of `contracts` (features, scores, groups) and the words that these may hold.
pub fn check(defaults: &RawCampaign, raw: BTreeMap<String, RawCampaign>, contracts: &[Contract], words: Words<'_>, faults: &mut Faults<'_>) -> Vec<Params> {
    raw.into_iter()
        .map(|(name, own)| {
            let mut merged = defaults.clone();
            merged.overlay(own);
            let path = format!("campaigns.{name}");
            let params = check_one(name, merged, contracts, faults);
            check_words(&params.audience, &path, words, faults);
            params
        })
        .collect()
}

/// A group that is misspelt would be an empty audience.
fn check_words(audience: &[Rule], path: &str, words: Words<'_>, faults: &mut Faults<'_>) {
    for rule in audience {
        let Some(known) = words(&rule.column) else { continue };
        for text in rule.texts().into_iter().filter(|text| !known.iter().any(|word| word == text)) {
            faults.add(&format!("{path}.audience"), format!("{} to be one of {}", rule.column, known.join(", ")), format!("`{text}`"));
        }
    }
}

fn check_one(name: String, raw: RawCampaign, contracts: &[Contract], faults: &mut Faults<'_>) -> Params {
    let path = format!("campaigns.{name}");
    let slug = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !slug {
        faults.add(&path, "a name of a-z, 0-9 and _", format!("`{name}`"));
    }
    let kind_of = |column: &str| contracts.iter().find_map(|contract| contract.column(column)).map(|column| column.kind);
    let audience = faults.required(&format!("{path}.audience"), raw.audience, "a list of rules").unwrap_or_default();
    let audience = rule::check(&audience, &format!("{path}.audience"), &kind_of, faults);
    for (index, rule) in audience.iter().enumerate() {
        let range = contracts.iter().find_map(|contract| contract.column(&rule.column)).map(|column| column.range);
        if let Some(Range::Between(low, high)) = range.filter(|_| rule.may_hold(f64::NEG_INFINITY, f64::INFINITY))
            && !rule.may_hold(low, high)
        {
            let expected = if high == f64::INFINITY {
                format!("bounds that a value from {low} on keeps")
            } else {
                format!("bounds that a value of {low} to {high} keeps")
            };
            faults.add(&format!("{path}.audience[{index}].{}", rule.column), expected, format!("`{}`", rule.tested()));
        }
    }
    let order_path = format!("{path}.order_by");
    let order_by = faults.text(&order_path, raw.order_by, "a numeric column of features or scores");
    if !order_by.is_empty() && kind_of(&order_by).is_none_or(|kind| matches!(kind, Kind::Text | Kind::Bool)) {
        faults.add(&order_path, "a numeric column of features or scores", format!("`{order_by}`"));
    }
    Params {
        audience,
        order_by,
        descending: raw.order != Some(RawOrder::Ascending),
        size: faults.ranged(&format!("{path}.size"), raw.size, 1..=100_000_000) as usize,
        control_share: faults.ranged(&format!("{path}.control_share"), raw.control_share, 0.0..=0.9),
        channel: faults.text(&format!("{path}.channel"), raw.channel, "a channel"),
        purpose: faults.text(&format!("{path}.purpose"), raw.purpose, "a purpose"),
        consent_required: raw.consent_required.unwrap_or(true),
        address_required: raw.address_required.unwrap_or(true),
        csv_for_people: raw.csv_for == Some(RawReader::People),
        name,
    }
}
