//! Scripted phones (SIPp): registration, ordinary calls and their ends, INFO digits, and nonsense on the wire.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};
use support::{
    engine::{DIAL_ID, DIAL_PASSWORD, Engine},
    let_pass,
    sipp::{Running, Scenario, register},
    within,
};

const TALK_MS: u64 = 1500;
const RING_MS: u64 = 500;

/// A callee that registers at an address of its own and waits for its call.
fn callee(engine: &Engine, user: &str, scenario: &'static str) -> Scenario {
    Scenario::new(scenario, user).at(register(engine, user)).with("talk_ms", TALK_MS)
}

fn call(engine: &Engine, user: &str, scenario: &'static str, target: &str) -> Scenario {
    let address = register(engine, user);
    Scenario::new(scenario, user).at(address).with("target", target).with("talk_ms", TALK_MS).with("ring_ms", RING_MS)
}

fn both_succeed(caller: Running, callee: Running) {
    caller.expect_success();
    callee.expect_success();
}

#[test]
fn a_phone_registers_with_digest_and_not_with_a_wrong_password() {
    let engine = Engine::with_an_office();
    register(&engine, "1000");
    Scenario::new("register", "1000").over_tcp().with("expires", 300).start(engine.sip).expect_success();
    Scenario::new("register-refused", "1000").with("expires", 300).start(engine.sip).expect_success();
    Scenario::new("register-refused", "5555").with("expires", 300).start(engine.sip).expect_success();
    Scenario::new("options", "ping").start(engine.sip).expect_success();
    Scenario::new("options", "ping").over_tcp().start(engine.sip).expect_success();
}

#[test]
fn a_phone_that_unregistered_is_not_reached() {
    let engine = Engine::with_an_office();
    let address = register(&engine, "2000");
    Scenario::new("register", "2000").at(address).with("expires", 0).start(engine.sip).expect_success();
    call(&engine, "1000", "call-refused", "2000").with("status", 480).start(engine.sip).expect_success();
}

#[test]
fn a_call_is_answered_and_ended_by_either_side() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    both_succeed(call(&engine, "1000", "call", "2000").start(engine.sip), waiting);
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer-and-end").start(engine.sip);
    both_succeed(call(&engine, "1000", "call-ended-by-callee", "2000").start(engine.sip), waiting);
}

#[test]
fn a_refusal_reaches_the_caller_with_its_status() {
    let engine = Engine::with_an_office();
    let address = register(&engine, "2000");
    for (status, reason) in [(486, "Busy Here"), (480, "Temporarily Unavailable"), (603, "Decline")] {
        let waiting =
            Scenario::new("reject", "2000").at(address).with("status", status).with("reason", reason).start(engine.sip);
        let caller = call(&engine, "1000", "call-refused", "2000").with("status", status).start(engine.sip);
        both_succeed(caller, waiting);
    }
}

#[test]
fn a_call_given_up_while_ringing_stops_the_ringing() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "ring").start(engine.sip);
    both_succeed(call(&engine, "1000", "call-cancelled", "2000").start(engine.sip), waiting);
}

#[test]
fn a_session_below_90_s_is_refused_and_one_of_90_s_is_refreshed_by_update() {
    let engine = Engine::with_an_office();
    let _waiting = callee(&engine, "2000", "answer").start(engine.sip);
    let brief = call(&engine, "1000", "call-refused", "2000").with("status", 422);
    let brief = brief.with_header("Supported: timer\n    Session-Expires: 60");
    assert!(brief.start(engine.sip).expect_success().contains("Min-SE: 90"));
    let timed = call(&engine, "3000", "timer-and-update", "2000");
    let timed = timed.with_header("Supported: timer\n    Session-Expires: 90;refresher=uac");
    let messages = timed.start(engine.sip).expect_success();
    assert!(messages.contains("Require: timer"), "{messages}");
}

#[test]
fn a_caller_that_requires_reliable_responses_gets_them_and_a_phone_that_sends_them_gets_its_prack() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    let caller = call(&engine, "1000", "prack", "2000").with_header("Require: 100rel");
    both_succeed(caller.start(engine.sip), waiting);
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer-reliably").start(engine.sip);
    both_succeed(call(&engine, "1000", "call", "2000").start(engine.sip), waiting);
}

#[test]
fn a_caller_without_an_offer_gets_one_and_answers_it() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    both_succeed(call(&engine, "1000", "late-offer", "2000").start(engine.sip), waiting);
}

#[test]
fn changes_that_collide_are_refused_with_491_and_succeed_after_a_pause() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "collide").start(engine.sip);
    both_succeed(call(&engine, "1000", "hold-again", "2000").start(engine.sip), waiting);
}

#[test]
fn a_call_is_sent_to_a_third_phone_and_its_transferor_is_let_go() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    let third = callee(&engine, "3000", "answer-and-end").start(engine.sip);
    let transferor = call(&engine, "1000", "transfer", "2000").with("transferee", "3000").start(engine.sip);
    transferor.expect_success();
    let told = third.expect_success();
    assert!(told.contains("Referred-By: <sip:1000@"), "{told}");
    waiting.expect_success();
}

#[test]
fn a_transfer_to_what_may_not_be_called_is_refused_and_the_call_goes_on() {
    let engine = Engine::with_an_office();
    for (transferee, status) in [("0070", 403), ("80070", 403), ("4444", 404), ("3000", 480), ("2000", 486)] {
        let waiting = callee(&engine, "2000", "answer").start(engine.sip);
        let transferor = call(&engine, "1000", "transfer-refused", "2000").with("transferee", transferee);
        both_succeed(transferor.with("talk_ms", 300).with("status", status).start(engine.sip), waiting);
    }
}

#[test]
fn an_invite_takes_the_place_of_another_call_of_the_same_phone() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    both_succeed(call(&engine, "1000", "replace", "2000").start(engine.sip), waiting);
}

#[test]
fn a_call_that_a_phone_sends_on_rings_at_the_other() {
    let engine = Engine::with_an_office();
    let first = callee(&engine, "2000", "send-on").with("other", "3000").start(engine.sip);
    let second = callee(&engine, "3000", "answer").start(engine.sip);
    both_succeed(call(&engine, "1000", "call", "2000").start(engine.sip), second);
    first.expect_success();
}

#[test]
fn what_cannot_be_dialled_is_refused_with_the_right_status() {
    let engine = Engine::with_an_office();
    let refusals = [
        ("4444", 404),
        ("0079", 404),
        ("0070*3141", 484),
        ("0070*3141*271828*1", 484),
        ("0070%2A3141", 484),
        ("80070*3141*271828", 403),
        ("80071*3141*271828", 403),
    ];
    for (target, status) in refusals {
        call(&engine, "3000", "call-refused", target).with("status", status).start(engine.sip).expect_success();
    }
    assert!(!engine.log().contains(DIAL_PASSWORD), "a password stands in the log");
}

#[test]
fn a_stranger_reaches_no_feature_code() {
    let engine = Engine::with_an_office();
    Scenario::new("call-unsigned", "3000").with("target", "0070").start(engine.sip).expect_success();
}

#[test]
fn digits_by_info_sign_in_and_start_a_session() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").within(Duration::from_secs(60)).start(engine.sip);
    let agent = call(&engine, "1000", "call", "2000").with("talk_ms", 20_000).within(Duration::from_secs(60));
    let agent = agent.start(engine.sip);
    let keys = format!("{DIAL_ID}#{DIAL_PASSWORD}#1000#");
    let supervisor = call(&engine, "3000", "info", "0070").pressing(&keys).with("talk_ms", 4000);
    let supervisor = supervisor.within(Duration::from_secs(40)).start(engine.sip);
    engine.expect_session("monitor", "1000");
    supervisor.expect_success();
    engine.expect_sessions(0);
    both_succeed(agent, waiting);
}

#[test]
fn a_lamp_follows_a_call_from_its_ringing_to_its_end() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    let lamp = lamp(&engine, "3000", "2000", &["early", "confirmed", "terminated"]);
    both_succeed(call(&engine, "1000", "call", "2000").start(engine.sip), waiting);
    let messages = lamp.expect_success();
    assert!(!messages.contains("1000"), "the lamp knows who called:\n{messages}");
}

#[test]
fn a7_a_phone_at_a_feature_code_is_in_a_call_like_any_other() {
    let engine = Engine::with_an_office();
    let lamp = lamp(&engine, "1000", "3000", &["confirmed", "terminated"]);
    call(&engine, "3000", "call", "0070").start(engine.sip).expect_success();
    let messages = lamp.expect_success();
    assert!(!messages.contains("0070"), "the lamp knows what was dialled:\n{messages}");
}

/// A phone that watches another and will be told of these states; it has been told the first.
fn lamp(engine: &Engine, watcher: &str, target: &str, states: &[&str]) -> Running {
    let address = register(engine, watcher);
    let lamp = Scenario::new("watch", watcher).at(address).with("target", target).told(states).start(engine.sip);
    let subscribed = within(Duration::from_secs(20), || lamp.messages().contains("NOTIFY").then_some(()));
    assert!(subscribed.is_some(), "no NOTIFY:\n{}", lamp.messages());
    lamp
}

#[test]
fn nonsense_gets_400_or_nothing_and_calls_go_on() {
    let engine = Engine::with_an_office();
    let waiting = callee(&engine, "2000", "answer").start(engine.sip);
    let caller = call(&engine, "1000", "call", "2000").with("talk_ms", 4000).start(engine.sip);
    let_pass(Duration::from_millis(500));
    for (name, datagram) in nonsense() {
        let answer = ask(engine.sip, &datagram);
        let refused =
            answer.as_ref().is_none_or(|answer| answer.starts_with("SIP/2.0 4") || answer.starts_with("SIP/2.0 5"));
        assert!(refused, "{name}: {answer:?}");
    }
    both_succeed(caller, waiting);
    assert!(engine.answers_options());
    assert!(!engine.log().contains("panicked"), "it panicked");
}

fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let head = "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx;rport\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n";
    let message = |start: &str, rest: &str| format!("{start}\r\n{head}{rest}\r\n").into_bytes();
    vec![
        ("zeroes", vec![0; 1200]),
        ("random", (0..1400u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
        ("keep-alive", b"\r\n\r\n".to_vec()),
        ("start line alone", b"INVITE sip:1000@127.0.0.1 SIP/2.0\r\n\r\n".to_vec()),
        ("no CSeq", message("INVITE sip:1000@127.0.0.1 SIP/2.0", "")),
        ("wrong CSeq", message("INVITE sip:1000@127.0.0.1 SIP/2.0", "CSeq: 99999999999 INVITE\r\n")),
        ("other method in CSeq", message("INVITE sip:1000@127.0.0.1 SIP/2.0", "CSeq: 1 BYE\r\n")),
        (
            "huge length",
            message("MESSAGE sip:1000@127.0.0.1 SIP/2.0", "CSeq: 1 MESSAGE\r\nContent-Length: 4294967295\r\n"),
        ),
        ("negative length", message("MESSAGE sip:1000@127.0.0.1 SIP/2.0", "CSeq: 1 MESSAGE\r\nContent-Length: -1\r\n")),
        ("SIP/9.9", message("OPTIONS sip:1000@127.0.0.1 SIP/9.9", "CSeq: 1 OPTIONS\r\n")),
        ("bad URI", message("INVITE sip:[:::1 SIP/2.0", "CSeq: 1 INVITE\r\n")),
        ("bad escape", message("INVITE sip:0070%2@127.0.0.1 SIP/2.0", "CSeq: 1 INVITE\r\n")),
        ("no dialog", message("BYE sip:1000@127.0.0.1 SIP/2.0", "CSeq: 1 BYE\r\n")),
        ("answer to nothing", message("SIP/2.0 200 OK", "CSeq: 1 INVITE\r\n")),
        ("status 000", message("SIP/2.0 000 No", "CSeq: 1 INVITE\r\n")),
    ]
}

fn ask(engine: SocketAddr, datagram: &[u8]) -> Option<String> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    socket.send_to(datagram, engine).unwrap();
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}
