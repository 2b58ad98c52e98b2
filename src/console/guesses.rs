//! Guessing at passwords of the web pages: one budget of failures for a login and where it is guessed from, judged by the
//! lockout rule that the keypad has. Pure; it lasts as long as the engine runs.

use crate::{
    access::{
        lockout::{Budget, POLICY, Verdict},
        sign_in::{self, Found, Password},
    },
    model::{AccountId, Refusal, Source},
};
use std::{collections::BTreeMap, net::IpAddr};

/// The most budgets that are remembered; beyond, all newcomers share one.
const MAX_BUDGETS: usize = 10_000;

#[derive(Default)]
pub struct Guesses(BTreeMap<Guesser, Budget>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Guesser {
    At { login: String, source: Source },
    Others,
}

impl Guesses {
    /// What a look-up and a verified password come to, when so many guesses went before. A login that there is not is
    /// treated as one that there is: a lock tells nothing.
    pub fn judge(
        &mut self,
        (login, from): (&str, IpAddr),
        found: Found,
        password: Password,
        now_ms: u64,
    ) -> Result<AccountId, Refusal> {
        let guesser = self.guesser(login, from);
        let budget = self.0.get(&guesser).copied().unwrap_or_default();
        let verdict = sign_in::judge(found, POLICY.judge(&budget, now_ms), password);
        match verdict {
            Ok(_) => {
                self.0.remove(&guesser);
            }
            Err(Refusal::WrongPassword | Refusal::UnknownDialId) => {
                self.0.insert(guesser, POLICY.after_failure(&budget, now_ms));
            }
            Err(_) => {}
        }
        verdict
    }

    /// The logins that are locked at that time, from where, and until when.
    pub fn locked(&self, now_ms: u64) -> Vec<(String, String, u64)> {
        let locked = self.0.iter().filter_map(|(guesser, budget)| match (guesser, POLICY.judge(budget, now_ms)) {
            (Guesser::At { login, source }, Verdict::Locked { until_ms }) => {
                Some((login.clone(), source.to_string(), until_ms))
            }
            (Guesser::At { .. } | Guesser::Others, Verdict::Locked { .. } | Verdict::Open) => None,
        });
        locked.collect()
    }

    /// Opens every lock of that login.
    pub fn forget(&mut self, login: &str) {
        self.0.retain(|guesser, _| !matches!(guesser, Guesser::At { login: of, .. } if of == login));
    }

    fn guesser(&self, login: &str, from: IpAddr) -> Guesser {
        let at = Guesser::At { login: login.to_owned(), source: from.into() };
        if self.0.len() < MAX_BUDGETS || self.0.contains_key(&at) { at } else { Guesser::Others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    const START: u64 = 1_700_000_000_000;

    #[test]
    fn the_right_password_does_not_open_a_lock_and_another_place_is_not_locked() {
        let (mut guesses, account) = (Guesses::default(), AccountId::from(Ulid::from(7)));
        let found = Found::Set(account);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..5 {
            assert_eq!(guesses.judge(("boss", here), found, Password::Wrong, START), Err(Refusal::WrongPassword));
        }
        assert_eq!(guesses.judge(("boss", here), found, Password::Right, START), Err(Refusal::LockedOut));
        assert_eq!(guesses.judge(("boss", there), found, Password::Right, START), Ok(account));
    }

    #[test]
    fn neighbours_of_one_ipv6_network_share_a_budget() {
        let (mut guesses, found) = (Guesses::default(), Found::Set(AccountId::from(Ulid::from(7))));
        for last in 1..=5 {
            let from = format!("2001:db8::{last}").parse().unwrap();
            assert_eq!(guesses.judge(("boss", from), found, Password::Wrong, START), Err(Refusal::WrongPassword));
        }
        let sixth = ("boss", "2001:db8::6".parse().unwrap());
        assert_eq!(guesses.judge(sixth, found, Password::Right, START), Err(Refusal::LockedOut));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut guesses, from) = (Guesses::default(), "192.0.2.1".parse().unwrap());
        for number in 0..MAX_BUDGETS + 100 {
            let _ = guesses.judge((&number.to_string(), from), Found::Nobody, Password::Wrong, START);
        }
        assert_eq!(guesses.0.len(), MAX_BUDGETS + 1);
    }
}
