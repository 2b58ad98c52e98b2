//! The one who carries the signed head of the trail out of the database, again and again (X3): into a file, and to a command
//! that takes it where nobody here can change it. A file that knows more than the database is the proof that the database
//! was put back: it is told, and not written over.

use crate::{
    audit::{FileError, Trail, TrailError, read_head, write_head},
    model::SecurityEvent,
    store::StoreError,
};
use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{process::Command, task::JoinHandle, time::timeout};

/// After a failure it is tried again this soon, or at its time if that is sooner.
const RETRY: Duration = Duration::from_secs(60);

/// A command that takes longer is ended.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Where heads go, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadExport {
    pub file: PathBuf,
    /// The program and its arguments, which finds the head on standard input; empty: none.
    pub command: Vec<String>,
    pub every: Duration,
}

impl HeadExport {
    pub const EVERY: Duration = Duration::from_secs(3600);

    /// As configured by nobody.
    pub fn into_folder(folder: &Path) -> Self {
        Self { file: folder.join("audit.head"), command: vec![], every: Self::EVERY }
    }
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Trail(#[from] TrailError),
    #[error("{program}: {error}")]
    Command { program: String, error: io::Error },
    #[error("{program} has failed: {status}")]
    CommandFailed { program: String, status: ExitStatus },
    #[error("{program} has taken longer than {limit:?}")]
    CommandTooSlow { program: String, limit: Duration },
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Trail(error.into())
    }
}

impl From<FileError> for ExportError {
    fn from(error: FileError) -> Self {
        Self::Trail(error.into())
    }
}

#[derive(Clone)]
pub struct Notary {
    trail: Trail,
    wish: HeadExport,
    command_limit: Duration,
    retry: Duration,
}

impl Notary {
    pub fn new(trail: Trail, wish: HeadExport) -> Self {
        let retry = RETRY.min(wish.every);
        Self { trail, wish, command_limit: COMMAND_LIMIT, retry }
    }

    /// Works at once and then on schedule, until it is aborted.
    pub fn start(self) -> JoinHandle<()> {
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        tokio::spawn(async move {
            loop {
                let pause = if self.work().await { self.wish.every } else { self.retry };
                #[expect(clippy::disallowed_methods, reason = "a schedule lives by the clock")]
                tokio::time::sleep(pause).await;
            }
        })
    }

    /// Exports once; what stands in the way is told here.
    pub async fn work(&self) -> bool {
        match self.export().await {
            Ok(()) => true,
            Err(ExportError::Trail(TrailError::Fault(fault))) => {
                let detail = format!("{} does not know this trail: {fault}", self.wish.file.display());
                SecurityEvent::AuditTampered { detail }.report(None, 1);
                false
            }
            Err(error) => {
                SecurityEvent::AuditHeadFailed { detail: error.to_string() }.report(None, 1);
                false
            }
        }
    }

    async fn export(&self) -> Result<(), ExportError> {
        match read_head(&self.wish.file) {
            Ok(kept) => self.trail.still_holds(&kept).await?,
            Err(FileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        write_head(&self.wish.file, &self.trail.head().await?)?;
        self.tell_command().await
    }

    async fn tell_command(&self) -> Result<(), ExportError> {
        let [name, arguments @ ..] = self.wish.command.as_slice() else { return Ok(()) };
        let program = || name.clone();
        let failed = |error| ExportError::Command { program: program(), error };
        let head = File::open(&self.wish.file).map_err(failed)?;
        let mut command = Command::new(name);
        command.args(arguments).stdin(head).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        let Ok(ended) = timeout(self.command_limit, child.wait()).await else {
            child.kill().await.map_err(failed)?;
            return Err(ExportError::CommandTooSlow { program: program(), limit: self.command_limit });
        };
        let status = ended.map_err(failed)?;
        if status.success() { Ok(()) } else { Err(ExportError::CommandFailed { program: program(), status }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Store};
    use std::fs;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_secs(30);
    const POLL: Duration = Duration::from_millis(20);

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "what a command has done tells nobody")]
    async fn a_command_that_is_too_slow_is_ended_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let url = format!("sqlite:{}", at("db").display());
        let store = Store::open(Options::new(url, folder.path(), at("key"), "localhost")).await.unwrap();
        let script = r#"cd "$0"; if [ -e slow ]; then cat >new; mv new shipped; else echo $$ >pid; mv pid slow; exec sleep 600; fi"#;
        let command = ["sh", "-c", script, &folder.path().display().to_string()].map(str::to_owned).to_vec();
        let wish = HeadExport { command, ..HeadExport::into_folder(folder.path()) };
        let notary = Notary::new(Trail::new(store), wish);
        let notary = Notary { command_limit: Duration::from_secs(1), retry: POLL, ..notary };
        let running = notary.start();
        let shipped = async {
            while !at("shipped").exists() {
                sleep(POLL).await;
            }
        };
        timeout(LIMIT, shipped).await.expect("it is not tried again");
        running.abort();
        assert_eq!(fs::read(at("shipped")).unwrap(), fs::read(at("audit.head")).unwrap());
        let slow = fs::read_to_string(at("slow")).unwrap();
        assert!(!Path::new("/proc").join(slow.trim()).exists(), "the slow one still runs");
    }
}
