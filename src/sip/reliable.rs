//! RFC 3262: provisional responses that must arrive. Each is numbered, repeated until its PRACK, and holds back the next.

use super::{BadHeader, CSeq, Headers, Method, Response, scan};
use std::{fmt, str::FromStr};

/// The option tag.
pub const RELIABLE: &str = "100rel";

/// §7.2: which response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: CSeq,
}

/// The numbers that one INVITE's responses get.
#[derive(Clone, Copy, Debug)]
pub struct Numbering {
    last: u32,
    unacknowledged: bool,
}

impl Numbering {
    /// Begins somewhere below 2³¹ (§3).
    pub fn new(random: u32) -> Self {
        Self { last: random >> 2, unacknowledged: false }
    }

    /// The next response's number.
    pub fn number(&mut self) -> u32 {
        self.last += 1;
        self.unacknowledged = true;
        self.last
    }

    /// Nothing but a refusal may be sent while this holds.
    pub fn is_unacknowledged(&self) -> bool {
        self.unacknowledged
    }

    /// True when `rack` acknowledges what was sent last in answer to `invite`.
    pub fn acknowledge(&mut self, rack: &RAck, invite: &CSeq) -> bool {
        let matches = self.unacknowledged && rack.rseq == self.last && rack.cseq == *invite;
        self.unacknowledged &= !matches;
        matches
    }
}

impl Response {
    /// The number of a provisional response that wants a PRACK (§4).
    pub fn reliable_number(&self) -> Option<u32> {
        let wanted = (101..200).contains(&self.code) && self.headers.requires(RELIABLE);
        self.headers.get("RSeq").filter(|_| wanted).and_then(|text| scan::number(text.trim()))
    }
}

impl Headers {
    pub fn rack(&self) -> Result<RAck, BadHeader> {
        self.get("RAck").ok_or(BadHeader::Missing("RAck"))?.parse().map_err(|_| BadHeader::Malformed("RAck"))
    }

    /// RFC 3261 §20.32.
    pub fn requires(&self, tag: &str) -> bool {
        self.tokens("Require").any(|required| required.eq_ignore_ascii_case(tag))
    }
}

impl FromStr for RAck {
    type Err = BadHeader;

    fn from_str(text: &str) -> Result<Self, BadHeader> {
        let (rseq, cseq) = text.trim().split_once(char::is_whitespace).ok_or(BadHeader::Malformed("RAck"))?;
        let rseq = scan::number(rseq).ok_or(BadHeader::Malformed("RAck"))?;
        Ok(Self { rseq, cseq: cseq.parse()? })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

impl RAck {
    pub fn of_invite(rseq: u32, invite_cseq: u32) -> Self {
        Self { rseq, cseq: CSeq { number: invite_cseq, method: Method::Invite } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rack_is_read_and_printed() {
        let rack: RAck = "776656  1 INVITE".parse().unwrap();
        assert_eq!(rack, RAck::of_invite(776_656, 1));
        assert_eq!(rack.to_string(), "776656 1 INVITE");
        for text in ["", "1", "1 2", "x 1 INVITE", "1 x INVITE", "1 2 INVITE more", "-1 1 INVITE"] {
            assert!(text.parse::<RAck>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_response_is_acknowledged_once_and_by_its_own_number_only() {
        let invite = CSeq { number: 7, method: Method::Invite };
        let mut numbering = Numbering::new(u32::MAX);
        let first = numbering.number();
        assert!(first < 1 << 31);
        for wrong in [RAck::of_invite(first + 1, 7), RAck::of_invite(first, 8)] {
            assert!(!numbering.acknowledge(&wrong, &invite));
        }
        assert!(numbering.is_unacknowledged());
        assert!(numbering.acknowledge(&RAck::of_invite(first, 7), &invite));
        assert!(!numbering.acknowledge(&RAck::of_invite(first, 7), &invite), "the second PRACK acknowledges nothing");
        assert_eq!(numbering.number(), first + 1);
    }

    #[test]
    fn only_a_numbered_provisional_response_that_requires_it_is_reliable() {
        let response = |code, require: &str, rseq: &str| {
            let mut response = Response::new(code, "");
            response.headers.push("Require", require);
            response.headers.push("RSeq", rseq);
            response.reliable_number()
        };
        assert_eq!(response(183, "timer, 100REL", "5"), Some(5));
        for (code, require, rseq) in
            [(200, RELIABLE, "5"), (100, RELIABLE, "5"), (183, "timer", "5"), (183, RELIABLE, "x")]
        {
            assert_eq!(response(code, require, rseq), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<RAck>();
        }
    }
}
