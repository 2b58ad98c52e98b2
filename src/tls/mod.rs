//! The certificate that this server shows, and whose it believes: for SIP over TLS and for whatever else speaks TLS here.
//!
//! In come PEM files; out comes a configuration that always shows what the files last held and believes what they last
//! said, so that a renewed certificate needs no restart. Absent on purpose: sockets, and asking who connects to us for
//! certificates.

mod expiry;
mod trust;

pub use expiry::{Ending, Expiry};
pub use trust::Trust;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Whoever reads the key can be us.
const READABLE_BY_OTHERS: u32 = 0o077;

/// How often the files are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// How often the log says that a certificate ends soon, in looks at the files: once a day.
const LOOKS_BETWEEN_WARNINGS: u64 = 24 * 3600 / WATCH_INTERVAL.as_secs();

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {source}; name a file that this user may read", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{}: no certificate in it; give the chain in PEM form, the server's own first", .file.display())]
    NoCertificate { file: PathBuf },
    #[error("others can read the private key {0}: run `chmod 600 {0}`", .file.display())]
    ReadableByOthers { file: PathBuf },
    #[error("{}: no private key in it; give one in PEM form, without a pass phrase", .file.display())]
    NoKey { file: PathBuf },
    #[error("this system has no certificate authorities of its own; name some in [tls] ca")]
    NoAuthorities,
    #[error("{}: not well-formed PEM", .file.display())]
    Malformed { file: PathBuf },
    #[error("{} and {}: {source}; the key must be the one that the certificate was made for", .cert.display(), .key.display())]
    Unusable { cert: PathBuf, key: PathBuf, source: rustls::Error },
}

/// A certificate with its key, as two files hold them.
pub struct Identity {
    cert: PathBuf,
    key: PathBuf,
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Identity {
    pub fn load(cert: PathBuf, key: PathBuf) -> Result<Arc<Self>, TlsError> {
        let shown = RwLock::new(Arc::new(read(&cert, &key)?));
        Ok(Arc::new(Self { cert, key, shown }))
    }

    /// Shows what the files hold from now on; when that cannot be used, what was shown before.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = Arc::new(read(&self.cert, &self.key)?);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Reloads whenever a file changes, for as long as somebody shows this. Must run inside a tokio runtime.
    pub fn keep_fresh(self: &Arc<Self>) {
        let (watched, mut seen) = (Arc::downgrade(self), self.stamps());
        let watch = async move {
            let mut clock = tokio::time::interval(WATCH_INTERVAL);
            for look in 0_u64.. {
                clock.tick().await;
                let Some(identity) = watched.upgrade() else { return };
                if look.is_multiple_of(LOOKS_BETWEEN_WARNINGS) {
                    identity.warn_of_its_end();
                }
                let found = identity.stamps();
                if found == seen {
                    continue;
                }
                seen = found;
                match identity.reload() {
                    Ok(()) => tracing::info!(event = "certificate-reloaded", file = %identity.cert.display()),
                    Err(error) => tracing::error!(event = "certificate-not-reloaded", %error, "the old one is shown"),
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the shell owns its tasks")]
        tokio::spawn(watch);
    }

    /// What is wrong with its time, or soon will be.
    pub fn ending(&self) -> Option<Ending> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::disallowed_methods, reason = "certificates are shell: they have a clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Expiry::of_chain(&shown.cert)?.ending(now.as_secs())
    }

    fn warn_of_its_end(&self) {
        if let Some(ending) = self.ending() {
            tracing::warn!(event = "certificate-expires", file = %self.cert.display(), "{ending}");
        }
    }

    /// For connections to us: TLS 1.2 and 1.3, and no certificate asked of the peer.
    pub fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = versions.expect("the provider has suites for both versions");
        Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>))
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.cert, &self.key].map(|file| stamp(file))
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("cert", &self.cert).finish_non_exhaustive()
    }
}

/// Another file under the same name has another inode, even if it was written within the same second; who may read it counts
/// too.
type Stamp = (u64, i64, i64, u64, u32);

fn stamp(file: &Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec(), found.len(), found.mode()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(cert)?;
    let mode = fs::metadata(key).map_err(|source| TlsError::Unreadable { file: key.to_owned(), source })?.mode();
    if mode & READABLE_BY_OTHERS != 0 {
        return Err(TlsError::ReadableByOthers { file: key.to_owned() });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { file: key.to_owned() },
        other => fault(other, key),
    })?;
    CertifiedKey::from_der(chain, secret, &provider()).map_err(|source| TlsError::Unusable {
        cert: cert.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| fault(error, file))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|error| fault(error, file))?;
    if chain.is_empty() { Err(TlsError::NoCertificate { file: file.to_owned() }) } else { Ok(chain) }
}

fn fault(error: pem::Error, file: &Path) -> TlsError {
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { file: file.to_owned(), source },
        _ => TlsError::Malformed { file: file.to_owned() },
    }
}
