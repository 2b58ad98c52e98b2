//! `dial-id`: what a person keys in after 0070 and 0071.

use super::{
    dialplan_files,
    office::{Office, explained},
    output,
    secret_input::PasswordSource,
};
use crate::{
    admin::{Act, moment},
    model::{DialId, Login},
};

#[derive(clap::Subcommand)]
pub enum DialIdCommand {
    /// Give a person a dial-operation ID and password: digits only
    Set {
        login: Login,
        id: DialId,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Take dial-operation ID and password away: the person can no longer sign in by keypad
    Clear { login: Login },
    /// End a lockout after too many failures
    Unlock { login: Login },
    /// Print a short-dial string that signs in once, so that no lasting password stands in a redial list
    OneTime { login: Login },
}

impl DialIdCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            DialIdCommand::Set { login, id, password } => {
                office.carry_out(Act::SetDialId(login, id, password.required()?)).await
            }
            DialIdCommand::Clear { login } => office.carry_out(Act::ClearDialId(login)).await,
            DialIdCommand::Unlock { login } => office.carry_out(Act::Unlock(login)).await,
            DialIdCommand::OneTime { login } => one_time(office, &login).await,
        }
    }
}

/// The string alone on standard output, for scripts; the rest beside it.
async fn one_time(office: &Office, login: &Login) -> anyhow::Result<()> {
    let dialplan = dialplan_files::required(office.config.dialplan_dir.as_deref())?;
    let made = office.admin().one_time(&dialplan, login).await.map_err(explained)?;
    output::note(&format!("good for one sign-in of {login}, until {}", moment::utc(made.expires_at_ms)));
    output::say(made.short_dial.expose())
}
