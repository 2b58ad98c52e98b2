use super::{AccountRow, Actor, Result, Store, row};
use crate::{
    access::sign_in::{Found, Password},
    model::{AccountId, AuditEvent, AuditKind, Outcome, Refusal, Secret},
};
use sqlx::{Any, Transaction};

/// A web session that nobody used for so long is over.
pub const IDLE_MS: u64 = 60 * 60 * 1000;

/// A web session is over after so long, used or not.
pub const LONGEST_MS: u64 = 12 * 60 * 60 * 1000;

/// The most web sessions of one account; the oldest give way.
pub const MAX_PER_ACCOUNT: u32 = 20;

/// How exactly it is known when a session was used last, so that not every request writes.
const SEEN_STEP_MS: u64 = 60_000;

impl Store {
    /// What stands under a login, and whether the password is its: one run of argon2 whether or not there is such a login.
    pub async fn check_web_password(&self, login: &str, password: Secret) -> Result<(Found, Password)> {
        let found = sqlx::query("SELECT id, password_hash FROM account WHERE login = $1")
            .bind(login)
            .fetch_optional(&self.pool)
            .await?;
        let (found, hash) = match found {
            Some(line) => (Found::Set(row::parsed(&line, "id")?), Some(row::column(&line, "password_hash")?)),
            None => (Found::Nobody, None),
        };
        Ok((found, self.passwords.verify(password, hash).await))
    }

    /// Writes down how signing in to the web pages went, and begins the session of whoever was let in.
    pub async fn record_web_sign_in(
        &self,
        actor: &Actor,
        found: Found,
        verdict: Result<AccountId, Refusal>,
        token_hash: &str,
    ) -> Result<()> {
        let event = AuditEvent {
            kind: AuditKind::SignIn,
            outcome: if verdict.is_ok() { Outcome::Ok } else { Outcome::Refused },
            account: found.account(),
            source: actor.source.clone(),
            mode: None,
            target: None,
            call: None,
            session: None,
            detail: match verdict {
                Ok(_) => "web signed-in".to_owned(),
                Err(Refusal::UnknownDialId) => "web unknown-login".to_owned(),
                Err(refusal) => format!("web {}", refusal.as_str()),
            },
        };
        let mut tx = self.begin().await?;
        if let Ok(account) = verdict {
            let (account, now) = (account.to_string(), row::big(actor.at_ms));
            sqlx::query("DELETE FROM web_session WHERE seen_at_ms < $1 OR begun_at_ms < $2")
                .bind(row::big(actor.at_ms.saturating_sub(IDLE_MS)))
                .bind(row::big(actor.at_ms.saturating_sub(LONGEST_MS)))
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "DELETE FROM web_session WHERE account = $1 AND token_hash NOT IN
                 (SELECT token_hash FROM web_session WHERE account = $1 ORDER BY begun_at_ms DESC LIMIT $2)",
            )
            .bind(account.as_str())
            .bind(i64::from(MAX_PER_ACCOUNT - 1))
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "INSERT INTO web_session (token_hash, account, begun_at_ms, seen_at_ms) VALUES ($1, $2, $3, $3)",
            )
            .bind(token_hash)
            .bind(account)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        }
        self.record(&mut tx, actor.at_ms, &[event]).await?;
        Ok(tx.commit().await?)
    }

    /// Whose session this is, with the role as it is now; the session counts as used.
    pub async fn web_session(&self, token_hash: &str, now_ms: u64) -> Result<Option<AccountRow>> {
        let found = sqlx::query(
            "SELECT account, seen_at_ms FROM web_session WHERE token_hash = $1 AND seen_at_ms >= $2 AND begun_at_ms >= $3",
        )
        .bind(token_hash)
        .bind(row::big(now_ms.saturating_sub(IDLE_MS)))
        .bind(row::big(now_ms.saturating_sub(LONGEST_MS)))
        .fetch_optional(&self.pool)
        .await?;
        let Some(line) = found else { return Ok(None) };
        if row::number(&line, "seen_at_ms")? + SEEN_STEP_MS <= now_ms {
            sqlx::query("UPDATE web_session SET seen_at_ms = $2 WHERE token_hash = $1")
                .bind(token_hash)
                .bind(row::big(now_ms))
                .execute(&self.pool)
                .await?;
        }
        self.account(row::parsed(&line, "account")?).await
    }

    pub async fn end_web_session(&self, token_hash: &str) -> Result<()> {
        sqlx::query("DELETE FROM web_session WHERE token_hash = $1").bind(token_hash).execute(&self.pool).await?;
        Ok(())
    }

    /// Signs an account out everywhere.
    pub async fn end_web_sessions(&self, account: AccountId) -> Result<()> {
        let mut tx = self.begin().await?;
        end_all(&mut tx, account).await?;
        Ok(tx.commit().await?)
    }
}

pub(super) async fn end_all(tx: &mut Transaction<'static, Any>, account: AccountId) -> Result<()> {
    sqlx::query("DELETE FROM web_session WHERE account = $1").bind(account.to_string()).execute(&mut **tx).await?;
    Ok(())
}
