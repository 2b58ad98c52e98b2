use std::fmt;

/// How well a leg's streams got through, over the whole leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegQuality {
    /// What the phone sent, as it came here; `None` when nothing came.
    pub here: Option<StreamQuality>,
    /// What was sent to the phone, as its own reports tell (RFC 3550 §6.4); `None` when it told nothing. A relayed stream
    /// keeps its holes: what was lost on the other party's way here counts there too.
    pub there: Option<StreamQuality>,
    /// From here to the phone and back, in microseconds, as the last report let it be reckoned.
    pub round_trip_us: Option<u32>,
}

/// One direction of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamQuality {
    pub packets: u64,
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1), in microseconds: here its mean, there what was reported last.
    pub jitter_us: u32,
    pub mos: Mos,
}

/// An estimated mean opinion score, 1.00 to 4.50, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mos(u16);

impl Mos {
    pub fn from_hundredths(hundredths: u16) -> Self {
        Self(hundredths.clamp(100, 450))
    }

    pub fn hundredths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Mos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
