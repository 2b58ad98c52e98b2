//! Phones that vanish without a word, and phones that are merely quiet.

use super::*;

/// Minutes go by; every phone in `alive` answers what it is asked.
fn minutes(rig: &mut Rig, minutes: u64, alive: &[&str]) {
    for _ in 0..minutes * 12 {
        rig.after(Duration::from_secs(5));
        for phone in alive {
            while rig.words(phone).contains(&"OPTIONS".to_owned()) {
                let asked = rig.received(phone, Method::Options);
                rig.answer(phone, &asked, 200, vec![]);
            }
        }
    }
}

#[test]
fn a_quiet_call_stands_as_long_as_both_phones_are_there() {
    let mut rig = Rig::new();
    rig.talk();
    minutes(&mut rig, 30, &["1000", "1001"]);
    assert_eq!(rig.switch.calls().len(), 1);
    assert!(rig.switch.by_client_tx.is_empty());
}

#[test]
fn a_call_ends_when_one_of_its_phones_has_vanished_and_so_does_what_listens_to_it() {
    let mut rig = Rig::new();
    rig.talk();
    minutes(&mut rig, 3, &["1000"]);
    assert!(matches!(rig.events.last(), Some(Event::CallEnded { .. })));
    rig.received("1000", Method::Bye);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_supervisor_who_has_vanished_is_let_go() {
    let mut rig = Rig::new();
    rig.talk();
    let (leg, _) = rig.guest("0070");
    rig.attach(leg, Mode::Monitor);
    minutes(&mut rig, 3, &["1000", "1001"]);
    assert!(matches!(rig.events.last(), Some(Event::HungUp { leg: gone }) if *gone == leg));
    assert_eq!(rig.switch.calls().len(), 1);
}

#[test]
fn a_phone_that_knows_nothing_of_the_call_has_left_it_and_one_that_knows_no_options_has_not() {
    for (code, calls) in [(481, 0), (405, 1)] {
        let mut rig = Rig::new();
        rig.talk();
        minutes(&mut rig, 1, &[]);
        rig.after(Duration::from_secs(45));
        let asked = rig.received("1001", Method::Options);
        rig.answer("1001", &asked, code, vec![]);
        assert_eq!(rig.switch.calls().len(), calls);
    }
}

#[test]
fn a_connection_that_closed_ends_a_call_only_when_the_phone_does_not_come_back() {
    for comes_back in [true, false] {
        let mut rig = Rig::new();
        rig.talk();
        minutes(&mut rig, 1, &["1000", "1001"]);
        rig.switch.transport_failed(rig.now, flow("1001"));
        let mut anew = flow("1001");
        anew.remote.set_port(7000);
        if comes_back {
            rig.switch.registrar.load(vec![Binding { flow: anew, ..binding("1001") }]);
        }
        rig.after(Duration::from_secs(15));
        rig.received("1001", Method::Options);
        rig.switch.transport_failed(rig.now, flow("1001"));
        rig.after(Duration::from_secs(15));
        let asked_anew = rig.inbox.iter().any(|(to, _)| *to == anew.remote);
        assert_eq!(asked_anew, comes_back);
        rig.switch.transport_failed(rig.now, flow("1001"));
        rig.drain();
        assert_eq!(rig.switch.calls().len(), usize::from(comes_back));
    }
}
