//! One leg: what was negotiated, where its packets come from, and how its own stream is made.

use super::{
    Event, LegParams,
    codec::{self, Frame, SILENT_FRAME},
    jitter::Ring,
    plane::{Out, Token},
    player::Player,
    rtp::{MAX_PACKET_BYTES, Packet},
    stream::{Stamp, Stream},
};
use crate::{
    dtmf,
    model::{Digit, LegId},
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Packets of one leg beyond this many in 20 ms are dropped unread.
pub const MAX_PACKETS_PER_FRAME: u32 = 64;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// How many ticks a listener waits for the mix to reach what it last heard relayed.
const HANDOVER_TICKS: u8 = 8;

/// Counted since the leg was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegStatistics {
    pub received: u64,
    pub sent: u64,
    /// Not RTP, from a stranger, of an unknown payload type, during hold, or too many.
    pub dropped: u64,
}

pub(super) struct Leg {
    pub id: LegId,
    pub params: Option<LegParams>,
    pub stream: Stream,
    pub feed: Feed,
    /// Whom this leg may hear, by its row of the matrix.
    pub hears: Vec<LegId>,
    /// Who gets this leg's packets as they come.
    pub relayed_to: Vec<Token>,
    /// How many listeners mix this leg; its ear exists while there is one.
    pub mixers: usize,
    pub ear: Option<Box<Ear>>,
    pub player: Option<Player>,
    pub digits: Option<Box<dtmf::Receiver>>,
    /// Its digits are told.
    listens: bool,
    pub statistics: LegStatistics,
    destination: Option<Destination>,
    flood: Option<Flood>,
}

/// How the stream to a leg is made.
pub(super) enum Feed {
    /// Nothing may be sent.
    Off,
    /// Packet by packet from the only source.
    Relay(Token),
    /// At every tick, from none, one or more sources and the player.
    Mix(Mixing),
}

pub(super) struct Mixing {
    pub sources: Vec<Token>,
    pub handover: Option<Handover>,
}

/// From relay to mix: the mix begins where the relay ended.
#[derive(Clone, Copy)]
pub(super) struct Handover {
    pub source: Token,
    ssrc: u32,
    heard_until: u32,
    ticks_left: u8,
}

/// What is heard of a source, frame by frame.
pub(super) struct Ear {
    pub ring: Ring,
    pub frame: Frame,
    /// The timestamp of the present frame; `None` while silent.
    pub at: Option<u32>,
}

#[derive(Clone, Copy)]
struct Destination {
    to: SocketAddr,
    /// A packet has shown where the peer really is.
    settled: bool,
}

#[derive(Clone, Copy)]
struct Flood {
    since: Instant,
    packets: u32,
}

pub(super) enum Admitted<'a> {
    Audio(Packet<'a>),
    TelephoneEvent(Packet<'a>),
}

impl Leg {
    pub fn new(id: LegId, stream: Stream) -> Self {
        Self {
            id,
            params: None,
            stream,
            feed: Feed::Off,
            hears: Vec::new(),
            relayed_to: Vec::new(),
            mixers: 0,
            ear: None,
            player: None,
            digits: None,
            listens: false,
            statistics: LegStatistics::default(),
            destination: None,
            flood: None,
        }
    }

    pub fn configure(&mut self, params: LegParams) {
        let unchanged = self.params.is_some_and(|before| before.remote == params.remote);
        let to = self.destination.filter(|_| unchanged).map_or(params.remote, |destination| destination.to);
        self.destination = Some(Destination { to, settled: false });
        self.params = Some(params);
    }

    /// The receiver stays when nobody listens any more: how a peer sends its digits holds for the whole call.
    pub fn listen(&mut self, on: bool) {
        self.listens = on;
        if on {
            self.digits.get_or_insert_default();
        }
    }

    /// The packet, when it is one of this leg's peer and we listen to it.
    pub fn admit<'a>(&mut self, now: Instant, from: SocketAddr, bytes: &'a [u8]) -> Option<Admitted<'a>> {
        let admitted = self.judge(now, from, bytes);
        match admitted {
            Some(_) => self.statistics.received += 1,
            None => self.statistics.dropped += 1,
        }
        admitted
    }

    /// Takes what came: into the ear when somebody mixes this leg, and to the digit receiver when it listens.
    pub fn hear_audio(&mut self, now: Instant, packet: &Packet, out: &mut impl Out) {
        let Some(params) = self.params else { return };
        if let Some(receiver) = &mut self.digits {
            receiver.packet(packet.sequence);
        }
        if self.ear.is_none() && !self.listens {
            return;
        }
        let mut samples = [0; MAX_PACKET_BYTES];
        let samples = codec::decode(params.codec, packet.payload, &mut samples);
        if let Some(ear) = &mut self.ear {
            ear.ring.put(now, packet.ssrc, packet.timestamp, samples);
        }
        if let Some(receiver) = self.digits.as_mut().filter(|_| self.listens) {
            receiver.audio(now, samples);
        }
        self.tell_digits(now, out);
    }

    pub fn hear_event(&mut self, now: Instant, packet: &Packet, out: &mut impl Out) {
        let Packet { sequence, timestamp, marker, payload, .. } = *packet;
        if let Some(receiver) = &mut self.digits {
            receiver.event(now, &dtmf::Arrival { sequence, timestamp, marker, payload });
        }
        self.tell_digits(now, out);
    }

    pub fn hear_info(&mut self, now: Instant, digit: Digit, out: &mut impl Out) {
        if let Some(receiver) = &mut self.digits {
            receiver.info(now, digit);
        }
        self.tell_digits(now, out);
    }

    pub fn tell_digits(&mut self, now: Instant, out: &mut impl Out) {
        while let Some(digit) = self.digits.as_mut().and_then(|receiver| receiver.poll(now)) {
            if self.listens {
                out.event(Event::Digit { leg: self.id, digit });
            }
        }
    }

    pub fn relay_audio(&mut self, now: Instant, token: Token, packet: &Packet, out: &mut impl Out) {
        let Some(params) = self.params else { return };
        if let Some(stamp) = self.stream.relayed(now, packet, packet.payload.len() as u32) {
            self.send(token, params.codec.payload_type(), stamp, packet.payload, out);
        }
    }

    /// Passes on a telephone-event of `source`, as the stream is made now.
    pub fn relay_event(&mut self, now: Instant, token: Token, source: Token, packet: &Packet, out: &mut impl Out) {
        let Some(params) = self.params else { return };
        let relayed = match &self.feed {
            Feed::Off => return,
            Feed::Relay(other) if *other != source => return,
            Feed::Relay(_) => true,
            Feed::Mix(_) => false,
        };
        let Some(payload_type) = params.event_payload_type else {
            self.stream.skip(packet);
            return;
        };
        let stamp = match relayed {
            true => self.stream.relayed_event(now, packet, event_samples(packet.payload)),
            false => Some(self.stream.own_event(now, packet)),
        };
        if let Some(stamp) = stamp {
            self.send(token, payload_type, stamp, packet.payload, out);
        }
    }

    /// A frame of our own making, already encoded.
    pub fn send_own(&mut self, now: Instant, token: Token, payload: &[u8], out: &mut impl Out) {
        let Some(params) = self.params else { return };
        let stamp = self.stream.own(now, payload.len());
        self.send(token, params.codec.payload_type(), stamp, payload, out);
    }

    fn send(&mut self, token: Token, payload_type: u8, stamp: Stamp, payload: &[u8], out: &mut impl Out) {
        let Some(destination) = self.destination else { return };
        let Stamp { sequence, timestamp, ssrc, marker } = stamp;
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc, payload };
        let mut buffer = [0; MAX_PACKET_BYTES];
        if let Some(bytes) = packet.write(&mut buffer) {
            self.statistics.sent += 1;
            out.send(token, destination.to, bytes);
        }
    }

    fn judge<'a>(&mut self, now: Instant, from: SocketAddr, bytes: &'a [u8]) -> Option<Admitted<'a>> {
        if self.is_flooded(now) {
            return None;
        }
        let params = self.params.filter(|params| params.receive)?;
        let packet = Packet::read(bytes)?;
        let admitted = if packet.payload_type == params.codec.payload_type() {
            Admitted::Audio(packet)
        } else if Some(packet.payload_type) == params.event_payload_type {
            Admitted::TelephoneEvent(packet)
        } else {
            return None;
        };
        self.latch(from).then_some(admitted)
    }

    /// Symmetric RTP: the first packet shows where the peer is; whoever comes later from elsewhere is a stranger. So is
    /// who comes from an address that neither SDP nor signalling named: else the quickest sender would get the audio.
    fn latch(&mut self, from: SocketAddr) -> bool {
        let (Some(destination), Some(params)) = (&mut self.destination, &self.params) else { return false };
        if !destination.settled {
            if from.ip() != params.remote.ip() && from.ip() != params.signalled {
                return false;
            }
            *destination = Destination { to: from, settled: true };
        }
        destination.to.ip() == from.ip() && destination.to.port() == from.port()
    }

    fn is_flooded(&mut self, now: Instant) -> bool {
        let flood = match &mut self.flood {
            Some(flood) if now.saturating_duration_since(flood.since) < FRAME_TIME => flood,
            other => other.insert(Flood { since: now, packets: 0 }),
        };
        flood.packets += 1;
        flood.packets > MAX_PACKETS_PER_FRAME
    }
}

impl Handover {
    pub fn new(source: Token, (ssrc, heard_until): (u32, u32)) -> Self {
        Self { source, ssrc, heard_until, ticks_left: HANDOVER_TICKS }
    }

    /// Up to where the listener has heard this source: its SSRC, and its timestamp.
    pub fn heard(&self) -> (u32, u32) {
        (self.ssrc, self.heard_until)
    }
}

impl Mixing {
    /// How many samples of the coming frame the listener has heard already; `None`: all of them, wait.
    pub fn already_heard(&mut self, ear: Option<&Ear>) -> Option<usize> {
        let Some(handover) = &mut self.handover else { return Some(0) };
        handover.ticks_left = handover.ticks_left.saturating_sub(1);
        let patience = handover.ticks_left > 0;
        let heard = match ear.and_then(|ear| ear.at.filter(|_| ear.ring.ssrc() == handover.ssrc)) {
            Some(at) => usize::try_from(handover.heard_until.wrapping_sub(at) as i32).unwrap_or(0),
            None if patience => return None,
            None => 0,
        };
        if heard >= SILENT_FRAME.len() && patience {
            return None;
        }
        self.handover = None;
        Some(if heard < SILENT_FRAME.len() { heard } else { 0 })
    }
}

impl Default for Ear {
    fn default() -> Self {
        Self { ring: Ring::default(), frame: SILENT_FRAME, at: None }
    }
}

impl Ear {
    pub fn tick(&mut self, now: Instant) {
        self.at = self.ring.take(now, &mut self.frame);
    }
}

/// How long the event has lasted so far (RFC 4733 §2.3.5).
fn event_samples(payload: &[u8]) -> u32 {
    match payload {
        [_, _, high, low, ..] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    }
}
