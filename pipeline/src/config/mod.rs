//! Raw sections as read, with positions; the fault collector; environment, overrides and schema.
//!
//! Only shapes are known here. What a value means is checked by the module that owns it, in `check(raw, &mut Faults)`.

mod audience;
mod document;
mod faults;
mod job;
mod lake;
mod models;
mod nearest;
mod overlay;
mod rule;
mod secret;
mod stages;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_yaml::Error as YamlError;

pub use audience::{RawCampaign, RawGroup, RawGroups, RawOrder, RawReader};
pub use document::{Place, Places};
pub use faults::{Environment, Faults};
pub use job::{RawJob, RawKeep, RawRun, RawStore};
pub use lake::{RawColumn, RawExtra, RawLake, RawMissing, RawTable};
pub use models::{
    RawBacktest, RawBaseline, RawChallenger, RawChoose, RawChurn, RawChurnModel, RawCohorts, RawCohortsBy, RawCycle, RawCycleModel, RawDirection, RawDue,
    RawDueLevel, RawLeaving, RawPrior, RawProfit,
};
pub use nearest::hint;
pub use overlay::Overlay;
pub use rule::{RawRules, RawScalar, RawTest};
pub use secret::Secret;
pub use stages::{
    RawAudit, RawAuditDays, RawBlocked, RawCountry, RawCustomers, RawDrift, RawDriftHolds, RawFamily, RawFeatures, RawHoldIf, RawHousehold, RawLate, RawLink,
    RawSnapshots,
};

use crate::error::{Error, Kind, Result};

/// The defaults, as a text that a person can read: `configs/defaults.yaml`.
pub const DEFAULTS: &str = include_str!("../../../configs/defaults.yaml");

/// The version of the configuration's shape that this program reads.
pub const VERSION: u32 = 1;

/// Lists the sections once: field, YAML key and shape.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)+) => {
        /// A whole job as read: defaults, file and overrides laid over each other.
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Raw {
            /// Version of the configuration's shape: 1.
            pub version: u32,
            $($(#[$doc])* #[serde(default)] pub $name: $kind,)+
        }

        const SECTIONS: &[&str] = &["version", $(stringify!($name)),+];

        impl Raw {
            /// Reads one section over this configuration.
            fn read(&mut self, section: &document::Section) -> std::result::Result<(), YamlError> {
                match section.name.as_str() {
                    "version" => self.version = body(&section.text)?,
                    $(stringify!($name) => Overlay::overlay(&mut self.$name, body::<$kind>(&section.text)?),)+
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

sections! {
    /// What this job is.
    job: RawJob,
    /// Where results are published.
    store: RawStore,
    /// Means of the run.
    run: RawRun,
    /// The input tables.
    lake: RawLake,
    /// Thresholds of the input.
    audit: RawAudit,
    /// How source customers become customers.
    customers: RawCustomers,
    /// The dates at which models are trained and graded.
    snapshots: RawSnapshots,
    /// Which features are built.
    features: RawFeatures,
    /// When each customer returns.
    cycle: RawCycle,
    /// Who leaves.
    churn: RawChurn,
    /// When each customer buys what again.
    due: RawDue,
    /// What `regulars backtest` looks back on.
    backtest: RawBacktest,
    /// How customers are sorted into groups.
    groups: RawGroups,
    /// What campaigns have in common; a campaign's own keys win.
    campaign_defaults: RawCampaign,
    /// Target lists by campaign.
    campaigns: BTreeMap<String, RawCampaign>,
}

/// The value of the one section in `text`.
fn body<T: DeserializeOwned>(text: &str) -> std::result::Result<T, YamlError> {
    let options = serde_yaml::options! { strict_booleans: true, with_snippet: false };
    let parsed: BTreeMap<String, T> = serde_yaml::from_str_with_options(text, options)?;
    parsed.into_values().next().ok_or_else(|| serde::de::Error::custom("an empty section"))
}

/// One override from the command line: dotted key and YAML value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Dotted path of the key.
    pub key: String,
    /// The value, as YAML.
    pub value: String,
}

impl Override {
    /// The override as a text of its own: the key's parts, each a line deeper, and the value behind the last.
    fn yaml(&self) -> String {
        let parts: Vec<&str> = self.key.split('.').collect();
        let lines = parts.iter().enumerate().map(|(depth, part)| format!("{}{part}:", "  ".repeat(depth)));
        format!("{} {}\n", lines.collect::<Vec<_>>().join("\n"), self.value)
    }
}

/// Reads `text` (named `file` in errors) over the defaults and `overrides` over both.
///
/// # Errors
/// `Config`, with the first fault of syntax or shape of every section.
pub fn read(file: &str, text: &str, overrides: &[Override]) -> Result<(Raw, Places)> {
    let mut raw = Raw::default();
    let mut places = Places::default();
    let mut faults = Vec::new();
    layer(&mut raw, &mut places, "configs/defaults.yaml", DEFAULTS, &mut faults);
    check_version(file, text)?;
    layer(&mut raw, &mut places, file, text, &mut faults);
    for given in overrides {
        let mut own = Places::default();
        layer(&mut raw, &mut own, &format!("--set {}", given.key), &given.yaml(), &mut faults);
        places.extend(own.unnumbered());
    }
    if faults.is_empty() { Ok((raw, places)) } else { Err(Error::new(Kind::Config, faults.join("\n"))) }
}

/// `version` is read first and alone, so that a file of another version gets one clear fault.
fn check_version(file: &str, text: &str) -> Result<()> {
    // What is no section is told later.
    let Ok(sections) = document::sections(text) else { return Ok(()) };
    let fault = |line, got| {
        let message = format!("{file}:{line}:1: version: expected {VERSION}, got {got}");
        Err(Error::new(Kind::Config, message))
    };
    let Some(section) = sections.iter().find(|section| section.name == "version") else {
        return fault(1, "nothing".to_owned());
    };
    match body::<u32>(&section.text) {
        Ok(VERSION) => Ok(()),
        Ok(other) => fault(section.line, other.to_string()),
        Err(_) => fault(section.line, "something else".to_owned()),
    }
}

/// Lays one text over `raw`, section by section, and notes where its values stand.
fn layer(raw: &mut Raw, places: &mut Places, file: &str, text: &str, faults: &mut Vec<String>) {
    let sections = match document::sections(text) {
        Ok(sections) => sections,
        Err(line) => return faults.push(format!("{file}:{line}:1: expected `section:` (one section below the other, not in braces), got something else")),
    };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for section in &sections {
        let at = format!("{file}:{}:1: {}", section.line, section.name);
        if !SECTIONS.contains(&section.name.as_str()) {
            faults.push(format!(
                "{at}: expected one of the sections {}, got `{}`{}",
                SECTIONS.join(", "),
                section.name,
                hint(&section.name, SECTIONS.iter().copied())
            ));
            continue;
        }
        if let Some(first) = seen.insert(&section.name, section.line) {
            faults.push(format!("{at}: expected each section once, got it again (first at line {first})"));
            continue;
        }
        let own = document::places(file, &section.text);
        if let Err(error) = raw.read(section) {
            faults.push(shape_fault(file, section, &own, &error));
        }
        places.extend(own);
    }
}

/// A fault of syntax or shape in the words of all other faults.
fn shape_fault(file: &str, section: &document::Section, places: &Places, error: &YamlError) -> String {
    let error = error.without_snippet();
    let at = error.location().map_or((section.line, 1), |at| (at.line() as usize, at.column() as usize));
    let path = places.path_at(at).unwrap_or(&section.name);
    let parent = path.rfind('.').map_or(path, |dot| &path[..dot]);
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = match error {
        YamlError::SerdeInvalidType { unexpected, expected, .. } | YamlError::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("{path}: expected {expected}, got {unexpected}")
        }
        YamlError::SerdeUnknownField { field, expected, .. } => {
            format!("{parent}.{field}: expected one of {}, got `{field}`{}", list(expected), hint(field, expected.iter().copied()))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            format!("{path}: expected one of {}, got `{variant}`{}", list(expected), hint(variant, expected.iter().copied()))
        }
        YamlError::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            format!("{path}: expected each key once, got `{key}` again")
        }
        YamlError::InvalidScalar { ty, .. } => format!("{path}: expected {}, got {}", words(ty), token(&section.text, at)),
        YamlError::InvalidBooleanStrict { .. } => format!("{path}: expected true or false, got {}", token(&section.text, at)),
        YamlError::Unexpected { expected, .. } => format!("{path}: expected {expected}, got {}", token(&section.text, at)),
        other => format!("{path}: expected YAML of this section's shape, got a fault: {}", one_line(&other.to_string())),
    };
    format!("{file}:{}:{}: {message}", at.0, at.1)
}

/// A Rust type in words.
fn words(kind: &str) -> &str {
    match kind {
        "u32" | "u64" | "i64" => "a whole number",
        "f64" => "a number",
        other => other,
    }
}

/// What stands at a place of a text, for people.
fn token(text: &str, (line, column): (usize, usize)) -> String {
    let rest: String = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().chars().skip(column.saturating_sub(1)).collect();
    let end = rest.find([',', '}', ']', '#']).unwrap_or(rest.len());
    match rest[..end].trim() {
        "" => "something else".to_owned(),
        token => format!("`{token}`"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The JSON Schema of a job's YAML, for editors.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Raw);
    serde_json::to_string_pretty(&schema).expect("a schema is a tree of plain values") + "\n"
}
