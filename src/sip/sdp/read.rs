use super::{BadSdp, Direction, Session, crypto};
use crate::{
    model::{Codec, EventFormat},
    sip::scan,
};
use sdp_types as wire;
use std::net::{IpAddr, SocketAddr};

pub const MAX_SDP_BYTES: usize = 16 * 1024;
/// The most streams in a description.
pub const MAX_MEDIA: usize = 16;
/// The most payload types in a stream: there are no more (RFC 3551 §3).
const MAX_FORMATS: usize = 128;
/// What a packet holds when nobody says (RFC 3551 §4.2).
const USUAL_PTIME_MS: u16 = 20;

/// An offer or an answer, read: its audio, and what an answer must mirror.
#[derive(Clone)]
pub struct Description {
    pub session: Session,
    pub(super) lines: Vec<Line>,
    /// The place of the audio among the lines.
    pub(super) audio: usize,
    /// The same audio offered in other ways, and their places.
    others: Vec<(usize, Session)>,
}

impl Description {
    /// Of several audio streams the first that is acceptable; if none is, the first.
    pub fn choose(&mut self, acceptable: impl Fn(&Session) -> bool) {
        if acceptable(&self.session) {
            return;
        }
        if let Some(nth) = self.others.iter().position(|(_, session)| acceptable(session)) {
            (self.audio, self.session) = self.others.remove(nth);
        }
    }
}

/// One `m=` line.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) formats: String,
}

/// Reads an offer or an answer; the first audio stream over RTP that can be used is the one, until another is chosen.
pub fn read(body: &[u8]) -> Result<Description, BadSdp> {
    if body.len() > MAX_SDP_BYTES {
        return Err(BadSdp::TooLarge);
    }
    let parsed = wire::Session::parse(body).map_err(|_| BadSdp::Malformed)?;
    if parsed.medias.len() > MAX_MEDIA {
        return Err(BadSdp::TooLarge);
    }
    let mut streams = read_audio(&parsed)?.into_iter();
    let (audio, session) = streams.next().ok_or(BadSdp::NoAudio)?;
    let lines = parsed.medias.iter().map(|media| Line {
        media: media.media.clone(),
        proto: media.proto.clone(),
        formats: media.fmt.clone(),
    });
    Ok(Description { session, lines: lines.collect(), audio, others: streams.collect() })
}

/// Every audio stream that can be used, with its place. If there is none, why the first that is wanted cannot.
fn read_audio(parsed: &wire::Session) -> Result<Vec<(usize, Session)>, BadSdp> {
    let (mut streams, mut unusable) = (Vec::new(), None);
    for (place, media) in parsed.medias.iter().enumerate().filter(|(_, media)| is_audio(media)) {
        match read_session(parsed, media) {
            Ok(session) => streams.push((place, session)),
            Err(flaw @ (BadSdp::Malformed | BadSdp::TooLarge)) => return Err(flaw),
            Err(BadSdp::Refused) => _ = unusable.get_or_insert(BadSdp::Refused),
            Err(flaw @ (BadSdp::NoAudio | BadSdp::BadAddress | BadSdp::NoCodec | BadSdp::NoCrypto)) => {
                unusable = unusable.filter(|before| *before != BadSdp::Refused).or(Some(flaw));
            }
        }
    }
    match streams.is_empty() {
        true => Err(unusable.unwrap_or(BadSdp::NoAudio)),
        false => Ok(streams),
    }
}

fn is_audio(media: &wire::Media) -> bool {
    let plain = ["RTP/AVP", "RTP/AVPF"].into_iter().any(|proto| media.proto.eq_ignore_ascii_case(proto));
    media.media.eq_ignore_ascii_case("audio") && (plain || is_savp(media))
}

/// RFC 3711 §12, RFC 5124.
fn is_savp(media: &wire::Media) -> bool {
    ["RTP/SAVP", "RTP/SAVPF"].into_iter().any(|proto| media.proto.eq_ignore_ascii_case(proto))
}

fn read_session(parsed: &wire::Session, media: &wire::Media) -> Result<Session, BadSdp> {
    if media.port == 0 {
        return Err(BadSdp::Refused);
    }
    let connection = media.connections.first().or(parsed.connection.as_ref()).ok_or(BadSdp::BadAddress)?;
    let ip = read_address(&connection.connection_address)?;
    let declared = read_direction(&media.attributes).or_else(|| read_direction(&parsed.attributes));
    let declared = declared.unwrap_or(Direction::SendRecv);
    let formats = read_formats(media)?;
    let codecs: Vec<_> = formats.iter().filter_map(|format| format.codec(media)).collect();
    if codecs.is_empty() {
        return Err(BadSdp::NoCodec);
    }
    let (crypto, savp) = (crypto::read(&media.attributes)?, is_savp(media));
    if savp && crypto.is_empty() {
        return Err(BadSdp::NoCrypto);
    }
    Ok(Session {
        remote: SocketAddr::new(ip, media.port),
        rtcp: SocketAddr::new(ip, read_rtcp_port(media)),
        codecs,
        events: formats.iter().filter_map(|format| format.events(media)).collect(),
        // An unspecified address is the hold of RFC 2543: nothing can be sent there.
        direction: if ip.is_unspecified() { Direction::new(declared.sends(), false) } else { declared },
        ptime: read_ptime(media),
        crypto,
        savp,
    })
}

fn read_address(text: &str) -> Result<IpAddr, BadSdp> {
    let ip: IpAddr = text.parse().map_err(|_| BadSdp::BadAddress)?;
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_multicast() || broadcast { Err(BadSdp::BadAddress) } else { Ok(ip) }
}

/// A port that is named may have an address too; it is not followed: reports go where the audio goes.
fn read_rtcp_port(media: &wire::Media) -> u16 {
    if media.attributes.iter().any(|attribute| attribute.attribute.eq_ignore_ascii_case("rtcp-mux")) {
        return media.port;
    }
    let named = attribute(&media.attributes, "rtcp").and_then(|text| scan::number(text.split(' ').next()?));
    named.unwrap_or(media.port.saturating_add(1))
}

fn read_direction(attributes: &[wire::Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| {
        Direction::ALL.into_iter().find(|direction| attribute.attribute.eq_ignore_ascii_case(direction.as_str()))
    })
}

/// What the peer would like, and not more than it can take (RFC 8866 §6.3, §6.4).
fn read_ptime(media: &wire::Media) -> Option<u16> {
    let number = |name| attribute(&media.attributes, name).and_then(|text| scan::number(text.trim()));
    let [liked, most] = ["ptime", "maxptime"].map(|name| number(name).filter(|ms: &u16| *ms > 0));
    match (liked, most) {
        (Some(liked), Some(most)) => Some(liked.min(most)),
        (None, Some(most)) => Some(most.min(USUAL_PTIME_MS)),
        (liked, None) => liked,
    }
}

fn attribute<'a>(attributes: &'a [wire::Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.attribute.eq_ignore_ascii_case(name))?.value.as_deref()
}

/// A payload type of the `m=` line.
struct Format(u8);

fn read_formats(media: &wire::Media) -> Result<Vec<Format>, BadSdp> {
    let formats: Vec<_> = media.fmt.split_ascii_whitespace().take(MAX_FORMATS + 1).collect();
    if formats.len() > MAX_FORMATS {
        return Err(BadSdp::TooLarge);
    }
    let number = |text: &str| scan::number(text).filter(|number: &u8| *number < 128).map(Format);
    formats.into_iter().map(number).collect::<Option<_>>().ok_or(BadSdp::Malformed)
}

impl Format {
    /// What an `a=rtpmap` says, else the static table.
    fn codec(&self, media: &wire::Media) -> Option<(Codec, u8)> {
        let codec = match self.rtpmap(media) {
            Some((name, rate)) => Codec::from_name(name).filter(|codec| codec.clock_rate() == rate),
            None => Codec::from_payload_type(self.0),
        };
        codec.map(|codec| (codec, self.0))
    }

    fn events(&self, media: &wire::Media) -> Option<EventFormat> {
        let (name, clock_rate) = self.rtpmap(media)?;
        let known = Codec::ALL.into_iter().any(|codec| codec.clock_rate() == clock_rate);
        (known && name.eq_ignore_ascii_case("telephone-event"))
            .then_some(EventFormat { payload_type: self.0, clock_rate })
    }

    /// Encoding name and clock rate.
    fn rtpmap<'a>(&self, media: &'a wire::Media) -> Option<(&'a str, u32)> {
        let maps = media.attributes.iter().filter(|attribute| attribute.attribute.eq_ignore_ascii_case("rtpmap"));
        maps.filter_map(|attribute| attribute.value.as_deref()?.trim().split_once(' ')).find_map(|(number, map)| {
            (scan::number(number) == Some(self.0)).then_some(())?;
            let mut parts = map.trim().split('/');
            Some((parts.next()?, scan::number(parts.next()?)?))
        })
    }
}
