//! SIPp: scripted calls from `tests/sipp/`, each bounded in time.

use super::{
    Peer,
    engine::{Engine, PHONE_PASSWORD},
    port,
};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

const GRACE: Duration = Duration::from_secs(5);

/// One run of one scenario, before it starts. In the scenario `{{name}}` stands for a value given here, and `{{calling}}` for
/// what every call begins with: INVITE, challenge, INVITE with credentials.
pub struct Scenario {
    name: &'static str,
    user: String,
    address: SocketAddr,
    tcp: bool,
    limit: Duration,
    values: Vec<(&'static str, String)>,
}

impl Scenario {
    pub fn new(name: &'static str, user: &str) -> Self {
        let address = port::sip();
        let id = format!("rig{}", address.port());
        let values = vec![("id", id), ("user", user.to_owned()), ("headers", String::new())];
        let limit = Duration::from_secs(40);
        Self { name, user: user.to_owned(), address, tcp: false, limit, values }
    }

    /// Where the phone lives; else a free port.
    pub fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    pub fn over_tcp(self) -> Self {
        Self { tcp: true, ..self }
    }

    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// Puts a header into the INVITE.
    pub fn with_header(self, header: &str) -> Self {
        self.with("headers", format!("\n    {header}"))
    }

    /// Presses `keys` by INFO where the scenario says `{{infos}}`.
    pub fn pressing(self, keys: &str) -> Self {
        let one = fs::read_to_string(scenario_file("info-digit")).unwrap();
        let all: String = keys.chars().map(|key| one.replace("{{key}}", &key.to_string())).collect();
        self.with("infos", all)
    }

    /// Is told of these states of the watched phone's call, one NOTIFY each, where the scenario says `{{turns}}`.
    pub fn told(self, states: &[&str]) -> Self {
        let one = fs::read_to_string(scenario_file("watch-turn")).unwrap();
        let turn = |(version, state): (i32, &&str)| {
            one.replace("{{version}}", &version.to_string()).replace("{{state}}", state)
        };
        self.with("turns", (1..).zip(states).map(turn).collect::<String>())
    }

    pub fn start(self, engine: SocketAddr) -> Running {
        let folder = TempDir::with_prefix("sipp-").unwrap();
        fs::write(folder.path().join("scenario.xml"), self.text()).unwrap();
        let output = File::create(folder.path().join("output")).unwrap();
        let mut command = self.command(engine);
        command.current_dir(folder.path()).stdout(output.try_clone().unwrap()).stderr(output);
        Running { peer: Peer::spawn(&mut command), folder, name: self.name, limit: self.limit }
    }

    fn text(&self) -> String {
        let read = |name| fs::read_to_string(scenario_file(name)).unwrap();
        let text = read(self.name).replace("{{calling}}\n", &read("calling"));
        self.values.iter().rev().fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
    }

    fn command(&self, engine: SocketAddr) -> Command {
        let (address, media) = (self.address.port().to_string(), port::rtp().0.to_string());
        let limit = self.limit.as_secs().to_string();
        let mut command = Command::new("sipp");
        command.arg(engine.to_string()).args(["-sf", "scenario.xml", "-m", "1", "-nostdin"]);
        command.args(["-i", "127.0.0.1", "-p", &address, "-mp", &media, "-t", if self.tcp { "t1" } else { "u1" }]);
        command.args(["-s", &self.user, "-au", &self.user, "-ap", PHONE_PASSWORD]);
        command.args(["-timeout", &limit, "-timeout_error", "-trace_err", "-error_file", "errors"]);
        command.args(["-trace_msg", "-message_file", "messages"]);
        if let Some((_, target)) = self.values.iter().find(|(name, _)| *name == "target") {
            command.args(["-auth_uri", &format!("{target}@{engine}")]);
        }
        command
    }
}

/// Registers a phone at an address of its own, which is told.
pub fn register(engine: &Engine, user: &str) -> SocketAddr {
    let address = port::sip();
    Scenario::new("register", user).at(address).with("expires", 300).start(engine.sip).expect_success();
    address
}

/// A scenario that goes on; it dies with this value.
pub struct Running {
    peer: Peer,
    folder: TempDir,
    name: &'static str,
    limit: Duration,
}

impl Running {
    /// Waits for its end, which must be a success, and hands over every message sent and received.
    pub fn expect_success(mut self) -> String {
        let status = self.peer.exit(self.limit + GRACE);
        let success = status.is_some_and(|status| status.success());
        let (errors, messages, output) = (self.file("errors"), self.messages(), self.file("output"));
        assert!(success, "{}: {status:?}\n{errors}\n{messages}\n{output}", self.name);
        messages
    }

    pub fn messages(&self) -> String {
        self.file("messages")
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn scenario_file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(name).with_extension("xml")
}
