//! Rules over columns: `column: {at_least | at_most | in | not_in | starts_with | is_null: ...}`, all of which must hold.

use std::fmt;

use crate::config::{Faults, RawRules, RawScalar, RawTest};
use crate::table::Kind;
use crate::time::Day;

/// A column's value as rules see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Unknown.
    Null,
    /// A number; dates are days since 1970-01-01, true is 1.
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// What a value is held against.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
enum Test {
    AtLeast(f64),
    AtMost(f64),
    In(Vec<Scalar>),
    NotIn(Vec<Scalar>),
    StartsWith(String),
    IsNull(bool),
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
enum Scalar {
    Number(f64),
    Text(String),
}

impl Scalar {
    fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text),
            Scalar::Number(_) => None,
        }
    }

    fn equals(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Scalar::Number(expected), Value::Number(value)) => *expected == value,
            (Scalar::Text(expected), Value::Text(value)) => expected == value,
            _ => false,
        }
    }
}

impl Test {
    fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Test::IsNull(expected), value) => *expected == (value == Value::Null),
            (Test::AtLeast(bound), Value::Number(value)) => value >= *bound,
            (Test::AtMost(bound), Value::Number(value)) => value <= *bound,
            (Test::In(set), value) => set.iter().any(|member| member.equals(value)),
            (Test::NotIn(set), value) => value != Value::Null && !set.iter().any(|member| member.equals(value)),
            (Test::StartsWith(start), Value::Text(value)) => value.starts_with(start.as_str()),
            _ => false,
        }
    }
}

/// The tests of one column.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Rule {
    /// The column.
    pub column: String,
    tests: Vec<Test>,
    words: String,
    /// Whether the value is held against days.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_of_days: bool,
}

impl Rule {
    /// Whether the value is held against days, as days since 1970-01-01.
    pub fn is_of_days(&self) -> bool {
        self.is_of_days
    }

    /// The texts that the value is held against.
    pub fn texts(&self) -> Vec<&str> {
        let sets = self.tests.iter().filter_map(|test| match test {
            Test::In(set) | Test::NotIn(set) => Some(set),
            _ => None,
        });
        sets.flatten().filter_map(Scalar::text).collect()
    }

    /// What it is tested for, in words.
    pub fn tested(&self) -> &str {
        &self.words
    }

    /// Whether some number from `low` to `high` passes the bounds.
    pub fn may_hold(&self, low: f64, high: f64) -> bool {
        let (mut low, mut high) = (low, high);
        for test in &self.tests {
            match test {
                Test::AtLeast(bound) => low = low.max(*bound),
                Test::AtMost(bound) => high = high.min(*bound),
                _ => {}
            }
        }
        low <= high
    }

    /// Whether the tests need texts (true) or numbers (false); None where they only ask whether the value is known.
    pub fn needs_text(&self) -> Option<bool> {
        self.tests.iter().find_map(|test| match test {
            Test::IsNull(_) => None,
            Test::AtLeast(_) | Test::AtMost(_) => Some(false),
            Test::StartsWith(_) => Some(true),
            Test::In(set) | Test::NotIn(set) => set.first().map(|member| matches!(member, Scalar::Text(_))),
        })
    }

    /// Whether all tests hold; an unknown value passes only `is_null: true`.
    pub fn holds(&self, value: Value<'_>) -> bool {
        self.tests.iter().all(|test| test.holds(value))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.column, self.words)
    }
}

/// Checks rules against the columns that they may name: `kind_of` tells a column's kind, or None if there is no such column.
pub fn check(raw: &RawRules, path: &str, kind_of: &dyn Fn(&str) -> Option<Kind>, faults: &mut Faults<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (index, columns) in raw.iter().enumerate() {
        for (column, test) in columns {
            let path = format!("{path}[{index}].{column}");
            match kind_of(column) {
                None => faults.add(&path, "a column that the table has", format!("`{column}`")),
                Some(kind) => rules.push(check_one(column, test, &path, kind, faults)),
            }
        }
    }
    rules
}

fn check_one(column: &str, raw: &RawTest, path: &str, kind: Kind, faults: &mut Faults<'_>) -> Rule {
    let mut tests = Vec::new();
    let mut words = Vec::new();
    let mut bound = |name: &str, raw: &Option<RawScalar>, test: fn(f64) -> Test| {
        let Some(raw) = raw else { return };
        words.push(format!("{} {raw}", name.replace('_', " ")));
        match scalar(raw, kind) {
            Some(Scalar::Number(value)) => tests.push(test(value)),
            _ => faults.add(&format!("{path}.{name}"), expected(kind), raw),
        }
    };
    bound("at_least", &raw.at_least, Test::AtLeast);
    bound("at_most", &raw.at_most, Test::AtMost);
    let mut set = |name: &str, raw: &Option<Vec<RawScalar>>, test: fn(Vec<Scalar>) -> Test| {
        let Some(raw) = raw else { return };
        let members: Vec<Scalar> = raw.iter().filter_map(|member| scalar(member, kind)).collect();
        let list = raw.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if members.len() < raw.len() || raw.is_empty() {
            faults.add(&format!("{path}.{name}"), format!("a list, each {}", expected(kind)), format!("[{list}]"));
        }
        words.push(format!("{} [{list}]", name.replace('_', " ")));
        tests.push(test(members));
    };
    set("in", &raw.in_, Test::In);
    set("not_in", &raw.not_in, Test::NotIn);
    if let Some(start) = &raw.starts_with {
        if kind != Kind::Text {
            faults.add(&format!("{path}.starts_with"), "a text column", kind.name());
        }
        words.push(format!("starts with `{start}`"));
        tests.push(Test::StartsWith(start.clone()));
    }
    if let Some(null) = raw.is_null {
        words.push(if null { "is unknown" } else { "is known" }.to_owned());
        tests.push(Test::IsNull(null));
    }
    if tests.is_empty() && words.is_empty() {
        faults.add(path, "at_least, at_most, in, not_in, starts_with or is_null", "nothing");
    }
    let rule = Rule { column: column.to_owned(), tests, words: words.join(" and "), is_of_days: kind == Kind::Date };
    if !rule.may_hold(f64::NEG_INFINITY, f64::INFINITY) {
        faults.add(path, "`at_least` to be at most `at_most`", format!("`{}`", rule.words));
    }
    rule
}

/// A raw scalar as a value of `kind`.
fn scalar(raw: &RawScalar, kind: Kind) -> Option<Scalar> {
    match (raw, kind) {
        (RawScalar::Text(text), Kind::Text) => Some(Scalar::Text(text.clone())),
        (RawScalar::Text(text), Kind::Date) => Day::parse(text).map(|day| Scalar::Number(f64::from(day.0))),
        (RawScalar::Bool(value), Kind::Bool) => Some(Scalar::Number(f64::from(u8::from(*value)))),
        (RawScalar::Number(number), Kind::Int | Kind::Float | Kind::Money | Kind::Timestamp) => Some(Scalar::Number(*number)),
        _ => None,
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Date => "a date YYYY-MM-DD",
        Kind::Bool => "true or false",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Places;

    fn rules(yaml: &str) -> (Vec<Rule>, bool) {
        let raw: RawRules = serde_yaml::from_str(yaml).expect("rules");
        let places = Places::default();
        let mut faults = Faults::new("test.yaml", &places, &|_| None);
        let kinds = |name: &str| match name {
            "recency_days" => Some(Kind::Int),
            "group" => Some(Kind::Text),
            "last_order_date" => Some(Kind::Date),
            _ => None,
        };
        (check(&raw, "rules", &kinds, &mut faults), faults.is_empty())
    }

    #[test]
    fn unknown_passes_only_is_null() {
        let (found, fine) = rules("[{recency_days: {at_least: 10, at_most: 20}}, {group: {not_in: [lapsed]}}, {recency_days: {is_null: true}}]");
        assert!(fine);
        assert!(found[0].holds(Value::Number(20.0)) && !found[0].holds(Value::Number(21.0)) && !found[0].holds(Value::Null));
        assert!(found[1].holds(Value::Text("loyal")) && !found[1].holds(Value::Text("lapsed")) && !found[1].holds(Value::Null));
        assert!(found[2].holds(Value::Null) && !found[2].holds(Value::Number(0.0)));
        assert_eq!(found[0].to_string(), "recency_days at least 10 and at most 20");
    }

    #[test]
    fn bounds_that_nothing_keeps_are_a_fault() {
        let (found, fine) = rules("[{recency_days: {at_least: 10, at_most: 10}}, {recency_days: {at_least: 3}}]");
        assert!(fine && found[0].may_hold(0.0, 10.0) && !found[0].may_hold(0.0, 9.5) && !found[0].may_hold(10.5, 20.0));
        assert!(found[1].may_hold(0.0, 3.0) && !found[1].may_hold(0.0, 2.0));
        assert!(!rules("[{recency_days: {at_least: 300, at_most: 30}}]").1);
        assert!(!rules("[{last_order_date: {at_least: 2026-02-28, at_most: 2026-02-27}}]").1);
    }

    #[test]
    fn a_value_of_another_kind_is_a_fault() {
        assert!(!rules("[{recency_days: {at_least: soon}}]").1);
        assert!(!rules("[{last_order_date: {at_least: 2026-02-30}}]").1);
        assert!(!rules("[{recency: {at_least: 1}}]").1);
        assert!(!rules("[{group: {in: []}}]").1);
        assert!(rules("[{last_order_date: {at_least: 2026-02-28}}]").1);
    }
}
