//! Loopback ports that are free now.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// RTP ports for one peer, enough for an engine that many tests share: below the range from which the system hands out
/// ports.
pub const RTP_PORTS_PER_PEER: u16 = 180;
const FIRST_SIP_PORT: u16 = 2_000;
const SIP_PORTS: u16 = 4_000;
const FIRST_RTP_PORT: u16 = 10_000;
const RTP_RANGES: u16 = 120;

/// Free on UDP and on TCP, and handed out to nobody else of this test run; neither is the port after it, which baresip
/// takes for TLS. Below the range of the system: what somebody's connection was given meanwhile cannot be listened on.
pub fn sip() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id().wrapping_mul(97) % u32::from(SIP_PORTS)) as u16;
    loop {
        let port = FIRST_SIP_PORT + 2 * ((start + NEXT.fetch_add(1, Ordering::Relaxed)) % SIP_PORTS);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The first and last port of a range that no other rig of this test run holds.
pub fn rtp() -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id() % u32::from(RTP_RANGES)) as u16 * 7;
    let range = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % RTP_RANGES;
    let first = FIRST_RTP_PORT + range * RTP_PORTS_PER_PEER;
    (first, first + RTP_PORTS_PER_PEER - 1)
}
