use super::{Description, Direction};
use crate::model::Codec;
use sdp_types as wire;
use std::net::SocketAddr;

/// The payload type that our offers give to telephone-event; dynamic, and what most phones use.
const EVENT_PAYLOAD_TYPE: u8 = 101;

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
}

pub fn offer(origin: &Origin, local: &Local) -> Vec<u8> {
    let codecs: Vec<_> = local.codecs.iter().map(|codec| (*codec, codec.payload_type())).collect();
    let events = local.events.then_some(EVENT_PAYLOAD_TYPE);
    print(origin, local, vec![audio(local, &codecs, events, "RTP/AVP", local.direction)])
}

/// Answers with the offer's order and payload types; every stream but the audio is refused with port 0. `None` when no
/// codec is common to both: 488.
pub fn answer(origin: &Origin, local: &Local, offered: &Description) -> Option<Vec<u8>> {
    let session = &offered.session;
    let codecs: Vec<_> = session.codecs.iter().filter(|(codec, _)| local.codecs.contains(codec)).copied().collect();
    if codecs.is_empty() {
        return None;
    }
    let events = session.event_payload_type.filter(|_| local.events);
    let direction = local.direction.within(session.direction);
    let medias = offered.lines.iter().enumerate().map(|(index, line)| match index == offered.audio {
        true => audio(local, &codecs, events, &line.proto, direction),
        false => media(&line.media, 0, &line.proto, line.formats.clone()),
    });
    Some(print(origin, local, medias.collect()))
}

fn audio(local: &Local, codecs: &[(Codec, u8)], events: Option<u8>, proto: &str, direction: Direction) -> wire::Media {
    let numbers = codecs.iter().map(|(_, number)| *number).chain(events);
    let formats = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    let mut media = media("audio", local.address.port(), proto, formats);
    for (codec, number) in codecs {
        media.add_attribute_with_value("rtpmap", format!("{number} {}/8000", codec.name()));
    }
    if let Some(number) = events {
        media.add_attribute_with_value("rtpmap", format!("{number} telephone-event/8000"));
        media.add_attribute_with_value("fmtp", format!("{number} 0-15"));
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
