//! Requests of others, and what the user says to them.

use super::{Agent, CallNo, MAX_CALLS, Purpose, Stage, answer, now};
use crate::{
    dtmf,
    phone::{
        PhoneError,
        call::{Ended, Incoming},
    },
    sip::{
        Dialog, DialogId, Flow, Method, Request, Response, ServerTx,
        sdp::{self, Origin},
    },
};

const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY";

impl Agent {
    pub(super) fn asked(&mut self, tx: ServerTx, flow: Flow, request: Request) {
        match DialogId::of_request(&request) {
            Some(id) => match self.call_of(&id) {
                Some(call) => self.asked_in_call(tx, call, &request),
                None => self.respond(tx, request.reply(481, "")),
            },
            None => match request.method {
                Method::Invite => self.rung(tx, flow, request),
                Method::Options => self.respond(tx, with_allow(request.reply(200, ""))),
                _ => self.respond(tx, with_allow(request.reply(405, ""))),
            },
        }
    }

    fn asked_in_call(&mut self, tx: ServerTx, call: CallNo, request: &Request) {
        let Some(Stage::Up { dialog, .. }) = self.calls.get_mut(&call).map(|call| &mut call.stage) else { return };
        if dialog.accepts(request).is_err() {
            return self.respond(tx, request.reply(500, "Request Out Of Order"));
        }
        match request.method {
            Method::Invite => self.re_invited(tx, call, request),
            Method::Bye => {
                self.respond(tx, request.reply(200, ""));
                self.end(call, Ended::ByPeer);
            }
            Method::Info => {
                self.respond(tx, with_allow(request.reply(200, "")));
                self.told(call, request);
            }
            Method::Notify => {
                self.respond(tx, request.reply(200, ""));
                self.notified(call, &request.body);
            }
            Method::Options => self.respond(tx, with_allow(request.reply(200, ""))),
            _ => self.respond(tx, with_allow(request.reply(405, ""))),
        }
    }

    fn told(&self, call: CallNo, request: &Request) {
        let content_type = request.headers.get("Content-Type").unwrap_or_default();
        let digit = dtmf::parse_info(content_type, &request.body);
        if let (Some(call), Some(digit)) = (self.calls.get(&call), digit) {
            call.media.info(digit);
        }
    }

    /// How a transfer fares: the first line of a message (RFC 3515 §2.4.5).
    fn notified(&mut self, call: CallNo, fragment: &[u8]) {
        let status = fragment.strip_prefix(b"SIP/2.0 ").and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok());
        let Some(status) = status.and_then(|status| status.parse::<u16>().ok()).filter(|status| *status >= 200) else {
            return;
        };
        let waits = self.calls.get_mut(&call).and_then(|known| known.referral.take());
        answer(waits, if status < 300 { Ok(()) } else { Err(PhoneError::Refused(status)) });
    }

    fn rung(&mut self, tx: ServerTx, flow: Flow, request: Request) {
        if self.calls.len() >= MAX_CALLS {
            return self.respond(tx, request.reply(486, ""));
        }
        let Ok(media) = self.open_media() else {
            return self.respond(tx, request.reply(500, ""));
        };
        let tag = self.entropy.token();
        let ringing = self.reply_with_tag(&request, 180, &tag);
        let busy = request.reply(486, "");
        let from = request.headers.from().ok();
        let caller = from.and_then(|from| from.parsed_uri().ok()?.user).unwrap_or_default();
        let (origin, keying) = (Origin::new(self.entropy.bits() as u64), self.keying());
        let stage = Stage::Ringing { tx, request: Box::new(request), flow, tag };
        let Ok(line) = self.add_call(media, origin, keying, stage) else { return };
        let call = line.call;
        if self.ringing.try_send(Incoming { line, caller }).is_ok() {
            self.respond(tx, ringing);
        } else {
            self.end(call, Ended::ByUs);
            self.respond(tx, busy);
        }
    }

    pub(super) fn accept(&mut self, call: CallNo) -> Result<(), PhoneError> {
        let known = self.calls.get(&call).ok_or(PhoneError::Gone)?;
        let Stage::Ringing { tx, request, flow, tag } = &known.stage else { return Err(PhoneError::Gone) };
        let (tx, flow, request) = (*tx, *flow, request.clone());
        let mut ok = self.reply_with_tag(&request, 200, tag);
        let dialog = Dialog::uas(&request, tag, &self.contact);
        let (Some(body), Ok(dialog)) = (self.description_for(call, &request), dialog) else {
            let refusal = request.reply(488, "");
            self.end(call, Ended::ByUs);
            self.respond(tx, refusal);
            return Err(PhoneError::NoCommonCodec);
        };
        ok.set_body(sdp::CONTENT_TYPE, body);
        if let Some(known) = self.calls.get_mut(&call) {
            known.stage = Stage::Up { dialog: Box::new(dialog), flow, answered: Some(tx) };
        }
        self.respond(tx, ok);
        Ok(())
    }

    pub(super) fn reject(&mut self, call: CallNo, code: u16) -> Result<(), PhoneError> {
        let Some(Stage::Ringing { tx, request, .. }) = self.end(call, Ended::ByUs) else {
            return Err(PhoneError::Gone);
        };
        self.respond(tx, request.reply(code, ""));
        Ok(())
    }

    fn re_invited(&mut self, tx: ServerTx, call: CallNo, request: &Request) {
        if let Some(known) = self.calls.get_mut(&call) {
            known.origin.advance();
        }
        match self.description_for(call, request) {
            Some(body) => {
                let mut ok = with_allow(request.reply(200, ""));
                ok.headers.push("Contact", format!("<{}>", self.contact));
                ok.set_body(sdp::CONTENT_TYPE, body);
                self.respond(tx, ok);
            }
            None => self.respond(tx, request.reply(488, "")),
        }
    }

    /// The answer to the offer of an INVITE, or an offer where it has none (RFC 3261 §13.2.1).
    fn description_for(&mut self, call: CallNo, request: &Request) -> Option<Vec<u8>> {
        let call = self.calls.get_mut(&call)?;
        if request.body.is_empty() {
            return Some(call.offer(&self.config));
        }
        call.answer_to(&self.config, &sdp::read(&request.body).ok()?)
    }

    pub(super) fn cancelled(&mut self, tx: ServerTx) {
        let rings = |stage: &Stage| matches!(stage, Stage::Ringing { tx: ringing, .. } if *ringing == tx);
        if let Some(call) = self.calls.iter().find(|(_, call)| rings(&call.stage)).map(|(no, _)| *no)
            && let Some(Stage::Ringing { request, tag, .. }) = self.end(call, Ended::ByPeer)
        {
            let terminated = self.reply_with_tag(&request, 487, &tag);
            self.respond(tx, terminated);
        }
    }

    /// An ACK brings the answer when the offer was ours.
    pub(super) fn acknowledged(&mut self, ack: &Request) {
        let call = DialogId::of_request(ack).and_then(|id| self.call_of(&id));
        if let Some(call) = call.and_then(|call| self.calls.get_mut(&call))
            && !ack.body.is_empty()
        {
            call.take_answer(&self.config, &ack.body);
        }
    }

    pub(super) fn unacked(&mut self, tx: ServerTx) {
        let waits = |stage: &Stage| matches!(stage, Stage::Up { answered: Some(answered), .. } if *answered == tx);
        if let Some(call) = self.calls.iter().find(|(_, call)| waits(&call.stage)).map(|(no, _)| *no)
            && let Some((bye, flow)) = self.in_dialog(call, Method::Bye)
        {
            self.end(call, Ended::Lost);
            self.send(bye, flow, Purpose::Bye { reply: None });
        }
    }

    fn call_of(&self, id: &DialogId) -> Option<CallNo> {
        let speaks_of = |stage: &Stage| match stage {
            Stage::Up { dialog, .. } => dialog.id() == id,
            Stage::Dialling { .. } | Stage::Ringing { .. } => false,
        };
        self.calls.iter().find(|(_, call)| speaks_of(&call.stage)).map(|(no, _)| *no)
    }

    fn reply_with_tag(&self, request: &Request, code: u16, tag: &str) -> Response {
        let mut response = with_allow(request.reply(code, ""));
        if let Ok(to) = request.headers.to() {
            response.headers.set("To", to.with_param("tag", tag));
        }
        response.headers.push("Contact", format!("<{}>", self.contact));
        response
    }

    fn respond(&mut self, tx: ServerTx, response: Response) {
        self.endpoint.respond(now(), tx, response);
    }
}

fn with_allow(mut response: Response) -> Response {
    response.headers.push("Allow", ALLOW);
    response
}
