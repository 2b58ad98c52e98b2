//! Row X14: what is typed or dialled stands in no log, however much is logged, and nowhere else that can be read afterwards.

use crate::{
    ear::{self, Ear, Prompts},
    office::{DIAL_PASSWORD, MONITOR, Office, PATIENT, WHISPER, configured, press, row_within},
    power::Database,
    support::{
        audio::{CUSTOMER_HZ, SUPERVISOR_HZ},
        engine::PHONE_PASSWORD,
        web::Browser,
    },
};
use sasayaki::{
    console::routes,
    model::{Prompt, Secret},
    phone::DtmfWay,
    sip::digest::{self, Algorithm},
};
use std::{fs, process::Command, sync::Arc, time::Duration};

const LIMIT: Duration = Duration::from_secs(150);

/// Somebody typed a password where the ID belongs.
const TYPED_AS_ID: &str = "90417733825";
/// Given to the command line for a new password, and refused.
const REFUSED_PASSWORD: &str = "71717171717";
/// An ID that stands nowhere else by chance, in a time or a port.
const RARE_ID: &str = "86753090917";
const WRONG_PASSWORD: &str = "55501234321";
/// Of the web pages: a wrong password, one that was typed where the login belongs, and ones for others that were refused.
const WRONG_WEB_PASSWORD: &str = "lantern-wrong-48213";
const TYPED_AS_LOGIN: &str = "lantern-as-login-7719";
const REFUSED_WEB_PASSWORD: &str = "lantern-refused-5590";
/// The same as a number, which a careless reader of JSON would tell in its error.
const REFUSED_NUMBER: &str = "48844884488";

const SECRETS: [&str; 10] = [
    TYPED_AS_ID,
    DIAL_PASSWORD,
    WRONG_PASSWORD,
    REFUSED_PASSWORD,
    PHONE_PASSWORD,
    "web-secret",
    WRONG_WEB_PASSWORD,
    TYPED_AS_LOGIN,
    REFUSED_WEB_PASSWORD,
    REFUSED_NUMBER,
];

fn log_everything(format: &str) -> String {
    format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n")
}

/// Secrets come in by every way, right and wrong, and are looked for wherever something comes out.
async fn tells_no_secret(office: &Office, format: &str) {
    let prompts = Prompts::quick();
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
    assert_clean(office, format);
    assert_sinks_clean(office);
}

/// Signs in at the web pages, right and wrong, reads all that there is to read, and has secrets refused.
fn assert_web_clean(office: &Office) {
    office.add_account("root", "administrator", &office.customer(), "860001");
    let mut browser = Browser::new(office.engine.console);
    let dial_id = format!("/api/v1/accounts/{}/dial-id", office.login());
    let mut pages = vec![
        browser.sign_in("root", WRONG_WEB_PASSWORD),
        browser.sign_in(TYPED_AS_LOGIN, WRONG_WEB_PASSWORD),
        browser.post("/sign-in", &[("login", "root"), ("pass", WRONG_WEB_PASSWORD)]),
    ];
    assert!(pages.iter().all(|page| page.status >= 400));
    assert!(browser.sign_in("root", "web-secret").status < 400);
    for (method, path, body) in [
        (
            "POST",
            "/api/v1/accounts",
            format!(r#"{{"login":"no one","role":"user","password":"{REFUSED_WEB_PASSWORD}"}}"#),
        ),
        ("POST", "/api/v1/accounts", format!(r#"{{"login":"zoe","role":"user","password":{REFUSED_NUMBER}}}"#)),
        ("POST", "/api/v1/accounts", format!(r#"{{"login":"zoe","role":"user","passwort":"{REFUSED_WEB_PASSWORD}"}}"#)),
        ("POST", "/api/v1/extensions", format!(r#"{{"number":"x","password":"{REFUSED_WEB_PASSWORD}"}}"#)),
        ("POST", "/api/v1/extensions", format!(r#"{{"number":"57777","password":["{REFUSED_WEB_PASSWORD}"]}}"#)),
        ("POST", "/api/v1/extensions", format!(r#"{{"number":"57777","password":"{REFUSED_WEB_PASSWORD}"#)),
        ("PUT", &dial_id, format!(r#"{{"id":"{RARE_ID}","password":"{REFUSED_PASSWORD}"}}"#)),
        ("PUT", &dial_id, format!(r#"{{"id":"{RARE_ID}","password":{REFUSED_NUMBER}}}"#)),
    ] {
        let page = browser.send_json(method, path, &body);
        assert!((400..500).contains(&page.status), "{method} {path}: {} {}", page.status, page.body);
        pages.push(page);
    }
    let whole = |path: &&str| !path.contains('{');
    let read = routes().filter(|route| route.method.as_str() == "GET").map(|route| route.path).filter(whole);
    pages.extend(read.map(|path| browser.get(path)));
    assert!(pages.iter().any(|page| page.body.contains("sasayaki_sign_ins_total")), "the metrics are among them");
    for page in pages {
        assert_lacks_secrets("an answer", [page.head, page.body].concat().as_bytes());
    }
}

/// Everything that can be read afterwards: what commands print, and every file that the engine has written.
fn assert_sinks_clean(office: &Office) {
    for file in ["trail.jsonl", "trail.csv"] {
        office.engine.run_ok(&["audit", "export", file], "");
    }
    let (login, agent) = (office.login(), office.agent());
    let refused = office.engine.run(&["dial-id", "set", &login, RARE_ID, "--password-stdin"], REFUSED_PASSWORD);
    assert!(!refused.status.success());
    let commands: [&[&str]; 11] = [
        &["check"],
        &["explain", &login, &agent, "whisper"],
        &["explain", &login, &agent, "whisper", "--json"],
        &["audit", "list"],
        &["audit", "verify", "--file", "trail.csv"],
        &["cdr", "list"],
        &["cdr", "list", "--csv"],
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
        assert_lacks_secrets(&command, &[output.stdout, output.stderr].concat());
    }
    let mut folders = vec![office.engine.folder().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    files += 1;
                    assert_lacks_secrets(&entry.path().display().to_string(), &fs::read(entry.path()).unwrap());
                }
                _ => {}
            }
        }
    }
    assert!(files > 5, "the database and its log are among them");
}

fn assert_lacks_secrets(place: &str, bytes: &[u8]) {
    for secret in SECRETS {
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
    for secret in
        SECRETS.into_iter().chain([RARE_ID, "Signal=", "response="]).chain(ha1s.iter().flatten().map(String::as_str))
    {
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
    row_within(LIMIT, async {
        let office = Office::alone(&[PATIENT, &log_everything("text")].concat());
        tells_no_secret(&office, "text").await;
    });
}

#[test]
fn x14_nothing_typed_or_dialled_stands_in_the_log_as_json() {
    row_within(LIMIT, async {
        let office = Office::alone(&[PATIENT, &log_everything("json")].concat());
        tells_no_secret(&office, "json").await;
    });
}

#[test]
fn x14_nothing_given_at_the_web_pages_or_by_rest_stands_in_an_answer_a_log_a_file_or_an_export() {
    for format in ["text", "json"] {
        let office = Office::alone(&[PATIENT, &log_everything(format)].concat());
        assert_web_clean(&office);
        assert_lacks_secrets("the log", office.engine.log().as_bytes());
        assert_sinks_clean(&office);
    }
}

#[test]
fn x14_nothing_given_at_the_web_pages_or_by_rest_stands_in_a_dump_of_postgresql() {
    row_within(LIMIT, async {
        let database = Database::create().await;
        let mut engine = configured(&[database.config(database.address()), log_everything("text")].concat());
        engine.start();
        let office = Office::within(Arc::new(engine));
        assert_web_clean(&office);
        let url = format!("postgres://postgres@{}/{}", database.address(), database.name);
        let dump = Command::new("pg_dump").arg(url).output().expect("pg_dump (tests/run installs it)");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        assert!(String::from_utf8_lossy(&dump.stdout).contains(&office.login()), "the accounts are among it");
        assert_lacks_secrets("the dump", &dump.stdout);
    });
}
