//! Before the answer: provisional responses that must arrive, to a caller and from the phones that ring (RFC 3262), and the
//! dialogs that they make (RFC 3261 §12.1).

use super::{
    Embedded, Now, Purpose,
    call::{Branch, Call, Stage, read_offer},
    leg::{Leg, MediaPorts, Role},
};
use crate::{
    model::{CallEnding, CallId, LegId},
    sip::{BadHeader, ClientTx, Dialog, DialogId, Flow, Method, RAck, RELIABLE, Request, Response, ServerTx, sdp},
};

/// How many phones behind one contact may ring at once; what more of them say is not heard.
const MAX_FORKS: usize = 8;

/// A dialog that a phone began by a reliable response to our INVITE.
pub(super) struct Early {
    dialog: Dialog,
    /// The number of its last response.
    rseq: u32,
    answer: Option<sdp::Description>,
}

impl Branch {
    /// The dialog that a 2xx confirms, and what was answered in it before.
    pub fn confirmed(&self, response: &Response) -> Result<(Dialog, Option<sdp::Description>), BadHeader> {
        let fork = DialogId::of_response(response);
        match self.early.iter().find(|early| Some(early.dialog.id()) == fork.as_ref()) {
            Some(early) => {
                let mut dialog = early.dialog.clone();
                dialog.confirm(&response.headers)?;
                Ok((dialog, early.answer.clone()))
            }
            None => Ok((Dialog::uac(&self.request, response)?, None)),
        }
    }
}

/// Responses of the phones that ring.
impl<P: MediaPorts> Embedded<P> {
    /// Acknowledges a reliable response. False when it is a repeated one, or out of order (§4).
    pub(super) fn acknowledge(&mut self, now: Now, id: CallId, tx: ClientTx, flow: Flow, response: &Response) -> bool {
        let Some(rseq) = response.reliable_number() else { return true };
        let Some(Call { stage: Stage::Ringing { branches, .. }, callee, .. }) = self.calls.get_mut(&id) else {
            return false;
        };
        let Some(branch) = branches.iter_mut().find(|branch| branch.tx == tx) else { return false };
        let Some(early) = early_dialog(branch, rseq, response) else { return false };
        let Ok(cseq) = response.headers.cseq() else { return false };
        self.by_dialog.insert(early.dialog.id().clone(), *callee);
        let mut prack = early.dialog.next_request(Method::Prack);
        prack.headers.push("RAck", RAck::of_invite(rseq, cseq.number));
        let (prack, _) = self.send(now, prack, flow);
        self.by_client_tx.insert(prack, Purpose::Courtesy);
        true
    }

    /// A request in a dialog that is not confirmed: of use is an UPDATE alone (RFC 3311).
    pub(super) fn early_request(&mut self, now: Now, tx: ServerTx, flow: Flow, id: LegId, request: Request) {
        let dialog = DialogId::of_request(&request);
        let call = match self.legs.get(&id).map(|leg| &leg.role) {
            Some(Role::Party { call, .. }) => self.calls.get_mut(call),
            Some(Role::Guest { .. }) | None => None,
        };
        let Some(Call { stage: Stage::Ringing { branches, early: heard, .. }, .. }) = call else {
            return self.endpoint.respond_stateless(tx, request.reply(481, ""));
        };
        let mut ways = branches.iter_mut().filter(|branch| branch.flow.remote.ip() == flow.remote.ip());
        let found = ways.find_map(|branch| {
            let early = branch.early.iter_mut().find(|early| Some(early.dialog.id()) == dialog.as_ref())?;
            Some((early.dialog.accepts(&request), *heard == Some(branch.tx)))
        });
        match (found, &request.method) {
            (None, _) => self.endpoint.respond_stateless(tx, request.reply(481, "")),
            (Some((Err(_), _)), _) => self.respond(now, tx, &request, 500),
            (Some((Ok(()), true)), Method::Update) => self.update(now, tx, id, request),
            (Some((Ok(()), false)), Method::Update) if request.body.is_empty() => self.respond(now, tx, &request, 200),
            // Another phone is the one that is heard.
            (Some((Ok(()), false)), Method::Update) => self.respond(now, tx, &request, 488),
            (Some((Ok(()), _)), _) => self.not_allowed(tx, &request),
        }
    }

    pub(super) fn forget_early(&mut self, branch: &Branch) {
        for early in &branch.early {
            self.by_dialog.remove(early.dialog.id());
        }
    }
}

/// The fork that a response came from, when this is its next one.
fn early_dialog<'b>(branch: &'b mut Branch, rseq: u32, response: &Response) -> Option<&'b mut Early> {
    let fork = DialogId::of_response(response)?;
    let known = branch.early.iter().position(|early| *early.dialog.id() == fork);
    let index = match known {
        Some(index) if rseq == branch.early[index].rseq.wrapping_add(1) => index,
        None if branch.early.len() < MAX_FORKS => {
            let dialog = Dialog::uac(&branch.request, response).ok()?;
            branch.early.push(Early { dialog, rseq, answer: None });
            branch.early.len() - 1
        }
        Some(_) | None => return None,
    };
    let early = branch.early.get_mut(index)?;
    early.rseq = rseq;
    if early.answer.is_none() {
        early.answer = sdp::read(&response.body).ok();
    }
    Some(early)
}

/// Responses to a phone that called us.
impl<P: MediaPorts> Embedded<P> {
    /// Numbers a provisional response where the caller wants that (always), or knows it (where media begins with it).
    /// False when an earlier one waits for its PRACK: this one then follows it, unless something weightier does.
    pub(super) fn may_answer(&mut self, id: LegId, code: u16, with_media: bool) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        if code >= 300 || !leg.numbering.is_unacknowledged() {
            return true;
        }
        if code >= 200 || with_media || leg.held.is_none() {
            leg.held = Some((code, with_media));
        }
        false
    }

    pub(super) fn prack(&mut self, now: Now, tx: ServerTx, flow: Flow, id: LegId, request: Request) {
        let offer = read_offer(&request);
        let acknowledged = self.legs.get_mut(&id).and_then(|leg| leg.take_prack(&request));
        let Some(invite) = acknowledged else { return self.endpoint.respond_stateless(tx, request.reply(481, "")) };
        self.endpoint.acknowledged(now.instant, invite);
        let awaited = self.legs.get(&id).is_some_and(|leg| leg.media.awaits_answer);
        match offer {
            Ok(Some(offer)) if !awaited => self.accept_offer(now, tx, id, &request, offer),
            Ok(_) => {
                self.take_late_answer(id, flow, &request);
                self.respond(now, tx, &request, 200);
            }
            Err(code) => self.respond(now, tx, &request, code),
        }
        if let Some((code, with_media)) = self.legs.get_mut(&id).and_then(|leg| leg.held.take()) {
            self.answer_invite(now, id, code, with_media);
        }
    }

    /// A provisional response that nobody acknowledged (§3): the caller is refused.
    pub(super) fn unpracked(&mut self, now: Now, tx: ServerTx) {
        let Some(id) = self.by_server_tx.get(&tx).copied() else { return };
        if let Some(Role::Party { call, .. }) = self.legs.get(&id).map(|leg| &leg.role) {
            let call = *call;
            self.give_up(now, call, 504, CallEnding::PhoneLost);
        }
        self.lose(now, id);
    }
}

impl Leg {
    /// Whether a provisional response to this phone is to be reliable (§3).
    pub fn wants_reliable(&self, code: u16, with_media: bool) -> bool {
        let Some((_, invite)) = self.invite.as_ref().filter(|_| (101..200).contains(&code)) else { return false };
        invite.headers.requires(RELIABLE) || with_media && invite.headers.has_option(RELIABLE)
    }

    /// The INVITE whose response a PRACK acknowledges.
    fn take_prack(&mut self, prack: &Request) -> Option<ServerTx> {
        let (tx, invite) = self.invite.as_ref()?;
        let (rack, cseq) = (prack.headers.rack().ok()?, invite.headers.cseq().ok()?);
        self.numbering.acknowledge(&rack, &cseq).then_some(*tx)
    }
}
