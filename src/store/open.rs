use super::{Dialect, Keys, PasswordHasher, Result, Store, StoreError, file, keys::os_random, password::Cost, row};
use crate::model::{Entropy, IdMaker, NodeId};
use percent_encoding::percent_decode_str;
use sqlx::{Any, AnyPool, Connection, Executor, Transaction, any::AnyPoolOptions};
use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

/// By their numbers. One that a store lacks is made up for, whatever came after it.
const MIGRATIONS: [(i64, &str); 12] = [
    (1, include_str!("../../migrations/0001_first.sql")),
    (2, include_str!("../../migrations/0002_srtp.sql")),
    (3, include_str!("../../migrations/0003_call_records.sql")),
    (4, include_str!("../../migrations/0004_trunks.sql")),
    (6, include_str!("../../migrations/0006_guard.sql")),
    (AUDIT_CHAIN, include_str!("../../migrations/0007_audit_chain.sql")),
    (9, include_str!("../../migrations/0009_web_sessions.sql")),
    (14, include_str!("../../migrations/0014_confidential_calls.sql")),
    (16, include_str!("../../migrations/0016_api_tokens.sql")),
    (18, include_str!("../../migrations/0018_seats.sql")),
    (19, include_str!("../../migrations/0019_set_up.sql")),
    (20, include_str!("../../migrations/0020_budget_as_it_is.sql")),
];

/// After this one the rows that were there before are chained, and the guards of the trail are set up.
const AUDIT_CHAIN: i64 = 7;
const AUDIT_GUARD_SQLITE: &str = include_str!("../../migrations/0007_audit_guard_sqlite.sql");
const AUDIT_GUARD_POSTGRES: &str = include_str!("../../migrations/0007_audit_guard_postgres.sql");

const MAX_CONNECTIONS: u32 = 8;

/// Longer than SQLite's own patience with another writer, so that the cause is named and not the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(8);

/// Any number, but the same in every program that migrates.
const POSTGRES_MIGRATION_LOCK: i64 = 0x0073_6173_6179_616b;

/// Where a store is and what it needs. Without `Debug`: the URL may hold a password.
#[derive(Clone)]
pub struct Options {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    pub pepper_file: PathBuf,
    /// Holds the writer's id, so that it is one per data folder.
    pub writer_file: PathBuf,
    /// The digest realm of new HA1s.
    pub realm: String,
    pub cost: Cost,
}

impl Options {
    pub fn new(url: impl Into<String>, data_dir: &Path, pepper_file: PathBuf, realm: impl Into<String>) -> Self {
        let writer_file = data_dir.join("writer.id");
        Self { url: url.into(), pepper_file, writer_file, realm: realm.into(), cost: Cost::OWASP }
    }
}

impl Store {
    /// Opens the store, makes what is missing (key file, writer id, database) and brings its schema up to date.
    pub async fn open(options: Options) -> Result<Store> {
        let keys = Arc::new(Keys::load_or_make(&options.pepper_file)?);
        let mut ids = IdMaker::new(Entropy::from_seed(os_random()));
        let writer = writer(&options.writer_file, &mut ids)?;
        let dialect = dialect(&options.url)?;
        let store = Store {
            pool: connect(dialect, &options.url).await?,
            dialect,
            passwords: PasswordHasher::new(Arc::clone(&keys), options.cost),
            keys,
            ids: Arc::new(Mutex::new(ids)),
            writer,
            realm: options.realm,
        };
        store.migrate().await?;
        Ok(store)
    }

    async fn migrate(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        if self.dialect == Dialect::Postgres {
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(POSTGRES_MIGRATION_LOCK).execute(&mut *tx).await?;
        }
        tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)").await?;
        let found = sqlx::query("SELECT version FROM schema_version").fetch_all(&mut *tx).await?;
        let found = found.iter().map(|line| row::column(line, "version")).collect::<Result<Vec<i64>>>()?;
        let known = MIGRATIONS.iter().map(|(version, _)| *version).max().unwrap_or_default();
        if let Some(found) = found.iter().copied().find(|found| *found > known) {
            return Err(StoreError::NewerSchema { found, known });
        }
        for (version, text) in MIGRATIONS.into_iter().filter(|(version, _)| !found.contains(version)) {
            sqlx::raw_sql(text).execute(&mut *tx).await?;
            if version == AUDIT_CHAIN {
                self.chain_older_rows(&mut tx).await?;
                let guard = match self.dialect {
                    Dialect::Sqlite => AUDIT_GUARD_SQLITE,
                    Dialect::Postgres => AUDIT_GUARD_POSTGRES,
                };
                sqlx::raw_sql(guard).execute(&mut *tx).await?;
            }
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)").bind(version).execute(&mut *tx).await?;
        }
        self.check_key(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// A database and a key file that do not belong together open no extension and verify no password.
    async fn check_key(&self, tx: &mut Transaction<'static, Any>) -> Result<()> {
        let fingerprint = self.keys.fingerprint();
        sqlx::query("INSERT INTO meta (name, value) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING")
            .bind(fingerprint.as_str())
            .execute(&mut **tx)
            .await?;
        let stored = sqlx::query("SELECT value FROM meta WHERE name = 'key'").fetch_one(&mut **tx).await?;
        if row::column::<String>(&stored, "value")? == fingerprint { Ok(()) } else { Err(StoreError::WrongKeyFile) }
    }
}

fn dialect(url: &str) -> Result<Dialect> {
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(Dialect::Sqlite),
        Some(("postgres" | "postgresql", _)) => Ok(Dialect::Postgres),
        Some(_) | None => Err(StoreError::UnknownScheme),
    }
}

fn writer(path: &Path, ids: &mut IdMaker) -> Result<NodeId> {
    let make = || ids.make::<NodeId>(super::unix_ms()).to_string();
    let text = file::read_or_make(path, make)
        .map_err(|error| super::KeyError::File { path: path.display().to_string(), error })?;
    text.trim().parse().map_err(|_| StoreError::Corrupt { what: "writer id" })
}

async fn connect(dialect: Dialect, url: &str) -> Result<AnyPool> {
    sqlx::any::install_default_drivers();
    let pool = AnyPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    // sqlx 0.9.0 looks for old connections in a task that may spin for ever (transact-rs/sqlx#3645): ours do not age.
    let pool = pool.idle_timeout(None).max_lifetime(None);
    // When SQLite ends a transaction by itself, as on a full disk, sqlx 0.9.0 takes it for open and begins no other: such a
    // connection is closed.
    let pool = pool.before_acquire(|connection, _| {
        let is_free = !connection.is_in_transaction();
        Box::pin(async move { Ok(is_free) })
    });
    match dialect {
        Dialect::Postgres => Ok(pool.connect(url).await?),
        Dialect::Sqlite => {
            make_private(url).map_err(sqlx::Error::Io)?;
            Ok(pool.after_connect(|connection, _| Box::pin(prepare_sqlite(connection))).connect(&creating(url)).await?)
        }
    }
}

/// The database is its owner's alone; SQLite gives its side files the mode of the file. An existing one is left as it is.
fn make_private(url: &str) -> io::Result<()> {
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default();
    if file.is_empty() || file.contains(":memory:") || url.contains("mode=") {
        return Ok(());
    }
    let file = percent_decode_str(file).decode_utf8_lossy();
    OpenOptions::new().append(true).create(true).mode(0o600).open(&*file).map(drop)
}

/// FULL: what was acknowledged outlives a kill and a power cut.
async fn prepare_sqlite(connection: &mut sqlx::AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA busy_timeout = 5000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    ] {
        connection.execute(pragma).await?;
    }
    connection.ping().await
}

/// A missing database file is made, unless the URL says what else to do.
fn creating(url: &str) -> String {
    if url.contains("mode=") {
        url.to_owned()
    } else {
        format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' })
    }
}
