//! `extension`: phone terminals.

use super::{
    office::Office,
    output::{self, Format, Row},
    secret_input::PasswordSource,
};
use crate::{
    admin::Act,
    model::{ExtensionNumber, Name, SrtpPolicy},
    store::{ExtensionChange, ExtensionRow, NewExtension},
};

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
                let (name, password) = (name.unwrap_or_default(), password.required()?);
                office.carry_out(Act::AddExtension(NewExtension { number, name, protected, password, srtp })).await
            }
            ExtensionCommand::Set { number, name, protected, not_protected, digest, srtp, password } => {
                let named = |names: Vec<String>| names.iter().filter_map(|name| name.parse().ok()).collect();
                let change = ExtensionChange {
                    name,
                    protected: (protected || not_protected).then_some(protected),
                    password: password.optional()?,
                    digest: digest.map(named),
                    srtp,
                };
                office.carry_out(Act::SetExtension(number, change)).await
            }
            ExtensionCommand::List(format) => output::list(&office.store.extensions().await?, format),
            ExtensionCommand::Remove { number } => office.carry_out(Act::RemoveExtension(number)).await,
        }
    }
}

impl Row for ExtensionRow {
    const HEADINGS: &'static [&'static str] = &["EXTENSION", "NAME", "PROTECTED", "SRTP"];

    fn cells(&self) -> Vec<String> {
        vec![self.number.to_string(), self.name.clone(), output::yes_no(self.protected), self.srtp.to_string()]
    }
}
