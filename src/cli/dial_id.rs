//! `dial-id`: what a person keys in after 0070 and 0071.

use super::{
    office::{Office, explained},
    secret_input::PasswordSource,
    text::{DialId, Login},
};
use crate::model::Secret;
use anyhow::bail;

const MIN_PASSWORD_DIGITS: usize = 4;
const MAX_PASSWORD_DIGITS: usize = 32;

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
    /// Print a single-use short-dial string (a later version)
    OneTime { login: Login },
}

impl DialIdCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            DialIdCommand::Set { login, id, password } => set(office, &login, &id, password.required()?).await,
            DialIdCommand::Clear { login } => clear(office, &login).await,
            DialIdCommand::Unlock { login } => unlock(office, &login).await,
            DialIdCommand::OneTime { .. } => {
                bail!(
                    "one-time codes are not in this version; sign in by keypad so that no redial list keeps the password"
                )
            }
        }
    }
}

async fn set(office: &Office, login: &Login, id: &DialId, password: Secret) -> anyhow::Result<()> {
    let digits = password.expose();
    let fits = (MIN_PASSWORD_DIGITS..=MAX_PASSWORD_DIGITS).contains(&digits.len());
    if !fits || !digits.bytes().all(|b| b.is_ascii_digit()) {
        bail!(
            "a dial-operation password is {MIN_PASSWORD_DIGITS} to {MAX_PASSWORD_DIGITS} digits and nothing else; nothing was changed"
        );
    }
    office.store.set_dial_id(&office.actor, login.as_str(), id.as_str(), password).await.map_err(explained)?;
    office.done(&format!("{login} signs in by keypad with ID {}", id.as_str()))
}

async fn clear(office: &Office, login: &Login) -> anyhow::Result<()> {
    office.store.clear_dial_id(&office.actor, login.as_str()).await.map_err(explained)?;
    office.done(&format!("removed the dial-operation ID and password of {login}"))
}

async fn unlock(office: &Office, login: &Login) -> anyhow::Result<()> {
    office.store.unlock_dial_id(&office.actor, login.as_str()).await.map_err(explained)?;
    office.done(&format!("{login} may sign in by keypad again"))
}
