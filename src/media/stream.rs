//! The RTP stream to one leg: one SSRC, sequence numbers and timestamps that never break, whoever is heard in it.
//!
//! A relayed packet keeps its distance to its neighbours: sequence and timestamp are shifted, not counted anew, so
//! loss, reordering and event timing pass through as they came (RFC 3550 §5.1, RFC 4733 §2.5.1).

use super::rtp::Packet;
use std::time::{Duration, Instant};

/// A pause at least this long moves the timestamp on as the clock did.
const PAUSE: Duration = Duration::from_millis(100);
const FRAMES_PER_SECOND: u32 = 50;
/// RFC 3550 A.1: a packet further behind or ahead than this begins a new sequence.
const MIN_MISORDER: i16 = -100;
const MAX_DROPOUT: i16 = 3000;

/// What stands in the header of a packet that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub marker: bool,
}

pub struct Stream {
    /// Units of the timestamp in a second.
    pub clock_rate: u32,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    sent_at: Option<Instant>,
    relay: Option<Relay>,
    event: Option<Event>,
}

/// How the numbers of the relayed source become ours.
#[derive(Clone, Copy)]
struct Relay {
    ssrc: u32,
    timestamp_shift: u32,
    sequence: Option<Sequence>,
}

#[derive(Clone, Copy)]
struct Sequence {
    shift: u16,
    /// How many of our numbers were given out under this shift: a late packet belongs to one of them or is not sent.
    covered: u16,
}

/// All packets of one event carry one timestamp, even when the stream changes its manner halfway.
#[derive(Clone, Copy)]
struct Event {
    source: u32,
    ours: u32,
}

impl Stream {
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { clock_rate: 8000, ssrc, sequence, timestamp, sent_at: None, relay: None, event: None }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp that audio made now would have (RFC 3550 §6.4.1).
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        let since = self.sent_at.map_or(Duration::ZERO, |sent_at| now.saturating_duration_since(sent_at));
        self.timestamp.wrapping_add((since.as_micros() * u128::from(self.clock_rate) / 1_000_000) as u32)
    }

    /// A frame of our own making, so many units of the clock long.
    pub fn own(&mut self, now: Instant, units: u32) -> Stamp {
        let marker = self.resume(now);
        let stamp = self.stamp(self.sequence, self.timestamp, marker);
        self.sent(now, stamp, units);
        stamp
    }

    /// A packet of the relayed source; `None` when what it carries was already heard.
    pub fn relayed(&mut self, now: Instant, packet: &Packet, units: u32) -> Option<Stamp> {
        if self.was_heard(packet) {
            return None;
        }
        let (sequence, relay) = self.follow(now, packet)?;
        let stamp = self.stamp(sequence, packet.timestamp.wrapping_add(relay.timestamp_shift), packet.marker);
        self.sent(now, stamp, units);
        Some(stamp)
    }

    /// A telephone-event of the relayed source.
    pub fn relayed_event(&mut self, now: Instant, packet: &Packet, units: u32) -> Option<Stamp> {
        let (sequence, relay) = self.follow(now, packet)?;
        let timestamp = self.event_time(packet.timestamp, packet.timestamp.wrapping_add(relay.timestamp_shift));
        let stamp = self.stamp(sequence, timestamp, packet.marker);
        self.sent(now, stamp, units);
        Some(stamp)
    }

    /// A telephone-event among frames of our own making.
    pub fn own_event(&mut self, now: Instant, packet: &Packet) -> Stamp {
        let timestamp = self.event_time(packet.timestamp, self.timestamp);
        let stamp = self.stamp(self.sequence, timestamp, packet.marker);
        self.sent(now, stamp, 0);
        stamp
    }

    /// Where the next frame of our own making goes, and a press that begins now.
    pub fn place(&self) -> u32 {
        self.timestamp
    }

    /// A telephone-event of our own making, of a press that began at `timestamp`.
    pub fn press(&mut self, now: Instant, timestamp: u32, marker: bool) -> Stamp {
        let stamp = self.stamp(self.sequence, timestamp, marker);
        self.sent(now, stamp, 0);
        stamp
    }

    /// A packet of the relayed source is not passed on, and leaves no hole.
    pub fn skip(&mut self, packet: &Packet) {
        if let Some(Relay { ssrc, sequence: Some(sequence), .. }) = &mut self.relay
            && *ssrc == packet.ssrc
            && packet.sequence.wrapping_add(sequence.shift).wrapping_sub(self.sequence) as i16 >= 0
        {
            sequence.shift = sequence.shift.wrapping_sub(1);
        }
    }

    /// Nothing is relayed from now on. Tells up to which of its timestamps the source was heard.
    pub fn end_relay(&mut self) -> Option<(u32, u32)> {
        let relay = self.relay.take()?;
        relay.sequence.map(|_| (relay.ssrc, self.timestamp.wrapping_sub(relay.timestamp_shift)))
    }

    /// The source, heard up to `heard_until` by other means, is relayed from there on.
    pub fn begin_relay(&mut self, ssrc: u32, heard_until: u32) {
        let timestamp_shift = self.timestamp.wrapping_sub(heard_until);
        self.relay = Some(Relay { ssrc, timestamp_shift, sequence: None });
    }

    /// A frame that cannot be sent leaves its place empty, so that the listener covers it.
    pub fn lose(&mut self, units: u32) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(units);
    }

    fn was_heard(&self, packet: &Packet) -> bool {
        self.relay.is_some_and(|relay| {
            let ours = packet.timestamp.wrapping_add(relay.timestamp_shift);
            let behind = self.timestamp.wrapping_sub(ours) as i32;
            relay.ssrc == packet.ssrc && relay.sequence.is_none() && (1..self.clock_rate as i32).contains(&behind)
        })
    }

    fn follow(&mut self, now: Instant, packet: &Packet) -> Option<(u16, Relay)> {
        let relay = match self.relay {
            Some(relay) if relay.ssrc == packet.ssrc => relay,
            Some(_) | None => self.anchor(now, packet),
        };
        let Some(sequence) = relay.sequence else {
            let shift = self.sequence.wrapping_sub(packet.sequence);
            let relay = Relay { sequence: Some(Sequence { shift, covered: 0 }), ..relay };
            self.relay = Some(relay);
            return Some((self.sequence, relay));
        };
        let ours = packet.sequence.wrapping_add(sequence.shift);
        match ours.wrapping_sub(self.sequence) as i16 {
            0..MAX_DROPOUT => Some((ours, relay)),
            late @ MIN_MISORDER..0 => (late.unsigned_abs() <= sequence.covered).then_some((ours, relay)),
            _ => Some((self.sequence, self.anchor(now, packet))),
        }
    }

    fn anchor(&mut self, now: Instant, packet: &Packet) -> Relay {
        self.resume(now);
        let relay = Relay {
            ssrc: packet.ssrc,
            timestamp_shift: self.timestamp.wrapping_sub(packet.timestamp),
            sequence: Some(Sequence { shift: self.sequence.wrapping_sub(packet.sequence), covered: 0 }),
        };
        self.relay = Some(relay);
        relay
    }

    fn event_time(&mut self, source: u32, ours: u32) -> u32 {
        let event = self.event.filter(|event| event.source == source).unwrap_or(Event { source, ours });
        self.event = Some(event);
        event.ours
    }

    /// After a pause the timestamp goes on as the clock did; `true` when a talk spurt begins.
    fn resume(&mut self, now: Instant) -> bool {
        let Some(sent_at) = self.sent_at else { return true };
        let pause = now.saturating_duration_since(sent_at);
        if pause < PAUSE {
            return false;
        }
        let frames = (pause.as_millis() * u128::from(FRAMES_PER_SECOND) / 1000).saturating_sub(1) as u32;
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(self.clock_rate / FRAMES_PER_SECOND));
        true
    }

    fn stamp(&self, sequence: u16, timestamp: u32, marker: bool) -> Stamp {
        Stamp { sequence, timestamp, ssrc: self.ssrc, marker }
    }

    fn sent(&mut self, now: Instant, stamp: Stamp, units: u32) {
        self.sent_at = Some(now);
        let ahead = stamp.sequence.wrapping_sub(self.sequence);
        if (ahead as i16) < 0 {
            return;
        }
        self.sequence = stamp.sequence.wrapping_add(1);
        if let Some(Relay { sequence: Some(sequence), .. }) = &mut self.relay {
            sequence.covered = sequence.covered.saturating_add(ahead.saturating_add(1));
        }
        let end = stamp.timestamp.wrapping_add(units);
        if end.wrapping_sub(self.timestamp) as i32 > 0 {
            self.timestamp = end;
        }
    }
}
