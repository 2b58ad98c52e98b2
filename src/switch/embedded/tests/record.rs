//! What is kept of each call.

use super::*;
use crate::model::CallEnd;

impl Rig {
    fn ending(&self) -> (CallEnding, Option<u16>) {
        let end = self.records.last().unwrap().end.unwrap();
        (end.cause, end.sip_status)
    }
}

#[test]
fn a_call_is_told_when_it_begins_is_answered_and_ends() {
    let mut rig = Rig::new();
    rig.invite("1000", "1001");
    let begun_at_ms = rig.now.unix_ms;
    let ring = rig.received("1001", Method::Invite);
    rig.after(Duration::from_secs(3));
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    rig.after(Duration::from_secs(10));
    rig.bye("1000", &ok, 3);

    let begun = CallRecord {
        id: rig.records[0].id,
        caller: number("1000").into(),
        callee: number("1001").into(),
        begun_at_ms,
        answered_at_ms: None,
        confidential: false,
        caller_codec: None,
        callee_codec: None,
        end: None,
    };
    let answered = CallRecord {
        answered_at_ms: Some(begun_at_ms + 3_000),
        caller_codec: Some(Codec::Pcma),
        callee_codec: Some(Codec::Pcma),
        ..begun.clone()
    };
    let cause = CallEnding::HungUp(Side::Caller);
    let end = Some(CallEnd { at_ms: begun_at_ms + 13_000, cause, sip_status: None });
    assert_eq!(rig.records, [begun, answered.clone(), CallRecord { end, ..answered }]);
}

#[test]
fn a_call_that_nobody_answers_ends_with_its_reason() {
    for (code, cause) in [(486, CallEnding::Busy), (603, CallEnding::Declined), (415, CallEnding::Failed)] {
        let mut rig = Rig::new();
        rig.invite("1000", "1001");
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, code, vec![]);
        assert_eq!(rig.ending(), (cause, Some(code)));
    }
    let mut rig = Rig::new();
    let invite = rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.cancel(&invite);
    assert_eq!(rig.ending(), (CallEnding::Cancelled, Some(487)));

    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 180, vec![]);
    rig.after(Duration::from_secs(61));
    assert_eq!(rig.ending(), (CallEnding::NoAnswer, Some(480)));
}

#[test]
fn a_phone_that_is_not_there_is_a_call_and_a_number_that_nobody_has_is_none() {
    let mut rig = Rig::new();
    rig.invite("1000", "1003");
    assert_eq!(rig.ending(), (CallEnding::Unreachable, Some(480)));
    rig.invite("1000", "1999");
    rig.response("1000", 404);
    assert_eq!(rig.records.len(), 1);
}

#[test]
fn the_quality_of_each_leg_belongs_to_its_side_of_the_call() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let call = rig.call().id;
    let (leg, _) = rig.guest("0070");
    rig.bye("1000", &ok, 3);
    rig.command(Command::HangUp { leg });
    let quality = |round_trip_us| LegQuality { round_trip_us: Some(round_trip_us), ..LegQuality::default() };
    assert!(!rig.switch.is_settled());
    for (leg, round_trip_us) in rig.closed.clone().into_iter().zip(1..) {
        rig.switch.media_event(rig.now, media::Event::Closed { leg, quality: quality(round_trip_us) });
    }
    rig.drain();
    assert_eq!(rig.closed.len(), 3);
    assert_eq!(rig.qualities, [(call, Side::Caller, quality(1)), (call, Side::Callee, quality(2))]);
    assert!(rig.switch.is_settled());
}

#[test]
fn a_shutdown_is_neither_partys_doing() {
    let mut rig = Rig::new();
    rig.talk();
    rig.switch.hang_up_everybody(rig.now);
    rig.drain();
    assert_eq!(rig.ending(), (CallEnding::Shutdown, None));
    assert_eq!(rig.ending().0.by(), None);
}

#[test]
fn the_desk_and_a_supervisors_leg_are_no_calls() {
    let mut rig = Rig::new();
    rig.talk();
    let rows = rig.records.len();
    let (leg, _) = rig.guest("0071*3141*271828");
    rig.attach(leg, Mode::Whisper);
    rig.command(Command::HangUp { leg });
    rig.invite("1002", "0071*3141*271828*9");
    rig.invite("1002", "80071*3141*271828");
    assert_eq!(rig.records.len(), rows);
}
