//! `dial-id`: what a person keys in after 0070 and 0071.

use super::{
    dialplan_files, moment,
    office::{Office, explained},
    output,
    secret_input::PasswordSource,
    text::{DialId, Login},
};
use crate::model::{Mode, Secret};
use anyhow::{Context, bail};

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
    /// Print a short-dial string that signs in once, so that no lasting password stands in a redial list
    OneTime { login: Login },
}

impl DialIdCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            DialIdCommand::Set { login, id, password } => set(office, &login, &id, password.required()?).await,
            DialIdCommand::Clear { login } => clear(office, &login).await,
            DialIdCommand::Unlock { login } => unlock(office, &login).await,
            DialIdCommand::OneTime { login } => one_time(office, &login).await,
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

/// The string alone on standard output, for scripts; the rest beside it.
async fn one_time(office: &Office, login: &Login) -> anyhow::Result<()> {
    let dialplan = dialplan_files::required(office.config.dialplan_dir.as_deref())?;
    let made = office.store.make_one_time_code(&office.actor, login.as_str()).await.map_err(explained)?;
    let short = dialplan.short_dial(Mode::Monitor, &Secret::new(made.dial_id), &made.code);
    let short = short.context("the dial plan has no code for monitoring")?;
    output::note(&format!("good for one sign-in of {login}, until {}", moment::utc(made.expires_at_ms)));
    output::say(short.expose())
}
