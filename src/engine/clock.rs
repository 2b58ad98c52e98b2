//! The only place that reads the clock for the machines.

use crate::{access::hours::MinuteOfWeek, store::unix_ms, switch::embedded::Now};
use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock for everybody")]
pub fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: unix_ms() }
}

/// The local time of the week, by the time zone of the machine.
pub fn minute_of_week() -> MinuteOfWeek {
    let local = jiff::Zoned::now();
    let whole = |number: i8| u8::try_from(number).unwrap_or_default();
    MinuteOfWeek::new(whole(local.weekday().to_monday_zero_offset()), whole(local.hour()), whole(local.minute()))
}
