//! The command line's end of `data_dir/control.sock`.

use super::{config::Config, output};
use crate::engine::control::{Answer, Request};
use anyhow::{Context, bail};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(5);

/// For an answer that takes its time.
const PATIENT: Duration = Duration::from_secs(60);

/// A longer answer is not believed.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Asks the running engine.
pub fn ask(config: &Config, request: &Request) -> anyhow::Result<Answer> {
    let Some(answer) = ask_if_running(config, request)? else {
        bail!("no engine runs at {}; start one with `sasayaki serve`", config.control_socket().display());
    };
    Ok(answer)
}

/// The same where an engine need not run. `None`: none does.
pub fn ask_if_running(config: &Config, request: &Request) -> anyhow::Result<Option<Answer>> {
    let Some(stream) = connect(&config.control_socket())? else { return Ok(None) };
    if let Request::SelfTest = request {
        stream.set_read_timeout(Some(PATIENT))?;
    }
    let answer = exchange(&stream, request).context("the engine did not answer")?;
    if !answer.ok {
        bail!("{}", answer.error.as_deref().unwrap_or("the engine refused and did not say why"));
    }
    Ok(Some(answer))
}

/// Tells the engine, if one runs, that the store has changed. The change stands in the store in any case.
pub fn refresh(config: &Config) {
    let told = match connect(&config.control_socket()) {
        Ok(None) => return,
        Ok(Some(stream)) => exchange(&stream, &Request::Refresh),
        Err(error) => Err(error),
    };
    match told {
        Ok(Answer { ok: true, .. }) => {}
        Ok(Answer { error, .. }) => output::note(&untold(&error.unwrap_or_default())),
        Err(error) => output::note(&untold(&output::told(&error))),
    }
}

fn untold(why: &str) -> String {
    format!("saved, but the running engine could not be told: {why}")
}

/// `None`: no engine runs.
fn connect(socket: &Path) -> anyhow::Result<Option<UnixStream>> {
    match UnixStream::connect(socket) {
        Ok(stream) => {
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            Ok(Some(stream))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot reach {}", socket.display())),
    }
}

fn exchange(mut stream: &UnixStream, request: &Request) -> anyhow::Result<Answer> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).take(MAX_ANSWER_BYTES).read_line(&mut answer)?;
    if answer.is_empty() {
        bail!("it closed the connection");
    }
    Ok(serde_json::from_str(&answer)?)
}
