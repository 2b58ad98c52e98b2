//! A call that is up: re-INVITE and hold (RFC 3261 §14, RFC 3264 §8.4), INFO, BYE, and who hears whom meanwhile.

use super::{
    Embedded, Now, Purpose,
    alarm::Alarm,
    call::{Call, Renegotiation, Stage, read_offer, speaks_of_sips},
    leg::{Agreement, Leg, MediaPorts, Role},
    pulse::Pulse,
};
use crate::{
    dtmf, media,
    model::{CallEnd, CallEnding, CallId, Digit, LegId, Party, Side},
    sip::{ClientTx, DialogId, Flow, Method, Request, Response, ServerTx, SessionTimer, sdp},
    spy::{self, Hold},
    switch::Event,
};
use std::time::Duration;

/// How long a phone may take over a change of media: nobody needs to be asked.
const RENEGOTIATION_TIMEOUT: Duration = Duration::from_secs(30);

impl<P: MediaPorts> Embedded<P> {
    /// A request inside a dialog of ours.
    pub(super) fn in_dialog(&mut self, now: Now, tx: ServerTx, flow: Flow, request: Request) {
        let known = DialogId::of_request(&request).and_then(|id| self.by_dialog.get(&id)).copied();
        let Some(id) = known else { return self.in_no_dialog(now, tx, &request) };
        if self.legs.get(&id).is_some_and(|leg| leg.dialog.is_none()) {
            return self.early_request(now, tx, flow, id, request);
        }
        if !self.is_its_phone(now, tx, flow, &request, id) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let in_order = leg.dialog.as_mut().is_some_and(|dialog| dialog.accepts(&request).is_ok());
        if !in_order {
            return self.respond(now, tx, &request, 500);
        }
        leg.flow = flow;
        leg.pulse = Pulse::new(now.instant);
        match request.method {
            Method::Invite => self.reinvite(now, tx, id, request),
            Method::Bye => self.hung_up(now, tx, id, &request),
            Method::Prack => self.prack(now, tx, flow, id, request),
            Method::Update => self.update(now, tx, id, request),
            Method::Info => self.info(now, tx, id, &request),
            Method::Refer => self.refer(now, tx, id, &request),
            Method::Options => self.options(tx, &request),
            _ => self.not_allowed(tx, &request),
        }
    }

    /// Behind a NAT a phone's port may change in a call; when its address does, or it turns from TLS, it must prove again who it
    /// is.
    fn is_its_phone(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        if leg.is_reached_by(flow) {
            return true;
        }
        let party = leg.party.clone();
        if let Party::Outside { trunk, .. } = &party {
            let its_own = self.trunks.is_source(trunk, flow);
            if !its_own {
                self.endpoint.respond_stateless(tx, request.reply(403, ""));
            }
            return its_own;
        }
        match self.admit(now, tx, flow, request) {
            Some(source) if party.is(&source) => true,
            Some(_) => {
                self.respond(now, tx, request, 403);
                false
            }
            None => false,
        }
    }

    fn hung_up(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request) {
        self.respond(now, tx, request, 200);
        match self.legs.get(&id).map(|leg| &leg.role) {
            Some(Role::Party { call, side }) => {
                let (call, side) = (*call, *side);
                self.end_call(now, call, CallEnding::HungUp(side));
            }
            Some(Role::Guest { .. }) => {
                self.close_leg(id);
                self.event(Event::HungUp { leg: id });
            }
            None => {}
        }
    }

    /// Ends a call at once; the party that hung up needs no BYE.
    pub(super) fn end_call(&mut self, now: Now, id: CallId, cause: CallEnding) {
        if matches!(self.calls.get(&id), Some(Call { stage: Stage::Ringing { .. }, .. })) {
            let hung_up = matches!(cause, CallEnding::HungUp(_));
            let (code, cause) = if hung_up { (487, CallEnding::Cancelled) } else { (480, cause) };
            return self.give_up(now, id, code, cause);
        }
        if self.leaves_by_transfer(now, id, cause) {
            return;
        }
        self.record(id, Some(CallEnd { at_ms: now.unix_ms, cause, sip_status: None }));
        let Some(call) = self.remove_call(id) else { return };
        if let Stage::Talking { renegotiation: Some(pending) } = &call.stage {
            if let Some((tx, request)) = &pending.asked {
                self.respond(now, *tx, request, 487);
            }
            let there = self.legs.get(&call.leg(pending.from.other())).and_then(|leg| leg.dialog.clone());
            if let Some(dialog) = there.map(Box::new) {
                self.by_client_tx.insert(pending.client, Purpose::Outlived { dialog });
            }
        }
        for (side, leg) in [(Side::Caller, call.caller), (Side::Callee, call.callee)] {
            match cause.by() == Some(side) {
                // It may have an INVITE still, whose 200 waits for a PRACK.
                true => self.answer_invite(now, leg, 487, false),
                false => self.send_bye(now, leg),
            }
            self.close_leg(leg);
        }
        self.event(Event::CallEnded { call: id });
    }

    pub(super) fn send_in_dialog(
        &mut self,
        now: Now,
        id: LegId,
        method: Method,
        body: Option<(&str, Vec<u8>)>,
    ) -> Option<ClientTx> {
        let leg = self.legs.get_mut(&id)?;
        let mut request = leg.dialog.as_mut()?.next_request(method);
        if let Some((content_type, body)) = body {
            request.set_body(content_type, body);
        }
        if matches!(request.method, Method::Invite | Method::Update) {
            leg.session.ask(&mut request.headers);
            request.headers.push("Allow", super::door::ALLOW);
            request.headers.push("Supported", super::door::SUPPORTED);
        }
        if let (Method::Bye, Some(reason)) = (&request.method, leg.bye_reason) {
            request.headers.push("Reason", reason);
        }
        let flow = leg.flow;
        let (tx, _) = self.send(now, request, flow);
        self.by_client_tx.insert(tx, Purpose::Courtesy);
        Some(tx)
    }

    /// Forgets a leg and frees its media.
    pub(super) fn close_leg(&mut self, id: LegId) {
        let Some(leg) = self.legs.remove(&id) else { return };
        self.alarms.set(Alarm::Session(id), None);
        self.forget_invite(leg.open_invite());
        if let Some(dialog) = leg.dialog {
            self.by_dialog.remove(dialog.id());
            if let Some(tx) = leg.refreshing {
                self.by_client_tx.insert(tx, Purpose::Outlived { dialog: Box::new(dialog) });
            }
        }
        self.presence.touch(leg.party.extension());
        if let Role::Party { call, side } = leg.role {
            self.await_quality(id, call, side);
        }
        self.media(media::Command::Close { leg: id });
    }

    /// An INVITE of which nothing more is to be heard.
    pub(super) fn forget_invite(&mut self, tx: Option<ServerTx>) {
        if let Some(tx) = tx {
            self.by_server_tx.remove(&tx);
        }
    }

    fn reinvite(&mut self, now: Now, tx: ServerTx, id: LegId, request: Request) {
        let Some(leg) = self.legs.get(&id) else { return };
        if SessionTimer::check(&request.headers).is_err() {
            return self.respond(now, tx, &request, 422);
        }
        if leg.media.awaits_answer || leg.invite.is_some() || leg.refreshing.is_some() {
            return self.respond(now, tx, &request, 491);
        }
        let offer = match read_offer(&request) {
            Ok(Some(offer)) => offer,
            Ok(None) => return self.offer_again(now, tx, id, &request),
            Err(code) => return self.respond(now, tx, &request, code),
        };
        match self.seat_of(id) {
            Some((call, side)) => self.renegotiate(now, tx, call.id, side, request, offer),
            None => self.accept_offer(now, tx, id, &request, offer),
        }
    }

    /// A party changes its media. What the other party must know, the direction, is passed on; address and codec are ours.
    pub(super) fn renegotiate(
        &mut self,
        now: Now,
        tx: ServerTx,
        id: CallId,
        from: Side,
        request: Request,
        offer: sdp::Description,
    ) {
        let Some(Call { stage: Stage::Talking { renegotiation }, caller, callee, transfer, .. }) = self.calls.get(&id)
        else {
            return self.respond(now, tx, &request, 491);
        };
        if renegotiation.is_some() || transfer.is_some() {
            return self.respond(now, tx, &request, 491);
        }
        let (here, there) = if from == Side::Caller { (*caller, *callee) } else { (*callee, *caller) };
        if self.legs.get(&there).is_some_and(Leg::is_amid_invite) {
            return self.respond(now, tx, &request, 491);
        }
        let Some(media) = self.legs.get(&here).map(|leg| &leg.media) else { return };
        if media.remote.is_some() && media.direction() == offer.session.direction {
            return self.accept_offer(now, tx, here, &request, offer);
        }
        let before = media.agreement();
        let ours = &self.config.codecs;
        let Some(Leg { media, .. }) = self.legs.get_mut(&here) else { return };
        if let Err(why) = media.take_offer(offer, ours, media.codec) {
            return self.respond(now, tx, &request, why);
        }
        if self.ask_other(now, id, from, Some((tx, request)), before) {
            self.join(id);
        }
    }

    /// Asks the party beside `from` to change its media; should it refuse, `before` is what `from` returns to. False when it
    /// cannot be asked: who `asked` for it is told.
    pub(super) fn ask_other(
        &mut self,
        now: Now,
        id: CallId,
        from: Side,
        asked: Option<(ServerTx, Request)>,
        before: Agreement,
    ) -> bool {
        let there = self.calls.get(&id).map(|call| call.leg(from.other()));
        let client = there.and_then(|there| {
            let body = self.offer_to(there).map(|body| (sdp::CONTENT_TYPE, body));
            self.send_in_dialog(now, there, Method::Invite, body)
        });
        let Some(client) = client else {
            if let Some((tx, request)) = &asked {
                self.respond(now, *tx, request, 500);
            }
            return false;
        };
        self.by_client_tx.insert(client, Purpose::Renegotiate { call: id });
        if let Some(Call { stage: Stage::Talking { renegotiation }, .. }) = self.calls.get_mut(&id) {
            let deadline = Some(now.instant + RENEGOTIATION_TIMEOUT);
            *renegotiation = Some(Box::new(Renegotiation { from, asked, client, deadline, before }));
        }
        self.set_call_alarm(id);
        true
    }

    pub(super) fn renegotiation_response(&mut self, now: Now, id: CallId, flow: Flow, response: &Response) {
        if !response.is_success() {
            return self.renegotiation_failed(now, id, response.code);
        }
        let Some((pending, here, there)) = self.take_renegotiation(id) else { return };
        if let (Some(Leg { dialog: Some(dialog), .. }), Ok(cseq)) = (self.legs.get_mut(&there), response.headers.cseq())
        {
            dialog.refresh_target(&response.headers);
            self.endpoint.send_ack(dialog.ack(cseq.number), flow);
        }
        self.session_answered(now, there, response);
        self.take_answer(there, &response.body);
        self.join(id);
        match pending.asked {
            Some((tx, request)) => self.confirm(now, tx, here, &request),
            None => self.resumed(now, id, pending.from.other()),
        }
    }

    /// The other party would not: everything stays as it was.
    pub(super) fn renegotiation_failed(&mut self, now: Now, id: CallId, code: u16) {
        let Some((pending, here, there)) = self.take_renegotiation(id) else { return };
        if let Some(leg) = self.legs.get_mut(&here) {
            leg.media.return_to(pending.before);
        }
        self.join(id);
        if let Some((tx, request)) = &pending.asked {
            self.respond(now, *tx, request, code);
        }
        match (code, pending.asked) {
            (408 | 481, _) => self.end_call(now, id, CallEnding::PhoneLost),
            (491, None) => self.resume_later(now, id, there),
            (_, None) => self.resumed(now, id, pending.from.other()),
            (_, Some(_)) => {}
        }
    }

    /// The party that asked thinks better of it; what the other one says decides all the same (RFC 3261 §9.1).
    pub(super) fn cancel_renegotiation(&mut self, now: Now, tx: ServerTx) {
        let asked = |call: &&Call| matches!(&call.stage, Stage::Talking { renegotiation: Some(one) } if one.asked.as_ref().is_some_and(|(asked, _)| *asked == tx));
        if let Some(id) = self.calls.values().find(asked).map(|call| call.id) {
            self.give_up_renegotiation(now, id);
        }
    }

    pub(super) fn give_up_renegotiation(&mut self, now: Now, id: CallId) {
        if let Some(Call { stage: Stage::Talking { renegotiation: Some(pending) }, .. }) = self.calls.get_mut(&id) {
            pending.deadline = None;
            self.endpoint.cancel(now.instant, pending.client);
        }
    }

    fn take_renegotiation(&mut self, id: CallId) -> Option<(Box<Renegotiation>, LegId, LegId)> {
        let call = self.calls.get_mut(&id)?;
        let Stage::Talking { renegotiation } = &mut call.stage else { return None };
        let pending = renegotiation.take()?;
        let (here, there) = (call.leg(pending.from), call.leg(pending.from.other()));
        Some((pending, here, there))
    }

    /// An offer that concerns this leg alone.
    pub(super) fn accept_offer(
        &mut self,
        now: Now,
        tx: ServerTx,
        id: LegId,
        request: &Request,
        offer: sdp::Description,
    ) {
        let ours = &self.config.codecs;
        let Some(Leg { media, .. }) = self.legs.get_mut(&id) else { return };
        if let Err(why) = media.take_offer(offer, ours, media.codec) {
            return self.respond(now, tx, request, why);
        }
        self.apply(id);
        self.confirm(now, tx, id, request);
    }

    /// A re-INVITE without an offer: ours goes out in the 200, the answer comes in the ACK.
    fn offer_again(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request) {
        let body = self.offer_to(id);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.media.awaits_answer = body.is_some();
        }
        self.confirm_with(now, tx, id, request, body);
    }

    /// A new offer to a phone in a call: the codec that is agreed, and what its other party leaves of the directions.
    pub(super) fn offer_to(&mut self, id: LegId) -> Option<Vec<u8>> {
        let direction = self.toward(id);
        let media = &mut self.legs.get_mut(&id)?.media;
        Some(media.offer(media.codec.into_iter().collect(), direction))
    }

    /// An ACK cannot be challenged, so one from another address moves no media.
    pub(super) fn take_late_answer(&mut self, id: LegId, flow: Flow, ack: &Request) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let its_phone = leg.is_reached_by(flow);
        if std::mem::take(&mut leg.media.awaits_answer) && its_phone && self.take_answer(id, &ack.body).is_some() {
            self.apply(id);
        }
    }

    /// Tells the media plane what this leg agreed on; a change of direction may be a hold.
    pub(super) fn apply(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        match leg.role {
            Role::Party { call, .. } => self.join(call),
            Role::Guest { .. } => {
                self.configure(id, None);
            }
        }
    }

    fn confirm(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request) {
        let direction = self.toward(id);
        let body = self.legs.get_mut(&id).and_then(|leg| leg.media.answer(direction));
        self.confirm_with(now, tx, id, request, body);
    }

    pub(super) fn confirm_with(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request, body: Option<Vec<u8>>) {
        let Some(Leg { flow, .. }) = self.legs.get(&id) else { return };
        let mut response = request.reply(200, "");
        self.introduce(*flow, speaks_of_sips(request), &mut response.headers);
        self.accept_session(now, id, request, &mut response);
        if let Some(body) = body {
            response.set_body(sdp::CONTENT_TYPE, body);
        }
        if request.method == Method::Invite {
            let before = self.legs.get_mut(&id).and_then(|leg| leg.unacknowledged.replace(tx));
            self.forget_invite(before);
            self.by_server_tx.insert(tx, id);
        }
        self.endpoint.respond(now.instant, tx, response);
    }

    /// A key joins those that come by RTP, and goes where they go; anything else of a party is passed on as it is.
    fn info(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request) {
        let content_type = request.headers.get("Content-Type").unwrap_or_default().to_owned();
        if let Some(digit) = dtmf::parse_info(&content_type, &request.body) {
            self.respond(now, tx, request, 200);
            return self.key_by_info(id, digit);
        }
        match self.beside(id) {
            Some(other) => {
                self.respond(now, tx, request, 200);
                self.send_in_dialog(now, other, Method::Info, Some((&content_type, request.body.clone())));
            }
            None => self.respond(now, tx, request, 415),
        }
    }

    /// Who says keys by INFO gets them so, unless it takes telephone-events.
    fn key_by_info(&mut self, id: LegId, digit: Digit) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let first = !std::mem::replace(&mut leg.media.keys_by_info, true);
        if first && !leg.media.has_events() && matches!(leg.role, Role::Party { .. }) {
            self.apply(id);
        }
        self.media(media::Command::Info { leg: id, digit });
    }

    /// A party that does not listen holds the other one (RFC 3264 §8.4); so does one that is sending it elsewhere.
    pub(super) fn hold(&self, call: &Call) -> Hold {
        if let Some(transfer) = &call.transfer {
            return Hold::By(transfer.by);
        }
        let holds = |leg| self.legs.get(&leg).is_some_and(|leg| !leg.media.direction().receives());
        match (holds(call.caller), holds(call.callee)) {
            (false, false) => Hold::Off,
            (true, false) => Hold::By(Side::Caller),
            (false, true) => Hold::By(Side::Callee),
            (true, true) => Hold::ByBoth,
        }
    }

    /// Makes the media plane obey the matrix as it now is.
    pub(super) fn hear(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let listeners: Vec<_> = call.listeners.values().copied().collect();
        let matrix = spy::hear_matrix(&call.conversation(self.hold(call)), &listeners);
        self.media(media::Command::Hear(matrix));
    }
}
