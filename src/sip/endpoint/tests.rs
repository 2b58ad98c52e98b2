//! Two endpoints in a box: the clock jumps to whatever comes next, and the wire loses what a test wants lost.

mod lone;
mod pair;

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
            let endpoint = match to {
                Side::Phone => &mut self.phone,
                Side::Server => &mut self.server,
            };
            endpoint.receive(self.now, flow, &bytes);
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
            assert!(endpoint.transactions.is_empty() && endpoint.index.is_empty());
            assert!(endpoint.waiting.is_empty() && endpoint.wakeups.is_empty());
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
        Some(Event::Unpracked { .. }) => "Unpracked",
        Some(Event::Unacked { .. }) => "Unacked",
        Some(Event::Response { .. }) => "Response",
        Some(Event::Settled { .. }) => "Settled",
        Some(Event::TimedOut { .. }) => "TimedOut",
        Some(Event::TransportFailed { .. }) => "TransportFailed",
    }
}

fn names(events: &VecDeque<Event>) -> Vec<&'static str> {
    events.iter().map(|event| name(Some(event))).collect()
}
