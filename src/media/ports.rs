//! Which sockets a leg gets: an even port for RTP and the odd one above it for RTCP (RFC 3550 §11).

use super::LegSockets;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

/// Expedited Forwarding (RFC 3246), as it stands in the traffic-class octet.
const DSCP_EF: u32 = 46 << 2;

#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    #[error("there is no even port with the odd one above it in {first}–{last}")]
    NoPair { first: u16, last: u16 },
    #[error("every RTP port in {first}–{last} of {listen} is in use: a wider [rtp] ports would help")]
    NoneFree { listen: IpAddr, first: u16, last: u16 },
    #[error("this process may open no more files: raise its limit (LimitNOFILE of the service, or `ulimit -n`)")]
    NoDescriptors,
    #[error("RTP port {port} of {listen} cannot be bound: {cause}")]
    Unusable { listen: IpAddr, port: u16, cause: io::Error },
}

/// Hands out pairs in turn, so that a port rests as long as possible before it is used again.
pub struct Ports {
    listen: IpAddr,
    /// The first even port, and how many pairs follow from there.
    first: u16,
    pairs: u16,
    turn: u16,
}

impl Ports {
    /// `ports` includes both ends; `start` is any number, the pair to begin with.
    pub fn new(listen: IpAddr, (from, to): (u16, u16), start: u16) -> Result<Ports, PortsError> {
        let no_pair = PortsError::NoPair { first: from, last: to };
        let Some(first) = from.checked_next_multiple_of(2) else { return Err(no_pair) };
        let pairs = (u32::from(to) + 1).saturating_sub(u32::from(first)) / 2;
        let Some(turn) = u32::from(start).checked_rem(pairs) else { return Err(no_pair) };
        Ok(Ports { listen, first, pairs: pairs as u16, turn: turn as u16 })
    }

    /// A free pair, and the address of its RTP port.
    pub fn bind(&mut self) -> Result<(SocketAddr, LegSockets), PortsError> {
        for _ in 0..self.pairs {
            let port = self.first + 2 * self.turn;
            self.turn = (self.turn + 1) % self.pairs;
            let address = SocketAddr::new(self.listen, port);
            match bind_pair(address) {
                Ok(sockets) => return Ok((address, sockets)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) if lacks_descriptors(&error) => return Err(PortsError::NoDescriptors),
                Err(cause) => return Err(PortsError::Unusable { listen: self.listen, port, cause }),
            }
        }
        let last = self.first + 2 * (self.pairs - 1) + 1;
        Err(PortsError::NoneFree { listen: self.listen, first: self.first, last })
    }
}

fn bind_pair(rtp: SocketAddr) -> io::Result<LegSockets> {
    let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
    Ok(LegSockets { rtp: bind(rtp)?, rtcp: bind(rtcp)? })
}

/// Of this process, or of the whole system.
fn lacks_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The mark is a wish: a host that does not grant it still carries the call.
    let _unmarked = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(DSCP_EF),
        SocketAddr::V6(_) => socket.set_only_v6(true).and_then(|()| socket.set_tclass_v6(DSCP_EF)),
    };
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_even_and_odd_and_none_is_given_twice() {
        let mut ports = Ports::new(HERE, (42_001, 42_009), 3).unwrap();
        let taken: Vec<_> = (0..4).map(|_| ports.bind().unwrap()).collect();
        for (address, sockets) in &taken {
            assert_eq!(address.port() % 2, 0);
            assert_eq!(sockets.rtp.local_addr().unwrap(), *address);
            assert_eq!(sockets.rtcp.local_addr().unwrap().port(), address.port() + 1);
        }
        let said = "every RTP port in 42002–42009 of 127.0.0.1 is in use: a wider [rtp] ports would help";
        assert_eq!(ports.bind().err().unwrap().to_string(), said);
        drop(taken);
        assert!(ports.bind().is_ok());
    }

    #[test]
    fn media_is_marked_for_expedited_forwarding() {
        let (_, sockets) = Ports::new(HERE, (42_020, 42_021), 0).unwrap().bind().unwrap();
        assert_eq!(socket2::SockRef::from(&sockets.rtp).tos_v4().unwrap(), DSCP_EF);
        if let Ok((_, sockets)) = Ports::new(Ipv6Addr::LOCALHOST.into(), (42_022, 42_023), 0).unwrap().bind() {
            assert_eq!(socket2::SockRef::from(&sockets.rtp).tclass_v6().unwrap(), DSCP_EF);
        }
    }

    #[test]
    fn a_range_without_a_pair_and_a_foreign_address_are_errors() {
        for range in [(5001, 5001), (5000, 5000), (5003, 5000), (65_535, 65_535)] {
            assert!(matches!(Ports::new(HERE, range, 0), Err(PortsError::NoPair { .. })));
        }
        assert!(Ports::new(HERE, (65_534, 65_535), 9).is_ok());
        let mut foreign = Ports::new(IpAddr::from([192, 0, 2, 1]), (42_030, 42_031), 0).unwrap();
        assert!(matches!(foreign.bind(), Err(PortsError::Unusable { port: 42_030, .. })));
    }
}
