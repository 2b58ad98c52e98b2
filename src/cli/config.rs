//! The configuration file: TOML, every key optional, read once at start.
//!
//! In comes a file; out comes a `Config` whose every value has its own type and whose paths are whole, or a list of
//! findings with file, line and key. A value that the rooms behind could not use does not get past here.

mod finding;
mod load;
mod section;
mod values;

pub use finding::{Finding, Severity};
pub use load::{ConfigError, Loaded, load};
pub use values::{DigestAlgorithm, Language, ListenAddr, LogFormat, LogLevel, PortRange, StoreUrl};

use crate::{engine::HeadExport, model::Codec, tls::Trust};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// Everything INTERFACE lets an administrator choose before the start.
#[derive(Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub sip: Sip,
    pub rtp: Rtp,
    /// `None`: nobody can connect over TLS.
    pub tls: Option<TlsFiles>,
    /// Whose certificates are believed where we connect over TLS.
    pub trust: Trust,
    pub store_url: StoreUrl,
    /// `None`: the dial plan that is embedded in the binary.
    pub dialplan_dir: Option<PathBuf>,
    pub prompts: Prompts,
    pub ivr: IvrLimits,
    /// `calls.max_concurrent`; `None`: no limit.
    pub max_concurrent_calls: Option<u32>,
    /// `calls.keep_days`; `None`: the records of calls are kept for good.
    pub keep_calls: Option<Duration>,
    pub pepper_file: PathBuf,
    pub audit: HeadExport,
    pub console: Console,
    /// `selftest.every`; `None`: only when asked.
    pub selftest_every: Option<Duration>,
    pub log: Log,
}

#[derive(Clone)]
pub struct Sip {
    /// At least one, none twice.
    pub listen: Vec<ListenAddr>,
    pub domain: String,
    /// At least one, none twice, in the order offered.
    pub digest: Vec<DigestAlgorithm>,
    /// The address written into Contact, Via and SDP; `None`: the listening address.
    pub advertise: Option<IpAddr>,
}

#[derive(Clone)]
pub struct Rtp {
    pub listen: IpAddr,
    pub ports: PortRange,
    /// In order of preference; those that this version cannot speak are left out. At least one.
    pub codecs: Vec<Codec>,
    /// `inactivity_timeout_ms`; `None`: a phone may say nothing for ever.
    pub inactivity_timeout: Option<Duration>,
}

/// The certificate chain and its key, in PEM form.
#[derive(Clone)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone)]
pub struct Prompts {
    /// `None`: the prompts that are embedded in the binary.
    pub dir: Option<PathBuf>,
    pub language: Language,
    /// What a party on hold hears; `None`: the tune that is built in.
    pub music: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IvrLimits {
    pub first_digit_timeout: Duration,
    pub inter_digit_timeout: Duration,
    pub max_sign_in_attempts: u8,
    pub max_extension_attempts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Console {
    /// `None`: off.
    pub listen: Option<SocketAddr>,
    /// Somebody in front of it speaks TLS, and it none.
    pub behind_proxy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

impl Config {
    /// Where a running engine of this data folder is reached.
    pub fn control_socket(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}
