use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// CS3, the class of signalling (RFC 4594 §2.3), in the upper six bits of TOS and traffic class.
const CS3: u32 = 24 << 2;
const BACKLOG: i32 = 1024;
/// Room for a burst of datagrams while the engine is busy; the system may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// How long what we sent on a connection of ours may stay unacknowledged: a peer that vanished without a word is found out.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

pub fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, address)?;
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

pub fn tcp_listener(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = tcp(address)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket that will connect from `local`'s address to a peer, from any port.
pub fn tcp_client(local: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = tcp(local)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.bind(&SocketAddr::new(local.ip(), 0).into())?;
    Ok(socket.into())
}

/// Marks a connection that somebody else opened. Not worth failing for.
pub fn mark(stream: &tokio::net::TcpStream, local: SocketAddr) {
    let socket = SockRef::from(stream);
    let _ = mark_cs3(&socket, local);
    let _ = stream.set_nodelay(true);
}

/// The local address that `remote` will see when `local` is a wildcard: a connected datagram socket knows, and sends nothing.
pub fn seen_from(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if !local.ip().is_unspecified() {
        return local;
    }
    let probe = UdpSocket::bind(SocketAddr::new(local.ip(), 0)).and_then(|probe| {
        probe.connect(remote)?;
        probe.local_addr()
    });
    probe.map_or(local, |seen| SocketAddr::new(seen.ip(), local.port()))
}

fn tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    prepare(&socket, address)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    mark_cs3(socket, address)
}

fn mark_cs3(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => socket.set_tos_v4(CS3),
        SocketAddr::V6(_) => socket.set_tclass_v6(CS3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signalling_is_marked_cs3() {
        let v4 = udp("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(SockRef::from(&v4).tos_v4().unwrap(), 0x60);
        let v6 = tcp_listener("[::1]:0".parse().unwrap()).unwrap();
        assert_eq!(SockRef::from(&v6).tclass_v6().unwrap(), 0x60);
    }
}
