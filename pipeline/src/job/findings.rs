//! What a run found out of its input, its models and its customers, as findings.

use std::collections::{BTreeMap, BTreeSet};

use super::everyone::Everyone;
use super::inputs::Inputs;
use super::params::Params;
use crate::audit::{self, Complete, DaysChecked, FeedsByName, Finding, Severity, Surveyed};
use crate::backtest::Trained;
use crate::campaigns;
use crate::customers::{Carried, Consents, HeldBack, PassedOver, People, TooMany};
use crate::error::Result;
use crate::features::Products;
use crate::lake::{ClosedNames, Counts};
use crate::models::churn::Profile;
use crate::shards::State;
use crate::table::plain_word;

/// What was seen of the input.
pub struct Input<'a> {
    /// What the order lines hold.
    pub survey: &'a Surveyed,
    /// Sources and stores, as far as they have come.
    pub feeds: &'a FeedsByName,
    /// The days to which they are complete.
    pub complete: &'a Complete,
    /// What the checks of days found.
    pub checked: &'a DaysChecked,
    /// Names of products.
    pub names: &'a ClosedNames,
    /// The table `products`, where the lake has one.
    pub products: Option<&'a Products>,
}

impl Input<'_> {
    /// The findings; rows that they are about are named in `counts`.
    pub fn findings(&self, params: &Params, state: &State, counts: &mut [(String, Counts)]) -> Vec<Finding> {
        let seen = audit::Seen {
            counts,
            survey: self.survey,
            feeds: self.feeds,
            complete: self.complete,
            checked: self.checked,
            duplicates: state.duplicates,
            orders: state.orders,
            customer_days: &state.days,
        };
        let mut findings = audit::input_checks(&seen, &params.audit, params.as_of);
        findings.extend(self.prices(params, counts));
        findings
    }

    /// What the prices of the newest week say.
    fn prices(&self, params: &Params, counts: &mut [(String, Counts)]) -> Vec<Finding> {
        let texts = self.names.products.texts();
        let sold = |(number, prices): (usize, &audit::Prices)| audit::Sold {
            product: &texts[number],
            is_known: self.products.is_none_or(|products| products.knows(number as u32)),
            prices: *prices,
        };
        let sold: Vec<audit::Sold<'_>> = self.survey.prices.iter().enumerate().map(sold).collect();
        let mut nothing = Counts::default();
        let lines = counts.iter_mut().find(|(table, _)| table == "order_lines").map_or(&mut nothing, |(_, counts)| counts);
        params.audit.check_prices(&sold, lines)
    }
}

/// Columns that no file has, and features are made of.
pub fn column_findings(params: &Params, inputs: &Inputs) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in &inputs.tables {
        for column in table.missing_columns() {
            let source = format!("{}.{column}", table.params.input.contract.name);
            let features = params.features.features().iter().filter(|feature| feature.sources.contains(&source.as_str()));
            let names: Vec<&str> = features.map(|feature| feature.name.as_str()).collect();
            let Some((first, others)) = names.split_first() else { continue };
            let more = match others.len() {
                0 => String::new(),
                1 => " and another one".to_owned(),
                others => format!(" and {others} others"),
            };
            let consequence = format!("no file has the column; made without it, and unknown where it is needed: {first}{more}");
            findings.push(Finding::note("column_missing", &source, names.len() as f64, consequence));
        }
    }
    findings
}

/// What is to be said of customers: who has too many lines, whose store is late or has a fault, who can be contacted.
pub fn people_findings(params: &Params, people: &People, complete: &Complete, consents: &Consents) -> Vec<Finding> {
    let mut findings = vec![line_finding(params, people), store_finding(params, people, complete)];
    findings.extend(link_findings(params, people));
    findings.extend(contact_findings(params, people, consents));
    findings.extend(consent_findings(params, consents));
    findings
}

/// What linked nobody: values and groups of too many, and links that were held back; what did not come about is not told.
fn link_findings(params: &Params, people: &People) -> Vec<Finding> {
    let (link, PassedOver { carried, blocks }) = (&params.customers.link, &people.passed_over);
    let note = |check: &str, subject: &str, value: u64, words: String| Finding::note(check, subject, value as f64, words);
    let is_any = |too_many: &TooMany| too_many.values > 0;
    let carried =
        carried.iter().filter(|carried| is_any(&carried.too_many)).map(|Carried { field, too_many: TooMany { values, source_customers }, .. }| {
            let words =
                format!("source customers carry one of {values} values that more than {} do (customers.link.carriers_max): it links nobody", link.carriers_max);
            note("carried_by_too_many", field.name(), *source_customers, words)
        });
    let blocks = blocks.iter().filter(|(_, too_many)| is_any(too_many)).map(|(block, TooMany { values, source_customers })| {
        let most = link.block_max;
        let words = format!("source customers share it in {values} groups of more than {most} (customers.link.block_max): none is compared with others for it");
        note("shared_by_too_many", block, *source_customers, words)
    });
    let held = HeldBack::ALL.into_iter().filter_map(|why| {
        let count = people.held.iter().filter(|(.., held)| *held == why).count() as u64;
        (count > 0).then(|| note("links_held_back", why.name(), count, "links were not followed; the table held_links names them".to_owned()))
    });
    carried.chain(blocks).chain(held).collect()
}

/// How many call a store home that is late or has a fault.
fn store_finding(params: &Params, people: &People, complete: &Complete) -> Finding {
    let is_faulty = |store: &str| complete.late_stores.contains_key(store) || complete.faulty_stores.contains_key(store);
    let of_faulty = people.customers.iter().filter(|customer| people.home_store(customer).is_some_and(is_faulty)).count();
    params.audit.check_stores(of_faulty, people.customers.len())
}

/// How many can be contacted in each way that a campaign takes.
fn contact_findings(params: &Params, people: &People, consents: &Consents) -> Vec<Finding> {
    let ways: BTreeSet<(&str, &str)> = params.campaigns.iter().map(|campaign| (campaign.purpose.as_str(), campaign.channel.as_str())).collect();
    let finding = |way: (&str, &str)| {
        let (contactable, reasons) = campaigns::contactable(people, consents, way.0, way.1);
        params.audit.check_contactable(way, contactable, &reasons)
    };
    ways.into_iter().map(finding).collect()
}

/// Decisions about ways that no campaign takes: they may be about one that is called otherwise here.
fn consent_findings(params: &Params, consents: &Consents) -> Vec<Finding> {
    let ways: BTreeSet<(String, String)> =
        params.campaigns.iter().map(|campaign| (plain_word(&campaign.purpose).into_owned(), plain_word(&campaign.channel).into_owned())).collect();
    // Only words that anyone uses are told: in a column that is mapped to another one stand names or addresses.
    let is_of_campaign = |text: &String| ways.iter().any(|(purpose, channel)| purpose == text || channel == text);
    let told = |text: String| if WORDS_TOLD.contains(&text.as_str()) || is_of_campaign(&text) { text } else { "(another word)".to_owned() };
    let mut others: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for ((purpose, channel), counts) in consents.counts().into_iter().filter(|(way, _)| !ways.is_empty() && !ways.contains(way)) {
        let sums = others.entry(format!("{} {}", told(purpose), told(channel))).or_default();
        sums.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
    }
    let mut others: Vec<(String, [u64; 2])> = others.into_iter().collect();
    others.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    others.truncate(WAYS_TOLD);
    let finding = |(way, [decisions, objections]): (String, [u64; 2])| {
        let words = format!("latest decisions are about a purpose and channel of no campaign, {objections} of them objections: they hold for none");
        Finding::note("consents_of_no_campaign", &way, decisions as f64, words)
    };
    others.into_iter().map(finding).collect()
}

/// So many ways that no campaign takes are told, those of most decisions.
const WAYS_TOLD: usize = 20;
/// Words for purposes and channels that are told.
const WORDS_TOLD: [&str; 25] = [
    "all",
    "any",
    "*",
    "ads",
    "advertising",
    "analytics",
    "app",
    "call",
    "e-mail",
    "email",
    "letter",
    "mail",
    "mailing",
    "marketing",
    "newsletter",
    "phone",
    "post",
    "postal",
    "profiling",
    "push",
    "service",
    "sms",
    "telephone",
    "text",
    "whatsapp",
];

/// Customers of too many lines.
fn line_finding(params: &Params, people: &People) -> Finding {
    let many = people.customers.iter().filter(|customer| customer.too_many_lines).count();
    Finding {
        check: "customers_with_too_many_lines".into(),
        subject: "order_lines".into(),
        value: many as f64,
        limit: None,
        severity: if many > 0 { Severity::Withhold } else { Severity::Note },
        consequence: format!("customers of more than {} lines are withheld, and their lines not looked at", params.customers.max_rows_per_customer),
    }
}

/// Models that are missing.
pub fn model_findings(params: &Params, trained: &Trained) -> Vec<Finding> {
    if !params.models {
        return Vec::new();
    }
    let held = |missing: bool| if missing && params.churn.hold_without_model { Severity::Hold } else { Severity::Note };
    let finding = |subject: &str, missing: bool, severity, words: String| Finding {
        check: "model_missing".into(),
        subject: subject.into(),
        value: f64::from(u8::from(missing)),
        limit: None,
        severity,
        consequence: words,
    };
    let words = |missing: bool| if missing { trained.missing.join("; ") } else { "it scored".to_owned() };
    let no_cycle = trained.cycle.is_none();
    let mut findings = vec![finding("cycle", no_cycle, Severity::Note, words(no_cycle))];
    for segment in params.churn.population.segments() {
        let missing = trained.churn[segment as usize].is_none();
        findings.push(finding(segment.target(), missing, held(missing), words(missing)));
    }
    findings
}

/// So many customers say where all lie: those who come first in the order of hashes.
const DRIFT_CUSTOMERS: usize = 200_000;

/// Whether customers are still those that the churn models were trained on.
///
/// # Errors
/// `Limit` if scratch cannot be read.
pub fn drift_findings(params: &Params, everyone: &Everyone, trained: &Trained) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for report in trained.churn.iter().flatten() {
        let mut counts: Vec<Vec<u64>> = report.profiles.iter().map(|profile| profile.count(std::iter::empty())).collect();
        let mut left = DRIFT_CUSTOMERS;
        for shard in 0..everyone.rows.shards() {
            for values in everyone.churn_inputs(shard, report.segment, &trained.artefacts)?.into_iter().take(left) {
                left -= 1;
                counts.iter_mut().zip(&report.profiles).zip(values).for_each(|((counts, profile), value)| counts[profile.part(value)] += 1);
            }
            if left == 0 {
                break;
            }
        }
        let finding = |(profile, counts): (&Profile, &Vec<u64>)| {
            let index = profile.is_told_by(counts).then(|| profile.stability_index(counts));
            params.audit.check_drift(report.segment.target(), &profile.name, index)
        };
        findings.extend(report.profiles.iter().zip(&counts).map(finding));
    }
    Ok(findings)
}
