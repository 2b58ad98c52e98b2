//! Texts that people choose: bounded, and harmless to print.

use super::Secret;
use std::{fmt, str::FromStr};

const MAX_NAME_CHARS: usize = 64;
const MAX_LOGIN_CHARS: usize = 64;
const MAX_DOMAIN_BYTES: usize = 253;
const MAX_PASSWORD_BYTES: usize = 256;

/// A name for people to read; may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name(String);

/// What an account is called: no spaces, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login(String);

/// What a call centre is called: no spaces, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCenterName(String);

/// Keypad digits that name a person: 1 to 32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialId(String);

/// A host or domain name as it stands in a SIP URI; may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(String);

/// The name of an account at a trunk, as it stands in a SIP URI; may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkUser(String);

/// A password as a person chooses it: 1 to 256 bytes, no control characters. As silent as any `Secret`.
#[derive(Clone)]
pub struct Password(Secret);

#[derive(Debug, thiserror::Error)]
#[error("expected {0}")]
pub struct Unusable(&'static str);

macro_rules! read {
    ($($text:ident),+) => {$(
        impl $text {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )+};
}
read!(Name, Login, CallCenterName, DialId, Domain, TrunkUser);

macro_rules! may_be_empty {
    ($($text:ident),+) => {$(
        impl $text {
            /// `None`: it is empty.
            pub fn into_option(self) -> Option<String> {
                Some(self.0).filter(|text| !text.is_empty())
            }
        }
    )+};
}
may_be_empty!(Domain, TrunkUser);

impl Password {
    pub fn as_secret(&self) -> &Secret {
        &self.0
    }

    pub fn into_secret(self) -> Secret {
        self.0
    }
}

impl TryFrom<Secret> for Password {
    type Error = Unusable;

    fn try_from(secret: Secret) -> Result<Self, Unusable> {
        let text = secret.expose();
        let usable = (1..=MAX_PASSWORD_BYTES).contains(&text.len()) && !text.contains(char::is_control);
        let expected = "1 to 256 bytes, none of them a control character";
        if usable { Ok(Self(secret)) } else { Err(Unusable(expected)) }
    }
}

impl FromStr for Password {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        Secret::new(text).try_into()
    }
}

impl FromStr for Domain {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'[' | b']');
        let usable = text.len() <= MAX_DOMAIN_BYTES && text.bytes().all(fits);
        usable.then(|| Self(text.to_owned())).ok_or(Unusable("a host or domain name"))
    }
}

impl FromStr for TrunkUser {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        // RFC 3261 §25.1, without what would need an escape.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
        let usable = text.len() <= MAX_LOGIN_CHARS && text.bytes().all(fits);
        usable.then(|| Self(text.to_owned())).ok_or(Unusable("at most 64 characters of a SIP user name"))
    }
}

impl FromStr for Name {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let usable = text.chars().count() <= MAX_NAME_CHARS && !text.contains(char::is_control);
        usable.then(|| Self(text.to_owned())).ok_or(Unusable("at most 64 characters, none of them a control character"))
    }
}

impl FromStr for Login {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
        let usable = plain && (1..=MAX_LOGIN_CHARS).contains(&text.chars().count());
        usable.then(|| Self(text.to_owned())).ok_or(Unusable("1 to 64 characters without spaces"))
    }
}

impl FromStr for CallCenterName {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        text.parse().map(|Login(name)| Self(name))
    }
}

impl FromStr for DialId {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let usable = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        usable.then(|| Self(text.to_owned())).ok_or(Unusable("1 to 32 digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_an_endless_and_a_commanding_password_are_refused() {
        let usable = |text: &str| text.parse::<Password>().is_ok();
        assert!(usable("pass word ") && usable(&"x".repeat(MAX_PASSWORD_BYTES)));
        assert!(!usable("") && !usable("tab\tbed") && !usable(&"x".repeat(MAX_PASSWORD_BYTES + 1)));
    }
}
