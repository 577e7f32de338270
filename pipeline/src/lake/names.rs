//! Numbers for few texts that all threads share, so that lines carry numbers.
//!
//! Numbers follow from the order in which threads meet the texts: no published byte may depend on one.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::slots::{Slots, find_all, high};
use crate::columnar::{Column, Texts, Values};
use crate::key::{Spread, wide_fingerprint};

/// A map from fingerprints.
pub type ByFingerprint<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Numbers of texts; 0 is the unknown or empty one.
#[derive(Debug)]
pub struct Names {
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    known: Slots<u32>,
    /// By number: by what each is looked for.
    highs: Vec<u32>,
    texts: Vec<String>,
}

impl Held {
    fn add(&mut self, fingerprint: u128, text: &str) -> u32 {
        let number = self.texts.len() as u32;
        let highs = &self.highs;
        self.known.reserve(highs.len() + 1, |number| highs[number as usize]);
        self.known.put(fingerprint, number);
        self.highs.push(high(fingerprint));
        self.texts.push(text.to_owned());
        number
    }
}

impl Default for Names {
    fn default() -> Self {
        let mut held = Held::default();
        held.add(wide_fingerprint(0, b""), "");
        Self { held: RwLock::new(held) }
    }
}

impl Names {
    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of `text`, a new one if need be.
    pub fn number(&self, text: &str) -> u32 {
        self.numbers(&[text])[0]
    }

    /// The numbers of `texts`, new ones if need be.
    pub fn numbers(&self, texts: &[&str]) -> Vec<u32> {
        let fingerprints: Vec<u128> = texts.iter().map(|text| wide_fingerprint(0, text.as_bytes())).collect();
        let held = self.held();
        let numbers = find_all(&fingerprints, |_| &held.known);
        drop(held);
        let known = numbers.iter().flatten().count();
        if known == numbers.len() {
            return numbers.into_iter().flatten().collect();
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let all = numbers.into_iter().zip(fingerprints).zip(texts);
        let number = |((number, fingerprint), text): ((Option<u32>, u128), &&str)| {
            let known = number.or_else(|| held.known.find(fingerprint));
            known.unwrap_or_else(|| held.add(fingerprint, text))
        };
        all.map(number).collect()
    }

    /// The texts that have numbers of `from` and above, in their order.
    pub fn since(&self, from: usize) -> Vec<String> {
        self.held().texts.iter().skip(from).cloned().collect()
    }

    /// How many numbers are given.
    pub fn count(&self) -> usize {
        self.held().texts.len()
    }

    /// The text of `number`.
    pub fn text(&self, number: u32) -> String {
        self.held().texts[number as usize].clone()
    }

    /// The texts by number.
    pub fn texts(&self) -> Vec<String> {
        self.held().texts.clone()
    }

    /// By number: the place of its text among all, in their order; the unknown one is first.
    pub fn ranks(&self) -> Vec<u32> {
        let texts = self.texts();
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_unstable_by(|&a, &b| texts[a].cmp(&texts[b]));
        let mut ranks = vec![0; texts.len()];
        order.into_iter().enumerate().for_each(|(rank, number)| ranks[number] = rank as u32);
        ranks
    }
}

/// What was made of the texts of a column, by their places in the dictionary that batches share.
#[derive(Debug)]
pub struct ByEntry<T> {
    dictionary: Option<std::sync::Arc<Texts>>,
    made: Vec<Option<T>>,
}

impl<T> Default for ByEntry<T> {
    fn default() -> Self {
        Self { dictionary: None, made: Vec::new() }
    }
}

impl<T: Copy> ByEntry<T> {
    /// What `make` makes of the text at `code`, once.
    #[inline]
    pub fn made(&mut self, code: u32, make: impl FnOnce(&str) -> T) -> T {
        if self.made.is_empty() {
            self.made.resize(self.dictionary.as_ref().map_or(0, |texts| texts.len()), None);
        }
        let text = || self.dictionary.as_ref().map_or("", |texts| texts.get(code as usize));
        *self.made[code as usize].get_or_insert_with(|| make(text()))
    }

    /// Makes ready for another dictionary, unless it is the one that is held.
    pub fn open(&mut self, dictionary: &std::sync::Arc<Texts>) {
        if self.dictionary.as_ref().is_none_or(|held| !std::sync::Arc::ptr_eq(held, dictionary)) {
            self.dictionary = Some(dictionary.clone());
            self.made.clear();
        }
    }

    /// Hands what `make` makes of the text at each of `rows`, which are known, to `put`, with its place among them. It is made of all of them at once of
    /// which nothing was made yet; `meanwhile` is anything.
    pub fn all(&mut self, column: &Column, rows: &[usize], meanwhile: T, make: impl FnOnce(&[&str]) -> Vec<T>, mut put: impl FnMut(usize, T)) {
        let Values::Coded(codes, dictionary) = &column.values else {
            let texts: Vec<&str> = rows.iter().map(|row| column.text(*row).unwrap_or_default()).collect();
            return make(&texts).into_iter().enumerate().for_each(|(place, made)| put(place, made));
        };
        self.open(dictionary);
        self.made.resize(dictionary.len(), None);
        let (mut wanted, mut last) = (Vec::new(), None);
        for code in rows.iter().map(|row| codes[*row]) {
            // The lines of an order stand together: its entry is not asked for again.
            if last.replace(code) != Some(code) && self.made[code as usize].is_none() {
                self.made[code as usize] = Some(meanwhile);
                wanted.push(code);
            }
        }
        if !wanted.is_empty() {
            let texts: Vec<&str> = wanted.iter().map(|code| dictionary.get(*code as usize)).collect();
            wanted.into_iter().zip(make(&texts)).for_each(|(code, made)| self.made[code as usize] = Some(made));
        }
        rows.iter().enumerate().for_each(|(place, row)| put(place, self.made[codes[*row] as usize].unwrap_or(meanwhile)));
    }

    /// Hands what `make` makes of the text at each of `rows` to `put`, with its place among them: once for each text of a dictionary. Rows without
    /// a text are passed over.
    #[inline]
    pub fn each(&mut self, column: &Column, rows: &[usize], make: impl Fn(&str) -> T, mut put: impl FnMut(usize, T)) {
        let known = rows.iter().enumerate().filter(|(_, row)| column.is_known(**row));
        let Values::Coded(codes, dictionary) = &column.values else {
            return known.for_each(|(place, row)| column.text(*row).map(&make).into_iter().for_each(|made| put(place, made)));
        };
        self.open(dictionary);
        let mut last: Option<(u32, T)> = None;
        for (place, row) in known {
            let code = codes[*row];
            let made = match last.filter(|last| last.0 == code) {
                Some((_, made)) => made,
                None => self.made(code, &make),
            };
            last = Some((code, made));
            put(place, made);
        }
    }

    /// What `make` makes of the text at `row`, which is known: once for each text of a dictionary.
    #[inline]
    pub fn get(&mut self, column: &Column, row: usize, make: impl FnOnce(&str) -> T) -> Option<T> {
        if !column.is_known(row) {
            return None;
        }
        let Values::Coded(codes, dictionary) = &column.values else { return column.text(row).map(make) };
        self.open(dictionary);
        Some(self.made(codes[row], make))
    }
}
