//! The sockets of SIP (RFC 3261 §18): the one part of this room that touches the world.
//!
//! In come `Transmit`s; out go whole messages with the flow they came on, and word of flows that failed. UDP datagrams
//! that find no room are dropped, as the network would; a stream is read no faster than its messages are taken.
//! Absent on purpose: DNS (flows are addresses), TLS, and retransmission.

mod socket;
mod tcp;
mod udp;

use super::{Flow, Transmit, Transport};
use std::{future::Future, io, net::SocketAddr, sync::Arc};
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
    connections: Arc<tcp::Connections>,
    inbound: mpsc::Sender<Inbound>,
}

impl Transports {
    /// Binds every address; port 0 asks for a free one. Must run inside a tokio runtime.
    pub fn bind(addresses: &[(Transport, SocketAddr)]) -> io::Result<(Self, mpsc::Receiver<Inbound>)> {
        let (inbound, receiver) = mpsc::channel(MAX_INBOUND);
        let connections = Arc::new(tcp::Connections::new(inbound.clone()));
        let mut transports = Self { udp: Vec::new(), tcp: Vec::new(), connections, inbound };
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
            Transport::Tcp => self.connections.send(flow, bytes),
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
        let local = self.locals(transport).find(|local| local.is_ipv4() == remote.is_ipv4())?;
        Some(Flow { transport, local: socket::seen_from(local, remote), remote })
    }

    fn locals(&self, transport: Transport) -> Box<dyn Iterator<Item = SocketAddr> + '_> {
        match transport {
            Transport::Udp => Box::new(self.udp.iter().map(|socket| socket.local)),
            Transport::Tcp => Box::new(self.tcp.iter().copied()),
        }
    }

    fn listen(&mut self, transport: Transport, address: SocketAddr) -> io::Result<()> {
        match transport {
            Transport::Udp => self.udp.push(udp::Socket::bind(address, self.inbound.clone())?),
            Transport::Tcp => self.tcp.push(tcp::listen(address, Arc::clone(&self.connections))?),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

    struct Rig {
        transports: Transports,
        inbound: mpsc::Receiver<Inbound>,
    }

    impl Rig {
        fn new(transport: Transport, ip: &str) -> Self {
            let (transports, inbound) =
                Transports::bind(&[(transport, SocketAddr::new(ip.parse().unwrap(), 0))]).unwrap();
            Self { transports, inbound }
        }

        async fn next(&mut self) -> Inbound {
            tokio::time::timeout(Duration::from_secs(5), self.inbound.recv()).await.unwrap().unwrap()
        }

        async fn message(&mut self) -> (Flow, Vec<u8>) {
            match self.next().await {
                Inbound::Message { flow, bytes } => (flow, bytes),
                Inbound::Failed { flow } => panic!("{flow:?} failed"),
            }
        }

        async fn failure(&mut self) -> Flow {
            match self.next().await {
                Inbound::Message { flow, .. } => panic!("a message on {flow:?}"),
                Inbound::Failed { flow } => flow,
            }
        }
    }

    #[tokio::test]
    async fn a_message_goes_there_and_its_answer_back_on_the_same_flow() {
        for (transport, ip) in [
            (Transport::Udp, "127.0.0.1"),
            (Transport::Tcp, "127.0.0.1"),
            (Transport::Udp, "::1"),
            (Transport::Tcp, "::1"),
        ] {
            let (mut here, mut there) = (Rig::new(transport, ip), Rig::new(transport, ip));
            let flow = here.transports.flow_to(transport, there.transports.local(transport).unwrap()).unwrap();
            for _ in 0..3 {
                here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
                let (back, bytes) = there.message().await;
                assert_eq!(bytes, MESSAGE);
                there.transports.send(Transmit { flow: back, bytes: MESSAGE.to_vec() });
                assert_eq!(here.message().await, (flow, MESSAGE.to_vec()));
            }
        }
    }

    #[tokio::test]
    async fn on_a_wildcard_address_the_flow_names_the_address_that_the_peer_sees() {
        let (mut here, there) = (Rig::new(Transport::Udp, "0.0.0.0"), Rig::new(Transport::Udp, "127.0.0.1"));
        let port = here.transports.local(Transport::Udp).unwrap().port();
        let flow =
            there.transports.flow_to(Transport::Udp, SocketAddr::new("127.0.0.1".parse().unwrap(), port)).unwrap();
        there.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
        let (back, _) = here.message().await;
        assert_eq!(back.local.to_string(), format!("127.0.0.1:{port}"));
        assert_eq!(here.transports.flow_to(Transport::Udp, back.remote), Some(back));
    }

    #[tokio::test]
    async fn a_closed_connection_and_a_refused_one_are_told() {
        let (mut here, mut there) = (Rig::new(Transport::Tcp, "127.0.0.1"), Rig::new(Transport::Tcp, "127.0.0.1"));
        let flow = here.transports.flow_to(Transport::Tcp, there.transports.local(Transport::Tcp).unwrap()).unwrap();
        here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
        there.message().await;
        drop(there);
        assert_eq!(here.failure().await, flow);
        here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
        assert_eq!(here.failure().await, flow, "nobody listens there any more");
    }

    #[tokio::test]
    async fn a_stream_is_framed_pinged_and_closed_when_it_is_no_sip() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut here = Rig::new(Transport::Tcp, "127.0.0.1");
        let mut peer = tokio::net::TcpStream::connect(here.transports.local(Transport::Tcp).unwrap()).await.unwrap();
        peer.write_all(&MESSAGE.repeat(2)).await.unwrap();
        assert_eq!(here.message().await.1, MESSAGE);
        assert_eq!(here.message().await.1, MESSAGE);
        peer.write_all(b"\r\n\r\n").await.unwrap();
        let mut pong = [0; 2];
        peer.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\r\n");
        // A whole flood may not fit before the other side closes.
        let _ = peer.write_all(&vec![b'x'; 2 * crate::sip::MAX_MESSAGE_BYTES]).await;
        assert_eq!(here.failure().await.remote, peer.local_addr().unwrap());
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let here = Rig::new(transport, "127.0.0.1");
            let taken = here.transports.local(transport).unwrap();
            let error = Transports::bind(&[(transport, taken)]).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(error.to_string().contains(&format!("{}:{taken}", transport.as_str().to_lowercase())));
        }
    }
}
