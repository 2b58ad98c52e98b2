use super::Secret;
use std::fmt;

/// The longest entry a keypad may give; what comes after is dropped.
pub const MAX_DIGITS: usize = 32;

/// One key of a telephone: `0`–`9`, `*`, `#`, `A`–`D`.
///
/// Deliberately without `Debug`: a stream of digits is a password being typed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a telephone key")]
pub struct NotADigit;

impl Digit {
    pub const HASH: Digit = Digit(b'#');
    pub const STAR: Digit = Digit(b'*');

    pub fn as_char(self) -> char {
        char::from(self.0)
    }

    /// The event code of RFC 4733 §3.2 (0–15).
    pub fn event_code(self) -> u8 {
        match self.0 {
            b'*' => 10,
            b'#' => 11,
            letter @ b'A'..=b'D' => letter - b'A' + 12,
            number => number - b'0',
        }
    }

    pub fn from_event_code(code: u8) -> Option<Digit> {
        b"0123456789*#ABCD".get(usize::from(code)).copied().map(Digit)
    }

    pub fn is_decimal(self) -> bool {
        self.0.is_ascii_digit()
    }
}

impl TryFrom<char> for Digit {
    type Error = NotADigit;

    fn try_from(key: char) -> Result<Self, NotADigit> {
        match key.to_ascii_uppercase() {
            key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Ok(Digit(key as u8)),
            _ => Err(NotADigit),
        }
    }
}

/// Digits typed so far: bounded, and wiped when they go.
#[derive(Clone, Default)]
pub struct DigitString(Secret);

impl DigitString {
    /// Adds a digit; `false` when the bound is reached and the digit is dropped.
    pub fn push(&mut self, digit: Digit) -> bool {
        let text = self.0.expose();
        if text.len() >= MAX_DIGITS {
            return false;
        }
        let mut longer = String::with_capacity(MAX_DIGITS);
        longer.push_str(text);
        longer.push(digit.as_char());
        self.0 = Secret::new(longer);
        true
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands the digits over and starts anew.
    pub fn take(&mut self) -> Secret {
        std::mem::take(&mut self.0)
    }
}

impl fmt::Debug for DigitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigitString(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_code_and_its_key_are_one() {
        for code in 0..16 {
            let digit = Digit::from_event_code(code).unwrap();
            assert_eq!(digit.event_code(), code);
            assert!(Digit::try_from(digit.as_char()) == Ok(digit));
        }
        assert!(Digit::from_event_code(16).is_none());
    }

    #[test]
    fn digits_beyond_the_bound_are_dropped() {
        let mut typed = DigitString::default();
        let accepted = (0..40).filter(|_| typed.push(Digit::STAR)).count();
        assert_eq!(accepted, MAX_DIGITS);
        assert_eq!(typed.take().expose().len(), MAX_DIGITS);
        assert!(typed.is_empty());
    }
}
