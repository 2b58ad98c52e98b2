//! `trunk`: the ways to the world outside.

use super::{
    control,
    office::Office,
    output::{self, Format, Row},
    secret_input::PasswordSource,
};
use crate::{
    admin::{Act, NewTrunk, TrunkLine},
    engine::control::Request,
    model::{Domain, OutsideNumber, TrunkAddress, TrunkIdentity, TrunkName, TrunkSource, TrunkUser},
    store::TrunkChange,
};

#[derive(clap::Subcommand)]
pub enum TrunkCommand {
    /// Add a trunk; which numbers it is for stands in the dial plan
    Add {
        name: TrunkName,
        /// udp:HOST:PORT, tcp:HOST:PORT, or tls:HOST:PORT, whose certificate must be for HOST
        address: TrunkAddress,
        /// What stands behind the @ in what it is sent [default: the host of the address]
        #[arg(long, value_name = "NAME")]
        domain: Option<Domain>,
        /// The account that it knows us by; its password comes by --password-stdin
        #[arg(long, value_name = "ACCOUNT")]
        user: Option<TrunkUser>,
        /// Register there, so that it knows where we are
        #[arg(long, requires = "user")]
        register: bool,
        /// It brings mobile users: they reach the feature codes behind the mobile prefix, and nothing else
        #[arg(long)]
        mobile: bool,
        /// The number that callers without one of their own show
        #[arg(long, value_name = "NUMBER")]
        caller_id: Option<OutsideNumber>,
        /// Where the caller's number goes: from, or asserted (P-Asserted-Identity, with the account in From)
        #[arg(long, value_name = "HEADER", default_value = "from")]
        identity: TrunkIdentity,
        /// Another address it calls from, with a port or without
        #[arg(long = "source", value_name = "IP[:PORT]")]
        sources: Vec<TrunkSource>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Change a trunk; an empty text takes a thing away
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        name: TrunkName,
        /// udp:HOST:PORT, tcp:HOST:PORT, or tls:HOST:PORT, whose certificate must be for HOST
        #[arg(long, group = "change")]
        address: Option<TrunkAddress>,
        #[arg(long, value_name = "NAME", group = "change")]
        domain: Option<Domain>,
        #[arg(long, value_name = "ACCOUNT", group = "change")]
        user: Option<TrunkUser>,
        #[arg(long, group = "change", conflicts_with = "no_register")]
        register: bool,
        #[arg(long, group = "change")]
        no_register: bool,
        #[arg(long, group = "change", conflicts_with = "no_mobile")]
        mobile: bool,
        #[arg(long, group = "change")]
        no_mobile: bool,
        #[arg(long, value_name = "NUMBER", group = "change", conflicts_with = "no_caller_id")]
        caller_id: Option<OutsideNumber>,
        #[arg(long, group = "change")]
        no_caller_id: bool,
        #[arg(long, value_name = "HEADER", group = "change")]
        identity: Option<TrunkIdentity>,
        /// Every other address it calls from
        #[arg(long = "source", value_name = "IP[:PORT]", group = "change", conflicts_with = "no_source")]
        sources: Vec<TrunkSource>,
        #[arg(long, group = "change")]
        no_source: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Show all trunks and how they are
    List(Format),
    /// Remove a trunk
    Remove { name: TrunkName },
}

impl TrunkCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            TrunkCommand::Add {
                name,
                address,
                domain,
                user,
                register,
                mobile,
                caller_id,
                identity,
                sources,
                password,
            } => {
                let password = password.optional()?;
                let new =
                    NewTrunk { name, address, domain, user, password, register, mobile, caller_id, identity, sources };
                office.carry_out(Act::AddTrunk(new)).await
            }
            TrunkCommand::Set {
                name,
                address,
                domain,
                user,
                register,
                no_register,
                mobile,
                no_mobile,
                caller_id,
                no_caller_id,
                identity,
                sources,
                no_source,
                password,
            } => {
                let change = TrunkChange {
                    address,
                    domain: domain.map(Some),
                    user: user.map(Some),
                    password: password.optional()?,
                    registers: (register || no_register).then_some(register),
                    mobile: (mobile || no_mobile).then_some(mobile),
                    caller_id: (caller_id.is_some() || no_caller_id).then_some(caller_id),
                    identity,
                    sources: (!sources.is_empty() || no_source).then_some(sources),
                };
                office.carry_out(Act::SetTrunk(name, change)).await
            }
            TrunkCommand::List(format) => list(office, format).await,
            TrunkCommand::Remove { name } => office.carry_out(Act::RemoveTrunk(name)).await,
        }
    }
}

/// What the store has, and how it is if an engine runs that knows.
async fn list(office: &Office, format: Format) -> anyhow::Result<()> {
    let known = control::ask_if_running(&office.config, &Request::Trunks)?;
    let known = known.and_then(|answer| answer.trunks).unwrap_or_default();
    let rows = office.store.trunks().await?.into_iter().map(|entry| TrunkLine::new(entry, &known));
    output::list(&rows.collect::<Vec<_>>(), format)
}

impl Row for TrunkLine {
    const HEADINGS: &'static [&'static str] =
        &["TRUNK", "ADDRESS", "USER", "MOBILE", "REGISTERED", "REACHABLE", "LAST ERROR"];

    fn cells(&self) -> Vec<String> {
        let known = |flag: Option<bool>| flag.map_or("-".to_owned(), output::yes_no);
        vec![
            self.name.clone(),
            self.address.clone(),
            self.user.clone().unwrap_or_else(|| "-".to_owned()),
            output::yes_no(self.mobile),
            known(self.registered),
            known(self.reachable),
            self.last_error.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }
}
