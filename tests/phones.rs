//! Real phones: head-less baresips with the engine between them. What each party heard is measured in its recording.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{net::SocketAddr, time::Duration};
use support::{
    audio::*,
    baresip::{Phone, Setup},
    engine::{DIAL_ID, DIAL_PASSWORD, Engine, PHONE_PASSWORD},
    let_pass,
    linphone::{Linphone, Transport},
    within,
};

const SOON: Duration = Duration::from_secs(20);
/// Prompts of three tries, the checks of passwords among them.
const A_CONVERSATION: Duration = Duration::from_secs(60);
const LISTENING: Duration = Duration::from_secs(4);
/// The end of a recording in which no prompt and no start tone is left.
const TALK_SECONDS: f64 = 2.5;
/// Each side has reported twice, so that the other's answer to the first is back.
const REPORTS: Duration = Duration::from_secs(15);
const TONE_SECONDS: f64 = 180.0;

struct Office {
    engine: Engine,
    agent: Phone,
    customer: Phone,
    supervisor: Phone,
}

impl Office {
    fn open() -> Self {
        Self::with_supervisor(|supervisor| supervisor)
    }

    fn with_supervisor(change: impl FnOnce(Setup) -> Setup) -> Self {
        let engine = Engine::with_an_office();
        let agent = phone("1000", AGENT_HZ, engine.sip).start();
        let customer = phone("2000", CUSTOMER_HZ, engine.sip).start();
        let supervisor = change(phone("3000", SUPERVISOR_HZ, engine.sip)).start();
        Self { engine, agent, customer, supervisor }
    }

    fn agent_calls_customer(&mut self) {
        self.agent.dial(&self.engine.uri("2000"));
        self.agent.expect("CALL_ESTABLISHED", SOON);
        self.customer.expect("CALL_ESTABLISHED", SOON);
    }

    fn customer_calls_agent(&mut self) {
        self.customer.dial(&self.engine.uri("1000"));
        self.customer.expect("CALL_ESTABLISHED", SOON);
        self.agent.expect("CALL_ESTABLISHED", SOON);
    }

    fn supervisor_dials(&mut self, code: &str) {
        dial(&mut self.supervisor, &self.engine, code);
    }

    /// Types ahead from the moment of answer, without waiting for a prompt (D6).
    fn supervisor_signs_in(&mut self, code: &str) {
        self.supervisor_dials(code);
        self.supervisor.press(&format!("{DIAL_ID}#{DIAL_PASSWORD}#"));
    }

    fn session_starts(&mut self, mode: &str) {
        self.engine.expect_session(mode, "1000");
        let_pass(LISTENING);
    }

    /// The supervisor leaves first, then the call ends.
    fn everybody_leaves(&mut self) {
        self.supervisor.hang_up();
        self.engine.expect_sessions(0);
        self.agent.hang_up();
        self.customer.expect_closed(SOON);
    }

    fn assert_heard(&self, agent_hears_supervisor: bool) {
        let (agent, customer) = (self.agent.heard_last(), self.customer.heard_last());
        let supervisor = self.supervisor.heard_last();
        assert_hears(&supervisor, AGENT_HZ, "the supervisor, the agent");
        assert_hears(&supervisor, CUSTOMER_HZ, "the supervisor, the customer");
        assert_lacks(&supervisor.last(TALK_SECONDS), SUPERVISOR_HZ, "the supervisor, themselves");
        assert_hears(&agent, CUSTOMER_HZ, "the agent, the customer");
        assert_hears(&customer, AGENT_HZ, "the customer, the agent");
        assert_lacks(&customer, SUPERVISOR_HZ, "the customer, the supervisor");
        if agent_hears_supervisor {
            assert_hears(&agent, SUPERVISOR_HZ, "the agent, the supervisor");
        } else {
            assert_lacks(&agent, SUPERVISOR_HZ, "the agent, the supervisor");
        }
        assert!(!self.engine.log().contains(DIAL_PASSWORD), "a password stands in the log");
    }
}

fn phone(user: &str, hz: f64, engine: SocketAddr) -> Setup {
    Setup::new(user, Sound::default().tone(hz, TONE_SECONDS)).registered(engine, PHONE_PASSWORD)
}

fn dial(supervisor: &mut Phone, engine: &Engine, code: &str) {
    supervisor.dial(&engine.uri(code));
    supervisor.expect("CALL_ESTABLISHED", SOON);
}

#[track_caller]
fn assert_hears(recording: &Recording, hz: f64, who: &str) {
    assert!(recording.hears(hz), "{who}: {:.1} dB in {:.1} s", recording.loudest_db(hz), recording.seconds());
}

#[track_caller]
fn assert_lacks(recording: &Recording, hz: f64, who: &str) {
    assert!(recording.lacks(hz), "{who}: {:.1} dB in {:.1} s", recording.loudest_db(hz), recording.seconds());
}

/// One has a port for both RTP and RTCP, the other one for each.
#[test]
fn the_phones_own_reports_stand_in_the_record_of_their_call() {
    let engine = Engine::with_an_office();
    let mut agent = phone("1000", AGENT_HZ, engine.sip).sharing_a_port().start();
    let mut customer = phone("2000", CUSTOMER_HZ, engine.sip).start();
    agent.dial(&engine.uri("2000"));
    customer.expect("CALL_ESTABLISHED", SOON);
    let_pass(REPORTS);
    agent.hang_up();
    customer.expect_closed(SOON);
    let shares = |phone: &Phone| phone.log().contains("RTP/RTCP multiplexing enabled");
    assert!(shares(&agent) && !shares(&customer));
    let list = || engine.run_ok(&["cdr", "list", "--json"], "");
    let read = || serde_json::from_str::<serde_json::Value>(&list()).unwrap()[0].clone();
    let is_whole = |call: &serde_json::Value| !call["callee_quality"]["sent_packets"].is_null();
    let call = within(SOON, || Some(read()).filter(is_whole)).unwrap_or_else(read);
    for side in ["caller_quality", "callee_quality"] {
        let number = |key: &str| call[side][key].as_f64().unwrap_or_else(|| panic!("{side} has no {key}: {call}"));
        assert!(number("sent_packets") > 400.0 && number("got_packets") > 400.0, "{call}");
        assert!(number("sent_lost") < 60.0 && number("got_lost") < 60.0, "{call}");
        assert!(number("sent_mos") > 3.5 && number("got_mos") > 3.5, "{call}");
        assert!(number("round_trip_ms") < 500.0, "{call}");
    }
}

#[test]
fn two_phones_alone_hear_each_other() {
    let mut callee = Setup::new("2000", Sound::default().tone(CUSTOMER_HZ, 60.0)).start();
    let mut caller = Setup::new("1000", Sound::default().tone(AGENT_HZ, 60.0)).start();
    caller.dial(&callee.uri());
    caller.expect("CALL_ESTABLISHED", SOON);
    let_pass(Duration::from_secs(3));
    caller.press("1");
    callee.expect("CALL_DTMF_START", SOON);
    caller.hang_up();
    callee.expect_closed(SOON);
    assert_hears(&caller.heard_last(), CUSTOMER_HZ, "the caller, the callee");
    assert_lacks(&caller.heard_last(), AGENT_HZ, "the caller, themselves");
    assert_hears(&callee.heard_last(), AGENT_HZ, "the callee, the caller");
}

#[test]
fn agent_and_customer_talk_and_their_digits_pass() {
    let mut office = Office::open();
    office.agent_calls_customer();
    let_pass(LISTENING);
    office.customer.press("5");
    office.agent.expect("CALL_DTMF_START", SOON);
    office.customer.hang_up();
    office.agent.expect_closed(SOON);
    assert_hears(&office.agent.heard_last(), CUSTOMER_HZ, "the agent, the customer");
    assert_hears(&office.customer.heard_last(), AGENT_HZ, "the customer, the agent");
}

#[test]
fn no_session_starts_on_a_held_call_and_one_does_after_resume() {
    let mut office = Office::open();
    office.agent_calls_customer();
    let_pass(LISTENING);
    // baresip's recording falls silent once it has held a call itself: what the agent hears is measured before.
    office.agent.hold();
    let_pass(Duration::from_secs(1));
    office.supervisor_signs_in("0070");
    office.supervisor.press("1000#");
    let_pass(Duration::from_secs(3));
    office.engine.expect_sessions(0);
    office.agent.resume();
    let_pass(Duration::from_secs(1));
    office.supervisor.press("1000#");
    office.session_starts("monitor");
    office.everybody_leaves();
    office.assert_heard(false);
}

#[test]
fn monitor_hears_both_and_nobody_hears_the_supervisor() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_signs_in("0070");
    office.supervisor.press("1000#");
    office.session_starts("monitor");
    office.everybody_leaves();
    office.assert_heard(false);
}

#[test]
fn whisper_is_heard_by_the_agent_and_never_by_the_customer() {
    let mut office = Office::open();
    office.customer_calls_agent();
    office.supervisor_signs_in("0071");
    office.supervisor.press("1000#");
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
}

#[test]
fn a_short_dial_asks_for_the_extension_only() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_dials(&format!("0071*{DIAL_ID}*{DIAL_PASSWORD}"));
    office.supervisor.press("1000#");
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
}

#[test]
fn the_mobile_prefix_asks_for_everything() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_signs_in("80070");
    office.supervisor.press("1000#");
    office.session_starts("monitor");
    office.everybody_leaves();
    office.assert_heard(false);
}

#[test]
fn digits_in_the_audio_sign_in() {
    let keys = format!("{DIAL_ID}#{DIAL_PASSWORD}#1000#");
    let speech = Sound::default().silence(1.0).digits(&keys).silence(0.5).tone(SUPERVISOR_HZ, TONE_SECONDS);
    let mut office = Office::with_supervisor(|setup| setup.speaking(speech));
    office.agent_calls_customer();
    office.supervisor_dials("0071");
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
}

#[test]
fn a_supervisor_on_a_law_listens_to_a_call_on_mu_law() {
    let mut office = Office::with_supervisor(|setup| setup.codec("PCMA/8000/1"));
    office.agent_calls_customer();
    office.supervisor_signs_in("0071");
    office.supervisor.press("1000#");
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
}

/// The agent, the customer, the supervisor.
fn a_whisper_among(codecs: [&'static str; 3]) {
    let engine = Engine::with_an_office();
    let parties = [("1000", AGENT_HZ), ("2000", CUSTOMER_HZ), ("3000", SUPERVISOR_HZ)];
    let mut phones = parties.into_iter().zip(codecs);
    let mut start = || {
        let ((user, hz), codec) = phones.next().unwrap();
        phone(user, hz, engine.sip).codec(codec).start()
    };
    let (agent, customer, supervisor) = (start(), start(), start());
    let mut office = Office { engine, agent, customer, supervisor };
    office.customer_calls_agent();
    office.supervisor_signs_in("0071");
    office.supervisor.press("1000#");
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
}

#[test]
fn a_supervisor_on_opus_whispers_into_a_call_on_g722() {
    a_whisper_among(["G722/16000/1", "G722/16000/1", "opus/48000/2"]);
}

#[test]
fn a_supervisor_on_g722_whispers_into_a_call_on_opus() {
    a_whisper_among(["opus/48000/2", "opus/48000/2", "G722/16000/1"]);
}

#[test]
fn a_supervisor_on_g722_whispers_to_an_agent_on_opus_whose_customer_speaks_mu_law() {
    a_whisper_among(["opus/48000/2", "PCMU/8000/1", "G722/16000/1"]);
}

#[test]
fn a_wrong_password_three_times_ends_the_call() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_dials("0070");
    for _ in 0..3 {
        office.supervisor.press(&format!("{DIAL_ID}#000000#"));
        let_pass(Duration::from_secs(4));
    }
    office.supervisor.expect_closed(A_CONVERSATION);
    assert!(!office.supervisor.heard_last().hears(AGENT_HZ));
    assert!(office.engine.sessions().is_empty());
}

#[test]
fn a_wrong_extension_and_one_without_a_right_are_asked_again() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_signs_in("0070");
    for refused in ["100#", "2000#"] {
        office.supervisor.press(refused);
        let_pass(Duration::from_secs(3));
        office.engine.expect_sessions(0);
    }
    office.supervisor.press("1000#");
    office.session_starts("monitor");
    office.everybody_leaves();
    office.assert_heard(false);
}

#[test]
fn the_session_ends_when_the_call_ends() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_signs_in("0070");
    office.supervisor.press("1000#");
    office.session_starts("monitor");
    office.customer.hang_up();
    office.supervisor.expect_closed(SOON);
    office.agent.expect_closed(SOON);
    office.engine.expect_sessions(0);
    office.assert_heard(false);
}

#[test]
fn two_supervisors_share_a_call_and_do_not_hear_each_other() {
    let mut office = Office::open();
    office.engine.add_supervisor("coach", "3001", "2718", "314159");
    office.engine.run_ok(&["permission", "grant", "coach", "terminal:1000", "edit"], "");
    let mut coach = phone("3001", SECOND_SUPERVISOR_HZ, office.engine.sip).start();
    office.agent_calls_customer();
    office.supervisor_signs_in("0070");
    office.supervisor.press("1000#");
    office.engine.expect_session("monitor", "1000");
    dial(&mut coach, &office.engine, "0071");
    coach.press("2718#314159#1000#");
    office.session_starts("whisper");
    coach.hang_up();
    office.everybody_leaves();
    office.assert_heard(false);
    assert_hears(&office.agent.heard_last(), SECOND_SUPERVISOR_HZ, "the agent, the coach");
    assert_lacks(&office.customer.heard_last(), SECOND_SUPERVISOR_HZ, "the customer, the coach");
    assert_lacks(&office.supervisor.heard_last().last(TALK_SECONDS), SECOND_SUPERVISOR_HZ, "the supervisor, the coach");
    assert_lacks(&coach.heard_last().last(TALK_SECONDS), SUPERVISOR_HZ, "the coach, the supervisor");
    assert_hears(&coach.heard_last(), CUSTOMER_HZ, "the coach, the customer");
}

#[test]
fn a_power_cut_loses_no_account_right_binding_or_audit_row() {
    let mut office = Office::open();
    office.agent_calls_customer();
    office.supervisor_signs_in("0070");
    office.supervisor.press("1000#");
    office.session_starts("monitor");
    let before = office.engine.audit().len();
    office.engine.kill();
    for phone in [&mut office.supervisor, &mut office.agent, &mut office.customer] {
        phone.hang_up();
    }
    office.engine.start();
    let trail = office.engine.audit();
    assert!(trail.len() > before && before > 0);
    assert_eq!(trail.last().unwrap()["detail"], "engine-died", "the session that was cut off has its end");
    office.agent_calls_customer();
    office.supervisor_signs_in("0071");
    office.supervisor.press("1000#");
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
}

#[test]
fn a_linphone_signs_in_by_keypad_and_whispers_over_udp_and_over_tcp() {
    let mut office = Office::open();
    office.agent_calls_customer();
    let spoken = Sound::default().tone(SECOND_SUPERVISOR_HZ, TONE_SECONDS);
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut supervisor = Linphone::registered("3001", &spoken, office.engine.sip, PHONE_PASSWORD, transport);
        supervisor.dial(&office.engine.uri("0071"));
        supervisor.press(&format!("{DIAL_ID}#{DIAL_PASSWORD}#1000#"));
        office.session_starts("whisper");
        let heard = supervisor.hang_up();
        office.engine.expect_sessions(0);
        assert_hears(&heard, AGENT_HZ, "the supervisor, the agent");
        assert_hears(&heard, CUSTOMER_HZ, "the supervisor, the customer");
        assert_lacks(&heard.last(TALK_SECONDS), SECOND_SUPERVISOR_HZ, "the supervisor, themselves");
    }
    office.agent.hang_up();
    office.customer.expect_closed(SOON);
    assert_hears(&office.agent.heard_last(), SECOND_SUPERVISOR_HZ, "the agent, the supervisor");
    assert_lacks(&office.customer.heard_last(), SECOND_SUPERVISOR_HZ, "the customer, the supervisor");
}

/// Each with its own mediaenc: `srtp-mand` takes SRTP alone, `srtp` plain RTP too.
fn secured_office(agent: &'static str, customer: Option<&'static str>, supervisor: &'static str) -> Office {
    let engine = Engine::with_an_office();
    let secured = |user, hz, media| phone(user, hz, engine.tls).secured(engine.certificate(), media).start();
    let (agent, supervisor) = (secured("1000", AGENT_HZ, agent), secured("3000", SUPERVISOR_HZ, supervisor));
    let customer = match customer {
        Some(media) => secured("2000", CUSTOMER_HZ, media),
        None => phone("2000", CUSTOMER_HZ, engine.sip).start(),
    };
    Office { engine, agent, customer, supervisor }
}

#[test]
fn over_tls_with_srtp_a_whisper_reaches_the_agent_alone() {
    let mut office = secured_office("srtp-mand", None, "srtp-mand");
    office.agent.dial("2000");
    office.agent.expect("CALL_ESTABLISHED", SOON);
    office.customer.expect("CALL_ESTABLISHED", SOON);
    office.supervisor.dial("0071");
    office.supervisor.expect("CALL_ESTABLISHED", SOON);
    office.supervisor.press(&format!("{DIAL_ID}#{DIAL_PASSWORD}#1000#"));
    office.session_starts("whisper");
    office.everybody_leaves();
    office.assert_heard(true);
    for secured in [office.agent.log(), office.supervisor.log()] {
        assert!(secured.contains("SRTP is Enabled"), "{secured}");
    }
}

#[test]
fn a_secured_phone_is_called_and_stays_secured_through_hold_and_resume() {
    let mut office = secured_office("srtp", Some("srtp-mand"), "srtp");
    office.engine.run_ok(&["extension", "set", "2000", "--srtp", "required"], "");
    office.agent.dial("2000");
    office.agent.expect("CALL_ESTABLISHED", SOON);
    office.customer.expect("CALL_ESTABLISHED", SOON);
    // baresip's recording falls silent once it has held a call itself: what it hears is measured before.
    let_pass(LISTENING);
    office.customer.hold();
    let_pass(Duration::from_secs(1));
    office.customer.resume();
    let_pass(Duration::from_secs(1));
    office.agent.hang_up();
    office.customer.expect_closed(SOON);
    assert_hears(&office.agent.heard_last(), CUSTOMER_HZ, "the agent, the customer");
    assert_hears(&office.customer.heard_last(), AGENT_HZ, "the customer, the agent");
    for log in [office.agent.log(), office.customer.log()] {
        assert_eq!(log.matches("SRTP is Enabled").count(), 3, "in the call, on hold, after it\n{log}");
    }
}
