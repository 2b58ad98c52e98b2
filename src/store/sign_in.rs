use super::{Result, Store, StoreError, audit, row};
use crate::{
    access::{
        lockout::{self, BASIC, Budget},
        sign_in::{self, Found, Password},
    },
    model::{AccountId, AuditEvent, AuditKind, CallId, Mode, Outcome, Refusal, Secret},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

/// One attempt to sign in by keypad.
pub struct SignIn {
    pub dial_id: Secret,
    pub password: Secret,
    /// The digest user name of the phone; never From.
    pub source: String,
    pub mode: Option<Mode>,
    pub call: Option<CallId>,
    pub at_ms: u64,
}

/// What stands under a dial-operation ID.
struct Record {
    found: Found,
    password_hash: Option<String>,
}

impl Store {
    /// Signs in, or says why not; either way one run of argon2 (none if no place is free in time) and one audit row.
    pub async fn sign_in(&self, attempt: SignIn) -> Result<AccountId, Refusal> {
        let tried = self.try_sign_in(attempt).await;
        tried.unwrap_or_else(|error| {
            tracing::error!(%error, "a sign-in was refused because the store failed");
            Err(Refusal::StoreUnavailable)
        })
    }

    async fn try_sign_in(&self, attempt: SignIn) -> Result<Result<AccountId, Refusal>> {
        let SignIn { dial_id, password, source, mode, call, at_ms } = attempt;
        let record = self.find_dial_id(&dial_id).await?;
        let password = self.passwords.verify(password, record.password_hash).await;
        let event = |verdict: Result<AccountId, Refusal>| AuditEvent {
            kind: AuditKind::SignIn,
            outcome: if verdict.is_ok() { Outcome::Ok } else { Outcome::Refused },
            account: record.found.account(),
            source: source.clone(),
            mode,
            target: None,
            call,
            session: None,
            detail: verdict.err().map_or("signed-in", Refusal::as_str).to_owned(),
        };
        self.record_sign_in(record.found, password, &source, at_ms, event).await
    }

    async fn find_dial_id(&self, dial_id: &Secret) -> Result<Record> {
        let found = sqlx::query("SELECT account, password_hash FROM dial_id WHERE id = $1")
            .bind(dial_id.expose())
            .fetch_optional(&self.pool)
            .await?;
        let Some(line) = found else { return Ok(Record { found: Found::Nobody, password_hash: None }) };
        let account = row::parsed(&line, "account")?;
        let password_hash: Option<String> = row::column(&line, "password_hash")?;
        let found = if password_hash.is_some() { Found::Set(account) } else { Found::Unset(account) };
        Ok(Record { found, password_hash })
    }

    /// The verdict, the budget after it and its audit row, in one transaction. The budget's row is locked from the first
    /// statement on, so that of many attempts at once none is judged by a budget that another is about to change.
    async fn record_sign_in(
        &self,
        found: Found,
        password: Password,
        source: &str,
        at_ms: u64,
        event: impl Fn(Result<AccountId, Refusal>) -> AuditEvent,
    ) -> Result<Result<AccountId, Refusal>> {
        let mut tx = self.begin().await?;
        let verdict = match found {
            Found::Nobody | Found::Unset(_) => sign_in::judge(found, lockout::Verdict::Open, password),
            Found::Set(account) => {
                let budget = lock_budget(&mut tx, account, source).await?;
                let verdict = sign_in::judge(found, BASIC.judge(&budget, at_ms), password);
                keep_budget(&mut tx, account, source, &after(&budget, verdict, at_ms)).await?;
                if verdict.is_ok() {
                    know_source(&mut tx, account, source, at_ms).await?;
                }
                verdict
            }
        };
        audit::append(&mut tx, self.writer, at_ms, &[event(verdict)]).await?;
        tx.commit().await?;
        Ok(verdict)
    }
}

fn after(budget: &Budget, verdict: Result<AccountId, Refusal>, at_ms: u64) -> Budget {
    match verdict {
        Ok(_) => BASIC.after_success(budget, at_ms),
        Err(Refusal::WrongPassword) => BASIC.after_failure(budget, at_ms),
        Err(_) => budget.clone(),
    }
}

async fn lock_budget(tx: &mut Transaction<'static, Any>, account: AccountId, source: &str) -> Result<Budget> {
    let line = sqlx::query(
        "INSERT INTO budget (account, source, failed_at_ms, level) VALUES ($1, $2, '', 0)
         ON CONFLICT (account, source) DO UPDATE SET level = budget.level
         RETURNING failed_at_ms, locked_until_ms, level",
    )
    .bind(account.to_string())
    .bind(source)
    .fetch_one(&mut **tx)
    .await?;
    read(&line)
}

async fn keep_budget(
    tx: &mut Transaction<'static, Any>,
    account: AccountId,
    source: &str,
    budget: &Budget,
) -> Result<()> {
    let failed_at_ms: Vec<String> = budget.failed_at_ms.iter().map(u64::to_string).collect();
    sqlx::query(
        "UPDATE budget SET failed_at_ms = $3, locked_until_ms = $4, level = $5 WHERE account = $1 AND source = $2",
    )
    .bind(account.to_string())
    .bind(source)
    .bind(failed_at_ms.join(" "))
    .bind(budget.locked_until_ms.map(row::big))
    .bind(i64::from(budget.level))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn know_source(tx: &mut Transaction<'static, Any>, account: AccountId, source: &str, at_ms: u64) -> Result<()> {
    sqlx::query(
        "INSERT INTO known_source (account, source, last_at_ms) VALUES ($1, $2, $3)
         ON CONFLICT (account, source) DO UPDATE SET last_at_ms = excluded.last_at_ms",
    )
    .bind(account.to_string())
    .bind(source)
    .bind(row::big(at_ms))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(line: &AnyRow) -> Result<Budget> {
    let times: String = row::column(line, "failed_at_ms")?;
    let failed_at_ms = times.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    let locked_until_ms: Option<i64> = line.try_get("locked_until_ms")?;
    Ok(Budget {
        failed_at_ms: failed_at_ms.map_err(|_| StoreError::Corrupt { what: "failed_at_ms" })?,
        locked_until_ms: locked_until_ms.and_then(|until_ms| u64::try_from(until_ms).ok()),
        level: row::small(line, "level")?,
    })
}
