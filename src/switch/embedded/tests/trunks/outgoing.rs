//! Calls out: over which trunk, as whom, and what becomes of one that does not take them.

use super::*;

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
