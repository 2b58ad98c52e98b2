//! Who may do what: the sign-in rule, the lockout rule, rights and the exact target.
//!
//! In come facts (values gathered by the shell from the store and the switch) and a moment; out come verdicts.
//! Absent: the store, the clock, password hashing. Every function is total, so that `explain` can narrate the same ones.

pub mod hours;
pub mod lockout;
pub mod order;
pub mod password;
pub mod right;
pub mod screen;
pub mod sign_in;
pub mod target;

use crate::model::Refusal;

/// One question that was asked, in the order in which it was asked, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was asked, as a stable word.
    pub name: &'static str,
    pub verdict: Result<(), Refusal>,
}

impl Check {
    /// Whether it was there to be judged.
    pub fn of<T>(name: &'static str, judged: &Result<T, Refusal>) -> Self {
        Self { name, verdict: judged.as_ref().map(|_| ()).map_err(|refusal| *refusal) }
    }

    fn refuse_if(name: &'static str, refused: bool, refusal: Refusal) -> Self {
        Self { name, verdict: if refused { Err(refusal) } else { Ok(()) } }
    }
}

/// The first refusal among `checks`, if any.
pub fn first_refusal(checks: &[Check]) -> Result<(), Refusal> {
    checks.iter().try_for_each(|check| check.verdict)
}
