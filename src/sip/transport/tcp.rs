use super::{Inbound, Tls, run_while_heard, socket};
use crate::sip::{Flow, Frame, StreamFramer, Transport};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    time::timeout,
};

pub const MAX_CONNECTIONS: usize = 4096;
/// How many connections one address may have open.
pub const MAX_CONNECTIONS_PER_SOURCE: usize = 256;
/// How many messages may wait for a peer that reads slowly; beyond, the connection is closed.
const MAX_QUEUED: usize = 256;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection may say nothing that is a message.
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than any registration lives.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
/// How long to wait when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 16 * 1024;

type Queue = mpsc::Sender<Vec<u8>>;

/// Every open connection, by the flow under which it is spoken of: the real one where the peer connected, the wished one
/// where we did.
pub struct Connections {
    table: Mutex<BTreeMap<Flow, Queue>>,
    /// Who may be connected to over TLS, and by which name.
    peers: Mutex<BTreeMap<SocketAddr, String>>,
    inbound: mpsc::Sender<Inbound>,
    tls: Tls,
}

/// Starts to accept, and returns the bound address.
pub fn listen(transport: Transport, address: SocketAddr, connections: Arc<Connections>) -> io::Result<SocketAddr> {
    let listener = TcpListener::from_std(socket::tcp_listener(address)?)?;
    let local = listener.local_addr()?;
    run_while_heard(connections.inbound.clone(), accept(transport, listener, connections));
    Ok(local)
}

async fn accept(transport: Transport, listener: TcpListener, connections: Arc<Connections>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => connections.welcome(transport, stream, remote),
            Err(error) => {
                tracing::warn!(%error, transport = transport.as_str(), "a SIP connection was not accepted");
                #[expect(clippy::disallowed_methods, reason = "there is no event that tells of free descriptors")]
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Connections {
    pub fn new(inbound: mpsc::Sender<Inbound>, tls: Tls) -> Self {
        Self { table: Mutex::default(), peers: Mutex::default(), inbound, tls }
    }

    pub fn accepts_tls(&self) -> bool {
        self.tls.accept.is_some()
    }

    pub fn set_peers(&self, peers: BTreeMap<SocketAddr, String>) {
        *self.peers.lock().unwrap_or_else(PoisonError::into_inner) = peers;
    }

    /// On the flow's connection, or on a new one. False when there cannot be one.
    pub fn send(self: &Arc<Self>, flow: Flow, bytes: Vec<u8>) -> bool {
        let mut table = self.table();
        if let Some(queue) = table.get(&flow) {
            match queue.try_send(bytes) {
                Ok(()) => return true,
                // Its task sees the queue end, and tells.
                Err(mpsc::error::TrySendError::Full(_)) => return table.remove(&flow).is_some(),
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
        }
        if table.len() >= MAX_CONNECTIONS || !self.may_connect(flow) {
            return false;
        }
        let (queue, queued) = mpsc::channel(MAX_QUEUED);
        let queued_first = queue.try_send(bytes).is_ok();
        table.insert(flow, queue);
        run_while_heard(self.inbound.clone(), Arc::clone(self).connect(flow, queued));
        queued_first
    }

    fn may_connect(&self, flow: Flow) -> bool {
        match flow.transport {
            Transport::Udp | Transport::Tcp => true,
            Transport::Tls => self.tls.connect.is_some() && self.name_of(flow.remote).is_some(),
        }
    }

    fn name_of(&self, peer: SocketAddr) -> Option<String> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned()
    }

    fn welcome(self: &Arc<Self>, transport: Transport, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let flow = Flow { transport, local, remote };
        let mut table = self.table();
        let of_same_source = table.keys().filter(|known| known.remote.ip() == remote.ip()).count();
        if table.len() >= MAX_CONNECTIONS || of_same_source >= MAX_CONNECTIONS_PER_SOURCE {
            return;
        }
        let (queue, queued) = mpsc::channel(MAX_QUEUED);
        table.insert(flow, queue);
        socket::mark(&stream, local);
        run_while_heard(self.inbound.clone(), Arc::clone(self).answer(flow, stream, queued));
    }

    async fn connect(self: Arc<Self>, flow: Flow, queued: mpsc::Receiver<Vec<u8>>) {
        let attempt = async { TcpSocket::from_std_stream(socket::tcp_client(flow.local)?).connect(flow.remote).await };
        match timeout(CONNECT_TIMEOUT, attempt).await {
            Ok(Ok(stream)) if flow.transport == Transport::Tls => self.prove(flow, stream, queued).await,
            Ok(Ok(stream)) => self.converse(flow, stream, queued).await,
            Ok(Err(_)) | Err(_) => self.end(flow, queued).await,
        }
    }

    /// Whoever we connected to shows that it is who we meant.
    async fn prove(self: Arc<Self>, flow: Flow, stream: TcpStream, queued: mpsc::Receiver<Vec<u8>>) {
        let name = self.name_of(flow.remote).unwrap_or_default();
        match self.tls.connect(stream, name.clone()).await {
            Ok(stream) => self.converse(flow, stream, queued).await,
            Err(error) => {
                tracing::warn!(event = "tls-not-connected", peer = %flow.remote, name, %error);
                self.end(flow, queued).await;
            }
        }
    }

    async fn answer(self: Arc<Self>, flow: Flow, stream: TcpStream, queued: mpsc::Receiver<Vec<u8>>) {
        if flow.transport != Transport::Tls {
            return self.converse(flow, stream, queued).await;
        }
        match self.tls.accept(stream).await {
            Ok(stream) => self.converse(flow, stream, queued).await,
            Err(error) => {
                tracing::debug!(%error, peer_ip = %flow.remote.ip(), "a TLS handshake failed");
                self.end(flow, queued).await;
            }
        }
    }

    async fn converse(
        self: Arc<Self>,
        flow: Flow,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        mut queued: mpsc::Receiver<Vec<u8>>,
    ) {
        let mut framer = StreamFramer::default();
        let mut buffer = vec![0; READ_BYTES];
        let mut patience = FIRST_MESSAGE_TIMEOUT;
        loop {
            tokio::select! {
                read = timeout(patience, stream.read(&mut buffer)) => {
                    let Ok(Ok(length @ 1..)) = read else { break };
                    framer.push(&buffer[..length]);
                    match self.deliver(flow, &mut framer, &mut stream).await {
                        Ok(true) => patience = IDLE_TIMEOUT,
                        Ok(false) => {}
                        Err(_) => break,
                    }
                }
                bytes = queued.recv() => {
                    let Some(bytes) = bytes else { break };
                    if write(&mut stream, &bytes).await.is_err() {
                        break;
                    }
                    patience = IDLE_TIMEOUT;
                }
            }
        }
        self.end(flow, queued).await;
    }

    /// Hands over every whole message; whether there was one.
    async fn deliver(
        &self,
        flow: Flow,
        framer: &mut StreamFramer,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<bool> {
        let mut some = false;
        while let Some(frame) = framer.next_frame() {
            match frame.map_err(io::Error::other)? {
                Frame::Message(bytes) => {
                    some = true;
                    self.inbound.send(Inbound::Message { flow, bytes }).await.map_err(io::Error::other)?;
                }
                Frame::Ping => write(stream, b"\r\n").await?,
            }
        }
        Ok(some)
    }

    async fn end(&self, flow: Flow, queued: mpsc::Receiver<Vec<u8>>) {
        {
            let mut table = self.table();
            // A newer connection may have taken the flow's place.
            drop(queued);
            if table.get(&flow).is_some_and(mpsc::Sender::is_closed) {
                table.remove(&flow);
            }
        }
        let _ = self.inbound.send(Inbound::Failed { flow }).await;
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<Flow, Queue>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let written = async {
        stream.write_all(bytes).await?;
        // A TLS record may still wait in its session.
        stream.flush().await
    };
    timeout(WRITE_TIMEOUT, written).await?
}
