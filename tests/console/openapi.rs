//! The document that describes the interface, held against the server.

use crate::{
    PASSWORD, office, shared,
    support::{Peer, web::Browser},
};
use sasayaki::console::routes;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
    process::Command,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(600);

/// Made by tests/run.
const SCHEMATHESIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/schemathesis/bin/schemathesis");

fn document() -> Value {
    let shared = shared();
    let page = Browser::new(shared.console).get("/api/v1/openapi.json");
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    page.value()
}

#[test]
fn each_route_of_the_interface_is_in_the_document_and_each_path_of_the_document_is_a_route() {
    let document = document();
    let served: BTreeSet<String> = routes()
        .filter(|route| route.path.starts_with("/api/"))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let methods = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase()));
        methods.collect::<Vec<_>>()
    };
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().iter().flat_map(methods).collect();
    assert_eq!(served, described);
}

/// It would take its own token away, and then be let in nowhere; and a stream of events has no end.
const LEFT_OUT: [&str; 2] = ["revokeToken", "streamEvents"];

#[test]
fn the_server_answers_as_the_document_says_whatever_is_sent() {
    assert!(Path::new(SCHEMATHESIS).exists(), "{SCHEMATHESIS} is missing: tests/run installs it");
    let engine = office();
    let create = ["token", "create", "administrator", "--name", "all", "--scope", "admin"];
    let token = engine.run_ok(&create, "");
    let (report, folder) = (engine.folder().join("report"), engine.folder().join("schemathesis"));
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new(SCHEMATHESIS);
    command.current_dir(&folder).args(["run", &format!("http://{}/api/v1/openapi.json", engine.console)]);
    command.args(["-H", &format!("Authorization: Bearer {}", token.trim())]);
    command.args(LEFT_OUT.iter().flat_map(|operation| ["--exclude-operation-id", operation]));
    // What the document allows may still be refused: an extension that is not there, a password that is easily guessed.
    command.args(["--phases", "coverage,fuzzing", "--checks", "all", "--exclude-checks", "positive_data_acceptance"]);
    command.args(["--max-examples", "10", "--seed", "1", "--continue-on-failure", "--no-color"]);
    command.args(["--suppress-health-check", "all", "--request-timeout", "60"]);
    let out = File::create(&report).unwrap();
    command.stdout(out.try_clone().unwrap()).stderr(out);
    let status = Peer::spawn(&mut command).exit(LIMIT);
    let said = fs::read_to_string(&report).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{said}");
    assert!(!said.contains("Authentication failed"), "it was let in nowhere:\n{said}");
    let log = engine.log();
    assert!(!log.contains("panicked"), "{log}");
    let mut boss = Browser::signed_in(engine.console, "administrator", PASSWORD);
    assert_eq!(boss.get("/api/v1/health").value(), json!({"ok": true, "wrong": []}), "it is well afterwards");
}
