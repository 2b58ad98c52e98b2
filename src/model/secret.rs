use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Text that must never be seen: a password, keypad digits during sign-in, a short dial.
///
/// It has no `Debug`, `Display` or `Serialize`, and its memory is wiped when it goes (row X14).
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one who hashes, compares or sends it. Never for a message to a person.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares without telling by its duration where two texts of one length differ.
    pub fn matches(&self, other: &Secret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digit, Password, ShortDial};

    /// Does not compile for a type that anything can print: of two ways to name `is_silent` there is one alone.
    macro_rules! silent {
        ($($secret:ty),+) => {$({
            trait Silent<Way> {
                fn is_silent() {}
            }
            struct Printed;
            struct Shown;
            struct Serialized;
            impl<T: ?Sized> Silent<()> for T {}
            impl<T: ?Sized + std::fmt::Debug> Silent<Printed> for T {}
            impl<T: ?Sized + std::fmt::Display> Silent<Shown> for T {}
            impl<T: ?Sized + serde::Serialize> Silent<Serialized> for T {}
            <$secret as Silent<_>>::is_silent();
        })+};
    }

    #[test]
    fn x14_no_panic_and_no_log_can_print_what_is_secret() {
        silent!(Secret, Password, Digit, ShortDial);
    }

    #[test]
    fn two_secrets_match_only_when_equal() {
        assert!(Secret::new("1234").matches(&Secret::new("1234")));
        assert!(!Secret::new("1234").matches(&Secret::new("1235")));
        assert!(!Secret::new("1234").matches(&Secret::new("123")));
    }
}
