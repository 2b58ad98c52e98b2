//! RFC 3261 §17.2.1, §13.3.1.4 and RFC 6026 §7.1: the INVITE server transaction, which also repeats its 2xx until the ACK,
//! and a reliable provisional response until the PRACK (RFC 3262 §3).

use super::{Out, Wake};
use crate::sip::{
    Event, Flow, Response, ServerTx,
    timer::{Retransmission, T4, TIMEOUT, TRYING_DELAY},
};
use std::time::Instant;

pub struct InviteServer {
    user: ServerTx,
    reply: Flow,
    state: State,
}

enum State {
    /// The user has said nothing yet: 100 is due soon.
    Fresh {
        trying: Vec<u8>,
        trying_at: Instant,
        cancelled: bool,
    },
    Proceeding {
        last: Vec<u8>,
        cancelled: bool,
        /// While the last response waits for its PRACK: when it is sent again, and given up.
        unpracked: Option<(Retransmission, Instant)>,
    },
    Completed {
        response: Vec<u8>,
        /// Timer G.
        again: Option<Retransmission>,
        /// Timer H.
        until: Instant,
    },
    Confirmed {
        /// Timer I.
        until: Instant,
    },
    Accepted {
        /// The 2xx, until its ACK came.
        unacked: Option<(Vec<u8>, Retransmission)>,
        /// Timer L.
        until: Instant,
    },
    Terminated,
}

/// Whose an ACK is.
pub enum AckVerdict {
    /// The first ACK of a 2xx: its user wants to see it.
    ForUser,
    Absorbed,
}

pub enum CancelVerdict {
    /// The first CANCEL of a request that has no final response yet.
    TellUser,
    /// Too late, or said before; it is answered 200 all the same.
    NoEffect,
}

impl InviteServer {
    pub fn new(now: Instant, user: ServerTx, reply: Flow, trying: &Response) -> Self {
        let state = State::Fresh { trying: trying.to_bytes(), trying_at: now + TRYING_DELAY, cancelled: false };
        Self { user, reply, state }
    }

    pub fn reply_flow(&self) -> Flow {
        self.reply
    }

    pub fn respond(&mut self, now: Instant, response: &Response, out: &mut Out) {
        let (State::Fresh { cancelled, .. } | State::Proceeding { cancelled, .. }) = self.state else { return };
        let bytes = out.send_and_keep(self.reply, response.to_bytes());
        self.state = if response.is_provisional() {
            let reliable = response.headers.contains("RSeq");
            let unpracked = reliable.then(|| (Retransmission::uncapped(now), now + TIMEOUT));
            State::Proceeding { last: bytes, cancelled, unpracked }
        } else if response.is_success() {
            let unacked = Some((bytes, Retransmission::capped_at_t2(now)));
            State::Accepted { unacked, until: now + TIMEOUT }
        } else {
            let again = (!self.reply.transport.is_reliable()).then(|| Retransmission::capped_at_t2(now));
            State::Completed { response: bytes, again, until: now + TIMEOUT }
        };
    }

    /// The INVITE again. In Accepted it is absorbed: the 2xx goes out by its own clock.
    pub fn repeated(&mut self, out: &mut Out) {
        match &self.state {
            State::Fresh { trying, cancelled, .. } => {
                out.send(self.reply, trying);
                self.state = State::Proceeding { last: trying.clone(), cancelled: *cancelled, unpracked: None };
            }
            State::Proceeding { last, .. } => out.send(self.reply, last),
            State::Completed { response, .. } => out.send(self.reply, response),
            State::Confirmed { .. } | State::Accepted { .. } | State::Terminated => {}
        }
    }

    pub fn pracked(&mut self) {
        if let State::Proceeding { unpracked, .. } = &mut self.state {
            *unpracked = None;
        }
    }

    pub fn acknowledged(&mut self, now: Instant) -> AckVerdict {
        match &mut self.state {
            State::Completed { .. } => {
                self.state = match self.reply.transport.is_reliable() {
                    true => State::Terminated,
                    false => State::Confirmed { until: now + T4 },
                };
                AckVerdict::Absorbed
            }
            State::Accepted { unacked, .. } => match unacked.take() {
                Some(_) => AckVerdict::ForUser,
                None => AckVerdict::Absorbed,
            },
            State::Fresh { .. } | State::Proceeding { .. } | State::Confirmed { .. } | State::Terminated => {
                AckVerdict::Absorbed
            }
        }
    }

    pub fn cancel(&mut self) -> CancelVerdict {
        match &mut self.state {
            State::Fresh { cancelled, .. } | State::Proceeding { cancelled, .. } if !*cancelled => {
                *cancelled = true;
                CancelVerdict::TellUser
            }
            State::Fresh { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => CancelVerdict::NoEffect,
        }
    }

    pub fn timeout(&mut self, now: Instant, out: &mut Out) {
        match &mut self.state {
            State::Fresh { trying_at, .. } if *trying_at <= now => self.repeated(out),
            State::Completed { until, .. } | State::Confirmed { until } if *until <= now => {
                self.state = State::Terminated;
            }
            State::Proceeding { unpracked, .. } if unpracked.is_some_and(|(_, until)| until <= now) => {
                *unpracked = None;
                out.events.push_back(Event::Unpracked { tx: self.user });
            }
            State::Proceeding { last, unpracked: Some((again, _)), .. } => {
                if again.is_due(now) {
                    out.send(self.reply, last);
                }
            }
            State::Completed { response, again: Some(again), .. } => {
                if again.is_due(now) {
                    out.send(self.reply, response);
                }
            }
            State::Accepted { unacked, until } if *until <= now => {
                if unacked.is_some() {
                    out.events.push_back(Event::Unacked { tx: self.user });
                }
                self.state = State::Terminated;
            }
            State::Accepted { unacked: Some((response, again)), .. } => {
                if again.is_due(now) {
                    out.send(self.reply, response);
                }
            }
            State::Fresh { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => {}
        }
    }

    pub fn wake(&self) -> Wake {
        match &self.state {
            State::Fresh { trying_at, .. } => Wake::At(*trying_at),
            State::Proceeding { unpracked: Some((again, until)), .. } => Wake::At(again.at.min(*until)),
            State::Proceeding { unpracked: None, .. } => Wake::Never,
            State::Completed { again, until, .. } => Wake::At(again.map_or(*until, |again| again.at.min(*until))),
            State::Confirmed { until } => Wake::At(*until),
            State::Accepted { unacked, until } => {
                Wake::At(unacked.as_ref().map_or(*until, |(_, again)| again.at.min(*until)))
            }
            State::Terminated => Wake::Ended,
        }
    }
}
