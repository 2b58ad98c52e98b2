//! At the door: what strangers get, what it costs them to go on, and what the log says of them (`docs/security.md`).

use crate::{
    office::{MONITOR, Office, PATIENT, configured, row},
    stranger::Stranger,
    support::{
        audio::SUPERVISOR_HZ,
        engine::{Engine, PHONE_PASSWORD},
        web::Browser,
        within,
    },
};
use sasayaki::sip::{
    Method, Response,
    digest::{Challenge, Credentials},
};
use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::Duration,
};

const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const ADD_TRUNK: [&str; 4] = ["trunk", "add", "hikari", "udp:127.8.0.1:5060"];

fn is_stale(response: &Response) -> bool {
    response.code == 401 && Challenge::strongest(&response.headers).is_some_and(|(_, challenge)| challenge.stale)
}

/// An answer without what is different in every answer.
fn outline(response: &Response) -> Vec<String> {
    let changing = ["Via", "From", "To", "Call-ID", "CSeq", "Contact"];
    let headers = response.headers.iter().filter(|(name, _)| !changing.contains(name));
    let plain = headers.map(|(name, value)| match value.split_once("nonce=\"") {
        Some((before, after)) => format!("{name}: {before}{}", after.split_once('"').unwrap().1),
        None => format!("{name}: {value}"),
    });
    std::iter::once(response.code.to_string()).chain(plain).chain([response.body.len().to_string()]).collect()
}

/// The lines of the log about one address, waited for.
fn lines_of(engine: &Engine, event: &str, ip: IpAddr) -> Vec<String> {
    let found = || -> Vec<String> {
        let log = engine.log();
        let about = |line: &&str| line.contains(&format!("source_ip={ip} ")) && line.contains(&format!("\"{event}\""));
        log.lines().filter(about).map(str::to_owned).collect()
    };
    within(ANSWER_LIMIT, || Some(found()).filter(|lines| !lines.is_empty())).unwrap_or_default()
}

#[test]
fn a_scanner_cannot_tell_an_extension_that_exists_from_one_that_does_not() {
    row(async {
        let office = Office::open();
        let _registered = office.silent_phone(&office.agent()).await;
        let scanner = Stranger::of(&office.engine);
        let (agent, customer) = (office.agent(), office.customer());
        let asked = [agent.as_str(), &customer, "55555", "99", "root", MONITOR];
        for method in [Method::Options, Method::Register, Method::Invite, Method::Subscribe] {
            let answers: BTreeSet<_> =
                asked.iter().map(|user| outline(&scanner.ask(&scanner.request(method.clone(), user)))).collect();
            assert_eq!(answers.len(), 1, "{method}: {answers:?}");
            let answers: BTreeSet<_> = asked
                .iter()
                .map(|user| {
                    let request = scanner.request(method.clone(), user);
                    let challenge = scanner.ask(&scanner.request(Method::Register, user));
                    outline(&scanner.ask(&scanner.signed(&request, &challenge, user, "guess", 1)))
                })
                .collect();
            assert_eq!(answers.len(), 1, "{method} with a wrong password: {answers:?}");
        }
    });
}

#[test]
fn a_sweep_of_extensions_is_soon_unanswered_and_nobody_else_notices() {
    row(async {
        let office = Office::open();
        let phone = office.silent_phone(&office.agent()).await;
        let scanner = Stranger::of(&office.engine);
        for extension in 100..1100 {
            let method = [Method::Options, Method::Register, Method::Invite][extension % 3].clone();
            let request = scanner.request(method, &extension.to_string());
            scanner.send(&request.to_bytes());
        }
        let answers = scanner.count_answers();
        assert!((150..700).contains(&answers), "{answers} of 1000 answered");
        assert!(!lines_of(&office.engine, "rate-limited", scanner.ip()).is_empty());
        let other = Stranger::of(&office.engine);
        assert_eq!(other.ask(&other.request(Method::Options, "x")).code, 200);
        phone.register().await.unwrap();
    });
}

#[test]
fn whoever_guesses_passwords_is_not_believed_any_more_not_even_the_right_one() {
    row(async {
        let office = Office::open();
        let (agent, customer) = (office.agent(), office.customer());
        let honest = Stranger::of(&office.engine);
        assert_eq!(honest.guess(&customer, PHONE_PASSWORD), 200, "the right password is let in");
        let guesser = Stranger::of(&office.engine);
        for n in 0..25 {
            let user = if n % 2 == 0 { agent.as_str() } else { "55555" };
            assert_eq!(guesser.guess(user, &n.to_string()), 401);
        }
        assert_eq!(guesser.guess(&agent, PHONE_PASSWORD), 401);
        assert_eq!(honest.guess(&agent, PHONE_PASSWORD), 200, "who guesses elsewhere harms nobody here");
        let failed = lines_of(&office.engine, "digest-failed", guesser.ip());
        assert!(failed.iter().all(|line| line.contains(&format!("extension={agent}"))), "{failed:?}");
        assert_eq!(failed.len(), 10);
        assert_eq!(lines_of(&office.engine, "unknown-user", guesser.ip()).len(), 10);
        assert!(!lines_of(&office.engine, "digest-guessing", guesser.ip()).is_empty());
        assert!(lines_of(&office.engine, "digest-failed", honest.ip()).is_empty());
    });
}

#[test]
fn a_phone_that_is_registered_keeps_its_tries_whoever_guesses_beside_it() {
    row(async {
        let office = Office::open();
        let here = Stranger::of(&office.engine);
        assert_eq!(here.guess(&office.customer(), PHONE_PASSWORD), 200);
        for n in 0..25 {
            here.guess("55555", &n.to_string());
        }
        assert_eq!(here.guess(&office.agent(), PHONE_PASSWORD), 401);
        assert_eq!(here.guess(&office.customer(), PHONE_PASSWORD), 200);
    });
}

#[test]
fn credentials_are_good_once_in_whatever_order_they_come_and_at_one_address() {
    row(async {
        let office = Office::open();
        let agent = office.agent();
        let (phone, thief) = (Stranger::of(&office.engine), Stranger::of(&office.engine));
        let request = phone.request(Method::Register, &agent);
        let challenge = phone.ask(&request);
        let signed = |count| phone.signed(&request, &challenge, &agent, PHONE_PASSWORD, count);
        // A phone whose requests overtook each other.
        for count in [2, 1, 3, 40] {
            let answer = phone.ask(&signed(count));
            assert!(
                answer.code == 200 || answer.reason.contains("Order"),
                "{count}: {} {}",
                answer.code,
                answer.reason
            );
        }
        // In a request that is new in all but its credentials.
        let replayed = |by: &Stranger, credentials: &str| {
            let mut request = by.request(Method::Register, &agent);
            request.headers.set("Authorization", credentials);
            is_stale(&by.ask(&request))
        };
        let credentials = |count| signed(count).headers.get("Authorization").unwrap().to_owned();
        for count in [2, 1, 3, 40] {
            assert!(replayed(&phone, &credentials(count)), "{count} is used");
        }
        assert!(replayed(&thief, &credentials(41)), "a nonce is good where it was given");
        assert!(replayed(&phone, &forged(&credentials(42))), "a nonce that was not given is good nowhere");
        assert!(!replayed(&phone, &credentials(43)));
        assert!(lines_of_now(&office.engine, phone.ip()).is_empty(), "a replay is no guess");
    });
}

/// With a nonce that was never given.
fn forged(credentials: &str) -> String {
    let mut credentials: Credentials = credentials.parse().unwrap();
    credentials.nonce = "0".repeat(credentials.nonce.len());
    credentials.to_string()
}

fn lines_of_now(engine: &Engine, ip: IpAddr) -> Vec<String> {
    let log = engine.log();
    log.lines()
        .filter(|line| line.contains(&format!("{ip} ")) && line.contains("::security"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn keys_that_others_can_read_stop_the_start_and_check_says_what_to_do() {
    let engine = configured("");
    for (file, tool) in
        [("key.pem", "check"), ("data/pepper.key", "check"), ("key.pem", "serve"), ("data/pepper.key", "serve")]
    {
        engine.run_ok(&["setting", "list"], "");
        let path = engine.folder().join(file);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let output = engine.run(&[tool], "");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success() && said.contains("others can read"), "{tool}, {file}: {said}");
        assert!(said.contains(&format!("chmod 600 {}", path.display())), "{tool}, {file}: {said}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
}

/// What fail2ban would ban, by the filter that ships and the log that the engine wrote.
fn banned(log: &Path, mode: &str) -> BTreeSet<String> {
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/fail2ban/filter.d/sasayaki.conf");
    let filter = format!("{}[mode={mode}]", filter.display());
    let output = Command::new("fail2ban-regex").args(["--print-no-missed", "--out=ip"]).arg(log).arg(filter).output();
    let output = output.unwrap_or_else(|error| panic!("fail2ban-regex: {error} (tests/run installs it)"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Somebody for each thing that fail2ban is to see, and those whom it must not.
fn provoke(engine: &Engine, extension: &str) -> [Stranger; 6] {
    let all = [(); 6].map(|()| Stranger::of(engine));
    let [guesser, sprayer, noisy, caller, asked, liar] = &all;
    guesser.guess(extension, "wrong");
    sprayer.guess("55555", "wrong");
    noisy.send(b"GET / HTTP/1.1\r\n\r\n");
    // The engine hears of a trunk a moment after the command line has written it down.
    let stranger = within(ANSWER_LIMIT, || {
        caller.ask(&caller.request(Method::Invite, "hikari"));
        let told = |line: &str| line.contains("trunk-stranger") && line.contains(&caller.ip().to_string());
        engine.log().lines().any(told).then_some(())
    });
    assert!(stranger.is_some(), "a call to a trunk's account by a stranger is a line");
    asked.ask(&asked.request(Method::Register, extension));
    let injected = "x event=\"digest-failed\" source_ip=203.0.113.9 times=1";
    let mut lie = liar.request(Method::Invite, "55555");
    lie.headers.set("From", format!("\"{}\" <sip:55555@203.0.113.9>;tag=1", injected.replace('"', "\\\"")));
    lie.headers
        .push("User-Agent", format!("{injected}\u{b}2026-11-25T14:40:37.1Z  WARN sasayaki::security: {injected}"));
    let challenge = liar.ask(&lie);
    let signed = liar.signed(&lie, &challenge, &format!("{injected}\n"), "wrong", 1);
    liar.ask(&signed);
    all
}

fn assert_bans(log: &Path, all: &[Stranger; 6]) {
    let addresses = |of: &[&Stranger]| -> BTreeSet<String> { of.iter().map(|one| one.ip().to_string()).collect() };
    let [guesser, sprayer, noisy, caller, asked, liar] = all;
    let normal = addresses(&[guesser, sprayer, liar]);
    let strict = addresses(&[guesser, sprayer, liar, noisy, caller]);
    let ours = addresses(&[guesser, sprayer, noisy, caller, asked, liar]);
    for (mode, expected) in [("normal", normal), ("strict", strict), ("sign-in", BTreeSet::new())] {
        let found = banned(log, mode);
        assert_eq!(found.intersection(&ours).cloned().collect::<BTreeSet<_>>(), expected, "{mode}");
        assert!(!found.contains("203.0.113.9"), "a header bans nobody");
    }
}

#[test]
fn fail2ban_bans_who_guesses_and_nobody_else_from_a_log_of_text() {
    row(async {
        let office = Office::alone(PATIENT);
        office.engine.run_ok(&ADD_TRUNK, "");
        let phone = office.phone(&office.supervisor(), SUPERVISOR_HZ).await;
        let all = provoke(&office.engine, &office.agent());
        let short = [MONITOR, &office.dial_id(), "000000"].join("*");
        let supervisor = phone.call(&short).await.unwrap();
        office.expect_trail("sign-in", "wrong-password");
        supervisor.hang_up().await.unwrap();
        mistypes_at_the_web(&office);
        let log = office.engine.folder().join("log");
        assert_bans_with_phone(&log, &all);
    });
}

/// One login that there is, and one that there is not.
fn mistypes_at_the_web(office: &Office) {
    let log = office.engine.folder().join("log");
    for (login, times) in [(office.login(), 1), ("nobody".to_owned(), 2)] {
        assert!(!banned(&log, "web").contains("127.0.0.1") || times > 1, "nobody has mistyped yet");
        assert_eq!(Browser::new(office.engine.console).sign_in(&login, "mistyped").status, 401);
        let lines = || office.engine.log().matches("web-sign-in-failed").count();
        assert!(within(ANSWER_LIMIT, || (lines() == times).then_some(())).is_some());
    }
    assert!(banned(&log, "web").contains("127.0.0.1") && !banned(&log, "strict").contains("127.0.0.1"));
}

/// The phone of the house that failed to sign in is banned only where that is asked for.
fn assert_bans_with_phone(log: &Path, all: &[Stranger; 6]) {
    let phone = Ipv4Addr::LOCALHOST.to_string();
    let seen = within(ANSWER_LIMIT, || banned(log, "sign-in").contains(&phone).then_some(()));
    assert!(seen.is_some(), "a wrong sign-in is a line");
    assert_bans(log, all);
}

#[test]
fn fail2ban_bans_who_guesses_and_nobody_else_from_a_log_of_json() {
    row(async {
        let office = Office::alone("[log]\nformat = \"json\"\n");
        office.engine.run_ok(&ADD_TRUNK, "");
        let all = provoke(&office.engine, &office.agent());
        mistypes_at_the_web(&office);
        assert_bans(&office.engine.folder().join("log"), &all);
    });
}
