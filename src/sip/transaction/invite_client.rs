//! RFC 3261 §17.1.1 and RFC 6026 §7.2: the INVITE client transaction, with its CANCEL (§9.1) and the ACKs of its 2xx.

use super::{Out, Wake, tell_response};
use crate::sip::{
    CSeq, ClientTx, Event, Flow, Method, Request, Response,
    timer::{Retransmission, TIMEOUT},
};
use std::time::Instant;

/// How many forks of one INVITE may answer it; later ones are dropped.
const MAX_ANSWERS: usize = 8;

pub struct InviteClient {
    user: ClientTx,
    flow: Flow,
    /// The INVITE without its body: what CANCEL and ACK are made of.
    invite: Request,
    state: State,
}

enum State {
    Calling {
        bytes: Vec<u8>,
        /// Timer A.
        again: Option<Retransmission>,
        /// Timer B.
        until: Instant,
        /// A CANCEL waits for the first provisional response.
        cancelled: bool,
    },
    Proceeding {
        /// Set once cancelled: a peer that then stays silent is given up (§9.1).
        until: Option<Instant>,
    },
    Completed {
        ack: Vec<u8>,
        /// Timer D.
        until: Instant,
    },
    Accepted {
        answers: Vec<Answer>,
        /// Timer M.
        until: Instant,
    },
    Terminated,
}

/// One 2xx: the dialog it made, and our ACK for it once the user has sent it.
struct Answer {
    to_tag: String,
    ack: Option<(Flow, Vec<u8>)>,
}

impl InviteClient {
    pub fn start(now: Instant, user: ClientTx, flow: Flow, mut invite: Request, out: &mut Out) -> Self {
        let bytes = out.send_and_keep(flow, invite.to_bytes());
        invite.body = Vec::new();
        let again = (!flow.transport.is_reliable()).then(|| Retransmission::uncapped(now));
        let state = State::Calling { bytes, again, until: now + TIMEOUT, cancelled: false };
        Self { user, flow, invite, state }
    }

    pub fn flow(&self) -> Flow {
        self.flow
    }

    pub fn receive(&mut self, now: Instant, flow: Flow, response: Response, out: &mut Out) {
        if response.is_provisional() {
            self.receive_provisional(now, flow, response, out);
        } else if response.is_success() {
            self.receive_success(now, flow, response, out);
        } else {
            self.receive_failure(now, flow, response, out);
        }
    }

    fn receive_provisional(&mut self, now: Instant, flow: Flow, response: Response, out: &mut Out) {
        match self.state {
            State::Calling { cancelled, .. } => {
                self.state = State::Proceeding { until: None };
                if cancelled {
                    self.cancel(now, out);
                }
            }
            State::Proceeding { .. } => {}
            State::Completed { .. } | State::Accepted { .. } | State::Terminated => return,
        }
        tell_response(self.user, flow, response, out);
    }

    fn receive_success(&mut self, now: Instant, flow: Flow, response: Response, out: &mut Out) {
        let to_tag = to_tag(&response);
        match &mut self.state {
            State::Calling { .. } | State::Proceeding { .. } => {
                let answers = vec![Answer { to_tag, ack: None }];
                self.state = State::Accepted { answers, until: now + TIMEOUT };
            }
            State::Accepted { answers, .. } => {
                if let Some(known) = answers.iter().find(|answer| answer.to_tag == to_tag) {
                    if let Some((flow, ack)) = &known.ack {
                        out.send(*flow, ack);
                    }
                    return;
                }
                if answers.len() >= MAX_ANSWERS {
                    return;
                }
                answers.push(Answer { to_tag, ack: None });
            }
            State::Completed { .. } | State::Terminated => return,
        }
        tell_response(self.user, flow, response, out);
    }

    fn receive_failure(&mut self, now: Instant, flow: Flow, response: Response, out: &mut Out) {
        match &self.state {
            State::Calling { .. } | State::Proceeding { .. } => {
                let ack = self.ack_for_failure(&response).to_bytes();
                out.send(self.flow, &ack);
                self.state = match self.flow.transport.is_reliable() {
                    true => State::Terminated,
                    false => State::Completed { ack, until: now + TIMEOUT },
                };
                tell_response(self.user, flow, response, out);
            }
            State::Completed { ack, .. } => out.send(self.flow, ack),
            State::Accepted { .. } | State::Terminated => {}
        }
    }

    /// CANCEL goes out once a provisional response came, never after a final one.
    pub fn cancel(&mut self, now: Instant, out: &mut Out) {
        match &mut self.state {
            State::Calling { cancelled, .. } => *cancelled = true,
            State::Proceeding { until: until @ None } => {
                *until = Some(now + TIMEOUT);
                out.cancels.push_back((self.cancel_request(), self.flow));
            }
            State::Proceeding { until: Some(_) }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => {}
        }
    }

    /// Keeps the user's ACK, to repeat it whenever the 2xx comes again.
    pub fn keep_ack(&mut self, flow: Flow, to_tag: &str, ack: Vec<u8>) {
        if let State::Accepted { answers, .. } = &mut self.state
            && let Some(answer) = answers.iter_mut().find(|answer| answer.to_tag == to_tag)
        {
            answer.ack = Some((flow, ack));
        }
    }

    pub fn timeout(&mut self, now: Instant, out: &mut Out) {
        match &mut self.state {
            State::Calling { until, .. } | State::Proceeding { until: Some(until) } if *until <= now => {
                self.state = State::Terminated;
                out.events.push_back(Event::TimedOut { tx: self.user });
            }
            State::Calling { bytes, again: Some(again), .. } => {
                if again.is_due(now) {
                    out.send(self.flow, bytes);
                }
            }
            State::Completed { until, .. } if *until <= now => self.state = State::Terminated,
            State::Accepted { until, .. } if *until <= now => {
                self.state = State::Terminated;
                out.events.push_back(Event::Settled { tx: self.user });
            }
            State::Calling { again: None, .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => {}
        }
    }

    pub fn transport_failed(&mut self, out: &mut Out) {
        match self.state {
            State::Calling { .. } | State::Proceeding { .. } => {
                self.state = State::Terminated;
                out.events.push_back(Event::TransportFailed { tx: self.user });
            }
            State::Completed { .. } | State::Accepted { .. } | State::Terminated => {}
        }
    }

    pub fn wake(&self) -> Wake {
        match &self.state {
            State::Calling { again, until, .. } => Wake::At(again.map_or(*until, |again| again.at.min(*until))),
            State::Proceeding { until } => until.map_or(Wake::Never, Wake::At),
            State::Completed { until, .. } | State::Accepted { until, .. } => Wake::At(*until),
            State::Terminated => Wake::Ended,
        }
    }

    /// §17.1.1.3: the To of the response, everything else of the INVITE, in the same transaction.
    fn ack_for_failure(&self, response: &Response) -> Request {
        let mut ack = self.same_hop(Method::Ack);
        if let Some(to) = response.headers.get("To") {
            ack.headers.set("To", to);
        }
        ack
    }

    /// §9.1.
    fn cancel_request(&self) -> Request {
        self.same_hop(Method::Cancel)
    }

    fn same_hop(&self, method: Method) -> Request {
        let mut request = Request::new(method.clone(), self.invite.uri.clone());
        if let Some(top) = self.invite.headers.get("Via") {
            request.headers.push("Via", top);
        }
        for name in ["Max-Forwards", "Route", "From", "To", "Call-ID"] {
            request.headers.copy(name, &self.invite.headers);
        }
        if let Ok(CSeq { number, .. }) = self.invite.headers.cseq() {
            request.headers.push("CSeq", CSeq { number, method });
        }
        request
    }
}

fn to_tag(response: &Response) -> String {
    response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default()
}
