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
