use super::{Actor, Change, Result, Store, StoreError, json, no_such, row, taken};
use crate::model::{
    Domain, OutsideNumber, Password, Secret, Trunk, TrunkAddress, TrunkIdentity, TrunkName, TrunkSource, TrunkUser,
};
use serde::Deserialize;
use sqlx::any::AnyRow;

/// `None` leaves a thing as it is; `Some(None)` takes it away, as an empty text does.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrunkChange {
    #[serde(deserialize_with = "json::from_given_text")]
    pub address: Option<TrunkAddress>,
    #[serde(deserialize_with = "json::from_nullable_text")]
    pub domain: Option<Option<Domain>>,
    #[serde(deserialize_with = "json::from_nullable_text")]
    pub user: Option<Option<TrunkUser>>,
    #[serde(deserialize_with = "json::from_given_text")]
    pub password: Option<Password>,
    #[serde(rename = "register", deserialize_with = "json::given")]
    pub registers: Option<bool>,
    #[serde(deserialize_with = "json::given")]
    pub mobile: Option<bool>,
    #[serde(deserialize_with = "json::from_nullable_text")]
    pub caller_id: Option<Option<OutsideNumber>>,
    #[serde(deserialize_with = "json::from_given_text")]
    pub identity: Option<TrunkIdentity>,
    #[serde(deserialize_with = "json::from_given_texts")]
    pub sources: Option<Vec<TrunkSource>>,
}

/// A trunk with its password. Without `Debug`.
pub struct TrunkEntry {
    pub trunk: Trunk,
    pub password: Option<Secret>,
}

impl Store {
    pub async fn add_trunk(&self, actor: &Actor, trunk: Trunk, password: Option<Secret>) -> Result<()> {
        let sealed = password.map(|password| self.keys.seal_for_trunk(&trunk.name, &password));
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO trunk (name, address, domain, user_name, password, registers, mobile, caller_id, identity, sources)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(trunk.name.to_string())
        .bind(trunk.address.to_string())
        .bind(trunk.domain.as_deref())
        .bind(trunk.user.as_deref())
        .bind(sealed)
        .bind(i64::from(trunk.registers))
        .bind(i64::from(trunk.mobile))
        .bind(trunk.caller_id.as_ref().map(OutsideNumber::as_str))
        .bind(trunk.identity.as_str())
        .bind(joined(&trunk.sources))
        .execute(&mut *tx)
        .await
        .map_err(|error| taken(error, "trunk", &trunk.name))?;
        let detail =
            format!("trunk add {} {}{}", trunk.name, trunk.address, if trunk.mobile { " --mobile" } else { "" });
        self.commit(tx, actor, Change::Trunk, detail).await
    }

    pub async fn set_trunk(&self, actor: &Actor, name: &TrunkName, change: TrunkChange) -> Result<()> {
        let sealed = change.password.as_ref().map(|password| self.keys.seal_for_trunk(name, password.as_secret()));
        let caller_id = change.caller_id.as_ref().map(|number| number.as_ref().map_or("", OutsideNumber::as_str));
        let domain = change.domain.as_ref().map(|domain| domain.as_ref().map_or("", Domain::as_str));
        let user = change.user.as_ref().map(|user| user.as_ref().map_or("", TrunkUser::as_str));
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE trunk SET address = COALESCE($2, address), domain = NULLIF(COALESCE($3, domain), ''),
             user_name = NULLIF(COALESCE($4, user_name), ''), password = COALESCE($5, password),
             registers = COALESCE($6, registers), mobile = COALESCE($7, mobile),
             caller_id = NULLIF(COALESCE($8, caller_id), ''), identity = COALESCE($9, identity),
             sources = COALESCE($10, sources) WHERE name = $1",
        )
        .bind(name.to_string())
        .bind(change.address.as_ref().map(TrunkAddress::to_string))
        .bind(domain)
        .bind(user)
        .bind(sealed)
        .bind(change.registers.map(i64::from))
        .bind(change.mobile.map(i64::from))
        .bind(caller_id)
        .bind(change.identity.map(TrunkIdentity::as_str))
        .bind(change.sources.as_deref().map(joined))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(no_such("trunk", name));
        }
        self.commit(tx, actor, Change::Trunk, format!("trunk set {name}{}", change.described())).await
    }

    pub async fn remove_trunk(&self, actor: &Actor, name: &TrunkName) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM trunk WHERE name = $1").bind(name.to_string()).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Err(no_such("trunk", name));
        }
        self.commit(tx, actor, Change::Trunk, format!("trunk remove {name}")).await
    }

    pub async fn trunks(&self) -> Result<Vec<TrunkEntry>> {
        let rows = sqlx::query(
            "SELECT name, address, domain, user_name, password, registers, mobile, caller_id, identity, sources
             FROM trunk ORDER BY name",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|line| self.read_trunk(line)).collect()
    }

    fn read_trunk(&self, line: &AnyRow) -> Result<TrunkEntry> {
        let trunk = read(line)?;
        let sealed = row::column::<Option<Vec<u8>>>(line, "password")?;
        let open = |sealed: Vec<u8>| {
            self.keys.open_for_trunk(&trunk.name, &sealed).ok_or(StoreError::Corrupt { what: "password of a trunk" })
        };
        Ok(TrunkEntry { password: sealed.map(open).transpose()?, trunk })
    }
}

impl TrunkChange {
    fn described(&self) -> String {
        fn or_none<T: ToString>(given: &Option<Option<T>>) -> Option<String> {
            given.as_ref().map(|value| value.as_ref().map(T::to_string).unwrap_or_default())
        }
        let words = [
            ("--address", self.address.as_ref().map(TrunkAddress::to_string)),
            ("--domain", or_none(&self.domain)),
            ("--user", or_none(&self.user)),
            ("--password", self.password.as_ref().map(|_| String::new())),
            ("--register", self.registers.map(|on| on.to_string())),
            ("--mobile", self.mobile.map(|on| on.to_string())),
            ("--caller-id", or_none(&self.caller_id)),
            ("--identity", self.identity.map(|identity| identity.to_string())),
            ("--source", self.sources.as_deref().map(joined)),
        ];
        words.iter().filter_map(|(word, value)| Some(format!(" {word} {}", value.as_ref()?))).collect()
    }
}

fn read(line: &AnyRow) -> Result<Trunk> {
    let sources = row::column::<String>(line, "sources")?;
    let source = |text: &str| text.parse::<TrunkSource>().map_err(|_| StoreError::Corrupt { what: "sources" });
    Ok(Trunk {
        name: row::parsed(line, "name")?,
        address: row::parsed(line, "address")?,
        domain: row::column(line, "domain")?,
        user: row::column(line, "user_name")?,
        registers: row::flag(line, "registers")?,
        mobile: row::flag(line, "mobile")?,
        caller_id: row::parsed_option(line, "caller_id")?,
        identity: row::parsed(line, "identity")?,
        sources: sources.split_whitespace().map(source).collect::<Result<_>>()?,
    })
}

fn joined(sources: &[TrunkSource]) -> String {
    sources.iter().map(TrunkSource::to_string).collect::<Vec<_>>().join(" ")
}
