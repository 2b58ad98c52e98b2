use super::LegId;
use std::collections::{BTreeMap, BTreeSet};

/// Who hears whom (rows A1–A5): for each listener, the sources it hears.
///
/// The mixer sums exactly these. A listener that stands in the matrix without a source hears silence,
/// and a pair that was never allowed is never heard: the default is that nobody hears anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HearMatrix(BTreeMap<LegId, BTreeSet<LegId>>);

impl HearMatrix {
    /// A matrix in which each of `legs` hears nobody.
    pub fn silent(legs: impl IntoIterator<Item = LegId>) -> Self {
        Self(legs.into_iter().map(|leg| (leg, BTreeSet::new())).collect())
    }

    /// Lets `listener` hear `source`; nobody hears themselves.
    pub fn allow(&mut self, listener: LegId, source: LegId) {
        if listener != source {
            self.0.entry(listener).or_default().insert(source);
        }
    }

    pub fn hears(&self, listener: LegId, source: LegId) -> bool {
        self.0.get(&listener).is_some_and(|sources| sources.contains(&source))
    }

    pub fn rows(&self) -> impl Iterator<Item = (LegId, &BTreeSet<LegId>)> {
        self.0.iter().map(|(listener, sources)| (*listener, sources))
    }
}
