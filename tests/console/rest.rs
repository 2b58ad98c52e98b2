//! What administrators do over `/api/v1`.

use crate::{
    PASSWORD, office, shared, signed_in,
    support::{engine::Engine, web::Browser},
};
use sasayaki::model::Role;
use serde_json::{Value, json};

fn boss(engine: &Engine) -> Browser {
    Browser::signed_in(engine.console, "administrator", PASSWORD)
}

/// One step: what is asked, and the status that it is answered with.
fn step(browser: &mut Browser, method: &str, path: &str, body: Value, status: u16) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let page = browser.send_json(method, &format!("/api/v1{path}"), &body);
    assert_eq!(page.status, status, "{method} {path} {body}: {}", page.body);
    if page.body.is_empty() { Value::Null } else { page.value() }
}

fn details(engine: &Engine) -> Vec<String> {
    engine.audit().iter().map(|row| row["detail"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn b3_a_setting_is_changed_by_an_administrator_and_the_trail_says_who() {
    let engine = office();
    let mut boss = boss(&engine);
    let set = step(&mut boss, "PUT", "/settings/whisper-tone", json!({"value": "on"}), 200);
    assert_eq!(set, json!({"key": "whisper-tone", "value": "on", "default": false}));
    assert_eq!(engine.run_ok(&["setting", "get", "whisper-tone"], ""), "on\n");
    let trail = engine.audit();
    let row = trail.iter().find(|row| row["detail"] == "setting set whisper-tone on").unwrap();
    assert_eq!((row["login"].as_str(), row["source"].as_str()), (Some("administrator"), Some("127.0.0.1")));
    let wrong = step(&mut boss, "PUT", "/settings/whisper-tone", json!({"value": "loud"}), 422);
    assert_eq!(wrong["field"], "value");
    step(&mut boss, "PUT", "/settings/volume", json!({"value": "on"}), 404);
}

#[test]
fn d12_a_right_that_is_given_tells_that_it_follows_the_phone() {
    let engine = office();
    let mut boss = boss(&engine);
    let path = "/accounts/supervisor/permissions/terminal:1000";
    let hours = "Mon-Fri 09:00-18:00 Asia/Tokyo";
    let given = step(&mut boss, "PUT", path, json!({"level": "edit", "modes": ["whisper"], "hours": hours}), 200);
    assert_eq!(given["modes"], json!(["whisper"]));
    assert!(given["notes"][0].as_str().unwrap().contains("whoever uses extension 1000"), "{given}");
    step(&mut boss, "PUT", "/accounts/supervisor/denials/terminal:1000", Value::Null, 200);
    let listed = step(&mut boss, "GET", "/permissions?login=supervisor", Value::Null, 200);
    let effects: Vec<_> = listed["items"].as_array().unwrap().iter().map(|row| row["effect"].clone()).collect();
    assert_eq!(effects, ["allow", "deny"]);
    step(&mut boss, "DELETE", path, Value::Null, 204);
    step(&mut boss, "DELETE", path, Value::Null, 404);
    let nowhere = json!({"level": "edit", "hours": "Mon 09:00-18:00 Asia/Nowhere"});
    assert_eq!(step(&mut boss, "PUT", path, nowhere, 422)["field"], "hours");
    step(&mut boss, "PUT", "/accounts/supervisor/permissions/terminal:9", json!({"level": "edit"}), 404);
    step(&mut boss, "PUT", "/accounts/supervisor/permissions/campaign:x", json!({"level": "edit"}), 404);
}

#[test]
fn what_is_furnished_over_rest_is_what_the_command_line_shows_and_no_password_is_read() {
    let engine = office();
    let mut boss = boss(&engine);
    let phone = json!({"number": "4000", "name": "窓口", "password": "phone-4000", "srtp": "required"});
    let made = boss.send_json("POST", "/api/v1/extensions", &phone.to_string());
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/extensions/4000")));
    step(&mut boss, "POST", "/extensions", phone, 409);
    let changed = json!({"digest": ["SHA-256"], "protected": true});
    let changed = step(&mut boss, "PATCH", "/extensions/4000", changed, 200);
    assert_eq!((&changed["protected"], &changed["digest"]), (&json!(true), &json!(["SHA-256"])));

    let person = json!({"login": "sato", "role": "supervisor", "extension": "4000", "password": "lantern-orchard-48"});
    step(&mut boss, "POST", "/accounts", person, 201);
    step(&mut boss, "PUT", "/accounts/sato/dial-id", json!({"id": "7001", "password": "918273"}), 200);
    let weak = step(&mut boss, "PUT", "/accounts/sato/dial-id", json!({"id": "7001", "password": "123456"}), 422);
    assert_eq!(weak["field"], "password");
    let letters = step(&mut boss, "PUT", "/accounts/sato/dial-id", json!({"id": "7001", "password": "9182ab"}), 422);
    assert_eq!(letters["field"], "password");
    let once = step(&mut boss, "POST", "/accounts/sato/one-time-codes", Value::Null, 201);
    assert!(once["short_dial"].as_str().unwrap().contains("*7001*"));
    let nowhere = step(&mut boss, "PATCH", "/accounts/sato", json!({"extension": "9"}), 422);
    assert_eq!(nowhere["field"], "extension");
    let alone = step(&mut boss, "PATCH", "/accounts/sato", json!({"extension": null, "name": "佐藤"}), 200);
    assert_eq!((&alone["extension"], &alone["dial_id"]), (&Value::Null, &json!("7001")));

    step(&mut boss, "POST", "/call-centers", json!({"name": "sales"}), 201);
    step(&mut boss, "PUT", "/call-centers/sales/agents/sato", Value::Null, 204);
    let agents = step(&mut boss, "GET", "/call-centers/sales", Value::Null, 200);
    assert_eq!(agents["agents"], json!(["sato"]));

    let trunk = json!({"name": "main", "address": "udp:127.0.0.1:5999", "user": "u", "password": "trunk-secret"});
    let trunk = step(&mut boss, "POST", "/trunks", trunk, 201);
    assert_eq!((&trunk["identity"], &trunk["register"]), (&json!("from"), &json!(false)));
    let trunk = step(&mut boss, "PATCH", "/trunks/main", json!({"user": null, "sources": ["192.0.2.1"]}), 200);
    assert_eq!((&trunk["user"], &trunk["sources"]), (&Value::Null, &json!(["192.0.2.1"])));

    let shown = engine.run_ok(&["account", "list", "--json"], "");
    assert!(shown.contains("佐藤") && engine.run_ok(&["trunk", "list"], "").contains("udp:127.0.0.1:5999"));
    for path in ["/extensions", "/accounts", "/trunks", "/audit?limit=1000"] {
        let text = step(&mut boss, "GET", path, Value::Null, 200).to_string();
        for secret in ["phone-4000", "lantern-orchard", "918273", "trunk-secret"] {
            assert!(!text.contains(secret), "{secret} in {path}: {text}");
        }
    }
    for (path, again) in
        [("/call-centers/sales", 404), ("/trunks/main", 404), ("/accounts/sato", 404), ("/extensions/4000", 404)]
    {
        step(&mut boss, "DELETE", path, Value::Null, 204);
        step(&mut boss, "DELETE", path, Value::Null, again);
        step(&mut boss, "GET", path, Value::Null, 404);
    }
    let trail = details(&engine);
    for act in
        ["extension add 4000", "account add sato", "dial-id set sato 7001", "trunk add main", "account remove sato"]
    {
        assert!(trail.iter().any(|detail| detail.starts_with(act)), "{act} in {trail:?}");
    }
}

#[test]
fn lockouts_are_listed_and_opened() {
    let engine = office();
    let mut boss = boss(&engine);
    for _ in 0..5 {
        Browser::signed_in(engine.console, "user", "wrong");
    }
    let locked = step(&mut boss, "GET", "/lockouts", Value::Null, 200);
    let lockout = &locked["items"][0];
    assert_eq!(
        (&lockout["login"], &lockout["by"], &lockout["source"]),
        (&json!("user"), &json!("web"), &json!("127.0.0.1"))
    );
    step(&mut boss, "DELETE", "/lockouts/nobody", Value::Null, 404);
    step(&mut boss, "DELETE", "/lockouts/user", Value::Null, 204);
    assert_eq!(Browser::new(engine.console).sign_in("user", PASSWORD).status, 303);
    assert_eq!(step(&mut boss, "GET", "/lockouts", Value::Null, 200)["items"], json!([]));
}

#[test]
fn the_trail_is_read_page_by_page_both_ways_and_verified() {
    let engine = office();
    let mut boss = boss(&engine);
    let mut all = |order: &str| {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = step(&mut boss, "GET", &format!("/audit?order={order}&limit=3{after}"), Value::Null, 200);
            seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return seen,
            }
        }
    };
    let (oldest, mut newest) = (all("oldest"), all("newest"));
    newest.reverse();
    assert!(oldest.len() > 6 && oldest[0] == 1, "{oldest:?}");
    assert_eq!(oldest, newest);
    let verdict = step(&mut boss, "GET", "/audit/verification", Value::Null, 200);
    assert_eq!(verdict["ok"], true, "{verdict}");
}

#[test]
fn a_listing_is_as_long_as_was_asked_and_a_query_is_read_as_strictly_as_a_body() {
    let shared = shared();
    let mut boss = signed_in(&shared, Role::Administrator);
    let first = step(&mut boss, "GET", "/extensions?limit=2", Value::Null, 200);
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (2, &json!("2000")));
    let rest = step(&mut boss, "GET", "/extensions?limit=2&after=2000", Value::Null, 200);
    assert_eq!((&rest["items"][0]["number"], &rest["next"]), (&json!("3000"), &Value::Null));
    for (query, field) in
        [("limit=0", "limit"), ("limit=many", "limit"), ("size=2", "size"), ("limit=1&limit=2", "limit")]
    {
        assert_eq!(
            step(&mut boss, "GET", &format!("/extensions?{query}"), Value::Null, 422)["field"],
            field,
            "{query}"
        );
    }
    for path in ["/audit?after=x", "/cdr?after=x", "/cdr?since=yesterday", "/audit?order=random"] {
        step(&mut boss, "GET", path, Value::Null, 422);
    }
    assert_eq!(step(&mut boss, "GET", "/cdr?extension=1000&since=7d", Value::Null, 200)["items"], json!([]));
    let csv = boss.get("/api/v1/cdr.csv?since=7d");
    assert!(csv.status == 200 && csv.body.contains("id,caller,caller_trunk,"), "{}", csv.body);
}

#[test]
fn a_body_that_is_none_of_ours_is_a_problem_that_names_the_field() {
    let shared = shared();
    let mut boss = signed_in(&shared, Role::Administrator);
    for (body, status, field) in [
        ("{", 400, Value::Null),
        ("", 400, Value::Null),
        (r#"{"name":"x"} {}"#, 400, Value::Null),
        (r#"{"name":"x","size":3}"#, 422, json!("size")),
        (r#"{"name":3}"#, 422, json!("name")),
        (r#"{"name":"a b"}"#, 422, json!("name")),
        ("{}", 422, json!("name")),
        ("[]", 422, json!("name")),
    ] {
        let page = boss.json("/api/v1/call-centers", body);
        assert_eq!((page.status, page.header("content-type")), (status, Some("application/problem+json")), "{body}");
        if body != "[]" {
            assert_eq!(page.value()["field"], field, "{body}: {}", page.body);
        }
    }
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(boss.json("/api/v1/call-centers", &long).status, 413);
    let csrf = boss.csrf();
    let form = format!("Content-Type: application/x-www-form-urlencoded\r\nX-CSRF-Token: {csrf}\r\n");
    assert_eq!(boss.request("POST", "/api/v1/call-centers", &form, "name=x").status, 415);
    assert_eq!(
        boss.request("POST", "/api/v1/call-centers", "Content-Type: application/json\r\n", r#"{"name":"x"}"#).status,
        403
    );
    assert_eq!(boss.get("/api/v1/health").value(), json!({"ok": true, "wrong": []}));
    assert!(shared.run_ok(&["call-center", "list"], "").lines().count() <= 1, "nothing was made");
}
