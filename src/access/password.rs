//! Which dial-operation passwords are too easy to guess (X2). In: the digits that somebody wants; out: the rule they break.

/// Fewer digits than this are found by trying.
pub const MIN_DIGITS: usize = 6;

/// A password of so few different digits has too few brothers.
const MIN_DIFFERENT_DIGITS: usize = 3;

/// Why a password is refused. The text never repeats the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    #[error("must have at least {MIN_DIGITS} digits")]
    TooShort,
    #[error("must not be the dial-operation ID, nor contain it, nor be a part of it")]
    LikeTheId,
    #[error("must not count up or down, like 123456 or 97531")]
    Sequence,
    #[error("must not repeat a group of digits, like 121212 or 123123")]
    Repetition,
    #[error("must have at least {MIN_DIFFERENT_DIGITS} different digits")]
    FewDigits,
}

/// `digits` are ASCII digits; anything else is judged alike and refused elsewhere.
pub fn judge(digits: &str, dial_id: &str) -> Result<(), Weakness> {
    let bytes = digits.as_bytes();
    let like_the_id = !dial_id.is_empty() && (digits.contains(dial_id) || dial_id.contains(digits));
    let rules = [
        (bytes.len() < MIN_DIGITS, Weakness::TooShort),
        (like_the_id && dial_id.len() * 2 >= bytes.len(), Weakness::LikeTheId),
        (counts(bytes), Weakness::Sequence),
        (repeats(bytes), Weakness::Repetition),
        (different(bytes) < MIN_DIFFERENT_DIGITS, Weakness::FewDigits),
    ];
    rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, weakness)| Err(weakness))
}

/// Each digit is as far from the last, 0 coming after 9.
fn counts(digits: &[u8]) -> bool {
    let step = |(digit, next): (&u8, &u8)| (10 + next % 16).wrapping_sub(digit % 16) % 10;
    let mut steps = digits.iter().zip(digits.iter().skip(1)).map(step);
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

/// A beginning of at most half the length, again and again up to the end.
fn repeats(digits: &[u8]) -> bool {
    (1..=digits.len() / 2)
        .any(|length| digits.iter().zip(digits.iter().skip(length)).all(|(digit, next)| digit == next))
}

fn different(digits: &[u8]) -> usize {
    digits.iter().collect::<std::collections::BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_rule_is_named() {
        for (weakness, passwords) in [
            (Weakness::TooShort, ["", "24680", "80264"].as_slice()),
            (Weakness::LikeTheId, &["700142", "427001"]),
            (Weakness::Sequence, &["123456", "654321", "890123", "135791", "222222", "0123456789"]),
            (Weakness::Repetition, &["121212", "123123", "80268026", "1231231"]),
            (Weakness::FewDigits, &["112122", "77757555"]),
        ] {
            for password in passwords {
                assert_eq!(judge(password, "7001"), Err(weakness), "{password}");
            }
        }
    }

    #[test]
    fn what_follows_no_rule_is_a_password() {
        for password in ["271828", "80264719", "918273", "100203"] {
            assert_eq!(judge(password, "7001"), Ok(()), "{password}");
        }
        assert_eq!(judge("700142", ""), Ok(()));
        assert_eq!(judge("271828", "7"), Ok(()), "an ID of one digit is in many passwords");
    }

    #[test]
    fn few_passwords_are_lost() {
        let weak = (0..1_000_000u32).filter(|digits| judge(&format!("{digits:06}"), "").is_err()).count();
        assert_eq!(weak, 3600, "of a million of six digits");
    }

    proptest! {
        #[test]
        fn every_text_has_a_verdict(text in "\\PC{0,40}", dial_id in "[0-9]{0,32}") {
            let _ = judge(&text, &dial_id);
        }
    }
}
