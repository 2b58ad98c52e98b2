//! The switch among phones in virtual time. The rig is the network: it hands datagrams to the switch and sorts what comes
//! out by the phone it is for. Phones are scripts; each has an address and the password that its number spells.

mod callback;
mod changes;
mod descriptions;
mod early;
mod ends;
mod hears;
mod keys;
mod nat;
mod network;
mod place;
mod presence;
mod pulse;
mod races;
mod record;
mod secure;
mod sessions;
mod strangers;
mod torture;
mod transfer;
mod trunks;
mod world;

use super::*;
use crate::{
    model::{CallRecord, Digit, ExtensionNumber, HearMatrix, Hearing, LegQuality, Mode, Secret, Side, SrtpPolicy},
    sip::{
        Binding, EndpointConfig, Message, Method, Parsed, RegistrarConfig, Transport,
        digest::{self, Algorithm, Asker, Challenge},
        parse_datagram,
    },
};
use std::net::SocketAddr;

const DOMAIN: &str = "sip.example";
const SERVER: &str = "192.0.2.1:5060";

/// It is challenged with SHA-256, the others as configured with MD5.
const SHA256_PHONE: &str = "1004";

struct AnyPort(u16);

impl MediaPorts for AnyPort {
    fn open(&mut self, _leg: LegId) -> Result<SocketAddr, NoFreePort> {
        self.0 = if self.0 < 60_000 { self.0 + 2 } else { 10_000 };
        Ok(format!("192.0.2.1:{}", self.0).parse().unwrap())
    }
}

struct Rig {
    switch: Embedded<AnyPort>,
    now: Now,
    inbox: Vec<(SocketAddr, Message)>,
    /// But for those that a call is up: they are counted.
    events: Vec<Event>,
    ups: usize,
    matrices: Vec<HearMatrix>,
    /// Commands for the media plane, those among them for which there is a place of their own.
    media: Vec<media::Command>,
    bindings: usize,
    records: Vec<CallRecord>,
    qualities: Vec<(CallId, Side, LegQuality)>,
    closed: Vec<LegId>,
    sent: u32,
}

fn number(text: &str) -> ExtensionNumber {
    text.parse().unwrap()
}

/// Phone 1000 stands at 192.0.2.10, 1001 at 192.0.2.11, …
fn address(phone: &str) -> SocketAddr {
    let place = phone.parse::<u32>().unwrap() - 990;
    format!("192.0.2.{place}:5060").parse().unwrap()
}

fn flow(phone: &str) -> Flow {
    Flow { transport: Transport::Udp, local: SERVER.parse().unwrap(), remote: address(phone) }
}

fn ha1(phone: &str, algorithm: Algorithm) -> Secret {
    digest::ha1(algorithm, phone, DOMAIN, &Secret::new(phone))
}

fn sdp_of(phone: &str, direction: &str) -> Vec<u8> {
    let ip = address(phone).ip();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
    .into_bytes()
}

impl Rig {
    fn new() -> Self {
        let phones = ["1000", "1001", "1002", "1003", SHA256_PHONE];
        let mut registrar = Registrar::new(RegistrarConfig::default());
        registrar.load(phones[..3].iter().map(|phone| binding(phone)).collect());
        let mut entropy = Entropy::from_seed([3; 32]);
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        let instant = Instant::now();
        let switch = Embedded::new(Parts {
            config: Config {
                domain: DOMAIN.into(),
                digest: vec![Algorithm::Md5],
                advertise: None,
                codecs: vec![Codec::Pcmu, Codec::Pcma],
                ring_timeout: Duration::from_secs(60),
                max_concurrent: 0,
            },
            dialplan: DialPlan::default(),
            directory: Directory::new(phones.map(|phone| DirectoryEntry {
                digest: (phone == SHA256_PHONE).then(|| vec![Algorithm::Sha256]),
                ..directory_entry(phone)
            })),
            endpoint: Endpoint::new(EndpointConfig { invite_rate: None, ..EndpointConfig::default() }, entropy.fork()),
            registrar,
            authenticator: Authenticator::new(DOMAIN, [5; 32]),
            ports: AnyPort(10_000),
            entropy,
        });
        let now = Now { instant, unix_ms: 1_700_000_000_000 };
        Self {
            switch,
            now,
            inbox: vec![],
            events: vec![],
            ups: 0,
            matrices: vec![],
            media: vec![],
            bindings: 0,
            records: vec![],
            qualities: vec![],
            closed: vec![],
            sent: 0,
        }
    }

    fn send(&mut self, phone: &str, message: &Message) {
        self.switch.receive(self.now, flow(phone), &message.to_bytes());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit(transmit) => match parse_datagram(&transmit.bytes) {
                    Parsed::Message(message) => self.inbox.push((transmit.flow.remote, message)),
                    Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => panic!("the switch sent nonsense"),
                },
                Output::Media(command) => {
                    match &command {
                        media::Command::Hear(matrix) => self.matrices.push(matrix.clone()),
                        media::Command::Close { leg } => self.closed.push(*leg),
                        _ => {}
                    }
                    self.media.push(command);
                }
                Output::Event(Event::CallUp { .. }) => self.ups += 1,
                Output::Event(event) => self.events.push(event),
                Output::Record(CallNote::Row(record)) => self.records.push(record),
                Output::Record(CallNote::Quality { call, side, quality }) => self.qualities.push((call, side, quality)),
                Output::Binding(_) => self.bindings += 1,
            }
        }
    }

    fn after(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix_ms += time.as_millis() as u64;
        self.switch.handle_timeout(self.now);
        self.drain();
    }

    fn command(&mut self, command: Command) {
        self.switch.command(self.now, command);
        self.drain();
    }

    /// A new request outside any dialog.
    fn request(&mut self, method: Method, from: &str, user: &str, body: Vec<u8>) -> Request {
        self.sent += 1;
        let uri = format!("sip:{user}@{DOMAIN}");
        let mut request = Request::new(method.clone(), uri.clone());
        request.headers.push("Via", format!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", address(from), self.sent));
        request.headers.push("Max-Forwards", 70);
        request.headers.push("From", format!("<sip:{from}@{DOMAIN}>;tag=f{}", self.sent));
        request.headers.push("To", format!("<{uri}>"));
        request.headers.push("Call-ID", format!("call-{}", self.sent));
        request.headers.push("CSeq", format!("1 {method}"));
        request.headers.push("Contact", format!("<sip:{from}@{}>", address(from)));
        if !body.is_empty() {
            request.set_body("application/sdp", body);
        }
        request
    }

    /// Sends a request, answers the challenge, and gives back the request that was let in.
    fn authenticated(&mut self, from: &str, request: Request) -> Request {
        self.send(from, &Message::Request(request.clone()));
        let challenge = self.response(from, 401);
        self.with_credentials(from, request, &challenge)
    }

    fn with_credentials(&mut self, from: &str, mut request: Request, challenge: &Response) -> Request {
        let (_, challenge) = Challenge::strongest(&challenge.headers).unwrap();
        let secret = ha1(from, challenge.algorithm);
        let credentials = digest::authorize(&challenge, from, &secret, &request.method, &request.uri, "c", 1);
        request.headers.push(Asker::Server.credentials_header(), credentials);
        self.sent += 1;
        request.headers.set("CSeq", format!("2 {}", request.method));
        request.headers.set("Via", format!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", address(from), self.sent));
        self.send(from, &Message::Request(request.clone()));
        request
    }

    fn invite(&mut self, from: &str, user: &str) -> Request {
        let request = self.request(Method::Invite, from, user, sdp_of(from, "sendrecv"));
        self.authenticated(from, request)
    }

    /// The first response of that code in the phone's inbox, taken out.
    fn response(&mut self, phone: &str, code: u16) -> Response {
        let found = self.inbox.iter().position(|(to, message)| {
            *to == address(phone) && matches!(message, Message::Response(response) if response.code == code)
        });
        match found.map(|index| self.inbox.remove(index).1) {
            Some(Message::Response(response)) => response,
            Some(Message::Request(_)) | None => panic!("{phone} got no {code}, but {:?}", self.words(phone)),
        }
    }

    fn received(&mut self, phone: &str, method: Method) -> Request {
        let found = self.inbox.iter().position(|(to, message)| {
            *to == address(phone) && matches!(message, Message::Request(request) if request.method == method)
        });
        match found.map(|index| self.inbox.remove(index).1) {
            Some(Message::Request(request)) => request,
            Some(Message::Response(_)) | None => panic!("{phone} got no {method}, but {:?}", self.words(phone)),
        }
    }

    fn words(&self, phone: &str) -> Vec<String> {
        let to_phone = self.inbox.iter().filter(|(to, _)| *to == address(phone));
        to_phone
            .map(|(_, message)| match message {
                Message::Request(request) => request.method.to_string(),
                Message::Response(response) => response.code.to_string(),
            })
            .collect()
    }

    fn answer(&mut self, phone: &str, request: &Request, code: u16, body: Vec<u8>) {
        self.answer_with(phone, request, code, &[], body);
    }

    /// With these headers, but for those whose value is empty.
    fn answer_with(&mut self, phone: &str, request: &Request, code: u16, rows: &[(&str, &str)], body: Vec<u8>) {
        let mut response = request.reply(code, "");
        let to = request.headers.to().unwrap();
        if to.tag().is_none() {
            response.headers.set("To", to.with_param("tag", &format!("t{phone}")));
        }
        response.headers.push("Contact", format!("<sip:{phone}@{}>", address(phone)));
        let rows = rows.iter().filter(|(_, value)| !value.is_empty());
        rows.for_each(|(name, value)| response.headers.push(name, value));
        if !body.is_empty() {
            response.set_body("application/sdp", body);
        }
        self.send(phone, &Message::Response(response));
    }

    /// The phone's own next request in the dialog that `invite` opened and `ok` confirmed.
    fn in_dialog(&mut self, phone: &str, method: Method, ok: &Response, cseq: u32) -> Request {
        let mut request = self.request(method.clone(), phone, "x", vec![]);
        request.headers.set("From", ok.headers.get("From").unwrap());
        request.headers.set("To", ok.headers.get("To").unwrap());
        request.headers.set("Call-ID", ok.headers.call_id());
        request.headers.set("CSeq", format!("{cseq} {method}"));
        request
    }

    fn ack(&mut self, phone: &str, ok: &Response) {
        let ack = self.in_dialog(phone, Method::Ack, ok, 2);
        self.send(phone, &Message::Request(ack));
    }

    fn bye(&mut self, phone: &str, ok: &Response, cseq: u32) {
        let bye = self.in_dialog(phone, Method::Bye, ok, cseq);
        self.send(phone, &Message::Request(bye));
    }

    /// The phone describes its media anew in its dialog; the request that says so.
    fn offer(&mut self, phone: &str, method: Method, ok: &Response, cseq: u32, body: Vec<u8>) -> Request {
        let mut request = self.in_dialog(phone, method, ok, cseq);
        request.set_body("application/sdp", body);
        self.send(phone, &Message::Request(request.clone()));
        request
    }

    /// 1000 thinks better of its INVITE.
    fn cancel(&mut self, invite: &Request) {
        let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
        for name in ["Via", "From", "To", "Call-ID"] {
            cancel.headers.copy(name, &invite.headers);
        }
        let number = invite.headers.cseq().unwrap().number;
        cancel.headers.push("CSeq", format!("{number} CANCEL"));
        self.send("1000", &Message::Request(cancel));
    }

    /// 1000 talks to 1001; gives back both dialogs' 200 and INVITE.
    fn talk(&mut self) -> (Response, Request) {
        self.talk_to("1000", "1001")
    }

    fn talk_to(&mut self, from: &str, to: &str) -> (Response, Request) {
        self.invite(from, to);
        let ring = self.received(to, Method::Invite);
        self.answer(to, &ring, 200, sdp_of(to, "sendrecv"));
        self.received(to, Method::Ack);
        let ok = self.response(from, 200);
        self.ack(from, &ok);
        (ok, ring)
    }

    fn call(&self) -> CallView {
        self.switch.calls().pop().unwrap()
    }

    /// 1002 dials a feature code and is answered; its leg.
    fn guest(&mut self, dialled: &str) -> (LegId, Response) {
        self.invite("1002", dialled);
        let leg = match self.events.pop() {
            Some(Event::Dialled { leg, .. }) => leg,
            _ => panic!("nobody came to the desk"),
        };
        self.command(Command::Answer { leg });
        let ok = self.response("1002", 200);
        self.ack("1002", &ok);
        assert!(matches!(self.events.pop(), Some(Event::Answered { leg: answered }) if answered == leg));
        (leg, ok)
    }

    fn attach(&mut self, leg: LegId, mode: Mode) -> SessionId {
        let session = SessionId::from(ulid::Ulid::from(8));
        let call = self.call().id;
        self.command(Command::Attach { session, leg, call, side: Side::Callee, mode, hearing: Hearing::WithoutKeys });
        session
    }
}

/// A request of the phone that was called, in the dialog that the ring opened.
fn from_callee(rig: &mut Rig, phone: &str, method: Method, ring: &Request, cseq: u32) -> Request {
    let mut request = rig.request(method.clone(), phone, "x", vec![]);
    request.headers.set("From", format!("{};tag=t{phone}", ring.headers.get("To").unwrap()));
    request.headers.set("To", ring.headers.get("From").unwrap());
    request.headers.set("Call-ID", ring.headers.call_id());
    request.headers.set("CSeq", format!("{cseq} {method}"));
    request
}

fn directory_entry(phone: &str) -> DirectoryEntry {
    DirectoryEntry {
        number: number(phone),
        name: String::new(),
        ha1_md5: ha1(phone, Algorithm::Md5),
        ha1_sha256: ha1(phone, Algorithm::Sha256),
        digest: None,
        srtp: SrtpPolicy::Off,
    }
}

fn binding(phone: &str) -> Binding {
    Binding {
        extension: number(phone),
        contact: format!("sip:{phone}@{}", address(phone)).parse().unwrap(),
        flow: flow(phone),
        expires_at_unix_ms: u64::MAX,
        instance: None,
        q: 1000,
        call_id: "reg".into(),
        cseq: 1,
    }
}

#[test]
fn an_invite_without_credentials_is_challenged_and_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let request = rig.request(Method::Invite, "1000", "1001", sdp_of("1000", "sendrecv"));
    rig.send("1000", &Message::Request(request));
    rig.response("1000", 401);
    assert_eq!(rig.switch.endpoint.transactions(), 0);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_wrong_password_is_challenged_again_and_never_let_in() {
    let mut rig = Rig::new();
    let request = rig.request(Method::Invite, "1000", "0070", sdp_of("1000", "sendrecv"));
    rig.send("1000", &Message::Request(request.clone()));
    let challenge = rig.response("1000", 401);
    let (_, challenge) = Challenge::strongest(&challenge.headers).unwrap();
    let wrong = digest::ha1(Algorithm::Md5, "1000", DOMAIN, &Secret::new("guess"));
    let mut again = request;
    let credentials = digest::authorize(&challenge, "1000", &wrong, &Method::Invite, &again.uri, "c", 1);
    again.headers.push("Authorization", credentials);
    again.headers.set("CSeq", "2 INVITE");
    rig.send("1000", &Message::Request(again));
    rig.response("1000", 401);
    assert!(rig.events.is_empty() && rig.switch.is_idle());
}

#[test]
fn two_phones_ring_answer_talk_and_hang_up() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().parsed_uri().unwrap().user.as_deref(), Some("1000"));
    rig.answer("1001", &ring, 180, vec![]);
    rig.response("1000", 180);
    assert_eq!(rig.call().state, CallState::Ringing);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    assert_eq!(rig.call().state, CallState::Talking);
    rig.bye("1000", &ok, 3);
    rig.response("1000", 200);
    let bye = rig.received("1001", Method::Bye);
    rig.answer("1001", &bye, 200, vec![]);
    assert!(rig.switch.calls().is_empty() && rig.switch.is_idle());
    assert!(matches!(rig.events.last(), Some(Event::CallEnded { .. })));
}

#[test]
fn both_ends_agree_on_the_callees_codec_when_the_caller_has_it() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    let mulaw_only = String::from_utf8(sdp_of("1001", "sendrecv")).unwrap().replace("RTP/AVP 8 0 101", "RTP/AVP 0");
    rig.answer("1001", &ring, 200, mulaw_only.into_bytes());
    let ok = rig.response("1000", 200);
    let answer = String::from_utf8(ok.body).unwrap();
    assert!(answer.contains("RTP/AVP 0 101\r\n"), "{answer}");
}

#[test]
fn early_media_reaches_the_caller() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    assert!(!rig.response("1000", 183).body.is_empty());
    assert!(!rig.matrices.is_empty());
}

#[test]
fn busy_refusal_and_absence_reach_the_caller() {
    for code in [486, 603, 480] {
        let mut rig = Rig::new();
        rig.invite("1000", "1001");
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, code, vec![]);
        rig.response("1000", code);
        assert!(rig.switch.is_idle());
    }
    let mut rig = Rig::new();
    rig.invite("1000", "1003");
    rig.response("1000", 480);
    rig.invite("1000", "5555");
    rig.response("1000", 404);
}

#[test]
fn a_phone_that_rings_too_long_is_given_up() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.after(Duration::from_secs(60));
    rig.response("1000", 480);
    rig.received("1001", Method::Cancel);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_cancel_stops_the_ringing_and_a_late_answer_is_let_go() {
    let mut rig = Rig::new();
    let invite = rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.cancel(&invite);
    rig.response("1000", 487);
    rig.received("1001", Method::Cancel);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    rig.received("1001", Method::Bye);
    assert!(rig.switch.is_idle());
}

#[test]
fn hold_passes_to_the_other_party_and_back() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    rig.offer("1000", Method::Invite, &ok, 3, sdp_of("1000", "sendonly"));
    let passed_on = rig.received("1001", Method::Invite);
    assert!(String::from_utf8_lossy(&passed_on.body).contains("a=sendonly"));
    rig.answer("1001", &passed_on, 200, sdp_of("1001", "recvonly"));
    rig.received("1001", Method::Ack);
    let held = rig.response("1000", 200);
    assert!(String::from_utf8_lossy(&held.body).contains("a=recvonly"));
    assert_eq!(rig.call().state, CallState::OnHold);
    rig.ack("1000", &held);
    rig.offer("1000", Method::Invite, &ok, 4, sdp_of("1000", "sendrecv"));
    let passed_on = rig.received("1001", Method::Invite);
    rig.answer("1001", &passed_on, 200, sdp_of("1001", "sendrecv"));
    rig.response("1000", 200);
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_request_for_no_dialog_of_ours_gets_481() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let mut bye = rig.in_dialog("1000", Method::Bye, &ok, 3);
    bye.headers.set("Call-ID", "another");
    rig.send("1000", &Message::Request(bye));
    rig.response("1000", 481);
    assert_eq!(rig.switch.calls().len(), 1);
}

#[test]
fn unknown_methods_and_extensions_are_answered_not_dropped() {
    let mut rig = Rig::new();
    let request = rig.request(Method::Other("DANCE".into()), "1000", "1001", vec![]);
    rig.send("1000", &Message::Request(request));
    rig.response("1000", 501);
    let request = rig.request(Method::Refer, "1000", "1001", vec![]);
    rig.send("1000", &Message::Request(request));
    rig.response("1000", 405);
    let mut request = rig.request(Method::Options, "1000", "1001", vec![]);
    request.headers.push("Require", "gruu");
    rig.send("1000", &Message::Request(request));
    assert_eq!(rig.response("1000", 420).headers.get("Unsupported"), Some("gruu"));
}

#[test]
fn a_phone_registers_only_as_itself() {
    let mut rig = Rig::new();
    let request = rig.request(Method::Register, "1003", "1003", vec![]);
    rig.authenticated("1003", request);
    rig.response("1003", 200);
    assert_eq!(rig.bindings, 1);
    let request = rig.request(Method::Register, "1003", "1000", vec![]);
    rig.authenticated("1003", request);
    rig.response("1003", 403);
}

#[test]
fn an_extension_with_algorithms_of_its_own_is_asked_for_those_and_let_in_by_no_other() {
    let mut rig = Rig::new();
    let request = rig.request(Method::Register, SHA256_PHONE, SHA256_PHONE, vec![]);
    rig.send(SHA256_PHONE, &Message::Request(request.clone()));
    let challenge = rig.response(SHA256_PHONE, 401);
    assert_eq!(Challenge::strongest(&challenge.headers).unwrap().1.algorithm, Algorithm::Sha256);
    rig.with_credentials(SHA256_PHONE, request.clone(), &challenge);
    rig.response(SHA256_PHONE, 200);

    let (_, mut weaker) = Challenge::strongest(&challenge.headers).unwrap();
    weaker.algorithm = Algorithm::Md5;
    let mut again = request;
    let secret = ha1(SHA256_PHONE, Algorithm::Md5);
    let credentials = digest::authorize(&weaker, SHA256_PHONE, &secret, &again.method, &again.uri, "c", 2);
    again.headers.push("Authorization", credentials);
    again.headers.set("CSeq", "9 REGISTER");
    again.headers.set("Via", format!("SIP/2.0/UDP {};branch=z9hG4bKweaker;rport", address(SHA256_PHONE)));
    rig.send(SHA256_PHONE, &Message::Request(again));
    rig.response(SHA256_PHONE, 401);
}

#[test]
fn a_supervisor_is_attached_changes_mode_and_is_detached() {
    let mut rig = Rig::new();
    rig.talk();
    let (leg, _) = rig.guest("0070");
    let (caller, callee) = {
        let call = rig.switch.calls.values().next().unwrap();
        (call.caller, call.callee)
    };
    let session = rig.attach(leg, Mode::Monitor);
    let matrix = rig.matrices.last().unwrap();
    assert!(matrix.hears(leg, caller) && matrix.hears(leg, callee) && !matrix.hears(callee, leg));
    rig.command(Command::SetMode { session, mode: Mode::Whisper });
    let matrix = rig.matrices.last().unwrap();
    assert!(matrix.hears(callee, leg) && !matrix.hears(caller, leg));
    rig.command(Command::Detach { session });
    let matrix = rig.matrices.last().unwrap();
    assert!(!matrix.hears(callee, leg) && matrix.hears(callee, caller));
    assert_eq!(rig.matrices[rig.matrices.len() - 2], HearMatrix::silent([leg]));
}

#[test]
fn a_password_in_a_short_dial_goes_to_the_desk_and_into_no_later_request_of_ours() {
    let mut rig = Rig::new();
    rig.invite("1002", "0070*55*66");
    let leg = match rig.events.pop() {
        Some(Event::Dialled { leg, feature, source, .. }) => {
            let short = feature.short.unwrap();
            assert_eq!((short.id.expose(), short.password.expose()), ("55", "66"));
            assert_eq!(source, number("1002"));
            leg
        }
        _ => panic!("nobody came to the desk"),
    };
    rig.command(Command::Answer { leg });
    let ok = rig.response("1002", 200);
    rig.ack("1002", &ok);
    rig.command(Command::HangUp { leg });
    let bye = rig.received("1002", Method::Bye);
    let text = String::from_utf8(bye.to_bytes()).unwrap();
    assert!(text.contains("sip:0070@") && !text.contains("66"), "the password left the house");
}

#[test]
fn a_malformed_short_dial_and_one_from_mobile_are_refused_unanswered() {
    let mut rig = Rig::new();
    for (dialled, code) in [("0070*55", 484), ("0070*55*66*77", 484), ("80070*55*66", 403)] {
        rig.invite("1002", dialled);
        rig.response("1002", code);
        assert!(matches!(rig.events.pop(), Some(Event::Refused { .. })));
    }
    assert!(rig.switch.is_idle());
}

#[test]
fn digits_and_prompts_of_guests_alone_reach_the_desk() {
    let mut rig = Rig::new();
    rig.talk();
    let (leg, _) = rig.guest("0071");
    let party = rig.switch.calls.values().next().unwrap().caller;
    for leg in [party, leg] {
        rig.switch.media_event(rig.now, media::Event::Digit { leg, digit: Digit::HASH });
    }
    rig.drain();
    assert!(matches!(rig.events[..], [Event::Digit { leg: heard, .. }] if heard == leg));
}

#[test]
fn the_limit_counts_calls_and_never_supervisors() {
    let mut rig = Rig::new();
    rig.switch.config.max_concurrent = 1;
    rig.talk();
    rig.guest("0070");
    rig.invite("1002", "1001");
    rig.response("1002", 503);
}

#[test]
fn a_guest_whose_200_is_never_acknowledged_is_hung_up() {
    let mut rig = Rig::new();
    rig.invite("1002", "0070");
    let Some(Event::Dialled { leg, .. }) = rig.events.pop() else { panic!("nobody came to the desk") };
    rig.command(Command::Answer { leg });
    for _ in 0..40 {
        rig.after(Duration::from_secs(1));
    }
    rig.received("1002", Method::Bye);
    assert!(matches!(rig.events.last(), Some(Event::HungUp { leg: gone }) if *gone == leg));
    assert!(rig.switch.is_idle());
}
