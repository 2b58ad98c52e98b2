//! A call and its supervisor: the signalling is the rig's, and the media commands go to a real plane; each line of a phone
//! says a tone of its own, in its codec and secured or not, and hears what it is sent.

use super::*;
use crate::{
    media::{
        Channel,
        clip::Clips,
        codec::{self, Decoder, Encoder, FRAME_SAMPLES, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, SAMPLE_RATE},
        plane::{Out, Plane, Token},
        rtp::Packet,
        srtp::Protection,
        tone,
    },
    model::Prompt,
    sip::sdp,
};
use std::sync::Arc;

pub const MUSIC: (&str, f64) = ("music", 2600.0);
const TICK: Duration = Duration::from_millis(20);
/// What may still be on its way when something has changed.
pub const SETTLING_TICKS: u32 = 15;
const LISTENING_TICKS: u32 = 12;
const HEARD_DB: f64 = -30.0;
const ABSENT_DB: f64 = -55.0;

pub const AGENT: usize = 0;
pub const CUSTOMER: usize = 1;
const SUPERVISOR: usize = 2;
pub const THIRD: usize = 3;
/// The agent's second line.
pub const CONSULTING: usize = 4;

/// Number, name in the table, tone.
const LINES: [(&str, &str, f64); 5] = [
    ("1000", "agent", 400.0),
    ("1001", "customer", 1100.0),
    ("1002", "supervisor", 1900.0),
    ("1003", "third", 3100.0),
    ("1000", "agent", 400.0),
];

/// What a party's phone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub codec: Codec,
    /// It speaks SRTP, and takes nothing else.
    pub secured: bool,
}

struct Line {
    rtp: SocketAddr,
    kind: Kind,
    keying: sdp::Keying,
    shield: Protection,
    encoder: Encoder,
    decoder: Decoder,
    /// Where the engine takes this line's packets; none while it has no call.
    engine: Option<SocketAddr>,
    direction: sdp::Direction,
    lost: bool,
    sequence: u16,
    timestamp: u32,
    heard: Vec<i16>,
}

pub struct Room {
    pub rig: Rig,
    plane: Plane,
    tokens: BTreeMap<LegId, Token>,
    lines: Vec<Line>,
    session: Option<(SessionId, CallId)>,
    /// The 200 of the agent's call, what the customer was asked, and the next CSeq of either.
    pub first: Option<(Response, Request)>,
    cseq: u32,
}

#[derive(Default)]
struct Wire {
    packets: Vec<(SocketAddr, Vec<u8>)>,
    events: Vec<media::Event>,
}

impl Out for Wire {
    fn send(&mut self, _leg: Token, to: SocketAddr, packet: &[u8]) {
        self.packets.push((to, packet.to_vec()));
    }

    fn report(&mut self, _leg: Token, _channel: Channel, _to: SocketAddr, _report: &[u8]) {}

    fn event(&mut self, event: media::Event) {
        self.events.push(event);
    }

    fn lost(&mut self, _packets: u64) {}
}

impl Room {
    /// Agent and customer in a call, and a supervisor beside the agent. A third has a phone like the customer's.
    pub fn new(kinds: [Kind; 3], mode: Mode) -> Self {
        Self::with_patience(kinds, mode, None)
    }

    /// A party of which nothing comes for so long is given up.
    pub fn with_patience(kinds: [Kind; 3], mode: Mode, patience: Option<Duration>) -> Self {
        let mut rig = Rig::new();
        rig.switch.config.codecs = Codec::ALL.to_vec();
        rig.switch.registrar.load(vec![binding("1003")]);
        let entry = |number| DirectoryEntry { srtp: SrtpPolicy::Allowed, ..directory_entry(number) };
        rig.switch.set_directory(rig.now, Directory::new(["1000", "1001", "1002", "1003"].map(entry)));
        let music = tone::sine(MUSIC.1, -10.0, SAMPLE_RATE, 50 * FRAME_SAMPLES);
        let clips = Arc::new(Clips::from_samples([(Prompt::MusicOnHold, music)]));
        let plane = Plane::new(clips, Entropy::from_seed([6; 32])).with_patience(patience);
        let kinds = [kinds[AGENT], kinds[CUSTOMER], kinds[SUPERVISOR], kinds[CUSTOMER], kinds[AGENT]];
        let lines = (0..).zip(kinds).map(|(n, kind)| Line {
            rtp: SocketAddr::new(address(LINES[usize::from(n)].0).ip(), 4000 + 2 * u16::from(n)),
            kind,
            keying: sdp::Keying::new(
                if kind.secured { SrtpPolicy::Required } else { SrtpPolicy::Off },
                Entropy::from_seed([n; 32]),
            ),
            shield: Protection::default(),
            encoder: Encoder::new(kind.codec),
            decoder: Decoder::new(kind.codec),
            engine: None,
            direction: sdp::Direction::SendRecv,
            lost: false,
            sequence: 0,
            timestamp: 0,
            heard: vec![],
        });
        let lines = lines.collect();
        let mut room = Self { rig, plane, tokens: BTreeMap::new(), lines, session: None, first: None, cseq: 3 };
        let (ok, ring) = room.call(AGENT, "1001", CUSTOMER);
        room.first = Some((ok, ring));
        room.session = Some(room.supervise(SUPERVISOR, 8, Side::Caller, mode));
        room
    }

    pub fn offer(&mut self, line: usize, direction: sdp::Direction) -> Vec<u8> {
        let secured = self.lines[line].keying.offer();
        self.describe(line, direction, secured)
    }

    fn describe(&self, line: usize, direction: sdp::Direction, secured: sdp::Secured) -> Vec<u8> {
        let Line { rtp, kind, .. } = &self.lines[line];
        let codecs = vec![kind.codec];
        let local = sdp::Local { address: *rtp, codecs, events: false, direction, ptime: 20, secured };
        sdp::offer(&sdp::Origin::new(1), &local, None)
    }

    /// The engine's answer to a line.
    pub fn told(&mut self, line: usize, body: &[u8], mine: sdp::Direction) {
        let session = sdp::read(body).unwrap().session;
        self.lines[line].keying.take_answer(&session).unwrap();
        self.agree(line, &session, mine);
    }

    /// Where to send, whether, and under which keys.
    fn agree(&mut self, line: usize, session: &sdp::Session, mine: sdp::Direction) {
        let line = &mut self.lines[line];
        line.engine = Some(session.remote);
        line.direction = mine.within(session.direction);
        line.shield.secure(line.keying.keys());
        assert_eq!(line.shield.is_on(), line.kind.secured);
    }

    pub fn call(&mut self, from: usize, number: &str, to: usize) -> (Response, Request) {
        let phone = LINES[from].0;
        let offer = self.offer(from, sdp::Direction::SendRecv);
        let request = self.rig.request(Method::Invite, phone, number, offer);
        self.rig.authenticated(phone, request);
        let ring = self.answer_ring(to);
        let ok = self.rig.response(phone, 200);
        self.rig.ack(phone, &ok);
        self.told(from, &ok.body, sdp::Direction::SendRecv);
        (ok, ring)
    }

    pub fn answer_ring(&mut self, line: usize) -> Request {
        let ring = self.rig.received(LINES[line].0, Method::Invite);
        self.answer_offer(line, &ring, sdp::Direction::SendRecv);
        ring
    }

    fn answer_offer(&mut self, line: usize, offer: &Request, mine: sdp::Direction) {
        let session = sdp::read(&offer.body).unwrap().session;
        self.lines[line].keying.take_offer(&session).unwrap();
        self.agree(line, &session, mine);
        let body = self.describe(line, self.lines[line].direction, self.lines[line].keying.answer());
        self.rig.answer(LINES[line].0, offer, 200, body);
        self.rig.received(LINES[line].0, Method::Ack);
    }

    /// A supervisor at that line, beside one side of the call.
    pub fn supervise(&mut self, line: usize, id: u128, side: Side, mode: Mode) -> (SessionId, CallId) {
        let phone = LINES[line].0;
        let offer = self.offer(line, sdp::Direction::SendRecv);
        let request = self.rig.request(Method::Invite, phone, "0071", offer);
        self.rig.authenticated(phone, request);
        let Some(Event::Dialled { leg, .. }) = self.rig.events.pop() else { panic!("nobody came to the desk") };
        self.rig.command(Command::Answer { leg });
        let ok = self.rig.response(phone, 200);
        self.rig.ack(phone, &ok);
        self.told(line, &ok.body, sdp::Direction::SendRecv);
        let (session, call) = (SessionId::from(ulid::Ulid::from(id)), self.rig.call().id);
        self.rig.command(Command::Attach { session, leg, call, side, mode, hearing: Hearing::WithoutKeys });
        (session, call)
    }

    /// A new offer of the agent or the customer, which the other one answers if it is asked.
    pub fn reinvite(&mut self, line: usize, mine: sdp::Direction) {
        let mut request = self.in_first(line, Method::Invite);
        request.set_body("application/sdp", self.offer(line, mine));
        let cseq = request.headers.cseq().unwrap().number;
        self.rig.send(LINES[line].0, &Message::Request(request.clone()));
        let other = 1 - line;
        if self.rig.words(LINES[other].0).contains(&"INVITE".to_owned()) {
            let asked = self.rig.received(LINES[other].0, Method::Invite);
            let holds = !self.lines[other].direction.receives();
            let theirs = if holds { sdp::Direction::SendOnly } else { sdp::Direction::SendRecv };
            self.answer_offer(other, &asked, theirs);
        }
        let ok = self.rig.response(LINES[line].0, 200);
        self.told(line, &ok.body, mine);
        let mut ack = self.in_first(line, Method::Ack);
        ack.headers.set("CSeq", format!("{cseq} ACK"));
        self.rig.send(LINES[line].0, &Message::Request(ack));
    }

    /// A request of the agent or the customer in their call.
    fn in_first(&mut self, line: usize, method: Method) -> Request {
        let (ok, ring) = self.first.as_ref().unwrap();
        self.cseq += 1;
        match (line, LINES[line].0) {
            (AGENT, phone) => self.rig.in_dialog(phone, method, ok, self.cseq),
            (_, phone) => from_callee(&mut self.rig, phone, method, ring, self.cseq),
        }
    }

    pub fn refer(&mut self, line: usize, target: &str) {
        let mut request = self.in_first(line, Method::Refer);
        request.headers.push("Refer-To", target);
        self.rig.send(LINES[line].0, &Message::Request(request));
        self.rig.response(LINES[line].0, 202);
    }

    pub fn send_on(&mut self, line: usize) {
        self.refer(line, &format!("<sip:1003@{DOMAIN}>"));
    }

    pub fn hangs_up(&mut self, line: usize) {
        let bye = self.in_first(line, Method::Bye);
        self.rig.send(LINES[line].0, &Message::Request(bye));
        self.gone(line);
    }

    /// From its next offer on.
    pub fn changes_codec(&mut self, line: usize) {
        let line = &mut self.lines[line];
        let codec = Codec::ALL.into_iter().find(|codec| *codec != line.kind.codec).unwrap();
        (line.kind.codec, line.encoder, line.decoder) = (codec, Encoder::new(codec), Decoder::new(codec));
    }

    /// Nothing that it sends arrives any more.
    pub fn is_lost(&mut self, line: usize) {
        self.lines[line].lost = true;
    }

    pub fn gone(&mut self, line: usize) {
        self.lines[line].engine = None;
    }

    /// Who was on hold is asked back.
    pub fn comes_back(&mut self, line: usize) {
        let asked = self.rig.received(LINES[line].0, Method::Invite);
        self.answer_offer(line, &asked, sdp::Direction::SendRecv);
    }

    pub fn hold(&mut self, line: usize) {
        self.reinvite(line, sdp::Direction::SendOnly);
    }

    pub fn resume(&mut self, line: usize) {
        self.reinvite(line, sdp::Direction::SendRecv);
    }

    pub fn consult(&mut self) -> Response {
        self.hold(AGENT);
        self.call(CONSULTING, "1003", THIRD).0
    }

    /// Minutes in which one phone answers nothing.
    pub fn vanish(&mut self, line: usize) {
        self.is_lost(line);
        for _ in 0..40 {
            self.rig.after(Duration::from_secs(5));
            for phone in ["1000", "1001", "1002"].into_iter().filter(|phone| *phone != LINES[line].0) {
                while self.rig.words(phone).contains(&"OPTIONS".to_owned()) {
                    let asked = self.rig.received(phone, Method::Options);
                    self.rig.answer(phone, &asked, 200, vec![]);
                }
            }
        }
        assert!(self.rig.switch.calls().is_empty());
        self.gone(AGENT);
        self.gone(CUSTOMER);
    }

    /// What the desk does when a call is over.
    fn desk(&mut self) {
        let Some((session, watched)) = self.session else { return };
        let is_over = |event: &Event| match event {
            Event::Transferred { call } | Event::CallEnded { call } => *call == watched,
            _ => false,
        };
        if self.rig.events.iter().any(is_over) {
            self.rig.command(Command::Detach { session });
        }
    }

    /// Lets the plane obey what the switch has asked of it.
    fn obey(&mut self, wire: &mut Wire) {
        let now = self.rig.now.instant;
        for command in std::mem::take(&mut self.rig.media) {
            match command {
                media::Command::Secure { leg, keys } => {
                    self.opened(leg);
                    self.plane.secure(leg, keys.as_ref());
                }
                media::Command::Configure { leg, params } => {
                    self.opened(leg);
                    self.plane.configure(now, leg, params, wire);
                }
                media::Command::Hear(matrix) => self.plane.hear(now, &matrix, wire),
                media::Command::Close { leg } => {
                    self.plane.close(now, leg, wire);
                }
                media::Command::Open { .. }
                | media::Command::Play { .. }
                | media::Command::StopPlaying { .. }
                | media::Command::Listen { .. }
                | media::Command::Info { .. } => {}
            }
        }
    }

    fn opened(&mut self, leg: LegId) {
        self.tokens.entry(leg).or_insert_with(|| self.plane.open(leg).unwrap());
    }

    pub fn run(&mut self, ticks: u32) {
        let mut wire = Wire::default();
        for _ in 0..ticks {
            self.obey(&mut wire);
            let now = self.rig.now.instant;
            for line in 0..self.lines.len() {
                if let Some((token, packet)) = self.says(line) {
                    self.plane.packet(now, token, self.lines[line].rtp, &packet, &mut wire);
                }
            }
            self.plane.tick(now, &mut wire);
            for event in wire.events.drain(..) {
                self.rig.switch.media_event(self.rig.now, event);
            }
            self.rig.after(TICK);
            for (to, packet) in wire.packets.drain(..) {
                self.hears(to, &packet);
            }
        }
    }

    fn says(&mut self, line: usize) -> Option<(Token, Vec<u8>)> {
        let hz = LINES[line].2;
        let Line { rtp, kind, shield, encoder, engine, direction, lost, sequence, timestamp, .. } =
            &mut self.lines[line];
        let codec = kind.codec;
        engine.filter(|_| direction.sends() && !*lost)?;
        let is_its = |leg: &Leg| leg.media.remote.as_ref().is_some_and(|remote| remote.session.remote == *rtp);
        let leg = self.rig.switch.legs.iter().find(|(_, leg)| is_its(leg)).map(|(id, _)| *id)?;
        let token = *self.tokens.get(&leg)?;
        let (rate, begun) = (codec::rate(codec), u32::from(*sequence));
        let length = rate.frame_samples() as u32;
        let at = |n: u32| std::f64::consts::TAU * hz * f64::from(begun * length + n) / f64::from(rate.hz());
        let samples: Vec<i16> = (0..length).map(|n| (6000.0 * at(n).sin()) as i16).collect();
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let payload = encoder.encode(&samples, &mut payload);
        let (payload_type, ssrc) = (codec.payload_type(), 70 + line as u32);
        let packet = Packet { payload_type, marker: false, sequence: *sequence, timestamp: *timestamp, ssrc, payload };
        let bytes = shield.seal(packet.write(&mut [0; 1500]).unwrap()).unwrap().to_vec();
        *sequence = sequence.wrapping_add(1);
        *timestamp = timestamp.wrapping_add(codec::units(codec, length as usize));
        Some((token, bytes))
    }

    fn hears(&mut self, to: SocketAddr, packet: &[u8]) {
        let Some(line) = self.lines.iter_mut().find(|line| line.rtp == to) else { return };
        let packet = line.shield.open(packet).expect("a packet under the keys that were agreed on");
        let packet = Packet::read(&packet).unwrap();
        assert_eq!(packet.payload_type, line.kind.codec.payload_type(), "every line speaks one codec");
        line.heard.extend(line.decoder.decode(packet.payload, &mut [0; MAX_PACKET_SAMPLES]));
    }

    /// Whom each name of the table hears, its lines taken together.
    pub fn listen(&mut self) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        self.desk();
        self.run(SETTLING_TICKS);
        self.lines.iter_mut().for_each(|line| line.heard.clear());
        self.run(LISTENING_TICKS);
        let mut heard: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (line, (_, name, _)) in self.lines.iter().zip(LINES) {
            let sources = LINES[..CONSULTING].iter().map(|(_, source, hz)| (*source, *hz)).chain([MUSIC]);
            let row = heard.entry(name).or_default();
            for (source, hz) in sources {
                let level = tone::level_of(hz, codec::rate(line.kind.codec).hz(), &line.heard);
                assert!(!(ABSENT_DB..HEARD_DB).contains(&level), "{name} hears {source} at {level:.1} dB");
                if level >= HEARD_DB {
                    row.insert(source);
                }
            }
        }
        heard
    }
}
