//! What goes on, told to browsers as it happens: server-sent events, resumed where a connection broke (WHATWG HTML §9.2).
//! One task looks for all who watch; each sees their part.

use super::{
    app::App,
    board::{Agent, Board, Change, Facts, Sight},
    guard::{Visitor, judge},
    problem::Problem,
};
use crate::{
    access::{right::CallCenter, screen::Needs},
    engine::control::{CallRow, Request, SessionRow},
    model::Role,
    store::{self, AccountRow, Store, unix_ms},
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
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

/// The board is looked at no more often than this.
const STEP: Duration = Duration::from_millis(200);

/// The board is looked at this often though nothing moved, and only then the store is: names change, and so do accounts.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// So many changes back a browser may pick up again; from further back it gets the whole board.
const KEPT_CHANGES: usize = 512;

/// How often a connection is given a sign of life, and it is looked whether its session or token stands and what may be seen
/// in it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

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
    kept: VecDeque<(u64, Change)>,
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
            log.kept.push_back((number, change));
            if log.kept.len() > KEPT_CHANGES {
                log.kept.pop_front();
            }
            self.0.last.send_replace(number);
        }
    }

    /// What a browser has to be told that was told up to `seen`, and up to where it is told then.
    fn since(&self, seen: Option<u64>, sight: &Sight) -> (u64, String) {
        let log = self.log();
        let whole = || event(log.run, log.last, "board", &log.board.whole(unix_ms(), sight));
        (log.last, seen.and_then(|seen| log.news_since(seen, sight)).unwrap_or_else(whole))
    }

    /// The number in an event's id, if it is of this run.
    fn seen(&self, headers: &HeaderMap) -> Option<u64> {
        let (run, number) = headers.get("last-event-id")?.to_str().ok()?.split_once('-')?;
        (run.parse() == Ok(self.log().run)).then(|| number.parse().ok())?
    }
}

impl Log {
    /// The changes after one; `None` when they do not tell it all.
    fn news_since(&self, seen: u64, sight: &Sight) -> Option<String> {
        let oldest = self.kept.front().map_or(self.last + 1, |(number, _)| *number);
        if seen > self.last || seen + 1 < oldest {
            return None;
        }
        let news = self.kept.iter().rev().take_while(|(number, _)| *number > seen).collect::<Vec<_>>();
        if news.iter().any(|(_, change)| change.regrouped) {
            return None;
        }
        let told = |(number, change): &(u64, Change)| Some(event(self.run, *number, "change", &change.seen_by(sight)?));
        Some(news.into_iter().rev().filter_map(told).collect())
    }
}

fn event(run: u64, number: u64, name: &str, change: &Change) -> String {
    let data = serde_json::to_string(change).unwrap_or_default();
    format!("id: {run}-{number}\nevent: {name}\ndata: {data}\n\n")
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
    let (mut names, mut centers) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<String>>::new());
    let (accounts, call_centers) = (store.accounts().await?, store.call_centers().await?);
    for account in accounts {
        let Some(extension) = account.extension else { continue };
        let here = call_centers.iter().filter(|center| center.agents.contains(&account.login));
        centers.entry(extension.clone()).or_default().extend(here.map(|center| center.name.clone()));
        names.insert(extension, account.name);
    }
    let agent = |row: store::ExtensionRow| Agent {
        name: names.remove(&row.number).filter(|name| !name.is_empty()).unwrap_or(row.name),
        centers: centers.remove(&row.number).unwrap_or_default().into_iter().collect(),
        extension: row.number.to_string(),
    };
    Ok(store.extensions().await?.into_iter().map(agent).collect())
}

/// What an account may see now; administrators, who furnish it all, see it all.
async fn sight(store: &Store, account: AccountRow) -> store::Result<Sight> {
    let centers = match account.role {
        Role::Administrator => None,
        Role::Supervisor | Role::User => {
            let centers = store.call_centers_seen_by(account.id).await?.into_iter();
            Some(centers.filter(CallCenter::may_be_seen).map(|center| center.name).collect())
        }
    };
    Ok(Sight { login: account.login, centers })
}

async fn sight_of(app: &App, visitor: Visitor) -> Result<Sight, Problem> {
    sight(app.store(), visitor.account).await.map_err(|_| Problem::unavailable())
}

pub async fn agents_now(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Change>, Problem> {
    let sight = sight_of(&app, visitor).await?;
    Ok(Json(app.live().log().board.whole(unix_ms(), &sight)))
}

/// The stream; it ends when its session does, or its token.
pub async fn events(
    State(app): State<App>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let (seen, last) = (app.live().seen(&headers), app.live().0.last.subscribe());
    let sight = sight_of(&app, visitor.clone()).await?;
    let again = interval(SIGN_OF_LIFE);
    let watcher = Watcher { app, visitor, sight, seen, last, again, begun: false };
    let stream = unfold(watcher, |mut watcher| async move {
        let text = watcher.next().await?;
        Some((Ok::<_, Infallible>(text), watcher))
    });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response())
}

struct Watcher {
    app: App,
    visitor: Visitor,
    sight: Sight,
    seen: Option<u64>,
    last: watch::Receiver<u64>,
    again: Interval,
    begun: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<String> {
        if self.begun {
            tokio::select! {
                changed = self.last.changed() => changed.ok()?,
                _ = self.again.tick() => self.look_again().await?,
            }
        }
        self.begun = true;
        self.last.mark_unchanged();
        let (seen, text) = self.app.live().since(self.seen, &self.sight);
        self.seen = Some(seen);
        // Also of a stream that has nothing to tell it shows that it is open.
        Some(if text.is_empty() { ": nothing new\n\n".to_owned() } else { text })
    }

    /// What may be seen now; if that is another part than before, all of it is told. `None`: nothing any more.
    async fn look_again(&mut self) -> Option<()> {
        let visitor = self.visitor.again(self.app.store()).await.ok()??;
        judge(Needs::Watching, false, Some(&visitor)).ok()?;
        let sight = sight(self.app.store(), visitor.account).await.ok()?;
        if sight != self.sight {
            (self.sight, self.seen) = (sight, None);
        }
        Some(())
    }
}

/// The calls of those agents whom the account may see.
pub async fn calls(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Vec<CallRow>>, Problem> {
    let sight = sight_of(&app, visitor).await?;
    let mut calls = app.engine().ask(Request::Calls).await.calls.ok_or_else(Problem::unavailable)?;
    let log = app.live().log();
    calls.retain(|call| [&call.caller, &call.callee].into_iter().any(|end| log.board.shows(end, &sight)));
    Ok(Json(calls))
}

pub async fn sessions(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Vec<SessionRow>>, Problem> {
    let sight = sight_of(&app, visitor).await?;
    let mut sessions = app.engine().ask(Request::Sessions).await.sessions.ok_or_else(Problem::unavailable)?;
    let log = app.live().log();
    sessions.retain(|session| log.board.shows(&session.target, &sight));
    Ok(Json(sessions))
}
