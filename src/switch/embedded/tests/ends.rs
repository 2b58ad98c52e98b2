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
    let bye = rig.in_dialog("1000", Method::Bye, &ok, 3);
    rig.send("1000", &Message::Request(bye));
    rig.received("1001", Method::Bye);
    let mut crossing = rig.request(Method::Bye, "1001", "x", vec![]);
    crossing.headers.set("From", format!("{};tag=t1001", ring.headers.get("To").unwrap()));
    crossing.headers.set("To", ring.headers.get("From").unwrap());
    crossing.headers.set("Call-ID", ring.headers.call_id());
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
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    for name in ["Via", "From", "To", "Call-ID"] {
        cancel.headers.copy(name, &invite.headers);
    }
    cancel.headers.push("CSeq", "2 CANCEL");
    rig.send("1000", &Message::Request(cancel));
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
    let bye = rig.in_dialog("1000", Method::Bye, &ok, 3);
    rig.send("1000", &Message::Request(bye));
    rig.command(Command::Detach { session });
    rig.command(Command::HangUp { leg });
    assert!(rig.switch.attached.is_empty() && rig.switch.by_dialog.is_empty() && rig.switch.is_idle());
    rig.talk();
    let matrix = rig.matrices.last().unwrap();
    assert!(matrix.rows().all(|(listener, sources)| listener != leg && !sources.contains(&leg)));
}
