use super::{Actor, Change, Result, Store, StoreError, account::id_of, taken};
use crate::{
    access::password,
    model::{AccountId, MAX_DIGITS, Secret},
};
use sqlx::{Any, Transaction};

impl Store {
    /// Sets the ID and password for the keypad (D8: digits only). A password that is easily guessed is refused, unless the
    /// setting allows it (X2). A new password begins with fresh budgets.
    pub async fn set_dial_id(&self, actor: &Actor, login: &str, dial_id: &str, password: Secret) -> Result<()> {
        digits_only("a dial-operation ID", dial_id)?;
        digits_only("a dial-operation password", password.expose())?;
        if !self.settings().await?.weak_passwords {
            password::judge(password.expose(), dial_id)?;
        }
        let password_hash = self.passwords.hash(password).await?;
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login).await?;
        sqlx::query(
            "INSERT INTO dial_id (account, id, password_hash) VALUES ($1, $2, $3)
             ON CONFLICT (account) DO UPDATE SET id = excluded.id, password_hash = excluded.password_hash",
        )
        .bind(account.to_string())
        .bind(dial_id)
        .bind(password_hash)
        .execute(&mut *tx)
        .await
        .map_err(|error| taken(error, "dial-operation ID", dial_id))?;
        forget_failures(&mut tx, account).await?;
        forget_codes(&mut tx, account).await?;
        self.commit(tx, actor, Change::DialId(account), format!("dial-id set {login} {dial_id}")).await
    }

    /// Takes the ID and password away, and with them its codes and what is known of where they were used.
    pub async fn clear_dial_id(&self, actor: &Actor, login: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login).await?;
        for statement in ["DELETE FROM dial_id WHERE account = $1", "DELETE FROM known_source WHERE account = $1"] {
            sqlx::query(statement).bind(account.to_string()).execute(&mut *tx).await?;
        }
        forget_failures(&mut tx, account).await?;
        forget_codes(&mut tx, account).await?;
        self.commit(tx, actor, Change::DialId(account), format!("dial-id clear {login}")).await
    }

    /// Opens every lock of the account.
    pub async fn unlock_dial_id(&self, actor: &Actor, login: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login).await?;
        forget_failures(&mut tx, account).await?;
        self.commit(tx, actor, Change::DialId(account), format!("dial-id unlock {login}")).await
    }
}

/// Codes that were made beside a password go with it.
async fn forget_codes(tx: &mut Transaction<'static, Any>, account: AccountId) -> Result<()> {
    sqlx::query("DELETE FROM one_time_code WHERE account = $1").bind(account.to_string()).execute(&mut **tx).await?;
    Ok(())
}

async fn forget_failures(tx: &mut Transaction<'static, Any>, account: AccountId) -> Result<()> {
    sqlx::query("DELETE FROM budget WHERE account = $1").bind(account.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// What a keypad can type and end with `#`.
fn digits_only(what: &'static str, text: &str) -> Result<()> {
    let usable = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if usable { Ok(()) } else { Err(StoreError::Unusable { what, expected: "1 to 32 digits" }) }
}
