//! One leg: what was negotiated, where its packets come from, and how its own stream is made.

use super::{
    Event, LegParams,
    codec::{self, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, SAMPLE_RATE},
    coding::{Incoming, Outgoing},
    ear::Ear,
    event::EventPayload,
    gap::{Gap, Gaps},
    health::{Channel, Health},
    keypad::{KeyForm, Keypad},
    plane::{Out, Token},
    player::Player,
    rate::Rate,
    rtp::{MAX_PACKET_BYTES, Packet},
    srtp::Protection,
    stream::{Stamp, Stream},
};
use crate::{
    dtmf,
    model::{Codec, Digit, EventFormat, Hearing, LegId, LegQuality, SrtpKeys},
};
use std::{
    borrow::Cow,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Packets of one leg beyond this many in 20 ms are dropped unread.
pub const MAX_PACKETS_PER_FRAME: u32 = 64;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// RFC 3389 §4. Never negotiated, and sent all the same: it is silence, and no loss.
const COMFORT_NOISE: u8 = 13;
/// How many ticks a listener waits for the mix to reach what it last heard relayed.
const HANDOVER_TICKS: u8 = 8;

/// 100 ms: silence that ends whatever sounded. More of it tells the ear for digits no more.
const ENDING_SAMPLES: usize = 800;

/// Counted since the leg was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegStatistics {
    pub received: u64,
    pub sent: u64,
    /// Not RTP, from a stranger, of an unknown payload type, during hold, too many, or not authentic where the leg is secured.
    pub dropped: u64,
}

pub(super) struct Leg {
    pub id: LegId,
    pub params: Option<LegParams>,
    pub stream: Stream,
    pub feed: Feed,
    /// Whom this leg may hear, by its row of the matrix.
    pub hears: Vec<(LegId, Hearing)>,
    /// Who gets this leg's packets as they come.
    pub relayed_to: Vec<Token>,
    /// Exist while somebody mixes this leg: one for each way of hearing it.
    ears: [Option<Box<Ear>>; 2],
    pub player: Option<Player>,
    /// The music on hold, while this leg hears it.
    pub music: Option<Player>,
    pub digits: Option<Box<dtmf::Receiver>>,
    /// Its digits are told.
    pub listens: bool,
    /// Its tones are keys for a peer that takes keys in another form.
    pub translates: bool,
    /// The newest packet of a leg that translates.
    held_back: Option<HeldBack>,
    /// Exists while keys of the peer are on their way to it in its own form.
    pub keypad: Option<Box<Keypad>>,
    /// Of the audio in which digits are listened for.
    gaps: Gaps,
    pub statistics: LegStatistics,
    shield: Protection,
    /// Exist while they are used.
    incoming: Option<Box<Incoming>>,
    outgoing: Option<Box<Outgoing>>,
    health: Option<Box<Health>>,
    /// When something last came of the peer, or was first awaited, or its quiet was told.
    heard_of_at: Option<Instant>,
    destination: Option<Destination>,
    flood: Option<Flood>,
}

/// The way out of a leg: what cannot be secured where it should be does not leave.
struct Sealing<'a, O> {
    shield: &'a mut Protection,
    out: &'a mut O,
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
    pub sources: Vec<Source>,
    pub rate: Rate,
    pub handover: Option<Handover>,
}

/// Somebody who is heard in a mix.
pub(super) type Source = (Token, Hearing);

/// From relay to mix: the mix begins where the relay ended.
#[derive(Clone, Copy)]
pub(super) struct Handover {
    pub source: Token,
    ssrc: u32,
    heard_until: u32,
    ticks_left: u8,
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
    /// Says that there is nothing to say.
    ComfortNoise(Packet<'a>),
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
            ears: [None, None],
            player: None,
            music: None,
            digits: None,
            listens: false,
            gaps: Gaps::default(),
            translates: false,
            held_back: None,
            keypad: None,
            statistics: LegStatistics::default(),
            shield: Protection::default(),
            incoming: None,
            outgoing: None,
            health: None,
            heard_of_at: None,
            destination: None,
            flood: None,
        }
    }

    /// `random` is used once.
    pub fn configure(&mut self, now: Instant, random: u128, params: LegParams) {
        let unchanged = self.params.is_some_and(|before| before.remote == params.remote);
        let to = self.destination.filter(|_| unchanged).map_or(params.remote, |destination| destination.to);
        self.destination = Some(Destination { to, settled: false });
        if self.params.is_some_and(|before| before.codec != params.codec) {
            (self.incoming, self.outgoing, self.held_back) = (None, None, None);
            self.ears.iter_mut().flatten().for_each(|ear| **ear = ear.renewed(params.codec));
        }
        self.stream.clock_rate = params.codec.clock_rate();
        let health = self.health.get_or_insert_with(|| Box::new(Health::new(now, random, params.rtcp)));
        health.configure(params.rtcp, params.rtcp == params.remote, params.codec.clock_rate());
        if params.peer.is_some() {
            self.digits.get_or_insert_default();
        }
        self.heard_of_at = Some(now);
        self.params = Some(params);
    }

    /// Whether nothing has come for so long, though both talk; said again after as long again. Who holds may say nothing.
    pub fn is_quiet_for(&mut self, now: Instant, patience: Duration) -> bool {
        let talks = self.params.is_some_and(|params| params.send && params.receive);
        let since = self.heard_of_at.filter(|_| talks);
        let is_quiet = since.is_some_and(|since| now.saturating_duration_since(since) >= patience);
        if is_quiet {
            self.heard_of_at = Some(now);
        }
        is_quiet
    }

    pub fn secure(&mut self, keys: Option<&SrtpKeys>) {
        self.shield.secure(keys);
    }

    /// The receiver stays when nobody listens any more: how a peer sends its digits holds for the whole call.
    pub fn listen(&mut self, on: bool) {
        self.listens = on;
        if on {
            self.digits.get_or_insert_default();
        }
    }

    /// The packet as the peer made it: not one too many, and authentic where the leg is secured.
    pub fn open<'a>(&mut self, now: Instant, from: SocketAddr, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        // What a stranger sends counts for nothing, else it could silence the peer.
        let refused = !self.may_be_peer(from) || self.is_flooded(now);
        let opened = if refused { None } else { self.shield.open(bytes) };
        self.statistics.dropped += u64::from(opened.is_none());
        opened
    }

    /// The packet, when it is one of this leg's peer and we listen to it.
    pub fn admit<'a>(&mut self, now: Instant, from: SocketAddr, bytes: &'a [u8]) -> Option<Admitted<'a>> {
        let admitted = self.judge(from, bytes);
        match &admitted {
            Some(admitted) => {
                self.statistics.received += 1;
                self.note(now, admitted);
            }
            None => self.statistics.dropped += 1,
        }
        admitted
    }

    pub fn report_is_due(&self, now: Instant) -> bool {
        self.health.as_ref().is_some_and(|health| health.is_due(now))
    }

    pub fn report(&mut self, now: Instant, random: u32, token: Token, out: &mut impl Out) {
        if let (Some(health), Some(destination)) = (&mut self.health, self.destination) {
            let mut out = Sealing { shield: &mut self.shield, out };
            health.report(now, random, (token, destination.to), &self.stream, &mut out);
        }
    }

    /// What the peer reports; from a stranger it is dropped, and so is what is no report.
    pub fn report_came(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(params) = self.params else { return };
        let is_peers = [params.remote.ip(), params.signalled, params.rtcp.ip()].contains(&from.ip());
        let refused = !is_peers || self.is_flooded(now);
        let opened = if refused { None } else { self.shield.open_report(datagram) };
        let Some(health) = &mut self.health else { return };
        match opened.is_some_and(|report| health.hear(now, from, &self.stream, &report)) {
            true => self.heard_of_at = Some(now),
            false => self.statistics.dropped += 1,
        }
    }

    /// Takes leave of the peer, and says how its streams got through.
    pub fn end(mut self, now: Instant, token: Token, out: &mut impl Out) -> LegQuality {
        let (Some(health), Some(destination)) = (self.health, self.destination) else { return LegQuality::default() };
        let mut out = Sealing { shield: &mut self.shield, out };
        health.end(now, (token, destination.to), &self.stream, &mut out)
    }

    /// Takes what came: into the ear when somebody mixes this leg, and to the digit receiver when its tones matter. When
    /// they are translated, everybody else hears the packet only when the next one is there, and now the one before. A
    /// tone is sure 25 to 33 ms after its beginning; what has passed of it by then is too short to be a key.
    pub fn hear_audio(&mut self, now: Instant, packet: &Packet) -> Option<HeldBack> {
        let params = self.params?;
        if let Some(receiver) = &mut self.digits {
            receiver.packet(packet.sequence);
        }
        // Who sends events is not believed in the audio.
        let takes_tones = self.digits.as_ref().is_some_and(|receiver| receiver.takes_tones());
        let hears_tones = self.translates || self.listens && takes_tones;
        if self.ears.iter().all(Option::is_none) && !hears_tones {
            self.incoming = None;
            return None;
        }
        let incoming = self.incoming.get_or_insert_with(|| Box::new(Incoming::new(params.codec)));
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let samples = incoming.decode(packet.payload, &mut samples);
        let before = if self.translates { self.held_back.replace(HeldBack::new(packet, samples)) } else { None };
        for ear in self.ears.iter_mut().flatten() {
            match &before {
                Some(before) => ear.put(now, &before.packet(), &before.samples),
                None if self.translates => {}
                None => ear.put(now, packet, samples),
            }
        }
        if let Some(receiver) = self.digits.as_mut().filter(|_| hears_tones) {
            let gap = self.gaps.before(packet, codec::duration(params.codec, packet.payload));
            if gap != Gap::TooLate {
                let mut narrow = [0; MAX_PACKET_SAMPLES];
                hear_gap(receiver, now, gap, params.codec);
                receiver.audio(now, incoming.telephone_band(samples, &mut narrow));
            }
        }
        before
    }

    pub fn ear(&self, hearing: Hearing) -> Option<&Ear> {
        self.ears[hearing as usize].as_deref()
    }

    pub fn begin_ear(&mut self, hearing: Hearing, listener: Rate) {
        let Some(LegParams { codec, .. }) = self.params else { return };
        let ear = &mut self.ears[hearing as usize];
        ear.get_or_insert_with(|| Box::new(Ear::new(codec, hearing))).add_listener(listener);
    }

    pub fn end_ear(&mut self, hearing: Hearing, listener: Rate) {
        let ear = &mut self.ears[hearing as usize];
        if ear.as_mut().is_some_and(|ear| ear.remove_listener(listener)) {
            *ear = None;
        }
    }

    pub fn tick(&mut self, now: Instant) {
        if self.ears.iter().any(Option::is_some) {
            let pressed = self.is_pressed(now);
            self.ears.iter_mut().flatten().for_each(|ear| ear.tick(now, pressed));
        }
    }

    /// Whether this leg may hear `source` at all.
    pub fn may_hear(&self, source: LegId) -> bool {
        self.hears.iter().any(|(heard, _)| *heard == source)
    }

    pub fn translate(&mut self, on: bool) {
        self.translates = on;
        if !on {
            self.held_back = None;
        }
    }

    /// Whether the event says anything that had not come by another carrier.
    pub fn hear_event(&mut self, now: Instant, packet: &Packet) -> bool {
        let Packet { sequence, timestamp, marker, payload, .. } = *packet;
        let event = dtmf::Arrival { sequence, timestamp, marker, payload };
        self.digits.as_mut().is_none_or(|receiver| receiver.event(now, &event))
    }

    /// It keeps the count of packets, and the ear hears the silence by itself.
    pub fn hear_comfort_noise(&mut self, packet: &Packet) {
        if let Some(receiver) = &mut self.digits {
            receiver.packet(packet.sequence);
        }
    }

    pub fn hear_info(&mut self, now: Instant, digit: Digit) {
        if let Some(receiver) = &mut self.digits {
            receiver.info(now, digit);
        }
    }

    pub fn next_key(&mut self, now: Instant) -> Option<dtmf::Key> {
        self.digits.as_mut()?.poll(now)
    }

    /// Whether its phone holds a key.
    pub fn is_pressed(&self, now: Instant) -> bool {
        self.digits.as_ref().is_some_and(|receiver| receiver.is_pressed(now))
    }

    /// How this phone takes keys; `None` while nothing may be sent to it.
    pub fn key_form(&self) -> Option<KeyForm> {
        let params = self.params.filter(|params| params.send)?;
        Some(match params.events {
            Some(format) => KeyForm::Events(format),
            None if params.info => KeyForm::Info,
            None => KeyForm::Tones,
        })
    }

    pub fn relay_audio(&mut self, now: Instant, token: Token, packet: &Packet, out: &mut impl Out) {
        let Some(params) = self.params else { return };
        if let Some(stamp) = self.stream.relayed(now, packet, codec::duration(params.codec, packet.payload)) {
            self.send(token, params.payload_type, stamp, packet.payload, out);
        }
    }

    /// Passes on a telephone-event of `source` on the clock of `from`, as the stream is made now.
    pub fn relay_event(
        &mut self,
        now: Instant,
        token: Token,
        (source, from): (Token, EventFormat),
        packet: &Packet,
        out: &mut impl Out,
    ) {
        let Some(params) = self.params else { return };
        let relayed = match &self.feed {
            Feed::Off => return,
            Feed::Relay(other) if *other != source => return,
            Feed::Relay(_) => true,
            Feed::Mix(_) => false,
        };
        let (Some(events), Some(event)) = (params.events, EventPayload::read(packet.payload)) else {
            self.stream.skip(packet);
            return;
        };
        let event = event.on_clock(from.clock_rate, events.clock_rate);
        let stamp = match relayed {
            true => self.stream.relayed_event(now, packet, event.units(events.clock_rate, params.codec.clock_rate())),
            false => Some(self.stream.own_event(now, packet)),
        };
        if let Some(stamp) = stamp {
            self.send(token, events.payload_type, stamp, &event.0, out);
        }
    }

    /// A piece of our own making, in packets as long as the peer would like them.
    pub fn say(&mut self, now: Instant, token: Token, samples: &[i16], out: &mut impl Out) {
        let Some(params) = self.params else { return };
        self.outgoing.get_or_insert_with(|| Box::new(Outgoing::new(params.codec))).push(samples);
        self.send_said(now, token, Some(codec::packet_samples(params.codec, params.ptime_ms)), out);
    }

    /// What is too short for such a packet goes out in shorter ones.
    pub fn say_rest(&mut self, now: Instant, token: Token, out: &mut impl Out) {
        self.send_said(now, token, None, out);
    }

    fn send_said(&mut self, now: Instant, token: Token, wanted: Option<usize>, out: &mut impl Out) {
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        while let Some((payload, units)) = self.outgoing.as_mut().and_then(|said| said.packet(wanted, &mut payload)) {
            self.send_own(now, token, payload, units, out);
        }
    }

    /// The telephone-event that is due of a press of our own making.
    pub fn press_key(&mut self, now: Instant, token: Token, out: &mut impl Out) {
        let Some(events) = self.params.and_then(|params| params.events) else { return };
        if let Some(event) = self.keypad.as_mut().and_then(|keypad| keypad.event()) {
            let stamp = self.stream.press(now, event.timestamp, event.marker);
            self.send(token, events.payload_type, stamp, &event.payload, out);
        }
    }

    /// What was encoded before, and lasts so many units of the clock.
    pub fn send_own(&mut self, now: Instant, token: Token, payload: &[u8], units: u32, out: &mut impl Out) {
        let Some(params) = self.params else { return };
        let stamp = self.stream.own(now, units);
        self.send(token, params.payload_type, stamp, payload, out);
    }

    /// Nothing of our own making is said any more; whatever comes next begins anew.
    pub fn fall_silent(&mut self) {
        self.outgoing = None;
    }

    fn send(&mut self, token: Token, payload_type: u8, stamp: Stamp, payload: &[u8], out: &mut impl Out) {
        let Some(destination) = self.destination else { return };
        let Stamp { sequence, timestamp, ssrc, marker } = stamp;
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc, payload };
        let mut buffer = [0; MAX_PACKET_BYTES];
        if let Some(bytes) = packet.write(&mut buffer) {
            self.statistics.sent += 1;
            if let Some(health) = &mut self.health {
                health.went(payload.len());
            }
            Sealing { shield: &mut self.shield, out }.send(token, destination.to, bytes);
        }
    }

    fn note(&mut self, now: Instant, admitted: &Admitted) {
        self.heard_of_at = Some(now);
        let Some(health) = &mut self.health else { return };
        match admitted {
            Admitted::Audio(packet) => health.came(now, packet.ssrc, packet.sequence, Some(packet.timestamp)),
            Admitted::TelephoneEvent(packet) | Admitted::ComfortNoise(packet) => {
                health.came(now, packet.ssrc, packet.sequence, None)
            }
        }
    }

    fn judge<'a>(&mut self, from: SocketAddr, bytes: &'a [u8]) -> Option<Admitted<'a>> {
        let params = self.params.filter(|params| params.receive)?;
        let packet = Packet::read(bytes)?;
        let admitted = if [params.payload_type, params.own_payload_type].contains(&packet.payload_type) {
            Admitted::Audio(packet)
        } else if params.events.is_some_and(|events| packet.payload_type == events.payload_type) {
            Admitted::TelephoneEvent(packet)
        } else if packet.payload_type == COMFORT_NOISE {
            Admitted::ComfortNoise(packet)
        } else {
            return None;
        };
        self.latch(from).then_some(admitted)
    }

    /// Symmetric RTP: the first packet shows where the peer is; whoever comes later from elsewhere is a stranger. So is
    /// who comes from an address that neither SDP nor signalling named: else the quickest sender would get the audio.
    fn latch(&mut self, from: SocketAddr) -> bool {
        let is_peer = self.may_be_peer(from);
        if is_peer {
            self.destination = Some(Destination { to: from, settled: true });
        }
        is_peer
    }

    fn may_be_peer(&self, from: SocketAddr) -> bool {
        let (Some(destination), Some(params)) = (self.destination, &self.params) else { return false };
        match destination.settled {
            true => destination.to.ip() == from.ip() && destination.to.port() == from.port(),
            false => from.ip() == params.remote.ip() || from.ip() == params.signalled,
        }
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

impl<O: Out> Out for Sealing<'_, O> {
    fn send(&mut self, leg: Token, to: SocketAddr, packet: &[u8]) {
        self.shield.seal(packet).into_iter().for_each(|sealed| self.out.send(leg, to, &sealed));
    }

    fn report(&mut self, leg: Token, channel: Channel, to: SocketAddr, report: &[u8]) {
        self.shield.seal_report(report).into_iter().for_each(|sealed| self.out.report(leg, channel, to, &sealed));
    }

    fn event(&mut self, event: Event) {
        self.out.event(event);
    }

    fn lost(&mut self, packets: u64) {
        self.out.lost(packets);
    }
}

/// A packet that waits, as it came and as it sounds.
pub(super) struct HeldBack {
    header: Packet<'static>,
    payload: Vec<u8>,
    samples: Vec<i16>,
}

impl HeldBack {
    fn new(packet: &Packet, samples: &[i16]) -> Self {
        let (payload, samples) = (packet.payload.to_vec(), samples.to_vec());
        Self { header: Packet { payload: &[], ..*packet }, payload, samples }
    }

    pub fn packet(&self) -> Packet<'_> {
        Packet { payload: &self.payload, ..self.header }
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
    pub fn already_heard(&mut self, codec: Codec, ear: Option<&Ear>) -> Option<usize> {
        let Some(handover) = &mut self.handover else { return Some(0) };
        handover.ticks_left = handover.ticks_left.saturating_sub(1);
        let patience = handover.ticks_left > 0;
        let heard = match ear.and_then(|ear| ear.at.filter(|_| ear.ssrc() == handover.ssrc)) {
            Some(at) => u32::try_from(handover.heard_until.wrapping_sub(at) as i32).unwrap_or(0),
            None if patience => return None,
            None => 0,
        };
        let (heard, frame) = (codec::samples(codec, heard), self.rate.frame_samples());
        if heard >= frame && patience {
            return None;
        }
        self.handover = None;
        Some(if heard < frame { heard } else { 0 })
    }
}

/// What lies before a packet, as the ear for digits is told of it.
fn hear_gap(receiver: &mut dtmf::Receiver, now: Instant, gap: Gap, codec: Codec) {
    let samples = |units: u32| units as usize / (codec.clock_rate() / SAMPLE_RATE) as usize;
    match gap {
        Gap::Lost(units) => receiver.lost(samples(units)),
        Gap::Silence(units) => receiver.audio(now, &[0; ENDING_SAMPLES][..ENDING_SAMPLES.min(samples(units))]),
        Gap::None | Gap::TooLate => {}
    }
}
