//! What the phone says of its audio, and what it makes of the other side's words.

use super::{
    super::{DtmfWay, media::Terms},
    AgentCall,
};
use crate::{
    media::codec::{FRAME_SAMPLES, SAMPLE_RATE},
    model::Codec,
    phone::PhoneConfig,
    sip::sdp::{self, Description, Direction, Keying, Local, Origin, Secured, Session},
};
use std::net::SocketAddr;

const PTIME_MS: u16 = (FRAME_SAMPLES as u32 * 1000 / SAMPLE_RATE) as u16;

impl AgentCall {
    pub(super) fn offer(&mut self, config: &PhoneConfig) -> Vec<u8> {
        offer(config, &self.origin, &mut self.keying, self.media.local, self.held)
    }

    /// Agrees to an offer and says so; `None` when there is nothing in common.
    pub(super) fn answer_to(&mut self, config: &PhoneConfig, offer: &Description) -> Option<Vec<u8>> {
        let terms = terms(&offer.session, &config.codecs, self.held)?;
        self.keying.take_offer(&offer.session).ok()?;
        let local = local(config, self.media.local, self.held, self.keying.answer());
        let answer = sdp::answer(&self.origin, &local, offer)?;
        self.media.agree(terms, self.keying.keys());
        Some(answer)
    }

    /// Takes the answer to an offer of ours; whether there was one that can be used.
    pub(super) fn take_answer(&mut self, config: &PhoneConfig, body: &[u8]) -> bool {
        let Ok(answer) = sdp::read(body) else { return false };
        let Some(terms) = terms(&answer.session, &config.codecs, self.held) else { return false };
        let keyed = self.keying.take_answer(&answer.session).is_ok();
        if keyed {
            self.media.agree(terms, self.keying.keys());
        }
        keyed
    }
}

pub(super) fn offer(
    config: &PhoneConfig,
    origin: &Origin,
    keying: &mut Keying,
    address: SocketAddr,
    held: bool,
) -> Vec<u8> {
    sdp::offer(origin, &local(config, address, held, keying.offer()), None)
}

fn local(config: &PhoneConfig, address: SocketAddr, held: bool, secured: Secured) -> Local {
    Local {
        address,
        codecs: config.codecs.clone(),
        events: config.dtmf == DtmfWay::Rfc4733,
        direction: Direction::new(true, !held),
        ptime: PTIME_MS,
        secured,
    }
}

/// The first codec of the other side's that is ours too.
fn terms(session: &Session, ours: &[Codec], held: bool) -> Option<Terms> {
    let (codec, payload_type) = *session.codecs.iter().find(|(codec, _)| ours.contains(codec))?;
    Some(Terms {
        remote: session.remote,
        codec,
        payload_type,
        events: session.events_beside(codec),
        sending: session.direction.receives() && !held && !session.remote.ip().is_unspecified(),
    })
}
