//! The sockets of the console: HTTP/1.1, over TLS where there is a certificate and nobody in front who has one.

use super::{
    app::{App, House},
    health::SipDoor,
    live,
    routes::router,
    set_up::Registrar,
};
use crate::{dialplan::DialPlan, engine::Handle, store::Store, tls::Identity};
use anyhow::Context;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// How long a browser may take for its handshake, and again for the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// The longest head of a request.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long to wait when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub struct Options {
    pub listen: SocketAddr,
    /// `None`: plain HTTP.
    pub tls: Option<Arc<Identity>>,
    /// Somebody in front of it speaks TLS with the browser.
    pub behind_proxy: bool,
    pub dialplan: DialPlan,
    pub registrar: Registrar,
    /// Where the console looks whether SIP is answered; `None`: it does not.
    pub sip: Option<SipDoor>,
}

/// A console that serves until this is dropped.
pub struct Console {
    local: SocketAddr,
    /// They end with it, and every connection with them.
    _tasks: JoinSet<()>,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

impl Console {
    /// `turns` tells that something may have changed in the engine.
    pub async fn start(
        options: Options,
        store: Store,
        engine: Handle,
        turns: watch::Receiver<u64>,
    ) -> anyhow::Result<Console> {
        let Options { listen, tls, behind_proxy, dialplan, registrar, sip } = options;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("the console cannot listen on {listen}; give [console] listen another address, or \"\" for none")
        })?;
        let local = listener.local_addr()?;
        let house = House { secure: tls.is_some() || behind_proxy, dialplan, registrar, sip };
        let app = App::new(store, engine, house);
        let router = router(app.clone());
        let acceptor = tls.map(|identity| TlsAcceptor::from(identity.server_config()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept_all(listener, acceptor, router));
        tasks.spawn(live::keep(app, turns));
        Ok(Console { local, _tasks: tasks })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

async fn accept_all(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                connections.spawn(serve(stream, from, tls.clone(), router.clone(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "the console could not accept a connection");
                #[expect(clippy::disallowed_methods, reason = "there is no event that tells of free descriptors")]
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    _place: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve_http(stream, from, router).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HEAD_LIMIT, tls.accept(stream)).await {
                serve_http(stream, from, router).await;
            }
        }
    }
}

async fn serve_http(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, from: SocketAddr, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(Peer(from.ip()))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(MAX_HEAD_BYTES);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the console broke");
    }
}
