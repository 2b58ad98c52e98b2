//! RFC 3261 §17.2.2: the non-INVITE server transaction.

use super::{Out, Wake};
use crate::sip::{Flow, Response, timer::TIMEOUT};
use std::time::Instant;

pub struct Server {
    reply: Flow,
    state: State,
}

enum State {
    /// Trying (nothing said yet) and Proceeding.
    Open {
        last: Option<Vec<u8>>,
    },
    Completed {
        response: Vec<u8>,
        /// Timer J.
        until: Instant,
    },
    Terminated,
}

impl Server {
    pub fn new(reply: Flow) -> Self {
        Self { reply, state: State::Open { last: None } }
    }

    pub fn reply_flow(&self) -> Flow {
        self.reply
    }

    pub fn respond(&mut self, now: Instant, response: &Response, out: &mut Out) {
        let State::Open { .. } = self.state else { return };
        let bytes = out.send_and_keep(self.reply, response.to_bytes());
        self.state = if response.is_provisional() {
            State::Open { last: Some(bytes) }
        } else if self.reply.transport.is_reliable() {
            State::Terminated
        } else {
            State::Completed { response: bytes, until: now + TIMEOUT }
        };
    }

    pub fn repeated(&self, out: &mut Out) {
        match &self.state {
            State::Open { last: Some(response) } | State::Completed { response, .. } => out.send(self.reply, response),
            State::Open { last: None } | State::Terminated => {}
        }
    }

    pub fn timeout(&mut self, now: Instant) {
        if let State::Completed { until, .. } = self.state
            && until <= now
        {
            self.state = State::Terminated;
        }
    }

    pub fn wake(&self) -> Wake {
        match self.state {
            State::Open { .. } => Wake::Never,
            State::Completed { until, .. } => Wake::At(until),
            State::Terminated => Wake::Ended,
        }
    }
}
