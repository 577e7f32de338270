//! The prior run, as far as this one reads it: who had which id, how large groups and lists were.

use std::collections::{BTreeMap, HashSet};

use super::params::Params;
use super::results::Results;
use crate::audit::{self, Finding};
use crate::columnar::{Column, File};
use crate::customers::{Change, Groups, Ledger};
use crate::error::{Error, Kind, Result};
use crate::key::{Erased, Id, hex, sha256};
use crate::lake::SourceKeys;
use crate::publish::{self, Manifest, Run, RunReference};
use crate::store::Store;
use crate::time::Day;

/// A committed run that is read back.
pub struct Prior<'a> {
    store: &'a Store,
    run: Run,
    manifest: Manifest,
}

impl<'a> Prior<'a> {
    /// The run that `reference` names.
    ///
    /// # Errors
    /// Those of the store; `Store` if it is gone.
    pub fn of(store: &'a Store, job: &str, reference: Option<&RunReference>) -> Result<Option<Self>> {
        let Some(reference) = reference else { return Ok(None) };
        let run = Run::at(job, reference);
        let manifest = publish::committed(store, &run)?;
        Ok(Some(Self { store, run, manifest }))
    }

    /// A committed run.
    pub fn at(store: &'a Store, run: Run, manifest: Manifest) -> Self {
        Self { store, run, manifest }
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run.run_id
    }

    /// Hands the values of `columns` in every row of a table to `visit`; no row where the run has no such table.
    ///
    /// # Errors
    /// Those of the store; `Input` if a part cannot be read; `Store` if a column is not there.
    pub fn each(&self, table: &str, columns: &[&str], mut visit: impl FnMut(&[Column], usize) -> Result<()>) -> Result<()> {
        let Some(table) = self.manifest.table(table) else { return Ok(()) };
        let choose = |file: &File| columns.iter().filter_map(|name| file.position(name)).collect();
        let mut done = Ok(());
        publish::each_batch(self.store, &self.run, table, choose, |_, rows, read| {
            if read.len() < columns.len() {
                done = Err(Error::new(
                    Kind::Store,
                    format!("table {} of run {}: expected the columns {}, got others", table.name, self.run.run_id, columns.join(", ")),
                ));
            }
            for row in 0..rows {
                if done.is_ok() {
                    done = visit(read, row);
                }
            }
        })?;
        done
    }

    /// Hands source, source_customer_id, customer_id and rule of every source customer to `visit`.
    ///
    /// # Errors
    /// As `each`.
    pub fn each_link(&self, mut visit: impl FnMut(&str, &str, Id, &str)) -> Result<()> {
        self.each("customer_links", &["source", "source_customer_id", "customer_id", "rule"], |columns, row| {
            let text = |column: usize| columns[column].text(row).unwrap_or_default();
            visit(text(0), text(1), id(text(2))?, text(3));
            Ok(())
        })
    }

    /// A model artefact; None where the run has none of this name, or of another version of the program.
    ///
    /// # Errors
    /// Those of the store; `Store` where it is damaged.
    pub fn model<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let stem = format!("models/{name}-");
        let Some(file) = self.manifest.models.iter().find(|file| file.path.starts_with(&stem)) else { return Ok(None) };
        let path = format!("{}/{}", self.run.folder(), file.path);
        let fault = |got: &str| Error::new(Kind::Store, format!("{}: expected the artefact of the manifest, got {got}", self.store.display(&path)));
        let (bytes, _) = self.store.get(&path)?.ok_or_else(|| fault("nothing"))?;
        if hex(&sha256(&bytes)) != file.sha256 {
            return Err(fault("other bytes"));
        }
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Who had which id; and the ids of those who are to be forgotten.
    ///
    /// # Errors
    /// As `each`.
    pub fn ledger(&self, (keys, groups): (&SourceKeys, &Groups), erased: &Erased) -> Result<(Ledger, HashSet<Id>)> {
        let (mut ledger, mut forgotten, linked) = (Ledger::default(), HashSet::new(), groups.own_ids(keys));
        self.each_link(|source, source_id, customer, rule| {
            if erased.holds(source, source_id) {
                forgotten.insert(customer);
            } else {
                ledger.add((keys, &linked), (source, source_id), customer, rule);
            }
        })?;
        Ok((ledger, forgotten))
    }

    /// The changes of ids so far.
    ///
    /// # Errors
    /// As `each`.
    pub fn changes(&self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let columns = ["as_of", "old_customer_id", "new_customer_id", "change", "rule", "source_customer_count"];
        self.each("customer_changes", &columns, |columns, row| {
            let text = |column: usize| columns[column].text(row).unwrap_or_default();
            let number = |column: usize| columns[column].int(row).unwrap_or_default();
            changes.push(Change {
                as_of: Day(number(0) as i32),
                old: id(text(1))?,
                new: id(text(2))?,
                is_merge: text(3) == "merged",
                rule: text(4).to_owned(),
                source_customers: number(5),
            });
            Ok(())
        })?;
        Ok(changes)
    }

    /// What the input tables lost since, by what was found of them now; and how far groups and lists moved, where the config guards them.
    ///
    /// # Errors
    /// As `each`.
    pub fn moves(&self, params: &Params, results: &Results, found: &[Finding]) -> Result<Vec<Finding>> {
        let mut before = BTreeMap::new();
        self.each("audit", &["check", "subject", "value"], |columns, row| {
            let text = |column: usize| columns[column].text(row).unwrap_or_default().to_owned();
            before.insert((text(0), text(1)), columns[2].float(row).unwrap_or_default());
            Ok(())
        })?;
        let lost = audit::lost(&before, found, &params.audit);
        if !params.audit.reads_prior() {
            return Ok(lost);
        }
        let groups = publish::group_sizes(self.store, (&self.run, &self.manifest))?;
        let now: BTreeMap<&str, u64> = results.groups.iter().map(|line| (line.group.as_str(), line.customers as u64)).collect();
        let names: std::collections::BTreeSet<&str> = now.keys().copied().chain(groups.keys().map(String::as_str)).collect();
        let size = |sizes: Option<&u64>| sizes.copied().unwrap_or_default();
        let groups: Vec<_> = names.iter().map(|name| (*name, [size(groups.get(*name)), size(now.get(name))])).collect();
        let list = |(campaign, target): &'_ (String, crate::campaigns::Target)| {
            let before = self.manifest.table(&format!("target_lists/{campaign}")).map(|table| table.rows)?;
            Some((campaign.clone(), [before, target.list.rows() as u64]))
        };
        let lists: Vec<(String, [u64; 2])> = results.targets.iter().filter_map(list).collect();
        let lists: Vec<_> = lists.iter().map(|(campaign, sizes)| (campaign.as_str(), *sizes)).collect();
        Ok([lost, audit::moved(&groups, &lists, &params.audit)].concat())
    }
}

fn id(text: &str) -> Result<Id> {
    text.parse().map_err(|()| Error::new(Kind::Store, "a published customer_id: expected 32 digits, got another text"))
}
