//! `calls` and `sessions`: what is going on now, asked of the running engine.

use super::{
    config::Config,
    control,
    output::{self, Format, Row},
};
use crate::engine::control::{CallRow, CallStatus, Request, SessionRow};
use crate::model::SessionId;
use std::{
    io::{self, IsTerminal},
    time::Duration,
};

const REDRAW_EVERY: Duration = Duration::from_secs(1);

/// Cursor home, erase below (ECMA-48 CUP and ED).
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Live {
    /// Show it again every second until Ctrl-C
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Sessions {
    #[command(flatten)]
    live: Live,
    #[command(subcommand)]
    command: Option<SessionsCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum SessionsCommand {
    /// End a session at once
    End { id: SessionId },
}

pub async fn calls(live: Live, config: &Config) -> anyhow::Result<()> {
    watch(live, || Ok(control::ask(config, &Request::Calls)?.calls.unwrap_or_default())).await
}

pub async fn sessions(sessions: Sessions, config: &Config) -> anyhow::Result<()> {
    match sessions.command {
        Some(SessionsCommand::End { id }) => {
            control::ask(config, &Request::EndSession { id: id.to_string() })?;
            output::say(&format!("ended session {id}"))
        }
        None => {
            let ask = || Ok(control::ask(config, &Request::Sessions)?.sessions.unwrap_or_default());
            watch(sessions.live, ask).await
        }
    }
}

async fn watch<R: Row>(live: Live, ask: impl Fn() -> anyhow::Result<Vec<R>>) -> anyhow::Result<()> {
    if !live.watch {
        return output::list(&ask()?, live.format);
    }
    let mut ticks = tokio::time::interval(REDRAW_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => output::say(&redrawn(&ask()?, live.format)?)?,
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

/// For scripts one JSON line a second; for a terminal the table in place; else the table again.
fn redrawn<R: Row>(rows: &[R], format: Format) -> anyhow::Result<String> {
    if format.json {
        return Ok(serde_json::to_string(rows)?);
    }
    let clear = if io::stdout().is_terminal() { CLEAR } else { "" };
    Ok(format!("{clear}{}", output::table(rows)))
}

impl Row for CallRow {
    const HEADINGS: &'static [&'static str] = &["CALL", "CALLER", "CALLEE", "STATUS", "SINCE", "SESSIONS"];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            CallStatus::Ringing => "呼出中",
            CallStatus::Internal => "内線通話",
            CallStatus::Inbound => "外線通話",
            CallStatus::Outbound => "発信通話",
            CallStatus::Held => "保留中",
        };
        vec![
            self.id.clone(),
            self.caller.clone(),
            self.callee.clone(),
            status.to_owned(),
            clock(self.since_ms),
            self.sessions.to_string(),
        ]
    }
}

impl Row for SessionRow {
    const HEADINGS: &'static [&'static str] = &["SESSION", "ACCOUNT", "SUPERVISOR", "TARGET", "MODE", "SINCE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.account.clone(),
            self.supervisor.clone(),
            self.target.clone(),
            self.mode.clone(),
            clock(self.since_ms),
        ]
    }
}

fn clock(duration_ms: u64) -> String {
    let seconds = duration_ms / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
