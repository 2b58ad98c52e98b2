//! The fused stream: telephone-events, SIP INFO and in-band tones of one leg, each press once, in the order of typing.

use super::{Arrival, Carrier, Event, EventReceiver, InBand, Key, order::Order};
use crate::model::Digit;
use std::time::{Duration, Instant};

/// One per leg that is listened to, for as long as its call lasts.
#[derive(Default)]
pub struct Receiver {
    events: EventReceiver,
    /// Exists from the first audio on: most legs are never listened to for tones.
    in_band: Option<Box<InBand>>,
    /// Until when a key that is held counts as held, should nothing more come.
    held_until: Option<Instant>,
    /// Set by the first telephone-event: from then on, tones in the audio are the echo of events, or not for us.
    sends_events: bool,
    /// The code of an event that is being sent, though its key has come by another carrier.
    spare_event: Option<u8>,
    told: [Option<Told>; MAX_TOLD],
    order: Order,
}

impl Receiver {
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet of another payload type than that of events; its audio may follow.
    pub fn packet(&mut self, sequence: u16) {
        self.order.arrive(sequence);
    }

    /// A packet of the negotiated telephone-event payload type (RFC 4733 §2.5). Whether it says anything that had not come
    /// by another carrier.
    pub fn event(&mut self, now: Instant, packet: &Arrival) -> bool {
        self.order.arrive(packet.sequence);
        let Some(Event { code, end, .. }) = Event::parse(packet.payload) else { return false };
        self.sends_events = true;
        self.held_until = (!end).then_some(now + SILENCE);
        for digit in self.events.receive(now, packet) {
            let new = self.is_new(now, digit, Carrier::Event);
            self.spare_event = (!new).then_some(digit.event_code());
            if new {
                self.order.put(now, packet.sequence, digit);
            }
        }
        self.spare_event != Some(code)
    }

    /// Whether keys may still come as tones.
    pub fn takes_tones(&self) -> bool {
        !self.sends_events
    }

    /// Audio at 8 kHz, in pieces of any length; two digits take longer than 60 ms, and of several in one piece the
    /// last is told.
    pub fn audio(&mut self, now: Instant, samples: &[i16]) {
        if self.sends_events {
            return;
        }
        let in_band = self.in_band.get_or_insert_default();
        let digit = in_band.hear(samples);
        self.held_until = in_band.is_held().then_some(now + SILENCE);
        if let Some(digit) = digit {
            self.hear(now, digit, Carrier::InBand);
        }
    }

    /// So many samples of the audio did not come.
    pub fn lost(&mut self, samples: usize) {
        if let Some(in_band) = &mut self.in_band {
            in_band.lost(samples);
        }
    }

    /// Whether a key is held, as far as events and tones tell.
    pub fn is_pressed(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    /// A digit that came by SIP INFO.
    pub fn info(&mut self, now: Instant, digit: Digit) {
        self.hear(now, digit, Carrier::Info);
    }

    /// The next key. To be asked after every packet, and every 20 ms: one whose turn may not have come waits up to 60 ms.
    pub fn poll(&mut self, now: Instant) -> Option<Key> {
        self.order.poll(now)
    }

    fn hear(&mut self, now: Instant, digit: Digit, carrier: Carrier) {
        if self.is_new(now, digit, carrier) {
            self.order.put_now(now, Key { digit, carrier });
        }
    }

    /// Whether it is not a digit already heard that now arrives by another carrier too.
    fn is_new(&mut self, now: Instant, digit: Digit, carrier: Carrier) -> bool {
        let twin = self.told.iter_mut().flatten().rev().find(|told| told.awaits(now, digit, carrier));
        if let Some(told) = twin {
            told.carriers |= carrier as u8;
            return false;
        }
        self.told.rotate_right(1);
        self.told[0] = Some(Told { digit, at: now, carriers: carrier as u8 });
        true
    }
}

impl Carrier {
    /// How far behind its twin a digit may come by this carrier.
    fn lag(self) -> Duration {
        match self {
            Carrier::Event | Carrier::InBand => SAME_PRESS_WITHIN,
            Carrier::Info => SAME_PRESS_WITHIN + INFO_RETRANSMISSION,
        }
    }
}

/// A digit that was told, and the carriers by which it has come.
#[derive(Clone, Copy)]
struct Told {
    digit: Digit,
    at: Instant,
    carriers: u8,
}

impl Told {
    fn awaits(&self, now: Instant, digit: Digit, carrier: Carrier) -> bool {
        let fresh = now.saturating_duration_since(self.at) <= carrier.lag();
        fresh && self.digit == digit && self.carriers & carrier as u8 == 0
    }
}

/// A digit that comes by a second carrier this soon is the same press; no finger presses a key twice so quickly by two.
const SAME_PRESS_WITHIN: Duration = Duration::from_millis(250);
/// An INFO that the network lost comes again after T1 (RFC 3261 §17.1.2.2): what it brings is that much older.
const INFO_RETRANSMISSION: Duration = Duration::from_millis(500);
/// Who sends nothing for so long holds no key any more.
const SILENCE: Duration = Duration::from_millis(100);
/// More presses than fingers make in that time.
const MAX_TOLD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{EventSender, tone};
    use proptest::prelude::*;

    /// What one leg does, and when: milliseconds from the beginning, and the key.
    #[derive(Clone, Copy)]
    enum Does {
        /// A press of 100 ms as telephone-events.
        Event(u64, char),
        Info(u64, char),
        /// A tone of so many milliseconds, with silence behind it.
        Tone(u64, char, u64),
    }
    use Does::{Event, Info, Tone};

    /// One leg, its clock, and what was heard of it.
    struct Leg {
        receiver: Receiver,
        start: Instant,
        sequence: u16,
        heard: String,
    }

    impl Leg {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        fn new() -> Self {
            Self { receiver: Receiver::new(), start: Instant::now(), sequence: 0, heard: String::new() }
        }

        fn does(&mut self, what: Does) {
            match what {
                Event(ms, key) => self.event(ms, key),
                Info(ms, key) => {
                    self.receiver.info(self.at(ms), digit(key));
                    self.listen(ms);
                }
                Tone(ms, key, length_ms) => self.tone(ms, key, length_ms),
            }
        }

        fn event(&mut self, ms: u64, key: char) {
            for (n, packet) in (0u64..).zip(EventSender::new(digit(key), ms as u32 * 8, Duration::from_millis(100))) {
                let sequence = self.next();
                let (timestamp, marker, payload) = (packet.timestamp, packet.marker, &packet.payload);
                self.receiver.event(self.at(ms + n * 20), &Arrival { sequence, timestamp, marker, payload });
                self.listen(ms + n * 20);
            }
        }

        fn tone(&mut self, ms: u64, key: char, length_ms: u64) {
            let mut audio = tone::key_press(digit(key), -10.0, Duration::from_millis(length_ms), 8000);
            audio.extend([0; 480]);
            for (n, samples) in (0u64..).zip(audio.chunks(160)) {
                let sequence = self.next();
                self.receiver.packet(sequence);
                self.receiver.audio(self.at(ms + n * 20), samples);
                self.listen(ms + n * 20);
            }
        }

        fn listen(&mut self, ms: u64) {
            while let Some(key) = self.receiver.poll(self.at(ms)) {
                self.heard.push(key.digit.as_char());
            }
        }

        fn next(&mut self) -> u16 {
            self.sequence = self.sequence.wrapping_add(1);
            self.sequence
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }
    }

    fn digit(key: char) -> Digit {
        Digit::try_from(key).unwrap()
    }

    #[test]
    fn a_press_counts_once_however_it_comes_and_every_press_counts() {
        let table: &[(&str, &[Does], &str)] = &[
            ("only tones", &[Tone(0, '0', 80), Tone(200, '0', 80), Tone(400, '7', 80)], "007"),
            ("only INFO", &[Info(0, '7'), Info(900, '8')], "78"),
            ("the same key twice, quickly, by INFO", &[Info(0, '7'), Info(100, '7')], "77"),
            ("the same key twice, quickly, by events", &[Event(0, '7'), Event(180, '7')], "77"),
            ("the same key twice, quickly, by tones", &[Tone(0, '7', 50), Tone(110, '7', 50)], "77"),
            ("tones after an event", &[Event(0, '1'), Tone(5000, '2', 100), Event(6000, '3')], "13"),
            ("a tone that leads into its event", &[Tone(0, '5', 60), Event(60, '5'), Event(400, '5')], "55"),
            ("a tone beside its event", &[Event(0, '5'), Tone(10, '5', 100), Event(400, '5')], "55"),
            ("an event, then its INFO", &[Event(0, '1'), Info(110, '1'), Event(300, '2'), Info(410, '2')], "12"),
            ("an INFO, then its event", &[Info(0, '4'), Event(50, '4')], "4"),
            ("an INFO, then its tone", &[Info(0, '4'), Tone(50, '4', 100)], "4"),
            ("a tone, INFO and event", &[Tone(0, '8', 60), Info(70, '8'), Event(80, '8')], "8"),
            ("an event 250 ms after the INFO", &[Info(0, '6'), Event(250, '6')], "6"),
            ("an event 251 ms after the INFO", &[Info(0, '6'), Event(251, '6')], "66"),
            ("a tone heard 240 ms after the INFO", &[Info(0, '6'), Tone(220, '6', 100)], "6"),
            ("a tone heard 260 ms after the INFO", &[Info(0, '6'), Tone(240, '6', 100)], "66"),
            ("an INFO that was sent again, 750 ms after its event", &[Event(0, '6'), Info(750, '6')], "6"),
            ("an INFO 751 ms after the event", &[Event(0, '6'), Info(751, '6')], "66"),
            (
                "INFOs that lag behind two presses",
                &[Event(0, '5'), Event(200, '5'), Info(350, '5'), Info(550, '5'), Event(900, '5')],
                "555",
            ),
            ("another key by another carrier", &[Event(0, '1'), Info(130, '2')], "12"),
        ];
        for (name, does, keys) in table {
            let mut leg = Leg::new();
            leg.sequence = 20;
            (0..=20).for_each(|sequence| leg.receiver.packet(sequence));
            does.iter().for_each(|what| leg.does(*what));
            assert_eq!(leg.heard, *keys, "{name}");
        }
    }

    #[test]
    fn an_event_of_no_key_too_shows_that_the_peer_sends_events() {
        let mut leg = Leg::new();
        let flash = Arrival { sequence: 0, timestamp: 1, marker: true, payload: &[16, 10, 0, 160] };
        leg.receiver.event(leg.at(0), &flash);
        leg.tone(100, '2', 100);
        assert_eq!(leg.heard, "");
    }

    #[test]
    fn an_event_that_overtook_another_is_told_after_it() {
        let mut leg = Leg::new();
        (0..20).for_each(|sequence| leg.receiver.packet(sequence));
        let packet = |sequence, timestamp, payload| Arrival { sequence, timestamp, marker: false, payload };
        leg.receiver.event(leg.at(0), &packet(21, 1600, &[2, 10, 0, 160]));
        leg.listen(0);
        leg.receiver.event(leg.at(10), &packet(20, 800, &[1, 138, 1, 64]));
        leg.listen(10);
        assert_eq!(leg.heard, "12");
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(steps: Vec<(u16, u8, u16, u32, Vec<u8>, Vec<i16>)>) {
            let mut leg = Leg::new();
            for (ms, code, sequence, timestamp, payload, samples) in steps {
                let now = leg.at(ms.into());
                leg.receiver.packet(sequence);
                leg.receiver.audio(now, &samples);
                if let Some(digit) = Digit::from_event_code(code) {
                    leg.receiver.info(now, digit);
                }
                leg.receiver.event(now, &Arrival { sequence, timestamp, marker: code > 127, payload: &payload });
                leg.listen(ms.into());
            }
        }
    }
}
