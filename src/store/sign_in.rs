use super::{Result, Store, row};
use crate::{
    access::{
        lockout::{self, Budget, Grace, POLICY},
        sign_in::{self, Found, Password},
    },
    model::{AccountId, AuditEvent, AuditKind, CallId, Mode, Outcome, Refusal, Secret},
};
use sqlx::{Any, Transaction, any::AnyRow};

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

/// A lock at a keypad that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockoutRow {
    pub login: String,
    /// A phone that the account is known at; empty: every other.
    pub source: String,
    pub until_ms: u64,
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
        let record = self.find_dial_id(&attempt.dial_id).await?;
        let password = self.passwords.verify(attempt.password.clone(), record.password_hash).await;
        self.record_sign_in(&attempt, record.found, password).await
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

    /// What a right password of the account would meet now, from `source` or (`None`) from a stranger: for who explains.
    pub async fn sign_in_facts(&self, account: AccountId, source: Option<&str>) -> Result<(Found, Budget)> {
        let mut tx = self.pool.begin().await?;
        let line = sqlx::query("SELECT password_hash FROM dial_id WHERE account = $1")
            .bind(account.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        let found = match line {
            None => Found::Nobody,
            Some(line) if row::column::<Option<String>>(&line, "password_hash")?.is_none() => Found::Unset(account),
            Some(_) => Found::Set(account),
        };
        let known = known_sources(&mut tx, account).await?;
        let holder = source.map_or(lockout::STRANGERS, |source| lockout::holder(source, &known));
        Ok((found, budget(&mut tx, account, holder).await?))
    }

    /// Every lock that holds at that time.
    pub async fn lockouts(&self, now_ms: u64) -> Result<Vec<LockoutRow>> {
        let rows = sqlx::query(
            "SELECT login, source, locked_until_ms FROM budget JOIN account ON account.id = budget.account
             WHERE locked_until_ms > $1 ORDER BY login, source",
        )
        .bind(row::big(now_ms))
        .fetch_all(&self.pool)
        .await?;
        let read = |line: &AnyRow| {
            let (login, source) = (row::column(line, "login")?, row::column(line, "source")?);
            Ok(LockoutRow { login, source, until_ms: row::number(line, "locked_until_ms")? })
        };
        rows.iter().map(read).collect()
    }

    /// The verdict, what is remembered after it and its audit row, in one transaction. The ID's row is locked from the first
    /// statement on, so that of many attempts at once none is judged by what another is about to change.
    async fn record_sign_in(
        &self,
        attempt: &SignIn,
        found: Found,
        password: Password,
    ) -> Result<Result<AccountId, Refusal>> {
        let mut tx = self.begin().await?;
        let (verdict, password) = match found {
            Found::Nobody | Found::Unset(_) => (sign_in::judge(found, lockout::Verdict::Open, password), password),
            Found::Set(account) => match lock_dial_id(&mut tx, account).await? {
                Some(grace) => self.judge_locked(&mut tx, account, grace, password, attempt).await?,
                // Taken away since it was found.
                None => (Err(Refusal::UnknownDialId), password),
            },
        };
        let event = told(attempt, found, verdict, password);
        self.record(&mut tx, attempt.at_ms, &[event]).await?;
        tx.commit().await?;
        Ok(verdict)
    }

    /// Judges an attempt at an ID that is locked for this transaction, and keeps what follows from it. A one-time code makes
    /// no phone known and forgives nothing, as it is no proof of the password.
    async fn judge_locked(
        &self,
        tx: &mut Transaction<'static, Any>,
        account: AccountId,
        grace: Grace,
        password: Password,
        attempt: &SignIn,
    ) -> Result<(Result<AccountId, Refusal>, Password)> {
        let SignIn { password: typed, source, at_ms, .. } = attempt;
        let code = match password {
            Password::Right => None,
            Password::Wrong | Password::OneTime | Password::Spent | Password::Unverified => {
                self.look_up_code(tx, account, typed, *at_ms).await?
            }
        };
        let password = code.unwrap_or(password);
        let known = known_sources(tx, account).await?;
        let holder = lockout::holder(source, &known);
        let budget = budget(tx, account, holder).await?;
        let verdict = sign_in::judge(Found::Set(account), POLICY.judge(&budget, *at_ms), password);
        match verdict {
            Ok(_) if password == Password::OneTime => self.spend_code(tx, account, typed, *at_ms).await?,
            Ok(_) => {
                let (budget, grace) = POLICY.after_success(&budget, grace, *at_ms);
                keep_budget(tx, account, holder, &budget).await?;
                keep_grace(tx, account, grace).await?;
                know_source(tx, account, source, *at_ms).await?;
            }
            Err(Refusal::WrongPassword) => {
                keep_budget(tx, account, holder, &POLICY.after_failure(&budget, *at_ms)).await?;
            }
            Err(_) => {}
        }
        Ok((verdict, password))
    }
}

/// The audit row of an attempt.
fn told(attempt: &SignIn, found: Found, verdict: Result<AccountId, Refusal>, password: Password) -> AuditEvent {
    let signed_in = if password == Password::OneTime { "signed-in-by-one-time-code" } else { "signed-in" };
    AuditEvent {
        kind: AuditKind::SignIn,
        outcome: if verdict.is_ok() { Outcome::Ok } else { Outcome::Refused },
        account: found.account(),
        source: attempt.source.clone(),
        mode: attempt.mode,
        target: None,
        call: attempt.call,
        session: None,
        detail: verdict.err().map_or(signed_in, Refusal::as_str).to_owned(),
    }
}

/// Holds the row of the ID until the transaction ends. `None`: there is none.
async fn lock_dial_id(tx: &mut Transaction<'static, Any>, account: AccountId) -> Result<Option<Grace>> {
    let line = sqlx::query("UPDATE dial_id SET account = account WHERE account = $1 RETURNING grace_since_ms")
        .bind(account.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    line.map(|line| Ok(Grace { since_ms: row::number(&line, "grace_since_ms")? })).transpose()
}

/// The sources that signed in last, latest first.
async fn known_sources(tx: &mut Transaction<'static, Any>, account: AccountId) -> Result<Vec<String>> {
    let rows =
        sqlx::query("SELECT source FROM known_source WHERE account = $1 ORDER BY last_at_ms DESC, source LIMIT $2")
            .bind(account.to_string())
            .bind(row::big(lockout::MAX_KNOWN as u64))
            .fetch_all(&mut **tx)
            .await?;
    rows.iter().map(|line| row::column(line, "source")).collect()
}

async fn budget(tx: &mut Transaction<'static, Any>, account: AccountId, holder: &str) -> Result<Budget> {
    let line =
        sqlx::query("SELECT failures, fades_from_ms, locked_until_ms FROM budget WHERE account = $1 AND source = $2")
            .bind(account.to_string())
            .bind(holder)
            .fetch_optional(&mut **tx)
            .await?;
    line.map_or(Ok(Budget::default()), |line| read(&line))
}

async fn keep_budget(
    tx: &mut Transaction<'static, Any>,
    account: AccountId,
    holder: &str,
    budget: &Budget,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO budget (account, source, failures, fades_from_ms, locked_until_ms)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account, source) DO UPDATE SET failures = excluded.failures,
         fades_from_ms = excluded.fades_from_ms, locked_until_ms = excluded.locked_until_ms",
    )
    .bind(account.to_string())
    .bind(holder)
    .bind(i64::from(budget.failures))
    .bind(row::big(budget.fades_from_ms))
    .bind(budget.locked_until_ms.map(row::big))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn keep_grace(tx: &mut Transaction<'static, Any>, account: AccountId, grace: Grace) -> Result<()> {
    sqlx::query("UPDATE dial_id SET grace_since_ms = $2 WHERE account = $1")
        .bind(account.to_string())
        .bind(row::big(grace.since_ms))
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
    Ok(Budget {
        failures: row::small(line, "failures")?,
        fades_from_ms: row::number(line, "fades_from_ms")?,
        locked_until_ms: row::number_option(line, "locked_until_ms")?,
    })
}
