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
    /// Where it stands if it is a customer of its own: the first 32 bits of `Id::order` of its own customer_id.
    pub place: u32,
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
    known: ByFingerprint<Halves, SourceKey>,
    /// Source number, and place of the end of the source_customer_id in `ids`.
    keys: Vec<(u32, usize)>,
    /// Where each stands if it is a customer of its own: `Id::order` of its own customer_id.
    orders: Vec<u64>,
    ids: String,
}

/// A wide fingerprint, without the alignment of 16 bytes.
type Halves = (u64, u64);

fn halves(fingerprint: u128) -> Halves {
    ((fingerprint >> 64) as u64, fingerprint as u64)
}

impl Part {
    /// Source number and source_customer_id of a number of this part.
    fn text(&self, number: u32) -> (u32, &str) {
        let index = number as usize / PARTS;
        let start = if index == 0 { 0 } else { self.keys[index - 1].1 };
        let (source, end) = self.keys[index];
        (source, &self.ids[start..end])
    }

    /// The key of a source customer, a new one if need be.
    fn key(&mut self, fingerprint: u128, source: (u32, &str), id: &str) -> SourceKey {
        let known = self.known.get(&halves(fingerprint)).copied();
        known.unwrap_or_else(|| self.add(fingerprint, (source.0, id), Id::customer(source.1, id).order()))
    }

    /// Gives the next number to a source customer that has none.
    fn add(&mut self, fingerprint: u128, (source, id): (u32, &str), order: u64) -> SourceKey {
        let key = SourceKey { number: (self.keys.len() * PARTS + part_of(fingerprint)) as u32, place: place_of(order) };
        self.known.insert(halves(fingerprint), key);
        self.orders.push(order);
        self.ids.push_str(id);
        self.keys.push((source, self.ids.len()));
        key
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

/// The place that a customer of this order has.
pub fn place_of(order: u64) -> u32 {
    (order >> 32) as u32
}

/// The part of a fingerprint.
fn part_of(fingerprint: u128) -> usize {
    (fingerprint >> 122) as usize % PARTS
}

fn fingerprint_of(source: &str, id: &str) -> u128 {
    wide_fingerprint(fingerprint(0, source.as_bytes()), id.as_bytes())
}

impl SourceKeys {
    fn part(&self, part: usize) -> MutexGuard<'_, Part> {
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of a source customer, a new one if need be; an empty id is nobody's.
    pub fn key(&self, source: &str, id: &str) -> Option<SourceKey> {
        let fingerprint = fingerprint_of(source, id);
        (!id.is_empty()).then(|| self.part(part_of(fingerprint)).key(fingerprint, (self.sources.number(source), source), id))
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
        let parts = self.parts.iter().zip(from.iter().copied().chain(std::iter::repeat(0)));
        let since = |(part, from): (&Mutex<Part>, usize)| {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            let mut since = KeysOfPart { orders: part.orders[from..].to_vec(), ..KeysOfPart::default() };
            for index in from..part.keys.len() {
                let (source, id) = part.text((index * PARTS) as u32);
                since.keys.push((source, id.len() as u32));
                since.ids.push_str(id);
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
                if part_of(fingerprint) != at || part.known.contains_key(&halves(fingerprint)) {
                    return None;
                }
                part.add(fingerprint, (source, id), order);
            }
        }
        Some(())
    }

    /// The keys of many source customers of one source, in their order, new ones if need be; an empty id is nobody's. They are looked up part by
    /// part, all that are known first, so that the memory's delays overlap.
    pub fn keys(&self, source: &str, ids: &[&str]) -> Vec<Option<SourceKey>> {
        let (number, seed) = (self.sources.number(source), fingerprint(0, source.as_bytes()));
        let some = ids.iter().enumerate().filter(|(_, id)| !id.is_empty());
        let mut wanted: Vec<(u128, u32)> = some.map(|(index, id)| (wide_fingerprint(seed, id.as_bytes()), index as u32)).collect();
        wanted.sort_unstable_by_key(|(fingerprint, _)| part_of(*fingerprint));
        let mut keys = vec![None; ids.len()];
        for group in wanted.chunk_by(|a, b| part_of(a.0) == part_of(b.0)) {
            let mut part = self.part(part_of(group[0].0));
            for (fingerprint, index) in group {
                keys[*index as usize] = part.known.get(&halves(*fingerprint)).copied();
            }
            for (fingerprint, index) in group {
                let key = &mut keys[*index as usize];
                *key = key.or_else(|| Some(part.key(*fingerprint, (number, source), ids[*index as usize])));
            }
        }
        keys
    }

    /// The number of a source customer that is known.
    pub fn find(&self, source: &str, id: &str) -> Option<u32> {
        let fingerprint = fingerprint_of(source, id);
        self.part(part_of(fingerprint)).known.get(&halves(fingerprint)).map(|key| key.number)
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

    /// Hands every source customer to `visit`: its number, where it stands if it is a customer of its own (`Id::order` of its own customer_id), the
    /// number of its source, source_customer_id.
    pub fn each(&self, mut visit: impl FnMut(u32, u64, u32, &str)) {
        for (at, part) in self.parts.iter().enumerate() {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (index, order) in part.orders.iter().enumerate() {
                let number = (index * PARTS + at) as u32;
                let (source, id) = part.text(number);
                visit(number, *order, source, id);
            }
        }
    }

    /// Where the source customer of `number` stands if it is a customer of its own.
    pub fn order(&self, number: u32) -> u64 {
        self.part(number as usize % PARTS).orders[number as usize / PARTS]
    }

    /// Source number and source_customer_id of `number`.
    pub fn text(&self, number: u32) -> (u32, String) {
        let part = self.part(number as usize % PARTS);
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

    /// Makes something of all texts at `rows`, which are known, at once: `make` is given those of which nothing was made yet.
    pub fn meet(&mut self, column: &Column, rows: impl Iterator<Item = usize>, meanwhile: T, make: impl FnOnce(&[&str]) -> Vec<T>) {
        let Values::Coded(codes, dictionary) = &column.values else { return };
        self.open(dictionary);
        self.made.resize(dictionary.len(), None);
        let (mut wanted, mut last) = (Vec::new(), None);
        for code in rows.map(|row| codes[row]) {
            // The lines of an order stand together: its entry is not asked for again.
            if last.replace(code) != Some(code) && self.made[code as usize].is_none() {
                self.made[code as usize] = Some(meanwhile);
                wanted.push(code);
            }
        }
        let texts: Vec<&str> = wanted.iter().map(|code| dictionary.get(*code as usize)).collect();
        let made = if texts.is_empty() { Vec::new() } else { make(&texts) };
        wanted.into_iter().zip(made).for_each(|(code, made)| self.made[code as usize] = Some(made));
    }

    /// Hands what `make` makes of the text at each of `rows` to `put`, with its place among them: once for each text of a dictionary. Rows without
    /// a text are passed over.
    #[inline]
    pub fn each(&mut self, column: &Column, rows: &[usize], make: impl Fn(&str) -> T, mut put: impl FnMut(usize, T)) {
        let (Values::Coded(codes, dictionary), None) = (&column.values, &column.known) else {
            let found = rows.iter().enumerate().filter_map(|(place, row)| Some((place, self.get(column, *row, &make)?)));
            return found.for_each(|(place, made)| put(place, made));
        };
        self.open(dictionary);
        let mut last: Option<(u32, T)> = None;
        for (place, row) in rows.iter().enumerate() {
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
