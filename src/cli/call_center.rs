//! `call-center`: which agents belong together, so that rights can be given on all of them (F2).

use super::{
    office::Office,
    output::{self, Format, Row},
};
use crate::{
    admin::Act,
    model::{CallCenterName, Login},
    store::CallCenterRow,
};

#[derive(clap::Subcommand)]
pub enum CallCenterCommand {
    /// Add a call centre
    Add { name: CallCenterName },
    /// Make somebody an agent of a call centre
    Assign { name: CallCenterName, login: Login },
    /// Take somebody out of a call centre
    Unassign { name: CallCenterName, login: Login },
    /// Remove a call centre, with every right on it
    Remove { name: CallCenterName },
    /// Show call centres and their agents
    List(Format),
}

impl CallCenterCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        let act = match self {
            CallCenterCommand::Add { name } => Act::AddCallCenter(name),
            CallCenterCommand::Assign { name, login } => Act::Assign(name, login),
            CallCenterCommand::Unassign { name, login } => Act::Unassign(name, login),
            CallCenterCommand::Remove { name } => Act::RemoveCallCenter(name),
            CallCenterCommand::List(format) => return output::list(&office.store.call_centers().await?, format),
        };
        office.carry_out(act).await
    }
}

impl Row for CallCenterRow {
    const HEADINGS: &'static [&'static str] = &["CALL CENTER", "AGENTS"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.agents.join(", ")]
    }
}
