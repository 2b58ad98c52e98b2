//! RFC 3261 §7.3 (header fields), §20 (their meaning), RFC 3261 §7.3.3 (compact names).

use super::{Contacts, Method, NameAddr, Via, scan};
use std::{borrow::Cow, str::FromStr};

/// Header fields in order. Names are canonical and long, values raw and unfolded.
///
/// It has no `Debug`: To, Refer-To and others may hold a dialled password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadHeader {
    #[error("no {0}")]
    Missing(&'static str),
    #[error("malformed {0}")]
    Malformed(&'static str),
}

/// RFC 3261 §20.16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

impl Headers {
    /// The first value of that name; names are compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn push(&mut self, name: &str, value: impl ToString) {
        self.0.push((canonical(name), one_line(value.to_string())));
    }

    /// Puts a value before all others, as a Via or a Record-Route asks for.
    pub fn push_front(&mut self, name: &str, value: impl ToString) {
        self.0.insert(0, (canonical(name), one_line(value.to_string())));
    }

    /// Replaces the first value of that name in its place and drops the others.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        let Some(at) = self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            return self.push(name, value);
        };
        self.0[at].1 = one_line(value.to_string());
        let mut index = 0;
        self.0.retain(|(known, _)| {
            index += 1;
            index - 1 <= at || !known.eq_ignore_ascii_case(name)
        });
    }

    /// Replaces the first value of that name only.
    pub fn set_first(&mut self, name: &str, value: impl ToString) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, first)) => *first = one_line(value.to_string()),
            None => self.push(name, value),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Takes the first value of that name away.
    pub fn remove_first(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// Appends every value of that name from another message.
    pub fn copy(&mut self, name: &str, from: &Headers) {
        for value in from.all(name) {
            self.push(name, value);
        }
    }
}

/// Typed access. What the normaliser let through has a good top Via, From, To, Call-ID and CSeq.
impl Headers {
    /// Empty when there is none.
    pub fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or("")
    }

    pub fn cseq(&self) -> Result<CSeq, BadHeader> {
        self.typed("CSeq")
    }

    pub fn from(&self) -> Result<NameAddr, BadHeader> {
        self.typed("From")
    }

    pub fn to(&self) -> Result<NameAddr, BadHeader> {
        self.typed("To")
    }

    /// The topmost Via.
    pub fn via(&self) -> Result<Via, BadHeader> {
        let text = self.get("Via").ok_or(BadHeader::Missing("Via"))?;
        let first = scan::split(text, ',').and_then(|parts| parts.first().copied());
        first.and_then(|top| top.parse().ok()).ok_or(BadHeader::Malformed("Via"))
    }

    /// `None` when there is no Contact at all (a REGISTER that only asks).
    pub fn contacts(&self) -> Result<Option<Contacts>, BadHeader> {
        let mut values = self.all("Contact").peekable();
        if values.peek().is_none() {
            return Ok(None);
        }
        if self.all("Contact").any(|value| value.trim() == "*") {
            return match self.all("Contact").count() {
                1 => Ok(Some(Contacts::All)),
                _ => Err(BadHeader::Malformed("Contact")),
            };
        }
        self.addresses("Contact").map(|list| Some(Contacts::These(list)))
    }

    /// The one contact of a dialog-forming message (RFC 3261 §8.1.1.8).
    pub fn contact(&self) -> Result<NameAddr, BadHeader> {
        match self.contacts()? {
            Some(Contacts::These(list)) => list.into_iter().next().ok_or(BadHeader::Missing("Contact")),
            Some(Contacts::All) => Err(BadHeader::Malformed("Contact")),
            None => Err(BadHeader::Missing("Contact")),
        }
    }

    /// Every address in every value of that name, comma lists cut: Route, Record-Route, Contact.
    pub fn addresses(&self, name: &'static str) -> Result<Vec<NameAddr>, BadHeader> {
        let lists: Option<Vec<_>> = self.all(name).map(NameAddr::parse_list).collect();
        lists.map(|lists| lists.concat()).ok_or(BadHeader::Malformed(name))
    }

    /// RFC 3261 §20.22. `None` when absent.
    pub fn max_forwards(&self) -> Result<Option<u8>, BadHeader> {
        let Some(text) = self.get("Max-Forwards") else { return Ok(None) };
        scan::number(text.trim()).map(Some).ok_or(BadHeader::Malformed("Max-Forwards"))
    }

    /// Seconds. `None` when absent; too large counts as the largest (RFC 3261 §20.19).
    pub fn expires(&self) -> Result<Option<u32>, BadHeader> {
        let Some(text) = self.get("Expires").map(str::trim) else { return Ok(None) };
        let fit = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        fit.then(|| Some(text.parse().unwrap_or(u32::MAX))).ok_or(BadHeader::Malformed("Expires"))
    }

    /// Every member of a comma list of tokens: Require, Supported, Allow.
    pub fn tokens<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
    }

    fn typed<T: FromStr>(&self, name: &'static str) -> Result<T, BadHeader> {
        self.get(name).ok_or(BadHeader::Missing(name))?.parse().map_err(|_| BadHeader::Malformed(name))
    }
}

impl FromStr for CSeq {
    type Err = BadHeader;

    fn from_str(text: &str) -> Result<Self, BadHeader> {
        let mut parts = text.split_whitespace();
        let (Some(number), Some(method), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadHeader::Malformed("CSeq"));
        };
        let number = scan::number(number).filter(|number| *number <= MAX_CSEQ);
        match (number, scan::is_token(method)) {
            (Some(number), true) => Ok(Self { number, method: Method::from(method) }),
            (Some(_), false) | (None, _) => Err(BadHeader::Malformed("CSeq")),
        }
    }
}

/// RFC 3261 §8.1.1.5: less than 2³¹.
const MAX_CSEQ: u32 = (1 << 31) - 1;

impl std::fmt::Display for CSeq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.method.as_str())
    }
}

/// A line break inside a value would be a header of somebody else's making.
fn one_line(value: String) -> String {
    if value.contains(['\r', '\n']) { value.replace(['\r', '\n'], " ") } else { value }
}

fn canonical(name: &str) -> Cow<'static, str> {
    let known = if name.len() == 1 {
        COMPACT.iter().find(|(compact, _)| compact.eq_ignore_ascii_case(name)).map(|(_, long)| *long)
    } else {
        KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).copied()
    };
    known.map_or_else(|| Cow::Owned(name.to_string()), Cow::Borrowed)
}

const COMPACT: [(&str, &str); 18] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
];

const KNOWN: [&str; 60] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Contact",
    "Content-Type",
    "Content-Length",
    "Route",
    "Record-Route",
    "Allow",
    "Supported",
    "Require",
    "Proxy-Require",
    "Unsupported",
    "User-Agent",
    "Server",
    "Expires",
    "Min-Expires",
    "Authorization",
    "WWW-Authenticate",
    "Proxy-Authorization",
    "Proxy-Authenticate",
    "Authentication-Info",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Contact",
    "Reject-Contact",
    "Request-Disposition",
    "Session-Expires",
    "Min-SE",
    "Subject",
    "Event",
    "Allow-Events",
    "Subscription-State",
    "Refer-To",
    "Referred-By",
    "Refer-Sub",
    "Replaces",
    "Join",
    "Reason",
    "RSeq",
    "RAck",
    "Date",
    "Timestamp",
    "Retry-After",
    "Warning",
    "Organization",
    "Priority",
    "In-Reply-To",
    "Reply-To",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "MIME-Version",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Privacy",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_long_and_canonical_whatever_was_written() {
        let mut headers = Headers::default();
        headers.push("cALL-id", "1");
        headers.push("K", "100rel");
        headers.push("X-Odd", "y");
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Call-ID", "Supported", "X-Odd"]);
        assert_eq!(headers.get("call-ID"), Some("1"));
    }

    #[test]
    fn a_value_cannot_smuggle_a_header_in() {
        let mut headers = Headers::default();
        headers.push("Subject", "a\r\nVia: x");
        assert_eq!(headers.get("Subject"), Some("a  Via: x"));
    }

    #[test]
    fn setting_replaces_all_and_taking_takes_the_first() {
        let mut headers = Headers::default();
        for value in ["1", "2", "3"] {
            headers.push("Route", value);
        }
        headers.set_first("Route", "0");
        assert_eq!(headers.remove_first("Route").as_deref(), Some("0"));
        headers.set("Route", "9");
        assert_eq!(headers.all("Route").collect::<Vec<_>>(), ["9"]);
    }

    #[test]
    fn cseq_is_a_number_below_two_to_the_31_and_a_method() {
        assert_eq!("0009  INVITE".parse(), Ok(CSeq { number: 9, method: Method::Invite }));
        for text in ["", "1", "INVITE 1", "2147483648 INVITE", "-1 INVITE", "1 INVITE x", "1 <"] {
            assert!(text.parse::<CSeq>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_stands_alone() {
        let mut headers = Headers::default();
        assert!(matches!(headers.contacts(), Ok(None)));
        headers.push("m", " * ");
        assert!(matches!(headers.contacts(), Ok(Some(Contacts::All))));
        headers.push("m", "<sip:a@b>");
        assert!(headers.contacts().is_err());
    }
}
