//! All SQL, and the keys that guard what it stores.
//!
//! In come named acts (`add_extension`, `grant`, `sign_in`, …) with who does them; out come rows as values.
//! Each act is one transaction, and its audit row and its line in the change feed stand in that same transaction.
//! Absent: any decision. Rights, lockouts and sign-ins are judged in `access`; the store fetches facts and keeps verdicts.
//!
//! The writer of a store's audit rows is the data folder: every process that uses one folder shares one `writer_id`.

mod account;
mod audit;
mod binding;
mod call;
mod call_center;
mod chain;
mod change;
mod dial_id;
mod extension;
mod file;
pub mod json;
pub mod keys;
mod one_time;
mod open;
pub mod password;
mod permission;
mod row;
mod seal;
mod seat;
mod set_up;
mod setting;
mod sign_in;
mod token;
mod trunk;
mod web_session;

pub use account::{AccountChange, AccountRow, NewAccount};
pub use audit::{AuditPlace, AuditRow, Snapshot};
pub use binding::{BindingChange, BindingRow};
pub use call::{CallFilter, CallPlace, CallRow};
pub use call_center::CallCenterRow;
pub use chain::{Head, Seal, Tip};
pub use change::Change;
pub use extension::{DirectoryEntry, ExtensionChange, ExtensionRow, NewExtension};
pub use keys::{KeyError, Keys};
pub use one_time::OneTimeCode;
pub use open::Options;
pub use password::PasswordHasher;
pub use permission::PermissionRow;
pub use set_up::SetUp;
pub use setting::{SettingKey, SettingRow};
pub use sign_in::{LockoutRow, SignIn};
pub use token::{Days, NewToken, TokenOwner, TokenRow, new_token, token_hash};
pub use trunk::{TrunkChange, TrunkEntry};

use crate::access::password::Weakness;
use crate::model::{AccountId, AuditEvent, AuditKind, ExtensionNumber, IdMaker, NodeId, Outcome};
use sqlx::{Any, AnyPool, Transaction};
use std::{
    io::ErrorKind,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// The one door to the database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    keys: Arc<Keys>,
    passwords: PasswordHasher,
    ids: Arc<Mutex<IdMaker>>,
    writer: NodeId,
    realm: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// Who changes something, from where, and when.
#[derive(Clone, Debug)]
pub struct Actor {
    /// `cli`, or an address.
    pub source: String,
    pub account: Option<AccountId>,
    pub at_ms: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database has failed: {0}")]
    Database(#[source] sqlx::Error),
    #[error("the database cannot be reached: {0}; when its server answers again, all goes on by itself")]
    Unreachable(#[source] sqlx::Error),
    #[error("there is no room left for the database: free some on its disk, and all goes on by itself")]
    DiskFull,
    #[error("the database may only be read: let the user that runs sasayaki write to it (file and folder, or server)")]
    ReadOnly,
    #[error("the store's URL must begin with sqlite: or postgres:")]
    UnknownScheme,
    #[error("the store was written by a newer version (schema {found}, this one knows {known}): upgrade this program")]
    NewerSchema { found: i64, known: i64 },
    #[error("the key file is not the one this store was made with: restore it from the backup")]
    WrongKeyFile,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("there is no {what} {name}")]
    NoSuch { what: &'static str, name: String },
    #[error("there is already {what} {name}")]
    Taken { what: &'static str, name: String },
    #[error("{what} must be {expected}")]
    Unusable { what: &'static str, expected: &'static str },
    #[error("the dial-operation password {0}; nothing was changed")]
    Weak(#[from] Weakness),
    #[error("nobody removes their own account or takes their own role: another administrator does")]
    OwnAccount,
    #[error("the store holds a {what} that cannot be read")]
    Corrupt { what: &'static str },
    #[error("the audit trail was tampered with: its end is not signed by this store; see `sasayaki audit verify`")]
    TamperedTrail,
    #[error("too many passwords are being checked: try again")]
    Busy,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(told) if told.kind() == ErrorKind::StorageFull => StoreError::DiskFull,
            sqlx::Error::Io(told)
                if [ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied].contains(&told.kind()) =>
            {
                StoreError::ReadOnly
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => StoreError::Unreachable(error),
            sqlx::Error::Database(told) => match told.code().as_deref().and_then(trouble) {
                Some(trouble) => trouble,
                None => StoreError::Database(error),
            },
            _ => StoreError::Database(error),
        }
    }
}

/// What the databases' codes say that an administrator can mend: SQLite's are numbers whose lowest byte names the kind,
/// PostgreSQL's have five characters.
fn trouble(code: &str) -> Option<StoreError> {
    const SQLITE_READONLY: u32 = 8;
    const SQLITE_FULL: u32 = 13;
    match code {
        "25006" => Some(StoreError::ReadOnly),
        "53100" => Some(StoreError::DiskFull),
        _ if code.len() == 5 => None,
        _ => match code.parse::<u32>().ok()? & 0xff {
            SQLITE_READONLY => Some(StoreError::ReadOnly),
            SQLITE_FULL => Some(StoreError::DiskFull),
            _ => None,
        },
    }
}

/// What is given as the end of a page is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("expected what the page before gave as `next`")]
pub struct NotAPlace;

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl Store {
    /// Who writes this store's audit rows: the same for every process that uses one data folder.
    pub fn writer(&self) -> NodeId {
        self.writer
    }

    /// The digest realm with which new HA1s are computed.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// By which everybody can tell what this store has signed: Ed25519, in hexadecimal digits.
    pub fn public_key(&self) -> String {
        self.keys.public_key()
    }

    pub fn passwords(&self) -> &PasswordHasher {
        &self.passwords
    }

    /// Whether the database answers now.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Ends every connection; what was acknowledged is on disk already.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that may write. SQLite takes its one write lock at once, so that it cannot be refused half-way.
    async fn begin(&self) -> Result<Transaction<'static, Any>> {
        let statement = match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        };
        Ok(self.pool.begin_with(statement).await?)
    }

    /// Ends an administrator's act: its line in the change feed, its audit row, and the commit.
    async fn commit(
        &self,
        mut tx: Transaction<'static, Any>,
        actor: &Actor,
        change: Change,
        detail: String,
    ) -> Result<()> {
        change::publish(&mut tx, &change).await?;
        let event = AuditEvent {
            kind: AuditKind::Change,
            outcome: Outcome::Ok,
            account: actor.account,
            source: actor.source.clone(),
            mode: None,
            target: change.extension().cloned(),
            call: None,
            session: None,
            detail,
        };
        self.record(&mut tx, actor.at_ms, &[event]).await?;
        Ok(tx.commit().await?)
    }

    fn make_id<T: From<ulid::Ulid>>(&self, now_ms: u64) -> T {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).make(now_ms)
    }
}

impl Actor {
    pub fn now(source: impl Into<String>) -> Self {
        Self { source: source.into(), account: None, at_ms: unix_ms() }
    }

    pub fn cli() -> Self {
        Self::now("cli")
    }
}

/// The wall clock, in Unix milliseconds.
#[expect(clippy::disallowed_methods, reason = "the store is shell: its rows carry wall-clock times")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn no_such(what: &'static str, name: impl ToString) -> StoreError {
    StoreError::NoSuch { what, name: name.to_string() }
}

/// Tells a taken name from any other failure of an insert or update.
fn taken(error: sqlx::Error, what: &'static str, name: impl ToString) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::Taken { what, name: name.to_string() },
        Some(_) | None => error.into(),
    }
}

/// Tells a missing extension from any other failure.
fn extension_exists_or(number: Option<&ExtensionNumber>, error: sqlx::Error) -> StoreError {
    match (error.as_database_error(), number) {
        (Some(database), Some(number)) if database.is_foreign_key_violation() => no_such("extension", number),
        (Some(_) | None, _) => error.into(),
    }
}
