//! From state and models to what is published: scores, groups, lists, and the summary of all.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use super::everyone::{Everyone, TableOf};
use super::params::Params;
use super::withheld::Withheld;
use crate::audit::Complete;
use crate::backtest::Trained;
use crate::campaigns::{self, Target, Wide};
use crate::customers::{self, Consents, People};
use crate::error::Result;
use crate::features::World;
use crate::groups::{self, Member};
use crate::lake::ClosedNames;
use crate::report::{GroupLine, ListLine};
use crate::shards::{self, DueModel, Explainer, Output, State};
use crate::table::Table;

/// Everything that is published about customers.
pub struct Results {
    /// Everyone, of whom tables are made while they are written.
    pub everyone: Everyone,
    /// The tables that are whole.
    pub tables: Vec<Table>,
    /// The campaigns' lists.
    pub targets: Vec<(String, Target)>,
    /// Output, reason and customers withheld.
    pub withheld: Vec<(String, String, usize)>,
    /// Groups, largest value first.
    pub groups: Vec<GroupLine>,
}

/// What the results are made from, beside state and models.
pub struct Source<'a> {
    /// Everyone.
    pub people: People,
    /// The keys of their source customers.
    pub names: ClosedNames,
    /// Words of features.
    pub world: World,
    /// To which day sources and stores are complete.
    pub complete: &'a Complete,
    /// Who may be contacted.
    pub consents: &'a Consents,
    /// What makes due lists.
    pub due: Option<DueModel>,
}

/// Makes all that is published about customers.
///
/// # Errors
/// `Bug` if a table breaks its contract; `Limit` if scratch cannot be read.
pub fn results(params: &Params, source: Source<'_>, state: State, trained: &Trained) -> Result<Results> {
    let Source { people, names, world, complete, consents, due } = source;
    let scores = shards::score(&state, &trained.artefacts, &params.cycle)?;
    let State { facts, rows, purchases, standings, .. } = state;
    let withheld = Withheld::decide(params, &people, complete, (&facts, &standings), &scores);
    let grouped = withheld.rows(Output::Groups);
    let told = |row: usize| withheld.of(Output::ChurnProbability, row).is_none();
    let churn_probability = |row: usize| scores.of(row).and_then(|scores| scores.churn_probability).filter(|_| told(row));
    let member = |&row: &usize| Member { facts: &facts[row], churn_probability: churn_probability(row), registered: people.customers[row].registered.get() };
    let members = grouped.iter().map(member);
    let (rfm, cuts) = groups::codes(members.clone().map(|member| member.facts));
    let assigned = groups::assign(members.clone(), &params.groups);
    let values = members.map(|member| member.facts.window_value_minor);
    let lines = group_lines(assigned.iter().map(|assigned| params.groups.group(assigned)).zip(values));
    let groups = rfm.into_iter().zip(assigned).collect();
    let due = purchases.zip(due);
    let explainer = Explainer::of(&trained.artefacts);
    let everyone = Everyone { people, names, facts, rows, world, scores, due, explainer, standings, withheld, groups, grouped };
    let targets = targets(params, &everyone, consents)?;
    let held = customers::held_table(&everyone.people, &everyone.names.keys, &params.customers, params.as_of)?;
    let tables = vec![held, groups::cuts_table(&cuts, params.as_of)?];
    Ok(Results { tables, targets, withheld: everyone.withheld.counts(), groups: lines, everyone })
}

fn targets(params: &Params, everyone: &Everyone, consents: &Consents) -> Result<Vec<(String, Target)>> {
    if params.campaigns.is_empty() {
        return Ok(Vec::new());
    }
    let tables = TableOf::all(params);
    let part = |name: &str, output: Output| -> Result<(DataFrame, Output, Vec<usize>)> {
        let looked_at = |column: &str| params.campaigns.iter().flat_map(|campaign| campaign.columns()).any(|name| name == column);
        let table = tables.iter().find(|table| table.contract.name == name).ok_or_else(|| crate::error::Error::bug(format!("no table {name}")))?;
        let names: Vec<&str> = table.contract.columns.iter().map(|column| column.name.as_str()).filter(|name| looked_at(name)).collect();
        Ok((everyone.columns(params, table, &names)?, output, everyone.withheld.rows(output)))
    };
    let parts = [part("features", Output::Features)?, part("scores", Output::Scores)?, part("groups", Output::Groups)?];
    let wide = Wide::of(everyone.facts.len(), &parts)?;
    let source = campaigns::Source {
        people: &everyone.people,
        keys: &everyone.names.keys,
        wide: &wide,
        consents,
        withheld: &|output, row| everyone.withheld.of(output, row),
        value_minor: &|row| everyone.facts[row].window_value_minor,
        salt: &params.salt,
        as_of: params.as_of,
    };
    params.campaigns.iter().map(|campaign| Ok((campaign.name.clone(), campaigns::target(campaign, &source)?))).collect()
}

/// Customers and value of each group, largest value first.
fn group_lines<'a>(members: impl Iterator<Item = (&'a str, i64)>) -> Vec<GroupLine> {
    let mut sums: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for (group, value) in members {
        let sum = sums.entry(group).or_default();
        *sum = (sum.0 + 1, sum.1 + value);
    }
    let mut lines: Vec<GroupLine> =
        sums.into_iter().map(|(group, (customers, value_minor))| GroupLine { group: group.to_owned(), customers, value_minor }).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.value_minor));
    lines
}

/// The lists as the summary shows them.
pub fn list_lines(targets: &[(String, Target)]) -> Vec<ListLine> {
    targets.iter().map(|(campaign, target)| ListLine { campaign: campaign.clone(), arms: target.arms, reasons: target.reasons.clone() }).collect()
}
