//! Numbers for texts, so that lines carry numbers: of few texts that all threads share, and of source customers, of which there are many.
//!
//! Numbers follow from the order in which threads meet the texts: no published byte may depend on one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use crate::columnar::{Column, Texts, Values};
use crate::key::{Id, fingerprint, wide_fingerprint};

/// A hasher of fingerprints: they are spread already.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = fingerprint(self.0, bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64 ^ ((number >> 64) as u64).rotate_left(32);
    }
}

/// A map from fingerprints.
pub type ByFingerprint<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Numbers of texts; 0 is the unknown or empty one.
#[derive(Debug)]
pub struct Names {
    held: RwLock<(HashMap<String, u32>, Vec<String>)>,
}

impl Default for Names {
    fn default() -> Self {
        Self { held: RwLock::new((HashMap::from([(String::new(), 0)]), vec![String::new()])) }
    }
}

impl Names {
    /// The number of `text`, a new one if need be.
    pub fn number(&self, text: &str) -> u32 {
        if let Some(&number) = self.held.read().unwrap_or_else(PoisonError::into_inner).0.get(text) {
            return number;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let next = held.1.len() as u32;
        let number = *held.0.entry(text.to_owned()).or_insert(next);
        if number == next {
            held.1.push(text.to_owned());
        }
        number
    }

    /// The text of `number`.
    pub fn text(&self, number: u32) -> String {
        self.held.read().unwrap_or_else(PoisonError::into_inner).1[number as usize].clone()
    }

    /// The texts by number.
    pub fn texts(&self) -> Vec<String> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).1.clone()
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

/// A source customer among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceKey {
    /// Its number.
    pub number: u32,
    /// Where it stands if it is a customer of its own: `Id::order` of its own customer_id.
    pub order: u64,
}

const PARTS: usize = 64;

/// The keys of a part: numbers are given out in turn, part by part.
#[derive(Debug, Default)]
struct Part {
    known: ByFingerprint<u128, SourceKey>,
    /// Source number, and place of the end of the source_customer_id in `ids`.
    keys: Vec<(u32, usize)>,
    ids: String,
}

impl Part {
    /// Source number and source_customer_id of a number of this part.
    fn text(&self, number: u32) -> (u32, &str) {
        let index = number as usize / PARTS;
        let start = if index == 0 { 0 } else { self.keys[index - 1].1 };
        let (source, end) = self.keys[index];
        (source, &self.ids[start..end])
    }
}

/// Source customers: pairs of source and source_customer_id, numbered.
#[derive(Debug)]
pub struct SourceKeys {
    /// Numbers of sources.
    pub sources: Names,
    parts: Vec<Mutex<Part>>,
}

impl Default for SourceKeys {
    fn default() -> Self {
        Self { sources: Names::default(), parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }
}

fn fingerprint_of(source: &str, id: &str) -> u128 {
    wide_fingerprint(fingerprint(0, source.as_bytes()), id.as_bytes())
}

impl SourceKeys {
    fn part(&self, fingerprint: u128) -> (MutexGuard<'_, Part>, u32) {
        let part = (fingerprint >> 122) as usize % PARTS;
        (self.parts[part].lock().unwrap_or_else(PoisonError::into_inner), part as u32)
    }

    /// The key of a source customer, a new one if need be.
    pub fn key(&self, source: &str, id: &str) -> SourceKey {
        let fingerprint = fingerprint_of(source, id);
        let (mut part, at) = self.part(fingerprint);
        if let Some(&key) = part.known.get(&fingerprint) {
            return key;
        }
        let number = part.keys.len() as u32 * PARTS as u32 + at;
        let key = SourceKey { number, order: Id::customer(source, id).order() };
        part.known.insert(fingerprint, key);
        part.ids.push_str(id);
        let end = part.ids.len();
        part.keys.push((self.sources.number(source), end));
        key
    }

    /// The number of a source customer that is known.
    pub fn find(&self, source: &str, id: &str) -> Option<u32> {
        let fingerprint = fingerprint_of(source, id);
        self.part(fingerprint).0.known.get(&fingerprint).map(|key| key.number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).keys.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A number above all others.
    pub fn end(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).keys.len() * PARTS).max().unwrap_or_default()
    }

    /// Hands every key to `visit`: it, the number of its source, source_customer_id.
    pub fn each(&self, mut visit: impl FnMut(SourceKey, u32, &str)) {
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for key in part.known.values() {
                let (source, id) = part.text(key.number);
                visit(*key, source, id);
            }
        }
    }

    /// Source number and source_customer_id of `number`.
    pub fn text(&self, number: u32) -> (u32, String) {
        let part = self.parts[number as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner);
        let (source, id) = part.text(number);
        (source, id.to_owned())
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
    /// What `make` makes of the text at `row`, which is known: once for each text of a dictionary.
    pub fn get(&mut self, column: &Column, row: usize, make: impl FnOnce(&str) -> T) -> Option<T> {
        if !column.is_known(row) {
            return None;
        }
        let Values::Coded(codes, dictionary) = &column.values else { return column.text(row).map(make) };
        if self.dictionary.as_ref().is_none_or(|held| !std::sync::Arc::ptr_eq(held, dictionary)) {
            self.dictionary = Some(dictionary.clone());
            self.made.clear();
            self.made.resize(dictionary.len(), None);
        }
        let code = codes[row] as usize;
        match self.made[code] {
            Some(made) => Some(made),
            None => {
                let made = make(dictionary.get(code));
                self.made[code] = Some(made);
                Some(made)
            }
        }
    }
}
