use super::{Actor, Change, Result, Store, StoreError, extension_exists_or, json, no_such, row, taken, web_session};
use crate::model::{AccountId, ExtensionNumber, Login, Name, Password, Role};
use serde::{Deserialize, Serialize};
use sqlx::{Any, Transaction, any::AnyRow};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    #[serde(deserialize_with = "json::from_text")]
    pub login: Login,
    #[serde(deserialize_with = "json::from_text")]
    pub role: Role,
    #[serde(default, deserialize_with = "json::from_text")]
    pub name: Name,
    #[serde(default, deserialize_with = "json::from_given_text")]
    pub extension: Option<ExtensionNumber>,
    /// For the web pages; the keypad has a password of its own.
    #[serde(deserialize_with = "json::from_text")]
    pub password: Password,
}

/// `None` leaves a thing as it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountChange {
    #[serde(deserialize_with = "json::from_given_text")]
    pub role: Option<Role>,
    #[serde(deserialize_with = "json::from_given_text")]
    pub name: Option<Name>,
    /// `Some(None)` ties the account to no extension.
    #[serde(deserialize_with = "json::from_nullable_text")]
    pub extension: Option<Option<ExtensionNumber>>,
    #[serde(deserialize_with = "json::from_given_text")]
    pub password: Option<Password>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    #[serde(serialize_with = "json::as_text")]
    pub id: AccountId,
    pub login: String,
    #[serde(serialize_with = "json::as_text")]
    pub role: Role,
    pub name: String,
    #[serde(serialize_with = "json::as_text_option")]
    pub extension: Option<ExtensionNumber>,
    /// The dial-operation ID.
    pub dial_id: Option<String>,
}

impl Store {
    pub async fn add_account(&self, actor: &Actor, new: NewAccount) -> Result<AccountId> {
        let password_hash = self.passwords.hash(new.password.into_secret()).await?;
        let id: AccountId = self.make_id(actor.at_ms);
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO account (id, login, role, name, password_hash) VALUES ($1, $2, $3, $4, $5)")
            .bind(id.to_string())
            .bind(new.login.as_str())
            .bind(new.role.as_str())
            .bind(new.name.into_string())
            .bind(password_hash)
            .execute(&mut *tx)
            .await
            .map_err(|error| taken(error, "account", &new.login))?;
        if let Some(extension) = &new.extension {
            tie(&mut tx, id, Some(extension)).await?;
        }
        let detail = format!("account add {} --role {}", new.login, new.role);
        self.commit(tx, actor, Change::Account(id), detail).await?;
        Ok(id)
    }

    pub async fn set_account(&self, actor: &Actor, login: &str, change: AccountChange) -> Result<()> {
        let detail = format!("account set {login}{}", change.described());
        let changes_password = change.password.is_some();
        let password_hash = match change.password {
            Some(password) => Some(self.passwords.hash(password.into_secret()).await?),
            None => None,
        };
        let mut tx = self.begin().await?;
        let id = id_of(&mut tx, login).await?;
        if actor.account == Some(id) && change.role.is_some_and(|role| role != Role::Administrator) {
            return Err(StoreError::OwnAccount);
        }
        sqlx::query(
            "UPDATE account SET role = COALESCE($2, role), name = COALESCE($3, name),
             password_hash = COALESCE($4, password_hash) WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(change.role.map(Role::as_str))
        .bind(change.name.map(Name::into_string))
        .bind(password_hash)
        .execute(&mut *tx)
        .await?;
        if let Some(extension) = change.extension {
            tie(&mut tx, id, extension.as_ref()).await?;
        }
        if changes_password {
            // Whoever knew the old one is signed out.
            web_session::end_all(&mut tx, id).await?;
        }
        self.commit(tx, actor, Change::Account(id), detail).await
    }

    /// Its dial-operation ID, rights and lockouts go with it.
    pub async fn remove_account(&self, actor: &Actor, login: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let id = id_of(&mut tx, login).await?;
        if actor.account == Some(id) {
            return Err(StoreError::OwnAccount);
        }
        sqlx::query("DELETE FROM account WHERE id = $1").bind(id.to_string()).execute(&mut *tx).await?;
        self.commit(tx, actor, Change::Account(id), format!("account remove {login}")).await
    }

    pub async fn accounts(&self) -> Result<Vec<AccountRow>> {
        let rows = sqlx::query(
            "SELECT account.id, login, role, name, extension, dial_id.id AS dial_id
             FROM account LEFT JOIN dial_id ON dial_id.account = account.id ORDER BY login",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    pub async fn account(&self, id: AccountId) -> Result<Option<AccountRow>> {
        let found = sqlx::query(
            "SELECT account.id, login, role, name, extension, dial_id.id AS dial_id
             FROM account LEFT JOIN dial_id ON dial_id.account = account.id WHERE account.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.pool)
        .await?;
        found.as_ref().map(read).transpose()
    }

    pub async fn account_of(&self, login: &str) -> Result<Option<AccountRow>> {
        let found = sqlx::query(
            "SELECT account.id, login, role, name, extension, dial_id.id AS dial_id
             FROM account LEFT JOIN dial_id ON dial_id.account = account.id WHERE login = $1",
        )
        .bind(login)
        .fetch_optional(&self.pool)
        .await?;
        found.as_ref().map(read).transpose()
    }
}

impl AccountChange {
    fn described(&self) -> String {
        let mut text = self.role.map(|role| format!(" --role {role}")).unwrap_or_default();
        if self.name.is_some() {
            text.push_str(" --name");
        }
        match &self.extension {
            Some(Some(extension)) => text.push_str(&format!(" --extension {extension}")),
            Some(None) => text.push_str(" --no-extension"),
            None => {}
        }
        if self.password.is_some() {
            text.push_str(" --password");
        }
        text
    }
}

pub(super) async fn id_of(tx: &mut Transaction<'static, Any>, login: &str) -> Result<AccountId> {
    let found = sqlx::query("SELECT id FROM account WHERE login = $1").bind(login).fetch_optional(&mut **tx).await?;
    row::parsed(&found.ok_or_else(|| no_such("account", login))?, "id")
}

async fn tie(tx: &mut Transaction<'static, Any>, id: AccountId, extension: Option<&ExtensionNumber>) -> Result<()> {
    sqlx::query("UPDATE account SET extension = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(extension.map(ExtensionNumber::to_string))
        .execute(&mut **tx)
        .await
        .map_err(|error| extension_exists_or(extension, error))?;
    Ok(())
}

fn read(line: &AnyRow) -> Result<AccountRow> {
    Ok(AccountRow {
        id: row::parsed(line, "id")?,
        login: row::column(line, "login")?,
        role: row::parsed(line, "role")?,
        name: row::column(line, "name")?,
        extension: row::parsed_option(line, "extension")?,
        dial_id: row::column(line, "dial_id")?,
    })
}
