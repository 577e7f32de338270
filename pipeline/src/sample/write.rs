//! Writing the lake and the truth.

use bytes::Bytes;
use polars::prelude::{Column as Series, DataFrame};

use super::Params;
use super::events::Events;
use super::people::{Profile, SOURCES};
use super::rows::{Buckets, LineRow};
use super::shop::{LEAFLET_DAYS, STORES, Shop};
use super::truth::Truth;
use super::visits::{self, History};
use crate::columnar;
use crate::error::{Error, Kind, Result};
use crate::lake;
use crate::store::{Created, Store};
use crate::table::{self, Column, Contract};

/// Share of orders that carry no card.
const ANONYMOUS_STEP: u32 = 12;
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

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
    let mut events = Events::new(&shop, params.seed)?;
    let mut truth = Truth::default();
    for person in 0..params.customers {
        let profile = Profile::draw(&shop, params.seed, person);
        let history = visits::draw(&shop, params.seed, &profile, mean_rate, params.gap_shape);
        add_lines(&mut buckets, &shop, &profile, &history)?;
        events.add(&shop, &profile, &history)?;
        truth.add(&mut writer, &shop, &profile, &history)?;
    }
    for bucket in 0..buckets.count() {
        let rows = buckets.take(bucket)?;
        let seen = rows.partition_point(|row| shop.start.plus(row.recorded) <= shop.until);
        let day = |row: &LineRow| shop.start.plus(row.recorded).to_string();
        let month = |row: &LineRow| day(row)[..7].to_owned();
        for file in rows[..seen].chunk_by(|a, b| a.recorded == b.recorded || params.monthly_files && month(a) == month(b)) {
            writer.written.lines += file.len() as u64;
            match params.monthly_files {
                false => writer.lines(file, &format!("recorded_on={}/part-0.parquet", day(&file[0])), None)?,
                true => {
                    let noon = |row: &LineRow| (i64::from(shop.start.plus(row.recorded).0) * 2 + 1) * DAY_MICROS / 2;
                    let recorded = numbers("recorded_at", file.iter().map(noon));
                    writer.lines(file, &format!("recorded_month={}/part-{bucket}.parquet", month(&file[0])), Some(recorded))?;
                }
            }
        }
    }
    events.write(&mut writer, &shop)?;
    truth.write(&mut writer, params, mean_rate)?;
    Ok(writer.written)
}

/// The lines of someone; every twelfth order was made without the card, and nobody knows whose it was.
fn add_lines(buckets: &mut Buckets<LineRow>, shop: &Shop, profile: &Profile, history: &History) -> Result<()> {
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
pub(super) fn contract_of(name: &str, columns: &[&str], never_null: &[&str]) -> Result<Contract> {
    let input = lake::input(name).ok_or_else(|| Error::bug(format!("{name} is an input table")))?;
    let column = |column: &&str| {
        let found = input.contract.column(column).cloned().ok_or_else(|| Error::bug(format!("{name} has a column {column}")))?;
        Ok(Column { nullable: found.nullable && !never_null.contains(column), ..found })
    };
    Ok(Contract { columns: columns.iter().map(column).collect::<Result<_>>()?, ..input.contract.clone() })
}

pub(super) struct Writer<'a> {
    store: &'a Store,
    /// What was written so far.
    written: Written,
}

pub(super) fn texts<T: AsRef<str>>(name: &str, values: impl Iterator<Item = T>) -> Series {
    Series::new(name.into(), values.map(|value| value.as_ref().to_owned()).collect::<Vec<_>>())
}

pub(super) fn maybe_texts(name: &str, values: Vec<Option<String>>) -> Series {
    Series::new(name.into(), values)
}

pub(super) fn numbers(name: &str, values: impl Iterator<Item = i64>) -> Series {
    Series::new(name.into(), values.collect::<Vec<_>>())
}

impl Writer<'_> {
    pub(super) fn table(&mut self, path: &str, contract: &Contract, columns: Vec<Series>) -> Result<()> {
        let frame = DataFrame::new(columns.first().map_or(0, Series::len), columns)?;
        self.bytes(path, columnar::write(contract, &frame)?)
    }

    pub(super) fn bytes(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.written.files += 1;
        self.written.bytes += bytes.len() as u64;
        match self.store.create(path, Bytes::from(bytes))? {
            Created::Written => Ok(()),
            Created::Existed(_) => Err(Error::new(Kind::Config, format!("{path}: expected an empty folder, got this file"))),
        }
    }

    fn lines(&mut self, rows: &[LineRow], path: &str, recorded: Option<Series>) -> Result<()> {
        let names = ["source", "order_id", "source_customer_id", "ordered_at", "product_id", "quantity", "amount", "channel", "store_id", "return_of_order_id"];
        let more: &[&str] = if recorded.is_some() { &["recorded_at"] } else { &[] };
        let contract = contract_of("order_lines", &[&names, more].concat(), &["source", "channel", "store_id", "recorded_at"])?;
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
        let columns = columns.into_iter().chain(recorded).collect();
        self.table(&format!("lake/order_lines/{path}"), &contract, columns)
    }

    fn catalogue(&mut self, shop: &Shop) -> Result<()> {
        let category = |product: usize| shop.categories.iter().position(|category| category.products.contains(&product)).unwrap_or_default();
        let products = || 0..shop.products.len();
        let brand = |product: usize| if shop.products[product].private { "House".to_owned() } else { format!("Brand {}", product % 17) };
        let kind = |product: usize| if shop.products[product].private { "private" } else { "national" };
        // The house's own brand costs half its price and a little, the others two thirds and a little: it differs from product to product.
        let cost = |product: usize| {
            let sold = &shop.products[product];
            sold.price_minor * (if sold.private { 50 } else { 66 } + (product % 7) as i64) / 100
        };
        let names = ["product_id", "name", "leaf_category", "brand", "brand_type", "unit_cost", "regular_price"];
        let columns = vec![
            texts("product_id", products().map(product_id)),
            texts("name", products().map(|product| format!("Product {product}"))),
            texts("leaf_category", products().map(|product| format!("C{:03}", category(product)))),
            texts("brand", products().map(brand)),
            texts("brand_type", products().map(kind)),
            numbers("unit_cost", products().map(cost)),
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

pub(super) fn store_id(store: usize) -> String {
    format!("s{:02}", store + 1)
}
