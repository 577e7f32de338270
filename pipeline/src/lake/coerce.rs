//! From what a file holds to what the contract says. Everything that is not stated here is refused.

use std::borrow::Cow;
use std::sync::Arc;

use super::params::Mapping;
use crate::columnar::{Column, FieldKind, Texts, Values};
use crate::money::{Currency, MINOR_MAX, bounded};
use crate::table::Kind;
use crate::time::{Day, Zone};

/// What coercion needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Zone of timestamps that carry none.
    pub zone: Option<&'a Zone>,
    /// Zone in which days begin.
    pub days: &'a Zone,
    /// The job's currency.
    pub currency: &'a Currency,
}

/// A coerced column, and in how many rows money was rounded.
pub type Coerced<'a> = Result<(Cow<'a, Column>, u64), String>;

/// Whether values of `from` can become `to`; else what would be expected.
pub fn allowed(from: &FieldKind, to: Kind, has_zone: bool) -> Result<(), String> {
    use FieldKind as F;
    let fine = match (from, to) {
        (F::Timestamp { utc: false, .. }, Kind::Timestamp) if !has_zone => {
            return Err("expected a timestamp in UTC, or `timezone` for one without a zone, got no zone".to_owned());
        }
        (F::Date, Kind::Timestamp) if !has_zone => {
            return Err("expected a timestamp, or `timezone` for the start of a date's day, got a date and no zone".to_owned());
        }
        (F::Bool, Kind::Bool) | (F::Date | F::Timestamp { .. } | F::Text, Kind::Date) | (F::Date | F::Timestamp { .. }, Kind::Timestamp) => true,
        (F::Text | F::Int | F::Float, Kind::Text) | (F::Int | F::Text, Kind::Int) => true,
        (F::Int | F::Float | F::Decimal { .. }, Kind::Float | Kind::Money) => true,
        _ => false,
    };
    if fine { Ok(()) } else { Err(format!("expected {}, got {from}", to.name())) }
}

/// Converts the rows in `keep`; the others become unknown.
pub fn coerce<'a>(column: &'a Column, from: &FieldKind, to: Kind, keep: &[bool], context: Context<'_>) -> Coerced<'a> {
    allowed(from, to, context.zone.is_some())?;
    if is_as_it_is(column, from, to) && keep.iter().fold(true, |all, keep| all & keep) {
        return Ok((Cow::Borrowed(column), 0));
    }
    let rows = column.len();
    let known: Vec<bool> = (0..rows).map(|row| keep[row] && column.is_known(row)).collect();
    let each = |row: usize| known[row].then_some(row);
    let mut rounded = 0;
    let values = match to {
        Kind::Text => match &column.values {
            Values::Coded(codes, dictionary) => Values::Coded(codes.clone(), dictionary.clone()),
            _ => Values::Text(to_texts(column, &known)?),
        },
        Kind::Date | Kind::Int if matches!(column.values, Values::Coded(..)) => {
            Values::Int(by_entry(column, &known, if to == Kind::Date { parse_day } else { parse_int })?)
        }
        Kind::Bool | Kind::Int if !matches!(column.values, Values::Text(_)) => {
            Values::Int((0..rows).map(|row| each(row).and_then(|row| column.int(row)).unwrap_or_default()).collect())
        }
        Kind::Bool | Kind::Int => Values::Int(collect(rows, &known, |row| parse_int(column.text(row).unwrap_or_default()))?),
        Kind::Float => Values::Float(collect(rows, &known, |row| number(column, from, row))?),
        Kind::Money => Values::Int(collect(rows, &known, |row| {
            let (minor, was_rounded) = money(column, from, row, context.currency)?;
            rounded += u64::from(was_rounded);
            Ok(minor)
        })?),
        Kind::Timestamp => {
            let mut instants = context.zone.map(Zone::instants);
            Values::Int(collect(rows, &known, |row| instant(column, from, row, &mut instants))?)
        }
        Kind::Date => {
            let (mut instants, mut days) = (context.zone.map(Zone::instants), context.days.days());
            Values::Int(collect(rows, &known, |row| day(column, from, row, (&mut instants, &mut days)))?)
        }
    };
    let all = known.iter().all(|&known| known);
    Ok((Cow::Owned(Column { values, known: (!all).then_some(known) }), rounded))
}

/// Whether nothing has to be done to any value; no where something may have to be, if only to say what is wrong.
fn is_as_it_is(column: &Column, from: &FieldKind, to: Kind) -> bool {
    let within = |values: &[i64], low: i64, high: i64| values.iter().fold(true, |all, value| all & (low..high).contains(value));
    match (&column.values, from, to) {
        (Values::Coded(..) | Values::Text(_), FieldKind::Text, Kind::Text) | (Values::Int(_), FieldKind::Int, Kind::Int) => true,
        (Values::Float(values), FieldKind::Float, Kind::Float) => values.iter().fold(true, |all, value| all & value.is_finite()),
        (Values::Int(values), FieldKind::Int, Kind::Money) => within(values, -MINOR_MAX, MINOR_MAX),
        (Values::Int(values), FieldKind::Timestamp { per_second: 1_000_000, utc: true }, Kind::Timestamp) => within(values, MICROS.0, MICROS.1),
        _ => false,
    }
}

/// A column of `rows` equal texts, or of what such a partition key means for `to`.
pub fn constant(text: &str, rows: usize, to: Kind, keep: &[bool], context: Context<'_>) -> Coerced<'static> {
    let mut texts = Texts::default();
    texts.push(text);
    let column = Column { values: Values::Coded(vec![0; rows], Arc::new(texts)), known: None };
    match to {
        Kind::Timestamp => {
            let day = parse_day(text)?;
            let zone = context.zone.ok_or("expected `timezone` for the start of a date's day, got no zone")?;
            Ok((Cow::Owned(Column { values: Values::Int(vec![zone.start_of(Day(day as i32)); rows]), known: None }), 0))
        }
        to => coerce(&column, &FieldKind::Text, to, keep, context).map(|(column, rounded)| (Cow::Owned(column.into_owned()), rounded)),
    }
}

/// The product of two columns, as money or as a number. As for amounts, a second column (the price) of whole numbers is in minor
/// units, one of fractions or decimals in units.
pub fn product(left: (&Column, &FieldKind), right: (&Column, &FieldKind), to: Kind, keep: &[bool], context: Context<'_>) -> Coerced<'static> {
    let rows = left.0.len();
    let known: Vec<bool> = (0..rows).map(|row| keep[row] && left.0.is_known(row) && right.0.is_known(row)).collect();
    let times = |row: usize| Ok::<f64, String>(number(left.0, left.1, row)? * number(right.0, right.1, row)?);
    let mut rounded = 0;
    let values = match to {
        Kind::Money => Values::Int(collect(rows, &known, |row| {
            let (minor, was_rounded) = match right.1 {
                FieldKind::Int => Currency { digits: 0, ..context.currency.clone() }.to_minor(times(row)?).ok_or_else(too_large)?,
                _ => to_minor(times(row)?, context.currency)?,
            };
            rounded += u64::from(was_rounded);
            Ok(minor)
        })?),
        _ => Values::Float(collect(rows, &known, times)?),
    };
    let all = known.iter().all(|&known| known);
    Ok((Cow::Owned(Column { values, known: (!all).then_some(known) }), rounded))
}

fn collect<T: Default>(rows: usize, known: &[bool], mut value: impl FnMut(usize) -> Result<T, String>) -> Result<Vec<T>, String> {
    (0..rows).map(|row| if known[row] { value(row) } else { Ok(T::default()) }).collect()
}

/// What each text of a dictionary means; those of unknown rows are not looked at.
fn by_entry(column: &Column, known: &[bool], parse: fn(&str) -> Result<i64, String>) -> Result<Vec<i64>, String> {
    let Values::Coded(codes, dictionary) = &column.values else { return Err("expected texts, got something else".to_owned()) };
    let mut parsed: Vec<Option<i64>> = vec![None; dictionary.len()];
    collect(codes.len(), known, |row| {
        let code = codes[row] as usize;
        match parsed[code] {
            Some(value) => Ok(value),
            None => parse(dictionary.get(code)).inspect(|&value| parsed[code] = Some(value)),
        }
    })
}

fn to_texts(column: &Column, known: &[bool]) -> Result<Texts, String> {
    let mut texts = Texts::default();
    for (row, &known) in known.iter().enumerate() {
        match &column.values {
            _ if !known => texts.push(""),
            Values::Text(held) => texts.push(held.get(row)),
            Values::Int(held) => texts.push(&held[row].to_string()),
            Values::Float(held) if held[row].fract() == 0.0 && held[row].abs() < 9e15 => texts.push(&(held[row] as i64).to_string()),
            _ => return Err("expected text or whole numbers, got a fraction".to_owned()),
        }
    }
    Ok(texts)
}

fn parse_int(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "expected a whole number, got another text".to_owned())
}

fn parse_day(text: &str) -> Result<i64, String> {
    Day::parse(text).map(|day| i64::from(day.0)).ok_or_else(|| "expected a date YYYY-MM-DD, got another text".to_owned())
}

fn number(column: &Column, from: &FieldKind, row: usize) -> Result<f64, String> {
    let mut value = column.float(row).ok_or("expected a number, got something else")?;
    if let FieldKind::Decimal { scale } = from {
        value /= tens(*scale);
    }
    if value.is_finite() { Ok(value) } else { Err("expected a finite number, got NaN or infinity".to_owned()) }
}

/// A power of ten. Out of line: it would be computed for every number, to be thrown away.
#[inline(never)]
fn tens(scale: u32) -> f64 {
    10f64.powi(scale as i32)
}

fn money(column: &Column, from: &FieldKind, row: usize, currency: &Currency) -> Result<(i64, bool), String> {
    match (from, &column.values) {
        (FieldKind::Int, Values::Int(values)) => whole_minor(i128::from(values[row])),
        (FieldKind::Decimal { scale }, Values::Int(values)) => decimal(i128::from(values[row]), *scale, currency),
        (FieldKind::Decimal { scale }, Values::Wide(values)) => decimal(values[row], *scale, currency),
        _ => to_minor(number(column, from, row)?, currency),
    }
}

fn whole_minor(minor: i128) -> Result<(i64, bool), String> {
    bounded(minor).map(|minor| (minor, false)).ok_or_else(too_large)
}

fn too_large() -> String {
    format!("expected an amount of at most {MINOR_MAX} minor units, got a larger one")
}

fn decimal(unscaled: i128, scale: u32, currency: &Currency) -> Result<(i64, bool), String> {
    currency.decimal_to_minor(unscaled, scale).ok_or_else(too_large)
}

fn to_minor(units: f64, currency: &Currency) -> Result<(i64, bool), String> {
    currency.to_minor(units).ok_or_else(too_large)
}

/// The instant of a row; `instants` are those of local times, where the config says in which zone they are.
fn instant(column: &Column, from: &FieldKind, row: usize, instants: &mut Option<impl FnMut(i64) -> i64>) -> Result<i64, String> {
    let ticks = column.int(row).ok_or("expected a timestamp, got something else")?;
    match (from, instants) {
        (FieldKind::Timestamp { per_second, utc: true }, _) => micros(ticks, *per_second),
        (FieldKind::Timestamp { per_second, .. }, Some(instants)) => Ok(instants(micros(ticks, *per_second)?)),
        (FieldKind::Date, Some(instants)) => Ok(instants(i64::from(to_day(ticks)?) * 86_400_000_000)),
        _ => Err("expected a timestamp, got something else".to_owned()),
    }
}

/// Years 1 to 9999: what every reader of a published table can show.
const MICROS: (i64, i64) = (-62_135_596_800_000_000, 253_402_300_800_000_000);

fn micros(ticks: i64, per_second: i64) -> Result<i64, String> {
    let micros = match per_second {
        1_000_000_000 => Some(ticks.div_euclid(1000)),
        per_second => ticks.checked_mul(1_000_000 / per_second),
    };
    let sane = micros.filter(|micros| (MICROS.0..MICROS.1).contains(micros));
    sane.ok_or_else(|| "expected a time in the years 1 to 9999, got another".to_owned())
}

fn to_day(days: i64) -> Result<i32, String> {
    if (-719_162..2_932_897).contains(&days) { Ok(days as i32) } else { Err("expected a date in the years 1 to 9999, got another".to_owned()) }
}

type Conversions<'a, I, D> = (&'a mut Option<I>, &'a mut D);

fn day<I, D>(column: &Column, from: &FieldKind, row: usize, (instants, days): Conversions<'_, I, D>) -> Result<i64, String>
where
    I: FnMut(i64) -> i64,
    D: FnMut(i64) -> Day,
{
    match from {
        FieldKind::Text => parse_day(column.text(row).unwrap_or_default()),
        FieldKind::Date => to_day(column.int(row).unwrap_or_default()).map(i64::from),
        // A local time's day is the day that its calendar shows.
        FieldKind::Timestamp { per_second, utc: false } => Ok(micros(column.int(row).unwrap_or_default(), *per_second)?.div_euclid(86_400_000_000)),
        _ => Ok(i64::from(days(instant(column, from, row, instants)?).0)),
    }
}

/// The kind by which a rule sees a file's column; None where rules cannot.
pub fn rule_kind(from: &FieldKind) -> Option<Kind> {
    match from {
        FieldKind::Bool => Some(Kind::Bool),
        FieldKind::Int | FieldKind::Float | FieldKind::Decimal { .. } => Some(Kind::Float),
        FieldKind::Text => Some(Kind::Text),
        _ => None,
    }
}

/// Where the values of a contract column come from in one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The column at this position.
    Field(usize),
    /// The product of the columns at these positions.
    Product(usize, usize),
    /// This text: a constant, or a partition key.
    Constant(String),
}

impl Origin {
    /// The positions of the file's columns that are read.
    pub fn positions(&self) -> Vec<usize> {
        match self {
            Origin::Field(position) => vec![*position],
            Origin::Product(left, right) => vec![*left, *right],
            Origin::Constant(_) => Vec::new(),
        }
    }
}

/// The names of the file columns of a mapping.
pub fn named(mapping: &Mapping) -> Vec<&str> {
    match mapping {
        Mapping::Column(name) => vec![name],
        Mapping::Product(left, right) => vec![left, right],
        Mapping::Constant(_) => Vec::new(),
    }
}
