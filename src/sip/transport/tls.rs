//! RFC 3261 §26.3: handshakes, each within its time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{ClientConfig, ServerConfig},
    server,
};

pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How connections on [`Transport::Tls`](crate::sip::Transport::Tls) are secured.
#[derive(Clone, Default)]
pub struct Tls {
    /// Without it nobody can connect to us.
    pub accept: Option<Arc<ServerConfig>>,
    /// Without it we connect to nobody: a phone is reached on the connection that it opened (RFC 5626 §5.3).
    pub connect: Option<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        let config = self.accept.clone().ok_or(io::ErrorKind::Unsupported)?;
        timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await?
    }

    /// The peer's certificate must name its address.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let config = self.connect.clone().ok_or(io::ErrorKind::Unsupported)?;
        timeout(HANDSHAKE_TIMEOUT, TlsConnector::from(config).connect(peer.ip().into(), stream)).await?
    }
}
