//! Moments, as people name them and as they are printed.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use std::str::FromStr;

/// A moment: so long ago, or a date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Ago(SignedDuration),
    At(Timestamp),
}

#[derive(Debug, thiserror::Error)]
#[error("expected a duration like 2h or 7d, a date like 2026-04-01, or a time like 2026-04-01T09:00")]
pub struct NotSince;

impl FromStr for Since {
    type Err = NotSince;

    fn from_str(text: &str) -> Result<Self, NotSince> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Since::At(moment));
        }
        if let Ok(local) = text.parse::<civil::DateTime>() {
            return local.to_zoned(TimeZone::system()).map(|zoned| Since::At(zoned.timestamp())).map_err(|_| NotSince);
        }
        let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
        match days.and_then(|days| days.checked_mul(24)) {
            Some(hours) => SignedDuration::try_from_hours(hours).map(Since::Ago).ok_or(NotSince),
            None => text.parse().map(Since::Ago).map_err(|_| NotSince),
        }
    }
}

impl Since {
    pub fn unix_ms(self, now_ms: u64) -> u64 {
        match self {
            Since::At(moment) => u64::try_from(moment.as_millisecond()).unwrap_or(0),
            Since::Ago(ago) => now_ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(0)),
        }
    }
}

/// Whether the machine knows a time zone of this name.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// RFC 3339, in UTC and to the millisecond.
pub fn utc(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    moment.strftime("%FT%T%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_reads_durations_dates_and_moments() {
        assert_eq!("2h".parse::<Since>().unwrap(), Since::Ago(SignedDuration::from_hours(2)));
        assert_eq!("7d".parse::<Since>().unwrap(), Since::Ago(SignedDuration::from_hours(168)));
        assert_eq!("1970-01-01T00:00:01Z".parse::<Since>().unwrap().unix_ms(0), 1000);
        assert!("2026-04-01".parse::<Since>().is_ok());
        assert!("2026-04-01T09:00".parse::<Since>().is_ok());
        assert!("yesterday".parse::<Since>().is_err());
        assert!("99999999999999999999d".parse::<Since>().is_err());
        assert_eq!(Since::Ago(SignedDuration::from_hours(-1)).unix_ms(5), 5);
    }
}
