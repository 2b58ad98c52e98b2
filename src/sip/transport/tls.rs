//! RFC 3261 §26.3, RFC 5922: handshakes, each within its time.

use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{ClientConfig, ServerConfig, pki_types::ServerName},
    server,
};

pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How connections on [`Transport::Tls`](crate::sip::Transport::Tls) are secured.
#[derive(Clone, Default)]
pub struct Tls {
    /// Without it nobody can connect to us.
    pub accept: Option<Arc<ServerConfig>>,
    /// Without it we connect to nobody.
    pub connect: Option<Believe>,
}

/// Whose certificates are believed: asked at each connection of ours, so that it may change.
pub type Believe = Arc<dyn Fn() -> io::Result<Arc<ClientConfig>> + Send + Sync>;

impl Tls {
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        let config = self.accept.clone().ok_or(io::ErrorKind::Unsupported)?;
        timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await?
    }

    /// The peer's certificate must be for `name`, a host name or an IP address.
    pub(super) async fn connect(&self, stream: TcpStream, name: String) -> io::Result<client::TlsStream<TcpStream>> {
        let believe = self.connect.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        timeout(HANDSHAKE_TIMEOUT, TlsConnector::from(believe()?).connect(name, stream)).await?
    }
}
