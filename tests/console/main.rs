//! The web console, by way of its own socket.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod machine;
mod openapi;
mod rest;
#[path = "../support/mod.rs"]
mod support;
mod token;

use sasayaki::{
    access::screen::{self, Needs},
    console::routes,
    model::{Entropy, Role, Secret},
    phone::{Phone, PhoneConfig},
    store::keys::os_random,
};
use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use support::{
    engine::Engine,
    web::{Browser, Page},
};

pub const PASSWORD: &str = "lantern-orchard-47";

/// The longest until the engine knows what was changed.
const KNOWN: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// One engine for those who only look, until the last of them is done; whoever changes something has one of their own.
pub fn shared() -> Arc<Engine> {
    static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let engine = Arc::new(office());
        *shared = Arc::downgrade(&engine);
        engine
    })
}

pub fn office() -> Engine {
    let mut engine = Engine::configured("");
    for number in ["1000", "2000", "3000"] {
        engine.add_extension(number);
    }
    for role in ["administrator", "supervisor", "user"] {
        engine.run_ok(&["account", "add", role, "--role", role, "--password-stdin"], PASSWORD);
    }
    engine.start();
    engine
}

pub fn signed_in(engine: &Engine, role: Role) -> Browser {
    Browser::signed_in(engine.console, role.as_str(), PASSWORD)
}

#[test]
fn j1_every_route_is_open_to_whom_its_line_says_and_closed_to_all_others() {
    let shared = shared();
    for role in [None, Some(Role::Administrator), Some(Role::Supervisor), Some(Role::User)] {
        for route in routes() {
            let mut browser = role.map_or_else(|| Browser::new(shared.console), |role| signed_in(&shared, role));
            let page = ask(&mut browser, route.method.as_str(), &filled(route.path));
            let refused = match screen::judge(route.needs, role) {
                Ok(()) => None,
                Err(screen::Barred::SignInFirst) if route.path.starts_with("/api/") => Some(401),
                Err(screen::Barred::SignInFirst) => Some(303),
                Err(screen::Barred::NotAllowed | screen::Barred::OutOfScope) => Some(403),
                Err(screen::Barred::SwitchedOff) => Some(404),
            };
            let told = format!("{role:?} {} {}: {}", route.method, route.path, page.status);
            match refused {
                Some(status) => assert_eq!(page.status, status, "{told}"),
                // Without a token nothing is changed, and what is asked for without its fields is not done.
                None if route.method == "GET" => assert!(page.status < 400 || page.status == 404, "{told}"),
                None => assert!(matches!(page.status, 400..500), "{told}"),
            }
            if refused == Some(303) {
                assert_eq!(page.header("location"), Some("/sign-in"), "{told}");
            }
            assert!(page.header("content-security-policy").is_some_and(|policy| !policy.contains("unsafe")), "{told}");
            assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{told}");
        }
    }
    assert!(routes().any(|route| route.needs == Needs::SignedIn));
}

/// The path with names in it.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{file}" => "style.css".to_owned(),
        "{section}" => "accounts".to_owned(),
        "{key}" => "monitor-tone".to_owned(),
        name if name.starts_with('{') => "x".to_owned(),
        plain => plain.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn ask(browser: &mut Browser, method: &str, path: &str) -> Page {
    browser.request(method, path, "", "")
}

#[test]
fn the_session_is_a_cookie_that_no_script_and_no_other_site_has() {
    let shared = shared();
    let mut browser = Browser::new(shared.console);
    let page = browser.sign_in("supervisor", PASSWORD);
    let cookie = page.header("set-cookie").unwrap();
    for flag in ["__Host-sasayaki=", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    assert_eq!(browser.get("/").status, 200);
}

#[test]
fn a_wrong_password_and_an_unknown_login_are_told_the_same() {
    let shared = shared();
    let told = |login| {
        let page = Browser::new(shared.console).sign_in(login, "wrong");
        assert!(page.header("set-cookie").is_none());
        (page.status, page.body)
    };
    let wrong = told("supervisor");
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong, told("nobody"));
}

#[test]
fn what_changes_something_needs_the_token_of_the_session_and_a_page_of_this_server() {
    let shared = shared();
    let mut browser = signed_in(&shared, Role::User);
    let csrf = browser.csrf();
    assert_eq!(browser.post("/sign-out", &[]).status, 403);
    assert_eq!(browser.post("/sign-out", &[("csrf", &signed_in(&shared, Role::User).csrf())]).status, 403);
    let foreign = "Origin: http://evil.example\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(browser.request("POST", "/sign-out", foreign, &format!("csrf={csrf}")).status, 403);
    let cross = "Sec-Fetch-Site: cross-site\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(browser.request("POST", "/sign-out", cross, &format!("csrf={csrf}")).status, 403);
    assert_eq!(browser.get("/").status, 200, "still signed in");
    assert_eq!(browser.post("/sign-out", &[("csrf", &csrf)]).status, 303);
    assert_eq!(browser.get("/").status, 303);
}

#[test]
fn signing_out_everywhere_and_a_new_password_end_every_session_of_the_account_alone() {
    let engine = office();
    let sign_in = |login| Browser::signed_in(engine.console, login, PASSWORD);
    let (mut here, mut there, mut other) = (sign_in("supervisor"), sign_in("supervisor"), sign_in("user"));
    let csrf = here.csrf();
    assert_eq!(here.post("/sign-out-everywhere", &[("csrf", &csrf)]).status, 303);
    assert_eq!((here.get("/").status, there.get("/").status, other.get("/").status), (303, 303, 200));
    engine.run_ok(&["account", "set", "user", "--password-stdin"], "another-orchard-48");
    assert_eq!(other.get("/").status, 303);
}

#[test]
fn the_fifth_wrong_password_locks_and_every_try_stands_in_the_trail() {
    let engine = office();
    let mut browser = Browser::new(engine.console);
    for _ in 0..5 {
        assert_eq!(browser.sign_in("user", "wrong").status, 401);
    }
    assert_eq!(browser.sign_in("user", PASSWORD).status, 401, "locked");
    assert_eq!(browser.sign_in("supervisor", PASSWORD).status, 303);
    let trail = engine.run_ok(&["audit", "list", "--json"], "");
    assert_eq!(trail.matches("web wrong-password").count(), 5, "{trail}");
    assert!(trail.contains("web locked-out") && trail.contains("web signed-in"), "{trail}");
    assert!(!trail.contains(PASSWORD));
}

#[test]
fn f1_the_monitor_is_for_administrators_and_supervisors_and_says_who_may_change_that() {
    let shared = shared();
    assert!(signed_in(&shared, Role::Supervisor).get("/monitor").body.contains("リアルタイムモニタ"));
    let page = signed_in(&shared, Role::User).get("/monitor");
    assert_eq!(page.status, 403);
    assert!(page.body.contains("権限がありません") && page.body.contains("システム管理者に"));
}

#[test]
fn an_order_that_cannot_be_read_is_a_problem_document() {
    let shared = shared();
    let mut browser = signed_in(&shared, Role::Supervisor);
    for (body, status) in [
        ("{", 400),
        (r#"{"target":"1000","mode":"monitor","loud":true}"#, 422),
        (r#"{"target":1000,"mode":"monitor"}"#, 422),
        (r#"{"target":"1000","mode":"shout"}"#, 422),
        (r#"{"target":"no number","mode":"monitor"}"#, 422),
        (r#"{"target":"1000","mode":"monitor"}"#, 409),
    ] {
        let page = browser.json("/api/v1/orders", body);
        assert_eq!(page.status, status, "{body}: {}", page.body);
        assert_eq!(page.header("content-type"), Some("application/problem+json"), "{body}");
    }
}

#[test]
fn what_is_too_long_is_refused_and_what_is_not_there_is_a_problem_document() {
    let shared = shared();
    let mut browser = Browser::new(shared.console);
    let long = "x".repeat(20_000);
    assert_eq!(browser.post("/sign-in", &[("login", &long), ("password", "p")]).status, 413);
    let page = browser.get("/api/v1/nothing");
    assert_eq!((page.status, page.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(browser.get("/assets/..%2F..%2Fmain.rs").status, 404);
}

#[test]
fn pages_speak_japanese_and_english() {
    let shared = shared();
    let mut browser = Browser::new(shared.console);
    assert!(browser.get("/sign-in").body.contains("<html lang=\"ja\">"));
    let english = browser.request("GET", "/sign-in", "Accept-Language: en-GB,en;q=0.9\r\n", "");
    assert!(english.body.contains("<html lang=\"en\">") && english.body.contains("Sign in"));
    assert_eq!(browser.post("/language", &[("language", "en")]).status, 303);
    assert!(browser.get("/sign-in").body.contains("Sign in"));
}

#[test]
fn j4_d14_without_the_call_center_plan_no_screen_listens_and_says_who_can_change_that() {
    let engine = office();
    let mut browser = Browser::signed_in(engine.console, "supervisor", PASSWORD);
    assert!(browser.get("/").body.contains("href=\"/seats\""));
    engine.run_ok(&["setting", "set", "seat-view", "off"], "");
    let page = browser.get("/seats");
    assert_eq!(page.status, 404);
    assert!(page.body.contains("設定で無効") && !page.body.contains("href=\"/seats\""), "{}", page.body);
    assert_eq!(browser.get("/monitor").status, 200);
    engine.run_ok(&["setting", "set", "call-center-plan", "off"], "");
    for path in ["/monitor", "/seats", "/api/v1/agents", "/api/v1/events"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    let page = browser.json("/api/v1/orders", r#"{"target":"1000","mode":"monitor"}"#);
    assert!(page.status == 404 && page.body.contains("switched-off"), "{}", page.body);
    assert_eq!(Browser::new(engine.console).sign_in("supervisor", PASSWORD).header("location"), Some("/"));
    assert_eq!(browser.get("/").status, 200);
}

/// What a form of a section says after it was sent; the fields as they stand in a body.
fn fill_in(browser: &mut Browser, section: &str, fields: &[(&str, &str)]) -> Page {
    let csrf = browser.csrf();
    browser.post(&format!("/administration/{section}"), &[&[("csrf", csrf.as_str())], fields].concat())
}

#[test]
fn an_administrator_furnishes_an_office_by_forms_alone_and_d12_is_warned_of() {
    let engine = office();
    let mut browser = Browser::signed_in(engine.console, "administrator", PASSWORD);
    for (section, fields) in [
        ("extensions", vec![("act", "add-extension"), ("number", "4000"), ("password", "phone-secret")]),
        ("extensions", vec![("act", "set-extension"), ("number", "4000"), ("name", "Front"), ("protected", "yes")]),
        (
            "accounts",
            vec![
                ("act", "add-account"),
                ("login", "suzuki"),
                ("role", "user"),
                ("extension", "4000"),
                ("password", "lantern-orchard-99"),
            ],
        ),
        ("accounts", vec![("act", "set-account"), ("login", "suzuki"), ("role", "supervisor"), ("extension", "")]),
        ("dial-ids", vec![("act", "set-dial-id"), ("login", "suzuki"), ("id", "7001"), ("password", "80264719")]),
        ("call-centers", vec![("act", "add-call-center"), ("name", "sales")]),
        ("call-centers", vec![("act", "assign"), ("name", "sales"), ("login", "suzuki")]),
        ("settings", vec![("act", "set-setting"), ("key", "continue-sessions"), ("value", "off")]),
        ("rights", vec![("act", "deny"), ("login", "suzuki"), ("resource", "terminal:4000")]),
    ] {
        let page = fill_in(&mut browser, section, &fields);
        assert_eq!(page.status, 200, "{fields:?}: {}", page.body);
        assert!(page.body.contains("変更しました"), "{fields:?}: {}", page.body);
    }
    let grant =
        [("act", "grant"), ("login", "suzuki"), ("resource", "terminal:1000"), ("level", "edit"), ("modes", "monitor")];
    let page = fill_in(&mut browser, "rights", &grant);
    assert!(page.body.contains("suzuki は、内線 1000 を利用する人が誰であっても"), "{}", page.body);
    assert!(
        page.body.contains("別業務・別部署のメンバーなど、利用者に関係なく"),
        "the page warns before it is done, too"
    );
    assert_eq!(engine.run_ok(&["setting", "get", "continue-sessions"], "").trim(), "off");
    let rights = engine.run_ok(&["permission", "list", "suzuki"], "");
    assert!(rights.contains("monitor") && !rights.contains("whisper") && rights.contains("deny"), "{rights}");
    let account = engine.run_ok(&["account", "list", "--json"], "");
    assert!(account.contains(r#""dial_id": "7001""#) && account.contains("supervisor"), "{account}");
    let trail = engine.run_ok(&["audit", "list", "--json"], "");
    assert!(trail.contains("extension add 4000") && !trail.contains("80264719"), "{trail}");
    let page = browser.get("/administration/audit");
    assert!(page.body.contains("改ざんはありません") && page.body.contains("permission grant suzuki"), "{}", page.body);
}

#[test]
fn a_form_that_cannot_be_done_changes_nothing_and_says_why() {
    let engine = office();
    let mut browser = Browser::signed_in(engine.console, "administrator", PASSWORD);
    for (section, fields, said) in [
        ("extensions", vec![("act", "add-extension"), ("number", "1000"), ("password", "p")], "すでに使われています"),
        ("extensions", vec![("act", "add-extension"), ("number", "x"), ("password", "p")], "number"),
        ("accounts", vec![("act", "add-account"), ("login", "a"), ("role", "boss"), ("password", "p")], "role"),
        ("accounts", vec![("act", "remove-account"), ("login", "nobody")], "存在しません"),
        (
            "dial-ids",
            vec![("act", "set-dial-id"), ("login", "user"), ("id", "1"), ("password", "123456")],
            "推測されやすい",
        ),
        ("settings", vec![("act", "set-setting"), ("key", "barge"), ("value", "loud")], "on or off"),
        ("settings", vec![("act", "dance")], "act"),
    ] {
        let page = fill_in(&mut browser, section, &fields);
        assert_eq!(page.status, 422, "{fields:?}");
        assert!(page.body.contains("変更できませんでした") && page.body.contains(said), "{fields:?}: {}", page.body);
    }
    assert_eq!(browser.get("/administration/nothing").status, 404);
    assert_eq!(browser.post("/administration/settings", &[("act", "set-setting")]).status, 403, "without the token");
    for section in ["accounts", "audit", "health"] {
        let path = format!("/administration/{section}");
        assert_eq!(Browser::signed_in(engine.console, "supervisor", PASSWORD).get(&path).status, 403, "{section}");
    }
    assert!(browser.get("/administration/health").body.contains("正常に稼働しています"));
}

#[test]
fn a_softphone_is_set_up_by_a_code_that_is_good_once_and_its_password_is_told_to_it_alone() {
    let engine = office();
    let mut browser = Browser::signed_in(engine.console, "administrator", PASSWORD);
    let set_up = [("act", "set-up"), ("number", "3000")];
    let address = |page: &Page| page.body.split_once("/set-up/").unwrap().1.split('"').next().unwrap().to_owned();
    let older = address(&fill_in(&mut browser, "extensions", &set_up));
    let page = fill_in(&mut browser, "extensions", &set_up);
    assert!(page.body.contains("<svg"), "{}", page.body);
    let (path, mut phone) = (format!("/set-up/{}", address(&page)), Browser::new(engine.console));
    assert_eq!(phone.get(&format!("/set-up/{older}")).status, 404, "the newest code alone is good");
    let told = phone.get(&path);
    assert_eq!((told.status, told.header("content-type")), (200, Some("application/xml")));
    assert_eq!(phone.get(&path).status, 404, "once");
    let entry = |name: &str| {
        let (_, rest) = told.body.split_once(&format!("<entry name=\"{name}\">")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    assert_eq!(entry("username"), "3000");
    assert!(entry("reg_proxy").contains(&engine.tls.to_string()), "{}", told.body);
    let password = entry("passwd");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registers = |password: &str| {
        let entropy = Entropy::from_seed(os_random());
        let config = PhoneConfig::new("3000", Secret::new(password), engine.sip, entropy);
        runtime.block_on(async { Phone::start(config).unwrap().register().await.is_ok() })
    };
    // The engine knows the new password a moment after the phone was told; each try before that counts as a guess.
    let registered = support::within(KNOWN, || {
        let registered = registers(&password);
        (!registered).then(|| support::let_pass(BETWEEN_TRIES));
        registered.then_some(())
    });
    assert!(registered.is_some(), "with what it was told the phone registers");
    assert!(!registers(support::engine::PHONE_PASSWORD), "the password of before is good no more");
    assert_eq!(fill_in(&mut browser, "extensions", &[("act", "set-up"), ("number", "9")]).status, 422);
    let trail = engine.run_ok(&["audit", "list", "--json"], "");
    assert!(trail.contains("extension set-up 3000") && !trail.contains(&password) && !engine.log().contains(&password));
}
