//! Plain columns of decoded values.

use std::sync::Arc;

/// Texts one after another, without an allocation each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    /// The texts that end at `ends` in `bytes`; None if one is not UTF-8. All are checked at once, and that none ends inside a character.
    pub fn of(bytes: Vec<u8>, ends: Vec<usize>) -> Option<Self> {
        let bytes = String::from_utf8(bytes).ok()?;
        ends.iter().all(|end| bytes.is_char_boundary(*end)).then_some(Self { bytes, ends })
    }

    /// Adds a text at the end.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// The text at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Decoded values; what stands at an unknown place means nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// True or false.
    Bool(Vec<bool>),
    /// Whole numbers, days, timestamps, decimals without their point.
    Int(Vec<i64>),
    /// Decimals of more than 18 digits, without their point.
    Wide(Vec<i128>),
    /// Numbers.
    Float(Vec<f64>),
    /// Texts.
    Text(Texts),
    /// Texts by their place in a dictionary, which the batches of a row group share. Places may be any where a text is unknown.
    Coded(Vec<u32>, Arc<Texts>),
}

/// A column: values, and which of them are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// One value a row.
    pub values: Values,
    /// None where all are known.
    pub known: Option<Vec<bool>>,
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Bool(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Wide(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Text(values) => values.len(),
            Values::Coded(codes, _) => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value at `row` is known.
    #[inline]
    pub fn is_known(&self, row: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known[row])
    }

    /// The text at `row`; None where unknown or not a text.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Text(texts) if self.is_known(row) => Some(texts.get(row)),
            Values::Coded(codes, texts) if self.is_known(row) => Some(texts.get(codes[row] as usize)),
            _ => None,
        }
    }

    /// The whole number at `row`; None where unknown or not one.
    #[inline]
    pub fn int(&self, row: usize) -> Option<i64> {
        match &self.values {
            Values::Int(values) if self.is_known(row) => Some(values[row]),
            Values::Bool(values) if self.is_known(row) => Some(i64::from(values[row])),
            _ => None,
        }
    }

    /// Hands the whole number at each of `rows` to `put`, with its place among them; rows without one are passed over.
    #[inline]
    pub fn each_int(&self, rows: &[usize], mut put: impl FnMut(usize, i64)) {
        match (&self.values, &self.known) {
            (Values::Int(values), None) => rows.iter().enumerate().for_each(|(place, row)| put(place, values[*row])),
            _ => rows.iter().enumerate().for_each(|(place, row)| self.int(*row).into_iter().for_each(|value| put(place, value))),
        }
    }

    /// As `each_int`, numbers.
    #[inline]
    pub fn each_float(&self, rows: &[usize], mut put: impl FnMut(usize, f64)) {
        match (&self.values, &self.known) {
            (Values::Float(values), None) => rows.iter().enumerate().for_each(|(place, row)| put(place, values[*row])),
            _ => rows.iter().enumerate().for_each(|(place, row)| self.float(*row).into_iter().for_each(|value| put(place, value))),
        }
    }

    /// The number at `row`; None where unknown or not one.
    #[inline]
    pub fn float(&self, row: usize) -> Option<f64> {
        match &self.values {
            Values::Float(values) if self.is_known(row) => Some(values[row]),
            Values::Wide(values) if self.is_known(row) => Some(values[row] as f64),
            _ => self.int(row).map(|value| value as f64),
        }
    }
}
