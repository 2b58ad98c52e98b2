//! RFC 3261 §19.1 (SIP and SIPS URIs), RFC 3966 (tel).

use super::{Params, scan};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// The longest URI that is read; longer is answered 414.
pub const MAX_URI_BYTES: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    V4(Ipv4Addr),
    /// Printed in brackets.
    V6(Ipv6Addr),
    Name(String),
}

/// A SIP, SIPS or tel URI. The user part stays as received, percent signs and all; the dial plan decodes it.
///
/// `Debug` hides the user part: it may be a short dial with a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    pub scheme: Scheme,
    /// The user part, or the number of a tel URI, still percent-encoded.
    pub user: Option<String>,
    /// The deprecated `user:password` form's second half, still percent-encoded.
    pub password: Option<String>,
    /// `None` in a tel URI only.
    pub host: Option<Host>,
    pub port: Option<u16>,
    pub params: Params,
    /// What follows `?`, as received (`Replaces=…&Subject=…`).
    pub headers: Option<String>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadUri {
    #[error("malformed URI")]
    Malformed,
    #[error("URI scheme is neither sip, sips nor tel")]
    UnknownScheme,
    #[error("URI longer than {MAX_URI_BYTES} bytes")]
    TooLong,
}

impl Uri {
    pub fn sip(user: Option<&str>, address: SocketAddr) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: user.map(str::to_string),
            password: None,
            host: Some(address.ip().into()),
            port: Some(address.port()),
            params: Params::default(),
            headers: None,
        }
    }

    /// Where the URI points when its host is an IP address; the port defaults to 5060 (5061 for sips).
    pub fn socket_address(&self) -> Option<SocketAddr> {
        let default = if self.scheme == Scheme::Sips { 5061 } else { 5060 };
        Some(SocketAddr::new(self.host.as_ref()?.ip()?, self.port.unwrap_or(default)))
    }

    /// Whether two URIs name the same place (the part of RFC 3261 §19.1.4 that bindings need): users equal after
    /// decoding, hosts without case, ports as written, and `transport`, `user`, `method`, `ttl`, `maddr` alike.
    pub fn names_the_same_as(&self, other: &Uri) -> bool {
        self.scheme == other.scheme
            && decoded(&self.user) == decoded(&other.user)
            && decoded(&self.password) == decoded(&other.password)
            && self.port == other.port
            && match (&self.host, &other.host) {
                (Some(one), Some(two)) => one.is_same(two),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
            && params_agree(&self.params, &other.params)
            && params_agree(&other.params, &self.params)
    }
}

fn decoded(part: &Option<String>) -> Option<Vec<u8>> {
    part.as_deref().map(|text| percent_encoding::percent_decode_str(text).collect())
}

/// A parameter in both must be equal; one of the five that change the target must not be missing on either side.
fn params_agree(one: &Params, two: &Params) -> bool {
    const DECISIVE: [&str; 5] = ["transport", "user", "method", "ttl", "maddr"];
    one.iter().all(|(name, value)| match two.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
        Some((_, other)) => value.unwrap_or("").eq_ignore_ascii_case(other.unwrap_or("")),
        None => !DECISIVE.iter().any(|decisive| decisive.eq_ignore_ascii_case(name)),
    })
}

impl Host {
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::V4(ip) => Some((*ip).into()),
            Host::V6(ip) => Some((*ip).into()),
            Host::Name(_) => None,
        }
    }

    fn is_same(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(one), Host::Name(two)) => one.eq_ignore_ascii_case(two),
            (one, two) => one == two,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Host::V4(ip),
            IpAddr::V6(ip) => Host::V6(ip),
        }
    }
}

impl FromStr for Host {
    type Err = BadUri;

    fn from_str(text: &str) -> Result<Self, BadUri> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BadUri::Malformed)?;
            return inner.parse().map(Host::V6).map_err(|_| BadUri::Malformed);
        }
        if let Ok(ip) = text.parse() {
            return Ok(Host::V4(ip));
        }
        let fit = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if text.is_empty() || !text.bytes().all(fit) {
            return Err(BadUri::Malformed);
        }
        Ok(Host::Name(text.to_string()))
    }
}

/// `host[:port]`, IPv6 in brackets, white space around the colon allowed as in a Via (RFC 3261 §20).
pub(super) fn parse_host_port(text: &str) -> Result<(Host, Option<u16>), BadUri> {
    let port_at = match text.rfind(']') {
        Some(end) => text[end..].find(':').map(|at| end + at),
        None => text.find(':'),
    };
    let Some(at) = port_at else {
        return Ok((text.trim().parse()?, None));
    };
    let port = scan::number(text[at + 1..].trim()).ok_or(BadUri::Malformed)?;
    Ok((text[..at].trim().parse()?, Some(port)))
}

impl FromStr for Uri {
    type Err = BadUri;

    fn from_str(text: &str) -> Result<Self, BadUri> {
        if text.len() > MAX_URI_BYTES {
            return Err(BadUri::TooLong);
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c)) {
            return Err(BadUri::Malformed);
        }
        let (scheme, rest) = text.split_once(':').ok_or(BadUri::Malformed)?;
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => parse_sip(Scheme::Sip, rest),
            "sips" => parse_sip(Scheme::Sips, rest),
            "tel" => parse_tel(rest),
            _ if is_scheme(scheme) => Err(BadUri::UnknownScheme),
            _ => Err(BadUri::Malformed),
        }
    }
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// `;` and `?` may stand in a user part, so the `@` is looked for first.
fn parse_sip(scheme: Scheme, rest: &str) -> Result<Uri, BadUri> {
    let (userinfo, rest) = match rest.split_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (user, password) = match userinfo.map(|info| info.split_once(':').map_or((info, None), |(u, p)| (u, Some(p)))) {
        Some(("", _)) => return Err(BadUri::Malformed),
        Some((user, password)) => (Some(user), password),
        None => (None, None),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, Some(headers.to_string())),
        None => (rest, None),
    };
    let (host, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    let (host, port) = parse_host_port(host)?;
    Ok(Uri {
        scheme,
        user: user.map(str::to_string),
        password: password.map(str::to_string),
        host: Some(host),
        port,
        params: Params::parse(params).ok_or(BadUri::Malformed)?,
        headers,
    })
}

fn parse_tel(rest: &str) -> Result<Uri, BadUri> {
    let (number, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_hexdigit() || b"+-.()*#%".contains(&b)) {
        return Err(BadUri::Malformed);
    }
    Ok(Uri {
        scheme: Scheme::Tel,
        user: Some(number.to_string()),
        password: None,
        host: None,
        port: None,
        params: Params::parse(params).ok_or(BadUri::Malformed)?,
        headers: None,
    })
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::V4(ip) => write!(f, "{ip}"),
            Host::V6(ip) => write!(f, "[{ip}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme.as_str())?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
        }
        if let Some(password) = &self.password {
            write!(f, ":{password}")?;
        }
        if let Some(host) = &self.host {
            let at = if self.user.is_some() { "@" } else { "" };
            write!(f, "{at}{host}")?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.scheme.as_str())?;
        if let Some(host) = &self.host {
            write!(f, "@{host}")?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_part_is_found_and_printed_back() {
        for text in [
            "sip:example.com",
            "sips:alice@example.com:5061;transport=tcp;lr",
            "sip:alice:secret@example.com",
            "sip:alice:@example.com",
            "sip:1001@[2001:db8::1]:5070;transport=udp",
            "sip:0070%23@192.0.2.1",
            "sip:0070*12*34#@pbx",
            "sip:a;b?c@example.com?Subject=x&Replaces=y",
            "tel:+81-3-1234-5678;phone-context=example.com",
        ] {
            assert_eq!(uri(text).to_string(), text);
        }
        let parsed = uri("sip:1001@[2001:db8::1]:5070;transport=udp");
        assert_eq!(parsed.user.as_deref(), Some("1001"));
        assert_eq!(parsed.socket_address(), "[2001:db8::1]:5070".parse().ok());
        assert_eq!(uri("sip:a@192.0.2.1").socket_address(), "192.0.2.1:5060".parse().ok());
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip:",
            "sip:@host",
            "sip:a@",
            "sip:a@b@c",
            "sip:a@b:x",
            "sip:a@b:70000",
            "sip:a@[::1",
            "sip:a@2001:db8::1",
            "sip:a b@c",
            "<sip:a@b>",
            "sip:a@b;",
            "sip:a@b;;c",
            "tel:",
            "tel:alice",
            "sip:a@b\r\nX: y",
            ":",
            "a",
        ] {
            assert_eq!(text.parse::<Uri>(), Err(BadUri::Malformed), "{text}");
        }
        assert_eq!("http://x".parse::<Uri>(), Err(BadUri::UnknownScheme));
        assert_eq!(format!("sip:{}@x", "a".repeat(MAX_URI_BYTES)).parse::<Uri>(), Err(BadUri::TooLong));
    }

    #[test]
    fn debug_hides_the_user_part() {
        let shown = format!("{:?}", uri("sip:0070*1234*5678:pw@192.0.2.1:5070;x=1234"));
        assert_eq!(shown, "sip:***@192.0.2.1:5070");
    }

    #[test]
    fn uris_are_compared_as_rfc_3261_compares_them() {
        for (one, two, same) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;newparam=6", false),
            ("sip:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com", false),
            ("sip:bob@[2001:db8::1]", "sip:bob@[2001:DB8:0::1]", true),
        ] {
            assert_eq!(uri(one).names_the_same_as(&uri(two)), same, "{one} {two}");
            assert_eq!(uri(two).names_the_same_as(&uri(one)), same, "{two} {one}");
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<Uri>();
            let _ = format!("sip:{text}").parse::<Uri>();
        }

        #[test]
        fn what_parses_prints_and_parses_to_the_same(text in "sips?:([a-z0-9*#%;?:]{1,8}@)?[a-z0-9.\\[\\]:]{1,8}(;[a-z]=?[a-z]){0,2}") {
            if let Ok(first) = text.parse::<Uri>() {
                prop_assert_eq!(first.to_string().parse::<Uri>(), Ok(first));
            }
        }
    }
}
