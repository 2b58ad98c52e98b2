//! Row X3: what happened is written before it happens, and the proof of it is kept elsewhere.

use crate::{
    ear::{self, Ear, PATIENCE, Prompts},
    office::{MONITOR, Office, PATIENT, WHISPER, configured, press, row},
    support::{
        audio::{AGENT_HZ, CUSTOMER_HZ},
        within,
    },
};
use sasayaki::model::Prompt;
use sqlx::{AnyConnection, Connection, Executor};
use std::fs;

impl Office {
    async fn behind_the_engines_back(&self, statement: &'static str) {
        sqlx::any::install_default_drivers();
        let database = format!("sqlite:{}", self.engine.folder().join("data/sasayaki.db").display());
        AnyConnection::connect(&database).await.unwrap().execute(statement).await.unwrap();
    }
}

#[test]
fn x3_a_session_that_cannot_be_written_down_does_not_start_and_all_else_goes_on() {
    row(async {
        let (office, prompts) = (Office::alone(PATIENT), Prompts::quick());
        office.add_coach();
        let talk = office.talk().await;
        let coach = office.name_agent(&office.coach_phone().await, &office.coach_short(WHISPER)).await;
        ear::hears(&coach, AGENT_HZ).await;
        let supervisor = office.supervisor_phone().await.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::Extension]).await;

        let refuse = "CREATE TRIGGER no_room BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END";
        office.behind_the_engines_back(refuse).await;
        press(&supervisor, &format!("{}#", office.agent())).await;
        ear.hears(&[Prompt::Error, Prompt::Extension]).await;
        assert_eq!(office.engine.sessions().len(), 1, "the one that had begun");
        assert!(office.engine.log().contains("event=\"audit-refused\""));
        let done = office.engine.run(&["extension", "add", "55555", "--password-stdin"], "phone-secret");
        assert_eq!(done.status.code(), Some(1), "an administrator's act neither");
        // Who was talking and listening hears as before.
        ear::hears(&coach, AGENT_HZ).await;
        ear::hears(&talk.customer, AGENT_HZ).await;
        ear::hears(&talk.agent, CUSTOMER_HZ).await;

        office.behind_the_engines_back("DROP TRIGGER no_room").await;
        press(&supervisor, &format!("{}#", office.agent())).await;
        ear::hears(&supervisor, AGENT_HZ).await;
        assert_eq!(office.engine.sessions().len(), 2);
        office.engine.run_ok(&["audit", "verify"], "");
    });
}

#[test]
fn x3_the_head_of_the_trail_is_kept_and_a_database_that_was_put_back_is_told() {
    let mut engine =
        configured("[audit]\nhead_file = \"head\"\nhead_command = [\"cp\", \"/dev/stdin\", \"shipped\"]\n");
    let database = engine.folder().join("data/sasayaki.db");
    let (head, shipped) = (engine.folder().join("head"), engine.folder().join("shipped"));
    engine.add_extension("4001");
    engine.start();
    let kept = within(PATIENCE, || fs::read(&shipped).ok().filter(|text| !text.is_empty()));
    assert_eq!(kept.expect("no head at the start"), fs::read(&head).unwrap());
    assert!(engine.stop().success());
    let earlier = fs::read(&database).unwrap();
    let first = fs::read(&head).unwrap();

    engine.start();
    engine.add_extension("4002");
    assert!(engine.stop().success());
    let last = fs::read(&head).unwrap();
    assert_ne!(last, first, "the head at the end knows what was done");
    let verify = ["audit", "verify", "--head", "head"];
    engine.run_ok(&verify, "");
    assert!(!engine.log().contains("audit-tampered"));

    for side_file in ["data/sasayaki.db-wal", "data/sasayaki.db-shm"] {
        let _ = fs::remove_file(engine.folder().join(side_file));
    }
    fs::write(&database, earlier).unwrap();
    engine.run_ok(&["audit", "verify"], "");
    let refused = engine.run(&verify, "");
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && why.contains("put back to an earlier state"), "{why}");
    engine.start();
    let told = within(PATIENCE, || engine.log().contains("event=\"audit-tampered\"").then_some(()));
    assert!(told.is_some(), "nobody is told");
    engine.stop();
    assert_eq!(fs::read(&head).unwrap(), last, "the proof is not written over");
}

#[test]
fn x3_a_head_that_cannot_be_kept_is_told_and_the_engine_goes_on() {
    let mut engine = configured("[audit]\nhead_command = [\"false\"]\n");
    engine.start();
    let told = within(PATIENCE, || engine.log().contains("event=\"audit-head-failed\"").then_some(()));
    assert!(told.is_some(), "nobody is told");
    assert!(engine.folder().join("data/audit.head").exists() && engine.answers_options());
}

#[test]
fn x3_rows_that_are_old_enough_are_sealed_into_a_file_while_the_engine_runs_and_both_are_whole() {
    let mut engine = configured("");
    engine.start();
    engine.add_extension("4001");
    let said = engine.run_ok(&["audit", "seal", "old.jsonl", "--before", "0s"], "");
    assert!(said.contains("have left the store for old.jsonl"), "{said}");
    engine.add_extension("4002");
    let details: Vec<_> = engine.audit().iter().map(|row| row["detail"].as_str().unwrap().to_owned()).collect();
    assert!(details.len() == 2 && details[0].starts_with("audit sealed"), "{details:?}");
    engine.run_ok(&["audit", "verify"], "");
    engine.run_ok(&["audit", "verify", "--file", "old.jsonl"], "");
    let refused = engine.run(&["audit", "seal", "old.jsonl", "--before", "0s"], "");
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && why.contains("take another name"), "{why}");
    fs::write(engine.folder().join("old.jsonl"), "").unwrap();
    assert!(!engine.run(&["audit", "verify", "--file", "old.jsonl"], "").status.success());
    assert!(engine.answers_options());
}
