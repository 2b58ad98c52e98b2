//! Programs that show a token.

use crate::{
    PASSWORD, office,
    support::{engine::Engine, web::Browser, within},
};
use sasayaki::{access::screen, console::routes, model::Scope};
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

fn token(engine: &Engine, login: &str, scope: &str) -> String {
    let name = format!("{login} {scope}");
    engine.run_ok(&["token", "create", login, "--name", &name, "--scope", scope], "").trim().to_owned()
}

#[test]
fn every_route_is_open_to_a_token_as_far_as_its_account_and_its_scope_go() {
    let engine = office();
    for role in ["administrator", "supervisor", "user"] {
        for scope in Scope::ALL {
            let mut program = Browser::program(engine.console, &token(&engine, role, scope.as_str()));
            for route in routes().filter(|route| route.path.starts_with("/api/")) {
                let page = program.request(route.method.as_str(), &crate::filled(route.path), "", "");
                let changes = route.method != "GET";
                let by_role = screen::judge(route.needs, role.parse().ok());
                let verdict = by_role.and_then(|()| screen::judge_scopes(route.needs, changes, &[*scope]));
                let told = format!("{role} {scope} {} {}: {} {}", route.method, route.path, page.status, page.body);
                match verdict {
                    Err(_) => assert_eq!(page.status, 403, "{told}"),
                    Ok(()) => assert!(page.status < 500 && !matches!(page.status, 401 | 403), "{told}"),
                }
            }
            assert_eq!(program.get("/monitor").status, 303, "pages take no tokens");
        }
    }
}

#[test]
fn a_token_is_shown_once_signs_what_it_does_and_is_gone_when_revoked() {
    let engine = office();
    let mut boss = Browser::signed_in(engine.console, "administrator", PASSWORD);
    let wanted = json!({"login": "administrator", "name": "backup", "scopes": ["admin"], "days": 1});
    let made = boss.json("/api/v1/tokens", &wanted.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    let (made, text) = (made.value(), made.body);
    let token = made["token"].as_str().unwrap();
    assert_eq!(boss.json("/api/v1/tokens", &wanted.to_string()).status, 409, "one of this name: {text}");
    for (wrong, field) in [
        (json!({"login": "nobody", "name": "x", "scopes": ["read"]}), "login"),
        (json!({"login": "user", "name": "x", "scopes": []}), "scopes"),
        (json!({"login": "user", "name": "x", "scopes": ["all"]}), "scopes"),
        (json!({"login": "user", "name": "x", "scopes": ["read"], "days": 0}), "days"),
    ] {
        let page = boss.json("/api/v1/tokens", &wrong.to_string());
        assert_eq!((page.status, page.value()["field"].as_str()), (422, Some(field)), "{wrong}: {}", page.body);
    }

    let mut program = Browser::program(engine.console, token);
    assert_eq!(program.send_json("PUT", "/api/v1/settings/barge", r#"{"value":"on"}"#).status, 200);
    let trail = engine.audit();
    let row = trail.iter().find(|row| row["detail"] == "setting set barge on").unwrap();
    let by = (row["login"].as_str(), row["source"].as_str());
    assert_eq!(by, (Some("administrator"), Some("127.0.0.1 by token backup")));
    let listed = engine.run_ok(&["token", "list", "--json"], "");
    assert!(listed.contains("backup") && !listed.contains(token), "{listed}");
    for file in ["data/sasayaki.db", "data/sasayaki.db-wal", "log"] {
        let bytes = std::fs::read(engine.folder().join(file)).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "the token stands in {file}");
    }

    engine.run_ok(&["token", "revoke", made["id"].as_str().unwrap()], "");
    let page = program.get("/api/v1/settings");
    assert_eq!((page.status, page.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(Browser::program(engine.console, "made up").get("/api/v1/settings").status, 401);
}

#[test]
fn a_token_hears_events_until_it_is_revoked_and_dies_with_its_account() {
    let engine = office();
    let watching = token(&engine, "supervisor", "monitor");
    let program = Browser::program(engine.console, &watching);
    program.events_until("", "event: board");
    let stream = program.send("GET", "/api/v1/events", "", "");
    engine.run_ok(&["account", "remove", "supervisor"], "");
    assert_eq!(Browser::program(engine.console, &watching).get("/api/v1/agents").status, 401);
    // Signs of life come until the next look; then the stream ends.
    let ended = within(LIMIT, || {
        let mut piece = [0; 4096];
        matches!(std::io::Read::read(&mut &stream, &mut piece), Ok(0)).then_some(())
    });
    assert!(ended.is_some(), "the stream goes on without its account");
}
