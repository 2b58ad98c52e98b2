use super::{Actor, Change, Result, Store, account::id_of, no_such, permission::read_rule, row, taken};
use crate::{
    access::right::CallCenter,
    model::{AccountId, ExtensionNumber, Resource},
};
use serde::Serialize;
use sqlx::{Any, Transaction, any::AnyRow};

/// A call centre and the logins of its agents, in the order of the alphabet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallCenterRow {
    pub name: String,
    pub agents: Vec<String>,
}

impl Store {
    pub async fn add_call_center(&self, actor: &Actor, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO call_center (name) VALUES ($1)")
            .bind(name)
            .execute(&mut *tx)
            .await
            .map_err(|error| taken(error, "call center", name))?;
        self.commit(tx, actor, Change::CallCenter, format!("call-center add {name}")).await
    }

    /// What anybody was granted or denied on it goes with it.
    pub async fn remove_call_center(&self, actor: &Actor, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM call_center WHERE name = $1").bind(name).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Err(no_such("call center", name));
        }
        sqlx::query("DELETE FROM permission WHERE resource = $1")
            .bind(Resource::CallCenter(name.to_owned()).to_string())
            .execute(&mut *tx)
            .await?;
        self.commit(tx, actor, Change::CallCenter, format!("call-center remove {name}")).await
    }

    /// Makes somebody an agent of the call centre; who is one stays one.
    pub async fn assign(&self, actor: &Actor, name: &str, login: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        call_center_stands(&mut tx, name).await?;
        let account = id_of(&mut tx, login).await?;
        sqlx::query(
            "INSERT INTO call_center_agent (call_center, account) VALUES ($1, $2)
             ON CONFLICT (call_center, account) DO NOTHING",
        )
        .bind(name)
        .bind(account.to_string())
        .execute(&mut *tx)
        .await?;
        self.commit(tx, actor, Change::CallCenter, format!("call-center assign {name} {login}")).await
    }

    pub async fn unassign(&self, actor: &Actor, name: &str, login: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        call_center_stands(&mut tx, name).await?;
        let account = id_of(&mut tx, login).await?;
        let done = sqlx::query("DELETE FROM call_center_agent WHERE call_center = $1 AND account = $2")
            .bind(name)
            .bind(account.to_string())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(no_such("agent", format!("{login} in {name}")));
        }
        self.commit(tx, actor, Change::CallCenter, format!("call-center unassign {name} {login}")).await
    }

    pub async fn call_centers(&self) -> Result<Vec<CallCenterRow>> {
        let rows = sqlx::query(
            "SELECT name, login FROM call_center
             LEFT JOIN (SELECT call_center, login FROM call_center_agent
                        JOIN account ON account.id = call_center_agent.account) agent ON agent.call_center = name
             ORDER BY name, login",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut centers: Vec<CallCenterRow> = Vec::new();
        for line in &rows {
            let (name, login): (String, Option<String>) = (row::column(line, "name")?, row::column(line, "login")?);
            match centers.last_mut().filter(|center| center.name == name) {
                Some(center) => center.agents.extend(login),
                None => centers.push(CallCenterRow { name, agents: login.into_iter().collect() }),
            }
        }
        Ok(centers)
    }

    /// The call centres that the agent at an extension belongs to, as an account sees them (F2).
    pub async fn call_centers_of(&self, agent: &ExtensionNumber, viewer: AccountId) -> Result<Vec<CallCenter>> {
        let rows = sqlx::query(
            "SELECT center.name, effect, level, modes, hours FROM
             (SELECT DISTINCT call_center AS name FROM call_center_agent
              JOIN account ON account.id = call_center_agent.account WHERE account.extension = $1) center
             LEFT JOIN permission ON permission.account = $2 AND permission.resource = 'call-center:' || center.name
             ORDER BY center.name, effect",
        )
        .bind(agent.as_str())
        .bind(viewer.to_string())
        .fetch_all(&self.pool)
        .await?;
        with_rules(&rows)
    }

    /// Every call centre as an account sees it.
    pub async fn call_centers_seen_by(&self, viewer: AccountId) -> Result<Vec<CallCenter>> {
        let rows = sqlx::query(
            "SELECT name, effect, level, modes, hours FROM call_center
             LEFT JOIN permission ON permission.account = $1 AND permission.resource = 'call-center:' || name
             ORDER BY name, effect",
        )
        .bind(viewer.to_string())
        .fetch_all(&self.pool)
        .await?;
        with_rules(&rows)
    }
}

/// One row a rule, or one without a rule.
fn with_rules(rows: &[AnyRow]) -> Result<Vec<CallCenter>> {
    let mut centers: Vec<CallCenter> = Vec::new();
    for line in rows {
        let name: String = row::column(line, "name")?;
        let rule = row::column::<Option<String>>(line, "effect")?.map(|_| read_rule(line)).transpose()?;
        match centers.last_mut().filter(|center| center.name == name) {
            Some(center) => center.rules.extend(rule),
            None => centers.push(CallCenter { name, rules: rule.into_iter().collect() }),
        }
    }
    Ok(centers)
}

pub(super) async fn call_center_stands(tx: &mut Transaction<'static, Any>, name: &str) -> Result<()> {
    let found: Option<AnyRow> =
        sqlx::query("SELECT name FROM call_center WHERE name = $1").bind(name).fetch_optional(&mut **tx).await?;
    found.map(|_| ()).ok_or_else(|| no_such("call center", name))
}
