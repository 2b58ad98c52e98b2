use super::{
    Actor, Change, Result, Store,
    extension::{as_text, as_text_option},
    extension_exists_or, no_such, row, taken, web_session,
};
use crate::model::{AccountId, ExtensionNumber, Role, Secret};
use serde::Serialize;
use sqlx::{Any, Transaction, any::AnyRow};

pub struct NewAccount {
    pub login: String,
    pub role: Role,
    pub name: String,
    pub extension: Option<ExtensionNumber>,
    /// For the web pages; the keypad has a password of its own.
    pub password: Secret,
}

/// `None` leaves a thing as it is.
#[derive(Default)]
pub struct AccountChange {
    pub role: Option<Role>,
    pub name: Option<String>,
    /// `Some(None)` ties the account to no extension.
    pub extension: Option<Option<ExtensionNumber>>,
    pub password: Option<Secret>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    #[serde(serialize_with = "as_text")]
    pub id: AccountId,
    pub login: String,
    #[serde(serialize_with = "as_text")]
    pub role: Role,
    pub name: String,
    #[serde(serialize_with = "as_text_option")]
    pub extension: Option<ExtensionNumber>,
    /// The dial-operation ID.
    pub dial_id: Option<String>,
}

impl Store {
    pub async fn add_account(&self, actor: &Actor, new: NewAccount) -> Result<AccountId> {
        let password_hash = self.passwords.hash(new.password).await?;
        let id: AccountId = self.make_id(actor.at_ms);
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO account (id, login, role, name, password_hash) VALUES ($1, $2, $3, $4, $5)")
            .bind(id.to_string())
            .bind(new.login.as_str())
            .bind(new.role.as_str())
            .bind(new.name)
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
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let mut tx = self.begin().await?;
        let id = id_of(&mut tx, login).await?;
        sqlx::query(
            "UPDATE account SET role = COALESCE($2, role), name = COALESCE($3, name),
             password_hash = COALESCE($4, password_hash) WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(change.role.map(Role::as_str))
        .bind(change.name)
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
