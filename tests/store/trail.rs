use crate::rig::*;
use sasayaki::{
    model::{AuditEvent, AuditKind, EndCause, Outcome, Refusal, Role, SessionId},
    store::{AccountChange, Change, NewAccount, SettingKey, StoreError},
};
use sqlx::Executor;
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use ulid::Ulid;

on_both![
    audit_numbers_have_no_gap_under_concurrent_writers,
    a_page_follows_a_page_until_the_end,
    a_failing_act_leaves_neither_change_nor_row,
    an_act_that_cannot_be_audited_does_not_happen,
    every_act_is_in_the_feed_in_order,
    a_session_that_a_killed_engine_left_open_gets_its_end_once,
];

async fn a_session_that_a_killed_engine_left_open_gets_its_end_once(place: Place) {
    let store = place.open().await;
    let row = |kind, id: u128| {
        let session = Some(SessionId::from(Ulid::from(id)));
        AuditEvent { kind, outcome: Outcome::Ok, session, ..event("") }
    };
    let (start, end) = (AuditKind::Start, AuditKind::End);
    store.append_audit(START, &[row(start, 1), row(end, 1), row(start, 2)]).await.unwrap();
    assert_eq!(store.end_open_sessions(START + 1, EndCause::EngineDied).await.unwrap(), 1);
    assert_eq!(store.end_open_sessions(START + 2, EndCause::EngineDied).await.unwrap(), 0);
    let last = rows(&store).await.pop().unwrap();
    assert_eq!((last.kind.as_str(), last.detail.as_str()), ("end", "engine-died"));
    assert_eq!(last.session, Some(Ulid::from(2).to_string()));
    assert_eq!((last.target.as_deref(), last.mode.as_deref()), (Some("4001"), Some("whisper")));
}

async fn audit_numbers_have_no_gap_under_concurrent_writers(place: Place) {
    let (first, second) = (place.open().await, place.open().await);
    let mut writers = JoinSet::new();
    for index in 0..20 {
        let store = if index % 2 == 0 { first.clone() } else { second.clone() };
        let events = vec![event("one"), event("two"), event("three")];
        writers.spawn(async move { store.append_audit(START + index, &events).await });
    }
    assert!(writers.join_all().await.iter().all(Result::is_ok));
    let rows = rows(&first).await;
    let numbers: BTreeSet<u64> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=60).collect());
    assert!(rows.iter().all(|row| row.writer_id == first.writer().to_string()));
    for three in rows.chunks(3) {
        assert_eq!(three[0].seq + 2, three[2].seq, "events that were appended together stand together");
    }
}

async fn a_page_follows_a_page_until_the_end(place: Place) {
    let store = place.open().await;
    for index in 0..7 {
        store.append_audit(START + index / 3, &[event("row")]).await.unwrap();
    }
    let (mut seen, mut last) = (Vec::new(), None);
    loop {
        let page = store.audit_rows(START, last.as_ref(), 2).await.unwrap();
        let Some(end) = page.last() else { break };
        last = Some(end.place());
        seen.extend(page.iter().map(|row| row.seq));
    }
    assert_eq!(seen, (1..=7).collect::<Vec<_>>());
    assert_eq!(store.audit_rows(START + 1, None, 10).await.unwrap().len(), 4, "from the given moment on");
    let (mut back, mut first) = (Vec::new(), None);
    loop {
        let page = store.audit_rows_back(START + 1, first.as_ref(), 3).await.unwrap();
        let Some(end) = page.last() else { break };
        first = Some(end.place().to_string().parse().unwrap());
        back.extend(page.iter().map(|row| row.seq));
    }
    assert_eq!(back, [7, 6, 5, 4], "and backwards");
}

async fn a_failing_act_leaves_neither_change_nor_row(place: Place) {
    let (store, _) = furnished(&place).await;
    let before = (rows(&store).await, store.last_change().await.unwrap(), store.accounts().await.unwrap());
    let taken = store.add_extension(&actor(), extension("4001")).await;
    assert!(matches!(taken, Err(StoreError::Taken { what: "extension", .. })));
    let nowhere = NewAccount { extension: Some(number("999")), ..account("suzuki") };
    let tied = store.add_account(&actor(), nowhere).await;
    assert!(matches!(tied, Err(StoreError::NoSuch { what: "extension", .. })));
    assert!(matches!(store.deny(&actor(), "nobody", &terminal("4001")).await, Err(StoreError::NoSuch { .. })));
    assert!(matches!(store.deny(&actor(), "sato", &terminal("999")).await, Err(StoreError::NoSuch { .. })));
    assert!(matches!(store.remove_extension(&actor(), &number("999")).await, Err(StoreError::NoSuch { .. })));
    assert!(matches!(store.revoke(&actor(), "sato", &terminal("999")).await, Err(StoreError::NoSuch { .. })));
    assert_eq!((rows(&store).await, store.last_change().await.unwrap(), store.accounts().await.unwrap()), before);
}

async fn an_act_that_cannot_be_audited_does_not_happen(place: Place) {
    let (store, _) = furnished(&place).await;
    let before = store.last_change().await.unwrap();
    place.raw().await.execute("ALTER TABLE audit RENAME TO audit_away").await.unwrap();
    assert!(store.add_extension(&actor(), extension("4002")).await.is_err());
    assert_eq!(right(&store, "201", START).await, Err(Refusal::StoreUnavailable));
    assert_eq!((store.extensions().await.unwrap().len(), store.last_change().await.unwrap()), (1, before));

    place.raw().await.execute("ALTER TABLE audit_away RENAME TO audit").await.unwrap();
    store.append_audit(START, &[event("after")]).await.unwrap();
    let rows = rows(&store).await;
    assert!(rows.iter().zip(1..).all(|(row, seq)| row.seq == seq), "what was rolled back took no number");
}

async fn every_act_is_in_the_feed_in_order(place: Place) {
    let (store, sato) = furnished(&place).await;
    let other = place.open().await;
    let seen = other.last_change().await.unwrap();
    let set = AccountChange { role: Some(Role::User), extension: Some(Some(number("4001"))), ..Default::default() };
    store.set_account(&actor(), "sato", set).await.unwrap();
    store.revoke(&actor(), "sato", &terminal("4001")).await.unwrap();
    store.set_setting(&actor(), SettingKey::WhisperTone, "off").await.unwrap();
    store.clear_dial_id(&actor(), "sato").await.unwrap();
    store.remove_extension(&actor(), &number("4001")).await.unwrap();
    store.remove_account(&actor(), "sato").await.unwrap();

    let changes = other.changes_since(seen).await.unwrap();
    assert!(changes.iter().zip(seen + 1..).all(|((seq, _), expected)| *seq == expected));
    let changes: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
    let extension = Change::Extension(number("4001"));
    let expected = [
        Change::Account(sato),
        Change::Permission(sato),
        Change::Setting,
        Change::DialId(sato),
        extension,
        Change::Account(sato),
    ];
    assert_eq!(changes, expected);
    let rows = rows(&store).await;
    assert_eq!(rows.len(), changes.len() + usize::try_from(seen).unwrap());
    assert!(rows.iter().all(|row| row.kind == "change" && row.outcome == "ok" && row.source == "cli"));
    assert!(
        rows.iter().any(|row| row.detail == "permission grant sato terminal:4001 edit --mode monitor --mode whisper")
    );
}
