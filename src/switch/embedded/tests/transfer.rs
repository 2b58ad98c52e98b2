//! Transfers, and calls that are sent on: who rings, who talks to whom in the end, and who hears no more.

use super::*;
use crate::model::Party;

fn refer_to(rig: &mut Rig, ok: &Response, cseq: u32, target: &str) {
    let mut refer = rig.in_dialog("1000", Method::Refer, ok, cseq);
    refer.headers.push("Refer-To", target);
    rig.send("1000", &Message::Request(refer));
}

fn refer(rig: &mut Rig, ok: &Response, cseq: u32, number: &str) {
    refer_to(rig, ok, cseq, &format!("<sip:{number}@{DOMAIN}>"));
}

/// 1000 is told how its transfer fares, and answers.
fn notified(rig: &mut Rig) -> (String, String) {
    let notify = rig.received("1000", Method::Notify);
    rig.answer("1000", &notify, 200, vec![]);
    let text = |name: &str| notify.headers.get(name).unwrap_or_default().to_owned();
    assert!(text("Event").starts_with("refer;id="), "{}", text("Event"));
    (String::from_utf8(notify.body.clone()).unwrap().trim_end().to_owned(), text("Subscription-State"))
}

fn accepted(rig: &mut Rig) {
    rig.response("1000", 202);
    let (fragment, state) = notified(rig);
    assert_eq!(fragment, "SIP/2.0 100 Trying");
    assert!(state.starts_with("active"), "{state}");
}

fn over(rig: &mut Rig, fragment: &str) {
    let told = notified(rig);
    assert_eq!((told.0.as_str(), told.1.as_str()), (fragment, "terminated;reason=noresource"));
}

fn parties(rig: &Rig) -> Vec<[String; 2]> {
    rig.switch.calls().iter().map(|call| [call.caller.to_string(), call.callee.to_string()]).collect()
}

fn leg_of(rig: &Rig, phone: &str) -> LegId {
    let is_its = |leg: &Leg| matches!(leg.role, Role::Party { .. }) && leg.party == Party::from(number(phone));
    *rig.switch.legs.iter().find(|(_, leg)| is_its(leg)).unwrap().0
}

/// By the matrices as they were given, the newest row of each listener.
fn hears(rig: &Rig, listener: LegId) -> (Vec<LegId>, bool) {
    let newest = rig.matrices.iter().rev().find(|matrix| matrix.rows().any(|(leg, _)| leg == listener)).unwrap();
    let sources = newest.rows().find(|(leg, _)| *leg == listener).unwrap().1;
    (sources.keys().copied().collect(), newest.hears_music(listener))
}

fn hold(rig: &mut Rig, ok: &Response, cseq: u32) {
    rig.offer("1000", Method::Invite, ok, cseq, sdp_of("1000", "sendonly"));
    let passed_on = rig.received("1001", Method::Invite);
    rig.answer("1001", &passed_on, 200, sdp_of("1001", "recvonly"));
    rig.received("1001", Method::Ack);
    let held = rig.response("1000", 200);
    let ack = rig.in_dialog("1000", Method::Ack, ok, cseq);
    rig.send("1000", &Message::Request(ack));
    assert_eq!(held.headers.cseq().unwrap().number, cseq);
}

/// The dialog that a phone's INVITE opened, in the words of Replaces.
pub(super) fn replaces(ok: &Response) -> String {
    let (ours, theirs) = (ok.headers.to().unwrap(), ok.headers.from().unwrap());
    format!("{};to-tag={};from-tag={}", ok.headers.call_id(), ours.tag().unwrap(), theirs.tag().unwrap())
}

/// The same, as a header in a URI.
pub(super) fn escaped(dialog: &str) -> String {
    dialog.replace(';', "%3B").replace('=', "%3D")
}

fn refer_replacing(rig: &mut Rig, ok: &Response, cseq: u32, dialog: &str) {
    refer_to(rig, ok, cseq, &format!("<sip:1002@{DOMAIN}?Replaces={}>", escaped(dialog)));
}

fn transferred(rig: &Rig) -> usize {
    rig.events.iter().filter(|event| matches!(event, Event::Transferred { .. })).count()
}

#[test]
fn a_blind_transfer_rings_the_third_phone_and_lets_the_transferor_go() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let stays = leg_of(&rig, "1001");
    refer(&mut rig, &ok, 3, "1002");
    accepted(&mut rig);
    assert_eq!(hears(&rig, stays), (vec![], true), "who waits hears the music");
    let ring = rig.received("1002", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().parsed_uri().unwrap().user.as_deref(), Some("1001"));
    assert_eq!(ring.headers.get("Referred-By"), Some("<sip:1000@sip.example>"));
    rig.answer("1002", &ring, 180, vec![]);
    assert_eq!(notified(&mut rig).0, "SIP/2.0 180 Ringing");
    rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
    rig.received("1002", Method::Ack);
    over(&mut rig, "SIP/2.0 200 OK");
    let bye = rig.received("1000", Method::Bye);
    rig.answer("1000", &bye, 200, vec![]);
    assert_eq!(parties(&rig), [["1001", "1002"]]);
    assert_eq!(rig.call().state, CallState::Talking);
    let came = leg_of(&rig, "1002");
    assert_eq!((hears(&rig, stays), hears(&rig, came)), ((vec![came], false), (vec![stays], false)));
    assert!(matches!(rig.events[..], [Event::Transferred { call }, Event::CallEnded { call: ended }] if call == ended));
    assert!(!rig.words("1001").contains(&"INVITE".to_owned()), "who was not on hold need not be asked back");
    let bye = from_callee(&mut rig, "1002", Method::Bye, &ring, 1);
    rig.send("1002", &Message::Request(bye));
    rig.received("1001", Method::Bye);
    assert!(rig.switch.is_idle() && rig.switch.calls.is_empty());
}

#[test]
fn a_transfer_that_nobody_answers_gives_the_call_back() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let (transferor, stays) = (leg_of(&rig, "1000"), leg_of(&rig, "1001"));
    for (cseq, code, fragment) in [(3, 486, "SIP/2.0 486 Busy Here"), (4, 603, "SIP/2.0 603 Decline")] {
        refer(&mut rig, &ok, cseq, "1002");
        accepted(&mut rig);
        let ring = rig.received("1002", Method::Invite);
        rig.answer("1002", &ring, code, vec![]);
        over(&mut rig, fragment);
        assert_eq!((parties(&rig), rig.call().state), (vec![["1000".into(), "1001".into()]], CallState::Talking));
        assert_eq!((hears(&rig, stays), hears(&rig, transferor)), ((vec![transferor], false), (vec![stays], false)));
    }
    refer(&mut rig, &ok, 5, "1002");
    accepted(&mut rig);
    let ring = rig.received("1002", Method::Invite);
    rig.answer("1002", &ring, 180, vec![]);
    notified(&mut rig);
    rig.after(Duration::from_secs(60));
    rig.received("1002", Method::Cancel);
    over(&mut rig, "SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(rig.call().state, CallState::Talking);
    assert_eq!(transferred(&rig), 0);
}

#[test]
fn a_transferor_may_leave_before_the_answer_and_then_it_is_all_or_nothing() {
    for answers in [true, false] {
        let mut rig = Rig::new();
        let (ok, _) = rig.talk();
        refer(&mut rig, &ok, 3, "1002");
        accepted(&mut rig);
        let ring = rig.received("1002", Method::Invite);
        rig.bye("1000", &ok, 4);
        rig.response("1000", 200);
        assert!(!rig.words("1001").contains(&"BYE".to_owned()));
        if answers {
            rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
            assert_eq!(parties(&rig), [["1001", "1002"]]);
            assert_eq!(transferred(&rig), 1);
        } else {
            rig.answer("1002", &ring, 486, vec![]);
            rig.received("1001", Method::Bye);
            assert!(rig.switch.is_idle() && rig.switch.calls.is_empty());
        }
        assert!(rig.words("1000").is_empty(), "{:?}", rig.words("1000"));
    }
}

#[test]
fn who_is_being_transferred_may_hang_up_and_the_ringing_stops() {
    let mut rig = Rig::new();
    let (ok, first) = rig.talk();
    refer(&mut rig, &ok, 3, "1002");
    accepted(&mut rig);
    let ring = rig.received("1002", Method::Invite);
    rig.answer("1002", &ring, 180, vec![]);
    notified(&mut rig);
    let bye = from_callee(&mut rig, "1001", Method::Bye, &first, 1);
    rig.send("1001", &Message::Request(bye));
    rig.received("1002", Method::Cancel);
    over(&mut rig, "SIP/2.0 487 Request Terminated");
    rig.received("1000", Method::Bye);
    assert!(rig.switch.is_idle() && rig.switch.calls.is_empty());
}

#[test]
fn only_an_extension_can_be_reached_by_refer_and_a_refusal_changes_nothing() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let matrices = rig.matrices.len();
    let refused = [
        (format!("<sip:0070@{DOMAIN}>"), 403),
        (format!("<sip:0071*55*66@{DOMAIN}>"), 403),
        (format!("<sip:80070@{DOMAIN}>"), 403),
        (format!("<sip:5555@{DOMAIN}>"), 404),
        (format!("<sip:anybody@{DOMAIN}>"), 404),
        (format!("<sip:1003@{DOMAIN}>"), 480),
        (format!("<sip:1001@{DOMAIN}>"), 486),
        ("<tel:1002>".to_owned(), 400),
        (format!("<sip:1002@{DOMAIN};method=BYE>"), 400),
        (format!("<sip:1002@{DOMAIN}?Replaces=nobody%3Bto-tag%3D1%3Bfrom-tag%3D2>"), 481),
    ];
    for (cseq, (target, code)) in (3..).zip(refused) {
        refer_to(&mut rig, &ok, cseq, &target);
        rig.response("1000", code);
    }
    assert_eq!((rig.call().state, rig.matrices.len()), (CallState::Talking, matrices));
    assert!(rig.inbox.is_empty(), "{:?}", rig.words("1002"));
    let (_, guest) = rig.guest("0070");
    let mut from_desk = rig.in_dialog("1002", Method::Refer, &guest, 3);
    from_desk.headers.push("Refer-To", format!("<sip:1001@{DOMAIN}>"));
    rig.send("1002", &Message::Request(from_desk));
    rig.response("1002", 403);
}

#[test]
fn one_thing_at_a_time_is_changed_about_a_call() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    refer(&mut rig, &ok, 3, "1002");
    accepted(&mut rig);
    refer(&mut rig, &ok, 4, "1002");
    rig.response("1000", 491);
    rig.offer("1000", Method::Invite, &ok, 5, sdp_of("1000", "sendonly"));
    rig.response("1000", 491);
}

#[test]
fn who_was_on_hold_is_asked_back_and_asked_again_when_it_wanted_something_itself() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    hold(&mut rig, &ok, 3);
    let stays = leg_of(&rig, "1001");
    refer(&mut rig, &ok, 4, "1002");
    accepted(&mut rig);
    assert_eq!(hears(&rig, stays), (vec![], true));
    let ring = rig.received("1002", Method::Invite);
    rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
    let back = rig.received("1001", Method::Invite);
    assert!(String::from_utf8_lossy(&back.body).contains("a=sendrecv"));
    rig.answer("1001", &back, 491, vec![]);
    rig.after(Duration::from_secs(4));
    let back = rig.received("1001", Method::Invite);
    rig.answer("1001", &back, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    assert_eq!(rig.call().state, CallState::Talking);
    let came = leg_of(&rig, "1002");
    assert_eq!((hears(&rig, stays), hears(&rig, came)), ((vec![came], false), (vec![stays], false)));
    rig.after(Duration::from_secs(10));
    assert!(!rig.words("1001").contains(&"INVITE".to_owned()));
}

#[test]
fn an_attended_transfer_joins_the_far_ends_of_two_calls() {
    let mut rig = Rig::new();
    let (first, _) = rig.talk();
    hold(&mut rig, &first, 3);
    let (second, _) = rig.talk_to("1000", "1002");
    refer_replacing(&mut rig, &first, 4, &replaces(&second));
    accepted(&mut rig);
    over(&mut rig, "SIP/2.0 200 OK");
    for _ in 0..2 {
        let bye = rig.received("1000", Method::Bye);
        rig.answer("1000", &bye, 200, vec![]);
    }
    let back = rig.received("1001", Method::Invite);
    rig.answer("1001", &back, 200, sdp_of("1001", "sendrecv"));
    assert_eq!((parties(&rig), rig.call().state), (vec![["1001".into(), "1002".into()]], CallState::Talking));
    let (one, other) = (leg_of(&rig, "1001"), leg_of(&rig, "1002"));
    assert_eq!((hears(&rig, one), hears(&rig, other)), ((vec![other], false), (vec![one], false)));
    assert_eq!(transferred(&rig), 2);
    assert!(!rig.words("1002").contains(&"INVITE".to_owned()));
}

#[test]
fn an_attended_transfer_may_be_made_before_the_third_phone_answers() {
    for answers in [true, false] {
        let mut rig = Rig::new();
        let (first, _) = rig.talk();
        rig.invite("1000", "1002");
        let ring = rig.received("1002", Method::Invite);
        rig.answer("1002", &ring, 180, vec![]);
        let ringing = rig.response("1000", 180);
        refer_replacing(&mut rig, &first, 3, &replaces(&ringing));
        accepted(&mut rig);
        rig.response("1000", 487);
        if answers {
            rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
            over(&mut rig, "SIP/2.0 200 OK");
            rig.received("1000", Method::Bye);
            assert_eq!((parties(&rig), transferred(&rig)), (vec![["1001".into(), "1002".into()]], 1));
        } else {
            rig.answer("1002", &ring, 486, vec![]);
            over(&mut rig, "SIP/2.0 486 Busy Here");
            assert_eq!((parties(&rig), transferred(&rig)), (vec![["1000".into(), "1001".into()]], 0));
        }
        assert_eq!(rig.call().state, CallState::Talking);
    }
}

#[test]
fn nobody_is_transferred_into_a_call_of_others_nor_into_the_same_one() {
    let mut rig = Rig::new();
    rig.switch.registrar.load(vec![binding("1003")]);
    let (ok, ring) = rig.talk();
    let theirs =
        format!("{};to-tag={};from-tag=t1001", ring.headers.call_id(), ring.headers.from().unwrap().tag().unwrap());
    refer_replacing(&mut rig, &ok, 3, &theirs);
    rig.response("1000", 403);
    refer_replacing(&mut rig, &ok, 4, &replaces(&ok));
    rig.response("1000", 400);
    assert_eq!((parties(&rig), rig.call().state), (vec![["1000".into(), "1001".into()]], CallState::Talking));
}

fn invite_replacing(rig: &mut Rig, phone: &str, dialog: &str) {
    let mut request = rig.request(Method::Invite, phone, "1001", sdp_of(phone, "sendrecv"));
    request.headers.push("Require", "replaces");
    request.headers.push("Replaces", dialog);
    rig.authenticated(phone, request);
}

#[test]
fn an_invite_takes_a_place_that_its_extension_has_or_is_being_talked_to_about() {
    for (phone, consults) in [("1000", false), ("1002", true)] {
        let mut rig = Rig::new();
        let (ok, _) = rig.talk();
        if consults {
            hold(&mut rig, &ok, 3);
            rig.talk_to("1000", "1002");
        }
        rig.inbox.clear();
        invite_replacing(&mut rig, phone, &replaces(&ok));
        let taken = rig.response(phone, 200);
        assert!(String::from_utf8_lossy(&taken.body).contains("a=sendrecv"));
        rig.ack(phone, &taken);
        let bye = rig.received("1000", Method::Bye);
        rig.answer("1000", &bye, 200, vec![]);
        assert!(parties(&rig).contains(&[phone.into(), "1001".into()]), "{:?}", parties(&rig));
        assert_eq!(transferred(&rig), 1);
        if consults {
            let back = rig.received("1001", Method::Invite);
            rig.answer("1001", &back, 200, sdp_of("1001", "sendrecv"));
        }
        assert_eq!(rig.call().state, CallState::Talking);
    }
}

#[test]
fn who_merely_knows_the_tags_of_a_dialog_takes_nobodys_place() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    invite_replacing(&mut rig, "1002", &replaces(&ok));
    rig.response("1002", 403);
    invite_replacing(&mut rig, "1000", "nobody;to-tag=1;from-tag=2");
    rig.response("1000", 481);
    invite_replacing(&mut rig, "1000", &format!("{};early-only", replaces(&ok)));
    rig.response("1000", 486);
    invite_replacing(&mut rig, "1000", "without tags");
    rig.response("1000", 400);
    assert_eq!((parties(&rig), rig.call().state), (vec![["1000".into(), "1001".into()]], CallState::Talking));
}

#[test]
fn a_supervisor_hears_no_more_from_the_moment_of_a_transfer_on() {
    for mode in [Mode::Monitor, Mode::Whisper, Mode::Barge] {
        let mut rig = Rig::new();
        rig.switch.registrar.load(vec![binding("1003")]);
        let (ok, _) = rig.talk();
        let (guest, _) = rig.guest("0071");
        rig.attach(guest, mode);
        let stays = leg_of(&rig, "1001");
        refer(&mut rig, &ok, 3, "1003");
        accepted(&mut rig);
        assert_eq!((hears(&rig, guest).0, hears(&rig, stays)), (vec![stays], (vec![], true)), "as on hold");
        let ring = rig.received("1003", Method::Invite);
        let before = rig.matrices.len();
        rig.answer("1003", &ring, 200, sdp_of("1003", "sendrecv"));
        assert_eq!(hears(&rig, guest), (vec![], false));
        let after = &rig.matrices[before..];
        assert!(after.iter().all(|matrix| matrix.rows().all(|(_, sources)| !sources.contains_key(&guest))));
        assert!(rig.switch.attached.is_empty() && rig.call().listeners == 0);
        assert_eq!(transferred(&rig), 1);
    }
}

#[test]
fn a_call_that_is_sent_on_rings_the_other_extension_once() {
    let send_on = |rig: &mut Rig, phone: &str, ring: &Request, target: &str| {
        let mut response = ring.reply(302, "");
        let to = ring.headers.to().unwrap();
        response.headers.set("To", to.with_param("tag", &format!("t{phone}")));
        response.headers.push("Contact", format!("<sip:{target}@{DOMAIN}>"));
        rig.send(phone, &Message::Response(response));
        rig.received(phone, Method::Ack);
    };
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    send_on(&mut rig, "1001", &ring, "1002");
    let ring = rig.received("1002", Method::Invite);
    assert_eq!(parties(&rig), [["1000", "1002"]]);
    rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
    rig.response("1000", 200);
    assert_eq!((parties(&rig), rig.call().state), (vec![["1000".into(), "1002".into()]], CallState::Talking));

    for target in ["1000", "1001", "1003", "5555", "0070", "0070*55*66", "nobody"] {
        let mut rig = Rig::new();
        rig.invite("1000", "1001");
        let ring = rig.received("1001", Method::Invite);
        send_on(&mut rig, "1001", &ring, target);
        rig.response("1000", 480);
        assert!(rig.switch.is_idle() && rig.inbox.is_empty(), "{target}");
    }
    let mut rig = Rig::new();
    rig.switch.registrar.load(vec![binding("1003")]);
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    send_on(&mut rig, "1001", &ring, "1002");
    let ring = rig.received("1002", Method::Invite);
    send_on(&mut rig, "1002", &ring, "1003");
    rig.response("1000", 480);
    assert!(rig.switch.is_idle() && rig.words("1003").is_empty());
}
