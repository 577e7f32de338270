//! Reading a table's rows: the cut at as_of, the rules, the coercion, and what became of every row.

use std::borrow::Cow;
use std::sync::Mutex;

use rayon::prelude::*;

use super::coerce::{Context, Origin, coerce, constant, product};
use super::counts::Counts;
use super::days::Days;
use super::forgotten::Forgotten;
use super::open::{OpenTable, Source};
use super::quarantine::Rejected;
use crate::columnar::{Column, FieldKind};
use crate::error::{Error, Result};
use crate::key::Erased;
use crate::money::Currency;
use crate::rule::Value;
use crate::table::{Contract, Kind, plain_word};
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
        self.reject(&mut keep, &days, counts)?;
        let mut columns = Vec::with_capacity(contract.columns.len());
        for index in 0..contract.columns.len() {
            columns.push(self.coerced(index, &keep, counts)?);
        }
        let kept: Vec<usize> = (0..self.rows).filter(|&row| keep[row]).collect();
        counts.used += kept.len() as u64;
        if contract.name != "order_lines" {
            counts.arrive(&kept, &recorded, &columns);
        }
        Ok(Rows { contract, columns, kept, days, recorded })
    }

    /// The days of a time column, if the file has it.
    fn days_of(&self, name: &str, keep: &[bool]) -> Result<Days> {
        let contract = &self.table.params.input.contract;
        let Some(index) = contract.columns.iter().position(|column| column.name == name) else { return Ok(Days::default()) };
        let Some(origin) = &self.source.origins[index] else { return Ok(Days::default()) };
        self.days_at((name, contract.columns[index].kind == Kind::Timestamp), origin, keep)
    }

    /// Whether the field at a position may be an instant: as the column says that is made of it, else where it tells its zone.
    fn is_instant(&self, position: usize) -> bool {
        let columns = self.source.origins.iter().zip(&self.table.params.input.contract.columns);
        let made_of_it = columns.filter(|(origin, _)| matches!(origin, Some(Origin::Field(field)) if *field == position)).map(|(_, column)| column.kind).next();
        made_of_it.map_or(matches!(self.source.file.fields[position].kind, FieldKind::Timestamp { utc: true, .. }), |kind| kind == Kind::Timestamp)
    }

    /// The days of what stands at `origin`, where it is told by whether it may be an instant.
    fn days_at(&self, (name, may_be_instant): (&str, bool), origin: &Origin, keep: &[bool]) -> Result<Days> {
        // An instant is a day in the job's zone; a date is a day as it is.
        let instant =
            may_be_instant && matches!(origin, Origin::Field(position) if matches!(self.source.file.fields[*position].kind, FieldKind::Timestamp { .. }));
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
            !text(&addresses).is_empty() && plain_word(&text(&decided)) != "given"
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
    fn reject(&self, keep: &mut [bool], days: &Days, counts: &mut Counts) -> Result<()> {
        for (name, rules) in &self.table.params.reject {
            let mut tested = Vec::new();
            for rule in rules {
                let Some(position) = self.source.file.position(&rule.column) else { continue };
                let of_days = rule.is_of_days().then(|| self.days_at((&rule.column, self.is_instant(position)), &Origin::Field(position), keep)).transpose()?;
                tested.push((rule, self.field(position), of_days));
            }
            let holds = |row: usize| {
                tested.iter().all(|(rule, (column, kind), of_days)| match of_days {
                    Some(days) => rule.holds(days.at(row).map_or(Value::Null, |day| Value::Number(f64::from(day.0)))),
                    None => rule.holds(value(column, kind, row)),
                })
            };
            let mut rejected = 0;
            for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
                if holds(row) {
                    *keep = false;
                    rejected += 1;
                    counts.quarantine.add(name, self.told(row, days.at(row)), 1);
                }
            }
            *counts.rejected.entry(name.clone()).or_default() += rejected;
        }
        Ok(())
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
