//! The engine under test: `sasayaki serve` with a configuration of its own, provisioned by its own command line.

use super::{Peer, port, within};
use serde_json::Value;
use std::{
    fs::{self, File, Permissions},
    io::Write,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(15);
const SESSION_LIMIT: Duration = Duration::from_secs(15);
const OPTIONS_LIMIT: Duration = Duration::from_millis(200);
const LOG_LINES_SHOWN: usize = 60;

pub const PHONE_PASSWORD: &str = "phone-secret";
pub const DIAL_ID: &str = "3141";
pub const DIAL_PASSWORD: &str = "271828";

/// An engine with its data in a temporary folder; it dies with this value.
pub struct Engine {
    folder: TempDir,
    peer: Option<Peer>,
    pub sip: SocketAddr,
    /// SIP over TLS, with the certificate of `certificate()`.
    pub tls: SocketAddr,
    /// Plain HTTP, as to a proxy.
    pub console: SocketAddr,
    /// The first and the last of its RTP ports.
    pub rtp: (u16, u16),
}

impl Engine {
    /// Configured, not yet running.
    pub fn configured(extra: &str) -> Self {
        let engine = Self::new();
        let tls = format!(", \"tls:{}\"", engine.tls);
        engine.write_config(&tls, &format!("{extra}\n[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n"));
        engine.renew_certificate();
        engine
    }

    /// The same, but nobody can connect to it over TLS.
    pub fn without_tls(extra: &str) -> Self {
        let engine = Self::new();
        engine.write_config("", extra);
        engine
    }

    fn new() -> Self {
        let folder = TempDir::with_prefix("engine-").unwrap();
        Self { folder, peer: None, sip: port::sip(), tls: port::sip(), console: port::sip(), rtp: port::rtp() }
    }

    fn write_config(&self, tls: &str, extra: &str) {
        fs::write(self.folder.path().join("sasayaki.toml"), config(self, tls, extra)).unwrap();
    }

    /// Running, with the extensions 1000 (agent), 2000 (customer), 3000 and 3001 (supervisors) and the account
    /// `boss` on 3000, who may listen to 1000.
    pub fn with_an_office() -> Self {
        let mut engine = Self::configured("");
        for number in ["1000", "2000", "3000", "3001"] {
            engine.add_extension(number);
        }
        engine.add_supervisor("boss", "3000", DIAL_ID, DIAL_PASSWORD);
        engine.run_ok(&["permission", "grant", "boss", "terminal:1000", "edit"], "");
        engine.start();
        engine
    }

    pub fn add_extension(&self, number: &str) {
        self.run_ok(&["extension", "add", number, "--password-stdin"], PHONE_PASSWORD);
    }

    pub fn add_supervisor(&self, login: &str, extension: &str, dial_id: &str, dial_password: &str) {
        let add = ["account", "add", login, "--role", "supervisor", "--extension", extension, "--password-stdin"];
        self.run_ok(&add, "web-secret");
        self.run_ok(&["dial-id", "set", login, dial_id, "--password-stdin"], dial_password);
    }

    /// Starts it, and waits until it answers OPTIONS.
    pub fn start(&mut self) {
        self.start_in(&[]);
    }

    /// The same, with these in its environment.
    pub fn start_in(&mut self, environment: &[(&str, &str)]) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command(&["serve"]);
        command.envs(environment.iter().copied());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut peer = Peer::spawn(&mut command);
        let answers = within(START_LIMIT, || {
            let gone = peer.exit(Duration::ZERO).is_some();
            (gone || self.answers_options()).then_some(!gone)
        });
        self.peer = Some(peer);
        assert_eq!(answers, Some(true), "the engine does not answer OPTIONS:\n{}", self.log());
    }

    pub fn answers_options(&self) -> bool {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(OPTIONS_LIMIT)).unwrap();
        let (from, to) = (socket.local_addr().unwrap(), self.sip);
        let request = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{0};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:rig@{from}>;tag={0}\r\nTo: <sip:{to}>\r\nCall-ID: {0}@rig\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n",
            from.port()
        );
        socket.send_to(request.as_bytes(), to).unwrap();
        let mut answer = [0; 2048];
        matches!(socket.recv(&mut answer), Ok(length) if answer[..length].starts_with(b"SIP/2.0 "))
    }

    /// Ends it as an administrator would, and says how it went.
    pub fn stop(&mut self) -> ExitStatus {
        let mut peer = self.peer.take().expect("it runs");
        peer.terminate();
        peer.exit(STOP_LIMIT).unwrap_or_else(|| panic!("still there {STOP_LIMIT:?} after SIGTERM:\n{}", self.log()))
    }

    /// Of the running engine.
    pub fn process_id(&self) -> u32 {
        self.peer.as_ref().expect("it runs").id()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.peer.take().expect("it runs").kill();
    }

    /// Runs one command of its command line with one line on standard input.
    pub fn run(&self, arguments: &[&str], line: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = writeln!(child.stdin.take().unwrap(), "{line}");
        child.wait_with_output().unwrap()
    }

    pub fn run_ok(&self, arguments: &[&str], line: &str) -> String {
        let output = self.run(arguments, line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sasayaki {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until exactly one session is on `target`, in `mode`.
    pub fn expect_session(&self, mode: &str, target: &str) {
        let is_it = |session: &Value| session["mode"] == mode && session["target"] == target;
        let found = within(SESSION_LIMIT, || self.sessions().iter().any(is_it).then_some(()));
        assert!(found.is_some(), "no {mode} session on {target}: {:?}", self.sessions());
    }

    pub fn expect_sessions(&self, count: usize) {
        let found = within(SESSION_LIMIT, || (self.sessions().len() == count).then_some(()));
        assert!(found.is_some(), "not {count} sessions: {:?}", self.sessions());
    }

    pub fn sessions(&self) -> Vec<Value> {
        serde_json::from_str(&self.run_ok(&["sessions", "--json"], "")).unwrap()
    }

    pub fn calls(&self) -> Vec<Value> {
        serde_json::from_str(&self.run_ok(&["calls", "--json"], "")).unwrap()
    }

    /// Every audit row so far, as the command line lists them.
    pub fn audit(&self) -> Vec<Value> {
        serde_json::from_str(&self.run_ok(&["audit", "list", "--json"], "")).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sasayaki"));
        command.current_dir(self.folder.path()).env_remove("SASAYAKI_CONFIG");
        command.args(arguments).arg("--config").arg(self.folder.path().join("sasayaki.toml"));
        command
    }

    /// Gives it another certificate, which vouches for itself.
    pub fn renew_certificate(&self) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(self.certificate(), made.cert.pem()).unwrap();
        let key = self.folder().join("key.pem");
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    }

    /// Believe this, and you believe the engine.
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("cert.pem")
    }

    /// Where its configuration and its data lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of a user or a feature code on this engine.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.sip)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("── the engine's log\n{}", lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"));
        }
    }
}

/// `extra` goes on in the section `[rtp]`.
fn config(engine: &Engine, tls: &str, extra: &str) -> String {
    let Engine { sip, console, rtp: (first, last), .. } = engine;
    format!(
        "data_dir = \"data\"\n\
         [sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\"{tls}]\ndomain = \"127.0.0.1\"\n\
         [console]\nlisten = \"{console}\"\nbehind_proxy = true\n\
         [rtp]\nlisten = \"127.0.0.1\"\nports = [{first}, {last}]\n\
         {extra}\n"
    )
}
