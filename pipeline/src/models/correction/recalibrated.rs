//! Forecasts by what as large ones meant at the newest date of which it is known what came.

use serde::{Deserialize, Serialize};

use super::{HORIZONS, Known, Learnt, Means};
use crate::models::isotonic::Isotonic;

/// By horizon, what chances and expected orders meant; none where too little is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalibrated {
    horizons: [Option<[Isotonic; 2]>; HORIZONS],
}

impl Recalibrated {
    /// Learns each horizon from the newest date that knows it; None where no horizon is known.
    pub fn learn(known: &[Known<'_>]) -> Option<Self> {
        let horizon = |horizon: usize| {
            let newest = known.iter().rfind(|known| known.over[horizon] && !known.means.is_empty())?;
            let pairs = |score: fn(&Means) -> &[f64; HORIZONS], outcome: fn(f64) -> f64| {
                let pair = |place: usize| Some((score(&newest.means[place])[horizon], outcome(newest.came(place, horizon)?)));
                Isotonic::learn((0..newest.rows.len()).filter_map(pair).collect())
            };
            Some([pairs(|means| &means.returns, |came| f64::from(u8::from(came > 0.0)))?, pairs(|means| &means.orders, |came| came)?])
        };
        let horizons: [Option<[Isotonic; 2]>; HORIZONS] = std::array::from_fn(horizon);
        horizons.iter().any(Option::is_some).then_some(Self { horizons })
    }

    /// Chances and expected orders by horizon, where they were learnt.
    pub(super) fn of(&self, means: &Means) -> Learnt {
        let of =
            |own: &[f64; HORIZONS], which: usize| std::array::from_fn(|horizon| self.horizons[horizon].as_ref().map(|learnt| learnt[which].of(own[horizon])));
        Learnt { returns: of(&means.returns, 0), orders: of(&means.orders, 1) }
    }
}
