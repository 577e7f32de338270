//! From everyone to a target list and its exclusions: rows of both are the rows of `customers`.

use std::collections::BTreeMap;

use polars::prelude::{AnyValue, Column as Series, DataFrame, DataType, IdxCa, IdxSize, NewChunkedArray};

use super::audience::Params;
use super::csv_file::Csv;
use crate::customers::{Consents, People, Way};
use crate::error::Result;
use crate::key;
use crate::lake::SourceTexts;
use crate::rule::{Rule, Value};
use crate::shards::Output;
use crate::table::{Column, Contract, Kind, Range, Table, ids};
use crate::time::Day;

/// Everyone with all that campaigns look at: columns of the tables features, scores and groups, by customer.
pub struct Wide {
    frame: DataFrame,
    /// By column of `frame`: the output that it belongs to.
    outputs: Vec<(String, Output)>,
}

impl Wide {
    /// Puts the columns of `parts` beside each other: of each, its output, and the customers (of `customers` in all) that its rows are about.
    ///
    /// # Errors
    /// `Bug` if a part has other rows than it says.
    pub fn of(customers: usize, parts: &[(DataFrame, Output, Vec<usize>)]) -> Result<Self> {
        let (mut columns, mut outputs) = (Vec::new(), Vec::new());
        for (frame, output, rows) in parts {
            let mut places: Vec<Option<IdxSize>> = vec![None; customers];
            rows.iter().enumerate().for_each(|(place, row)| places[*row] = Some(place as IdxSize));
            let places = IdxCa::from_iter_options("".into(), places.into_iter());
            for column in frame.columns() {
                columns.push(column.take(&places)?);
                let output = if column.name() == "churn_probability" { Output::ChurnProbability } else { *output };
                outputs.push((column.name().to_string(), output));
            }
        }
        Ok(Self { frame: DataFrame::new(customers, columns)?, outputs })
    }

    fn output(&self, column: &str) -> Option<Output> {
        self.outputs.iter().find(|(name, _)| name == column).map(|(_, output)| *output)
    }
}

/// One campaign's tables and file.
pub struct Target {
    /// `target_lists/<campaign>`: both arms.
    pub list: Table,
    /// `exclusions/<campaign>`: everyone else.
    pub exclusions: Table,
    /// Treatment only, as CSV (RFC 4180).
    pub file: Vec<u8>,
    /// Customers by arm: treatment, control.
    pub arms: [usize; 2],
    /// Customers left out, by first reason, most first.
    pub reasons: Vec<(String, usize)>,
}

/// Contracts of `target_lists/<campaign>` and `exclusions/<campaign>`.
pub fn contracts(campaign: &str) -> [Contract; 2] {
    let list = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("rank", Kind::Int, "1 for the first; both arms are one ranking").within(Range::Between(1.0, f64::INFINITY)),
        Column::new("arm", Kind::Text, "treatment or control, drawn by household where one is known"),
        Column::new("channel", Kind::Text, "channel of the campaign"),
        Column::new("order_value", Kind::Float, "the value by which customers are ranked: the campaign's order_by"),
        Column::new("value_at_stake_minor", Kind::Money, "value of the orders in the observation window, net of returns"),
    ];
    let exclusions = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new(
            "reason",
            Kind::Text,
            "first reason: deceased, account_type, withheld:<reason>, audience, no_value, no_address, consent_unknown, consent_withdrawn, objected or over_size",
        ),
        Column::new("all_reasons", Kind::Text, "every reason, with the rules that did not hold, separated by `; `"),
    ];
    [
        Contract::new(&format!("target_lists/{campaign}"), "One row a customer on the list, treatment and control.", &["customer_id"], list),
        Contract::new(&format!("exclusions/{campaign}"), "One row a customer left out.", &["customer_id"], exclusions),
    ]
}

/// What a campaign is made from.
pub struct Source<'a> {
    /// Everyone.
    pub people: &'a People,
    /// The keys of their source customers.
    pub keys: &'a SourceTexts,
    /// Everyone, with all columns.
    pub wide: &'a Wide,
    /// Who may be contacted.
    pub consents: &'a Consents,
    /// By output: why each customer is withheld, if so.
    pub withheld: &'a dyn Fn(Output, usize) -> Option<&'static str>,
    /// By customer: value of the orders in the observation window, in minor units.
    pub value_minor: &'a dyn Fn(usize) -> i64,
    /// Salt of the arms.
    pub salt: &'a str,
    /// The last day that may be seen.
    pub as_of: Day,
}

/// Makes the list of a campaign.
///
/// # Errors
/// `Bug` if a contract is broken.
pub fn target(params: &Params, source: &Source<'_>) -> Result<Target> {
    let order_column = source.wide.frame.column(&params.order_by)?.cast(&DataType::Float64)?;
    let order: Vec<Option<f64>> = order_column.f64()?.iter().collect();
    let failed = failed_rules(params, source)?;
    let way = source.consents.way(&params.purpose, &params.channel);
    let mut reasons: Vec<Vec<String>> = (0..order.len()).map(|row| reasons(params, source, way, row, (order[row], &failed[row]))).collect();
    let mut ranked: Vec<usize> = (0..order.len()).filter(|&row| reasons[row].is_empty()).collect();
    // Customers stand in the order of (hash, id): the row breaks ties totally.
    ranked.sort_by(|&a, &b| {
        let (a_value, b_value) = (order[a].unwrap_or_default(), order[b].unwrap_or_default());
        let by_value = if params.descending { b_value.total_cmp(&a_value) } else { a_value.total_cmp(&b_value) };
        by_value.then_with(|| source.people.customers[a].id.cmp(&source.people.customers[b].id))
    });
    for row in ranked.split_off(ranked.len().min(params.size)) {
        reasons[row].push("over_size".to_owned());
    }
    build(params, source, &ranked, &order, &reasons)
}

/// By customer: the rules of the audience that do not hold.
fn failed_rules<'a>(params: &'a Params, source: &Source<'_>) -> Result<Vec<Vec<&'a Rule>>> {
    let mut failed: Vec<Vec<&Rule>> = vec![Vec::new(); source.wide.frame.height()];
    for rule in &params.audience {
        let column = source.wide.frame.column(&rule.column)?;
        for (row, failed) in failed.iter_mut().enumerate() {
            if !rule.holds(value(&column.get(row)?)) {
                failed.push(rule);
            }
        }
    }
    Ok(failed)
}

fn value<'a>(any: &'a AnyValue<'_>) -> Value<'a> {
    match any {
        AnyValue::Null => Value::Null,
        AnyValue::String(text) => Value::Text(text),
        AnyValue::StringOwned(text) => Value::Text(text.as_str()),
        AnyValue::Date(days) => Value::Number(f64::from(*days)),
        AnyValue::Boolean(value) => Value::Number(f64::from(u8::from(*value))),
        AnyValue::Int64(value) => Value::Number(*value as f64),
        AnyValue::Float64(value) => Value::Number(*value),
        _ => Value::Null,
    }
}

fn reasons(params: &Params, source: &Source<'_>, way: Way, row: usize, (order, failed): (Option<f64>, &[&Rule])) -> Vec<String> {
    let mut reasons = Vec::new();
    let left_out = source.people.customers[row].left_out;
    reasons.extend(left_out.map(|left_out| left_out.name().to_owned()));
    // A customer without a value that the campaign needs is not outside of the audience: nobody knows.
    let mut needed: Vec<Output> = params.columns().filter_map(|column| source.wide.output(column)).collect();
    needed.sort_unstable();
    needed.dedup();
    if left_out.is_none() {
        let mut withheld: Vec<String> = needed.iter().filter_map(|&output| (source.withheld)(output, row)).map(|why| format!("withheld:{why}")).collect();
        withheld.dedup();
        reasons.extend(withheld);
    }
    reasons.extend(failed.iter().map(|rule| format!("audience: {rule}")));
    if order.is_none() {
        reasons.push("no_value".to_owned());
    }
    let contact = source.consents.contact(source.people, row, way);
    if params.address_required && !contact.has_address {
        reasons.push("no_address".to_owned());
    }
    // An objection or a withdrawal holds always; consent that nobody was asked for may be waived.
    reasons.extend(contact.refusal.filter(|refusal| params.consent_required || *refusal != "consent_unknown").map(str::to_owned));
    reasons
}

/// How many may and can be contacted by a channel for a purpose, those who are left out of everything aside; and the others, by first reason.
pub fn contactable(people: &People, consents: &Consents, purpose: &str, channel: &str) -> (usize, BTreeMap<&'static str, usize>) {
    let (mut contactable, mut reasons, way) = (0, BTreeMap::new(), consents.way(purpose, channel));
    for (row, _) in people.customers.iter().enumerate().filter(|(_, customer)| customer.left_out.is_none()) {
        let contact = consents.contact(people, row, way);
        match (!contact.has_address).then_some("no_address").or(contact.refusal) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => contactable += 1,
        }
    }
    (contactable, reasons)
}

fn build(params: &Params, source: &Source<'_>, ranked: &[usize], order: &[Option<f64>], reasons: &[Vec<String>]) -> Result<Target> {
    let [list_contract, exclusions_contract] = contracts(&params.name);
    let customers = &source.people.customers;
    let draws = key::Draws::new(source.salt, &format!("campaign:{}", params.name));
    let is_control = |row: &usize| {
        let customer = &customers[*row];
        let unit = customer.household.unwrap_or(customer.id);
        key::within_share(draws.of(&unit.written()), params.control_share)
    };
    let control: Vec<bool> = ranked.iter().map(is_control).collect();
    let arm = |control: &bool| if *control { "control" } else { "treatment" };
    let columns = vec![
        ids("customer_id", ranked.iter().map(|&row| Some(customers[row].id))),
        Series::new("rank".into(), (1..=ranked.len() as i64).collect::<Vec<_>>()),
        Series::new("arm".into(), control.iter().map(arm).collect::<Vec<_>>()),
        Series::new("channel".into(), vec![params.channel.as_str(); ranked.len()]),
        Series::new("order_value".into(), ranked.iter().map(|&row| order[row]).collect::<Vec<_>>()),
        Series::new("value_at_stake_minor".into(), ranked.iter().map(|&row| (source.value_minor)(row)).collect::<Vec<_>>()),
    ];
    let list = Table::new(list_contract, columns, source.as_of)?;
    let out: Vec<usize> = (0..reasons.len()).filter(|&row| !reasons[row].is_empty()).collect();
    let first = |row: &usize| reasons[*row][0].split(": ").next().unwrap_or_default().to_owned();
    let firsts: Vec<String> = out.iter().map(first).collect();
    let columns = vec![
        ids("customer_id", out.iter().map(|&row| Some(customers[row].id))),
        Series::new("reason".into(), firsts.clone()),
        Series::new("all_reasons".into(), out.iter().map(|&row| reasons[row].join("; ")).collect::<Vec<_>>()),
    ];
    let exclusions = Table::new(exclusions_contract, columns, source.as_of)?;
    let treated: Vec<(usize, usize)> =
        ranked.iter().zip(&control).enumerate().filter(|(_, (_, control))| !**control).map(|(rank, (row, _))| (rank + 1, *row)).collect();
    let controls = control.iter().filter(|control| **control).count();
    Ok(Target { list, exclusions, arms: [treated.len(), controls], file: csv(params, source, &treated)?, reasons: counted(firsts) })
}

fn counted(firsts: Vec<String>) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    firsts.into_iter().for_each(|reason| *counts.entry(reason).or_insert(0) += 1);
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), reason.clone()));
    counts
}

/// The file for campaign tools: treatment only, with the source customer whose address may be used.
fn csv(params: &Params, source: &Source<'_>, treated: &[(usize, usize)]) -> Result<Vec<u8>> {
    let mut file = Csv::new(params.csv_for_people);
    file.row(&["customer_id", "source", "source_customer_id", "rank", "channel"])?;
    let way = source.consents.way(&params.purpose, &params.channel);
    for (rank, row) in treated {
        let customer = &source.people.customers[*row];
        let contact = source.consents.contact(source.people, *row, way);
        let (from, key) = source.keys.text(contact.member);
        file.row(&[&customer.id.to_string(), &source.people.sources[from as usize], key, &rank.to_string(), &params.channel])?;
    }
    file.bytes()
}
