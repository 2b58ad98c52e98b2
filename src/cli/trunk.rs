//! `trunk`: the ways to the world outside.

use super::{
    control,
    office::{Office, explained},
    output::{self, Format, Row},
    secret_input::PasswordSource,
    text::{Account, Domain},
};
use crate::{
    engine::control::{Request, TrunkStatus},
    model::{OutsideNumber, Trunk, TrunkAddress, TrunkIdentity, TrunkName, TrunkSource},
    store::{TrunkChange, TrunkEntry},
};
use serde::Serialize;

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
        user: Option<Account>,
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
        user: Option<Account>,
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
                let trunk = Trunk {
                    name: name.clone(),
                    address,
                    domain: domain.and_then(Domain::into_option),
                    user: user.and_then(Account::into_option),
                    registers: register,
                    mobile,
                    caller_id,
                    identity,
                    sources,
                };
                office.store.add_trunk(&office.actor, trunk, password.optional()?).await.map_err(explained)?;
                office.done(&format!("added trunk {name}"))
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
                    domain: domain.map(Domain::into_string),
                    user: user.map(Account::into_string),
                    password: password.optional()?,
                    registers: (register || no_register).then_some(register),
                    mobile: (mobile || no_mobile).then_some(mobile),
                    caller_id: (caller_id.is_some() || no_caller_id).then_some(caller_id),
                    identity,
                    sources: (!sources.is_empty() || no_source).then_some(sources),
                };
                office.store.set_trunk(&office.actor, &name, change).await.map_err(explained)?;
                office.done(&format!("changed trunk {name}"))
            }
            TrunkCommand::List(format) => list(office, format).await,
            TrunkCommand::Remove { name } => {
                office.store.remove_trunk(&office.actor, &name).await.map_err(explained)?;
                office.done(&format!("removed trunk {name}"))
            }
        }
    }
}

/// What the store has, and how it is if an engine runs that knows.
async fn list(office: &Office, format: Format) -> anyhow::Result<()> {
    let known = control::ask_if_running(&office.config, &Request::Trunks)?;
    let known = known.and_then(|answer| answer.trunks).unwrap_or_default();
    let rows = office.store.trunks().await?.into_iter().map(|entry| TrunkRow::new(entry, &known));
    output::list(&rows.collect::<Vec<_>>(), format)
}

#[derive(Serialize)]
struct TrunkRow {
    name: String,
    address: String,
    domain: Option<String>,
    user: Option<String>,
    register: bool,
    mobile: bool,
    caller_id: Option<String>,
    identity: &'static str,
    sources: Vec<String>,
    /// `None`: not one to register with, or no engine runs.
    registered: Option<bool>,
    /// `None`: not known, or no engine runs.
    reachable: Option<bool>,
    last_error: Option<String>,
}

impl TrunkRow {
    fn new(TrunkEntry { trunk, .. }: TrunkEntry, known: &[TrunkStatus]) -> Self {
        let status = known.iter().find(|status| status.name == trunk.name.as_str());
        Self {
            name: trunk.name.to_string(),
            address: trunk.address.to_string(),
            domain: trunk.domain,
            user: trunk.user,
            register: trunk.registers,
            mobile: trunk.mobile,
            caller_id: trunk.caller_id.map(|number| number.to_string()),
            identity: trunk.identity.as_str(),
            sources: trunk.sources.iter().map(TrunkSource::to_string).collect(),
            registered: status.and_then(|status| status.registered),
            reachable: status.and_then(|status| status.reachable),
            last_error: status.and_then(|status| status.last_error.clone()),
        }
    }
}

impl Row for TrunkRow {
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
