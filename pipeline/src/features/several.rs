//! Items of a family over several kinds of measure.

use std::sync::Arc;

use super::item::{Cell, Choose, Feature, Measured, Scope};
use super::seen::Seen;

/// Items over several kinds of measure.
pub(super) struct Several(pub &'static [&'static dyn Choose]);

impl Choose for Several {
    fn names(&self) -> Vec<&'static str> {
        self.0.iter().flat_map(|known| known.names()).collect()
    }

    fn choose(&self, family: &'static str, names: &[String], scope: Scope) -> Arc<dyn Measured> {
        Arc::new(ChosenOfSeveral(self.0.iter().map(|known| known.choose(family, names, scope.clone())).collect()))
    }
}

struct ChosenOfSeveral(Vec<Arc<dyn Measured>>);

impl Measured for ChosenOfSeveral {
    fn features(&self) -> Vec<Feature> {
        self.0.iter().flat_map(|measured| measured.features()).collect()
    }

    fn for_models(&self) -> Arc<dyn Measured> {
        Arc::new(Self(self.0.iter().map(|measured| measured.for_models()).collect()))
    }

    fn family(&self) -> &'static str {
        self.0.first().map_or("", |measured| measured.family())
    }

    fn write(&self, seen: &Seen<'_>, row: &mut Vec<Cell>) {
        self.0.iter().for_each(|measured| measured.write(seen, row));
    }
}
