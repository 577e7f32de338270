//! Consent: the latest decision about an address, for a purpose and channel. It is about that address and no other, so no link between source
//! customers makes it reach further; an objection of any of a person's source customers holds for the person.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::link::{self, Field};
use super::{NOBODY, People};
use crate::error::{Error, Result};
use crate::key::Erased;
use crate::lake::{ByEntry, ByFingerprint, Counts, Cut, Names, OpenTable, Rows, SourceKeys};
use crate::table::plain_word;

/// What someone decided; later ones of the same instant win over earlier ones in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Given,
    Withdrawn,
    Objected,
}

impl Status {
    fn of(word: &str) -> Option<Self> {
        match plain_word(word).as_ref() {
            "given" => Some(Status::Given),
            "withdrawn" => Some(Status::Withdrawn),
            "objected" => Some(Status::Objected),
            _ => None,
        }
    }
}

/// What a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// A source customer, by number: its objections, and all that concerns a channel without addresses.
    Source(u32),
    /// An address, by what stands for it.
    Address(u64),
}

/// About what, purpose and channel by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key(About, u32, u32);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (kind, value) = match self.0 {
            About::Source(number) => (0, u64::from(number)),
            About::Address(address) => (1, address),
        };
        // At once: a hasher of fingerprints spreads bytes, and not one number after another.
        let all = u128::from(value) << 64 | u128::from(self.1) << 32 | u128::from(self.2);
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(&all.to_le_bytes());
        state.write(&bytes);
    }
}

/// The latest decisions.
type Latest = ByFingerprint<Key, Decision>;

/// When it was decided, and what.
type Decision = (i64, Status);

/// The field that holds the addresses of a channel, and its place among the addresses of a source customer; None for one without.
fn field(channel: &str) -> Option<(Field, usize)> {
    match plain_word(channel).as_ref() {
        "email" => Some((Field::Email, 0)),
        "sms" | "phone" => Some((Field::Phone, 1)),
        _ => None,
    }
}

/// Whether and through whom a customer may be contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// The source customer whose address is to be used: the oldest that may be. Without any the oldest.
    pub member: u32,
    /// Whether there is an address for the channel.
    pub has_address: bool,
    /// Why not, if so: no consent was given, it was withdrawn, or objected.
    pub refusal: Option<&'static str>,
}

/// What was decided about being contacted.
#[derive(Debug, Default)]
pub struct Consents {
    purposes: Names,
    channels: Names,
    latest: Latest,
    /// Decisions by purpose and channel, and how many of them are objections.
    decided: BTreeMap<(u32, u32), [u64; 2]>,
}

/// A way to contact people: a purpose and a channel, by number, and the place of the channel's addresses.
#[derive(Debug, Clone, Copy)]
pub struct Way(u32, u32, Option<usize>);

impl Consents {
    /// The way of a purpose and channel, however they are spelled.
    pub fn way(&self, purpose: &str, channel: &str) -> Way {
        let number = |names: &Names, word: &str| names.number(&plain_word(word));
        Way(number(&self.purposes, purpose), number(&self.channels, channel), field(channel).map(|(_, place)| place))
    }

    /// How many decisions there are by purpose and channel, and how many of them are objections.
    pub fn counts(&self) -> BTreeMap<(String, String), [u64; 2]> {
        let named = self.decided.iter().map(|((purpose, channel), counts)| ((self.purposes.text(*purpose), self.channels.text(*channel)), *counts));
        named.collect()
    }

    /// Whether and through whom the customer at a position may be contacted.
    pub fn contact(&self, people: &People, customer: usize, way: Way) -> Contact {
        let latest = |about: About| self.latest.get(&Key(about, way.0, way.1)).map(|decision| decision.1);
        let members = people.members(customer);
        let mut best: Option<(u8, Contact)> = None;
        let mut objected = false;
        for &member in members {
            let address = way.2.map(|place| people.address(member, place));
            let has_address = address != Some(0);
            let about = address.filter(|address| *address != 0).map_or(About::Source(member), About::Address);
            let status = latest(about);
            let own = latest(About::Source(member));
            objected |= status == Some(Status::Objected) || own == Some(Status::Objected);
            // What someone withdrew is not given by who shares the address.
            let (rank, refusal) = match (own, status) {
                _ if !has_address => (3, Some("consent_unknown")),
                (Some(Status::Withdrawn), _) => (1, Some("consent_withdrawn")),
                (_, Some(Status::Given)) => (0, None),
                (_, Some(_)) => (1, Some("consent_withdrawn")),
                (_, None) => (2, Some("consent_unknown")),
            };
            // An address that may be used comes first; then a withdrawal is told. Members stand from the oldest on.
            if best.is_none_or(|(known, _)| rank < known) {
                best = Some((rank, Contact { member, has_address, refusal }));
            }
        }
        let contact = best.map_or(Contact { member: people.customers[customer].first, has_address: false, refusal: Some("consent_unknown") }, |best| best.1);
        if objected { Contact { refusal: Some("objected"), ..contact } } else { contact }
    }
}

/// Reads the table `consents`; `country` is that of phone numbers.
///
/// # Errors
/// Those of the lake; `Input` for a status that is not one of the contract's words, or a decision about nobody.
pub fn read_consents(table: &OpenTable, cut: &Cut, keys: &SourceKeys, people: &People, params: &link::Params) -> Result<(Consents, Counts)> {
    let mut consents = Consents::default();
    let reading = Reading { keys, people, purposes: &consents.purposes, channels: &consents.channels, params, erased: &cut.erased };
    let (gathered, counts) = table.scan(
        cut,
        |gathered: &mut Gathered, rows| gathered.add(rows, &reading),
        |whole, part| {
            whole.of_nobody += part.of_nobody;
            part.rows.into_iter().for_each(|(key, decision)| keep_latest(&mut whole.latest, key, decision));
            Ok(())
        },
    )?;
    let counts = Counts { of_nobody: gathered.of_nobody, ..counts };
    consents.latest.reserve(gathered.latest.len());
    for (Key(about, purpose, channel), decision) in gathered.latest {
        let counts = consents.decided.entry((purpose, channel)).or_default();
        (counts[0], counts[1]) = (counts[0] + 1, counts[1] + u64::from(decision.1 == Status::Objected));
        let About::Source(number) = about else {
            keep_latest(&mut consents.latest, Key(about, purpose, channel), decision);
            continue;
        };
        keep_latest(&mut consents.latest, Key(about, purpose, channel), decision);
        // What a source customer decided is about its address.
        let place = field(&consents.channels.text(channel)).map(|(_, place)| place);
        if let Some(address) = place.map(|place| people.address(number, place)).filter(|address| *address != 0) {
            keep_latest(&mut consents.latest, Key(About::Address(address), purpose, channel), decision);
        }
    }
    Ok((consents, counts))
}

fn keep_latest(latest: &mut Latest, key: Key, decision: Decision) {
    let known = latest.entry(key).or_insert(decision);
    *known = decision.max(*known);
}

/// What it takes to read decisions.
struct Reading<'a> {
    keys: &'a SourceKeys,
    people: &'a People,
    purposes: &'a Names,
    channels: &'a Names,
    params: &'a link::Params,
    erased: &'a Erased,
}

/// The decisions of a file; and the latest of all files.
#[derive(Default)]
struct Gathered {
    rows: Vec<(Key, Decision)>,
    latest: Latest,
    /// Decisions of source customers whom nobody knows, about no address.
    of_nobody: u64,
    statuses: ByEntry<Option<Status>>,
    purposes: ByEntry<u32>,
    channels: ByEntry<u32>,
}

impl Gathered {
    fn add(&mut self, rows: &Rows<'_>, reading: &Reading<'_>) -> Result<()> {
        let required = |name: &str| rows.column(name).ok_or_else(|| Error::bug(format!("consents have a column {name}")));
        let (status, purpose, channel, changed) = (required("status")?, required("purpose")?, required("channel")?, required("changed_at")?);
        let (address, customers) = (rows.texts("address"), rows.source_customers());
        for ((&row, &(source, customer)), number) in rows.kept.iter().zip(&customers).zip(reading.keys.find(&customers)) {
            let Some(Some(decided)) = self.statuses.get(status, row, Status::of) else {
                return Err(Error::input("column status: expected given, withdrawn or objected, got another word"));
            };
            let written = address(row);
            if customer.is_empty() && written.is_none() {
                return Err(Error::input("columns source_customer_id, address: expected one of them in every row, got neither"));
            }
            let decision = (changed.int(row).unwrap_or_default(), decided);
            let to = channel.text(row).unwrap_or_default();
            let purpose = self.purposes.get(purpose, row, |text| reading.purposes.number(&plain_word(text))).unwrap_or_default();
            let channel = self.channels.get(channel, row, |text| reading.channels.number(&plain_word(text))).unwrap_or_default();
            let address = written.and_then(|written| field(to).and_then(|(field, _)| reading.params.form(field, written).map(|text| field.value(&text))));
            if let Some(address) = address {
                self.rows.push((Key(About::Address(address), purpose, channel), decision));
            }
            // Of who is erased, what they refused still holds for the address.
            if !customer.is_empty() && reading.erased.holds(source, customer) {
                continue;
            }
            // Of who is gone the number may still be known.
            let number = number.filter(|number| reading.people.customer_of.get(*number as usize).is_some_and(|customer| *customer != NOBODY));
            self.of_nobody += u64::from(number.is_none() && address.is_none());
            // A decision of someone that neither customers nor lines know concerns nobody; one about an address is about that alone, unless it objects.
            if let Some(number) = number.filter(|_| written.is_none() || decided == Status::Objected) {
                self.rows.push((Key(About::Source(number), purpose, channel), decision));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::people::Customer;
    use super::*;

    /// A customer of the source customers 0 and 1, of addresses 5 and 6, and one of number 2, who shares the address 6.
    fn people() -> People {
        let one = Customer { first: 0, members: 2, ..Customer::default() };
        let other = Customer { first: 2, members: 1, ..Customer::default() };
        People::of(vec![one, other], vec![0, 1, 2], vec![0, 0, 1], vec![[5, 0], [6, 0], [6, 9]])
    }

    fn decided(decisions: &[(About, i64, Status)]) -> Contact {
        let mut consents = Consents::default();
        let (purpose, channel) = (consents.purposes.number("marketing"), consents.channels.number("email"));
        decisions.iter().for_each(|&(about, at, status)| keep_latest(&mut consents.latest, Key(about, purpose, channel), (at, status)));
        consents.contact(&people(), 0, consents.way("marketing", "email"))
    }

    #[test]
    fn consent_is_about_an_address_and_no_other() {
        use About::{Address, Source};
        use Status::{Given, Objected, Withdrawn};
        let contact = |member, refusal| Contact { member, has_address: true, refusal };
        assert_eq!(decided(&[]), contact(0, Some("consent_unknown")));
        // What was given for one address is not for the other: the mail goes to the one.
        assert_eq!(decided(&[(Address(6), 1, Given)]), contact(1, None));
        assert_eq!(decided(&[(Address(5), 3, Withdrawn), (Address(6), 1, Given)]), contact(1, None));
        assert_eq!(decided(&[(Address(6), 3, Withdrawn)]), contact(1, Some("consent_withdrawn")));
        // Somebody else gave it later for the address that they share; what was withdrawn is withdrawn.
        assert_eq!(decided(&[(Source(1), 1, Withdrawn), (Address(6), 2, Given)]), contact(1, Some("consent_withdrawn")));
        // The latest decision holds; one that came first does not.
        assert_eq!(decided(&[(Address(6), 1, Given), (Address(6), 2, Withdrawn), (Address(5), 2, Withdrawn)]), contact(0, Some("consent_withdrawn")));
        // An objection of either holds for the person, whatever was given.
        assert_eq!(decided(&[(Address(5), 3, Given), (Source(1), 1, Objected)]), contact(0, Some("objected")));
        let consents = Consents::default();
        assert_eq!(consents.contact(&people(), 1, consents.way("marketing", "sms")), contact(2, Some("consent_unknown")));
        assert!(!consents.contact(&people(), 0, consents.way("marketing", "sms")).has_address);
    }
}
