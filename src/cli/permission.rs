//! `permission`: who may listen to which phone terminal or call centre, in which modes, at which hours.

use super::{
    office::Office,
    output::{self, Format, Row},
};
use crate::{
    access::hours::Hours,
    admin::{Act, Permission, Right},
    model::{Level, Login, Mode, Resource},
};
use anyhow::bail;

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
                office.carry_out(Act::Grant(login, resource, Right { level, modes: mode, hours })).await
            }
            PermissionCommand::Deny { login, resource } => office.carry_out(Act::Deny(login, resource)).await,
            PermissionCommand::Revoke { login, resource } => office.carry_out(Act::Revoke(login, resource)).await,
            PermissionCommand::List { login, format } => list(office, login.as_ref(), format).await,
        }
    }
}

async fn list(office: &Office, login: Option<&Login>, format: Format) -> anyhow::Result<()> {
    if let Some(login) = login
        && office.store.account_of(login.as_str()).await?.is_none()
    {
        bail!("there is no account {login}; `sasayaki account list` shows what there is");
    }
    let rows = office.store.permissions(login.map(Login::as_str)).await?;
    output::list(&rows.into_iter().map(Permission::from).collect::<Vec<_>>(), format)
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
