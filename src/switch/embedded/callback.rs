//! Calling a supervisor back (C, F4, H4): the phones of an extension are rung from 9999, and the one that answers stands at
//! the desk as if it had dialled. Nobody is connected before the answer, and nothing sends such a call elsewhere.

use super::{
    Embedded, Now, Purpose,
    alarm::Alarm,
    call::Branch,
    leg::{Leg, MediaPorts, Origin, Role},
    ring::{MAX_BRANCHES, better},
};
use crate::{
    media,
    model::{ExtensionNumber, HearMatrix, LegId, Party},
    sip::{CSeq, ClientTx, Flow, Method, NameAddr, Response, sdp},
    switch::{Event, NotReached},
};
use std::time::Duration;

/// How long a phone is rung before it is given up (H4).
pub(super) const CALL_BACK_LIMIT: Duration = Duration::from_secs(10);

/// RFC 3261 §20.37. Nothing is heard before the answer, so no provisional response need arrive.
const SUPPORTED: &str = "timer, replaces";

/// What a phone that rings with nobody to answer comes to.
const NOBODY: u16 = 480;

/// The phones of an extension, ringing. Its leg is a guest's that has no dialog yet.
pub(super) struct CallBack {
    branches: Vec<Branch>,
    best: u16,
}

impl<P: MediaPorts> Embedded<P> {
    /// The number from which the system calls back.
    pub fn callback_number(&self) -> &str {
        self.dialplan.callback_number()
    }

    /// Rings every phone of the extension; what comes of it is told by an event, at once if nothing rings.
    pub(super) fn call_back(&mut self, now: Now, leg: LegId, extension: ExtensionNumber) {
        if let Err(why) = self.begin_call_back(now, leg, extension) {
            self.event(Event::NotReached { leg, why });
        }
    }

    fn begin_call_back(&mut self, now: Now, id: LegId, extension: ExtensionNumber) -> Result<(), NotReached> {
        self.admit_guest(&extension).map_err(|code| if code == 486 { NotReached::Busy } else { NotReached::Failed })?;
        self.can_ring(now, &extension).map_err(|_| NotReached::NoPhone)?;
        let bindings = self.registrar.contacts_of(&extension, now.unix_ms);
        let flow = bindings.first().ok_or(NotReached::NoPhone)?.flow;
        let party = Party::from(extension.clone());
        let media = self.open_media(id, flow, self.policy_of(&party)).map_err(|_| NotReached::Failed)?;
        let role = Role::Guest { origin: Origin::CalledBack, extension };
        let mut leg = Leg::new(now.instant, self.entropy.bits() as u32, role, party, flow, media);
        let offer = leg.media.offer(self.config.codecs.clone(), sdp::Direction::SendRecv);
        self.legs.insert(id, leg);
        let mut branches = vec![];
        for binding in bindings.into_iter().take(MAX_BRANCHES) {
            branches.extend(self.ring_contact(now, id, binding.contact.to_string(), binding.flow, offer.clone()));
        }
        self.call_backs.insert(id, CallBack { branches, best: NOBODY });
        self.alarms.set(Alarm::CallBack(id), Some(now.instant + CALL_BACK_LIMIT));
        self.presence.touch(self.legs.get(&id).and_then(|leg| leg.party.extension()));
        Ok(())
    }

    fn ring_contact(&mut self, now: Now, id: LegId, uri: String, flow: Flow, offer: Vec<u8>) -> Option<Branch> {
        let from = NameAddr::new(format!("sip:{}@{}", self.dialplan.callback_number(), self.config.domain));
        let to = NameAddr::new(format!("sip:{}@{}", self.legs.get(&id)?.party, self.config.domain));
        let mut request = self.outside_dialog(Method::Invite, uri, from, to);
        request.headers.push_front("Max-Forwards", 70);
        let sips = super::call::speaks_of_sips(&request);
        self.introduce(flow, sips, &mut request.headers);
        request.headers.set("Supported", SUPPORTED);
        self.legs.get(&id)?.session.ask(&mut request.headers);
        request.set_body(sdp::CONTENT_TYPE, offer);
        let (tx, request) = self.send(now, request, flow);
        self.by_client_tx.insert(tx, Purpose::CallBack { leg: id });
        Some(Branch { tx, flow, request, early: vec![] })
    }

    pub(super) fn call_back_response(&mut self, now: Now, leg: LegId, tx: ClientTx, flow: Flow, response: &Response) {
        match response.code {
            ..=199 => {}
            422 if self.call_back_again(now, leg, tx, response) => {}
            200..=299 => self.call_back_answered(now, leg, tx, flow, response),
            // Sent elsewhere it would be heard by a mailbox, or by somebody who was not asked.
            code => {
                self.by_client_tx.remove(&tx);
                self.call_back_failed(now, leg, tx, code);
            }
        }
    }

    /// A phone wants longer sessions (RFC 4028 §7.4). False when it was rung with what it wants before.
    fn call_back_again(&mut self, now: Now, id: LegId, tx: ClientTx, response: &Response) -> bool {
        let (Some(leg), Some(call_back)) = (self.legs.get_mut(&id), self.call_backs.get_mut(&id)) else { return false };
        let Some(index) = call_back.branches.iter().position(|branch| branch.tx == tx) else { return false };
        let mut request = call_back.branches[index].request.clone();
        let (true, Ok(cseq)) = (leg.session.raise(&response.headers), request.headers.cseq()) else { return false };
        leg.session.ask(&mut request.headers);
        request.headers.set("CSeq", CSeq { number: cseq.number + 1, ..cseq });
        let flow = call_back.branches[index].flow;
        let (next, request) = self.send(now, request, flow);
        self.by_client_tx.remove(&tx);
        self.by_client_tx.insert(next, Purpose::CallBack { leg: id });
        if let Some(branch) = self.call_backs.get_mut(&id).and_then(|call_back| call_back.branches.get_mut(index)) {
            (branch.tx, branch.request) = (next, request);
        }
        true
    }

    fn call_back_answered(&mut self, now: Now, id: LegId, tx: ClientTx, flow: Flow, response: &Response) {
        let Some(call_back) = self.call_backs.get_mut(&id) else { return };
        let Some(index) = call_back.branches.iter().position(|branch| branch.tx == tx) else { return };
        let branch = call_back.branches.swap_remove(index);
        if let Err(code) = self.take_up(now, id, branch, flow, response) {
            return self.call_back_failed(now, id, tx, code);
        }
        self.stop_ringing_back(now, id);
        self.presence.touch(self.legs.get(&id).and_then(|leg| leg.party.extension()));
        self.configure(id, None);
        self.media(media::Command::Hear(HearMatrix::silent([id])));
        self.media(media::Command::Listen { leg: id, on: true });
        self.event(Event::Answered { leg: id });
    }

    pub(super) fn call_back_failed(&mut self, now: Now, id: LegId, tx: ClientTx, code: u16) {
        let Some(call_back) = self.call_backs.get_mut(&id) else { return };
        call_back.branches.retain(|branch| branch.tx != tx);
        call_back.best = better(call_back.best, code);
        if call_back.branches.is_empty() {
            let why = why(call_back.best);
            self.give_up_call_back(now, id, why);
        }
    }

    pub(super) fn give_up_call_back(&mut self, now: Now, id: LegId, why: NotReached) {
        self.stop_ringing_back(now, id);
        self.close_leg(id);
        self.event(Event::NotReached { leg: id, why });
    }

    /// Whatever still rings is told to stop; who answers all the same is let go.
    pub(super) fn stop_ringing_back(&mut self, now: Now, id: LegId) {
        self.alarms.set(Alarm::CallBack(id), None);
        let branches = self.call_backs.remove(&id).map(|call_back| call_back.branches);
        branches.into_iter().flatten().for_each(|branch| self.abandon(now, branch));
    }
}

/// What a refusal of a phone means to whoever waits for its answer.
fn why(code: u16) -> NotReached {
    match code {
        486 | 600 => NotReached::Busy,
        NOBODY => NotReached::NoAnswer,
        _ => NotReached::Refused,
    }
}
