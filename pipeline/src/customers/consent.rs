//! Consent: the latest decision per purpose and channel; an objection of any source customer holds for the person.

use std::collections::HashMap;

use super::{NOBODY, People};
use crate::error::{Error, Result};
use crate::lake::{ByEntry, Counts, Cut, Names, OpenTable, Rows, SourceKeys};

/// What someone decided; later ones of the same instant win over earlier ones in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Given,
    Withdrawn,
    Objected,
}

impl Status {
    fn of(word: &str) -> Option<Self> {
        match word {
            "given" => Some(Status::Given),
            "withdrawn" => Some(Status::Withdrawn),
            "objected" => Some(Status::Objected),
            _ => None,
        }
    }
}

/// A source customer or a customer, purpose, channel: all by number.
type Key = (u32, u32, u32);

/// When it was decided, and what.
type Decision = (i64, Status);

/// Whether each customer may be contacted.
#[derive(Debug, Default)]
pub struct Consents {
    purposes: Names,
    channels: Names,
    /// By customer: the latest decision, and whether the latest of any of their source customers is an objection.
    latest: HashMap<Key, (Decision, bool)>,
}

impl Consents {
    /// Why a customer may not be contacted, if so: no consent was given, it was withdrawn, or objected.
    pub fn refusal(&self, customer: u32, purpose: &str, channel: &str) -> Option<&'static str> {
        let key = (customer, self.purposes.number(purpose), self.channels.number(channel));
        match self.latest.get(&key) {
            Some((_, true) | ((_, Status::Objected), _)) => Some("objected"),
            Some(((_, Status::Given), _)) => None,
            Some(((_, Status::Withdrawn), _)) => Some("consent_withdrawn"),
            None => Some("consent_unknown"),
        }
    }
}

/// Reads the table `consents`.
///
/// # Errors
/// Those of the lake; `Input` for a status that is not one of the contract's words.
pub fn read_consents(table: &OpenTable, cut: &Cut, keys: &SourceKeys, people: &People) -> Result<(Consents, Counts)> {
    let mut consents = Consents::default();
    let names = (keys, &consents.purposes, &consents.channels);
    let (gathered, counts) = table.scan(
        cut,
        |gathered: &mut Gathered, rows| gathered.add(rows, names),
        |whole, part| {
            part.rows.into_iter().for_each(|(key, decision)| whole.keep_latest(key, decision));
            Ok(())
        },
    )?;
    for ((number, purpose, channel), decision) in gathered.latest {
        let customer = people.customer_of[number as usize];
        if customer == NOBODY {
            continue;
        }
        let objected = decision.1 == Status::Objected;
        let latest = consents.latest.entry((customer, purpose, channel)).or_insert((decision, objected));
        *latest = (decision.max(latest.0), latest.1 || objected);
    }
    Ok((consents, counts))
}

/// The decisions of a file; and the latest of all files.
#[derive(Default)]
struct Gathered {
    rows: Vec<(Key, Decision)>,
    latest: HashMap<Key, Decision>,
    statuses: ByEntry<Option<Status>>,
    purposes: ByEntry<u32>,
    channels: ByEntry<u32>,
}

impl Gathered {
    fn keep_latest(&mut self, key: Key, decision: Decision) {
        let latest = self.latest.entry(key).or_insert(decision);
        *latest = decision.max(*latest);
    }

    fn add(&mut self, rows: &Rows<'_>, (keys, purposes, channels): (&SourceKeys, &Names, &Names)) -> Result<()> {
        let required = |name: &str| rows.column(name).ok_or_else(|| Error::bug(format!("consents have a column {name}")));
        let (status, purpose, channel, changed) = (required("status")?, required("purpose")?, required("channel")?, required("changed_at")?);
        for &row in &rows.kept {
            let Some(Some(decided)) = self.statuses.get(status, row, Status::of) else {
                return Err(Error::input("column status: expected given, withdrawn or objected, got another word"));
            };
            let text = |name: &str| rows.text(name, row).unwrap_or_default();
            // A decision of someone that neither customers nor lines know concerns nobody.
            let Some(number) = keys.find(text("source"), text("source_customer_id")) else { continue };
            let purpose = self.purposes.get(purpose, row, |text| purposes.number(text)).unwrap_or_default();
            let channel = self.channels.get(channel, row, |text| channels.number(text)).unwrap_or_default();
            self.rows.push(((number, purpose, channel), (changed.int(row).unwrap_or_default(), decided)));
        }
        Ok(())
    }
}
