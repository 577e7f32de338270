//! The table contract, written once as a value, and tables that are checked against it.

use std::borrow::Cow;

#[cfg(feature = "engine")]
mod rows;

#[cfg(feature = "engine")]
pub use rows::{Table, dates, few_texts, ids, numbers, text, words};

/// A word of a list that a contract closes, as it is compared: without white space around it, and without case.
pub fn plain_word(written: &str) -> Cow<'_, str> {
    let word = written.trim();
    if word.chars().any(char::is_uppercase) { Cow::Owned(word.to_lowercase()) } else { Cow::Borrowed(word) }
}

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Int,
    /// A finite number.
    Float,
    /// True or false.
    Bool,
    /// A calendar day.
    Date,
    /// UTC microseconds.
    Timestamp,
    /// Minor units of the job's currency.
    Money,
}

impl Kind {
    /// The kind's name in documents and errors.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Bool => "bool",
            Kind::Date => "date",
            Kind::Timestamp => "timestamp",
            Kind::Money => "money",
        }
    }
}

impl Kind {
    /// The kind of this name.
    pub fn of(name: &str) -> Option<Self> {
        [Kind::Text, Kind::Int, Kind::Float, Kind::Bool, Kind::Date, Kind::Timestamp, Kind::Money].into_iter().find(|kind| kind.name() == name)
    }
}

/// Which values a column may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Any of its kind.
    Any,
    /// Numbers from the first to the second, both included.
    Between(f64, f64),
    /// Dates up to as_of.
    Past,
}

/// One column of a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, with the unit in it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether a value may be unknown.
    pub nullable: bool,
    /// Which values it may have.
    pub range: Range,
    /// What it means.
    pub meaning: String,
}

impl Column {
    /// A column whose value is always known.
    pub fn new(name: &str, kind: Kind, meaning: &str) -> Self {
        Self { name: name.into(), kind, nullable: false, range: Range::Any, meaning: meaning.into() }
    }

    /// The same, but a value may be unknown.
    pub fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same, with values in `range`.
    pub fn within(self, range: Range) -> Self {
        Self { range, ..self }
    }
}

/// What a published table is a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Of lake, config and as_of: a backfill in any order gives the same bytes.
    Pure,
    /// Also of the prior run.
    Chained,
}

/// What a table promises: its grain and its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The table's name.
    pub name: String,
    /// What a row is.
    pub meaning: String,
    /// Columns that no two rows share.
    pub key: Vec<String>,
    /// Pure or chained.
    pub class: Class,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Contract {
    /// A pure table.
    pub fn new(name: &str, meaning: &str, key: &[&str], columns: Vec<Column>) -> Self {
        let key = key.iter().map(|&name| name.to_owned()).collect();
        Self { name: name.into(), meaning: meaning.into(), key, class: Class::Pure, columns }
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The contract as a section of TABLES.md.
    pub fn markdown(&self) -> String {
        let key = if self.key.is_empty() { "none".to_owned() } else { self.key.join(", ") };
        let mut text = format!("\n### {}\n\n{} Key: {key}.\n\n", self.name, self.meaning);
        text.push_str("| column | kind | unknown | range | meaning |\n|---|---|---|---|---|\n");
        for column in &self.columns {
            let range = match column.range {
                Range::Any => String::new(),
                Range::Between(low, high) if high == f64::INFINITY => format!("from {low}"),
                Range::Between(low, high) => format!("{low} to {high}"),
                Range::Past => "up to as_of".to_owned(),
            };
            let null = if column.nullable { "may be" } else { "never" };
            let Column { name, kind, meaning, .. } = column;
            text.push_str(&format!("| {name} | {} | {null} | {range} | {meaning} |\n", kind.name()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_white_space() {
        let words = [" Given\t", "given", "ÄNDERUNG", ""].map(plain_word);
        assert_eq!(words, ["given", "given", "änderung", ""]);
        assert!(matches!(words[1], Cow::Borrowed(_)) && matches!(words[0], Cow::Owned(_)));
    }
}
