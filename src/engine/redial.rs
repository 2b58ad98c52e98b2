//! 再発信 (H6): somebody calls again, from a screen, a party of one of their own recent calls. Their own phone rings first.

use super::control::Answer;
use crate::{
    model::{AccountId, CallId, ExtensionNumber, IdMaker, LegId},
    store::{CallRow, Store, StoreError},
    switch::{Command, NotPlaced},
};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// Those who wait for word of their own phone.
pub struct Redials {
    ids: IdMaker,
    waiting: BTreeMap<LegId, oneshot::Sender<Answer>>,
}

/// Why nothing is rung.
#[derive(Debug, thiserror::Error)]
pub enum NoRedial {
    #[error("the account has no extension of its own")]
    NoOwnPhone,
    #[error("there is no such call among those of the account's own extension")]
    NoSuchCall,
    #[error("the store did not answer")]
    Store(#[from] StoreError),
}

impl NoRedial {
    /// A stable word.
    fn as_str(&self) -> &'static str {
        match self {
            NoRedial::NoOwnPhone => "no-own-phone",
            NoRedial::NoSuchCall => "no-such-call",
            NoRedial::Store(_) => "store-unavailable",
        }
    }
}

/// Whose phone rings, and what it calls then.
pub struct Redial {
    own: ExtensionNumber,
    number: String,
}

/// `call` must be one that the account's own extension had; the other party of it is called.
pub async fn judge(store: &Store, account: AccountId, call: &str) -> Result<Redial, NoRedial> {
    let own = store.account(account).await?.and_then(|account| account.extension).ok_or(NoRedial::NoOwnPhone)?;
    let row = store.call_row(call).await?.ok_or(NoRedial::NoSuchCall)?;
    let number = other_party(&row, &own).ok_or(NoRedial::NoSuchCall)?.to_owned();
    Ok(Redial { own, number })
}

/// Whom an extension talked to, or meant to.
pub fn other_party<'r>(row: &'r CallRow, own: &ExtensionNumber) -> Option<&'r str> {
    let is_own = |number: &str, trunk: Option<&String>| trunk.is_none() && number == own.as_str();
    match row {
        row if is_own(&row.caller, row.caller_trunk.as_ref()) => Some(&row.callee),
        row if is_own(&row.callee, row.callee_trunk.as_ref()) => Some(&row.caller),
        _ => None,
    }
}

impl Redials {
    pub fn new(ids: IdMaker) -> Self {
        Self { ids, waiting: BTreeMap::new() }
    }

    /// What the switch is to do; `answer` is given when the own phone has answered, or does not.
    pub fn begin(&mut self, unix_ms: u64, redial: Redial, answer: oneshot::Sender<Answer>) -> Command {
        let leg = self.ids.make(unix_ms);
        self.waiting.insert(leg, answer);
        Command::Place { leg, extension: redial.own, number: redial.number, confidential: true }
    }

    pub fn placed(&mut self, leg: LegId, outcome: Result<CallId, NotPlaced>) {
        let answer = match outcome {
            Ok(_) => Answer::done(),
            Err(why) => refused(why.as_str(), format!("the call was not placed: {}", why.as_str())),
        };
        if let Some(waiting) = self.waiting.remove(&leg) {
            // Whoever asked may have gone.
            let _ = waiting.send(answer);
        }
    }
}

impl From<NoRedial> for Answer {
    fn from(why: NoRedial) -> Self {
        refused(why.as_str(), why.to_string())
    }
}

fn refused(reason: &str, error: String) -> Answer {
    Answer { reason: Some(reason.to_owned()), ..Answer::error(error) }
}
