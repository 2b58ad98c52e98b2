use super::{Entropy, NotInVocabulary, right::words};
use std::{fmt, str::FromStr};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How the audio of a phone is secured (RFC 3711, keyed by RFC 4568).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SrtpPolicy {
    /// Plain RTP; a phone that insists on SRTP is refused.
    Off,
    /// As the phone wishes.
    #[default]
    Allowed,
    /// SRTP; a phone that wants plain RTP is refused.
    Required,
}

/// RFC 4568 §6.2, RFC 7714 §14.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpSuite {
    AeadAes256Gcm,
    AesCm128HmacSha1_80,
    /// Its short tag is forged by one packet in four thousand million.
    AesCm128HmacSha1_32,
}

/// A master key and its salt (RFC 3711 §3.2.1), as good as the conversation: what is printed of it is the suite alone,
/// and its memory is wiped when it goes.
#[derive(Clone)]
pub struct SrtpKey {
    suite: SrtpSuite,
    material: Zeroizing<Vec<u8>>,
}

/// What the two sides of one stream secure their packets with; one suite for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    pub ours: SrtpKey,
    pub theirs: SrtpKey,
}

words!(SrtpPolicy, "off, allowed or required", Off = "off", Allowed = "allowed", Required = "required");

impl SrtpSuite {
    /// The strongest first.
    pub const ALL: [Self; 3] = [Self::AeadAes256Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// As SDP names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Bytes of the master key.
    pub fn key_length(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
        }
    }

    /// Bytes of the master salt.
    pub fn salt_length(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }

    fn material_length(self) -> usize {
        self.key_length() + self.salt_length()
    }
}

impl SrtpKey {
    pub fn random(suite: SrtpSuite, entropy: &mut Entropy) -> Self {
        let length = suite.material_length();
        let mut material = Zeroizing::new(Vec::with_capacity(length.next_multiple_of(16)));
        while material.len() < length {
            material.extend(entropy.bits().to_be_bytes());
        }
        material.truncate(length);
        Self { suite, material }
    }

    /// Key and salt, one after the other; `None` when they are not as long as the suite asks.
    pub fn from_material(suite: SrtpSuite, material: Zeroizing<Vec<u8>>) -> Option<Self> {
        (material.len() == suite.material_length()).then_some(Self { suite, material })
    }

    pub fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// Key and salt, one after the other, for the one who writes SDP.
    pub fn material(&self) -> &[u8] {
        &self.material
    }

    /// Key and salt, for the one who secures packets.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.material.split_at(self.suite.key_length())
    }
}

impl PartialEq for SrtpKey {
    fn eq(&self, other: &Self) -> bool {
        self.suite == other.suite && bool::from(self.material.ct_eq(&other.material))
    }
}

impl Eq for SrtpKey {}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKey({})", self.suite.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_long_as_their_suite_asks_all_different_and_never_printed() {
        let mut entropy = Entropy::from_seed([1; 32]);
        for suite in SrtpSuite::ALL {
            let [one, other] = [SrtpKey::random(suite, &mut entropy), SrtpKey::random(suite, &mut entropy)];
            let (key, salt) = one.parts();
            assert_eq!((key.len(), salt.len()), (suite.key_length(), suite.salt_length()));
            assert!(one == one.clone() && one != other);
            assert_eq!(format!("{one:?}"), format!("SrtpKey({})", suite.name()));
            let short = Zeroizing::new(one.material()[1..].to_vec());
            assert_eq!(SrtpKey::from_material(suite, short), None);
        }
    }
}
