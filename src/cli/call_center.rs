//! `call-center`: which agents belong together, so that rights can be given on all of them (F2).

use super::{
    office::{Office, explained},
    output::{self, Format, Row},
    text::{CallCenterName, Login},
};
use crate::store::CallCenterRow;

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
        let Office { store, actor, .. } = office;
        match self {
            CallCenterCommand::Add { name } => {
                store.add_call_center(actor, name.as_str()).await.map_err(explained)?;
                office.done(&format!("added call center {name}"))
            }
            CallCenterCommand::Assign { name, login } => {
                store.assign(actor, name.as_str(), login.as_str()).await.map_err(explained)?;
                office.done(&format!("{login} is an agent of {name}"))
            }
            CallCenterCommand::Unassign { name, login } => {
                store.unassign(actor, name.as_str(), login.as_str()).await.map_err(explained)?;
                office.done(&format!("{login} is no agent of {name} any more"))
            }
            CallCenterCommand::Remove { name } => {
                store.remove_call_center(actor, name.as_str()).await.map_err(explained)?;
                office.done(&format!("removed call center {name}"))
            }
            CallCenterCommand::List(format) => output::list(&store.call_centers().await?, format),
        }
    }
}

impl Row for CallCenterRow {
    const HEADINGS: &'static [&'static str] = &["CALL CENTER", "AGENTS"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.agents.join(", ")]
    }
}
