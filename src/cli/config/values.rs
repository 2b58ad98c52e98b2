use crate::model::{Codec, Secret};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

/// `udp:HOST:PORT`, `tcp:HOST:PORT` or `tls:HOST:PORT`; an IPv6 host stands in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ListenAddr {
    Udp(SocketAddr),
    Tcp(SocketAddr),
    Tls(SocketAddr),
}

impl TryFrom<String> for ListenAddr {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (scheme, address) =
            text.split_once(':').ok_or_else(|| format!("`{text}`: write udp:, tcp: or tls:, then ADDRESS:PORT"))?;
        let parsed = || {
            SocketAddr::from_str(address)
                .map_err(|_| format!("`{text}`: write an IP address and a port, like {scheme}:127.0.0.1:5060"))
        };
        match scheme {
            "udp" => parsed().map(ListenAddr::Udp),
            "tcp" => parsed().map(ListenAddr::Tcp),
            "tls" => parsed().map(ListenAddr::Tls),
            "ws" | "wss" => Err(format!("`{text}`: {scheme} is not in this version; use udp:, tcp: or tls:")),
            _ => Err(format!("`{text}`: unknown transport `{scheme}`; use udp:, tcp: or tls:")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DigestAlgorithm {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "SHA-256")]
    Sha256,
}

/// A codec by its name in SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CodecName(pub Codec);

impl TryFrom<String> for CodecName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Codec::from_name(&name).map(CodecName).ok_or("write PCMU, PCMA, G722 or opus")
    }
}

/// First and last RTP/RTCP port; holds at least one pair of an even and the following odd port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "[u16; 2]")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    pub(super) const DEFAULT: PortRange = PortRange { first: 20_000, last: 29_999 };

    pub fn first(self) -> u16 {
        self.first
    }

    pub fn last(self) -> u16 {
        self.last
    }

    /// How many RTP/RTCP pairs fit.
    pub fn pairs(self) -> u16 {
        let first_even = self.first.next_multiple_of(2);
        (self.last - first_even).div_ceil(2)
    }
}

impl TryFrom<[u16; 2]> for PortRange {
    type Error = String;

    fn try_from([first, last]: [u16; 2]) -> Result<Self, String> {
        let has_pair = first > 0 && first < last && (first.is_multiple_of(2) || last - first >= 2);
        has_pair
            .then_some(Self { first, last })
            .ok_or_else(|| format!("[{first}, {last}] holds no pair of ports; write [FIRST, LAST] like [20000, 29999]"))
    }
}

/// What would end or change a path within a URL.
const IN_URL_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#');

/// Where the store is. A PostgreSQL URL holds a password, so it has no `Debug`.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreUrl {
    Sqlite(PathBuf),
    Postgres(Secret),
}

impl StoreUrl {
    /// A relative SQLite file starts at `base`.
    pub(super) fn based_at(self, base: &Path) -> Self {
        match self {
            StoreUrl::Sqlite(file) => StoreUrl::Sqlite(base.join(file)),
            StoreUrl::Postgres(url) => StoreUrl::Postgres(url),
        }
    }

    /// As a database URL; it may hold a password.
    pub fn to_url(&self) -> Secret {
        match self {
            StoreUrl::Sqlite(file) => {
                let path = utf8_percent_encode(&file.to_string_lossy(), IN_URL_PATH).to_string();
                Secret::new(format!("sqlite:{path}"))
            }
            StoreUrl::Postgres(url) => url.clone(),
        }
    }

    /// For people: the SQLite file, or just the kind of server.
    pub fn label(&self) -> String {
        match self {
            StoreUrl::Sqlite(file) => format!("SQLite {}", file.display()),
            StoreUrl::Postgres(_) => "PostgreSQL".to_owned(),
        }
    }
}

impl TryFrom<String> for StoreUrl {
    type Error = &'static str;

    fn try_from(url: String) -> Result<Self, &'static str> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(StoreUrl::Postgres(Secret::new(url)));
        }
        let file = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match file {
            Some(file) if file.contains([':', '?']) => Err("a SQLite store is a file: sqlite:FILE"),
            Some(file) if !file.is_empty() => Ok(StoreUrl::Sqlite(file.into())),
            Some(_) | None => Err("write sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE"),
        }
    }
}

/// A folder of prompts: `ja`, `en` or one that an administrator made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Language(String);

impl Language {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Language {
    fn default() -> Self {
        Self("ja".to_owned())
    }
}

impl TryFrom<String> for Language {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if plain { Ok(Self(name)) } else { Err("write ja, en or the name of a folder with prompts".to_owned()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
