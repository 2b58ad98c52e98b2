//! The lockout rule. One budget of failures stands for one source at one dial-operation ID.

const MINUTE_MS: u64 = 60_000;

/// How many failures within what time lock a budget, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub failures: usize,
    pub window_ms: u64,
    pub lock_ms: u64,
}

/// 5 failures in 15 min: 15 min.
pub const BASIC: Policy = Policy { failures: 5, window_ms: 15 * MINUTE_MS, lock_ms: 15 * MINUTE_MS };

/// What is remembered of a source's failures at an ID. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Oldest first; only those that can still count.
    pub failed_at_ms: Vec<u64>,
    pub locked_until_ms: Option<u64>,
    /// How many locks this budget has seen since its last success.
    pub level: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Open,
    Locked { until_ms: u64 },
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
            return budget.clone();
        }
        let counts = |at_ms: &u64| *at_ms > now_ms.saturating_sub(self.window_ms);
        let mut failed_at_ms: Vec<u64> = budget.failed_at_ms.iter().copied().filter(counts).collect();
        failed_at_ms.push(now_ms);
        if failed_at_ms.len() < self.failures {
            return Budget { failed_at_ms, locked_until_ms: None, level: budget.level };
        }
        let locked_until_ms = Some(now_ms.saturating_add(self.lock_ms));
        Budget { failed_at_ms: Vec::new(), locked_until_ms, level: budget.level.saturating_add(1) }
    }

    /// The budget after a right password: as new, unless it was locked, which a right password does not open.
    pub fn after_success(&self, budget: &Budget, now_ms: u64) -> Budget {
        match self.judge(budget, now_ms) {
            Verdict::Locked { .. } => budget.clone(),
            Verdict::Open => Budget::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: u64 = 1_700_000_000_000;

    fn failing_at(minutes: &[u64]) -> Budget {
        minutes
            .iter()
            .fold(Budget::default(), |budget, minute| BASIC.after_failure(&budget, START + minute * MINUTE_MS))
    }

    #[test]
    fn the_fifth_failure_in_fifteen_minutes_locks_for_fifteen_minutes() {
        assert_eq!(BASIC.judge(&failing_at(&[0, 1, 2, 3]), START + 3 * MINUTE_MS), Verdict::Open);
        let budget = failing_at(&[0, 1, 2, 3, 14]);
        let until_ms = START + 29 * MINUTE_MS;
        assert_eq!(BASIC.judge(&budget, START + 14 * MINUTE_MS), Verdict::Locked { until_ms });
        assert_eq!(BASIC.judge(&budget, until_ms - 1), Verdict::Locked { until_ms });
        assert_eq!(BASIC.judge(&budget, until_ms), Verdict::Open);
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let budget = failing_at(&[0, 1, 2, 3, 15]);
        assert_eq!(BASIC.judge(&budget, START + 15 * MINUTE_MS), Verdict::Open);
    }

    #[test]
    fn attempts_while_locked_do_not_extend_the_lock() {
        assert_eq!(failing_at(&[0, 0, 0, 0, 0, 5, 10, 14]), failing_at(&[0, 0, 0, 0, 0]));
    }

    #[test]
    fn a_right_password_clears_an_open_budget_and_leaves_a_locked_one() {
        assert_eq!(BASIC.after_success(&failing_at(&[0, 1]), START), Budget::default());
        let locked = failing_at(&[0, 0, 0, 0, 0]);
        assert_eq!(BASIC.after_success(&locked, START + MINUTE_MS), locked);
    }

    proptest! {
        #[test]
        fn no_fifteen_minutes_admit_more_than_five_failures(steps in prop::collection::vec(0..10 * MINUTE_MS, 1..200)) {
            let (mut budget, mut now_ms, mut admitted) = (Budget::default(), START, Vec::new());
            for step in steps {
                now_ms += step;
                if BASIC.judge(&budget, now_ms) == Verdict::Open {
                    admitted.push(now_ms);
                }
                budget = BASIC.after_failure(&budget, now_ms);
                prop_assert!(budget.failed_at_ms.len() < BASIC.failures);
            }
            for six in admitted.windows(6) {
                prop_assert!(six[5] - six[0] >= BASIC.window_ms);
            }
        }

        #[test]
        fn every_value_has_a_verdict(times in prop::collection::vec(any::<u64>(), 0..9), until in any::<Option<u64>>(),
                                     level in any::<u32>(), now_ms in any::<u64>()) {
            let budget = Budget { failed_at_ms: times, locked_until_ms: until, level };
            let _ = BASIC.after_success(&BASIC.after_failure(&budget, now_ms), now_ms);
        }
    }
}
