//! `account`: people.

use super::{
    office::Office,
    output::{self, Format, Row},
    secret_input::PasswordSource,
};
use crate::{
    admin::Act,
    model::{ExtensionNumber, Login, Name, Role},
    store::{AccountChange, AccountRow, NewAccount},
};

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
                let (name, password) = (name.unwrap_or_default(), password.required()?);
                office.carry_out(Act::AddAccount(NewAccount { login, role, extension, name, password })).await
            }
            AccountCommand::Set { login, role, extension, no_extension, name, password } => {
                let extension = (no_extension || extension.is_some()).then_some(extension);
                let change = AccountChange { role, extension, name, password: password.optional()? };
                office.carry_out(Act::SetAccount(login, change)).await
            }
            AccountCommand::List(format) => output::list(&office.store.accounts().await?, format),
            AccountCommand::Remove { login } => office.carry_out(Act::RemoveAccount(login)).await,
        }
    }
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
