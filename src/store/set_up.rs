use super::{
    Actor, Change, ExtensionChange, Result, Store, StoreError, extension_exists_or,
    keys::{hex, os_random},
    row,
};
use crate::model::{ExtensionNumber, Password, Secret};
use sha2::{Digest, Sha256};

/// How long a token is good for if nobody uses it.
const GOOD_FOR_MS: u64 = 24 * 3600 * 1000;

/// With this a softphone is set up, once.
pub struct SetUp {
    pub token: Secret,
    pub expires_at_ms: u64,
}

impl Store {
    /// Lets whoever has the token set up a phone as this extension; earlier tokens of it are good no more.
    pub async fn make_set_up(&self, actor: &Actor, extension: &ExtensionNumber) -> Result<SetUp> {
        let token = Secret::new(hex(&os_random()));
        let expires_at_ms = actor.at_ms.saturating_add(GOOD_FOR_MS);
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM set_up WHERE extension = $1 OR expires_at_ms <= $2")
            .bind(extension.as_str())
            .bind(row::big(actor.at_ms))
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO set_up (token_hash, extension, expires_at_ms) VALUES ($1, $2, $3)")
            .bind(hash(&token))
            .bind(extension.as_str())
            .bind(row::big(expires_at_ms))
            .execute(&mut *tx)
            .await
            .map_err(|error| extension_exists_or(Some(extension), error))?;
        self.commit(tx, actor, Change::Extension(extension.clone()), format!("extension set-up {extension}")).await?;
        Ok(SetUp { token, expires_at_ms })
    }

    /// Spends a token: the extension has a new password from now on, and this is the one time that it is told.
    /// `None`: no such token, or no more.
    pub async fn redeem_set_up(&self, actor: &Actor, token: &Secret) -> Result<Option<(ExtensionNumber, Password)>> {
        let mut tx = self.begin().await?;
        let spent = sqlx::query("DELETE FROM set_up WHERE token_hash = $1 AND expires_at_ms > $2 RETURNING extension")
            .bind(hash(token))
            .bind(row::big(actor.at_ms))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(line) = spent else { return Ok(None) };
        let extension: ExtensionNumber = row::parsed(&line, "extension")?;
        tx.commit().await?;
        let password = hex(&os_random()).parse::<Password>().map_err(|_| StoreError::Corrupt { what: "password" })?;
        let change = ExtensionChange { password: Some(password.clone()), ..ExtensionChange::default() };
        self.set_extension(actor, &extension, change).await?;
        Ok(Some((extension, password)))
    }
}

fn hash(token: &Secret) -> String {
    hex(&Sha256::digest(token.expose().as_bytes()))
}
