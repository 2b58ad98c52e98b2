//! Parties around a plane in virtual time. Each says something of its own; what was heard tells who hears whom.

mod keypad;
mod keys;
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

#[test]
fn every_listener_hears_exactly_its_sources() {
    for mask in 0..64u32 {
        let mut room = Room::new(1);
        let all = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        let pairs: Vec<_> = (0..6).filter(|bit| mask & 1 << bit != 0).map(|bit| all[bit]).collect();
        room.hear(&[0, 1, 2], &pairs);
        room.run(100);
        room.wire.packets.clear();
        room.run(500);
        for (listener, source) in all {
            let allowed = pairs.contains(&(listener, source));
            assert_eq!(room.hears(listener, source), allowed, "{listener} hears {source}, of {pairs:?}");
        }
    }
}

#[test]
fn monitoring_leaves_both_streams_of_the_conversation_byte_identical() {
    let streams = |monitored: bool| {
        let mut room = Room::new(1);
        room.converse();
        room.run(400);
        if monitored {
            room.monitor(SUPERVISOR);
            room.play(SUPERVISOR, 1, &[Prompt::Chime]);
        }
        room.run(1000);
        if monitored {
            assert!(room.hears(SUPERVISOR, CUSTOMER) && room.hears(SUPERVISOR, AGENT));
            room.plane.close(room.now(), room.leg(SUPERVISOR), &mut room.wire);
        }
        room.run(400);
        [CUSTOMER, AGENT].map(|party| room.packets_to(party).into_iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(streams(true), streams(false));
}

#[test]
fn a_whisper_reaches_the_agent_and_leaves_what_the_customer_gets_byte_identical() {
    let customer_gets = |whispered: bool| {
        let mut room = Room::new(1);
        room.converse();
        room.run(400);
        if whispered {
            room.whisper(SUPERVISOR);
            room.play(AGENT, 1, &[Prompt::Chime]);
            room.play(SUPERVISOR, 2, &[Prompt::Chime]);
        }
        room.run(2000);
        if whispered {
            assert!(room.hears(AGENT, SUPERVISOR) && room.hears(AGENT, CUSTOMER));
            let level = tone::level_of(TONES_HZ[SUPERVISOR], SAMPLE_RATE, &room.samples_to(CUSTOMER));
            assert!(level < -70.0, "{level}");
            room.converse();
            room.hear(&[SUPERVISOR], &[]);
        }
        room.run(400);
        room.packets_to(CUSTOMER).into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(customer_gets(true), customer_gets(false));
}

#[test]
fn two_supervisors_do_not_hear_each_other() {
    let mut room = Room::new(2);
    room.converse();
    room.monitor(SUPERVISOR);
    room.monitor(SECOND_SUPERVISOR);
    room.hear(&[AGENT], &[(AGENT, CUSTOMER), (AGENT, SUPERVISOR), (AGENT, SECOND_SUPERVISOR)]);
    room.run(1000);
    assert!(!room.hears(SUPERVISOR, SECOND_SUPERVISOR) && !room.hears(SECOND_SUPERVISOR, SUPERVISOR));
    assert!(room.hears(AGENT, SUPERVISOR) && room.hears(AGENT, SECOND_SUPERVISOR) && room.hears(AGENT, CUSTOMER));
    assert!(!room.hears(CUSTOMER, SUPERVISOR) && !room.hears(CUSTOMER, SECOND_SUPERVISOR));
}

#[test]
fn attaching_and_detaching_a_whisper_loses_and_doubles_nothing() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        for attach_ms in (300..320).step_by(3) {
            let mut room = Room::new(1);
            room.parties[CUSTOMER].ptime_ms = ptime_ms;
            room.parties[SUPERVISOR].speaks = false;
            room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
            room.converse();
            room.run(attach_ms);
            room.whisper(SUPERVISOR);
            room.run(400 + attach_ms);
            room.converse();
            room.run(400);
            assert_whole(&room, &format!("{ptime_ms} ms packets, attached at {attach_ms} ms"));
        }
    }
}

#[test]
fn a_monitored_call_hands_over_to_the_whisper_from_a_running_ring() {
    for attach_ms in (700..720).step_by(3) {
        let mut room = Room::new(1);
        room.parties[SUPERVISOR].speaks = false;
        room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
        room.converse();
        room.run(200);
        room.monitor(SUPERVISOR);
        room.run(attach_ms - 200);
        for _ in 0..10 {
            room.whisper(SUPERVISOR);
            room.run(attach_ms / 9);
            room.converse();
            room.run(attach_ms / 11);
        }
        assert_whole(&room, &format!("attached at {attach_ms} ms"));
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

#[test]
fn a_whisper_delays_the_customer_by_at_most_25_ms() {
    let mut room = Room::new(1);
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(1000);
    let first = room.audio_to(AGENT)[0].at_ms;
    assert!(first <= 25, "{first}");
}

#[test]
fn a_whisper_is_heard_though_the_customer_and_the_agent_send_nothing() {
    let mut room = Room::new(1);
    room.parties[CUSTOMER].speaks = false;
    room.parties[AGENT].speaks = false;
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(1000);
    assert!(room.hears(AGENT, SUPERVISOR));
    room.assert_unbroken(AGENT);
}

#[test]
fn a_whisper_after_long_silence_goes_on_in_time_and_not_in_the_past() {
    let mut room = Room::new(1);
    room.converse();
    room.run(100);
    room.parties[CUSTOMER].speaks = false;
    room.run(5000);
    let before = room.audio_to(AGENT).last().unwrap().timestamp;
    room.whisper(SUPERVISOR);
    room.run(400);
    let after = room.audio_to(AGENT).last().unwrap().timestamp;
    let gone = after.wrapping_sub(before) / 8;
    assert!((5200..5500).contains(&gone), "{gone} ms");
}

#[test]
fn parties_of_different_codecs_understand_each_other() {
    let triples = Codec::ALL.map(|customer| Codec::ALL.map(|agent| Codec::ALL.map(|spy| [customer, agent, spy])));
    for codecs in triples.as_flattened().as_flattened() {
        let mut room = Room::with_codecs(codecs);
        room.converse();
        room.whisper(SUPERVISOR);
        room.run(1000);
        for (listener, source, heard) in [
            (CUSTOMER, AGENT, true),
            (AGENT, CUSTOMER, true),
            (AGENT, SUPERVISOR, true),
            (CUSTOMER, SUPERVISOR, false),
            (SUPERVISOR, CUSTOMER, true),
            (SUPERVISOR, AGENT, true),
        ] {
            assert_eq!(room.hears(listener, source), heard, "{listener} {source}: {codecs:?}");
        }
        (CUSTOMER..=SUPERVISOR).for_each(|party| room.assert_unbroken(party));
    }
}

#[test]
fn what_we_make_ourselves_comes_in_packets_as_long_as_the_peer_likes() {
    for codec in Codec::ALL {
        for (ptime_ms, lasts_ms) in [(10, 10), (20, 20), (30, 30), (40, 40), (60, 60), (1, 10), (500, 60)] {
            let lasts_ms = if codec == Codec::Opus && lasts_ms == 30 { 20 } else { lasts_ms };
            let mut room = Room::with_codecs(&[Codec::Pcmu, codec, Codec::G722]);
            room.change(AGENT, |params| params.ptime_ms = ptime_ms);
            room.converse();
            room.whisper(SUPERVISOR);
            room.run(1200);
            let case = format!("{codec:?} in {ptime_ms} ms");
            let units = codec.clock_rate() / 1000 * lasts_ms;
            assert!(
                room.audio_to(AGENT).iter().all(|packet| codec::duration(codec, &packet.payload) == units),
                "{case}"
            );
            room.assert_unbroken(AGENT);
            assert!(room.hears(AGENT, CUSTOMER) && room.hears(AGENT, SUPERVISOR), "{case}");
            room.wire.packets.clear();
            room.play(AGENT, 1, &[Prompt::Error]);
            room.hear(&[AGENT], &[]);
            room.run(600);
            room.assert_unbroken(AGENT);
            assert!(room.hears(AGENT, 4), "{case}: a prompt");
        }
    }
}

#[test]
fn back_from_a_whisper_in_long_packets_nothing_is_lost_or_doubled() {
    for ptime_ms in [10, 30, 40, 60] {
        let mut room = Room::new(1);
        room.parties[SUPERVISOR].speaks = false;
        room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
        room.change(AGENT, |params| params.ptime_ms = ptime_ms);
        room.converse();
        room.run(300);
        room.whisper(SUPERVISOR);
        room.run(715);
        room.converse();
        room.run(400);
        assert_whole(&room, &format!("{ptime_ms} ms"));
    }
}

#[test]
fn comfort_noise_is_silence_and_neither_loss_nor_a_stranger() {
    for whisper in [false, true] {
        let mut room = Room::new(1);
        room.converse();
        if whisper {
            room.whisper(SUPERVISOR);
            room.parties[SUPERVISOR].speaks = false;
        }
        for _ in 0..3 {
            room.parties[CUSTOMER].speaks = true;
            room.run(400);
            room.parties[CUSTOMER].speaks = false;
            let timestamp = room.parties[CUSTOMER].timestamp;
            room.rtp(CUSTOMER, 13, timestamp, &[70]);
            room.run(400);
            room.parties[CUSTOMER].timestamp = timestamp.wrapping_add(400 * 8);
        }
        let numbers: Vec<_> = room.audio_to(AGENT).iter().map(|packet| packet.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "whisper: {whisper}");
        assert!(room.packets_to(AGENT).iter().all(|packet| packet.payload_type == 0), "whisper: {whisper}");
        assert_eq!(room.plane.statistics(room.leg(CUSTOMER)).unwrap().dropped, 0);
        room.wire.packets.clear();
        room.parties[CUSTOMER].speaks = true;
        room.run(400);
        assert!(room.hears(AGENT, CUSTOMER));
    }
}

#[test]
fn a_leg_that_hears_nobody_is_kept_alive_with_silence() {
    let mut room = Room::new(1);
    room.run(400);
    assert_eq!(room.payloads_to(SUPERVISOR), vec![vec![0xff; FRAME_SAMPLES]; 20]);
    room.assert_unbroken(SUPERVISOR);
}

#[test]
fn on_hold_nothing_goes_out_and_nothing_comes_in() {
    let mut room = Room::new(1);
    room.converse();
    room.monitor(SUPERVISOR);
    room.run(200);
    room.change(CUSTOMER, |params| (params.send, params.receive) = (false, false));
    room.wire.packets.clear();
    room.run(60);
    room.wire.packets.clear();
    room.run(1000);
    assert!(room.packets_to(CUSTOMER).is_empty());
    assert!(!room.hears(AGENT, CUSTOMER) && !room.hears(SUPERVISOR, CUSTOMER) && room.hears(SUPERVISOR, AGENT));
    room.change(CUSTOMER, |params| (params.send, params.receive) = (true, true));
    room.wire.packets.clear();
    room.run(500);
    assert!(room.hears(AGENT, CUSTOMER) && room.hears(CUSTOMER, AGENT));
}

#[test]
fn who_is_on_hold_hears_the_music_over_and_over_from_its_beginning_and_a_chime_above_it() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut room = Room::with_codecs(&[codec, codec]);
        let tune: Vec<i16> = tone::sine(TONES_HZ[4], -12.0, SAMPLE_RATE, 10 * FRAME_SAMPLES);
        room.plane = Plane::new(
            Arc::new(Clips::from_samples([(Prompt::MusicOnHold, tune.clone()), (Prompt::Chime, tone::chime())])),
            Entropy::from_seed([4; 32]),
        );
        for party in [CUSTOMER, AGENT] {
            room.parties[party].token = room.plane.open(room.leg(party)).unwrap();
            room.change(party, |_| {});
        }
        let hold = |room: &mut Room| {
            let mut matrix = HearMatrix::silent([room.leg(CUSTOMER), room.leg(AGENT)]);
            matrix.allow_music(room.leg(CUSTOMER));
            room.plane.hear(room.now(), &matrix, &mut room.wire);
            room.wire.packets.clear();
        };
        room.converse();
        room.run(400);
        for _ in 0..2 {
            hold(&mut room);
            room.run(400);
            let mut payload = vec![0; tune.len()];
            Encoder::new(codec).encode(&tune, &mut payload);
            assert_eq!(room.payloads_to(CUSTOMER).concat(), [payload.as_slice(), &payload].concat());
            assert!(!room.hears(CUSTOMER, AGENT) && !room.hears(AGENT, CUSTOMER));
            hold(&mut room);
            room.run(120);
            assert!(room.wire.events.is_empty(), "music has no end that anybody waits for");
            room.play(CUSTOMER, 1, &[Prompt::Chime]);
            room.wire.packets.clear();
            room.run(160);
            let heard = room.samples_to(CUSTOMER);
            let level = |hz| tone::level_of(hz, SAMPLE_RATE, &heard);
            assert!(level(TONES_HZ[4]) > -15.0 && level(tone::CHIME_NOTES_HZ[0]) > -30.0);
            room.run(400);
            room.wire.events.clear();
            room.converse();
            room.wire.packets.clear();
            room.run(400);
            assert!(room.hears(CUSTOMER, AGENT) && room.hears(AGENT, CUSTOMER));
            assert!(tone::level_of(TONES_HZ[4], SAMPLE_RATE, &room.samples_to(CUSTOMER)) < -60.0);
        }
    }
}

#[test]
fn the_first_packet_shows_where_the_peer_is_and_strangers_are_ignored() {
    let mut room = Room::new(0);
    let behind_nat = SocketAddr::from(([198, 51, 100, 7], 61_000));
    let said = room.parties[CUSTOMER].from;
    room.change(CUSTOMER, |params| params.signalled = behind_nat.ip());
    room.converse();
    room.parties[CUSTOMER].speaks = false;
    room.run(100);
    assert!(room.packets_to(CUSTOMER).iter().all(|packet| packet.to == said));
    room.parties[CUSTOMER].from = behind_nat;
    room.parties[CUSTOMER].speaks = true;
    room.run(100);
    assert_eq!(room.packets_to(CUSTOMER).last().unwrap().to, behind_nat);
    let elsewhere = SocketAddr::from(([203, 0, 113, 66], 9));
    room.parties[CUSTOMER].from = elsewhere;
    for _ in 0..2 {
        let heard = room.packets_to(AGENT).len();
        room.run(100);
        assert_eq!((room.packets_to(AGENT).len(), room.packets_to(CUSTOMER).last().unwrap().to), (heard, behind_nat));
        // A re-INVITE latches anew, and still to no stranger.
        room.change(CUSTOMER, |_| {});
    }
    room.parties[CUSTOMER].from = SocketAddr::new(behind_nat.ip(), 62_000);
    room.run(100);
    assert_eq!(room.packets_to(CUSTOMER).last().unwrap().to, room.parties[CUSTOMER].from, "latched anew");
    room.change(CUSTOMER, |params| params.signalled = elsewhere.ip());
    room.parties[CUSTOMER].from = elsewhere;
    room.run(100);
    assert_eq!(room.packets_to(CUSTOMER).last().unwrap().to, elsewhere, "the phone moved, and its signalling too");
}

#[test]
fn a_prompt_is_played_to_one_leg_and_its_end_is_told() {
    let mut room = Room::new(1);
    room.converse();
    room.run(200);
    room.wire.packets.clear();
    room.play(SUPERVISOR, 5, &[Prompt::Error, Prompt::Chime]);
    room.run(900);
    assert!(room.hears(SUPERVISOR, 4) && !room.hears(AGENT, 4) && !room.hears(CUSTOMER, 4));
    assert!(room.wire.events.is_empty());
    room.run(600);
    assert!(room.wire.events == [Event::Played { leg: room.leg(SUPERVISOR), ticket: 5 }]);
    room.assert_unbroken(SUPERVISOR);
}

#[test]
fn a_prompt_that_is_stopped_or_replaced_is_never_reported_as_played() {
    let mut room = Room::new(1);
    room.play(SUPERVISOR, 1, &[Prompt::Error]);
    room.run(100);
    room.play(SUPERVISOR, 2, &[Prompt::Error]);
    room.run(100);
    room.plane.stop_playing(room.now(), room.leg(SUPERVISOR), &mut room.wire);
    room.run(3000);
    assert!(room.wire.events.is_empty());
    room.play(SUPERVISOR, 3, &[]);
    room.run(20);
    assert!(room.wire.events == [Event::Played { leg: room.leg(SUPERVISOR), ticket: 3 }]);
}

#[test]
fn a_chime_sounds_over_the_conversation_and_returns_to_relay() {
    let mut room = Room::new(0);
    room.voice = |party, timestamp| if party == CUSTOMER { sawtooth(timestamp) } else { 0 };
    room.converse();
    room.run(300);
    room.play(AGENT, 1, &[Prompt::Chime]);
    room.run(1000);
    room.assert_unbroken(AGENT);
    let heard = room.samples_to(AGENT);
    let differs = |n: &usize| heard[*n] != over_the_wire(sawtooth(FIRST_TIMESTAMP.wrapping_add(*n as u32)));
    let chimed: Vec<usize> = (0..heard.len()).filter(differs).collect();
    assert!(chimed.len() > 1000 && chimed.last().unwrap() - chimed[0] <= 3200, "the chime alone, and in one piece");
}

#[test]
fn events_pass_between_the_parties_alone_relayed_or_mixed() {
    let five = Digit::try_from('5').unwrap();
    for whisper in [false, true] {
        let mut room = Room::new(1);
        room.change(AGENT, |params| params.events = Some(EventFormat { payload_type: 96, ..EVENT }));
        room.converse();
        room.monitor(SUPERVISOR);
        if whisper {
            room.whisper(SUPERVISOR);
        }
        room.run(200);
        for party in [CUSTOMER, SUPERVISOR] {
            for duration in [160, 320, 480] {
                room.event_packet(party, five, duration, duration == 480);
            }
        }
        let token = room.parties[AGENT].token;
        let events: Vec<_> = room.wire.packets.iter().filter(|(_, packet)| packet.payload.len() == 4).collect();
        assert!(events.iter().all(|(to, packet)| *to == token && packet.payload_type == 96));
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|(_, packet)| packet.timestamp == events[0].1.timestamp), "one event, one timestamp");
        let mut numbers: Vec<_> = room.packets_to(AGENT).iter().map(|packet| packet.sequence).collect();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}

#[test]
fn digits_are_told_only_of_a_leg_that_listens() {
    let star = Digit::STAR;
    let mut room = Room::new(1);
    room.event_packet(SUPERVISOR, star, 800, true);
    room.plane.info(room.now(), room.leg(SUPERVISOR), star, &mut room.wire);
    assert!(room.wire.events.is_empty());
    room.plane.listen(room.leg(SUPERVISOR), true);
    room.run(2000);
    room.event_packet(SUPERVISOR, star, 800, true);
    assert!(room.wire.events == [Event::Digit { leg: room.leg(SUPERVISOR), digit: star }]);
}

#[test]
fn loss_and_reordering_pass_through_a_relay_as_they_came() {
    let mut room = Room::new(0);
    room.converse();
    room.run(100);
    let start = room.parties[CUSTOMER].sequence;
    for offset in [1, 0, 2, 5, 4] {
        room.parties[CUSTOMER].sequence = start.wrapping_add(offset);
        room.speak(CUSTOMER);
    }
    let numbers: Vec<_> = room.audio_to(AGENT).iter().map(|packet| packet.sequence).collect();
    let base = numbers[4].wrapping_add(1);
    let seen: Vec<_> = numbers[5..].iter().map(|number| number.wrapping_sub(base)).collect();
    assert_eq!(seen, [1, 0, 2, 5, 4]);
}

#[test]
fn a_new_ssrc_goes_on_in_the_same_stream() {
    let mut room = Room::new(0);
    room.converse();
    room.run(100);
    let packet = Packet { payload_type: 0, marker: true, sequence: 9, timestamp: 5, ssrc: 1234, payload: &[1; 160] };
    let bytes = packet.write(&mut [0; 1500]).unwrap().to_vec();
    room.bytes(CUSTOMER, &bytes);
    room.assert_unbroken(AGENT);
    assert_eq!(room.audio_to(AGENT).len(), 6);
}

#[test]
fn a_flood_is_cut_off_and_a_stranger_to_rtp_is_counted() {
    let mut room = Room::new(1);
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(100);
    let sent = room.plane.statistics(room.leg(CUSTOMER)).unwrap().dropped;
    for _ in 0..10_000 {
        room.speak(CUSTOMER);
    }
    let statistics = room.plane.statistics(room.leg(CUSTOMER)).unwrap();
    assert!(statistics.dropped - sent >= 9900, "{statistics:?}");
    room.run(1000);
    for garbage in [&b""[..], b"\x80", b"GET / HTTP/1.1\r\n\r\n", &[0x80; 12], &[0xff; 1400]] {
        room.bytes(AGENT, garbage);
    }
    assert_eq!(room.plane.statistics(room.leg(AGENT)).unwrap().dropped, 5);
}

#[test]
fn a_strangers_flood_silences_nobody() {
    let mut room = Room::new(0);
    room.converse();
    room.run(100);
    let (token, now) = (room.parties[CUSTOMER].token, room.now());
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let stranger = "203.0.113.9:4000".parse().unwrap();
    for _ in 0..200 {
        room.plane.packet(now, token, stranger, &[0x80; 172], &mut room.wire);
        room.plane.packet(now, token, stranger, &report, &mut room.wire);
    }
    let before = room.plane.statistics(room.leg(CUSTOMER)).unwrap();
    room.speak(CUSTOMER);
    let after = room.plane.statistics(room.leg(CUSTOMER)).unwrap();
    assert_eq!((after.received, after.dropped), (before.received + 1, before.dropped));
}

#[test]
fn legs_are_bounded_and_open_once() {
    let mut room = Room::new(0);
    assert_eq!(room.plane.open(room.leg(AGENT)), Err(OpenError::Twice));
    let mut ids = IdMaker::new(Entropy::from_seed([1; 32]));
    let opened = (0..MAX_LEGS).filter(|n| room.plane.open(ids.make(*n as u64)).is_ok()).count();
    assert_eq!(opened + 2, MAX_LEGS);
    assert_eq!(room.plane.open(ids.make(0)), Err(OpenError::Full));
}

#[test]
fn a_closed_leg_leaves_nothing_behind_and_its_place_is_used_again() {
    let mut room = Room::new(1);
    room.converse();
    room.whisper(SUPERVISOR);
    room.run(200);
    let leg = room.leg(SUPERVISOR);
    let place = room.plane.close(room.now(), leg, &mut room.wire);
    room.run(100);
    assert_eq!(place, Some(room.parties[SUPERVISOR].token));
    assert_eq!(room.plane.open(leg).ok(), place);
    assert_eq!(room.plane.open_legs(), 3);
    room.wire.packets.clear();
    room.run(400);
    assert!(room.hears(AGENT, CUSTOMER) && !room.hears(AGENT, SUPERVISOR));
}

#[derive(Clone, Debug)]
enum Step {
    Run(u64),
    Bytes(usize, Vec<u8>),
    Hear(u32),
    Hold(usize, bool, bool),
    Play(usize),
    Close(usize),
    Event(usize, u16),
    Jump(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        (0u64..120).prop_map(Step::Run),
        (0usize..4, bytes).prop_map(|(party, mut bytes)| {
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | (*first & 0x1f);
            }
            Step::Bytes(party, bytes)
        }),
        any::<u32>().prop_map(Step::Hear),
        (0usize..4, any::<bool>(), any::<bool>()).prop_map(|(party, send, receive)| Step::Hold(party, send, receive)),
        (0usize..4).prop_map(Step::Play),
        (0usize..4).prop_map(Step::Close),
        (0usize..4, any::<u16>()).prop_map(|(party, duration)| Step::Event(party, duration)),
        (0usize..4, any::<u32>()).prop_map(|(party, timestamp)| Step::Jump(party, timestamp)),
    ]
}

impl Room {
    fn take(&mut self, step: Step) {
        match step {
            Step::Run(ms) => self.run(ms),
            Step::Bytes(party, bytes) => self.bytes(party, &bytes),
            Step::Hear(mask) => {
                let pairs: Vec<_> = (0..16).filter(|bit| mask & 1 << bit != 0).map(|bit| (bit / 4, bit % 4)).collect();
                self.hear(&[0, 1, 2, 3], &pairs);
            }
            Step::Hold(party, send, receive) => {
                self.change(party, |params| (params.send, params.receive) = (send, receive))
            }
            Step::Play(party) => self.play(party, 1, &[Prompt::Chime]),
            Step::Close(party) => {
                let (leg, now) = (self.leg(party), self.now());
                self.plane.close(now, leg, &mut self.wire);
                self.parties[party].token = self.plane.open(leg).unwrap();
                self.change(party, |_| {});
            }
            Step::Event(party, duration) => self.event_packet(party, Digit::HASH, duration, false),
            Step::Jump(party, timestamp) => self.parties[party].timestamp = timestamp,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_comes_makes_the_plane_panic_or_leak_a_forbidden_voice(steps in proptest::collection::vec(step(), 1..60)) {
        let mut room = Room::new(2);
        room.converse();
        for step in steps {
            room.take(step);
        }
        room.hear(&[0, 1, 2, 3], &[(0, 1), (1, 0), (1, 2)]);
        (0..4).for_each(|party| room.change(party, |params| (params.send, params.receive) = (true, true)));
        room.run(1500);
        room.wire.packets.clear();
        room.run(400);
        for listener in 0..4 {
            for source in 0..4 {
                let allowed = [(0, 1), (1, 0), (1, 2)].contains(&(listener, source));
                prop_assert_eq!(room.hears(listener, source), allowed);
            }
        }
    }
}
