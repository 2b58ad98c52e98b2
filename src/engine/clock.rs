//! The only place that reads the clock for the machines.

use crate::{access::hours::MinuteOfWeek, store::unix_ms, switch::embedded::Now};
use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock for everybody")]
pub fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: unix_ms() }
}

/// Two readings of both clocks that differ by less tell of a clock that is being slewed, not set.
const STEP_MS: u64 = 2_000;

/// Notices when the wall clock is set while the engine runs.
pub struct Watch(Now);

impl Watch {
    pub fn new(now: Now) -> Self {
        Self(now)
    }

    /// By how many milliseconds it was set since the last look.
    pub fn look(&mut self, now: Now) -> Option<i64> {
        let before = std::mem::replace(&mut self.0, now);
        let passed_ms = i64::try_from((now.instant - before.instant).as_millis()).unwrap_or(i64::MAX);
        let unix_ms = |now: Now| i64::try_from(now.unix_ms).unwrap_or(i64::MAX);
        let by_ms = unix_ms(now).saturating_sub(unix_ms(before)).saturating_sub(passed_ms);
        (by_ms.unsigned_abs() > STEP_MS).then_some(by_ms)
    }
}

/// The local time of the week, by the time zone of the machine.
pub fn minute_of_week() -> MinuteOfWeek {
    let local = jiff::Zoned::now();
    let whole = |number: i8| u8::try_from(number).unwrap_or_default();
    MinuteOfWeek::new(whole(local.weekday().to_monday_zero_offset()), whole(local.hour()), whole(local.minute()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_that_is_set_is_noticed_once_and_one_that_is_slewed_is_not() {
        let start = now();
        let after = |seconds: u64, unix_ms: i64| Now {
            instant: start.instant + Duration::from_secs(seconds),
            unix_ms: start.unix_ms.saturating_add_signed(unix_ms),
        };
        let mut watch = Watch::new(start);
        let seen = [(1, 1_000), (2, 3_500), (3, 93_500), (4, 94_500), (5, -500), (6, 500)]
            .map(|(seconds, unix_ms)| watch.look(after(seconds, unix_ms)));
        assert_eq!(seen, [None, None, Some(89_000), None, Some(-96_000), None]);
    }
}
