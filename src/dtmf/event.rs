//! Telephone-events: RFC 4733 §2.3 (the payload), §2.5 (how a press becomes packets).
//!
//! A press is reported at its first packet, whichever that is, and every other packet of it is silent. What belongs to
//! a press is judged leniently, for senders lose markers, start at duration zero, and stamp end packets anew.

use crate::model::Digit;
use std::time::{Duration, Instant};

/// One payload of four bytes (RFC 4733 §2.3). Deliberately without `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub code: u8,
    pub end: bool,
    /// In units of the RTP clock: 8 kHz mostly, 48 kHz from some.
    pub duration: u16,
}

impl Event {
    /// `None` when the payload is too short. Padding, or further events, behind the first one is not looked at.
    pub fn parse(payload: &[u8]) -> Option<Event> {
        let [code, flags, high, low] = *payload.first_chunk::<4>()?;
        Some(Event { code, end: flags & END_BIT != 0, duration: u16::from_be_bytes([high, low]) })
    }
}

/// Turns the packets of one peer into presses.
#[derive(Default)]
pub struct EventReceiver {
    /// The latest presses, newest first: late copies of an older one must stay silent too.
    presses: [Option<Press>; MAX_PRESSES],
}

impl EventReceiver {
    /// The digit of a press not seen before. Codes above 15 (flash, tones, states) are not keys.
    pub fn receive(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8]) -> Option<Digit> {
        let event = Event::parse(payload)?;
        let digit = Digit::from_event_code(event.code)?;
        if let Some(press) = self.press_of(now, timestamp, marker, event) {
            press.extend(now, timestamp, event);
            return None;
        }
        self.presses.rotate_right(1);
        self.presses[0] =
            Some(Press { code: event.code, timestamp, duration: event.duration, ended: event.end, heard_at: now });
        Some(digit)
    }

    fn press_of(&mut self, now: Instant, timestamp: u32, marker: bool, event: Event) -> Option<&mut Press> {
        let known = |press: &Press| press.is_known(now, timestamp, event);
        if let Some(at) = self.presses.iter().position(|press| press.as_ref().is_some_and(known)) {
            return self.presses[at].as_mut();
        }
        self.presses[0].as_mut().filter(|newest| newest.goes_on(now, timestamp, marker, event))
    }
}

#[derive(Clone, Copy)]
struct Press {
    code: u8,
    timestamp: u32,
    duration: u16,
    ended: bool,
    heard_at: Instant,
}

impl Press {
    fn is_known(&self, now: Instant, timestamp: u32, event: Event) -> bool {
        let fresh = now.saturating_duration_since(self.heard_at) <= PRESS_MEMORY;
        fresh && self.code == event.code && self.timestamp == timestamp
    }

    /// Whether a packet under another timestamp still belongs to this press.
    fn goes_on(&self, now: Instant, timestamp: u32, marker: bool, event: Event) -> bool {
        let silence = now.saturating_duration_since(self.heard_at);
        if self.code != event.code || silence > RESTAMPED_WITHIN {
            return false;
        }
        let restamped_end = event.end && event.duration >= self.duration;
        let restamped_update = !self.ended && !marker && event.duration >= self.duration;
        restamped_end || restamped_update || self.next_segment(timestamp, marker)
    }

    /// A press longer than the duration field goes on in a new segment, stamped where the last one ended (§2.5.1.3).
    fn next_segment(&self, timestamp: u32, marker: bool) -> bool {
        let advance = timestamp.wrapping_sub(self.timestamp);
        let full = u32::from(u16::MAX);
        !self.ended
            && !marker
            && self.duration >= SEGMENT_FULL_FROM
            && (u32::from(self.duration)..=full).contains(&advance)
    }

    fn extend(&mut self, now: Instant, timestamp: u32, event: Event) {
        let moved = self.timestamp != timestamp;
        self.duration = if moved { event.duration } else { self.duration.max(event.duration) };
        self.timestamp = timestamp;
        self.ended |= event.end;
        self.heard_at = now;
    }
}

const END_BIT: u8 = 0x80;
const MAX_PRESSES: usize = 4;
/// How long a packet with the timestamp of a press is taken for a late copy of it.
const PRESS_MEMORY: Duration = Duration::from_secs(5);
/// A packet stamped anew belongs to the press before it only this soon: a tone and a pause of 40 ms each take longer.
const RESTAMPED_WITHIN: Duration = Duration::from_millis(75);
/// Within 100 ms (at 48 kHz) of the largest duration, a segment counts as full.
const SEGMENT_FULL_FROM: u16 = u16::MAX - 4800;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::EventSender;
    use proptest::prelude::*;

    /// One packet of a transcript: when it comes, timestamp, marker, code, end, duration.
    type Packet = (u64, u32, bool, u8, bool, u16);

    const M: bool = true;
    const E: bool = true;
    const NO: bool = false;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn heard(transcript: &[Packet]) -> String {
        let start = origin();
        let mut receiver = EventReceiver::default();
        let digits = transcript.iter().filter_map(|&(ms, timestamp, marker, code, end, duration)| {
            let [high, low] = duration.to_be_bytes();
            let payload = [code, if end { END_BIT | 10 } else { 10 }, high, low];
            receiver.receive(start + Duration::from_millis(ms), timestamp, marker, &payload)
        });
        digits.map(Digit::as_char).collect()
    }

    #[test]
    fn a_press_as_the_rfc_has_it_is_one_digit_at_its_first_packet() {
        let start = origin();
        let mut receiver = EventReceiver::default();
        let press = EventSender::new(Digit::HASH, 8000, Duration::from_millis(100));
        let told: Vec<bool> = press
            .zip(0u32..)
            .map(|(packet, n)| {
                let now = start + n * Duration::from_millis(20);
                receiver.receive(now, packet.timestamp, packet.marker, &packet.payload).is_some()
            })
            .collect();
        assert_eq!(told, [true, false, false, false, false, false, false]);
    }

    #[test]
    fn a_missing_marker_is_not_missed() {
        assert_eq!(heard(&[(0, 100, NO, 5, NO, 160), (20, 100, NO, 5, NO, 320), (40, 100, NO, 5, E, 480)]), "5");
    }

    #[test]
    fn a_marker_on_every_packet_is_one_press() {
        assert_eq!(heard(&[(0, 100, M, 5, NO, 160), (20, 100, M, 5, NO, 320), (40, 100, M, 5, E, 480)]), "5");
    }

    #[test]
    fn a_first_packet_of_no_duration_counts_and_counts_once() {
        assert_eq!(heard(&[(0, 100, M, 5, NO, 0), (20, 100, NO, 5, NO, 160), (40, 100, NO, 5, E, 320)]), "5");
    }

    #[test]
    fn end_copies_stamped_anew_do_not_triple_the_digit() {
        let transcript = [
            (0, 1000, M, 5, NO, 160),
            (20, 1000, NO, 5, NO, 320),
            (40, 1480, NO, 5, E, 480),
            (60, 1640, NO, 5, E, 480),
            (80, 1800, NO, 5, E, 480),
            (300, 3400, M, 5, NO, 160),
            (320, 3720, NO, 5, E, 320),
            (320, 3720, NO, 5, E, 320),
        ];
        assert_eq!(heard(&transcript), "55");
    }

    #[test]
    fn updates_stamped_anew_are_one_press() {
        let transcript = [
            (0, 1000, M, 5, NO, 160),
            (20, 1160, NO, 5, NO, 320),
            (40, 1320, NO, 5, NO, 480),
            (60, 1480, NO, 5, E, 640),
        ];
        assert_eq!(heard(&transcript), "5");
    }

    #[test]
    fn the_same_key_pressed_twice_quickly_is_two_digits() {
        let transcript = [
            (0, 1000, M, 5, NO, 160),
            (20, 1000, NO, 5, NO, 320),
            (40, 1000, NO, 5, E, 320),
            (40, 1000, NO, 5, E, 320),
            (80, 1640, M, 5, NO, 160),
            (100, 1640, NO, 5, E, 320),
        ];
        assert_eq!(heard(&transcript), "55");
    }

    #[test]
    fn the_same_key_twice_is_two_digits_though_the_ends_of_the_first_are_lost() {
        let transcript = [
            (0, 1000, M, 5, NO, 160),
            (20, 1000, NO, 5, NO, 320),
            (140, 2120, NO, 5, NO, 160),
            (160, 2120, NO, 5, E, 320),
        ];
        assert_eq!(heard(&transcript), "55");
    }

    #[test]
    fn one_end_packet_is_enough_when_the_start_is_lost() {
        assert_eq!(heard(&[(0, 1000, NO, 1, E, 800), (200, 2600, NO, 2, E, 800), (400, 4200, NO, 2, E, 800)]), "122");
    }

    #[test]
    fn late_and_reordered_packets_of_earlier_presses_are_silent() {
        let transcript = [
            (0, 1000, NO, 1, NO, 320),
            (1, 1000, M, 1, NO, 160),
            (100, 1000, NO, 1, E, 800),
            (200, 2600, M, 2, NO, 160),
            (205, 1000, NO, 1, E, 800),
            (220, 2600, NO, 2, E, 320),
            (221, 2600, NO, 2, NO, 240),
            (300, 3400, M, 1, NO, 160),
            (301, 1000, NO, 1, E, 800),
            (320, 3400, NO, 1, E, 320),
        ];
        assert_eq!(heard(&transcript), "121");
    }

    #[test]
    fn durations_of_a_48_khz_clock_change_nothing() {
        let transcript = [
            (0, 48_000, M, 5, NO, 960),
            (20, 48_000, NO, 5, NO, 1920),
            (40, 48_000, NO, 5, E, 2880),
            (60, 48_000, NO, 5, E, 2880),
            (200, 57_600, M, 5, NO, 960),
            (220, 57_600, NO, 5, E, 1920),
        ];
        assert_eq!(heard(&transcript), "55");
    }

    #[test]
    fn a_key_held_beyond_the_duration_field_goes_on_in_segments() {
        let press = |n: u64| (n * 20, 1000, n == 0, 0, NO, (n as u16 + 1) * 160);
        let next = |n: u64| (8180 + n * 20, 1000 + 65_535, NO, 0, n == 3, (n as u16 + 1) * 160);
        let transcript: Vec<Packet> = (0..409).map(press).chain((0..4).map(next)).collect();
        assert_eq!(heard(&transcript), "0");
    }

    #[test]
    fn what_is_no_key_is_ignored_and_disturbs_nothing() {
        let transcript = [
            (0, 1000, M, 5, NO, 160),
            (10, 1000, NO, 16, NO, 160),
            (20, 1000, NO, 255, E, 0),
            (40, 1000, NO, 5, E, 480),
        ];
        assert_eq!(heard(&transcript), "5");
    }

    #[test]
    fn timestamps_wrap() {
        let transcript =
            [(0, u32::MAX - 80, M, 5, NO, 160), (20, u32::MAX - 80, NO, 5, E, 320), (200, 1520, M, 5, NO, 160)];
        assert_eq!(heard(&transcript), "55");
    }

    #[test]
    fn a_short_payload_is_nothing_and_padding_behind_is_not_looked_at() {
        assert!(Event::parse(&[5, 10, 0]).is_none());
        assert!(Event::parse(&[5, 0x8a, 1, 0, 9, 9, 9]).is_some_and(|event| event.end && event.duration == 256));
    }

    proptest! {
        #[test]
        fn no_packets_make_it_panic(packets: Vec<(u16, u32, bool, Vec<u8>)>) {
            let start = origin();
            let mut receiver = EventReceiver::default();
            for (ms, timestamp, marker, payload) in packets {
                let _ = receiver.receive(start + Duration::from_millis(ms.into()), timestamp, marker, &payload);
            }
        }

        #[test]
        fn any_loss_that_leaves_one_packet_of_each_press_costs_no_digit(kept in proptest::collection::vec(1u8..128, 1..12)) {
            let start = origin();
            let mut receiver = EventReceiver::default();
            let mut told = 0;
            for (press, kept) in (0u32..).zip(&kept) {
                let packets = EventSender::new(Digit::STAR, press * 1600, Duration::from_millis(100));
                for (n, packet) in (0u32..).zip(packets).filter(|(n, _)| kept & 1 << n != 0) {
                    let now = start + Duration::from_millis((press * 200 + n * 20).into());
                    told += usize::from(receiver.receive(now, packet.timestamp, packet.marker, &packet.payload).is_some());
                }
            }
            prop_assert_eq!(told, kept.len());
        }
    }
}
