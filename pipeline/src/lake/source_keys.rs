//! Numbers for source customers, of which there are many: what lines carry in place of a source and a source_customer_id.
//!
//! Numbers follow from the order in which threads meet the customers: no published byte may depend on one.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};

use super::names::Names;
use super::slots::{Slots, find_all, high};
use crate::allowance::{Allowance, Held};
use crate::error::Result;
use crate::key::{Id, fingerprint, wide_fingerprint};

/// A source customer among others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceKey {
    /// Its number.
    pub number: u32,
    /// Where it stands if it is a customer of its own: the first 32 bits of `Id::order` of its own customer_id.
    pub place: u32,
}

/// Who a source customer is if it is a customer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its customer_id.
    pub id: Id,
    /// `Id::order` of that.
    pub order: u64,
}

impl Own {
    fn of(source: &str, id: &str) -> Self {
        let id = Id::customer(source, id);
        Self { id, order: id.order() }
    }
}

/// Keys of a part that were given numbers since some were kept, in the order of their numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct KeysOfPart {
    /// Source number, and length of the source_customer_id in `ids`.
    keys: Vec<(u32, u32)>,
    /// Halves of the customer_id of each as a customer of its own, and where that stands.
    own: Vec<[u64; 3]>,
    ids: String,
}

const PARTS: usize = 64;

/// What a key takes of the memory: its text, its id, its place among those that are looked for.
const KEY_BYTES: u64 = 100;

/// What the keys of a part are called, in the order of their numbers.
#[derive(Debug, Default)]
struct TextsOfPart {
    /// Source number, and place of the end of the source_customer_id in `ids`.
    keys: Vec<(u32, usize)>,
    ids: String,
}

impl TextsOfPart {
    /// Source number and source_customer_id of a number of this part.
    fn text(&self, number: u32) -> (u32, &str) {
        let index = number as usize / PARTS;
        let start = if index == 0 { 0 } else { self.keys[index - 1].1 };
        let (source, end) = self.keys[index];
        (source, &self.ids[start..end])
    }
}

/// The keys of a part: numbers are given out in turn, part by part.
#[derive(Debug, Default)]
struct Part {
    known: Slots<SourceKey>,
    /// By what each is looked for.
    highs: Vec<u32>,
    own: Vec<Own>,
    texts: TextsOfPart,
}

impl Part {
    /// Makes room for so many keys more. All parts grow in step: if they doubled, up to half of the memory of all would be unused.
    fn reserve(&mut self, more: usize) {
        let highs = &self.highs;
        self.known.reserve(highs.len() + more, |key| highs[key.number as usize / PARTS]);
        if self.own.capacity() - self.own.len() < more {
            let more = more.max(self.own.len() / 4);
            self.highs.reserve_exact(more);
            self.texts.keys.reserve_exact(more);
            self.own.reserve_exact(more);
        }
    }

    /// Gives the next number to a source customer that has none.
    fn add(&mut self, fingerprint: u128, (source, id): (u32, &str), own: Own) -> SourceKey {
        let key = SourceKey { number: (self.own.len() * PARTS + part_of(fingerprint)) as u32, place: place_of(own.order) };
        self.reserve(1);
        self.known.put(fingerprint, key);
        self.highs.push(high(fingerprint));
        self.own.push(own);
        let TextsOfPart { keys, ids } = &mut self.texts;
        if ids.capacity() - ids.len() < id.len() {
            ids.reserve_exact(id.len().max(ids.len() / 4));
        }
        ids.push_str(id);
        keys.push((source, ids.len()));
        key
    }
}

/// Source customers: pairs of source and source_customer_id, numbered.
#[derive(Debug)]
pub struct SourceKeys {
    /// Numbers of sources.
    pub sources: Names,
    parts: Vec<RwLock<Part>>,
    /// Ids in lower case that are nobody's, and the length of the longest.
    nobodys: (BTreeSet<String>, usize),
}

impl Default for SourceKeys {
    fn default() -> Self {
        Self::without(BTreeSet::new())
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

/// What the fingerprints of all that is a source's own start from.
pub(super) fn seed_of(source: &str) -> u64 {
    fingerprint(0, source.as_bytes())
}

fn fingerprint_of(source: &str, id: &str) -> u128 {
    wide_fingerprint(seed_of(source), id.as_bytes())
}

impl SourceKeys {
    /// None yet; ids that are among `nobodys`, which are in lower case, are nobody's.
    pub fn without(nobodys: BTreeSet<String>) -> Self {
        let longest = nobodys.iter().map(String::len).max().unwrap_or_default();
        Self { sources: Names::default(), parts: (0..PARTS).map(|_| RwLock::default()).collect(), nobodys: (nobodys, longest) }
    }

    /// Whether an id is nobody's: white space alone, or what is typed for who has none.
    fn is_nobodys(&self, id: &str) -> bool {
        let ((nobodys, longest), id) = (&self.nobodys, id.trim());
        id.is_empty() || id.len() <= *longest && nobodys.contains(&id.to_lowercase())
    }

    fn part(&self, part: usize) -> RwLockReadGuard<'_, Part> {
        self.parts[part].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn part_to_change(&self, part: usize) -> RwLockWriteGuard<'_, Part> {
        self.parts[part].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All parts, in their order.
    fn all(&self) -> impl Iterator<Item = RwLockReadGuard<'_, Part>> {
        (0..PARTS).map(|part| self.part(part))
    }

    /// The key of a source customer, a new one if need be; None for an id that is nobody's.
    pub fn key(&self, source: &str, id: &str) -> Option<SourceKey> {
        let fingerprint = fingerprint_of(source, id);
        let known = self.part(part_of(fingerprint)).known.find(fingerprint);
        let new = || self.add(fingerprint, (self.sources.number(source), source), id);
        known.or_else(|| (!self.is_nobodys(id)).then(new))
    }

    /// The keys of many source customers of one source, in their order, new ones if need be; None for an id that is nobody's. All that are known are looked
    /// up first, one after another, so that the memory's delays overlap.
    pub fn keys(&self, source: &str, ids: &[&str]) -> Vec<Option<SourceKey>> {
        let seed = seed_of(source);
        let fingerprints: Vec<u128> = ids.iter().map(|id| wide_fingerprint(seed, id.as_bytes())).collect();
        let mut keys = self.known(&fingerprints);
        let new = keys.iter_mut().zip(&fingerprints).zip(ids).filter(|((key, _), id)| key.is_none() && !self.is_nobodys(id));
        let mut number = None;
        for ((key, fingerprint), id) in new {
            let number = *number.get_or_insert_with(|| self.sources.number(source));
            *key = Some(self.add(*fingerprint, (number, source), id));
        }
        keys
    }

    /// The same of many source customers, each with its source.
    pub fn keys_of(&self, customers: &[(&str, &str)]) -> Vec<Option<SourceKey>> {
        let fingerprints: Vec<u128> = customers.iter().map(|(source, id)| fingerprint_of(source, id)).collect();
        let mut keys = self.known(&fingerprints);
        let new = keys.iter_mut().zip(&fingerprints).zip(customers).filter(|((key, _), customer)| key.is_none() && !self.is_nobodys(customer.1));
        new.for_each(|((key, fingerprint), (source, id))| *key = Some(self.add(*fingerprint, (self.sources.number(source), source), id)));
        keys
    }

    fn known(&self, fingerprints: &[u128]) -> Vec<Option<SourceKey>> {
        let parts: Vec<_> = self.all().collect();
        find_all(fingerprints, |fingerprint| &parts[part_of(fingerprint)].known)
    }

    /// The key of a source customer that was not known a moment ago: another thread may have been faster, or it stands twice among many.
    fn add(&self, fingerprint: u128, (number, source): (u32, &str), id: &str) -> SourceKey {
        let own = Own::of(source, id);
        let mut part = self.part_to_change(part_of(fingerprint));
        let known = part.known.find(fingerprint);
        known.unwrap_or_else(|| part.add(fingerprint, (number, id), own))
    }

    /// By number of the source: what the fingerprints of its keys start from.
    fn seeds(&self) -> Vec<u64> {
        self.sources.texts().iter().map(|source| seed_of(source)).collect()
    }

    /// How many keys each part has.
    pub fn counts(&self) -> Vec<usize> {
        self.all().map(|part| part.own.len()).collect()
    }

    /// The keys of each part, from the given places on.
    pub fn since(&self, from: &[usize]) -> Vec<KeysOfPart> {
        let since = |(part, from): (RwLockReadGuard<'_, Part>, usize)| {
            let mut since = KeysOfPart::default();
            for (index, own) in part.own.iter().enumerate().skip(from) {
                let (source, id) = part.texts.text((index * PARTS) as u32);
                since.keys.push((source, id.len() as u32));
                let halves = own.id.halves();
                since.own.push([halves[0], halves[1], own.order]);
                since.ids.push_str(id);
            }
            since
        };
        self.all().zip(from.iter().copied().chain(std::iter::repeat(0))).map(since).collect()
    }

    /// Gives keys the numbers that they had, which must be the next ones of their parts; None if they are not.
    pub fn restore(&self, since: &[KeysOfPart]) -> Option<()> {
        let seeds = self.seeds();
        for (at, since) in since.iter().enumerate().take(PARTS) {
            let mut part = self.part_to_change(at);
            part.reserve(since.keys.len());
            let mut from = 0;
            for (&(source, length), &[high, low, order]) in since.keys.iter().zip(&since.own) {
                let id = since.ids.get(from..from + length as usize)?;
                from += length as usize;
                let fingerprint = wide_fingerprint(*seeds.get(source as usize)?, id.as_bytes());
                if part_of(fingerprint) != at || part.known.find(fingerprint).is_some() {
                    return None;
                }
                part.add(fingerprint, (source, id), Own { id: Id::of_halves([high, low]), order });
            }
        }
        Some(())
    }

    /// The numbers of many source customers, each with its source; None of one that is not known.
    pub fn find(&self, customers: &[(&str, &str)]) -> Vec<Option<u32>> {
        let fingerprints: Vec<u128> = customers.iter().map(|(source, id)| fingerprint_of(source, id)).collect();
        self.known(&fingerprints).into_iter().map(|key| key.map(|key| key.number)).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.counts().iter().sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they take of the memory, about.
    pub fn bytes(&self) -> u64 {
        self.len() as u64 * KEY_BYTES
    }

    /// A number above all others.
    pub fn end(&self) -> usize {
        self.counts().iter().max().map_or(0, |most| most * PARTS)
    }

    /// Hands every source customer to `visit`: its number, who it is if it is a customer of its own, the number of its source, source_customer_id.
    pub fn each(&self, mut visit: impl FnMut(u32, Own, u32, &str)) {
        for (at, part) in self.all().enumerate() {
            for (index, own) in part.own.iter().enumerate() {
                let number = (index * PARTS + at) as u32;
                let (source, id) = part.texts.text(number);
                visit(number, *own, source, id);
            }
        }
    }

    /// Who the source customer of `number` is if it is a customer of its own.
    pub fn own(&self, number: u32) -> Own {
        self.part(number as usize % PARTS).own[number as usize / PARTS]
    }

    /// Source number and source_customer_id of `number`.
    pub fn text(&self, number: u32) -> (u32, String) {
        let part = self.part(number as usize % PARTS);
        let (source, id) = part.texts.text(number);
        (source, id.to_owned())
    }

    /// What all of them are called, once none is looked for any more: two thirds of the memory are given back.
    ///
    /// # Errors
    /// `Limit` if `memory` does not hold them.
    pub fn close(self, memory: &Allowance) -> Result<SourceTexts> {
        let texts = |part: RwLock<Part>| {
            let TextsOfPart { mut keys, mut ids } = part.into_inner().unwrap_or_else(PoisonError::into_inner).texts;
            keys.shrink_to_fit();
            ids.shrink_to_fit();
            TextsOfPart { keys, ids }
        };
        let parts: Vec<TextsOfPart> = self.parts.into_iter().map(texts).collect();
        let bytes = parts.iter().map(|part| part.keys.len() * size_of::<(u32, usize)>() + part.ids.len()).sum::<usize>();
        Ok(SourceTexts { sources: self.sources, parts, _held: memory.take("read the small tables", bytes as u64)? })
    }
}

/// What source customers are called, by number.
#[derive(Debug)]
pub struct SourceTexts {
    /// Numbers of sources.
    pub sources: Names,
    parts: Vec<TextsOfPart>,
    _held: Held,
}

impl SourceTexts {
    /// Source number and source_customer_id of `number`.
    pub fn text(&self, number: u32) -> (u32, &str) {
        self.parts[number as usize % PARTS].text(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of two sources, more than one table holds without growing, an empty one and one that stands twice among others.
    #[test]
    fn keys_are_found_again_and_restored() {
        let ids: Vec<String> = (0..5000).map(|number| format!("c{number}")).collect();
        let mut wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        wanted.insert(7, "");
        wanted.insert(9, "c4999");
        let keys = SourceKeys::default();
        let web = keys.keys("web", &wanted);
        assert_eq!((web[7], web[9].map(|key| key.number)), (None, web[5001].map(|key| key.number)));
        assert_eq!((keys.len(), keys.counts().len()), (5000, PARTS));
        // What is typed for who has none, in any spelling, is nobody's.
        let some = SourceKeys::without(["-1", "anonymous"].map(str::to_owned).into());
        let told = ["-1", " Anonymous", "1", "anonymous2", "", " "].map(|id| some.key("web", id).is_some());
        assert_eq!((told, some.len()), ([false, false, true, true, false, false], 2));
        assert_eq!(some.keys("web", &["-1", "1", "ANONYMOUS"]).iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(some.keys_of(&[("app", "-1"), ("web", "1")]), [None, some.key("web", "1")]);
        let mark = keys.counts();
        let app = keys.keys("app", &wanted[..100]);
        assert!(app.iter().flatten().all(|key| !web.contains(&Some(*key))));
        assert_eq!(keys.keys("web", &wanted), web);
        assert_eq!(keys.find(&[("web", "c17"), ("web", "c5000"), ("web", "")]), [web[19].map(|key| key.number), None, None]);
        // Each with its source, some of them new, one twice, and an empty one.
        let mixed = [("app", "c1"), ("web", "c2"), ("app", "c9999"), ("web", ""), ("app", "c9999"), ("new", "c2")];
        let found = keys.keys_of(&mixed);
        assert_eq!(found, mixed.map(|(source, id)| keys.key(source, id)));
        assert_eq!((found[0], found[1], found[3], found[2] == found[4]), (app[1], web[2], None, true));
        assert!(found[5].is_some() && found[5] != found[1]);
        let keys = SourceKeys::default();
        assert_eq!((keys.keys("web", &wanted), keys.keys("app", &wanted[..100])), (web.clone(), app.clone()));
        let restored = SourceKeys::default();
        restored.sources.numbers(&["web", "app"]);
        let (first, later) = (keys.since(&[]), keys.since(&mark));
        assert_eq!(restored.restore(&later), Some(()));
        assert_eq!(restored.len(), 99);
        assert_eq!(restored.restore(&later), None, "numbers are given once");
        let restored = SourceKeys::default();
        restored.sources.numbers(&["web", "app"]);
        assert_eq!(restored.restore(&first), Some(()));
        assert_eq!((restored.keys("web", &wanted), restored.keys("app", &wanted[..100])), (web, app));
        restored.each(|number, own, source, id| {
            assert_eq!((own.id, own.order), (Id::customer(["", "web", "app"][source as usize], id), restored.own(number).order));
            assert_eq!(keys.text(number), (source, id.to_owned()));
        });
        let (web, texts) = (restored.keys("web", &wanted), restored.close(&Allowance::memory(1 << 20)).expect("there is room"));
        let told: Vec<Option<(u32, &str)>> = web.iter().map(|key| key.map(|key| texts.text(key.number))).collect();
        assert_eq!(told, wanted.iter().map(|id| (!id.is_empty()).then_some((1, *id))).collect::<Vec<_>>());
    }
}
