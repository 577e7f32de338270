//! From state and models to tables: who is withheld, scores, groups, lists, and the summary of all.

use std::collections::BTreeMap;

use polars::prelude::{Column as Series, DataFrame, IntoLazy, SortMultipleOptions, col, len};

use super::params::Params;
use crate::audit::Complete;
use crate::backtest::Trained;
use crate::campaigns::{self, Target, Wide};
use crate::customers::{self, Consents, People};
use crate::error::Result;
use crate::features::{self, Facts};
use crate::groups::{self, Member};
use crate::key::Id;
use crate::lake::SourceKeys;
use crate::report::{GroupLine, ListLine};
use crate::shards::{self, Output, Scores, State};
use crate::table::{Table, ids};

/// Everything that is published about customers.
pub struct Results {
    /// The tables, in the order of TABLES.md.
    pub tables: Vec<Table>,
    /// The campaigns' lists.
    pub targets: Vec<(String, Target)>,
    /// Output, reason and customers withheld.
    pub withheld: Vec<(String, String, usize)>,
    /// Groups, largest value first.
    pub groups: Vec<GroupLine>,
}

/// By customer: why each output is withheld, if so.
struct Withheld {
    reasons: Vec<[Option<&'static str>; 4]>,
}

impl Withheld {
    fn decide(params: &Params, people: &People, complete: &Complete, facts: &[Facts], scores: &[Option<Scores>]) -> Self {
        let late = |customer: &customers::Customer| {
            let store = people.home_store(customer);
            params.audit.withholds_late_stores() && store.is_some_and(|store| complete.late_stores.contains_key(store))
        };
        let one = |(index, customer): (usize, &customers::Customer)| {
            let everything = match customer {
                customer if customer.left_out => Some("account_type"),
                customer if customer.too_many_lines => Some("too_many_lines"),
                customer if late(customer) => Some("late_store"),
                _ => None,
            };
            let never = facts[index].last_day.is_none().then_some("never_ordered");
            let scored = everything.or(never).or(scores[index].is_none().then_some("no_model"));
            let no_churn = scores[index].is_none_or(|scores| scores.churn_probability.is_none());
            let churn = everything.or(params.churn.population.withheld(&facts[index])).or(no_churn.then_some("no_model"));
            [everything, scored, churn, everything]
        };
        Self { reasons: people.customers.iter().enumerate().map(one).collect() }
    }

    fn of(&self, output: Output, row: usize) -> Option<&'static str> {
        self.reasons[row][output as usize]
    }

    /// The rows that have a value for `output`.
    fn rows(&self, output: Output) -> Vec<usize> {
        (0..self.reasons.len()).filter(|&row| self.of(output, row).is_none()).collect()
    }

    fn table(&self, people: &People, as_of: crate::time::Day) -> Result<Table> {
        let mut rows = Vec::new();
        for (index, customer) in people.customers.iter().enumerate() {
            for output in Output::ALL {
                rows.extend(self.of(output, index).map(|reason| (customer.id, output.name(), reason)));
            }
        }
        let columns = vec![
            ids("customer_id", rows.iter().map(|row| Some(row.0))),
            Series::new("output".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()),
            Series::new("reason".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
        ];
        Table::new(shards::withheld_contract(), columns, as_of)
    }

    fn counts(&self) -> Vec<(String, String, usize)> {
        let mut counts: BTreeMap<(Output, &str), usize> = BTreeMap::new();
        for row in 0..self.reasons.len() {
            for output in Output::ALL {
                if let Some(reason) = self.of(output, row) {
                    *counts.entry((output, reason)).or_default() += 1;
                }
            }
        }
        counts.into_iter().map(|((output, reason), count)| (output.name().to_owned(), reason.to_owned(), count)).collect()
    }
}

/// Makes all tables about customers.
///
/// # Errors
/// `Bug` if a table breaks its contract.
pub fn results(
    params: &Params,
    (people, keys): (&People, &SourceKeys),
    complete: &Complete,
    consents: &Consents,
    state: &State,
    trained: &Trained,
) -> Result<Results> {
    let facts = &state.facts;
    let scores = shards::score(facts, &trained.artefacts, &params.cycle, params.churn.population);
    let withheld = Withheld::decide(params, people, complete, facts, &scores);
    let ids_of = |rows: &[usize]| rows.iter().map(|&row| people.customers[row].id).collect::<Vec<Id>>();
    let order_dates: Vec<_> = facts.iter().map(|facts| (facts.first_day, facts.last_day)).collect();
    let [customers, links, held] = customers::tables(people, keys, &params.customers, &order_dates, params.as_of)?;

    let rows = withheld.rows(Output::Features);
    let chosen: Vec<Facts> = rows.iter().map(|&row| facts[row]).collect();
    let features = features::table(&params.features.items, &ids_of(&rows), &chosen, params.as_of)?;

    let rows = withheld.rows(Output::Scores);
    let chosen: Vec<Scores> = rows.iter().filter_map(|&row| published(scores[row], withheld.of(Output::ChurnProbability, row))).collect();
    let contract = shards::scores_contract(&params.cycle, params.churn.population.horizon_days);
    let scored = shards::scores_table(contract, &ids_of(&rows), &chosen, params.as_of)?;

    let rows = withheld.rows(Output::Groups);
    let members: Vec<Member<'_>> = rows
        .iter()
        .map(|&row| Member {
            facts: &facts[row],
            churn_probability: scores[row].and_then(|scores| scores.churn_probability).filter(|_| withheld.of(Output::ChurnProbability, row).is_none()),
            registered: people.customers[row].registered,
        })
        .collect();
    let (rfm, cuts) = groups::codes(&members.iter().map(|member| member.facts).collect::<Vec<_>>());
    let assigned = groups::assign(&members, &params.groups);
    let grouped = groups::table(&ids_of(&rows), &rfm, &assigned, params.as_of)?;
    let lines = group_lines(&grouped, &members)?;

    let wide = Wide::join(&customers, &[(&features, Output::Features), (&scored, Output::Scores), (&grouped, Output::Groups)])?;
    let reason = |output: Output, row: usize| withheld.of(output, row);
    let value_minor = |row: usize| facts[row].window_value_minor;
    let source =
        campaigns::Source { people, keys, wide: &wide, consents, withheld: &reason, value_minor: &value_minor, salt: &params.salt, as_of: params.as_of };
    let targets = params.campaigns.iter().map(|campaign| Ok((campaign.name.clone(), campaigns::target(campaign, &source)?)));
    let targets = targets.collect::<Result<Vec<_>>>()?;
    let cuts = groups::cuts_table(&cuts, params.as_of)?;
    let tables = vec![customers, links, held, features, scored, withheld.table(people, params.as_of)?, grouped, cuts];
    Ok(Results { tables, targets, withheld: withheld.counts(), groups: lines })
}

/// The scores as they are published: a withheld churn probability is unknown.
fn published(scores: Option<Scores>, churn_withheld: Option<&str>) -> Option<Scores> {
    scores.map(|scores| Scores { churn_probability: scores.churn_probability.filter(|_| churn_withheld.is_none()), ..scores })
}

/// Customers and value of each group, largest value first.
fn group_lines(groups: &Table, members: &[Member<'_>]) -> Result<Vec<GroupLine>> {
    let values: Vec<i64> = members.iter().map(|member| member.facts.window_value_minor).collect();
    let columns = vec![groups.column("value_risk_group")?.clone(), Series::new("value".into(), values)];
    let sums = DataFrame::new(groups.rows(), columns)?
        .lazy()
        .group_by([col("value_risk_group")])
        .agg([len().alias("customers"), col("value").sum()])
        .sort(["value", "value_risk_group"], SortMultipleOptions::default().with_order_descending_multi([true, false]))
        .collect()?;
    let (names, counts, values) = (sums.column("value_risk_group")?.str()?, sums.column("customers")?.u32()?, sums.column("value")?.i64()?);
    let line = |index: usize| GroupLine {
        group: names.get(index).unwrap_or_default().to_owned(),
        customers: counts.get(index).unwrap_or_default() as usize,
        value_minor: values.get(index).unwrap_or_default(),
    };
    Ok((0..sums.height()).map(line).collect())
}

/// The lists as the summary shows them.
pub fn list_lines(targets: &[(String, Target)]) -> Vec<ListLine> {
    targets.iter().map(|(campaign, target)| ListLine { campaign: campaign.clone(), arms: target.arms, reasons: target.reasons.clone() }).collect()
}
