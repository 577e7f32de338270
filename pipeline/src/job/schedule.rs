//! `check`, `plan` and `explain`: what can be said without computing a run.

use std::collections::BTreeMap;

use super::identity::{Identity, identify};
use super::inputs::Inputs;
use super::params::Params;
use super::run::read_erased;
use crate::error::{Error, Kind, Result};
use crate::publish::{Manifest, Run, read_live, read_manifest, read_rows};
use crate::report::{self, Row};
use crate::store::{Access, Store};

/// What a run would be.
pub struct Planned {
    /// Its identity.
    pub identity: Identity,
    /// Tables, with their files, rows as the footers state, and bytes.
    pub inputs: Vec<(String, usize, u64, u64)>,
    /// The committed manifest, if the run is there.
    pub committed: Option<Manifest>,
    /// as_of and run_id of the live run.
    pub live: Option<(String, String)>,
}

/// Opens the lake and checks every file against its contract; reads no row.
///
/// # Errors
/// `Input` for what breaks a contract; those of the store.
pub fn check(params: &Params, access: &Access) -> Result<Vec<(String, usize, u64, u64)>> {
    Ok(stated(&Inputs::open(params, access)?))
}

fn stated(inputs: &Inputs) -> Vec<(String, usize, u64, u64)> {
    let table = |table: &crate::lake::OpenTable| {
        let rows = table.sources.iter().map(crate::lake::Source::rows).sum();
        let bytes = table.sources.iter().map(|source| source.identity.bytes).sum();
        (table.params.input.contract.name.clone(), table.sources.len(), rows, bytes)
    };
    inputs.tables.iter().map(table).collect()
}

/// Says which run the job would be, and whether it is there.
///
/// # Errors
/// Those of `check`, and of the store that it publishes to.
pub fn plan(params: &Params, access: &Access) -> Result<Planned> {
    let inputs = Inputs::open(params, access)?;
    let store = params.store.open(true, access)?;
    let identity = identify(params, &inputs, &read_erased(params, &store)?, &store)?;
    let committed = read_manifest(&store, &identity.run)?;
    let live = read_live(&store, &params.name)?.map(|(live, _)| (live.as_of, live.run_id));
    Ok(Planned { inputs: stated(&inputs), identity, committed, live })
}

/// The rows of a customer in every table of the live run, and why each list took or left them. `customer` is a customer_id, or what a source calls them:
/// `source`, where it is told, else whichever does.
///
/// # Errors
/// `Config` if nothing is live, or nobody has this id, or several have; those of the store.
pub fn explain(params: &Params, (customer, source): (&str, Option<&str>), access: &Access) -> Result<String> {
    let store = params.store.open(false, access)?;
    let Some((live, _)) = read_live(&store, &params.name)? else {
        return Err(Error::new(Kind::Config, format!("{}: expected a live run, got none: run the job first", store.display(&params.name))));
    };
    let run = Run::at(&params.name, &live.reference());
    let found = read_manifest(&store, &run)?;
    let other = || Error::new(Kind::Store, format!("{}: expected the manifest that live names, got another or none", store.display(&run.manifest_path())));
    let manifest = found.ok_or_else(other)?;
    if manifest.sha256()? != live.manifest_sha256 {
        return Err(other());
    }
    let customer_id = customer_id_of((&store, &run, &manifest), customer, source)?;
    let mut tables = Vec::new();
    for table in manifest.tables.iter().filter(|table| table.columns.iter().any(|column| column.name == "customer_id")) {
        tables.push((table.name.clone(), read_rows(&store, &run, table, "customer_id", &customer_id)?));
    }
    let named = format!("as of {}, run {}", manifest.as_of, manifest.run_id);
    Ok(report::explain(&customer_id, &named, &tables))
}

/// The customer_id that is meant.
fn customer_id_of((store, run, manifest): (&Store, &Run, &Manifest), customer: &str, source: Option<&str>) -> Result<String> {
    let links = manifest.table("customer_links").ok_or_else(|| Error::bug("a run publishes customer_links"))?;
    if source.is_none() && !read_rows(store, run, links, "customer_id", customer)?.is_empty() {
        return Ok(customer.to_owned());
    }
    let cell = |row: &Row, name: &str| row.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let called_so = read_rows(store, run, links, "source_customer_id", customer)?;
    let of_source = called_so.iter().filter(|row| source.is_none_or(|source| cell(row, "source") == source));
    // By customer: a source that calls them so.
    let found: BTreeMap<String, String> = of_source.map(|row| (cell(row, "customer_id"), cell(row, "source"))).collect();
    let refused = |expected: &str, got: &str| {
        let which = format!("of the live run (as of {}; the table customer_links has them)", manifest.as_of);
        Err(Error::new(Kind::Config, format!("--customer: expected {expected} {which}, got {got}")))
    };
    match (found.len(), source) {
        (1, _) => Ok(found.into_keys().next().unwrap_or_default()),
        (0, Some(_)) => refused("an id as that source calls a customer", "another text"),
        (0, None) => refused("a customer_id, or an id as a source calls a customer,", "another text"),
        (_, _) => {
            let sources: Vec<String> = found.into_values().collect();
            refused("one customer", &format!("{}: --source says which ({})", sources.len(), sources.join(", ")))
        }
    }
}
