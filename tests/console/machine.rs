//! What those see who watch the machine.

use crate::{
    office, shared, signed_in,
    support::{engine::Engine, web::Browser, within},
};
use regex_lite::Regex;
use sasayaki::model::Role;
use std::{collections::BTreeSet, fs, path::Path, time::Duration};

const LIMIT: Duration = Duration::from_secs(30);

fn metrics(engine: &Engine) -> String {
    let page = Browser::new(engine.console).get("/metrics");
    assert_eq!(page.status, 200);
    page.body
}

fn options_answered(engine: &Engine) -> u64 {
    let text = metrics(engine);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(r#"sasayaki_sip_responses_total{method="OPTIONS",status="200"} "#));
    line.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn healthz_says_ok_when_sip_is_answered_and_looks_again_after_a_while() {
    let engine = office();
    let before = options_answered(&engine);
    for _ in 0..5 {
        let page = Browser::new(engine.console).get("/healthz");
        assert_eq!((page.status, page.body.as_str()), (200, "ok\n"));
    }
    assert!(options_answered(&engine) > before, "no OPTIONS came to the engine");
    // A second later somebody looks anew.
    let after = options_answered(&engine);
    let anew = within(LIMIT, || {
        Browser::new(engine.console).get("/healthz");
        (options_answered(&engine) > after).then_some(())
    });
    assert!(anew.is_some());
}

#[test]
fn metrics_are_prometheus_text_and_name_nobody() {
    let shared = shared();
    signed_in(&shared, Role::Supervisor);
    Browser::signed_in(shared.console, "nobody-at-all", "wrong");
    assert!(shared.answers_options());
    let text = metrics(&shared);
    let has = |line: &str| assert!(text.lines().any(|found| found.starts_with(line)), "{line}\n{text}");
    has("sasayaki_calls{status=\"internal\"} 0");
    has("sasayaki_sessions{mode=\"whisper\"} 0");
    has("sasayaki_sign_ins_total{by=\"web\",outcome=\"signed-in\"}");
    has("sasayaki_sign_ins_total{by=\"web\",outcome=\"unknown-login\"}");
    has("sasayaki_sip_responses_total{method=\"OPTIONS\",status=\"200\"}");
    has("sasayaki_mixer_late_ticks_total");
    has("sasayaki_rtp_packets_lost_total 0");
    for name in ["supervisor", "nobody-at-all", "1000", "127.0.0.1"] {
        assert!(!text.contains(name), "{name} stands in the metrics");
    }
}

#[test]
fn the_dashboard_shows_every_metric_that_there_is_and_none_that_there_is_not() {
    let shared = shared();
    signed_in(&shared, Role::Supervisor);
    assert!(shared.answers_options());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let name = Regex::new(r"\bsasayaki_[a-z_]+").unwrap();
    let shown: BTreeSet<String> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .flat_map(|target| name.find_iter(target["expr"].as_str().unwrap()).map(|found| found.as_str().to_owned()))
        .collect();
    let told: BTreeSet<String> = metrics(&shared)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| name.find(line).map(|found| found.as_str().to_owned()))
        .collect();
    assert_eq!(shown, told);
}
