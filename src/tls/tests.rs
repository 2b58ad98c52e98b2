use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use tokio_rustls::rustls::{ClientConnection, ServerConnection};

/// A certificate for loopback that vouches for itself, and its key.
pub(crate) struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
    _folder: TempDir,
}

impl Pair {
    pub fn make() -> Self {
        let folder = TempDir::with_prefix("tls-").unwrap();
        let names = ["127.0.0.1".to_owned(), "::1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        Self { cert, key, _folder: folder }
    }

    fn identity(&self) -> Arc<Identity> {
        Identity::load(self.cert.clone(), self.key.clone()).unwrap()
    }

    fn replace_with(&self, other: &Pair) {
        fs::copy(&other.cert, &self.cert).unwrap();
        fs::copy(&other.key, &self.key).unwrap();
    }

    fn error(&self) -> String {
        Identity::load(self.cert.clone(), self.key.clone()).unwrap_err().to_string()
    }
}

/// Whether somebody who believes `pair` believes what `identity` shows.
fn believes(pair: &Pair, identity: &Arc<Identity>) -> bool {
    let name = std::net::IpAddr::from([127, 0, 0, 1]).into();
    let trust = Trust::File(pair.cert.clone());
    let mut client = ClientConnection::new(trust.client_config().unwrap(), name).unwrap();
    let mut server = ServerConnection::new(identity.server_config()).unwrap();
    for _ in 0..4 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        let heard = server.process_new_packets();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        if heard.is_err() || client.process_new_packets().is_err() {
            return false;
        }
    }
    !client.is_handshaking() && !server.is_handshaking()
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_way_out() {
    let files = Pair::make();
    for mode in [0o604, 0o640, 0o620] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        assert!(files.error().contains(&format!("run `chmod 600 {}`", files.key.display())), "{mode:o}");
    }
}

#[test]
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let (first, second) = (Pair::make(), Pair::make());
    let files = Pair::make();
    files.replace_with(&first);
    let identity = files.identity();
    assert!(believes(&first, &identity) && !believes(&second, &identity));
    files.replace_with(&second);
    identity.reload().unwrap();
    assert!(believes(&second, &identity) && !believes(&first, &identity));
    fs::copy(&first.cert, &files.cert).unwrap();
    assert!(identity.reload().is_err(), "the key is still the other's");
    assert!(believes(&second, &identity));
}

#[tokio::test]
async fn a_change_of_the_files_is_noticed() {
    let (files, renewed) = (Pair::make(), Pair::make());
    let identity = files.identity();
    identity.keep_fresh();
    files.replace_with(&renewed);
    let noticed = async {
        let mut clock = tokio::time::interval(Duration::from_millis(50));
        while !believes(&renewed, &identity) {
            clock.tick().await;
        }
    };
    tokio::time::timeout(5 * WATCH_INTERVAL, noticed).await.unwrap();
}

#[test]
fn what_cannot_be_used_says_which_file_and_what_to_do() {
    let (pair, other) = (Pair::make(), Pair::make());
    let (cert, key) = (pair.cert.display().to_string(), pair.key.display().to_string());
    fs::copy(&other.key, &pair.key).unwrap();
    assert!(pair.error().starts_with(&format!("{cert} and {key}: ")), "{}", pair.error());
    assert!(pair.error().ends_with("the key must be the one that the certificate was made for"));
    fs::write(&pair.key, fs::read(&pair.cert).unwrap()).unwrap();
    assert!(pair.error().starts_with(&format!("{key}: no private key in it")), "{}", pair.error());
    fs::write(&pair.cert, "no certificate").unwrap();
    assert!(pair.error().starts_with(&format!("{cert}: no certificate in it")), "{}", pair.error());
    fs::write(&pair.cert, "-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n").unwrap();
    assert!(pair.error().starts_with(&format!("{cert}: not well-formed PEM")), "{}", pair.error());
    fs::remove_file(&pair.cert).unwrap();
    assert!(pair.error().starts_with(&format!("{cert}: No such file")), "{}", pair.error());
}
