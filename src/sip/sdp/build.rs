use super::{Description, Direction, Secured};
use crate::model::{Codec, EventFormat};
use sdp_types as wire;
use std::net::SocketAddr;

/// The payload types that our offers give to telephone-event: dynamic, and what most phones and browsers use.
const EVENT_PAYLOAD_TYPE: u8 = 101;
const EVENT_48_KHZ_PAYLOAD_TYPE: u8 = 110;

/// RFC 5761 §5.1: we can do with one port for RTP and RTCP; who cannot sends its reports to the port above.
const ONE_PORT: &str = "rtcp-mux";

/// Who describes, and how often it has changed its mind (RFC 8866 §5.2). One for each dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    session_id: u64,
    version: u64,
}

impl Origin {
    /// The id keeps to 62 bits, as RFC 3264 §5 asks.
    pub fn new(session_id: u64) -> Self {
        Self { session_id: session_id & (u64::MAX >> 2), version: 0 }
    }

    /// To be called before each description that differs from the one before (RFC 3264 §8).
    pub fn advance(&mut self) {
        self.version += 1;
    }
}

/// What we declare for our audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we receive RTP.
    pub address: SocketAddr,
    /// In our order of preference.
    pub codecs: Vec<Codec>,
    pub events: bool,
    pub direction: Direction,
    /// Milliseconds.
    pub ptime: u16,
    pub secured: Secured,
}

/// Offers what the peer described before in this dialog under its numbers (RFC 3264 §8.3.2), else under ours. Every stream that was
/// ever described keeps its place (§8): those that are refused, with port 0.
pub fn offer(origin: &Origin, local: &Local, described: Option<&Description>) -> Vec<u8> {
    let before = described.map(|described| &described.session);
    let number = |codec: Codec| before.and_then(|session| session.payload_type(codec)).unwrap_or(codec.payload_type());
    let codecs: Vec<_> = local.codecs.iter().map(|codec| (*codec, number(*codec))).collect();
    let events = |codec| before.and_then(|session| session.events_beside(codec)).unwrap_or(own_events(codec));
    let events = events_of(local, &codecs, |codec| Some(events(codec)));
    let proto = if local.secured.savp { "RTP/SAVP" } else { "RTP/AVP" };
    let mut audio = audio(local, &codecs, &events, proto, local.direction);
    audio.add_attribute_from_str(ONE_PORT);
    print(origin, local, among_refused(described, audio))
}

/// Answers with the offer's order and payload types; every stream but the audio is refused with port 0. `None` when no
/// codec is common to both: 488.
pub fn answer(origin: &Origin, local: &Local, offered: &Description) -> Option<Vec<u8>> {
    let session = &offered.session;
    let codecs: Vec<_> = session.codecs.iter().filter(|(codec, _)| local.codecs.contains(codec)).copied().collect();
    if codecs.is_empty() {
        return None;
    }
    let events = events_of(local, &codecs, |codec| session.events_beside(codec));
    let direction = local.direction.within(session.direction);
    let proto = &offered.lines.get(offered.audio)?.proto;
    let mut audio = audio(local, &codecs, &events, proto, direction);
    if session.shares_a_port() {
        audio.add_attribute_from_str(ONE_PORT);
    }
    Some(print(origin, local, among_refused(Some(offered), audio)))
}

/// The audio in its place among the streams that the peer described; they are refused.
fn among_refused(described: Option<&Description>, audio: wire::Media) -> Vec<wire::Media> {
    let Some(Description { lines, audio: place, .. }) = described else { return vec![audio] };
    let refused = lines.iter().map(|line| media(&line.media, 0, &line.proto, line.formats.clone()));
    let mut medias: Vec<_> = refused.collect();
    if let Some(slot) = medias.get_mut(*place) {
        *slot = audio;
    }
    medias
}

/// Each clock of telephone-events once.
fn events_of(local: &Local, codecs: &[(Codec, u8)], beside: impl Fn(Codec) -> Option<EventFormat>) -> Vec<EventFormat> {
    let mut events = Vec::new();
    for format in codecs.iter().filter_map(|(codec, _)| beside(*codec)) {
        if local.events && !events.contains(&format) {
            events.push(format);
        }
    }
    events
}

fn own_events(codec: Codec) -> EventFormat {
    let clock_rate = codec.clock_rate();
    let payload_type = if clock_rate == 8000 { EVENT_PAYLOAD_TYPE } else { EVENT_48_KHZ_PAYLOAD_TYPE };
    EventFormat { payload_type, clock_rate }
}

fn audio(
    local: &Local,
    codecs: &[(Codec, u8)],
    events: &[EventFormat],
    proto: &str,
    direction: Direction,
) -> wire::Media {
    let numbers = codecs.iter().map(|(_, number)| *number).chain(events.iter().map(|events| events.payload_type));
    let formats = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    let mut media = media("audio", local.address.port(), proto, formats);
    for (codec, number) in codecs {
        let (name, clock_rate) = (codec.name(), codec.clock_rate());
        match codec {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => {
                media.add_attribute_with_value("rtpmap", format!("{number} {name}/{clock_rate}"));
            }
            // Always said to be stereo, whatever it carries (RFC 7587 §7).
            Codec::Opus => {
                media.add_attribute_with_value("rtpmap", format!("{number} {name}/{clock_rate}/2"));
                media.add_attribute_with_value("fmtp", format!("{number} useinbandfec=1"));
            }
        }
    }
    for EventFormat { payload_type, clock_rate } in events {
        media.add_attribute_with_value("rtpmap", format!("{payload_type} telephone-event/{clock_rate}"));
        media.add_attribute_with_value("fmtp", format!("{payload_type} 0-15"));
    }
    for crypto in &local.secured.crypto {
        media.add_attribute_with_value("crypto", crypto);
    }
    media.add_attribute_with_value("ptime", local.ptime);
    media.add_attribute_from_str(direction.as_str());
    media
}

fn media(media: &str, port: u16, proto: &str, formats: String) -> wire::Media {
    wire::Media {
        media: media.to_string(),
        port,
        num_ports: None,
        proto: proto.to_string(),
        fmt: formats,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn print(origin: &Origin, local: &Local, medias: Vec<wire::Media>) -> Vec<u8> {
    let ip = local.address.ip();
    let origin = wire::Origin::with_ip_addr(origin.session_id, origin.version, ip);
    let mut session = wire::Session::new(origin, "-");
    session.connection = Some(wire::Connection::from_ip_addr(ip));
    session.times = vec![wire::Time::new(0, 0)];
    session.medias = medias;
    let mut text = Vec::new();
    // Writing into memory cannot fail.
    let _ = session.write(&mut text);
    text
}
