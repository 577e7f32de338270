//! Value x risk: four inputs, each with few values, unknown included, and a table that gives every combination one group.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Faults, RawGroup, RawGroups};
use crate::features::Facts;
use crate::time::{Day, Window};

const STAGES: [&str; 5] = ["never_bought", "new", "active", "silent", "lapsed"];
const VALUES: [&str; 3] = ["high", "other", "unknown"];
const RISKS: [&str; 3] = ["high", "low", "unknown"];
const REGISTERED: [&str; 3] = ["recent", "earlier", "unknown"];

/// One row of the table: a group, and the values of each input that lead to it.
#[derive(Debug, Clone, Serialize)]
struct Row {
    group: String,
    stage: Vec<String>,
    value: Vec<String>,
    risk: Vec<String>,
    registered: Vec<String>,
}

/// The checked `groups` section.
#[derive(Debug, Clone, Serialize)]
pub struct Params {
    high_value_share: f64,
    new_days: i32,
    active_days: i32,
    lapsed_days: i32,
    high_risk_from: f64,
    table: Vec<Row>,
}

/// Checks the section; the table must be total and disjoint over its inputs.
pub fn check(raw: RawGroups, faults: &mut Faults<'_>) -> Params {
    let active_days = faults.ranged("groups.active_days", raw.active_days, 1..=1095) as i32;
    let lapsed_days = faults.ranged("groups.lapsed_days", raw.lapsed_days, 1..=3650) as i32;
    if lapsed_days < active_days {
        faults.add("groups.lapsed_days", format!("at least groups.active_days ({active_days})"), lapsed_days);
    }
    let rows = raw.table.unwrap_or_default();
    let table: Vec<Row> = rows.into_iter().enumerate().map(|(index, row)| check_row(index, row, faults)).collect();
    if faults.is_empty() {
        check_total(&table, faults);
    }
    Params {
        high_value_share: faults.ranged("groups.high_value_share", raw.high_value_share, 0.0..=1.0),
        new_days: faults.ranged("groups.new_days", raw.new_days, 1..=1095) as i32,
        active_days,
        lapsed_days,
        high_risk_from: faults.ranged("groups.high_risk_from", raw.high_risk_from, 0.0..=1.0),
        table,
    }
}

impl Params {
    /// The values that a text column of `groups` may have; None for other columns.
    pub fn words(&self, column: &str) -> Option<Vec<String>> {
        let list = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
        match column {
            "stage" => list(&STAGES),
            "value_tier" => list(&VALUES),
            "risk_tier" => list(&RISKS),
            "registered" => list(&REGISTERED),
            "value_risk_group" => Some(self.table.iter().map(|row| row.group.clone()).collect()),
            _ => None,
        }
    }
}

fn check_row(index: usize, raw: RawGroup, faults: &mut Faults<'_>) -> Row {
    let path = format!("groups.table[{index}]");
    let mut input = |key: &str, given: Option<Vec<String>>, known: &[&str]| {
        let given = given.unwrap_or_else(|| known.iter().map(|&value| value.to_owned()).collect());
        for (at, value) in given.iter().enumerate().filter(|(_, value)| !known.contains(&value.as_str())) {
            faults.add(&format!("{path}.{key}[{at}]"), format!("one of {}", known.join(", ")), format!("`{value}`"));
        }
        given
    };
    let (stage, value) = (input("stage", raw.stage, &STAGES), input("value", raw.value, &VALUES));
    let (risk, registered) = (input("risk", raw.risk, &RISKS), input("registered", raw.registered, &REGISTERED));
    let group = faults.required(&format!("{path}.group"), raw.group, "the name of a group").unwrap_or_default();
    Row { group, stage, value, risk, registered }
}

impl Row {
    fn takes(&self, stage: &str, value: &str, risk: &str, registered: &str) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|member| member == word);
        has(&self.stage, stage) && has(&self.value, value) && has(&self.risk, risk) && has(&self.registered, registered)
    }
}

/// The first combination that no row or two rows take is a fault.
fn check_total(table: &[Row], faults: &mut Faults<'_>) {
    for stage in STAGES {
        for value in VALUES {
            for risk in RISKS {
                for registered in REGISTERED {
                    let takers: Vec<String> =
                        table.iter().enumerate().filter(|(_, row)| row.takes(stage, value, risk, registered)).map(|(at, _)| at.to_string()).collect();
                    if takers.len() == 1 {
                        continue;
                    }
                    let combination = format!("exactly one row for stage {stage}, value {value}, risk {risk}, registered {registered}");
                    let got = if takers.is_empty() { "none".to_owned() } else { format!("rows {}", takers.join(" and ")) };
                    return faults.add("groups.table", combination, got);
                }
            }
        }
    }
}

/// What the table looks at, of one customer.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Facts at as_of.
    pub facts: &'a Facts,
    /// Churn probability, where there is one.
    pub churn_probability: Option<f64>,
    /// First registration.
    pub registered: Option<Day>,
}

/// Inputs and group of one customer, as places in the lists of their words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    inputs: [u8; 4],
    row: u16,
}

impl Assigned {
    /// never_bought, new, active, silent or lapsed.
    pub fn stage(&self) -> &'static str {
        STAGES[usize::from(self.inputs[0])]
    }

    /// high, other or unknown.
    pub fn value(&self) -> &'static str {
        VALUES[usize::from(self.inputs[1])]
    }

    /// high, low or unknown.
    pub fn risk(&self) -> &'static str {
        RISKS[usize::from(self.inputs[2])]
    }

    /// recent, earlier or unknown.
    pub fn registered(&self) -> &'static str {
        REGISTERED[usize::from(self.inputs[3])]
    }
}

impl Params {
    /// The stage of who ordered first and last so many days ago: a last order exactly `active_days` ago is not active, as for the churn population.
    pub fn stage_of(&self, since_first: i64, since_last: i64) -> &'static str {
        match () {
            () if since_first < i64::from(self.new_days) => "new",
            () if since_last < i64::from(self.active_days) => "active",
            () if since_last < i64::from(self.lapsed_days) => "silent",
            () => "lapsed",
        }
    }

    /// The group of a customer.
    pub fn group(&self, assigned: &Assigned) -> &str {
        &self.table[usize::from(assigned.row)].group
    }
}

/// Assigns every member, in their order (which breaks ties of value).
pub fn assign<'a>(members: impl Iterator<Item = Member<'a>> + Clone, params: &Params) -> Vec<Assigned> {
    let high = high_value(members.clone().map(|member| member.facts.window_value_minor), params.high_value_share);
    let mut rows: BTreeMap<[u8; 4], u16> = BTreeMap::new();
    let mut one = |(member, is_high): (Member<'_>, &bool)| {
        let value = match member.facts.last_day.get() {
            None => "unknown",
            Some(_) if *is_high => "high",
            Some(_) => "other",
        };
        let risk = match member.churn_probability {
            None => "unknown",
            Some(churn) if churn >= params.high_risk_from => "high",
            Some(_) => "low",
        };
        let registered = match member.registered {
            None => "unknown",
            Some(day) if Window::ending(member.facts.date, params.new_days).contains(day) => "recent",
            Some(_) => "earlier",
        };
        let place = |words: &[&str], word: &str| words.iter().position(|known| *known == word).expect("a word of the list") as u8;
        let stage = stage(member.facts, params);
        let inputs = [place(&STAGES, stage), place(&VALUES, value), place(&RISKS, risk), place(&REGISTERED, registered)];
        let row = || params.table.iter().position(|row| row.takes(stage, value, risk, registered)).expect("the table was checked to be total") as u16;
        Assigned { inputs, row: *rows.entry(inputs).or_insert_with(row) }
    };
    members.zip(&high).map(&mut one).collect()
}

/// The given share of those with value in the window, the highest first.
fn high_value(values: impl Iterator<Item = i64>, share: f64) -> Vec<bool> {
    let mut members = 0;
    let counted = values.inspect(|_| members += 1).enumerate().map(|(index, value)| (Reverse(value), index));
    let mut valued: Vec<(Reverse<i64>, usize)> = counted.filter(|(value, _)| value.0 > 0).collect();
    let count = (valued.len() as f64 * share).round() as usize;
    if count < valued.len() {
        // No two are equal, so these are who they are in whatever order.
        valued.select_nth_unstable(count);
    }
    let mut high = vec![false; members];
    valued[..count].iter().for_each(|(_, index)| high[*index] = true);
    high
}

fn stage(facts: &Facts, params: &Params) -> &'static str {
    let (Some(first), Some(last)) = (facts.first_day.get(), facts.last_day.get()) else { return "never_bought" };
    params.stage_of(facts.date.since(first), facts.observed_to.since(last))
}
