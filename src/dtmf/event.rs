//! Telephone-events: RFC 4733 §2.3 (the payload), §2.5 (how a press becomes packets).
//!
//! A press is reported at its first packet, whichever that is, and every other packet of it is silent. Nothing that a
//! sender may do by the RFC is taken for a fault; beside that, a press is judged leniently, for senders lose markers,
//! start at duration zero, and stamp end packets anew. Times are compared with times and durations with durations: the
//! clock may be of 8, 16 or 48 kHz, and some senders count the two by different ones.

use crate::model::Digit;
use std::time::{Duration, Instant};

/// One event of a payload (RFC 4733 §2.3). Deliberately without `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub code: u8,
    pub end: bool,
    /// In units of the RTP clock: 8 kHz mostly, 48 kHz from some.
    pub duration: u16,
}

impl Event {
    /// The first event; `None` when the payload is too short.
    pub fn parse(payload: &[u8]) -> Option<Event> {
        let [code, flags, high, low] = *payload.first_chunk::<4>()?;
        Some(Event { code, end: flags & END_BIT != 0, duration: u16::from_be_bytes([high, low]) })
    }

    /// All events, each with the time from the packet's timestamp to its beginning: a further one begins where the one
    /// before it has ended (§2.5.1.5). Behind an event that has not ended, or of no duration, stands padding.
    fn parse_all(payload: &[u8]) -> impl Iterator<Item = (u32, Event)> {
        let mut begin = 0;
        let mut goes_on = true;
        payload.chunks_exact(4).take(MAX_EVENTS).enumerate().map_while(move |(nth, one)| {
            let event = Event::parse(one).filter(|event| goes_on && (nth == 0 || event.duration > 0))?;
            let found = (begin, event);
            begin += u32::from(event.duration);
            goes_on = event.end;
            Some(found)
        })
    }
}

/// A packet of the telephone-event payload type. Deliberately without `Debug`.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
}

/// Turns the packets of one peer into presses.
#[derive(Default)]
pub struct EventReceiver {
    /// The latest presses, the one heard last first: late copies of an older one must stay silent too.
    presses: [Option<Press>; MAX_PRESSES],
}

impl EventReceiver {
    /// The digits of the presses not seen before. Codes above 15 (flash, tones, states) are not keys.
    pub fn receive(&mut self, now: Instant, packet: &Arrival) -> Vec<Digit> {
        let reports = Event::parse_all(packet.payload).enumerate();
        reports.filter_map(|(nth, (begin, event))| self.report(now, &Report::new(packet, nth, begin, event))).collect()
    }

    fn report(&mut self, now: Instant, report: &Report) -> Option<Digit> {
        let digit = Digit::from_event_code(report.event.code)?;
        let owns = |press: &Option<Press>| press.as_ref().is_some_and(|press| press.owns(now, report));
        let known = self.presses.iter().position(owns);
        self.presses[..=known.unwrap_or(MAX_PRESSES - 1)].rotate_right(1);
        match (known, &mut self.presses[0]) {
            (Some(_), Some(press)) => {
                press.extend(now, report);
                None
            }
            (_, place) => {
                *place = Some(Press::new(now, report));
                Some(digit)
            }
        }
    }
}

/// What a packet says of one event.
struct Report {
    event: Event,
    /// The time at which the event began.
    timestamp: u32,
    sequence: u16,
    marker: bool,
    /// A further event of a packet: it is told apart from those before it.
    further: bool,
}

impl Report {
    fn new(packet: &Arrival, nth: usize, begin: u32, event: Event) -> Self {
        Self {
            event,
            timestamp: packet.timestamp.wrapping_add(begin),
            sequence: packet.sequence,
            marker: packet.marker,
            further: nth > 0,
        }
    }
}

#[derive(Clone, Copy)]
struct Press {
    code: u8,
    began: u32,
    /// The newest timestamp of the press: that of its beginning, unless it went on in segments or was stamped anew.
    timestamp: u32,
    /// The newest packet.
    sequence: u16,
    /// Under the newest timestamp.
    duration: u16,
    ended: bool,
    heard_at: Instant,
}

impl Press {
    fn new(now: Instant, report: &Report) -> Self {
        Self {
            code: report.event.code,
            began: report.timestamp,
            timestamp: report.timestamp,
            sequence: report.sequence,
            duration: report.event.duration,
            ended: report.event.end,
            heard_at: now,
        }
    }

    fn owns(&self, now: Instant, report: &Report) -> bool {
        let silence = now.saturating_duration_since(self.heard_at);
        if self.code != report.event.code || silence > PRESS_MEMORY {
            return false;
        }
        if self.is_known(report) {
            return !self.stands_still(report);
        }
        !report.marker
            && !report.further
            && (self.next_segment(silence, report) || silence <= RESTAMPED_WITHIN && self.restamped(report))
    }

    fn is_known(&self, report: &Report) -> bool {
        report.timestamp.wrapping_sub(self.began) <= self.timestamp.wrapping_sub(self.began)
    }

    /// A beginning after the end, though no time has passed: a sender whose timestamp stands still while it sends events.
    fn stands_still(&self, report: &Report) -> bool {
        self.ended && report.marker && !report.event.end && self.advance(report) > 0
    }

    /// A press stamped anew. No sender that obeys the RFC does either: a press begins with a marker, which follows the last
    /// packet of the one before it, and it begins after that one has ended.
    fn restamped(&self, report: &Report) -> bool {
        let passed = report.timestamp.wrapping_sub(self.timestamp);
        let directly_behind = self.advance(report) == 1 && report.event.duration >= self.duration;
        passed <= FULL && directly_behind || passed < u32::from(self.duration)
    }

    /// A press longer than the duration field goes on in a new segment without a marker, stamped where the full one before
    /// it ended, which had no end bit (§2.5.1.3). Some stamp it a little off, but by less than any pause between two presses.
    fn next_segment(&self, silence: Duration, report: &Report) -> bool {
        let passed = report.timestamp.wrapping_sub(self.timestamp);
        let ended = u32::from(self.duration);
        let nearly = self.duration >= SEGMENT_FULL_FROM && passed <= FULL && (ended..ended + PAUSE).contains(&passed);
        let exactly = passed <= MAX_SEGMENTS * FULL && passed.is_multiple_of(FULL);
        !self.ended && (exactly || silence <= RESTAMPED_WITHIN && nearly)
    }

    fn advance(&self, report: &Report) -> i16 {
        report.sequence.wrapping_sub(self.sequence) as i16
    }

    fn extend(&mut self, now: Instant, report: &Report) {
        let Event { end, duration, .. } = report.event;
        if !self.is_known(report) {
            (self.timestamp, self.duration) = (report.timestamp, duration);
        } else if report.timestamp == self.timestamp {
            self.duration = self.duration.max(duration);
        }
        if self.advance(report) > 0 {
            self.sequence = report.sequence;
        }
        self.ended |= end;
        self.heard_at = now;
    }
}

const END_BIT: u8 = 0x80;
/// Events read from one packet; nobody presses more keys in the time that one may cover.
const MAX_EVENTS: usize = 4;
const MAX_PRESSES: usize = 8;
/// How long a press is remembered: of one that is held, segments of 8.2 s may be lost, and copies come late.
const PRESS_MEMORY: Duration = Duration::from_secs(30);
/// A packet stamped anew belongs to the press before it only this soon: a tone and a pause of 40 ms each take longer.
const RESTAMPED_WITHIN: Duration = Duration::from_millis(75);
/// The longest duration that a segment can say.
const FULL: u32 = u16::MAX as u32;
/// As many as fit into the memory of a press, at 48 kHz.
const MAX_SEGMENTS: u32 = 22;
/// The shortest pause between two presses, 40 ms, by the slowest clock.
const PAUSE: u32 = 320;
/// Within 100 ms (at 48 kHz) of the largest duration, a segment counts as full.
const SEGMENT_FULL_FROM: u16 = u16::MAX - 4800;

#[cfg(test)]
mod tests;
