//! Writing the lake and the truth.

use std::collections::BTreeMap;

use bytes::Bytes;
use polars::prelude::{Column as Series, DataFrame};

use super::Params;
use super::people::{Account, Profile, SOURCES};
use super::rows::{Buckets, LineRow};
use super::shop::{LEAFLET_DAYS, STORES, Shop};
use super::visits::{self, EFFECT, History};
use crate::columnar;
use crate::error::{Error, Kind, Result};
use crate::lake;
use crate::store::{Created, Store};
use crate::table::{self, Column, Contract, Kind as ColumnKind};
use crate::time::Day;

/// Share of orders that carry no card.
const ANONYMOUS_STEP: u32 = 12;
const DAY_MICROS: i64 = 86_400_000_000;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Order lines.
    pub lines: u64,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Writes a simulated shop into an empty folder: `lake/` and, apart from it, `truth/`.
///
/// # Errors
/// `Config` if the folder is not empty; `Limit` on a full disk; those of the store.
pub fn generate(params: &Params, store: &Store) -> Result<Written> {
    if let Some(entry) = store.list("")?.first() {
        return Err(Error::new(Kind::Config, format!("--out: expected an empty folder, got one with {}", entry.path)));
    }
    let shop = Shop::new(params);
    let mean_rate = visits::calibrate(&shop, params.seed, params.lines_per_customer, params.gap_shape);
    let mut writer = Writer { store, written: Written::default() };
    writer.catalogue(&shop)?;
    let mut buckets = Buckets::new(shop.days + 64)?;
    let mut people = PeopleFiles { seed: params.seed, ..PeopleFiles::default() };
    let mut truth = Truth::default();
    for person in 0..params.customers {
        let profile = Profile::draw(&shop, params.seed, person);
        let history = visits::draw(&shop, params.seed, &profile, mean_rate, params.gap_shape);
        add_lines(&mut buckets, &shop, &profile, &history)?;
        people.add(&shop, &profile, &history);
        truth.add(&shop, &profile, &history);
    }
    for bucket in 0..buckets.count() {
        let rows = buckets.take(bucket)?;
        for day in rows.chunk_by(|a, b| a.recorded == b.recorded).filter(|day| shop.start.plus(day[0].recorded) <= shop.until) {
            writer.written.lines += day.len() as u64;
            writer.lines(&shop, day)?;
        }
    }
    people.write(&mut writer, &shop)?;
    truth.write(&mut writer, params, mean_rate)?;
    Ok(writer.written)
}

/// The lines of someone; every twelfth order was made without the card, and nobody knows whose it was.
fn add_lines(buckets: &mut Buckets, shop: &Shop, profile: &Profile, history: &History) -> Result<()> {
    for (number, visit) in history.visits.iter().enumerate() {
        // Anonymous orders are extra ones, made by nobody that the lake knows: the histories stay whole.
        let extra = (profile.person + number as u32).is_multiple_of(ANONYMOUS_STEP) && visit.return_of.is_none();
        for (line, item) in visit.items.iter().enumerate() {
            let late_store = i32::from(visit.store == 0);
            let row = LineRow {
                recorded: visit.day + visit.late_days[line].max(late_store),
                ordered_at: (i64::from(shop.start.0) + i64::from(visit.day)) * DAY_MICROS + visit.second * 1_000_000,
                person: profile.person,
                visit: number as u32,
                line: line as u32,
                source: profile.sources[visit.source] as u32,
                store: visit.store as u32,
                product: item.product as u32,
                return_of: visit.return_of.map_or(u32::MAX, |of| of as u32),
                quantity: item.quantity,
                amount_minor: item.amount_minor,
            };
            buckets.add(&row)?;
            if extra {
                buckets.add(&LineRow {
                    person: u32::MAX,
                    visit: profile.person * 64 + number as u32 % 64,
                    ordered_at: row.ordered_at + 60_000_000,
                    source: 1,
                    ..row
                })?;
            }
        }
    }
    Ok(())
}

/// The chosen columns of an input table, without those that may be unknown but never are here.
fn contract_of(name: &str, columns: &[&str], never_null: &[&str]) -> Result<Contract> {
    let input = lake::input(name).ok_or_else(|| Error::bug(format!("{name} is an input table")))?;
    let column = |column: &&str| {
        let found = input.contract.column(column).cloned().ok_or_else(|| Error::bug(format!("{name} has a column {column}")))?;
        Ok(Column { nullable: found.nullable && !never_null.contains(column), ..found })
    };
    Ok(Contract { columns: columns.iter().map(column).collect::<Result<_>>()?, ..input.contract.clone() })
}

struct Writer<'a> {
    store: &'a Store,
    written: Written,
}

fn texts<T: AsRef<str>>(name: &str, values: impl Iterator<Item = T>) -> Series {
    Series::new(name.into(), values.map(|value| value.as_ref().to_owned()).collect::<Vec<_>>())
}

fn maybe_texts(name: &str, values: Vec<Option<String>>) -> Series {
    Series::new(name.into(), values)
}

fn numbers(name: &str, values: impl Iterator<Item = i64>) -> Series {
    Series::new(name.into(), values.collect::<Vec<_>>())
}

impl Writer<'_> {
    fn table(&mut self, path: &str, contract: &Contract, columns: Vec<Series>) -> Result<()> {
        let frame = DataFrame::new(columns.first().map_or(0, Series::len), columns)?;
        let mut bytes = Vec::new();
        columnar::write(contract, &frame, &mut bytes)?;
        self.bytes(path, bytes)
    }

    fn bytes(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.written.files += 1;
        self.written.bytes += bytes.len() as u64;
        match self.store.create(path, Bytes::from(bytes))? {
            Created::Written => Ok(()),
            Created::Existed => Err(Error::new(Kind::Config, format!("{path}: expected an empty folder, got this file"))),
        }
    }

    fn lines(&mut self, shop: &Shop, rows: &[LineRow]) -> Result<()> {
        let names = ["source", "order_id", "source_customer_id", "ordered_at", "product_id", "quantity", "amount", "channel", "store_id", "return_of_order_id"];
        let contract = contract_of("order_lines", &names, &["source", "channel", "store_id"])?;
        let order = |row: &LineRow, visit: u32| match row.person {
            u32::MAX => format!("n{visit:x}"),
            person => format!("{person:x}-{visit:x}"),
        };
        let channel = |row: &LineRow| ["app", "store", "web"][row.source as usize];
        let customer = |row: &LineRow| (row.person != u32::MAX).then(|| Profile::key(row.person, row.source as usize));
        let columns = vec![
            texts("source", rows.iter().map(|row| SOURCES[row.source as usize])),
            texts("order_id", rows.iter().map(|row| order(row, row.visit))),
            maybe_texts("source_customer_id", rows.iter().map(customer).collect()),
            numbers("ordered_at", rows.iter().map(|row| row.ordered_at)),
            texts("product_id", rows.iter().map(|row| product_id(row.product as usize))),
            Series::new("quantity".into(), rows.iter().map(|row| row.quantity as f64).collect::<Vec<_>>()),
            numbers("amount", rows.iter().map(|row| row.amount_minor)),
            texts("channel", rows.iter().map(channel)),
            texts("store_id", rows.iter().map(|row| store_id(row.store as usize))),
            maybe_texts("return_of_order_id", rows.iter().map(|row| (row.return_of != u32::MAX).then(|| order(row, row.return_of))).collect()),
        ];
        let recorded = shop.start.plus(rows[0].recorded);
        self.table(&format!("lake/order_lines/recorded_on={recorded}/part-0.parquet"), &contract, columns)
    }

    fn catalogue(&mut self, shop: &Shop) -> Result<()> {
        let category = |product: usize| shop.categories.iter().position(|category| category.products.contains(&product)).unwrap_or_default();
        let products = || 0..shop.products.len();
        let brand = |product: usize| if shop.products[product].private { "House".to_owned() } else { format!("Brand {}", product % 17) };
        let kind = |product: usize| if shop.products[product].private { "private" } else { "national" };
        let names = ["product_id", "name", "leaf_category", "brand", "brand_type", "regular_price"];
        let columns = vec![
            texts("product_id", products().map(product_id)),
            texts("name", products().map(|product| format!("Product {product}"))),
            texts("leaf_category", products().map(|product| format!("C{:03}", category(product)))),
            texts("brand", products().map(brand)),
            texts("brand_type", products().map(kind)),
            numbers("regular_price", products().map(|product| shop.products[product].price_minor)),
        ];
        self.table("lake/products/part-0.parquet", &contract_of("products", &names, &names)?, columns)?;
        let columns = vec![texts("store_id", (0..STORES).map(store_id)), table::dates("opened_on", vec![Some(shop.start); STORES])?];
        self.table("lake/stores/part-0.parquet", &contract_of("stores", &["store_id", "opened_on"], &["opened_on"])?, columns)?;
        for (number, leaflet) in shop.leaflets.iter().enumerate() {
            self.leaflet(shop, number, leaflet)?;
        }
        Ok(())
    }

    fn leaflet(&mut self, shop: &Shop, number: usize, deals: &[(usize, f64)]) -> Result<()> {
        let starts = shop.start.plus(number as i32 * LEAFLET_DAYS);
        if starts > shop.until || deals.is_empty() {
            return Ok(());
        }
        let promo = |product: usize| format!("L{number:03}-{product}");
        let names = ["promo_id", "starts_on", "ends_on", "mechanic", "value"];
        let columns = vec![
            texts("promo_id", deals.iter().map(|deal| promo(deal.0))),
            table::dates("starts_on", vec![Some(starts); deals.len()])?,
            table::dates("ends_on", vec![Some(starts.plus(LEAFLET_DAYS - 1)); deals.len()])?,
            texts("mechanic", deals.iter().map(|_| "share_off")),
            Series::new("value".into(), deals.iter().map(|deal| deal.1).collect::<Vec<_>>()),
        ];
        self.table(&format!("lake/promotions/recorded_on={starts}/part-0.parquet"), &contract_of("promotions", &names, &names)?, columns)?;
        let columns = vec![texts("promo_id", deals.iter().map(|deal| promo(deal.0))), texts("product_id", deals.iter().map(|deal| product_id(deal.0)))];
        let contract = contract_of("promotion_products", &["promo_id", "product_id"], &[])?;
        self.table(&format!("lake/promotion_products/recorded_on={starts}/part-0.parquet"), &contract, columns)
    }
}

fn product_id(product: usize) -> String {
    format!("p{product:05}")
}

fn store_id(store: usize) -> String {
    format!("s{:02}", store + 1)
}

/// The Sunday on which the weekly export that holds a day reaches the lake, since the start.
fn export_day(shop: &Shop, day: i32) -> i32 {
    // 1970-01-01 was a Thursday: Sundays are the days with remainder 3.
    let absolute = shop.start.0 + day;
    day + (3 - absolute).rem_euclid(7)
}

struct CustomerRow {
    profile: Profile,
    position: usize,
}

/// Small tables of people, by day of export; profiles are drawn again when their turn comes.
#[derive(Default)]
struct PeopleFiles {
    seed: u64,
    /// Person, position of the source.
    customers: BTreeMap<i32, Vec<(u32, usize)>>,
    /// Key, day, status.
    consents: BTreeMap<i32, Vec<(String, usize, i32, &'static str)>>,
    /// Campaign, key, source, sent.
    contacts: BTreeMap<i32, Vec<(usize, String, usize, bool)>>,
    /// Campaign, key, source, day.
    responses: BTreeMap<i32, Vec<(usize, String, usize, i32)>>,
}

impl PeopleFiles {
    fn add(&mut self, shop: &Shop, profile: &Profile, history: &History) {
        let main = profile.sources[0];
        let key = Profile::key(profile.person, main);
        for position in 0..profile.sources.len() {
            let export = export_day(shop, profile.registered_day + 20 * position as i32);
            self.customers.entry(export).or_default().push((profile.person, position));
        }
        for &(day, status) in &profile.consents {
            self.consents.entry(export_day(shop, day)).or_default().push((key.clone(), main, day, status));
        }
        for &(campaign, day, sent) in &history.contacts {
            self.contacts.entry(day).or_default().push((campaign, key.clone(), main, sent));
        }
        for &(contact, day) in &history.responses {
            let campaign = history.contacts[contact].0;
            self.responses.entry(export_day(shop, day)).or_default().push((campaign, key.clone(), main, day));
        }
    }

    fn write(&self, writer: &mut Writer<'_>, shop: &Shop) -> Result<()> {
        let seen = |day: &i32| shop.start.plus(*day) <= shop.until;
        let at = |day: i32| (i64::from(shop.start.0) + i64::from(day)) * DAY_MICROS + 17 * 3_600_000_000;
        let place = |table: &str, day: i32| format!("lake/{table}/recorded_on={}/part-0.parquet", shop.start.plus(day));
        for (&export, rows) in self.customers.iter().filter(|(day, _)| seen(day)) {
            let drawn = |&(person, position): &(u32, usize)| CustomerRow { profile: Profile::draw(shop, self.seed, person), position };
            write_customers(writer, &place("customers", export), &rows.iter().map(drawn).collect::<Vec<_>>(), &at)?;
        }
        for (&export, rows) in self.consents.iter().filter(|(day, _)| seen(day)) {
            let names = ["source", "source_customer_id", "purpose", "channel", "changed_at", "status"];
            let columns = vec![
                texts("source", rows.iter().map(|row| SOURCES[row.1])),
                texts("source_customer_id", rows.iter().map(|row| &row.0)),
                texts("purpose", rows.iter().map(|_| "marketing")),
                texts("channel", rows.iter().map(|_| "email")),
                numbers("changed_at", rows.iter().map(|row| at(row.2))),
                texts("status", rows.iter().map(|row| row.3)),
            ];
            writer.table(&place("consents", export), &contract_of("consents", &names, &names)?, columns)?;
        }
        for (&day, rows) in self.contacts.iter().filter(|(day, _)| seen(day)) {
            let names = ["campaign_id", "source", "source_customer_id", "channel", "sent_at", "arm"];
            let columns = vec![
                texts("campaign_id", rows.iter().map(|row| format!("K{:02}", row.0))),
                texts("source", rows.iter().map(|row| SOURCES[row.2])),
                texts("source_customer_id", rows.iter().map(|row| &row.1)),
                texts("channel", rows.iter().map(|_| "email")),
                numbers("sent_at", rows.iter().map(|_| at(day))),
                texts("arm", rows.iter().map(|row| if row.3 { "treatment" } else { "control" })),
            ];
            writer.table(&place("contacts", day), &contract_of("contacts", &names, &names)?, columns)?;
        }
        for (&export, rows) in self.responses.iter().filter(|(day, _)| seen(day)) {
            let names = ["campaign_id", "source", "source_customer_id", "kind", "at"];
            let columns = vec![
                texts("campaign_id", rows.iter().map(|row| format!("K{:02}", row.0))),
                texts("source", rows.iter().map(|row| SOURCES[row.2])),
                texts("source_customer_id", rows.iter().map(|row| &row.1)),
                texts("kind", rows.iter().map(|_| "order")),
                numbers("at", rows.iter().map(|row| at(row.3))),
            ];
            writer.table(&place("responses", export), &contract_of("responses", &names, &names)?, columns)?;
        }
        Ok(())
    }
}

fn write_customers(writer: &mut Writer<'_>, path: &str, rows: &[CustomerRow], at: &dyn Fn(i32) -> i64) -> Result<()> {
    let names = ["source", "source_customer_id", "account_type", "registered_at", "home_store_id", "email", "phone", "household_key"];
    let contract = contract_of("customers", &names, &["source", "account_type", "registered_at", "home_store_id", "phone"])?;
    let source = |row: &CustomerRow| row.profile.sources[row.position];
    let account = |row: &CustomerRow| match row.profile.account {
        Account::Person => "person",
        Account::Staff => "staff",
        Account::HouseCard => "house_card",
    };
    let columns = vec![
        texts("source", rows.iter().map(|row| SOURCES[source(row)])),
        texts("source_customer_id", rows.iter().map(|row| Profile::key(row.profile.person, source(row)))),
        texts("account_type", rows.iter().map(account)),
        numbers("registered_at", rows.iter().map(|row| at(row.profile.registered_day + 20 * row.position as i32))),
        texts("home_store_id", rows.iter().map(|row| store_id(row.profile.store))),
        maybe_texts("email", rows.iter().map(|row| row.profile.emails[row.position].clone()).collect()),
        texts("phone", rows.iter().map(|row| &row.profile.phones[row.position])),
        maybe_texts("household_key", rows.iter().map(|row| row.profile.household.map(|household| format!("h{household}"))).collect()),
    ];
    writer.table(path, &contract, columns)
}

/// Person, whether they ever buy, rate, shape, drop-out chance, day of dropping out.
type TruthRow = (u32, bool, [f64; 3], Option<Day>);

/// What the simulation knows and the lake does not say.
#[derive(Default)]
struct Truth {
    keys: Vec<(u32, usize)>,
    people: Vec<TruthRow>,
}

impl Truth {
    fn add(&mut self, shop: &Shop, profile: &Profile, history: &History) {
        self.keys.extend(profile.sources.iter().map(|&source| (profile.person, source)));
        let dropped_out = history.habit.dropped_out.map(|day| shop.start.plus(day));
        let habit = &history.habit;
        self.people.push((profile.person, profile.buys, [habit.rate, habit.shape, habit.drop_out], dropped_out));
    }

    fn write(&self, writer: &mut Writer<'_>, params: &Params, mean_rate: f64) -> Result<()> {
        let text = |name: &str| Column::new(name, ColumnKind::Text, "");
        let contract = Contract::new("source_customers", "", &[], vec![text("source"), text("source_customer_id"), Column::new("person", ColumnKind::Int, "")]);
        let columns = vec![
            texts("source", self.keys.iter().map(|key| SOURCES[key.1])),
            texts("source_customer_id", self.keys.iter().map(|key| Profile::key(key.0, key.1))),
            numbers("person", self.keys.iter().map(|key| i64::from(key.0))),
        ];
        writer.table("truth/source_customers.parquet", &contract, columns)?;
        let float = |name: &str| Column::new(name, ColumnKind::Float, "");
        let contract = Contract::new(
            "people",
            "",
            &[],
            vec![
                Column::new("person", ColumnKind::Int, ""),
                Column::new("buys", ColumnKind::Bool, ""),
                float("orders_per_day"),
                float("gap_shape"),
                float("drop_out_chance"),
                Column::new("dropped_out_on", ColumnKind::Date, "").nullable(),
            ],
        );
        let floats = |name: &str, index: usize| Series::new(name.into(), self.people.iter().map(|row| row.2[index]).collect::<Vec<_>>());
        let columns = vec![
            numbers("person", self.people.iter().map(|row| i64::from(row.0))),
            Series::new("buys".into(), self.people.iter().map(|row| row.1).collect::<Vec<_>>()),
            floats("orders_per_day", 0),
            floats("gap_shape", 1),
            floats("drop_out_chance", 2),
            table::dates("dropped_out_on", self.people.iter().map(|row| row.3).collect())?,
        ];
        writer.table("truth/people.parquet", &contract, columns)?;
        let effects = serde_json::json!({
            "seed": params.seed, "mean_orders_per_day": mean_rate, "gap_shape": params.gap_shape,
            "extra_orders_per_treated_contact": EFFECT, "late_store": store_id(0),
        });
        writer.bytes("truth/shop.json", format!("{effects:#}\n").into_bytes())
    }
}
