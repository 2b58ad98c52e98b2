use super::{Result, Store, row};
use crate::model::{AccountId, ExtensionNumber};
use sqlx::{Any, Transaction};
use std::{convert::Infallible, fmt, str::FromStr};

/// What a running engine has to look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Extension(ExtensionNumber),
    Account(AccountId),
    /// The dial-operation ID of an account: set, cleared or unlocked.
    DialId(AccountId),
    Permission(AccountId),
    /// Call centres and their agents.
    CallCenter,
    Setting,
    Trunk,
    /// Written by a newer program: look at everything.
    Unknown,
}

impl Change {
    pub(super) fn extension(&self) -> Option<&ExtensionNumber> {
        match self {
            Change::Extension(number) => Some(number),
            Change::Account(_)
            | Change::DialId(_)
            | Change::Permission(_)
            | Change::CallCenter
            | Change::Setting
            | Change::Trunk
            | Change::Unknown => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Extension(number) => write!(f, "extension {number}"),
            Change::Account(account) => write!(f, "account {account}"),
            Change::DialId(account) => write!(f, "dial-id {account}"),
            Change::Permission(account) => write!(f, "permission {account}"),
            Change::CallCenter => f.write_str("call-center"),
            Change::Setting => f.write_str("setting"),
            Change::Trunk => f.write_str("trunk"),
            Change::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for Change {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (what, name) = text.split_once(' ').unwrap_or((text, ""));
        let account = |change: fn(AccountId) -> Change| name.parse().map_or(Change::Unknown, change);
        Ok(match what {
            "extension" => name.parse().map_or(Change::Unknown, Change::Extension),
            "account" => account(Change::Account),
            "dial-id" => account(Change::DialId),
            "permission" => account(Change::Permission),
            "call-center" => Change::CallCenter,
            "setting" => Change::Setting,
            "trunk" => Change::Trunk,
            _ => Change::Unknown,
        })
    }
}

impl Store {
    /// The number of the newest change: where a fresh engine begins to follow.
    pub async fn last_change(&self) -> Result<u64> {
        let counter = sqlx::query("SELECT value FROM counter WHERE name = 'change_feed'").fetch_one(&self.pool).await?;
        row::number(&counter, "value")
    }

    /// Every change after `seq`, in the order of their commits.
    pub async fn changes_since(&self, seq: u64) -> Result<Vec<(u64, Change)>> {
        let rows = sqlx::query("SELECT seq, what FROM change_feed WHERE seq > $1 ORDER BY seq")
            .bind(row::big(seq))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|line| Ok((row::number(line, "seq")?, row::parsed(line, "what")?))).collect()
    }
}

pub(super) async fn publish(tx: &mut Transaction<'static, Any>, change: &Change) -> Result<()> {
    let counter = sqlx::query("UPDATE counter SET value = value + 1 WHERE name = 'change_feed' RETURNING value")
        .fetch_one(&mut **tx)
        .await?;
    sqlx::query("INSERT INTO change_feed (seq, what) VALUES ($1, $2)")
        .bind(row::column::<i64>(&counter, "value")?)
        .bind(change.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
