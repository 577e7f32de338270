//! What the lake says of people beside their lines: weekly exports of customers, consents and responses, and contacts.

use super::people::{Account, Profile, SOURCES};
use super::rows::{Buckets, Event, EventTable};
use super::shop::Shop;
use super::visits::History;
use super::write::{DAY_MICROS, Writer, contract_of, maybe_texts, numbers, store_id, texts};
use crate::error::Result;
use crate::table::dates;

/// The Sunday on which the weekly export that holds a day reaches the lake, since the start.
fn export_day(shop: &Shop, day: i32) -> i32 {
    // 1970-01-01 was a Thursday: Sundays are the days with remainder 3.
    let absolute = shop.start.0 + day;
    day + (3 - absolute).rem_euclid(7)
}

/// Events of everyone by day of recording; who someone is, is drawn again when their turn comes.
pub struct Events {
    seed: u64,
    buckets: Buckets<Event>,
}

impl Events {
    /// No events yet.
    ///
    /// # Errors
    /// `Limit` if the system's folder for temporary files takes none.
    pub fn new(shop: &Shop, seed: u64) -> Result<Self> {
        Ok(Self { seed, buckets: Buckets::new(shop.days + 64)? })
    }

    /// Adds what is recorded of someone up to the last day.
    ///
    /// # Errors
    /// `Limit` on a full disk.
    pub fn add(&mut self, shop: &Shop, profile: &Profile, history: &History) -> Result<()> {
        let person = profile.person;
        let mut add = |recorded: i32, table: EventTable, number: usize, value: i32| {
            if shop.start.plus(recorded) > shop.until {
                return Ok(());
            }
            self.buckets.add(&Event { recorded, table, person, number: number as u32, value })
        };
        for position in 0..profile.sources.len() {
            let day = registered_day(profile, position);
            add(export_day(shop, day), EventTable::Customers, position, day)?;
        }
        for (number, &(day, _)) in profile.consents.iter().enumerate() {
            add(export_day(shop, day), EventTable::Consents, number, day)?;
        }
        for &(campaign, day, sent) in &history.contacts {
            add(day, EventTable::Contacts, campaign, i32::from(sent))?;
        }
        for &(contact, day) in &history.responses {
            add(export_day(shop, day), EventTable::Responses, history.contacts[contact].0, day)?;
        }
        Ok(())
    }

    /// Writes all files.
    ///
    /// # Errors
    /// Those of the store; `Limit` if scratch cannot be read.
    pub fn write(&mut self, writer: &mut Writer<'_>, shop: &Shop) -> Result<()> {
        for bucket in 0..self.buckets.count() {
            let events = self.buckets.take(bucket)?;
            for file in events.chunk_by(|a, b| (a.recorded, a.table) == (b.recorded, b.table)) {
                let rows: Vec<(Event, Profile)> = file.iter().map(|event| (*event, Profile::draw(shop, self.seed, event.person))).collect();
                write_file(writer, shop, &rows)?;
            }
        }
        Ok(())
    }
}

/// The day on which a source learns of someone: the second one three weeks after the first.
fn registered_day(profile: &Profile, position: usize) -> i32 {
    profile.registered_day + 20 * position as i32
}

fn write_file(writer: &mut Writer<'_>, shop: &Shop, rows: &[(Event, Profile)]) -> Result<()> {
    let Event { recorded, table, .. } = rows[0].0;
    let at = |day: i32| (i64::from(shop.start.0) + i64::from(day)) * DAY_MICROS + 17 * 3_600_000_000;
    let place = |name: &str| format!("lake/{name}/recorded_on={}/part-0.parquet", shop.start.plus(recorded));
    let sources = || texts("source", rows.iter().map(|row| SOURCES[row.1.sources[0]]));
    let keys = || texts("source_customer_id", rows.iter().map(|row| Profile::key(row.0.person, row.1.sources[0])));
    let campaigns = || texts("campaign_id", rows.iter().map(|row| format!("K{:02}", row.0.number)));
    match table {
        EventTable::Customers => write_customers(writer, &place("customers"), rows, &at),
        EventTable::Consents => {
            let names = ["source", "source_customer_id", "purpose", "channel", "changed_at", "status"];
            let columns = vec![
                sources(),
                keys(),
                texts("purpose", rows.iter().map(|_| "marketing")),
                texts("channel", rows.iter().map(|_| "email")),
                numbers("changed_at", rows.iter().map(|row| at(row.0.value))),
                texts("status", rows.iter().map(|row| row.1.consents[row.0.number as usize].1)),
            ];
            writer.table(&place("consents"), &contract_of("consents", &names, &names)?, columns)
        }
        EventTable::Contacts => {
            let names = ["campaign_id", "source", "source_customer_id", "channel", "sent_at", "arm"];
            let columns = vec![
                campaigns(),
                sources(),
                keys(),
                texts("channel", rows.iter().map(|_| "email")),
                numbers("sent_at", rows.iter().map(|_| at(recorded))),
                texts("arm", rows.iter().map(|row| if row.0.value == 1 { "treatment" } else { "control" })),
            ];
            writer.table(&place("contacts"), &contract_of("contacts", &names, &names)?, columns)
        }
        EventTable::Responses => {
            let names = ["campaign_id", "source", "source_customer_id", "kind", "at"];
            let columns =
                vec![campaigns(), sources(), keys(), texts("kind", rows.iter().map(|_| "order")), numbers("at", rows.iter().map(|row| at(row.0.value)))];
            writer.table(&place("responses"), &contract_of("responses", &names, &names)?, columns)
        }
    }
}

fn write_customers(writer: &mut Writer<'_>, path: &str, rows: &[(Event, Profile)], at: &dyn Fn(i32) -> i64) -> Result<()> {
    let names = [
        "source",
        "source_customer_id",
        "account_type",
        "registered_at",
        "home_store_id",
        "email",
        "phone",
        "first_name",
        "last_name",
        "birth_date",
        "postcode",
        "address",
        "household_key",
    ];
    let contract = contract_of("customers", &names, &["source", "account_type", "registered_at", "home_store_id", "first_name", "last_name"])?;
    let source = |row: &(Event, Profile)| row.1.sources[row.0.number as usize];
    let written = |row: &(Event, Profile)| row.1.written[row.0.number as usize].clone();
    let account = |row: &(Event, Profile)| match row.1.account {
        Account::Person => "person",
        Account::Staff => "staff",
        Account::HouseCard => "house_card",
    };
    let columns = vec![
        texts("source", rows.iter().map(|row| SOURCES[source(row)])),
        texts("source_customer_id", rows.iter().map(|row| Profile::key(row.0.person, source(row)))),
        texts("account_type", rows.iter().map(account)),
        numbers("registered_at", rows.iter().map(|row| at(row.0.value))),
        texts("home_store_id", rows.iter().map(|row| store_id(row.1.store))),
        maybe_texts("email", rows.iter().map(|row| row.1.emails[row.0.number as usize].clone()).collect()),
        maybe_texts("phone", rows.iter().map(|row| written(row).phone.clone()).collect()),
        texts("first_name", rows.iter().map(|row| written(row).first)),
        texts("last_name", rows.iter().map(|row| written(row).last)),
        dates("birth_date", rows.iter().map(|row| written(row).birth).collect())?,
        maybe_texts("postcode", rows.iter().map(|row| written(row).postcode.clone()).collect()),
        maybe_texts("address", rows.iter().map(|row| written(row).address.clone()).collect()),
        maybe_texts("household_key", rows.iter().map(|row| row.1.household.map(|household| format!("h{household}"))).collect()),
    ];
    writer.table(path, &contract, columns)
}
