//! The trail is a chain that shows what was done to it, on either database.

use crate::rig::*;
use sasayaki::{
    audit::{Fault, Trail, TrailError, Verified, write_head},
    model::{AuditEvent, AuditKind, EndCause},
    store::{Head, Store, StoreError},
};
use sqlx::{AssertSqlSafe, Executor, Row};
use std::{fs, path::Path, process::Command};
use ulid::Ulid;

on_both![
    whatever_is_done_to_the_rows_behind_the_stores_back_is_found_and_the_row_named,
    the_database_itself_refuses_to_change_or_remove_a_row,
    nothing_is_appended_to_an_end_that_was_not_signed_here,
    a_database_that_was_put_back_shows_against_a_head_that_was_kept_elsewhere,
    rows_from_before_the_chain_are_chained_once_and_the_trail_says_so,
    an_exported_trail_is_verified_by_itself_and_by_a_stranger,
    sealed_rows_leave_for_files_that_are_verified_by_themselves_and_by_a_stranger_and_the_chain_goes_on,
    what_is_not_over_or_not_whole_is_not_sealed,
    the_trail_is_whole_under_many_writers_and_while_they_write,
];

async fn with_rows(place: &Place, count: usize) -> Store {
    let store = place.open().await;
    for index in 0..count {
        store.append_audit(START + index as u64, &[event(&format!("row {index}"))]).await.unwrap();
    }
    store
}

async fn verify(store: &Store, head: Option<&Head>) -> Result<Verified, TrailError> {
    Trail::new(store.clone()).verify(head, |_| ()).await
}

/// Takes the guards away, as whoever owns the database can, and does it.
async fn behind_its_back(place: &Place, statement: &str) {
    let mut raw = place.raw().await;
    for trigger in ["audit_stays_as_written", "audit_stays_until_sealed"] {
        let on = if place.url.starts_with("sqlite:") { "" } else { " ON audit" };
        raw.execute(AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {trigger}{on}"))).await.unwrap();
    }
    raw.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
}

async fn whatever_is_done_to_the_rows_behind_the_stores_back_is_found_and_the_row_named(place: Place) {
    let store = with_rows(&place, 9).await;
    let writer_id = store.writer().to_string();
    assert_eq!(verify(&store, None).await.unwrap(), Verified { rows: 9, writers: 1, unknown_tips: 0 });
    let changed = |seq| Fault::Changed { writer_id: writer_id.clone(), seq };
    let missing = |seq| Fault::Missing { writer_id: writer_id.clone(), seq };
    let copy = "SELECT writer_id, 9, at_ms, kind, outcome, account, source, mode, target, call, session, detail, hash";
    let columns = copy.trim_start_matches("SELECT ").replace(" 9,", " seq,");
    let insert = format!("INSERT INTO audit ({columns}) {copy} FROM audit WHERE seq = 5");
    // Each comes on top of the one before, and nearer to the beginning: it is the first fault that is told.
    for (statement, fault) in [
        ("DELETE FROM audit WHERE seq = 9", missing(9)),
        (&insert, changed(9)),
        ("UPDATE audit SET detail = 'row 6.' WHERE seq = 7", changed(7)),
        ("UPDATE audit SET hash = NULL WHERE seq = 6", changed(6)),
        ("DELETE FROM audit WHERE seq = 4", missing(4)),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 3", changed(3)),
        ("UPDATE audit SET target = NULL WHERE seq = 2", changed(2)),
        ("UPDATE audit SET seq = 0 WHERE seq = 1", Fault::Inserted { writer_id: writer_id.clone(), seq: 0 }),
    ] {
        behind_its_back(&place, statement).await;
        let found = verify(&store, None).await.unwrap_err();
        assert!(matches!(&found, TrailError::Fault(found) if *found == fault), "{statement}: {found}");
    }
}

async fn the_database_itself_refuses_to_change_or_remove_a_row(place: Place) {
    let store = with_rows(&place, 2).await;
    let mut raw = place.raw().await;
    for statement in ["UPDATE audit SET detail = ''", "DELETE FROM audit WHERE seq = 2", "DELETE FROM audit"] {
        let refused = raw.execute(statement).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
    if !place.url.starts_with("sqlite:") {
        assert!(raw.execute("TRUNCATE audit").await.unwrap_err().to_string().contains("append-only"));
    }
    assert_eq!(verify(&store, None).await.unwrap().rows, 2);
}

async fn nothing_is_appended_to_an_end_that_was_not_signed_here(place: Place) {
    let store = with_rows(&place, 3).await;
    // The tail goes, and with it what the store remembers of it; the signature cannot be made.
    behind_its_back(&place, "DELETE FROM audit WHERE seq = 3").await;
    let end = "UPDATE audit_tip SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)";
    behind_its_back(&place, end).await;
    let found = verify(&store, None).await.unwrap_err();
    assert!(matches!(found, TrailError::Fault(Fault::EndForged { seq: 2, .. })), "{found}");
    let refused = store.append_audit(START, &[event("after")]).await;
    assert!(matches!(refused, Err(StoreError::TamperedTrail)));
    assert!(matches!(store.add_extension(&actor(), extension("4001")).await, Err(StoreError::TamperedTrail)));
    assert!(store.extensions().await.unwrap().is_empty(), "what cannot be written down does not happen");
    assert!(matches!(Trail::new(store).head().await, Err(StoreError::TamperedTrail)), "nor is a head made of it");
}

async fn a_database_that_was_put_back_shows_against_a_head_that_was_kept_elsewhere(place: Place) {
    let store = with_rows(&place, 2).await;
    let trail = Trail::new(store.clone());
    let earlier = place.raw().await.fetch_one("SELECT hash, at_ms, signature FROM audit_tip").await.unwrap();
    store.append_audit(START, &[event("what somebody regrets")]).await.unwrap();
    let head = trail.head().await.unwrap();
    store.append_audit(START, &[event("later")]).await.unwrap();
    assert!(verify(&store, Some(&head)).await.is_ok() && trail.still_holds(&head).await.is_ok());

    behind_its_back(&place, "DELETE FROM audit WHERE seq > 2").await;
    let (hash, at_ms, signature): (String, i64, String) = (earlier.get(0), earlier.get(1), earlier.get(2));
    let end = format!("UPDATE audit_tip SET seq = 2, hash = '{hash}', at_ms = {at_ms}, signature = '{signature}'");
    behind_its_back(&place, &end).await;
    assert!(verify(&store, None).await.is_ok(), "by itself it is what it was");
    let rolled_back = |found| matches!(found, Err(TrailError::Fault(Fault::RolledBack { seq: 2, known: 3, .. })));
    assert!(rolled_back(verify(&store, Some(&head)).await.map(drop)));
    assert!(rolled_back(trail.still_holds(&head).await));
    for _ in 0..2 {
        store.append_audit(START, &[event("another past")]).await.unwrap();
    }
    let rewritten = |found| matches!(found, Err(TrailError::Fault(Fault::Rewritten { seq: 3, .. })));
    assert!(rewritten(verify(&store, Some(&head)).await.map(drop)));
    assert!(rewritten(trail.still_holds(&head).await));
}

async fn rows_from_before_the_chain_are_chained_once_and_the_trail_says_so(place: Place) {
    let store = with_rows(&place, 5).await;
    store.close().await;
    for statement in [
        "DROP TABLE audit_tip",
        "DROP TABLE audit_seal",
        "ALTER TABLE audit DROP COLUMN hash",
        "DELETE FROM schema_version WHERE version = 7",
        "INSERT INTO counter (name, value) VALUES ('audit 01A', 5)",
    ] {
        behind_its_back(&place, statement).await;
    }
    if !place.url.starts_with("sqlite:") {
        behind_its_back(&place, "DROP TRIGGER audit_stays_whole ON audit").await;
        behind_its_back(&place, "DROP FUNCTION audit_refuses").await;
        behind_its_back(&place, "DROP FUNCTION audit_lets_sealed_rows_go").await;
    }
    let other = "INSERT INTO audit (writer_id, seq, at_ms, kind, outcome, source, detail)
                 VALUES ('01A', 1, 5, 'start', 'ok', '201', '')";
    behind_its_back(&place, other).await;

    for _ in 0..2 {
        let store = place.open().await;
        let rows = rows(&store).await;
        assert_eq!(verify(&store, None).await.unwrap(), Verified { rows: 7, writers: 2, unknown_tips: 0 });
        let told = rows.iter().filter(|row| row.detail == "audit chained 6 rows that were there before the chain");
        assert_eq!(told.count(), 1);
        store.close().await;
    }
}

async fn an_exported_trail_is_verified_by_itself_and_by_a_stranger(place: Place) {
    let store = with_rows(&place, 3).await;
    store.append_audit(START, &[event("a \"quoted\", ささやき\nline"), event("")]).await.unwrap();
    let trail = Trail::new(store.clone());
    let head = trail.head().await.unwrap();
    for name in ["trail.jsonl", "trail.csv"] {
        let file = place.folder.path().join(name);
        assert_eq!(trail.export(&file).await.unwrap(), 5);
        assert_eq!(trail.verify_file(&file, Some(&head)).unwrap().rows, 5);
        assert_eq!(stranger(&file, &store.public_key()), Ok("whole: 5 rows\n".to_owned()));
        assert!(stranger(&file, &"ab".repeat(32)).is_err(), "signed by somebody else");

        let whole = fs::read_to_string(&file).unwrap();
        fs::write(&file, whole.replace("row 1", "row 9")).unwrap();
        let found = trail.verify_file(&file, None).unwrap_err();
        assert!(matches!(found, TrailError::Fault(Fault::Changed { seq: 2, .. })), "{found}");
        assert!(stranger(&file, &store.public_key()).unwrap_err().contains("row 2 of writer"));
        let lines: Vec<&str> = whole.lines().collect();
        fs::write(&file, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
        let found = trail.verify_file(&file, None).unwrap_err();
        assert!(matches!(found, TrailError::Fault(Fault::Missing { seq: 5, .. })), "{found}");
        assert!(stranger(&file, &store.public_key()).unwrap_err().contains("does not end as it was signed"));
    }
    let names = fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().ends_with(".new")), "no draft is left behind");
    assert!(write_head(Path::new("/nowhere/head"), &head).is_err());
}

async fn sealed_rows_leave_for_files_that_are_verified_by_themselves_and_by_a_stranger_and_the_chain_goes_on(
    place: Place,
) {
    let store = with_rows(&place, 9).await;
    let trail = Trail::new(store.clone());
    let file = |name: &str| place.folder.path().join(name);
    let early = trail.head().await.unwrap();
    assert_eq!(trail.seal(&file("first.jsonl"), START + 3).await.unwrap(), 3);
    assert_eq!(trail.seal(&file("second.csv"), START + 7).await.unwrap(), 4);
    assert_eq!(trail.seal(&file("third.jsonl"), START + 7).await.unwrap(), 0);
    assert!(!file("third.jsonl").exists(), "nothing was old enough");
    // Two of the nine, and two that tell of the seals.
    let told: Vec<_> = rows(&store).await.into_iter().map(|row| (row.seq, row.detail)).collect();
    assert_eq!(told[..2], [(8, "row 7".to_owned()), (9, "row 8".to_owned())]);
    assert_eq!(told[2..], [(10, "audit sealed 3 rows".to_owned()), (11, "audit sealed 4 rows".to_owned())]);
    let whole = |found: Result<Verified, TrailError>| found.map(|found| (found.rows, found.unknown_tips)).unwrap();
    assert_eq!(whole(verify(&store, None).await), (4, 0));
    assert_eq!(whole(verify(&store, Some(&early)).await), (4, 0), "it knows row 9, which stands");
    assert!(trail.still_holds(&early).await.is_ok());
    for (name, count) in [("first.jsonl", 3), ("second.csv", 4)] {
        assert_eq!(whole(trail.verify_file(&file(name), Some(&early))), (count, 1), "{name}");
        assert_eq!(stranger(&file(name), &store.public_key()), Ok(format!("whole: {count} rows\n")));
        assert!(stranger(&file(name), &"ab".repeat(32)).is_err());
    }
    trail.export(&file("rest.jsonl")).await.unwrap();
    assert_eq!(whole(trail.verify_file(&file("rest.jsonl"), None)), (4, 0));
    assert_eq!(stranger(&file("rest.jsonl"), &store.public_key()), Ok("whole: 4 rows\n".to_owned()));

    let again = trail.seal(&file("first.jsonl"), START + 9).await;
    assert!(matches!(again, Err(TrailError::File(_))), "no file is written over");
    // A row less, at either end; nor does another's seal help.
    let text = fs::read_to_string(file("second.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (left, seq) in [([&lines[..1], &lines[2..]].concat(), 4), (lines[..4].to_vec(), 7)] {
        fs::write(file("second.csv"), left.join("\n") + "\n").unwrap();
        let found = trail.verify_file(&file("second.csv"), None).unwrap_err();
        assert!(matches!(found, TrailError::Fault(Fault::Missing { seq: missing, .. }) if missing == seq), "{found}");
        assert!(stranger(&file("second.csv"), &store.public_key()).is_err());
    }
    fs::copy(file("first.jsonl.seal"), file("second.csv.seal")).unwrap();
    assert!(trail.verify_file(&file("second.csv"), None).is_err());
    // Rows that have left do not come back.
    let back = "INSERT INTO audit (writer_id, seq, at_ms, kind, outcome, source, detail, hash)
                SELECT writer_id, 2, at_ms, kind, outcome, source, detail, hash FROM audit WHERE seq = 9";
    behind_its_back(&place, back).await;
    let found = verify(&store, None).await.unwrap_err();
    assert!(matches!(found, TrailError::Fault(Fault::Inserted { seq: 2, .. })), "{found}");
}

async fn what_is_not_over_or_not_whole_is_not_sealed(place: Place) {
    let store = with_rows(&place, 2).await;
    let session = |kind, id: u128| AuditEvent { kind, session: Some(Ulid::from(id).into()), ..event("") };
    let lived = [session(AuditKind::Start, 1), session(AuditKind::End, 1), session(AuditKind::Start, 2)];
    store.append_audit(START + 2, &lived).await.unwrap();
    store.append_audit(START + 3, &[event("later")]).await.unwrap();
    let trail = Trail::new(store.clone());
    let file = |name: &str| place.folder.path().join(name);
    assert_eq!(
        trail.seal(&file("sealed.jsonl"), START + 10).await.unwrap(),
        4,
        "the session that has ended, and no more"
    );
    assert_eq!(store.end_open_sessions(START + 4, EndCause::EngineDied).await.unwrap(), 1, "its start is still known");
    behind_its_back(&place, "UPDATE audit SET detail = 'changed' WHERE seq = 6").await;
    let refused = trail.seal(&file("more.jsonl"), START + 20).await;
    assert!(matches!(refused, Err(TrailError::Fault(Fault::Changed { seq: 6, .. }))));
    assert!(!file("more.jsonl").exists());
}

/// The other implementation, which knows the documented format alone.
fn stranger(file: &Path, public_key: &str) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audit/verify.py");
    let done = Command::new("python3").arg(script).arg(file).arg(public_key).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
}

async fn the_trail_is_whole_under_many_writers_and_while_they_write(place: Place) {
    let (first, second) = (place.open().await, place.open().await);
    let mut writers = tokio::task::JoinSet::new();
    for index in 0..20 {
        let store = if index % 2 == 0 { first.clone() } else { second.clone() };
        writers.spawn(async move { store.append_audit(START, &[event("one"), event("two")]).await.unwrap() });
    }
    let mut seen = 0;
    while !writers.is_empty() {
        seen = verify(&first, None).await.unwrap().rows.max(seen);
        writers.join_next().await.unwrap().unwrap();
    }
    assert_eq!(verify(&second, None).await.unwrap().rows, 40);
    assert!(seen > 0);
}
