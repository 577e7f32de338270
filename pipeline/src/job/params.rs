//! The checked config of a job: every section's parameters, and the digest of what they mean.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::backtest::Origins;
use crate::campaigns;
use crate::config::{self, Environment, Faults, Override, RawBacktest, RawDueLevel, RawKeep, RawRun, RawSnapshots, Secret};
use crate::customers;
use crate::error::{Error, Kind, Result};
use crate::features;
use crate::groups;
use crate::key::{Erased, hex, sha256};
use crate::lake::{self, Cut};
use crate::models::{churn, cycle, due};
use crate::money::Currency;
use crate::publish::Keep;
use crate::rule::Value;
use crate::shards;
use crate::store::{Location, RawLocation, Retries};
use crate::time::{Day, Grid, Zone};

/// A job, checked.
pub struct Params {
    /// Its name.
    pub name: String,
    /// The last day that may be seen.
    pub as_of: Day,
    /// Zone in which days begin.
    pub zone: Zone,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Whether models are trained, and customers scored.
    pub models: bool,
    /// Salt of everything that is drawn.
    pub salt: String,
    /// Key of the hashes of those who are erased.
    pub erasure_key: Option<Secret>,
    /// Where it publishes.
    pub store: Location,
    /// What `gc` leaves alone there.
    pub keep: Keep,
    /// Threads; 0 for one a core.
    pub threads: usize,
    /// Shards.
    pub shards: usize,
    /// Bytes that the program's own buffers may hold.
    pub memory_limit: u64,
    /// Bytes that may be spilled.
    pub scratch_limit: u64,
    /// Whether what was read is kept for the next run.
    pub keep_state: bool,
    /// Folder for temporary files; None for the system's.
    pub scratch: Option<String>,
    /// What may be spent on trying again.
    pub retries: Retries,
    /// The input.
    pub lake: lake::Params,
    /// Thresholds of the input.
    pub audit: audit::Params,
    /// Identity.
    pub customers: customers::Params,
    /// The grid of snapshot dates.
    pub grid: Grid,
    /// Length of the observation window.
    pub lookback_days: i32,
    /// Size of samples.
    pub sample_customers: usize,
    /// Whether the samples are published.
    pub publish_samples: bool,
    /// The chosen features.
    pub features: features::Params,
    /// When customers return.
    pub cycle: cycle::Params,
    /// Who leaves.
    pub churn: churn::Params,
    /// When what is bought again.
    pub due: due::Params,
    /// What `backtest` looks back on.
    pub origins: Origins,
    /// Groups.
    pub groups: groups::Params,
    /// Campaigns.
    pub campaigns: Vec<campaigns::Params>,
}

/// What the command line adds to a config.
pub struct Options<'a> {
    /// `--as-of`.
    pub as_of: Option<&'a str>,
    /// `--set`.
    pub overrides: &'a [Override],
    /// The environment.
    pub environment: Environment<'a>,
}

/// Reads and checks a job from the text of `file`.
///
/// # Errors
/// `Config`, with all faults that can be told apart.
pub fn load(file: &str, text: &str, options: &Options<'_>) -> Result<Params> {
    // Editors of some systems begin a file with a byte order mark.
    let (raw, places) = config::read(file, text.trim_start_matches('\u{feff}'), options.overrides)?;
    let mut faults = Faults::new(file, &places, options.environment);
    let features = features::check(&raw.features, raw.churn.families.clone().unwrap_or_default(), &mut faults);
    let (cycle, churn) = (cycle::check(raw.cycle, &mut faults), churn::check(raw.churn, &features, &mut faults));
    let columns = [features::contract(features.features()), shards::scores_contract(&cycle, &churn.population), groups::contract()];
    let groups = groups::check(raw.groups, &mut faults);
    let snapshots = check_snapshots(&raw.snapshots, churn.population.horizon_days, &mut faults);
    let as_of = options.as_of.map(str::to_owned).or(raw.job.as_of);
    let given = [&as_of, &raw.job.timezone, &raw.job.currency].map(Option::is_some);
    let zone = faults.text("job.timezone", raw.job.timezone, "an IANA time zone");
    let currency = faults.text("job.currency", raw.job.currency, "an ISO 4217 code");
    let as_of = faults.text("job.as_of", as_of, "a date YYYY-MM-DD (here or as --as-of)");
    let checked = (Day::parse(&as_of), Zone::parse(&zone), Currency::parse(&currency));
    for (path, text, bad, expected) in [
        (if options.as_of.is_some() { "--as-of" } else { "job.as_of" }, &as_of, given[0] && checked.0.is_none(), "a date YYYY-MM-DD"),
        ("job.timezone", &zone, given[1] && checked.1.is_none(), "an IANA time zone"),
        ("job.currency", &currency, given[2] && checked.2.is_none(), "an ISO 4217 code of three capitals"),
    ] {
        if bad {
            faults.add(path, expected, format!("`{text}`"));
        }
    }
    let mut params = Params {
        keep: check_keep(raw.store.keep.unwrap_or_default(), &mut faults),
        store: Location::check(RawLocation { url: raw.store.url, options: raw.store.options, private_hosts: raw.store.private_hosts }, "store", &mut faults),
        threads: faults.ranged("run.threads", raw.run.threads, 0..=1024) as usize,
        shards: faults.ranged("run.shards", raw.run.shards, 1..=65_536) as usize,
        scratch_limit: faults.ranged("run.scratch_limit_mib", raw.run.scratch_limit_mib, 0..=1 << 30) << 20,
        memory_limit: faults.ranged("run.memory_limit_mib", raw.run.memory_limit_mib, 1..=1 << 20) << 20,
        keep_state: raw.run.keep_state.unwrap_or_default(),
        scratch: raw.run.scratch.clone().filter(|scratch| !scratch.is_empty()),
        retries: check_retries(&raw.run, &mut faults),
        models: raw.job.models.unwrap_or_default(),
        salt: faults.text("job.salt", raw.job.salt, "a text"),
        erasure_key: raw.job.erasure_key.map(|key| check_erasure_key(&key, &mut faults)),
        lake: lake::check(raw.lake, &mut faults),
        audit: audit::check(raw.audit, &mut faults),
        customers: customers::check(raw.customers, &mut faults),
        campaigns: campaigns::check(&raw.campaign_defaults, raw.campaigns, &columns, &|column| groups.words(column), &mut faults),
        groups,
        grid: snapshots.0,
        lookback_days: snapshots.1,
        sample_customers: snapshots.2,
        publish_samples: raw.snapshots.publish.unwrap_or_default(),
        features,
        origins: check_origins(&raw.backtest, (cycle.horizon_days.max(churn.population.horizon_days), snapshots.0.late_days), &mut faults),
        due: due::check(raw.due, &mut faults),
        cycle,
        churn,
        name: check_name(raw.job.name, &mut faults),
        as_of: checked.0.unwrap_or(Day(0)),
        zone: checked.1.unwrap_or_else(|| Zone::parse("UTC").expect("UTC is compiled in")),
        currency: checked.2.unwrap_or(Currency { code: String::new(), digits: 2 }),
    };
    check_together(&mut params, &mut faults);
    faults.finish()?;
    Ok(params)
}

/// What churn models are made by.
#[derive(Serialize)]
struct ChurnDefinition<'a> {
    /// Families of features that they take.
    families: &'a [String],
    #[serde(flatten)]
    params: &'a churn::Params,
}

/// What sections ask of one another; columns of which none makes anything are not read.
fn check_together(params: &mut Params, faults: &mut Faults<'_>) {
    features::check_sources(&params.features, &params.lake, faults);
    due::check_sources(&params.due, &params.lake, faults);
    if !params.models && params.due.level != RawDueLevel::None {
        faults.add("due.level", "`none` in a job without models (`job.models`)", "a level");
    }
    if !params.models {
        check_lists_without_models(params, faults);
    }
    let channels: BTreeSet<&str> = params.campaigns.iter().map(|campaign| campaign.channel.as_str()).collect();
    for channel in params.audit.channels().filter(|channel| !channels.is_empty() && !channels.contains(channel)) {
        faults.add_unknown(&format!("audit.contactable_share_min.{channel}"), "channels of the campaigns", channels.iter().copied(), channel);
    }
    params.lake.read_only(&params.features.sources().chain(params.cycle.cohorts.sources().iter().copied()).collect());
}

/// What only models say is unknown of everyone in a job without them: a list by it would be empty.
fn check_lists_without_models(params: &Params, faults: &mut Faults<'_>) {
    let scores = shards::scores_contract(&params.cycle, &params.churn.population);
    let of_models = |column: &str| column == "risk_tier" || column != "customer_id" && scores.column(column).is_some();
    for campaign in &params.campaigns {
        let rules = campaign
            .audience
            .iter()
            .enumerate()
            .filter(|(_, rule)| !rule.holds(Value::Null))
            .map(|(index, rule)| (format!("audience[{index}].{}", rule.column), rule.column.as_str()));
        for (key, column) in rules.chain([("order_by".to_owned(), campaign.order_by.as_str())]).filter(|(_, column)| of_models(column)) {
            faults.add(
                &format!("campaigns.{}.{key}", campaign.name),
                "a column that no model makes, in a job without models (`job.models`)",
                format!("`{column}`"),
            );
        }
    }
}

fn check_name(name: Option<String>, faults: &mut Faults<'_>) -> String {
    let is_told = name.is_some();
    let name = faults.text("job.name", name, "a name of a-z, 0-9, _ and -");
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if is_told && (name.is_empty() || !name.bytes().all(fine) || name.starts_with('-')) {
        faults.add("job.name", "a name of a-z, 0-9, _ and -", format!("`{name}`"));
    }
    name
}

fn check_erasure_key(key: &str, faults: &mut Faults<'_>) -> Secret {
    let secret = faults.option("job.erasure_key", key);
    if !key.starts_with("${secret:") || secret.reveal().len() < 16 {
        faults.add("job.erasure_key", "`${secret:NAME}`, a secret of 16 bytes or more", "another text");
    }
    secret
}

fn check_keep(raw: RawKeep, faults: &mut Faults<'_>) -> Keep {
    let mut count = |key: &str, value: Option<u32>| value.map(|value| faults.ranged(&format!("store.keep.{key}"), Some(value), 1..=100_000));
    let (dates, days) = (count("dates", raw.dates), count("days", raw.days));
    let hours = faults.ranged("store.keep.min_age_hours", raw.min_age_hours, 0.0..=1e6);
    Keep { dates, days, min_age_seconds: (hours * 3600.0) as u64 }
}

fn check_retries(raw: &RawRun, faults: &mut Faults<'_>) -> Retries {
    Retries {
        times: faults.ranged("run.retries", raw.retries, 0..=100),
        wait_max: Duration::from_secs(faults.ranged("run.retry_wait_seconds_max", raw.retry_wait_seconds_max, 0..=86_400)),
        wait_first: Duration::from_millis(faults.ranged("run.retry_wait_first_ms", raw.retry_wait_first_ms, 1..=60_000)),
    }
}

fn check_snapshots(raw: &RawSnapshots, horizon_days: i32, faults: &mut Faults<'_>) -> (Grid, i32, usize) {
    let grid = Grid {
        every_days: faults.ranged("snapshots.every_days", raw.every_days, 1..=365) as i32,
        training_dates: faults.ranged("snapshots.training_dates", raw.training_dates, 1..=24) as i32,
        late_days: faults.ranged("snapshots.late_days", raw.late_days, 0..=365) as i32,
        horizon_days,
    };
    let lookback_days = faults.ranged("snapshots.lookback_days", raw.lookback_days, 1..=3650) as i32;
    let sample = faults.ranged("snapshots.sample_customers", raw.sample_customers, 100..=10_000_000) as usize;
    (grid, lookback_days, sample)
}

fn check_origins(raw: &RawBacktest, (horizon_days, late_days): (i32, i32), faults: &mut Faults<'_>) -> Origins {
    Origins {
        vintages: faults.ranged("backtest.vintages", raw.vintages, 1..=104) as i32,
        every_days: faults.ranged("backtest.every_days", raw.every_days, 1..=365) as i32,
        horizon_days,
        late_days,
    }
}

impl Params {
    /// What every definition in force means, by name: the table `definitions`, and the config's part of build_id. Credentials,
    /// endpoints, threads and scratch are no part of it.
    ///
    /// # Errors
    /// `Bug` if a value cannot be written as JSON.
    pub fn definitions(&self) -> Result<Vec<(String, String)>> {
        let snapshots = json!({
            "every_days": self.grid.every_days, "training_dates": self.grid.training_dates, "late_days": self.grid.late_days,
            "lookback_days": self.lookback_days, "sample_customers": self.sample_customers, "publish": self.publish_samples,
        });
        let salt = hex(&sha256(self.salt.as_bytes()));
        let job = json!({"name": self.name, "timezone": self.zone.name(), "currency": self.currency, "models": self.models, "salt_sha256": salt});
        let churn = ChurnDefinition { families: self.features.families_of_models(), params: &self.churn };
        let write = |value: serde_json::Result<String>| value.map_err(|error| Error::bug(format!("definitions: {error}")));
        let mut named = vec![
            ("job".to_owned(), job.to_string()),
            ("audit".to_owned(), write(serde_json::to_string(&self.audit))?),
            ("customers".to_owned(), write(serde_json::to_string(&self.customers))?),
            ("snapshots".to_owned(), snapshots.to_string()),
            ("features".to_owned(), write(serde_json::to_string(&self.features))?),
            ("cycle".to_owned(), write(serde_json::to_string(&self.cycle))?),
            ("churn".to_owned(), write(serde_json::to_string(&churn))?),
            ("due".to_owned(), write(serde_json::to_string(&self.due))?),
            ("groups".to_owned(), write(serde_json::to_string(&self.groups))?),
        ];
        for table in &self.lake.tables {
            named.push((format!("lake.{}", table.input.contract.name), write(serde_json::to_string(table))?));
        }
        for campaign in &self.campaigns {
            named.push((format!("campaigns.{}", campaign.name), write(serde_json::to_string(campaign))?));
        }
        Ok(named)
    }

    /// Whether a run reads the one before.
    pub fn reads_prior(&self) -> bool {
        self.audit.reads_prior() || self.customers.keep_ids || self.churn.train_every_days > 0
    }

    /// What a run may see, and in which units.
    pub fn cut(&self, erased: &Erased) -> Cut {
        Cut { as_of: self.as_of, zone: self.zone.clone(), currency: self.currency.clone(), erased: erased.clone() }
    }

    /// Runs `work` on as many threads as the config says.
    ///
    /// # Errors
    /// `Limit` if the system gives no threads; whatever `work` returns.
    pub fn with_threads<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
        pool.map_err(|error| Error::new(Kind::Limit, format!("threads: {error}")))?.install(work)
    }
}
