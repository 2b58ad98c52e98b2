//! The text of challenges and credentials (RFC 7616 §3.3, §3.4).

use super::{Algorithm, Asker};
use crate::sip::{Headers, scan};
use std::{fmt, str::FromStr};

/// One WWW-Authenticate or Proxy-Authenticate value.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub algorithm: Algorithm,
    /// Whether `qop` offers `auth`; a challenge without `qop` is of RFC 2069's kind.
    pub qop_auth: bool,
    /// The password was right and only the nonce was too old.
    pub stale: bool,
}

/// One Authorization or Proxy-Authorization value. It has no `Debug`: a response can be cracked at leisure.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub realm: String,
    /// Between its quotes as received, as `uri` is: both are hashed as they stand.
    pub nonce: String,
    pub uri: String,
    pub response: String,
    pub algorithm: Algorithm,
    pub opaque: Option<String>,
    /// `None` without `qop`.
    pub count: Option<NonceCount>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct NonceCount {
    /// Hexadecimal, as received: it is hashed as it stands.
    pub(super) text: String,
    pub(super) value: u32,
    pub(super) cnonce: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadDigest {
    #[error("not of the Digest scheme")]
    OtherScheme,
    #[error("malformed authentication parameters")]
    Malformed,
    #[error("digest algorithm, qop or user hashing that is not supported")]
    Unsupported,
}

impl NonceCount {
    pub(super) fn new(value: u32, cnonce: &str) -> Self {
        Self { text: format!("{value:08x}"), value, cnonce: cnonce.to_string() }
    }
}

impl Challenge {
    /// The strongest challenge that can be answered, and who asks.
    pub fn strongest(headers: &Headers) -> Option<(Asker, Challenge)> {
        [Asker::Server, Asker::Proxy].into_iter().find_map(|asker| {
            let challenges = headers.all(asker.challenge_header()).filter_map(|text| text.parse::<Challenge>().ok());
            challenges.max_by_key(|challenge| challenge.algorithm).map(|challenge| (asker, challenge))
        })
    }
}

impl FromStr for Challenge {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let fields = Fields::parse(text)?;
        let qop = fields.plain("qop");
        let qop_auth =
            qop.as_ref().is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !qop_auth {
            return Err(BadDigest::Unsupported);
        }
        Ok(Self {
            realm: fields.plain("realm").ok_or(BadDigest::Malformed)?,
            nonce: fields.raw("nonce").ok_or(BadDigest::Malformed)?,
            opaque: fields.raw("opaque"),
            algorithm: fields.algorithm()?,
            qop_auth,
            stale: fields.plain("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

impl FromStr for Credentials {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let fields = Fields::parse(text)?;
        if fields.plain("userhash").is_some_and(|userhash| userhash.eq_ignore_ascii_case("true")) {
            return Err(BadDigest::Unsupported);
        }
        Ok(Self {
            username: fields.plain("username").ok_or(BadDigest::Malformed)?,
            realm: fields.plain("realm").ok_or(BadDigest::Malformed)?,
            nonce: fields.raw("nonce").ok_or(BadDigest::Malformed)?,
            uri: fields.raw("uri").ok_or(BadDigest::Malformed)?,
            response: fields.raw("response").ok_or(BadDigest::Malformed)?,
            algorithm: fields.algorithm()?,
            opaque: fields.raw("opaque"),
            count: fields.count()?,
        })
    }
}

/// `Digest name=value, …`; no name twice.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Result<Self, BadDigest> {
        let (scheme, rest) = text.trim().split_once([' ', '\t']).ok_or(BadDigest::Malformed)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(BadDigest::OtherScheme);
        }
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for part in scan::split(rest, ',').ok_or(BadDigest::Malformed)? {
            let (name, value) = part.split_once('=').ok_or(BadDigest::Malformed)?;
            let (name, value) = (name.trim(), value.trim());
            let closed = !value.starts_with('"') || scan::quoted(value).is_some_and(|(_, rest)| rest.is_empty());
            let twice = fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            if !scan::is_token(name) || !closed || twice {
                return Err(BadDigest::Malformed);
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Without quotes, escapes resolved.
    fn plain(&self, name: &str) -> Option<String> {
        let value = self.find(name)?;
        Some(scan::quoted(value).map_or_else(|| value.to_string(), |(plain, _)| plain))
    }

    /// Without quotes, escapes kept: RFC 7616's `unq`.
    fn raw(&self, name: &str) -> Option<String> {
        let value = self.find(name)?;
        Some(value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value).to_string())
    }

    fn algorithm(&self) -> Result<Algorithm, BadDigest> {
        let Some(name) = self.plain("algorithm") else { return Ok(Algorithm::Md5) };
        Algorithm::from_name(&name).ok_or(BadDigest::Unsupported)
    }

    fn count(&self) -> Result<Option<NonceCount>, BadDigest> {
        match self.plain("qop") {
            None => return Ok(None),
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {}
            Some(_) => return Err(BadDigest::Unsupported),
        }
        let (Some(text), Some(cnonce)) = (self.raw("nc"), self.raw("cnonce")) else {
            return Err(BadDigest::Malformed);
        };
        if text.len() > 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BadDigest::Malformed);
        }
        let value = u32::from_str_radix(&text, 16).map_err(|_| BadDigest::Malformed)?;
        Ok(Some(NonceCount { text, value, cnonce }))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce=\"{}\"", scan::quote(&self.realm), self.nonce)?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        write!(f, ", algorithm={}", self.algorithm.name())?;
        if self.qop_auth {
            f.write_str(", qop=\"auth\"")?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        Ok(())
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest username={}, realm={}, nonce=\"{}\", uri=\"{}\", response=\"{}\", algorithm={}",
            scan::quote(&self.username),
            scan::quote(&self.realm),
            self.nonce,
            self.uri,
            self.response,
            self.algorithm.name()
        )?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        match &self.count {
            Some(count) => write!(f, ", qop=auth, nc={}, cnonce=\"{}\"", count.text, count.cnonce),
            None => Ok(()),
        }
    }
}
