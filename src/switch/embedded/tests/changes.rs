//! Changes of media in a call that do not go the plain way, and offers that come late.

use super::*;

/// The caller asks for hold; what the callee is asked.
fn hold(rig: &mut Rig, ok: &Response) -> (Request, Request) {
    let hold = rig.offer("1000", Method::Invite, ok, 3, sdp_of("1000", "sendonly"));
    let passed_on = rig.received("1001", Method::Invite);
    (hold, passed_on)
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

/// The three ways to say it: by direction, by silence, and as of old (RFC 2543).
#[test]
fn who_is_put_on_hold_in_whatever_words_is_offered_the_music_and_hears_it_until_the_call_is_resumed() {
    let unspecified = |phone: &str| text(&sdp_of(phone, "sendrecv")).replace("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0");
    let words = [sdp_of("1000", "sendonly"), sdp_of("1000", "inactive"), unspecified("1000").into_bytes()];
    for words in words {
        let mut rig = Rig::new();
        let (ok, _) = rig.talk();
        let call = rig.switch.calls.values().next().unwrap();
        let (caller, callee) = (call.caller, call.callee);
        for cseq in [3, 5] {
            rig.offer("1000", Method::Invite, &ok, cseq, words.clone());
            let passed_on = rig.received("1001", Method::Invite);
            assert!(text(&passed_on.body).contains("a=sendonly"), "{}", text(&passed_on.body));
            rig.answer("1001", &passed_on, 200, sdp_of("1001", "recvonly"));
            let held = rig.response("1000", 200);
            rig.ack("1000", &held);
            let matrix = rig.matrices.last().unwrap();
            assert!(matrix.hears_music(callee) && !matrix.hears_music(caller) && !matrix.hears(callee, caller));
            assert_eq!(rig.call().state, CallState::OnHold);
            rig.offer("1000", Method::Invite, &ok, cseq + 1, sdp_of("1000", "sendrecv"));
            let passed_on = rig.received("1001", Method::Invite);
            assert!(text(&passed_on.body).contains("a=sendrecv"), "{}", text(&passed_on.body));
            rig.answer("1001", &passed_on, 200, sdp_of("1001", "sendrecv"));
            let resumed = rig.response("1000", 200);
            rig.ack("1000", &resumed);
            let matrix = rig.matrices.last().unwrap();
            assert!(!matrix.hears_music(callee) && matrix.hears(callee, caller) && matrix.hears(caller, callee));
        }
    }
}

#[test]
fn a_hold_that_is_cancelled_leaves_the_call_as_it_was() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let (asked, passed_on) = hold(&mut rig, &ok);
    rig.answer("1001", &passed_on, 100, vec![]);
    rig.cancel(&asked);
    rig.received("1001", Method::Cancel);
    rig.answer("1001", &passed_on, 487, vec![]);
    rig.response("1000", 487);
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_phone_that_never_answers_a_change_of_media_is_given_up() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let (_, passed_on) = hold(&mut rig, &ok);
    rig.answer("1001", &passed_on, 100, vec![]);
    for _ in 0..7 {
        rig.after(Duration::from_secs(10));
    }
    rig.received("1001", Method::Cancel);
    rig.response("1000", 408);
    assert!(rig.switch.calls().is_empty());
}

#[test]
fn a_refused_change_brings_back_direction_and_codec() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let leg = rig.switch.calls.values().next().unwrap().caller;
    let before = rig.switch.legs[&leg].media.codec;
    let mulaw_only = text(&sdp_of("1000", "sendonly")).replace("RTP/AVP 8 0 101", "RTP/AVP 0");
    rig.offer("1000", Method::Invite, &ok, 3, mulaw_only.into_bytes());
    let passed_on = rig.received("1001", Method::Invite);
    rig.answer("1001", &passed_on, 488, vec![]);
    rig.response("1000", 488);
    assert_eq!(rig.switch.legs[&leg].media.codec, before);
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_caller_told_of_a_codec_early_keeps_it() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    assert!(text(&rig.response("1000", 183).body).contains("RTP/AVP 8 "));
    let mulaw_only = text(&sdp_of("1001", "sendrecv")).replace("RTP/AVP 8 0 101", "RTP/AVP 0");
    rig.answer("1001", &ring, 200, mulaw_only.into_bytes());
    assert!(text(&rig.response("1000", 200).body).contains("RTP/AVP 8"));
}

#[test]
fn a_caller_that_says_bye_while_it_rings_gets_487_and_the_ringing_stops() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    let ringing = rig.response("1000", 180);
    rig.bye("1000", &ringing, 3);
    rig.response("1000", 487);
    rig.received("1001", Method::Cancel);
    assert!(rig.switch.is_idle());
}

#[test]
fn refreshes_of_a_session_leave_no_transaction_to_wait_for() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    for cseq in 3..20 {
        rig.offer("1000", Method::Invite, &ok, cseq, sdp_of("1000", "sendrecv"));
        rig.response("1000", 200);
        let ack = rig.in_dialog("1000", Method::Ack, &ok, cseq);
        rig.send("1000", &Message::Request(ack));
    }
    assert!(!rig.words("1001").contains(&"INVITE".to_owned()));
    assert!(rig.switch.by_server_tx.is_empty());
}

#[test]
fn a_caller_without_an_offer_gets_ours_and_answers_in_its_ack() {
    let mut rig = Rig::new();
    let request = rig.request(Method::Invite, "1000", "1001", vec![]);
    rig.authenticated("1000", request);
    let ring = rig.received("1001", Method::Invite);
    assert!(text(&ring.body).contains("telephone-event"));
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    assert!(text(&ok.body).contains("RTP/AVP 8 0 101"), "{}", text(&ok.body));
    let mut ack = rig.in_dialog("1000", Method::Ack, &ok, 2);
    ack.set_body("application/sdp", sdp_of("1000", "sendrecv"));
    rig.send("1000", &Message::Request(ack));
    let caller = rig.switch.calls.values().next().unwrap().caller;
    assert_eq!(rig.switch.legs[&caller].media.codec, Some(Codec::Pcma));
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_guest_without_an_offer_is_answered_too_and_hung_up_when_its_ack_holds_no_answer() {
    for answers in [true, false] {
        let mut rig = Rig::new();
        let request = rig.request(Method::Invite, "1002", "0070", vec![]);
        rig.authenticated("1002", request);
        let Some(Event::Dialled { leg, .. }) = rig.events.pop() else { panic!("nobody came to the desk") };
        rig.command(Command::Answer { leg });
        let ok = rig.response("1002", 200);
        let mut ack = rig.in_dialog("1002", Method::Ack, &ok, 2);
        if answers {
            ack.set_body("application/sdp", sdp_of("1002", "sendrecv"));
        }
        rig.send("1002", &Message::Request(ack));
        match answers {
            true => assert!(matches!(rig.events.last(), Some(Event::Answered { .. }))),
            false => assert!(matches!(rig.events.last(), Some(Event::HungUp { .. })) && rig.switch.is_idle()),
        }
    }
}

#[test]
fn nobody_is_attached_to_a_call_that_rings_nor_from_a_leg_that_is_gone() {
    let mut rig = Rig::new();
    let (leg, guest) = rig.guest("0070");
    rig.invite("1000", "1001");
    rig.attach(leg, Mode::Whisper);
    assert_eq!(rig.call().listeners, 0);
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.bye("1002", &guest, 3);
    rig.attach(leg, Mode::Whisper);
    assert_eq!(rig.call().listeners, 0);
    assert!(rig.matrices.iter().all(|matrix| matrix.rows().all(|(_, sources)| !sources.contains_key(&leg))));
}
