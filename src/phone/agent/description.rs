//! What the phone says of its audio, and what it makes of the other side's words.

use super::{
    super::{DtmfWay, media::Terms},
    Agent, AgentCall,
};
use crate::{
    media::codec::{FRAME_SAMPLES, SAMPLE_RATE},
    model::Codec,
    sip::sdp::{self, Description, Direction, Local, Origin, Session},
};
use std::net::SocketAddr;

const PTIME_MS: u16 = (FRAME_SAMPLES as u32 * 1000 / SAMPLE_RATE) as u16;

impl Agent {
    pub(super) fn offer(&self, origin: &Origin, address: SocketAddr, held: bool) -> Vec<u8> {
        sdp::offer(origin, &self.local(address, held), None)
    }

    /// Agrees to an offer and says so; `None` when there is nothing in common.
    pub(super) fn answer_to(&self, call: &AgentCall, offer: &Description) -> Option<Vec<u8>> {
        let answer = sdp::answer(&call.origin, &self.local(call.media.local, call.held), offer)?;
        call.media.agree(terms(&offer.session, &self.config.codecs, call.held)?);
        Some(answer)
    }

    /// Takes the answer to an offer of ours; whether there was one that can be used.
    pub(super) fn take_answer(&self, call: &AgentCall, body: &[u8]) -> bool {
        let answer = sdp::read(body).ok();
        match answer.and_then(|answer| terms(&answer.session, &self.config.codecs, call.held)) {
            Some(terms) => {
                call.media.agree(terms);
                true
            }
            None => false,
        }
    }

    fn local(&self, address: SocketAddr, held: bool) -> Local {
        Local {
            address,
            codecs: self.config.codecs.clone(),
            events: self.config.dtmf == DtmfWay::Rfc4733,
            direction: Direction::new(true, !held),
            ptime: PTIME_MS,
        }
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
