//! RFC 3261 §17.1.2: the non-INVITE client transaction.

use super::{Out, Wake, tell_response};
use crate::sip::{
    ClientTx, Event, Flow, Response,
    timer::{Retransmission, T4, TIMEOUT},
};
use std::time::Instant;

pub struct Client {
    /// `None`: a CANCEL, whose fate shows in the INVITE alone.
    user: Option<ClientTx>,
    flow: Flow,
    state: State,
}

enum State {
    /// Trying and Proceeding, which differ in the pace of `again` only.
    Waiting {
        bytes: Vec<u8>,
        /// Timer E.
        again: Option<Retransmission>,
        /// Timer F.
        until: Instant,
    },
    Completed {
        /// Timer K.
        until: Instant,
    },
    Terminated,
}

impl Client {
    pub fn start(now: Instant, user: Option<ClientTx>, flow: Flow, bytes: Vec<u8>, out: &mut Out) -> Self {
        let bytes = out.send_and_keep(flow, bytes);
        let again = (!flow.transport.is_reliable()).then(|| Retransmission::capped_at_t2(now));
        Self { user, flow, state: State::Waiting { bytes, again, until: now + TIMEOUT } }
    }

    pub fn flow(&self) -> Flow {
        self.flow
    }

    pub fn receive(&mut self, now: Instant, flow: Flow, response: Response, out: &mut Out) {
        let State::Waiting { again, .. } = &mut self.state else { return };
        if response.is_provisional() {
            if let Some(again) = again {
                again.slow_down();
            }
        } else {
            self.state = match self.flow.transport.is_reliable() {
                true => State::Terminated,
                false => State::Completed { until: now + T4 },
            };
        }
        if let Some(user) = self.user {
            tell_response(user, flow, response, out);
        }
    }

    pub fn timeout(&mut self, now: Instant, out: &mut Out) {
        match &mut self.state {
            State::Waiting { until, .. } if *until <= now => {
                self.state = State::Terminated;
                out.events.extend(self.user.map(|tx| Event::TimedOut { tx }));
            }
            State::Waiting { bytes, again: Some(again), .. } => {
                if again.is_due(now) {
                    out.send(self.flow, bytes);
                }
            }
            State::Completed { until } if *until <= now => self.state = State::Terminated,
            State::Waiting { again: None, .. } | State::Completed { .. } | State::Terminated => {}
        }
    }

    pub fn transport_failed(&mut self, out: &mut Out) {
        if let State::Waiting { .. } = self.state {
            self.state = State::Terminated;
            out.events.extend(self.user.map(|tx| Event::TransportFailed { tx }));
        }
    }

    pub fn wake(&self) -> Wake {
        match &self.state {
            State::Waiting { again, until, .. } => Wake::At(again.map_or(*until, |again| again.at.min(*until))),
            State::Completed { until } => Wake::At(*until),
            State::Terminated => Wake::Ended,
        }
    }
}
