use super::*;

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
        let invite_rate = Some(Rate { burst: 2, interval: Duration::from_secs(1) });
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
