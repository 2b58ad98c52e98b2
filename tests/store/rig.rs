//! A place for a store on either database, and what stands in it at the beginning.

use sasayaki::{
    access::right::Grant,
    audit::Trail,
    model::{
        AccountId, AuditEvent, AuditKind, ExtensionNumber, Level, Mode, ModeSet, Outcome, Refusal, Resource, Role,
        Secret, SrtpPolicy,
    },
    store::{Actor, NewAccount, NewExtension, Options, SignIn, Store, password::Cost},
};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};
use std::{env, fs};
use tempfile::TempDir;
use ulid::Ulid;

pub const START: u64 = 1_700_000_000_000;
pub const LOCK_MS: u64 = 15 * 60_000;
pub const PHONE_PASSWORD: &str = "whistle-harbour-81";
pub const WEB_PASSWORD: &str = "lantern-orchard-47";
pub const DIAL_ID: &str = "9137";
pub const DIAL_PASSWORD: &str = "80264719";

/// Where a store of one test lives.
pub struct Place {
    pub folder: TempDir,
    pub url: String,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("sasayaki.db").display());
        Self { folder, url }
    }

    /// A database of its own on the server that `tests/postgres` started.
    pub async fn postgres() -> Self {
        let server = env::var("SASAYAKI_TEST_POSTGRES")
            .expect("no PostgreSQL to test on: run `tests/postgres cargo test --test store`");
        let name = format!("test_{}", Ulid::from(rand_bits())).to_lowercase();
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (host, _) = server.rsplit_once('/').unwrap();
        Self { folder: tempfile::tempdir().unwrap(), url: format!("{host}/{name}") }
    }

    pub fn options(&self) -> Options {
        let folder = self.folder.path();
        Options { cost: Cost::CHEAP, ..Options::new(&self.url, folder, folder.join("pepper.key"), "localhost") }
    }

    pub async fn open(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    /// Past the store's back.
    pub async fn raw(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Everything that is stored, as bytes: the files of SQLite, the rows of PostgreSQL.
    pub async fn everything(&self) -> Vec<u8> {
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

pub fn rand_bits() -> u128 {
    u128::from_be_bytes(sasayaki::store::keys::os_random()[..16].try_into().unwrap())
}

pub fn actor() -> Actor {
    Actor { source: "cli".to_owned(), account: None, at_ms: START }
}

pub fn number(text: &str) -> ExtensionNumber {
    text.parse().unwrap()
}

pub fn terminal(text: &str) -> Resource {
    Resource::Terminal(number(text))
}

pub fn edit() -> Grant {
    Grant { level: Level::Edit, modes: ModeSet::USUAL, hours: None }
}

pub fn extension(text: &str) -> NewExtension {
    NewExtension {
        srtp: SrtpPolicy::default(),
        number: number(text),
        name: "窓口".parse().unwrap(),
        protected: false,
        password: PHONE_PASSWORD.parse().unwrap(),
    }
}

pub fn account(login: &str) -> NewAccount {
    NewAccount {
        login: login.parse().unwrap(),
        role: Role::Supervisor,
        name: "佐藤".parse().unwrap(),
        extension: None,
        password: WEB_PASSWORD.parse().unwrap(),
    }
}

/// A store with extension 4001 and the supervisor `sato`, who may sign in and listen there.
pub async fn furnished(place: &Place) -> (Store, AccountId) {
    let store = place.open().await;
    store.add_extension(&actor(), extension("4001")).await.unwrap();
    let sato = store.add_account(&actor(), account("sato")).await.unwrap();
    store.set_dial_id(&actor(), "sato", DIAL_ID, Secret::new(DIAL_PASSWORD)).await.unwrap();
    store.grant(&actor(), "sato", &terminal("4001"), &edit()).await.unwrap();
    (store, sato)
}

pub fn attempt(dial_id: &str, password: &str, source: &str, at_ms: u64) -> SignIn {
    SignIn {
        dial_id: Secret::new(dial_id),
        password: Secret::new(password),
        source: source.to_owned(),
        mode: Some(Mode::Monitor),
        call: None,
        at_ms,
    }
}

pub async fn wrong(store: &Store, source: &str, at_ms: u64) -> Refusal {
    store.sign_in(attempt(DIAL_ID, "111", source, at_ms)).await.unwrap_err()
}

pub async fn right(store: &Store, source: &str, at_ms: u64) -> Result<AccountId, Refusal> {
    store.sign_in(attempt(DIAL_ID, DIAL_PASSWORD, source, at_ms)).await
}

pub fn event(detail: &str) -> AuditEvent {
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

pub async fn rows(store: &Store) -> Vec<sasayaki::store::AuditRow> {
    Trail::new(store.clone()).list(0).await.unwrap()
}

pub fn contains(all: &[u8], part: &str) -> bool {
    let hex: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
    [part, &hex].iter().any(|part| all.windows(part.len()).any(|window| window == part.as_bytes()))
}
