//! The increment: a run starts from what the live one kept of the order lines, reads only the files that it does not know, and keeps what it read.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use rayon::prelude::*;
use serde_json::json;

use super::identity::{Identity as RunIdentity, PROGRAM};
use super::params::Params;
use crate::allowance::{Allowance, Held};
use crate::customers::{Called, Groups, LinkParams, People};
use crate::error::{Error, Result};
use crate::key::{hex, sha256};
use crate::lake::{Cut, Identity, LineNames, NamesMark, NamesSince, OpenTable, SourceKeys};
use crate::publish::{self, ErasedList, KeptCalled, KeptLayer, Object, StateIndex};
use crate::shards::{self, Divide, Layer};
use crate::store::Store;
use crate::time::Day;

/// After so many nights all is read anew: layers become few, and the names of who is gone go.
const NIGHTS_MAX: usize = 32;

/// Where a run finds what was kept, and keeps what it reads.
pub struct Keeping<'a> {
    store: &'a Store,
    job: &'a str,
    build_id: &'a str,
    run_id: &'a str,
    as_of: Day,
    rules: String,
    index: Option<StateIndex>,
    /// Why nothing that was kept can be used.
    why_not: &'static str,
    /// Whether no run of a later date is live.
    is_newest: bool,
    kept: Mutex<Option<StateIndex>>,
}

/// What is used of what was kept.
struct Start {
    index: StateIndex,
    mark: NamesMark,
}

/// The order lines, and how it came about.
pub struct Lines {
    /// The lines.
    pub layer: Layer,
    /// What was read and what was known, in a few words.
    pub told: String,
}

impl<'a> Keeping<'a> {
    /// What the live run kept, if it was made by the same rules.
    ///
    /// # Errors
    /// Those of the store; `Bug` if the rules cannot be written.
    pub fn open(params: &'a Params, identity: &'a RunIdentity, erased: &ErasedList, lines: &OpenTable, store: &'a Store) -> Result<Self> {
        let has_customers = params.lake.tables.iter().any(|table| table.input.contract.name == "customers");
        let rules = json!({
            "program": PROGRAM, "order_lines": lines.params, "contract": lines.params.input.contract.columns.iter().map(|column| &column.name).collect::<Vec<_>>(),
            "timezone": params.zone.name(), "currency": params.currency, "customers": has_customers, "nobodys": params.customers.link.blocked.source_customers,
            "erased": erased.digest, "shards": params.shards, "lines_max": params.customers.max_rows_per_customer,
        });
        let rules = hex(&sha256(rules.to_string().as_bytes()));
        let live = publish::read_live(store, &params.name)?.map(|(live, _)| live);
        // What a run keeps that will not be live is used by nobody.
        let is_newest = live.as_ref().is_none_or(|live| live.as_of <= params.as_of.to_string());
        let found = live.map(|live| StateIndex::read(store, &params.name, &live.build_id)).transpose()?.flatten();
        let (index, why_not) = match found {
            None => (None, "nothing was kept"),
            Some(index) if index.rules != rules => (None, "the rules for order lines are others than before"),
            Some(index) if index.as_of > params.as_of => (None, "what was kept is of a later date"),
            Some(index) if index.names.len().max(index.layers.len()) > NIGHTS_MAX => (None, "what was kept has grown for a month"),
            Some(index) => (Some(index), "what was kept is damaged"),
        };
        let (job, build_id, run_id, as_of) = (&params.name, &identity.build_id, &identity.run.run_id, params.as_of);
        Ok(Self { store, job, build_id, run_id, as_of, rules, index, why_not, is_newest, kept: Mutex::default() })
    }

    /// The same, of who keeps nothing.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { is_newest: false, ..self }
    }

    /// Gives names the numbers that they have in what was kept; None where it cannot be used.
    fn start(&self, names: &LineNames) -> Result<Option<Start>> {
        let Some(index) = &self.index else { return Ok(None) };
        for object in &index.names {
            let since: Option<NamesSince> = object.read(self.store, self.job)?.and_then(|bytes| shards::unpack(&bytes));
            if since.and_then(|since| names.restore(&since)).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(Start { index: index.clone(), mark: names.mark() }))
    }

    /// What is noted for the next run so far.
    fn noted(&self) -> Result<MutexGuard<'_, Option<StateIndex>>> {
        self.kept.lock().map_err(|_| Error::bug("a thread died with the state in its hands"))
    }

    /// Writes for the next run what was kept, unless the run is held.
    ///
    /// # Errors
    /// Those of the store.
    pub fn close(self) -> Result<()> {
        let kept = self.kept.into_inner().map_err(|_| Error::bug("a thread died with the state in its hands"))?;
        kept.map_or(Ok(()), |index| index.write(self.store, self.job, self.build_id))
    }
}

/// Names, as the run begins, and what it starts from.
pub struct Begun<'a> {
    /// The names.
    pub names: LineNames,
    keeping: Option<&'a Keeping<'a>>,
    start: Option<Start>,
}

impl<'a> Begun<'a> {
    /// A run that starts from what was kept, as far as it can be used.
    ///
    /// # Errors
    /// Those of the store.
    pub fn of(keeping: Option<&'a Keeping<'a>>, params: &LinkParams) -> Result<Self> {
        let mut begun = Self::anew(keeping, params);
        match keeping.map(|keeping| keeping.start(&begun.names)).transpose()?.flatten() {
            Some(start) => begun.start = Some(start),
            // Some names may have been given their numbers.
            None => begun.names = Self::anew(keeping, params).names,
        }
        Ok(begun)
    }

    /// A run that starts from nothing.
    pub fn anew(keeping: Option<&'a Keeping<'a>>, params: &LinkParams) -> Self {
        let names = LineNames::of(SourceKeys::without(params.blocked.source_customers.clone()));
        Self { names, keeping, start: None }
    }

    /// Whether anything that was kept is used.
    pub fn is_from_kept(&self) -> bool {
        self.start.is_some()
    }

    /// The order lines: those of known files as they were kept, those of others read; None where what was kept turns out to be damaged, and all is
    /// to be begun anew.
    ///
    /// # Errors
    /// Those of the lake and the store; `Limit` where memory or scratch is full.
    pub fn lines(&self, table: &OpenTable, cut: &Cut, with: &Divide<'_>) -> Result<Option<Lines>> {
        let files: BTreeSet<&Identity> = table.sources.iter().map(|source| &source.identity).collect();
        let layers = self.start.iter().flat_map(|start| &start.index.layers);
        let known: Vec<&KeptLayer> = layers.filter(|layer| layer.files.iter().all(|file| files.contains(file))).collect();
        let identity = |place: usize| &table.sources[place].identity;
        let new = (0..table.sources.len()).filter(|&place| !known.iter().any(|layer| layer.files.contains(identity(place))));
        let groups = self.groups(new.collect(), &identity);
        let (mut whole, mut kept) = (with.nothing(), Vec::new());
        for layer in known {
            let Some(unpacked) = self.unpacked(layer, cut, with)? else { return Ok(None) };
            whole.absorb(unpacked, with.memory)?;
            kept.push(layer.clone());
        }
        let read: Vec<Result<Layer>> = groups.par_iter().map(|group| shards::divide(&table.of_files(group), cut, with)).collect();
        let mut read_again = BTreeSet::new();
        for (layer, group) in read.into_iter().zip(&groups) {
            let layer = layer?;
            let files: BTreeSet<Identity> = group.iter().map(|&place| identity(place).clone()).collect();
            // Rows after as_of will be seen later: such files are read again, and those that were read with them.
            match layer.counts.rows_after_as_of {
                0 => kept.extend(self.packed(&layer, files, cut)?),
                _ => read_again.extend(files.into_iter().filter(|file| layer.counts.files_after_as_of.contains(&file.path))),
            }
            whole.absorb(layer, with.memory)?;
        }
        if self.start.is_some() && with.misses(&whole) {
            return Ok(None);
        }
        self.keep(kept, read_again)?;
        Ok(Some(Lines { layer: whole, told: self.told(table.sources.len(), groups.iter().map(Vec::len).sum()) }))
    }

    /// What the run of this id called whom, by the numbers that names have, and what that takes of the memory; None where it is not known, or there is
    /// no memory for it: the table says the same.
    ///
    /// # Errors
    /// Those of the store.
    pub fn called(&self, run_id: &str, memory: &Allowance) -> Result<Option<(Called, Held)>> {
        let (Some(keeping), Some(start)) = (self.keeping, &self.start) else { return Ok(None) };
        let Some(kept) = start.index.called.as_ref().filter(|kept| kept.run_id == run_id) else { return Ok(None) };
        let mut held = memory.nothing();
        if !held.try_grow(3 * kept.called.bytes) {
            return Ok(None);
        }
        let called = kept.called.read(keeping.store, keeping.job)?.and_then(|bytes| shards::unpack(&bytes));
        Ok(called.map(|called| (called, held)))
    }

    /// Keeps what the run calls whom, once that is settled, if there is memory for it; what is kept of the lines has been noted.
    ///
    /// # Errors
    /// Those of the store.
    pub fn keep_called(&self, people: &People, groups: &Groups, params: &LinkParams, memory: &Allowance) -> Result<()> {
        let Some(keeping) = self.keeper() else { return Ok(()) };
        let (mut kept, mut held) = (keeping.noted()?, memory.nothing());
        if let Some(index) = kept.as_mut().filter(|_| held.try_grow(Called::bytes(people, groups))) {
            let called = shards::pack(&Called::of(people, groups, params))?;
            let object = Object::write(keeping.store, keeping.job, keeping.build_id, "called", called.into())?;
            index.called = object.map(|called| KeptCalled { run_id: keeping.run_id.to_owned(), called });
        }
        Ok(())
    }

    /// Where what is read is kept, if it is.
    fn keeper(&self) -> Option<&'a Keeping<'a>> {
        self.keeping.filter(|keeping| keeping.is_newest)
    }

    /// Files that are to be read, in groups of which each may be kept.
    fn groups<'b>(&self, new: Vec<usize>, identity: &dyn Fn(usize) -> &'b Identity) -> Vec<Vec<usize>> {
        if self.keeper().is_none() {
            return if new.is_empty() { Vec::new() } else { vec![new] };
        }
        let is_open = |place: &usize| self.start.as_ref().is_some_and(|start| start.index.read_again.contains(identity(*place)));
        let (open, new): (Vec<usize>, Vec<usize>) = new.into_iter().partition(is_open);
        let alone = open.into_iter().map(|place| vec![place]);
        halves(new.len()).into_iter().map(|range| new[range].to_vec()).chain(alone).collect()
    }

    fn told(&self, files: usize, new: usize) -> String {
        match (&self.start, self.keeping) {
            (Some(start), _) => format!("{new} of {files} files read, the others known since {}", start.index.as_of),
            (None, Some(keeping)) => format!("{files} files read, as {}", keeping.why_not),
            (None, None) => format!("{files} files read"),
        }
    }

    fn unpacked(&self, layer: &KeptLayer, cut: &Cut, with: &Divide<'_>) -> Result<Option<Layer>> {
        let Some(keeping) = self.keeping else { return Ok(None) };
        let Some(head) = layer.head.read(keeping.store, keeping.job)? else { return Ok(None) };
        let Some(unpacked) = with.unpack(&head, cut) else { return Ok(None) };
        let chunk = |chunk: &Object| {
            let _held = with.memory.take("read what was kept", chunk.bytes)?;
            let bytes = chunk.read(keeping.store, keeping.job)?;
            bytes.map_or(Ok(false), |bytes| with.unpack_chunk(&unpacked, &bytes))
        };
        let whole: Vec<Result<bool>> = layer.chunks.par_iter().map(chunk).collect();
        let is_whole = whole.into_iter().collect::<Result<Vec<bool>>>()?.into_iter().all(|whole| whole);
        Ok(is_whole.then_some(unpacked))
    }

    /// The layer as it was written; None where it is not kept.
    fn packed(&self, layer: &Layer, files: BTreeSet<Identity>, cut: &Cut) -> Result<Option<KeptLayer>> {
        let Some(keeping) = self.keeper() else { return Ok(None) };
        if !layer.is_written()? {
            return Ok(None);
        }
        let write = |stem: &str, bytes: Vec<u8>| Object::write(keeping.store, keeping.job, keeping.build_id, stem, bytes.into());
        let Some(head) = write("head", layer.head(cut.as_of)?)? else { return Ok(None) };
        let mut chunks = Vec::new();
        layer.chunks(|bytes| {
            chunks.push(write("lines", bytes)?);
            Ok(())
        })?;
        let chunks: Option<Vec<Object>> = chunks.into_iter().collect();
        Ok(chunks.map(|chunks| KeptLayer { files, head, chunks }))
    }

    /// Notes what the next run may start from.
    fn keep(&self, layers: Vec<KeptLayer>, read_again: BTreeSet<Identity>) -> Result<()> {
        let Some(keeping) = self.keeper() else { return Ok(()) };
        // What an attempt noted that failed is of other numbers.
        *keeping.noted()? = None;
        let (mut names, mark) = self.start.as_ref().map_or_else(Default::default, |start| (start.index.names.clone(), start.mark.clone()));
        if self.names.mark() != mark {
            let since = shards::pack(&self.names.since(&mark))?;
            let Some(object) = Object::write(keeping.store, keeping.job, keeping.build_id, "names", since.into())? else { return Ok(()) };
            names.push(object);
        }
        let index = StateIndex { rules: keeping.rules.clone(), as_of: keeping.as_of, names, layers, read_again, called: None };
        *keeping.noted()? = Some(index);
        Ok(())
    }
}

/// Files in groups of which each is a layer: the newest alone, then twice as many each time, since it is new files that change.
fn halves(files: usize) -> Vec<Range<usize>> {
    let (mut groups, mut end, mut size) = (Vec::new(), files, 1);
    while end > 0 {
        let start = end.saturating_sub(size);
        groups.push(start..end);
        end = start;
        size = (files - end).max(1);
    }
    groups.reverse();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_stand_alone() {
        assert!(halves(0).is_empty());
        assert_eq!(halves(2), [0..1, 1..2]);
        assert_eq!(halves(24), [0..8, 8..16, 16..20, 20..22, 22..23, 23..24]);
    }
}
