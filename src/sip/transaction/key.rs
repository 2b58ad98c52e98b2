use crate::sip::{Headers, MAGIC_COOKIE, Method, Request, Via};

/// What messages are matched by. One table holds all of them.
#[derive(Hash)]
pub enum Key {
    /// RFC 3261 §17.1.3: a response to a request of ours.
    Client { branch: String, method: Method },
    /// §17.2.3: a request that repeats, acknowledges or cancels one that came before.
    Server { branch: String, sent_by: String, method: Method },
    /// §8.2.2.2: the same request by another way.
    Merge { call_id: String, from_tag: String, cseq: u32, method: Method },
    /// The ACK of a 2xx, which is no part of the transaction (§13.2.2.4).
    Ack { call_id: String, from_tag: String, to_tag: String, cseq: u32 },
    /// An INVITE of ours, found again when its user acknowledges a 2xx.
    Invited { call_id: String, from_tag: String, cseq: u32 },
}

impl Key {
    pub fn client(headers: &Headers) -> Option<Self> {
        let branch = headers.via().ok()?.branch()?.to_owned();
        Some(Key::Client { branch, method: headers.cseq().ok()?.method })
    }

    /// An ACK or CANCEL is looked for under the method of its INVITE.
    pub fn server(request: &Request, via: &Via) -> Option<Self> {
        let method = match &request.method {
            Method::Ack | Method::Cancel => Method::Invite,
            other => other.clone(),
        };
        let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(5060)).to_ascii_lowercase();
        let branch = match via.branch() {
            Some(branch) if branch.starts_with(MAGIC_COOKIE) => branch.to_owned(),
            Some(_) | None => old_branch(request)?,
        };
        Some(Key::Server { branch, sent_by, method })
    }

    pub fn merge(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        if headers.to().ok()?.tag().is_some() {
            return None;
        }
        Some(Key::Merge {
            call_id: headers.call_id().to_owned(),
            from_tag: from_tag(headers),
            cseq: headers.cseq().ok()?.number,
            method: request.method.clone(),
        })
    }

    /// Of a 2xx to an INVITE, and of the ACK that it will get.
    pub fn ack(headers: &Headers) -> Option<Self> {
        Some(Key::Ack {
            call_id: headers.call_id().to_owned(),
            from_tag: from_tag(headers),
            to_tag: headers.to().ok()?.tag()?.to_owned(),
            cseq: headers.cseq().ok()?.number,
        })
    }

    pub fn invited(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        Some(Key::Invited {
            call_id: headers.call_id().to_owned(),
            from_tag: from_tag(headers),
            cseq: headers.cseq().ok()?.number,
        })
    }
}

/// The fallback of §17.2.3 for a peer of RFC 2543: what its INVITE, ACK and CANCEL have in common.
fn old_branch(request: &Request) -> Option<String> {
    let headers = &request.headers;
    let cseq = headers.cseq().ok()?.number;
    Some(format!("{} {} {cseq} {}", headers.call_id(), from_tag(headers), request.uri))
}

/// Empty for a peer of RFC 2543.
fn from_tag(headers: &Headers) -> String {
    headers.from().ok().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default()
}
