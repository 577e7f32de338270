//! Everything that is read: the lake's tables, once each, as the stages take them.

use std::collections::{BTreeMap, HashSet};

use super::increment::{Begun, Keeping, Lines};
use super::inputs::{Inputs, read_closed_stores, read_status};
use super::params::Params;
use super::prior::Prior;
use super::progress::Progress;
use crate::allowance::Allowance;
use crate::audit::{self, Complete, FeedsByName, Status, Surveyed};
use crate::customers::{self, Consents, Groups, Ledger, LinkParams, People, SeenLines, SourceCustomers};
use crate::error::{Error, Kind, Result};
use crate::features::{self, EventTable, Products, Promotions};
use crate::key::{Erased, Id};
use crate::lake::{ClosedNames, Counts, Cut, LineNames};
use crate::shards::{self, ClosedEvents, Divide, Events, Partition, Scratch};
use crate::table::Table;
use crate::time::Day;

/// What a run may look at.
pub struct Seen<'a> {
    /// The lake.
    pub inputs: &'a Inputs,
    /// The prior run, where it is read.
    pub prior: Option<&'a Prior<'a>>,
    /// Who is to be forgotten.
    pub erased: &'a Erased,
    /// Digest of the list of these.
    pub erased_digest: Option<&'a str>,
}

/// What was read of the lake.
pub struct Gathered {
    /// Numbers of names.
    pub names: ClosedNames,
    /// Everyone.
    pub people: People,
    /// By number of the source customer: whether it has lines, and no row in the table `customers`, which the lake has.
    pub unknown: Vec<bool>,
    /// The order lines, by shards.
    pub partition: Partition,
    /// What the order lines hold, as a whole.
    pub survey: Surveyed,
    /// Sources and stores, as far as they have come.
    pub feeds: FeedsByName,
    /// The days to which they are complete.
    pub complete: Complete,
    /// Who may be contacted.
    pub consents: Consents,
    /// What happened to customers beside orders.
    pub events: ClosedEvents,
    /// Products.
    pub products: Products,
    /// Promotions, where the lake has both of their tables.
    pub promotions: Option<Promotions>,
    /// The days on which stores close, by name.
    pub closed_stores: BTreeMap<String, Day>,
    /// The table `customer_changes`, where ids are kept.
    pub changes: Option<Table>,
    /// What became of the rows, by table.
    pub counts: Vec<(String, Counts)>,
}

impl Gathered {
    /// Reads the tables: customers, to know who is linked with whom; the order lines; then the others.
    ///
    /// # Errors
    /// Those of the lake; `Limit` where memory or scratch is full.
    pub fn of(params: &Params, seen: &Seen<'_>, (scratch, keeping): (Scratch<'_>, Option<&Keeping<'_>>), progress: &dyn Progress) -> Result<Self> {
        let begun = Begun::of(keeping, &params.customers.link)?;
        if begun.is_from_kept() {
            match Self::begun(params, seen, (scratch, begun), progress) {
                Ok(Some(gathered)) => return Ok(gathered),
                Ok(None) => {}
                // What was kept may need more memory at once than the files do.
                Err(error) if error.kind() == Kind::Limit => progress.end(&format!("{error}: all files are read")),
                Err(error) => return Err(error),
            }
        }
        Self::begun(params, seen, (scratch, Begun::anew(keeping, &params.customers.link)), progress)?
            .ok_or_else(|| Error::bug("a run that starts from nothing has all it needs"))
    }

    /// The same, of a run that has begun; None where what it started from turns out to be damaged.
    fn begun(params: &Params, seen: &Seen<'_>, (scratch, begun): (Scratch<'_>, Begun<'_>), progress: &dyn Progress) -> Result<Option<Self>> {
        let (inputs, cut) = (seen.inputs, params.cut(seen.erased));
        let lines = inputs.order_lines()?;
        let names = &begun.names;
        progress.begin("link customers");
        let mut counts = Vec::new();
        let known = read_customers(inputs, &cut, names, &params.customers.link, &mut counts)?;
        let mut groups = Groups::link(&known, &names.keys, &params.customers.link, lines.memory())?;
        let prior = seen.prior.filter(|_| params.customers.keep_ids);
        let (ledger, mut forgotten, whence) = match prior {
            Some(prior) => who_had_which(prior, &begun, &groups, (seen.erased, lines.memory()))?,
            None => Default::default(),
        };
        let before = prior.map(Prior::changes).transpose()?.unwrap_or_default();
        forgotten.extend(customers::changed_of(&before, seen.erased));
        groups.set_apart(ledger.numbers());
        progress.end(&format!("{} source customers{whence}", names.keys.len()));

        progress.begin("divide lines into shards");
        let (line_seen, memory) = (SeenLines::default(), lines.memory());
        let with = Divide {
            names,
            groups: &groups,
            seen: &line_seen,
            shards: params.shards,
            lines_max: params.customers.max_rows_per_customer,
            memory,
            lines_memory: &shards::share_of(memory),
            scratch,
        };
        let Some(Lines { mut layer, told }) = begun.lines(lines, &cut, &with)? else {
            progress.end("what was kept is damaged: all files are read");
            return Ok(None);
        };
        let keys_held = memory.take("link customers", names.keys.bytes())?;
        counts.insert(0, ("order_lines".to_owned(), std::mem::take(&mut layer.counts)));
        let people = People::settle(&known, &groups, &line_seen, (names, &ledger), (&params.customers, params.as_of), memory)?;
        let is_unknown = |number: u32| known.get(number).is_none() && line_seen.lines(number) > 0;
        let unknown = if inputs.table("customers").is_some() { (0..names.keys.end() as u32).map(is_unknown).collect() } else { Vec::new() };
        drop((known, ledger, line_seen));
        if params.customers.keep_ids {
            begun.keep_called(&people, &groups, &params.customers.link, memory)?;
        }
        drop(groups);
        let changes = params.customers.keep_ids.then(|| customers::changes_table(before, people.changes.clone(), forgotten, params.as_of)).transpose()?;
        let (survey, partition) = layer.settle(&people, memory)?;
        let (spilled, customers) = (partition.spilled_bytes(), people.customers.len());
        progress.end(&format!("{} lines of {customers} customers, {} shards, {spilled} bytes spilled; {told}", survey.lines, partition.shards()));

        progress.begin("read the small tables");
        let events = read_events(params, inputs, &cut, (names, &people), scratch, &mut counts)?;
        let Small { consents, status, products, promotions, closed_stores } =
            read_small_tables(inputs, (&cut, &params.customers.link), (names, &people), &mut counts)?;
        let (survey, feeds) = survey.close((&names.keys.sources, &names.stores), memory)?;
        let complete = audit::complete_through(&feeds, &status, &params.audit, params.as_of);
        drop(keys_held);
        let names = begun.names.close(memory)?;
        progress.end(&format!("{} tables", counts.len()));
        Ok(Some(Self { names, people, unknown, partition, survey, feeds, complete, consents, events, products, promotions, closed_stores, changes, counts }))
    }
}

/// Who had which id in the prior run, the ids of those who are to be forgotten, and from where this is known.
fn who_had_which(
    prior: &Prior<'_>,
    begun: &Begun<'_>,
    groups: &Groups,
    (erased, memory): (&Erased, &Allowance),
) -> Result<(Ledger, HashSet<Id>, &'static str)> {
    let keys = &begun.names.keys;
    if let Some((called, _held)) = begun.called(prior.run_id(), memory)? {
        // Where what a run kept is used, nobody was erased since.
        return Ok((Ledger::of(&called, keys, groups), HashSet::new(), "; who had which id was kept"));
    }
    let (ledger, forgotten) = prior.ledger((keys, groups), erased)?;
    Ok((ledger, forgotten, "; who had which id is read from the table customer_links"))
}

fn read_customers(inputs: &Inputs, cut: &Cut, names: &LineNames, params: &LinkParams, counts: &mut Vec<(String, Counts)>) -> Result<SourceCustomers> {
    let Some(table) = inputs.table("customers") else { return Ok(SourceCustomers::default()) };
    let (read, count) = customers::read_customers(table, cut, names, params)?;
    counts.push(("customers".to_owned(), count));
    Ok(read)
}

/// Reads what happened to customers beside orders.
fn read_events(
    params: &Params,
    inputs: &Inputs,
    cut: &Cut,
    (names, people): (&LineNames, &People),
    scratch: Scratch<'_>,
    counts: &mut Vec<(String, Counts)>,
) -> Result<ClosedEvents> {
    let events = Events::new(people, params.shards, inputs.order_lines()?.memory(), scratch);
    for which in EventTable::ALL {
        if let Some(table) = inputs.table(which.name()) {
            let count = features::read_events(table, cut, which, &names.keys, &|number, event| events.add(number, event))?;
            counts.push((which.name().to_owned(), count));
        }
    }
    events.close()
}

/// What the tables beside customers and order lines hold.
#[derive(Default)]
struct Small {
    consents: Consents,
    status: Status,
    products: Products,
    promotions: Option<Promotions>,
    closed_stores: BTreeMap<String, Day>,
}

fn read_small_tables(
    inputs: &Inputs,
    (cut, link): (&Cut, &LinkParams),
    (names, people): (&LineNames, &People),
    counts: &mut Vec<(String, Counts)>,
) -> Result<Small> {
    let mut small = Small::default();
    let mut counted = |name: &str, count: Counts| counts.push((name.to_owned(), count));
    if let Some(table) = inputs.table("consents") {
        let (read, count) = customers::read_consents(table, cut, &names.keys, people, link)?;
        counted("consents", count);
        small.consents = read;
    }
    if let Some(table) = inputs.table("source_status") {
        let (read, count) = read_status(table, cut)?;
        counted("source_status", count);
        small.status = read;
    }
    if let Some(table) = inputs.table("products") {
        let (read, count) = features::read_products(table, cut, names)?;
        counted("products", count);
        small.products = read;
    }
    if let (Some(promotions), Some(products)) = (inputs.table("promotions"), inputs.table("promotion_products")) {
        let (read, [first, second]) = features::read_promotions([promotions, products], cut, names)?;
        counted("promotions", first);
        counted("promotion_products", second);
        small.promotions = Some(read);
    }
    if let Some(table) = inputs.table("stores") {
        let (read, count) = read_closed_stores(table, cut)?;
        counted("stores", count);
        small.closed_stores = read;
    }
    // What no stage reads yet is read all the same: its rows keep their contract and add up.
    for table in &inputs.tables {
        let name = &table.params.input.contract.name;
        if !counts.iter().any(|(counted, _)| counted == name) {
            let (_, count) = table.scan(cut, |_: &mut (), _| Ok(()), |_, _| Ok(()))?;
            counts.push((name.clone(), count));
        }
    }
    Ok(small)
}
