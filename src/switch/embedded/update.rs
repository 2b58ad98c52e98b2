//! UPDATE (RFC 3311): a sign of life, or a change of media that is answered at once, before the call is answered or after.

use super::{
    Embedded, Now,
    call::{Call, Stage, read_offer},
    leg::MediaPorts,
};
use crate::{
    model::LegId,
    sip::{Request, ServerTx, SessionTimer},
};

/// What a phone is asked to wait while its own earlier offer is being answered, in seconds (§5.2: 0 to 10).
const RETRY_AFTER_S: u32 = 2;

/// Why an offer cannot be taken now (§5.2).
enum Pending {
    /// An earlier one of the same phone has no answer yet.
    Theirs,
    /// One of ours has none.
    Ours,
}

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn update(&mut self, now: Now, tx: ServerTx, id: LegId, request: Request) {
        if SessionTimer::check(&request.headers).is_err() {
            return self.respond(now, tx, &request, 422);
        }
        let offer = match read_offer(&request) {
            Ok(Some(offer)) => offer,
            Ok(None) => return self.confirm_with(now, tx, id, &request, None),
            Err(code) => return self.respond(now, tx, &request, code),
        };
        match self.pending_offer(id) {
            Some(Pending::Theirs) => {
                let mut response = request.reply(500, "");
                response.headers.push("Retry-After", RETRY_AFTER_S);
                return self.endpoint.respond(now.instant, tx, response);
            }
            Some(Pending::Ours) => return self.respond(now, tx, &request, 491),
            None => {}
        }
        match self.seat_of(id) {
            Some((call @ Call { stage: Stage::Talking { .. }, .. }, side)) => {
                self.renegotiate(now, tx, call.id, side, request, offer);
            }
            // Who still rings is told of the caller's media when it answers.
            Some(_) | None => self.accept_offer(now, tx, id, &request, offer),
        }
    }

    fn pending_offer(&self, id: LegId) -> Option<Pending> {
        let leg = self.legs.get(&id)?;
        if leg.media.awaits_answer || leg.refreshing.is_some() {
            return Some(Pending::Ours);
        }
        if leg.invite.is_some() && !leg.media.codec_told {
            return Some(Pending::Theirs);
        }
        let (call, side) = self.seat_of(id)?;
        match &call.stage {
            Stage::Talking { renegotiation: Some(pending) } if pending.from == side => Some(Pending::Theirs),
            Stage::Talking { renegotiation: Some(_) } => Some(Pending::Ours),
            Stage::Talking { renegotiation: None } | Stage::Ringing { .. } => None,
        }
    }
}
