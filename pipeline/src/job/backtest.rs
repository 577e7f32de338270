//! `backtest`: what every candidate would have foretold at past dates, graded by what came. Nothing is published.

use super::collect::{What, world};
use super::everyone::due_plan;
use super::gather::{Gathered, Seen};
use super::identity::identify;
use super::increment::Keeping;
use super::inputs::Inputs;
use super::params::Params;
use super::prior::Prior;
use super::progress::Progress;
use super::run::{read_erased, scratch_folder};
use crate::allowance::Allowance;
use crate::backtest::{self, Backtest};
use crate::config::RawChoose;
use crate::error::{Error, Kind, Result};
use crate::features::World;
use crate::models::churn;
use crate::models::cycle::{self, Cell};
use crate::shards::{self, Ranks, SampleSizes, Scratch, State};
use crate::store::Access;
use crate::table::Table;

/// Looks back: the figures, and all of them as a table.
///
/// # Errors
/// Those of the lake and the store; `Input` where history holds no date to look back on; `Limit` where memory or scratch is full.
pub fn backtest(params: &Params, access: &Access, progress: &dyn Progress) -> Result<(Backtest, Table)> {
    progress.begin("open the lake");
    let inputs = Inputs::open(params, access)?;
    let store = params.store.open(true, access)?;
    let erased = read_erased(params, &store)?;
    let identity = identify(params, &inputs, &erased, &store)?;
    progress.end(&format!("{} tables", inputs.tables.len()));
    let folder = scratch_folder(params)?;
    let allowance = Allowance::scratch(params.scratch_limit);
    let scratch = Scratch { folder: &folder, allowance: &allowance };
    let prior = Prior::of(&store, &params.name, identity.prior.as_ref())?;
    let seen = Seen { inputs: &inputs, prior: prior.as_ref(), erased: &erased.erased, erased_digest: erased.digest.as_deref() };
    let keeping = params.keep_state.then(|| Keeping::open(params, &identity, &erased, inputs.order_lines()?, &store)).transpose()?.map(Keeping::read_only);
    let gathered = Gathered::of(params, &seen, (scratch, keeping.as_ref()), progress)?;

    progress.begin("collect order days");
    let (memory, dates) = (inputs.order_lines()?.memory(), params.origins.dates(params.as_of));
    let ranks = Ranks::of(&gathered.names);
    let world = world(params, &gathered, &ranks)?;
    let cycle = cycle::Params { choose: RawChoose::Best, ..params.cycle.clone() };
    let samples = SampleSizes {
        populations: params.churn.population.sizes(params.sample_customers),
        training_buyers: params.sample_customers,
        test_buyers: params.sample_customers,
        buyers_features: true,
    };
    let features = params.features.for_models();
    let what = What { dates: &dates, features: &features, samples, cycle: &cycle, purchases: params.due.level };
    let (customers, past_dates) = (gathered.people.customers.len(), dates.all().len() - 1);
    let bytes = shards::state_bytes(customers, past_dates) + samples.bytes(customers, past_dates - 1, features.features().len());
    let _held = memory.take("collect order days", bytes)?;
    let state = gathered.collect(params, (&ranks, &world), &what, (scratch, memory))?;
    progress.end(&format!("{past_dates} dates, {} to {}", dates.training.first().unwrap_or(&dates.test), dates.test));

    progress.begin("foretell and grade");
    let forecasts = state.snapshots.iter().map(|snapshot| snapshot.buyers.len()).sum();
    let _forecasts_held = memory.take("foretell and grade", backtest::forecast_bytes(forecasts, features.features().len()))?;
    let types = |cell: Cell| {
        let stage = params.groups.stage_of(i64::from(cell.observed), i64::from(cell.observed - cell.t_x));
        [if cell.x == 0 { "one_time" } else { "repeat" }, stage]
    };
    let taken_in = |horizon_days: i32| churn::Inputs::new(features.features(), horizon_days, &world);
    let mut found = backtest::backtest(&state, &params.origins, (&cycle, &taken_in(params.origins.horizon_days)), &types);
    if found.vintages.is_empty() {
        return Err(Error::new(Kind::Input, format!("backtest: expected orders by {}, so that what followed is over, got none", dates.test)));
    }
    progress.end(&format!("{} models and rules at {} dates", found.ranking.len(), found.vintages.len()));
    progress.begin("grade churn models");
    let inputs = taken_in(params.churn.population.horizon_days);
    found.churn = backtest::look_back_on_churn(&state, &params.origins, (&cycle, &params.churn, &inputs), &mut found.failed);
    progress.end(&format!("{} figures", found.churn.len()));
    due(params, (&state, &world), memory, &mut found, progress)?;
    let table = backtest::backtest_table(&[found.grades.as_slice(), &found.churn, &found.due].concat(), params.as_of)?;
    Ok((found, table))
}

/// Due lists, where the config asks for them.
fn due(params: &Params, (state, world): (&State, &World), memory: &Allowance, found: &mut Backtest, progress: &dyn Progress) -> Result<()> {
    let Some(purchases) = &state.purchases else { return Ok(()) };
    progress.begin("grade due lists");
    match backtest::look_back_on_due(purchases, &due_plan(params, world, memory), params.as_of, &params.origins) {
        Ok(grades) => found.due = grades,
        Err(error) if error.kind() == Kind::Input => found.failed.push(error.to_string()),
        Err(error) => return Err(error),
    }
    progress.end(&format!("{} figures", found.due.len()));
    Ok(())
}
