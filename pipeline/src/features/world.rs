//! What features know beside a customer's lines, of everyone; and who the customer is.

use std::collections::BTreeMap;

use super::catalogue::{Catalogue, Texts};
use super::cuts::WordCut;
use super::deals::Deals;
use super::events::EventKind;
use super::item::{Cell, Feature, Words};
use super::missed::{Baskets, Missed};
use crate::time::{Day, Zone};

/// What is known of products, promotions and times, of everyone.
#[derive(Debug)]
pub struct World {
    /// Products.
    pub catalogue: Catalogue,
    /// Places of the categories that are measured one by one, in the order in which the config names them.
    pub measured: Vec<u32>,
    /// Names of products, where they are published.
    pub products: Texts,
    /// What was on deal when; None where the lake does not say.
    pub deals: Option<Deals>,
    /// The zone of the clock.
    pub zone: Zone,
    /// Names of channels.
    pub channels: Texts,
    /// Names of stores.
    pub stores: Texts,
    /// Words for the customers' genders.
    pub genders: Texts,
    /// By kind of event: the first day on which one was known, of anyone.
    pub events_from: [Option<Day>; EventKind::ALL.len()],
    /// Where the numbers of ranked features are cut.
    pub cuts: Vec<WordCut>,
    /// What customers bought, as the cells of features that look at others say.
    pub baskets: Baskets,
    /// By such a feature: what is missed, once everyone was seen.
    pub missed: BTreeMap<String, Missed>,
}

impl World {
    /// A world of which nothing is known.
    #[cfg(test)]
    pub fn nothing() -> Self {
        let one = || vec![String::new()];
        let catalogue = Catalogue::of(&super::catalogue::Products::default(), &[0, 1]);
        Self {
            catalogue,
            measured: Vec::new(),
            products: Vec::new(),
            deals: None,
            zone: Zone::parse("UTC").expect("a zone"),
            channels: one(),
            stores: one(),
            genders: one(),
            events_from: [None; EventKind::ALL.len()],
            cuts: Vec::new(),
            baskets: Baskets::default(),
            missed: BTreeMap::new(),
        }
    }

    /// The word of a ranked feature's cell; None before it is cut.
    pub fn ranked(&self, feature: &Feature, cell: Cell) -> Option<&'static str> {
        let value = f64::from_bits(cell as u64);
        self.cuts.iter().rev().find(|cut| cut.feature == feature.name && cut.low <= value).map(|cut| cut.word)
    }

    /// How many categories the customer of a feature's cell misses; None before everyone was seen.
    pub fn missed_count(&self, feature: &Feature, cell: Cell) -> Option<i64> {
        self.missed.get(&feature.name)?.count(cell)
    }

    /// The category that the customer of a feature's cell misses first.
    pub fn missed_top(&self, feature: &Feature, cell: Cell) -> Option<&str> {
        self.missed.get(&feature.name)?.top(cell).map(|place| self.word(Some(Words::Categories), place))
    }

    /// The text at a place among `words`.
    pub fn word(&self, words: Option<Words>, place: usize) -> &str {
        match words {
            Some(Words::Fixed(texts)) => texts.get(place).copied().unwrap_or_default(),
            Some(words) => self.texts(words).get(place).map_or("", String::as_str),
            None => "",
        }
    }

    /// All texts of `words`, by place.
    pub fn words(&self, words: Words) -> Vec<&str> {
        match words {
            Words::Fixed(texts) => texts.to_vec(),
            words => self.texts(words).iter().map(String::as_str).collect(),
        }
    }

    /// Those that this world has.
    fn texts(&self, words: Words) -> &[String] {
        match words {
            Words::Categories => &self.catalogue.categories,
            Words::Brands => &self.catalogue.brands,
            Words::Series => &self.catalogue.all_series,
            Words::Styles => &self.catalogue.styles,
            Words::Channels => &self.channels,
            Words::Stores => &self.stores,
            Words::Genders => &self.genders,
            Words::Fixed(_) => &[],
        }
    }
}

/// Who a customer is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Person {
    /// The day from which the rest is known, where the lake says so.
    pub known_from: Option<Day>,
    /// First registration.
    pub registered: Option<Day>,
    /// Date of birth.
    pub birth: Option<Day>,
    /// Place of the gender among its words; 0 for none.
    pub gender: u32,
}
