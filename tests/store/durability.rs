use crate::rig::*;
use sasayaki::{
    access::right::Rule,
    store::{Options, SettingKey, Store, StoreError},
};
use sqlx::Executor;
use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};
use tokio::task::JoinSet;

on_both![
    everything_survives_a_reopening,
    a_killed_writer_loses_nothing_that_was_acknowledged,
    many_processes_may_open_a_new_store_at_once,
    a_newer_schema_and_a_foreign_key_file_are_refused,
];

async fn everything_survives_a_reopening(place: Place) {
    let (store, sato) = furnished(&place).await;
    store.deny(&actor(), "sato", &terminal("4001")).await.unwrap();
    store.set_setting(&actor(), SettingKey::MonitorTone, "on").await.unwrap();
    store.append_audit(START, &[event("kept")]).await.unwrap();
    let before = (store.extensions().await.unwrap(), store.accounts().await.unwrap(), rows(&store).await);
    let (writer, changes) = (store.writer(), store.changes_since(0).await.unwrap());
    drop(store);

    let store = place.open().await;
    assert_eq!((store.extensions().await.unwrap(), store.accounts().await.unwrap(), rows(&store).await), before);
    assert_eq!(store.writer(), writer);
    assert_eq!(store.changes_since(0).await.unwrap(), changes);
    assert!(store.settings().await.unwrap().monitor_tone);
    assert_eq!(store.rights_for(sato, &terminal("4001")).await.unwrap(), [Rule::Allow(edit()), Rule::Deny]);
    assert_eq!(right(&store, "201", START).await, Ok(sato));
}

/// The child appends and says what was acknowledged until it is killed.
async fn a_killed_writer_loses_nothing_that_was_acknowledged(place: Place) {
    place.open().await.close().await;
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "durability::a_writer_to_be_killed", "--ignored", "--nocapture"])
        .env("SASAYAKI_TEST_WRITER_URL", &place.url)
        .env("SASAYAKI_TEST_WRITER_FOLDER", place.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let acknowledged = lines.filter(|line| line.starts_with("acknowledged ")).take(20).count();
    child.kill().unwrap();
    child.wait().unwrap();

    let kept = rows(&place.open().await).await;
    assert_eq!(acknowledged, 20);
    assert!(kept.len() >= 20);
    assert!(kept.iter().zip(1..).all(|(row, seq)| row.seq == seq && row.detail == format!("row {seq}")));
}

#[tokio::test]
#[ignore = "the child process of another test"]
async fn a_writer_to_be_killed() {
    let folder = env::var("SASAYAKI_TEST_WRITER_FOLDER").unwrap();
    let folder = std::path::Path::new(&folder);
    let url = env::var("SASAYAKI_TEST_WRITER_URL").unwrap();
    let store = Store::open(Options::new(url, folder, folder.join("pepper.key"), "localhost")).await.unwrap();
    for index in 1u64.. {
        store.append_audit(START + index, &[event(&format!("row {index}"))]).await.unwrap();
        println!("acknowledged {index}");
    }
}

async fn many_processes_may_open_a_new_store_at_once(place: Place) {
    let mut opened = JoinSet::new();
    for _ in 0..4 {
        opened.spawn(Store::open(place.options()));
    }
    let writers: BTreeSet<_> = opened.join_all().await.into_iter().map(|store| store.unwrap().writer()).collect();
    assert_eq!(writers.len(), 1);
}

async fn a_newer_schema_and_a_foreign_key_file_are_refused(place: Place) {
    place.open().await.close().await;
    let foreign = Options { pepper_file: place.folder.path().join("other.key"), ..place.options() };
    assert!(matches!(Store::open(foreign).await, Err(StoreError::WrongKeyFile)));
    place.raw().await.execute("INSERT INTO schema_version (version) VALUES (1000)").await.unwrap();
    assert!(matches!(Store::open(place.options()).await, Err(StoreError::NewerSchema { found: 1000, .. })));
}
