//! RFC 3261 §7: a message as a value, and its bytes.

use super::{BadUri, Headers, Uri};
use std::fmt;

/// Compared with case (RFC 3261 §7.1). An unknown method is kept, so that it can be answered 405 or 501.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Info,
    Update,
    Prack,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
    Other(String),
}

/// A request. Its URI and its header text stand as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// As received. It may hold a password: it goes to the wire, the dial plan and the digest, never to a log.
    pub uri: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub code: u16,
    pub reason: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

impl Request {
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::default(), body: Vec::new() }
    }

    pub fn parsed_uri(&self) -> Result<Uri, BadUri> {
        self.uri.parse()
    }

    /// A response to this request: Via, From, To, Call-ID and CSeq are copied (RFC 3261 §8.2.6.2); the To tag is the
    /// caller's to add. What may make a dialog carries the way that its requests take, too (§12.1.1). An empty reason takes
    /// the code's usual phrase.
    pub fn reply(&self, code: u16, reason: &str) -> Response {
        let mut response = Response::to(&self.headers, code, reason);
        if matches!(code, 101..=299) && matches!(self.method, Method::Invite | Method::Subscribe | Method::Refer) {
            response.headers.copy("Record-Route", &self.headers);
        }
        response
    }

    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.set("Content-Type", content_type);
        self.body = body;
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        // The URI is a line of its own making, as header values are.
        let uri = self.uri.replace(['\r', '\n', '\0', ' '], "");
        to_bytes(&format!("{} {uri} SIP/2.0", self.method.as_str()), &self.headers, &self.body)
    }
}

impl Response {
    /// An empty reason takes the code's usual phrase.
    pub fn new(code: u16, reason: &str) -> Self {
        let reason = if reason.is_empty() { reason_phrase(code) } else { reason };
        Self { code, reason: reason.to_string(), headers: Headers::default(), body: Vec::new() }
    }

    pub(super) fn to(request: &Headers, code: u16, reason: &str) -> Self {
        let mut response = Self::new(code, reason);
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            response.headers.copy(name, request);
        }
        response
    }

    /// Adds our tag to the To header unless it has one (RFC 3261 §8.2.6.2). A To that cannot be read is left alone.
    pub fn set_to_tag(&mut self, tag: &str) {
        if self.headers.to().is_ok_and(|to| to.tag().is_none()) {
            let to = format!("{};tag={tag}", self.headers.get("To").unwrap_or_default());
            self.headers.set("To", to);
        }
    }

    pub fn is_provisional(&self) -> bool {
        self.code < 200
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.set("Content-Type", content_type);
        self.body = body;
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let reason = self.reason.replace(['\r', '\n', '\0'], " ");
        to_bytes(&format!("SIP/2.0 {:03} {reason}", self.code), &self.headers, &self.body)
    }
}

impl Message {
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

/// Content-Length is counted here and nowhere else.
fn to_bytes(start_line: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(512 + body.len());
    text.push_str(start_line);
    text.push_str("\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Length") {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

impl Method {
    pub fn as_str(&self) -> &str {
        match self {
            Method::Other(name) => name,
            known => known.known_name().unwrap_or_default(),
        }
    }

    /// Of those that we know.
    pub fn known_name(&self) -> Option<&'static str> {
        Some(match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Register => "REGISTER",
            Method::Options => "OPTIONS",
            Method::Info => "INFO",
            Method::Update => "UPDATE",
            Method::Prack => "PRACK",
            Method::Refer => "REFER",
            Method::Notify => "NOTIFY",
            Method::Subscribe => "SUBSCRIBE",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Other(_) => return None,
        })
    }
}

impl From<&str> for Method {
    fn from(name: &str) -> Self {
        match name {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "REGISTER" => Method::Register,
            "OPTIONS" => Method::Options,
            "INFO" => Method::Info,
            "UPDATE" => Method::Update,
            "PRACK" => Method::Prack,
            "REFER" => Method::Refer,
            "NOTIFY" => Method::Notify,
            "SUBSCRIBE" => Method::Subscribe,
            "MESSAGE" => Method::Message,
            "PUBLISH" => Method::Publish,
            other => Method::Other(other.to_string()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request", self.method)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} response", self.code)
    }
}

/// RFC 3261 §21 and the RFCs that added codes.
pub fn reason_phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => class_phrase(code),
    }
}

/// An unknown code is read as the x00 of its class (RFC 3261 §8.1.3.2).
fn class_phrase(code: u16) -> &'static str {
    match code / 100 {
        1 => "Session Progress",
        2 => "OK",
        3 => "Redirection",
        4 => "Bad Request",
        5 => "Server Internal Error",
        _ => "Decline",
    }
}
