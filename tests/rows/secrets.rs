//! Row X14: what is typed or dialled stands in no log, however much is logged.

use crate::{
    ear::{self, Ear, Prompts},
    office::{DIAL_PASSWORD, MONITOR, Office, PATIENT, WHISPER, press, row},
    support::{
        audio::{CUSTOMER_HZ, SUPERVISOR_HZ},
        engine::PHONE_PASSWORD,
    },
};
use sasayaki::{
    model::{Prompt, Secret},
    phone::DtmfWay,
    sip::digest::{self, Algorithm},
};
use std::fs;

/// Somebody typed a password where the ID belongs.
const TYPED_AS_ID: &str = "90417733825";
/// Given to the command line for a new password, and refused.
const REFUSED_PASSWORD: &str = "71717171717";
/// An ID that stands nowhere else by chance, in a time or a port.
const RARE_ID: &str = "86753090917";
const WRONG_PASSWORD: &str = "55501234321";

async fn logs_no_secret(format: &str) {
    let extra = format!("{PATIENT}[log]\nlevel = \"trace\"\nformat = \"{format}\"\n");
    let (office, prompts) = (Office::alone(&extra), Prompts::quick());
    office.engine.run_ok(&["dial-id", "set", &office.login(), RARE_ID, "--password-stdin"], DIAL_PASSWORD);
    let _talk = office.talk().await;
    for way in [DtmfWay::Rfc4733, DtmfWay::Info, DtmfWay::InBand] {
        let phone = office.phone_with(&office.supervisor(), SUPERVISOR_HZ, |config| config.dtmf = way).await;
        let supervisor = phone.call(WHISPER).await.unwrap();
        press(&supervisor, &format!("{TYPED_AS_ID}#{WRONG_PASSWORD}#")).await;
        office.expect_trail("sign-in", "unknown-dial-id");
        press(&supervisor, &format!("{RARE_ID}#{DIAL_PASSWORD}#{}#", office.agent())).await;
        ear::hears(&supervisor, CUSTOMER_HZ).await;
        supervisor.hang_up().await.unwrap();
    }
    let phone = office.supervisor_phone().await;
    for separator in ["*", "%2A"] {
        let wrong = [MONITOR, RARE_ID, WRONG_PASSWORD].join(separator);
        let supervisor = phone.call(&wrong).await.unwrap();
        Ear::new(&supervisor, &prompts).hears(&[Prompt::SignInFailed]).await;
        supervisor.hang_up().await.unwrap();
        let refused = [&wrong, "1"].join(separator);
        for dialled in [refused, format!("8{wrong}"), format!("9{wrong}")] {
            assert!(phone.call(&dialled).await.is_err());
        }
    }
    assert_clean(&office, format);
    assert_sinks_clean(&office);
}

/// Everything that can be read afterwards: what commands print, and every file that the engine has written.
fn assert_sinks_clean(office: &Office) {
    let secrets = [TYPED_AS_ID, DIAL_PASSWORD, WRONG_PASSWORD, REFUSED_PASSWORD, PHONE_PASSWORD, "web-secret"];
    let (login, agent) = (office.login(), office.agent());
    let refused = office.engine.run(&["dial-id", "set", &login, RARE_ID, "--password-stdin"], REFUSED_PASSWORD);
    assert!(!refused.status.success());
    let commands: [&[&str]; 9] = [
        &["check"],
        &["explain", &login, &agent, "whisper"],
        &["explain", &login, &agent, "whisper", "--json"],
        &["audit", "list"],
        &["cdr", "list"],
        &["calls", "--json"],
        &["sessions", "--json"],
        &["account", "list", "--json"],
        &["extension", "list", "--json"],
    ];
    let outputs = commands
        .iter()
        .map(|words| (words.join(" "), office.engine.run(words, "")))
        .chain([("dial-id".to_owned(), refused)]);
    for (command, output) in outputs {
        assert_lacks_secrets(&command, &[output.stdout, output.stderr].concat(), &secrets);
    }
    let mut folders = vec![office.engine.folder().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    files += 1;
                    assert_lacks_secrets(
                        &entry.path().display().to_string(),
                        &fs::read(entry.path()).unwrap(),
                        &secrets,
                    );
                }
                _ => {}
            }
        }
    }
    assert!(files > 5, "the database and its log are among them");
}

fn assert_lacks_secrets(place: &str, bytes: &[u8], secrets: &[&str]) {
    for secret in secrets {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} stands in {place}");
    }
}

fn assert_clean(office: &Office, format: &str) {
    let log = office.engine.log();
    let json = log.lines().filter(|line| line.starts_with('{')).count();
    assert_eq!(json > 0, format == "json", "{log}");
    let ha1s = [office.agent(), office.customer(), office.supervisor()].map(|user| {
        let ha1 = |algorithm| digest::ha1(algorithm, &user, "127.0.0.1", &Secret::new(PHONE_PASSWORD));
        [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| ha1(algorithm).expose().to_owned())
    });
    let secrets = [RARE_ID, DIAL_PASSWORD, WRONG_PASSWORD, PHONE_PASSWORD, "web-secret", "Signal=", "response="];
    for secret in secrets.into_iter().chain(ha1s.iter().flatten().map(String::as_str)) {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
    let records = office.engine.run_ok(&["cdr", "list", "--json"], "");
    assert!(records.contains(&office.customer()), "{records}");
    for secret in [RARE_ID, DIAL_PASSWORD, WRONG_PASSWORD] {
        assert!(!records.contains(secret), "{secret} stands in a call record");
    }
    let audit = office.engine.audit();
    assert!(
        audit.iter().all(|row| !row.to_string().contains(DIAL_PASSWORD) && !row.to_string().contains(WRONG_PASSWORD))
    );
}

#[test]
fn x14_nothing_typed_or_dialled_stands_in_the_log_as_text() {
    row(logs_no_secret("text"));
}

#[test]
fn x14_nothing_typed_or_dialled_stands_in_the_log_as_json() {
    row(logs_no_secret("json"));
}
