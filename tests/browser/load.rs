//! What the realtime monitor costs with 500 agents, of whom some change their status all the time: in the browser, and the server.

use crate::{
    driver::Driver,
    looks::ADMINISTRATOR,
    office::{Office, PATIENT, connect, row_within},
    support::web::Browser,
};
use serde_json::json;
use std::{fs, sync::Arc, time::Duration};

const LIMIT: Duration = Duration::from_secs(900);
const AGENTS: u32 = 500;
/// They call each other in turn; a call is six changes of status: two agents ring, talk and are idle again.
const PAIRS: u32 = 20;
const CALL_EVERY: Duration = Duration::from_millis(600);
const CALL_FOR: Duration = Duration::from_secs(8);
const MEASURED: Duration = Duration::from_secs(30);

/// What the kernel counts of a process is in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

fn number(index: u32) -> String {
    (4000 + index).to_string()
}

fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// The number of the last batch of changes that the server told.
fn batches(office: &Office, browser: &Browser) -> u64 {
    let said = browser.events_until("", &format!(r#""extension":"{}""#, number(AGENTS - 1)));
    let id = said.split_once("id: ").unwrap().1.lines().next().unwrap().rsplit('-').next().unwrap().to_owned();
    assert!(office.engine.answers_options());
    id.parse().unwrap()
}

/// Seconds that the page has spent on each kind of work.
async fn spent(page: &Driver) -> [f64; 4] {
    let metrics = page.devtools("Performance.getMetrics", json!({})).await;
    let metric = |name: &str| {
        let found = metrics["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == name);
        found.unwrap()["value"].as_f64().unwrap()
    };
    ["ScriptDuration", "RecalcStyleDuration", "LayoutDuration", "TaskDuration"].map(metric)
}

#[test]
#[ignore = "it measures: cargo test --release --test browser -- --ignored --nocapture five_hundred"]
fn five_hundred_agents_at_ten_changes_a_second() {
    row_within(LIMIT, async {
        let office = Office::alone(PATIENT);
        let add = ["account", "add", ADMINISTRATOR, "--role", "administrator", "--password-stdin"];
        office.engine.run_ok(&add, "web-secret");
        let mut program = Browser::signed_in(office.engine.console, ADMINISTRATOR, "web-secret");
        for index in 0..AGENTS {
            let body = format!(r#"{{"number":"{}","name":"Agent {index}","password":"phone-secret"}}"#, number(index));
            assert_eq!(program.json("/api/v1/extensions", &body).status, 201);
        }
        let mut phones = vec![];
        for index in 0..2 * PAIRS {
            phones.push(office.silent_phone(&number(index)).await);
        }
        let phones = Arc::new(phones);
        let calls = tokio::spawn(async move {
            let mut next = tokio::time::interval(CALL_EVERY);
            for pair in (0..PAIRS).cycle() {
                next.tick().await;
                let phones = Arc::clone(&phones);
                tokio::spawn(async move {
                    let (caller, callee) = (2 * pair, 2 * pair + 1);
                    let called = number(callee);
                    let (call, _) = connect(&phones[caller as usize], &phones[callee as usize], &called).await;
                    tokio::time::sleep(CALL_FOR).await;
                    call.hang_up().await.unwrap();
                });
            }
        });
        tokio::time::sleep(CALL_FOR + CALL_FOR).await;
        let process = office.engine.process_id();
        let before = cpu_seconds(process);
        tokio::time::sleep(MEASURED).await;
        let unwatched = (cpu_seconds(process) - before) / MEASURED.as_secs_f64();

        let page = Driver::start(&office, "ja").await;
        page.sign_in(ADMINISTRATOR).await;
        page.waits_for(
            "500 agents",
            &format!("return document.querySelectorAll('tr[data-extension]').length >= {AGENTS}"),
        )
        .await;
        page.devtools("Performance.enable", json!({})).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (first, started, spent_before, begun) =
            (batches(&office, &program), cpu_seconds(process), spent(&page).await, tokio::time::Instant::now());
        tokio::time::sleep(MEASURED).await;
        let (spent_after, ended, took) = (spent(&page).await, cpu_seconds(process), begun.elapsed().as_secs_f64());
        let batches = (batches(&office, &program) - first) as f64;
        calls.abort();
        let watched = (ended - started) / took;
        println!(
            "{AGENTS} agents, {:.1} batches a second, {:.1} calls begun a second",
            batches / took,
            1.0 / CALL_EVERY.as_secs_f64()
        );
        for (index, name) in ["script", "style", "layout", "all of the page's work"].into_iter().enumerate() {
            let seconds = spent_after[index] - spent_before[index];
            println!("{name}: {:.2} ms a batch, {:.1} % of a core", 1000.0 * seconds / batches, 100.0 * seconds / took);
        }
        let [watched, unwatched] = [watched, unwatched].map(|share| 100.0 * share);
        println!("the engine, calls included: {watched:.1} % of a core watched, {unwatched:.1} % unwatched");
        if cfg!(debug_assertions) {
            println!("this build is not optimised");
        }
        assert!(batches > 0.0, "nothing was told");
    });
}
