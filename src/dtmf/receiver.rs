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
