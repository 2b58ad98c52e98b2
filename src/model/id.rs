use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{fmt, str::FromStr};
use ulid::Ulid;

/// Randomness for a pure room: seeded once by the shell, then a deterministic stream.
pub struct Entropy(StdRng);

impl Entropy {
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    pub fn bits(&mut self) -> u128 {
        self.0.random()
    }

    /// A stream of its own, so that two rooms never share one.
    pub fn fork(&mut self) -> Self {
        Self(StdRng::from_seed(self.0.random()))
    }

    /// A token of 96 random bits in lower-case hex: a SIP tag, branch or Call-ID (RFC 3261 §19.3 asks for 32).
    pub fn token(&mut self) -> String {
        format!("{:024x}", self.bits() >> 32)
    }
}

/// Makes globally unique, time-ordered ids (ULID).
pub struct IdMaker(Entropy);

impl IdMaker {
    pub fn new(entropy: Entropy) -> Self {
        Self(entropy)
    }

    pub fn make<T: From<Ulid>>(&mut self, unix_ms: u64) -> T {
        T::from(Ulid::from_parts(unix_ms, self.0.bits()))
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an id")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl From<Ulid> for $name {
            fn from(ulid: Ulid) -> Self {
                Self(ulid)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Ulid::from_string(text).map(Self).map_err(|_| NotAnId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(/// A person's account.
    AccountId);
id!(/// One call between two parties.
    CallId);
id!(/// One phone's part in a call, an IVR conversation or a spy session.
    LegId);
id!(/// One listen, from start to end.
    SessionId);
id!(/// What a program signs its requests with; not the secret itself.
    TokenId);
id!(/// One running engine; also the writer of an audit chain.
    NodeId);
