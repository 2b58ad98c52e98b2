//! Ringing (RFC 3261 §13.2, §16.7): every contact of a phone at once, the first that answers, the best of the refusals.

use super::{
    Embedded, Now, Purpose,
    call::{Branch, Call, Stage, speaks_of_sips},
    leg::{Leg, MediaPorts},
    transfer::Succession,
    trunk,
};
use crate::{
    media,
    model::{CallEnd, CallEnding, CallId, Codec, ExtensionNumber, HearMatrix, LegId, Party},
    sip::{CSeq, ClientTx, Flow, Method, NameAddr, Request, Response, Uri, sdp},
    switch::Event,
};

/// The most contacts of one phone that are rung at once.
pub(super) const MAX_BRANCHES: usize = 8;

impl<P: MediaPorts> Embedded<P> {
    pub(super) fn ring(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        if trunk::goes_out(&call.stage) {
            if !self.ring_outside(now, id) {
                self.give_up(now, id, 503, CallEnding::of_refusal(503));
            }
            return;
        }
        let callee = call.callee;
        let codecs = self.offered_beside(call.caller);
        let Some(leg) = self.legs.get_mut(&callee) else { return };
        let Some(target) = leg.party.extension().cloned() else { return };
        let offer = leg.media.offer(codecs, sdp::Direction::SendRecv);
        let bindings = self.registrar.contacts_of(&target, now.unix_ms);
        for binding in bindings.into_iter().take(MAX_BRANCHES) {
            let request = self.invite(id, &binding.contact, binding.flow, offer.clone());
            let (tx, request) = self.send(now, request, binding.flow);
            self.by_client_tx.insert(tx, Purpose::Ring { call: id });
            if let Some(Call { stage: Stage::Ringing { branches, .. }, .. }) = self.calls.get_mut(&id) {
                branches.push(Branch { tx, flow: binding.flow, request, early: vec![] });
            }
        }
    }

    fn invite(&mut self, id: CallId, contact: &Uri, flow: Flow, offer: Vec<u8>) -> Request {
        let uri = contact.to_string();
        let party = |leg: LegId| self.legs.get(&leg).map(|leg| &leg.party);
        let parties = self.calls.get(&id).and_then(|call| Some((party(call.caller)?, party(call.callee)?)));
        let Some((caller, callee)) = parties else { return Request::new(Method::Invite, uri) };
        let (from, to) = (self.named(caller), self.named(callee).uri);
        let mut request = self.outside_dialog(Method::Invite, uri, from, NameAddr::new(to));
        request.headers.push_front("Max-Forwards", 70);
        self.introduce(flow, speaks_of_sips(&request), &mut request.headers);
        self.ask_session(id, &mut request);
        if let Some(referrer) = self.calls.get(&id).and_then(|call| self.referred_by(call)) {
            request.headers.push("Referred-By", referrer);
        }
        request.set_body(sdp::CONTENT_TYPE, offer);
        request
    }

    /// A party as phones show it, and could dial it; who withholds their number is nobody (RFC 3323 §4.1.1.3).
    fn named(&self, party: &Party) -> NameAddr {
        if let Party::Outside { number: None, .. } = party {
            return NameAddr {
                display: Some("Anonymous".to_owned()),
                ..NameAddr::new("sip:anonymous@anonymous.invalid")
            };
        }
        let name = party.extension().and_then(|number| self.directory.get(number)).map(|entry| entry.name.clone());
        let display = name.filter(|name| !name.is_empty());
        NameAddr { display, ..NameAddr::new(format!("sip:{party}@{}", self.config.domain)) }
    }

    pub(super) fn ring_response(&mut self, now: Now, call: CallId, tx: ClientTx, flow: Flow, response: &Response) {
        self.heard_from_trunk(call, (101..300).contains(&response.code));
        match response.code {
            ..=100 => {}
            101..=199 if self.acknowledge(now, call, tx, flow, response) => self.progress(now, call, tx, response),
            101..=199 => {}
            422 if self.ring_again(now, call, tx, response) => {}
            200..=299 => self.answered(now, call, tx, flow, response),
            300..=399 => {
                self.by_client_tx.remove(&tx);
                self.forward(now, call, tx, response);
            }
            code => {
                self.by_client_tx.remove(&tx);
                self.branch_failed(now, call, tx, code);
            }
        }
    }

    /// A phone wants longer sessions (RFC 4028 §7.4): it is rung again with what it wants. False when that was done before.
    fn ring_again(&mut self, now: Now, id: CallId, tx: ClientTx, response: &Response) -> bool {
        let Some(Call { stage: Stage::Ringing { branches, .. }, callee, .. }) = self.calls.get_mut(&id) else {
            return false;
        };
        let (Some(leg), Some(branch)) = (self.legs.get_mut(callee), branches.iter_mut().find(|branch| branch.tx == tx))
        else {
            return false;
        };
        let (true, Ok(cseq)) = (leg.session.raise(&response.headers), branch.request.headers.cseq()) else {
            return false;
        };
        leg.session.ask(&mut branch.request.headers);
        branch.request.headers.set("CSeq", CSeq { number: cseq.number + 1, ..cseq });
        let (request, flow) = (branch.request.clone(), branch.flow);
        let (next, sent) = self.send(now, request, flow);
        self.follow(tx, next, sent);
        true
    }

    /// Ringing, or early media: passed on to the caller.
    fn progress(&mut self, now: Now, id: CallId, tx: ClientTx, response: &Response) {
        let Some(call) = self.calls.get(&id) else { return };
        let (caller, callee) = (call.caller, call.callee);
        if let Some(Succession { of, .. }) = &call.succeeds {
            // Whoever waits hears the music until somebody answers.
            return self.transfer_progress(now, *of, response.code);
        }
        let codec = self.take_answer(callee, &response.body);
        if let (Some(_), Some(Call { stage: Stage::Ringing { early, .. }, .. })) = (codec, self.calls.get_mut(&id)) {
            *early = Some(tx);
        }
        let code = if codec.is_some() { 183 } else { 180 };
        if let Some(codec) = codec {
            self.agree(caller, codec);
            self.stop_ring_back(caller);
            self.join(id);
        }
        self.answer_invite(now, caller, code, codec.is_some());
    }

    fn answered(&mut self, now: Now, id: CallId, tx: ClientTx, flow: Flow, response: &Response) {
        let Some(Call { stage: Stage::Ringing { branches, .. }, caller, callee, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        let (caller, callee) = (*caller, *callee);
        let Some(index) = branches.iter().position(|branch| branch.tx == tx) else { return };
        let branch = branches.swap_remove(index);
        match self.take_up(now, callee, branch, flow, response) {
            Ok(codec) => {
                self.abandon_branches(now, id);
                self.connect(now, id, caller, codec);
            }
            Err(code) => self.branch_failed(now, id, tx, code),
        }
    }

    /// The 2xx of a phone that was rung for `id`: its dialog and its media are the leg's from here on. One that cannot be used
    /// is let go; an error is what it comes to.
    pub(super) fn take_up(
        &mut self,
        now: Now,
        id: LegId,
        branch: Branch,
        flow: Flow,
        response: &Response,
    ) -> Result<Codec, u16> {
        let (confirmed, cseq) = (branch.confirmed(response), response.headers.cseq());
        self.forget_early(&branch);
        self.by_client_tx.insert(branch.tx, Purpose::Abandoned { branch: Box::new(branch) });
        let (Ok((mut dialog, answer)), Ok(cseq)) = (confirmed, cseq) else { return Err(500) };
        // What was answered reliably is not answered again.
        let answer = answer.or_else(|| sdp::read(&response.body).ok());
        let Some(codec) = answer.and_then(|answer| self.take_description(id, answer)) else {
            self.let_go(now, &mut dialog, cseq.number, flow);
            return Err(488);
        };
        self.endpoint.send_ack(dialog.ack(cseq.number), flow);
        self.by_dialog.insert(dialog.id().clone(), id);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.flow = flow;
            leg.dialog = Some(dialog);
            leg.heed_abilities(&response.headers);
        }
        self.session_answered(now, id, response);
        Ok(codec)
    }

    fn connect(&mut self, now: Now, id: CallId, caller: LegId, codec: Codec) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::Talking { renegotiation: None };
            call.since_unix_ms = now.unix_ms;
        }
        if let Some(Call { succeeds: Some(Succession { of, .. }), .. }) = self.calls.get(&id) {
            return self.transfer_succeeded(now, id, *of);
        }
        self.agree(caller, codec);
        self.stop_ring_back(caller);
        self.join(id);
        self.record(id, None);
        self.answer_invite(now, caller, 200, true);
    }

    /// The caller takes the callee's codec if it offered it, so that packets need no transcoding.
    pub(super) fn agree(&mut self, caller: LegId, codec: Codec) {
        if let Some(Leg { media, .. }) = self.legs.get_mut(&caller)
            && !media.codec_told
            && media.shared(&self.config.codecs).contains(&codec)
        {
            media.codec = Some(codec);
        }
    }

    pub(super) fn branch_failed(&mut self, now: Now, id: CallId, tx: ClientTx, code: u16) {
        let Some(Call { stage: Stage::Ringing { branches, early, best, way_out, .. }, caller, callee, .. }) =
            self.calls.get_mut(&id)
        else {
            return;
        };
        let gone = branches.iter().position(|branch| branch.tx == tx).map(|index| branches.swap_remove(index));
        *best = if way_out.is_some() { trunk::told(code) } else { better(*best, code) };
        let (none_left, failure, code) = (branches.is_empty(), code, *best);
        if early.take_if(|early| *early == tx).is_some() {
            // Who has declined hears the caller no more, though others still ring.
            let silence = HearMatrix::silent([*caller, *callee]);
            self.media(media::Command::Hear(silence));
        }
        if let Some(branch) = gone {
            self.forget_early(&branch);
        }
        if none_left && !self.goes_another_way(now, id, failure) {
            self.give_up(now, id, code, CallEnding::of_refusal(code));
        }
    }

    /// A phone sends its callers elsewhere (RFC 3261 §8.1.3.4): to an extension, and once, so that phones that forward to
    /// each other make no circle.
    fn forward(&mut self, now: Now, id: CallId, tx: ClientTx, response: &Response) {
        let contacts = response.headers.addresses("Contact").unwrap_or_default();
        let mut targets = contacts.iter().filter_map(|contact| self.callable(now, &contact.parsed_uri().ok()?).ok());
        let is_in_call = |number: &ExtensionNumber| self.calls.get(&id).is_some_and(|call| self.is_in(call, number));
        // What was agreed to encrypt, or not, for the one phone holds for the other.
        let called =
            self.calls.get(&id).and_then(|call| self.legs.get(&call.callee)).map(|leg| self.policy_of(&leg.party));
        let alike = |number: &ExtensionNumber| called == Some(self.policy_of(&number.clone().into()));
        let target = targets.find(|number| !is_in_call(number) && alike(number));
        let Some(Call { stage: Stage::Ringing { branches, early, forwarded, way_out, .. }, caller, callee, .. }) =
            self.calls.get_mut(&id)
        else {
            return;
        };
        let (Some(target), false, None) = (target, *forwarded, way_out) else {
            return self.branch_failed(now, id, tx, response.code);
        };
        *forwarded = true;
        let gone = branches.iter().position(|branch| branch.tx == tx).map(|index| branches.swap_remove(index));
        let (caller, callee) = (*caller, *callee);
        if early.take().is_some() {
            self.media(media::Command::Hear(HearMatrix::silent([caller, callee])));
        }
        if let Some(branch) = gone {
            self.forget_early(&branch);
        }
        self.abandon_branches(now, id);
        if let Some(leg) = self.legs.get_mut(&callee) {
            leg.party = target.into();
            leg.media.forget_answer();
        }
        self.ring(now, id);
    }

    /// Ends a call that nobody answered: the caller hears `code`, the phones stop ringing.
    pub(super) fn give_up(&mut self, now: Now, id: CallId, code: u16, cause: CallEnding) {
        let ringing = matches!(self.calls.get(&id), Some(Call { stage: Stage::Ringing { .. }, .. }));
        if !ringing {
            return;
        }
        self.abandon_branches(now, id);
        self.record(id, Some(CallEnd { at_ms: now.unix_ms, cause, sip_status: Some(code) }));
        if let Some(call) = self.remove_call(id) {
            self.close_leg(call.callee);
            match call.succeeds {
                Some(Succession { of, .. }) => self.transfer_failed(now, of, code),
                None => self.dismiss_caller(now, call.caller, code, cause),
            }
            self.event(Event::CallEnded { call: id });
        }
    }

    pub(super) fn abandon_branches(&mut self, now: Now, id: CallId) {
        let branches = match self.calls.get_mut(&id) {
            Some(Call { stage: Stage::Ringing { branches, .. }, .. }) => std::mem::take(branches),
            Some(_) | None => return,
        };
        branches.into_iter().for_each(|branch| self.abandon(now, branch));
    }

    /// The phone is told to stop ringing.
    pub(super) fn abandon(&mut self, now: Now, branch: Branch) {
        let tx = branch.tx;
        self.forget_early(&branch);
        self.by_client_tx.insert(tx, Purpose::Abandoned { branch: Box::new(branch) });
        self.endpoint.cancel(now.instant, tx);
    }
}

/// Which of two failures the caller hears of (RFC 3261 §16.7): a refusal by a person before an absence; never a challenge
/// or a redirection that was meant for us.
pub(super) fn better(best: u16, code: u16) -> u16 {
    match code {
        300..=399 | 401 | 407 | 408 | 500..=599 => best,
        600..=699 => code,
        _ if best >= 600 => best,
        _ if best == 480 => code,
        _ => best,
    }
}
