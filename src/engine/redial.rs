//! 再発信 (H6): somebody calls again, from a screen, a party of one of their own recent calls. Their own phone rings first.

use super::control::Answer;
use crate::{
    model::{AccountId, ExtensionNumber, IdMaker, LegId},
    store::{CallRow, Store, StoreError},
    switch::{Command, Event},
};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// The phones that are rung so as to call somebody again.
pub struct Redials {
    ids: IdMaker,
    ringing: BTreeMap<LegId, Ringing>,
}

struct Ringing {
    number: String,
    /// Whoever wants to know what comes of it.
    answer: oneshot::Sender<Answer>,
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
    pub own: ExtensionNumber,
    pub number: String,
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
        Self { ids, ringing: BTreeMap::new() }
    }

    /// What the switch is to do; `answer` is given when the own phone has answered, or does not.
    pub fn begin(&mut self, unix_ms: u64, redial: Redial, answer: oneshot::Sender<Answer>) -> Command {
        let leg = self.ids.make(unix_ms);
        self.ringing.insert(leg, Ringing { number: redial.number, answer });
        Command::CallBack { leg, extension: redial.own }
    }

    /// What the switch is to do next, if the event is about a phone that is rung here.
    pub fn hear(&mut self, event: &Event) -> Option<Command> {
        match event {
            Event::Answered { leg } => {
                let number = self.ringing.get(leg)?.number.clone();
                return Some(Command::Connect { leg: *leg, number, confidential: true });
            }
            Event::NotReached { leg, why } => self.is_over(*leg, Err(why.as_str())),
            Event::Connected { leg, outcome } => self.is_over(*leg, outcome.map(|_| ()).map_err(why)),
            Event::HungUp { leg } => self.is_over(*leg, Err("no-answer")),
            _ => {}
        }
        None
    }

    fn is_over(&mut self, leg: LegId, outcome: Result<(), &'static str>) {
        if let Some(Ringing { answer, .. }) = self.ringing.remove(&leg) {
            let told =
                outcome.map_or_else(|why| refused(why, format!("the call was not placed: {why}")), |()| Answer::done());
            // Whoever asked may have gone.
            let _ = answer.send(told);
        }
    }
}

/// The stable word for why a number could not be called.
pub fn why(status: u16) -> &'static str {
    match status {
        404 => "unknown-number",
        480 => "nobody-there",
        503 => "no-line",
        _ => "number-refused",
    }
}

/// Nobody is rung for a number that cannot be called.
pub fn not_callable(status: u16) -> Answer {
    refused(why(status), format!("this number cannot be called: {}", why(status)))
}

impl From<NoRedial> for Answer {
    fn from(why: NoRedial) -> Self {
        refused(why.as_str(), why.to_string())
    }
}

fn refused(reason: &str, error: String) -> Answer {
    Answer { reason: Some(reason.to_owned()), ..Answer::error(error) }
}
