use super::{Actor, Change, Result, Store, account::id_of, keys::os_random, no_such, row};
use crate::{
    access::sign_in::Password,
    model::{AccountId, Entropy, Secret},
};
use sqlx::{Any, Transaction};

/// How long a code is good for if nobody uses it.
pub const GOOD_FOR_MS: u64 = 24 * 3600 * 1000;

/// So long after its end a code is still known for what it was: a redial of it is no guess.
const REMEMBERED_FOR_MS: u64 = 30 * GOOD_FOR_MS;

/// So many digits are not guessed: beside them the password is the easier prey.
const CODE_DIGITS: u32 = 12;

/// What stands in a short dial in place of ID and lasting password.
pub struct OneTimeCode {
    pub dial_id: String,
    pub code: Secret,
    pub expires_at_ms: u64,
}

impl Store {
    /// Makes a code that signs in once, in place of the password (X6). Only its keyed hash is stored.
    pub async fn make_one_time_code(&self, actor: &Actor, login: &str) -> Result<OneTimeCode> {
        let code = draw_code();
        let expires_at_ms = actor.at_ms.saturating_add(GOOD_FOR_MS);
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login).await?;
        let line = sqlx::query("SELECT id FROM dial_id WHERE account = $1 AND password_hash IS NOT NULL")
            .bind(account.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        let dial_id = row::column(&line.ok_or_else(|| no_such("dial-operation ID", format!("of {login}")))?, "id")?;
        sqlx::query("DELETE FROM one_time_code WHERE expires_at_ms < $1")
            .bind(row::big(actor.at_ms.saturating_sub(REMEMBERED_FOR_MS)))
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO one_time_code (account, code_hash, expires_at_ms) VALUES ($1, $2, $3)")
            .bind(account.to_string())
            .bind(self.keys.hash_code(account, &code))
            .bind(row::big(expires_at_ms))
            .execute(&mut *tx)
            .await?;
        self.commit(tx, actor, Change::DialId(account), format!("dial-id one-time {login}")).await?;
        Ok(OneTimeCode { dial_id, code, expires_at_ms })
    }

    /// What the account's codes say of something typed that is not its password; `None`: nothing.
    pub(super) async fn look_up_code(
        &self,
        tx: &mut Transaction<'static, Any>,
        account: AccountId,
        typed: &Secret,
        at_ms: u64,
    ) -> Result<Option<Password>> {
        let line =
            sqlx::query("SELECT expires_at_ms, used_at_ms FROM one_time_code WHERE account = $1 AND code_hash = $2")
                .bind(account.to_string())
                .bind(self.keys.hash_code(account, typed))
                .fetch_optional(&mut **tx)
                .await?;
        let Some(line) = line else { return Ok(None) };
        let used = row::column::<Option<i64>>(&line, "used_at_ms")?.is_some();
        let good = !used && at_ms < row::number(&line, "expires_at_ms")?;
        Ok(Some(if good { Password::OneTime } else { Password::Spent }))
    }

    pub(super) async fn spend_code(
        &self,
        tx: &mut Transaction<'static, Any>,
        account: AccountId,
        typed: &Secret,
        at_ms: u64,
    ) -> Result<()> {
        sqlx::query("UPDATE one_time_code SET used_at_ms = $3 WHERE account = $1 AND code_hash = $2")
            .bind(account.to_string())
            .bind(self.keys.hash_code(account, typed))
            .bind(row::big(at_ms))
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

fn draw_code() -> Secret {
    let digits = Entropy::from_seed(os_random()).bits() % 10u128.pow(CODE_DIGITS);
    Secret::new(format!("{digits:0width$}", width = CODE_DIGITS as usize))
}
