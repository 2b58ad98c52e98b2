//! A Kamailio that plays the provider of telephone numbers (`tests/kamailio/provider.cfg`): it asks for credentials at every
//! registration and every call.

use super::{Peer, port};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

pub const ACCOUNT: &str = "050-account";
pub const ACCOUNT_PASSWORD: &str = "carrier-secret";
pub const REALM: &str = "carrier.example";
/// The number that it brings to the account.
pub const NUMBER: &str = "0312345678";

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

impl Provider {
    /// Calls to any number but [`NUMBER`] go to the phone at `customer`.
    pub fn start(customer: SocketAddr, nonce_seconds: u32) -> Self {
        let (folder, address) = (TempDir::with_prefix("kamailio-").unwrap(), port::sip());
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
        let text = values.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
        fs::write(folder.path().join("provider.cfg"), text).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("kamailio");
        command.args(["-D", "-E", "-n", "1", "-m", "32", "-M", "4", "-f"]).arg(folder.path().join("provider.cfg"));
        command.arg("-Y").arg(folder.path()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { peer: Peer::spawn(&mut command), folder, address }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Provider {
    /// Asked to, it ends the processes that it has started as well.
    fn drop(&mut self) {
        self.peer.terminate();
        let _ = self.peer.exit(STOP_LIMIT);
    }
}
