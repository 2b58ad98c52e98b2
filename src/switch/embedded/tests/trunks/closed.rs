//! What a trunk, or somebody who is none, does not reach.

use super::*;

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
