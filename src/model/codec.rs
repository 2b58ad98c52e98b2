/// An audio codec of the house; mono.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711, µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711, A-law.
    Pcma,
    /// Wide-band in the bits of G.711 (RFC 3551 §4.5.2).
    G722,
    /// RFC 6716, over RTP as RFC 7587 says.
    Opus,
}

impl Codec {
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// The encoding name of SDP and of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// Encoding names are case-insensitive (RFC 8866 §6.6).
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// How many units of its RTP timestamp make a second. That of G.722 is half its sample rate, by an old mistake
    /// (RFC 3551 §4.5.2); that of Opus is always 48 kHz (RFC 7587 §4.1).
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8000,
            Codec::Opus => 48_000,
        }
    }

    /// The payload type that our offers give it: the static one (RFC 3551 §6), or a dynamic one.
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// The codec of a static payload type.
    pub fn from_payload_type(payload_type: u8) -> Option<Codec> {
        const FIRST_DYNAMIC: u8 = 96;
        let known = |codec: &Codec| codec.payload_type() == payload_type && payload_type < FIRST_DYNAMIC;
        Codec::ALL.into_iter().find(known)
    }
}

/// Telephone-events (RFC 4733 §2.4) as one leg says them. Their clock should be that of the audio; many phones know 8 kHz alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFormat {
    pub payload_type: u8,
    pub clock_rate: u32,
}
