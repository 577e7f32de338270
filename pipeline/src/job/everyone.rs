//! Everyone, as they are published: tables about customers are made a range of customers at a time while they are written, since nobody has the
//! memory for them whole.

use std::ops::Range;

use polars::prelude::DataFrame;
use rayon::prelude::*;

use super::params::Params;
use super::withheld::Withheld;
use crate::allowance::Allowance;
use crate::backtest::DuePlan;
use crate::config::RawDueLevel;
use crate::customers::{self, People};
use crate::error::Result;
use crate::features::{self, Cell, Facts, World};
use crate::groups::{self, Assigned, Rfm};
use crate::key::Id;
use crate::labels::{Segment, Standing};
use crate::lake::ClosedNames;
use crate::models::cycle;
use crate::models::due::{History, Items};
use crate::shards::{self, Artefacts, DueModel, ExplainedCustomer, Explainer, FeatureRows, Output, Purchases, Scores, ToldChurn};
use crate::table::{Contract, Table};

/// Everyone, and all that is published of each.
pub struct Everyone {
    /// Who they are.
    pub people: People,
    /// The keys of their source customers.
    pub names: ClosedNames,
    /// What is known of them.
    pub facts: Vec<Facts>,
    /// Their features.
    pub rows: FeatureRows,
    /// Words of features.
    pub world: World,
    /// Their scores.
    pub scores: Scores,
    /// Their purchases, and what makes due lists of them.
    pub due: Option<(Purchases, DueModel)>,
    /// Where they stand.
    pub standings: Vec<Standing>,
    /// What explains their scores.
    pub explainer: Option<Explainer>,
    /// What is withheld from them.
    pub withheld: Withheld,
    /// Their groups, in the order of those from whom groups are not withheld.
    pub groups: Vec<(Option<Rfm>, Assigned)>,
    /// Whose groups these are.
    pub grouped: Vec<usize>,
}

/// A table about customers.
pub struct TableOf {
    /// What it promises.
    pub contract: Contract,
    /// Its rows about the customers of a shard.
    make: fn(&Everyone, &Params, usize) -> Result<Table>,
}

impl TableOf {
    /// All of them, in the order of TABLES.md.
    pub fn all(params: &Params) -> Vec<Self> {
        let mut tables = vec![
            Self { contract: customers::contract(), make: Everyone::customers },
            Self { contract: customers::links_contract(), make: Everyone::links },
            Self { contract: features::contract(params.features.features()), make: Everyone::features },
            Self { contract: shards::scores_contract(&params.cycle, &params.churn.population), make: Everyone::scores },
            Self { contract: shards::reasons_contract(params.churn.explain_from), make: Everyone::reasons },
            Self { contract: shards::withheld_contract(), make: Everyone::withheld },
            Self { contract: groups::contract(), make: Everyone::groups },
        ];
        if params.due.level != RawDueLevel::None {
            tables.push(Self { contract: shards::due_contract(params.due.level, params.cycle.quantile_limit_days), make: Everyone::due });
        }
        tables
    }
}

/// What is due.
fn due_items<'a>(params: &Params, world: &'a World) -> Items<'a> {
    Items { category: (params.due.level == RawDueLevel::Product).then_some(&world.catalogue.category) }
}

/// What due lists are made of.
pub fn due_plan<'a>(params: &'a Params, world: &'a World, memory: &'a Allowance) -> DuePlan<'a> {
    let (of, categories) = (due_items(params, world), world.catalogue.categories.len());
    DuePlan { params: &params.due, of, items: of.category.map_or(categories, <[u32]>::len), categories, late_days: params.grid.late_days, memory }
}

impl Everyone {
    /// The rows of a table in their order, a frame for each shard.
    pub fn frames<'a>(&'a self, params: &'a Params, table: &'a TableOf) -> impl Iterator<Item = Result<DataFrame>> {
        let at_once = rayon::current_num_threads();
        let frame = move |shard: usize| (table.make)(self, params, shard).map(|table| table.frame);
        let some = move |start: usize| (start..(start + at_once).min(self.rows.shards())).into_par_iter().map(frame).collect::<Vec<_>>();
        (0..self.rows.shards()).step_by(at_once).flat_map(some)
    }

    /// Some columns of a table, of all its rows.
    ///
    /// # Errors
    /// `Bug` if a contract is broken.
    pub fn columns(&self, params: &Params, table: &TableOf, names: &[&str]) -> Result<DataFrame> {
        let mut whole: Option<DataFrame> = None;
        for frame in self.frames(params, table) {
            let frame = frame?.select(names.iter().copied())?;
            match &mut whole {
                Some(whole) => drop(whole.vstack_mut(&frame)?),
                None => whole = Some(frame),
            }
        }
        Ok(whole.unwrap_or_default())
    }

    /// Those in a range from whom `output` is not withheld.
    fn kept(&self, output: Output, range: Range<usize>) -> Vec<usize> {
        range.filter(|&row| self.withheld.of(output, row).is_none()).collect()
    }

    fn ids(&self, rows: &[usize]) -> Vec<Id> {
        rows.iter().map(|&row| self.people.customers[row].id).collect()
    }

    fn customers(&self, params: &Params, shard: usize) -> Result<Table> {
        let range = self.rows.customers(shard);
        let order_dates: Vec<_> = self.facts[range.clone()].iter().map(|facts| (facts.first_day.get(), facts.last_day.get())).collect();
        customers::table(&self.people, range, &order_dates, params.as_of)
    }

    fn links(&self, params: &Params, shard: usize) -> Result<Table> {
        customers::links_table(&self.people, &self.names.keys, &params.customers, self.rows.customers(shard), params.as_of)
    }

    fn features(&self, params: &Params, shard: usize) -> Result<Table> {
        let (columns, range) = (self.rows.columns(shard)?, self.rows.customers(shard));
        let kept = self.kept(Output::Features, range.clone());
        let cells = |place: usize| {
            let (column, kept): (&[Cell], &[usize]) = (&columns[place], &kept);
            kept.iter().map(move |row| column[row - range.start])
        };
        features::table(params.features.features(), cells, &self.ids(&kept), &self.world, params.as_of)
    }

    /// Churn probability and by which model, where it is not withheld.
    fn churn(&self, row: usize) -> ToldChurn {
        let chance = self.scores.of(row)?.churn_probability.filter(|_| self.withheld.of(Output::ChurnProbability, row).is_none())?;
        Some((chance, self.standings[row].ok()?))
    }

    /// What the churn model of a segment takes in of the customers of a shard whom it scores, and what it says of them, last.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn churn_inputs(&self, shard: usize, segment: Segment, artefacts: &Artefacts) -> Result<Vec<Vec<f64>>> {
        let of_shard = self.rows.read(shard)?;
        let of = |row: usize| {
            let (chance, _) = self.churn(row).filter(|(_, of)| *of == segment)?;
            let mut values = artefacts.inputs.of_row(of_shard.of(row), cycle::Cell::of(&self.facts[row])?, artefacts.cycle.as_ref());
            values.push(chance);
            Some(values)
        };
        Ok(self.rows.customers(shard).filter_map(of).collect())
    }

    fn reasons(&self, params: &Params, shard: usize) -> Result<Table> {
        let segment = |row: usize| self.churn(row).filter(|(chance, _)| *chance >= params.churn.explain_from).map(|(_, segment)| (row, segment));
        let explained: Vec<(usize, Segment)> = self.rows.customers(shard).filter_map(segment).collect();
        if explained.is_empty() {
            return shards::reasons_table(None, &[], &params.churn, params.as_of);
        }
        let of_shard = self.rows.read(shard)?;
        let of = |&(row, segment): &(usize, Segment)| {
            let id = self.people.customers[row].id;
            ExplainedCustomer { id, segment, facts: &self.facts[row], row: of_shard.of(row) }
        };
        let customers: Vec<ExplainedCustomer<'_>> = explained.iter().map(of).collect();
        shards::reasons_table(self.explainer.as_ref(), &customers, &params.churn, params.as_of)
    }

    fn scores(&self, params: &Params, shard: usize) -> Result<Table> {
        let kept = self.kept(Output::Scores, self.rows.customers(shard));
        let customers: Vec<_> = kept.iter().map(|&row| (self.people.customers[row].id, row, self.churn(row))).collect();
        let contract = shards::scores_contract(&params.cycle, &params.churn.population);
        shards::scores_table(contract, &self.scores, &self.facts, &customers, params.as_of)
    }

    fn withheld(&self, params: &Params, shard: usize) -> Result<Table> {
        self.withheld.table(&self.people, self.rows.customers(shard), params.as_of)
    }

    fn due(&self, params: &Params, shard: usize) -> Result<Table> {
        let as_told = (params.due.level, params.cycle.quantile_limit_days);
        let (mut rows, items) = (Vec::new(), due_items(params, &self.world));
        if let Some((purchases, model)) = &self.due {
            let (range, all, mut history) = (self.rows.customers(shard), purchases.read(shard)?, History::default());
            for row in self.kept(Output::Features, range.clone()) {
                let of_customer = (self.people.customers[row].id, all.of(row - range.start));
                model.rows(of_customer, params.as_of, (&params.due, &items), (&mut history, &mut rows));
            }
        }
        shards::due_table(&rows, &self.world, as_told, params.as_of)
    }

    fn groups(&self, params: &Params, shard: usize) -> Result<Table> {
        let range = self.rows.customers(shard);
        let place = |customer: usize| self.grouped.partition_point(|row| *row < customer);
        let places = place(range.start)..place(range.end);
        groups::table(&self.ids(&self.grouped[places.clone()]), &self.groups[places], &params.groups, params.as_of)
    }
}
