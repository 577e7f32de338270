//! Source customers as the lake knows them.

use serde::Serialize;

use super::link::normalised_email;
use crate::error::{Error, Result};
use crate::key::{Id, fingerprint};
use crate::lake::{Counts, Cut, LineNames, OpenTable, Rows};
use crate::time::Day;

/// The words of `account_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Someone.
    Person,
    /// A business.
    Business,
    /// Someone who works for the shop.
    Staff,
    /// A card that cashiers swipe for whoever has none.
    HouseCard,
    /// Nobody.
    Test,
}

impl AccountType {
    /// All of them.
    pub const ALL: [AccountType; 5] = [Self::Person, Self::Business, Self::Staff, Self::HouseCard, Self::Test];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Business => "business",
            Self::Staff => "staff",
            Self::HouseCard => "house_card",
            Self::Test => "test",
        }
    }

    /// The one of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.word() == word)
    }

    /// The words, for people.
    pub fn words() -> String {
        Self::ALL.map(Self::word).join(", ")
    }
}

/// A customer of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceCustomer {
    /// When the row reached the lake, UTC microseconds: of several, the newest holds.
    pub recorded_at: Option<i64>,
    /// When the customer registered, UTC microseconds.
    pub registered_at: Option<i64>,
    /// The day of it.
    pub registered: Option<Day>,
    /// Kind of account.
    pub account_type: Option<AccountType>,
    /// E-mail address, normalised.
    pub email: Option<Box<str>>,
    /// Whether a phone number is known.
    pub phone: bool,
    /// What members of a household share.
    pub household: Option<Id>,
    /// Store that the customer calls home.
    pub home_store: Option<HomeStore>,
}

/// A store, in an order that does not depend on its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HomeStore {
    fingerprint: u64,
    /// Its number.
    pub number: u32,
}

/// Source customers of the table `customers`, by number.
#[derive(Debug, Default)]
pub struct SourceCustomers {
    rows: Vec<Option<Box<SourceCustomer>>>,
}

impl SourceCustomers {
    /// The one of this number.
    pub fn get(&self, number: u32) -> Option<&SourceCustomer> {
        self.rows.get(number as usize).and_then(Option::as_deref)
    }

    /// A number above all of theirs.
    pub fn end(&self) -> usize {
        self.rows.len()
    }

    /// Of several rows of a source customer the newest holds.
    pub fn keep_newest(&mut self, number: u32, row: SourceCustomer) {
        let index = number as usize;
        if self.rows.len() <= index {
            self.rows.resize(index + 1, None);
        }
        match &mut self.rows[index] {
            Some(known) if **known >= row => {}
            place => *place = Some(Box::new(row)),
        }
    }
}

/// Reads the table `customers`; of several rows of a key the newest holds.
///
/// # Errors
/// Those of the lake.
pub fn read_customers(table: &OpenTable, cut: &Cut, names: &LineNames) -> Result<(SourceCustomers, Counts)> {
    let (read, counts) = table.scan(
        cut,
        |gathered: &mut Gathered, rows| gathered.add(rows, names),
        |whole, part| {
            part.rows.into_iter().for_each(|(number, row)| whole.whole.keep_newest(number, row));
            Ok(())
        },
    )?;
    Ok((read.whole, counts))
}

/// The rows of a file; and of all files.
#[derive(Default)]
struct Gathered {
    rows: Vec<(u32, SourceCustomer)>,
    whole: SourceCustomers,
}

impl Gathered {
    fn add(&mut self, rows: &Rows<'_>, names: &LineNames) -> Result<()> {
        let store = |name: &str| HomeStore { fingerprint: fingerprint(0, name.as_bytes()), number: names.stores.number(name) };
        let int = |name: &str, row: usize| rows.column(name).and_then(|column| column.int(row));
        for &row in &rows.kept {
            let text = |name: &str| rows.text(name, row).filter(|text| !text.is_empty());
            let source = text("source").unwrap_or_default();
            if source.contains('\u{1f}') {
                return Err(Error::input("column source: expected no byte 0x1F, got one"));
            }
            let Some(id) = text("source_customer_id") else {
                return Err(Error::input("column source_customer_id: expected an id, got an empty text"));
            };
            let account_type = text("account_type").map(|word| {
                AccountType::of(word).ok_or_else(|| Error::input(format!("column account_type: expected one of {}, got another word", AccountType::words())))
            });
            let customer = SourceCustomer {
                recorded_at: int("recorded_at", row),
                registered_at: int("registered_at", row),
                registered: rows.days[row],
                account_type: account_type.transpose()?,
                email: text("email").and_then(normalised_email).map(String::into_boxed_str),
                phone: text("phone").is_some(),
                household: text("household_key").map(Id::household),
                home_store: text("home_store_id").map(store),
            };
            self.rows.push((names.keys.key(source, id).number, customer));
        }
        Ok(())
    }
}
