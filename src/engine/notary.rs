//! The one who carries the signed head of the trail out of the database, again and again (X3): into a file, and to a command
//! that takes it where nobody here can change it. A file that knows more than the database is the proof that the database
//! was put back: it is told, and not written over.

use crate::{
    audit::{FileError, Trail, TrailError, read_head, write_head},
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
    #[error("{program} has taken longer than {} s", COMMAND_LIMIT.as_secs())]
    CommandTooSlow { program: String },
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
}

impl Notary {
    pub fn new(trail: Trail, wish: HeadExport) -> Self {
        Self { trail, wish }
    }

    /// Works at once and then on schedule, until it is aborted.
    pub fn start(self) -> JoinHandle<()> {
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        tokio::spawn(async move {
            loop {
                let pause = if self.work().await { self.wish.every } else { RETRY.min(self.wish.every) };
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
                let file = self.wish.file.display();
                tracing::error!(event = "audit-tampered", %fault, %file, "the head that was kept is not of this trail");
                false
            }
            Err(error) => {
                tracing::error!(event = "audit-head-failed", %error, "the head of the trail could not be kept");
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
        let Ok(ended) = timeout(COMMAND_LIMIT, child.wait()).await else {
            child.kill().await.map_err(failed)?;
            return Err(ExportError::CommandTooSlow { program: program() });
        };
        let status = ended.map_err(failed)?;
        if status.success() { Ok(()) } else { Err(ExportError::CommandFailed { program: program(), status }) }
    }
}
