//! Sessions that are ordered at a screen.

use super::*;
use crate::switch::NotReached;

const AGENT: &str = "1000";

fn account() -> AccountId {
    AccountId::from(Ulid::from(9))
}

impl Rig {
    /// 3000 is to listen at 1000.
    fn order(&mut self, way: Way) -> &mut Self {
        self.order_at(way, AGENT)
    }

    fn order_at(&mut self, way: Way, target: &str) -> &mut Self {
        let (extension, target) = (number(SUPERVISOR), number(target));
        self.leg = self.desk.order(NOW_MS, Order { account: account(), extension, target, mode: Mode::Whisper, way });
        self.drain()
    }

    fn answers(&mut self) -> &mut Self {
        self.tell(Event::Answered { leg: self.leg })
    }

    fn per_call(&mut self) -> &mut Self {
        self.settings.continue_sessions = false;
        self
    }

    fn call_ends(&mut self) -> &mut Self {
        let ended = self.calls.pop().unwrap();
        self.tell(Event::CallEnded { call: ended.id })
    }

    /// 1000 is in a call, the n-th.
    fn call_begins(&mut self, id: u128) -> &mut Self {
        let begun = call(id, "2000", AGENT, CallState::Talking);
        let (caller, callee) = (begun.caller.clone(), begun.callee.clone());
        self.calls.push(begun);
        self.tell(Event::CallUp { caller, callee })
    }
}

#[test]
fn f4_9999_rings_and_the_session_starts_at_the_answer() {
    let mut rig = Rig::new();
    rig.order(Way::Screen);
    assert_eq!(rig.log(), "ring 3000\ntold ringing");
    rig.forget().answers();
    insta::assert_snapshot!(rig.log(), @r"
    audit attempt ok
    audit start ok
    attach whisper beside the Callee
    play chime
    chime for the agent
    told listening
    ");
}

#[test]
fn f3_nothing_rings_for_what_would_be_refused() {
    let mut no_call = Rig::new();
    no_call.calls.clear();
    let mut held = Rig::new();
    held.calls = vec![call(1, "2000", AGENT, CallState::OnHold)];
    let mut no_right = Rig::new();
    no_right.terminals.insert(number(AGENT), stranger());
    for (mut rig, reason) in [(no_call, "not-in-call"), (held, "on-hold"), (no_right, "no-right")] {
        rig.order(Way::Screen);
        assert_eq!(rig.log(), format!("audit attempt {reason}\ntold refused {reason}"));
    }
}

#[test]
fn f7_the_shortcut_waits_for_an_agent_who_is_idle_or_on_hold() {
    for calls in [vec![], vec![call(7, "2000", AGENT, CallState::OnHold)]] {
        let mut rig = Rig::new();
        rig.calls = calls;
        rig.order(Way::Shortcut).answers();
        assert_eq!(rig.log(), "ring 3000\ntold ringing\ntold waiting");
        rig.calls.clear();
        rig.forget().call_begins(7);
        assert!(rig.attached());
    }
}

#[test]
fn c2_the_leg_stays_silent_when_the_call_ends_and_joins_the_next_one_by_itself() {
    let mut rig = Rig::new();
    rig.order(Way::Screen).answers().forget().call_ends();
    assert_eq!(rig.log(), "detach\naudit end call-ended\ntold waiting");
    rig.tell(Event::CallUp { caller: number("2000").into(), callee: number("2001").into() });
    assert_eq!(rig.log(), "");
    rig.forget().call_begins(2);
    insta::assert_snapshot!(rig.log(), @r"
    audit attempt ok
    audit start ok
    attach whisper beside the Callee
    play chime
    chime for the agent
    told listening
    ");
}

#[test]
fn c2_an_agent_who_is_transferred_away_is_followed_into_the_next_call() {
    let mut rig = Rig::new();
    rig.order(Way::Screen).answers().forget();
    let call = rig.calls.pop().unwrap().id;
    rig.tell(Event::Transferred { call });
    assert_eq!(rig.log(), "detach\naudit end transferred\ntold waiting");
    rig.forget().call_begins(3);
    assert!(rig.attached());
}

#[test]
fn c3_without_continuation_the_session_ends_with_its_call() {
    let mut rig = Rig::new();
    rig.per_call().order(Way::Screen).answers().forget().call_ends();
    assert_eq!(rig.log(), "detach\naudit end call-ended\ntold over\nhang up");
    let mut waits = Rig::new();
    waits.calls.clear();
    waits.per_call().order(Way::Shortcut).answers().call_begins(2).forget().call_ends();
    assert_eq!(waits.log(), "detach\naudit end call-ended\ntold over\nhang up");
}

#[test]
fn a_call_that_ends_before_the_answer_stops_the_ringing_unless_the_session_would_go_on() {
    let mut rig = Rig::new();
    rig.per_call().order(Way::Screen).forget().call_ends();
    assert_eq!(rig.log(), "audit attempt not-in-call\ntold refused not-in-call\nhang up");
    let mut continued = Rig::new();
    continued.order(Way::Screen).forget().call_ends();
    assert_eq!(continued.log(), "");
    continued.answers();
    assert_eq!(continued.log(), "told waiting");
}

#[test]
fn h4_who_does_not_answer_is_told_of_with_the_reason() {
    for why in [NotReached::NoPhone, NotReached::Busy, NotReached::NoAnswer, NotReached::Refused, NotReached::Failed] {
        let mut rig = Rig::new();
        rig.order(Way::Screen).forget();
        rig.tell(Event::NotReached { leg: rig.leg, why });
        assert_eq!(rig.log(), format!("audit attempt {0}\ntold not reached {0}", why.as_str()));
        assert_eq!(rig.answers().log(), "");
    }
}

#[test]
fn c2_the_right_is_judged_anew_at_each_call_and_while_waiting() {
    let mut rig = Rig::new();
    rig.order(Way::Screen).answers().call_ends().forget();
    rig.terminals.insert(number(AGENT), stranger());
    rig.call_begins(2);
    assert!(!rig.attached());
    assert_eq!(rig.log(), "audit attempt no-right\nplay ended-by-right");
    let mut idle = Rig::new();
    idle.order(Way::Screen).answers().call_ends().forget();
    idle.terminals.insert(number(AGENT), Terminal { protected: true, rules: vec![] });
    idle.desk.look_again();
    idle.drain().after(spy::MAX_ANNOUNCEMENT);
    assert_eq!(idle.log(), "audit attempt protected\nplay ended-by-right\ntold over\nhang up");
}

#[test]
fn x5_a_far_end_that_may_not_be_heard_is_left_out_and_the_next_call_joined() {
    let mut rig = Rig::new();
    rig.order(Way::Screen).answers().call_ends();
    rig.terminals.insert(number("2000"), Terminal { protected: true, rules: vec![] });
    rig.forget().call_begins(2);
    assert_eq!(rig.log(), "told waiting");
    rig.terminals.insert(number("2000"), stranger());
    rig.forget().call_ends().call_begins(3);
    assert!(rig.attached());
}

#[test]
fn c4_only_the_supervisor_or_an_administrator_ends_a_continued_session() {
    let mut rig = Rig::new();
    rig.order(Way::Screen).answers().forget();
    rig.tell(Event::HungUp { leg: rig.leg });
    assert_eq!(rig.log(), "detach\naudit end supervisor-hung-up\ntold over");
    let mut waiting = Rig::new();
    waiting.order(Way::Screen).answers().call_ends().forget();
    assert!(waiting.desk.end_order(waiting.now, waiting.leg));
    waiting.drain();
    assert_eq!(waiting.log(), "told over\nhang up");
    let mut listening = Rig::new();
    listening.order(Way::Screen).answers().forget();
    let session = listening.desk.sessions().next().unwrap().id;
    assert!(listening.desk.end_session(listening.now, session));
    listening.drain();
    assert_eq!(listening.log(), "detach\naudit end ended-by-administrator\ntold over\nhang up");
    let mut ringing = Rig::new();
    ringing.order(Way::Screen).forget();
    assert!(ringing.desk.end_order(ringing.now, ringing.leg));
    ringing.drain();
    assert_eq!(ringing.log(), "audit attempt taken-back\ntold refused taken-back\nhang up");
}

#[test]
fn an_order_is_cancelled_by_whoever_gave_it_wherever_it_stands_and_by_nobody_else() {
    let cancelled = |rig: &mut Rig, account| {
        rig.forget();
        let done = rig.desk.cancel_order(rig.now, rig.leg, account);
        rig.drain();
        (done, rig.log())
    };
    let mut ringing = Rig::new();
    ringing.order(Way::Screen);
    assert_eq!(cancelled(&mut ringing, AccountId::from(Ulid::from(8))), (false, String::new()));
    let taken_back = "audit attempt taken-back\ntold refused taken-back\nhang up".to_owned();
    assert_eq!(cancelled(&mut ringing, account()), (true, taken_back));
    let mut waiting = Rig::new();
    waiting.order(Way::Screen).answers().call_ends();
    assert_eq!(cancelled(&mut waiting, account()), (true, "told over\nhang up".to_owned()));
    let mut listening = Rig::new();
    listening.order(Way::Screen).answers();
    let ended = "detach\naudit end supervisor-hung-up\ntold over\nhang up".to_owned();
    assert_eq!(cancelled(&mut listening, account()), (true, ended));
    assert_eq!(cancelled(&mut listening, account()), (false, String::new()));
}

#[test]
fn c5_a_phone_that_is_rung_waits_or_listens_is_rung_for_no_other_agent() {
    let refused = "audit attempt phone-listens\ntold refused phone-listens";
    let mut rig = Rig::new();
    rig.terminals.insert(number("2000"), editable());
    let steps: [fn(&mut Rig) -> &mut Rig; 3] = [|rig| rig.order(Way::Screen), Rig::answers, Rig::call_ends];
    for step in steps {
        step(&mut rig);
        let first = rig.leg;
        rig.forget().order_at(Way::Shortcut, "2000");
        assert_eq!(rig.log(), refused);
        rig.leg = first;
    }
    rig.tell(Event::HungUp { leg: rig.leg }).forget().order_at(Way::Shortcut, "2000");
    assert_eq!(rig.log(), "ring 3000\ntold ringing");
}

#[test]
fn without_an_audit_row_a_session_of_a_screen_does_not_start_either() {
    let mut rig = Rig::new();
    rig.audit_works = false;
    rig.per_call().order(Way::Screen).answers();
    assert!(!rig.attached());
    rig.after(spy::MAX_ANNOUNCEMENT);
    assert!(rig.log().ends_with("play error\ntold over\nhang up"));
}

#[test]
fn a_stop_of_the_engine_ends_what_rings_and_what_waits() {
    let mut rig = Rig::new();
    rig.order(Way::Screen).forget();
    rig.desk.shut_down(rig.now);
    rig.drain();
    assert_eq!(rig.log(), "told over\nhang up");
    let mut waiting = Rig::new();
    waiting.order(Way::Screen).answers().call_ends().forget();
    waiting.desk.shut_down(waiting.now);
    waiting.drain();
    assert_eq!(waiting.log(), "told over\nhang up");
}
