//! Transactions: RFC 3261 §17, with the Accepted states of RFC 6026.
//!
//! In come messages that were matched to a transaction, what its user wants, and `now`; out go transmits and events by
//! `Out`. Absent on purpose: matching (see `key`), dialogs, and the meaning of any request but ACK and CANCEL.

mod client;
mod invite_client;
mod invite_server;
mod key;
mod server;

pub(super) use client::Client;
pub(super) use invite_client::InviteClient;
pub(super) use invite_server::{AckVerdict, CancelVerdict, InviteServer};
pub(super) use key::Key;
pub(super) use server::Server;

use super::{ClientTx, Event, Flow, Request, Response, Transmit};
use std::{collections::VecDeque, time::Instant};

/// Each takes the room of its own kind alone: what has been answered lives on for 32 s.
pub(super) enum Transaction {
    InviteClient(Box<InviteClient>),
    Client(Box<Client>),
    InviteServer(Box<InviteServer>),
    Server(Box<Server>),
}

/// When a transaction wants to be woken.
#[derive(Clone, Copy)]
pub(super) enum Wake {
    At(Instant),
    Never,
    Ended,
}

/// What transactions want done.
#[derive(Default)]
pub(super) struct Out {
    pub transmits: VecDeque<Transmit>,
    pub events: VecDeque<Event>,
    /// CANCELs that want a client transaction of their own.
    pub cancels: VecDeque<(Request, Flow)>,
}

impl Out {
    fn send(&mut self, flow: Flow, bytes: &[u8]) {
        self.transmits.push_back(Transmit { flow, bytes: bytes.to_vec() });
    }

    /// Sends what may have to be sent again; what is kept takes no more room than it needs.
    fn send_and_keep(&mut self, flow: Flow, bytes: Vec<u8>) -> Vec<u8> {
        let kept = bytes.as_slice().to_vec();
        self.transmits.push_back(Transmit { flow, bytes });
        kept
    }
}

impl Transaction {
    /// The flow on which an answer is waited for.
    pub fn waits_on(&self) -> Option<Flow> {
        match self {
            Transaction::InviteClient(transaction) => Some(transaction.flow()),
            Transaction::Client(transaction) => Some(transaction.flow()),
            Transaction::InviteServer(_) | Transaction::Server(_) => None,
        }
    }

    pub fn wake(&self) -> Wake {
        match self {
            Transaction::InviteClient(transaction) => transaction.wake(),
            Transaction::Client(transaction) => transaction.wake(),
            Transaction::InviteServer(transaction) => transaction.wake(),
            Transaction::Server(transaction) => transaction.wake(),
        }
    }

    pub fn timeout(&mut self, now: Instant, out: &mut Out) {
        match self {
            Transaction::InviteClient(transaction) => transaction.timeout(now, out),
            Transaction::Client(transaction) => transaction.timeout(now, out),
            Transaction::InviteServer(transaction) => transaction.timeout(now, out),
            Transaction::Server(transaction) => transaction.timeout(now),
        }
    }

    /// A response that matched.
    pub fn receive(&mut self, now: Instant, flow: Flow, response: Response, out: &mut Out) {
        match self {
            Transaction::InviteClient(transaction) => transaction.receive(now, flow, response, out),
            Transaction::Client(transaction) => transaction.receive(now, flow, response, out),
            Transaction::InviteServer(_) | Transaction::Server(_) => {}
        }
    }

    /// The same request again.
    pub fn repeated(&mut self, out: &mut Out) {
        match self {
            Transaction::InviteServer(transaction) => transaction.repeated(out),
            Transaction::Server(transaction) => transaction.repeated(out),
            Transaction::InviteClient(_) | Transaction::Client(_) => {}
        }
    }

    pub fn respond(&mut self, now: Instant, response: &Response, out: &mut Out) {
        match self {
            Transaction::InviteServer(transaction) => transaction.respond(now, response, out),
            Transaction::Server(transaction) => transaction.respond(now, response, out),
            Transaction::InviteClient(_) | Transaction::Client(_) => {}
        }
    }

    /// The transport under a client transaction failed (§17.1.4).
    pub fn transport_failed(&mut self, out: &mut Out) {
        match self {
            Transaction::InviteClient(transaction) => transaction.transport_failed(out),
            Transaction::Client(transaction) => transaction.transport_failed(out),
            Transaction::InviteServer(_) | Transaction::Server(_) => {}
        }
    }
}

fn tell_response(tx: ClientTx, flow: Flow, response: Response, out: &mut Out) {
    out.events.push_back(Event::Response { tx, flow, response });
}
