//! SDP for one audio stream: RFC 8866 (the text), RFC 3264 (offer and answer), RFC 4733 §2.4 (telephone-event),
//! RFC 3551 §6 (static payload types), RFC 7587 §7 (Opus), RFC 5761 §5 (RTP and RTCP on one port), RFC 4568 (keys for SRTP).
//!
//! Deliberately absent: ICE, DTLS, video, and every codec that the house does not speak.

mod build;
mod crypto;
mod keying;
mod read;

pub use build::{Local, Origin, answer, offer};
pub use crypto::{Crypto, MAX_CRYPTO};
pub use keying::{Agreed, Keying, KeyingRefused, Secured};
pub use read::{Description, MAX_MEDIA, MAX_SDP_BYTES, read};

use crate::model::{Codec, EventFormat};
use std::net::SocketAddr;

pub const CONTENT_TYPE: &str = "application/sdp";

/// What the peer declared for its audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where the peer wants to receive. Its address is unspecified while an old-style hold (`c=0.0.0.0`) lasts; the
    /// direction then says that the peer does not receive.
    pub remote: SocketAddr,
    /// Where the peer wants to receive RTCP: one port for both (RFC 5761), another that it names (RFC 3605), or the next.
    pub rtcp: SocketAddr,
    /// In the peer's order of preference, with the peer's payload types; never empty.
    pub codecs: Vec<(Codec, u8)>,
    /// Telephone-events, on each clock that the peer has them on.
    pub events: Vec<EventFormat>,
    /// As the peer sees it: `SendOnly` means that the peer does not listen.
    pub direction: Direction,
    /// Milliseconds of audio that the peer would like in a packet.
    pub ptime: Option<u16>,
    /// The keys that the peer would secure its packets with, in its order of preference.
    pub crypto: Vec<Crypto>,
    /// Over RTP/SAVP: one of the keys, or nothing.
    pub savp: bool,
}

/// RFC 8866 §6.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadSdp {
    #[error("malformed session description")]
    Malformed,
    #[error("session description longer than {MAX_SDP_BYTES} bytes or with more than {MAX_MEDIA} streams")]
    TooLarge,
    #[error("no audio over RTP/AVP or RTP/SAVP")]
    NoAudio,
    #[error("audio refused: port 0")]
    Refused,
    #[error("no address that packets can be sent to")]
    BadAddress,
    #[error("none of PCMU, PCMA, G722 and opus")]
    NoCodec,
    #[error("RTP/SAVP without a key that we can use")]
    NoCrypto,
}

impl Session {
    pub fn shares_a_port(&self) -> bool {
        self.rtcp == self.remote
    }

    /// The peer's payload type of a codec.
    pub fn payload_type(&self, codec: Codec) -> Option<u8> {
        self.codecs.iter().find(|(known, _)| *known == codec).map(|(_, payload_type)| *payload_type)
    }

    /// Our own name for a codec, which the peer may use where our offer came first; the peer's, where ours means something
    /// else to it.
    pub fn own_payload_type(&self, codec: Codec) -> u8 {
        let (own, theirs) = (codec.payload_type(), self.payload_type(codec));
        let taken = self.codecs.iter().any(|(other, number)| *other != codec && *number == own)
            || self.events.iter().any(|events| events.payload_type == own);
        theirs.filter(|_| taken).unwrap_or(own)
    }

    /// The peer's telephone-events beside a codec: on the clock of its audio, else on whichever it has.
    pub fn events_beside(&self, codec: Codec) -> Option<EventFormat> {
        let fitting = self.events.iter().find(|events| events.clock_rate == codec.clock_rate());
        fitting.or(self.events.first()).copied()
    }
}

impl Direction {
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream as the other side sees it.
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What is left of a wish when the other side has declared `peer` (RFC 3264 §6.1).
    pub fn within(self, peer: Self) -> Self {
        Self::new(self.sends() && peer.receives(), self.receives() && peer.sends())
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

#[cfg(test)]
mod tests;
