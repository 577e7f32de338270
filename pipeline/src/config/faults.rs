//! The collector of faults: every check of a section reports here, so that all are seen at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::document::{Place, Places};
use crate::error::{Error, Kind, Result};

/// The environment as the caller knows it; the library reads none itself.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Faults found so far, and what is needed to place and resolve values.
pub struct Faults<'a> {
    places: &'a Places,
    environment: Environment<'a>,
    file: &'a str,
    found: Vec<(Option<Place>, String)>,
}

impl<'a> Faults<'a> {
    /// Starts with no fault for the config `file`.
    pub fn new(file: &'a str, places: &'a Places, environment: Environment<'a>) -> Self {
        Self { places, environment, file, found: Vec::new() }
    }

    /// Reports that `path` should hold `expected` and holds `got`.
    pub fn add(&mut self, path: &str, expected: impl Display, got: impl Display) {
        let place = self.places.nearest(path).cloned();
        self.found.push((place, format!("{path}: expected {expected}, got {got}")));
    }

    /// Reports that `path` should hold one of the `names` of `what` and holds `got`.
    pub fn add_unknown<'n>(&mut self, path: &str, what: &str, names: impl Iterator<Item = &'n str> + Clone, got: &str) {
        let known: Vec<&str> = names.clone().collect();
        self.add(path, format!("one of the {what} {}", known.join(", ")), format!("`{got}`{}", super::hint(got, names)));
    }

    /// Reports what `words` say of `path`.
    pub fn add_words(&mut self, path: &str, words: &str) {
        let place = self.places.nearest(path).cloned();
        self.found.push((place, format!("{path}: {words}")));
    }

    /// Reports a fault whose place is known already.
    pub fn add_at(&mut self, place: Place, message: String) {
        self.found.push((Some(place), message));
    }

    /// `value`, reported when absent.
    pub fn required<T>(&mut self, path: &str, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            self.add(path, expected, "nothing");
        }
        value
    }

    /// `value` if it lies in `range`; else a fault, and the range's start so that checking can go on.
    pub fn ranged<T>(&mut self, path: &str, value: Option<T>, range: RangeInclusive<T>) -> T
    where
        T: PartialOrd + Display + Copy,
    {
        let expected = format!("{}..={}", range.start(), range.end());
        match self.required(path, value, &expected) {
            Some(value) if range.contains(&value) => value,
            Some(value) => {
                self.add(path, expected, value);
                *range.start()
            }
            None => *range.start(),
        }
    }

    /// A required text with `${env:NAME}` resolved; `${secret:...}` has no place here.
    pub fn text(&mut self, path: &str, value: Option<String>, expected: &str) -> String {
        let text = self.required(path, value, expected).unwrap_or_default();
        if text.contains("${secret:") {
            self.add(path, "a plain value (secrets belong into `options`)", "a secret");
        }
        self.resolve(path, &text)
    }

    /// `text` with each `${env:NAME}` replaced.
    fn resolve(&mut self, path: &str, text: &str) -> String {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${env:") {
            let Some((name, after)) = after.split_once('}') else {
                self.add(path, "`${env:NAME}`", format!("`{rest}`"));
                return resolved;
            };
            let value = (self.environment)(name);
            if value.is_none() {
                self.add(path, format!("environment variable {name} to be set"), "nothing");
            }
            resolved.push_str(before);
            resolved.push_str(&value.unwrap_or_default());
            rest = after;
        }
        resolved + rest
    }

    /// An option's value: plain text, `${env:NAME}`, or a whole `${secret:NAME}`, which never prints.
    pub fn option(&mut self, path: &str, text: &str) -> super::Secret {
        let Some(name) = text.strip_prefix("${secret:").and_then(|rest| rest.strip_suffix('}')) else {
            let plain = self.text(path, Some(text.to_owned()), "a value");
            return super::Secret::plain(plain);
        };
        let value = (self.environment)(name);
        if value.is_none() {
            self.add(path, format!("secret {name} to be set in the environment"), "nothing");
        }
        super::Secret::hidden(value.unwrap_or_default())
    }

    /// Whether nothing was reported yet.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All faults as one error, in the order of their places.
    pub fn finish(mut self) -> Result<()> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|(place, _)| place.as_ref().map(|place| (place.source.clone(), place.position)));
        let line = |(place, message): &(Option<Place>, String)| match place {
            Some(place) => format!("{place}: {message}"),
            None => format!("{}: {message}", self.file),
        };
        let lines: Vec<String> = self.found.iter().map(line).collect();
        Err(Error::new(Kind::Config, lines.join("\n")))
    }
}
