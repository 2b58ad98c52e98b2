use super::{NotInVocabulary, OutsideNumber, TrunkName, right::words};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// A trunk as an administrator made it; its password stands apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub name: TrunkName,
    pub address: TrunkAddress,
    /// What stands behind the @ in what it is sent; `None`: the host of its address.
    pub domain: Option<String>,
    /// The account that it knows us by.
    pub user: Option<String>,
    /// Whether we register there.
    pub registers: bool,
    /// Whether it brings mobile users, who reach the feature codes behind the mobile prefix and nothing else (D2).
    pub mobile: bool,
    /// The number that callers without one of their own show.
    pub caller_id: Option<OutsideNumber>,
    pub identity: TrunkIdentity,
    /// Where its requests may come from, beside its address.
    pub sources: Vec<TrunkSource>,
}

impl Trunk {
    pub fn domain(&self) -> &str {
        self.domain.as_deref().unwrap_or(&self.address.host)
    }
}

/// `udp:HOST:PORT`, `tcp:HOST:PORT` or `tls:HOST:PORT`. The host is a name or an address; an IPv6 address stands in brackets, here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkAddress {
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    pub host: String,
    pub port: u16,
}

/// An address, or an address and a port, from which a trunk calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkSource {
    pub ip: IpAddr,
    /// `None`: any.
    pub port: Option<u16>,
}

/// Where a trunk is told the caller's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrunkIdentity {
    #[default]
    From,
    /// In P-Asserted-Identity (RFC 3325); From names the account.
    Asserted,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected {0}")]
pub struct NotOfATrunk(&'static str);

impl TrunkSource {
    pub fn includes(self, address: SocketAddr) -> bool {
        self.ip == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

words!(TrunkIdentity, "from or asserted", From = "from", Asserted = "asserted");

impl FromStr for TrunkAddress {
    type Err = NotOfATrunk;

    fn from_str(text: &str) -> Result<Self, NotOfATrunk> {
        let wrong = NotOfATrunk("udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT");
        let parts = text.split_once(':').and_then(|(transport, rest)| Some((transport, rest.rsplit_once(':')?)));
        let Some((transport @ ("udp" | "tcp" | "tls"), (host, port))) = parts else { return Err(wrong) };
        match port.parse() {
            Ok(port) if port > 0 && is_host(host) => {
                Ok(Self { transport: transport.to_owned(), host: host.to_owned(), port })
            }
            Ok(_) | Err(_) => Err(wrong),
        }
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => (1..=253).contains(&host.len()) && host.bytes().all(named),
    }
}

impl FromStr for TrunkSource {
    type Err = NotOfATrunk;

    fn from_str(text: &str) -> Result<Self, NotOfATrunk> {
        let whole = text.parse::<SocketAddr>().map(|address| Self { ip: address.ip(), port: Some(address.port()) });
        let ip = || text.parse::<IpAddr>().map(|ip| Self { ip, port: None });
        whole.or_else(|_| ip()).map_err(|_| NotOfATrunk("an IP address, or an IP address and a port"))
    }
}

impl fmt::Display for TrunkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.transport, self.host, self.port)
    }
}

impl fmt::Display for TrunkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_transport_a_host_and_a_port() {
        for text in
            ["udp:sip.example.jp:5060", "tcp:192.0.2.1:5060", "tls:sip.example.jp:5061", "udp:[2001:db8::1]:5062"]
        {
            assert_eq!(text.parse::<TrunkAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "udp",
            "udp:host",
            "sctp:host:5060",
            "udp:host:0",
            "udp:host:x",
            "udp::5060",
            "udp:a b:1",
            "udp:[::g]:1",
        ] {
            assert!(text.parse::<TrunkAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_source_with_a_port_is_that_port_alone() {
        let from =
            |source: &str, address: &str| source.parse::<TrunkSource>().unwrap().includes(address.parse().unwrap());
        assert!(from("192.0.2.1", "192.0.2.1:1") && from("192.0.2.1:1", "192.0.2.1:1") && from("::1", "[::1]:9"));
        assert!(!from("192.0.2.1:2", "192.0.2.1:1") && !from("192.0.2.1", "192.0.2.2:1"));
        assert!("host".parse::<TrunkSource>().is_err());
    }
}
