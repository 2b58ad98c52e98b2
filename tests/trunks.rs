//! The world outside: a Kamailio that asks for credentials, and SIPp as a trunk of fixed address.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use support::{
    audio::*,
    baresip::{Phone, Setup},
    engine::{DIAL_ID, DIAL_PASSWORD, Engine, PHONE_PASSWORD},
    kamailio::{ACCOUNT, ACCOUNT_PASSWORD, NUMBER, Provider, REALM},
    let_pass, port,
    sipp::{Scenario, register},
    within,
};

const SOON: Duration = Duration::from_secs(20);
/// A trunk that is gone is asked again after 10 s.
const RETRIED: Duration = Duration::from_secs(20);
const LISTENING: Duration = Duration::from_secs(4);
const TONE_SECONDS: f64 = 180.0;
const TALK_MS: u64 = 1500;

/// Whom the agent calls outside.
const CUSTOMER: &str = "0611112222";

const RULES: &str = r#"
[numbers]
country = "81"
[[outbound]]
prefix = "0"
digits = "10-11"
trunks = ["main", "spare"]
[[inbound]]
trunk = "main"
number = "0312345678"
extension = "1000"
[[mobile-user]]
number = "09011112222"
extension = "3000"
"#;

/// An office whose dial plan has rules for trunks, but no trunk yet.
fn office() -> Engine {
    let mut engine = Engine::configured("[dialplan]\ndir = \"dialplan\"");
    furnish(&mut engine);
    engine
}

fn furnish(engine: &mut Engine) {
    let folder = engine.folder().join("dialplan");
    fs::create_dir(&folder).unwrap();
    for name in ["feature-codes.toml", "extensions.toml"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan").join(name), folder.join(name)).unwrap();
    }
    fs::write(folder.join("trunks.toml"), RULES).unwrap();
    for number in ["1000", "3000"] {
        engine.add_extension(number);
    }
    engine.add_supervisor("boss", "3000", DIAL_ID, DIAL_PASSWORD);
    engine.run_ok(&["permission", "grant", "boss", "terminal:1000", "edit"], "");
    engine.start();
}

fn add_provider(engine: &Engine, provider: &Provider, password: &str) {
    let address = format!("udp:{}", provider.address);
    let account = ["--domain", REALM, "--user", ACCOUNT, "--register", "--identity", "asserted", "--password-stdin"];
    engine.run_ok(&[&["trunk", "add", "main", &address], &account[..]].concat(), password);
}

fn trunk(engine: &Engine, name: &str) -> Value {
    let trunks: Vec<Value> = serde_json::from_str(&engine.run_ok(&["trunk", "list", "--json"], "")).unwrap();
    trunks.into_iter().find(|trunk| trunk["name"] == name).unwrap()
}

fn expect_trunk(engine: &Engine, name: &str, what: &str, value: impl Into<Value>) {
    let value = value.into();
    let found = within(SOON, || (trunk(engine, name)[what] == value).then_some(()));
    assert!(found.is_some(), "{name}: {what} is not {value}: {}", trunk(engine, name));
}

fn expect_status(engine: &Engine, status: &str) {
    let found = within(SOON, || engine.calls().iter().any(|call| call["status"] == status).then_some(()));
    assert!(found.is_some(), "no {status} call: {:?}", engine.calls());
}

fn phone(user: &str, hz: f64) -> Setup {
    Setup::new(user, Sound::default().tone(hz, TONE_SECONDS))
}

fn registered(user: &str, hz: f64, engine: SocketAddr) -> Phone {
    phone(user, hz).registered(engine, PHONE_PASSWORD).start()
}

#[track_caller]
fn assert_hears(phone: &Phone, hz: f64) {
    let heard = phone.heard_last();
    assert!(heard.hears(hz), "{hz} Hz: {:.1} dB\n{}", heard.loudest_db(hz), phone.log());
}

#[test]
fn a_provider_that_asks_who_we_are_registers_us_and_carries_calls_both_ways() {
    let mut engine = office();
    let mut customer = phone(CUSTOMER, CUSTOMER_HZ).start();
    // Its nonces are old before the second call.
    let provider = Provider::start(customer.address(), 3);
    add_provider(&engine, &provider, ACCOUNT_PASSWORD);
    expect_trunk(&engine, "main", "registered", true);
    expect_trunk(&engine, "main", "reachable", true);
    assert_eq!(trunk(&engine, "main")["last_error"], Value::Null);

    let mut agent = registered("1000", AGENT_HZ, engine.sip);
    agent.dial(&engine.uri(CUSTOMER));
    agent.expect("CALL_ESTABLISHED", SOON);
    customer.expect("CALL_ESTABLISHED", SOON);
    expect_status(&engine, "outbound");
    let_pass(LISTENING);
    agent.hang_up();
    customer.expect_closed(SOON);
    assert_hears(&agent, CUSTOMER_HZ);
    assert_hears(&customer, AGENT_HZ);

    let mut supervisor = registered("3000", SUPERVISOR_HZ, engine.sip);
    customer.dial(&format!("sip:{NUMBER}@{}", provider.address));
    customer.expect("CALL_ESTABLISHED", SOON);
    agent.expect("CALL_ESTABLISHED", SOON);
    expect_status(&engine, "inbound");
    supervisor.dial(&engine.uri("0071"));
    supervisor.expect("CALL_ESTABLISHED", SOON);
    supervisor.press(&format!("{DIAL_ID}#{DIAL_PASSWORD}#1000#"));
    engine.expect_session("whisper", "1000");
    let_pass(LISTENING);
    customer.hang_up();
    agent.expect_closed(SOON);
    supervisor.expect_closed(SOON);
    assert_hears(&agent, CUSTOMER_HZ);
    assert_hears(&agent, SUPERVISOR_HZ);
    assert_hears(&supervisor, CUSTOMER_HZ);
    assert!(customer.heard_last().lacks(SUPERVISOR_HZ), "the customer hears the supervisor");
    assert!(!engine.log().contains(ACCOUNT_PASSWORD), "a password stands in the log");

    agent.dial(&engine.uri(CUSTOMER));
    agent.expect("CALL_ESTABLISHED", SOON);
    customer.expect("CALL_ESTABLISHED", SOON);
    customer.hang_up();
    agent.expect_closed(SOON);

    // Who is gone has said so: the provider looks for nobody.
    assert!(engine.stop().success());
    customer.dial(&format!("sip:{NUMBER}@{}", provider.address));
    assert!(customer.expect_closed(SOON).contains("480"));
}

#[test]
fn a_wrong_password_at_the_provider_is_told() {
    let engine = office();
    let provider = Provider::start(port::sip(), 300);
    add_provider(&engine, &provider, "wrong-secret");
    expect_trunk(&engine, "main", "last_error", "it refuses the account or its password");
    assert_eq!(trunk(&engine, "main")["registered"], false);
    engine.run_ok(&["trunk", "set", "main", "--password-stdin"], ACCOUNT_PASSWORD);
    expect_trunk(&engine, "main", "registered", true);
}

/// A certificate for this host by name, which vouches for itself, and its key.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

/// It does not listen for TLS itself: the provider can reach it on the connection alone that it opened.
#[test]
fn over_tls_a_provider_is_believed_by_its_name_and_found_again_after_it_was_gone() {
    let mut engine = Engine::without_tls("[tls]\nca = \"localhost.pem\"\n[dialplan]\ndir = \"dialplan\"");
    let (cert, key) = certificate(engine.folder(), "localhost");
    furnish(&mut engine);
    let mut customer = phone(CUSTOMER, CUSTOMER_HZ).start();
    let address = port::sip();
    let provider = Provider::secured(address, &cert, &key, customer.address());
    let add = ["trunk", "add", "main", "--domain", REALM, "--user", ACCOUNT, "--register", "--password-stdin"];
    engine.run_ok(&[&add[..], &[&format!("tls:localhost:{}", address.port())]].concat(), ACCOUNT_PASSWORD);
    expect_trunk(&engine, "main", "registered", true);

    let mut agent = registered("1000", AGENT_HZ, engine.sip);
    agent.dial(&engine.uri(CUSTOMER));
    agent.expect("CALL_ESTABLISHED", SOON);
    customer.expect("CALL_ESTABLISHED", SOON);
    let_pass(LISTENING);
    agent.hang_up();
    customer.expect_closed(SOON);
    assert_hears(&agent, CUSTOMER_HZ);
    assert_hears(&customer, AGENT_HZ);

    drop(provider);
    let (strange, strange_key) = certificate(engine.folder(), "other.example");
    let stranger = Provider::secured(address, &strange, &strange_key, customer.address());
    let refused = within(RETRIED, || engine.log().contains("tls-not-connected").then_some(()));
    assert!(refused.is_some() && trunk(&engine, "main")["registered"] == false);
    drop(stranger);
    let _provider = Provider::secured(address, &cert, &key, customer.address());
    assert!(within(RETRIED, || (trunk(&engine, "main")["registered"] == true).then_some(())).is_some());
    customer.dial(&format!("sip:{NUMBER}@{address}"));
    customer.expect("CALL_ESTABLISHED", SOON);
    agent.expect("CALL_ESTABLISHED", SOON);
    expect_status(&engine, "inbound");
    customer.hang_up();
    agent.expect_closed(SOON);
}

/// A trunk of fixed address that has answered its first OPTIONS: it is not asked again for half a minute.
fn static_trunk(engine: &Engine, name: &str, more: &[&str]) -> SocketAddr {
    let address = port::sip();
    let pong = Scenario::new("pong", name).at(address).start(engine.sip);
    let_pass(Duration::from_millis(500));
    engine.run_ok(&[&["trunk", "add", name, &format!("udp:{address}")], more].concat(), "");
    pong.expect_success();
    expect_trunk(engine, name, "reachable", true);
    address
}

#[test]
fn a_call_goes_out_over_the_next_trunk_when_one_is_not_available() {
    let engine = office();
    let main = static_trunk(&engine, "main", &[]);
    let spare = static_trunk(&engine, "spare", &["--caller-id", "0300000000"]);
    let refusing = Scenario::new("unavailable", "main").at(main).start(engine.sip);
    let taking = Scenario::new("answer", "spare").at(spare).start(engine.sip);
    let caller = Scenario::new("call", "1000").at(register(&engine, "1000"));
    caller.with("target", CUSTOMER).with("talk_ms", TALK_MS).start(engine.sip).expect_success();
    let refused = refusing.expect_success();
    assert!(refused.contains(&format!("From: <sip:{NUMBER}@")), "{refused}");
    let taken = taking.expect_success();
    assert!(taken.contains("From: <sip:0300000000@"), "{taken}");
}

#[test]
fn a_trunk_of_fixed_address_reaches_its_own_number_and_nothing_else() {
    let engine = office();
    let main = static_trunk(&engine, "main", &[]);
    let called = Scenario::new("answer", "1000").at(register(&engine, "1000")).start(engine.sip);
    let calling = Scenario::new("trunk-call", "09099998888").at(main).with("talk_ms", TALK_MS);
    calling.with("target", "+81312345678").start(engine.sip).expect_success();
    let heard = called.expect_success();
    assert!(heard.contains("From: <sip:09099998888@"), "{heard}");
    for target in ["0070", "80070", "1000", "3000", CUSTOMER] {
        let refused = Scenario::new("trunk-refused", "09011112222").at(main).with("target", target).with("code", 404);
        refused.start(engine.sip).expect_success();
    }
    assert!(engine.calls().is_empty() && engine.sessions().is_empty());
}

#[test]
fn d2_a_mobile_trunk_reaches_the_prefixed_codes_for_a_known_user_and_nothing_else() {
    let engine = office();
    let mobile = static_trunk(&engine, "mobile", &["--mobile"]);
    let calling = Scenario::new("trunk-call", "09011112222").at(mobile).with("talk_ms", TALK_MS);
    calling.with("target", "80070").start(engine.sip).expect_success();
    for (caller, target, code) in [
        ("09011112222", "0070", 404),
        ("09011112222", "1000", 404),
        ("09011112222", NUMBER, 404),
        ("09011113333", "80070", 403),
        ("09011112222", "80070*3141*271828", 403),
    ] {
        let refused = Scenario::new("trunk-refused", caller).at(mobile).with("target", target).with("code", code);
        refused.start(engine.sip).expect_success();
    }
}
