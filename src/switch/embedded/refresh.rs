//! Session timers on each leg (RFC 4028): a session is refreshed by UPDATE where the phone takes it (RFC 3311), else by a
//! re-INVITE, and a phone that does not refresh when it is its turn is hung up.

use super::{
    Embedded, Now, Purpose,
    call::{Call, Stage},
    leg::{Leg, MediaPorts},
};
use crate::{
    model::{CallId, LegId},
    sip::{ClientTx, Flow, Method, Request, Response, SessionDue, sdp},
};
use std::time::Duration;

/// RFC 3326: why we hang up.
const EXPIRED: &str = "SIP;cause=408;text=\"Session Timer Expired\"";

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn session_is_due(&mut self, now: Now, id: LegId) {
        let due = self.legs.get_mut(&id).and_then(|leg| leg.session.handle_timeout(now.instant));
        self.set_alarm(id);
        match due {
            Some(SessionDue::Refresh) => self.refresh(now, id),
            Some(SessionDue::Expired) => self.expire(now, id),
            None => {}
        }
    }

    /// Starts what a phone's INVITE or UPDATE asks for, and says so in our 2xx.
    pub(super) fn accept_session(&mut self, now: Now, id: LegId, request: &Request, response: &mut Response) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.session.accept(now.instant, &request.headers, &mut response.headers);
        }
        self.set_alarm(id);
    }

    pub(super) fn ask_session(&self, id: CallId, request: &mut Request) {
        if let Some(leg) = self.calls.get(&id).and_then(|call| self.legs.get(&call.callee)) {
            leg.session.ask(&mut request.headers);
        }
    }

    /// A phone's 2xx to an INVITE or UPDATE of ours.
    pub(super) fn session_answered(&mut self, now: Now, id: LegId, response: &Response) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.session.answered(now.instant, &response.headers);
        }
        self.set_alarm(id);
    }

    fn refresh(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.is_amid_invite() || self.is_renegotiating(id) {
            return self.postpone_refresh(now, id, None);
        }
        let (method, body) = match leg.takes_update {
            true => (Method::Update, None),
            false => (Method::Invite, self.offer_to(id).map(|body| (sdp::CONTENT_TYPE, body))),
        };
        let invites = method == Method::Invite;
        let Some(tx) = self.send_in_dialog(now, id, method, body) else { return };
        self.by_client_tx.insert(tx, Purpose::Refresh { leg: id });
        if let (true, Some(leg)) = (invites, self.legs.get_mut(&id)) {
            leg.refreshing = Some(tx);
        }
    }

    pub(super) fn refresh_response(&mut self, now: Now, id: LegId, tx: ClientTx, flow: Flow, response: &Response) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.refreshing.take_if(|refreshing| *refreshing == tx);
        match response.code {
            200..=299 => self.refreshed(now, id, flow, response),
            405 | 501 if leg.takes_update => {
                leg.takes_update = false;
                self.refresh(now, id);
            }
            422 if leg.session.raise(&response.headers) => self.refresh(now, id),
            491 => {
                let pause = self.glare_pause(id);
                self.postpone_refresh(now, id, Some(pause));
            }
            code => self.refresh_failed(now, id, code),
        }
    }

    /// A refresh that nobody answers, or whose dialog the phone does not know, is the end (§10); any other failure is not,
    /// while the session lasts.
    pub(super) fn refresh_failed(&mut self, now: Now, id: LegId, code: u16) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.refreshing = None;
        }
        match code {
            408 | 481 => self.expire(now, id),
            _ => self.postpone_refresh(now, id, None),
        }
    }

    fn refreshed(&mut self, now: Now, id: LegId, flow: Flow, response: &Response) {
        let Some(Leg { dialog: Some(dialog), .. }) = self.legs.get_mut(&id) else { return };
        dialog.refresh_target(&response.headers);
        if let Ok(cseq) = response.headers.cseq()
            && cseq.method == Method::Invite
        {
            self.endpoint.send_ack(dialog.ack(cseq.number), flow);
            if self.take_answer(id, &response.body).is_some() {
                self.apply(id);
            }
        }
        self.session_answered(now, id, response);
    }

    fn postpone_refresh(&mut self, now: Now, id: LegId, pause: Option<Duration>) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.session.postpone(now.instant, pause);
        }
        self.set_alarm(id);
    }

    fn expire(&mut self, now: Now, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.bye_reason = Some(EXPIRED);
        }
        self.lose(now, id);
    }

    /// RFC 3261 §14.1: whoever chose the Call-ID waits 2.1 to 4 s, the other one up to 2 s, in steps of 10 ms.
    pub(super) fn glare_pause(&mut self, id: LegId) -> Duration {
        let chosen_here =
            self.legs.get(&id).and_then(|leg| leg.dialog.as_ref()).is_some_and(|dialog| dialog.chose_call_id());
        let random = self.entropy.bits();
        let steps = if chosen_here { 210 + random % 191 } else { random % 201 };
        Duration::from_millis(10 * steps as u64)
    }

    /// Whether a change of media is on its way from or to this leg.
    pub(super) fn is_renegotiating(&self, id: LegId) -> bool {
        let call = self.seat_of(id).map(|(call, _)| call);
        matches!(call, Some(Call { stage: Stage::Talking { renegotiation: Some(_) }, .. }))
    }
}
