use crate::{
    model::{ExtensionNumber, Secret, SrtpPolicy},
    sip::digest::Algorithm,
};
use std::collections::BTreeMap;

/// The extensions as the store last told: a snapshot, so that a digest is checked without waiting.
#[derive(Default)]
pub struct Directory(BTreeMap<ExtensionNumber, DirectoryEntry>);

/// One phone terminal. An HA1 is as good as the password.
pub struct DirectoryEntry {
    pub number: ExtensionNumber,
    pub name: String,
    pub ha1_md5: Secret,
    pub ha1_sha256: Secret,
    /// The algorithms it is challenged with; `None`: as configured.
    pub digest: Option<Vec<Algorithm>>,
    pub srtp: SrtpPolicy,
}

impl Directory {
    pub fn new(entries: impl IntoIterator<Item = DirectoryEntry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.number.clone(), entry)).collect())
    }

    pub fn get(&self, number: &ExtensionNumber) -> Option<&DirectoryEntry> {
        self.0.get(number)
    }

    pub fn contains(&self, number: &ExtensionNumber) -> bool {
        self.0.contains_key(number)
    }

    /// Whether the extension is here, with the secret that it had `before` if it was there.
    pub fn vouches_as(&self, before: &Directory, number: &ExtensionNumber) -> bool {
        match (self.get(number), before.get(number)) {
            (Some(now), Some(before)) => {
                now.ha1_md5.matches(&before.ha1_md5) && now.ha1_sha256.matches(&before.ha1_sha256)
            }
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

impl DirectoryEntry {
    pub fn ha1(&self, algorithm: Algorithm) -> &Secret {
        match algorithm {
            Algorithm::Md5 => &self.ha1_md5,
            Algorithm::Sha256 => &self.ha1_sha256,
        }
    }
}
