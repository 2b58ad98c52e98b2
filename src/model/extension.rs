use super::right::{NotInVocabulary, words};
use std::{fmt, str::FromStr};

/// The number of a phone terminal (電話端末, 内線番号): one to sixteen decimal digits, matched exactly, never as a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtensionNumber(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an extension number is 1 to 16 digits")]
pub struct NotAnExtension;

impl ExtensionNumber {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExtensionNumber {
    type Err = NotAnExtension;

    fn from_str(text: &str) -> Result<Self, NotAnExtension> {
        let digits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| Self(text.to_owned())).ok_or(NotAnExtension)
    }
}

impl fmt::Display for ExtensionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A digest algorithm, as RFC 8760 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestName {
    Md5,
    Sha256,
}
words!(DigestName, "MD5 or SHA-256", Md5 = "MD5", Sha256 = "SHA-256");
