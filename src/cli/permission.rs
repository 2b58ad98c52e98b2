//! `permission`: who may listen to which phone terminal or call centre, in which modes, at which hours.

use super::{
    moment,
    office::{Office, explained},
    output::{self, Format, Row},
    text::Login,
};
use crate::access::{
    hours::Hours,
    right::{Grant, Rule},
};
use crate::model::{Level, Mode, ModeSet, Resource};
use crate::store::PermissionRow;
use anyhow::bail;
use serde::Serialize;

#[derive(clap::Subcommand)]
pub enum PermissionCommand {
    /// Give a right; a second grant on the same resource takes the place of the first, and a denial beside it still wins
    Grant {
        login: Login,
        /// terminal:NUMBER or call-center:NAME (campaign:NAME in a later version)
        resource: Resource,
        /// view, edit or manage; listening needs edit
        level: Level,
        /// monitor, whisper or barge; may be repeated [default: monitor and whisper]
        #[arg(long, value_name = "MODE")]
        mode: Vec<Mode>,
        /// When the right holds, like 'Mon-Fri 09:00-18:00', by the machine's clock, or 'Mon-Fri 09:00-18:00 Asia/Tokyo' [default: always]
        #[arg(long)]
        hours: Option<Hours>,
    },
    /// Forbid: wins over every grant
    Deny { login: Login, resource: Resource },
    /// Take grant and denial away
    Revoke { login: Login, resource: Resource },
    /// Show rights, of all accounts or of one
    List {
        login: Option<Login>,
        #[command(flatten)]
        format: Format,
    },
}

impl PermissionCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            PermissionCommand::Grant { login, resource, level, mode, hours } => {
                let modes = match mode.as_slice() {
                    [] => ModeSet::USUAL,
                    named => named.iter().fold(ModeSet::NONE, |set, mode| set.with(*mode)),
                };
                grant(office, &login, &resource, &Grant { level, modes, hours }).await
            }
            PermissionCommand::Deny { login, resource } => deny(office, &login, &resource).await,
            PermissionCommand::Revoke { login, resource } => revoke(office, &login, &resource).await,
            PermissionCommand::List { login, format } => list(office, login.as_ref(), format).await,
        }
    }
}

async fn grant(office: &Office, login: &Login, resource: &Resource, grant: &Grant) -> anyhow::Result<()> {
    must_be_known(resource)?;
    if let Some(zone) = grant.hours.as_ref().and_then(Hours::zone)
        && !moment::is_zone(zone)
    {
        bail!("there is no time zone {zone}; name one like Asia/Tokyo");
    }
    let right = describe(grant);
    office.store.grant(&office.actor, login.as_str(), resource, grant).await.map_err(explained)?;
    match (grant.level, resource) {
        (Level::View, _) => output::note("view does not allow listening; edit and manage do"),
        (Level::Edit | Level::Manage, Resource::Terminal(number)) => {
            output::note(&format!(
                "the right follows the phone: {login} may listen to whoever uses extension {number}"
            ));
        }
        (Level::Edit | Level::Manage, Resource::CallCenter(_) | Resource::Campaign(_)) => {
            output::note("the right is for the web pages; whoever dials needs one on the phone terminal");
        }
    }
    office.done(&format!("granted {login} {right} on {resource}"))
}

async fn deny(office: &Office, login: &Login, resource: &Resource) -> anyhow::Result<()> {
    must_be_known(resource)?;
    office.store.deny(&office.actor, login.as_str(), resource).await.map_err(explained)?;
    office.done(&format!("denied {login} {resource}, whatever else is granted"))
}

async fn revoke(office: &Office, login: &Login, resource: &Resource) -> anyhow::Result<()> {
    office.store.revoke(&office.actor, login.as_str(), resource).await.map_err(explained)?;
    office.done(&format!("revoked what {login} had on {resource}"))
}

async fn list(office: &Office, login: Option<&Login>, format: Format) -> anyhow::Result<()> {
    if let Some(login) = login
        && office.store.account_of(login.as_str()).await?.is_none()
    {
        bail!("there is no account {login}; `sasayaki account list` shows what there is");
    }
    let rows = office.store.permissions(login.map(Login::as_str)).await?;
    let rows: Vec<Permission> = rows.into_iter().map(Permission::from).collect();
    output::list(&rows, format)
}

/// The store knows phone terminals and call centres; campaigns there are none yet.
fn must_be_known(resource: &Resource) -> anyhow::Result<()> {
    match resource {
        Resource::Terminal(_) | Resource::CallCenter(_) => Ok(()),
        Resource::Campaign(_) => {
            bail!("campaigns are not in this version; name a phone terminal, like terminal:200, or a call-center:NAME")
        }
    }
}

fn describe(grant: &Grant) -> String {
    let modes: Vec<&str> = grant.modes.iter().map(Mode::as_str).collect();
    let hours = grant.hours.as_ref().map(|hours| format!(", {hours}")).unwrap_or_default();
    format!("{} ({}{hours})", grant.level, modes.join(", "))
}

#[derive(Serialize)]
struct Permission {
    login: String,
    resource: String,
    /// `allow` or `deny`.
    effect: &'static str,
    level: Option<&'static str>,
    modes: Vec<&'static str>,
    hours: Option<String>,
}

impl From<PermissionRow> for Permission {
    fn from(row: PermissionRow) -> Self {
        let (login, resource) = (row.login, row.resource.to_string());
        match row.rule {
            Rule::Deny => Self { login, resource, effect: "deny", level: None, modes: Vec::new(), hours: None },
            Rule::Allow(grant) => Self {
                login,
                resource,
                effect: "allow",
                level: Some(grant.level.as_str()),
                modes: grant.modes.iter().map(Mode::as_str).collect(),
                hours: grant.hours.map(|hours| hours.to_string()),
            },
        }
    }
}

impl Row for Permission {
    const HEADINGS: &'static [&'static str] = &["LOGIN", "RESOURCE", "LEVEL", "MODES", "HOURS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.login.clone(),
            self.resource.clone(),
            self.level.unwrap_or(self.effect).to_owned(),
            self.modes.join(", "),
            self.hours.clone().unwrap_or_default(),
        ]
    }
}
