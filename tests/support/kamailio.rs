//! A Kamailio that plays the provider of telephone numbers (`tests/kamailio/provider.cfg`): it asks for credentials at every
//! registration and every call.

use super::{Peer, port, within};
use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};
use tempfile::TempDir;

pub const ACCOUNT: &str = "050-account";
pub const ACCOUNT_PASSWORD: &str = "carrier-secret";
pub const REALM: &str = "carrier.example";
/// The number that it brings to the account.
pub const NUMBER: &str = "0312345678";

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(5);
const MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib64/kamailio/modules/",
];

/// A running provider; it ends with this value.
pub struct Provider {
    peer: Peer,
    folder: TempDir,
    pub address: SocketAddr,
}

/// How its account reaches it.
enum Way<'a> {
    Udp,
    /// With a certificate and its key, as PEM files.
    Tls(&'a Path, &'a Path),
}

impl Way<'_> {
    /// What its configuration says of it: how to listen, and the modules for that.
    fn lines(&self, address: SocketAddr) -> [(&'static str, String); 2] {
        let [listen, modules] = match self {
            Way::Udp => ["disable_tcp=yes".to_owned(), String::new()],
            Way::Tls(cert, key) => {
                let rows = [
                    ("certificate", cert.display().to_string()),
                    ("private_key", key.display().to_string()),
                    ("tls_method", "TLSv1.2+".to_owned()),
                ];
                let rows = rows.map(|(name, value)| format!("modparam(\"tls\", \"{name}\", \"{value}\")\n")).concat();
                [format!("enable_tls=yes\nlisten=tls:{address}"), format!("loadmodule \"tls.so\"\n{rows}")]
            }
        };
        [("listen over a stream", listen), ("modules for that", modules)]
    }
}

impl Provider {
    /// Calls to any number but [`NUMBER`] go to the phone at `customer`.
    pub fn start(customer: SocketAddr, nonce_seconds: u32) -> Self {
        Self::reached_by(&Way::Udp, port::sip(), customer, nonce_seconds)
    }

    /// The same at `address`, over TLS too.
    pub fn secured(address: SocketAddr, cert: &Path, key: &Path, customer: SocketAddr) -> Self {
        let provider = Self::reached_by(&Way::Tls(cert, key), address, customer, 300);
        let listens = within(START_LIMIT, || TcpStream::connect(address).ok());
        assert!(listens.is_some(), "nobody listens at {address}: {}", provider.log());
        provider
    }

    fn reached_by(way: &Way<'_>, address: SocketAddr, customer: SocketAddr, nonce_seconds: u32) -> Self {
        let folder = TempDir::with_prefix("kamailio-").unwrap();
        let modules = MODULES.iter().find(|path| Path::new(path).is_dir()).expect("Kamailio's modules");
        let values = [
            ("address", address.to_string()),
            ("modules", (*modules).to_owned()),
            ("customer", customer.to_string()),
            ("nonce_seconds", nonce_seconds.to_string()),
            ("account", ACCOUNT.to_owned()),
            ("password", ACCOUNT_PASSWORD.to_owned()),
            ("realm", REALM.to_owned()),
            ("number", NUMBER.to_owned()),
        ];
        let text = include_str!("../kamailio/provider.cfg").to_owned();
        let text = values
            .iter()
            .chain(&way.lines(address))
            .fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
        fs::write(folder.path().join("provider.cfg"), text).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("kamailio");
        command.args(["-DD", "-E", "-n", "1", "-m", "32", "-M", "4", "-f"]).arg(folder.path().join("provider.cfg"));
        command.arg("-Y").arg(folder.path()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { peer: Peer::spawn(&mut command), folder, address }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Provider {
    /// Asked to, it ends the processes that it has started as well.
    fn drop(&mut self) {
        self.peer.terminate();
        let _ = self.peer.exit(STOP_LIMIT);
        if thread::panicking() {
            eprintln!("── the provider's log\n{}", self.log());
        }
    }
}
