//! The one key file and what is derived from it. A backup is the database *and* this file.

use super::file;
use crate::model::{AccountId, ExtensionNumber, Secret, TrunkName};
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{Aead, Generate, Key, KeyInit, Nonce, Payload},
};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use sha2::Sha256;
use std::{fmt::Write, io, os::unix::fs::PermissionsExt, path::Path};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const READABLE_BY_OTHERS: u32 = 0o077;

/// Sub-keys of the key file (HKDF-SHA-256): none of them tells of another.
pub struct Keys {
    pepper: SubKey,
    ha1: SubKey,
    trunk: SubKey,
    audit: SigningKey,
    one_time: SubKey,
    check: SubKey,
}

type SubKey = Zeroizing<[u8; KEY_BYTES]>;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read or make the key file {path}: {error}")]
    File { path: String, error: io::Error },
    #[error("others can read the key file {path}: run `chmod 600 {path}`")]
    ReadableByOthers { path: String },
    #[error("the key file {path} is not 64 hexadecimal digits: restore it from the backup")]
    NotAKey { path: String },
}

impl Keys {
    /// Reads the key file; makes it on first start.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyError> {
        let shown = || path.display().to_string();
        let in_file = |error| KeyError::File { path: shown(), error };
        let text = Zeroizing::new(file::read_or_make(path, || hex(&os_random())).map_err(in_file)?);
        let mode = std::fs::metadata(path).map_err(in_file)?.permissions().mode();
        if mode & READABLE_BY_OTHERS != 0 {
            return Err(KeyError::ReadableByOthers { path: shown() });
        }
        let root = from_hex(text.trim()).ok_or_else(|| KeyError::NotAKey { path: shown() })?;
        Ok(Self::derive(&root))
    }

    pub fn derive(root: &[u8; KEY_BYTES]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, root);
        let sub_key = |name: &str| {
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            hkdf.expand(name.as_bytes(), &mut *key).expect("one block of output is never too long for HKDF");
            key
        };
        Self {
            pepper: sub_key("sasayaki pepper"),
            ha1: sub_key("sasayaki ha1"),
            trunk: sub_key("sasayaki trunk"),
            audit: SigningKey::from_bytes(&sub_key("sasayaki audit")),
            one_time: sub_key("sasayaki one-time"),
            check: sub_key("sasayaki check"),
        }
    }

    /// The secret input of argon2.
    pub fn pepper(&self) -> &[u8] {
        &*self.pepper
    }

    /// Signs for the audit trail: Ed25519 (RFC 8032), in hexadecimal digits.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex(&self.audit.sign(message).to_bytes())
    }

    /// By which everybody can tell what was signed here, in hexadecimal digits.
    pub fn public_key(&self) -> String {
        hex(self.audit.verifying_key().as_bytes())
    }

    /// The keyed hash of a one-time code, which is too random to need argon2: it tells nothing without the key file.
    pub fn hash_code(&self, account: AccountId, code: &Secret) -> String {
        let mut hash = [0; KEY_BYTES];
        // The id has a fixed length, so that no other pair makes the same text.
        let account = account.to_string();
        let info = [account.as_bytes(), code.expose().as_bytes()];
        let hkdf = Hkdf::<Sha256>::new(None, &*self.one_time);
        hkdf.expand_multi_info(&info, &mut hash).expect("one block of output is never too long for HKDF");
        hex(&hash)
    }

    /// A value that may be stored: tells whether a store and a key file belong together.
    pub fn fingerprint(&self) -> String {
        hex(&self.check[..])
    }

    /// Encrypts an HA1 for its extension: nonce, then ciphertext. It opens under no other number.
    pub fn seal(&self, number: &ExtensionNumber, ha1: &Secret) -> Vec<u8> {
        seal(&self.ha1, number.as_str(), ha1)
    }

    /// `None`: damaged, of another number or of another key.
    pub fn open(&self, number: &ExtensionNumber, sealed: &[u8]) -> Option<Secret> {
        open(&self.ha1, number.as_str(), sealed)
    }

    /// Encrypts the password by which a trunk knows us.
    pub fn seal_for_trunk(&self, name: &TrunkName, password: &Secret) -> Vec<u8> {
        seal(&self.trunk, name.as_str(), password)
    }

    /// `None`: damaged, of another trunk or of another key.
    pub fn open_for_trunk(&self, name: &TrunkName, sealed: &[u8]) -> Option<Secret> {
        open(&self.trunk, name.as_str(), sealed)
    }
}

fn seal(key: &SubKey, owner: &str, secret: &Secret) -> Vec<u8> {
    let nonce = Nonce::<ChaCha20Poly1305>::generate();
    let payload = Payload { msg: secret.expose().as_bytes(), aad: owner.as_bytes() };
    let sealed = cipher(key).encrypt(&nonce, payload).expect("a secret of ours is never too long to encrypt");
    [&nonce[..], &sealed].concat()
}

fn open(key: &SubKey, owner: &str, sealed: &[u8]) -> Option<Secret> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce = Nonce::<ChaCha20Poly1305>::try_from(nonce).ok()?;
    let payload = Payload { msg: ciphertext, aad: owner.as_bytes() };
    let opened = Zeroizing::new(cipher(key).decrypt(&nonce, payload).ok()?);
    std::str::from_utf8(&opened).ok().map(Secret::new)
}

fn cipher(key: &SubKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::<ChaCha20Poly1305>::from(**key))
}

/// Thirty-two bytes from the operating system.
pub fn os_random() -> [u8; KEY_BYTES] {
    Key::<ChaCha20Poly1305>::generate().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Exactly so many bytes, two digits each.
pub(super) fn from_hex<const BYTES: usize>(text: &str) -> Option<Zeroizing<[u8; BYTES]>> {
    let digits = text.len() == BYTES * 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut key = Zeroizing::new([0; BYTES]);
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = text.get(index * 2..index * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())?;
    }
    digits.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn number(text: &str) -> ExtensionNumber {
        text.parse().unwrap()
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_alone_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/pepper.key");
        let first = Keys::load_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(first.fingerprint(), Keys::load_or_make(&path).unwrap().fingerprint());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_key_file_that_others_can_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pepper.key");
        Keys::load_or_make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keys::load_or_make(&path), Err(KeyError::ReadableByOthers { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for damaged in ["", "00", &"é".repeat(32), &"0".repeat(63), &"+0".repeat(32)] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(Keys::load_or_make(&path), Err(KeyError::NotAKey { .. })), "{damaged:?}");
        }
    }

    #[test]
    fn an_ha1_opens_under_its_own_number_and_key_only() {
        let (keys, other) = (Keys::derive(&[1; KEY_BYTES]), Keys::derive(&[2; KEY_BYTES]));
        let sealed = keys.seal(&number("4001"), &Secret::new("0123456789abcdef"));
        assert!(keys.open(&number("4001"), &sealed).unwrap().matches(&Secret::new("0123456789abcdef")));
        assert!(keys.open(&number("4002"), &sealed).is_none());
        assert!(other.open(&number("4001"), &sealed).is_none());
        assert!(keys.open(&number("4001"), &sealed[..5]).is_none());
        assert_ne!(sealed, keys.seal(&number("4001"), &Secret::new("0123456789abcdef")), "a nonce is never used twice");
    }

    #[test]
    fn no_two_sub_keys_are_alike() {
        let keys = Keys::derive(&[1; KEY_BYTES]);
        let audit = hex(keys.audit.as_bytes());
        let all =
            [hex(keys.pepper()), hex(&*keys.ha1), hex(&*keys.trunk), audit, hex(&*keys.one_time), keys.fingerprint()];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
