//! Transfers: REFER (RFC 3515, RFC 5589), with Replaces (RFC 3891) or without, and an INVITE with Replaces.
//!
//! A transferred call is over, and another takes its place: a call with an id of its own, between the party that stays and
//! the one that came. So whoever listened to the old one listens no more; nobody is ever heard who was not chosen.
//! While the new party rings, the old call stands, on hold; if nobody answers it goes on as if nothing had been asked.

use super::{
    Embedded, Now, Purpose,
    call::{Call, Stage},
    leg::{Leg, MediaPorts, Role},
};
use crate::{
    dialplan::Route,
    media,
    model::{CallEnd, CallEnding, CallId, ExtensionNumber, HearMatrix, LegId, Party, Side},
    sip::{
        DialogId, Flow, Method, NameAddr, ReferTo, Replaces, Request, ServerTx, SessionTimer, Uri, reason_phrase, sdp,
    },
    switch::Event,
};

/// How long a transferor may wait for the outcome, in seconds: longer than any phone rings.
const SUBSCRIPTION_S: u32 = 180;
const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// In a call whose one party sends the other away.
pub(super) struct Transfer {
    /// The transferor's side; its phone may have left already.
    pub by: Side,
    /// The call that is to take this one's place; it rings.
    pub successor: CallId,
    /// The CSeq of the REFER, by which its notifications are told apart (RFC 3515 §2.4.6).
    refer: u32,
}

/// In a call that is to take another one's place, or did.
pub(super) struct Succession {
    pub of: CallId,
    /// By whom the new party was chosen (RFC 3892).
    pub referrer: Party,
}

/// A REFER that may be obeyed.
enum Wish {
    /// Somebody is to be rung.
    Call(ExtensionNumber),
    /// The far end of the transferor's other call, in which this is its leg.
    Join(LegId),
    /// The same, while that call still rings.
    Overtake(LegId),
}

impl<P: MediaPorts> Embedded<P> {
    /// A party asks for the other one to be sent elsewhere.
    pub(super) fn refer(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request) {
        let refer = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let judged = self.judge_refer(now, id, request);
        let (call, by, wish) = match judged {
            Ok(judged) => judged,
            Err(code) => return self.respond(now, tx, request, code),
        };
        match wish {
            Wish::Call(target) => match self.begin_transfer(now, call, by, target, refer) {
                Ok(successor) => {
                    self.accept_refer(now, tx, id, request, refer);
                    self.ring(now, successor);
                }
                Err(code) => self.respond(now, tx, request, code),
            },
            Wish::Join(other) => {
                self.accept_refer(now, tx, id, request, refer);
                self.join_calls(now, id, other, refer);
            }
            Wish::Overtake(other) => {
                self.accept_refer(now, tx, id, request, refer);
                self.overtake(now, call, by, other, refer);
            }
        }
    }

    fn accept_refer(&mut self, now: Now, tx: ServerTx, id: LegId, request: &Request, cseq: u32) {
        let mut accepted = request.reply(202, "");
        if let Some(leg) = self.legs.get(&id) {
            accepted
                .headers
                .push("Contact", format!("<{}>", self.contact(leg.flow, super::call::speaks_of_sips(request))));
        }
        self.endpoint.respond(now.instant, tx, accepted);
        self.tell_outcome(now, id, cseq, 100);
    }

    /// What may be refused before anybody rings: a phone of ours may send its other party to an extension, never to a
    /// feature code, and only from a call that is up.
    fn judge_refer(&self, now: Now, id: LegId, request: &Request) -> Result<(CallId, Side, Wish), u16> {
        let leg = self.legs.get(&id).ok_or(481_u16)?;
        let (Role::Party { call, side }, Party::Extension(_)) = (&leg.role, &leg.party) else { return Err(403) };
        let (id, by) = (*call, *side);
        let target = ReferTo::of(&request.headers).map_err(|_| 400_u16)?;
        let call = self.calls.get(&id).filter(|call| call.is_settled()).ok_or(491_u16)?;
        let wish = match target.replaces {
            Some(Replaces { dialog, .. }) => self.other_call(id, &leg.party, &dialog)?,
            None => Wish::Call(self.callable(now, &target.uri)?),
        };
        match &wish {
            Wish::Call(number) if self.is_in(call, number) && !leg.party.is(number) => Err(486),
            Wish::Call(_) | Wish::Join(_) | Wish::Overtake(_) => Ok((id, by, wish)),
        }
    }

    /// The transferor's leg in the call that it speaks of, which must be its own.
    fn other_call(&self, first: CallId, transferor: &Party, dialog: &DialogId) -> Result<Wish, u16> {
        let other = self.by_dialog.get(dialog).copied().ok_or(481_u16)?;
        let leg = self.legs.get(&other).filter(|leg| leg.party == *transferor).ok_or(403_u16)?;
        let Role::Party { call, side } = leg.role else { return Err(403) };
        match self.calls.get(&call) {
            Some(_) if call == first => Err(400),
            Some(call) if call.is_settled() => Ok(Wish::Join(other)),
            Some(Call { stage: Stage::Ringing { .. }, succeeds: None, .. }) if side == Side::Caller => {
                Ok(Wish::Overtake(other))
            }
            Some(_) | None => Err(491),
        }
    }

    pub(super) fn is_in(&self, call: &Call, number: &ExtensionNumber) -> bool {
        [call.caller, call.callee].iter().filter_map(|leg| self.legs.get(leg)).any(|leg| leg.party.is(number))
    }

    /// The extension that a URI names, if its phone could be rung now.
    pub(super) fn callable(&self, now: Now, uri: &Uri) -> Result<ExtensionNumber, u16> {
        match self.dialplan.route(uri.user.as_deref().unwrap_or_default()) {
            Route::Extension(number) => self.can_ring(now, &number).map(|()| number),
            Route::Outside(_) | Route::Feature(_) | Route::Refuse { .. } => Err(403),
            Route::Unknown => Err(404),
        }
    }

    /// The call that is to take this one's place, with the new party yet to be rung.
    fn begin_transfer(
        &mut self,
        now: Now,
        old: CallId,
        by: Side,
        target: ExtensionNumber,
        refer: u32,
    ) -> Result<CallId, u16> {
        let call = self.calls.get(&old).ok_or(481_u16)?;
        let (transferor, stays) = (call.leg(by), call.leg(by.other()));
        let Leg { party, flow, .. } = self.legs.get(&transferor).ok_or(481_u16)?;
        let (referrer, flow, confidential) = (party.clone(), *flow, call.confidential);
        if self.draining {
            return Err(503);
        }
        let id: CallId = self.ids.make(now.unix_ms);
        let callee = self.called_leg(now, id, target.into(), flow)?;
        let mut successor = Call::ringing(id, stays, callee, now, self.config.ring_timeout, None);
        successor.succeeds = Some(Succession { of: old, referrer });
        successor.confidential = confidential;
        self.add_call(successor);
        self.record(id, None);
        if let Some(call) = self.calls.get_mut(&old) {
            call.transfer = Some(Transfer { by, successor: id, refer });
        }
        self.hear(old);
        Ok(id)
    }

    /// The new party rings: the transferor may know.
    pub(super) fn transfer_progress(&mut self, now: Now, old: CallId, code: u16) {
        if let Some(Call { transfer: Some(Transfer { by, refer, .. }), .. }) = self.calls.get(&old) {
            let (by, refer) = (*by, *refer);
            self.tell_transferor(now, old, by, refer, code);
        }
    }

    /// The new party answered: the call that waited for it is over.
    pub(super) fn transfer_succeeded(&mut self, now: Now, id: CallId, old: CallId) {
        let Some(Transfer { by, refer, .. }) = self.calls.get_mut(&old).and_then(|call| call.transfer.take()) else {
            return;
        };
        self.tell_transferor(now, old, by, refer, 200);
        self.release(now, old, by);
        self.seat(now, id);
    }

    /// Nobody answered: the call goes on as it was, if the transferor is still there.
    pub(super) fn transfer_failed(&mut self, now: Now, old: CallId, code: u16) {
        let Some(Transfer { by, refer, .. }) = self.calls.get_mut(&old).and_then(|call| call.transfer.take()) else {
            return;
        };
        self.tell_transferor(now, old, by, refer, code);
        let transferor = self.calls.get(&old).and_then(|call| self.legs.get(&call.leg(by)));
        match transferor.is_some_and(|leg| leg.dialog.is_some()) {
            true => self.hear(old),
            false => self.end_call(now, old, CallEnding::HungUp(by)),
        }
    }

    /// A party hangs up while a transfer is under way. `true`: the call goes on without it, since it was the transferor.
    pub(super) fn leaves_by_transfer(&mut self, now: Now, id: CallId, cause: CallEnding) -> bool {
        let Some(Call { transfer: Some(Transfer { by, successor, .. }), .. }) = self.calls.get(&id) else {
            return false;
        };
        let (by, successor) = (*by, *successor);
        if cause == CallEnding::HungUp(by) {
            self.leave(id, by);
            return true;
        }
        self.transfer_progress(now, id, 487);
        if let Some(call) = self.calls.get_mut(&id) {
            call.transfer = None;
        }
        self.give_up(now, successor, 487, CallEnding::Cancelled);
        false
    }

    /// A phone has left; its place in the call is still spoken of, but no packet goes there nor comes from there.
    fn leave(&mut self, id: CallId, side: Side) {
        let Some(id) = self.calls.get(&id).map(|call| call.leg(side)) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session = SessionTimer::default();
        let (dialog, open) = (leg.dialog.take(), leg.open_invite());
        if let Some([_, media::Command::Configure { leg, mut params }]) = leg.configure(id, None) {
            (params.send, params.receive) = (false, false);
            self.media(media::Command::Configure { leg, params });
        }
        self.set_alarm(id);
        self.forget_invite(open);
        if let Some(dialog) = dialog {
            self.by_dialog.remove(dialog.id());
        }
    }

    /// An attended transfer: the far ends of the transferor's two calls talk to each other from here on.
    fn join_calls(&mut self, now: Now, first: LegId, second: LegId, refer: u32) {
        self.tell_outcome(now, first, refer, 200);
        let confidential =
            [first, second].into_iter().filter_map(|leg| self.seat_of(leg)).any(|(call, _)| call.confidential);
        let released = [first, second].map(|leg| {
            let (call, side) = self.seat_of(leg)?;
            self.release(now, call.id, side)
        });
        if let [Some(caller), Some(callee)] = released {
            self.connect_legs(now, caller, callee, confidential);
        }
    }

    /// An attended transfer by somebody who does not wait for the answer: what rings, rings for the party that stays.
    fn overtake(&mut self, now: Now, old: CallId, by: Side, other: LegId, refer: u32) {
        let Some(Leg { role: Role::Party { call: successor, .. }, party, .. }) = self.legs.get(&other) else { return };
        let (successor, referrer) = (*successor, party.clone());
        self.dismiss_caller(now, other, 487, CallEnding::NoAnswer);
        let stays = self.calls.get(&old).map(|call| (call.leg(by.other()), call.confidential));
        if let (Some(call), Some((stays, confidential))) = (self.calls.get_mut(&successor), stays) {
            call.caller = stays;
            call.confidential |= confidential;
            call.succeeds = Some(Succession { of: old, referrer });
        }
        if let Some(call) = self.calls.get_mut(&old) {
            call.transfer = Some(Transfer { by, successor, refer });
        }
        self.hear(old);
    }

    /// An INVITE that takes the place of a dialog of ours (RFC 3891 §3). The tags of a dialog are no secret among phones
    /// that watch each other, so only the extension whose dialog it is may do so, or one that this extension talks to.
    pub(super) fn replace(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
        source: ExtensionNumber,
        replaces: &Replaces,
    ) {
        let seated =
            self.judge_replace(&source, replaces).map_err(super::call::Refused::from).and_then(|(call, side)| {
                let comes = self.incoming_leg(now, tx, flow, request, source.into(), Role::Party { call, side })?;
                Ok((call, side, comes))
            });
        match seated {
            Err(code) => self.respond(now, tx, request, code),
            Ok((call, side, comes)) => {
                let confidential = self.calls.get(&call).is_some_and(|call| call.confidential);
                if let Some(stays) = self.release(now, call, side) {
                    if let Some(codec) = self.legs.get(&stays).and_then(|leg| leg.media.codec) {
                        self.agree(comes, codec);
                    }
                    self.connect_legs(now, comes, stays, confidential);
                }
                self.answer_invite(now, comes, 200, true);
            }
        }
    }

    /// The place that is to be given up.
    fn judge_replace(&self, source: &ExtensionNumber, replaces: &Replaces) -> Result<(CallId, Side), u16> {
        let leg = self.by_dialog.get(&replaces.dialog).and_then(|id| self.legs.get(id)).ok_or(481_u16)?;
        let Role::Party { call, side } = leg.role else { return Err(403) };
        let talks_to_source = |call: &Call| {
            self.is_in(call, source) && leg.party.extension().is_some_and(|number| self.is_in(call, number))
        };
        if !leg.party.is(source) && !self.calls.values().any(talks_to_source) {
            return Err(403);
        }
        match self.calls.get(&call) {
            Some(Call { stage: Stage::Ringing { .. }, .. }) | None => Err(481),
            Some(_) if replaces.early_only => Err(486),
            Some(one) if one.is_settled() => Ok((call, side)),
            Some(_) => Err(491),
        }
    }

    /// A party leaves its call, which is over; the other one is given back, without a call as yet. Who listened hears no
    /// more.
    fn release(&mut self, now: Now, id: CallId, leaves: Side) -> Option<LegId> {
        let cause = CallEnding::Transferred(leaves);
        self.record(id, Some(CallEnd { at_ms: now.unix_ms, cause, sip_status: None }));
        let call = self.remove_call(id)?;
        for (session, listener) in &call.listeners {
            self.attached.remove(session);
            self.media(media::Command::Hear(HearMatrix::silent([listener.leg])));
        }
        self.send_bye(now, call.leg(leaves));
        self.close_leg(call.leg(leaves));
        self.event(Event::Transferred { call: id });
        self.event(Event::CallEnded { call: id });
        Some(call.leg(leaves.other()))
    }

    /// A call between two legs that have none.
    fn connect_legs(&mut self, now: Now, caller: LegId, callee: LegId, confidential: bool) {
        let id: CallId = self.ids.make(now.unix_ms);
        let call = Call::new(id, caller, callee, now, Stage::Talking { renegotiation: None });
        self.add_call(Call { confidential, ..call });
        self.seat(now, id);
    }

    /// Gives both legs of a call their places in it, and asks who was on hold to come back.
    fn seat(&mut self, now: Now, id: CallId) {
        let Some(Call { caller, callee, .. }) = self.calls.get(&id) else { return };
        for (leg, side) in [(*caller, Side::Caller), (*callee, Side::Callee)] {
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.role = Role::Party { call: id, side };
            }
        }
        self.join(id);
        self.record(id, None);
        self.resume(now, id, Side::Caller);
    }

    /// Offers a party that was on hold both directions again; a party that is not, or was asked in vain, is passed over.
    fn resume(&mut self, now: Now, id: CallId, side: Side) {
        let Some(call) = self.calls.get(&id) else { return };
        let (there, from) = (call.leg(side), side.other());
        let direction = self.legs.get(&there).and_then(|leg| Some(leg.media.remote.as_ref()?.session.direction));
        if direction.is_none_or(|direction| direction == sdp::Direction::SendRecv) {
            return self.resumed(now, id, side);
        }
        if self.legs.get(&there).is_some_and(Leg::is_amid_invite) {
            return self.resume_later(now, id, there);
        }
        let Some(before) = self.legs.get(&call.leg(from)).map(|leg| leg.media.agreement()) else { return };
        self.ask_other(now, id, from, None, before);
    }

    /// The party on `side` has been asked; the other one may have been on hold too.
    pub(super) fn resumed(&mut self, now: Now, id: CallId, side: Side) {
        if side == Side::Caller {
            self.resume(now, id, Side::Callee);
        }
    }

    /// A party is asking for something itself: both think again.
    pub(super) fn resume_later(&mut self, now: Now, id: CallId, leg: LegId) {
        let pause = self.glare_pause(leg);
        if let Some(call) = self.calls.get_mut(&id) {
            call.resume_at = Some(now.instant + pause);
        }
        self.set_call_alarm(id);
    }

    pub(super) fn resume_again(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (caller, settled) = (call.caller, call.is_settled());
        if call.resume_at.take_if(|at| *at <= now.instant).is_some() {
            match settled {
                true => self.resume(now, id, Side::Caller),
                false => self.resume_later(now, id, caller),
            }
        }
    }

    fn tell_transferor(&mut self, now: Now, call: CallId, by: Side, refer: u32, code: u16) {
        if let Some(leg) = self.calls.get(&call).map(|call| call.leg(by)) {
            self.tell_outcome(now, leg, refer, code);
        }
    }

    /// Tells the transferor how its REFER fares (RFC 3515 §2.4.4, §2.4.5).
    fn tell_outcome(&mut self, now: Now, id: LegId, refer: u32, code: u16) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(dialog) = &mut leg.dialog else { return };
        let mut request = dialog.next_request(Method::Notify);
        let state = match code {
            ..=199 => format!("active;expires={SUBSCRIPTION_S}"),
            _ => "terminated;reason=noresource".to_owned(),
        };
        request.headers.push("Event", format!("refer;id={refer}"));
        request.headers.push("Subscription-State", state);
        request.set_body(SIPFRAG, format!("SIP/2.0 {code} {}\r\n", reason_phrase(code)).into_bytes());
        let flow = leg.flow;
        let tx = self.endpoint.request(now.instant, request, flow);
        self.by_client_tx.insert(tx, Purpose::Courtesy);
    }

    /// Who sent the new party here (RFC 3892 §2.1): proven by digest, whatever a phone says of itself.
    pub(super) fn referred_by(&self, call: &Call) -> Option<NameAddr> {
        let Succession { referrer, .. } = call.succeeds.as_ref()?;
        Some(NameAddr::new(format!("sip:{referrer}@{}", self.config.domain)))
    }
}
