//! The orders of screens (F3–F7): who waits for a first word of one, and how far each has come.

use super::{
    clock,
    control::{Answer, OrderRow, OrderState},
    desk::{Order, Progress},
};
use crate::model::LegId;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long an order that is over can still be asked about.
const KEPT: Duration = Duration::from_secs(60);

/// The most orders that are known at once, those that are over among them.
pub const MAX_ORDERS: usize = 2_000;

#[derive(Default)]
pub struct Orders(BTreeMap<LegId, Known>);

struct Known {
    login: String,
    order: Order,
    progress: Option<Progress>,
    /// Since when it is over.
    over: Option<Instant>,
    /// Whoever wants to know whether it rings.
    waiter: Option<oneshot::Sender<Answer>>,
}

impl Orders {
    /// Whether one more may be begun.
    pub fn has_room(&mut self) -> bool {
        let now = clock::now().instant;
        self.0.retain(|_, known| known.over.is_none_or(|over| now < over + KEPT));
        self.0.len() < MAX_ORDERS
    }

    /// An order was given to the desk. Its first progress is the answer.
    pub fn begin(&mut self, id: LegId, login: String, order: Order, waiter: oneshot::Sender<Answer>) {
        self.0.insert(id, Known { login, order, progress: None, over: None, waiter: Some(waiter) });
    }

    pub fn told(&mut self, id: LegId, progress: Progress) {
        let Some(known) = self.0.get_mut(&id) else { return };
        // How it ended is not forgotten for that it has ended.
        if !known.progress.is_some_and(|before| before.is_last()) {
            known.progress = Some(progress);
        }
        if progress.is_last() {
            known.over.get_or_insert_with(|| clock::now().instant);
        }
        if let Some(waiter) = known.waiter.take() {
            let answer = match progress {
                Progress::Refused(refusal) => Answer::refused(refusal),
                _ => Answer::orders(known.row(id).into_iter().collect()),
            };
            // Whoever asked may have gone.
            let _ = waiter.send(answer);
        }
    }

    pub fn rows(&self) -> Vec<OrderRow> {
        self.0.iter().filter_map(|(id, known)| known.row(*id)).collect()
    }
}

impl Known {
    fn row(&self, id: LegId) -> Option<OrderRow> {
        let (state, reason, session) = match self.progress? {
            Progress::Ringing => (OrderState::Ringing, None, None),
            Progress::Waiting => (OrderState::Waiting, None, None),
            Progress::Listening(session) => (OrderState::Listening, None, Some(session.to_string())),
            Progress::Refused(refusal) => (OrderState::Refused, Some(refusal.as_str()), None),
            Progress::NotReached(why) => (OrderState::NotReached, Some(why.as_str()), None),
            Progress::Over => (OrderState::Over, None, None),
        };
        Some(OrderRow {
            id: id.to_string(),
            account: self.login.clone(),
            extension: self.order.extension.to_string(),
            target: self.order.target.to_string(),
            mode: self.order.mode.to_string(),
            state,
            reason: reason.map(str::to_owned),
            session,
        })
    }
}
