//! Rows that keep a contract.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use polars::prelude::{
    AnyValue, BooleanChunked, ChunkTake, ChunkedArray, ChunkedCollectInferIterExt, Column as Series, DataFrame, DataType, IdxCa, IdxSize, IntoColumn,
    NewChunkedArray, PlSmallStr, PolarsNumericType, StringChunked, StringChunkedBuilder,
};

use super::{Column, Contract, Kind, Range};
use crate::error::{Error, Result};
use crate::key::{Id, Spread, fingerprint, wide_fingerprint};
use crate::time::Day;

impl Kind {
    /// The type in which a table holds the kind.
    pub fn dtype(self) -> DataType {
        match self {
            Kind::Text => DataType::String,
            Kind::Int | Kind::Timestamp | Kind::Money => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Date => DataType::Date,
        }
    }
}

/// Rows that keep a contract.
#[derive(Debug, Clone)]
pub struct Table {
    /// What the rows promise.
    pub contract: Contract,
    /// The rows.
    pub frame: DataFrame,
}

impl Table {
    /// Puts `columns` together and checks them: names, kinds, nulls, ranges, dates up to `as_of`, key.
    ///
    /// # Errors
    /// `Bug`, with table, column, rule, number of rows and up to three keys: what we make ourselves must keep its contract.
    pub fn new(contract: Contract, columns: Vec<Series>, as_of: Day) -> Result<Self> {
        let height = columns.first().map_or(0, Series::len);
        let frame = DataFrame::new(height, columns).map_err(Error::from)?;
        let table = Self { contract, frame };
        table.check_columns(as_of)?;
        table.check_key()?;
        Ok(table)
    }

    fn check_columns(&self, as_of: Day) -> Result<()> {
        let names: Vec<&str> = self.contract.columns.iter().map(|column| column.name.as_str()).collect();
        let found: Vec<&str> = self.frame.columns().iter().map(|column| column.name().as_str()).collect();
        if found != names {
            return Err(self.broken(format!("expected columns {names:?}, got {found:?}")));
        }
        for (column, values) in self.contract.columns.iter().zip(self.frame.columns()) {
            if *values.dtype() != column.kind.dtype() {
                return Err(self.broken(format!("{}: expected {}, got {}", column.name, column.kind.name(), values.dtype())));
            }
            let nulls = if column.nullable { 0 } else { values.null_count() };
            let outside = count_outside(column, values, as_of)?;
            if nulls + outside > 0 {
                let rule = format!("{:?}{}", column.range, if column.nullable { "" } else { ", never unknown" });
                return Err(self.broken(format!("{}: {} rows break the rule {rule}", column.name, nulls + outside)));
            }
        }
        Ok(())
    }

    fn check_key(&self) -> Result<()> {
        let key: Vec<&Series> = self.contract.key.iter().map(|name| self.frame.column(name)).collect::<polars::prelude::PolarsResult<_>>()?;
        if key.is_empty() {
            return Ok(());
        }
        // A fingerprint for each key: texts of all rows would take more memory than the table.
        let mut prints = vec![(0u64, 0u128); self.frame.height()];
        for column in &key {
            let add = |print: &mut (u64, u128), bytes: &[u8]| *print = (fingerprint(print.0, bytes), wide_fingerprint(print.0, bytes));
            match column.str() {
                Ok(texts) => prints.iter_mut().zip(texts.iter()).for_each(|(print, text)| add(print, text.unwrap_or_default().as_bytes())),
                Err(_) => {
                    for (row, print) in prints.iter_mut().enumerate() {
                        add(print, text(&column.get(row)?).as_bytes());
                    }
                }
            }
        }
        let mut seen: HashSet<u128, BuildHasherDefault<Spread>> = HashSet::with_capacity_and_hasher(prints.len(), BuildHasherDefault::default());
        let Some(row) = prints.iter().position(|(_, print)| !seen.insert(*print)) else { return Ok(()) };
        let values: Vec<String> = key.iter().map(|column| Ok(text(&column.get(row)?))).collect::<Result<_>>()?;
        Err(self.broken(format!("key {} stands twice: {}", self.contract.key.join(", "), values.join(", "))))
    }

    fn broken(&self, message: String) -> Error {
        Error::bug(format!("table {}: {message}", self.contract.name))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// The column called `name`.
    ///
    /// # Errors
    /// `Bug` if the table has none of that name.
    pub fn column(&self, name: &str) -> Result<&Series> {
        Ok(self.frame.column(name)?)
    }

    /// The texts of column `name`; unknown ones are empty.
    ///
    /// # Errors
    /// `Bug` if the table has no text column of that name.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>> {
        Ok(self.column(name)?.str()?.iter().map(Option::unwrap_or_default).collect())
    }

    /// The numbers of column `name` (dates as days, true as 1), unknown ones as None.
    ///
    /// # Errors
    /// `Bug` if the table has no such column, or it holds texts.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let values = self.column(name)?.cast(&DataType::Float64)?;
        Ok(values.f64()?.iter().collect())
    }
}

/// A value as it stands in keys and for people.
pub fn text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(text) => (*text).to_owned(),
        AnyValue::StringOwned(text) => text.to_string(),
        AnyValue::Date(days) => Day(*days).to_string(),
        AnyValue::Boolean(value) => value.to_string(),
        AnyValue::Int64(value) => value.to_string(),
        AnyValue::Float64(value) => value.to_string(),
        other => other.to_string(),
    }
}

/// How many known values break the column's range; floats must be finite.
fn count_outside(column: &Column, values: &Series, as_of: Day) -> Result<usize> {
    let (low, high) = match column.range {
        Range::Any if column.kind == Kind::Float => (f64::MIN, f64::MAX),
        Range::Any => return Ok(0),
        Range::Between(low, high) => (low, high),
        Range::Past => (f64::MIN, f64::from(as_of.0)),
    };
    let is_outside = |value: f64| !value.is_finite() || value < low || value > high;
    // Whole numbers are looked at as they stand: a table of many columns is mostly made of them.
    if let Ok(values) = values.i64() {
        return Ok(count_known(values, |value| is_outside(*value as f64)));
    }
    let values = values.cast(&DataType::Float64)?;
    Ok(count_known(values.f64()?, |value| is_outside(*value)))
}

/// How many known values are such.
fn count_known<T: PolarsNumericType>(values: &ChunkedArray<T>, is_such: impl Fn(&T::Native) -> bool) -> usize {
    let of_chunk = |chunk: &T::Array| match chunk.validity() {
        Some(known) => chunk.values().iter().zip(known).filter(|(value, is_known)| *is_known && is_such(value)).count(),
        None => chunk.values().iter().filter(|value| is_such(value)).count(),
    };
    values.downcast_iter().map(of_chunk).sum()
}

/// A column of numbers, of which those are unknown that `is_known` does not hold of.
pub fn numbers<T: PolarsNumericType>(name: &str, values: Vec<T::Native>, is_known: impl Fn(&T::Native) -> bool) -> Series {
    let known: BooleanChunked = values.iter().map(is_known).collect_ca(name.into());
    let known = known.downcast_iter().next().map(|known| known.values().clone());
    ChunkedArray::<T>::from_vec_validity(name.into(), values, known).into_column()
}

/// A column of written ids.
pub fn ids(name: &str, ids: impl ExactSizeIterator<Item = Option<Id>>) -> Series {
    let mut texts = StringChunkedBuilder::new(name.into(), ids.len());
    for id in ids {
        let written = id.map(Id::written);
        texts.append_option(written.as_ref().map(|written| std::str::from_utf8(written).expect("hexadecimal digits")));
    }
    texts.finish().into_column()
}

/// A column of words, each told by its place among `words`: no text is made for a row.
///
/// # Errors
/// `Bug` for a place beyond the last.
pub fn words(name: &str, words: &[&str], places: impl Iterator<Item = Option<usize>>) -> Result<Series> {
    let places = IdxCa::from_iter_options(PlSmallStr::EMPTY, places.map(|place| place.map(|place| place as IdxSize)));
    Ok(StringChunked::from_slice(name.into(), words).take(&places)?.into_column())
}

/// A column of texts of which there are few.
///
/// # Errors
/// As `words`.
pub fn few_texts<'a>(name: &str, texts: impl Iterator<Item = Option<&'a str>>) -> Result<Series> {
    let (mut known, mut last): (Vec<&str>, usize) = (Vec::new(), 0);
    let mut place = |text: &'a str| {
        // Mostly it is that of the row before, or at the same place of the memory as one that is known.
        if known.get(last).is_none_or(|known| !std::ptr::eq(*known, text)) {
            let found = known.iter().position(|known| std::ptr::eq(*known, text)).or_else(|| known.iter().position(|known| *known == text));
            last = found.unwrap_or_else(|| {
                known.push(text);
                known.len() - 1
            });
        }
        last
    };
    let places: Vec<Option<usize>> = texts.map(|text| text.map(&mut place)).collect();
    words(name, &known, places.into_iter())
}

/// A column of dates.
pub fn dates(name: &str, days: Vec<Option<Day>>) -> Result<Series> {
    let days: Vec<Option<i32>> = days.into_iter().map(|day| day.map(|day| day.0)).collect();
    Ok(Series::new(name.into(), days).cast(&DataType::Date)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        let columns = vec![
            Column::new("customer_id", Kind::Text, "who"),
            Column::new("share", Kind::Float, "a share").nullable().within(Range::Between(0.0, 1.0)),
            Column::new("last_order_date", Kind::Date, "when").nullable().within(Range::Past),
        ];
        Contract::new("example", "One row a customer.", &["customer_id"], columns)
    }

    fn table(ids: [&str; 3], shares: [Option<f64>; 3], day: i32) -> Result<Table> {
        let dates = dates("last_order_date", vec![Some(Day(day)), None, Some(Day(3))])?;
        let columns = vec![Series::new("customer_id".into(), ids.to_vec()), Series::new("share".into(), shares.to_vec()), dates];
        Table::new(contract(), columns, Day(10))
    }

    #[test]
    fn a_broken_contract_is_named() {
        let good = [Some(0.0), None, Some(1.0)];
        assert!(table(["a", "b", "c"], good, 10).is_ok());
        let message = |result: Result<Table>| result.expect_err("broken").to_string();
        assert_eq!(message(table(["a", "b", "a"], good, 10)), "table example: key customer_id stands twice: a");
        let outside = message(table(["a", "b", "c"], [Some(f64::NAN), Some(1.5), None], 10));
        assert_eq!(outside, "table example: share: 2 rows break the rule Between(0.0, 1.0)");
        let future = message(table(["a", "b", "c"], good, 11));
        assert_eq!(future, "table example: last_order_date: 1 rows break the rule Past");
    }

    #[test]
    fn words_are_told_by_their_places() {
        let told = |column: &Series| column.str().expect("texts").iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>();
        let column = words("word", &["", "a word of more than twelve bytes", "b"], [Some(2), None, Some(1), Some(0), Some(2)].into_iter()).expect("places");
        assert_eq!(told(&column), [Some("b"), None, Some("a word of more than twelve bytes"), Some(""), Some("b")].map(|text| text.map(str::to_owned)));
        assert!(words("word", &["a"], [Some(1)].into_iter()).is_err());
        let (one, again) = ("two".to_owned(), "two".to_owned());
        let column = few_texts("text", [Some("one"), Some(&one), None, Some("one"), Some(&again)].into_iter()).expect("texts");
        assert_eq!(told(&column), [Some("one"), Some("two"), None, Some("one"), Some("two")].map(|text| text.map(str::to_owned)));
    }
}
