//! The sockets of SIP (RFC 3261 §18): the one part of this room that touches the world.
//!
//! In come `Transmit`s; out go whole messages with the flow they came on, and word of flows that failed. UDP datagrams
//! that find no room are dropped, as the network would; a stream is read no faster than its messages are taken.
//! Absent on purpose: DNS (flows are addresses), certificates (`Tls` brings them), and retransmission.

mod socket;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod udp;

pub use tls::{Believe, Tls};

use super::{Flow, Transmit, Transport};
use std::{collections::BTreeMap, future::Future, io, net::SocketAddr, sync::Arc};
use tokio::sync::mpsc;

/// How many received messages may wait for the engine.
pub const MAX_INBOUND: usize = 4096;

/// No `Debug`: a request URI may hold a password.
pub enum Inbound {
    /// A datagram, or one framed message of a stream.
    Message { flow: Flow, bytes: Vec<u8> },
    /// A connection has ended or could not be made, or an address cannot be reached.
    Failed { flow: Flow },
}

/// The bound sockets. They close when this and the receiver that came with it are dropped.
pub struct Transports {
    udp: Vec<udp::Socket>,
    tcp: Vec<SocketAddr>,
    tls: Vec<SocketAddr>,
    connections: Arc<tcp::Connections>,
    inbound: mpsc::Sender<Inbound>,
}

impl Transports {
    /// Binds every address; port 0 asks for a free one. Must run inside a tokio runtime.
    pub fn bind(addresses: &[(Transport, SocketAddr)], tls: Tls) -> io::Result<(Self, mpsc::Receiver<Inbound>)> {
        let (inbound, receiver) = mpsc::channel(MAX_INBOUND);
        let connections = Arc::new(tcp::Connections::new(inbound.clone(), tls));
        let mut transports = Self { udp: Vec::new(), tcp: Vec::new(), tls: Vec::new(), connections, inbound };
        for (transport, address) in addresses {
            transports.listen(*transport, *address).map_err(|error| {
                let name = transport.as_str().to_lowercase();
                io::Error::new(error.kind(), format!("cannot listen on {name}:{address}: {error}"))
            })?;
        }
        Ok((transports, receiver))
    }

    /// Sends without waiting. What cannot be sent at all comes back as `Inbound::Failed`.
    pub fn send(&self, transmit: Transmit) {
        let Transmit { flow, bytes } = transmit;
        let sent = match flow.transport {
            Transport::Udp => udp::Socket::for_flow(&self.udp, flow).is_some_and(|socket| socket.send(flow, &bytes)),
            Transport::Tcp | Transport::Tls => self.connections.send(flow, bytes),
        };
        if !sent {
            // A full channel means an engine that will not miss this: its timers run anyway.
            let _ = self.inbound.try_send(Inbound::Failed { flow });
        }
    }

    /// The address that a transport listens on, the port filled in.
    pub fn local(&self, transport: Transport) -> Option<SocketAddr> {
        self.locals(transport).next()
    }

    /// The flow on which a peer is reached of our own accord, with the local address that it will see.
    pub fn flow_to(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        let mut locals = self.locals(transport).chain(self.departures(transport));
        let local = locals.find(|local| local.is_ipv4() == remote.is_ipv4())?;
        Some(Flow { transport, local: socket::seen_from(local, remote), remote })
    }

    /// Whom we may connect to over TLS, and the name that each must prove (RFC 5922 §7.2): a host name or an IP address. Nobody
    /// else: a phone is reached on the connection that it opened (RFC 5626 §5.3).
    pub fn set_peers(&self, peers: BTreeMap<SocketAddr, String>) {
        self.connections.set_peers(peers);
    }

    /// Where nothing listens for a stream, connections may leave all the same, from any address that is ours. The port is the
    /// usual one, which tells a peer nothing: we are reached on the connection itself.
    fn departures(&self, transport: Transport) -> impl Iterator<Item = SocketAddr> {
        let all = Transport::ALL.into_iter().flat_map(|any| self.locals(any));
        let stream = all.filter(move |_| transport.is_reliable());
        stream.map(move |any| SocketAddr::new(any.ip(), transport.usual_port()))
    }

    fn locals(&self, transport: Transport) -> Box<dyn Iterator<Item = SocketAddr> + '_> {
        match transport {
            Transport::Udp => Box::new(self.udp.iter().map(|socket| socket.local)),
            Transport::Tcp => Box::new(self.tcp.iter().copied()),
            Transport::Tls => Box::new(self.tls.iter().copied()),
        }
    }

    fn listen(&mut self, transport: Transport, address: SocketAddr) -> io::Result<()> {
        match transport {
            Transport::Udp => self.udp.push(udp::Socket::bind(address, self.inbound.clone())?),
            Transport::Tcp => self.tcp.push(tcp::listen(transport, address, Arc::clone(&self.connections))?),
            Transport::Tls if self.connections.accepts_tls() => {
                self.tls.push(tcp::listen(transport, address, Arc::clone(&self.connections))?);
            }
            // Connections leave from here, and none can come.
            Transport::Tls => self.tls.push(SocketAddr::new(address.ip(), 0)),
        }
        Ok(())
    }
}

/// Runs until it ends by itself or nobody takes messages any more.
fn run_while_heard(inbound: mpsc::Sender<Inbound>, work: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "the sockets are read by tasks of the shell")]
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = inbound.closed() => {}
        }
    });
}
