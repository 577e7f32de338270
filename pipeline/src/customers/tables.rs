//! The tables about who everyone is.

use polars::prelude::Column as Series;

use super::{AccountType, Params, People, link};
use crate::error::Result;
use crate::lake::SourceTexts;
use crate::table::{Column, Contract, Kind, Range, Table, dates, few_texts, ids, words};
use crate::time::Day;

/// The contract of the table `customers`.
pub fn contract() -> Contract {
    let columns = vec![
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("household_id", Kind::Text, "the household, where one is known: who shares what `customers.household.rules` names").nullable(),
        Column::new("account_type", Kind::Text, "person, business, staff, house_card or test").nullable(),
        Column::new("registered_date", Kind::Date, "first registration with any source").nullable().within(Range::Past),
        Column::new("first_order_date", Kind::Date, "first day with an order; unknown for who has too many lines").nullable().within(Range::Past),
        Column::new("last_order_date", Kind::Date, "last day with an order; unknown for who has too many lines").nullable().within(Range::Past),
        Column::new("home_store_id", Kind::Text, "store that the customer calls home").nullable(),
        Column::new("source_customer_count", Kind::Int, "source customers that are this customer").within(Range::Between(1.0, f64::INFINITY)),
    ];
    let meaning = "One row everyone known by as_of, with or without an order, who is left out too. Links between source \
                   customers are those of as_of, also where a table looks back: they are not point-in-time.";
    Contract::new("customers", meaning, &["customer_id"], columns)
}

/// The contract of the table `customer_links`.
pub fn links_contract() -> Contract {
    let columns = vec![
        Column::new("source", Kind::Text, "the source; empty where the lake names none"),
        Column::new("source_customer_id", Kind::Text, "the customer as the source calls it"),
        Column::new("customer_id", Kind::Text, "the customer"),
        Column::new("rule", Kind::Text, "what linked it: itself, the fields of a rule of the YAML, or probabilistic"),
    ];
    Contract::new("customer_links", "One row a source customer: whose it is.", &["source", "source_customer_id"], columns)
}

/// The rows of the table `customers` about those in `range`; `order_dates` are first and last order day of each.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn table(people: &People, range: std::ops::Range<usize>, order_dates: &[(Option<Day>, Option<Day>)], as_of: Day) -> Result<Table> {
    let some = &people.customers[range];
    let stores: Vec<&str> = people.stores.iter().map(String::as_str).collect();
    let columns = vec![
        ids("customer_id", some.iter().map(|customer| Some(customer.id))),
        ids("household_id", some.iter().map(|customer| customer.household)),
        few_texts("account_type", some.iter().map(|customer| customer.account_type.map(AccountType::word)))?,
        dates("registered_date", some.iter().map(|customer| customer.registered.get()).collect())?,
        dates("first_order_date", order_dates.iter().map(|dates| dates.0).collect())?,
        dates("last_order_date", order_dates.iter().map(|dates| dates.1).collect())?,
        words("home_store_id", &stores, some.iter().map(|customer| (customer.home_store > 0).then_some(customer.home_store as usize)))?,
        Series::new("source_customer_count".into(), some.iter().map(|customer| i64::from(customer.members)).collect::<Vec<_>>()),
    ];
    Table::new(contract(), columns, as_of)
}

/// The rows of the table `customer_links` about the customers in `range`.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn links_table(people: &People, keys: &SourceTexts, params: &Params, range: std::ops::Range<usize>, as_of: Day) -> Result<Table> {
    let mut rows: Vec<(usize, &str, &str, u8)> = Vec::new();
    for customer in range {
        let first = rows.len();
        for &number in people.members(customer) {
            let (source, id) = keys.text(number);
            rows.push((customer, people.sources[source as usize].as_str(), id, people.rules[number as usize]));
        }
        rows[first..].sort_unstable_by_key(|(_, source, id, _)| (*source, *id));
    }
    let rules: Vec<String> = (0..=u8::MAX).map(|rule| params.link.rule_name(rule)).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let columns = vec![
        few_texts("source", rows.iter().map(|row| Some(row.1)))?,
        Series::new("source_customer_id".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
        ids("customer_id", rows.iter().map(|row| Some(people.customers[row.0].id))),
        words("rule", &rules, rows.iter().map(|row| Some(usize::from(row.3))))?,
    ];
    Table::new(links_contract(), columns, as_of)
}

/// The contract of the table `held_links`.
pub fn held_contract() -> Contract {
    let columns = vec![
        Column::new("source", Kind::Text, "the source of the one; empty where the lake names none"),
        Column::new("source_customer_id", Kind::Text, "the one, as its source calls it"),
        Column::new("other_source", Kind::Text, "the source of the other"),
        Column::new("other_source_customer_id", Kind::Text, "the other"),
        Column::new("rule", Kind::Text, "what would have linked them"),
        Column::new("reason", Kind::Text, "weak_bridge, too_many_members or conflict"),
    ];
    let key = ["source", "source_customer_id", "other_source", "other_source_customer_id"];
    Contract::new("held_links", "One row two source customers whose link was not followed, because of the group that it would have made.", &key, columns)
}

/// The table `held_links`.
///
/// # Errors
/// `Bug` if the contract is broken.
pub fn held_table(people: &People, keys: &SourceTexts, params: &Params, as_of: Day) -> Result<Table> {
    let text = |number: u32| {
        let (source, id) = keys.text(number);
        (people.sources[source as usize].clone(), id.to_owned())
    };
    let row = |&(a, b, rule, why): &link::Held| {
        let (a, b) = (text(a), text(b));
        [a.0, a.1, b.0, b.1, params.link.rule_name(rule), why.name().to_owned()]
    };
    let mut rows: Vec<[String; 6]> = people.held.iter().map(row).collect();
    rows.sort_unstable();
    let contract = held_contract();
    let columns = contract.columns.iter().enumerate();
    let columns = columns.map(|(index, column)| Series::new(column.name.as_str().into(), rows.iter().map(|row| row[index].as_str()).collect::<Vec<_>>()));
    let columns = columns.collect();
    Table::new(contract, columns, as_of)
}
