use super::LegId;
use std::collections::{BTreeMap, BTreeSet};

/// What a listener hears of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hearing {
    All,
    /// Not the keys that are pressed in it (X1, X7); late by as long as it takes to know them.
    WithoutKeys,
}

/// Who hears whom (rows A1–A5), and who hears the music on hold: for each listener, the sources it hears.
///
/// The mixer sums exactly these. A listener that stands in the matrix without a source hears silence,
/// and a pair that was never allowed is never heard: the default is that nobody hears anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HearMatrix {
    rows: BTreeMap<LegId, BTreeMap<LegId, Hearing>>,
    music: BTreeSet<LegId>,
}

impl HearMatrix {
    /// A matrix in which each of `legs` hears nobody.
    pub fn silent(legs: impl IntoIterator<Item = LegId>) -> Self {
        let rows = legs.into_iter().map(|leg| (leg, BTreeMap::new())).collect();
        Self { rows, music: BTreeSet::new() }
    }

    /// Lets `listener` hear `source`; nobody hears themselves.
    pub fn allow(&mut self, listener: LegId, source: LegId) {
        self.allow_as(listener, source, Hearing::All);
    }

    pub fn allow_as(&mut self, listener: LegId, source: LegId, hearing: Hearing) {
        if listener != source {
            self.rows.entry(listener).or_default().insert(source, hearing);
        }
    }

    /// Lets `listener` hear the music on hold.
    pub fn allow_music(&mut self, listener: LegId) {
        self.rows.entry(listener).or_default();
        self.music.insert(listener);
    }

    pub fn hears(&self, listener: LegId, source: LegId) -> bool {
        self.rows.get(&listener).is_some_and(|sources| sources.contains_key(&source))
    }

    pub fn hears_music(&self, listener: LegId) -> bool {
        self.music.contains(&listener)
    }

    pub fn rows(&self) -> impl Iterator<Item = (LegId, &BTreeMap<LegId, Hearing>)> {
        self.rows.iter().map(|(listener, sources)| (*listener, sources))
    }
}
