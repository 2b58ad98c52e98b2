//! What is going on, as rows for whoever asks on the control socket.

use super::{
    control::{Answer, CallRow, CallStatus, SessionRow, TrunkStatus},
    desk::SessionView,
};
use crate::{
    store::Store,
    switch::{
        self, CallView,
        embedded::{Now, TrunkView},
    },
};

pub fn call_row(call: &CallView, now: Now) -> CallRow {
    CallRow {
        id: call.id.to_string(),
        caller: call.caller.to_string(),
        callee: call.callee.to_string(),
        status: match call.status() {
            switch::CallStatus::Ringing => CallStatus::Ringing,
            switch::CallStatus::Internal => CallStatus::Internal,
            switch::CallStatus::Inbound => CallStatus::Inbound,
            switch::CallStatus::Outbound => CallStatus::Outbound,
            switch::CallStatus::Held => CallStatus::Held,
        },
        since_ms: now.unix_ms.saturating_sub(call.since_unix_ms),
        sessions: call.listeners,
    }
}

pub fn trunk_status(view: TrunkView) -> TrunkStatus {
    TrunkStatus {
        name: view.name.to_string(),
        registered: view.registered,
        reachable: view.reachable,
        last_error: view.trouble.map(|trouble| trouble.to_string()),
    }
}

pub async fn session_rows(store: &Store, views: &[SessionView], now: Now) -> Answer {
    let mut rows = Vec::with_capacity(views.len());
    for view in views {
        let login = match store.account(view.account).await {
            Ok(account) => account.map_or_else(|| view.account.to_string(), |account| account.login),
            Err(error) => return Answer::error(error.to_string()),
        };
        rows.push(SessionRow {
            id: view.id.to_string(),
            account: login,
            supervisor: view.supervisor.to_string(),
            target: view.target.to_string(),
            mode: view.mode.to_string(),
            since_ms: now.unix_ms.saturating_sub(view.since_unix_ms),
        });
    }
    Answer::sessions(rows)
}
