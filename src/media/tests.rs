//! Parties around a plane in virtual time. Each says something of its own; what was heard tells who hears whom.

mod anything;
mod hearing;
mod keypad;
mod keys;
mod packets;
mod playing;
mod reports;

use super::{
    Event, LegParams,
    clip::Clips,
    codec::{self, Decoder, Encoder, FRAME_SAMPLES, SAMPLE_RATE},
    coding::Incoming,
    health::Channel,
    plane::{MAX_LEGS, OpenError, Out, Plane, Token},
    rate::{Rate, Widener},
    rtp::Packet,
    tone,
};
use crate::model::{Codec, Digit, Entropy, EventFormat, HearMatrix, IdMaker, LegId, Prompt};
use proptest::prelude::*;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

const CUSTOMER: usize = 0;
const AGENT: usize = 1;
const SUPERVISOR: usize = 2;
const SECOND_SUPERVISOR: usize = 3;
const TONES_HZ: [f64; 5] = [400.0, 1100.0, 1900.0, 2600.0, 3100.0];
const EVENT: EventFormat = EventFormat { payload_type: 101, clock_rate: 8000 };
/// Where the customer's RTP timestamps begin: near their wrap.
const FIRST_TIMESTAMP: u32 = u32::MAX - 4000;
/// Where in its 20 ms the plane's own clock ticks.
const TICK_PHASE_MS: u64 = 7;

/// What a party says, sample by sample, by the RTP timestamp of an 8 kHz clock.
type Voice = fn(usize, u32) -> i16;

fn tones(party: usize, timestamp: u32) -> i16 {
    let phase = f64::from(timestamp % SAMPLE_RATE) / f64::from(SAMPLE_RATE);
    (6000.0 * (std::f64::consts::TAU * TONES_HZ[party] * phase).sin()) as i16
}

struct Party {
    leg: LegId,
    token: Token,
    params: LegParams,
    from: SocketAddr,
    sequence: u16,
    /// Of an 8 kHz clock.
    timestamp: u32,
    encoder: Encoder,
    widener: Widener,
    speaks: bool,
    ptime_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    at_ms: u64,
    to: SocketAddr,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

#[derive(Default)]
struct Wire {
    at_ms: u64,
    packets: Vec<(Token, Heard)>,
    events: Vec<Event>,
    reports: Vec<Report>,
    lost: u64,
}

/// RTCP that went out.
struct Report {
    leg: Token,
    channel: Channel,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Out for Wire {
    fn send(&mut self, leg: Token, to: SocketAddr, packet: &[u8]) {
        let Packet { payload_type, sequence, timestamp, ssrc, payload, .. } = Packet::read(packet).unwrap();
        let payload = payload.to_vec();
        self.packets.push((leg, Heard { at_ms: self.at_ms, to, payload_type, sequence, timestamp, ssrc, payload }));
    }

    fn report(&mut self, leg: Token, channel: Channel, to: SocketAddr, report: &[u8]) {
        self.reports.push(Report { leg, channel, to, bytes: report.to_vec() });
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn lost(&mut self, packets: u64) {
        self.lost += packets;
    }
}

struct Room {
    plane: Plane,
    start: Instant,
    now_ms: u64,
    parties: Vec<Party>,
    wire: Wire,
    voice: Voice,
}

impl Room {
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    fn with_codecs(codecs: &[Codec]) -> Self {
        let mut entropy = Entropy::from_seed([9; 32]);
        let mut ids = IdMaker::new(entropy.fork());
        let prompts = [(Prompt::Chime, tone::chime()), (Prompt::Error, tone::sine(3100.0, -12.0, SAMPLE_RATE, 8000))];
        let plane = Plane::new(Arc::new(Clips::from_samples(prompts)), entropy);
        let (parties, wire) = (Vec::new(), Wire::default());
        let mut room = Self { plane, start: Instant::now(), now_ms: 0, parties, wire, voice: tones };
        for (n, codec) in codecs.iter().enumerate() {
            room.join(ids.make(n as u64), *codec);
        }
        let [customer, agent] = [room.leg(CUSTOMER), room.leg(AGENT)];
        room.change(CUSTOMER, |params| params.peer = Some(agent));
        room.change(AGENT, |params| params.peer = Some(customer));
        room
    }

    fn patient_for(self, patience: Duration) -> Self {
        Self { plane: self.plane.with_patience(Some(patience)), ..self }
    }

    /// A call, and `supervisors` who stand by.
    fn new(supervisors: usize) -> Self {
        Self::with_codecs(&vec![Codec::Pcmu; 2 + supervisors])
    }

    fn join(&mut self, leg: LegId, codec: Codec) {
        let n = self.parties.len();
        let from = SocketAddr::from(([192, 0, 2, 1 + n as u8], 4000));
        let params = LegParams {
            remote: from,
            signalled: from.ip(),
            rtcp: SocketAddr::new(from.ip(), 4001),
            codec,
            payload_type: codec.payload_type(),
            own_payload_type: codec.payload_type(),
            ptime_ms: 20,
            events: Some(EVENT),
            info: false,
            send: true,
            receive: true,
            peer: None,
        };
        let token = self.plane.open(leg).unwrap();
        let (sequence, timestamp) = (65_500 + n as u16, FIRST_TIMESTAMP.wrapping_add(n as u32 * 1000));
        let (encoder, widener) = (Encoder::new(codec), Widener::default());
        let (speaks, ptime_ms) = (true, 20);
        self.parties.push(Party { leg, token, params, from, sequence, timestamp, encoder, widener, speaks, ptime_ms });
        self.change(n, |_| {});
    }

    fn leg(&self, party: usize) -> LegId {
        self.parties[party].leg
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    fn change(&mut self, party: usize, change: impl FnOnce(&mut LegParams)) {
        change(&mut self.parties[party].params);
        let (leg, params) = (self.leg(party), self.parties[party].params);
        self.plane.configure(self.now(), leg, params, &mut self.wire);
    }

    /// Rows for `listeners`; each pair is (listener, source).
    fn hear(&mut self, listeners: &[usize], pairs: &[(usize, usize)]) {
        let mut matrix = HearMatrix::silent(listeners.iter().map(|party| self.leg(*party)));
        pairs.iter().for_each(|(listener, source)| matrix.allow(self.leg(*listener), self.leg(*source)));
        self.plane.hear(self.now(), &matrix, &mut self.wire);
    }

    fn converse(&mut self) {
        self.hear(&[CUSTOMER, AGENT], &[(CUSTOMER, AGENT), (AGENT, CUSTOMER)]);
    }

    fn monitor(&mut self, supervisor: usize) {
        self.hear(&[supervisor], &[(supervisor, CUSTOMER), (supervisor, AGENT)]);
    }

    fn whisper(&mut self, supervisor: usize) {
        self.monitor(supervisor);
        self.hear(&[AGENT], &[(AGENT, CUSTOMER), (AGENT, supervisor)]);
    }

    fn play(&mut self, party: usize, ticket: u64, prompts: &[Prompt]) {
        self.plane.play(self.now(), self.leg(party), ticket, prompts, &mut self.wire);
    }

    fn bytes(&mut self, party: usize, bytes: &[u8]) {
        let (token, from) = (self.parties[party].token, self.parties[party].from);
        self.plane.packet(self.now(), token, from, bytes, &mut self.wire);
    }

    fn rtp(&mut self, party: usize, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let sequence = self.parties[party].sequence;
        self.parties[party].sequence = sequence.wrapping_add(1);
        let packet = Packet { payload_type, marker: false, sequence, timestamp, ssrc: 77 + party as u32, payload };
        let mut buffer = [0; 1500];
        let bytes = packet.write(&mut buffer).unwrap().to_vec();
        self.bytes(party, &bytes);
    }

    fn speak(&mut self, party: usize) {
        let samples = self.parties[party].ptime_ms as u32 * 8;
        let timestamp = self.parties[party].timestamp;
        let voice: Vec<i16> = (0..samples).map(|n| (self.voice)(party, timestamp.wrapping_add(n))).collect();
        let mut wide = vec![0; 2 * voice.len()];
        let Party { encoder, widener, params, .. } = &mut self.parties[party];
        let voice = match codec::rate(params.codec) {
            Rate::Narrow => &voice,
            Rate::Wide => widener.widen(&voice, &mut wide),
        };
        let payload = encoder.encode(voice, &mut [0; 1000]).to_vec();
        let (payload_type, clock) = (params.payload_type, params.codec.clock_rate() / SAMPLE_RATE);
        self.rtp(party, payload_type, timestamp.wrapping_mul(clock), &payload);
        self.parties[party].timestamp = timestamp.wrapping_add(samples);
    }

    fn event_packet(&mut self, party: usize, digit: Digit, duration: u16, end: bool) {
        let timestamp = self.parties[party].timestamp;
        let [high, low] = duration.to_be_bytes();
        self.rtp(party, EVENT.payload_type, timestamp, &[digit.event_code(), if end { 0x8a } else { 0x0a }, high, low]);
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.wire.at_ms = self.now_ms;
            for party in 0..self.parties.len() {
                let Party { speaks, ptime_ms, .. } = self.parties[party];
                if speaks && self.now_ms.is_multiple_of(ptime_ms) {
                    self.speak(party);
                }
            }
            if self.now_ms % 20 == TICK_PHASE_MS {
                self.plane.tick(self.now(), &mut self.wire);
            }
            self.now_ms += 1;
        }
    }

    fn packets_to(&self, party: usize) -> Vec<&Heard> {
        let token = self.parties[party].token;
        self.wire.packets.iter().filter(|(to, _)| *to == token).map(|(_, packet)| packet).collect()
    }

    fn audio_to(&self, party: usize) -> Vec<&Heard> {
        let codec = self.parties[party].params.codec;
        self.packets_to(party).into_iter().filter(|packet| packet.payload_type == codec.payload_type()).collect()
    }

    /// Everything `party` heard since the wire was last cleared, at 8 kHz.
    fn samples_to(&self, party: usize) -> Vec<i16> {
        let mut incoming = Incoming::new(self.parties[party].params.codec);
        let mut decoded = |packet: &&Heard| {
            let (mut samples, mut narrow) = ([0; codec::MAX_PACKET_SAMPLES], [0; codec::MAX_PACKET_SAMPLES]);
            let samples = incoming.decode(&packet.payload, &mut samples);
            incoming.telephone_band(samples, &mut narrow).to_vec()
        };
        self.audio_to(party).iter().flat_map(&mut decoded).collect()
    }

    fn hears(&self, listener: usize, source: usize) -> bool {
        let level = tone::level_of(TONES_HZ[source], SAMPLE_RATE, &self.samples_to(listener));
        assert!(!(-60.0..-25.0).contains(&level), "{source} to {listener}: {level} dB is neither heard nor absent");
        level > -25.0
    }

    fn payloads_to(&self, party: usize) -> Vec<Vec<u8>> {
        self.audio_to(party).into_iter().map(|packet| packet.payload.clone()).collect()
    }

    /// Sequence and timestamp of a stream go on without a hole or a repetition.
    fn assert_unbroken(&self, party: usize) {
        for pair in self.audio_to(party).windows(2) {
            assert_eq!(pair[1].ssrc, pair[0].ssrc);
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "at {} ms", pair[1].at_ms);
            let codec = self.parties[party].params.codec;
            let next = pair[0].timestamp.wrapping_add(codec::duration(codec, &pair[0].payload));
            assert_eq!(pair[1].timestamp, next, "at {} ms", pair[1].at_ms);
        }
    }
}

/// Steps that every companding step can tell apart.
fn sawtooth(timestamp: u32) -> i16 {
    (timestamp % 200) as i16 * 4
}

/// What the agent heard is what the customer said, sample for sample.
fn assert_whole(room: &Room, case: &str) {
    room.assert_unbroken(AGENT);
    let heard = room.samples_to(AGENT);
    for (n, sample) in heard.iter().enumerate() {
        let said = over_the_wire(sawtooth(FIRST_TIMESTAMP.wrapping_add(n as u32)));
        assert_eq!(*sample, said, "{case}: sample {n} of {}", heard.len());
    }
}

fn over_the_wire(sample: i16) -> i16 {
    let mut word = [0];
    let mut heard = [0];
    Decoder::Pcmu.decode(Encoder::Pcmu.encode(&[sample], &mut word), &mut heard);
    heard[0]
}
