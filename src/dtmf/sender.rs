//! One key press as telephone-events: RFC 4733 §2.5.1.

use crate::model::Digit;
use std::time::Duration;

/// What one RTP packet of a press carries. Deliberately without `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    pub payload: [u8; 4],
    pub marker: bool,
    pub timestamp: u32,
}

/// The packets of one press, one to be sent every 20 ms: first with the marker, all with one timestamp, the duration
/// growing, the end said three times.
pub struct EventSender {
    digit: Digit,
    timestamp: u32,
    units_per_packet: u16,
    frames: u16,
    sent: u16,
}

impl EventSender {
    /// A press that begins at `timestamp` of an 8 kHz clock; its length is rounded up to whole packets of 20 ms, and
    /// kept between two of them and the longest that the duration field can say (8.18 s).
    pub fn new(digit: Digit, timestamp: u32, duration: Duration) -> Self {
        let frames = duration.as_millis().div_ceil(PACKET_MS).clamp(MIN_FRAMES, MAX_FRAMES);
        Self { digit, timestamp, units_per_packet: UNITS_PER_PACKET, frames: frames as u16, sent: 0 }
    }

    /// The same press on a clock of so many units a second, like 48 kHz; the longest is then that much shorter.
    pub fn on_clock(mut self, clock_rate: u32) -> Self {
        self.units_per_packet = u16::try_from(clock_rate / PACKETS_PER_SECOND).unwrap_or(u16::MAX).max(1);
        self.frames = self.frames.min(u16::MAX / self.units_per_packet);
        self
    }
}

impl Iterator for EventSender {
    type Item = EventPacket;

    fn next(&mut self) -> Option<EventPacket> {
        if self.sent + 1 >= self.frames + END_COPIES {
            return None;
        }
        self.sent += 1;
        let end = if self.sent >= self.frames { END_BIT } else { 0 };
        let [high, low] = (self.sent.min(self.frames) * self.units_per_packet).to_be_bytes();
        let payload = [self.digit.event_code(), end | VOLUME, high, low];
        Some(EventPacket { payload, marker: self.sent == 1, timestamp: self.timestamp })
    }
}

const PACKET_MS: u128 = 20;
const UNITS_PER_PACKET: u16 = 160;
const PACKETS_PER_SECOND: u32 = 50;
const MIN_FRAMES: u128 = 2;
const MAX_FRAMES: u128 = 409;
const END_COPIES: u16 = 3;
const END_BIT: u8 = 0x80;
/// −10 dBm0, as most phones say.
const VOLUME: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_of_100_ms_is_four_growing_packets_and_three_ends() {
        let packets: Vec<_> = EventSender::new(Digit::HASH, 7, Duration::from_millis(100)).collect();
        let durations: Vec<_> =
            packets.iter().map(|packet| u16::from_be_bytes([packet.payload[2], packet.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<_> = packets.iter().map(|packet| packet.payload[1] & END_BIT != 0).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(packets.iter().all(|packet| packet.timestamp == 7 && packet.payload[0] == 11));
        assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
    }

    #[test]
    fn the_length_stays_within_what_the_field_can_say() {
        assert_eq!(EventSender::new(Digit::STAR, 0, Duration::ZERO).count(), 4);
        let last = EventSender::new(Digit::STAR, 0, Duration::from_secs(3600)).last().unwrap();
        assert_eq!(u16::from_be_bytes([last.payload[2], last.payload[3]]), 65_440);
        let press = EventSender::new(Digit::STAR, 0, Duration::from_secs(3600)).on_clock(48_000);
        let last = press.last().unwrap();
        assert_eq!(u16::from_be_bytes([last.payload[2], last.payload[3]]), 65_280);
    }
}
