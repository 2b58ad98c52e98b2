//! `account`: people.

use super::{
    office::{Office, explained},
    output::{self, Format, Row},
    secret_input::PasswordSource,
    text::{Login, Name},
};
use crate::model::{ExtensionNumber, Role};
use crate::store::{AccountChange, AccountRow, NewAccount};

#[derive(clap::Subcommand)]
pub enum AccountCommand {
    /// Add a person
    Add {
        login: Login,
        /// administrator, supervisor or user; no role by itself lets anyone listen
        #[arg(long)]
        role: Role,
        /// The phone terminal of this person
        #[arg(long, value_name = "NUMBER")]
        extension: Option<ExtensionNumber>,
        #[arg(long, value_name = "TEXT")]
        name: Option<Name>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Change a person's account
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        login: Login,
        /// administrator, supervisor or user
        #[arg(long, group = "change")]
        role: Option<Role>,
        /// The phone terminal of this person
        #[arg(long, value_name = "NUMBER", group = "change", conflicts_with = "no_extension")]
        extension: Option<ExtensionNumber>,
        /// This person has no phone terminal
        #[arg(long, group = "change")]
        no_extension: bool,
        #[arg(long, value_name = "TEXT", group = "change")]
        name: Option<Name>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Show all accounts
    List(Format),
    /// Remove a person, with dial-operation ID and rights
    Remove { login: Login },
}

impl AccountCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            AccountCommand::Add { login, role, extension, name, password } => {
                let (login, name) = (login.to_string(), name.map(Name::into_string).unwrap_or_default());
                add(office, NewAccount { login, role, extension, name, password: password.required()? }).await
            }
            AccountCommand::Set { login, role, extension, no_extension, name, password } => {
                let change = AccountChange {
                    role,
                    extension: (no_extension || extension.is_some()).then_some(extension),
                    name: name.map(Name::into_string),
                    password: password.optional()?,
                };
                set(office, &login, change).await
            }
            AccountCommand::List(format) => list(office, format).await,
            AccountCommand::Remove { login } => remove(office, &login).await,
        }
    }
}

async fn add(office: &Office, new: NewAccount) -> anyhow::Result<()> {
    let (login, role) = (new.login.clone(), new.role);
    office.store.add_account(&office.actor, new).await.map_err(explained)?;
    office.done(&format!("added account {login} ({role})"))
}

async fn set(office: &Office, login: &Login, change: AccountChange) -> anyhow::Result<()> {
    office.store.set_account(&office.actor, login.as_str(), change).await.map_err(explained)?;
    office.done(&format!("changed account {login}"))
}

async fn list(office: &Office, format: Format) -> anyhow::Result<()> {
    output::list(&office.store.accounts().await?, format)
}

async fn remove(office: &Office, login: &Login) -> anyhow::Result<()> {
    let rules = office.store.permissions(Some(login.as_str())).await?.len();
    office.store.remove_account(&office.actor, login.as_str()).await.map_err(explained)?;
    office.done(&format!("removed account {login}, its dial-operation ID and {rules} rights and denials"))
}

impl Row for AccountRow {
    const HEADINGS: &'static [&'static str] = &["LOGIN", "ROLE", "EXTENSION", "NAME", "DIAL-ID"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.login.clone(),
            self.role.to_string(),
            self.extension.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.name.clone(),
            self.dial_id.clone().unwrap_or_default(),
        ]
    }
}
