//! Reading a table's rows: the cut at as_of, the rules, the coercion, and what became of every row.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::coerce::{Context, Origin, coerce, constant, product};
use super::days::Days;
use super::names::ByEntry;
use super::open::{OpenTable, Source};
use super::quarantine::{Quarantine, Rejected};
use crate::columnar::{Column, FieldKind};
use crate::error::{Error, Result};
use crate::key::Erased;
use crate::money::Currency;
use crate::rule::Value;
use crate::table::{Contract, Kind};
use crate::time::{Day, Zone};

/// What a run may see, and in which units.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The last day that may be seen.
    pub as_of: Day,
    /// Zone in which days begin.
    pub zone: Zone,
    /// The job's currency.
    pub currency: Currency,
    /// Of whom no row may be seen.
    pub erased: Erased,
}

/// Rows that reached the lake on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// How many are used.
    pub rows: u64,
    /// By column of the contract: how many have no value, or an empty text.
    pub unknown: Vec<u64>,
}

/// What became of the rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of the files, those after as_of included.
    pub rows_in_files: u64,
    /// Rows that happened or arrived after as_of: not seen.
    pub rows_after_as_of: u64,
    /// Rows up to as_of of people who are erased: not looked at.
    pub erased: u64,
    /// Rows up to as_of that a rule rejected, by rule.
    pub rejected: BTreeMap<String, u64>,
    /// Rows that were used.
    pub used: u64,
    /// Rows of which an amount was rounded.
    pub rounded: u64,
    /// Used rows that have no effect: they are about nobody whom customers or order lines know.
    pub of_nobody: u64,
    /// Which rows were rejected.
    pub quarantine: Quarantine,
    /// Paths of files with rows after as_of.
    pub files_after_as_of: BTreeSet<String>,
    /// Used rows by the day on which they reached the lake, where it is told; of order lines, the audit counts more.
    pub arrived: BTreeMap<Day, Arrived>,
}

impl Counts {
    /// Rows up to as_of.
    pub fn read(&self) -> u64 {
        self.rows_in_files - self.rows_after_as_of
    }

    /// Adds the rows of other files of the table.
    pub fn add(&mut self, other: Counts) {
        self.rows_in_files += other.rows_in_files;
        self.rows_after_as_of += other.rows_after_as_of;
        self.files_after_as_of.extend(other.files_after_as_of);
        self.erased += other.erased;
        self.used += other.used;
        self.rounded += other.rounded;
        self.of_nobody += other.of_nobody;
        for (rule, count) in other.rejected {
            *self.rejected.entry(rule).or_default() += count;
        }
        self.quarantine.merge(other.quarantine);
        for (day, more) in other.arrived {
            let arrived = self.arrived.entry(day).or_default();
            arrived.rows += more.rows;
            arrived.unknown.resize(more.unknown.len(), 0);
            arrived.unknown.iter_mut().zip(more.unknown).for_each(|(sum, more)| *sum += more);
        }
    }
}

/// Rows of one batch, as the contract says.
pub struct Rows<'a> {
    contract: &'a Contract,
    columns: Vec<Option<Cow<'a, Column>>>,
    /// The rows that are used.
    pub kept: Vec<usize>,
    /// Day on which each row happened (in the job's zone), where the table is dated and it is known.
    pub days: Days,
    /// Day on which each row reached the lake, where it is known.
    pub recorded: Days,
}

#[cfg(test)]
impl<'a> Rows<'a> {
    /// The rows `kept` of the named columns, of which each happened on the day that it is given and reached the lake on that in `recorded`.
    pub fn of(contract: &'a Contract, named: Vec<(&str, Column)>, kept: Vec<usize>, days: Vec<Option<Day>>, recorded: Vec<Option<Day>>) -> Self {
        let (days, recorded) = (Days::of(days), Days::of(recorded));
        let mut columns = vec![None; contract.columns.len()];
        for (name, column) in named {
            let place = contract.columns.iter().position(|column| column.name == name).expect("a column of the contract");
            columns[place] = Some(Cow::Owned(column));
        }
        Self { contract, columns, kept, days, recorded }
    }
}

impl Rows<'_> {
    /// The column called `name`, if the file has it.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let index = self.contract.columns.iter().position(|column| column.name == name)?;
        self.columns[index].as_deref()
    }

    /// The texts of column `name`, by row; None where unknown or empty. The column is looked for once.
    pub fn texts<'a>(&'a self, name: &str) -> impl Fn(usize) -> Option<&'a str> {
        let column = self.column(name);
        move |row| column.and_then(|column| column.text(row)).filter(|text| !text.is_empty())
    }

    /// Source and source_customer_id of each row that is used; empty where unknown.
    pub fn source_customers(&self) -> Vec<(&str, &str)> {
        let (source, id) = (self.texts("source"), self.texts("source_customer_id"));
        self.kept.iter().map(|&row| (source(row).unwrap_or_default(), id(row).unwrap_or_default())).collect()
    }

    /// The text of column `name` at `row`; None where unknown.
    pub fn text(&self, name: &str, row: usize) -> Option<&str> {
        self.column(name)?.text(row)
    }
}

impl OpenTable {
    /// Reads all files and hands every batch to `visit`, which gathers into one `S` a file; `merge` puts them together as files
    /// end, in any order: the result may not depend on it.
    ///
    /// # Errors
    /// `Input`, naming file, row group and column; whatever `visit` and `merge` return.
    pub fn scan<S, F, M>(&self, cut: &Cut, visit: F, merge: M) -> Result<(S, Counts)>
    where
        S: Default + Send,
        F: Fn(&mut S, &Rows<'_>) -> Result<()> + Sync,
        M: Fn(&mut S, S) -> Result<()> + Sync,
    {
        let whole = Mutex::new((S::default(), self.empty_counts()));
        let read = |source: &Source| -> Result<()> {
            let mut gathered = S::default();
            let counts = self.scan_file(source, cut, |rows| visit(&mut gathered, rows))?;
            let mut whole = whole.lock().map_err(|_| Error::bug("a thread died while it merged a file"))?;
            merge(&mut whole.0, gathered)?;
            whole.1.add(counts);
            Ok(())
        };
        let files: Vec<Result<()>> = self.sources.par_iter().map(read).collect();
        // The first file in order with a fault is the one that is told.
        files.into_iter().collect::<Result<()>>().map_err(|error| self.because_changed(error))?;
        whole.into_inner().map_err(|_| Error::bug("a thread died while it merged a file"))
    }

    fn empty_counts(&self) -> Counts {
        let rejected = self.params.reject.iter().map(|(name, _)| (name.clone(), 0)).collect();
        Counts { rejected, ..Counts::default() }
    }

    fn scan_file(&self, source: &Source, cut: &Cut, mut visit: impl FnMut(&Rows<'_>) -> Result<()>) -> Result<Counts> {
        let rules = self.params.reject.iter().flat_map(|(_, rules)| rules);
        let filtered = rules.filter_map(|rule| source.file.position(&rule.column));
        let mut positions: Vec<usize> = source.origins.iter().flatten().flat_map(Origin::positions).chain(filtered).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut counts = self.empty_counts();
        let mut forgotten = Forgotten::default();
        let mut batches = source.file.batches(&positions);
        while let Some((rows, columns)) = batches.next_batch()? {
            let batch = Batch { table: self, source, cut, group: batches.group(), positions: &positions, columns: &columns, rows };
            let rows = batch.rows(&mut counts, &mut forgotten)?;
            visit(&rows).map_err(|error| error.at(batch.place()))?;
        }
        if counts.rows_after_as_of > 0 {
            counts.files_after_as_of.insert(source.identity.path.clone());
        }
        Ok(counts)
    }
}

/// A batch on its way from the file's columns to the contract's.
struct Batch<'a> {
    table: &'a OpenTable,
    source: &'a Source,
    cut: &'a Cut,
    group: usize,
    positions: &'a [usize],
    columns: &'a [Column],
    rows: usize,
}

impl<'a> Batch<'a> {
    fn rows(&self, counts: &mut Counts, forgotten: &mut Forgotten) -> Result<Rows<'a>> {
        let contract = &self.table.params.input.contract;
        let every = vec![true; self.rows];
        let recorded = self.days_of("recorded_at", &every)?;
        let mut days = self.days_of("business_date", &every)?;
        if let Some(event) = self.table.params.input.event {
            days = days.or(self.days_of(event, &every)?);
        }
        let as_of = self.cut.as_of;
        let mut keep = every;
        [&days, &recorded].into_iter().for_each(|days| days.leave_out_later(as_of, &mut keep));
        counts.rows_in_files += self.rows as u64;
        counts.rows_after_as_of += keep.iter().filter(|&&keep| !keep).count() as u64;
        if !self.cut.erased.is_empty() {
            self.forget(&mut keep, forgotten, counts)?;
        }
        self.reject(&mut keep, &days, counts);
        let mut columns = Vec::with_capacity(contract.columns.len());
        for index in 0..contract.columns.len() {
            columns.push(self.coerced(index, &keep, counts)?);
        }
        let kept: Vec<usize> = (0..self.rows).filter(|&row| keep[row]).collect();
        counts.used += kept.len() as u64;
        if contract.name != "order_lines" {
            arrive(&kept, &recorded, &columns, counts);
        }
        Ok(Rows { contract, columns, kept, days, recorded })
    }

    /// The days of a time column, if the file has it.
    fn days_of(&self, name: &str, keep: &[bool]) -> Result<Days> {
        let contract = &self.table.params.input.contract;
        let Some(index) = contract.columns.iter().position(|column| column.name == name) else { return Ok(Days::default()) };
        let Some(origin) = &self.source.origins[index] else { return Ok(Days::default()) };
        // An instant is a day in the job's zone; a date is a day as it is.
        let instant = contract.columns[index].kind == Kind::Timestamp
            && matches!(origin, Origin::Field(position) if matches!(self.source.file.fields[*position].kind, FieldKind::Timestamp { .. }));
        let to = if instant { Kind::Timestamp } else { Kind::Date };
        let (column, _) = self.convert(origin, to, keep).map_err(|message| self.fault(name, &message))?;
        let mut day_here = self.cut.zone.days();
        let mut day = |value: i64| if instant { day_here(value) } else { Day(value as i32) };
        Ok(Days::of((0..self.rows).map(|row| column.int(row).map(&mut day)).collect()))
    }

    /// Clears `keep` where the customer is erased.
    fn forget(&self, keep: &mut [bool], forgotten: &mut Forgotten, counts: &mut Counts) -> Result<()> {
        let contract = &self.table.params.input.contract;
        let column = |name: &str| -> Result<Option<Cow<'a, Column>>> {
            let Some(index) = contract.columns.iter().position(|column| column.name == name) else { return Ok(None) };
            let Some(origin) = &self.source.origins[index] else { return Ok(None) };
            self.convert(origin, Kind::Text, keep).map(|(column, _)| Some(column)).map_err(|message| self.fault(name, &message))
        };
        let Some(customers) = column("source_customer_id")? else { return Ok(()) };
        let sources = column("source")?;
        // What someone refused for an address holds for the address.
        let (addresses, decided) = if contract.name == "consents" { (column("address")?, column("status")?) } else { (None, None) };
        let refused = |row: usize| {
            let text = |column: &'_ Option<Cow<'a, Column>>| column.as_ref().and_then(|column| column.text(row).map(str::to_owned)).unwrap_or_default();
            !text(&addresses).is_empty() && text(&decided) != "given"
        };
        for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
            let source = sources.as_ref().and_then(|column| column.text(row)).unwrap_or_default();
            if forgotten.is(source, &customers, row, &self.cut.erased) && !refused(row) {
                *keep = false;
                counts.erased += 1;
            }
        }
        Ok(())
    }

    /// Clears `keep` where all rules of a name hold; a row counts for the first name.
    fn reject(&self, keep: &mut [bool], days: &Days, counts: &mut Counts) {
        for (name, rules) in &self.table.params.reject {
            let tested: Vec<_> = rules.iter().filter_map(|rule| Some((rule, self.field(self.source.file.position(&rule.column)?)))).collect();
            let mut rejected = 0;
            for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
                if tested.iter().all(|(rule, (column, kind))| rule.holds(value(column, kind, row))) {
                    *keep = false;
                    rejected += 1;
                    counts.quarantine.add(name, self.told(row, days.at(row)), 1);
                }
            }
            *counts.rejected.entry(name.clone()).or_default() += rejected;
        }
    }

    /// What may be told of a row: its source, its key, its day.
    fn told(&self, row: usize, day: Option<Day>) -> Rejected {
        let input = &self.table.params.input;
        let text = |name: &str| {
            let index = input.contract.columns.iter().position(|column| column.name == name)?;
            match self.source.origins[index].as_ref()? {
                Origin::Constant(text) => Some(text.clone()),
                Origin::Field(position) => cell(self.field(*position).0, row),
                Origin::Product(..) => None,
            }
        };
        let source = text("source");
        let is_erased = text("source_customer_id").is_some_and(|id| self.cut.erased.holds(source.as_deref().unwrap_or_default(), &id));
        let key: Vec<String> = input.told.iter().filter(|_| !is_erased).filter_map(|name| text(name)).collect();
        Rejected { source, key: key.join(" "), day }
    }

    fn field(&self, position: usize) -> (&'a Column, &'a FieldKind) {
        let index = self.positions.binary_search(&position).expect("every position that is used is read");
        (&self.columns[index], &self.source.file.fields[position].kind)
    }

    fn coerced(&self, index: usize, keep: &[bool], counts: &mut Counts) -> Result<Option<Cow<'a, Column>>> {
        let contract = &self.table.params.input.contract.columns[index];
        let Some(origin) = &self.source.origins[index] else { return Ok(None) };
        let (column, rounded) = self.convert(origin, contract.kind, keep).map_err(|message| self.fault(&contract.name, &message))?;
        counts.rounded += rounded;
        let unknown = column.known.as_ref().map_or(0, |known| known.iter().zip(keep).filter(|(known, keep)| **keep && !**known).count());
        if unknown > 0 && !contract.nullable {
            return Err(self.fault(&contract.name, &format!("expected a value in every row, got {unknown} unknown ones")));
        }
        Ok(Some(column))
    }

    fn convert(&self, origin: &Origin, to: Kind, keep: &[bool]) -> super::coerce::Coerced<'a> {
        let context = Context { zone: self.table.params.zone.as_ref(), days: &self.cut.zone, currency: &self.cut.currency };
        match origin {
            Origin::Constant(text) => constant(text, self.rows, to, keep, context),
            Origin::Product(left, right) => product(self.field(*left), self.field(*right), to, keep, context),
            Origin::Field(position) => {
                let (column, from) = self.field(*position);
                coerce(column, from, to, keep, context)
            }
        }
    }

    fn fault(&self, column: &str, message: &str) -> Error {
        Error::input(format!("column {column}: {message}")).at(self.place())
    }

    /// File, row group and table.
    fn place(&self) -> String {
        let table = &self.table.params.input.contract.name;
        format!("{}: row group {}: table {table}", self.source.identity.path, self.group)
    }
}

/// Counts the rows that are used by the day on which they reached the lake.
fn arrive(kept: &[usize], recorded: &Days, columns: &[Option<Cow<'_, Column>>], counts: &mut Counts) {
    for day in kept.chunk_by(|a, b| recorded.at(*a) == recorded.at(*b)) {
        let Some(recorded) = recorded.at(day[0]) else { continue };
        let arrived = counts.arrived.entry(recorded).or_default();
        arrived.rows += day.len() as u64;
        arrived.unknown.resize(columns.len(), 0);
        for (unknown, column) in arrived.unknown.iter_mut().zip(columns) {
            *unknown +=
                column.as_ref().map_or(day.len(), |column| day.iter().filter(|row| !column.is_known(**row) || column.text(**row) == Some("")).count()) as u64;
        }
    }
}

/// Who of a file is erased: asked once for each source and entry of a dictionary.
#[derive(Default)]
struct Forgotten {
    by_source: Vec<(String, ByEntry<bool>)>,
    last: usize,
}

impl Forgotten {
    fn is(&mut self, source: &str, customers: &Column, row: usize, erased: &Erased) -> bool {
        if self.by_source.get(self.last).is_none_or(|last| last.0 != source) {
            self.last = self.by_source.iter().position(|known| known.0 == source).unwrap_or(self.by_source.len());
            if self.last == self.by_source.len() {
                self.by_source.push((source.to_owned(), ByEntry::default()));
            }
        }
        self.by_source[self.last].1.get(customers, row, |id| erased.holds(source, id)).unwrap_or_default()
    }
}

fn cell(column: &Column, row: usize) -> Option<String> {
    column.text(row).map(str::to_owned).or_else(|| column.int(row).map(|value| value.to_string()))
}

fn value<'a>(column: &'a Column, kind: &FieldKind, row: usize) -> Value<'a> {
    let scale = if let FieldKind::Decimal { scale } = kind { 10f64.powi(*scale as i32) } else { 1.0 };
    match column.text(row) {
        Some(text) => Value::Text(text),
        None => column.float(row).map_or(Value::Null, |number| Value::Number(number / scale)),
    }
}
