//! Changes of mode during a session (X1).

use super::*;

fn barging() -> Terminal {
    let grant = Grant { level: Level::Edit, modes: ModeSet::USUAL.with(Mode::Barge), hours: None };
    Terminal { protected: false, rules: vec![Rule::Allow(grant)] }
}

/// Listening to an agent beside whom this supervisor may do everything.
fn free(settings: Settings) -> Rig {
    let mut rig = Rig::new();
    rig.settings = settings;
    rig.terminals.insert(number("1000"), barging());
    rig.listen(Mode::Monitor).forget();
    rig
}

const BARGE: Settings = Settings { barge: true, ..Settings::DEFAULT };

#[test]
fn the_keys_4_5_and_6_change_the_mode_each_written_down_before_it_is_heard_and_begun_with_its_tone() {
    let mut rig = free(BARGE);
    rig.keys("5").keys("6").keys("4");
    insta::assert_snapshot!(rig.log(), @r"
    audit mode-change ok to whisper
    mode whisper
    play chime
    chime for the agent
    audit mode-change ok to barge
    mode barge
    play chime
    chime for the agent
    audit mode-change ok to monitor
    mode monitor
    ");
    assert_eq!(rig.desk.sessions().next().unwrap().mode, Mode::Monitor);
}

#[test]
fn the_mode_that_is_and_all_other_keys_change_nothing() {
    let mut rig = free(BARGE);
    rig.keys("4123789*0#");
    assert_eq!(rig.log(), "");
}

#[test]
fn nobody_barges_in_unless_the_setting_allows_it_and_who_is_refused_hears_e2_and_stays_as_before() {
    let mut rig = free(Settings::default());
    rig.keys("6");
    assert_eq!(rig.log(), "audit mode-change barge-off\nplay error");
    assert_eq!(rig.desk.sessions().next().unwrap().mode, Mode::Monitor);
    rig.settings = BARGE;
    rig.keys("6");
    assert_eq!(rig.desk.sessions().next().unwrap().mode, Mode::Barge);
}

#[test]
fn a_session_in_which_nobody_may_barge_does_not_begin_with_it_either() {
    for (settings, row) in [(Settings::default(), "audit attempt barge-off"), (BARGE, "audit start ok")] {
        let mut rig = Rig::new();
        rig.settings = settings;
        rig.terminals.insert(number("1000"), barging());
        rig.listen(Mode::Barge);
        assert_eq!(rig.last_row(), row);
    }
}

#[test]
fn the_right_is_judged_anew_at_each_change_at_both_ends_of_the_call() {
    let monitor_only = Grant { level: Level::Edit, modes: ModeSet::NONE.with(Mode::Monitor), hours: None };
    let at_night = Grant { level: Level::Edit, modes: ModeSet::USUAL, hours: "Mon-Fri 22:00-23:00".parse().ok() };
    let rules = |rules: Vec<Rule>| Terminal { protected: false, rules };
    for (extension, terminal, reason) in [
        ("1000", rules(vec![Rule::Allow(monitor_only)]), "mode-not-granted"),
        ("1000", rules(vec![Rule::Allow(at_night)]), "outside-hours"),
        ("1000", rules(vec![]), "no-right"),
        ("1000", Terminal { protected: true, ..barging() }, "protected"),
        ("2000", rules(vec![Rule::Deny]), "denied"),
        ("2000", Terminal { protected: true, ..stranger() }, "protected"),
    ] {
        let mut rig = free(BARGE);
        rig.terminals.insert(number(extension), terminal);
        rig.keys("5");
        assert_eq!(rig.log(), format!("audit mode-change {reason}\nplay error"));
    }
}

#[test]
fn a_change_that_cannot_be_written_down_does_not_happen() {
    let mut rig = free(BARGE);
    rig.audit_works = false;
    rig.keys("5");
    assert_eq!(rig.log(), "audit mode-change ok to whisper\nplay error");
    assert_eq!(rig.desk.sessions().next().unwrap().mode, Mode::Monitor);
}

#[test]
fn a_session_that_ends_while_a_change_is_being_written_down_changes_no_more() {
    let mut rig = free(BARGE);
    rig.scribe_is_slow = true;
    rig.keys("5").keys("6");
    assert_eq!(rig.log(), "audit mode-change ok to whisper", "one at a time");
    let session = rig.desk.sessions().next().unwrap().id;
    rig.tell(Event::CallEnded { call: rig.calls[0].id }).forget();
    rig.desk.reply(rig.now, NOW_MS, rig.leg, Reply::TurnRecorded(session, Ok(())), &rig.calls);
    assert_eq!(rig.drain().log(), "");
}
