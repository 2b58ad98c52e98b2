//! Phones that are called back from 9999.

use super::*;
use crate::switch::NotReached;
use ulid::Ulid;

const LEG: u128 = 4;

impl Rig {
    fn call_back(&mut self, phone: &str) -> LegId {
        let leg = LegId::from(Ulid::from(LEG));
        self.command(Command::CallBack { leg, extension: number(phone) });
        leg
    }

    /// Why the phone was not reached, if it was not.
    fn not_reached(&self) -> Option<NotReached> {
        match self.events.last() {
            Some(Event::NotReached { leg, why }) if *leg == LegId::from(Ulid::from(LEG)) => Some(*why),
            _ => None,
        }
    }

    fn is_answered(&self, leg: LegId) -> bool {
        matches!(self.events.last(), Some(Event::Answered { leg: answered }) if *answered == leg)
    }
}

#[test]
fn f4_9999_rings_and_who_answers_stands_at_the_desk_unheard() {
    let mut rig = Rig::new();
    let leg = rig.call_back("1000");
    let ring = rig.received("1000", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().uri, format!("sip:9999@{DOMAIN}"));
    rig.answer("1000", &ring, 180, vec![]);
    // Early media are not taken: nothing is heard before the answer.
    rig.answer("1000", &ring, 183, sdp_of("1000", "sendrecv"));
    assert!(rig.events.is_empty() && rig.matrices.is_empty());
    rig.answer("1000", &ring, 200, sdp_of("1000", "sendrecv"));
    rig.received("1000", Method::Ack);
    assert!(rig.is_answered(leg));
    assert_eq!(rig.matrices, [HearMatrix::silent([leg])]);
    assert!(rig.switch.calls().is_empty(), "a call-back is no call (A6)");
    rig.command(Command::HangUp { leg });
    rig.received("1000", Method::Bye);
    assert!(rig.switch.is_idle());
}

#[test]
fn who_was_called_back_is_attached_like_one_who_dialled() {
    let mut rig = Rig::new();
    rig.talk();
    let leg = rig.call_back("1002");
    let ring = rig.received("1002", Method::Invite);
    rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
    let (caller, callee) = {
        let call = rig.switch.calls.values().next().unwrap();
        (call.caller, call.callee)
    };
    rig.attach(leg, Mode::Whisper);
    let matrix = rig.matrices.last().unwrap();
    assert!(matrix.hears(leg, caller) && matrix.hears(callee, leg) && !matrix.hears(caller, leg));
}

#[test]
fn h4_it_rings_for_ten_seconds_and_an_answer_that_comes_later_is_let_go() {
    let mut rig = Rig::new();
    rig.call_back("1000");
    let ring = rig.received("1000", Method::Invite);
    rig.answer("1000", &ring, 180, vec![]);
    rig.after(Duration::from_millis(9_900));
    assert!(rig.events.is_empty());
    rig.after(Duration::from_millis(100));
    assert_eq!(rig.not_reached(), Some(NotReached::NoAnswer));
    rig.received("1000", Method::Cancel);
    rig.answer("1000", &ring, 200, sdp_of("1000", "sendrecv"));
    rig.received("1000", Method::Ack);
    rig.received("1000", Method::Bye);
    assert!(rig.switch.is_idle() && rig.matrices.is_empty());
}

#[test]
fn each_refusal_has_its_reason_and_nothing_sends_the_call_elsewhere() {
    for (code, why) in [
        (486, NotReached::Busy),
        (600, NotReached::Busy),
        (480, NotReached::NoAnswer),
        (603, NotReached::Refused),
        (403, NotReached::Refused),
        (302, NotReached::NoAnswer),
        (500, NotReached::NoAnswer),
    ] {
        let mut rig = Rig::new();
        rig.call_back("1000");
        let ring = rig.received("1000", Method::Invite);
        rig.answer("1000", &ring, code, vec![]);
        rig.received("1000", Method::Ack);
        assert_eq!(rig.not_reached(), Some(why), "{code}");
        assert!(rig.switch.is_idle() && rig.words("1001").is_empty());
    }
}

#[test]
fn an_extension_without_a_phone_or_that_does_not_exist_is_not_rung() {
    // 1003 is not registered.
    for phone in ["1003", "7777"] {
        let mut rig = Rig::new();
        rig.call_back(phone);
        assert_eq!(rig.not_reached(), Some(NotReached::NoPhone));
        assert!(rig.switch.is_idle());
    }
}

#[test]
fn every_phone_of_the_extension_rings_and_the_first_to_answer_has_it() {
    let mut rig = Rig::new();
    let mut second = binding("1000");
    second.flow.remote = address("1007");
    second.contact = format!("sip:1000@{}", address("1007")).parse().unwrap();
    second.call_id = "another".into();
    rig.switch.registrar.load(vec![binding("1000"), second]);
    let leg = rig.call_back("1000");
    let (here, there) = (rig.received("1000", Method::Invite), rig.received("1007", Method::Invite));
    rig.answer("1007", &there, 486, vec![]);
    assert!(rig.events.is_empty());
    rig.answer("1000", &here, 200, sdp_of("1000", "sendrecv"));
    assert!(rig.is_answered(leg));
}

#[test]
fn a_phone_that_wants_longer_sessions_is_rung_with_them() {
    let mut rig = Rig::new();
    let leg = rig.call_back("1000");
    let ring = rig.received("1000", Method::Invite);
    rig.answer_with("1000", &ring, 422, &[("Min-SE", "3600")], vec![]);
    rig.received("1000", Method::Ack);
    let ring = rig.received("1000", Method::Invite);
    assert_eq!(ring.headers.get("Min-SE"), Some("3600"));
    rig.answer("1000", &ring, 200, sdp_of("1000", "sendrecv"));
    assert!(rig.is_answered(leg));
}

#[test]
fn an_answer_without_usable_media_is_let_go() {
    let mut rig = Rig::new();
    rig.call_back("1000");
    let ring = rig.received("1000", Method::Invite);
    rig.answer("1000", &ring, 200, b"v=0\r\n".to_vec());
    rig.received("1000", Method::Bye);
    assert_eq!(rig.not_reached(), Some(NotReached::Refused));
    assert!(rig.switch.is_idle());
}

#[test]
fn a_call_back_that_is_given_up_stops_ringing_and_so_does_one_of_a_phone_that_is_no_more() {
    let mut rig = Rig::new();
    let leg = rig.call_back("1000");
    let ring = rig.received("1000", Method::Invite);
    rig.answer("1000", &ring, 180, vec![]);
    rig.command(Command::HangUp { leg });
    rig.received("1000", Method::Cancel);
    assert!(rig.switch.is_idle() && rig.events.is_empty());
    let leg = rig.call_back("1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.switch.set_directory(rig.now, Directory::new(vec![]));
    rig.drain();
    rig.received("1001", Method::Cancel);
    assert!(matches!(rig.events.last(), Some(Event::HungUp { leg: gone }) if *gone == leg));
}

#[test]
fn an_engine_that_stops_calls_nobody_back() {
    let mut rig = Rig::new();
    rig.switch.drain(rig.now);
    rig.call_back("1000");
    assert_eq!(rig.not_reached(), Some(NotReached::Failed));
}

#[test]
fn c2_it_is_told_when_a_call_is_up_and_when_it_is_resumed() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    assert!(rig.ups > 0);
    for (direction, more) in [("sendonly", 0), ("sendrecv", 1)] {
        let before = rig.ups;
        rig.offer("1000", Method::Invite, &ok, 5 + more, sdp_of("1000", direction));
        let asked = rig.received("1001", Method::Invite);
        rig.answer("1001", &asked, 200, sdp_of("1001", "sendrecv"));
        let ok = rig.response("1000", 200);
        rig.ack("1000", &ok);
        assert_eq!(rig.ups > before, more > 0, "{direction}");
    }
}
