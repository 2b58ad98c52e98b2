//! What is said over `data_dir/control.sock`: one JSON request a line, one JSON answer a line.

use crate::model::{AccountId, ExtensionNumber, Mode, Refusal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A longer line is refused.
pub const MAX_REQUEST_BYTES: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// The store has changed: read accounts, rights, extensions and settings again.
    Refresh,
    Calls,
    Sessions,
    Trunks,
    /// Whether calls can be made: answered by the loop that answers SIP, and only `ok` while RTP ports are free.
    Health,
    /// What was counted since the start.
    Figures,
    /// A session, or an order of a screen.
    EndSession {
        id: String,
    },
    /// Who hears whom, tried with three tones (X8).
    SelfTest,
    /// Would this account hear that extension? `mode` and `extension` in their words.
    Explain {
        login: String,
        extension: String,
        mode: String,
    },
    /// The orders of screens.
    Orders,
    /// Takes an order back, or ends what became of it, by the word of whoever gave it; as for `Listen`, from within alone.
    #[serde(skip)]
    CancelOrder {
        id: String,
        account: AccountId,
    },
    /// 再発信: the account's own phone is to call a party of that call again. As with `Listen`, no socket can ask for it.
    #[serde(skip)]
    Redial {
        account: AccountId,
        call: String,
    },
    /// An order of a screen. Whoever gives it answers for the account's having signed in, so no socket can.
    #[serde(skip)]
    Listen(Listen),
}

/// A session for somebody who is signed in at a screen (F3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub account: AccountId,
    /// The phone to be rung; `None`: the account's own.
    pub extension: Option<ExtensionNumber>,
    /// The agent's.
    pub target: ExtensionNumber,
    pub mode: Mode,
    /// その他操作 (F5–F7).
    pub shortcut: bool,
}

/// Any answer: `ok`, and then either what was asked for or `error`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Vec<SessionRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunks: Option<Vec<TrunkStatus>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Vec<OrderRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hearings: Option<Vec<Hearing>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Beside `error`: the stable word of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Answer {
    pub fn done() -> Self {
        Self { ok: true, ..Self::default() }
    }

    pub fn calls(rows: Vec<CallRow>) -> Self {
        Self { ok: true, calls: Some(rows), ..Self::default() }
    }

    pub fn sessions(rows: Vec<SessionRow>) -> Self {
        Self { ok: true, sessions: Some(rows), ..Self::default() }
    }

    pub fn trunks(rows: Vec<TrunkStatus>) -> Self {
        Self { ok: true, trunks: Some(rows), ..Self::default() }
    }

    pub fn orders(rows: Vec<OrderRow>) -> Self {
        Self { ok: true, orders: Some(rows), ..Self::default() }
    }

    pub fn hearings(rows: Vec<Hearing>) -> Self {
        Self { ok: true, hearings: Some(rows), ..Self::default() }
    }

    pub fn figures(figures: Figures) -> Self {
        Self { ok: true, figures: Some(figures), ..Self::default() }
    }

    pub fn explanation(explanation: Explanation) -> Self {
        Self { ok: true, explanation: Some(explanation), ..Self::default() }
    }

    pub fn refused(refusal: Refusal) -> Self {
        Self { reason: Some(refusal.as_str().to_owned()), ..Self::error(refusal.to_string()) }
    }

    pub fn error(why: impl Into<String>) -> Self {
        Self { ok: false, error: Some(why.into()), ..Self::default() }
    }
}

/// Every check in its order, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub verdict: Outlook,
    pub checks: Vec<CheckRow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// Of a check: passed.
    Granted,
    Refused,
    /// Only a running engine could tell.
    Unknown,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    pub check: String,
    pub verdict: Outlook,
    /// The stable word of the refusal, as it stands in the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Of a lock: its end, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    Ringing,
    /// Between extensions.
    Internal,
    /// Came in over a trunk.
    Inbound,
    /// Went out over a trunk.
    Outbound,
    Held,
}

/// One call that is going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    pub id: String,
    /// Extension number, or number outside, of each end.
    pub caller: String,
    pub callee: String,
    pub status: CallStatus,
    /// How long the call has been in this world, in milliseconds.
    pub since_ms: u64,
    /// How many spy sessions are on it.
    pub sessions: usize,
}

/// How a trunk is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkStatus {
    pub name: String,
    /// `None`: not one to register with.
    pub registered: Option<bool>,
    /// `None`: not known yet.
    pub reachable: Option<bool>,
    /// What went wrong last, until it goes right.
    pub last_error: Option<String>,
}

/// One spy session that is going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    pub id: String,
    /// The login that signed in.
    pub account: String,
    /// The extension that the supervisor listens at.
    pub supervisor: String,
    /// The extension that is listened to.
    pub target: String,
    pub mode: String,
    pub since_ms: u64,
}

/// What one party heard of another in the self-test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hearing {
    pub mode: String,
    pub listener: String,
    pub speaker: String,
    /// Relative to a full-scale sine; the tones are sent at −16.
    pub dbfs: f64,
    /// Whether it must be heard.
    pub expected: bool,
    pub right: bool,
}

/// What was counted since the start of the engine. Nothing of it tells of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Sign-ins by keypad, by their outcome: `signed-in`, or the stable word of a refusal.
    pub sign_ins: BTreeMap<String, u64>,
    /// Responses to requests in SIP, by method and status.
    pub sip: Vec<(String, u16, u64)>,
    pub rtp_packets_in: u64,
    pub rtp_packets_out: u64,
    /// Packets of phones and trunks that never came.
    #[serde(default)]
    pub rtp_packets_lost: u64,
    /// The network did not take them.
    pub rtp_packets_unsent: u64,
    /// Ticks of the mixer that came late, and those that were left out for it.
    pub mixer_late_ticks: u64,
    pub mixer_skipped_ticks: u64,
    pub media_legs: u64,
}

/// How far an order of a screen has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    Ringing,
    Waiting,
    Listening,
    Refused,
    NotReached,
    Over,
}

/// An order of a screen, for a minute after its end too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    pub id: String,
    /// The login that gave it.
    pub account: String,
    /// The extension that is rung.
    pub extension: String,
    pub target: String,
    pub mode: String,
    pub state: OrderState,
    /// Of what was refused or not reached: a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// While it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_documented() {
        let read = |line| serde_json::from_str::<Request>(line).ok();
        assert_eq!(read(r#"{"do":"refresh"}"#), Some(Request::Refresh));
        assert_eq!(read(r#"{"do":"end-session","id":"01X"}"#), Some(Request::EndSession { id: "01X".into() }));
        assert_eq!(read(r#"{"do":"dance"}"#), None);
    }

    #[test]
    fn an_answer_holds_only_what_was_asked() {
        assert_eq!(serde_json::to_string(&Answer::done()).unwrap(), r#"{"ok":true}"#);
        assert_eq!(serde_json::to_string(&Answer::calls(vec![])).unwrap(), r#"{"ok":true,"calls":[]}"#);
        assert_eq!(
            serde_json::to_string(&Answer::error("no such session")).unwrap(),
            r#"{"ok":false,"error":"no such session"}"#
        );
    }
}
