//! Ends of calls that cross each other, repeat themselves or come too late.

use super::*;

fn bye_again(rig: &mut Rig, bye: &Request) {
    rig.send("1000", &Message::Request(bye.clone()));
}

#[test]
fn a_repeated_bye_is_answered_again_and_ends_nothing_twice() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let bye = rig.in_dialog("1000", Method::Bye, &ok, 3);
    for _ in 0..3 {
        bye_again(&mut rig, &bye);
        rig.response("1000", 200);
    }
    let ends = rig.events.iter().filter(|event| matches!(event, Event::CallEnded { .. })).count();
    assert_eq!(ends, 1);
    rig.after(Duration::from_secs(40));
    bye_again(&mut rig, &bye);
    rig.response("1000", 481);
}

#[test]
fn both_phones_may_hang_up_at_once() {
    let mut rig = Rig::new();
    let (ok, ring) = rig.talk();
    rig.bye("1000", &ok, 3);
    rig.received("1001", Method::Bye);
    let crossing = from_callee(&mut rig, "1001", Method::Bye, &ring, 1);
    rig.send("1001", &Message::Request(crossing));
    rig.response("1001", 481);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_cancel_after_the_answer_ends_nothing() {
    let mut rig = Rig::new();
    let invite = rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.cancel(&invite);
    assert_eq!(rig.words("1000"), ["200", "200"]);
    assert_eq!(rig.call().state, CallState::Talking);
}

/// Extension 1001 stands at the place of 1003 too.
fn two_contacts(rig: &mut Rig) {
    let contact = format!("sip:1001@{}", address("1003")).parse().unwrap();
    rig.switch.registrar.load(vec![Binding { contact, flow: flow("1003"), ..binding("1001") }]);
}

#[test]
fn a_phone_that_gave_early_media_and_declines_hears_the_caller_no_more_while_another_rings() {
    let mut rig = Rig::new();
    two_contacts(&mut rig);
    rig.invite("1000", "1001");
    let (first, other) = (rig.received("1001", Method::Invite), rig.received("1003", Method::Invite));
    let call = rig.switch.calls.values().next().unwrap();
    let (caller, callee) = (call.caller, call.callee);
    rig.answer("1003", &other, 183, sdp_of("1003", "sendrecv"));
    assert!(rig.matrices.last().unwrap().hears(callee, caller));
    rig.answer("1003", &other, 486, vec![]);
    assert_eq!(rig.matrices.last(), Some(&HearMatrix::silent([caller, callee])));
    rig.answer("1001", &first, 200, sdp_of("1001", "sendrecv"));
    assert!(rig.matrices.last().unwrap().hears(callee, caller));
}

#[test]
fn of_two_contacts_that_answer_the_first_talks_and_the_other_is_let_go() {
    let mut rig = Rig::new();
    two_contacts(&mut rig);
    rig.invite("1000", "1001");
    let (first, other) = (rig.received("1001", Method::Invite), rig.received("1003", Method::Invite));
    rig.answer("1001", &first, 180, vec![]);
    rig.answer("1003", &other, 180, vec![]);
    rig.answer("1001", &first, 200, sdp_of("1001", "sendrecv"));
    rig.received("1003", Method::Cancel);
    rig.answer("1003", &other, 200, sdp_of("1003", "sendrecv"));
    rig.received("1003", Method::Ack);
    rig.received("1003", Method::Bye);
    rig.received("1001", Method::Ack);
    assert!(!rig.words("1001").contains(&"BYE".to_owned()));
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_phone_whose_connection_an_earlier_engine_held_is_not_there() {
    let mut rig = Rig::new();
    let dead = Flow { transport: Transport::Tcp, ..flow("1003") };
    rig.switch.registrar.load(vec![Binding { flow: dead, ..binding("1003") }]);
    rig.invite("1000", "1003");
    rig.received("1003", Method::Invite);
    rig.switch.transport_failed(rig.now, dead);
    rig.drain();
    rig.response("1000", 480);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_call_that_ends_under_supervisors_leaves_no_trace_of_them() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let (leg, _) = rig.guest("0071");
    let session = rig.attach(leg, Mode::Whisper);
    rig.bye("1000", &ok, 3);
    rig.command(Command::Detach { session });
    rig.command(Command::HangUp { leg });
    assert!(rig.switch.attached.is_empty() && rig.switch.by_dialog.is_empty() && rig.switch.is_idle());
    rig.talk();
    let matrix = rig.matrices.last().unwrap();
    assert!(matrix.rows().all(|(listener, sources)| listener != leg && !sources.contains_key(&leg)));
}

fn answer_as(rig: &mut Rig, tag: &str, ring: &Request) {
    let mut forked = ring.clone();
    forked.headers.set("To", format!("{};tag={tag}", ring.headers.get("To").unwrap()));
    rig.answer("1001", &forked, 200, sdp_of("1001", "sendrecv"));
}

/// A proxy behind one contact rang several phones (RFC 3261 §13.2.2.4).
#[test]
fn of_several_forks_that_answer_one_ring_the_first_talks_and_each_other_gets_ack_and_bye() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    for tag in ["first", "second", "third"] {
        answer_as(&mut rig, tag, &ring);
        let ack = rig.received("1001", Method::Ack);
        assert_eq!(ack.headers.to().unwrap().tag(), Some(tag));
        if tag != "first" {
            let bye = rig.received("1001", Method::Bye);
            assert_eq!(bye.headers.to().unwrap().tag(), Some(tag));
        }
    }
    assert!(rig.words("1001").is_empty());
    assert_eq!(rig.call().state, CallState::Talking);
    for _ in 0..80 {
        rig.after(Duration::from_secs(1));
    }
    assert!(rig.switch.by_client_tx.is_empty(), "nobody else can answer any more");
}

#[test]
fn of_several_forks_that_answer_after_the_caller_gave_up_each_gets_ack_and_bye() {
    let mut rig = Rig::new();
    let invite = rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.cancel(&invite);
    rig.response("1000", 487);
    rig.received("1001", Method::Cancel);
    for tag in ["first", "second"] {
        answer_as(&mut rig, tag, &ring);
        rig.received("1001", Method::Ack);
        rig.received("1001", Method::Bye);
    }
    assert!(rig.switch.is_idle());
}

/// RFC 3261 §15: the callee's BYE comes before the caller's ACK.
#[test]
fn a_caller_that_has_not_acknowledged_its_200_is_told_of_the_end_after_its_ack() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    callee_hangs_up(&mut rig, &ring);
    assert!(rig.switch.calls().is_empty());
    assert!(rig.words("1000").is_empty() && !rig.switch.is_idle());
    rig.ack("1000", &ok);
    rig.received("1000", Method::Bye);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_caller_that_never_acknowledges_its_200_is_told_of_the_end_all_the_same_and_may_say_bye_itself() {
    for says_bye in [false, true] {
        let mut rig = Rig::new();
        rig.invite("1000", "1001");
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
        let ok = rig.response("1000", 200);
        callee_hangs_up(&mut rig, &ring);
        if says_bye {
            rig.bye("1000", &ok, 3);
            rig.response("1000", 200);
            assert!(rig.switch.is_idle());
        }
        for _ in 0..40 {
            rig.after(Duration::from_secs(1));
        }
        let byes = rig.words("1000").iter().filter(|word| *word == "BYE").count();
        assert_eq!(byes > 0, !says_bye);
        assert!(rig.switch.is_idle());
    }
}

fn callee_hangs_up(rig: &mut Rig, ring: &Request) {
    let bye = from_callee(rig, "1001", Method::Bye, ring, 1);
    rig.send("1001", &Message::Request(bye));
    rig.response("1001", 200);
}

/// RFC 5407 §3.1.5 from our side: the call ends under a change of media, and the phone accepts the change all the same.
#[test]
fn a_change_of_media_that_is_accepted_after_the_end_is_acknowledged() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    rig.offer("1000", Method::Invite, &ok, 3, sdp_of("1000", "sendonly"));
    let passed_on = rig.received("1001", Method::Invite);
    rig.bye("1000", &ok, 4);
    rig.response("1000", 487);
    rig.received("1001", Method::Bye);
    rig.answer("1001", &passed_on, 200, sdp_of("1001", "recvonly"));
    rig.received("1001", Method::Ack);
    assert!(rig.switch.is_idle());
}

/// RFC 3261 §14.1: no INVITE to a phone whose own INVITE is not settled.
#[test]
fn a_callee_that_changes_its_media_before_the_callers_ack_is_asked_to_wait() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    let mut hold = from_callee(&mut rig, "1001", Method::Invite, &ring, 1);
    hold.set_body("application/sdp", sdp_of("1001", "sendonly"));
    rig.send("1001", &Message::Request(hold.clone()));
    rig.response("1001", 491);
    rig.ack("1000", &ok);
    hold.headers.set("CSeq", "2 INVITE");
    hold.headers.set("Via", format!("SIP/2.0/UDP {};branch=z9hG4bKlater;rport", address("1001")));
    rig.send("1001", &Message::Request(hold));
    rig.received("1000", Method::Invite);
}
