//! The fused stream: telephone-events, SIP INFO and in-band tones of one leg, each press once.

use super::{EventReceiver, InBand};
use crate::model::Digit;
use std::time::{Duration, Instant};

/// One per leg that is listened to.
#[derive(Default)]
pub struct Receiver {
    events: EventReceiver,
    in_band: InBand,
    /// Set by the first telephone-event: from then on, tones in the audio are the echo of events, or not for us.
    sends_events: bool,
    told: [Option<Told>; MAX_TOLD],
}

impl Receiver {
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet of the negotiated telephone-event payload type (RFC 4733 §2.5).
    pub fn rtp_event(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8]) -> Option<Digit> {
        let digit = self.events.receive(now, timestamp, marker, payload);
        self.sends_events |= super::Event::parse(payload).is_some();
        self.tell(now, digit?, Way::Event)
    }

    /// Audio at 8 kHz, in pieces of any length; two digits take longer than 60 ms, and of several in one piece the
    /// last is told.
    pub fn audio(&mut self, now: Instant, samples: &[i16]) -> Option<Digit> {
        if self.sends_events {
            return None;
        }
        let digit = self.in_band.hear(samples)?;
        self.tell(now, digit, Way::InBand)
    }

    /// A digit that came by SIP INFO.
    pub fn info(&mut self, now: Instant, digit: Digit) -> Option<Digit> {
        self.tell(now, digit, Way::Info)
    }

    /// Tells a digit unless it is one already told that now arrives by another way too.
    fn tell(&mut self, now: Instant, digit: Digit, way: Way) -> Option<Digit> {
        let twin = self.told.iter_mut().flatten().rev().find(|told| told.awaits(now, digit, way));
        if let Some(told) = twin {
            told.ways |= way as u8;
            return None;
        }
        self.told.rotate_right(1);
        self.told[0] = Some(Told { digit, at: now, ways: way as u8 });
        Some(digit)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Event = 1,
    Info = 2,
    InBand = 4,
}

/// A digit that was told, and the ways by which it has come.
#[derive(Clone, Copy)]
struct Told {
    digit: Digit,
    at: Instant,
    ways: u8,
}

impl Told {
    fn awaits(&self, now: Instant, digit: Digit, way: Way) -> bool {
        let fresh = now.saturating_duration_since(self.at) <= SAME_PRESS_WITHIN;
        fresh && self.digit == digit && self.ways & way as u8 == 0
    }
}

/// A digit that comes by a second way this soon is the same press. An INFO may lag by one retransmission (500 ms).
const SAME_PRESS_WITHIN: Duration = Duration::from_millis(800);
/// More presses than fingers make in that time.
const MAX_TOLD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{EventSender, tone};
    use proptest::prelude::*;

    /// One leg, its clock, and what it was told.
    struct Leg {
        receiver: Receiver,
        start: Instant,
        heard: String,
    }

    impl Leg {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        fn new() -> Self {
            Self { receiver: Receiver::new(), start: Instant::now(), heard: String::new() }
        }

        /// A press of 100 ms as telephone-events, from `ms` on.
        fn event(&mut self, ms: u64, key: char) {
            for (n, packet) in (0u64..).zip(EventSender::new(digit(key), ms as u32 * 8, Duration::from_millis(100))) {
                let now = self.at(ms + n * 20);
                let told = self.receiver.rtp_event(now, packet.timestamp, packet.marker, &packet.payload);
                self.heard.extend(told.map(Digit::as_char));
            }
        }

        /// A tone of this length from `ms` on, and 60 ms of silence.
        fn tone(&mut self, ms: u64, key: char, length_ms: u64) {
            let mut audio = tone::key_press(digit(key), -10.0, Duration::from_millis(length_ms), 8000);
            audio.extend([0; 480]);
            for (n, samples) in (0u64..).zip(audio.chunks(160)) {
                let told = self.receiver.audio(self.at(ms + n * 20), samples);
                self.heard.extend(told.map(Digit::as_char));
            }
        }

        fn info(&mut self, ms: u64, key: char) {
            let told = self.receiver.info(self.at(ms), digit(key));
            self.heard.extend(told.map(Digit::as_char));
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }
    }

    fn digit(key: char) -> Digit {
        Digit::try_from(key).unwrap()
    }

    #[test]
    fn a_peer_that_only_sends_tones_is_heard() {
        let mut leg = Leg::new();
        "0070".chars().zip(0..).for_each(|(key, n)| leg.tone(n * 200, key, 80));
        assert_eq!(leg.heard, "0070");
    }

    #[test]
    fn once_an_event_came_tones_are_not_listened_to() {
        let mut leg = Leg::new();
        leg.event(0, '1');
        leg.tone(5000, '2', 100);
        leg.event(6000, '3');
        assert_eq!(leg.heard, "13");
    }

    #[test]
    fn an_event_of_no_key_too_shows_that_the_peer_sends_events() {
        let mut leg = Leg::new();
        assert!(leg.receiver.rtp_event(leg.at(0), 1, true, &[16, 10, 0, 160]).is_none());
        leg.tone(100, '2', 100);
        assert_eq!(leg.heard, "");
    }

    #[test]
    fn a_tone_that_leads_into_its_event_is_one_digit() {
        let mut leg = Leg::new();
        leg.tone(0, '5', 60);
        leg.event(60, '5');
        leg.event(400, '5');
        assert_eq!(leg.heard, "55");
    }

    #[test]
    fn events_and_info_together_are_one_stream_whichever_comes_first() {
        let mut leg = Leg::new();
        for (n, key) in (0..).zip("1223".chars()) {
            leg.event(n * 300, key);
            leg.info(n * 300 + 110, key);
        }
        leg.info(2000, '4');
        leg.event(2050, '4');
        assert_eq!(leg.heard, "12234");
    }

    #[test]
    fn info_that_lags_behind_two_presses_doubles_neither() {
        let mut leg = Leg::new();
        leg.event(0, '5');
        leg.event(200, '5');
        leg.info(350, '5');
        leg.info(550, '5');
        leg.event(900, '5');
        assert_eq!(leg.heard, "555");
    }

    #[test]
    fn a_digit_by_all_three_ways_is_one() {
        let mut leg = Leg::new();
        leg.tone(0, '8', 60);
        leg.info(70, '8');
        leg.event(80, '8');
        assert_eq!(leg.heard, "8");
    }

    #[test]
    fn the_same_digit_by_the_same_way_counts_each_time() {
        let mut leg = Leg::new();
        leg.info(0, '7');
        leg.info(100, '7');
        assert_eq!(leg.heard, "77");
    }

    #[test]
    fn a_second_way_beyond_the_window_is_a_press_of_its_own() {
        let mut leg = Leg::new();
        leg.event(0, '6');
        leg.info(801, '6');
        assert_eq!(leg.heard, "66");
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(steps: Vec<(u16, u8, u32, Vec<u8>, Vec<i16>)>) {
            let mut leg = Leg::new();
            for (ms, code, timestamp, payload, samples) in steps {
                let now = leg.at(ms.into());
                let _ = leg.receiver.audio(now, &samples);
                let _ = Digit::from_event_code(code).and_then(|digit| leg.receiver.info(now, digit));
                let _ = leg.receiver.rtp_event(now, timestamp, code > 127, &payload);
            }
        }
    }
}
