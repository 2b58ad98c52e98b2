//! Somebody who speaks SIP with a plain socket, at a loopback address of their own.

use crate::support::engine::Engine;
use sasayaki::{
    model::Secret,
    sip::{
        Message, Method, Parsed, Request, Response,
        digest::{self, Challenge, Credentials},
        parse_datagram,
    },
};
use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_millis(300);

pub struct Stranger {
    socket: UdpSocket,
    engine: SocketAddr,
    sent: Cell<u32>,
}

impl Stranger {
    pub fn of(engine: &Engine) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let address = Ipv4Addr::new(127, 7, 0, NEXT.fetch_add(1, Ordering::Relaxed));
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        Self { socket, engine: engine.sip, sent: Cell::new(0) }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn ip(&self) -> IpAddr {
        self.address().ip()
    }

    pub fn request(&self, method: Method, user: &str) -> Request {
        self.sent.set(self.sent.get() + 1);
        let (here, unique) = (self.address(), format!("{}x{}", self.address().port(), self.sent.get()));
        let uri = format!("sip:{user}@{}", self.engine);
        let mut request = Request::new(method.clone(), uri.clone());
        for (name, value) in [
            ("Via", format!("SIP/2.0/UDP {here};branch=z9hG4bK{unique};rport")),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<{uri}>;tag={unique}")),
            ("To", format!("<{uri}>")),
            ("Call-ID", unique),
            ("CSeq", format!("1 {method}")),
            ("Contact", format!("<sip:{user}@{here}>")),
            ("Event", "dialog".to_owned()),
        ] {
            request.headers.push(name, value);
        }
        request
    }

    pub fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.engine).unwrap();
    }

    pub fn answer(&self) -> Option<Response> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).ok()?;
        match parse_datagram(&bytes[..length]) {
            Parsed::Message(Message::Response(response)) => Some(response),
            Parsed::Message(Message::Request(_)) | Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => None,
        }
    }

    /// The answer to a request; trying does not count.
    pub fn ask(&self, request: &Request) -> Response {
        self.send(&request.to_bytes());
        loop {
            let answer = self.answer().unwrap_or_else(|| panic!("{} is not answered", request.method));
            if !answer.is_provisional() {
                return answer;
            }
        }
    }

    /// The same request again, with an answer to the challenge.
    pub fn signed(&self, request: &Request, answer: &Response, user: &str, password: &str, count: u32) -> Request {
        let (_, challenge) = Challenge::strongest(&answer.headers).expect("a challenge");
        let ha1 = digest::ha1(challenge.algorithm, user, &challenge.realm, &Secret::new(password));
        let credentials = digest::authorize(&challenge, user, &ha1, &request.method, &request.uri, "c", count);
        self.with_credentials(request, &credentials, count)
    }

    fn with_credentials(&self, request: &Request, credentials: &Credentials, count: u32) -> Request {
        let mut signed = request.clone();
        signed.headers.set("Authorization", credentials);
        signed.headers.set("CSeq", format!("{} {}", count + 1, request.method));
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bK{count}{};rport", self.address(), request.headers.call_id());
        signed.headers.set("Via", via);
        signed
    }

    /// Tries one password for an extension.
    pub fn guess(&self, user: &str, password: &str) -> u16 {
        let request = self.request(Method::Register, user);
        let challenge = self.ask(&request);
        self.ask(&self.signed(&request, &challenge, user, password, 1)).code
    }

    /// How many answers come until nothing comes any more.
    pub fn count_answers(&self) -> usize {
        self.socket.set_read_timeout(Some(SILENCE)).unwrap();
        std::iter::from_fn(|| self.answer()).count()
    }
}
