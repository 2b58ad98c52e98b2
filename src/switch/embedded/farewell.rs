//! The end of a dialog, when messages cross: a BYE waits for the ACK of our 200 (RFC 3261 §15), every 200 to an INVITE of
//! ours gets its ACK, however late (§13.2.2.4), and nobody whose answer is not wanted is left in a call (RFC 5407).

use super::{Embedded, Now, Purpose, leg::MediaPorts};
use crate::{
    model::LegId,
    sip::{ClientTx, Dialog, DialogId, Flow, Method, Request, Response, ServerTx},
};

/// A dialog that is over for us, whose phone may not have heard yet that it ever began.
pub(super) struct Farewell {
    /// The INVITE whose 200 is not acknowledged.
    tx: ServerTx,
    dialog: Dialog,
    flow: Flow,
}

impl<P: MediaPorts> Embedded<P> {
    /// Says BYE to a phone: now, or when its ACK has come. Whose INVITE has no answer yet is refused instead.
    pub(super) fn send_bye(&mut self, now: Now, id: LegId) {
        if self.legs.get(&id).is_some_and(|leg| leg.invite.is_some()) {
            return self.answer_invite(now, id, 480, false);
        }
        let unacknowledged =
            self.legs.get(&id).and_then(|leg| Some((leg.unacknowledged?, leg.dialog.clone()?, leg.flow)));
        match unacknowledged {
            Some((tx, dialog, flow)) => {
                self.farewells.insert(dialog.id().clone(), Farewell { tx, dialog, flow });
            }
            None => {
                self.send_in_dialog(now, id, Method::Bye, None);
            }
        }
    }

    /// The ACK that a farewell waited for.
    pub(super) fn take_farewell(&mut self, now: Now, id: &DialogId) {
        if let Some(Farewell { mut dialog, flow, .. }) = self.farewells.remove(id) {
            self.bye(now, &mut dialog, flow);
        }
    }

    /// No ACK came: the phone is told all the same.
    pub(super) fn take_farewell_unacknowledged(&mut self, now: Now, tx: ServerTx) {
        let found = self.farewells.iter().find(|(_, farewell)| farewell.tx == tx).map(|(id, _)| id.clone());
        if let Some(id) = found {
            self.take_farewell(now, &id);
        }
    }

    pub(super) fn take_all_farewells(&mut self, now: Now) {
        for id in self.farewells.keys().cloned().collect::<Vec<_>>() {
            self.take_farewell(now, &id);
        }
    }

    /// A request in a dialog that is no leg's: who says BYE before we could is thanked.
    pub(super) fn in_no_dialog(&mut self, now: Now, tx: ServerTx, request: &Request) {
        let farewell = DialogId::of_request(request).filter(|id| self.farewells.contains_key(id));
        if let (Method::Bye, Some(id)) = (&request.method, farewell) {
            self.farewells.remove(&id);
            return self.respond(now, tx, request, 200);
        }
        self.endpoint.respond_stateless(tx, request.reply(481, ""));
    }

    /// An answer to a ring that is no longer wanted; with forks there may be several.
    pub(super) fn abandoned_response(&mut self, now: Now, tx: ClientTx, flow: Flow, response: &Response) {
        let Some(Purpose::Abandoned { branch }) = self.by_client_tx.get(&tx) else { return };
        match response.code {
            ..=199 => {}
            200..=299 => {
                if let (Ok((mut dialog, _)), Ok(cseq)) = (branch.confirmed(response), response.headers.cseq()) {
                    self.let_go(now, &mut dialog, cseq.number, flow);
                }
            }
            _ => {
                self.by_client_tx.remove(&tx);
            }
        }
    }

    /// ACK and BYE for a phone that answered what is no longer wanted.
    pub(super) fn let_go(&mut self, now: Now, dialog: &mut Dialog, invite_cseq: u32, flow: Flow) {
        self.endpoint.send_ack(dialog.ack(invite_cseq), flow);
        self.bye(now, dialog, flow);
    }

    /// The answer to a re-INVITE whose call has ended meanwhile.
    pub(super) fn outlived_response(&mut self, dialog: &Dialog, flow: Flow, response: &Response) {
        if response.is_success()
            && let Ok(cseq) = response.headers.cseq()
        {
            self.endpoint.send_ack(dialog.ack(cseq.number), flow);
        }
    }

    fn bye(&mut self, now: Now, dialog: &mut Dialog, flow: Flow) {
        let bye = dialog.next_request(Method::Bye);
        let (tx, _) = self.send(now, bye, flow);
        self.by_client_tx.insert(tx, Purpose::Courtesy);
    }
}
