//! `audit`: the trail of every attempt, start, change and end.

use super::{
    office::Office,
    output::{self, Format, Row},
};
use crate::{
    admin::{TrailLine, Verdict, moment::Since},
    audit::{self, Trail, TrailError, Verified},
    store::unix_ms,
};
use anyhow::Context;
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// On a terminal, whoever verifies a long trail is told after so many rows.
const TOLD_EVERY_ROWS: u64 = 100_000;

#[derive(clap::Subcommand)]
pub enum AuditCommand {
    /// Show the trail, oldest first
    List {
        /// From this moment on: a duration like 2h or 7d, a date, or a date and time (local, or with its offset)
        #[arg(long, value_name = "T")]
        since: Option<Since>,
        #[command(flatten)]
        format: Format,
    },
    /// Write the signed ends of all chains to FILE, to be kept where nobody here can change it
    Head {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Look whether any row was changed, removed or put in; status 1 and the first such row if so
    Verify {
        /// A head that was kept elsewhere: tells of a removed tail and of a database that was put back, too
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
        /// Look at an exported or sealed file instead of the store
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Print JSON instead of a sentence
        #[arg(long)]
        json: bool,
    },
    /// Write the whole trail to FILE (.jsonl or .csv), and to FILE.head what proves it
    Export {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Move the rows that are older than T out of the store into FILE (.jsonl or .csv), and into FILE.seal what proves them;
    /// rows from a session on that has not ended stay
    Seal {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A duration like 365d, a date, or a date and time (local, or with its offset)
        #[arg(long, value_name = "T")]
        before: Since,
    },
}

impl AuditCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<ExitCode> {
        let trail = Trail::new(office.store.clone());
        match self {
            AuditCommand::List { since, format } => list(office, since, format).await?,
            AuditCommand::Head { file } => write_head(&trail, &file).await?,
            AuditCommand::Verify { head, file, json } => return verify(&trail, head, file, json).await,
            AuditCommand::Export { file } => {
                let rows = trail.export(&file).await?;
                output::say(&format!("{rows} rows written to {}", file.display()))?;
            }
            AuditCommand::Seal { file, before } => match trail.seal(&file, before.unix_ms(unix_ms())).await? {
                0 => output::say("no row is old enough: nothing was sealed, and there is no file")?,
                rows => output::say(&format!(
                    "{rows} rows have left the store for {0}; keep it with {0}.seal, which proves it",
                    file.display()
                ))?,
            },
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn write_head(trail: &Trail, file: &Path) -> anyhow::Result<()> {
    let head = trail.head().await?;
    audit::write_head(file, &head)?;
    let rows: u64 = head.tips.iter().map(|tip| tip.seq).sum();
    output::say(&format!("the head of {rows} rows by {} writers is in {}", head.tips.len(), file.display()))
}

async fn verify(trail: &Trail, head: Option<PathBuf>, file: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let head = head.map(|file| audit::read_head(&file)).transpose()?;
    let verified = match file {
        Some(file) => trail.verify_file(&file, head.as_ref()),
        None => trail.verify(head.as_ref(), tell_progress).await,
    };
    match verified {
        Ok(verified) if json => output::say(&serde_json::to_string_pretty(&Verdict { ok: true, found: verified })?)?,
        Ok(verified) => output::say(&told(verified, head.is_some()))?,
        Err(TrailError::Fault(fault)) if json => {
            output::say(&serde_json::to_string_pretty(&Verdict { ok: false, found: fault })?)?;
            return Ok(ExitCode::FAILURE);
        }
        Err(TrailError::Fault(fault)) => return Err(fault).context("the audit trail is not what was written"),
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn told(verified: Verified, has_head: bool) -> String {
    let Verified { rows, writers, unknown_tips } = verified;
    let rest = match (has_head, unknown_tips) {
        (false, _) => "; with --head a database that was put back would show, too",
        (true, 0) => ", and no row that the head knows is missing",
        (true, _) => "; some rows that the head knows stand elsewhere: verify the sealed files and the store with it",
    };
    format!("whole: {rows} rows by {writers} writers{rest}")
}

fn tell_progress(rows: u64) {
    if rows.is_multiple_of(TOLD_EVERY_ROWS) && io::stderr().is_terminal() {
        output::note(&format!("{rows} rows so far"));
    }
}

async fn list(office: &Office, since: Option<Since>, format: Format) -> anyhow::Result<()> {
    let from_ms = since.map_or(0, |since| since.unix_ms(unix_ms()));
    let accounts = office.store.accounts().await?;
    let rows = office.store.audit_rows(from_ms, None, u32::MAX).await?;
    let lines: Vec<TrailLine> = rows.into_iter().map(|row| TrailLine::new(row, &accounts)).collect();
    output::list(&lines, format)
}

impl Row for TrailLine {
    const HEADINGS: &'static [&'static str] =
        &["TIME", "KIND", "OUTCOME", "ACCOUNT", "SOURCE", "MODE", "TARGET", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        let row = &self.row;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![
            self.time.clone(),
            row.kind.clone(),
            row.outcome.clone(),
            text(if self.login.is_some() { &self.login } else { &row.account }),
            row.source.clone(),
            text(&row.mode),
            text(&row.target),
            row.detail.clone(),
        ]
    }
}
