//! Requests of the phone, and what comes back.

use super::{Agent, CallNo, MAX_CALLS, Purpose, Sent, Stage, answer, description, now};
use crate::{
    model::{Digit, Secret},
    phone::{
        PhoneConfig, PhoneError, REGISTRATION_S, Reply,
        call::{Dialling, Ended},
    },
    sip::{
        CSeq, ClientTx, Dialog, DialogId, Flow, Method, Request, Response,
        digest::{self, Challenge},
        sdp::{self, Origin},
    },
};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How soon a registration that failed to be refreshed is tried again.
const RETRY_REGISTRATION: Duration = Duration::from_secs(30);

impl Agent {
    pub(super) fn register(&mut self, expires_s: u32, reply: Option<Reply<()>>) {
        self.registration.cseq += 1;
        let address = format!("<sip:{}@{}>", self.config.user, self.config.registrar);
        let mut request = Request::new(Method::Register, format!("sip:{}", self.config.registrar));
        request.headers.push("From", format!("{address};tag={}", self.registration.tag));
        request.headers.push("To", address);
        request.headers.push("Call-ID", &self.registration.call_id);
        request.headers.push("CSeq", CSeq { number: self.registration.cseq, method: Method::Register });
        request.headers.push("Contact", format!("<{}>", self.contact));
        request.headers.push("Expires", expires_s);
        self.send(request, self.flow, Purpose::Register { expires_s, reply });
    }

    pub(super) fn refresh_registration(&mut self) {
        if self.registration.refresh_at.is_some_and(|at| at <= now()) {
            self.registration.refresh_at = None;
            self.register(REGISTRATION_S, None);
        }
    }

    pub(super) fn dial(&mut self, dialled: &Secret) -> Result<Dialling, PhoneError> {
        if self.calls.len() >= MAX_CALLS {
            return Err(PhoneError::Refused(486));
        }
        let media = self.open_media()?;
        let (origin, mut keying) = (Origin::new(self.entropy.bits() as u64), self.keying());
        let mut invite = self.invite(dialled);
        invite.set_body(sdp::CONTENT_TYPE, description::offer(&self.config, &origin, &mut keying, media.local, false));
        let tx = self.endpoint.request(now(), invite.clone(), self.flow);
        let (outcome, seen) = oneshot::channel();
        let (progress, seen_progress) = watch::channel(0);
        let line = self.add_call(media, origin, keying, Stage::Dialling { tx, outcome, progress })?;
        let purpose = Purpose::Dial { call: line.call };
        self.sent.insert(tx, Sent { request: invite, flow: self.flow, challenged: false, purpose });
        Ok(Dialling { line, outcome: seen, progress: seen_progress })
    }

    fn invite(&mut self, dialled: &Secret) -> Request {
        let user = dialled.expose().replace('#', "%23");
        let uri = format!("sip:{user}@{}", self.config.registrar);
        let mut invite = Request::new(Method::Invite, &uri);
        let from = format!("<sip:{}@{}>;tag={}", self.config.user, self.config.registrar, self.entropy.token());
        invite.headers.push("From", from);
        invite.headers.push("To", format!("<{uri}>"));
        invite.headers.push("Call-ID", self.entropy.token());
        invite.headers.push("CSeq", CSeq { number: 1, method: Method::Invite });
        invite.headers.push("Contact", format!("<{}>", self.contact));
        invite
    }

    pub(super) fn cancel(&mut self, call: CallNo) {
        if let Some(Stage::Dialling { tx, .. }) = self.calls.get(&call).map(|call| &call.stage) {
            self.endpoint.cancel(now(), *tx);
        }
    }

    pub(super) fn hang_up(&mut self, call: CallNo, reply: Reply<()>) {
        match self.in_dialog(call, Method::Bye) {
            Some((bye, flow)) => {
                self.end(call, Ended::ByUs);
                self.send(bye, flow, Purpose::Bye { reply: Some(reply) });
            }
            None => answer(reply, Err(PhoneError::Gone)),
        }
    }

    pub(super) fn refer(&mut self, call: CallNo, number: &str, replaces: Option<CallNo>, reply: Reply<()>) {
        let replaced = replaces.and_then(|other| self.calls.get(&other)).and_then(|other| match &other.stage {
            Stage::Up { dialog, .. } => Some(dialog.id().clone()),
            Stage::Dialling { .. } | Stage::Ringing { .. } => None,
        });
        let Some((mut refer, flow)) =
            self.in_dialog(call, Method::Refer).filter(|_| replaced.is_some() == replaces.is_some())
        else {
            return answer(reply, Err(PhoneError::Gone));
        };
        let replaced = replaced.map(|DialogId { call_id, local_tag, remote_tag }| {
            format!("?Replaces={call_id}%3Bto-tag%3D{remote_tag}%3Bfrom-tag%3D{local_tag}")
        });
        let target = format!("<sip:{number}@{}{}>", self.config.registrar, replaced.unwrap_or_default());
        refer.headers.push("Refer-To", target);
        self.send(refer, flow, Purpose::Refer { call, reply });
    }

    pub(super) fn hold(&mut self, call: CallNo, on: bool, reply: Reply<()>) {
        let Some((mut invite, flow)) = self.in_dialog(call, Method::Invite) else {
            return answer(reply, Err(PhoneError::Gone));
        };
        if let Some(known) = self.calls.get_mut(&call) {
            known.held = on;
            known.origin.advance();
            invite.set_body(sdp::CONTENT_TYPE, known.offer(&self.config));
        }
        self.send(invite, flow, Purpose::Hold { call, on, reply });
    }

    pub(super) fn info(&mut self, call: CallNo, digit: Digit, reply: Reply<()>) {
        let Some((mut info, flow)) = self.in_dialog(call, Method::Info) else {
            return answer(reply, Err(PhoneError::Gone));
        };
        let body = format!("Signal={}\r\nDuration=160\r\n", digit.as_char());
        info.set_body("application/dtmf-relay", body.into_bytes());
        self.send(info, flow, Purpose::Info { call, reply });
    }

    /// The next request of a call that was answered.
    pub(super) fn in_dialog(&mut self, call: CallNo, method: Method) -> Option<(Request, Flow)> {
        match &mut self.calls.get_mut(&call)?.stage {
            Stage::Up { dialog, flow, .. } => Some((dialog.next_request(method), *flow)),
            Stage::Dialling { .. } | Stage::Ringing { .. } => None,
        }
    }

    pub(super) fn send(&mut self, request: Request, flow: Flow, purpose: Purpose) {
        let tx = self.endpoint.request(now(), request.clone(), flow);
        self.sent.insert(tx, Sent { request, flow, challenged: false, purpose });
    }

    pub(super) fn responded(&mut self, tx: ClientTx, flow: Flow, response: Response) {
        if response.is_provisional() {
            return self.progressed(tx, &response);
        }
        let Some(sent) = self.sent.remove(&tx) else { return };
        if matches!(response.code, 401 | 407)
            && !sent.challenged
            && let Some(credentials) = self.credentials(&sent.request, &response)
        {
            return self.send_again(sent, credentials);
        }
        match sent.purpose {
            Purpose::Register { expires_s, reply } => self.registered(expires_s, reply, &response),
            Purpose::Dial { call } => self.dialled(call, &sent.request, flow, &response),
            Purpose::Hold { call, on, reply } => self.held(call, on, reply, &sent.request, &response),
            Purpose::Refer { call, reply } => self.referred(call, reply, &response),
            Purpose::Info { reply, .. } => answer(reply, verdict(&response)),
            Purpose::Bye { reply } => answer(reply, Ok(())),
        }
    }

    pub(super) fn failed(&mut self, tx: ClientTx, error: PhoneError) {
        let Some(sent) = self.sent.remove(&tx) else { return };
        match sent.purpose {
            Purpose::Register { reply, .. } => {
                self.registration.refresh_at = Some(now() + RETRY_REGISTRATION);
                answer(reply, Err(error));
            }
            Purpose::Dial { call } => self.refused(call, Ended::Lost, error),
            Purpose::Hold { call, on, reply } => {
                self.undo_hold(call, on);
                answer(reply, Err(error));
            }
            Purpose::Refer { reply, .. } | Purpose::Info { reply, .. } => answer(reply, Err(error)),
            Purpose::Bye { reply } => answer(reply, Err(error)),
        }
    }

    fn credentials(&mut self, request: &Request, response: &Response) -> Option<(&'static str, String)> {
        let (asker, challenge) = Challenge::strongest(&response.headers)?;
        let PhoneConfig { user, password, .. } = &self.config;
        let ha1 = digest::ha1(challenge.algorithm, user, &challenge.realm, password);
        let cnonce = self.entropy.token();
        let credentials = digest::authorize(&challenge, user, &ha1, &request.method, &request.uri, &cnonce, 1);
        Some((asker.credentials_header(), credentials.to_string()))
    }

    /// The same request with the next CSeq and an answer to the challenge.
    fn send_again(&mut self, sent: Sent, (header, credentials): (&'static str, String)) {
        let Sent { mut request, flow, purpose, .. } = sent;
        let method = request.method.clone();
        let number = request.headers.cseq().map_or(1, |cseq| cseq.number) + 1;
        request.headers.set("CSeq", CSeq { number, method: method.clone() });
        request.headers.set(header, credentials);
        let tx = self.endpoint.request(now(), request.clone(), flow);
        match &purpose {
            Purpose::Register { .. } => self.registration.cseq = number,
            Purpose::Dial { call } => {
                if let Some(Stage::Dialling { tx: current, .. }) = self.calls.get_mut(call).map(|call| &mut call.stage)
                {
                    *current = tx;
                }
            }
            // The dialog counts along.
            Purpose::Hold { call, .. } | Purpose::Refer { call, .. } | Purpose::Info { call, .. } => {
                self.in_dialog(*call, method);
            }
            Purpose::Bye { .. } => {}
        }
        self.sent.insert(tx, Sent { request, flow, challenged: true, purpose });
    }

    fn progressed(&mut self, tx: ClientTx, response: &Response) {
        let Some(Sent { purpose: Purpose::Dial { call }, .. }) = self.sent.get(&tx) else { return };
        let Some(call) = self.calls.get_mut(call) else { return };
        if let Stage::Dialling { progress, .. } = &call.stage {
            progress.send_replace(response.code);
            if !response.body.is_empty() {
                call.take_answer(&self.config, &response.body);
            }
        }
    }

    fn registered(&mut self, expires_s: u32, reply: Option<Reply<()>>, response: &Response) {
        let wait =
            if response.is_success() { Duration::from_secs(u64::from(expires_s) / 2) } else { RETRY_REGISTRATION };
        // Whoever asked for it and was refused decides by himself.
        let again = expires_s > 0 && (response.is_success() || reply.is_none());
        self.registration.refresh_at = again.then(|| now() + wait);
        answer(reply, verdict(response));
    }

    fn dialled(&mut self, call: CallNo, invite: &Request, flow: Flow, response: &Response) {
        if !response.is_success() {
            return self.refused(call, Ended::ByPeer, PhoneError::Refused(response.code));
        }
        let Ok(mut dialog) = Dialog::uac(invite, response) else {
            return self.refused(call, Ended::Lost, PhoneError::Refused(400));
        };
        self.acknowledge(&dialog, invite, flow);
        let agreed = self.calls.get_mut(&call).is_some_and(|known| {
            known.take_answer(&self.config, &response.body)
                || (response.body.is_empty() && known.media.terms().is_some())
        });
        if !agreed {
            self.send(dialog.next_request(Method::Bye), flow, Purpose::Bye { reply: None });
            return self.refused(call, Ended::ByUs, PhoneError::NoCommonCodec);
        }
        let Some(known) = self.calls.get_mut(&call) else { return };
        let up = Stage::Up { dialog: Box::new(dialog), flow, answered: None };
        if let Stage::Dialling { outcome, .. } = std::mem::replace(&mut known.stage, up)
            && outcome.send(Ok(())).is_err()
            && let Some((bye, flow)) = self.in_dialog(call, Method::Bye)
        {
            // Nobody waits for this call any more.
            self.end(call, Ended::ByUs);
            self.send(bye, flow, Purpose::Bye { reply: None });
        }
    }

    fn held(&mut self, call: CallNo, on: bool, reply: Reply<()>, invite: &Request, response: &Response) {
        if response.is_success() {
            if let Some(Stage::Up { dialog, flow, .. }) = self.calls.get_mut(&call).map(|call| &mut call.stage) {
                dialog.refresh_target(&response.headers);
                let (dialog, flow) = (dialog.clone(), *flow);
                self.acknowledge(&dialog, invite, flow);
            }
            if let Some(call) = self.calls.get_mut(&call) {
                call.take_answer(&self.config, &response.body);
            }
        } else {
            self.undo_hold(call, on);
        }
        answer(reply, verdict(response));
    }

    /// The transfer is under way: what becomes of it comes by NOTIFY.
    fn referred(&mut self, call: CallNo, reply: Reply<()>, response: &Response) {
        match self.calls.get_mut(&call) {
            Some(known) if response.is_success() => known.referral = Some(reply),
            Some(_) | None => answer(reply, verdict(response)),
        }
    }

    fn undo_hold(&mut self, call: CallNo, on: bool) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.held = !on;
        }
    }

    fn acknowledge(&mut self, dialog: &Dialog, invite: &Request, flow: Flow) {
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        self.endpoint.send_ack(dialog.ack(number), flow);
    }

    fn refused(&mut self, call: CallNo, how: Ended, error: PhoneError) {
        if let Some(Stage::Dialling { outcome, .. }) = self.end(call, how) {
            // Nobody may be waiting.
            let _ = outcome.send(Err(error));
        }
    }
}

fn verdict(response: &Response) -> Result<(), PhoneError> {
    if response.is_success() { Ok(()) } else { Err(PhoneError::Refused(response.code)) }
}
