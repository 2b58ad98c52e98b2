use super::{
    AccountRow, Actor, Change, Result, Store, StoreError,
    account::id_of,
    json,
    keys::{hex, os_random},
    no_such, row, taken,
};
use crate::model::{AccountId, Login, Name, Scope, Secret, TokenId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use std::str::FromStr;

/// The most tokens of one account.
pub const MAX_PER_ACCOUNT: i64 = 50;

/// How exactly it is known when a token was used last, so that not every request writes.
const USED_STEP_MS: u64 = 60_000;

const DAY_MS: u64 = 24 * 3600 * 1000;
const USUAL_DAYS: u16 = 90;
const MOST_DAYS: u16 = 730;

/// For how long a token is good, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub struct Days(u16);

/// What a program may be given: no more than its account may do, and of that no more than the scopes say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    #[serde(deserialize_with = "json::from_text")]
    pub login: Login,
    /// What it is for; one of this name an account.
    #[serde(deserialize_with = "json::from_text")]
    pub name: Name,
    #[serde(deserialize_with = "json::from_texts")]
    pub scopes: Vec<Scope>,
    #[serde(default)]
    pub days: Days,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    pub id: TokenId,
    pub login: String,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub made_at_ms: u64,
    pub expires_at_ms: u64,
    pub used_at_ms: Option<u64>,
}

/// Whose token it is, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenOwner {
    pub account: AccountRow,
    pub name: String,
    pub scopes: Vec<Scope>,
}

impl Store {
    /// Makes a token, which is given out here and never again.
    pub async fn make_token(&self, actor: &Actor, new: NewToken) -> Result<(TokenId, Secret)> {
        let NewToken { login, name, mut scopes, days } = new;
        scopes.sort();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(StoreError::Unusable { what: "scopes", expected: "at least one of read, monitor and admin" });
        }
        let (id, token): (TokenId, _) = (self.make_id(actor.at_ms), new_token());
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login.as_str()).await?;
        let held = sqlx::query("SELECT COUNT(*) AS held FROM api_token WHERE account = $1").bind(account.to_string());
        if row::column::<i64>(&held.fetch_one(&mut *tx).await?, "held")? >= MAX_PER_ACCOUNT {
            return Err(StoreError::Unusable {
                what: "the number of tokens",
                expected: "50 at most: revoke one first",
            });
        }
        sqlx::query(
            "INSERT INTO api_token (id, account, name, token_hash, scopes, made_at_ms, expires_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(name.as_str())
        .bind(token_hash(&token))
        .bind(joined(&scopes))
        .bind(row::big(actor.at_ms))
        .bind(row::big(actor.at_ms.saturating_add(u64::from(days.0) * DAY_MS)))
        .execute(&mut *tx)
        .await
        .map_err(|error| taken(error, "token", &name))?;
        let scopes: String = scopes.iter().map(|scope| format!(" --scope {scope}")).collect();
        let detail = format!("token create {login} {id}{scopes} --days {}", days.0);
        self.commit(tx, actor, Change::Account(account), detail).await?;
        Ok((id, token))
    }

    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<()> {
        let mut tx = self.begin().await?;
        let gone = sqlx::query("DELETE FROM api_token WHERE id = $1 RETURNING account").bind(id.to_string());
        let line = gone.fetch_optional(&mut *tx).await?.ok_or_else(|| no_such("token", id))?;
        let account: AccountId = row::parsed(&line, "account")?;
        self.commit(tx, actor, Change::Account(account), format!("token revoke {id}")).await
    }

    /// Those that are over, too, until somebody revokes them.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>> {
        let rows = sqlx::query(
            "SELECT api_token.id, login, api_token.name, scopes, made_at_ms, expires_at_ms, used_at_ms
             FROM api_token JOIN account ON account.id = api_token.account ORDER BY api_token.id",
        )
        .fetch_all(&self.pool)
        .await?;
        let read = |line: &AnyRow| {
            Ok(TokenRow {
                id: row::parsed(line, "id")?,
                login: row::column(line, "login")?,
                name: row::column(line, "name")?,
                scopes: scopes(line)?,
                made_at_ms: row::number(line, "made_at_ms")?,
                expires_at_ms: row::number(line, "expires_at_ms")?,
                used_at_ms: row::number_option(line, "used_at_ms")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Whose token this is, with the role as it is now; the token counts as used.
    pub async fn token_owner(&self, token_hash: &str, now_ms: u64) -> Result<Option<TokenOwner>> {
        let found = sqlx::query(
            "SELECT account, name, scopes, used_at_ms FROM api_token WHERE token_hash = $1 AND expires_at_ms > $2",
        )
        .bind(token_hash)
        .bind(row::big(now_ms))
        .fetch_optional(&self.pool)
        .await?;
        let Some(line) = found else { return Ok(None) };
        let used_at_ms: Option<u64> = row::number_option(&line, "used_at_ms")?;
        if used_at_ms.is_none_or(|used_at_ms| used_at_ms + USED_STEP_MS <= now_ms) {
            sqlx::query("UPDATE api_token SET used_at_ms = $2 WHERE token_hash = $1")
                .bind(token_hash)
                .bind(row::big(now_ms))
                .execute(&self.pool)
                .await?;
        }
        let account = self.account(row::parsed(&line, "account")?).await?;
        let (name, scopes) = (row::column(&line, "name")?, scopes(&line)?);
        Ok(account.map(|account| TokenOwner { account, name, scopes }))
    }
}

/// 256 random bits in hex: for a cookie, or for a program.
pub fn new_token() -> Secret {
    Secret::new(hex(&os_random()))
}

/// By which the store knows a cookie or a token.
pub fn token_hash(token: &Secret) -> String {
    hex(&Sha256::digest(token.expose().as_bytes()))
}

fn scopes(line: &AnyRow) -> Result<Vec<Scope>> {
    let words: String = row::column(line, "scopes")?;
    let read = |word: &str| word.parse().map_err(|_| StoreError::Corrupt { what: "scopes" });
    words.split_whitespace().map(read).collect()
}

fn joined(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

impl Default for Days {
    fn default() -> Self {
        Self(USUAL_DAYS)
    }
}

impl TryFrom<u16> for Days {
    type Error = &'static str;

    fn try_from(days: u16) -> Result<Self, Self::Error> {
        if (1..=MOST_DAYS).contains(&days) { Ok(Self(days)) } else { Err("expected 1 to 730 days") }
    }
}

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<u16>().unwrap_or(0).try_into()
    }
}
