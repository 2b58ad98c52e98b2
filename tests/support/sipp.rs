//! SIPp: scripted calls, each bounded in time.

use super::{Peer, port};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

const GRACE: Duration = Duration::from_secs(5);

/// A running scenario of `tests/sipp/`.
pub struct Scenario {
    peer: Peer,
    folder: TempDir,
    name: String,
    limit: Duration,
    pub address: SocketAddr,
}

impl Scenario {
    /// Runs `tests/sipp/NAME.xml` once against `engine`, with `-key` values, for at most `limit`.
    pub fn start(name: &str, engine: SocketAddr, keys: &[(&str, &str)], limit: Duration) -> Self {
        Self::start_as("sipp", name, engine, keys, limit)
    }

    /// The same, signed in as `user`: it answers challenges with the rig's phone password.
    pub fn start_as(user: &str, name: &str, engine: SocketAddr, keys: &[(&str, &str)], limit: Duration) -> Self {
        let folder = TempDir::with_prefix("sipp-").unwrap();
        let address = port::sip();
        let (first_media_port, _) = port::rtp();
        let output = File::create(folder.path().join("output")).unwrap();
        let mut command = Command::new("sipp");
        command.current_dir(folder.path()).arg(engine.to_string()).arg("-sf").arg(scenario_file(name));
        command.args(["-i", "127.0.0.1", "-p", &address.port().to_string(), "-m", "1", "-l", "1", "-nostdin"]);
        command.args([
            "-s",
            user,
            "-au",
            user,
            "-ap",
            super::engine::PHONE_PASSWORD,
            "-mp",
            &first_media_port.to_string(),
        ]);
        command.args([
            "-timeout",
            &limit.as_secs().to_string(),
            "-timeout_error",
            "-trace_err",
            "-error_file",
            "errors",
        ]);
        command.args(["-trace_msg", "-message_file", "messages"]);
        for (key, value) in keys {
            command.args(["-key", key, value]);
        }
        command.stdout(output.try_clone().unwrap()).stderr(output);
        Self { peer: Peer::spawn(&mut command), folder, name: name.to_owned(), limit, address }
    }

    /// Waits for its end, which must be a success.
    pub fn expect_success(mut self) -> String {
        let status = self.peer.exit(self.limit + GRACE);
        let success = status.is_some_and(|status| status.success());
        assert!(success, "{}: {status:?}\n{}\n{}", self.name, self.file("errors"), self.messages());
        self.messages()
    }

    /// Every message sent and received so far.
    pub fn messages(&self) -> String {
        self.file("messages")
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn scenario_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(name).with_extension("xml")
}
