//! The web console, by way of its own socket.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod openapi;
mod rest;
#[path = "../support/mod.rs"]
mod support;
mod token;

use sasayaki::{
    access::screen::{self, Needs},
    console::routes,
    model::Role,
};
use std::sync::LazyLock;
use support::{
    engine::Engine,
    web::{Browser, Page},
};

pub const PASSWORD: &str = "lantern-orchard-47";

/// One engine for those who only look; whoever changes something has one of their own.
pub static OFFICE: LazyLock<Engine> = LazyLock::new(office);

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

pub fn signed_in(role: Role) -> Browser {
    Browser::signed_in(OFFICE.console, role.as_str(), PASSWORD)
}

#[test]
fn healthz_says_ok_when_calls_can_be_made() {
    let page = Browser::new(OFFICE.console).get("/healthz");
    assert_eq!((page.status, page.body.as_str()), (200, "ok\n"));
}

#[test]
fn metrics_are_prometheus_text_and_name_nobody() {
    signed_in(Role::Supervisor);
    Browser::signed_in(OFFICE.console, "nobody-at-all", "wrong");
    assert!(OFFICE.answers_options());
    let page = Browser::new(OFFICE.console).get("/metrics");
    assert_eq!(page.status, 200);
    let has = |line: &str| assert!(page.body.lines().any(|found| found.starts_with(line)), "{line}\n{}", page.body);
    has("sasayaki_calls{status=\"internal\"} 0");
    has("sasayaki_sessions{mode=\"whisper\"} 0");
    has("sasayaki_sign_ins_total{by=\"web\",outcome=\"signed-in\"}");
    has("sasayaki_sign_ins_total{by=\"web\",outcome=\"unknown-login\"}");
    has("sasayaki_sip_responses_total{method=\"OPTIONS\",status=\"200\"}");
    has("sasayaki_mixer_late_ticks_total");
    for name in ["supervisor", "nobody-at-all", "1000", "127.0.0.1"] {
        assert!(!page.body.contains(name), "{name} stands in the metrics");
    }
}

#[test]
fn j1_every_route_is_open_to_whom_its_line_says_and_closed_to_all_others() {
    for role in [None, Some(Role::Administrator), Some(Role::Supervisor), Some(Role::User)] {
        for route in routes() {
            let mut browser = role.map_or_else(|| Browser::new(OFFICE.console), signed_in);
            let page = ask(&mut browser, route.method.as_str(), &filled(route.path));
            let refused = match screen::judge(route.needs, role) {
                Ok(()) => None,
                Err(screen::Barred::SignInFirst) if route.path.starts_with("/api/") => Some(401),
                Err(screen::Barred::SignInFirst) => Some(303),
                Err(screen::Barred::NotAllowed | screen::Barred::OutOfScope) => Some(403),
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
    let mut browser = Browser::new(OFFICE.console);
    let page = browser.sign_in("supervisor", PASSWORD);
    let cookie = page.header("set-cookie").unwrap();
    for flag in ["__Host-sasayaki=", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    assert_eq!(browser.get("/").status, 200);
}

#[test]
fn a_wrong_password_and_an_unknown_login_are_told_the_same() {
    let told = |login| {
        let page = Browser::new(OFFICE.console).sign_in(login, "wrong");
        assert!(page.header("set-cookie").is_none());
        (page.status, page.body)
    };
    let wrong = told("supervisor");
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong, told("nobody"));
}

#[test]
fn what_changes_something_needs_the_token_of_the_session_and_a_page_of_this_server() {
    let mut browser = signed_in(Role::User);
    let csrf = browser.csrf();
    assert_eq!(browser.post("/sign-out", &[]).status, 403);
    assert_eq!(browser.post("/sign-out", &[("csrf", &signed_in(Role::User).csrf())]).status, 403);
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
    assert!(signed_in(Role::Supervisor).get("/monitor").body.contains("リアルタイムモニタ"));
    let page = signed_in(Role::User).get("/monitor");
    assert_eq!(page.status, 403);
    assert!(page.body.contains("権限がありません") && page.body.contains("システム管理者に"));
}

#[test]
fn an_order_that_cannot_be_read_is_a_problem_document() {
    let mut browser = signed_in(Role::Supervisor);
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
    let mut browser = Browser::new(OFFICE.console);
    let long = "x".repeat(20_000);
    assert_eq!(browser.post("/sign-in", &[("login", &long), ("password", "p")]).status, 413);
    let page = browser.get("/api/v1/nothing");
    assert_eq!((page.status, page.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(browser.get("/assets/..%2F..%2Fmain.rs").status, 404);
}

#[test]
fn pages_speak_japanese_and_english() {
    let mut browser = Browser::new(OFFICE.console);
    assert!(browser.get("/sign-in").body.contains("<html lang=\"ja\">"));
    let english = browser.request("GET", "/sign-in", "Accept-Language: en-GB,en;q=0.9\r\n", "");
    assert!(english.body.contains("<html lang=\"en\">") && english.body.contains("Sign in"));
    assert_eq!(browser.post("/language", &[("language", "en")]).status, 303);
    assert!(browser.get("/sign-in").body.contains("Sign in"));
}
