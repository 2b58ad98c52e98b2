//! RFC 3261 §20.10, §20.20, §20.39: From, To, Contact, Route and their like. RFC 5626 §4.1: `+sip.instance`.

use super::{BadUri, Params, Uri, scan};
use std::{fmt, str::FromStr};

/// `"Display Name" <uri>;params`. It has no `Debug`: the URI may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Without quotes and escapes.
    pub display: Option<String>,
    /// As received: it is echoed, forwarded and hashed as it stands.
    pub uri: String,
    pub params: Params,
}

/// The value of a REGISTER's Contact headers (RFC 3261 §10.2.2).
pub enum Contacts {
    /// `*`: remove every binding.
    All,
    These(Vec<NameAddr>),
}

impl NameAddr {
    pub fn new(uri: impl Into<String>) -> Self {
        Self { display: None, uri: uri.into(), params: Params::default() }
    }

    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.set(name, Some(value));
        self
    }

    pub fn parsed_uri(&self) -> Result<Uri, BadUri> {
        self.uri.parse()
    }

    pub fn tag(&self) -> Option<&str> {
        self.params.raw("tag")
    }

    /// Seconds; a value that is no number counts as 3600, one that does not fit as the largest (RFC 3261 §20.10, §20.19).
    pub fn expires(&self) -> Option<u32> {
        self.params.raw("expires").map(|text| match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            true => text.parse().unwrap_or(u32::MAX),
            false => 3600,
        })
    }

    /// Preference in thousandths, 0 to 1000; a contact without one, or with a broken one, is preferred fully.
    pub fn q(&self) -> u16 {
        self.params.raw("q").and_then(parse_q).unwrap_or(1000)
    }

    /// The device's own name, without its angle brackets.
    pub fn instance(&self) -> Option<String> {
        let value = self.params.get("+sip.instance")?;
        Some(value.trim_start_matches('<').trim_end_matches('>').to_string())
    }

    /// Cuts a comma list. `None` when one of its members is malformed.
    pub(super) fn parse_list(text: &str) -> Option<Vec<Self>> {
        scan::split(text, ',')?.into_iter().map(|member| member.parse().ok()).collect()
    }
}

fn parse_q(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = scan::number::<u16>(&format!("{fraction:0<3}"))?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("malformed address")]
pub struct BadNameAddr;

impl FromStr for NameAddr {
    type Err = BadNameAddr;

    fn from_str(text: &str) -> Result<Self, BadNameAddr> {
        parse(text.trim()).ok_or(BadNameAddr)
    }
}

fn parse(text: &str) -> Option<NameAddr> {
    if let Some((display, rest)) = scan::quoted(text) {
        let (uri, params) = bracketed(rest.trim_start())?;
        return build(Some(display), uri, params);
    }
    match text.find('<') {
        Some(at) if !text[..at].contains([';', '"']) => {
            let display = text[..at].trim();
            let (uri, params) = bracketed(&text[at..])?;
            build((!display.is_empty()).then(|| display.to_string()), uri, params)
        }
        // Without brackets the parameters belong to the header, and a URI with `?` or `,` must not stand (RFC 3261 §20.10).
        _ => {
            let (uri, params) = text.split_at(text.find(';').unwrap_or(text.len()));
            if uri.contains('?') {
                return None;
            }
            build(None, uri.trim(), params)
        }
    }
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('<')?.split_once('>')
}

fn build(display: Option<String>, uri: &str, params: &str) -> Option<NameAddr> {
    let fit = !uri.is_empty() && uri.contains(':') && !uri.contains(|c: char| c.is_whitespace() || "<>\"".contains(c));
    fit.then_some(())?;
    Some(NameAddr { display, uri: uri.to_string(), params: Params::parse(params)? })
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", scan::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}
