//! Digest access authentication: RFC 7616, RFC 2617 (what phones speak), RFC 8760 (SHA-256 in SIP), RFC 3261 §22.
//!
//! It works on HA1, never on a stored password. Refused on purpose: `auth-int`, `-sess` algorithms, user hashing, and
//! credentials without a nonce count.

mod client;
mod header;
mod server;
mod session;

pub use client::authorize;
pub use header::{BadDigest, Challenge, Credentials};
pub use server::{Authenticator, MAX_NONCES, NONCE_LIFETIME_MS, Verdict};
pub use session::{Asked, Session};

use crate::model::Secret;
use md5::Md5;
use sha2::{Digest, Sha256};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Md5,
    Sha256,
}

/// Who asks for credentials: a user agent server or registrar with 401, a proxy with 407 (RFC 3261 §22.2, §22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Server,
    Proxy,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

impl Asker {
    pub fn status(self) -> u16 {
        match self {
            Asker::Server => 401,
            Asker::Proxy => 407,
        }
    }

    pub fn challenge_header(self) -> &'static str {
        match self {
            Asker::Server => "WWW-Authenticate",
            Asker::Proxy => "Proxy-Authenticate",
        }
    }

    pub fn credentials_header(self) -> &'static str {
        match self {
            Asker::Server => "Authorization",
            Asker::Proxy => "Proxy-Authorization",
        }
    }
}

/// HA1 in lower-case hex: what is stored in place of a password (RFC 7616 §3.4.2).
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &Secret) -> Secret {
    let text = Secret::new(format!("{user}:{realm}:{}", password.expose()));
    Secret::new(algorithm.hash(text.expose()))
}

/// RFC 7616 §3.4.1; without `qop`, RFC 2617 §3.2.2.1.
fn response(credentials: &Credentials, method: &str, ha1: &Secret) -> String {
    let algorithm = credentials.algorithm;
    let ha2 = algorithm.hash(&format!("{method}:{}", credentials.uri));
    let nonce = &credentials.nonce;
    let middle = match &credentials.count {
        Some(count) => format!("{nonce}:{}:{}:auth", count.text, count.cnonce),
        None => nonce.clone(),
    };
    let text = Secret::new(format!("{}:{middle}:{ha2}", ha1.expose().to_ascii_lowercase()));
    algorithm.hash(text.expose())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
