//! What administrators do and read, wherever they do it from: the command line, `/api/v1` and the pages.
//!
//! In comes an `Act`, with who wants it; out comes what was done, with what the person should know, or which of the things
//! given is to blame. The store writes each act down in the audit trail, in the transaction of the act. Rows for people and
//! programs are made here too, so that a listing says the same wherever it is read. Absent on purpose: who may administer
//! (`access::screen`), and how a running engine hears of a change, which is the rim's to say.

mod act;
mod call;
pub mod moment;
mod permission;
mod token;
mod trail;
mod trunk;

pub use act::{Act, Done, Note};
#[cfg(test)]
pub(crate) use call::tests::line as a_call;
pub use call::{CallLine, Quality, csv_header, csv_of};
pub use permission::{Permission, Right};
pub use token::TokenLine;
pub use trail::{TrailLine, Verdict};
pub use trunk::{NewTrunk, TrunkLine};

use crate::{
    dialplan::DialPlan,
    model::{Login, Mode, Secret},
    store::{Actor, Store, StoreError},
};

/// Where acts are carried out, and on whose behalf.
pub struct Admin<'a> {
    pub store: &'a Store,
    pub actor: &'a Actor,
}

/// Why an act was not carried out, and the name of what was given that is to blame; `None`: nothing by itself.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotDone {
    pub field: Option<&'static str>,
    pub error: StoreError,
}

/// What is dialled to sign in once (X6).
pub struct OneTime {
    pub short_dial: Secret,
    pub expires_at_ms: u64,
}

impl Admin<'_> {
    pub async fn one_time(&self, plan: &DialPlan, login: &Login) -> Result<OneTime, NotDone> {
        let no_code = || StoreError::NoSuch { what: "feature code", name: "for monitoring".to_owned() };
        plan.code(Mode::Monitor).ok_or_else(no_code)?;
        let made = self.store.make_one_time_code(self.actor, login.as_str()).await?;
        let short_dial = plan.short_dial(Mode::Monitor, &Secret::new(made.dial_id), &made.code).ok_or_else(no_code)?;
        Ok(OneTime { short_dial, expires_at_ms: made.expires_at_ms })
    }
}

impl NotDone {
    pub fn about(field: &'static str, error: StoreError) -> Self {
        Self { field: Some(field), error }
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self { field: None, error }
    }
}
