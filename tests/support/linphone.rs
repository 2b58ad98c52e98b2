//! A head-less linphonec, driven by what one would type at it.

use super::{
    Peer,
    audio::{RATE, Recording, Sound},
    let_pass, port, within,
};
use std::{
    fs::{self, File},
    io::Write,
    net::SocketAddr,
    process::{ChildStdin, Command},
    time::Duration,
};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(20);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(200);
const BETWEEN_DIGITS: Duration = Duration::from_millis(250);

#[derive(Clone, Copy)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A running phone; it dies with this value.
pub struct Linphone {
    peer: Peer,
    keyboard: ChildStdin,
    folder: TempDir,
}

impl Linphone {
    /// A phone that speaks `source`, once it is registered at `registrar`.
    pub fn registered(user: &str, source: &Sound, registrar: SocketAddr, password: &str, transport: Transport) -> Self {
        let folder = TempDir::with_prefix("linphone-").unwrap();
        let home = folder.path();
        fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
        source.write(&home.join("spoken.wav"), RATE);
        fs::write(home.join("linphonerc"), config(user, registrar, password, transport)).unwrap();
        let log = File::create(home.join("log")).unwrap();
        let mut command = Command::new("linphonec");
        command.current_dir(home).env("HOME", home).arg("-c").arg(home.join("linphonerc"));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let (peer, keyboard) = Peer::spawn_with_keyboard(&mut command);
        let mut phone = Self { peer, keyboard, folder };
        let registered = within(START_LIMIT, || {
            phone.enter("status register");
            let_pass(BETWEEN_QUESTIONS);
            phone.log().contains("registered, identity=").then_some(())
        });
        assert!(registered.is_some(), "{user}: not registered\n{}", phone.log());
        phone.enter("soundcard use files");
        phone
    }

    /// Calls, and speaks and records from the answer on.
    pub fn dial(&mut self, target: &str) {
        self.enter(&format!("call {target}"));
        let answered = within(START_LIMIT, || self.log().contains("connected").then_some(()));
        assert!(answered.is_some(), "{target} does not answer\n{}", self.log());
        self.enter("record heard.wav");
        self.enter("play spoken.wav");
    }

    /// Presses keys, one after another.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.enter(&key.to_string());
            let_pass(BETWEEN_DIGITS);
        }
    }

    /// Ends the call, and the phone with it: only then the recording is whole.
    pub fn hang_up(mut self) -> Recording {
        self.enter("terminate");
        self.enter("quit");
        let left = self.peer.exit(START_LIMIT);
        assert!(left.is_some(), "still there after quit\n{}", self.log());
        Recording::read(&self.folder.path().join("heard.wav"))
    }

    fn enter(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap_or_else(|error| panic!("{line}: {error}\n{}", self.log()));
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn config(user: &str, registrar: SocketAddr, password: &str, transport: Transport) -> String {
    let (udp, tcp) = (port::sip().port(), port::sip().port());
    let (first_rtp, last_rtp) = port::rtp();
    let (host, transport) = (registrar.ip(), transport.name());
    format!(
        "[sip]\n\
         sip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port=-1\n\
         guess_hostname=0\nregister_only_when_network_is_up=0\nuse_info=0\nuse_rfc2833=1\n\
         default_proxy=0\n\
         [rtp]\n\
         audio_rtp_port={first_rtp}-{last_rtp}\n\
         [proxy_0]\n\
         reg_proxy=<sip:{registrar};transport={transport}>\n\
         reg_route=<sip:{registrar};transport={transport}>\n\
         reg_identity=sip:{user}@{host}\n\
         reg_expires=60\nreg_sendregister=1\npublish=0\ndial_escape_plus=0\n\
         [auth_info_0]\n\
         username={user}\npasswd={password}\n\
         [audio_codec_0]\nmime=PCMU\nrate=8000\nchannels=1\nenabled=1\n\
         [video]\nenabled=0\n"
    )
}
