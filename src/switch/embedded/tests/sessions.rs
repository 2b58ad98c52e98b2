//! Session timers in both roles (RFC 4028), UPDATE (RFC 3311), and requests that collide (RFC 3261 §14.1).

use super::*;

const UPDATES: &str = "INVITE, ACK, BYE, CANCEL, UPDATE";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// 1000 asks for a session of 90 s and talks to 1001, which agrees to what `answered` says; both 200s and the ring.
fn timed_talk(rig: &mut Rig, asked: &str, answered: &str, allow: &str) -> (Response, Request) {
    let mut invite = rig.request(Method::Invite, "1000", "1001", sdp_of("1000", "sendrecv"));
    invite.headers.push("Supported", "timer");
    if !asked.is_empty() {
        invite.headers.push("Session-Expires", asked);
    }
    rig.authenticated("1000", invite);
    let ring = rig.received("1001", Method::Invite);
    let rows = [("Session-Expires", answered), ("Allow", allow)];
    rig.answer_with("1001", &ring, 200, &rows, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    (ok, ring)
}

/// Time passes, and phones that are asked whether they are there say yes.
fn pass(rig: &mut Rig, time: Duration) {
    rig.after(time);
    for phone in ["1000", "1001"] {
        while rig.words(phone).contains(&"OPTIONS".to_owned()) {
            let options = rig.received(phone, Method::Options);
            rig.answer(phone, &options, 200, vec![]);
        }
    }
}

fn is_up(rig: &Rig) -> bool {
    !rig.switch.calls().is_empty()
}

#[test]
fn a_phone_that_asks_for_a_session_refreshes_it_and_is_hung_up_when_it_does_not() {
    let mut rig = Rig::new();
    let (ok, _) = timed_talk(&mut rig, "90", "", "");
    assert_eq!(ok.headers.get("Session-Expires"), Some("90;refresher=uac"));
    assert_eq!(ok.headers.get("Require"), Some("timer"));
    for cseq in 3..6 {
        pass(&mut rig, seconds(45));
        let mut update = rig.in_dialog("1000", Method::Update, &ok, cseq);
        update.headers.push("Session-Expires", "90;refresher=uac");
        update.headers.push("Supported", "timer");
        rig.send("1000", &Message::Request(update));
        let refreshed = rig.response("1000", 200);
        assert_eq!(refreshed.headers.get("Session-Expires"), Some("90;refresher=uac"));
        assert!(refreshed.body.is_empty());
    }
    pass(&mut rig, seconds(59));
    assert!(is_up(&rig));
    pass(&mut rig, seconds(1));
    let bye = rig.received("1000", Method::Bye);
    assert!(bye.headers.get("Reason").is_some_and(|reason| reason.starts_with("SIP;cause=408")));
    let bye = rig.received("1001", Method::Bye);
    assert!(!bye.headers.contains("Reason"));
    assert!(rig.switch.is_idle());
}

#[test]
fn a_session_below_90_s_is_refused_with_what_would_be_borne() {
    let mut rig = Rig::new();
    let mut invite = rig.request(Method::Invite, "1000", "1001", sdp_of("1000", "sendrecv"));
    invite.headers.push("Supported", "timer");
    invite.headers.push("Session-Expires", "60");
    rig.authenticated("1000", invite);
    assert_eq!(rig.response("1000", 422).headers.get("Min-SE"), Some("90"));
    assert!(rig.switch.is_idle());
    let (ok, _) = timed_talk(&mut rig, "90", "", "");
    for (method, cseq) in [(Method::Update, 3), (Method::Invite, 4)] {
        let mut refresh = rig.in_dialog("1000", method, &ok, cseq);
        refresh.headers.push("Session-Expires", "60");
        refresh.headers.push("Supported", "timer");
        rig.send("1000", &Message::Request(refresh));
        rig.response("1000", 422);
    }
    assert!(is_up(&rig));
}

#[test]
fn we_refresh_by_update_where_the_phone_takes_it_and_by_re_invite_elsewhere() {
    for (allow, method) in [(UPDATES, Method::Update), ("", Method::Invite)] {
        let mut rig = Rig::new();
        let (_, ring) = timed_talk(&mut rig, "", "90;refresher=uac", allow);
        assert_eq!(ring.headers.get("Session-Expires"), Some("1800"));
        assert!(ring.headers.has_option("timer"));
        for _ in 0..3 {
            pass(&mut rig, seconds(45));
            let refresh = rig.received("1001", method.clone());
            assert_eq!(refresh.headers.get("Session-Expires"), Some("90;refresher=uac"));
            assert_eq!(refresh.body.is_empty(), method == Method::Update);
            let body = if method == Method::Update { vec![] } else { sdp_of("1001", "sendrecv") };
            rig.answer_with("1001", &refresh, 200, &[("Session-Expires", "90;refresher=uac")], body);
            if method == Method::Invite {
                rig.received("1001", Method::Ack);
            }
        }
        assert_eq!(rig.call().state, CallState::Talking);
        assert!(!rig.words("1000").iter().any(|word| word == "INVITE" || word == "UPDATE"));
    }
}

#[test]
fn a_refresh_that_is_not_understood_as_update_is_tried_as_re_invite() {
    let mut rig = Rig::new();
    timed_talk(&mut rig, "", "90;refresher=uac", UPDATES);
    pass(&mut rig, seconds(45));
    let update = rig.received("1001", Method::Update);
    rig.answer("1001", &update, 405, vec![]);
    rig.received("1001", Method::Invite);
}

#[test]
fn a_refresh_that_fails_for_good_ends_the_call_and_one_that_fails_for_now_does_not() {
    for (code, ends) in [(481, true), (408, true), (500, false), (503, false)] {
        let mut rig = Rig::new();
        timed_talk(&mut rig, "", "90;refresher=uac", UPDATES);
        pass(&mut rig, seconds(45));
        let update = rig.received("1001", Method::Update);
        rig.answer("1001", &update, code, vec![]);
        assert_eq!(is_up(&rig), !ends, "{code}");
        if !ends {
            pass(&mut rig, seconds(10));
            let again = rig.received("1001", Method::Update);
            rig.answer("1001", &again, code, vec![]);
            pass(&mut rig, seconds(35));
            let bye = rig.received("1001", Method::Bye);
            assert!(bye.headers.contains("Reason"), "{code}");
        }
    }
}

#[test]
fn a_phone_that_wants_longer_sessions_is_asked_again_with_what_it_wants() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer_with("1001", &ring, 422, &[("Min-SE", "7200")], vec![]);
    rig.received("1001", Method::Ack);
    let again = rig.received("1001", Method::Invite);
    assert_eq!(again.headers.get("Session-Expires"), Some("7200"));
    assert_eq!(again.headers.get("Min-SE"), Some("7200"));
    assert_eq!((again.headers.call_id(), again.headers.cseq().unwrap().number), (ring.headers.call_id(), 2));
    rig.answer("1001", &again, 200, sdp_of("1001", "sendrecv"));
    assert_eq!(rig.received("1001", Method::Ack).headers.cseq().unwrap().number, 2);
    rig.response("1000", 200);
    assert_eq!(rig.call().state, CallState::Talking);
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    for _ in 0..2 {
        let ring = rig.received("1001", Method::Invite);
        rig.answer_with("1001", &ring, 422, &[("Min-SE", "7200")], vec![]);
    }
    assert!(rig.switch.is_idle(), "a phone that contradicts itself is not asked for ever");
}

#[test]
fn a_supervisor_at_the_desk_has_a_session_too() {
    let mut rig = Rig::new();
    let mut invite = rig.request(Method::Invite, "1002", "0070", sdp_of("1002", "sendrecv"));
    invite.headers.push("Supported", "timer");
    invite.headers.push("Session-Expires", "90;refresher=uas");
    rig.authenticated("1002", invite);
    let Some(Event::Dialled { leg, .. }) = rig.events.pop() else { panic!("nobody came to the desk") };
    rig.command(Command::Answer { leg });
    let ok = rig.response("1002", 200);
    assert_eq!(ok.headers.get("Session-Expires"), Some("90;refresher=uas"));
    rig.ack("1002", &ok);
    pass(&mut rig, seconds(45));
    let refresh = rig.received("1002", Method::Invite);
    assert!(!refresh.body.is_empty());
    rig.answer("1002", &refresh, 481, vec![]);
    assert!(matches!(rig.events.last(), Some(Event::HungUp { .. })) && rig.switch.is_idle());
}

/// §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other one at most 2 s.
#[test]
fn a_refresh_that_collides_is_repeated_after_the_pause_of_its_side() {
    for (phone, asked, answered, from_ms, to_ms) in
        [("1001", "", "90;refresher=uac", 2_100, 4_000), ("1000", "90;refresher=uas", "", 0, 2_000)]
    {
        let mut rig = Rig::new();
        timed_talk(&mut rig, asked, answered, "");
        pass(&mut rig, seconds(45));
        let refresh = rig.received(phone, Method::Invite);
        rig.answer(phone, &refresh, 491, vec![]);
        rig.received(phone, Method::Ack);
        let mut waited = 0;
        while !rig.words(phone).contains(&"INVITE".to_owned()) {
            rig.after(Duration::from_millis(10));
            waited += 10;
            assert!(waited <= to_ms, "{phone}");
        }
        assert!(waited >= from_ms, "{phone}: {waited} ms");
    }
}

#[test]
fn a_re_invite_that_meets_ours_on_the_way_gets_491_and_so_does_an_update_with_an_offer() {
    let mut rig = Rig::new();
    let (ok, _) = timed_talk(&mut rig, "90;refresher=uas", "", "");
    pass(&mut rig, seconds(45));
    let ours = rig.received("1000", Method::Invite);
    for (method, cseq) in [(Method::Invite, 3), (Method::Update, 4)] {
        rig.offer("1000", method, &ok, cseq, sdp_of("1000", "sendonly"));
        rig.response("1000", 491);
    }
    rig.answer("1000", &ours, 200, sdp_of("1000", "sendrecv"));
    rig.received("1000", Method::Ack);
    assert_eq!(rig.call().state, CallState::Talking);
}

/// Both phones change their media at once: each is told to try again, and whoever does so first succeeds.
#[test]
fn two_holds_that_cross_are_both_refused_and_one_succeeds_later() {
    let mut rig = Rig::new();
    let (ok, ring) = rig.talk();
    rig.offer("1000", Method::Invite, &ok, 3, sdp_of("1000", "sendonly"));
    let passed_on = rig.received("1001", Method::Invite);
    let mut second = from_callee(&mut rig, "1001", Method::Invite, &ring, 1);
    second.set_body("application/sdp", sdp_of("1001", "sendonly"));
    rig.send("1001", &Message::Request(second));
    rig.response("1001", 491);
    rig.answer("1001", &passed_on, 491, vec![]);
    rig.response("1000", 491);
    assert_eq!(rig.call().state, CallState::Talking);
    let mut again = from_callee(&mut rig, "1001", Method::Invite, &ring, 2);
    again.set_body("application/sdp", sdp_of("1001", "sendonly"));
    rig.send("1001", &Message::Request(again));
    let passed_on = rig.received("1000", Method::Invite);
    rig.answer("1000", &passed_on, 200, sdp_of("1000", "recvonly"));
    rig.response("1001", 200);
    assert_eq!(rig.call().state, CallState::OnHold);
}

#[test]
fn a_hold_by_update_is_passed_on_and_answered() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    rig.offer("1000", Method::Update, &ok, 3, sdp_of("1000", "sendonly"));
    let passed_on = rig.received("1001", Method::Invite);
    rig.answer("1001", &passed_on, 200, sdp_of("1001", "recvonly"));
    rig.received("1001", Method::Ack);
    assert!(String::from_utf8_lossy(&rig.response("1000", 200).body).contains("a=recvonly"));
    assert_eq!(rig.call().state, CallState::OnHold);
    pass(&mut rig, seconds(33));
    assert!(is_up(&rig), "nobody acknowledges the answer to an UPDATE");
}

#[test]
fn an_update_that_moves_the_media_is_answered_at_once_and_troubles_nobody_else() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let moved = String::from_utf8(sdp_of("1000", "sendrecv")).unwrap();
    let moved = moved.replace("m=audio 4000 RTP/AVP 8 0", "m=audio 4444 RTP/AVP 0");
    rig.offer("1000", Method::Update, &ok, 3, moved.into_bytes());
    assert!(String::from_utf8_lossy(&rig.response("1000", 200).body).contains("RTP/AVP 0 101"));
    let caller = rig.switch.calls.values().next().unwrap().caller;
    let media = &rig.switch.legs[&caller].media;
    assert_eq!((media.codec, media.remote.as_ref().unwrap().session.remote.port()), (Some(Codec::Pcmu), 4444));
    assert!(rig.words("1001").is_empty());
}

/// RFC 3311 §5.2, before the answer.
#[test]
fn an_update_before_the_answer_waits_for_the_answer_to_the_first_offer() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    let ringing = rig.response("1000", 180);
    rig.offer("1000", Method::Update, &ringing, 3, sdp_of("1000", "sendonly"));
    assert!(rig.response("1000", 500).headers.contains("Retry-After"));
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    rig.response("1000", 183);
    rig.offer("1000", Method::Update, &ringing, 4, sdp_of("1000", "sendonly"));
    assert!(String::from_utf8_lossy(&rig.response("1000", 200).body).contains("a=recvonly"));
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.response("1000", 200);
    assert_eq!(rig.call().state, CallState::OnHold);
}

#[test]
fn a_refresh_whose_call_ends_meanwhile_is_acknowledged() {
    let mut rig = Rig::new();
    let (ok, _) = timed_talk(&mut rig, "", "90;refresher=uac", "");
    pass(&mut rig, seconds(45));
    let refresh = rig.received("1001", Method::Invite);
    rig.bye("1000", &ok, 3);
    rig.received("1001", Method::Bye);
    rig.answer("1001", &refresh, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    assert!(rig.switch.is_idle() && rig.switch.poll_timeout().is_some());
    pass(&mut rig, seconds(40));
    assert!(rig.switch.by_client_tx.len() <= 1, "at most the BYE that nobody answered is left");
}
