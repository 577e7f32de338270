//! Consent: the latest decision per purpose and channel; an objection of any source customer holds for the person.

use std::collections::{HashMap, HashSet};

use super::People;
use crate::error::{Error, Result};
use crate::lake::{Counts, Cut, OpenTable, Rows};

/// What someone decided; later ones of the same instant win over earlier ones in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Given,
    Withdrawn,
    Objected,
}

type Decisions = HashMap<(String, String, String, String), (i64, Status)>;

/// Whether each customer may be contacted.
#[derive(Debug, Clone, Default)]
pub struct Consents {
    /// By customer, purpose, channel.
    latest: HashMap<(u32, String, String), (i64, Status)>,
    objected: HashSet<(u32, String, String)>,
}

impl Consents {
    /// Why a customer may not be contacted, if so: no consent was given, it was withdrawn, or objected.
    pub fn refusal(&self, customer: u32, purpose: &str, channel: &str) -> Option<&'static str> {
        let key = (customer, purpose.to_owned(), channel.to_owned());
        if self.objected.contains(&key) {
            return Some("objected");
        }
        match self.latest.get(&key) {
            Some((_, Status::Given)) => None,
            Some((_, Status::Withdrawn)) => Some("consent_withdrawn"),
            Some((_, Status::Objected)) => Some("objected"),
            None => Some("consent_unknown"),
        }
    }
}

/// Reads the table `consents`.
///
/// # Errors
/// Those of the lake; `Input` for a status that is not one of the contract's words.
pub fn read_consents(table: &OpenTable, cut: &Cut, people: &People) -> Result<(Consents, Counts)> {
    let merge = |all: &mut Decisions, part: Decisions| {
        part.into_iter().for_each(|(key, decision)| keep_latest(all, key, decision));
        Ok(())
    };
    let (decisions, counts) = table.scan(cut, add, merge)?;
    let mut consents = Consents::default();
    for ((source, id, purpose, channel), decision) in decisions {
        let Some(customer) = people.find(&source, &id) else { continue };
        let key = (customer, purpose, channel);
        if decision.1 == Status::Objected {
            consents.objected.insert(key.clone());
        }
        let latest = consents.latest.entry(key).or_insert(decision);
        *latest = decision.max(*latest);
    }
    Ok((consents, counts))
}

fn keep_latest(decisions: &mut Decisions, key: (String, String, String, String), decision: (i64, Status)) {
    let latest = decisions.entry(key).or_insert(decision);
    *latest = decision.max(*latest);
}

fn add(decisions: &mut Decisions, rows: &Rows<'_>) -> Result<()> {
    for &row in &rows.kept {
        let text = |name: &str| rows.text(name, row).unwrap_or_default().to_owned();
        let status = match rows.text("status", row).unwrap_or_default() {
            "given" => Status::Given,
            "withdrawn" => Status::Withdrawn,
            "objected" => Status::Objected,
            _ => return Err(Error::input("column status: expected given, withdrawn or objected, got another word")),
        };
        let at = rows.column("changed_at").and_then(|column| column.int(row)).unwrap_or_default();
        keep_latest(decisions, (text("source"), text("source_customer_id"), text("purpose"), text("channel")), (at, status));
    }
    Ok(())
}
