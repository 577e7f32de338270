//! From what was gathered to the state: which dates, features and samples, and what features know beside the lines.

use std::collections::BTreeMap;

use super::gather::Gathered;
use super::params::Params;
use crate::allowance::Allowance;
use crate::config::RawDueLevel;
use crate::error::{Error, Kind, Result};
use crate::features::{self, Baskets, Catalogue, Deals, World};
use crate::lake::Names;
use crate::models::cycle;
use crate::shards::{self, Plan, Ranks, SampleSizes, Scratch, State};
use crate::time::Dates;

/// What is to be collected.
pub struct What<'a> {
    /// At which dates.
    pub dates: &'a Dates,
    /// Features of everyone at as_of; samples have those that models take.
    pub features: &'a features::Params,
    /// How large samples are.
    pub samples: SampleSizes,
    /// Purchase-cycle models: what they take is counted.
    pub cycle: &'a cycle::Params,
    /// Of what purchases are kept.
    pub purchases: RawDueLevel,
}

impl Gathered {
    /// Passes over everyone's lines once.
    ///
    /// # Errors
    /// `Limit` where memory or scratch is full.
    pub fn collect(&self, params: &Params, (ranks, world): (&Ranks, &World), what: &What<'_>, (scratch, memory): (Scratch<'_>, &Allowance)) -> Result<State> {
        let plan = Plan {
            people: &self.people,
            unknown: &self.unknown,
            ranks,
            sources: &self.names.keys,
            complete: &self.complete,
            world,
            events: &self.events,
            features: what.features,
            dates: what.dates,
            lookback_days: params.lookback_days,
            population: &params.churn.population,
            closed_stores: &self.closed_stores,
            samples: what.samples,
            salt: &params.salt,
            cycle: what.cycle,
            purchases: what.purchases,
            memory,
            scratch,
        };
        shards::collect(&plan, &self.partition)
    }
}

/// What features know beside the lines.
///
/// # Errors
/// `Config` where the config names a category that no product has.
pub fn world(params: &Params, gathered: &Gathered, ranks: &Ranks) -> Result<World> {
    let names = &gathered.names;
    let catalogue = Catalogue::of(&gathered.products, &ranks.products);
    let deals = gathered.promotions.as_ref().map(|promotions| Deals::of(promotions, &catalogue, &ranks.products));
    let sorted = |names: &Names| {
        let mut texts = names.texts();
        texts.sort_unstable();
        texts
    };
    let place = |category: &String| {
        let none = || format!("features.brand_usage.categories: expected categories of products, got `{category}`, which no product has");
        catalogue.place_of_category(category).ok_or_else(|| Error::new(Kind::Config, none()))
    };
    let measured = params.features.categories.iter().map(place).collect::<Result<_>>()?;
    let (channels, stores, genders) = (sorted(&names.channels), sorted(&names.stores), sorted(&names.genders));
    Ok(World {
        deals,
        catalogue,
        measured,
        products: if params.due.level == RawDueLevel::Product { sorted(&names.products) } else { Vec::new() },
        zone: params.zone.clone(),
        channels,
        stores,
        genders,
        events_from: gathered.events.first,
        cuts: Vec::new(),
        baskets: Baskets::default(),
        missed: BTreeMap::new(),
    })
}
