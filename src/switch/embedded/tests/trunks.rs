//! Trunks in virtual time. Each stands at an address of its own, like a phone: `main` at 1050's, `spare` at 1051's, `mobile`
//! at 1052's.

use super::*;
use crate::{
    dialplan::BUILT_IN,
    model::{Party, Trunk, TrunkIdentity},
    switch::CallStatus,
};

const MAIN: &str = "1050";
const SPARE: &str = "1051";
const MOBILE: &str = "1052";

const RULES: &str = r#"
[numbers]
country = "81"
[[outbound]]
prefix = "0"
digits = "10-11"
trunks = ["main", "spare"]
[[inbound]]
trunk = "main"
number = "0312345678"
extension = "1001"
[[inbound]]
trunk = "main"
number = "0312341000"
extension = "1000"
[[inbound]]
trunk = "spare"
number = "0612345678"
extension = "1001"
[[mobile-user]]
number = "09011112222"
extension = "1002"
"#;

fn entry(name: &str, place: &str) -> TrunkEntry {
    let trunk = Trunk {
        name: name.parse().unwrap(),
        address: format!("udp:{}", address(place)).parse().unwrap(),
        domain: Some("carrier.example".to_owned()),
        user: None,
        registers: false,
        mobile: name == "mobile",
        caller_id: "0300000000".parse().ok(),
        identity: TrunkIdentity::From,
        sources: vec![],
    };
    TrunkEntry { trunk, password: None, flow: Some(flow(place)) }
}

/// `main` with an account there.
fn with_account(registers: bool) -> TrunkEntry {
    let mut entry = entry("main", MAIN);
    entry.trunk.user = Some("account".to_owned());
    entry.trunk.registers = registers;
    entry.trunk.identity = TrunkIdentity::Asserted;
    entry.password = Some(Secret::new("trunk-secret"));
    entry
}

fn rig(entries: Vec<TrunkEntry>) -> Rig {
    let mut rig = Rig::new();
    rig.switch.dialplan = DialPlan::parse(&[BUILT_IN[0], BUILT_IN[1], ("trunks.toml", RULES)]).unwrap();
    rig.switch.set_trunks(rig.now, entries);
    rig.drain();
    rig
}

/// Both static trunks and the mobile one, all of them answering.
fn three() -> Rig {
    let mut rig = rig(vec![entry("main", MAIN), entry("spare", SPARE), entry("mobile", MOBILE)]);
    for place in [MAIN, SPARE, MOBILE] {
        rig.pong(place);
    }
    rig
}

fn challenge(request: &Request, code: u16, nonce: &str) -> Message {
    let (asker, mut response) = match code {
        401 => (Asker::Server, request.reply(401, "")),
        _ => (Asker::Proxy, request.reply(407, "")),
    };
    response.headers.push(asker.challenge_header(), format!(r#"Digest realm="carrier", nonce="{nonce}", qop="auth""#));
    Message::Response(response)
}

/// The nonce that a request answers, if it answers it rightly, and how often that nonce was used.
fn answered_nonce(request: &Request, asker: Asker) -> Option<(String, String)> {
    let text = request.headers.get(asker.credentials_header())?;
    let credentials = text.parse::<digest::Credentials>().ok()?;
    let mut challenge: Challenge =
        format!(r#"Digest realm="carrier", nonce="{}", qop="auth""#, credentials.nonce).parse().unwrap();
    challenge.algorithm = Algorithm::Md5;
    let secret = digest::ha1(Algorithm::Md5, "account", "carrier", &Secret::new("trunk-secret"));
    let count = text.split("nc=").nth(1)?.split(',').next()?.to_owned();
    let cnonce = text.split("cnonce=\"").nth(1)?.split('"').next()?;
    let used = u32::from_str_radix(&count, 16).ok()?;
    let right = digest::authorize(&challenge, "account", &secret, &request.method, &request.uri, cnonce, used);
    assert_eq!(credentials.response, right.response, "the password is wrong");
    Some((credentials.nonce, count))
}

impl Rig {
    fn pong(&mut self, trunk: &str) {
        let ping = self.received(trunk, Method::Options);
        self.send(trunk, &Message::Response(ping.reply(200, "")));
    }

    fn reply(&mut self, trunk: &str, request: &Request, code: u16) {
        self.answer(trunk, request, code, vec![]);
    }

    /// An INVITE that a trunk sends on its own account, unasked.
    fn trunk_calls(&mut self, trunk: &str, called: &str, caller: &str) -> Request {
        let mut request = self.request(Method::Invite, trunk, called, sdp_of(trunk, "sendrecv"));
        request.headers.set("From", format!("<sip:{caller}@carrier.example>;tag=c{}", self.sent));
        self.send(trunk, &Message::Request(request.clone()));
        request
    }

    /// The ACK of an INVITE that needed no second sending.
    fn trunk_acknowledges(&mut self, trunk: &str, ok: &Response) {
        let ack = self.in_dialog(trunk, Method::Ack, ok, 1);
        self.send(trunk, &Message::Request(ack));
    }

    fn reachable(&self, name: &str) -> Option<bool> {
        self.switch.trunks().iter().find(|view| view.name.as_str() == name).unwrap().reachable
    }

    fn trouble(&self, name: &str) -> Option<Trouble> {
        self.switch.trunks().iter().find(|view| view.name.as_str() == name).unwrap().trouble
    }
}

#[test]
fn a_number_outside_is_called_over_the_first_trunk_and_shows_the_callers_own_number() {
    let mut rig = three();
    rig.invite("1000", "+81611112222");
    let invite = rig.received(MAIN, Method::Invite);
    assert_eq!(invite.uri, "sip:0611112222@carrier.example");
    assert_eq!(
        invite.headers.from().unwrap().uri,
        "sip:0312341000@carrier.example",
        "1000 has a number of its own there"
    );
    assert_eq!(rig.call().status(), CallStatus::Ringing);
    rig.answer(MAIN, &invite, 200, sdp_of(MAIN, "sendrecv"));
    rig.received(MAIN, Method::Ack);
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    let call = rig.call();
    assert_eq!((call.status(), call.callee.to_string()), (CallStatus::Outbound, "0611112222".to_owned()));
    assert!(rig.words(SPARE).is_empty());

    rig.invite("1002", "0611112222");
    let invite = rig.received(MAIN, Method::Invite);
    assert_eq!(invite.headers.from().unwrap().uri, "sip:0300000000@carrier.example", "1002 shows the trunk's");
}

#[test]
fn a_trunk_that_asks_who_we_are_is_told_and_a_nonce_serves_again() {
    let mut rig = rig(vec![with_account(false)]);
    rig.pong(MAIN);
    rig.invite("1000", "0611112222");
    let first = rig.received(MAIN, Method::Invite);
    assert_eq!(first.headers.from().unwrap().uri, "sip:account@carrier.example");
    assert_eq!(first.headers.get("P-Asserted-Identity"), Some("<sip:0312341000@carrier.example>"));
    assert_eq!(answered_nonce(&first, Asker::Proxy), None);
    rig.send(MAIN, &challenge(&first, 407, "one"));
    rig.received(MAIN, Method::Ack);
    let second = rig.received(MAIN, Method::Invite);
    assert_eq!(answered_nonce(&second, Asker::Proxy), Some(("one".into(), "00000001".into())));
    assert_eq!(second.headers.call_id(), first.headers.call_id());
    assert_eq!(second.headers.cseq().unwrap().number, 2);
    rig.answer(MAIN, &second, 200, sdp_of(MAIN, "sendrecv"));
    let ack = rig.received(MAIN, Method::Ack);
    assert_eq!(ack.headers.cseq().unwrap().number, 2, "the ACK is of the INVITE that was answered");
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);

    // What ends the call may be asked again, though the call is forgotten here.
    rig.bye("1000", &ok, 3);
    let bye = rig.received(MAIN, Method::Bye);
    assert_eq!(answered_nonce(&bye, Asker::Proxy), Some(("one".into(), "00000002".into())));
    rig.send(MAIN, &challenge(&bye, 407, "two"));
    let again = rig.received(MAIN, Method::Bye);
    assert_eq!(answered_nonce(&again, Asker::Proxy), Some(("two".into(), "00000001".into())));
    assert!(again.headers.cseq().unwrap().number > bye.headers.cseq().unwrap().number);
    rig.reply(MAIN, &again, 200);

    rig.invite("1000", "0611112222");
    let next = rig.received(MAIN, Method::Invite);
    assert_eq!(answered_nonce(&next, Asker::Proxy), Some(("two".into(), "00000002".into())));
    assert!(rig.switch.signed.len() == 1 && rig.switch.legs.len() == 2);
}

#[test]
fn a_wrong_account_ends_in_503_and_not_in_a_loop() {
    let mut rig = rig(vec![with_account(false)]);
    rig.pong(MAIN);
    rig.invite("1000", "0611112222");
    let mut asked = 0;
    while rig.words(MAIN).contains(&"INVITE".to_owned()) {
        let invite = rig.received(MAIN, Method::Invite);
        asked += 1;
        rig.send(MAIN, &challenge(&invite, 401, &format!("nonce-{asked}")));
        rig.received(MAIN, Method::Ack);
    }
    assert_eq!(asked, 2);
    rig.response("1000", 503);
    assert_eq!(rig.trouble("main"), Some(Trouble::AccountRefused));
    assert!(rig.switch.is_idle() && rig.switch.signed.is_empty());
}

#[test]
fn the_next_trunk_takes_what_one_will_not() {
    for code in [500, 503, 504] {
        let mut rig = three();
        rig.invite("1000", "0611112222");
        let invite = rig.received(MAIN, Method::Invite);
        rig.reply(MAIN, &invite, code);
        let invite = rig.received(SPARE, Method::Invite);
        assert_eq!(invite.headers.from().unwrap().uri, "sip:0300000000@carrier.example");
        rig.answer(SPARE, &invite, 200, sdp_of(SPARE, "sendrecv"));
        rig.received(SPARE, Method::Ack);
        rig.response("1000", 200);
        assert_eq!(rig.call().callee.trunk().unwrap().as_str(), "spare");
    }
}

#[test]
fn a_refusal_by_the_person_called_is_theirs_and_no_other_trunk_is_tried() {
    for (code, told) in [(486, 486), (404, 404), (603, 603), (302, 503)] {
        let mut rig = three();
        rig.invite("1000", "0611112222");
        let invite = rig.received(MAIN, Method::Invite);
        rig.reply(MAIN, &invite, code);
        rig.response("1000", told);
        assert!(rig.words(SPARE).is_empty() && rig.switch.is_idle());
    }
}

#[test]
fn what_rings_outside_is_not_rung_a_second_time() {
    let mut rig = three();
    rig.invite("1000", "0611112222");
    let invite = rig.received(MAIN, Method::Invite);
    rig.reply(MAIN, &invite, 180);
    rig.response("1000", 180);
    rig.reply(MAIN, &invite, 503);
    rig.response("1000", 503);
    assert!(rig.words(SPARE).is_empty());
}

#[test]
fn a_trunk_that_says_nothing_is_passed_over_until_it_answers_again() {
    let mut rig = three();
    rig.invite("1000", "0611112222");
    rig.received(MAIN, Method::Invite);
    rig.after(Duration::from_secs(5));
    let invite = rig.received(SPARE, Method::Invite);
    assert_eq!((rig.reachable("main"), rig.trouble("main")), (Some(false), Some(Trouble::NoAnswer)));
    rig.reply(SPARE, &invite, 486);
    rig.response("1000", 486);

    rig.inbox.clear();
    rig.invite("1000", "0611112222");
    let invite = rig.received(SPARE, Method::Invite);
    assert!(!rig.words(MAIN).contains(&"INVITE".to_owned()));
    rig.reply(SPARE, &invite, 486);

    rig.after(Duration::from_secs(10));
    rig.pong(MAIN);
    assert_eq!((rig.reachable("main"), rig.trouble("main")), (Some(true), None));
    rig.invite("1000", "0611112222");
    rig.received(MAIN, Method::Invite);
}

#[test]
fn a_late_answer_of_a_trunk_that_was_given_up_is_let_go() {
    let mut rig = three();
    rig.invite("1000", "0611112222");
    let invite = rig.received(MAIN, Method::Invite);
    rig.after(Duration::from_secs(5));
    rig.received(SPARE, Method::Invite);
    rig.answer(MAIN, &invite, 200, sdp_of(MAIN, "sendrecv"));
    rig.received(MAIN, Method::Ack);
    rig.received(MAIN, Method::Bye);
}

#[test]
fn without_a_trunk_that_answers_the_caller_is_told_why() {
    let mut rig = rig(vec![entry("main", MAIN), entry("spare", SPARE)]);
    rig.pong(MAIN);
    let ping = rig.received(SPARE, Method::Options);
    rig.reply(SPARE, &ping, 503);
    assert_eq!(rig.trouble("spare"), Some(Trouble::Unavailable(503)));
    rig.after(Duration::from_secs(30));
    rig.received(MAIN, Method::Options);
    rig.after(Duration::from_secs(5));
    assert_eq!((rig.reachable("main"), rig.reachable("spare")), (Some(false), Some(false)));
    rig.inbox.clear();
    rig.invite("1000", "0611112222");
    let refused = rig.response("1000", 503);
    assert_eq!(refused.headers.get("Warning"), Some(r#"399 sip.example "no trunk for this number can be reached""#));
    assert!(rig.words(MAIN).is_empty() && rig.switch.is_idle());
}

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
fn a_trunk_brings_a_call_to_whom_its_rules_name() {
    let mut rig = three();
    let invite = rig.trunk_calls(MAIN, "+81312345678", "+81901234567");
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().uri, "sip:0901234567@sip.example", "as one would call back");
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response(MAIN, 200);
    assert_eq!(ok.headers.call_id(), invite.headers.call_id());
    rig.trunk_acknowledges(MAIN, &ok);
    assert_eq!((rig.call().status(), rig.call().caller.to_string()), (CallStatus::Inbound, "0901234567".to_owned()));

    // It is held and ended like any call.
    rig.bye(MAIN, &ok, 3);
    rig.received("1001", Method::Bye);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_number_that_is_withheld_is_not_shown_though_the_trunk_tells_it() {
    let mut rig = three();
    let mut request = rig.request(Method::Invite, MAIN, "0312345678", sdp_of(MAIN, "sendrecv"));
    request.headers.set("From", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a");
    request.headers.push("P-Asserted-Identity", "<sip:+81901234567@carrier.example>");
    request.headers.push("Privacy", "id");
    rig.send(MAIN, &Message::Request(request));
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().uri, "sip:anonymous@anonymous.invalid");
    assert_eq!(rig.call().caller.to_string(), "anonymous");
}

#[test]
fn what_is_called_at_our_registered_contact_stands_in_to() {
    let mut rig = rig(vec![with_account(true)]);
    let mut request = rig.request(Method::Invite, MAIN, "main", sdp_of(MAIN, "sendrecv"));
    request.headers.set("To", "<sip:0312345678@carrier.example>");
    rig.send(MAIN, &Message::Request(request));
    rig.received("1001", Method::Invite);
}

/// No open relay: each way that is closed, from the address of an ordinary trunk.
#[test]
fn a_trunk_reaches_nothing_but_what_its_own_rules_name() {
    let mut rig = three();
    let before = rig.switch.endpoint.transactions();
    for (trunk, called) in [
        (MAIN, "0070"),
        (MAIN, "0071"),
        (MAIN, "80070"),
        (MAIN, "0070*9137*2468"),
        (MAIN, "1000"),
        (MAIN, "1001"),
        (MAIN, "0612345678"),
        (MAIN, "0611112222"),
        (MAIN, "+81611112222"),
        (MAIN, "110"),
        (MAIN, "9999"),
        (MAIN, "main"),
        (MAIN, "0312345678%00"),
        (MAIN, "0312345678*1"),
        (SPARE, "0312345678"),
        (SPARE, "0090"),
    ] {
        rig.trunk_calls(trunk, called, "09011112222");
        rig.response(trunk, 404);
        assert!(rig.switch.is_idle() && rig.events.is_empty() && rig.inbox.is_empty(), "{called}");
        assert_eq!(rig.switch.endpoint.transactions(), before, "{called} left something behind");
    }
}

#[test]
fn whoever_is_no_trunk_proves_who_they_are_whatever_they_call() {
    let mut rig = three();
    for called in ["0312345678", "80070", "0611112222", "1001"] {
        // A phone's address, and a trunk's with another port.
        rig.trunk_calls("1003", called, "09011112222");
        rig.response("1003", 401);
        let request = rig.request(Method::Invite, MAIN, called, sdp_of(MAIN, "sendrecv"));
        let stranger = SocketAddr::new(address(MAIN).ip(), 5061);
        let flow = Flow { remote: stranger, ..flow(MAIN) };
        rig.switch.receive(rig.now, flow, &Message::Request(request).to_bytes());
        rig.drain();
        let (to, answer) = rig.inbox.remove(0);
        assert!(to.ip() == stranger.ip() && matches!(answer, Message::Response(Response { code: 401, .. })));
    }
    assert!(rig.switch.is_idle());
}

#[test]
fn a_source_that_was_named_counts_as_its_trunk() {
    let mut main = entry("main", MAIN);
    main.trunk.sources = vec!["192.0.2.13".parse().unwrap()];
    let mut rig = rig(vec![main]);
    rig.trunk_calls("1003", "0312345678", "0901234567");
    rig.received("1001", Method::Invite);
    rig.trunk_calls("1003", "0070", "0901234567");
    rig.response("1003", 404);
}

#[test]
fn a_trunks_phone_that_knows_its_password_is_that_phone() {
    let mut rig = three();
    let mut request = rig.request(Method::Invite, MAIN, "1001", sdp_of(MAIN, "sendrecv"));
    let asked = rig.switch.authenticator.challenge(
        rig.now.unix_ms,
        &request,
        address(MAIN).ip(),
        Asker::Server,
        &[Algorithm::Md5],
        false,
    );
    request.headers.set("From", "<sip:1000@sip.example>;tag=p");
    let (_, challenge) = Challenge::strongest(&asked.headers).unwrap();
    let credentials =
        digest::authorize(&challenge, "1000", &ha1("1000", Algorithm::Md5), &Method::Invite, &request.uri, "c", 1);
    request.headers.push("Authorization", credentials);
    rig.send(MAIN, &Message::Request(request));
    rig.received("1001", Method::Invite);
    assert_eq!(rig.call().caller.to_string(), "1000");
}

#[test]
fn a_stranger_cannot_end_a_call_over_a_trunk() {
    let mut rig = three();
    rig.trunk_calls(MAIN, "0312345678", "0901234567");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response(MAIN, 200);
    rig.trunk_acknowledges(MAIN, &ok);
    let bye = rig.in_dialog(MAIN, Method::Bye, &ok, 3);
    rig.send("1003", &Message::Request(bye.clone()));
    rig.response("1003", 403);
    rig.send(SPARE, &Message::Request(bye));
    rig.response(SPARE, 403);
    assert_eq!(rig.call().status(), CallStatus::Inbound);
}

#[test]
fn d2_a_mobile_trunk_brings_its_users_to_the_prefixed_codes() {
    let mut rig = three();
    rig.trunk_calls(MOBILE, "80070", "+819011112222");
    match rig.events.pop() {
        Some(Event::Dialled { source, trunk, feature, .. }) => {
            assert_eq!((source, trunk.unwrap().as_str()), (number("1002"), "mobile"));
            assert!(feature.mobile && feature.mode == Mode::Monitor && feature.short.is_none());
        }
        Some(_) | None => panic!("nobody came to the desk"),
    }
}

#[test]
fn d2_a_mobile_trunk_reaches_nothing_else() {
    let mut rig = three();
    for (called, caller, code) in [
        ("0070", "09011112222", 404),
        ("0071", "09011112222", 404),
        ("0070*9137*2468", "09011112222", 404),
        ("1000", "09011112222", 404),
        ("0312345678", "09011112222", 404),
        ("0611112222", "09011112222", 404),
        ("80070", "09011112223", 403),
        ("80070", "anonymous", 403),
        ("80070", "1002", 403),
    ] {
        rig.trunk_calls(MOBILE, called, caller);
        rig.response(MOBILE, code);
        assert!(rig.switch.is_idle() && rig.events.is_empty() && rig.inbox.is_empty(), "{called}");
    }
    rig.trunk_calls(MOBILE, "80070*9137*2468", "09011112222");
    rig.response(MOBILE, 403);
    assert!(matches!(rig.events.pop(), Some(Event::Refused { .. })) && rig.switch.is_idle());
    rig.invite("1000", "0611112222");
    rig.received(MAIN, Method::Invite);
    assert!(rig.words(MOBILE).is_empty(), "nor does a call leave by it");
}

#[test]
fn d2_an_extension_that_is_removed_takes_its_mobile_user_from_the_desk() {
    let mut rig = three();
    rig.trunk_calls(MOBILE, "80070", "09011112222");
    let Some(Event::Dialled { leg, .. }) = rig.events.pop() else { panic!("nobody came to the desk") };
    rig.command(Command::Answer { leg });
    let ok = rig.response(MOBILE, 200);
    rig.trunk_acknowledges(MOBILE, &ok);
    rig.switch.set_directory(rig.now, Directory::default());
    rig.drain();
    rig.received(MOBILE, Method::Bye);
    assert!(rig.switch.is_idle());
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

#[test]
fn a6_beyond_the_limit_a_call_is_refused_with_the_reason_and_a_supervisor_is_not() {
    let mut rig = three();
    rig.switch.config.max_concurrent = 1;
    rig.talk();
    rig.trunk_calls(MAIN, "0312345678", "0901234567");
    let refused = rig.response(MAIN, 503);
    assert_eq!(refused.headers.get("Warning"), Some(r#"399 sip.example "as many calls as are allowed are going on""#));
    let (leg, _) = rig.guest("0070");
    rig.attach(leg, Mode::Monitor);
    assert_eq!(rig.call().listeners, 1);
}

#[test]
fn a_record_names_the_trunk_that_took_the_call_and_whoever_called_in() {
    let mut rig = three();
    rig.invite("1000", "0399998888");
    let first = rig.received(MAIN, Method::Invite);
    rig.reply(MAIN, &first, 503);
    let second = rig.received(SPARE, Method::Invite);
    rig.answer(SPARE, &second, 200, sdp_of(SPARE, "sendrecv"));
    let outside =
        |trunk: &str, number: &str| Party::Outside { trunk: trunk.parse().unwrap(), number: number.parse().ok() };
    let record = rig.records.last().unwrap();
    assert_eq!((&record.caller, &record.callee), (&number("1000").into(), &outside("spare", "0399998888")));
    assert!(record.answered_at_ms.is_some());
    rig.trunk_calls(SPARE, "0612345678", "09077776666");
    let record = rig.records.last().unwrap();
    assert_eq!((&record.caller, &record.callee), (&outside("spare", "09077776666"), &number("1001").into()));
}
