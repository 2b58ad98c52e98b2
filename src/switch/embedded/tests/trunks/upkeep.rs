//! Registration and keep-alive.

use super::*;

#[test]
fn a_registration_is_made_with_the_account_and_renewed_before_it_ends() {
    let mut rig = rig(vec![with_account(true)]);
    rig.pong(MAIN);
    let register = rig.received(MAIN, Method::Register);
    assert_eq!(register.uri, "sip:carrier.example");
    assert_eq!(register.headers.to().unwrap().uri, "sip:account@carrier.example");
    assert_eq!(register.headers.contact().unwrap().uri, "sip:main@192.0.2.1:5060;transport=udp");
    rig.send(MAIN, &challenge(&register, 401, "one"));
    let signed = rig.received(MAIN, Method::Register);
    assert!(answered_nonce(&signed, Asker::Server).is_some());
    assert_eq!(signed.headers.call_id(), register.headers.call_id());
    let mut ok = signed.reply(200, "");
    ok.headers.push("Contact", "<sip:other@192.0.2.77>;expires=9, <sip:main@192.0.2.1:5060;transport=udp>;expires=100");
    rig.send(MAIN, &Message::Response(ok));
    assert_eq!(rig.switch.trunks()[0].registered, Some(true));

    rig.after(Duration::from_secs(79));
    assert!(!rig.words(MAIN).contains(&"REGISTER".to_owned()));
    rig.after(Duration::from_secs(1));
    let renewal = rig.received(MAIN, Method::Register);
    assert!(answered_nonce(&renewal, Asker::Server).is_some(), "the nonce serves again");
    assert!(renewal.headers.cseq().unwrap().number > signed.headers.cseq().unwrap().number);
    rig.after(Duration::from_secs(21));
    assert_eq!(rig.switch.trunks()[0].registered, Some(false), "nobody renewed it");
}

#[test]
fn a_refused_registration_is_told_and_not_hammered() {
    let mut rig = rig(vec![with_account(true)]);
    let register = rig.received(MAIN, Method::Register);
    rig.reply(MAIN, &register, 403);
    assert_eq!(rig.switch.trunks()[0].registered, Some(false));
    assert_eq!(rig.trouble("main"), Some(Trouble::AccountRefused));
    for _ in 0..29 {
        rig.after(Duration::from_secs(10));
        assert!(!rig.words(MAIN).contains(&"REGISTER".to_owned()));
    }
    rig.after(Duration::from_secs(10));
    rig.received(MAIN, Method::Register);
}

#[test]
fn a_registrar_that_wants_longer_gets_it() {
    let mut rig = rig(vec![with_account(true)]);
    let register = rig.received(MAIN, Method::Register);
    let mut brief = register.reply(423, "");
    brief.headers.push("Min-Expires", "7200");
    rig.send(MAIN, &Message::Response(brief));
    rig.after(Duration::ZERO);
    assert_eq!(rig.received(MAIN, Method::Register).headers.get("Expires"), Some("7200"));
}

#[test]
fn a_trunk_that_is_as_it_was_keeps_its_registration() {
    let mut rig = rig(vec![with_account(true)]);
    let register = rig.received(MAIN, Method::Register);
    rig.reply(MAIN, &register, 200);
    rig.inbox.clear();
    rig.switch.set_trunks(rig.now, vec![with_account(true)]);
    rig.drain();
    assert!(rig.inbox.is_empty() && rig.switch.trunks()[0].registered == Some(true));
    let mut moved = with_account(true);
    moved.password = Some(Secret::new("another"));
    rig.switch.set_trunks(rig.now, vec![moved]);
    rig.drain();
    rig.received(MAIN, Method::Register);
    rig.switch.set_trunks(rig.now, vec![]);
    assert!(rig.switch.trunks().is_empty());
}

/// `main`, reached over a stream.
fn over_a_stream(transport: Transport) -> Rig {
    let mut entry = with_account(true);
    entry.flow = Some(Flow { transport, ..flow(MAIN) });
    let mut rig = rig(vec![entry]);
    rig.answer_all(transport);
    assert_eq!((rig.reachable("main"), rig.switch.trunks()[0].registered), (Some(true), Some(true)));
    rig
}

impl Rig {
    /// 200 to whatever `main` was asked, on the connection that it was asked on; by method.
    fn answer_all(&mut self, transport: Transport) -> Vec<String> {
        let asked: Vec<Message> = self.inbox.drain(..).map(|(_, message)| message).collect();
        let flow = Flow { transport, ..flow(MAIN) };
        let answered = asked.iter().filter_map(|message| match message {
            Message::Request(request) => {
                self.switch.receive(self.now, flow, &Message::Response(request.reply(200, "")).to_bytes());
                Some(request.method.to_string())
            }
            Message::Response(_) => None,
        });
        let answered = answered.collect();
        self.drain();
        answered
    }

    fn lose_connection(&mut self, transport: Transport) {
        self.switch.transport_failed(self.now, Flow { transport, ..flow(MAIN) });
        self.drain();
    }
}

#[test]
fn a_lost_connection_is_opened_again_and_registered_on_anew() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut rig = over_a_stream(transport);
        rig.lose_connection(transport);
        assert!(rig.inbox.is_empty(), "who closes at once is not called in a circle");
        rig.after(Duration::from_secs(1));
        assert_eq!(rig.answer_all(transport), ["REGISTER", "OPTIONS"]);
        assert_eq!((rig.reachable("main"), rig.switch.trunks()[0].registered), (Some(true), Some(true)));
        rig.after(Duration::from_secs(29));
        assert!(rig.inbox.is_empty(), "and from then on as ever");
    }
}

#[test]
fn a_datagram_that_cannot_be_sent_makes_no_registration_void() {
    let mut rig = rig(vec![with_account(true)]);
    rig.answer_all(Transport::Udp);
    rig.lose_connection(Transport::Udp);
    rig.after(Duration::from_secs(1));
    assert!(rig.inbox.is_empty() && rig.switch.trunks()[0].registered == Some(true));
}

#[test]
fn a_trunk_that_cannot_be_reached_is_asked_less_and_less_often() {
    let mut rig = over_a_stream(Transport::Tls);
    rig.lose_connection(Transport::Tls);
    rig.after(Duration::from_secs(1));
    let (mut asked_at, mut registrations) = (vec![], 0);
    for second in 0..500 {
        let words = rig.words(MAIN);
        registrations += words.iter().filter(|word| *word == "REGISTER").count();
        asked_at.extend(words.contains(&"OPTIONS".to_owned()).then_some(second));
        rig.inbox.clear();
        rig.lose_connection(Transport::Tls);
        rig.after(Duration::from_secs(1));
    }
    assert_eq!(asked_at, [0, 10, 30, 70, 150, 270, 390]);
    assert_eq!(registrations, 500 / 30 + 1);
    assert_eq!((rig.reachable("main"), rig.trouble("main")), (Some(false), Some(Trouble::NoAnswer)));
    assert_eq!(rig.switch.trunks()[0].registered, Some(false));
}

#[test]
fn a_trunk_that_is_back_is_registered_with_at_once() {
    let mut rig = over_a_stream(Transport::Tls);
    rig.lose_connection(Transport::Tls);
    rig.after(Duration::from_secs(1));
    rig.inbox.clear();
    rig.lose_connection(Transport::Tls);
    rig.after(Duration::from_secs(10));
    assert_eq!(rig.answer_all(Transport::Tls), ["OPTIONS"]);
    rig.after(Duration::ZERO);
    assert_eq!(rig.answer_all(Transport::Tls), ["REGISTER"]);
    assert_eq!((rig.reachable("main"), rig.trouble("main")), (Some(true), None));
}

/// `main` has us registered.
fn registered() -> (Rig, Request) {
    let mut rig = rig(vec![with_account(true)]);
    rig.pong(MAIN);
    let register = rig.received(MAIN, Method::Register);
    rig.reply(MAIN, &register, 200);
    (rig, register)
}

impl Rig {
    fn set_trunks(&mut self, entries: Vec<TrunkEntry>) {
        self.switch.set_trunks(self.now, entries);
        self.drain();
    }
}

#[test]
fn a_registrar_that_is_left_is_told_though_it_asks_who_we_are() {
    let (mut rig, register) = registered();
    rig.set_trunks(vec![]);
    let leave = rig.received(MAIN, Method::Register);
    assert_eq!(leave.headers.get("Expires"), Some("0"));
    assert_eq!(leave.headers.get("Contact"), register.headers.get("Contact"));
    assert_eq!(leave.headers.call_id(), register.headers.call_id());
    assert!(leave.headers.cseq().unwrap().number > register.headers.cseq().unwrap().number);
    assert!(rig.switch.trunks().is_empty() && !rig.switch.is_settled());
    rig.send(MAIN, &challenge(&leave, 401, "one"));
    let signed = rig.received(MAIN, Method::Register);
    assert!(answered_nonce(&signed, Asker::Server).is_some() && signed.headers.get("Expires") == Some("0"));
    rig.reply(MAIN, &signed, 200);
    assert!(rig.switch.is_settled() && rig.switch.signed.is_empty());
}

#[test]
fn a_trunk_that_moves_or_registers_no_more_leaves_where_it_was_and_one_that_stays_does_not() {
    let (mut rig, _) = registered();
    let mut shown = with_account(true);
    shown.trunk.caller_id = None;
    rig.set_trunks(vec![shown]);
    let again = rig.received(MAIN, Method::Register);
    assert_eq!(again.headers.get("Expires"), Some("3600"));
    assert!(!rig.words(MAIN).contains(&"REGISTER".to_owned()), "it is the same registration");
    rig.reply(MAIN, &again, 200);
    let mut moved = with_account(true);
    moved.flow = Some(flow(SPARE));
    rig.set_trunks(vec![moved]);
    assert_eq!(rig.received(MAIN, Method::Register).headers.get("Expires"), Some("0"));
    let there = rig.received(SPARE, Method::Register);
    assert_eq!(there.headers.get("Expires"), Some("3600"));
    rig.reply(SPARE, &there, 200);
    let mut fixed = with_account(false);
    fixed.flow = Some(flow(SPARE));
    rig.set_trunks(vec![fixed]);
    assert_eq!(rig.received(SPARE, Method::Register).headers.get("Expires"), Some("0"));
}

#[test]
fn whoever_takes_no_new_calls_leaves_its_registrars_and_stays_within_reach() {
    let (mut rig, _) = registered();
    rig.switch.drain(rig.now);
    rig.drain();
    let leave = rig.received(MAIN, Method::Register);
    assert_eq!(leave.headers.get("Expires"), Some("0"));
    assert!(!rig.switch.is_settled());
    rig.reply(MAIN, &leave, 200);
    assert!(rig.switch.is_settled() && rig.switch.trunks()[0].registered == Some(false));
    let mut changed = with_account(true);
    changed.password = Some(Secret::new("another"));
    rig.set_trunks(vec![changed]);
    assert_eq!(rig.words(MAIN), ["OPTIONS"]);
    rig.after(Duration::from_secs(3000));
    assert!(!rig.words(MAIN).contains(&"REGISTER".to_owned()));
}
