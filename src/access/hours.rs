use std::{fmt, str::FromStr};

const MINUTES_PER_DAY: u16 = 24 * 60;
const MAX_ZONE_BYTES: usize = 64;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// More windows than this in one right are refused.
pub const MAX_WINDOWS: usize = 32;

/// A minute of the local week, counted from Monday 00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinuteOfWeek(u16);

impl MinuteOfWeek {
    pub const COUNT: u16 = 7 * MINUTES_PER_DAY;

    /// Day 0 is Monday. Out-of-range numbers wrap around.
    pub const fn new(day: u8, hour: u8, minute: u8) -> Self {
        let minutes = day as u32 * MINUTES_PER_DAY as u32 + hour as u32 * 60 + minute as u32;
        Self((minutes % Self::COUNT as u32) as u16)
    }

    /// The minute that a clock shows which is so far ahead.
    fn ahead(self, minutes: i32) -> Self {
        let week = i32::from(Self::COUNT);
        let shown = (i32::from(self.0) + minutes % week).rem_euclid(week);
        Self(u16::try_from(shown).unwrap_or_default())
    }

    fn day(self) -> usize {
        usize::from(self.0 / MINUTES_PER_DAY)
    }

    fn minute_of_day(self) -> u16 {
        self.0 % MINUTES_PER_DAY
    }
}

/// When a right holds: `Mon-Fri 09:00-18:00`, several windows parted by commas. Without a day it is every day. A time zone may
/// stand at the end, as in `09:00-18:00 Asia/Tokyo`; without one the machine's clock counts.
///
/// A window that ends before it begins runs past midnight and belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    windows: Vec<Window>,
    zone: Option<Zone>,
}

/// A time zone by its name, which only the shell can look up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    name: String,
    /// How far its clocks are ahead of the machine's now; `None`: nobody has said.
    ahead_minutes: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    first_day: u8,
    last_day: u8,
    from: u16,
    /// Exclusive; 24:00 is the end of the day.
    to: u16,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "hours are written like 'Mon-Fri 09:00-18:00, Sat 22:00-06:00', with or without a time zone like 'Asia/Tokyo' behind"
)]
pub struct NotHours;

impl Hours {
    /// `at`: by the machine's clock. Hours of a zone that nobody has looked up hold never.
    pub fn contains(&self, at: MinuteOfWeek) -> bool {
        let at = match &self.zone {
            None => at,
            Some(Zone { ahead_minutes: Some(minutes), .. }) => at.ahead(*minutes),
            Some(Zone { ahead_minutes: None, .. }) => return false,
        };
        self.windows.iter().any(|window| window.contains(at))
    }

    /// The name of the time zone.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_ref().map(|zone| zone.name.as_str())
    }

    /// With how far its zone's clocks are ahead of the machine's.
    pub fn looked_up(mut self, minutes: i32) -> Self {
        if let Some(zone) = &mut self.zone {
            zone.ahead_minutes = Some(minutes);
        }
        self
    }
}

impl Window {
    fn contains(self, at: MinuteOfWeek) -> bool {
        let (today, yesterday, minute) = (at.day(), (at.day() + 6) % 7, at.minute_of_day());
        if self.from < self.to {
            return self.has_day(today) && (self.from..self.to).contains(&minute);
        }
        self.has_day(today) && minute >= self.from || self.has_day(yesterday) && minute < self.to
    }

    /// Days may wrap around the week's end, as in `Fri-Mon`.
    fn has_day(self, day: usize) -> bool {
        let (first, last) = (usize::from(self.first_day), usize::from(self.last_day));
        if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last }
    }
}

impl FromStr for Hours {
    type Err = NotHours;

    fn from_str(text: &str) -> Result<Self, NotHours> {
        let (text, zone) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((windows, name)) if is_zone(name) => {
                (windows, Some(Zone { name: name.to_owned(), ahead_minutes: None }))
            }
            Some(_) | None => (text, None),
        };
        let windows = text.split(',').map(|window| window.trim().parse()).collect::<Result<Vec<Window>, _>>()?;
        if windows.len() > MAX_WINDOWS { Err(NotHours) } else { Ok(Self { windows, zone }) }
    }
}

impl FromStr for Window {
    type Err = NotHours;

    fn from_str(text: &str) -> Result<Self, NotHours> {
        let (days, times) = match text.split_once(char::is_whitespace) {
            Some((days, times)) => (days, times.trim()),
            None => ("Mon-Sun", text),
        };
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (from, to) = times.split_once('-').ok_or(NotHours)?;
        let (from, to) = (time(from)?, time(to)?);
        if from == to || from == MINUTES_PER_DAY {
            return Err(NotHours);
        }
        Ok(Self { first_day: day(first)?, last_day: day(last)?, from, to })
    }
}

/// Looks like a name of the tz database, be there such a zone or not.
fn is_zone(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    (text == "UTC" || text.contains('/')) && text.len() <= MAX_ZONE_BYTES && text.bytes().all(fits)
}

fn day(text: &str) -> Result<u8, NotHours> {
    DAYS.iter().zip(0u8..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, day)| day).ok_or(NotHours)
}

fn time(text: &str) -> Result<u16, NotHours> {
    let (hour, minute) = text.split_once(':').ok_or(NotHours)?;
    let minutes =
        two_digits(hour)? * 60 + two_digits(minute).and_then(|m| if m < 60 { Ok(m) } else { Err(NotHours) })?;
    if minutes <= MINUTES_PER_DAY { Ok(minutes) } else { Err(NotHours) }
}

fn two_digits(text: &str) -> Result<u16, NotHours> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().map_err(|_| NotHours) } else { Err(NotHours) }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, window) in self.windows.iter().enumerate() {
            write!(f, "{}{window}", if index == 0 { "" } else { ", " })?;
        }
        self.zone().map_or(Ok(()), |zone| write!(f, " {zone}"))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| DAYS.get(usize::from(day)).copied().unwrap_or_default();
        write!(f, "{}", name(self.first_day))?;
        if self.first_day != self.last_day {
            write!(f, "-{}", name(self.last_day))?;
        }
        let (from, to) = (self.from, self.to);
        write!(f, " {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MON: u8 = 0;
    const FRI: u8 = 4;
    const SAT: u8 = 5;
    const SUN: u8 = 6;

    fn holds(hours: &str, day: u8, hour: u8, minute: u8) -> bool {
        hours.parse::<Hours>().unwrap().contains(MinuteOfWeek::new(day, hour, minute))
    }

    #[test]
    fn office_hours_begin_on_the_minute_and_end_before_it() {
        let office = "Mon-Fri 09:00-18:00";
        assert!(!holds(office, MON, 8, 59));
        assert!(holds(office, MON, 9, 0));
        assert!(holds(office, FRI, 17, 59));
        assert!(!holds(office, FRI, 18, 0));
        assert!(!holds(office, SAT, 12, 0));
    }

    #[test]
    fn a_night_shift_belongs_to_the_day_on_which_it_begins() {
        let night = "Fri 22:00-06:00";
        assert!(holds(night, FRI, 23, 0));
        assert!(holds(night, SAT, 5, 59));
        assert!(!holds(night, SAT, 6, 0));
        assert!(!holds(night, FRI, 5, 0));
        assert!(holds("Sun 22:00-06:00", MON, 0, 0), "over the week's end too");
    }

    #[test]
    fn days_may_wrap_windows_may_be_several_and_no_day_means_every_day() {
        assert!(holds("Sat-Mon 00:00-24:00", SUN, 23, 59));
        assert!(!holds("Sat-Mon 00:00-24:00", FRI, 23, 59));
        assert!(holds("Mon 09:00-10:00, Sat 10:00-14:00", SAT, 13, 0));
        assert!(holds("12:00-13:00", SUN, 12, 30));
    }

    #[test]
    fn x5_hours_of_a_zone_hold_by_its_clocks() {
        let tokyo: Hours = "Mon-Fri 09:00-18:00, Sat 10:00-12:00 Asia/Tokyo".parse().unwrap();
        assert_eq!(tokyo.zone(), Some("Asia/Tokyo"));
        assert_eq!(tokyo.to_string(), "Mon-Fri 09:00-18:00, Sat 10:00-12:00 Asia/Tokyo");
        let monday_one = MinuteOfWeek::new(MON, 1, 0);
        assert!(!tokyo.contains(monday_one), "nobody has looked the zone up");
        // The machine keeps UTC.
        let tokyo = tokyo.looked_up(9 * 60);
        assert!(tokyo.contains(monday_one) && tokyo.contains(MinuteOfWeek::new(MON, 0, 0)));
        assert!(!tokyo.contains(MinuteOfWeek::new(SUN, 23, 59)) && !tokyo.contains(MinuteOfWeek::new(MON, 9, 0)));
        let hawaii: Hours = "Sun 22:00-23:00 Pacific/Honolulu".parse().unwrap();
        assert!(hawaii.looked_up(-10 * 60).contains(MinuteOfWeek::new(MON, 8, 30)), "over the week's end");
        for text in
            ["Asia/Tokyo", "Mon 09:00-10:00 Asia/Tōkyō", "Mon 09:00-10:00 Asia/Tokyo UTC", "Mon 09:00-10:00 JST"]
        {
            assert_eq!(text.parse::<Hours>(), Err(NotHours), "{text}");
        }
    }

    #[test]
    fn what_is_not_hours_is_refused() {
        for text in ["", "Mon", "Mon 9:00-18:00", "Mon 09:00", "Mom 09:00-10:00", "Mon 09:60-10:00", "Mon 09:00-24:01"]
        {
            assert_eq!(text.parse::<Hours>(), Err(NotHours), "{text}");
        }
        assert_eq!("Mon 09:00-09:00".parse::<Hours>(), Err(NotHours), "empty or a whole day: nobody can tell");
        assert_eq!("Mon 09:00-10:00,".parse::<Hours>(), Err(NotHours));
        let many = vec!["Mon 09:00-10:00"; MAX_WINDOWS + 1].join(",");
        assert_eq!(many.parse::<Hours>(), Err(NotHours));
    }

    proptest! {
        #[test]
        fn any_text_is_hours_or_an_error(text in "\\PC{0,40}") {
            let _ = text.parse::<Hours>();
        }

        #[test]
        fn hours_read_back_as_they_were_written(
            first in 0u8..7, last in 0u8..7, from in 0u16..1440, to in 0u16..=1440,
        ) {
            prop_assume!(from != to);
            let hours = Hours { windows: vec![Window { first_day: first, last_day: last, from, to }], zone: None };
            prop_assert_eq!(hours.to_string().parse::<Hours>(), Ok(hours));
        }

        #[test]
        fn a_window_lasts_as_long_as_it_says(first in 0u8..7, last in 0u8..7, from in 0u16..1440, to in 0u16..=1440) {
            prop_assume!(from != to);
            let hours = Hours { windows: vec![Window { first_day: first, last_day: last, from, to }], zone: None };
            let days = (u16::from(last) + 7 - u16::from(first)) % 7 + 1;
            let length = if from < to { to - from } else { to + MINUTES_PER_DAY - from };
            let held = (0..MinuteOfWeek::COUNT).filter(|minute| hours.contains(MinuteOfWeek(*minute))).count();
            prop_assert_eq!(held, usize::from(days * length));
        }
    }
}
