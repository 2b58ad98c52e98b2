use super::{Inbound, run_while_heard, socket};
use crate::sip::{Flow, MAX_MESSAGE_BYTES, Transport};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::{net::UdpSocket, sync::mpsc};

/// How many peers' views of a wildcard address are remembered.
const MAX_VIEWS: usize = 1024;

pub struct Socket {
    pub local: SocketAddr,
    /// The same socket past the reactor, which knows nothing of a socket that it has not polled yet.
    sender: std::net::UdpSocket,
}

impl Socket {
    pub fn bind(address: SocketAddr, inbound: mpsc::Sender<Inbound>) -> io::Result<Self> {
        let sender = socket::udp(address)?;
        let local = sender.local_addr()?;
        let receiver = UdpSocket::from_std(sender.try_clone()?)?;
        run_while_heard(inbound.clone(), receive(receiver, local, inbound));
        Ok(Self { local, sender })
    }

    /// The socket that a flow leaves by: the one it names, or a wildcard on its port.
    pub fn for_flow(sockets: &[Self], flow: Flow) -> Option<&Self> {
        let exact = sockets.iter().find(|socket| socket.local == flow.local);
        exact.or_else(|| sockets.iter().find(|socket| socket.stands_for(flow)))
    }

    /// False when the peer cannot be reached. A full buffer is loss like any other.
    pub fn send(&self, flow: Flow, bytes: &[u8]) -> bool {
        match self.sender.send_to(bytes, flow.remote) {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused),
        }
    }

    fn stands_for(&self, flow: Flow) -> bool {
        self.local.ip().is_unspecified()
            && self.local.port() == flow.local.port()
            && self.local.is_ipv4() == flow.remote.is_ipv4()
    }
}

async fn receive(socket: UdpSocket, local: SocketAddr, inbound: mpsc::Sender<Inbound>) {
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let mut views = BTreeMap::new();
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                let flow = Flow { transport: Transport::Udp, local: view(&mut views, local, remote), remote };
                // No room is loss like any other: the peer sends again.
                let _ = inbound.try_send(Inbound::Message { flow, bytes: buffer[..length].to_vec() });
            }
            // What an ICMP message said of some earlier datagram.
            Err(error) => tracing::debug!(%error, "SIP over UDP: a datagram was not received"),
        }
    }
}

fn view(views: &mut BTreeMap<IpAddr, SocketAddr>, local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if !local.ip().is_unspecified() {
        return local;
    }
    if let Some(known) = views.get(&remote.ip()) {
        return *known;
    }
    if views.len() >= MAX_VIEWS {
        views.clear();
    }
    let seen = socket::seen_from(local, remote);
    views.insert(remote.ip(), seen);
    seen
}
