//! What identifies nobody: test accounts, what forms fill in by themselves, what cashiers type for who has nothing.

use std::collections::{BTreeSet, HashSet};
use std::hash::BuildHasherDefault;

use serde::Serialize;

use super::normalise::{self, Country};
use super::records::Field;
use crate::config::{Faults, RawBlocked};
use crate::key::{Spread, hex, sha256};
use crate::time::Day;

/// What stands for every domain after a mailbox that is blocked in all of them.
const EVERY_DOMAIN: &str = "@*";

/// Texts in their one form.
type Forms = HashSet<String, BuildHasherDefault<Spread>>;

/// What identifies nobody, in its one form.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Blocked {
    #[serde(serialize_with = "as_one")]
    emails: Forms,
    /// What stands before the @, in whatever domain.
    #[serde(serialize_with = "as_one")]
    mailboxes: Forms,
    #[serde(serialize_with = "as_one")]
    phones: Forms,
    #[serde(serialize_with = "as_one")]
    names: Forms,
    /// In lower case.
    #[serde(serialize_with = "as_one")]
    cards: Forms,
    /// YYYYMMDD.
    #[serde(serialize_with = "as_one")]
    births: Forms,
    /// Ids of source customers, in lower case.
    #[serde(serialize_with = "as_one")]
    pub source_customers: BTreeSet<String>,
}

/// A run publishes what it was told; of values that may be someone's, how many they are, and one digest of all.
fn as_one<'a, S: serde::Serializer, T>(texts: &'a T, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a T: IntoIterator<Item = &'a String>,
{
    let texts: BTreeSet<&String> = texts.into_iter().collect();
    let all = texts.iter().fold(String::new(), |all, text| all + text + "\n");
    serializer.collect_str(&format!("{} of sha256 {}", texts.len(), hex(&sha256(all.as_bytes()))))
}

impl Blocked {
    /// Whether a value of a field, in its one form, is nobody's.
    pub fn has(&self, field: Field, text: &str) -> bool {
        match field {
            Field::Email => self.emails.contains(text) || text.split_once('@').is_some_and(|(mailbox, _)| self.mailboxes.contains(mailbox)),
            Field::Phone => self.phones.contains(text),
            Field::FirstName | Field::LastName => self.names.contains(text),
            Field::BirthDate => self.births.contains(text),
            Field::CardId | Field::HouseholdKey => self.cards.contains(&text.to_lowercase()),
            Field::Postcode | Field::Address => false,
        }
    }

    /// Checks the lists.
    pub fn check(raw: RawBlocked, country: &Country, faults: &mut Faults<'_>) -> Self {
        let mut all = |key: &str, expected: &str, texts: Vec<String>, form: &dyn Fn(&str) -> Option<String>| {
            let mut forms = Forms::default();
            for (index, text) in texts.iter().enumerate() {
                match form(text) {
                    Some(form) => forms.extend([form]),
                    None => faults.add(&format!("customers.blocked.{key}[{index}]"), expected, format!("`{text}`")),
                }
            }
            forms
        };
        let lower = |text: &str| Some(text.trim().to_lowercase()).filter(|text| !text.is_empty());
        let mailbox = |text: &str| text.trim().strip_suffix(EVERY_DOMAIN).and_then(lower);
        // One digit over and over is nobody's anyhow.
        let phone =
            |text: &str| normalise::phone(text, country).map(|number| number.to_string()).or_else(|| normalise::is_one_digit(text).then(|| text.to_owned()));
        let email = |text: &str| {
            mailbox(text).map(|it| it + EVERY_DOMAIN).or_else(|| normalise::email(text)).filter(|it| !it.trim_end_matches(EVERY_DOMAIN).contains('*'))
        };
        let birth = |text: &str| Day::parse(text).and_then(Day::number).map(|number| number.to_string());
        let emails = all("emails", "an e-mail address, or `mailbox@*`", raw.emails.unwrap_or_default(), &email);
        let (everywhere, emails): (Forms, Forms) = emails.into_iter().partition(|email| email.ends_with(EVERY_DOMAIN));
        Self {
            emails,
            mailboxes: everywhere.iter().filter_map(|email| mailbox(email)).collect(),
            phones: all("phones", "a phone number", raw.phones.unwrap_or_default(), &phone),
            names: all("names", "a name", raw.names.unwrap_or_default(), &normalise::name),
            cards: all("card_ids", "a card", raw.card_ids.unwrap_or_default(), &lower),
            births: all("birth_dates", "a date YYYY-MM-DD", raw.birth_dates.unwrap_or_default(), &birth),
            source_customers: all("source_customer_ids", "an id", raw.source_customer_ids.unwrap_or_default(), &lower).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, in other spellings than they are stated in; a name is blocked as a name alone: people are called Null.
    #[test]
    fn what_is_blocked_is_nobodys() {
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        let raw = RawBlocked {
            emails: texts(&["Test@*", "info@Shop.example"]),
            phones: texts(&["0171 5551234", "9999999"]),
            names: texts(&["Unknown"]),
            card_ids: texts(&["null", "\u{c4}\u{d6}-frei"]),
            birth_dates: texts(&["1900-01-01"]),
            source_customer_ids: texts(&["-1", "NULL"]),
        };
        let country = Country { code: "49".to_owned(), trunk: "0".to_owned(), lengths: vec![10, 11], international: Vec::new() };
        let places = crate::config::Places::default();
        let blocked = Blocked::check(raw, &country, &mut Faults::new("test.yaml", &places, &|_| None));
        let nobodys = [
            (Field::Email, "test@x.de"),
            (Field::Email, "info@shop.example"),
            (Field::Phone, "491715551234"),
            (Field::FirstName, "unknown"),
            (Field::LastName, "unknown"),
            (Field::CardId, "NULL"),
            (Field::CardId, "\u{c4}\u{d6}-Frei"),
            (Field::HouseholdKey, "Null"),
            (Field::BirthDate, "19000101"),
        ];
        assert!(nobodys.iter().all(|&(field, text)| blocked.has(field, text)), "{blocked:?}");
        let someones =
            [(Field::Email, "tester@x.de"), (Field::Email, "test2@x.de"), (Field::LastName, "null"), (Field::Postcode, "unknown"), (Field::CardId, "1")];
        assert!(!someones.iter().any(|&(field, text)| blocked.has(field, text)), "{blocked:?}");
        assert_eq!(blocked.source_customers.iter().collect::<Vec<_>>(), ["-1", "null"]);
        let told = serde_json::to_string(&blocked).expect("JSON");
        assert!(!told.contains("shop.example") && !told.contains("5551234"), "{told}");
    }
}
