//! The raw shape of rules: lists of `column: {test: value}`, all of which must hold.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::overlay::{replaced_whole, section};

/// All of these must hold.
pub type RawRules = Vec<BTreeMap<String, RawTest>>;

section! {
    /// What a column's value is held against; all stated tests must hold.
    RawTest {
        /// The value is known and at least this.
        at_least: RawScalar,
        /// The value is known and at most this.
        at_most: RawScalar,
        /// The value is known and one of these.
        #[serde(rename = "in")]
        in_: Vec<RawScalar>,
        /// The value is known and none of these.
        not_in: Vec<RawScalar>,
        /// The value is a text that begins so.
        starts_with: String,
        /// The value is unknown (true) or known (false).
        is_null: bool,
    }
}

/// A number, a text (dates too), or true and false.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum RawScalar {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text, or a date `YYYY-MM-DD`.
    Text(String),
}

impl fmt::Display for RawScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "`{value}`"),
        }
    }
}

replaced_whole!(RawScalar, Vec<RawScalar>, RawRules);

impl<'de> Deserialize<'de> for RawScalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = RawScalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawScalar, E> {
        Ok(RawScalar::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawScalar, E> {
        Ok(RawScalar::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawScalar, E> {
        Ok(RawScalar::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawScalar, E> {
        Ok(RawScalar::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawScalar, E> {
        Ok(RawScalar::Text(value.to_owned()))
    }
}
