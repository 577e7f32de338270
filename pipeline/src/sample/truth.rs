//! What the simulation knows and the lake does not say, written apart from it.

use polars::prelude::Column as Series;

use super::Params;
use super::people::{Profile, SOURCES};
use super::shop::Shop;
use super::visits::{EFFECT, History};
use super::write::{Writer, numbers, store_id, texts};
use crate::error::Result;
use crate::table::{self, Column, Contract, Kind};
use crate::time::Day;

/// People of a part.
const PART_PEOPLE: usize = 100_000;

/// Person, whether they ever buy, rate, shape, drop-out chance, day of dropping out.
type TruthRow = (u32, bool, [f64; 3], Option<Day>);

/// What the simulation knows and the lake does not say.
#[derive(Default)]
pub struct Truth {
    parts: usize,
    keys: Vec<(u32, usize)>,
    people: Vec<TruthRow>,
}

impl Truth {
    /// Adds someone; a full part is written.
    ///
    /// # Errors
    /// Those of the store.
    pub fn add(&mut self, writer: &mut Writer<'_>, shop: &Shop, profile: &Profile, history: &History) -> Result<()> {
        self.keys.extend(profile.sources.iter().map(|&source| (profile.person, source)));
        let dropped_out = history.habit.dropped_out.map(|day| shop.start.plus(day));
        let habit = &history.habit;
        self.people.push((profile.person, profile.buys, [habit.rate, habit.shape, habit.drop_out], dropped_out));
        if self.people.len() == PART_PEOPLE { self.write_part(writer) } else { Ok(()) }
    }

    /// Writes what is left, and what is true of the whole shop.
    ///
    /// # Errors
    /// Those of the store.
    pub fn write(&mut self, writer: &mut Writer<'_>, params: &Params, mean_rate: f64) -> Result<()> {
        self.write_part(writer)?;
        let effects = serde_json::json!({
            "seed": params.seed, "mean_orders_per_day": mean_rate, "gap_shape": params.gap_shape,
            "extra_orders_per_treated_contact": EFFECT, "late_store": store_id(0),
        });
        writer.bytes("truth/shop.json", format!("{effects:#}\n").into_bytes())
    }

    fn write_part(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        let place = |table: &str| format!("truth/{table}/part-{:05}.parquet", self.parts);
        let text = |name: &str| Column::new(name, Kind::Text, "");
        let contract = Contract::new("source_customers", "", &[], vec![text("source"), text("source_customer_id"), Column::new("person", Kind::Int, "")]);
        let columns = vec![
            texts("source", self.keys.iter().map(|key| SOURCES[key.1])),
            texts("source_customer_id", self.keys.iter().map(|key| Profile::key(key.0, key.1))),
            numbers("person", self.keys.iter().map(|key| i64::from(key.0))),
        ];
        writer.table(&place("source_customers"), &contract, columns)?;
        let float = |name: &str| Column::new(name, Kind::Float, "");
        let contract = Contract::new(
            "people",
            "",
            &[],
            vec![
                Column::new("person", Kind::Int, ""),
                Column::new("buys", Kind::Bool, ""),
                float("orders_per_day"),
                float("gap_shape"),
                float("drop_out_chance"),
                Column::new("dropped_out_on", Kind::Date, "").nullable(),
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
        writer.table(&place("people"), &contract, columns)?;
        *self = Self { parts: self.parts + 1, ..Self::default() };
        Ok(())
    }
}
