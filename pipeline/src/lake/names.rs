//! Numbers for texts, so that lines carry numbers: of few texts that all threads share, and of source customers, of which there are many.
//!
//! Numbers follow from the order in which threads meet the texts: no published byte may depend on one.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::columnar::{Column, Texts, Values};
use crate::key::{Id, Spread, fingerprint, wide_fingerprint};

/// A map from fingerprints.
pub type ByFingerprint<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Numbers of texts; 0 is the unknown or empty one.
#[derive(Debug)]
pub struct Names {
    held: RwLock<(ByFingerprint<u128, u32>, Vec<String>)>,
}

impl Default for Names {
    fn default() -> Self {
        Self { held: RwLock::new((ByFingerprint::from_iter([(wide_fingerprint(0, b""), 0)]), vec![String::new()])) }
    }
}

impl Names {
    /// The number of `text`, a new one if need be.
    pub fn number(&self, text: &str) -> u32 {
        self.numbers(&[text])[0]
    }

    /// The numbers of `texts`, new ones if need be.
    pub fn numbers(&self, texts: &[&str]) -> Vec<u32> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let mut numbers: Vec<Option<u32>> = texts.iter().map(|text| held.0.get(&wide_fingerprint(0, text.as_bytes())).copied()).collect();
        drop(held);
        if numbers.iter().any(Option::is_none) {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            let (known, all) = &mut *held;
            for (number, text) in numbers.iter_mut().zip(texts).filter(|(number, _)| number.is_none()) {
                let new = all.len() as u32;
                let given = *known.entry(wide_fingerprint(0, text.as_bytes())).or_insert(new);
                if given == new {
                    all.push((*text).to_owned());
                }
                *number = Some(given);
            }
        }
        numbers.into_iter().flatten().collect()
    }

    /// The texts that have numbers of `from` and above, in their order.
    pub fn since(&self, from: usize) -> Vec<String> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).1.iter().skip(from).cloned().collect()
    }

    /// How many numbers are given.
    pub fn count(&self) -> usize {
        self.held.read().unwrap_or_else(PoisonError::into_inner).1.len()
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

/// Keys of a part that were given numbers since some were kept, in the order of their numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct KeysOfPart {
    /// Source number, and length of the source_customer_id in `ids`.
    keys: Vec<(u32, u32)>,
    /// Where each stands.
    orders: Vec<u64>,
    ids: String,
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

/// The part of a fingerprint.
fn part_of(fingerprint: u128) -> usize {
    (fingerprint >> 122) as usize % PARTS
}

fn fingerprint_of(source: &str, id: &str) -> u128 {
    wide_fingerprint(fingerprint(0, source.as_bytes()), id.as_bytes())
}

impl SourceKeys {
    fn part(&self, fingerprint: u128) -> (MutexGuard<'_, Part>, u32) {
        let part = part_of(fingerprint);
        (self.parts[part].lock().unwrap_or_else(PoisonError::into_inner), part as u32)
    }

    /// The key of a source customer, a new one if need be.
    pub fn key(&self, source: &str, id: &str) -> SourceKey {
        let fingerprint = fingerprint_of(source, id);
        let (mut part, at) = self.part(fingerprint);
        self.key_in(&mut part, at, fingerprint, (source, id))
    }

    /// By number of the source: what the fingerprints of its keys start from.
    fn seeds(&self) -> Vec<u64> {
        self.sources.texts().iter().map(|source| fingerprint(0, source.as_bytes())).collect()
    }

    /// How many keys each part has.
    pub fn counts(&self) -> Vec<usize> {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).keys.len()).collect()
    }

    /// The keys of each part, from the given places on.
    pub fn since(&self, from: &[usize]) -> Vec<KeysOfPart> {
        let seeds = self.seeds();
        let parts = self.parts.iter().zip(from.iter().copied().chain(std::iter::repeat(0)));
        let since = |(part, from): (&Mutex<Part>, usize)| {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            let mut since = KeysOfPart::default();
            for index in from..part.keys.len() {
                let (source, id) = part.text((index * PARTS) as u32);
                let fingerprint = wide_fingerprint(seeds[source as usize], id.as_bytes());
                since.keys.push((source, id.len() as u32));
                since.ids.push_str(id);
                since.orders.extend(part.known.get(&fingerprint).map(|key| key.order));
            }
            since
        };
        parts.map(since).collect()
    }

    /// Gives keys the numbers that they had, which must be the next ones of their parts; None if they are not.
    pub fn restore(&self, since: &[KeysOfPart]) -> Option<()> {
        let seeds = self.seeds();
        for (at, (part, since)) in self.parts.iter().zip(since).enumerate() {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.known.reserve(since.keys.len());
            part.keys.reserve_exact(since.keys.len());
            let mut from = 0;
            for (&(source, length), &order) in since.keys.iter().zip(&since.orders) {
                let id = since.ids.get(from..from + length as usize)?;
                from += length as usize;
                let fingerprint = wide_fingerprint(*seeds.get(source as usize)?, id.as_bytes());
                let number = part.keys.len() as u32 * PARTS as u32 + at as u32;
                if part_of(fingerprint) != at || part.known.insert(fingerprint, SourceKey { number, order }).is_some() {
                    return None;
                }
                part.ids.push_str(id);
                let end = part.ids.len();
                part.keys.push((source, end));
            }
        }
        Some(())
    }

    fn key_in(&self, part: &mut Part, at: u32, fingerprint: u128, (source, id): (&str, &str)) -> SourceKey {
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

    /// The keys of many source customers of one source, in their order: looked up part by part, so that the memory's delays overlap.
    pub fn keys(&self, source: &str, ids: &[&str]) -> Vec<SourceKey> {
        let seed = fingerprint(0, source.as_bytes());
        let mut wanted: Vec<(u128, u32)> = ids.iter().enumerate().map(|(index, id)| (wide_fingerprint(seed, id.as_bytes()), index as u32)).collect();
        wanted.sort_unstable_by_key(|(fingerprint, _)| part_of(*fingerprint));
        let mut keys = vec![SourceKey { number: 0, order: 0 }; ids.len()];
        for group in wanted.chunk_by(|a, b| part_of(a.0) == part_of(b.0)) {
            let (mut part, at) = self.part(group[0].0);
            for &(fingerprint, index) in group {
                keys[index as usize] = self.key_in(&mut part, at, fingerprint, (source, ids[index as usize]));
            }
        }
        keys
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

    /// Where the source customer of `number` stands if it is a customer of its own.
    pub fn order(&self, number: u32) -> u64 {
        let (source, id) = self.text(number);
        Id::customer(&self.sources.text(source), &id).order()
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
    /// Makes ready for another dictionary, unless it is the one that is held.
    fn open(&mut self, dictionary: &std::sync::Arc<Texts>) {
        if self.dictionary.as_ref().is_none_or(|held| !std::sync::Arc::ptr_eq(held, dictionary)) {
            self.dictionary = Some(dictionary.clone());
            self.made.clear();
            self.made.resize(dictionary.len(), None);
        }
    }

    /// Makes something of all texts at `rows`, which are known, at once: `make` is given those of which nothing was made yet.
    pub fn meet(&mut self, column: &Column, rows: impl Iterator<Item = usize>, meanwhile: T, make: impl FnOnce(&[&str]) -> Vec<T>) {
        let Values::Coded(codes, dictionary) = &column.values else { return };
        self.open(dictionary);
        let mut wanted = Vec::new();
        for row in rows {
            let made = &mut self.made[codes[row] as usize];
            if made.is_none() {
                *made = Some(meanwhile);
                wanted.push(codes[row]);
            }
        }
        let texts: Vec<&str> = wanted.iter().map(|code| dictionary.get(*code as usize)).collect();
        let made = if texts.is_empty() { Vec::new() } else { make(&texts) };
        wanted.into_iter().zip(made).for_each(|(code, made)| self.made[code as usize] = Some(made));
    }

    /// What `make` makes of the text at `row`, which is known: once for each text of a dictionary.
    #[inline]
    pub fn get(&mut self, column: &Column, row: usize, make: impl FnOnce(&str) -> T) -> Option<T> {
        if !column.is_known(row) {
            return None;
        }
        let Values::Coded(codes, dictionary) = &column.values else { return column.text(row).map(make) };
        self.open(dictionary);
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
