//! Calls that are ordered at a screen: a phone that was called back calls somebody.

use super::*;
use crate::model::Prompt;
use ulid::Ulid;

const LEG: u128 = 4;

impl Rig {
    /// 1000's phone is rung, answers, and is to call `number`; its leg, and the ring.
    fn place(&mut self, number: &str) -> (LegId, Request) {
        let leg = LegId::from(Ulid::from(LEG));
        self.command(Command::CallBack { leg, extension: "1000".parse().unwrap() });
        let ring = self.received("1000", Method::Invite);
        self.answer("1000", &ring, 200, sdp_of("1000", "sendrecv"));
        self.received("1000", Method::Ack);
        self.command(Command::Connect { leg, number: number.to_owned(), confidential: true });
        (leg, ring)
    }

    /// What came of it; `None` while nothing has.
    fn placed(&self) -> Option<Result<(), u16>> {
        self.events.iter().find_map(|event| match event {
            Event::Connected { outcome, .. } => Some(outcome.map(|_| ())),
            _ => None,
        })
    }

    fn ring_backs(&self) -> usize {
        let rings = |command: &&media::Command| matches!(command, media::Command::Play { clips, .. } if clips == &[Prompt::RingBack]);
        self.media.iter().filter(rings).count()
    }
}

#[test]
fn h6_a_phone_that_was_called_back_calls_as_if_it_had_dialled() {
    let mut rig = Rig::new();
    let (leg, _) = rig.place("1001");
    assert_eq!(rig.placed(), Some(Ok(())));
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().uri, format!("sip:1000@{DOMAIN}"));
    rig.answer("1001", &ring, 180, vec![]);
    assert_eq!(rig.ring_backs(), 1);
    rig.switch.media_event(rig.now, media::Event::Played { leg, ticket: 0 });
    rig.drain();
    assert_eq!(rig.ring_backs(), 2, "it hears the next ring");
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    rig.switch.media_event(rig.now, media::Event::Played { leg, ticket: 0 });
    rig.drain();
    assert_eq!(rig.ring_backs(), 2);
    assert!(rig.media.iter().any(|command| matches!(command, media::Command::StopPlaying { .. })));
    let call = rig.call();
    assert!(call.confidential && call.state == CallState::Talking && call.caller.is(&number("1000")));
    let talk = rig.switch.calls.values().next().unwrap();
    let matrix = rig.matrices.last().unwrap();
    assert!(matrix.hears(talk.caller, talk.callee) && matrix.hears(talk.callee, talk.caller));
    assert!(rig.records.iter().all(|record| record.confidential));
}

#[test]
fn h6_nobody_is_attached_to_it_nor_to_what_follows_a_transfer() {
    let mut rig = Rig::new();
    let (_, own) = rig.place("1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Ack);
    let (leg, _) = rig.guest("0070");
    rig.attach(leg, Mode::Monitor);
    assert_eq!(rig.call().listeners, 0);
    let mut refer = from_callee(&mut rig, "1000", Method::Refer, &own, 2);
    refer.headers.push("Refer-To", format!("<sip:1002@{DOMAIN}>"));
    rig.send("1000", &Message::Request(refer));
    rig.response("1000", 202);
    let ring = rig.received("1002", Method::Invite);
    rig.answer("1002", &ring, 200, sdp_of("1002", "sendrecv"));
    let call = rig.call();
    assert!(call.caller.is(&number("1001")) && call.callee.is(&number("1002")) && call.confidential);
}

#[test]
fn the_own_phone_is_let_go_with_a_bye_when_nobody_answers() {
    for code in [486, 480, 603] {
        let mut rig = Rig::new();
        rig.place("1001");
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, code, vec![]);
        rig.received("1000", Method::Bye);
        assert!(rig.switch.is_idle() && rig.switch.calls().is_empty());
        assert_eq!(rig.records.last().unwrap().end.unwrap().sip_status, Some(code));
    }
}

#[test]
fn whoever_hangs_up_while_it_rings_gets_no_bye_and_the_other_phone_stops_ringing() {
    let mut rig = Rig::new();
    let (_, own) = rig.place("1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    let bye = from_callee(&mut rig, "1000", Method::Bye, &own, 2);
    rig.send("1000", &Message::Request(bye));
    rig.response("1000", 200);
    rig.received("1001", Method::Cancel);
    assert!(rig.words("1000").is_empty() && rig.switch.calls().is_empty());
    assert_eq!(rig.records.last().unwrap().end.unwrap().cause, CallEnding::Cancelled);
}

#[test]
fn early_media_take_the_place_of_the_ringing() {
    let mut rig = Rig::new();
    let (leg, _) = rig.place("1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 183, sdp_of("1001", "sendrecv"));
    rig.switch.media_event(rig.now, media::Event::Played { leg, ticket: 0 });
    rig.drain();
    assert_eq!(rig.ring_backs(), 1);
    let callee = rig.switch.calls.values().next().unwrap().callee;
    assert!(rig.matrices.last().unwrap().hears(leg, callee));
}

#[test]
fn what_cannot_be_called_is_known_beforehand_and_lets_the_own_phone_go() {
    for (number, code) in [("1003", 480), ("7777", 404), ("0070", 403), ("anonymous", 404)] {
        let mut rig = Rig::new();
        assert_eq!(rig.switch.may_call(rig.now, &"1000".parse().unwrap(), number), Err(code), "{number}");
        rig.place(number);
        rig.received("1000", Method::Bye);
        assert_eq!(rig.placed(), Some(Err(code)), "{number}");
        assert!(rig.switch.is_idle());
    }
    let rig = Rig::new();
    let call = |number| rig.switch.may_call(rig.now, &"1000".parse().unwrap(), number);
    assert_eq!((call("1001"), call("1000")), (Ok(()), Err(486)));
}

#[test]
fn who_is_in_a_call_already_or_at_no_desk_is_connected_to_nobody() {
    let mut rig = Rig::new();
    rig.talk();
    let party = rig.switch.calls.values().next().unwrap().caller;
    for leg in [party, LegId::from(Ulid::from(99))] {
        rig.command(Command::Connect { leg, number: "1002".to_owned(), confidential: true });
    }
    assert!(rig.words("1002").is_empty() && rig.placed().is_none() && rig.switch.calls().len() == 1);
}
