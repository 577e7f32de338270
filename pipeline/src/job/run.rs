//! `run`: from the lake to published tables.

use super::collect::{What, world};
use super::contracts::definitions_table;
use super::everyone::{TableOf, due_plan};
use super::findings::{Input, column_findings, drift_findings, model_findings, people_findings};
use super::gather::{Gathered, Seen};
use super::identity::{Identity, PROGRAM, identify};
use super::increment::Keeping;
use super::inputs::Inputs;
use super::params::Params;
use super::prior::Prior;
use super::progress::Progress;
use super::results::{Results, Source, list_lines, results};
use crate::allowance::{Allowance, Held};
use crate::audit::{self, Complete, DaysChecked, FeedsByName, Finding, Verdict};
use crate::backtest::{self, ChurnReport, KeptChurn, Trained};
use crate::columnar::KeyChunks;
use crate::config::Secret;
use crate::customers::People;
use crate::error::{Error, Kind, Result};
use crate::features::{self, Peers, World};
use crate::key::{hex, sha256};
use crate::lake::{ClosedNames, Counts};
use crate::models::churn;
use crate::models::cycle::Model;
use crate::publish::{self, ErasedList, Manifest, Outcome, Staged};
use crate::report::Summary;
use crate::shards::{self, DueModel, Ranks, SampleSizes, Scratch, State};
use crate::store::{Access, Store};
use crate::table::Class;
use crate::time::Dates;
use std::path::{Path, PathBuf};

/// How a run ended, and what it can tell.
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Which run it was.
    pub identity: Identity,
    /// Where its files are.
    pub folder: String,
    /// as_of of the live run; None where nothing is live.
    pub live_as_of: Option<String>,
    /// What a person can act on; None where the run was there already.
    pub summary: Option<Summary>,
}

/// Runs a job; a run that is there already is not computed again.
///
/// # Errors
/// All kinds.
pub fn run(params: &Params, access: &Access, progress: &dyn Progress) -> Result<Finished> {
    progress.begin("open the lake");
    let inputs = Inputs::open(params, access)?;
    let store = params.store.open(true, access)?;
    let erased = read_erased(params, &store)?;
    let identity = identify(params, &inputs, &erased, &store)?;
    let files: usize = inputs.tables.iter().map(|table| table.sources.len()).sum();
    progress.end(&format!("{} tables, {files} files", inputs.tables.len()));
    let folder = store.display(&identity.run.folder());
    if let Some((outcome, _)) = publish::finished(&store, &identity.run)? {
        let live_as_of = live_as_of(params, &store)?;
        return Ok(Finished { outcome, identity, folder, live_as_of, summary: None });
    }
    store.probe(&format!("{}/.probe", params.name))?;
    let scratch = scratch_folder(params)?;
    let prior = Prior::of(&store, &params.name, identity.prior.as_ref())?;
    let seen = Seen { inputs: &inputs, prior: prior.as_ref(), erased: &erased.erased, erased_digest: erased.digest.as_deref() };
    let keeping = params.keep_state.then(|| Keeping::open(params, &identity, &erased, inputs.order_lines()?, &store)).transpose()?;
    let (results, mut summary, mut found) = compute(params, &seen, (&scratch, keeping.as_ref()), progress)?;
    if let Some(prior) = &prior {
        let moves = prior.moves(params, &results, &found.findings)?;
        found.findings.extend(moves);
    }
    inputs.check_unchanged()?;
    inputs.keep_digests();
    let staged = stage(params, (&store, &identity), &results, &found, progress)?;
    let bytes = staged.bytes_written;
    let verdict = audit::verdict(&found.findings);
    if read_erased(params, &store)?.digest != erased.digest {
        return Err(Error::new(Kind::StoreRetry, "expected the list of the erased to stay while the run was made, got another one: run again"));
    }
    if let Some(keeping) = keeping.filter(|_| verdict == Verdict::Published) {
        keeping.close()?;
    }
    let manifest = manifest(params, &identity, verdict, inputs.stated(&found.counts), staged);
    let outcome = publish::commit(&store, &identity.run, manifest)?;
    progress.end(&format!("{} new bytes", bytes));
    summary.findings = found.findings;
    let live_as_of = live_as_of(params, &store)?;
    Ok(Finished { outcome, identity, folder, live_as_of, summary: Some(summary) })
}

/// Whom the job has to forget.
///
/// # Errors
/// Those of the store; `Config` where the key is not the list's.
pub(super) fn read_erased(params: &Params, store: &Store) -> Result<ErasedList> {
    publish::read_erased(store, &params.name, params.erasure_key.as_ref().map(Secret::reveal))
}

fn live_as_of(params: &Params, store: &Store) -> Result<Option<String>> {
    Ok(publish::read_live(store, &params.name)?.map(|(live, _)| live.as_of))
}

/// Where lines and features go that memory cannot hold.
///
/// # Errors
/// `Limit` where there can be no such folder.
pub(super) fn scratch_folder(params: &Params) -> Result<PathBuf> {
    let folder = params.scratch.as_ref().map_or_else(std::env::temp_dir, PathBuf::from);
    let failed = |error: std::io::Error| Error::new(Kind::Limit, format!("scratch {}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    Ok(folder)
}

/// What a customer takes of the memory while results are made: scores, reasons, groups.
const RESULT_BYTES: u64 = 200;
/// And for each campaign.
const CAMPAIGN_BYTES: u64 = 250;

type Computed = (Results, Summary, Found);

/// Everything between the lake and the tables.
fn compute(params: &Params, seen: &Seen<'_>, (scratch, keeping): (&Path, Option<&Keeping<'_>>), progress: &dyn Progress) -> Result<Computed> {
    let inputs = seen.inputs;
    let allowance = Allowance::scratch(params.scratch_limit);
    let scratch = Scratch { folder: scratch, allowance: &allowance };
    let mut gathered = Gathered::of(params, seen, (scratch, keeping), progress)?;
    let memory = inputs.order_lines()?.memory();

    progress.begin("collect features");
    let kept = kept_churn(params, seen)?;
    let (dates, samples) = dates_and_samples(params, &kept);
    let ranks = Ranks::of(&gathered.names);
    let mut world = world(params, &gathered, &ranks)?;
    let [mut state_held, samples_held] = state_memory(params, (gathered.people.customers.len(), &dates, samples), memory)?;
    let what = What { dates: &dates, features: &params.features, samples, cycle: &params.cycle, purchases: params.due.level };
    let mut state = gathered.collect(params, (&ranks, &world), &what, (scratch, memory))?;
    let changes = gathered.changes.take();
    let Gathered { names, people, partition, survey, mut feeds, mut complete, consents, events, mut counts, products, .. } = gathered;
    drop((partition, events));
    let checked = check_days(params, (&names, &state), &mut feeds, &mut complete);
    look_at_everyone(params, &people, &state, &mut world)?;
    progress.end(&format!("{} dates", dates.all().len()));

    let products = inputs.table("products").map(|_| &products);
    let input = Input { survey: &survey, feeds: &feeds, complete: &complete, checked: &checked, names: &names, products };
    let of_input = input.findings(params, &state, &mut counts);
    drop((survey, feeds));

    let inputs_of_churn = churn::Inputs::new(params.features.features(), params.churn.population.horizon_days, &world);
    let (trained, due) = match params.models {
        true => train(params, (&mut state, &world), (&dates, inputs_of_churn, memory), (kept, progress))?,
        false => (Trained::none(inputs_of_churn), None),
    };

    let findings =
        [of_input, column_findings(params, inputs), model_findings(params, &trained), people_findings(params, &people, &complete, &consents)].concat();
    let models = params.features.for_models();
    let samples = params.publish_samples.then(|| backtest::snapshots_table(&state, models.features(), (&people, &world), &dates)).transpose()?;

    drop((std::mem::take(&mut state.snapshots), samples_held));
    state_held.resize("score, group, target", shards::state_bytes(people.customers.len(), 0))?;
    progress.begin("score, group, target");
    let corrected = if trained.artefacts.correction.is_some() { shards::CORRECTED_BYTES } else { 0 };
    let of_one = RESULT_BYTES + corrected + CAMPAIGN_BYTES * params.campaigns.len() as u64;
    let _taken = memory.take("score, group, target", people.customers.len() as u64 * of_one)?;
    let source = Source { people, names, world, complete: &complete, consents: &consents, due };
    let mut results = results(params, source, state, &trained)?;
    let findings = [findings, drift_findings(params, &results.everyone, &trained)?].concat();
    results.tables.extend(samples);
    results.tables.extend(changes);
    progress.end(&format!("{} groups, {} lists", results.groups.len(), results.targets.len()));
    let summary = summary(&results, &trained, params.lookback_days);
    Ok((results, summary, Found { findings, trained, counts }))
}

/// Churn models of the prior run that are young enough to score.
fn kept_churn(params: &Params, seen: &Seen<'_>) -> Result<KeptChurn> {
    // All that models see and are made by; what is made of their scores is not.
    let not_seen = ["job", "audit", "due", "groups"];
    let mut by = params.definitions()?;
    by.retain(|(name, _)| !not_seen.contains(&name.as_str()) && !name.starts_with("campaigns."));
    let by = serde_json::json!({"program": PROGRAM, "definitions": by, "erased": seen.erased_digest});
    let trained_by = hex(&sha256(by.to_string().as_bytes()));
    let mut reports = [None, None];
    let prior = seen.prior.filter(|_| params.churn.train_every_days > 0);
    for (report, name) in reports.iter_mut().zip(CHURN_MODELS) {
        let found = prior.map(|prior| prior.model::<ChurnReport>(name)).transpose()?.flatten();
        *report = found.filter(|report| report.is_fresh((params.as_of, &trained_by), params.churn.train_every_days));
    }
    Ok(KeptChurn { reports, trained_by })
}

/// What the artefacts of churn are called, by segment.
const CHURN_MODELS: [&str; 2] = ["churn", "churn_newcomers"];

/// Models of customers, and the one of due lists where it is asked for.
fn train(
    params: &Params,
    (state, world): (&mut State, &World),
    (dates, inputs, memory): (&Dates, churn::Inputs, &Allowance),
    (kept, progress): (KeptChurn, &dyn Progress),
) -> Result<(Trained, Option<DueModel>)> {
    progress.begin("train and grade models");
    let forecasts = if params.cycle.challengers.is_empty() { 0 } else { state.snapshots.iter().map(|snapshot| snapshot.buyers.len()).sum() };
    let _held = memory.take("train and grade models", backtest::challenge_bytes(forecasts, params.features.for_models().features().len()))?;
    let mut trained = backtest::train(state, dates, inputs, (&params.cycle, &params.churn), kept)?;
    if let Some(report) = &mut trained.cycle
        && let Model::Cohorts(of) = &report.fit.model
    {
        let name = |cohort: u16| params.cycle.cohorts.name(cohort, &world.channels, &world.stores);
        report.cohorts = of.cohorts.iter().map(|(cohort, _)| (*cohort, name(*cohort))).collect();
    }
    progress.end(&format!("trained to {}, graded on {}", dates.training.last().unwrap_or(&dates.test), dates.test));
    let Some(purchases) = &state.purchases else { return Ok((trained, None)) };
    progress.begin("train and grade due lists");
    match backtest::train_due(purchases, &due_plan(params, world, memory), params.as_of, &mut trained.grades) {
        Ok((model, report)) => {
            progress.end(&format!("{} pairs of {} customers, graded on {}", report.rows, report.customers, report.test_date));
            trained.due = Some(report);
            Ok((trained, Some(model)))
        }
        Err(error) if error.kind() == Kind::Input => {
            progress.end("none");
            trained.missing.push(error.to_string());
            Ok((trained, None))
        }
        Err(error) => Err(error),
    }
}

/// At which dates is looked, and how many customers are sampled there: where churn models of the prior run score, training dates are for the choice of a
/// purchase-cycle model; where none is asked for, for samples that are published.
fn dates_and_samples(params: &Params, kept: &KeptChurn) -> (Dates, SampleSizes) {
    let all = params.sample_customers;
    let dates = Dates::choose(params.as_of, params.grid);
    let is_chosen = params.models && !(params.cycle.candidates().is_empty() && params.cycle.challengers.is_empty());
    let is_learnt_from = params.models || params.publish_samples;
    let mut populations = params.churn.population.sizes(if is_learnt_from { all } else { 0 });
    let is_kept = |report: &Option<ChurnReport>| report.is_some() && !params.publish_samples;
    populations.iter_mut().zip(&kept.reports).filter(|(_, report)| is_kept(report)).for_each(|(size, _)| *size = 0);
    let samples = SampleSizes {
        populations,
        training_buyers: if is_chosen { all } else { 0 },
        test_buyers: if params.models { all } else { 0 },
        buyers_features: params.cycle.boosts(),
    };
    let dates = match is_chosen || populations != [0, 0] {
        true => dates,
        false if params.models => Dates { training: Vec::new(), ..dates },
        false => Dates::only(params.as_of),
    };
    (dates, samples)
}

/// What the state takes of the memory: what stays (but for cells of past dates and baskets), and samples, which go once models are trained.
fn state_memory(params: &Params, (customers, dates, samples): (usize, &Dates, SampleSizes), memory: &Allowance) -> Result<[Held; 2]> {
    // Both features of a window look at the same baskets.
    let windows = |peers: Peers| params.features.features().iter().filter(|feature| feature.peers == Some(peers)).count();
    let baskets = windows(Peers::Count).max(windows(Peers::Top)) * customers * features::BASKET_BYTES;
    let samples = samples.bytes(customers, dates.training.len(), params.features.for_models().features().len());
    let taken = |bytes: u64| memory.take("collect features", bytes);
    Ok([taken(shards::state_bytes(customers, dates.past().len()) + baskets as u64)?, taken(samples)?])
}

/// Checks the newest days, now that it is known whose lines the table `customers` does not know, and which are there twice.
fn check_days(params: &Params, (names, state): (&ClosedNames, &State), feeds: &mut FeedsByName, complete: &mut Complete) -> DaysChecked {
    let (sources, stores) = (names.keys.sources.texts(), names.stores.texts());
    feeds.add((&sources, &stores), &state.unknown, |day| &mut day.unknown);
    feeds.add((&sources, &stores), &state.repeated, |day| &mut day.repeated);
    let checked = params.audit.check_days(feeds, complete, params.as_of);
    complete.faulty_stores.clone_from(&checked.faulty_stores);
    checked
}

/// What features say of a customer among everyone who is not left out: where numbers are cut, and what is missed.
fn look_at_everyone(params: &Params, people: &People, state: &State, world: &mut World) -> Result<()> {
    for (place, feature) in params.features.features().iter().enumerate().filter(|(_, feature)| feature.ranked.is_some() || feature.peers.is_some()) {
        let cells = state.rows.column(place)?;
        let counted = cells.into_iter().zip(&people.customers).filter(|(_, customer)| customer.left_out.is_none()).map(|(cell, _)| cell);
        match feature.ranked {
            Some(ranked) => world.cuts.extend(features::cut(feature, ranked, &counted.collect::<Vec<_>>())),
            None => drop(world.missed.insert(feature.name.clone(), world.baskets.missed(counted))),
        }
    }
    world.baskets.close();
    Ok(())
}

fn summary(results: &Results, trained: &Trained, window_days: i32) -> Summary {
    let everyone = &results.everyone;
    Summary {
        customers: everyone.people.customers.len(),
        buyers: everyone.facts.iter().filter(|facts| facts.last_day.get().is_some()).count(),
        groups: results.groups.clone(),
        lists: list_lines(&results.targets),
        withheld: results.withheld.clone(),
        findings: Vec::new(),
        cycle: trained.cycle.clone(),
        churn: trained.churn.clone(),
        due: trained.due.clone(),
        missing: trained.missing.clone(),
        window_days,
    }
}

/// What a run found out, before it is published.
struct Found {
    findings: Vec<Finding>,
    trained: Trained,
    counts: Vec<(String, Counts)>,
}

fn stage(params: &Params, (store, identity): (&Store, &Identity), results: &Results, found: &Found, progress: &dyn Progress) -> Result<Staged> {
    let folder = identity.run.folder();
    let Found { findings, trained, counts } = found;
    let mut staged = Staged::new(params.customers.keep_ids || params.churn.train_every_days > 0);
    let chunks = KeyChunks::new(store.memory());
    for table in TableOf::all(params) {
        progress.begin(&format!("publish {}", table.contract.name));
        let before = staged.bytes_written;
        staged.rows((store, &folder), (&table.contract, Some(&chunks)), results.everyone.frames(params, &table))?;
        progress.end(&format!("{} new bytes", staged.bytes_written - before));
    }
    drop(chunks);
    progress.begin("publish");
    staged.table(store, &folder, &features::cuts_table(&results.everyone.world.cuts, params.as_of)?)?;
    for table in &results.tables {
        staged.table(store, &folder, table)?;
    }
    for (campaign, target) in &results.targets {
        staged.table(store, &folder, &target.list)?;
        staged.table(store, &folder, &target.exclusions)?;
        staged.file(store, &folder, campaign, target.file.clone())?;
    }
    let mut grades = backtest::table(&trained.grades, params.as_of)?;
    // Models of the prior run come with their grades.
    grades.contract.class = if params.churn.train_every_days > 0 { Class::Chained } else { Class::Pure };
    staged.table(store, &folder, &grades)?;
    staged.table(store, &folder, &audit::table(findings, params.reads_prior(), params.as_of)?)?;
    staged.table(store, &folder, &audit::quarantine_table(counts, params.as_of)?)?;
    staged.table(store, &folder, &definitions_table(params)?)?;
    if let Some(cycle) = &trained.cycle {
        staged.model(store, &folder, "cycle", cycle)?;
    }
    if let Some(due) = &trained.due {
        staged.model(store, &folder, "due", due)?;
    }
    for (churn, name) in trained.churn.iter().zip(CHURN_MODELS) {
        churn.iter().try_for_each(|churn| staged.model(store, &folder, name, churn))?;
    }
    Ok(staged)
}

fn manifest(params: &Params, identity: &Identity, verdict: Verdict, inputs: Vec<publish::InputTable>, staged: Staged) -> Manifest {
    let status = match verdict {
        Verdict::Published => "published",
        Verdict::Held => "held",
    };
    Manifest {
        version: 1,
        job: params.name.clone(),
        as_of: params.as_of.to_string(),
        run_id: identity.run.run_id.clone(),
        build_id: identity.build_id.clone(),
        status: status.to_owned(),
        currency: params.currency.code.clone(),
        program: PROGRAM.to_owned(),
        config_sha256: identity.config_sha256.clone(),
        prior: identity.prior.clone(),
        previous_live: None,
        attempt: String::new(),
        base_build_id: identity.base_build_id.clone(),
        rewrites: Vec::new(),
        inputs,
        tables: staged.tables,
        models: staged.models,
        files: staged.files,
        manifest_sha256: String::new(),
    }
}
