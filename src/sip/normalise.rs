//! The wire normaliser: bytes from anywhere become a message with one long-named, unfolded header value per row, or the
//! response that the sender deserves.
//!
//! RFC 3261 §7 (format), §7.3.3 (compact names), §8.2.6 (responses), §18.3 (framing); RFC 4475 (torture).

use super::{BadUri, Headers, Message, Method, Request, Response, Uri, Via, scan};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The longest message that is read, over any transport.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The most header rows in a message, before comma lists are cut.
pub const MAX_HEADERS: usize = 256;
/// The longest header value, unfolded.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// The most Via, Route or Record-Route values in a message, each.
pub const MAX_HOPS: usize = 70;

/// What a datagram, or a framed piece of a stream, turned out to be.
pub enum Parsed {
    /// Its top Via, From, To, Call-ID and CSeq parse; so do a request's URI, Contact and Max-Forwards.
    Message(Message),
    /// A request that cannot be served, and the response to send back to where it came from.
    Reject(Response),
    /// Line breaks only (RFC 5626 §3.5.1, and what keeps a NAT open).
    KeepAlive,
    /// Nothing to answer: noise, a malformed ACK, a malformed response.
    Ignore,
}

/// Why a message is not fit, in the words of the response.
#[derive(Clone, Copy)]
struct Flaw {
    code: u16,
    reason: &'static str,
}

const fn malformed(reason: &'static str) -> Flaw {
    Flaw { code: 400, reason }
}

struct Head {
    start_line: String,
    headers: Headers,
    flaw: Option<Flaw>,
}

/// Reads one datagram or one message cut out by [`super::StreamFramer`].
///
/// Bytes after Content-Length are dropped; a body shorter than Content-Length is refused (RFC 3261 §18.3).
pub fn parse_datagram(bytes: &[u8]) -> Parsed {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    if start == bytes.len() {
        return if bytes.is_empty() { Parsed::Ignore } else { Parsed::KeepAlive };
    }
    let bytes = &bytes[start..];
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Parsed::Ignore;
    }
    let (head, body) = match head_length(bytes, 0) {
        Ok(length) => (read_head(&bytes[..length]), &bytes[length..]),
        Err(_) => (read_head(bytes).with_flaw(malformed("No End Of Headers")), &[][..]),
    };
    if head.start_line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("SIP/")) {
        return match read_response(head, body) {
            Ok(response) => Parsed::Message(Message::Response(response)),
            Err(_) => Parsed::Ignore,
        };
    }
    read_request(head, body)
}

/// The length of start line and headers with the empty line that ends them, looked for from the start of a line. When
/// it is not there yet, `Err` says where the last, unfinished line starts.
pub(super) fn head_length(bytes: &[u8], mut line_start: usize) -> Result<usize, usize> {
    while let Some(length) = bytes.get(line_start..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        let line = &bytes[line_start..line_start + length];
        line_start += length + 1;
        if line.is_empty() || line == b"\r" {
            return Ok(line_start);
        }
    }
    Err(line_start)
}

/// The Content-Length that a head declares: `Ok(None)` when it declares none.
pub(super) fn declared_length(head: &[u8]) -> Result<Option<usize>, ()> {
    content_length(&read_head(head).headers).map_err(|_| ())
}

fn content_length(headers: &Headers) -> Result<Option<usize>, Flaw> {
    let mut values = headers.all("Content-Length");
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(text), None) => scan::number(text).map(Some).ok_or(malformed("Malformed Content-Length")),
        (Some(_), Some(_)) => Err(malformed("Two Content-Length")),
    }
}

impl Head {
    fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw.get_or_insert(flaw);
        self
    }
}

/// Reads on past a flaw, so that the refusal can carry what was readable.
fn read_head(bytes: &[u8]) -> Head {
    let mut lines = unfold(bytes).into_iter();
    let start_line = lines.next().unwrap_or_default().into_owned();
    let mut head = Head { start_line, headers: Headers::default(), flaw: None };
    for (count, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        if count == MAX_HEADERS {
            return head.with_flaw(malformed("Too Many Headers"));
        }
        if let Err(flaw) = read_row(&line, &mut head.headers) {
            head.flaw.get_or_insert(flaw);
        }
    }
    head
}

/// Lines without their ends; a line that begins with white space continues the one before (RFC 3261 §7.3.1).
fn unfold(bytes: &[u8]) -> Vec<Cow<'_, str>> {
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        match lines.last_mut() {
            // The start line is never folded.
            Some(last) if index > 1 && text.starts_with([' ', '\t']) => {
                let last = last.to_mut();
                last.truncate(last.trim_end().len());
                last.push(' ');
                last.push_str(text.trim());
            }
            _ => lines.push(text),
        }
    }
    lines
}

fn read_row(line: &str, headers: &mut Headers) -> Result<(), Flaw> {
    let (name, value) = line.split_once(':').ok_or(malformed("Header Without Colon"))?;
    let (name, value) = (name.trim_end(), value.trim());
    if !scan::is_token(name) {
        return Err(malformed("Malformed Header Name"));
    }
    if value.len() > MAX_HEADER_BYTES {
        return Err(malformed("Header Too Long"));
    }
    headers.push(name, value);
    Ok(())
}

fn read_response(mut head: Head, body: &[u8]) -> Result<Response, Flaw> {
    let (code, reason) = read_status_line(&head.start_line)?;
    let body = finish(&mut head, body)?;
    Ok(Response { code, reason, headers: head.headers, body })
}

/// RFC 3261 §7.2.
fn read_status_line(line: &str) -> Result<(u16, String), Flaw> {
    let (version, rest) = line.split_once(' ').ok_or(malformed("Malformed Status-Line"))?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = scan::number(code).filter(|code| (100..700).contains(code));
    match (version.eq_ignore_ascii_case("SIP/2.0"), code) {
        (true, Some(code)) => Ok((code, reason.to_string())),
        (true, None) | (false, _) => Err(malformed("Malformed Status-Line")),
    }
}

fn read_request(mut head: Head, body: &[u8]) -> Parsed {
    match check_request(&mut head, body) {
        Ok((method, uri, body)) => {
            Parsed::Message(Message::Request(Request { method, uri, headers: head.headers, body }))
        }
        Err(flaw) => refuse(&head, head.flaw.unwrap_or(flaw)),
    }
}

/// All of a request but its headers, which are then fit.
fn check_request(head: &mut Head, body: &[u8]) -> Result<(Method, String, Vec<u8>), Flaw> {
    let (method, uri) = read_request_line(&head.start_line)?;
    let body = finish(head, body)?;
    let headers = &head.headers;
    if headers.cseq().is_ok_and(|cseq| cseq.method != method) {
        return Err(malformed("CSeq Method Differs"));
    }
    headers.contacts().map_err(|_| malformed("Malformed Contact"))?;
    headers.max_forwards().map_err(|_| malformed("Malformed Max-Forwards"))?;
    Ok((method, uri, body))
}

/// RFC 3261 §7.1: three parts with one space between them.
fn read_request_line(line: &str) -> Result<(Method, String), Flaw> {
    let mut parts = line.split(' ');
    let (Some(method), Some(uri), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("Malformed Request-Line"));
    };
    if !scan::is_token(method) {
        return Err(malformed("Malformed Method"));
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(Flaw { code: 505, reason: "Version Not Supported" });
    }
    match uri.parse::<Uri>() {
        // RFC 3261 §19.1.1: a Request-URI has no headers.
        Ok(parsed) if parsed.headers.is_some() => Err(malformed("Headers In Request-URI")),
        Ok(_) => Ok((Method::from(method), uri.to_string())),
        Err(BadUri::UnknownScheme) => Err(Flaw { code: 416, reason: "Unsupported URI Scheme" }),
        Err(BadUri::TooLong) => Err(Flaw { code: 414, reason: "Request-URI Too Long" }),
        Err(BadUri::Malformed) => Err(malformed("Malformed Request-URI")),
    }
}

/// Holds the headers to what every message must have (RFC 3261 §8.1.1), and gives its body.
fn finish(head: &mut Head, body: &[u8]) -> Result<Vec<u8>, Flaw> {
    if let Some(flaw) = head.flaw {
        return Err(flaw);
    }
    let headers = &mut head.headers;
    check_single(headers)?;
    cut_lists(headers)?;
    check_mandatory(headers)?;
    let body = match content_length(headers)? {
        None => body,
        Some(length) => body.get(..length).ok_or(malformed("Body Shorter Than Content-Length"))?,
    };
    // The body knows its own length.
    headers.remove("Content-Length");
    Ok(body.to_vec())
}

fn check_single(headers: &Headers) -> Result<(), Flaw> {
    let twice = ["From", "To", "Call-ID", "CSeq", "Max-Forwards"].into_iter().any(|name| headers.all(name).count() > 1);
    if twice { Err(malformed("Header Given Twice")) } else { Ok(()) }
}

/// The headers whose first value counts by itself.
const LISTS: [&str; 3] = ["Via", "Route", "Record-Route"];

/// Gives each value of them a row of its own.
fn cut_lists(headers: &mut Headers) -> Result<(), Flaw> {
    let mut any = false;
    for (_, value) in headers.iter().filter(|(name, _)| LISTS.contains(name)) {
        let values = scan::split(value, ',').ok_or(malformed("Unbalanced Quotes"))?.len();
        if values > MAX_HOPS {
            return Err(malformed("Too Many Hops In Header"));
        }
        any |= values != 1;
    }
    if any {
        let mut cut = Headers::default();
        for (name, value) in headers.iter() {
            match LISTS.contains(&name) {
                true => scan::split(value, ',').into_iter().flatten().for_each(|part| cut.push(name, part)),
                false => cut.push(name, value),
            }
        }
        *headers = cut;
    }
    let too_many = LISTS.into_iter().any(|name| headers.all(name).count() > MAX_HOPS);
    if too_many { Err(malformed("Too Many Hops In Header")) } else { Ok(()) }
}

fn check_mandatory(headers: &Headers) -> Result<(), Flaw> {
    if headers.call_id().is_empty() || headers.call_id().contains(char::is_whitespace) {
        return Err(malformed("Missing Or Malformed Call-ID"));
    }
    headers.cseq().map_err(|_| malformed("Missing Or Malformed CSeq"))?;
    headers.from().map_err(|_| malformed("Missing Or Malformed From"))?;
    headers.to().map_err(|_| malformed("Missing Or Malformed To"))?;
    headers.via().map_err(|_| malformed("Missing Or Malformed Via"))?;
    if headers.all("Via").any(|value| value.parse::<Via>().is_err()) {
        return Err(malformed("Malformed Via"));
    }
    Ok(())
}

/// The refusal of a malformed request. An ACK is never answered, nor is what has no Via that routes or lacks the headers
/// by which its sender knows it again.
fn refuse(head: &Head, flaw: Flaw) -> Parsed {
    let is_request = head.start_line.to_ascii_uppercase().contains(" SIP/");
    let method = head.start_line.split_whitespace().next();
    let is_ack = method == Some("ACK") || head.headers.get("CSeq").is_some_and(|text| text.trim_end().ends_with("ACK"));
    let recognisable = ["From", "To", "Call-ID", "CSeq"].into_iter().all(|name| head.headers.contains(name));
    if !is_request || is_ack || !recognisable || head.headers.via().is_err() {
        return Parsed::Ignore;
    }
    let mut response = Response::to(&head.headers, flaw.code, flaw.reason);
    response.set_to_tag(&stateless_tag(&head.headers));
    Parsed::Reject(response)
}

/// The same for every retransmission of a request (RFC 3261 §8.2.7).
fn stateless_tag(headers: &Headers) -> String {
    let digest = Sha256::digest(format!("{}\n{}", headers.get("Via").unwrap_or(""), headers.call_id()));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/TCP i\r\n\
        f: <sip:x@y>;tag=1\r\nt: <sip:a@b>\r\ni: 1@h\r\nCSeq: 1 OPTIONS\r\n";

    fn request(text: &str) -> Request {
        match parse_datagram(text.as_bytes()) {
            Parsed::Message(Message::Request(request)) => request,
            Parsed::Message(Message::Response(_)) | Parsed::Reject(_) | Parsed::KeepAlive | Parsed::Ignore => {
                panic!("not taken for a request")
            }
        }
    }

    fn refusal(text: &str) -> Option<u16> {
        match parse_datagram(text.as_bytes()) {
            Parsed::Reject(response) => Some(response.code),
            Parsed::Message(_) | Parsed::KeepAlive | Parsed::Ignore => None,
        }
    }

    #[test]
    fn compact_names_become_long_and_via_lists_are_cut() {
        let request = request(&format!("{OPTIONS}\r\n"));
        assert_eq!(request.headers.all("Via").count(), 2);
        assert_eq!(request.headers.call_id(), "1@h");
        assert_eq!(
            request.headers.via().ok().and_then(|via| via.branch().map(str::to_string)).as_deref(),
            Some("z9hG4bK1")
        );
    }

    #[test]
    fn surplus_bytes_are_cut_and_a_short_body_is_refused() {
        assert_eq!(request(&format!("{OPTIONS}l: 2\r\n\r\nabcd")).body, b"ab");
        assert_eq!(refusal(&format!("{OPTIONS}l: 5\r\n\r\nabcd")), Some(400));
        assert_eq!(refusal(&format!("{OPTIONS}l: 99999999999999999999999999\r\n\r\nabcd")), Some(400));
        assert_eq!(refusal(&format!("{OPTIONS}l: -1\r\n\r\nabcd")), Some(400));
    }

    #[test]
    fn an_unknown_method_is_a_message_and_an_unknown_version_is_answered_505() {
        let unknown = OPTIONS.replace("OPTIONS", "DANCE");
        assert_eq!(request(&format!("{unknown}\r\n")).method, Method::Other("DANCE".to_string()));
        assert_eq!(refusal(&format!("{}\r\n", OPTIONS.replacen("SIP/2.0", "SIP/7.0", 1))), Some(505));
    }

    #[test]
    fn a_malformed_ack_or_response_is_never_answered() {
        let ack = OPTIONS.replace("OPTIONS", "ACK");
        assert!(matches!(parse_datagram(format!("{ack}l: 9\r\n\r\n").as_bytes()), Parsed::Ignore));
        assert!(matches!(parse_datagram(b"SIP/2.0 999999999999 Big\r\n\r\n"), Parsed::Ignore));
    }

    #[test]
    fn a_refusal_has_a_to_tag_that_a_retransmission_gets_again() {
        let text = format!("{OPTIONS}l: 5\r\n\r\n");
        let tags: Vec<_> = (0..2)
            .map(|_| match parse_datagram(text.as_bytes()) {
                Parsed::Reject(response) => response.headers.to().ok().and_then(|to| to.tag().map(str::to_string)),
                Parsed::Message(_) | Parsed::KeepAlive | Parsed::Ignore => None,
            })
            .collect();
        assert!(tags[0].is_some());
        assert_eq!(tags[0], tags[1]);
    }

    #[test]
    fn text_that_is_not_utf_8_is_kept_as_far_as_it_can_be() {
        let bytes = [OPTIONS.as_bytes(), b"Subject: caf\xe9 x\r\nl: 2\r\n\r\n\xff\xfe"].concat();
        let Parsed::Message(Message::Request(request)) = parse_datagram(&bytes) else { panic!("refused") };
        assert_eq!(request.headers.get("Subject"), Some("caf\u{fffd} x"));
        assert_eq!(request.body, b"\xff\xfe");
    }

    #[test]
    fn line_breaks_alone_keep_a_flow_alive() {
        assert!(matches!(parse_datagram(b"\r\n\r\n"), Parsed::KeepAlive));
        assert!(matches!(parse_datagram(b""), Parsed::Ignore));
        assert!(matches!(parse_datagram(&[0; 4]), Parsed::Ignore));
    }

    #[test]
    fn too_many_headers_or_hops_are_refused() {
        assert_eq!(refusal(&format!("{OPTIONS}{}\r\n", "X: y\r\n".repeat(MAX_HEADERS))), Some(400));
        assert_eq!(refusal(&format!("{OPTIONS}{}\r\n", "Route: <sip:a>\r\n".repeat(MAX_HOPS + 1))), Some(400));
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            parse_datagram(&bytes);
        }

        #[test]
        fn any_damage_to_a_good_message_never_panics(at in 0usize..140, with in prop::collection::vec(any::<u8>(), 0..8)) {
            let mut bytes = format!("{OPTIONS}m: \"a\" <sip:b>;q=0.1\r\nl: 3\r\n\r\nabc").into_bytes();
            let at = at.min(bytes.len());
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with);
            parse_datagram(&bytes);
        }

        #[test]
        fn what_is_printed_is_read_back(subject in "[ -~]{0,40}", body in prop::collection::vec(any::<u8>(), 0..50)) {
            let mut first = request(&format!("{OPTIONS}\r\n"));
            first.headers.push("Subject", subject.trim());
            first.body = body;
            let Parsed::Message(second) = parse_datagram(&first.to_bytes()) else { panic!("refused") };
            prop_assert!(second == Message::Request(first));
        }
    }
}
