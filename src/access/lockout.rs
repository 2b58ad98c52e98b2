//! The lockout rule (X2): how often a dial-operation password may be guessed at.
//!
//! A source that has signed in with an ID is *known* there and has a budget of its own; all other sources share one. So a
//! stranger shuts nobody out of their own phone, and a hundred phones guess no faster than one.
//!
//! Failures are not forgotten with a success, or whoever sits at somebody's phone between two sign-ins could guess for ever:
//! they fade, one a fortnight, and right passwords forgive them, one a day. `docs/security.md` has the arithmetic.

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// So many sources are known at an ID: those that signed in last. Who was pushed out is a stranger until the next sign-in.
pub const MAX_KNOWN: usize = 4;

/// The source whose budget all strangers share. No phone has this name.
pub const STRANGERS: &str = "";

/// How fast failures lock, and how slowly they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many failures lock for the first time; each further one locks for twice as long.
    pub failures: u32,
    pub first_lock_ms: u64,
    pub longest_lock_ms: u64,
    /// One failure is forgotten each time this has passed.
    pub fades_after_ms: u64,
    /// Right passwords may forgive one failure for each time this has passed.
    pub forgives_after_ms: u64,
    /// As many of these are saved up at most.
    pub most_forgiven: u32,
}

pub const POLICY: Policy = Policy {
    failures: 5,
    first_lock_ms: 15 * MINUTE_MS,
    longest_lock_ms: 7 * DAY_MS,
    fades_after_ms: 14 * DAY_MS,
    forgives_after_ms: DAY_MS,
    most_forgiven: 4,
};

/// What is remembered of failures, of one known source or of all strangers. Times are Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub failures: u32,
    /// The time before the next failure is forgotten runs from here.
    pub fades_from_ms: u64,
    pub locked_until_ms: Option<u64>,
}

/// What right passwords may still forgive, whichever budget they are judged by: one for each dial-operation ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grace {
    /// It grows from here, in Unix milliseconds. Zero: there is as much as can be.
    pub since_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Open,
    Locked { until_ms: u64 },
}

/// Whose budget an attempt from `source` is judged by. `known` are the sources that have signed in, latest first.
pub fn holder<'a>(source: &'a str, known: &[String]) -> &'a str {
    if known.iter().take(MAX_KNOWN).any(|known| known == source) { source } else { STRANGERS }
}

impl Policy {
    pub fn judge(&self, budget: &Budget, now_ms: u64) -> Verdict {
        match budget.locked_until_ms {
            Some(until_ms) if now_ms < until_ms => Verdict::Locked { until_ms },
            Some(_) | None => Verdict::Open,
        }
    }

    /// The budget after a wrong password. An attempt while locked changes nothing, so it cannot extend the lock.
    pub fn after_failure(&self, budget: &Budget, now_ms: u64) -> Budget {
        if let Verdict::Locked { .. } = self.judge(budget, now_ms) {
            return *budget;
        }
        let faded = self.faded(budget, now_ms);
        let fades_from_ms = if faded.failures == 0 { now_ms } else { faded.fades_from_ms };
        let failures = faded.failures.saturating_add(1);
        let locked_until_ms = self.lock_ms(failures).map(|lock_ms| now_ms.saturating_add(lock_ms));
        Budget { failures, fades_from_ms, locked_until_ms }
    }

    /// Budget and grace after a right password, which opens no lock and forgives as much as there is grace.
    pub fn after_success(&self, budget: &Budget, grace: Grace, now_ms: u64) -> (Budget, Grace) {
        if let Verdict::Locked { .. } = self.judge(budget, now_ms) {
            return (*budget, grace);
        }
        let faded = self.faded(budget, now_ms);
        let forgiven = faded.failures.min(self.forgivable(grace, now_ms));
        let oldest_ms = now_ms.saturating_sub(self.forgives_after_ms.saturating_mul(u64::from(self.most_forgiven)));
        let spent_ms = self.forgives_after_ms.saturating_mul(u64::from(forgiven));
        let since_ms = grace.since_ms.max(oldest_ms).saturating_add(spent_ms);
        let budget = Budget { failures: faded.failures - forgiven, locked_until_ms: None, ..faded };
        (budget, if forgiven == 0 { grace } else { Grace { since_ms } })
    }

    /// How many failures a right password would forgive now.
    pub fn forgivable(&self, grace: Grace, now_ms: u64) -> u32 {
        let saved = now_ms.saturating_sub(grace.since_ms) / self.forgives_after_ms.max(1);
        u32::try_from(saved).unwrap_or(u32::MAX).min(self.most_forgiven)
    }

    /// More failures than this lock no longer: the longest lock is reached.
    pub fn failures_to_longest_lock(&self) -> u32 {
        (self.failures..).find(|failures| self.lock_ms(*failures) == Some(self.longest_lock_ms)).unwrap_or(u32::MAX)
    }

    fn faded(&self, budget: &Budget, now_ms: u64) -> Budget {
        let fades_after_ms = self.fades_after_ms.max(1);
        let steps = now_ms.saturating_sub(budget.fades_from_ms) / fades_after_ms;
        let gone = u32::try_from(steps).unwrap_or(u32::MAX).min(budget.failures);
        let fades_from_ms = budget.fades_from_ms.saturating_add(steps * fades_after_ms);
        Budget { failures: budget.failures - gone, fades_from_ms, ..*budget }
    }

    /// How long the so-manieth failure locks.
    fn lock_ms(&self, failures: u32) -> Option<u64> {
        let doublings = failures.checked_sub(self.failures)?;
        let lock_ms = 1u64.checked_shl(doublings).map_or(u64::MAX, |factor| self.first_lock_ms.saturating_mul(factor));
        Some(lock_ms.min(self.longest_lock_ms))
    }
}

#[cfg(test)]
mod tests;
