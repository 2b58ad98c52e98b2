use super::{TlsError, certificates, provider};
use std::{io, path::PathBuf, sync::Arc};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whose word is taken for the certificates of others. It is read at each connection: there are few, and what an
/// administrator changes counts from the next one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The certificates of this PEM file and no others.
    File(PathBuf),
    /// What the operating system believes (`SSL_CERT_FILE` and `SSL_CERT_DIR` say otherwise).
    System,
}

impl Trust {
    /// For connections of ours: whoever shows a certificate that these vouch for is believed.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(match self {
            Trust::File(file) => certificates(file)?,
            // A certificate of the system that cannot be read vouches for nobody, and that is all.
            Trust::System => rustls_native_certs::load_native_certs().certs,
        });
        if roots.is_empty() {
            return Err(self.nobody());
        }
        let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = versions.expect("the provider has suites for both versions");
        Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    /// The same, for whoever connects.
    pub fn into_connect(self) -> Arc<dyn Fn() -> io::Result<Arc<ClientConfig>> + Send + Sync> {
        Arc::new(move || self.client_config().map_err(io::Error::other))
    }

    fn nobody(&self) -> TlsError {
        match self {
            Trust::File(file) => TlsError::NoCertificate { file: file.clone() },
            Trust::System => TlsError::NoAuthorities,
        }
    }
}
