//! Provisional responses that must arrive (RFC 3262), from the phones that ring and to the phone that called, and what
//! early dialogs are good for.

use super::*;
use std::collections::BTreeSet;

fn reliable(rig: &mut Rig, ring: &Request, code: u16, rseq: u32, body: Vec<u8>) {
    let rows = [("Require", "100rel"), ("RSeq", &rseq.to_string())];
    rig.answer_with("1001", ring, code, &rows, body);
}

/// The caller's INVITE says in `row` what it makes of reliable responses.
fn invite_with(rig: &mut Rig, row: &str, body: Vec<u8>) -> Request {
    let mut invite = rig.request(Method::Invite, "1000", "1001", body);
    invite.headers.push(row, "100rel");
    rig.authenticated("1000", invite)
}

fn prack(rig: &mut Rig, provisional: &Response, cseq: u32, body: Vec<u8>) -> Response {
    let mut prack = rig.in_dialog("1000", Method::Prack, provisional, cseq);
    let rseq = provisional.headers.get("RSeq").unwrap().to_owned();
    prack.headers.push("RAck", format!("{rseq} 2 INVITE"));
    if !body.is_empty() {
        prack.set_body("application/sdp", body);
    }
    rig.send("1000", &Message::Request(prack));
    rig.response("1000", 200)
}

#[test]
fn a_reliable_response_of_a_ringing_phone_is_acknowledged_once_and_in_order() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    assert!(ring.headers.has_option("100rel"));
    reliable(&mut rig, &ring, 180, 7, vec![]);
    let prack = rig.received("1001", Method::Prack);
    assert_eq!(prack.headers.get("RAck"), Some("7 1 INVITE"));
    assert_eq!((prack.headers.to().unwrap().tag(), prack.headers.cseq().unwrap().number), (Some("t1001"), 2));
    rig.response("1000", 180);
    for rseq in [7, 9] {
        reliable(&mut rig, &ring, 183, rseq, sdp_of("1001", "sendrecv"));
        assert!(rig.words("1001").is_empty() && rig.words("1000").is_empty(), "{rseq}");
    }
    reliable(&mut rig, &ring, 183, 8, sdp_of("1001", "sendrecv"));
    assert_eq!(rig.received("1001", Method::Prack).headers.cseq().unwrap().number, 3);
    assert!(!rig.response("1000", 183).body.is_empty());
}

/// The 200 of an answer that was given reliably need not repeat it (RFC 6337 §3.1.1).
#[test]
fn a_phone_that_answered_early_and_reliably_need_not_describe_its_media_again() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    reliable(&mut rig, &ring, 183, 1, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Prack);
    rig.answer("1001", &ring, 200, vec![]);
    assert_eq!(rig.received("1001", Method::Ack).headers.cseq().unwrap().number, 1);
    let ok = rig.response("1000", 200);
    assert!(!ok.body.is_empty());
    rig.ack("1000", &ok);
    assert_eq!(rig.call().state, CallState::Talking);
    rig.bye("1000", &ok, 3);
    assert_eq!(rig.received("1001", Method::Bye).headers.cseq().unwrap().number, 3, "after INVITE and PRACK");
}

#[test]
fn each_fork_has_a_dialog_and_numbers_of_its_own_and_the_one_that_answers_is_heard() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    let fork = |tag: &str| {
        let mut fork = ring.clone();
        fork.headers.set("To", format!("{};tag={tag}", ring.headers.get("To").unwrap()));
        fork
    };
    reliable(&mut rig, &fork("x"), 183, 50, sdp_of("1001", "sendrecv"));
    reliable(&mut rig, &fork("y"), 183, 900, sdp_of("1001", "sendrecv"));
    for (tag, rack) in [("x", "50 1 INVITE"), ("y", "900 1 INVITE")] {
        let prack = rig.received("1001", Method::Prack);
        assert_eq!((prack.headers.to().unwrap().tag(), prack.headers.get("RAck")), (Some(tag), Some(rack)));
    }
    for extra in 0..20 {
        reliable(&mut rig, &fork(&format!("extra{extra}")), 180, 1, vec![]);
    }
    assert_eq!(rig.words("1001").len(), 6, "eight forks are heard");
    rig.answer("1001", &fork("x"), 200, vec![]);
    rig.response("1000", 200);
    assert_eq!(rig.call().state, CallState::Talking);
    let callee = rig.switch.calls.values().next().unwrap().callee;
    assert_eq!(rig.switch.legs[&callee].dialog.as_ref().unwrap().id().remote_tag, "x");
    assert_eq!(rig.switch.by_dialog.len(), 2, "the other early dialogs are forgotten");
}

#[test]
fn a_caller_that_knows_reliable_responses_gets_early_media_reliably_and_ringing_as_ever() {
    let mut rig = Rig::new();
    invite_with(&mut rig, "Supported", sdp_of("1000", "sendrecv"));
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    assert!(!rig.response("1000", 180).headers.contains("RSeq"));
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    let early = rig.response("1000", 183);
    assert!(early.headers.requires("100rel") && !early.body.is_empty());
    rig.after(Duration::from_millis(500));
    rig.after(Duration::from_millis(1000));
    assert_eq!(rig.words("1000"), ["183", "183"]);
    rig.inbox.clear();
    prack(&mut rig, &early, 3, vec![]);
    rig.after(Duration::from_secs(20));
    assert!(rig.words("1000").is_empty());
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    assert!(ok.body.is_empty(), "the answer was given");
    rig.ack("1000", &ok);
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_caller_that_requires_it_gets_every_response_reliably_and_the_200_after_the_prack() {
    let mut rig = Rig::new();
    invite_with(&mut rig, "Require", sdp_of("1000", "sendrecv"));
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    let ringing = rig.response("1000", 180);
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    assert!(rig.words("1000").is_empty(), "one at a time");
    let first = ringing.headers.get("RSeq").unwrap().parse::<u32>().unwrap();
    prack(&mut rig, &ringing, 3, vec![]);
    let early = rig.response("1000", 183);
    assert_eq!(early.headers.get("RSeq"), Some(&*(first + 1).to_string()));
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    assert!(rig.words("1000").is_empty(), "the 200 waits");
    prack(&mut rig, &early, 4, vec![]);
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_prack_that_acknowledges_nothing_gets_481() {
    let mut rig = Rig::new();
    invite_with(&mut rig, "Require", sdp_of("1000", "sendrecv"));
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    let ringing = rig.response("1000", 180);
    for (cseq, rack) in [(3, "1 2 INVITE"), (4, "nonsense"), (5, "")] {
        let mut prack = rig.in_dialog("1000", Method::Prack, &ringing, cseq);
        prack.headers.push("RAck", rack);
        rig.send("1000", &Message::Request(prack));
        rig.response("1000", 481);
    }
    prack(&mut rig, &ringing, 6, vec![]);
    let stray = rig.request(Method::Prack, "1000", "1001", vec![]);
    rig.send("1000", &Message::Request(stray));
    rig.response("1000", 481);
}

#[test]
fn a_caller_that_never_sends_prack_is_refused_and_the_ringing_stops() {
    for answered in [false, true] {
        let mut rig = Rig::new();
        invite_with(&mut rig, "Require", sdp_of("1000", "sendrecv"));
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, 180, vec![]);
        rig.response("1000", 180);
        if answered {
            rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
            rig.received("1001", Method::Ack);
        }
        rig.after(Duration::from_secs(32));
        rig.response("1000", if answered { 480 } else { 504 });
        rig.received("1001", if answered { Method::Bye } else { Method::Cancel });
        assert!(rig.switch.is_idle());
    }
}

#[test]
fn a_callee_that_hangs_up_before_the_callers_prack_leaves_a_refusal() {
    let mut rig = Rig::new();
    invite_with(&mut rig, "Require", sdp_of("1000", "sendrecv"));
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.response("1000", 180);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let bye = from_callee(&mut rig, "1001", Method::Bye, &ring, 1);
    rig.send("1001", &Message::Request(bye));
    rig.response("1000", 480);
    assert!(rig.switch.is_idle() && rig.words("1000").is_empty());
}

/// The callee has answered, and the caller, whose 200 waits for its PRACK, thinks better of it.
#[test]
fn a_caller_that_gives_up_before_its_prack_is_answered_and_the_callee_hung_up() {
    for cancels in [true, false] {
        let mut rig = Rig::new();
        let invite = invite_with(&mut rig, "Require", sdp_of("1000", "sendrecv"));
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, 180, vec![]);
        let ringing = rig.response("1000", 180);
        rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
        rig.received("1001", Method::Ack);
        if cancels {
            rig.cancel(&invite);
        } else {
            rig.bye("1000", &ringing, 3);
        }
        rig.response("1000", 200);
        rig.response("1000", 487);
        rig.received("1001", Method::Bye);
        assert!(rig.switch.is_idle() && rig.words("1000").is_empty());
    }
}

/// RFC 3262 §5: our offer goes out in the first reliable response, the answer comes in its PRACK.
#[test]
fn a_caller_without_an_offer_that_requires_reliable_responses_answers_in_its_prack() {
    let mut rig = Rig::new();
    invite_with(&mut rig, "Require", vec![]);
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    let ringing = rig.response("1000", 180);
    assert!(!ringing.body.is_empty());
    prack(&mut rig, &ringing, 3, sdp_of("1000", "sendrecv"));
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    assert!(ok.body.is_empty());
    rig.ack("1000", &ok);
    assert_eq!(rig.call().state, CallState::Talking);
    let caller = rig.switch.calls.values().next().unwrap().caller;
    assert_eq!(rig.switch.legs[&caller].media.codec, Some(Codec::Pcma));
}

#[test]
fn a_prack_may_carry_a_new_offer_which_its_200_answers() {
    let mut rig = Rig::new();
    invite_with(&mut rig, "Supported", sdp_of("1000", "sendrecv"));
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    let early = rig.response("1000", 183);
    let answered = prack(&mut rig, &early, 3, sdp_of("1000", "sendonly"));
    assert!(String::from_utf8_lossy(&answered.body).contains("a=recvonly"));
}

#[test]
fn a_phone_may_move_its_early_media_by_update_and_no_other_request_is_of_use_there() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    reliable(&mut rig, &ring, 183, 1, sdp_of("1001", "sendrecv"));
    let mut update = from_callee(&mut rig, "1001", Method::Update, &ring, 1);
    let moved = String::from_utf8(sdp_of("1001", "sendrecv")).unwrap().replace("m=audio 4000", "m=audio 4444");
    update.set_body("application/sdp", moved.into_bytes());
    rig.send("1001", &Message::Request(update));
    assert!(!rig.response("1001", 200).body.is_empty());
    let callee = rig.switch.calls.values().next().unwrap().callee;
    assert_eq!(rig.switch.legs[&callee].media.remote.as_ref().unwrap().session.remote.port(), 4444);
    for (method, code) in [(Method::Update, 200), (Method::Info, 405), (Method::Bye, 405)] {
        let request = from_callee(&mut rig, "1001", method, &ring, 2);
        rig.send("1001", &Message::Request(request));
        rig.response("1001", code);
    }
    assert_eq!(rig.call().state, CallState::Ringing);
    let elsewhere = from_callee(&mut rig, "1001", Method::Update, &ring, 3);
    rig.switch.receive(rig.now, flow("1002"), &Message::Request(elsewhere).to_bytes());
    rig.drain();
    rig.response("1002", 481);
}

/// Neither a phone that rings nor one that hears the ringing needs to send; from the answer on they are waited for anew.
#[test]
fn quiet_while_a_phone_rings_ends_nothing_and_the_answer_begins_the_wait_anew() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    let both: BTreeSet<LegId> = rig.switch.legs.keys().copied().collect();
    for leg in &both {
        rig.switch.media_event(rig.now, media::Event::Quiet { leg: *leg });
    }
    rig.drain();
    rig.media.clear();
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let configured = rig.media.iter().filter_map(|command| match command {
        media::Command::Configure { leg, .. } => Some(*leg),
        _ => None,
    });
    assert_eq!(configured.collect::<BTreeSet<_>>(), both);
    assert_eq!(rig.switch.calls().len(), 1);
}
