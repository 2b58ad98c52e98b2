use super::ExtensionNumber;
use std::{fmt, str::FromStr};

/// Who stands at one end of a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A phone of ours.
    Extension(ExtensionNumber),
    /// Somebody outside, by way of a trunk. Without a number: withheld (非通知).
    Outside { trunk: TrunkName, number: Option<OutsideNumber> },
}

impl Party {
    pub fn extension(&self) -> Option<&ExtensionNumber> {
        match self {
            Party::Extension(number) => Some(number),
            Party::Outside { .. } => None,
        }
    }

    pub fn trunk(&self) -> Option<&TrunkName> {
        match self {
            Party::Extension(_) => None,
            Party::Outside { trunk, .. } => Some(trunk),
        }
    }

    pub fn is(&self, number: &ExtensionNumber) -> bool {
        self.extension() == Some(number)
    }
}

impl From<ExtensionNumber> for Party {
    fn from(number: ExtensionNumber) -> Self {
        Party::Extension(number)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Extension(number) => number.fmt(f),
            Party::Outside { number: Some(number), .. } => number.fmt(f),
            Party::Outside { number: None, .. } => f.pad("anonymous"),
        }
    }
}

/// The name of a trunk: one to thirty-two lower-case letters, digits and hyphens, the first no hyphen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrunkName(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the name of a trunk is 1 to 32 of a-z, 0-9 and -, and does not begin with -")]
pub struct NotATrunkName;

impl TrunkName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrunkName {
    type Err = NotATrunkName;

    fn from_str(text: &str) -> Result<Self, NotATrunkName> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let named = (1..=32).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(fits);
        named.then(|| Self(text.to_owned())).ok_or(NotATrunkName)
    }
}

impl fmt::Display for TrunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A number outside: one to thirty-two digits, behind a `+` when it names its country (E.164).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutsideNumber(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a number outside is 1 to 32 digits, with or without a leading +")]
pub struct NotAnOutsideNumber;

impl OutsideNumber {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OutsideNumber {
    type Err = NotAnOutsideNumber;

    fn from_str(text: &str) -> Result<Self, NotAnOutsideNumber> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let fits = (1..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned())).ok_or(NotAnOutsideNumber)
    }
}

impl fmt::Display for OutsideNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_what_they_say_and_nothing_else() {
        let names = ["ntt", "a", "0", "ntt-2", "", "-a", "NTT", "a b", "é", &"a".repeat(33)];
        let named: Vec<_> = names.iter().filter(|text| text.parse::<TrunkName>().is_ok()).collect();
        assert_eq!(named, [&"ntt", &"a", &"0", &"ntt-2"]);
        let numbers = ["0312345678", "+81312345678", "110", "", "+", "03-1234", "++81", "０３", &"1".repeat(33)];
        let read: Vec<_> = numbers.iter().filter(|text| text.parse::<OutsideNumber>().is_ok()).collect();
        assert_eq!(read, [&"0312345678", &"+81312345678", &"110"]);
    }

    #[test]
    fn a_number_outside_is_never_an_extension() {
        let outside = Party::Outside { trunk: "ntt".parse().unwrap(), number: "1000".parse().ok() };
        let number: ExtensionNumber = "1000".parse().unwrap();
        assert!(!outside.is(&number) && Party::from(number.clone()).is(&number));
    }
}
