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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> NameAddr {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_list_of_contacts_is_cut_at_its_commas_only() {
        let text = r#""Mr. \"W\", jr" <sip:w@a;x=1,2>;q=0.7; expires=60, <mailto:w@b> ;q=0.1,sip:c@d;expires=5"#;
        let list = NameAddr::parse_list(text).unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(list[0].display.as_deref(), Some("Mr. \"W\", jr"));
        assert_eq!((list[0].uri.as_str(), list[0].q(), list[0].expires()), ("sip:w@a;x=1,2", 700, Some(60)));
        assert_eq!(list[1].q(), 100);
        assert_eq!((list[2].uri.as_str(), list[2].expires()), ("sip:c@d", Some(5)));
    }

    #[test]
    fn the_devices_name_loses_its_brackets() {
        let contact =
            address(r#"<sip:1001@192.0.2.1>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>""#);
        assert_eq!(contact.instance().as_deref(), Some("urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"));
    }

    #[test]
    fn parameters_inside_the_brackets_are_the_uris() {
        let inside = address("Alice <sip:a@b;transport=tcp>;tag=1");
        assert_eq!((inside.display.as_deref(), inside.tag()), (Some("Alice"), Some("1")));
        assert!(inside.parsed_uri().is_ok_and(|uri| uri.params.contains("transport")));
        assert_eq!(address("sip:a@b;tag=2").tag(), Some("2"));
    }

    #[test]
    fn odd_numbers_have_a_meaning() {
        assert_eq!(address("<sip:a>;expires=99999999999").expires(), Some(u32::MAX));
        assert_eq!(address("<sip:a>;expires=soon").expires(), Some(3600));
        for (text, q) in [("0", 0), ("1", 1000), ("1.000", 1000), ("0.33", 330), ("1.5", 1000), ("-1", 1000), ("0.", 0)]
        {
            assert_eq!(address(&format!("<sip:a>;q={text}")).q(), q, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "<sip:a", "\"a <sip:b>", "< sip:a>", "a", "<sip:a>x", "<sip:a>;", "sip:a?b=c", "<sip:a><sip:b>"]
        {
            assert!(text.parse::<NameAddr>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<NameAddr>();
            let _ = NameAddr::parse_list(&text);
        }

        #[test]
        fn what_is_printed_is_read_back(display in prop::option::of("\\PC{1,12}"), user in "[a-z0-9*#%]{1,8}", tag in "[a-z0-9]{1,6}") {
            let first = NameAddr { display, ..NameAddr::new(format!("sip:{user}@h")) }.with_param("tag", &tag);
            let second = first.to_string().parse::<NameAddr>();
            prop_assert!(second.is_ok_and(|second| second == first));
        }
    }
}
