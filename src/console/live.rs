//! What goes on, told to browsers as it happens: server-sent events, resumed where a connection broke (WHATWG HTML §9.2).
//! One task looks for all who watch.

use super::{
    app::App,
    board::{Agent, Board, Change, Facts},
    guard::Visitor,
    problem::Problem,
};
use crate::{
    access::screen::{self, Needs},
    engine::control::Request,
    store::{self, Store, unix_ms},
};
use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures_util::stream::unfold;
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

/// The board is looked at no more often than this.
const STEP: Duration = Duration::from_millis(200);

/// The board is looked at this often though nothing moved, and only then the store is: names change, and so do accounts.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// So many changes back a browser may pick up again; from further back it gets the whole board.
const KEPT_CHANGES: usize = 512;

/// A silent connection is given a sign of life, and its session is looked at again.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The board and its last changes. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    log: Mutex<Log>,
    /// The number of the last change.
    last: watch::Sender<u64>,
}

struct Log {
    board: Board,
    /// Tells the numbers of this run from those of another.
    run: u64,
    last: u64,
    kept: VecDeque<(u64, Arc<str>)>,
}

impl Live {
    pub fn new() -> Self {
        let log = Log { board: Board::default(), run: unix_ms(), last: 0, kept: VecDeque::new() };
        Self(Arc::new(Inner { log: Mutex::new(log), last: watch::Sender::new(0) }))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, facts: Facts) {
        let mut log = self.log();
        if let Some(change) = log.board.update(unix_ms(), facts) {
            let number = log.last + 1;
            log.last = number;
            let event = event(log.run, number, "change", &change);
            log.kept.push_back((number, event));
            if log.kept.len() > KEPT_CHANGES {
                log.kept.pop_front();
            }
            self.0.last.send_replace(number);
        }
    }

    /// What a browser has to be told that was told up to `seen`, and up to where it is told then.
    fn since(&self, seen: Option<u64>) -> (u64, String) {
        let log = self.log();
        let oldest = log.kept.front().map_or(log.last + 1, |(number, _)| *number);
        let text = match seen {
            Some(seen) if seen <= log.last && seen + 1 >= oldest => {
                log.kept.iter().filter(|(number, _)| *number > seen).map(|(_, event)| &**event).collect()
            }
            Some(_) | None => event(log.run, log.last, "board", &log.board.whole(unix_ms())).to_string(),
        };
        (log.last, text)
    }

    /// The number in an event's id, if it is of this run.
    fn seen(&self, headers: &HeaderMap) -> Option<u64> {
        let (run, number) = headers.get("last-event-id")?.to_str().ok()?.split_once('-')?;
        (run.parse() == Ok(self.log().run)).then(|| number.parse().ok())?
    }
}

fn event(run: u64, number: u64, name: &str, change: &Change) -> Arc<str> {
    let data = serde_json::to_string(change).unwrap_or_default();
    format!("id: {run}-{number}\nevent: {name}\ndata: {data}\n\n").into()
}

/// Keeps the board for as long as the engine runs.
pub async fn keep(app: App, mut turns: watch::Receiver<u64>) {
    let mut again = interval(LOOK_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut step = interval(STEP);
    step.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        step.tick().await;
        tokio::select! {
            turned = turns.changed() => if turned.is_err() { return },
            _ = again.tick() => known = agents(app.store()).await.ok(),
        }
        turns.mark_unchanged();
        if let Some(facts) = facts(&app, known.as_deref()).await {
            app.live().update(facts);
        }
    }
}

/// How things are; `None` while the store or the engine does not answer, and the board stays as it was.
async fn facts(app: &App, agents: Option<&[Agent]>) -> Option<Facts> {
    let ask = |request| app.engine().ask(request);
    let (calls, sessions, orders) = tokio::join!(ask(Request::Calls), ask(Request::Sessions), ask(Request::Orders));
    Some(Facts { agents: agents?.to_vec(), calls: calls.calls?, sessions: sessions.sessions?, orders: orders.orders? })
}

/// Every extension, under the name of the account that is tied to it, else its own.
async fn agents(store: &Store) -> store::Result<Vec<Agent>> {
    let accounts = store.accounts().await?.into_iter();
    let mut names: BTreeMap<_, _> = accounts.filter_map(|account| Some((account.extension?, account.name))).collect();
    let agent = |row: store::ExtensionRow| Agent {
        name: names.remove(&row.number).filter(|name| !name.is_empty()).unwrap_or(row.name),
        extension: row.number.to_string(),
    };
    Ok(store.extensions().await?.into_iter().map(agent).collect())
}

pub async fn agents_now(State(app): State<App>) -> Json<Change> {
    Json(app.live().log().board.whole(unix_ms()))
}

/// The stream; it ends when its session does.
pub async fn events(State(app): State<App>, headers: HeaderMap, Extension(visitor): Extension<Visitor>) -> Response {
    let seen = app.live().seen(&headers);
    let last = app.live().0.last.subscribe();
    let watcher = Watcher { app, token_hash: visitor.token_hash(), seen, last, begun: false };
    let stream = unfold(watcher, |mut watcher| async move {
        let text = watcher.next().await?;
        Some((Ok::<_, Infallible>(text), watcher))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

struct Watcher {
    app: App,
    token_hash: String,
    seen: Option<u64>,
    last: watch::Receiver<u64>,
    begun: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<String> {
        if self.begun {
            match timeout(SIGN_OF_LIFE, self.last.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return self.may_watch().await.then(|| ": still here\n\n".to_owned()),
            }
        }
        self.begun = true;
        self.last.mark_unchanged();
        let (seen, text) = self.app.live().since(self.seen);
        self.seen = Some(seen);
        // A browser that has seen everything learns that the stream is open.
        Some(if text.is_empty() { ": nothing new\n\n".to_owned() } else { text })
    }

    async fn may_watch(&self) -> bool {
        let session = self.app.store().web_session(&self.token_hash, unix_ms()).await;
        let role = session.ok().flatten().map(|account| account.role);
        screen::judge(Needs::Watching, role).is_ok()
    }
}

/// What a handler of the interface asks of the engine, or a problem document.
pub async fn calls(State(app): State<App>) -> Result<Response, Problem> {
    let calls = app.engine().ask(Request::Calls).await.calls;
    calls.map(|calls| Json(calls).into_response()).ok_or_else(Problem::unavailable)
}

pub async fn sessions(State(app): State<App>) -> Result<Response, Problem> {
    let sessions = app.engine().ask(Request::Sessions).await.sessions;
    sessions.map(|sessions| Json(sessions).into_response()).ok_or_else(Problem::unavailable)
}
