//! From state and models to tables: who is withheld, scores, groups, lists, and the summary of all.

use std::collections::BTreeMap;

use polars::prelude::{Column as Series, DataFrame, IntoLazy, SortMultipleOptions, col, len};
use rayon::prelude::*;

use super::params::Params;
use crate::audit::Complete;
use crate::backtest::Trained;
use crate::campaigns::{self, Target, Wide};
use crate::customers::{self, Consents, People};
use crate::error::Result;
use crate::features::{self, Cell, Facts, Feature, World};
use crate::groups::{self, Member};
use crate::key::Id;
use crate::lake::SourceKeys;
use crate::report::{GroupLine, ListLine};
use crate::shards::{self, FeatureRows, Output, Scores, State};
use crate::table::{Table, ids};

/// Everything that is published about customers.
pub struct Results {
    /// The tables that are whole, in the order of TABLES.md.
    pub tables: Vec<Table>,
    /// By customer: its id, where features of it are published.
    pub featured: Vec<Option<Id>>,
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

/// What the tables are made from, beside state and models.
pub struct Source<'a> {
    /// Everyone.
    pub people: &'a People,
    /// The keys of their source customers.
    pub keys: &'a SourceKeys,
    /// To which day sources and stores are complete.
    pub complete: &'a Complete,
    /// Who may be contacted.
    pub consents: &'a Consents,
    /// Words of features.
    pub world: &'a World,
}

/// Makes all tables about customers.
///
/// # Errors
/// `Bug` if a table breaks its contract; `Limit` if scratch cannot be read.
pub fn results(params: &Params, source: &Source<'_>, state: &State, trained: &Trained) -> Result<Results> {
    let Source { people, keys, .. } = *source;
    let facts = &state.facts;
    let scores = shards::score(state, &trained.artefacts, &params.cycle, params.churn.population)?;
    let withheld = Withheld::decide(params, people, source.complete, facts, &scores);
    let ids_of = |rows: &[usize]| rows.iter().map(|&row| people.customers[row].id).collect::<Vec<Id>>();
    let order_dates: Vec<_> = facts.iter().map(|facts| (facts.first_day, facts.last_day)).collect();
    let [customers, links, held] = customers::tables(people, keys, &params.customers, &order_dates, params.as_of)?;
    let featured = (0..facts.len()).map(|row| withheld.of(Output::Features, row).is_none().then_some(people.customers[row].id)).collect();

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

    let features = campaign_features(params, state, source.world, &ids_of(&withheld.rows(Output::Features)), &withheld)?;
    let rows = [Output::Features, Output::Scores, Output::Groups].map(|output| withheld.rows(output));
    let [of_features, of_scores, of_groups] = &rows;
    let parts = [(&features, Output::Features, of_features.as_slice()), (&scored, Output::Scores, of_scores), (&grouped, Output::Groups, of_groups)];
    let wide = if params.campaigns.is_empty() { Wide::of(0, &[])? } else { Wide::of(facts.len(), &parts)? };
    let reason = |output: Output, row: usize| withheld.of(output, row);
    let value_minor = |row: usize| facts[row].window_value_minor;
    let consents = source.consents;
    let source =
        campaigns::Source { people, keys, wide: &wide, consents, withheld: &reason, value_minor: &value_minor, salt: &params.salt, as_of: params.as_of };
    let targets = params.campaigns.iter().map(|campaign| Ok((campaign.name.clone(), campaigns::target(campaign, &source)?)));
    let targets = targets.collect::<Result<Vec<_>>>()?;
    let cuts = groups::cuts_table(&cuts, params.as_of)?;
    let tables = vec![customers, links, held, scored, withheld.table(people, params.as_of)?, grouped, cuts];
    Ok(Results { tables, featured, targets, withheld: withheld.counts(), groups: lines })
}

/// The features that campaigns look at, of who is not withheld.
fn campaign_features(params: &Params, state: &State, world: &World, customers: &[Id], withheld: &Withheld) -> Result<Table> {
    let named = |feature: &Feature| params.campaigns.iter().flat_map(|campaign| campaign.columns()).any(|column| column == feature.name);
    let places: Vec<usize> = params.features.features().iter().enumerate().filter(|(_, feature)| named(feature)).map(|(place, _)| place).collect();
    let features: Vec<Feature> = places.iter().map(|&place| params.features.features()[place].clone()).collect();
    let cells = state.rows.columns(&places)?;
    let row = |row: usize| &cells[row * places.len()..(row + 1) * places.len()];
    let rows: Vec<&[Cell]> = withheld.rows(Output::Features).into_iter().map(row).collect();
    features::table(&features, &rows, customers, world, params.as_of)
}

/// The table `features`, which is made shard by shard while it is written: nobody has the memory for it whole.
pub struct FeatureTable {
    rows: FeatureRows,
    world: World,
    featured: Vec<Option<Id>>,
}

impl FeatureTable {
    /// The table of `rows`, with the words of `world`; `featured` are the ids of those who are published.
    pub fn new(rows: FeatureRows, world: World, featured: Vec<Option<Id>>) -> Self {
        Self { rows, world, featured }
    }

    /// Where the numbers of ranked features are cut.
    pub fn cuts(&self) -> &[features::WordCut] {
        &self.world.cuts
    }

    /// The rows in their order, a frame a shard.
    pub fn frames<'a>(&'a self, params: &'a Params) -> impl Iterator<Item = Result<DataFrame>> {
        let at_once = rayon::current_num_threads();
        let shards =
            move |start: usize| (start..(start + at_once).min(self.rows.shards())).into_par_iter().map(|shard| self.frame(shard, params)).collect::<Vec<_>>();
        (0..self.rows.shards()).step_by(at_once).flat_map(shards)
    }

    fn frame(&self, shard: usize, params: &Params) -> Result<DataFrame> {
        let cells = self.rows.read(shard)?;
        let customers = self.featured[self.rows.customers(shard)].iter();
        let (customers, rows): (Vec<Id>, Vec<&[Cell]>) =
            customers.zip(cells.chunks_exact(self.rows.width())).filter_map(|(customer, row)| Some(((*customer)?, row))).unzip();
        Ok(features::table(params.features.features(), &rows, &customers, &self.world, params.as_of)?.frame)
    }
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
