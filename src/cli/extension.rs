//! `extension`: phone terminals.

use super::{
    office::{Office, explained},
    output::{self, Format, Row},
    secret_input::PasswordSource,
    text::Name,
};
use crate::model::{ExtensionNumber, Resource, SrtpPolicy};
use crate::store::{ExtensionChange, ExtensionRow, NewExtension};

/// The word for what `sip.digest` says.
const CONFIGURED: &str = "default";

#[derive(clap::Subcommand)]
pub enum ExtensionCommand {
    /// Add a phone terminal
    Add {
        number: ExtensionNumber,
        #[arg(long, value_name = "TEXT")]
        name: Option<Name>,
        /// Nobody may listen to it, whatever their rights
        #[arg(long)]
        protected: bool,
        /// SRTP: off, allowed (as the phone wishes) or required
        #[arg(long, value_name = "POLICY", default_value_t)]
        srtp: SrtpPolicy,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Change a phone terminal
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        number: ExtensionNumber,
        #[arg(long, value_name = "TEXT", group = "change")]
        name: Option<Name>,
        /// Nobody may listen to it, whatever their rights
        #[arg(long, group = "change", conflicts_with = "not_protected")]
        protected: bool,
        /// Who has a right to it may listen to it
        #[arg(long, group = "change")]
        not_protected: bool,
        /// Digest algorithms offered to it, in this order; default: as configured
        #[arg(long, value_delimiter = ',', value_parser = ["MD5", "SHA-256", CONFIGURED], group = "change")]
        digest: Option<Vec<String>>,
        /// SRTP: off, allowed (as the phone wishes) or required
        #[arg(long, value_name = "POLICY", group = "change")]
        srtp: Option<SrtpPolicy>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Show all phone terminals
    List(Format),
    /// Remove a phone terminal
    Remove { number: ExtensionNumber },
}

impl ExtensionCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            ExtensionCommand::Add { number, name, protected, srtp, password } => {
                let name = name.map(Name::into_string).unwrap_or_default();
                add(office, NewExtension { number, name, protected, password: password.required()?, srtp }).await
            }
            ExtensionCommand::Set { number, name, protected, not_protected, digest, srtp, password } => {
                let change = ExtensionChange {
                    name: name.map(Name::into_string),
                    protected: (protected || not_protected).then_some(protected),
                    password: password.optional()?,
                    digest: digest.map(|names| names.into_iter().filter(|name| name != CONFIGURED).collect()),
                    srtp,
                };
                set(office, &number, change).await
            }
            ExtensionCommand::List(format) => list(office, format).await,
            ExtensionCommand::Remove { number } => remove(office, &number).await,
        }
    }
}

async fn add(office: &Office, new: NewExtension) -> anyhow::Result<()> {
    let number = new.number.clone();
    office.store.add_extension(&office.actor, new).await.map_err(explained)?;
    office.done(&format!("added extension {number}"))
}

async fn set(office: &Office, number: &ExtensionNumber, change: ExtensionChange) -> anyhow::Result<()> {
    office.store.set_extension(&office.actor, number, change).await.map_err(explained)?;
    office.done(&format!("changed extension {number}"))
}

async fn list(office: &Office, format: Format) -> anyhow::Result<()> {
    output::list(&office.store.extensions().await?, format)
}

async fn remove(office: &Office, number: &ExtensionNumber) -> anyhow::Result<()> {
    let resource = Resource::Terminal(number.clone());
    let rules = office.store.permissions(None).await?.into_iter().filter(|row| row.resource == resource).count();
    office.store.remove_extension(&office.actor, number).await.map_err(explained)?;
    office.done(&format!("removed extension {number} and {rules} rights and denials on it"))
}

impl Row for ExtensionRow {
    const HEADINGS: &'static [&'static str] = &["EXTENSION", "NAME", "PROTECTED", "SRTP"];

    fn cells(&self) -> Vec<String> {
        vec![self.number.to_string(), self.name.clone(), output::yes_no(self.protected), self.srtp.to_string()]
    }
}
