//! The sign-in rule (D10, E1): what the look-up, the lockout and the password together mean.

use super::{Check, first_refusal, lockout};
use crate::model::{AccountId, Refusal};

/// What the one password verification of an attempt said, and after it the one-time codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    Right,
    Wrong,
    /// Not the password, but a code that is good once (X6).
    OneTime,
    /// A code that was used, or too old.
    Spent,
    /// No place was free to verify it in time.
    Unverified,
}

/// What the look-up of a dial-operation ID found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nobody,
    /// The ID stands, without a password.
    Unset(AccountId),
    Set(AccountId),
}

impl Found {
    pub fn account(self) -> Option<AccountId> {
        match self {
            Found::Nobody => None,
            Found::Unset(account) | Found::Set(account) => Some(account),
        }
    }
}

pub fn judge(found: Found, lock: lockout::Verdict, password: Password) -> Result<AccountId, Refusal> {
    first_refusal(&checks(found, lock, password))?;
    found.account().ok_or(Refusal::UnknownDialId)
}

/// The same, every question in its order.
pub fn checks(found: Found, lock: lockout::Verdict, password: Password) -> [Check; 6] {
    let locked = lock != lockout::Verdict::Open;
    [
        Check::refuse_if("dial-id", found == Found::Nobody, Refusal::UnknownDialId),
        Check::refuse_if("password-set", matches!(found, Found::Unset(_)), Refusal::PasswordUnset),
        Check::refuse_if("lockout", locked, Refusal::LockedOut),
        Check::refuse_if("verified-in-time", password == Password::Unverified, Refusal::Busy),
        Check::refuse_if("one-time-code", password == Password::Spent, Refusal::CodeSpent),
        Check::refuse_if("password", !matches!(password, Password::Right | Password::OneTime), Refusal::WrongPassword),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockout::Verdict::{Locked, Open};
    use ulid::Ulid;

    #[test]
    fn only_a_set_open_and_right_password_or_a_good_code_signs_in() {
        let account = AccountId::from(Ulid::from(7));
        let locked = Locked { until_ms: 1 };
        let mut let_in = 0;
        for found in [Found::Nobody, Found::Unset(account), Found::Set(account)] {
            for lock in [Open, locked] {
                for password in
                    [Password::Right, Password::OneTime, Password::Wrong, Password::Spent, Password::Unverified]
                {
                    let_in += u32::from(judge(found, lock, password).is_ok());
                }
            }
        }
        assert_eq!(let_in, 2, "the password, or a code that is good");
        assert_eq!(judge(Found::Set(account), Open, Password::Right), Ok(account));
        assert_eq!(judge(Found::Set(account), Open, Password::Spent), Err(Refusal::CodeSpent));
        assert_eq!(judge(Found::Set(account), locked, Password::OneTime), Err(Refusal::LockedOut));
        assert_eq!(judge(Found::Set(account), locked, Password::Right), Err(Refusal::LockedOut));
        assert_eq!(judge(Found::Nobody, Open, Password::Right), Err(Refusal::UnknownDialId));
        assert_eq!(judge(Found::Set(account), Open, Password::Unverified), Err(Refusal::Busy));
    }
}
