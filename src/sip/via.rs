//! RFC 3261 §18.2.1, §20.42 and RFC 3581 (rport).

use super::{Host, Params, scan, uri};
use std::{fmt, net::SocketAddr, str::FromStr};

/// What a branch begins with when its maker follows RFC 3261 §8.1.1.7.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, …, upper-case.
    pub transport: String,
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("malformed Via")]
pub struct BadVia;

impl Via {
    /// A Via of our own, asking for symmetric responses by `rport`. Port 0 is none: nobody can connect there.
    pub fn new(transport: &str, local: SocketAddr, branch: &str) -> Self {
        let mut params = Params::default();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self {
            transport: transport.to_string(),
            host: local.ip().into(),
            port: Some(local.port()).filter(|port| *port != 0),
            params,
        }
    }

    pub fn branch(&self) -> Option<&str> {
        self.params.raw("branch")
    }

    /// Writes down where the request really came from: `received` when it differs from the sent-by or `rport` was asked
    /// for (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn mark_source(&mut self, source: SocketAddr) {
        let asked = self.params.contains("rport");
        if asked {
            self.params.set("rport", Some(&source.port().to_string()));
        }
        if asked || self.host.ip() != Some(source.ip()) {
            self.params.set("received", Some(&source.ip().to_string()));
        }
    }
}

impl FromStr for Via {
    type Err = BadVia;

    fn from_str(text: &str) -> Result<Self, BadVia> {
        parse(text).ok_or(BadVia)
    }
}

/// `SIP / 2.0 / UDP host : port ; params`, with white space wherever the grammar lets it stand.
fn parse(text: &str) -> Option<Via> {
    let (name, rest) = text.split_once('/')?;
    let (version, rest) = rest.split_once('/')?;
    if !name.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
        return None;
    }
    let rest = rest.trim();
    let (transport, rest) = rest.split_at(rest.find(char::is_whitespace)?);
    scan::is_token(transport).then_some(())?;
    let (sent_by, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    let (host, port) = uri::parse_host_port(sent_by).ok()?;
    Some(Via { transport: transport.to_ascii_uppercase(), host, port, params: Params::parse(params)? })
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn via(text: &str) -> Via {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_shape_of_sent_by_is_read() {
        for (text, printed) in [
            ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport"),
            ("SIP / 2.0 / tcp  [2001:db8::1] : 5070 ; branch = x", "SIP/2.0/TCP [2001:db8::1]:5070;branch=x"),
            ("SIP/2.0/TLS host.example.com", "SIP/2.0/TLS host.example.com"),
        ] {
            assert_eq!(via(text).to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for text in
            ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h;;", "HTTP/2.0/UDP h", "SIP/2.0/ h"]
        {
            assert!(text.parse::<Via>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_source_is_written_down_where_it_is_asked_for_or_differs() {
        let source = "192.0.2.9:40000".parse().unwrap();
        for (text, marked) in [
            ("SIP/2.0/UDP 192.0.2.9;branch=a", "SIP/2.0/UDP 192.0.2.9;branch=a"),
            ("SIP/2.0/UDP 10.0.0.1;branch=a", "SIP/2.0/UDP 10.0.0.1;branch=a;received=192.0.2.9"),
            ("SIP/2.0/UDP 192.0.2.9;rport", "SIP/2.0/UDP 192.0.2.9;rport=40000;received=192.0.2.9"),
        ] {
            let mut via = via(text);
            via.mark_source(source);
            assert_eq!(via.to_string(), marked);
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<Via>();
            let _ = format!("SIP/2.0/UDP {text}").parse::<Via>();
        }
    }
}
