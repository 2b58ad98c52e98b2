//! A head-less baresip 1.0, driven over its TCP control port (netstrings of JSON).

use super::{
    Peer,
    audio::{RATE, Recording, Sound},
    let_pass, port, within,
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const READ_SLICE: Duration = Duration::from_millis(20);
const BETWEEN_DIGITS: Duration = Duration::from_millis(220);
const REGISTERED: &str = "} 200 OK";
const MODULES: [&str; 3] = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules"];

/// What a phone is before it starts.
pub struct Setup {
    user: String,
    registrar: Option<(SocketAddr, String)>,
    source: Sound,
    answers: bool,
    codec: &'static str,
    shares_port: bool,
    secured: Option<Secured>,
}

struct Secured {
    /// What the registrar's certificate is believed by.
    certificate: PathBuf,
    /// How its audio is secured, in the words of an account.
    media: &'static str,
}

impl Setup {
    /// A phone that speaks `source` and answers by itself.
    pub fn new(user: &str, source: Sound) -> Self {
        Self {
            user: user.to_owned(),
            registrar: None,
            source,
            answers: true,
            codec: "PCMU/8000/1",
            shares_port: false,
            secured: None,
        }
    }

    pub fn registered(self, registrar: SocketAddr, password: &str) -> Self {
        Self { registrar: Some((registrar, password.to_owned())), ..self }
    }

    pub fn speaking(self, source: Sound) -> Self {
        Self { source, ..self }
    }

    pub fn answering_by_hand(self) -> Self {
        Self { answers: false, ..self }
    }

    /// Over TLS to the registrar, which shows this certificate; its audio is SRTP: `srtp-mand`, or plain as well: `srtp`.
    pub fn secured(self, certificate: PathBuf, media: &'static str) -> Self {
        Self { secured: Some(Secured { certificate, media }), ..self }
    }

    pub fn codec(self, codec: &'static str) -> Self {
        Self { codec, ..self }
    }

    /// With one port for RTP and RTCP, where the other end can do that.
    pub fn sharing_a_port(self) -> Self {
        Self { shares_port: true, ..self }
    }

    /// Starts it, and waits until it is registered if it has a registrar.
    pub fn start(self) -> Phone {
        let folder = TempDir::with_prefix("baresip-").unwrap();
        let (sip, control) = (port::sip(), port::sip());
        self.source.write(&folder.path().join("source.wav"), self.source_rate());
        let more = if self.shares_port { "rtcp_mux yes\n" } else { "" };
        let config = config(folder.path(), sip, control, self.source_rate()) + more + &self.trust();
        fs::write(folder.path().join("config"), config).unwrap();
        fs::write(folder.path().join("accounts"), self.account(sip)).unwrap();
        fs::write(folder.path().join("contacts"), "").unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(folder.path()).stdout(log.try_clone().unwrap()).stderr(log);
        let peer = Peer::spawn(&mut command);
        let stream = within(START_LIMIT, || TcpStream::connect(control).ok())
            .unwrap_or_else(|| panic!("baresip does not listen:\n{}", read(folder.path())));
        let phone = Phone { peer, folder, control: Control::new(stream), user: self.user, sip };
        if self.registrar.is_some() {
            // It may have registered before anyone listened to its events.
            let registered = within(START_LIMIT, || phone.log().contains(REGISTERED).then_some(()));
            assert!(registered.is_some(), "{}: not registered\n{}", phone.user, phone.log());
        }
        phone
    }

    fn account(&self, sip: SocketAddr) -> String {
        let answer = if self.answers { "auto" } else { "manual" };
        let (domain, registration) = match &self.registrar {
            Some((registrar, password)) => (*registrar, format!("auth_pass={password};regint=60")),
            None => (sip, "regint=0".to_owned()),
        };
        let codec = self.codec;
        let (transport, media) = match &self.secured {
            Some(Secured { media, .. }) => (";transport=tls", format!(";mediaenc={media}")),
            None => ("", String::new()),
        };
        format!(
            "<sip:{}@{domain}{transport}>;{registration};answermode={answer};audio_codecs={codec}{media}\n",
            self.user
        )
    }

    /// In samples a second. On its way from 8 to 16 kHz baresip loses what lies above 1.3 kHz: what it says on G.722 is made
    /// at 16 kHz.
    fn source_rate(&self) -> u32 {
        if self.codec.starts_with("G722") { 2 * RATE } else { RATE }
    }

    fn trust(&self) -> String {
        let trust = |secured: &Secured| format!("sip_cafile {}\nmodule srtp.so\n", secured.certificate.display());
        self.secured.as_ref().map(trust).unwrap_or_default()
    }
}

fn config(folder: &Path, sip: SocketAddr, control: SocketAddr, source_rate: u32) -> String {
    let folder = folder.display();
    let modules = MODULES.iter().find(|path| Path::new(path).is_dir()).expect("baresip's modules (baresip-core)");
    let (first_rtp, last_rtp) = port::rtp();
    let loaded: String = ["g711", "g722", "opus", "aufile", "aubridge", "sndfile"]
        .iter()
        .map(|name| format!("module {name}.so\n"))
        .collect();
    format!(
        "poll_method epoll\n\
         sip_listen {sip}\n\
         net_interface 127.0.0.1\n\
         rtp_ports {first_rtp}-{last_rtp}\n\
         ausrc_srate {source_rate}\n\
         ausrc_channels 1\n\
         audio_source aufile,{folder}/source.wav\n\
         audio_player aubridge,ear\n\
         audio_alert aubridge,bell\n\
         audio_path /nonexistent\n\
         snd_path {folder}\n\
         ctrl_tcp_listen {control}\n\
         module_path {modules}\n\
         {loaded}\
         module_app account.so\n\
         module_app menu.so\n\
         module_app ctrl_tcp.so\n"
    )
}

fn read(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// A running phone; it dies with this value.
pub struct Phone {
    peer: Peer,
    folder: TempDir,
    control: Control,
    user: String,
    sip: SocketAddr,
}

impl Phone {
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.sip)
    }

    pub fn address(&self) -> SocketAddr {
        self.sip
    }

    pub fn dial(&mut self, target: &str) {
        self.command("dial", target);
    }

    pub fn accept(&mut self) {
        self.command("accept", "");
    }

    pub fn hold(&mut self) {
        self.command("hold", "");
    }

    pub fn resume(&mut self) {
        self.command("resume", "");
    }

    /// Ends the call and waits until the recordings are closed.
    pub fn hang_up(&mut self) {
        self.command("hangup", "");
        self.expect("CALL_CLOSED", ANSWER_LIMIT);
    }

    /// Presses keys (RFC 4733), one after another.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.command("sndcode", &key.to_string());
            let_pass(BETWEEN_DIGITS);
        }
    }

    /// Waits for the next event of this kind; what came before it is forgotten.
    pub fn expect(&mut self, kind: &str, limit: Duration) -> Value {
        let found = within(limit, || self.control.take_event(kind));
        found.unwrap_or_else(|| panic!("{}: no {kind} within {limit:?}\n{}", self.user, self.log()))
    }

    /// The reason with which the call was closed, once it is: `486 Busy Here`, or empty after a BYE.
    pub fn expect_closed(&mut self, limit: Duration) -> String {
        let event = self.expect("CALL_CLOSED", limit);
        event["param"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether this kind of event has not come so far.
    pub fn has_seen(&mut self, kind: &str) -> bool {
        self.control.take_event(kind).is_some()
    }

    fn command(&mut self, name: &str, params: &str) {
        self.control.send(name, params);
        let answer = within(ANSWER_LIMIT, || self.control.take_answer(name));
        assert!(answer.is_some(), "{}: no answer to {name}\n{}", self.user, self.log());
    }

    /// What it heard, one recording for each call, in their order. Complete only after the calls.
    pub fn heard(&self) -> Vec<Recording> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.retain(|path| path.to_string_lossy().ends_with("-dec.wav"));
        files.sort();
        files.iter().map(|path| Recording::read(path)).collect()
    }

    /// What it heard in its only, or its last, call.
    pub fn heard_last(&self) -> Recording {
        self.heard().pop().unwrap_or_else(|| panic!("{}: heard nothing\n{}", self.user, self.log()))
    }

    pub fn log(&self) -> String {
        read(self.folder.path())
    }
}

/// The control connection: commands out, answers and events in.
struct Control {
    stream: TcpStream,
    unread: Vec<u8>,
    events: Vec<Value>,
    answers: Vec<Value>,
}

impl Control {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(READ_SLICE)).unwrap();
        Self { stream, unread: Vec::new(), events: Vec::new(), answers: Vec::new() }
    }

    fn send(&mut self, name: &str, params: &str) {
        let text = json!({ "command": name, "params": params, "token": name }).to_string();
        write!(self.stream, "{}:{text},", text.len()).unwrap();
    }

    fn take_event(&mut self, kind: &str) -> Option<Value> {
        self.receive();
        let at = self.events.iter().position(|event| event["type"] == kind)?;
        self.events.drain(..=at).next_back()
    }

    fn take_answer(&mut self, token: &str) -> Option<Value> {
        self.receive();
        let at = self.answers.iter().position(|answer| answer["token"] == token)?;
        Some(self.answers.remove(at))
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        if let Ok(read) = self.stream.read(&mut buffer) {
            self.unread.extend_from_slice(&buffer[..read]);
        }
        while let Some(text) = next_netstring(&mut self.unread) {
            let Ok(value) = serde_json::from_slice::<Value>(&text) else { continue };
            if value["event"] == true { self.events.push(value) } else { self.answers.push(value) }
        }
    }
}

fn next_netstring(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.trim().parse().ok()?;
    let end = colon + 1 + length;
    if bytes.len() <= end {
        return None;
    }
    let text = bytes[colon + 1..end].to_vec();
    bytes.drain(..=end);
    Some(text)
}
