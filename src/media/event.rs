//! Telephone-events on their way from one leg to another, whose clock may differ (RFC 4733 §2.3).

/// The payload of a telephone-event (RFC 4733 §2.3): code, flags, and for how long it has lasted.
pub(super) struct EventPayload(pub [u8; 4]);

impl EventPayload {
    pub fn read(payload: &[u8]) -> Option<Self> {
        payload.first_chunk().copied().map(Self)
    }

    fn duration(&self) -> u32 {
        u16::from_be_bytes([self.0[2], self.0[3]]).into()
    }

    /// The same on another clock; a duration that does not fit is the longest that does.
    pub fn on_clock(mut self, from: u32, to: u32) -> Self {
        if from != to {
            let duration = u64::from(self.duration()) * u64::from(to) / u64::from(from.max(1));
            let duration = u16::try_from(duration).unwrap_or(u16::MAX);
            [self.0[2], self.0[3]] = duration.to_be_bytes();
        }
        self
    }

    /// Its duration in units of the stream, whose clock may be another.
    pub fn units(&self, clock: u32, stream_clock: u32) -> u32 {
        (u64::from(self.duration()) * u64::from(stream_clock) / u64::from(clock.max(1))) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_lasts_as_long_on_another_clock() {
        let event = EventPayload::read(&[5, 0x8a, 0x03, 0x20, 9]).unwrap();
        assert_eq!(event.units(8000, 48_000), 4800);
        let event = event.on_clock(8000, 48_000);
        assert_eq!((event.0, event.units(48_000, 48_000)), ([5, 0x8a, 0x12, 0xc0], 4800));
        assert_eq!(event.on_clock(48_000, 8000).0, [5, 0x8a, 0x03, 0x20]);
        let long = EventPayload([5, 10, 0xff, 0xff]).on_clock(8000, 48_000);
        assert_eq!(long.0, [5, 10, 0xff, 0xff], "the longest that can be said");
        assert!(EventPayload::read(&[5, 10, 0]).is_none());
    }
}
