//! Which run this is: build_id of what it is computed from, run_id of that and of what it reads of the prior run.

use serde_json::json;

use super::inputs::Inputs;
use super::params::Params;
use crate::error::{Error, Result};
use crate::key::{hex, sha256};
use crate::publish::{ErasedList, Run, RunReference, prior};
use crate::store::Store;

/// The program's version, a part of build_id.
pub const PROGRAM: &str = concat!("regulars ", env!("CARGO_PKG_VERSION"));

/// The identity of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Digest of what the run is computed from.
    pub build_id: String,
    /// The same as it would be if nobody were erased; None where nobody is.
    pub base_build_id: Option<String>,
    /// Digest of the checked config.
    pub config_sha256: String,
    /// The run that this one compares itself with.
    pub prior: Option<RunReference>,
    /// Where the run is.
    pub run: Run,
}

/// The identity of a job over these inputs, to be published to `store`.
///
/// # Errors
/// `Bug` if something cannot be digested; those of the store.
pub fn identify(params: &Params, inputs: &Inputs, erased: &ErasedList, store: &Store) -> Result<Identity> {
    let config = serde_json::to_vec(&params.definitions()?).map_err(|error| Error::bug(format!("config digest: {error}")))?;
    let config_sha256 = hex(&sha256(&config));
    let files: Vec<_> = inputs
        .tables
        .iter()
        .map(|table| (&table.params.input.contract.name, table.sources.iter().map(|source| &source.identity).collect::<Vec<_>>()))
        .collect();
    let mut built = json!({"program": PROGRAM, "job": params.name, "as_of": params.as_of, "config": config_sha256, "inputs": files});
    let digest = |built: &serde_json::Value| hex(&sha256(built.to_string().as_bytes()));
    let base_build_id = erased.digest.as_ref().map(|_| digest(&built));
    if let Some(list) = &erased.digest {
        built["erased"] = json!(list);
    }
    let build_id = digest(&built);
    let as_of = params.as_of.to_string();
    // The prior run is a part of the identity only where the run reads it.
    let prior = if params.reads_prior() { prior(store, &params.name, &as_of, &build_id)? } else { None };
    let prior_id = prior.as_ref().map_or("none", |prior| prior.run_id.as_str());
    let run_id = hex(&sha256(format!("{build_id} prior {prior_id}").as_bytes()))[..32].to_owned();
    let run = Run { job: params.name.clone(), as_of, run_id };
    Ok(Identity { build_id, base_build_id, config_sha256, prior, run })
}
