//! The table of `docs/who-hears-what.md`, measured: every state of a call, in every mode, in every pair of codecs. The signalling
//! is the rig's; the media commands go to a real plane; each line of a phone says a tone of its own and hears what it is sent.

use super::{transfer, *};
use crate::{
    media::{
        Channel,
        clip::Clips,
        codec::{self, Decoder, Encoder, FRAME_SAMPLES, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, SAMPLE_RATE},
        plane::{Out, Plane, Token},
        rtp::Packet,
        tone,
    },
    model::Prompt,
    sip::sdp,
};
use std::{collections::BTreeSet, sync::Arc};

const TABLE: &str = include_str!("../../../../docs/who-hears-what.md");
const NOBODY: &str = "–";
const MUSIC: (&str, f64) = ("music", 2600.0);
const TICK: Duration = Duration::from_millis(20);
/// What may still be on its way when something has changed.
const SETTLING_TICKS: u32 = 15;
const LISTENING_TICKS: u32 = 12;
const HEARD_DB: f64 = -30.0;
const ABSENT_DB: f64 = -55.0;

const AGENT: usize = 0;
const CUSTOMER: usize = 1;
const SUPERVISOR: usize = 2;
const THIRD: usize = 3;
/// The agent's second line.
const CONSULTING: usize = 4;

/// Number, name in the table, tone.
const LINES: [(&str, &str, f64); 5] = [
    ("1000", "agent", 400.0),
    ("1001", "customer", 1100.0),
    ("1002", "supervisor", 1900.0),
    ("1003", "third", 3100.0),
    ("1000", "agent", 400.0),
];

struct Line {
    rtp: SocketAddr,
    codec: Codec,
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

struct Room {
    rig: Rig,
    plane: Plane,
    tokens: BTreeMap<LegId, Token>,
    lines: Vec<Line>,
    session: Option<(SessionId, CallId)>,
    /// The 200 of the agent's call, what the customer was asked, and the next CSeq of either.
    first: Option<(Response, Request)>,
    cseq: u32,
}

#[derive(Default)]
struct Wire(Vec<(SocketAddr, Vec<u8>)>);

impl Out for Wire {
    fn send(&mut self, _leg: Token, to: SocketAddr, packet: &[u8]) {
        self.0.push((to, packet.to_vec()));
    }

    fn report(&mut self, _leg: Token, _channel: Channel, _to: SocketAddr, _report: &[u8]) {}

    fn event(&mut self, _event: media::Event) {}
}

impl Room {
    /// Agent and customer in a call, and a supervisor beside the agent.
    fn new(codecs: [Codec; 3], mode: Mode) -> Self {
        let mut rig = Rig::new();
        rig.switch.config.codecs = Codec::ALL.to_vec();
        rig.switch.registrar.load(vec![binding("1003")]);
        let music = tone::sine(MUSIC.1, -10.0, SAMPLE_RATE, 50 * FRAME_SAMPLES);
        let plane =
            Plane::new(Arc::new(Clips::from_samples([(Prompt::MusicOnHold, music)])), Entropy::from_seed([6; 32]));
        let codecs = [codecs[AGENT], codecs[CUSTOMER], codecs[SUPERVISOR], codecs[CUSTOMER], codecs[AGENT]];
        let lines = codecs.into_iter().enumerate().map(|(n, codec)| Line {
            rtp: SocketAddr::new(address(LINES[n].0).ip(), 4000 + 2 * n as u16),
            codec,
            encoder: Encoder::new(codec),
            decoder: Decoder::new(codec),
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

    fn describe(&self, line: usize, direction: sdp::Direction) -> Vec<u8> {
        let Line { rtp, codec, .. } = &self.lines[line];
        let local = sdp::Local {
            address: *rtp,
            codecs: vec![*codec],
            events: false,
            direction,
            ptime: 20,
            secured: sdp::Secured::default(),
        };
        sdp::offer(&sdp::Origin::new(1), &local, None)
    }

    /// The engine's words to a line: where to send, and whether.
    fn told(&mut self, line: usize, body: &[u8], mine: sdp::Direction) {
        let session = sdp::read(body).unwrap().session;
        self.lines[line].engine = Some(session.remote);
        self.lines[line].direction = mine.within(session.direction);
    }

    fn call(&mut self, from: usize, number: &str, to: usize) -> (Response, Request) {
        let phone = LINES[from].0;
        let request = self.rig.request(Method::Invite, phone, number, self.describe(from, sdp::Direction::SendRecv));
        self.rig.authenticated(phone, request);
        let ring = self.answer_ring(to);
        let ok = self.rig.response(phone, 200);
        self.rig.ack(phone, &ok);
        self.told(from, &ok.body, sdp::Direction::SendRecv);
        (ok, ring)
    }

    fn answer_ring(&mut self, line: usize) -> Request {
        let ring = self.rig.received(LINES[line].0, Method::Invite);
        self.answer_offer(line, &ring, sdp::Direction::SendRecv);
        ring
    }

    fn answer_offer(&mut self, line: usize, offer: &Request, mine: sdp::Direction) {
        self.told(line, &offer.body, mine);
        let body = self.describe(line, self.lines[line].direction);
        self.rig.answer(LINES[line].0, offer, 200, body);
        self.rig.received(LINES[line].0, Method::Ack);
    }

    /// A supervisor at that line, beside one side of the call.
    fn supervise(&mut self, line: usize, id: u128, side: Side, mode: Mode) -> (SessionId, CallId) {
        let phone = LINES[line].0;
        let request = self.rig.request(Method::Invite, phone, "0071", self.describe(line, sdp::Direction::SendRecv));
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
    fn reinvite(&mut self, line: usize, mine: sdp::Direction) {
        let mut request = self.in_first(line, Method::Invite);
        request.set_body("application/sdp", self.describe(line, mine));
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

    fn refer(&mut self, line: usize, target: &str) {
        let mut request = self.in_first(line, Method::Refer);
        request.headers.push("Refer-To", target);
        self.rig.send(LINES[line].0, &Message::Request(request));
        self.rig.response(LINES[line].0, 202);
    }

    fn send_on(&mut self, line: usize) {
        self.refer(line, &format!("<sip:1003@{DOMAIN}>"));
    }

    fn hangs_up(&mut self, line: usize) {
        let bye = self.in_first(line, Method::Bye);
        self.rig.send(LINES[line].0, &Message::Request(bye));
        self.gone(line);
    }

    fn gone(&mut self, line: usize) {
        self.lines[line].engine = None;
    }

    /// Who was on hold is asked back.
    fn comes_back(&mut self, line: usize) {
        let asked = self.rig.received(LINES[line].0, Method::Invite);
        self.answer_offer(line, &asked, sdp::Direction::SendRecv);
    }

    fn hold(&mut self, line: usize) {
        self.reinvite(line, sdp::Direction::SendOnly);
    }

    fn resume(&mut self, line: usize) {
        self.reinvite(line, sdp::Direction::SendRecv);
    }

    fn consult(&mut self) -> Response {
        self.hold(AGENT);
        self.call(CONSULTING, "1003", THIRD).0
    }

    /// Minutes in which one phone answers nothing.
    fn vanish(&mut self, line: usize) {
        self.lines[line].lost = true;
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
                media::Command::Configure { leg, params } => {
                    if let std::collections::btree_map::Entry::Vacant(place) = self.tokens.entry(leg) {
                        place.insert(self.plane.open(leg).unwrap());
                    }
                    self.plane.configure(now, leg, params, wire);
                }
                media::Command::Hear(matrix) => self.plane.hear(now, &matrix, wire),
                media::Command::Close { leg } => {
                    self.plane.close(now, leg, wire);
                }
                media::Command::Open { .. }
                | media::Command::Secure { .. }
                | media::Command::Play { .. }
                | media::Command::StopPlaying { .. }
                | media::Command::Listen { .. }
                | media::Command::Info { .. } => {}
            }
        }
    }

    fn run(&mut self, ticks: u32) {
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
            self.rig.after(TICK);
            for (to, packet) in wire.0.drain(..) {
                self.hears(to, &packet);
            }
        }
    }

    fn says(&mut self, line: usize) -> Option<(Token, Vec<u8>)> {
        let hz = LINES[line].2;
        let Line { rtp, engine, direction, lost, codec, encoder, sequence, timestamp, .. } = &mut self.lines[line];
        engine.filter(|_| direction.sends() && !*lost)?;
        let is_its = |leg: &Leg| leg.media.remote.as_ref().is_some_and(|remote| remote.session.remote == *rtp);
        let leg = self.rig.switch.legs.iter().find(|(_, leg)| is_its(leg)).map(|(id, _)| *id)?;
        let token = *self.tokens.get(&leg)?;
        let (rate, begun) = (codec::rate(*codec), u32::from(*sequence));
        let length = rate.frame_samples() as u32;
        let at = |n: u32| std::f64::consts::TAU * hz * f64::from(begun * length + n) / f64::from(rate.hz());
        let samples: Vec<i16> = (0..length).map(|n| (6000.0 * at(n).sin()) as i16).collect();
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let payload = encoder.encode(&samples, &mut payload);
        let (payload_type, ssrc) = (codec.payload_type(), 70 + line as u32);
        let packet = Packet { payload_type, marker: false, sequence: *sequence, timestamp: *timestamp, ssrc, payload };
        let bytes = packet.write(&mut [0; 1500]).unwrap().to_vec();
        *sequence = sequence.wrapping_add(1);
        *timestamp = timestamp.wrapping_add(codec::units(*codec, length as usize));
        Some((token, bytes))
    }

    fn hears(&mut self, to: SocketAddr, packet: &[u8]) {
        let Some(line) = self.lines.iter_mut().find(|line| line.rtp == to) else { return };
        let packet = Packet::read(packet).unwrap();
        assert_eq!(packet.payload_type, line.codec.payload_type(), "every line speaks one codec");
        line.heard.extend(line.decoder.decode(packet.payload, &mut [0; MAX_PACKET_SAMPLES]));
    }

    /// Whom each name of the table hears, its lines taken together.
    fn listen(&mut self) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        self.desk();
        self.run(SETTLING_TICKS);
        self.lines.iter_mut().for_each(|line| line.heard.clear());
        self.run(LISTENING_TICKS);
        let mut heard: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (line, (_, name, _)) in self.lines.iter().zip(LINES) {
            let sources = LINES[..CONSULTING].iter().map(|(_, source, hz)| (*source, *hz)).chain([MUSIC]);
            let row = heard.entry(name).or_default();
            for (source, hz) in sources {
                let level = tone::level_of(hz, codec::rate(line.codec).hz(), &line.heard);
                assert!(!(ABSENT_DB..HEARD_DB).contains(&level), "{name} hears {source} at {level:.1} dB");
                if level >= HEARD_DB {
                    row.insert(source);
                }
            }
        }
        heard
    }
}

/// Brings a room into a state of the table.
fn bring_about(room: &mut Room, state: &str) {
    match state {
        "talking" => {}
        "held by the agent" => room.hold(AGENT),
        "held by the customer" => room.hold(CUSTOMER),
        "held by both" => {
            room.hold(AGENT);
            room.hold(CUSTOMER);
        }
        "resumed" => {
            for line in [AGENT, CUSTOMER] {
                room.hold(line);
                room.run(SETTLING_TICKS);
                room.resume(line);
            }
        }
        "offered anew" => room.resume(CUSTOMER),
        "codec changed" => {
            let other = Codec::ALL.into_iter().find(|codec| *codec != room.lines[CUSTOMER].codec).unwrap();
            let line = &mut room.lines[CUSTOMER];
            (line.codec, line.encoder, line.decoder) = (other, Encoder::new(other), Decoder::new(other));
            room.resume(CUSTOMER);
        }
        "customer's packets lost" => room.lines[CUSTOMER].lost = true,
        "agent's packets lost" => room.lines[AGENT].lost = true,
        "agent sends the customer on: it rings" => room.send_on(AGENT),
        "agent sends the customer on: declined" => {
            room.send_on(AGENT);
            room.run(SETTLING_TICKS);
            let ring = room.rig.received("1003", Method::Invite);
            room.rig.answer("1003", &ring, 603, vec![]);
        }
        "agent sends the customer on: answered" => {
            room.hold(AGENT);
            room.send_on(AGENT);
            room.answer_ring(THIRD);
            room.gone(AGENT);
            room.comes_back(CUSTOMER);
        }
        "agent leaves while it rings: answered" => {
            room.send_on(AGENT);
            room.hangs_up(AGENT);
            room.run(SETTLING_TICKS);
            room.answer_ring(THIRD);
        }
        "customer sends the agent on: it rings" => room.send_on(CUSTOMER),
        "customer sends the agent on: answered" => {
            room.send_on(CUSTOMER);
            room.answer_ring(THIRD);
            room.gone(CUSTOMER);
        }
        "agent consults the third" => {
            room.consult();
        }
        "agent joins customer and third" => {
            let second = room.consult();
            room.refer(
                AGENT,
                &format!("<sip:1003@{DOMAIN}?Replaces={}>", transfer::escaped(&transfer::replaces(&second))),
            );
            room.gone(AGENT);
            room.gone(CONSULTING);
            room.comes_back(CUSTOMER);
        }
        "agent's place taken by its other phone" => {
            let dialog = transfer::replaces(&room.first.as_ref().unwrap().0);
            let body = room.describe(THIRD, sdp::Direction::SendRecv);
            let mut request = room.rig.request(Method::Invite, "1000", "1001", body);
            request.headers.push("Replaces", dialog);
            room.rig.authenticated("1000", request);
            let taken = room.rig.response("1000", 200);
            room.told(THIRD, &taken.body, sdp::Direction::SendRecv);
            room.gone(AGENT);
        }
        "customer's phone vanished" => room.vanish(CUSTOMER),
        "agent's phone vanished" => room.vanish(AGENT),
        "customer hangs up" => {
            room.hangs_up(CUSTOMER);
            room.gone(AGENT);
        }
        other => panic!("nobody knows how to bring about `{other}`"),
    }
}

/// State, and its cells.
fn rows() -> Vec<(&'static str, Vec<BTreeSet<&'static str>>)> {
    let table = TABLE.split_once("<!-- states -->").unwrap().1.split_once("<!-- /states -->").unwrap().0;
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let names = |cell: &&'static str| cell.split(", ").filter(|name| *name != NOBODY).collect();
    rows.map(cells).map(|cells| (cells[0], cells[1..].iter().map(names).collect())).collect()
}

fn assert_row(state: &'static str, cells: &[BTreeSet<&'static str>], codecs: [Codec; 3]) {
    for (mode, to) in [Mode::Monitor, Mode::Whisper, Mode::Barge].into_iter().zip(&cells[4..]) {
        let mut room = Room::new(codecs, mode);
        room.run(SETTLING_TICKS);
        bring_about(&mut room, state);
        let heard = room.listen();
        for (name, hears) in ["agent", "customer", "third", "supervisor"].into_iter().zip(&cells[..4]) {
            let mut expected = hears.clone();
            if to.contains(name) {
                expected.insert("supervisor");
            }
            assert_eq!(heard[name], expected, "{state}, {mode}, {codecs:?}: what the {name} hears");
        }
    }
}

#[test]
fn the_table_of_the_manual_is_what_every_party_hears_in_every_state_mode_and_codec() {
    let rows = rows();
    assert!(rows.len() > 20 && rows.iter().all(|(_, cells)| cells.len() == 7));
    let others = Codec::ALL.into_iter().cycle().skip(1);
    for (agent, customer) in Codec::ALL.into_iter().zip(others) {
        for (state, cells) in &rows {
            assert_row(state, cells, [agent, customer, agent]);
        }
    }
}

#[test]
#[ignore = "a minute in a debug build: run by tests/run --long"]
fn the_table_holds_in_every_pair_of_codecs() {
    for agent in Codec::ALL {
        for customer in Codec::ALL {
            for (state, cells) in &rows() {
                assert_row(state, cells, [agent, customer, agent]);
            }
        }
    }
}

#[test]
fn two_supervisors_on_opposite_ends_each_whisper_to_their_own_end() {
    let mut room = Room::new([Codec::Pcmu, Codec::Pcma, Codec::Pcmu], Mode::Whisper);
    room.supervise(THIRD, 9, Side::Callee, Mode::Whisper);
    let heard = room.listen();
    assert_eq!(heard["agent"], BTreeSet::from(["customer", "supervisor"]));
    assert_eq!(heard["customer"], BTreeSet::from(["agent", "third"]));
    for supervisor in ["supervisor", "third"] {
        assert_eq!(heard[supervisor], BTreeSet::from(["agent", "customer"]));
    }
}
