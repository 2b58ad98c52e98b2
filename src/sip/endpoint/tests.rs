//! Two endpoints in a box: the clock jumps to whatever comes next, and the wire loses what a test wants lost.

use super::*;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

const LATENCY: Duration = Duration::from_millis(10);
const PHONE: &str = "192.0.2.1:5062";
const SERVER: &str = "192.0.2.9:5060";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Phone,
    Server,
}

/// Is the n-th message, of that gist, lost?
type Loss = dyn Fn(usize, &str) -> bool;

struct Pair {
    start: Instant,
    now: Instant,
    transport: Transport,
    phone: Endpoint,
    server: Endpoint,
    phone_events: VecDeque<Event>,
    server_events: VecDeque<Event>,
    wire: BTreeMap<(Instant, usize), (Side, Vec<u8>)>,
    sent: usize,
    lose: Box<Loss>,
    /// Every message put on the wire: milliseconds, sender, start line's gist, `x` when it was lost.
    log: Vec<String>,
}

impl Pair {
    fn new(transport: Transport) -> Self {
        let config = EndpointConfig { invite_rate: None, ..EndpointConfig::default() };
        Self::with(transport, config)
    }

    fn with(transport: Transport, config: EndpointConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
        let now = Instant::now();
        Self {
            start: now,
            now,
            transport,
            phone: Endpoint::new(EndpointConfig::default(), Entropy::from_seed([1; 32])),
            server: Endpoint::new(config, Entropy::from_seed([2; 32])),
            phone_events: VecDeque::new(),
            server_events: VecDeque::new(),
            wire: BTreeMap::new(),
            sent: 0,
            lose: Box::new(|_, _| false),
            log: Vec::new(),
        }
    }

    fn losing(mut self, lose: impl Fn(usize, &str) -> bool + 'static) -> Self {
        self.lose = Box::new(lose);
        self
    }

    fn flow_of(&self, side: Side) -> Flow {
        let (phone, server) = (PHONE.parse().unwrap(), SERVER.parse().unwrap());
        let (local, remote) = match side {
            Side::Phone => (phone, server),
            Side::Server => (server, phone),
        };
        Flow { transport: self.transport, local, remote }
    }

    /// Runs what is due until `ms` after the start.
    fn run_to(&mut self, ms: u64) {
        let end = self.start + Duration::from_millis(ms);
        loop {
            self.drain();
            let timers = [self.phone.poll_timeout(), self.server.poll_timeout()];
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let next = timers.into_iter().flatten().chain(arrival).min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            self.deliver();
            self.phone.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, bytes) = entry.remove();
            let flow = self.flow_of(to);
            match to {
                Side::Phone => self.phone.receive(self.now, flow, &bytes),
                Side::Server => self.server.receive(self.now, flow, &bytes),
            }
        }
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.phone.poll_transmit() {
            self.put(Side::Phone, transmit);
        }
        while let Some(transmit) = self.server.poll_transmit() {
            self.put(Side::Server, transmit);
        }
        self.phone_events.extend(std::iter::from_fn(|| self.phone.poll_event()));
        self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
    }

    fn put(&mut self, from: Side, transmit: Transmit) {
        let gist = gist(&transmit.bytes);
        let lost = (self.lose)(self.sent, &gist);
        let (name, to) = match from {
            Side::Phone => ("phone", Side::Server),
            Side::Server => ("server", Side::Phone),
        };
        let ms = (self.now - self.start).as_millis();
        self.log.push(format!("{ms} {name} {gist}{}", if lost { " x" } else { "" }));
        if !lost {
            self.wire.insert((self.now + LATENCY, self.sent), (to, transmit.bytes));
        }
        self.sent += 1;
    }

    /// When each message of that gist was sent, in milliseconds.
    fn times_of(&self, gist: &str) -> Vec<u64> {
        let matching = self.log.iter().filter(|line| line.contains(gist));
        matching.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
    }

    fn request_event(&mut self) -> (ServerTx, Request) {
        match self.server_events.pop_front() {
            Some(Event::Request { tx, request, .. }) => (tx, request),
            other => panic!("expected a request, not {}", name(other.as_ref())),
        }
    }

    fn response_event(&mut self) -> Response {
        match self.phone_events.pop_front() {
            Some(Event::Response { response, .. }) => response,
            other => panic!("expected a response, not {}", name(other.as_ref())),
        }
    }

    fn invite(&mut self) -> ClientTx {
        self.phone.request(self.now, request(Method::Invite, "sip:2000@192.0.2.9", 1), self.flow_of(Side::Phone))
    }

    fn answer(&mut self, tx: ServerTx, request: &Request, code: u16) {
        self.server.respond(self.now, tx, request.reply(code, ""));
    }

    fn acknowledge(&mut self, response: &Response) {
        let mut ack = request(Method::Ack, "sip:2000@192.0.2.9", 1);
        ack.headers.set("To", response.headers.get("To").unwrap());
        self.phone.send_ack(ack, self.flow_of(Side::Phone));
    }

    fn assert_nothing_is_left(&self) {
        for endpoint in [&self.phone, &self.server] {
            assert!(endpoint.transactions.is_empty() && endpoint.index.is_empty() && endpoint.wakeups.is_empty());
        }
    }
}

fn request(method: Method, uri: &str, cseq: u32) -> Request {
    let mut request = Request::new(method.clone(), uri);
    request.headers.push("From", "<sip:1000@192.0.2.9>;tag=a");
    request.headers.push("To", "<sip:2000@192.0.2.9>");
    request.headers.push("Call-ID", "call-1");
    request.headers.push("CSeq", format!("{cseq} {method}"));
    request
}

fn gist(bytes: &[u8]) -> String {
    match parse_datagram(bytes) {
        Parsed::Message(Message::Request(request)) => request.method.to_string(),
        Parsed::Message(Message::Response(response)) => {
            format!("{} to {}", response.code, response.headers.cseq().unwrap().method)
        }
        Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => "noise".to_owned(),
    }
}

fn name(event: Option<&Event>) -> &'static str {
    match event {
        None => "nothing",
        Some(Event::Request { .. }) => "Request",
        Some(Event::Cancelled { .. }) => "Cancelled",
        Some(Event::Ack { .. }) => "Ack",
        Some(Event::Unacked { .. }) => "Unacked",
        Some(Event::Response { .. }) => "Response",
        Some(Event::TimedOut { .. }) => "TimedOut",
        Some(Event::TransportFailed { .. }) => "TransportFailed",
    }
}

fn names(events: &VecDeque<Event>) -> Vec<&'static str> {
    events.iter().map(|event| name(Some(event))).collect()
}

/// A call that rings for a second, is answered, and is hung up after ten more.
fn whole_call(pair: &mut Pair) -> Vec<u16> {
    pair.invite();
    pair.run_to(5_000);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 180);
    pair.run_to(6_000);
    pair.answer(tx, &invite, 200);
    let mut codes = Vec::new();
    for ms in (6_000..20_000).step_by(50) {
        pair.run_to(ms);
        while let Some(Event::Response { response, .. }) = pair.phone_events.pop_front() {
            codes.push(response.code);
            if response.code == 200 {
                pair.acknowledge(&response);
            }
        }
    }
    assert_eq!(names(&pair.server_events), ["Ack"]);
    pair.server_events.clear();
    pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(25_000);
    let (tx, bye) = pair.request_event();
    pair.answer(tx, &bye, 200);
    pair.run_to(30_000);
    assert_eq!(pair.response_event().code, 200);
    assert!(pair.phone_events.is_empty() && pair.server_events.is_empty());
    pair.run_to(120_000);
    pair.assert_nothing_is_left();
    codes
}

#[test]
fn a_call_over_udp_sends_each_message_once_and_leaves_nothing_behind() {
    let mut pair = Pair::new(Transport::Udp);
    assert_eq!(whole_call(&mut pair), [100, 180, 200]);
    let expected = [
        "0 phone INVITE",
        "210 server 100 to INVITE",
        "5000 server 180 to INVITE",
        "6000 server 200 to INVITE",
        "6050 phone ACK",
        "19950 phone BYE",
        "25000 server 200 to BYE",
    ];
    // The server's user sleeps over the BYE here, so the phone repeats it.
    let once: Vec<_> = pair.log.iter().filter(|line| !line.ends_with("BYE") || line.starts_with("19950")).collect();
    assert_eq!(once[..expected.len() - 1], expected[..expected.len() - 1]);
}

#[test]
fn whichever_message_is_lost_the_call_goes_through_and_every_event_shows_once() {
    for victim in 0..12 {
        let mut pair = Pair::new(Transport::Udp).losing(move |index, _| index == victim);
        let codes = whole_call(&mut pair);
        assert_eq!(codes.iter().filter(|code| **code == 200).count(), 1, "victim {victim}");
    }
}

#[test]
fn every_third_message_lost_still_makes_a_call() {
    let mut pair = Pair::new(Transport::Udp).losing(|index, _| index % 3 == 0);
    assert_eq!(whole_call(&mut pair).last(), Some(&200));
}

#[test]
fn an_unanswered_invite_is_repeated_by_timer_a_until_timer_b() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, _| true);
    pair.invite();
    pair.run_to(31_999);
    assert_eq!(pair.times_of("INVITE"), [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert!(pair.phone_events.is_empty());
    pair.run_to(32_000);
    pair.run_to(40_000);
    assert_eq!(names(&pair.phone_events), ["TimedOut"]);
    pair.assert_nothing_is_left();
}

#[test]
fn an_unanswered_bye_is_repeated_by_timer_e_until_timer_f() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, _| true);
    pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(40_000);
    assert_eq!(pair.times_of("BYE"), [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(names(&pair.phone_events), ["TimedOut"]);
    pair.assert_nothing_is_left();
}

#[test]
fn a_provisional_response_slows_a_non_invite_request_down_to_t2() {
    let mut pair = Pair::new(Transport::Udp);
    pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(20);
    let (tx, bye) = pair.request_event();
    pair.answer(tx, &bye, 100);
    pair.run_to(10_000);
    assert_eq!(pair.times_of("phone BYE"), [0, 500, 4500, 8500], "and the repeated ones get the 100 again");
    assert_eq!(pair.times_of("100 to BYE"), [20, 510, 4510, 8510]);
}

#[test]
fn over_tcp_nothing_is_repeated_but_the_2xx() {
    let mut pair = Pair::new(Transport::Tcp).losing(|_, _| true);
    pair.invite();
    pair.phone.request(pair.now, request(Method::Options, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(40_000);
    assert_eq!(pair.log, ["0 phone INVITE x", "0 phone OPTIONS x"]);
    assert_eq!(names(&pair.phone_events), ["TimedOut", "TimedOut"]);
    pair.assert_nothing_is_left();

    let mut pair = Pair::new(Transport::Tcp);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 486);
    pair.run_to(100);
    assert_eq!(pair.log[1..], ["20 server 486 to INVITE", "30 phone ACK"]);
    pair.assert_nothing_is_left();

    let mut pair = Pair::new(Transport::Tcp);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(1_600);
    assert_eq!(pair.times_of("200 to INVITE"), [20, 520, 1520]);
}

#[test]
fn a_refusal_is_repeated_by_timer_g_until_its_ack_or_timer_h() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, gist| gist == "ACK");
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 486);
    pair.run_to(90_000);
    assert_eq!(
        pair.times_of("486"),
        [20, 520, 1520, 3520, 7520, 11520, 15520, 19520, 23520, 27520, 31520],
        "the last stands before 32 020"
    );
    assert_eq!(pair.times_of("ACK").len(), 11);
    assert_eq!(pair.response_event().code, 486);
    assert!(pair.phone_events.is_empty() && pair.server_events.is_empty());
    pair.assert_nothing_is_left();

    let mut pair = Pair::new(Transport::Udp).losing(|index, _| index == 2);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 486);
    pair.run_to(90_000);
    assert_eq!(pair.times_of("486"), [20, 520]);
    pair.assert_nothing_is_left();
}

#[test]
fn a_2xx_is_repeated_until_its_ack_and_a_repeated_2xx_gets_the_ack_again() {
    let mut pair = Pair::new(Transport::Udp).losing(|index, gist| gist == "ACK" && index < 5);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(100);
    let response = pair.response_event();
    pair.acknowledge(&response);
    pair.run_to(30_000);
    assert_eq!(pair.times_of("200 to INVITE"), [20, 520, 1520]);
    assert_eq!(pair.times_of("ACK"), [100, 530, 1530]);
    assert!(pair.phone_events.is_empty());
    assert_eq!(names(&pair.server_events), ["Ack"]);
}

#[test]
fn a_2xx_without_an_ack_is_told_after_64_t1() {
    let mut pair = Pair::new(Transport::Udp);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(32_019);
    assert!(pair.server_events.is_empty());
    pair.run_to(32_021);
    pair.run_to(32_022);
    assert_eq!(names(&pair.server_events), ["Unacked"]);
    pair.run_to(90_000);
    pair.assert_nothing_is_left();
}

#[test]
fn a_cancel_before_any_response_waits_for_the_first() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.phone.cancel(pair.now, call);
    pair.run_to(300);
    assert_eq!(
        pair.log,
        ["0 phone INVITE", "210 server 100 to INVITE", "220 phone CANCEL", "230 server 200 to CANCEL"]
    );
    let (tx, invite) = pair.request_event();
    assert_eq!(names(&pair.server_events), ["Cancelled"]);
    pair.answer(tx, &invite, 487);
    pair.run_to(400);
    assert_eq!([pair.response_event().code, pair.response_event().code], [100, 487]);
    assert!(pair.phone_events.is_empty(), "the answer to the CANCEL is nobody's business");
    pair.run_to(90_000);
    pair.assert_nothing_is_left();
}

#[test]
fn a_repeated_cancel_is_answered_again_and_told_once() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, gist| gist == "200 to CANCEL");
    let call = pair.invite();
    pair.run_to(300);
    pair.phone.cancel(pair.now, call);
    pair.phone.cancel(pair.now, call);
    pair.run_to(4_000);
    assert_eq!(pair.times_of("phone CANCEL"), [300, 800, 1800, 3800]);
    assert_eq!(names(&pair.server_events), ["Request", "Cancelled"]);
}

#[test]
fn a_cancel_that_crosses_the_200_changes_nothing() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.run_to(300);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.phone.cancel(pair.now, call);
    pair.run_to(350);
    assert_eq!(pair.log.last().map(String::as_str), Some("310 server 200 to CANCEL"));
    assert!(pair.server_events.is_empty(), "the INVITE was answered before");
    assert_eq!([pair.response_event().code, pair.response_event().code], [100, 200]);
    pair.answer(tx, &invite, 487);
    pair.run_to(360);
    assert!(pair.times_of("487").is_empty());
}

#[test]
fn after_the_200_there_is_nothing_to_cancel() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(50);
    pair.phone.cancel(pair.now, call);
    pair.run_to(60);
    assert!(pair.times_of("CANCEL").is_empty());
}

#[test]
fn a_cancelled_peer_that_stays_silent_is_given_up() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.run_to(300);
    pair.phone.cancel(pair.now, call);
    pair.run_to(32_299);
    assert_eq!(pair.response_event().code, 100);
    assert!(pair.phone_events.is_empty());
    pair.run_to(32_301);
    pair.run_to(32_302);
    assert_eq!(names(&pair.phone_events), ["TimedOut"]);
}

#[test]
fn two_forks_that_answer_are_both_told() {
    let mut pair = Pair::new(Transport::Udp);
    pair.invite();
    pair.run_to(20);
    let (_, invite) = pair.request_event();
    for tag in ["x", "y", "x", "y"] {
        let mut ok = invite.reply(200, "");
        ok.headers.set("To", format!("<sip:2000@192.0.2.9>;tag={tag}"));
        let flow = pair.flow_of(Side::Phone);
        pair.phone.receive(pair.now, flow, &ok.to_bytes());
    }
    pair.drain();
    assert_eq!(names(&pair.phone_events), ["Response", "Response"]);
}

#[test]
fn a_failed_transport_fails_what_waits_on_it() {
    let mut pair = Pair::new(Transport::Tcp);
    pair.invite();
    pair.phone.request(pair.now, request(Method::Options, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    let (phone, server) = (pair.flow_of(Side::Phone), pair.flow_of(Side::Server));
    pair.phone.transport_failed(pair.now, server);
    pair.drain();
    assert!(pair.phone_events.is_empty(), "that was another flow");
    pair.phone.transport_failed(pair.now, phone);
    pair.drain();
    assert_eq!(names(&pair.phone_events), ["TransportFailed", "TransportFailed"]);
    pair.assert_nothing_is_left();
}

/// One endpoint, fed by hand.
struct Lone {
    now: Instant,
    endpoint: Endpoint,
    flow: Flow,
}

impl Lone {
    fn new(config: EndpointConfig) -> Self {
        let pair = Pair::with(Transport::Udp, config);
        Self { now: pair.now, flow: pair.flow_of(Side::Server), endpoint: pair.server }
    }

    fn receive(&mut self, text: &str) {
        self.endpoint.receive(self.now, self.flow, text.replace('\n', "\r\n").as_bytes());
    }

    fn sent(&mut self) -> Option<(SocketAddr, Response)> {
        let transmit = self.endpoint.poll_transmit()?;
        match parse_datagram(&transmit.bytes) {
            Parsed::Message(Message::Response(response)) => Some((transmit.flow.remote, response)),
            Parsed::Message(Message::Request(_)) | Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => None,
        }
    }

    fn sent_code(&mut self) -> Option<u16> {
        self.sent().map(|(_, response)| response.code)
    }

    fn request(&mut self) -> (ServerTx, Request) {
        match self.endpoint.poll_event() {
            Some(Event::Request { tx, request, .. }) => (tx, request),
            other => panic!("expected a request, not {}", name(other.as_ref())),
        }
    }
}

impl Default for Lone {
    fn default() -> Self {
        Self::new(EndpointConfig::default())
    }
}

fn text(method: &str, via: &str, call_id: &str) -> String {
    format!(
        "{method} sip:2000@192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP {via}\nFrom: <sip:1000@192.0.2.9>;tag=a\n\
         To: <sip:2000@192.0.2.9>\nCall-ID: {call_id}\nCSeq: 1 {method}\nMax-Forwards: 70\n\n"
    )
}

#[test]
fn a_challenge_leaves_no_transaction_and_is_given_again_with_the_same_tag() {
    let mut lone = Lone::default();
    let register = text("REGISTER", "192.0.2.1:5062;branch=z9hG4bKr;rport", "r");
    let mut tags = Vec::new();
    for _ in 0..2 {
        lone.receive(&register);
        let (tx, request) = lone.request();
        lone.endpoint.respond_stateless(tx, request.reply(401, ""));
        let (_, response) = lone.sent().unwrap();
        assert_eq!(response.code, 401);
        tags.push(response.headers.to().unwrap().tag().unwrap().to_owned());
        assert_eq!(lone.endpoint.transactions(), 0);
        assert!(lone.endpoint.index.is_empty() && lone.endpoint.wakeups.is_empty());
    }
    assert_eq!(tags[0], tags[1]);
    lone.receive(&text("ACK", "192.0.2.1:5062;branch=z9hG4bKr;rport", "r"));
    assert!(lone.endpoint.poll_event().is_none() && lone.endpoint.poll_transmit().is_none());
}

#[test]
fn every_response_to_one_request_has_the_same_to_tag() {
    let mut lone = Lone::default();
    lone.receive(&text("INVITE", "192.0.2.1:5062;branch=z9hG4bKi", "i"));
    let (tx, request) = lone.request();
    lone.endpoint.respond(lone.now, tx, request.reply(180, ""));
    lone.endpoint.respond(lone.now, tx, request.reply(486, ""));
    lone.receive(&text("CANCEL", "192.0.2.1:5062;branch=z9hG4bKi", "i"));
    let tags: Vec<_> = std::iter::from_fn(|| lone.sent())
        .map(|(_, response)| response.headers.to().unwrap().tag().unwrap().to_owned())
        .collect();
    assert_eq!(tags.len(), 3);
    assert!(tags.iter().all(|tag| *tag == tags[0]));
}

#[test]
fn the_same_request_by_another_way_is_a_loop() {
    let mut lone = Lone::default();
    lone.receive(&text("INVITE", "192.0.2.1:5062;branch=z9hG4bKone", "i"));
    lone.receive(&text("INVITE", "192.0.2.1:5062;branch=z9hG4bKtwo", "i"));
    lone.request();
    assert!(lone.endpoint.poll_event().is_none());
    assert_eq!(lone.sent_code(), Some(482));
}

#[test]
fn a_cancel_of_something_unknown_is_answered_481() {
    let mut lone = Lone::default();
    lone.receive(&text("CANCEL", "192.0.2.1:5062;branch=z9hG4bKnone", "i"));
    assert_eq!(lone.sent_code(), Some(481));
    assert_eq!(lone.endpoint.transactions(), 0);
}

#[test]
fn beyond_the_bound_of_transactions_a_request_gets_503() {
    let mut lone = Lone::new(EndpointConfig { max_transactions: 2, ..EndpointConfig::default() });
    for n in 0..3 {
        lone.receive(&text("OPTIONS", &format!("192.0.2.1:5062;branch=z9hG4bK{n}"), &format!("o{n}")));
    }
    let (_, response) = lone.sent().unwrap();
    assert_eq!((response.code, response.headers.get("Retry-After")), (503, Some("5")));
    assert_eq!(lone.endpoint.transactions(), 2);
}

#[test]
fn an_invite_beyond_its_sources_rate_is_refused_or_ignored() {
    for (over_rate, expected) in [(OverRate::Refuse, Some(503)), (OverRate::Silence, None)] {
        let invite_rate = Some(InviteRate { per_second: 1, burst: 2 });
        let mut lone = Lone::new(EndpointConfig { invite_rate, over_rate, ..EndpointConfig::default() });
        for n in 0..3 {
            lone.receive(&text("INVITE", &format!("192.0.2.1:5062;branch=z9hG4bK{n}"), &format!("i{n}")));
        }
        assert_eq!(lone.sent_code(), expected);
        assert_eq!(lone.endpoint.transactions(), 2);
        lone.receive(&text("OPTIONS", "192.0.2.1:5062;branch=z9hG4bKo", "o"));
        assert_eq!(lone.endpoint.transactions(), 3, "the rate is of INVITEs alone");
    }
}

#[test]
fn answers_go_where_the_via_says() {
    let cases = [
        ("192.0.2.1:5099;branch=z9hG4bK1", "192.0.2.1:5099", "192.0.2.1:5099;branch=z9hG4bK1"),
        ("192.0.2.1;branch=z9hG4bK2", "192.0.2.1:5060", "192.0.2.1;branch=z9hG4bK2"),
        ("10.0.0.7:5080;branch=z9hG4bK3", "192.0.2.1:5080", "10.0.0.7:5080;branch=z9hG4bK3;received=192.0.2.1"),
        (
            "10.0.0.7:5080;rport;branch=z9hG4bK4",
            "192.0.2.1:5062",
            "10.0.0.7:5080;rport=5062;branch=z9hG4bK4;received=192.0.2.1",
        ),
        ("phone.example;branch=z9hG4bK5", "192.0.2.1:5060", "phone.example;branch=z9hG4bK5;received=192.0.2.1"),
    ];
    for (via, remote, stamped) in cases {
        let mut lone = Lone::default();
        lone.receive(&text("OPTIONS", via, "o"));
        let (tx, request) = lone.request();
        lone.endpoint.respond(lone.now, tx, request.reply(200, ""));
        let (to, response) = lone.sent().unwrap();
        assert_eq!(
            (to.to_string(), response.headers.get("Via")),
            (remote.to_owned(), Some(&*format!("SIP/2.0/UDP {stamped}")))
        );
    }
}

#[test]
fn a_peer_of_rfc_2543_is_matched_without_a_branch() {
    let mut lone = Lone::default();
    lone.receive(&text("INVITE", "192.0.2.1:5062", "old"));
    lone.receive(&text("INVITE", "192.0.2.1:5062", "old"));
    let (tx, request) = lone.request();
    assert!(lone.endpoint.poll_event().is_none());
    lone.endpoint.respond(lone.now, tx, request.reply(486, ""));
    lone.receive(&text("ACK", "192.0.2.1:5062", "old"));
    lone.endpoint.handle_timeout(lone.now + Duration::from_secs(5));
    assert_eq!(lone.endpoint.transactions(), 0);
}

#[test]
fn a_malformed_request_is_refused_without_a_transaction_and_noise_with_silence() {
    let mut lone = Lone::default();
    lone.receive(&text("INVITE", "192.0.2.1:5062;branch=z9hG4bKm;rport", "m").replace("70", "seventy"));
    assert_eq!(lone.sent_code(), Some(400));
    lone.receive("\u{0}\u{1}garbage");
    lone.receive("\n\n");
    assert!(lone.endpoint.poll_transmit().is_none() && lone.endpoint.poll_event().is_none());
    assert_eq!(lone.endpoint.transactions(), 0);
}

#[test]
fn the_via_names_the_advertised_address() {
    let advertise = Some("203.0.113.10".parse().unwrap());
    let mut lone = Lone::new(EndpointConfig { advertise, ..EndpointConfig::default() });
    let flow = lone.flow;
    lone.endpoint.request(lone.now, request(Method::Options, "sip:1000@192.0.2.1", 1), flow);
    let sent = String::from_utf8(lone.endpoint.poll_transmit().unwrap().bytes).unwrap();
    assert!(sent.contains("Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK"));
    assert!(sent.contains(";rport\r\n") && sent.contains("Max-Forwards: 70\r\n"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_from_the_wire_panic(
        noise in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        cut in 0usize..400,
        method in proptest::sample::select(vec!["INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "X"]),
    ) {
        let mut lone = Lone::default();
        let message = text(method, "192.0.2.1;branch=z9hG4bKp", "p").replace('\n', "\r\n");
        let mut bytes = message.as_bytes()[..cut.min(message.len())].to_vec();
        bytes.extend(noise);
        bytes.extend(&message.as_bytes()[cut.min(message.len())..]);
        lone.endpoint.receive(lone.now, lone.flow, &bytes);
        lone.endpoint.receive(lone.now, lone.flow, message.as_bytes());
        lone.endpoint.receive(lone.now, lone.flow, &bytes);
    }
}
