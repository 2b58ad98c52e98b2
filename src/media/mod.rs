//! The media room. In: RTP packets, a 20 ms tick, and [`Command`]s. Out: RTP packets and [`Event`]s.
//!
//! Who hears whom comes as a value, the `HearMatrix`, and is obeyed; nothing here knows of calls, modes or rights.
//! A packet is relayed untouched wherever it can be and mixed where it must be: the plane derives which from the
//! matrix. Reports about the streams go out and come in beside them, and each leg leaves its quality. A leg that has keys is
//! secured on the wire, and like any other within.

pub mod clip;
pub mod codec;
pub mod coding;
mod conceal;
mod ear;
mod event;
mod gap;
mod health;
pub mod jitter;
mod keypad;
mod leg;
mod mixer;
mod music;
mod opinion;
pub mod plane;
mod player;
#[cfg(feature = "shell")]
pub mod port;
#[cfg(feature = "shell")]
pub mod ports;
pub mod rate;
mod reception;
pub mod recorder;
mod rtcp;
pub mod rtp;
pub mod srtp;
mod stream;
pub mod tone;
mod veil;

pub use health::Channel;

use crate::model::{Codec, Digit, EventFormat, HearMatrix, LegId, LegQuality, Prompt, SrtpKeys};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// What the signalling side negotiated for one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegParams {
    /// Where the peer's SDP wants its audio. Behind a NAT packets come from elsewhere, and are answered there (symmetric
    /// RTP), if that is this address on another port, or the one that the signalling comes from.
    pub remote: SocketAddr,
    pub signalled: IpAddr,
    /// Where the peer wants reports (RTCP); the same as `remote` when one port is for both (RFC 5761).
    pub rtcp: SocketAddr,
    pub codec: Codec,
    /// What the peer wants the codec to be called.
    pub payload_type: u8,
    /// What we called it: a peer should send it under this number, and may under its own.
    pub own_payload_type: u8,
    /// How much audio the peer would like in a packet that we make. What is relayed is as long as it came.
    pub ptime_ms: u16,
    /// The peer's telephone-events, when negotiated.
    pub events: Option<EventFormat>,
    /// The peer says its keys by SIP INFO. Without telephone-events it gets them so, too.
    pub info: bool,
    /// We may send to the peer (its direction is `sendrecv` or `recvonly`).
    pub send: bool,
    /// We listen to the peer (its direction is `sendrecv` or `sendonly`).
    pub receive: bool,
    /// The other party of the call: keys pass between the two, each in its own form, and to nobody else.
    pub peer: Option<LegId>,
}

impl LegParams {
    /// Of a peer in one codec both ways, 20 ms a packet, without keys; its reports go where its audio goes.
    pub fn plain(remote: SocketAddr, codec: Codec) -> Self {
        Self {
            remote,
            signalled: remote.ip(),
            rtcp: remote,
            codec,
            payload_type: codec.payload_type(),
            own_payload_type: codec.payload_type(),
            ptime_ms: 20,
            events: None,
            info: false,
            send: true,
            receive: true,
            peer: None,
        }
    }
}

/// The sockets of one leg, bound to an even port and the odd one above it, non-blocking.
pub struct LegSockets {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

pub enum Command {
    Open {
        leg: LegId,
        sockets: LegSockets,
    },
    /// The first one makes the leg live; a later one (re-INVITE) keeps the stream and latches anew.
    Configure {
        leg: LegId,
        params: LegParams,
    },
    /// From here on the leg is secured with these keys, or plain; to come before it is configured so.
    Secure {
        leg: LegId,
        keys: Option<SrtpKeys>,
    },
    /// Replaces the rows of the listeners it names.
    Hear(HearMatrix),
    /// To that leg only, over whatever it hears; replaces what is playing. `Played` comes at its natural end.
    Play {
        leg: LegId,
        ticket: u64,
        clips: Vec<Prompt>,
    },
    StopPlaying {
        leg: LegId,
    },
    /// Report the digits of this leg.
    Listen {
        leg: LegId,
        on: bool,
    },
    /// A digit that came by SIP INFO: it joins the fused stream.
    Info {
        leg: LegId,
        digit: Digit,
    },
    Close {
        leg: LegId,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Digit {
        leg: LegId,
        digit: Digit,
    },
    /// A key for the phone of this leg, which takes keys by SIP INFO.
    Key {
        leg: LegId,
        digit: Digit,
    },
    Played {
        leg: LegId,
        ticket: u64,
    },
    /// Nothing came of a peer with whom we talk both ways, neither audio nor a report, for as long as is borne.
    Quiet {
        leg: LegId,
    },
    /// The leg was closed, and this is how its streams got through.
    Closed {
        leg: LegId,
        quality: LegQuality,
    },
}

#[cfg(test)]
mod tests;
