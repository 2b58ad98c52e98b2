use crate::sip::transaction::Key;
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Finds transactions by their keys, which it keeps as fingerprints: an eighth of the room. Of 128 bits made with a secret,
/// two are the same by no chance that counts, and by nobody's will.
pub struct Index {
    secret: u128,
    ids: BTreeMap<Fingerprint, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u128);

impl Index {
    pub fn new(secret: u128) -> Self {
        Self { secret, ids: BTreeMap::new() }
    }

    pub fn find(&self, key: &Key) -> Option<u64> {
        self.ids.get(&self.fingerprint(key)).copied()
    }

    pub fn insert(&mut self, key: &Key, id: u64) -> Fingerprint {
        let fingerprint = self.fingerprint(key);
        self.ids.insert(fingerprint, id);
        fingerprint
    }

    /// Unless another transaction has that key by now.
    pub fn remove(&mut self, fingerprint: Fingerprint, id: u64) {
        if self.ids.get(&fingerprint) == Some(&id) {
            self.ids.remove(&fingerprint);
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn fingerprint(&self, key: &Key) -> Fingerprint {
        let half = |which: u8| {
            let mut hasher = DefaultHasher::new();
            (self.secret, which, key).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        Fingerprint(half(0) << 64 | half(1))
    }
}
