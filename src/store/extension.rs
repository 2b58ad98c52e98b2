use super::{Actor, Change, Result, Store, StoreError, json, keys::hex, no_such, row, taken};
use crate::model::{DigestName, ExtensionNumber, Name, Password, Secret, SrtpPolicy};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewExtension {
    #[serde(deserialize_with = "json::from_text")]
    pub number: ExtensionNumber,
    #[serde(default, deserialize_with = "json::from_text")]
    pub name: Name,
    #[serde(default)]
    pub protected: bool,
    #[serde(deserialize_with = "json::from_text")]
    pub password: Password,
    #[serde(default, deserialize_with = "json::from_text")]
    pub srtp: SrtpPolicy,
}

/// `None` leaves a thing as it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExtensionChange {
    #[serde(deserialize_with = "json::from_given_text")]
    pub name: Option<Name>,
    #[serde(deserialize_with = "json::given")]
    pub protected: Option<bool>,
    #[serde(deserialize_with = "json::from_given_text")]
    pub password: Option<Password>,
    /// Algorithms to offer to this extension; none: as configured.
    #[serde(deserialize_with = "json::from_given_texts")]
    pub digest: Option<Vec<DigestName>>,
    #[serde(deserialize_with = "json::from_given_text")]
    pub srtp: Option<SrtpPolicy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtensionRow {
    #[serde(serialize_with = "json::as_text")]
    pub number: ExtensionNumber,
    pub name: String,
    pub protected: bool,
    #[serde(serialize_with = "json::as_text")]
    pub srtp: SrtpPolicy,
    /// Algorithms that it is offered; none: as configured.
    pub digest: Vec<String>,
    /// The digest realm its secret was given for.
    pub realm: String,
}

/// What registration and calls need of an extension. Without `Debug`: an HA1 is as good as the password.
#[derive(Clone)]
pub struct DirectoryEntry {
    pub number: ExtensionNumber,
    pub name: String,
    pub protected: bool,
    /// `MD5(number:realm:password)` in lower-case hex (RFC 8760).
    pub ha1_md5: Secret,
    /// The same with SHA-256.
    pub ha1_sha256: Secret,
    /// Algorithms to offer to this extension; `None`: as configured.
    pub digest: Option<Vec<String>>,
    pub srtp: SrtpPolicy,
}

impl Store {
    pub async fn add_extension(&self, actor: &Actor, new: NewExtension) -> Result<()> {
        let (md5, sha256) = self.sealed_ha1s(&new.number, &new.password);
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO extension (number, name, protected, ha1_md5, ha1_sha256, realm, srtp)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new.number.to_string())
        .bind(new.name.into_string())
        .bind(i64::from(new.protected))
        .bind(md5)
        .bind(sha256)
        .bind(self.realm.as_str())
        .bind(new.srtp.to_string())
        .execute(&mut *tx)
        .await
        .map_err(|error| taken(error, "extension", &new.number))?;
        let protected = if new.protected { " --protected" } else { "" };
        let srtp = if new.srtp == SrtpPolicy::default() { String::new() } else { format!(" --srtp {}", new.srtp) };
        let detail = format!("extension add {}{protected}{srtp}", new.number);
        self.commit(tx, actor, Change::Extension(new.number), detail).await
    }

    pub async fn set_extension(&self, actor: &Actor, number: &ExtensionNumber, change: ExtensionChange) -> Result<()> {
        let (md5, sha256) = change.password.as_ref().map(|password| self.sealed_ha1s(number, password)).unzip();
        let realm = md5.as_ref().map(|_| self.realm.as_str());
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE extension SET name = COALESCE($2, name), protected = COALESCE($3, protected),
             ha1_md5 = COALESCE($4, ha1_md5), ha1_sha256 = COALESCE($5, ha1_sha256), realm = COALESCE($6, realm),
             digest = NULLIF(COALESCE($7, digest), ''), srtp = COALESCE($8, srtp)
             WHERE number = $1",
        )
        .bind(number.to_string())
        .bind(change.name.as_ref().map(Name::as_str))
        .bind(change.protected.map(i64::from))
        .bind(md5)
        .bind(sha256)
        .bind(realm)
        .bind(change.digest.as_deref().map(joined))
        .bind(change.srtp.map(|policy| policy.to_string()))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(no_such("extension", number));
        }
        let detail = format!("extension set {number}{}", change.described());
        self.commit(tx, actor, Change::Extension(number.clone()), detail).await
    }

    /// Its rights go with it, so that whoever gets the number next is not listened to by the rights of the past.
    pub async fn remove_extension(&self, actor: &Actor, number: &ExtensionNumber) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM extension WHERE number = $1").bind(number.to_string()).execute(&mut *tx);
        if done.await?.rows_affected() == 0 {
            return Err(no_such("extension", number));
        }
        let rights = sqlx::query("DELETE FROM permission WHERE resource = $1")
            .bind(format!("terminal:{number}"))
            .execute(&mut *tx)
            .await?;
        let detail = format!("extension remove {number}, with {} rules", rights.rows_affected());
        self.commit(tx, actor, Change::Extension(number.clone()), detail).await
    }

    pub async fn extensions(&self) -> Result<Vec<ExtensionRow>> {
        let rows = sqlx::query("SELECT number, name, protected, srtp, digest, realm FROM extension ORDER BY number")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Every extension with its digest secrets, for the snapshot that registration works from.
    pub async fn directory(&self) -> Result<Vec<DirectoryEntry>> {
        let columns =
            "SELECT number, name, protected, ha1_md5, ha1_sha256, digest, srtp FROM extension ORDER BY number";
        let rows = sqlx::query(columns).fetch_all(&self.pool).await?;
        rows.iter().map(|line| self.read_entry(line)).collect()
    }

    /// Whether every extension's secret was given for the realm in use; if not, those phones cannot register.
    pub async fn realm_matches(&self) -> Result<bool> {
        Ok(self.extensions().await?.iter().all(|extension| extension.realm == self.realm))
    }

    fn read_entry(&self, line: &AnyRow) -> Result<DirectoryEntry> {
        let number: ExtensionNumber = row::parsed(line, "number")?;
        let open = |name: &'static str| {
            self.keys.open(&number, &row::column::<Vec<u8>>(line, name)?).ok_or(StoreError::Corrupt { what: name })
        };
        Ok(DirectoryEntry {
            name: row::column(line, "name")?,
            protected: row::flag(line, "protected")?,
            ha1_md5: open("ha1_md5")?,
            ha1_sha256: open("ha1_sha256")?,
            digest: Some(digest(line)?).filter(|names| !names.is_empty()),
            srtp: row::parsed(line, "srtp")?,
            number,
        })
    }

    fn sealed_ha1s(&self, number: &ExtensionNumber, password: &Password) -> (Vec<u8>, Vec<u8>) {
        let text = Secret::new(format!("{number}:{}:{}", self.realm, password.as_secret().expose()));
        let sealed = |hash: &[u8]| self.keys.seal(number, &Secret::new(hex(hash)));
        let bytes = text.expose().as_bytes();
        (sealed(&Md5::digest(bytes)), sealed(&Sha256::digest(bytes)))
    }
}

impl ExtensionChange {
    fn described(&self) -> String {
        let mut text = String::new();
        if self.name.is_some() {
            text.push_str(" --name");
        }
        match self.protected {
            Some(true) => text.push_str(" --protected"),
            Some(false) => text.push_str(" --not-protected"),
            None => {}
        }
        if let Some(digest) = &self.digest {
            text.push_str(&format!(" --digest {}", joined(digest)));
        }
        if let Some(policy) = self.srtp {
            text.push_str(&format!(" --srtp {policy}"));
        }
        if self.password.is_some() {
            text.push_str(" --password");
        }
        text
    }
}

fn read(line: &AnyRow) -> Result<ExtensionRow> {
    Ok(ExtensionRow {
        number: row::parsed(line, "number")?,
        name: row::column(line, "name")?,
        protected: row::flag(line, "protected")?,
        srtp: row::parsed(line, "srtp")?,
        digest: digest(line)?,
        realm: row::column(line, "realm")?,
    })
}

fn digest(line: &AnyRow) -> Result<Vec<String>> {
    let names: Option<String> = row::column(line, "digest")?;
    Ok(names.iter().flat_map(|names| names.split(',')).map(str::to_owned).collect())
}

fn joined(names: &[DigestName]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",")
}
