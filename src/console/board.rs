//! Who is talking, and who listens to them, as rows for those who watch (F1, F8, A7, X9). Pure: facts in, what changed out.

use crate::engine::control::{CallRow, CallStatus, OrderRow, SessionRow};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What an extension is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// 待機
    Idle,
    /// 呼出中
    Ringing,
    /// 保留中
    Held,
    /// 内線通話; so is whoever listens (A7).
    Internal,
    /// 外線通話
    Inbound,
    /// 発信通話
    Outbound,
}

/// An extension, and the name of whoever it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub extension: String,
    pub name: String,
    /// The call centres of whoever sits there, in the order of the alphabet.
    pub centers: Vec<String>,
}

/// Somebody who listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listener {
    pub session: String,
    pub account: String,
    pub extension: String,
    pub mode: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub extension: String,
    pub name: String,
    pub centers: Vec<String>,
    pub status: Status,
    /// Unix milliseconds; `None`: since before anybody looked.
    pub since_ms: Option<u64>,
    pub listeners: Vec<Listener>,
}

pub struct Facts {
    pub agents: Vec<Agent>,
    pub calls: Vec<CallRow>,
    pub sessions: Vec<SessionRow>,
    pub orders: Vec<OrderRow>,
}

/// What is new, or all there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The server's clock, in Unix milliseconds, so that a browser's own need not be right.
    pub now_ms: u64,
    pub agents: Vec<Row>,
    /// Extensions that are no more.
    pub gone: Vec<String>,
    /// New, or further than before.
    pub orders: Vec<OrderRow>,
    /// Somebody came to or left a call centre: who may be seen by whom is another matter than before.
    #[serde(skip)]
    pub regrouped: bool,
}

/// What somebody may see of the board (F1, F2): all agents or those of some call centres, and the orders that they gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub login: String,
    /// `None`: everybody.
    pub centers: Option<BTreeSet<String>>,
}

impl Sight {
    fn of_row(&self, row: &Row) -> Option<Row> {
        let Some(seen) = &self.centers else { return Some(row.clone()) };
        let centers: Vec<_> = row.centers.iter().filter(|center| seen.contains(*center)).cloned().collect();
        (!centers.is_empty()).then(|| Row { centers, ..row.clone() })
    }
}

impl Change {
    /// What there is in it for somebody; `None`: nothing.
    pub fn seen_by(&self, sight: &Sight) -> Option<Change> {
        let agents: Vec<_> = self.agents.iter().filter_map(|row| sight.of_row(row)).collect();
        let orders: Vec<_> = self.orders.iter().filter(|order| order.account == sight.login).cloned().collect();
        let nothing = agents.is_empty() && orders.is_empty() && self.gone.is_empty();
        (!nothing).then(|| Change { now_ms: self.now_ms, agents, gone: self.gone.clone(), orders, regrouped: false })
    }
}

#[derive(Default)]
pub struct Board {
    rows: BTreeMap<String, Row>,
    orders: BTreeMap<String, OrderRow>,
}

impl Board {
    /// Takes in how things are now; `None`: nothing changed.
    pub fn update(&mut self, now_ms: u64, facts: Facts) -> Option<Change> {
        let doing = doing(&facts, now_ms);
        let mut change = Change { now_ms, ..Change::default() };
        let mut known = BTreeSet::new();
        for Agent { extension, name, centers } in facts.agents {
            let before = self.rows.get(&extension);
            let (status, begun_ms) = doing.get(&extension).copied().unwrap_or((Status::Idle, None));
            let since_ms = match before {
                Some(row) if row.status == status => row.since_ms,
                Some(_) => Some(now_ms),
                None => begun_ms,
            };
            let listeners = listeners(&facts.sessions, &extension);
            change.regrouped |= before.is_some_and(|row| row.centers != centers);
            let row = Row { extension: extension.clone(), name, centers, status, since_ms, listeners };
            if before != Some(&row) {
                change.agents.push(row.clone());
                self.rows.insert(extension.clone(), row);
            }
            known.insert(extension);
        }
        change.gone = self.rows.keys().filter(|extension| !known.contains(*extension)).cloned().collect();
        self.rows.retain(|extension, _| known.contains(extension));
        let orders: BTreeMap<_, _> = facts.orders.into_iter().map(|order| (order.id.clone(), order)).collect();
        change.orders = orders.values().filter(|order| self.orders.get(&order.id) != Some(order)).cloned().collect();
        self.orders = orders;
        let nothing = change.agents.is_empty() && change.gone.is_empty() && change.orders.is_empty();
        (!nothing).then_some(change)
    }

    /// All there is to see, for whoever begins to look.
    pub fn whole(&self, now_ms: u64, sight: &Sight) -> Change {
        let agents = self.rows.values().filter_map(|row| sight.of_row(row)).collect();
        let orders = self.orders.values().filter(|order| order.account == sight.login).cloned().collect();
        Change { now_ms, agents, orders, ..Change::default() }
    }

    /// Whether an extension is that of an agent who may be seen.
    pub fn shows(&self, extension: &str, sight: &Sight) -> bool {
        self.rows.get(extension).is_some_and(|row| sight.of_row(row).is_some())
    }
}

/// What each extension that does something does, and since when.
fn doing(facts: &Facts, now_ms: u64) -> BTreeMap<String, (Status, Option<u64>)> {
    let mut doing: BTreeMap<String, (Status, Option<u64>)> = BTreeMap::new();
    let mut does = |extension: &str, status: Status, for_ms: u64| {
        let new = (status, Some(now_ms.saturating_sub(for_ms)));
        let entry = doing.entry(extension.to_owned()).or_insert(new);
        // Of several calls the liveliest.
        if entry.0 < status {
            *entry = new;
        }
    };
    for call in &facts.calls {
        let status = match call.status {
            CallStatus::Ringing => Status::Ringing,
            CallStatus::Internal => Status::Internal,
            CallStatus::Inbound => Status::Inbound,
            CallStatus::Outbound => Status::Outbound,
            CallStatus::Held => Status::Held,
        };
        does(&call.caller, status, call.since_ms);
        does(&call.callee, status, call.since_ms);
    }
    for session in &facts.sessions {
        does(&session.supervisor, Status::Internal, session.since_ms);
    }
    doing
}

fn listeners(sessions: &[SessionRow], extension: &str) -> Vec<Listener> {
    let here = sessions.iter().filter(|session| session.target == extension);
    here.map(|session| Listener {
        session: session.id.clone(),
        account: session.account.clone(),
        extension: session.supervisor.clone(),
        mode: session.mode.clone(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn facts(calls: &[(&str, &str, CallStatus)], sessions: &[(&str, &str)]) -> Facts {
        let agent = |extension: &str| Agent {
            extension: extension.into(),
            name: String::new(),
            centers: if extension == "1000" { vec!["sales".into(), "support".into()] } else { vec![] },
        };
        let call = |(caller, callee, status): &(&str, &str, CallStatus)| CallRow {
            id: format!("{caller}-{callee}"),
            caller: (*caller).into(),
            callee: (*callee).into(),
            status: *status,
            since_ms: 5_000,
            sessions: 0,
        };
        let session = |(supervisor, target): &(&str, &str)| SessionRow {
            id: format!("{supervisor}-{target}"),
            account: "boss".into(),
            supervisor: (*supervisor).into(),
            target: (*target).into(),
            mode: "whisper".into(),
            since_ms: 1_000,
        };
        Facts {
            agents: ["1000", "2000", "3000"].map(agent).into(),
            calls: calls.iter().map(call).collect(),
            sessions: sessions.iter().map(session).collect(),
            orders: vec![],
        }
    }

    fn statuses(board: &Board) -> Vec<Status> {
        board.rows.values().map(|row| row.status).collect()
    }

    #[test]
    fn f8_each_end_of_a_call_shows_it_and_a7_whoever_listens_is_in_an_internal_call() {
        let mut board = Board::default();
        board.update(NOW, facts(&[("1000", "0312345678", CallStatus::Outbound)], &[("3000", "1000")]));
        assert_eq!(statuses(&board), [Status::Outbound, Status::Idle, Status::Internal]);
        assert_eq!(board.rows["1000"].since_ms, Some(NOW - 5_000));
        assert_eq!(board.rows["2000"].since_ms, None);
    }

    #[test]
    fn x9_a_row_names_those_who_listen() {
        let mut board = Board::default();
        board.update(NOW, facts(&[("1000", "2000", CallStatus::Internal)], &[("3000", "1000")]));
        let listener = &board.rows["1000"].listeners[0];
        assert_eq!((listener.account.as_str(), listener.mode.as_str()), ("boss", "whisper"));
        assert!(board.rows["2000"].listeners.is_empty());
    }

    #[test]
    fn time_in_a_status_runs_from_its_change() {
        let mut board = Board::default();
        board.update(NOW, facts(&[("1000", "2000", CallStatus::Internal)], &[]));
        let change = board.update(NOW + 9, facts(&[("1000", "2000", CallStatus::Held)], &[])).unwrap();
        assert_eq!(change.agents.len(), 2);
        assert_eq!(board.rows["1000"].since_ms, Some(NOW + 9));
        board.update(NOW + 20, facts(&[("1000", "2000", CallStatus::Held)], &[]));
        assert_eq!(board.rows["1000"].since_ms, Some(NOW + 9));
    }

    #[test]
    fn only_what_changed_is_told_and_nothing_twice() {
        let mut board = Board::default();
        assert_eq!(board.update(NOW, facts(&[], &[])).unwrap().agents.len(), 3);
        assert_eq!(board.update(NOW + 1, facts(&[], &[])), None);
        let mut fewer = facts(&[], &[]);
        fewer.agents.pop();
        assert_eq!(board.update(NOW + 2, fewer).unwrap().gone, ["3000"]);
    }

    #[test]
    fn f2_whoever_may_see_a_call_center_sees_its_agents_and_of_their_call_centers_no_other() {
        let sight = |centers: &[&str]| Sight {
            login: "boss".into(),
            centers: Some(centers.iter().map(|center| (*center).to_owned()).collect()),
        };
        let mut board = Board::default();
        let change = board.update(NOW, facts(&[], &[])).unwrap();
        let seen = change.seen_by(&sight(&["sales"])).unwrap().agents;
        assert_eq!(
            seen.iter().map(|row| (row.extension.as_str(), row.centers.len())).collect::<Vec<_>>(),
            [("1000", 1)]
        );
        assert_eq!(change.seen_by(&sight(&["other"])), None);
        assert_eq!(board.whole(NOW, &Sight { login: "boss".into(), centers: None }).agents.len(), 3);
        assert!(board.shows("1000", &sight(&["support"])) && !board.shows("2000", &sight(&["support"])));
        let mut moved = facts(&[], &[]);
        moved.agents[0].centers.pop();
        assert!(board.update(NOW, moved).unwrap().regrouped);
    }

    #[test]
    fn of_two_calls_the_one_that_talks_is_shown() {
        let mut board = Board::default();
        board.update(NOW, facts(&[("1000", "2000", CallStatus::Held), ("3000", "1000", CallStatus::Internal)], &[]));
        assert_eq!(statuses(&board), [Status::Internal, Status::Held, Status::Internal]);
    }
}
