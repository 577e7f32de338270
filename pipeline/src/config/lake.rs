//! Section `lake`: where the input tables are and how their columns are called.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor};

use super::overlay::{replaced_whole, section};
use super::rule::RawRules;

section! {
    /// The input tables.
    RawLake {
        /// A folder, or a URL: `s3://`, `gs://`, `az://`, `file://`.
        url: String,
        /// Options of the object store; secrets as `${secret:NAME}`.
        options: BTreeMap<String, String>,
        /// Hosts of endpoints on this machine or in a private network; others there are refused.
        private_hosts: Vec<String>,
        /// A larger file ends the run with 8 before anything of it is read.
        max_file_bytes: u64,
        /// Input tables by contract name.
        tables: BTreeMap<String, RawTable>,
    }
}

section! {
    /// One input table.
    RawTable {
        /// A Parquet file, or a folder of them (plain or Hive-partitioned), below the lake's URL.
        path: String,
        /// Contract column -> column of the files; a column that is not named here is looked up under its own name.
        columns: BTreeMap<String, RawColumn>,
        /// Time zone of timestamps that carry none.
        timezone: String,
        /// Rows that are left out, by rule name; tests see the columns of the files.
        reject: BTreeMap<String, RawRules>,
        /// Contract columns of a table that is the current snapshot that hardly ever change: features of past dates may be made of them.
        slow: Vec<String>,
        /// What a column that nothing uses means.
        extra_columns: RawExtra,
        /// What an optional column that some files lack means.
        missing_columns: RawMissing,
    }
}

/// What a file column that nothing uses means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawExtra {
    /// It is left alone.
    Ignore,
    /// It breaks the contract.
    Refuse,
}

/// What a mapped optional column that a file lacks means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawMissing {
    /// It breaks the contract.
    Refuse,
    /// Its values are unknown.
    Unknown,
}

/// Where a contract column comes from: a column's name, or one of the tagged forms.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RawColumn {
    /// A column of the files, or a partition key.
    Column(String),
    /// The product of two columns, each row rounded half to even to minor units.
    Product(Vec<String>),
    /// The same text in every row.
    Constant(String),
}

replaced_whole!(RawExtra, RawMissing, RawColumn);

impl<'de> Deserialize<'de> for RawColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ColumnVisitor)
    }
}

struct ColumnVisitor;

impl<'de> Visitor<'de> for ColumnVisitor {
    type Value = RawColumn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column name, `product: [a, b]` or `constant: text`")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<RawColumn, E> {
        Ok(RawColumn::Column(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawColumn, A::Error> {
        let form = match map.next_key::<String>()?.as_deref() {
            Some("column") => RawColumn::Column(map.next_value()?),
            Some("product") => RawColumn::Product(map.next_value()?),
            Some("constant") => RawColumn::Constant(map.next_value()?),
            Some(other) => return Err(serde::de::Error::unknown_field(other, &["column", "product", "constant"])),
            None => return Err(serde::de::Error::invalid_length(0, &self)),
        };
        match map.next_key::<String>()? {
            None => Ok(form),
            Some(_) => Err(serde::de::Error::invalid_length(2, &self)),
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<RawColumn, A::Error> {
        let (name, rest) = data.variant::<String>()?;
        rest.unit_variant()?;
        Ok(RawColumn::Column(name))
    }
}

impl schemars::JsonSchema for RawColumn {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawColumn".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let form = |key: &str, value: serde_json::Value| serde_json::json!({"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": false});
        let text = serde_json::json!({"type": "string"});
        let pair = serde_json::json!({"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2});
        schemars::json_schema!({
            "description": "A column's name, or how to compute it.",
            "oneOf": [text.clone(), form("column", text.clone()), form("product", pair), form("constant", text)]
        })
    }
}
