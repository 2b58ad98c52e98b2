use super::{Actor, Change, Result, Store, StoreError, account::id_of, call_center::call_center_stands, no_such, row};
use crate::{
    access::{
        hours::Hours,
        right::{Grant, Rule, Terminal},
    },
    model::{AccountId, ExtensionNumber, Mode, ModeSet, Resource},
};
use jiff::{Zoned, tz::TimeZone};
use sqlx::{Any, Transaction, any::AnyRow};
use std::collections::BTreeMap;

/// One rule as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionRow {
    pub login: String,
    pub resource: Resource,
    pub rule: Rule,
}

impl Store {
    /// Gives the right, in place of one that stood before. A denial that stands beside it still wins.
    pub async fn grant(&self, actor: &Actor, login: &str, resource: &Resource, grant: &Grant) -> Result<()> {
        let rule = Rule::Allow(grant.clone());
        self.put_rule(actor, login, resource, &rule, format!("permission grant {login} {resource} {}", shown(grant)))
            .await
    }

    pub async fn deny(&self, actor: &Actor, login: &str, resource: &Resource) -> Result<()> {
        self.put_rule(actor, login, resource, &Rule::Deny, format!("permission deny {login} {resource}")).await
    }

    /// Takes every rule of the account about the resource away, grant and denial alike.
    pub async fn revoke(&self, actor: &Actor, login: &str, resource: &Resource) -> Result<()> {
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login).await?;
        let done = sqlx::query("DELETE FROM permission WHERE account = $1 AND resource = $2")
            .bind(account.to_string())
            .bind(resource.to_string())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(no_such("rule", format!("of {login} about {resource}")));
        }
        self.commit(tx, actor, Change::Permission(account), format!("permission revoke {login} {resource}")).await
    }

    /// Of one account, or of all.
    pub async fn permissions(&self, login: Option<&str>) -> Result<Vec<PermissionRow>> {
        let rows = sqlx::query(
            "SELECT login, resource, effect, level, modes, hours FROM permission
             JOIN account ON account.id = permission.account
             WHERE login = COALESCE($1, login) ORDER BY login, resource, effect",
        )
        .bind(login)
        .fetch_all(&self.pool)
        .await?;
        let read = |line: &AnyRow| {
            let (login, resource) = (row::column(line, "login")?, row::parsed(line, "resource")?);
            Ok(PermissionRow { login, resource, rule: read_rule(line)? })
        };
        rows.iter().map(read).collect()
    }

    pub async fn rights_for(&self, account: AccountId, resource: &Resource) -> Result<Vec<Rule>> {
        let rows = sqlx::query(
            "SELECT effect, level, modes, hours FROM permission WHERE account = $1 AND resource = $2 ORDER BY effect",
        )
        .bind(account.to_string())
        .bind(resource.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_rule).collect()
    }

    /// The extension as the account sees it; `None`: there is no such extension.
    pub async fn terminal(&self, account: AccountId, number: &ExtensionNumber) -> Result<Option<Terminal>> {
        let found = sqlx::query("SELECT protected FROM extension WHERE number = $1")
            .bind(number.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(line) = found else { return Ok(None) };
        let rules = self.rights_for(account, &Resource::Terminal(number.clone())).await?;
        Ok(Some(Terminal { protected: row::flag(&line, "protected")?, rules }))
    }

    /// Several extensions as the account sees them; who is missing does not exist.
    pub async fn terminals(
        &self,
        account: AccountId,
        numbers: &[ExtensionNumber],
    ) -> Result<BTreeMap<ExtensionNumber, Terminal>> {
        let mut terminals = BTreeMap::new();
        for number in numbers {
            if let Some(terminal) = self.terminal(account, number).await? {
                terminals.insert(number.clone(), terminal);
            }
        }
        Ok(terminals)
    }

    async fn put_rule(
        &self,
        actor: &Actor,
        login: &str,
        resource: &Resource,
        rule: &Rule,
        detail: String,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let account = id_of(&mut tx, login).await?;
        match resource {
            Resource::Terminal(number) => extension_stands(&mut tx, number).await?,
            Resource::CallCenter(name) => call_center_stands(&mut tx, name).await?,
            Resource::Campaign(name) => return Err(no_such("campaign", name)),
        }
        let grant = match rule {
            Rule::Deny => None,
            Rule::Allow(grant) => Some(grant),
        };
        sqlx::query(
            "INSERT INTO permission (account, resource, effect, level, modes, hours) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (account, resource, effect)
             DO UPDATE SET level = excluded.level, modes = excluded.modes, hours = excluded.hours",
        )
        .bind(account.to_string())
        .bind(resource.to_string())
        .bind(if grant.is_some() { "allow" } else { "deny" })
        .bind(grant.map(|grant| grant.level.as_str()))
        .bind(grant.map(|grant| shown_modes(grant.modes)))
        .bind(grant.and_then(|grant| grant.hours.as_ref()).map(ToString::to_string))
        .execute(&mut *tx)
        .await?;
        self.commit(tx, actor, Change::Permission(account), detail).await
    }
}

async fn extension_stands(tx: &mut Transaction<'static, Any>, number: &ExtensionNumber) -> Result<()> {
    let found = sqlx::query("SELECT number FROM extension WHERE number = $1").bind(number.to_string());
    found.fetch_optional(&mut **tx).await?.map(|_| ()).ok_or_else(|| no_such("extension", number))
}

pub(super) fn read_rule(line: &AnyRow) -> Result<Rule> {
    match row::column::<String>(line, "effect")?.as_str() {
        "deny" => Ok(Rule::Deny),
        "allow" => Ok(Rule::Allow(Grant {
            level: row::parsed(line, "level")?,
            modes: read_modes(&row::column::<String>(line, "modes")?)?,
            hours: row::parsed_option(line, "hours")?.map(looked_up),
        })),
        _ => Err(StoreError::Corrupt { what: "effect" }),
    }
}

/// With how far the clocks of its zone are ahead of ours now. A zone that the machine does not know holds never.
fn looked_up(hours: Hours) -> Hours {
    let now = Zoned::now();
    let zone = hours.zone().and_then(|zone| TimeZone::get(zone).ok());
    match zone {
        Some(zone) => hours.looked_up((zone.to_offset(now.timestamp()).seconds() - now.offset().seconds()) / 60),
        None => hours,
    }
}

fn read_modes(text: &str) -> Result<ModeSet> {
    text.split_whitespace().try_fold(ModeSet::NONE, |modes, word| {
        word.parse().map(|mode| modes.with(mode)).map_err(|_| StoreError::Corrupt { what: "modes" })
    })
}

fn shown_modes(modes: ModeSet) -> String {
    modes.iter().map(Mode::as_str).collect::<Vec<_>>().join(" ")
}

fn shown(grant: &Grant) -> String {
    let hours = grant.hours.as_ref().map(|hours| format!(" --hours '{hours}'")).unwrap_or_default();
    let modes: String = grant.modes.iter().map(|mode| format!(" --mode {mode}")).collect();
    format!("{}{modes}{hours}", grant.level)
}
