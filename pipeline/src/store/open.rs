//! From a URL and options to a store. Options that nothing knows are faults, not dropped.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::connect::{self, Connector, Hosts};
use super::disk::Disk;
use super::{Access, Store, words};
use crate::config::{Faults, Secret};
use crate::error::{Error, Kind, Result};

/// Where a store is, checked: a folder or a URL, and its options.
#[derive(Debug, Clone)]
pub struct Location {
    url: String,
    options: BTreeMap<String, Secret>,
    hosts: Hosts,
}

/// The keys of a section that say where a store is.
#[derive(Debug, Clone, Default)]
pub struct RawLocation {
    /// `url`.
    pub url: Option<String>,
    /// `options`.
    pub options: Option<BTreeMap<String, String>>,
    /// `private_hosts`.
    pub private_hosts: Option<Vec<String>>,
}

impl Location {
    /// Checks a section's `url`, `options` and `private_hosts`.
    pub fn check(raw: RawLocation, section: &str, faults: &mut Faults<'_>) -> Self {
        let path = format!("{section}.url");
        let url = faults.text(&path, raw.url, "a folder or a URL");
        if url.contains("://") && scheme(&url).is_none() {
            faults.add(&path, "a folder, or a URL of file, s3, gs, az, memory", format!("`{url}`"));
        }
        let hosts = Hosts::new(raw.private_hosts.unwrap_or_default());
        let mut checked = BTreeMap::new();
        for (key, value) in raw.options.unwrap_or_default() {
            let path = format!("{section}.options.{key}");
            if !known_option(&url, &key) {
                faults.add(&path, "an option of this kind of store", format!("`{key}`"));
            }
            let value = faults.option(&path, &value);
            if key.ends_with("endpoint")
                && let Err(words) = hosts.check(value.reveal())
            {
                faults.add_words(&path, &words);
            }
            checked.insert(key, value);
        }
        let plain = checked.iter().find(|(key, value)| key.ends_with("endpoint") && value.reveal().starts_with("http:"));
        if let Some((key, _)) = plain
            && checked.get("allow_http").is_none_or(|value| value.reveal() != "true")
        {
            faults.add(&format!("{section}.options.{key}"), "https, or the option `allow_http: 'true'`: credentials would travel in the open", "http");
        }
        Self { url, options: checked, hosts }
    }

    /// A folder of this machine.
    pub fn folder(path: &str) -> Self {
        Self { url: path.to_owned(), options: BTreeMap::new(), hosts: Hosts::default() }
    }

    /// The location in messages and digests; credentials are not part of it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens the store; where `create` is set, a local folder is made.
    ///
    /// # Errors
    /// `Input` if a local folder that should be read is missing; `Store` if the options cannot be used.
    pub fn open(&self, create: bool, access: &Access) -> Result<Store> {
        match scheme(&self.url) {
            None | Some(ObjectStoreScheme::Local) => self.open_local(create, access),
            Some(_) => self.open_remote(access),
        }
    }

    fn open_local(&self, create: bool, access: &Access) -> Result<Store> {
        let folder = match Url::parse(&self.url) {
            Ok(url) if url.scheme() == "file" => url.to_file_path().map_err(|()| self.refused("not a local path"))?,
            _ => self.url.clone().into(),
        };
        let disk = Disk::open(&folder, create, access.calls.clone()).map_err(|error| match create {
            true => self.refused(&error.to_string()),
            false => Error::input(format!("{}: expected a folder, got nothing there", self.url)),
        })?;
        let root = disk.root().to_owned();
        Ok(Store::new(Arc::new(disk), Path::default(), access, Some(root), &self.url))
    }

    fn open_remote(&self, access: &Access) -> Result<Store> {
        let url = Url::parse(&self.url).map_err(|error| self.refused(&error.to_string()))?;
        let (scheme, root) = ObjectStoreScheme::parse(&url).map_err(|error| self.refused(&words(&error)))?;
        let inner = self.build(scheme).map_err(|error| self.refused(&words(&error)))?;
        Ok(Store::new(inner, root, access, None, self.url.trim_end_matches('/')))
    }

    fn build(&self, scheme: ObjectStoreScheme) -> object_store::Result<Arc<dyn ObjectStore>> {
        macro_rules! built {
            ($builder:ty, $key:ty, $endpoint:expr) => {{
                let connector = Connector(self.hosts.clone());
                let mut builder = <$builder>::from_env().with_url(&self.url).with_retry(no_retries()).with_http_connector(connector);
                for (key, value) in &self.options {
                    builder = builder.with_config(<$key>::from_str(key)?, value.reveal());
                }
                // The environment may name one too.
                if let Some(endpoint) = builder.get_config_value(&$endpoint) {
                    self.hosts.check(&endpoint).map_err(|words| object_store::Error::Generic { store: "endpoint", source: words.into() })?;
                }
                Arc::new(builder.build()?) as Arc<dyn ObjectStore>
            }};
        }
        Ok(match scheme {
            ObjectStoreScheme::AmazonS3 => built!(AmazonS3Builder, AmazonS3ConfigKey, AmazonS3ConfigKey::Endpoint),
            ObjectStoreScheme::GoogleCloudStorage => built!(GoogleCloudStorageBuilder, GoogleConfigKey, GoogleConfigKey::BaseUrl),
            ObjectStoreScheme::MicrosoftAzure => built!(MicrosoftAzureBuilder, AzureConfigKey, AzureConfigKey::Endpoint),
            _ => Arc::new(InMemory::new()),
        })
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(Kind::Store, format!("{}: {why}", self.url))
    }
}

/// `Access` tries requests again, so that reads, writes and lists share one budget; object_store itself does not.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// The kind of store that a URL names; None for a plain folder or a URL that is not ours.
fn scheme(url: &str) -> Option<ObjectStoreScheme> {
    let parsed = Url::parse(url).ok().filter(|_| url.contains(":/"))?;
    let (scheme, _) = ObjectStoreScheme::parse(&parsed).ok()?;
    (!matches!(scheme, ObjectStoreScheme::Http)).then_some(scheme)
}

/// Whether a store of this URL has an option `key`, and it is kept.
fn known_option(url: &str, key: &str) -> bool {
    if ClientConfigKey::from_str(key).is_ok() && !connect::keeps(key) {
        return false;
    }
    match scheme(url) {
        Some(ObjectStoreScheme::AmazonS3) => AmazonS3ConfigKey::from_str(key).is_ok(),
        Some(ObjectStoreScheme::GoogleCloudStorage) => GoogleConfigKey::from_str(key).is_ok(),
        Some(ObjectStoreScheme::MicrosoftAzure) => AzureConfigKey::from_str(key).is_ok(),
        _ => false,
    }
}
