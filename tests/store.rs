//! The store, every test on SQLite and on a real PostgreSQL: `tests/postgres cargo test --test store`.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use sasayaki::{
    access::right::{Grant, Rule},
    audit::Trail,
    model::{
        AccountId, AuditEvent, AuditKind, ExtensionNumber, Level, Mode, ModeSet, Outcome, Refusal, Resource, Role,
        Secret, ToneAudience,
    },
    store::{
        AccountChange, Actor, BindingChange, BindingRow, Change, ExtensionChange, NewAccount, NewExtension, Options,
        SettingKey, SignIn, Store, StoreError, password::Cost,
    },
};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};
use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};
use tempfile::TempDir;
use tokio::task::JoinSet;
use ulid::Ulid;

const START: u64 = 1_700_000_000_000;
const LOCK_MS: u64 = 15 * 60_000;
const PHONE_PASSWORD: &str = "whistle-harbour-81";
const WEB_PASSWORD: &str = "lantern-orchard-47";
const DIAL_ID: &str = "9137";
const DIAL_PASSWORD: &str = "80264719";

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Place::sqlite()).await
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Place::postgres().await).await
            })+
        }
    };
}

on_both![
    everything_survives_a_reopening,
    a_killed_writer_loses_nothing_that_was_acknowledged,
    failures_lock_out_and_the_lock_outlives_the_process,
    of_many_failures_at_once_exactly_five_are_judged,
    every_attempt_costs_one_run_of_argon2_and_one_row,
    no_attempt_leaves_what_was_typed,
    audit_numbers_have_no_gap_under_concurrent_writers,
    a_page_follows_a_page_until_the_end,
    a_failing_act_leaves_neither_change_nor_row,
    an_act_that_cannot_be_audited_does_not_happen,
    every_act_is_in_the_feed_in_order,
    no_password_is_in_the_database,
    secrets_open_again_and_tell_a_changed_realm,
    rules_stand_side_by_side_and_go_together,
    an_extension_takes_its_rights_along_and_leaves_the_account,
    a_dial_id_belongs_to_one_account_and_is_digits,
    settings_have_defaults_and_refuse_nonsense,
    bindings_are_kept_until_they_expire,
    many_processes_may_open_a_new_store_at_once,
    a_newer_schema_and_a_foreign_key_file_are_refused,
];

/// Where a store of one test lives.
struct Place {
    folder: TempDir,
    url: String,
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("sasayaki.db").display());
        Self { folder, url }
    }

    /// A database of its own on the server that `tests/postgres` started.
    async fn postgres() -> Self {
        let server = env::var("SASAYAKI_TEST_POSTGRES")
            .expect("no PostgreSQL to test on: run `tests/postgres cargo test --test store`");
        let name = format!("test_{}", Ulid::from(rand_bits())).to_lowercase();
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (host, _) = server.rsplit_once('/').unwrap();
        Self { folder: tempfile::tempdir().unwrap(), url: format!("{host}/{name}") }
    }

    fn options(&self) -> Options {
        let folder = self.folder.path();
        Options { cost: Cost::CHEAP, ..Options::new(&self.url, folder, folder.join("pepper.key"), "localhost") }
    }

    async fn open(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    /// Past the store's back.
    async fn raw(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Everything that is stored, as bytes: the files of SQLite, the rows of PostgreSQL.
    async fn everything(&self) -> Vec<u8> {
        if self.url.starts_with("sqlite:") {
            let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
            return files
                .filter(|path| path.to_string_lossy().contains(".db"))
                .flat_map(|path| fs::read(path).unwrap())
                .collect();
        }
        let mut connection = self.raw().await;
        let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'";
        let mut all = Vec::new();
        for table in connection.fetch_all(tables).await.unwrap() {
            let rows = format!("SELECT CAST(t AS TEXT) FROM {} t", table.get::<String, _>(0));
            for row in connection.fetch_all(AssertSqlSafe(rows)).await.unwrap() {
                all.extend(row.get::<String, _>(0).into_bytes());
            }
        }
        all
    }
}

fn rand_bits() -> u128 {
    u128::from_be_bytes(sasayaki::store::keys::os_random()[..16].try_into().unwrap())
}

fn actor() -> Actor {
    Actor { source: "cli".to_owned(), account: None, at_ms: START }
}

fn number(text: &str) -> ExtensionNumber {
    text.parse().unwrap()
}

fn terminal(text: &str) -> Resource {
    Resource::Terminal(number(text))
}

fn edit() -> Grant {
    Grant { level: Level::Edit, modes: ModeSet::USUAL, hours: None }
}

fn extension(text: &str) -> NewExtension {
    NewExtension {
        number: number(text),
        name: "窓口".to_owned(),
        protected: false,
        password: Secret::new(PHONE_PASSWORD),
    }
}

fn account(login: &str) -> NewAccount {
    NewAccount {
        login: login.to_owned(),
        role: Role::Supervisor,
        name: "佐藤".to_owned(),
        extension: None,
        password: Secret::new(WEB_PASSWORD),
    }
}

/// A store with extension 4001 and the supervisor `sato`, who may sign in and listen there.
async fn furnished(place: &Place) -> (Store, AccountId) {
    let store = place.open().await;
    store.add_extension(&actor(), extension("4001")).await.unwrap();
    let sato = store.add_account(&actor(), account("sato")).await.unwrap();
    store.set_dial_id(&actor(), "sato", DIAL_ID, Secret::new(DIAL_PASSWORD)).await.unwrap();
    store.grant(&actor(), "sato", &terminal("4001"), &edit()).await.unwrap();
    (store, sato)
}

fn attempt(dial_id: &str, password: &str, source: &str, at_ms: u64) -> SignIn {
    SignIn {
        dial_id: Secret::new(dial_id),
        password: Secret::new(password),
        source: source.to_owned(),
        mode: Some(Mode::Monitor),
        call: None,
        at_ms,
    }
}

async fn wrong(store: &Store, source: &str, at_ms: u64) -> Refusal {
    store.sign_in(attempt(DIAL_ID, "111", source, at_ms)).await.unwrap_err()
}

async fn right(store: &Store, source: &str, at_ms: u64) -> Result<AccountId, Refusal> {
    store.sign_in(attempt(DIAL_ID, DIAL_PASSWORD, source, at_ms)).await
}

fn event(detail: &str) -> AuditEvent {
    AuditEvent {
        kind: AuditKind::Attempt,
        outcome: Outcome::Refused,
        account: Some(AccountId::from(Ulid::from(1))),
        source: "201".to_owned(),
        mode: Some(Mode::Whisper),
        target: Some(number("4001")),
        call: None,
        session: None,
        detail: detail.to_owned(),
    }
}

async fn rows(store: &Store) -> Vec<sasayaki::store::AuditRow> {
    Trail::new(store.clone()).list(0).await.unwrap()
}

fn contains(all: &[u8], part: &str) -> bool {
    let hex: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
    [part, &hex].iter().any(|part| all.windows(part.len()).any(|window| window == part.as_bytes()))
}

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
        .args(["--exact", "a_writer_to_be_killed", "--ignored", "--nocapture"])
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

async fn failures_lock_out_and_the_lock_outlives_the_process(place: Place) {
    let (store, sato) = furnished(&place).await;
    for minute in 0..5 {
        assert_eq!(wrong(&store, "201", START + minute).await, Refusal::WrongPassword);
    }
    assert_eq!(right(&store, "201", START + 5).await, Err(Refusal::LockedOut));
    assert_eq!(right(&store, "202", START + 5).await, Ok(sato), "another phone has a budget of its own");
    drop(store);

    let store = place.open().await;
    let until_ms = START + 4 + LOCK_MS;
    assert_eq!(right(&store, "201", until_ms - 1).await, Err(Refusal::LockedOut));
    assert_eq!(right(&store, "201", until_ms).await, Ok(sato), "attempts while locked did not extend it");
    for _ in 0..5 {
        wrong(&store, "201", until_ms).await;
    }
    store.unlock_dial_id(&actor(), "sato").await.unwrap();
    assert_eq!(right(&store, "201", until_ms).await, Ok(sato));
}

async fn of_many_failures_at_once_exactly_five_are_judged(place: Place) {
    let (store, _) = furnished(&place).await;
    let other = place.open().await;
    let mut attempts = JoinSet::new();
    for index in 0..30 {
        let store = if index % 2 == 0 { store.clone() } else { other.clone() };
        attempts.spawn(async move { wrong(&store, "201", START).await });
    }
    let refusals = attempts.join_all().await;
    assert_eq!(refusals.iter().filter(|refusal| **refusal == Refusal::WrongPassword).count(), 5);
    assert_eq!(refusals.iter().filter(|refusal| **refusal == Refusal::LockedOut).count(), 25);
}

async fn every_attempt_costs_one_run_of_argon2_and_one_row(place: Place) {
    let (store, sato) = furnished(&place).await;
    store.add_account(&actor(), account("unset")).await.unwrap();
    let unset = "INSERT INTO dial_id (account, id) SELECT id, '55' FROM account WHERE login = 'unset'";
    place.raw().await.execute(unset).await.unwrap();
    let before = rows(&store).await.len();

    assert_eq!(store.sign_in(attempt("404", DIAL_PASSWORD, "201", START)).await, Err(Refusal::UnknownDialId));
    assert_eq!(store.sign_in(attempt("55", "", "201", START)).await, Err(Refusal::PasswordUnset));
    assert_eq!(right(&store, "201", START).await, Ok(sato));
    for _ in 0..5 {
        assert_eq!(wrong(&store, "201", START).await, Refusal::WrongPassword);
    }
    assert_eq!(right(&store, "201", START).await, Err(Refusal::LockedOut));
    assert_eq!(store.passwords().runs(), 9);

    let rows = rows(&store).await.split_off(before);
    let details: Vec<&str> = rows.iter().map(|row| row.detail.as_str()).collect();
    assert_eq!(details[..4], ["unknown-dial-id", "password-unset", "signed-in", "wrong-password"]);
    assert_eq!((details.len(), details[8]), (9, "locked-out"));
    assert!(rows.iter().all(|row| row.kind == "sign-in" && row.source == "201"));
    assert_eq!(rows[2].account, Some(sato.to_string()));
}

/// Somebody may type the password where the ID belongs.
async fn no_attempt_leaves_what_was_typed(place: Place) {
    let (store, _) = furnished(&place).await;
    store.sign_in(attempt("31415926", "27182818", "201", START)).await.unwrap_err();
    wrong(&store, "201", START).await;
    store.close().await;
    let all = place.everything().await;
    assert!(!contains(&all, "31415926") && !contains(&all, "27182818"));
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
        last = Some(end.clone());
        seen.extend(page.iter().map(|row| row.seq));
    }
    assert_eq!(seen, (1..=7).collect::<Vec<_>>());
    assert_eq!(store.audit_rows(START + 1, None, 10).await.unwrap().len(), 4, "from the given moment on");
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

async fn no_password_is_in_the_database(place: Place) {
    let (store, _) = furnished(&place).await;
    right(&store, "201", START).await.unwrap();
    let entry = store.directory().await.unwrap().remove(0);
    let mut all = place.everything().await;
    store.close().await;
    all.extend(place.everything().await);
    assert!(contains(&all, "4001") && contains(&all, "argon2id"), "the search would find them");
    for secret in [PHONE_PASSWORD, WEB_PASSWORD, DIAL_PASSWORD, entry.ha1_md5.expose(), entry.ha1_sha256.expose()] {
        assert!(!contains(&all, secret));
    }
}

async fn secrets_open_again_and_tell_a_changed_realm(place: Place) {
    let (store, _) = furnished(&place).await;
    let entry = store.directory().await.unwrap().remove(0);
    assert_eq!(entry.ha1_md5.expose(), "8cc35bde3271504a2584997ef01bc1e0");
    assert_eq!(entry.ha1_sha256.expose(), "5d59ede4be043200cec79104c3efde7cfaf89af5333803a003b4209c6f539832");
    assert!(store.realm_matches().await.unwrap());

    let moved = Store::open(Options { realm: "example.com".to_owned(), ..place.options() }).await.unwrap();
    assert!(!moved.realm_matches().await.unwrap());
    let change = ExtensionChange { password: Some(Secret::new(PHONE_PASSWORD)), ..Default::default() };
    moved.set_extension(&actor(), &number("4001"), change).await.unwrap();
    assert!(moved.realm_matches().await.unwrap(), "a password given anew is for the new realm");
    let renewed = moved.directory().await.unwrap().remove(0);
    assert!(!renewed.ha1_md5.matches(&entry.ha1_md5));

    let change = ExtensionChange {
        name: Some("受付".to_owned()),
        protected: Some(true),
        digest: Some(vec!["SHA-256".to_owned()]),
        ..Default::default()
    };
    moved.set_extension(&actor(), &number("4001"), change).await.unwrap();
    let named = moved.directory().await.unwrap().remove(0);
    assert_eq!((renewed.digest, named.digest), (None, Some(vec!["SHA-256".to_owned()])));
    assert!(named.protected && named.name == "受付" && named.ha1_md5.matches(&renewed.ha1_md5));
}

async fn rules_stand_side_by_side_and_go_together(place: Place) {
    let (store, sato) = furnished(&place).await;
    let hours = Some("Mon-Fri 09:00-18:00, Sat 22:00-06:00".parse().unwrap());
    let grant = Grant { level: Level::Manage, modes: ModeSet::NONE.with(Mode::Barge), hours };
    store.grant(&actor(), "sato", &terminal("4001"), &grant).await.unwrap();
    let seen = store.terminal(sato, &number("4001")).await.unwrap().unwrap();
    assert_eq!((seen.protected, seen.rules), (false, vec![Rule::Allow(grant.clone())]), "a grant replaces a grant");
    store.deny(&actor(), "sato", &terminal("4001")).await.unwrap();
    store.grant(&actor(), "sato", &"campaign:spring".parse().unwrap(), &edit()).await.unwrap();

    let listed = store.permissions(Some("sato")).await.unwrap();
    let rules: Vec<_> = listed.into_iter().map(|row| (row.resource.to_string(), row.rule)).collect();
    let on_terminal = |rule| ("terminal:4001".to_owned(), rule);
    let expected =
        [("campaign:spring".to_owned(), Rule::Allow(edit())), on_terminal(Rule::Allow(grant)), on_terminal(Rule::Deny)];
    assert_eq!(rules, expected);
    store.revoke(&actor(), "sato", &terminal("4001")).await.unwrap();
    assert_eq!(store.permissions(None).await.unwrap().len(), 1);
    assert_eq!(store.terminal(sato, &number("400")).await.unwrap(), None, "never a prefix");
    let seen = store.terminals(sato, &[number("400"), number("4001")]).await.unwrap();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [number("4001")]);
}

async fn an_extension_takes_its_rights_along_and_leaves_the_account(place: Place) {
    let (store, sato) = furnished(&place).await;
    let tie = AccountChange { extension: Some(Some(number("4001"))), ..Default::default() };
    store.set_account(&actor(), "sato", tie).await.unwrap();
    store.remove_extension(&actor(), &number("4001")).await.unwrap();
    store.add_extension(&actor(), extension("4001")).await.unwrap();
    assert_eq!(store.account(sato).await.unwrap().unwrap().extension, None);
    assert_eq!(store.rights_for(sato, &terminal("4001")).await.unwrap(), []);
    store.remove_account(&actor(), "sato").await.unwrap();
    assert_eq!(store.account_of("sato").await.unwrap(), None);
    assert_eq!(right(&store, "201", START).await, Err(Refusal::UnknownDialId));
}

async fn a_dial_id_belongs_to_one_account_and_is_digits(place: Place) {
    let (store, _) = furnished(&place).await;
    store.add_account(&actor(), account("suzuki")).await.unwrap();
    let set = async |id: &str, password: &str| store.set_dial_id(&actor(), "suzuki", id, Secret::new(password)).await;
    assert!(matches!(set(DIAL_ID, "123").await, Err(StoreError::Taken { what: "dial-operation ID", .. })));
    for (id, password) in [("", "1"), ("12a", "1"), ("12", ""), ("12", "１２"), (&"1".repeat(33), "1")] {
        assert!(matches!(set(id, password).await, Err(StoreError::Unusable { .. })), "{id}");
    }
    set("12", "1").await.unwrap();
    set("13", "2").await.unwrap();
    assert_eq!(store.account_of("suzuki").await.unwrap().unwrap().dial_id.as_deref(), Some("13"));
    assert_eq!(store.sign_in(attempt("12", "1", "201", START)).await, Err(Refusal::UnknownDialId));
    assert!(store.sign_in(attempt("13", "2", "201", START)).await.is_ok());
}

async fn settings_have_defaults_and_refuse_nonsense(place: Place) {
    let store = place.open().await;
    assert_eq!(store.settings().await.unwrap(), sasayaki::model::Settings::default());
    assert!(store.setting_rows().await.unwrap().iter().all(|row| row.default));
    let nonsense = store.set_setting(&actor(), SettingKey::MonitorTone, "loud").await;
    assert!(matches!(nonsense, Err(StoreError::Unusable { what: "monitor-tone", .. })));
    assert!("monitor-noise".parse::<SettingKey>().is_err());
    for value in ["supervisor", "both"] {
        store.set_setting(&actor(), SettingKey::MonitorToneAudience, value).await.unwrap();
    }
    assert_eq!(store.settings().await.unwrap().monitor_tone_audience, ToneAudience::Both);
    assert_eq!(store.setting(SettingKey::MonitorToneAudience).await.unwrap(), "both");
    assert_eq!(store.setting_rows().await.unwrap().iter().filter(|row| row.default).count(), 3);
}

async fn bindings_are_kept_until_they_expire(place: Place) {
    let (store, _) = furnished(&place).await;
    let binding = |extension: &str, contact: &str, expires_at_ms| BindingRow {
        extension: number(extension),
        contact: contact.to_owned(),
        instance: Some("<urn:uuid:1>".to_owned()),
        q: 700,
        call_id: "a84b4c76e66710".to_owned(),
        cseq: u32::MAX,
        transport: "udp".to_owned(),
        local: "[::1]:5060".parse().unwrap(),
        remote: "192.0.2.7:5070".parse().unwrap(),
        expires_at_ms,
    };
    let (desk, mobile) = (binding("4001", "sip:4001@192.0.2.7:5070", 100), binding("4001", "sip:4001@192.0.2.8", 200));
    let stranger = binding("4999", "sip:4999@192.0.2.9", 200);
    let upserts = [&desk, &mobile, &stranger].map(|binding| BindingChange::Upsert(binding.clone()));
    store.apply_bindings(&upserts).await.unwrap();
    let longer = BindingRow { expires_at_ms: 300, q: 0, ..desk.clone() };
    store.apply_bindings(&[BindingChange::Upsert(longer.clone())]).await.unwrap();
    drop(store);

    let store = place.open().await;
    assert!(store.bindings(199).await.unwrap() == [longer.clone(), mobile.clone()]);
    assert!(store.bindings(200).await.unwrap() == [longer.clone()]);
    let gone = BindingChange::Remove { extension: number("4001"), contact: longer.contact };
    store.apply_bindings(&[gone]).await.unwrap();
    assert!(store.bindings(0).await.unwrap() == [mobile]);
    store.remove_extension(&actor(), &number("4001")).await.unwrap();
    assert!(store.bindings(0).await.unwrap().is_empty());
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
