//! The control socket: `data_dir/control.sock`, mode 0600, one JSON request a line, one JSON answer a line.

use super::control::{Answer, MAX_REQUEST_BYTES, Request};
use anyhow::Context;
use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

/// Requests that may wait for the engine at once.
const MAX_WAITING: usize = 64;

/// How long to wait when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Asks the engine from inside its process, as others do on the socket. Cheap to clone.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Asked>);

impl Handle {
    pub async fn ask(&self, request: Request) -> Answer {
        ask(&self.0, request).await
    }
}

pub struct Asked {
    pub request: Request,
    pub answer: oneshot::Sender<Answer>,
}

/// Listens until the receiver is dropped. A socket that a killed engine left behind is replaced; a live one is respected.
pub fn listen(path: &Path) -> anyhow::Result<(Handle, mpsc::Receiver<Asked>)> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        anyhow::bail!("another engine runs with this data folder ({} answers): stop it first", path.display());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    let (sender, asked) = mpsc::channel(MAX_WAITING);
    #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
    tokio::spawn(accept_all(listener, sender.clone()));
    Ok((Handle(sender), asked))
}

async fn accept_all(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    loop {
        tokio::select! {
            () = asked.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
                    tokio::spawn(serve(stream, asked.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not accept");
                    #[expect(clippy::disallowed_methods, reason = "there is no event that tells of free descriptors")]
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve(stream: UnixStream, asked: mpsc::Sender<Asked>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut reader).take(MAX_REQUEST_BYTES as u64);
        let read = limited.read_until(b'\n', &mut line).await;
        if !read.is_ok_and(|count| count > 0) {
            return;
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => ask(&asked, request).await,
            Err(error) => Answer::error(format!("not a request: {error}")),
        };
        let mut text = serde_json::to_vec(&answer).unwrap_or_default();
        text.push(b'\n');
        if writer.write_all(&text).await.is_err() {
            return;
        }
    }
}

async fn ask(asked: &mpsc::Sender<Asked>, request: Request) -> Answer {
    let (answer, reply) = oneshot::channel();
    let gone = || Answer::error("the engine is shutting down");
    if asked.send(Asked { request, answer }).await.is_err() {
        return gone();
    }
    reply.await.unwrap_or_else(|_| gone())
}
